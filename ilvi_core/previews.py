"""What a host shows while it waits: first the membrane fill, then what the network has learned so far."""

from __future__ import annotations

import time
import traceback
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ilvi_core.clip import Clip
from ilvi_core.composite import composite
from ilvi_core.files import free_bytes
from ilvi_core.host.errors import IlviError
from ilvi_core.host.job import OURS
from ilvi_core.pictures import Sink
from ilvi_core.reading import read_matte
from ilvi_core.report import Report
from ilvi_core.shot import Shot
from ilvi_core.smooth import smooth_fill

AT_ONCE = 2.0  # seconds before training in which membrane fills are shown; the rest follow while it trains
SOON = 0.5  # the same with ilvi, whose first fill comes seconds later
SHARE = 0.1  # of the time of training that previews may take
FIRST_ROUND = 0.15  # of the training, before which the membrane looks better than what is learned
KEPT = 2  # previews of a frame: a host may still be reading the one before the newest
LEAST_FREE = 256 << 20  # bytes of room under which there are no more: checkpoints come first
ROUND_EVERY = 10.0  # seconds at least from one round to the next


class Previews:
    """Composites and announces previews; a failure ends them with a warning, never the solve.

    Every round goes through all frames, far apart first, each frame under a new name. Of each frame the last KEPT stay.
    """

    def __init__(self, shot: Shot, clip: Clip, folder: Path, report: Report) -> None:
        self._shot, self._clip, self._folder, self._report = shot, clip, folder, report
        self._index = {frame: n for n, frame in enumerate(clip.frames)}
        self._order = spread([f for f in shot.written if clip.coverage[self._index[f]] > 0])
        self._token = uuid.uuid4().hex[:8]  # a solve that goes on must not give a preview's name to another picture
        self._round, self._left = 0, list(self._order)
        self._round_began = self._next = time.monotonic()
        self._sink: Sink | None = None
        self._failed = False
        self._seen: set[int] = set()  # frames whose first fill was shown
        self._shown: dict[int, list[Path]] = {}  # frame -> its previews that are on disk, the newest last

    def begin(self) -> None:
        """As many membrane fills as AT_ONCE allows, one at least."""
        until = time.monotonic() + (AT_ONCE if self._shot.settings.method != OURS else SOON)
        while self._left and not self._failed and not self._report.stop():
            self._show(self._left.pop(0), self._membrane)
            if time.monotonic() > until:
                break
        self._next = time.monotonic()

    def __call__(self, done: float, frames: Sequence[int], fill: Callable[[int], np.ndarray]) -> None:
        """After each update: one more preview, when its share of the time has come. See `solve.Preview`."""
        now = time.monotonic()
        if self._failed or now < self._next:
            return
        if self._round == 0 and self._left:
            self._show(self._left.pop(0), self._membrane)
        elif done >= FIRST_ROUND:
            self._learned(now, frames, fill)
        self._next = time.monotonic() + (time.monotonic() - now) / SHARE

    def first(self, frames: Sequence[int], fill: Callable[[int], np.ndarray]) -> None:
        """The first fill of each of these frames, at once: it is there within seconds and mostly near the last one."""
        here = [f for f in self._order if f in frames and f not in self._seen]
        self._seen.update(here)
        self._round, self._round_began, self._sink, self._left = self._round + 1, time.monotonic(), None, []
        for frame in here:
            if self._failed or self._report.stop():
                break
            self._show(frame, lambda f: fill(list(frames).index(f)))
        self._next = time.monotonic()

    def _learned(self, now: float, frames: Sequence[int], fill: Callable[[int], np.ndarray]) -> None:
        """The next frame of this round that the window in training has; a new round when there is none left."""
        here = [f for f in self._left if f in frames]
        if self._round == 0 or not here:
            if now - self._round_began < ROUND_EVERY:
                return
            self._round, self._round_began, self._sink = self._round + 1, now, None
            here = self._left = [f for f in self._order if f in frames]
        if here:
            frame = here[0]
            self._left.remove(frame)
            self._show(frame, lambda f: fill(list(frames).index(f)))

    def _membrane(self, frame: int) -> np.ndarray:
        at = self._index[frame]
        return smooth_fill(self._clip.plate[at], self._clip.known[at])

    def _show(self, frame: int, fill: Callable[[int], np.ndarray]) -> None:
        shot, clip = self._shot, self._clip
        try:
            if self._sink is None:
                self._sink = shot.sink_in(self._folder / f"{self._token}-{self._round:03}")
            picture = shot.plate.read(frame)
            values = read_matte(shot.matte, frame, picture, clip.matte_channel, shot.settings.matte_invert)
            done, _ = composite(picture, values, fill(frame), clip.region, clip.curve, shot.settings, shot.comp)
            if free_bytes(self._folder) < LEAST_FREE:
                raise IlviError(f"There is less than {LEAST_FREE >> 20} MiB of room left.")
            path = self._sink.write(frame, done)
        except Exception as error:  # whatever it is, the solve goes on
            self._failed = True
            why = error.message if isinstance(error, IlviError) else f"{type(error).__name__}: {error}"
            if not isinstance(error, IlviError):
                traceback.print_exc()
            self._report.warning("preview", f"There are no more previews: {why}")
            return
        self._report.frame(frame, path, final=False)
        shown = self._shown.setdefault(frame, [])
        shown.append(path)
        while len(shown) > KEPT:
            shown.pop(0).unlink(missing_ok=True)


def spread(frames: Sequence[int]) -> list[int]:
    """The frames, those far apart first: the ends, the middle, the quarters, ..."""
    order: dict[int, None] = {}
    step = 1 << max(len(frames) - 1, 0).bit_length()
    while step:
        order.update(dict.fromkeys([*frames[::step], *frames[-1:]]))
        step //= 2
    return list(order)
