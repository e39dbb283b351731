"""The membrane fill: the smoothest surface over the hole that meets what is known at its edge (Laplace's equation)."""

from __future__ import annotations

import cv2
import numpy as np

_CROSS = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)
SWEEPS = 24  # relaxation sweeps a level; the coarser levels have already done the long distances


def smooth_fill(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`image` with its unknown pixels replaced by the membrane; known ones stay as they are.

    image: (H, W) or (H, W, C) float32, finite where known.  known: (H, W) bool. Nothing known anywhere gives 0.
    """
    if known.all():
        return image.astype(np.float32, copy=True)
    out = np.where(known if image.ndim == 2 else known[..., None], image, 0).astype(np.float32)
    if not known.any():
        return out
    rows, columns = (np.flatnonzero(~known.all(axis=axis)) for axis in (1, 0))
    # only the hole's box and a rim round it takes part; the rim must reach something known
    top, left = max(rows[0] - 2, 0), max(columns[0] - 2, 0)
    bottom, right = rows[-1] + 3, columns[-1] + 3
    part = np.s_[top:bottom, left:right]
    if known[part].any():
        out[part] = _solve(out[part], known[part])
        return out
    return _solve(out, known)


def _solve(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Coarse to fine: solve at half the size, enlarge into the hole, relax."""
    height, width = known.shape
    weight = known.astype(np.float32)
    if min(height, width) <= 2 or known.all():
        mean = (image * (weight if image.ndim == 2 else weight[..., None])).sum((0, 1)) / max(weight.sum(), 1)
        return np.where(known if image.ndim == 2 else known[..., None], image, mean).astype(np.float32)
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(image * (weight if image.ndim == 2 else weight[..., None]), half, interpolation=cv2.INTER_AREA)
    safe = np.maximum(coarse_weight, 1e-6)
    coarse = _solve(coarse / (safe if image.ndim == 2 else safe[..., None]), coarse_weight > 1e-6)
    guess = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    hole = ~known
    out = image.copy()
    out[hole] = guess[hole]
    for _ in range(SWEEPS):
        out[hole] = cv2.filter2D(out, -1, _CROSS, borderType=cv2.BORDER_REPLICATE)[hole]
    return out
