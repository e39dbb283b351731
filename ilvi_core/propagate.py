"""Transitive donors: hole pixels followed along completed flow, frame by frame, to where they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ilvi_core.complete import Neighbours
from ilvi_core.flow import at_once, own_places
from ilvi_core.smooth import smooth_fill

ALL_KNOWN = 0.999  # of a bilinear sample: all but rounding
AGE = 8.0  # frames, over which a donor's weight falls to 1/e (study, finding 2)
CLIP = 0.1  # above it one difference says no more than another
MOST = 0.98  # of the pixels; the rest may have lost their way
ROW = 1024  # points in a row: cv2.remap takes no picture of 32768 rows


@dataclass(frozen=True)
class Arrivals:
    """Where a frame's N hole pixels are first known, in one direction.

    address: (N, 2) float32, x and y in that frame, px.  offset: (N,) int16, frames to it; 0 = it is known in none.
    colour: (N, 3) float32, 0..1, sampled there.
    """

    address: np.ndarray
    offset: np.ndarray
    colour: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """(N,) bool."""
        return self.offset != 0


Pair = tuple[Arrivals, Arrivals]  # forwards, backwards


def sample_at(values: np.ndarray, points: np.ndarray, how: int = cv2.INTER_LINEAR) -> np.ndarray:
    """`values` (h, w[, C]) float32 at points (..., 2), x and y in px; the edge's own values beyond it."""
    flat = points.reshape(-1, 2)
    x, y = np.zeros((2, max(-(-len(flat) // ROW), 1) * ROW), np.float32)
    x[: len(flat)], y[: len(flat)] = flat.T
    out = cv2.remap(values, x.reshape(-1, ROW), y.reshape(-1, ROW), how, borderMode=cv2.BORDER_REPLICATE)
    return out.reshape(-1, *values.shape[2:])[: len(flat)].reshape(*points.shape[:-1], *values.shape[2:])


def within(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """(...) bool: which points (..., 2) lie in the frame."""
    x, y = points[..., 0], points[..., 1]
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def pixels(mask: np.ndarray) -> np.ndarray:
    """(N, 2) float32: x and y of a mask's pixels, row by row."""
    y, x = np.nonzero(mask)
    return np.stack([x, y], -1).astype(np.float32)


def clear_masks(known: np.ndarray) -> np.ndarray:
    """(T, h, w) float32: 1 where a donor may be sampled: up to the hole's edge.

    The outer taps of a cubic sample reach into the hole there, which is smoothly filled and so nearly right; a margin
    costs more, for what is beside a hole is often seen nowhere else (docs/experiments.md 12).
    """
    return known.astype(np.float32)


def clear_at(clear: np.ndarray, frame: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(N,) bool: which points (N, 2) of frames (N,) a donor may be sampled at.  clear: as from `clear_masks`."""
    height, width = clear.shape[1:]
    inside = within(points, height, width)
    x, y = np.where(inside[:, None], points, 0).T
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.ceil(x).astype(int), np.ceil(y).astype(int)
    corners = [clear[frame, row, column] for row in (top, bottom) for column in (left, right)]
    return np.logical_and.reduce([inside, *(c > 0 for c in corners)])


def follow(
    start: int, flows: Neighbours, direction: int, filled: np.ndarray, clear: np.ndarray, hole: np.ndarray
) -> Arrivals:
    """The hole's pixels of frame `start` followed in one direction until each is known, or the clip ends.

    Addresses are carried with their fractions and the plate is sampled once (study, finding 2).
    filled: (T, h, w, 3) float32 0..1.  clear: as from `clear_masks`.  hole: (h, w) bool.
    """
    here = pixels(hole)
    address, offset = np.zeros_like(here), np.zeros(len(here), np.int16)
    colour, left = np.zeros((len(here), 3), np.float32), np.arange(len(here))
    frame = start
    while 0 <= frame + direction < len(clear) and len(left):
        here = here + sample_at(flows.step(frame, direction), here)
        frame += direction
        seen = within(here, *hole.shape) & (sample_at(clear[frame], here) > ALL_KNOWN)
        arrived = left[seen]
        address[arrived], offset[arrived] = here[seen], frame - start
        colour[arrived] = sample_at(filled[frame], here[seen], cv2.INTER_CUBIC).clip(0, 1)
        here, left = here[~seen], left[~seen]
    return Arrivals(address, offset, colour)


def chain(start: int, flows: Neighbours, offsets: Sequence[int], count: int) -> dict[int, np.ndarray]:
    """offset -> (h, w, 2) float32 px: the flow from frame `start` to `start + offset`, composed step by step.

    offsets: signed; those that leave the clip of `count` frames are left out.
    """
    out = {}
    for direction in (1, -1):
        wanted = {abs(o) for o in offsets if o * direction > 0 and 0 <= start + o < count}
        total = np.zeros(0)
        for steps in range(1, max(wanted, default=0) + 1):
            flow = flows.step(start + (steps - 1) * direction, direction)
            if steps == 1:
                grid = own_places(*flow.shape[:2])
                total = flow
            else:
                total = total + sample_at(flow, grid + total)
            if steps in wanted:
                out[steps * direction] = total
    return out


def arrivals_of(flows: Neighbours, filled: np.ndarray, clear: np.ndarray, known: np.ndarray) -> list[Pair]:
    """Every frame's arrivals in both directions."""

    def both_ways(t: int) -> Pair:
        return follow(t, flows, 1, filled, clear, ~known[t]), follow(t, flows, -1, filled, clear, ~known[t])

    return at_once(both_ways, range(len(known)))


def reach(pair: Pair) -> tuple[int, int]:
    """Frames backwards and forwards in which all but the last MOST of the pixels that arrive have arrived."""
    ahead, behind = (int(np.quantile(np.abs(a.offset[a.found]), MOST)) if a.found.any() else 0 for a in pair)
    return behind, ahead


def disagreement(arrivals: Sequence[Pair]) -> float:
    """How much the two directions differ where both arrive: mean |difference|, each clipped at .1; 0 where none do.

    The choice of a model without truth (study, finding 1).
    """
    total, count = 0.0, 0
    for ahead, behind in arrivals:
        both = ahead.found & behind.found
        difference = np.abs(ahead.colour[both] - behind.colour[both]).mean(-1)
        total, count = total + float(np.minimum(difference, CLIP).sum(dtype=np.float64)), count + int(both.sum())
    return total / max(count, 1)


def first_fill(filled: np.ndarray, known: np.ndarray, arrivals: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """The fill from arrivals alone, younger ones counting more: (T, h, w, 3) float32, and covered (T, h, w) bool.

    What nothing arrives at is filled smoothly from both plate and donors.
    """
    out, covered = filled.copy(), np.zeros_like(known)

    def fill(t: int) -> None:
        pair = arrivals[t]
        weights = [np.where(a.found, np.exp(-np.abs(a.offset) / AGE), 0)[:, None] for a in pair]
        total = weights[0] + weights[1]
        seen = total[:, 0] > 0
        mean = (pair[0].colour * weights[0] + pair[1].colour * weights[1]) / np.maximum(total, 1e-30)
        y, x = np.nonzero(~known[t])
        out[t][y[seen], x[seen]] = mean[seen]
        covered[t][y[seen], x[seen]] = True
        out[t] = smooth_fill(out[t], known[t] | covered[t])

    at_once(fill, range(len(known)))
    return out, covered
