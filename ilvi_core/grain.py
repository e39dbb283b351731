"""The plate's grain, measured where it is flat and known, given to what has less of it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ilvi_core.matte import grow

FINE = 1.5  # px: what is left above a blur of this deviation is grain and detail
FLAT = 0.3  # the share of the known pixels that count as flat: those with the least slope
LEVELS = 4  # of brightness, for each of which grain is measured
LEAST = 200  # pixels that a measure needs
NEAR = 64  # px round the hole in which it is measured
LOCAL = 6.0  # px, deviation of the window in which the fill's own grain is measured
MEDIAN_TO_SIGMA = 1.4826  # of absolute deviations, for normal noise
KEEP_OFF = 3.0  # px from the hole, so that nothing of it is measured


@dataclass(frozen=True)
class Grain:
    """brightness: (L,) 0..1, ascending.  sigma: (L, 3), the deviation of the fine part.  blur: px, its softness."""

    brightness: np.ndarray
    sigma: np.ndarray
    blur: float


def fine_part(picture: np.ndarray) -> np.ndarray:
    """(h, w, 3) less its blur."""
    return picture - cv2.GaussianBlur(picture, (0, 0), FINE)


def measure(plate: np.ndarray, known: np.ndarray) -> Grain | None:
    """The grain round the hole; None where too little is flat to tell.

    plate: (h, w, 3) float32, 0..1.  known: (h, w) bool.
    """
    usable = ~grow(~known, KEEP_OFF) & grow(~known, NEAR)
    if int(usable.sum()) < LEAST / FLAT:
        return None
    soft = cv2.GaussianBlur(plate, (0, 0), 2 * FINE).mean(-1)
    slope = np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1))
    flat = usable & (slope <= np.quantile(slope[usable], FLAT))
    fine = fine_part(plate)
    levels, sigmas = [], []
    for low in np.array_split(np.sort(soft[flat]), LEVELS):
        part = flat & (soft >= low[0]) & (soft <= low[-1])
        if int(part.sum()) >= LEAST // LEVELS:
            levels.append(float(np.median(soft[part])))
            sigmas.append(np.median(np.abs(fine[part]), 0) * MEDIAN_TO_SIGMA)
    if not levels:
        return None
    order = np.argsort(levels)
    return Grain(np.array(levels)[order], np.array(sigmas)[order], _softness(fine.mean(-1), flat))


def regrained(fill: np.ndarray, plate: np.ndarray, known: np.ndarray, frame: int) -> np.ndarray:
    """The fill with as much grain added, where it has less, as the plate has round the hole.

    fill, plate: (h, w, 3) float32, 0..1.  known: (h, w) bool.  frame: its number is the grain's seed.
    """
    grain = measure(plate, known)
    if grain is None:
        return fill
    bright = cv2.GaussianBlur(fill, (0, 0), 2 * FINE).mean(-1)
    wanted = np.stack([np.interp(bright, grain.brightness, grain.sigma[:, c]) for c in range(3)], -1)
    own = cv2.GaussianBlur(np.square(fine_part(fill)), (0, 0), LOCAL)
    lacking = np.sqrt(np.maximum(np.square(wanted) - own, 0)).astype(np.float32)
    noise = _noise(fill.shape, grain.blur, frame)
    return np.where(known[..., None], fill, (fill + lacking * noise).clip(0, 1)).astype(np.float32)


def _noise(shape: tuple[int, ...], blur: float, frame: int) -> np.ndarray:
    """Normal noise of that softness whose fine part has the deviation 1."""
    noise: np.ndarray = np.random.default_rng([frame & 0xFFFFFFFF, 7]).standard_normal(shape, np.float32)
    if blur > 0:
        noise = cv2.GaussianBlur(noise, (0, 0), blur)
    return noise / max(float(fine_part(noise).std()), 1e-6)


def _softness(fine: np.ndarray, flat: np.ndarray) -> float:
    """The blur whose white noise is as alike from pixel to pixel as the plate's fine part is."""
    beside = flat[:, 1:] & flat[:, :-1]
    power = float(np.square(fine[flat]).mean())
    if power <= 0 or not beside.any():
        return 0.0
    alike = float((fine[:, 1:] * fine[:, :-1])[beside].mean()) / power
    table = [(b, _alike(b)) for b in (0.0, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3)]
    return min(table, key=lambda pair: abs(pair[1] - alike))[0]


def _alike(blur: float) -> float:
    """Correlation of neighbours in the fine part of white noise of that softness."""
    noise = np.random.default_rng(0).standard_normal((128, 128)).astype(np.float32)
    fine = fine_part(cv2.GaussianBlur(noise, (0, 0), blur) if blur > 0 else noise)
    return float((fine[:, 1:] * fine[:, :-1]).mean() / np.square(fine).mean())
