"""Plate, matte and what else an artist gives, read a frame at a time and brought over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ilvi_core.host.errors import InputError
from ilvi_core.images import Box, Picture
from ilvi_core.images import Source as PictureSource
from ilvi_core.matte import alpha_is_the_matte, matte_values, place
from ilvi_core.region import union


@dataclass(frozen=True)
class Hints:
    """What an artist gives beside plate and matte.

    clean: frame -> a source whose one picture shows that frame without the object.  holdout: a matte of pixels that
    are not to be used as donors.
    """

    clean: Mapping[int, PictureSource] = field(default_factory=dict)
    holdout: PictureSource | None = None


class Source(Protocol):
    """What pictures come from: a sequence, a movie, or arrays."""

    frames: list[int]
    encoding: str

    def read(self, frame: int) -> Picture: ...


def read_clean(clean: Source, frame: int, plate: Picture) -> np.ndarray:
    """What a clean plate shows, (H, W, 3) over the plate picture's data window, NaN beyond its own; InputError when it
    does not fit."""
    picture = clean.read(clean.frames[0])
    _check_same_size("clean plate", frame, picture, plate)
    if picture.encoding != plate.encoding:
        raise InputError(
            f"The clean plate of frame {frame} is {picture.encoding}, the plate is {plate.encoding}.",
            "Write the clean plate in the plate's format.",
        )
    theirs, ours, at = picture.display_window, plate.display_window, picture.data_window
    at = Box(at.x - theirs.x + ours.x, at.y - theirs.y + ours.y, at.width, at.height)
    return place(picture.rgb(), at, plate.data_window, np.nan)


def _check_same_size(what: str, frame: int, picture: Picture, plate: Picture) -> None:
    theirs, ours = picture.display_window, plate.display_window
    if (theirs.width, theirs.height) != (ours.width, ours.height):
        raise InputError(
            f"The {what}'s frame {frame} is {theirs.width}x{theirs.height}, the plate's is {ours.width}x{ours.height}.",
            f"Render the {what} at the plate's size.",
        )


def read_matte(
    matte: Source, frame: int, plate: Picture, channel: str, invert: bool, what: str = "matte"
) -> np.ndarray:
    """The matte's values (H, W) over the plate picture's data window; InputError when the two differ in size."""
    picture = matte.read(frame)
    _check_same_size(what, frame, picture, plate)
    theirs, ours = picture.display_window, plate.display_window
    if channel == "auto":
        channel = "alpha" if alpha_is_the_matte(picture) else "luminance"
    values = matte_values(picture, channel, invert)
    # the two display windows are the same frame of film, wherever each file puts its origin
    at = picture.data_window
    at = Box(at.x - theirs.x + ours.x, at.y - theirs.y + ours.y, at.width, at.height)
    if invert:
        # what the file leaves out of the frame is 0 there, inverted 1; the plate's overscan nobody drew on is kept
        frame_of_film = union(ours, at)
        values, at = place(values, at, frame_of_film, 1.0), frame_of_film
    return place(values, at, plate.data_window)


def check_frames(plate: Source, matte: Source, frames: Sequence[int]) -> None:
    """InputError for the first frame that plate or matte lacks."""
    for source, what in ((plate, "Plate"), (matte, "Matte")):
        there = set(source.frames)
        for frame in frames:
            if frame not in there:
                raise InputError(
                    f"{what} has no frame {frame} (range {frames[0]}-{frames[-1]}; "
                    f"there are {min(there)}-{max(there)}).",
                    f"Render the {what.lower()} again or change the range.",
                )
