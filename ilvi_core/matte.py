"""From a matte's picture to the hole that is solved for and the comp matte that the composite blends with."""

from __future__ import annotations

import cv2
import numpy as np

from ilvi_core.host.errors import InputError
from ilvi_core.host.job import CompSettings, SolveSettings
from ilvi_core.images import Box, Picture

_LUMINANCE = (0.2126, 0.7152, 0.0722)


def alpha_is_the_matte(picture: Picture) -> bool:
    """Whether the file has an alpha that says anything: not constant 1."""
    alpha = picture.alpha()
    return alpha is not None and not bool((alpha == 1.0).all())


def matte_values(picture: Picture, channel: str, invert: bool) -> np.ndarray:
    """(H, W) float32 in 0..1 over the picture's data window; 1 = replace this pixel.

    NaN counts as 0, -Inf too, Inf as 1.
    """
    values: np.ndarray
    if channel == "luminance" and len(picture.rgb_names) == 1:
        values = picture.channel(picture.rgb_names[0])
    elif channel == "luminance":
        # in double precision, so that white is exactly 1: inverted it must be exactly 0
        with np.errstate(invalid="ignore"):  # Inf - Inf
            rgb = picture.rgb().astype(np.float64)
            red, green, blue = (part * rgb[..., i] for i, part in enumerate(_LUMINANCE))
            values = red + green + blue
    elif channel == "alpha":
        alpha = picture.alpha()
        if alpha is None:
            raise InputError("The matte has no alpha.", "Use --matte-channel luminance, or name one of its channels.")
        values = alpha
    else:
        values = picture.channel(channel)
    values = np.clip(np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0), 0, 1).astype(np.float32)
    return 1 - values if invert else values


def place(values: np.ndarray, at: Box, over: Box, outside: float = 0.0) -> np.ndarray:
    """`values`, which cover the box `at`, cut and padded to cover the box `over`. (H, W) or (H, W, C)."""
    if at == over:
        return values
    out = np.full((over.height, over.width, *values.shape[2:]), outside, values.dtype)
    left, right = max(at.x, over.x), min(at.x + at.width, over.x + over.width)
    top, bottom = max(at.y, over.y), min(at.y + at.height, over.y + over.height)
    if left < right and top < bottom:
        out[top - over.y : bottom - over.y, left - over.x : right - over.x] = values[
            top - at.y : bottom - at.y, left - at.x : right - at.x
        ]
    return out


def grow(mask: np.ndarray, pixels: float) -> np.ndarray:
    """A bool mask and everything within `pixels` of it (Euclidean, so that the growth is round)."""
    if pixels <= 0 or not mask.any():
        return mask.copy()
    return distance_to(mask) <= pixels


def _disk(radius: int) -> np.ndarray:
    """The kernel that dilates a picture as `grow` does a mask; OpenCV's ellipse reaches beyond its radius."""
    x = np.arange(-radius, radius + 1)
    return (x[:, None] ** 2 + x**2 <= radius**2).astype(np.uint8)


def distance_to(mask: np.ndarray) -> np.ndarray:
    """(H, W) float32: px from each pixel to the nearest one of `mask`, 0 inside it; infinite when it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def box_of(mask: np.ndarray, rim: int = 0) -> tuple[slice, slice]:
    """Rows and columns of the box round a mask that is not empty, `rim` px larger on each side, inside the frame."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (
        slice(max(int(rows[0]) - rim, 0), min(int(rows[-1]) + 1 + rim, mask.shape[0])),
        slice(max(int(columns[0]) - rim, 0), min(int(columns[-1]) + 1 + rim, mask.shape[1])),
    )


def hole_of(matte: np.ndarray, settings: SolveSettings) -> np.ndarray:
    """(H, W) bool: the matte above its threshold, dilated (the solve matte)."""
    return grow(matte > settings.matte_threshold, settings.solve_dilate)


def comp_matte_of(matte: np.ndarray, hole: np.ndarray, comp: CompSettings, threshold: float) -> tuple[np.ndarray, int]:
    """The soft matte that the composite blends with, and how many of its pixels had to be cut to stay in the hole.

    matte: (H, W) 0..1.  hole: (H, W) bool.  The feather falls outwards: inside the dilated matte nothing of the
    removed object comes back. What lies at or under the matte's threshold is noise and is not counted as cut.
    """
    soft = matte
    if comp.comp_dilate:
        soft = cv2.dilate(soft, _disk(comp.comp_dilate))
    if comp.comp_feather:
        ramp = 1 - distance_to(soft > 0.5) / (comp.comp_feather + 1)
        soft = np.maximum(soft, np.clip(ramp, 0, 1).astype(np.float32))
    cut = (soft > max(threshold, 1 / 255)) & ~hole
    return np.where(hole, soft, 0).astype(np.float32), int(cut.sum())
