"""The test without truth: regions of the remainder moved to where everything is known, and who fills them best there.

A region is moved by the same shift in every frame, so that what it covers there is hidden for as long as what is
hidden here: a piece that another frame shows would be no test of inventing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MOST_REGIONS = 8
LEAST_REGION = 0.03  # of the remainder; smaller ones are judged together
LINKED = 2  # px: pieces of one frame nearer than twice this are one, and pieces of two frames that overlap so grown
TRIALS = 4  # shifts of a region at most
LEAST_KNOWN = 0.7  # of a shifted region: less says little
APART = 3  # px of known pixels between the real hole and a trial, and between trials
SAMPLES = 1500  # pixels of a region, and of its rim, that are looked at for each shift
RIM, RIM_BLUR = 6, 2.0  # px: how wide the rim is, and how much finer than its likeness its grain
NEARER = 0.002  # squared colour that a shift by the frame's size is worth: of two alike the nearer one
CLEARLY = 0.05  # a filler must have this much less squared error than the smooth fill
LEAST_SHARE = 0.1  # of an addition; less is not seen
LEAST_TRIALS = 3  # that must all gain: by chance alone one in eight times
# of the share that is best in the trials: half of it has three quarters of the gain where they are right, and does no
# harm while they overrate it by less than four
HARM = 0.02  # of the smooth fill's error, by which the prior's share may be worse in the trials
CAUTION = 0.5


@dataclass(frozen=True)
class Trial:
    """One region, moved: where it is held out, (T, h, w) bool. region: its number, from 1."""

    region: int
    mask: np.ndarray


@dataclass(frozen=True)
class Verdict:
    """What a filler is worth in a region. smooth, error: mean squared errors of the smooth fill and of the filler.

    share: how much of the filler's addition to the smooth fill is best, 0..1; 0 where it is refused.
    """

    smooth: float
    error: float
    share: float
    accepted: bool


def regions(rest: np.ndarray) -> np.ndarray:
    """(T, h, w) int16: the remainder's pieces, followed through time, numbered from 1; 0 elsewhere. The least are one.

    rest: (T, h, w) bool.
    """
    kernel = np.ones((2 * LINKED + 1,) * 2, np.uint8)
    labels, parent = np.zeros(rest.shape, np.int32), [0]
    before: np.ndarray = np.zeros(rest.shape[1:], np.int32)
    for t, mask in enumerate(rest):
        count, pieces = cv2.connectedComponents(cv2.dilate(mask.astype(np.uint8), kernel))
        pieces = np.where(pieces > 0, pieces + len(parent) - 1, 0)
        parent.extend(range(len(parent), len(parent) + count - 1))
        both = (pieces > 0) & (before > 0)
        for a, b in np.unique(np.stack([pieces[both], before[both]], 1), axis=0):
            parent[_root(parent, a)] = _root(parent, b)
        labels[t] = np.where(mask, pieces, 0)
        before = pieces
    roots = np.array([_root(parent, n) for n in range(len(parent))])[labels]
    names, sizes = np.unique(roots[rest], return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    kept = [n for n in order[: MOST_REGIONS - 1] if sizes[n] >= LEAST_REGION * sizes.sum()]
    number = np.full(roots.max() + 1, len(kept) + 1, np.int16)
    number[names[kept]] = np.arange(1, len(kept) + 1)
    number[0] = 0
    return number[roots]


def _root(parent: list[int], n: int) -> int:
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n


def trials(numbered: np.ndarray, known: np.ndarray, pictures: np.ndarray) -> list[Trial]:
    """Up to TRIALS shifts of each region, in turns: where its surroundings are most alike, well on what is known.

    numbered: as from `regions`.  known: (T, h, w) bool.  pictures: (T, h, w, 3) float32.  None overlap.
    """
    free = np.stack([_shrunk(k, APART) for k in known])
    soft = np.stack([cv2.GaussianBlur(p, (0, 0), RIM_BLUR) for p in pictures])
    found: list[Trial] = []
    for _ in range(TRIALS):
        for region in range(1, int(numbered.max()) + 1):
            mask = numbered == region
            shift = _best_shift(mask, numbered > 0, free, known, soft)
            if shift is not None:
                found.append(Trial(region, shifted(mask, *shift) & free))
                free &= np.stack([_shrunk(~m, APART) for m in found[-1].mask])
    return found


def _shrunk(mask: np.ndarray, margin: int) -> np.ndarray:
    kernel = np.ones((2 * margin + 1,) * 2, np.uint8)
    return cv2.erode(mask.astype(np.uint8), kernel, borderValue=1) > 0


def _best_shift(
    region: np.ndarray, rest: np.ndarray, free: np.ndarray, known: np.ndarray, soft: np.ndarray
) -> tuple[int, int] | None:
    """x and y, px, of the shift to where the region is free and its rim differs least from its own; None: nowhere.

    What continues into a hole from a rim like this one says most about this one. All arrays (T, h, w[, 3]).
    """
    height, width = region.shape[1:]
    inside = _some(np.argwhere(region))
    kernel = np.ones((2 * RIM + 1,) * 2, np.uint8)
    rims = np.stack([cv2.dilate(m.astype(np.uint8), kernel) > 0 for m in region]) & ~rest
    rim = _some(np.argwhere(rims))
    if not len(rim):
        return None
    own = soft[tuple(rim.T)]
    step = max(min(height, width) // 32, 2)
    best, least = None, np.inf
    for dy in range(-height + step, height, step):
        for dx in range(-width + step, width, step):
            if _share_at(free, inside, dx, dy)[0].mean() < LEAST_KNOWN:
                continue
            at, places = _share_at(known, rim, dx, dy)
            if at.mean() < LEAST_KNOWN:
                continue
            difference = float(np.square(soft[tuple(places[at].T)] - own[at]).mean())
            difference += NEARER * (dx * dx + dy * dy) / (height * width)
            if difference < least:
                best, least = (dx, dy), difference
    return best


def _some(places: np.ndarray) -> np.ndarray:
    """At most SAMPLES of them, evenly."""
    return places[:: max(len(places) // SAMPLES, 1)]


def _share_at(mask: np.ndarray, places: np.ndarray, dx: int, dy: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether the mask holds at places (N, 3: t, y, x) that are shifted, and the shifted places, kept in the frame."""
    there = places + np.array([0, dy, dx])
    within = (there[:, 1] >= 0) & (there[:, 2] >= 0)
    within &= (there[:, 1] < mask.shape[1]) & (there[:, 2] < mask.shape[2])
    there = np.where(within[:, None], there, 0)
    return within & mask[tuple(there.T)], there


