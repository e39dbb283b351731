"""A source of pictures for tests: strict about what is asked of it, nothing beyond the protocol of `clip.Source`."""

from __future__ import annotations

import dataclasses

import numpy as np

from ilvi_core.pictures import Box, Picture


class FakeSource:
    """frames, encoding and read, no more; a frame that is not there is a fault of the caller."""

    def __init__(self, pictures: dict[int, Picture]) -> None:
        self.frames = sorted(pictures)
        self.encoding = next(iter(pictures.values())).encoding
        self._pictures = pictures
        self.reads: list[int] = []

    def read(self, frame: int) -> Picture:
        self.reads.append(frame)
        return self._pictures[frame]


def a_picture(pixels: np.ndarray, data: Box | None = None, display: Box | None = None, encoding: str = "") -> Picture:
    """A picture with windows of its own; the data window must have the pixels' size."""
    picture = Picture.from_array(pixels, encoding)
    data = data or picture.data_window
    assert (data.height, data.width) == pixels.shape[:2]
    return dataclasses.replace(picture, data_window=data, display_window=display or data)


def a_source(pixels: np.ndarray, first: int = 1, encoding: str = "") -> FakeSource:
    """From (T, h, w[, c])."""
    return FakeSource({first + n: a_picture(p, encoding=encoding) for n, p in enumerate(pixels)})
