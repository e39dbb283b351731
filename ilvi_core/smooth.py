"""The membrane fill: the smoothest surface over the hole that meets what is known at its edge (Laplace's equation)."""

from __future__ import annotations

import cv2
import numpy as np

_CROSS = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)
SWEEPS = 24  # relaxation sweeps a level; the coarser levels have already done the long distances


def smooth_fill(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`image` with its unknown pixels replaced by the membrane; known ones stay as they are.

    image: (H, W) or (H, W, C) float32, C at most 4, finite where known.  known: (H, W) bool.
    Nothing known anywhere gives 0.
    """
    if image.ndim == 2:
        return smooth_fill(image[..., None], known)[..., 0]
    out = np.where(known[..., None], image, 0).astype(np.float32)
    if known.all() or not known.any():
        return out
    rows, columns = (np.flatnonzero(~known.all(axis=axis)) for axis in (1, 0))
    # only the hole's box and a rim round it takes part; outside the hole's box everything is known
    top, left = max(rows[0] - 2, 0), max(columns[0] - 2, 0)
    bottom, right = rows[-1] + 3, columns[-1] + 3
    part = np.s_[top:bottom, left:right]
    out[part] = _solve(out[part], known[part])
    return out


def _solve(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Coarse to fine: solve at half the size, enlarge into the hole, relax. (H, W, C), 0 where unknown."""
    hole = ~known
    if not hole.any():
        return image
    weight = known.astype(np.float32)
    if max(known.shape) <= 2:
        return np.where(hole[..., None], image.sum((0, 1)) / weight.sum(), image).astype(np.float32)
    half = ((known.shape[1] + 1) // 2, (known.shape[0] + 1) // 2)
    share = _resized(weight[..., None], half, cv2.INTER_AREA)
    coarse = _resized(image, half, cv2.INTER_AREA) / np.maximum(share, 1e-6)
    guess = _resized(_solve(coarse, share[..., 0] > 1e-6), known.shape[::-1], cv2.INTER_LINEAR)
    out = np.where(hole[..., None], guess, image)
    mask, relaxed = hole.astype(np.uint8), np.empty_like(out)
    for _ in range(SWEEPS):  # in place, and without Python's lock: several frames are filled at once
        cv2.filter2D(out, -1, _CROSS, dst=relaxed, borderType=cv2.BORDER_REPLICATE)
        cv2.copyTo(relaxed, mask, out)
    return out


def _resized(image: np.ndarray, size: tuple[int, ...], how: int) -> np.ndarray:
    """cv2.resize to (width, height), which drops a channel axis of 1; this keeps it."""
    return cv2.resize(image, size, interpolation=how).reshape(size[1], size[0], -1)
