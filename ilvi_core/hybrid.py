"""The method ilvi: known pixels of other frames first, learning for what no frame shows, both at the plate's size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import numpy as np

from ilvi_core.clip import windows
from ilvi_core.complete import Neighbours
from ilvi_core.direct import FAR_ANCHOR
from ilvi_core.donors import Donors, find_donors
from ilvi_core.entry import donor_name, fill_name
from ilvi_core.flow import dis_flow
from ilvi_core.flowstore import StoredFlow
from ilvi_core.full_plates import FullPlates
from ilvi_core.full_size import SolvedFrame, at_full_size
from ilvi_core.host.job import OURS, SolveSettings
from ilvi_core.rest import EXEMPLAR, SMOOTH, fill_rest
from ilvi_core.solve import Solver

LONG = 64  # frames of a window, unless the settings say otherwise
MOST_PIXELS, SHORTEST = 64 * 2 * 384 * 192, 16  # of all frames of a window; and frames, however large they are
ENOUGH = 0.5  # of what is known of a frame, that a donor holdout must leave for its flow
OVERLAP = 20  # frames beyond a window's ends, whose pixels are donors too: the farthest that donors are taken from
SURE = 0.5  # confidence from which a pixel counts as seen in another frame

# the frames and a function from an index into them to its first fill (h, w, 3) in 0..1
Early = Callable[[tuple[int, ...], Callable[[int], np.ndarray]], None]


def solver_for(
    settings: SolveSettings, plates: FullPlates | None = None, early: Early | None = None
) -> Callable[..., Solver]:
    """What solves a clip's windows by the method that the settings name, for `solve`.

    plates: the same clip at the plate's size, for ilvi; None leaves its fills at the working size.  early: called with
    ilvi's first fill of each window.
    """
    return partial(Hybrid, plates=plates, early=early) if settings.method == OURS else Solver


class Hybrid(Solver):
    """A window: donors, then the remainder, then the plate's size."""

    def __init__(self, *parts: Any, plates: FullPlates | None = None, early: Early | None = None) -> None:
        super().__init__(*parts)
        self._plates, self._early = plates, early

    def windows(self) -> list[range]:
        """Runs of frames of about the same length; says so where a run is hole alone."""
        pixels = self.clip.size[0] * self.clip.size[1]
        longest = self.settings.window or max(min(LONG, MOST_PIXELS // pixels), SHORTEST)
        runs = windows(len(self.clip.frames), longest)
        self._count = len(runs)
        self._recall()
        if self.clip.donors is not None and not (self.clip.known & self.clip.donors).any():
            self._warn("no-donors", "The donor holdout covers everything that is known: nothing may be copied from.")
        self._warn_unseen([self._with_context(run) for run in runs])
        return runs

    def solve_window(self, number: int, run: range, wanted: Collection[int]) -> None:
        """The fills of one window."""
        frames, context = self.clip.frames[run.start : run.stop], self._with_context(run)
        if self._adopted(number, frames, context, wanted):
            self._recall()
            return
        arrays = self.work.stage(number)
        if arrays is None:
            arrays = self._solve(number, run, context)
            self.work.put_stage(number, arrays)
        else:
            self.report.info(f"Going on with frames {frames[0]}-{frames[-1]}: what donors give is there.")
        with self.solved.timed("full size"):
            self._put_fills(number, frames, arrays, wanted)
        record = {"hole": self._hole_of(frames, arrays), "remainder": json.loads(arrays["record"].tobytes())}
        self.work.finish_hybrid(number, frames, record)
        self._recall()

    def _recall(self) -> None:
        """The record of all windows that are there, whoever solved them and when."""
        self.solved.hole, self.solved.remainder = {}, []
        for record in self.work.records():
            self.solved.hole.update(record["hole"])
            self.solved.remainder.append(record["remainder"])

    def _with_context(self, run: range) -> range:
        """From a far anchor on: all windows draw on the same sources, and nothing pops where one meets the next."""
        start = max(run.start - OVERLAP, 0) // FAR_ANCHOR * FAR_ANCHOR
        return range(start, min(run.stop + OVERLAP, len(self.clip.frames)))

    def _adopted(self, number: int, frames: tuple[int, ...], context: range, wanted: Collection[int]) -> bool:
        """Whether another entry has solved this window from the same pixels, and it was taken over."""
        warm, seen = self._warm, [self.clip.frames[i] for i in context]
        here = [f for f in frames if f in wanted]
        if warm is None or not warm.has_window(frames, here) or not warm.same.issuperset(seen):
            return False
        first, last = min(warm.entry.pixels), max(warm.entry.pixels)
        if (max(frames[0] - OVERLAP, first), min(frames[-1] + OVERLAP, last)) != (seen[0], seen[-1]):
            return False  # it saw other frames beside the window than this solve would
        if not all(name in warm.entry.files for f in here for name in (fill_name(f), donor_name(f))):
            return False
        self.work.adopt(number, frames, warm.entry)
        return True

    def _solve(self, number: int, run: range, context: range) -> dict[str, np.ndarray]:
        """Fill, confidence, source and address of the window's frames, at the working size."""
        part = slice(context.start, context.stop)
        plate, known = self.clip.plate[part], self.clip.known[part]
        usable = known if self.clip.donors is None else known & self.clip.donors[part]
        # what is held out moves by itself: flow goes on behind it as behind the hole, where enough is left to tell how
        enough = usable.mean((1, 2)) >= ENOUGH * known.mean((1, 2))
        seen = np.where(enough[:, None, None], usable, known)
        inside = range(run.start - context.start, run.stop - context.start)
        painted = [i - context.start for i in self.clip.painted if i in context]
        self._watch_flow(2 * (len(context) - 1))
        with self.solved.timed("donors"):
            donors = find_donors(
                plate,
                seen,
                self._first(context),
                self._estimate or dis_flow,
                self.device,
                self._share("donors", number),
                motion=self.settings.motion,
                painted=painted,
                wanted=inside,
                usable=usable,
            )
        if isinstance(self._estimate, StoredFlow):
            self._estimate.asked = lambda: None
        self._count_flow()
        with self.solved.timed("remainder"):
            fill, record = self._fill_rest(number, run, inside, donors)
        of_run = slice(inside.start, inside.stop)
        arrays = {name: getattr(donors, name)[of_run] for name in ("confidence", "source", "address")}
        arrays["confidence"] = np.where(self.clip.known[run.start : run.stop], 1, arrays["confidence"])
        arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
        return {"fill": fill, **{k: np.ascontiguousarray(v) for k, v in arrays.items()}}

    def _fill_rest(self, number: int, run: range, inside: range, donors: Donors) -> tuple[np.ndarray, dict[str, Any]]:
        """The window's fill with what no donor shows, and the record of who filled it; see `Rest`."""
        part, of_run = slice(run.start, run.stop), slice(inside.start, inside.stop)
        plate, known = self.clip.plate[part], self.clip.known[part]
        if donors.flows is None or len(run) < 2:  # one frame has nothing to test a filler with
            flows = Neighbours([], [])
            filler = EXEMPLAR if self.settings.remainder == EXEMPLAR else SMOOTH
        else:
            between = slice(inside.start, inside.stop - 1)
            flows = Neighbours(donors.flows.forward[between], donors.flows.backward[between])
            filler = self.settings.remainder
        rest = fill_rest(
            plate,
            known,
            donors.fill[of_run],
            np.where(known, 1, donors.confidence[of_run]).astype(np.float32),
            flows,
            self.settings,
            self.device,
            filler=filler,
            numbers=self.clip.frames[part],
            vgg=self.vgg,
            estimate=self._estimate or dis_flow,
            tick=self._share("remainder", number),
            stop=self.report.stop,
        )
        ends = [self.clip.frames[run.start], self.clip.frames[run.stop - 1]]
        return rest.fill, {"frames": ends, "hole": int((~known).sum()), **rest.record}

    def _watch_flow(self, pairs: int) -> None:
        """The flow of a window says how far it is, and stops when asked to."""
        if isinstance(self._estimate, StoredFlow):
            before, tick = self._estimate.estimated + self._estimate.reused, self._tick("flow")
            stored = self._estimate
            stored.asked = lambda: tick(min(stored.estimated + stored.reused - before, pairs), pairs)

    def _first(self, context: range) -> Callable[[np.ndarray, np.ndarray], None]:
        """Hands the first fill on to whoever shows it."""
        frames = tuple(self.clip.frames[i] for i in context)

        def early(fill: np.ndarray, covered: np.ndarray) -> None:
            if self._early is not None:
                self._early(frames, lambda index: fill[index])

        return early

    def _share(self, phase: str, number: int) -> Callable[[int, int], None]:
        """Progress over all windows, with an estimate of what is left."""
        began: list[float] = []  # with the first tick: what comes before it is another kind of work

        def tick(done: int, total: int) -> None:
            self._stop_if_asked()
            if not began:
                began.append(time.monotonic())
            all_done, everything = number * total + done, self._count * total
            left = None
            if done > 1:
                left = (time.monotonic() - began[0]) / (done - 1) * (everything - all_done)
            self.report.progress(phase, all_done, everything, None, left)

        return tick

    def _put_fills(
        self, number: int, frames: tuple[int, ...], arrays: dict[str, np.ndarray], wanted: Collection[int]
    ) -> None:
        tick = self._share("fill", number)
        for index, frame in enumerate(frames):
            one = SolvedFrame(*(arrays[name][index] for name in ("fill", "confidence", "source", "address")))
            if frame in wanted:
                if self._plates is None:
                    self.work.put_fill(frame, one.fill)
                else:
                    self.work.put_full(frame, at_full_size(frame, one, self._plates))
            tick(index + 1, len(frames))

    def _hole_of(self, frames: tuple[int, ...], arrays: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
        """For the record: how much of each frame's hole other frames show."""
        found = {}
        for index, frame in enumerate(frames):
            hole = ~self.clip.known[self.clip.frames.index(frame)]
            if hole.any():
                sure = arrays["confidence"][index][hole]
                found[str(frame)] = {
                    "pixels": int(hole.sum()),
                    "seen": round(float((sure > SURE).mean()), 4),
                    "confidence": round(float(sure.mean()), 4),
                }
        return found
