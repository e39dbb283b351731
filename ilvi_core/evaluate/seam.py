"""Seam visibility: is the step across the hole's edge larger than the steps that the plate has there anyway?"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ilvi_core.evaluate.metrics import check_video

BAND = 8  # px round a seam pixel in which the plate's own steps are looked at
FLOOR = 1 / 255  # one 8-bit code value: a smaller step is seen by no one
COARSE = 4  # times smaller, where grain has averaged out and an offset of the whole fill has not


@dataclass(frozen=True)
class Seam:
    """fine, coarse: from 0 on; 1 = as the plate itself, 3 = three times the plate's steps, below 1 = softer.

    coarse: at a quarter of the size; None where no hole has an edge there.  described: every choice, in words.
    """

    fine: float
    coarse: float | None
    described: str


def seam_visibility(frames: np.ndarray, holes: np.ndarray, band: int = BAND) -> Seam:
    """The steps across the hole's edge relative to the plate's own near them; ours, the paper has no such measure.

    frames: (T, H, W, 3) float, 0..1, composed: outside the hole they are the plate.  holes: (T, H, W) bool, where the
    result may differ from it.  For every two neighbours (across or down) of which one is hole: (step + floor) / (own +
    floor), averaged over a frame, then over the frames that have an edge. A step is the root mean square over channels
    of the difference; own is the mean step in the same direction between neighbours within `band` px that are both
    outside the hole; the floor is 1/255, so that flat areas give 1; where nothing is there to compare with, the edge is
    left out. The same is done on frames averaged down to a quarter; there a cell more than half in the hole is hole.
    Raises ValueError for other shapes and where no hole has an edge.
    """
    check_video(frames, holes)
    fine = _video_seam(frames, holes, band)
    if fine is None:
        raise ValueError("there is nothing to measure: no hole has an edge")
    height, width = (size // COARSE for size in frames.shape[1:3])
    coarse = None
    if min(height, width) > 1:
        cut = (slice(None), slice(height * COARSE), slice(width * COARSE))
        small = [cv2.resize(f, (width, height), interpolation=cv2.INTER_AREA) for f in frames[cut].astype(np.float32)]
        share = [cv2.resize(h, (width, height), interpolation=cv2.INTER_AREA) for h in holes[cut].astype(np.float32)]
        coarse = _video_seam(np.stack(small), np.stack(share) > 0.5, band)
    described = (
        f"steps between neighbours across the hole's edge, over those of the plate within {band} px in the same "
        f"direction, 1/255 added to both; mean over the edge, then over frames; coarse: at 1/{COARSE} of the size"
    )
    return Seam(fine, coarse, described)


def _video_seam(frames: np.ndarray, holes: np.ndarray, band: int) -> float | None:
    ratios = [_edge_ratios(frame, hole, band) for frame, hole in zip(frames, holes, strict=True)]
    means = [float(values.mean()) for values in ratios if values.size]
    return float(np.mean(means)) if means else None


def _edge_ratios(frame: np.ndarray, hole: np.ndarray, band: int) -> np.ndarray:
    """(N,): one ratio for each two neighbours across the edge."""
    found = []
    for picture, inside in ((frame, hole), (frame.swapaxes(0, 1), hole.T)):
        steps = np.sqrt(np.square(np.diff(picture.astype(np.float64), axis=0)).mean(axis=2))
        across = inside[1:] != inside[:-1]
        plate = (~inside[1:] & ~inside[:-1]).astype(np.float64)
        total, count = _near(steps * plate, band), _near(plate, band)
        across &= count > 0.5
        found.append((steps[across] + FLOOR) / (total[across] / count[across] + FLOOR))
    return np.concatenate(found)


def _near(values: np.ndarray, band: int) -> np.ndarray:
    """The sum within `band` px across and down; nothing beyond the frame."""
    size = (2 * band + 1, 2 * band + 1)
    return cv2.boxFilter(values, -1, size, normalize=False, borderType=cv2.BORDER_CONSTANT)
