"""How hard a clip is by section 4.2, and its halves: what Table 2 and Fig. 7 are divided by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ilvi_core.evaluate.metrics import check_video
from ilvi_core.flow import Estimator, dis_flow
from ilvi_core.matte import grow


@dataclass(frozen=True)
class Complexity:
    """appearance: 0..0.5.  motion: from 0 on, px a px.  described: every choice, in words."""

    appearance: float
    motion: float
    described: str

    @property
    def total(self) -> float:
        """The measure of section 4.2: the sum of the two."""
        return self.appearance + self.motion


def complexity(frames: np.ndarray, holes: np.ndarray | None = None, estimate: Estimator = dis_flow) -> Complexity:
    """The standard deviation over frames of the average pixel value, and the mean magnitude of the flow's gradient.

    frames: (T, H, W, 3) float, 0..1; the truth, where there is one.  holes: (T, H, W) bool, what does not belong to the
    scene: left out.  The paper leaves open, and here is: pixel values in 0..1, averaged over pixels and channels; the
    population's standard deviation; flow from each frame to the next, in px at the size given; its gradient by central
    differences, sqrt(u_x^2 + u_y^2 + v_x^2 + v_y^2), averaged over all pixels of all pairs. With holes, the average
    pixel value is over what is known in every frame (or it would follow the hole's way), the gradient's over what lies
    outside the hole and has no neighbour in it.
    Raises ValueError for other shapes, fewer than two frames, and where the holes leave nothing.
    """
    check_video(frames, holes, least=2)
    frames = np.asarray(frames, np.float32)
    holes = np.zeros(frames.shape[:3], bool) if holes is None else holes
    always = ~holes.any(axis=0)
    away = [~grow(hole, 1) for hole in holes[:-1]]
    if not always.any() or not np.any(away):
        raise ValueError("the holes leave nothing to measure: no pixel is known in every frame")
    averages = [frame[always].mean(dtype=np.float64) for frame in frames]
    gradients = [
        flow_gradient(estimate(a, b))[chosen] for a, b, chosen in zip(frames[:-1], frames[1:], away, strict=True)
    ]
    described = (
        "standard deviation over frames of the average pixel value in 0..1, plus the mean magnitude of the gradient of "
        f"the flow to the next frame, px a px at {frames.shape[2]}x{frames.shape[1]}"
        + ("; outside the holes" if holes.any() else "")
    )
    return Complexity(float(np.std(averages)), float(np.concatenate(gradients).mean(dtype=np.float64)), described)


def flow_gradient(flow: np.ndarray) -> np.ndarray:
    """(H, W): the magnitude of the gradient of both components, by central differences. flow: (H, W, 2) px."""
    return np.sqrt(sum(np.square(part).sum(axis=-1) for part in np.gradient(flow, axis=(0, 1))))


def halves(totals: Mapping[str, float]) -> tuple[list[str], list[str]]:
    """The names of the complex half and of the simple one, each sorted by complexity, falling; section 4.2.

    Of an odd number the middle one is simple; equals are in the order of their names.
    """
    ordered = sorted(totals, key=lambda name: (-totals[name], name))
    return ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]
