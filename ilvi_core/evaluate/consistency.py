"""Temporal consistency (section 4.1): how well what the hole shows at t is found again, near by, at t + 1."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ilvi_core.evaluate.metrics import PSNR_CAP, SSIM_K1, SSIM_K2, SSIM_SIGMA, SSIM_WINDOW, check_video

PATCH, RADIUS = 50, 20  # px, the paper's
PAPER_HEIGHT = 192  # px, of the paper's frames: below it patch and radius shrink with the frame


@dataclass(frozen=True)
class Consistency:
    """psnr: dB, 0..100.  ssim: -1..1.  patches: how many were measured.  described: every choice, in words."""

    psnr: float
    ssim: float
    patches: int
    described: str


def consistency(
    frames: np.ndarray,
    holes: np.ndarray,
    patch: int = PATCH,
    radius: int = RADIUS,
    samples_per_frame: int = 3,
    seed: int = 0,
) -> Consistency:
    """The mean over patches of the best PSNR, and of the best SSIM, within `radius` px at t + 1; section 4.1.

    frames: (T, H, W, 3) float, 0..1.  holes: (T, H, W) bool.  patch, radius: px, for frames whose shorter side is 192
    or more; smaller frames have them in proportion (a patch is never below SSIM's 11).
    The paper leaves open, and here is: `samples_per_frame` patches a frame (fewer in a smaller hole), centred on hole
    pixels that are drawn without replacement from (seed, t), the same for every result with these holes; one that would
    hang over the frame's edge is moved inwards; the search is the square of whole-pixel shifts with which the patch
    stays inside the frame; PSNR is over RGB, 100 dB for identical patches; SSIM is on luma (Rec. 601), over the windows
    that lie inside the patch. The last frame and frames without a hole have no patch; every patch counts the same.
    Raises ValueError for other shapes, fewer than two frames, and no hole before the last frame.
    """
    check_video(frames, holes, least=2)
    patch, radius = scaled(frames.shape[1:3], patch, radius)
    psnrs: list[float] = []
    ssims: list[float] = []
    for t in range(len(frames) - 1):
        corners = patch_corners(holes[t], patch, samples_per_frame, (seed, t))
        if len(corners):
            psnrs += _best_psnrs(frames[t], frames[t + 1], corners, patch, radius)
            ssims += _best_ssims(frames[t], frames[t + 1], corners, patch, radius)
    if not psnrs:
        raise ValueError("there is nothing to measure: no frame before the last has a hole")
    side = 2 * radius + 1
    described = (
        f"{len(psnrs)} patches of {patch}x{patch} px, up to {samples_per_frame} a frame (seed {seed}), centred on hole "
        f"pixels, moved inwards at the frame's edge; best of {side}x{side} whole-pixel shifts inside frame t + 1; PSNR "
        f"over RGB, {PSNR_CAP:g} dB at most; SSIM on luma, windows inside the patch; mean over all patches"
    )
    return Consistency(float(np.mean(psnrs)), float(np.mean(ssims)), len(psnrs), described)


def scaled(size: tuple[int, ...], patch: int, radius: int) -> tuple[int, int]:
    """Patch and radius for a frame of `size` (H, W), px. Raises ValueError where SSIM's window does not fit."""
    if min(*size, patch) < SSIM_WINDOW or radius < 0:
        found = f"frames of {size[1]}x{size[0]}, a patch of {patch}, a radius of {radius}"
        raise ValueError(
            f"expected frames and a patch of at least {SSIM_WINDOW} px and a radius from 0 on, not {found}"
        )
    scale = min(1.0, min(size) / PAPER_HEIGHT)
    return min(*size, max(SSIM_WINDOW, round(patch * scale))), round(radius * scale)


def patch_corners(hole: np.ndarray, patch: int, count: int, seed: tuple[int, int]) -> np.ndarray:
    """(N, 2) int, N <= count: row and column of the upper left corners of one frame's patches. hole: (H, W) bool."""
    places = np.argwhere(hole)
    rng = np.random.Generator(np.random.PCG64(seed))
    chosen = rng.choice(places, min(count, len(places)), replace=False) if len(places) else places
    return np.clip(chosen - patch // 2, 0, np.subtract(hole.shape, patch))


def _best_psnrs(here: np.ndarray, there: np.ndarray, corners: np.ndarray, patch: int, radius: int) -> list[float]:
    """Exact: |x - y|^2 = |x|^2 + |y|^2 - 2 x.y; |y|^2 from an integral image, x.y by FFT, all in float64."""
    here, there = (np.ascontiguousarray(np.moveaxis(f, 2, 0), np.float64) for f in (here, there))  # (3, H, W)
    total = cv2.integral(np.square(there).sum(axis=0), sdepth=cv2.CV_64F)
    energy = total[patch:, patch:] - total[:-patch, patch:] - total[patch:, :-patch] + total[:-patch, :-patch]
    best = []
    for row, column in corners:
        x = here[:, row : row + patch, column : column + patch]
        rows, columns = _reach(row, column, energy.shape, radius)
        area = there[:, rows.start : rows.stop + patch - 1, columns.start : columns.stop + patch - 1]
        size = area.shape[1:]
        spectrum = (np.fft.rfft2(area) * np.conj(np.fft.rfft2(x, size))).sum(axis=0)
        product = np.fft.irfft2(spectrum, size)[: rows.stop - rows.start, : columns.stop - columns.start]
        error = (np.square(x).sum() + energy[rows, columns] - 2 * product).min() / x.size
        best.append(float(-10 * np.log10(np.maximum(error, 10 ** (-PSNR_CAP / 10)))))
    return best


def _best_ssims(here: np.ndarray, there: np.ndarray, corners: np.ndarray, patch: int, radius: int) -> list[float]:
    """Every shift in full: of SSIM's terms only the mean of x.y depends on the pair, and it is two matrix products."""
    (luma_x, *windows_x), (luma_y, *windows_y) = _statistics(here), _statistics(there)
    side = patch - SSIM_WINDOW + 1  # windows down and across in a patch
    blur = np.zeros((side, patch), np.float32)
    for i in range(side):
        blur[i, i : i + SSIM_WINDOW] = cv2.getGaussianKernel(SSIM_WINDOW, SSIM_SIGMA, cv2.CV_32F)[:, 0]
    best = []
    for row, column in corners:
        x = luma_x[row : row + patch, None, column : column + patch]
        zero = x.mean()  # taken off before products are, so that float32 is enough
        mean_x, variance_x = (part[row : row + side, None, column : column + side] for part in windows_x)
        rows, columns = _reach(row, column, (luma_y.shape[0] - patch + 1, luma_y.shape[1] - patch + 1), radius)
        scores = []
        for top in range(rows.start, rows.stop):  # all shifts across at once: (down, shift, across)
            product = (x - zero) * (_beside(luma_y, top, columns, patch) - zero)
            half = (blur @ product.reshape(patch, -1)).reshape(-1, patch)
            mean_y, variance_y = (_beside(part, top, columns, side) for part in windows_y)
            covariance = (half @ blur.T).reshape(side, -1, side) - (mean_x - zero) * (mean_y - zero)
            above = (2 * mean_x * mean_y + SSIM_K1**2) * (2 * covariance + SSIM_K2**2)
            below = (mean_x * mean_x + mean_y * mean_y + SSIM_K1**2) * (variance_x + variance_y + SSIM_K2**2)
            scores.append((above / below).mean(axis=(0, 2)).max())
        best.append(float(np.minimum(np.max(scores), 1)))
    return best


def _beside(image: np.ndarray, top: int, columns: slice, side: int) -> np.ndarray:
    """(side, shifts, side): the squares of `image` whose upper left corners are in row `top` and in `columns`."""
    return sliding_window_view(image[top : top + side, columns.start : columns.stop + side - 1], side, axis=1)


def _statistics(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Luma (H, W), and mean and variance of SSIM's windows, by their upper left corners; float32."""
    luma = frame.astype(np.float64) @ (0.299, 0.587, 0.114)
    kernel, border = (SSIM_WINDOW, SSIM_WINDOW), SSIM_WINDOW // 2
    mean, square = (cv2.GaussianBlur(f, kernel, SSIM_SIGMA)[border:-border, border:-border] for f in (luma, luma**2))
    return luma.astype(np.float32), mean.astype(np.float32), (square - mean**2).astype(np.float32)


def _reach(row: int, column: int, corners: tuple[int, ...], radius: int) -> tuple[slice, slice]:
    """Rows and columns where the patch's corner may lie at t + 1. corners: how many there are, down and across."""
    rows = slice(max(0, row - radius), min(corners[0], row + radius + 1))
    return rows, slice(max(0, column - radius), min(corners[1], column + radius + 1))
