"""Warping error: does what moves with the scene keep its colour from frame to frame?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ilvi_core.evaluate.metrics import check_video
from ilvi_core.flow import Estimator, consistent, dis_flow, sample


@dataclass(frozen=True)
class WarpingError:
    """full, hole: mean squared difference, 0..1; None where no pixel could be compared.  described: in words."""

    full: float | None
    hole: float | None
    described: str


def visible_flow(pictures: np.ndarray, estimate: Estimator = dis_flow) -> tuple[np.ndarray, np.ndarray]:
    """The flow of each frame to the next, (T-1, H, W, 2) px, and where it is visible there, (T-1, H, W) bool.

    pictures: (T, H, W, 3) float, 0..1: the truth where there is one, else the plate (then the flow in the hole is that
    of what was to be removed).  Visible: it stays in the frame and passes the forward-backward check (`consistent`).
    Raises ValueError for other shapes and fewer than two frames.
    """
    check_video(pictures, least=2)
    pictures = np.asarray(pictures, np.float32)
    flows, visible = [], []
    for a, b in zip(pictures[:-1], pictures[1:], strict=True):
        forward, backward = estimate(a, b), estimate(b, a)
        flows.append(forward)
        visible.append(consistent(forward, backward))
    return np.stack(flows), np.stack(visible)


def warping_error(frames: np.ndarray, holes: np.ndarray, flow: np.ndarray, visible: np.ndarray) -> WarpingError:
    """E_warp: the mean of (V_t(x) - V_t+1(x + flow(x)))^2 over the visible pixels x; lower is steadier.

    frames: (T, H, W, 3) float, 0..1.  holes: (T, H, W) bool.  flow, visible: as from `visible_flow`.
    After Lai et al., "Learning blind video temporal consistency", ECCV 2018; the paper has no such measure. Ours: the
    square is a mean over the channels, so that it stays in 0..1; what is occluded is told by eq. 4's O alone; the mean
    is over a pair's pixels, then over the pairs that have any; a pixel is in the hole when it is so at t.
    Raises ValueError for other shapes and fewer than two frames.
    """
    check_video(frames, holes, least=2)
    pairs = (len(frames) - 1, *frames.shape[1:3])
    if flow.shape != (*pairs, 2) or visible.shape != pairs or visible.dtype != bool:
        found = f"{flow.shape} and {visible.dtype} of {visible.shape}"
        raise ValueError(f"expected flow of {(*pairs, 2)} and bool visible of {pairs}, not {found}")
    frames = np.asarray(frames, np.float32)
    full: list[float] = []
    hole: list[float] = []
    for t in range(pairs[0]):
        error = np.square(sample(frames[t + 1], flow[t]) - frames[t]).mean(axis=2, dtype=np.float64)
        for values, chosen in ((full, visible[t]), (hole, visible[t] & holes[t])):
            if chosen.any():
                values.append(float(error[chosen].mean()))
    described = (
        f"squared difference to the next frame warped back, mean over channels and visible pixels, then over pairs "
        f"({len(full)} of {pairs[0]} in full, {len(hole)} in the hole); {visible.mean():.0%} of all pixels visible"
    )
    return WarpingError(_mean(full), _mean(hole), described)


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
