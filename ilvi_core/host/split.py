"""A long clip in windows that overlap, each solved by itself: on one machine after the other, or on many at once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ilvi_core.host.errors import InputError

DEFAULT_OVERLAP = 16  # frames
_TEXT = re.compile(r"\s*(\d{1,6})(?:\s*\+\s*(\d{1,6}))?\s*", re.ASCII)


@dataclass(frozen=True)
class Split:
    """frames: of a window at most.  overlap: that two neighbours share at least, where one is faded into the other."""

    frames: int
    overlap: int = DEFAULT_OVERLAP

    def __post_init__(self) -> None:
        if self.overlap < 0 or self.frames < max(3 * self.overlap, 2):
            raise InputError(
                f"A split into windows of {self.frames} frames that share {self.overlap} cannot be made.",
                "Let a window have at least three times as many frames as two windows share: 100+16.",
            )

    @classmethod
    def parse(cls, text: str) -> Split:
        """From `100` or `100+16`."""
        found = _TEXT.fullmatch(text)
        if not found:
            raise InputError(f"'{text}' is no split.", "Write frames of a window and how many two share: 100+16.")
        frames, overlap = found.groups()
        return cls(int(frames), DEFAULT_OVERLAP if overlap is None else int(overlap))

    def windows(self, first: int, last: int) -> list[tuple[int, int]]:
        """First and last frame of each window over a range: as few as can be, with evenly spread joints.

        Two neighbours share exactly `overlap` frames, and no frame is in three windows.
        """
        count, before = last - first + 1, self.overlap // 2
        after = self.overlap - before
        number = 1
        while True:
            cuts = [first + count * n // number for n in range(number + 1)]
            found = [
                (start - before * (n > 0), end - 1 + after * (n < number - 1))
                for n, (start, end) in enumerate(zip(cuts, cuts[1:]))
            ]
            if all(end - start < self.frames for start, end in found):
                return found
            number += 1

    def parts(self, frame: int, first: int, last: int) -> list[tuple[int, float]]:
        """(number of the window, weight) of those that show a frame; the weights add up to 1.

        Over the frames that two windows share, one is faded linearly into the other; at neither end it jumps.
        """
        windows = self.windows(first, last)
        there = [n for n, (start, end) in enumerate(windows) if start <= frame <= end]
        if len(there) == 1:
            return [(there[0], 1.0)]
        before, after = there[0], there[-1]
        start, end = windows[after][0], windows[before][1]
        weight = (frame - start + 1) / (end - start + 2)
        return [(before, 1.0 - weight), (after, weight)]

    def __str__(self) -> str:
        return f"{self.frames}+{self.overlap}"
