"""Arrays from .npy and .npz, one at a time: Python 3.11 fails now and then where two threads parse their headers."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import IO

import numpy as np

_ONE = threading.Lock()  # python/cpython#106905: "AST constructor recursion depth mismatch"


def load(file: Path | IO[bytes]) -> np.ndarray:
    """The array. ValueError, EOFError or OSError where there is none, or more than one."""
    with _ONE:
        found = np.load(file, allow_pickle=False)
    if not isinstance(found, np.ndarray):
        raise ValueError("it is no single array")
    return found


def load_named(file: Path | IO[bytes], names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those of an .npz. Also KeyError and zipfile.BadZipFile."""
    with _ONE, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in names}