def shifted(mask: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """(T, h, w) moved by whole px to the right and down; False comes in from beyond the frame."""
    out = np.zeros_like(mask)
    height, width = mask.shape[1:]
    there = np.s_[:, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
    here = np.s_[:, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
    out[there] = mask[here]
    return out


def judged(plate: np.ndarray, smooth: np.ndarray, added: np.ndarray, its: list[Trial], prior: float = 0.0) -> Verdict:
    """What adding `added` to the smooth fill is worth in one region's trials.

    plate, smooth, added: (T, h, w, 3): the truth of the trials, the smooth fill with all trials held out, and what the
    filler adds to it. Each trial is judged with the share that the others find best, so that it has to hold elsewhere;
    accepted when there are LEAST_TRIALS, each of them gains, and together they gain clearly. Of the share that is best
    in the trials CAUTION is taken.  prior: the share that is taken where the trials cannot tell, or are too few, and do
    not speak against it.
    """
    table = np.array([sums for trial in its if (sums := _sums(plate, smooth, added, trial.mask))[0]])
    if len(table) < LEAST_TRIALS:
        return _by_prior(table, prior)
    errors = np.empty(len(table))
    for n, (_, base, product, square) in enumerate(table):
        share = CAUTION * best_share(np.delete(table, n, 0))
        errors[n] = base - 2 * share * product + share * share * square
    gains, share = table[:, 1] - errors, CAUTION * best_share(table)
    accepted = bool(gains.min() > 0 and gains.sum() > CLEARLY * table[:, 1].sum() and share >= LEAST_SHARE)
    if not accepted and prior:
        return _by_prior(table, prior)
    pixels = table[:, 0].sum()
    return Verdict(
        float(table[:, 1].sum() / pixels), float(errors.sum() / pixels), share if accepted else 0.0, accepted
    )


def _by_prior(table: np.ndarray, prior: float) -> Verdict:
    """The prior's share, unless in the trials there are it does harm. table: rows as from `_sums`, or none."""
    pixels, base, product, square = table.sum(0) if len(table) else np.zeros(4)
    error = base - 2 * prior * product + prior * prior * square
    accepted = prior > 0 and error <= (1 + HARM) * base
    count = max(float(pixels), 1.0)
    return Verdict(float(base) / count, float(error) / count, prior if accepted else 0.0, bool(accepted))


def best_share(table: np.ndarray) -> float:
    """The share of the addition that leaves the least squared error, 0..1. table: rows as from `_sums`."""
    return float(np.clip(table[:, 2].sum() / max(table[:, 3].sum(), 1e-12), 0, 1))


def _sums(plate: np.ndarray, smooth: np.ndarray, added: np.ndarray, mask: np.ndarray) -> list[float]:
    """Over a mask: values, and the sums of e^2, e a and a^2; e: what the smooth fill misses, a: what is added."""
    missed, more = (plate - smooth)[mask].astype(np.float64), added[mask].astype(np.float64)
    return [missed.size, np.square(missed).sum(), (missed * more).sum(), np.square(more).sum()]
