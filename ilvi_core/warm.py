"""Starting from what another entry has learned of the same frames."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ilvi_core.asked import Asked
from ilvi_core.entry import Entry, fill_name, weights_name

# of the updates, by docs/experiments.md 10
LEAST_SHARE = 0.25  # however little has changed
PER_NEW = 2.0  # for each share of new frames


@dataclass(frozen=True)
class Warm:
    """entry: what is started from.  same: frames whose plate and matte are as they were there.

    same_view: the working region, size and values' curve are those of the entry, so that fills and flow fit.
    """

    entry: Entry
    same: frozenset[int]
    same_view: bool

    @classmethod
    def of(cls, entry: Entry, asked: Asked, same_view: bool) -> Warm:
        pixels = entry.pixels
        return cls(entry, frozenset(f for f, pair in asked.pixels().items() if pixels.get(f) == pair), same_view)

    def has_window(self, frames: tuple[int, ...], wanted: Collection[int]) -> bool:
        """Whether the entry solved exactly this window, so that nothing of it depends on what has changed."""
        return (
            self.same_view
            and (frames[0], frames[-1]) in self.entry.windows()
            and self.same.issuperset(frames)
            and all(fill_name(frame) in self.entry.files for frame in wanted)
        )

    def weights_for(self, frames: tuple[int, ...]) -> str:
        """The file of the network that saw most of these frames; '' where none saw any."""
        best, name = 0, ""
        for first, last in self.entry.windows():
            common = min(last, frames[-1]) - max(first, frames[0]) + 1
            if common > best and weights_name(first) in self.entry.files:
                best, name = common, weights_name(first)
        return name

    def share(self, frames: tuple[int, ...]) -> float:
        """How much of the updates a window needs, by how much of it is new; all in a new view."""
        if not self.same_view:
            return 1.0
        new = sum(frame not in self.same for frame in frames) / len(frames)
        return min(max(PER_NEW * new, LEAST_SHARE), 1.0)
