"""Estimated flow kept in a cache entry by what it was estimated from, so that nothing is estimated twice."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ilvi_core import npy
from ilvi_core.files import publish
from ilvi_core.host.errors import IlviError

_SUM = 16  # bytes of checksum before the array


class StoredFlow:
    """An `Estimator` that looks into folders first: its own, then those of entries that this one started from.

    Flow is kept, and used, as half floats: exact to 1/2048 of its length, below what any estimator is.
    """

    def __init__(
        self,
        estimate: Callable[[np.ndarray, np.ndarray], np.ndarray],
        name: str,
        folder: Path | None,
        others: Sequence[Path] = (),
        trouble: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._estimate, self._name, self._folder, self._others = estimate, name, folder, tuple(others)
        self._trouble = trouble
        self._full = False
        self.is_dis = name == "dis"
        self._lock = threading.Lock()  # several threads may ask at once
        self.estimated = self.reused = 0
        self.asked: Callable[[], None] = lambda: None  # called after each pair, by one thread at a time

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """a, b: (H, W, 3) float32 in 0..1. Returns (H, W, 2) float32, px from a to b."""
        return self.pairs([(a, b)])[0]

    def pairs(self, several: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
        """The same for several pairs; what is not stored is estimated together, where the estimator can do that."""
        names = [self._name_of(a, b) for a, b in several]
        found = [self._stored(name, pair[0].shape[:2]) for name, pair in zip(names, several, strict=True)]
        lacking = [n for n, flow in enumerate(found) if flow is None]
        asked = [several[n] for n in lacking]
        together = getattr(self._estimate, "pairs", None)
        made = together(asked) if together and asked else [self._estimate(a, b) for a, b in asked]
        for n, flow in zip(lacking, made, strict=True):
            half = flow.astype(np.float16)
            found[n] = half
            self._keep(names[n], half)
        with self._lock:
            self.estimated, self.reused = self.estimated + len(lacking), self.reused + len(several) - len(lacking)
            self.asked()
        return [flow.astype(np.float32) for flow in found if flow is not None]

    def _name_of(self, a: np.ndarray, b: np.ndarray) -> str:
        digest = hashlib.blake2b(self._name.encode(), digest_size=16)
        for picture in (a, b):
            digest.update(repr(picture.shape).encode())
            digest.update(np.ascontiguousarray(picture, np.float32).data)
        return digest.hexdigest() + ".npy"

    def _stored(self, name: str, shape: tuple[int, ...]) -> np.ndarray | None:
        for folder in (self._folder, *self._others):
            if folder is None:
                continue
            try:
                data = (folder / name).read_bytes()
                if _sum(data[_SUM:]) != data[:_SUM]:
                    continue  # damaged: estimated again, and written anew
                flow = npy.load(io.BytesIO(data[_SUM:]))
            except (OSError, ValueError):
                continue
            if flow.shape == (*shape, 2):
                if folder != self._folder:
                    self._keep(name, flow)
                return flow
        return None

    def _keep(self, name: str, flow: np.ndarray) -> None:
        if self._folder is None or self._full:
            return
        buffer = io.BytesIO()
        np.save(buffer, flow)
        data = buffer.getvalue()
        try:
            publish(self._folder / name, _sum(data) + data)
        except IlviError as error:
            self._full = True  # said once: flow can be estimated again, and the solve goes on
            self._trouble(f"Flow is not kept: {error.message}")


def _sum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_SUM).digest()
