"""Which frames and which flow each update uses, and at what learning rate (the supplement's section 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ilvi_core.host.job import SolveSettings
from ilvi_core.methods import Method

# by the setting `directions`: the batches that each start and interval has, each by its own directions (see Batch)
DIRECTIONS = {"one": ((False,), (True,)), "both": ((False, True),)}


@dataclass(frozen=True)
class Batch:
    """Frames of a window (counted from its first) at one interval; `directions`: its flow's, True for backward."""

    frames: tuple[int, ...]
    interval: int
    directions: tuple[bool, ...] = (False,)


def all_batches(
    length: int, size: int, intervals: tuple[int, ...], directions: tuple[tuple[bool, ...], ...]
) -> list[Batch]:
    """Every batch there is: each interval, each start, each of the `directions` of flow.

    The paper enumerates "all the possible permutations" with forward or backward flow only; here, for `one`, both
    directions of a start and interval are batches of their own. An interval that no `size` frames fit is left out.
    """
    return [
        Batch(tuple(range(start, start + size * interval, interval)), interval, ways)
        for interval in intervals
        for start in range(length - (size - 1) * interval)
        for ways in directions
    ]


class Schedule:
    """The updates of one network, known beforehand: any of them can be asked for, so a resumed run needs no history.

    An epoch goes through all batches in random order (from seed and epoch); a batch is updated M times in a row.
    """

    def __init__(self, method: Method, settings: SolveSettings, length: int) -> None:
        self.size = min(settings.batch, length)
        if method.flow:
            intervals = tuple(t for t in settings.intervals if (self.size - 1) * t < length)
            self.batches = all_batches(length, self.size, intervals or (1,), DIRECTIONS[settings.directions])
        else:
            self.batches = all_batches(length, self.size, (1,), ((False,),))
        self.intervals = tuple(sorted({b.interval for b in self.batches}))
        self._repeat = settings.dip_updates if method.single_frame else settings.updates_per_batch
        epochs = 1 if method.single_frame else settings.epochs
        total = len(self.batches) * self._repeat * epochs
        self.total = min(total, settings.max_updates) if settings.max_updates else total
        self._seed = settings.seed
        self._rate, self._cosine = settings.learning_rate, settings.rate_schedule == "cosine"
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def at(self, update: int) -> int:
        """The index into `batches` of the batch that update number `update` (from 0) works on."""
        epoch, place = divmod(update // self._repeat, len(self.batches))
        if self._order[0] != epoch:
            self._order = epoch, np.random.default_rng([self._seed, epoch]).permutation(len(self.batches))
        return int(self._order[1][place])

    def learning_rate(self, update: int) -> float:
        """Constant, as in the paper, or a half cosine that ends at 1% of it."""
        if not self._cosine:
            return self._rate
        return self._rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * update / max(self.total, 1))))
