"""How close two pictures are: PSNR and SSIM, over whole frames or inside a mask, for images and for videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03
PSNR_CAP = 100.0  # dB: what an identical frame counts for in a mean over frames

Frames = Sequence[np.ndarray] | np.ndarray
Metric = Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]


def psnr(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal to noise ratio in dB for a peak of 1; infinite for identical images.

    a, b: (H, W) or (H, W, C) float, 0..1.  mask: (H, W); only pixels where it is not 0 count, whatever its value.
    Raises ValueError for other shapes, integer images, and a mask in which nothing counts.
    """
    _check_pair(a, b)
    error = np.subtract(a, b, dtype=np.float64) ** 2
    if mask is not None:
        error = error[_selected(mask, a)]
    mean = float(error.mean())
    return float("inf") if mean == 0 else float(-10 * np.log10(mean))


def ssim(a: np.ndarray, b: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Structural similarity, -1..1: the mean of `ssim_map`.

    Without a mask the mean leaves out the border of 5 pixels where the window hangs over the edge, as the authors'
    own code does; with one, exactly the pixels where the mask is not 0 count. Arguments and errors: as for `psnr`.
    """
    quality = ssim_map(a, b)
    if mask is not None:
        return float(quality[_selected(mask, a)].mean(dtype=np.float64))
    border = SSIM_WINDOW // 2
    return float(quality[border:-border, border:-border].mean(dtype=np.float64))


def ssim_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(H, W) float32 structural similarity around every pixel; edges mirrored, channels averaged.

    a, b: (H, W) or (H, W, C) float, 0..1, at least 11x11. Wang et al., "Image quality assessment: from error
    visibility to structural similarity", 2004: 11x11 Gaussian window, sigma 1.5, K1 = 0.01, K2 = 0.03.
    """
    _check_pair(a, b)
    if min(a.shape[:2]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs images of at least {SSIM_WINDOW}x{SSIM_WINDOW}, not {a.shape[1]}x{a.shape[0]}")
    # The variances are small differences of large means: in float32 they would drown in flat, bright regions.
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    variance_x = _window_mean(x * x) - mean_x**2
    variance_y = _window_mean(y * y) - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    quality = above / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))
    return np.asarray(quality if quality.ndim == 2 else quality.mean(axis=2), np.float32)


def video_psnr(frames_a: Frames, frames_b: Frames, mattes: Frames | None = None) -> float:
    """The mean over frames of `psnr`, each frame counting for 100 dB at most.

    frames_a, frames_b: T images.  mattes: T masks; frames in which nothing counts are left out.
    Raises ValueError for different lengths, no frame at all, and no frame in which anything counts.
    """
    return _video_mean(lambda a, b, mask: float(np.minimum(psnr(a, b, mask), PSNR_CAP)), frames_a, frames_b, mattes)


def video_ssim(frames_a: Frames, frames_b: Frames, mattes: Frames | None = None) -> float:
    """The mean over frames of `ssim`. Arguments and errors: as for `video_psnr`."""
    return _video_mean(ssim, frames_a, frames_b, mattes)


def check_video(frames: np.ndarray, holes: np.ndarray | None = None, least: int = 1) -> None:
    """Raises ValueError unless frames are (T, H, W, 3) float, T >= `least`, and holes, where given, (T, H, W) bool."""
    if frames.ndim != 4 or frames.shape[3] != 3 or not np.issubdtype(frames.dtype, np.floating):
        raise ValueError(f"expected float frames of (T, H, W, 3), not {frames.dtype} of {frames.shape}")
    if holes is not None and (holes.dtype != bool or holes.shape != frames.shape[:3]):
        raise ValueError(f"expected bool holes of {frames.shape[:3]}, not {holes.dtype} of {holes.shape}")
    if len(frames) < least:
        raise ValueError(f"expected at least {least} frames, not {len(frames)}")


def _video_mean(metric: Metric, frames_a: Frames, frames_b: Frames, mattes: Frames | None) -> float:
    lengths = [len(frames_a), len(frames_b)] + ([] if mattes is None else [len(mattes)])
    if len(set(lengths)) > 1:
        raise ValueError(f"the videos have different lengths: {' and '.join(map(str, lengths))} frames")
    values = []
    for index in range(lengths[0]):
        mask = None if mattes is None else mattes[index]
        if mask is None or np.any(mask):
            values.append(metric(frames_a[index], frames_b[index], mask))
    if not values:
        raise ValueError("there is nothing to measure: no frames, or every matte is empty")
    return float(np.mean(values))


def _window_mean(image: np.ndarray) -> np.ndarray:
    size = (SSIM_WINDOW, SSIM_WINDOW)
    return cv2.GaussianBlur(image, size, SSIM_SIGMA, borderType=cv2.BORDER_REFLECT).reshape(image.shape)


def _check_pair(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape:
        raise ValueError(f"the images have different shapes: {a.shape} and {b.shape}")
    if a.ndim not in (2, 3) or a.size == 0:
        raise ValueError(f"expected an image of (H, W) or (H, W, C), not of {a.shape}")
    for image in (a, b):
        if not np.issubdtype(image.dtype, np.floating):
            raise ValueError(f"expected float images in 0..1, not {image.dtype}")


def _selected(mask: np.ndarray, image: np.ndarray) -> np.ndarray:
    """(H, W) bool: which pixels count."""
    if mask.shape != image.shape[:2]:
        raise ValueError(f"the mask has shape {mask.shape}, the image {image.shape[:2]}")
    chosen = mask != 0
    if not chosen.any():
        raise ValueError("the mask is empty: there is nothing to measure")
    return chosen
