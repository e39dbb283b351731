"""How much memory there is for a job; arrays too large for it; giving it back."""

from __future__ import annotations

import gc
import os
import sys
import tempfile

import numpy as np

GIB = 1 << 30
UNKNOWN = 16 * GIB  # bytes assumed of a machine that does not say


def free_memory() -> None:
    """Let go of what nothing refers to any more, on the device too; torch is not loaded for it."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def allowed(gib: float) -> int:
    """Bytes that a job may use: as many GiB as it was given, half of the machine's where that is 0."""
    if gib > 0:
        return int(gib * GIB)
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        machine = UNKNOWN
    return machine // 2


def large_array(shape: tuple[int, ...], most: int) -> np.ndarray:
    """An empty float32 array: in memory up to `most` bytes, else in a file without a name that goes with it."""
    if 4 * int(np.prod(shape, dtype=np.int64)) <= most:
        return np.empty(shape, np.float32)
    with tempfile.TemporaryFile(prefix="ilvi-") as file:
        return np.memmap(file, np.float32, "w+", shape=shape)
