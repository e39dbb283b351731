"""Flow between distant frames of a filled clip, and which frames each takes its donors from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from ilvi_core.complete import Neighbours
from ilvi_core.flow import SMALLEST, at_once, dis_of, grey
from ilvi_core.matte import grow
from ilvi_core.propagate import chain

FILLED_MARGIN = 9.0  # px round the hole in which flow of a filled clip is distrusted (study, finding 1)
NEAREST = 2  # frames, both ways, that are sources whatever their number
ANCHOR, FARTHEST = 4, 20  # frames: every fourth one is a source to all within so many
FAR_ANCHOR = 8  # frames, beyond that, as far as anything new is seen


def sources(frame: int, count: int, reach: tuple[int, int] = (0, 0), painted: Collection[int] = ()) -> list[int]:
    """The frames that `frame` of `count` takes donors from, nearest first.

    Few, and the same ones for frames beside each other: a donor can stay while the target moves on.
    reach: how many frames backwards and forwards the last of its pixels is known; sources lie beyond that too.
    painted: the nearest of them on either side is a source from any distance.
    """
    near = {s for s in range(frame - NEAREST, frame + NEAREST + 1) if 0 <= s < count}
    anchors = {s for s in range(0, count, ANCHOR) if abs(s - frame) <= FARTHEST}
    first, last = frame - reach[0] - FAR_ANCHOR, frame + reach[1] + FAR_ANCHOR
    anchors |= {s for s in range(0, count, FAR_ANCHOR) if first <= s <= last}
    ends = {s for s in (0, count - 1) if first <= s <= last}
    before, after = [p for p in painted if p < frame], [p for p in painted if p > frame]
    clean = {max(before, default=frame), min(after, default=frame)}
    return sorted((near | anchors | ends | clean) - {frame}, key=lambda s: (abs(s - frame), s))


class DirectFlows:
    """Flow between frames and their sources, both ways, made a frame at a time.

    pictures: (T, h, w, 3) float32 0..1, filled.  known: (T, h, w) bool.  flows: the neighbours', which DIS starts from.
    sources: of each frame.  refined: False leaves the neighbours' chains as they are.
    """

    def __init__(
        self,
        pictures: np.ndarray,
        known: np.ndarray,
        flows: Neighbours,
        sources: list[list[int]],
        refined: bool = True,
    ) -> None:
        self._grey = [grey(p) for p in pictures]
        self.near = [grow(~k, FILLED_MARGIN) for k in known]
        self.sources, self._flows = sources, flows
        self._refines = refined and min(known.shape[1:]) >= SMALLEST
        self._targets: list[list[int]] = [[] for _ in sources]
        for target, several in enumerate(sources):
            for source in several:
                self._targets[source].append(target)
        self._chains: dict[int, dict[int, np.ndarray]] = {}
        self._of: dict[tuple[int, int], np.ndarray] = {}

    def prepare(self, frame: int) -> None:
        """Make what `frame` needs. Frames come in order: what only earlier ones needed is dropped."""
        self._forget(frame)
        ways = [way for s in self.sources[frame] for way in ((frame, s), (s, frame)) if way not in self._of]
        starts = [self._start(a, b) for a, b in ways]
        if self._refines:
            pairs = [(self._grey[a], self._grey[b], start) for (a, b), start in zip(ways, starts, strict=True)]
            starts = at_once(_refined, pairs)
        self._of |= dict(zip(ways, starts, strict=True))

    def flow(self, here: int, there: int) -> np.ndarray:
        """(h, w, 2) float32 px from frame `here` to frame `there`, one of them prepared and the other its source."""
        return self._of[here, there]

    def _forget(self, frame: int) -> None:
        """Drop the flows of pairs that are wanted no more, and the chains."""
        self._of = {(a, b): f for (a, b), f in self._of.items() if max(a, b) >= frame and self._wanted(a, b)}
        for start in [s for s in self._chains if max(self._targets[s], default=-1) < frame and s < frame]:
            del self._chains[start]
        for start, chains in self._chains.items():
            for end in [e for e in chains if max(e, start) < frame]:
                del chains[end]

    def _wanted(self, a: int, b: int) -> bool:
        return min(a, b) in self.sources[max(a, b)]

    def _start(self, a: int, b: int) -> np.ndarray:
        """The neighbours' chain from a to b; all that a begins are made at once, each step of them being needed."""
        if a not in self._chains or b not in self._chains[a]:
            ends = {*self.sources[a], *self._targets[a]}
            made = chain(a, self._flows, [e - a for e in ends], len(self._grey))
            self._chains[a] = {a + offset: flow for offset, flow in made.items()}
        return self._chains[a][b]


def neighbour_steps(
    pictures: np.ndarray, flows: Neighbours, frames: Sequence[int], refined: bool
) -> dict[tuple[int, int], np.ndarray]:
    """The flow of these frames to their neighbours, by frame and offset (1, -1), as `DirectFlows` makes it."""
    ways = [(t, o) for t in frames for o in (1, -1) if 0 <= t + o < len(pictures)]
    steps = [flows.step(t, o) for t, o in ways]
    if refined and min(pictures.shape[1:3]) >= SMALLEST:
        of = [grey(p) for p in pictures]
        steps = at_once(_refined, [(of[t], of[t + o], s) for (t, o), s in zip(ways, steps, strict=True)])
    return dict(zip(ways, steps, strict=True))


def _refined(of: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Flow from the first to the second picture (of `grey`) that starts from the third."""
    return dis_of(*of)
