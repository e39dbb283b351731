"""Flow carried on into the hole, by models that know nothing of what is in it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import cv2
import numpy as np

from ilvi_core.flow import Estimator, at_once, consistent, dis_flow, sample
from ilvi_core.flowstore import StoredFlow
from ilvi_core.matte import distance_to, grow
from ilvi_core.smooth import smooth_fill

MARGIN = 13.0  # px round the hole in which estimated flow is distrusted: a patch there sees the smooth fill
FIT_STEP, FIT_REACH = 4, 64.0  # px between the vectors of a homography, and how far round the hole they lie
AGREE = 1.0  # px, up to which a vector agrees with a homography
LEAST = 12  # vectors that a model is fitted to
FINE, FINEST = 4.0, 0.05  # times the flow's roughness, and px: likewise, where several planes are looked for
LAYERS, LAYER_STEP = 3, 4  # planes of a layered flow, and px between the places where one of them is chosen
TRIES = 1000  # of RANSAC
MLS_STEP, MLS_REACH, MLS_NODES = 6, 40.0, 8  # px: between vectors, how far round the hole, between the fit's nodes
MLS_SOFT = 6.0  # px, below which distances do not differ
STIFF = 0.05  # of the vectors' spread: a weak pull to constant flow, for where they all lie on one line
BATCH = 8  # neighbours whose flow a network estimates together, both ways
UNIT = 100.0  # px: lengths near 1 keep the fit's sums well conditioned

Model = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (h, w, 2) px, (h, w) bool trusted -> (h, w, 2)


@dataclass(frozen=True)
class Neighbours:
    """Completed flow between neighbouring frames. forward[t]: (h, w, 2) float32 px, from t to t + 1; backward[t]: from
    t + 1 to t.  Both (T - 1) long."""

    forward: list[np.ndarray]
    backward: list[np.ndarray]

    def step(self, frame: int, direction: int) -> np.ndarray:
        """The flow from `frame` to `frame + direction`, which is +1 or -1."""
        return self.forward[frame] if direction > 0 else self.backward[frame - 1]


def neighbour_flows(
    filled: np.ndarray,
    known: np.ndarray,
    estimate: Estimator = dis_flow,
    models: Collection[str] = ("layers", "least-squares", "membrane"),
) -> dict[str, Neighbours]:
    """The flow between all neighbours, completed by each of these models.

    filled: (T, h, w, 3) float32 0..1, the holes smoothly filled.  known: (T, h, w) bool.
    """
    near = [grow(~k, MARGIN) for k in known]

    def both_ways(t: int) -> list[np.ndarray]:
        return [estimate(filled[t], filled[t + 1]), estimate(filled[t + 1], filled[t])]

    def completed(pair: tuple[int, list[np.ndarray]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        t, (there, back) = pair
        trusted = trusted_flow(there, back, near[t], near[t + 1]), trusted_flow(back, there, near[t + 1], near[t])
        return {name: (MODELS[name](there, trusted[0]), MODELS[name](back, trusted[1])) for name in models}

    pairs = range(len(filled) - 1)
    if isinstance(estimate, StoredFlow) and not estimate.is_dis:
        # a network, of which two threads are no faster; but a batch is
        flows = []
        for n in range(0, len(pairs), BATCH):
            part = [(filled[t], filled[t + 1]) for t in pairs[n : n + BATCH]]
            made = estimate.pairs([*part, *((b, a) for a, b in part)])
            flows += [list(pair) for pair in zip(made[: len(part)], made[len(part) :], strict=True)]
    else:
        flows = at_once(both_ways, pairs)
    found = at_once(completed, enumerate(flows))
    return {name: Neighbours([f[name][0] for f in found], [f[name][1] for f in found]) for name in models}


def no_motion(count: int, height: int, width: int) -> Neighbours:
    """The flow between the neighbours of `count` frames of a camera that stands still."""
    still = [np.zeros((height, width, 2), np.float32)] * (count - 1)
    return Neighbours(still, still)


def trusted_flow(flow: np.ndarray, back: np.ndarray, near_here: np.ndarray, near_there: np.ndarray) -> np.ndarray:
    """(h, w) bool: where estimated flow can be fitted to: away from both holes, and there and back agree (eq. 4).

    flow, back: (h, w, 2) px.  near_here, near_there: (h, w) bool, the holes with a margin.
    """
    clear = sample((~near_there).astype(np.float32), flow) > 0.999
    return ~near_here & clear & consistent(flow, back)


def by_homography(flow: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    """Where the flow is not trusted: that of the plane which most vectors round there agree with.

    flow: (h, w, 2) px.  trusted: (h, w) bool.  Study, finding 1.
    """
    matrix = fitted_homography(flow, trusted, FIT_REACH)
    if matrix is None:
        return by_membrane(flow, trusted)
    return np.where(trusted[..., None], flow, plane_flow(matrix, *trusted.shape))


def by_layers(flow: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    """Where the flow is not trusted: at each place that of the plane, of several, which fits best round about.

    flow: (h, w, 2) px.  trusted: (h, w) bool.
    """
    planes = fine_planes(flow, trusted, FIT_REACH)
    if not planes:
        return by_membrane(flow, trusted)
    return np.where(trusted[..., None], flow, layered(np.stack(planes), flow, trusted))


def fine_planes(flow: np.ndarray, trusted: np.ndarray, reach: float = np.inf) -> list[np.ndarray]:
    """The flows, (h, w, 2) px each, of up to LAYERS planes, the one that most vectors agree with first.

    How well they have to agree is measured: within a whole px a wall and the ground before it would pass for one.
    """
    agree = tolerance(flow, trusted)
    return [plane_flow(p, *trusted.shape) for p in fitted_planes(flow, trusted, LAYERS, reach, agree)]


def tolerance(flow: np.ndarray, trusted: np.ndarray) -> float:
    """px, up to which a vector agrees with one plane of several."""
    return float(np.clip(FINE * roughness(flow, trusted), FINEST, AGREE))


def roughness(flow: np.ndarray, trusted: np.ndarray) -> float:
    """px, the median distance of a trusted vector from the mean of four round it: what is not motion of a plane."""
    r = 2 * FIT_STEP
    if min(trusted.shape) <= 2 * r:
        return AGREE
    middle, across, down = np.s_[r:-r:FIT_STEP], np.s_[: -2 * r : FIT_STEP], np.s_[2 * r :: FIT_STEP]
    around = flow[middle, across] + flow[middle, down] + flow[across, middle] + flow[down, middle]
    apart = np.linalg.norm(flow[middle, middle] - around / 4, axis=-1)[trusted[middle, middle]]
    return float(np.median(apart)) if len(apart) else AGREE


def layered(planes: np.ndarray, flow: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    """(h, w, 2) px: at each place that of the planes' flows (n, h, w, 2), n up to 4, which the trusted flow there, or
    round about, misses least."""
    height, width = trusted.shape
    missed = np.square(flow - planes).sum(-1).transpose(1, 2, 0)
    missed = missed / (missed + tolerance(flow, trusted) ** 2) * trusted[..., None]  # 0..1; all that miss are alike
    coarse = (max(width // LAYER_STEP, 1), max(height // LAYER_STEP, 1))
    share = cv2.resize(trusted.astype(np.float32), coarse, interpolation=cv2.INTER_AREA)
    missed = cv2.resize(missed, coarse, interpolation=cv2.INTER_AREA).reshape(*coarse[::-1], -1)
    missed = smooth_fill(missed / np.maximum(share, 1e-6)[..., None], share > 0.2)
    missed = cv2.resize(missed, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, -1)
    return np.take_along_axis(planes, missed.argmin(-1)[None, ..., None], 0)[0]


def fitted_homography(flow: np.ndarray, trusted: np.ndarray, reach: float = np.inf) -> np.ndarray | None:
    """(3, 3) by RANSAC from the trusted vectors within `reach` px of the others; None where too few agree."""
    found = fitted_planes(flow, trusted, 1, reach)
    return found[0] if found else None


def fitted_planes(
    flow: np.ndarray, trusted: np.ndarray, most: int, reach: float = np.inf, agree: float = AGREE
) -> list[np.ndarray]:
    """At most so many homographies, (3, 3), the one that most vectors agree with first, each from what the ones before
    left over.  agree: px.  Else as `fitted_homography`."""
    y, x = _vectors(trusted, reach, FIT_STEP)
    here = np.stack([x, y], -1).astype(np.float32)
    there = here + flow[y, x]
    found: list[np.ndarray] = []
    while len(found) < most and len(here) >= LEAST:
        matrix, agreed = cv2.findHomography(here, there, cv2.RANSAC, agree, maxIters=TRIES)
        if matrix is None or int(agreed.sum()) < LEAST:
            break
        found.append(matrix)
        left = agreed[:, 0] == 0
        here, there = here[left], there[left]
    return found


def plane_flow(matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    """(h, w, 2) float32 px: where a homography takes each pixel, less the pixel's own place."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    to_x, to_y, depth = np.tensordot(matrix, np.stack([x, y, np.ones_like(x)]), 1)
    depth = np.where(np.abs(depth) < 1e-6, 1e-6, depth)  # the horizon; what is sampled there lies off the frame
    return np.stack([to_x / depth - x, to_y / depth - y], -1).clip(-1e4, 1e4).astype(np.float32)


