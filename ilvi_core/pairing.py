"""Which picture of the matte belongs to which frame of the plate."""

from __future__ import annotations

from pathlib import Path

from ilvi_core.images import ImageSequence, Source
from ilvi_core.movies import Movie
from ilvi_core.pictures import Picture


class Renumbered(Source):
    """A source whose frames go by other numbers: `numbers` maps the new one to its own."""

    def __init__(self, source: Source, numbers: dict[int, int]) -> None:
        self._source, self._numbers = source, numbers
        self.frames = sorted(numbers)
        self.encoding, self.fps, self.what = source.encoding, source.fps, source.what
        self.stem, self.digits, self.suffix = source.stem, source.digits, source.suffix
        self.depth, self.has_alpha, self.layer = source.depth, source.has_alpha, source.layer
        self._last: tuple[int, Picture] | None = None

    def read(self, frame: int) -> Picture:
        """Decode one frame; the same picture asked for twice in a row (a still) is decoded once."""
        self.check(frame)
        own = self._numbers[frame]
        last = self._last
        if last is None or last[0] != own:
            last = self._last = own, self._source.read(own)
        return last[1]

    def path(self, frame: int) -> Path:
        """The file that holds a frame."""
        return self._source.path(self._numbers[frame])

    def own(self, frame: int) -> int:
        """The number that the sequence or movie itself has for a frame."""
        return self._source.own(self._numbers[frame])

    def close(self) -> None:
        """Let go of open files."""
        self._last = None
        self._source.close()


def whole(source: Source) -> Source:
    """The source itself, under whatever numbers its frames go."""
    return source._source if isinstance(source, Renumbered) else source


def fit_matte(matte: Source, plate: Source) -> tuple[Source, str]:
    """The matte by the plate's frame numbers, and what to tell the user ('' when nothing was done).

    One still stands for every frame. A movie counts from 1: beside a sequence of as many frames with other numbers the
    two are paired in order. Everything else keeps its numbers.
    """
    if isinstance(matte, ImageSequence) and matte.still is not None and len(plate.frames) > 1:
        only = matte.frames[0]
        return Renumbered(matte, dict.fromkeys(plate.frames, only)), "The matte is one still: it serves every frame."
    if isinstance(matte, Movie) != isinstance(plate, Movie) and len(matte.frames) == len(plate.frames):
        if matte.frames == plate.frames:
            return matte, ""
        said = (
            f"The matte's frames {matte.frames[0]}-{matte.frames[-1]} are taken for the plate's "
            f"{plate.frames[0]}-{plate.frames[-1]}, in order: one of the two is a movie."
        )
        return Renumbered(matte, dict(zip(plate.frames, matte.frames, strict=True))), said
    return matte, ""
