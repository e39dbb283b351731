"""What the methods are compared with: fills of single frames, the compositor's clean plates, donors along flow."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from ilvi_core.donors import find_donors
from ilvi_core.smooth import smooth_fill

VERSION = 1  # raised when one of them gives other fills
RADIUS = 5  # px, of OpenCV's inpainting
LEAST_SIDE = 128  # px, of the frames in which corners are looked for
LEAST_MATCHES = 12  # of a homography
REPROJECTION = 2.0  # px, up to which a match agrees with it
ALL_KNOWN = 0.99999  # of a bilinear sample: all but rounding
REACH = 12  # donors that the median is made of

Peer = Callable[[np.ndarray, np.ndarray], np.ndarray]


def membrane(plate: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Each frame's hole filled smoothly from its edge. plate: (T, h, w, 3) float 0..1, holes: (T, h, w) bool."""
    return np.stack([smooth_fill(p, ~h) for p, h in zip(plate, holes, strict=True)])


def telea(plate: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Telea 2004, each frame alone (cv2.INPAINT_TELEA, 8 bits). As `membrane`."""
    return _opencv(plate, holes, cv2.INPAINT_TELEA)


def navier_stokes(plate: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Bertalmio et al. 2001, each frame alone (cv2.INPAINT_NS, 8 bits). As `membrane`."""
    return _opencv(plate, holes, cv2.INPAINT_NS)


def clean_plate(plate: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """The nearest frame in time that shows a pixel, brought over by a homography; the rest smoothly. As `membrane`."""

    def nearest(donors: list[tuple[np.ndarray, np.ndarray]], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        out, seen = np.zeros(shape, np.float32), np.zeros(shape[:2], bool)
        for picture, known in donors:
            new = known & ~seen
            out[new] = picture[new]
            seen |= new
        return out, seen

    return _aligned(plate, holes, nearest)


def temporal_median(plate: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """The median of the REACH nearest frames that show a pixel, brought over by homographies. As `membrane`."""

    def median(donors: list[tuple[np.ndarray, np.ndarray]], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        values = np.full((len(donors), *shape), np.nan, np.float32)
        for layer, (picture, known) in zip(values, donors, strict=True):
            layer[known] = picture[known]
        seen = np.asarray(~np.isnan(values[..., 0]).all(axis=0))
        out = np.zeros(shape, np.float32)
        out[seen] = np.nanmedian(values[:, seen], axis=0)
        return out, seen

    return _aligned(plate, holes, median, REACH)


def donors(plate: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Known pixels of other frames along completed flow, fused: the donor half of the method to come. As `membrane`."""
    return find_donors(plate, ~holes).fill


PEERS: dict[str, Peer] = {
    "membrane": membrane,
    "telea": telea,
    "navier-stokes": navier_stokes,
    "clean-plate": clean_plate,
    "median": temporal_median,
    "donors": donors,
}


def _opencv(plate: np.ndarray, holes: np.ndarray, how: int) -> np.ndarray:
    out = []
    for picture, hole in zip(plate, holes, strict=True):
        levels = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
        filled = cv2.inpaint(levels, hole.astype(np.uint8), RADIUS, how).astype(np.float32) / 255
        out.append(np.where(hole[..., None], filled, picture))
    return np.stack(out)


def _aligned(
    plate: np.ndarray,
    holes: np.ndarray,
    join: Callable[[list[tuple[np.ndarray, np.ndarray]], tuple[int, ...]], tuple[np.ndarray, np.ndarray]],
    reach: int = 0,
) -> np.ndarray:
    """Every frame from its neighbours in time, aligned, nearest first; what none shows is filled smoothly."""
    filled = membrane(plate, holes)  # so that no rounding lets what was blanked through
    features = [_features(f, h) for f, h in zip(filled, holes, strict=True)]
    out = []
    for i, (picture, hole) in enumerate(zip(plate, holes, strict=True)):
        others = sorted((j for j in range(len(plate)) if j != i), key=lambda j: abs(j - i))
        unseen = hole.copy()
        donors: list[tuple[np.ndarray, np.ndarray]] = []
        for j in others:
            if (len(donors) >= reach) if reach else not unseen.any():
                break
            matrix = _homography(features[j], features[i])
            if matrix is None:
                continue
            size = (hole.shape[1], hole.shape[0])
            known = cv2.warpPerspective((~holes[j]).astype(np.float32), matrix, size) > ALL_KNOWN
            donors.append((cv2.warpPerspective(filled[j], matrix, size), known & hole))
            unseen &= ~known
        shown, seen = join(donors, picture.shape) if donors else (picture, np.zeros_like(hole))
        merged = np.where((hole & seen)[..., None], shown, picture)
        out.append(smooth_fill(merged.astype(np.float32), ~hole | seen))
    return np.stack(out)


def _features(filled: np.ndarray, hole: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Corners and their descriptors, none in the hole; what a descriptor sees of it is the smooth fill.

    Small frames are enlarged first: ORB finds nothing within 31 px of the edge.
    """
    grey = cv2.cvtColor(np.round(np.clip(filled, 0, 1) * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)
    allowed = cv2.erode((~hole).astype(np.uint8) * 255, np.ones((9, 9), np.uint8))
    scale = math.ceil(LEAST_SIDE / min(hole.shape))
    if scale > 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        allowed = cv2.resize(allowed, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    corners, descriptors = cv2.ORB.create(nfeatures=1500, fastThreshold=7).detectAndCompute(grey, allowed)
    places = np.array([corner.pt for corner in corners], np.float32).reshape(-1, 2)
    return (places + 0.5) / scale - 0.5, descriptors


def _homography(a: tuple[np.ndarray, np.ndarray | None], b: tuple[np.ndarray, np.ndarray | None]) -> np.ndarray | None:
    """(3, 3), from a's pixels to b's; None where too few corners agree."""
    if a[1] is None or b[1] is None or min(len(a[0]), len(b[0])) < LEAST_MATCHES:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(a[1], b[1])
    if len(matches) < LEAST_MATCHES:
        return None
    here = np.array([a[0][m.queryIdx] for m in matches])
    there = np.array([b[0][m.trainIdx] for m in matches])
    matrix, agreed = cv2.findHomography(here, there, cv2.RANSAC, REPROJECTION)
    return matrix if matrix is not None and int(agreed.sum()) >= LEAST_MATCHES else None