def by_moving_least_squares(flow: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    """Where the flow is not trusted: an affine flow fitted anew at every place, near vectors counting most.

    flow: (h, w, 2) px.  trusted: (h, w) bool.  Fitted at nodes, bilinear between them; weights 1 / distance^4.
    Schaefer et al., "Image deformation using moving least squares", 2006; study, finding 1: the best under parallax.
    """
    height, width = trusted.shape
    y, x = _vectors(trusted, MLS_REACH, MLS_STEP)
    if len(x) < LEAST:
        return by_membrane(flow, trusted)
    rows, columns = (np.linspace(0, n - 1, max(n // MLS_NODES, 2)) for n in (height, width))
    node = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2) / UNIT
    place, vector = np.stack([x, y], -1) / UNIT, flow[y, x].astype(np.float64)
    square = np.square(node).sum(1)[:, None] + np.square(place).sum(1) - 2 * node @ place.T
    weight = 1 / np.square(np.maximum(square, 0) + (MLS_SOFT / UNIT) ** 2)
    weight /= weight.sum(1, keepdims=True)
    # all moments of one product; then the 2x2 normal equations of the slopes in closed form, at every node at once
    px, py = place.T
    slopes = [vector[:, k] * p for k in (0, 1) for p in (px, py)]
    moments = weight @ np.stack([px, py, px * px, px * py, py * py, *vector.T, *slopes], 1)
    cx, cy = moments[:, 0], moments[:, 1]
    xx, xy, yy = moments[:, 2] - cx * cx, moments[:, 3] - cx * cy, moments[:, 4] - cy * cy
    stiff = STIFF * (xx + yy) + 1e-9
    xx, yy = xx + stiff, yy + stiff
    fitted = np.empty((len(rows) * len(columns), 2), np.float32)
    for k in (0, 1):
        mean = moments[:, 5 + k]
        a, b = moments[:, 7 + 2 * k] - cx * mean, moments[:, 8 + 2 * k] - cy * mean
        across, down = (a * yy - b * xy) / (xx * yy - xy * xy), (b * xx - a * xy) / (xx * yy - xy * xy)
        fitted[:, k] = mean + across * (node[:, 0] - cx) + down * (node[:, 1] - cy)
    smooth = _between_nodes(fitted.reshape(len(rows), len(columns), 2), height, width)
    return np.where(trusted[..., None], flow, smooth)


def by_membrane(flow: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    """Where the flow is not trusted: the smoothest that meets the rest, at half the size, which is as good.

    flow: (h, w, 2) px.  trusted: (h, w) bool.
    """
    height, width = trusted.shape
    half = (max(width // 2, 1), max(height // 2, 1))
    share = cv2.resize(trusted.astype(np.float32), half, interpolation=cv2.INTER_AREA)
    total = cv2.resize(np.where(trusted[..., None], flow, 0), half, interpolation=cv2.INTER_AREA)
    smooth = smooth_fill(total / np.maximum(share, 1e-6)[..., None], share > 0.2)
    smooth = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(trusted[..., None], flow, smooth)


MODELS: dict[str, Model] = {
    "homography": by_homography,
    "layers": by_layers,
    "least-squares": by_moving_least_squares,
    "membrane": by_membrane,
}


def _vectors(trusted: np.ndarray, reach: float, step: int) -> tuple[np.ndarray, np.ndarray]:
    """y and x of the trusted pixels on a grid of `step` px that lie within `reach` px of one that is not trusted."""
    grid = np.zeros_like(trusted)
    grid[::step, ::step] = True
    if np.isfinite(reach):
        grid &= distance_to(~trusted) <= reach
    y, x = np.nonzero(trusted & grid)
    return y, x


def _between_nodes(nodes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear between nodes that cover the frame evenly from its first pixel to its last."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x *= (nodes.shape[1] - 1) / max(width - 1, 1)
    y *= (nodes.shape[0] - 1) / max(height - 1, 1)
    return cv2.remap(nodes, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
