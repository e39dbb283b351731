"""What nobody saw, filled with pieces of what is seen: a few key frames by exemplar patches, carried to the others.

Wexler et al., "Space-time completion of video", 2007, for one frame: patches of the hole vote with their nearest known
patches, coarse to fine. The nearest ones are exact, by products of matrices; nothing is random.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ilvi_core.complete import Neighbours
from ilvi_core.flow import own_places, sample
from ilvi_core.matte import box_of, distance_to, grow
from ilvi_core.propagate import pixels, sample_at, within
from ilvi_core.smooth import smooth_fill

PATCH = 7  # px, the side of a patch
DEEPEST = 3.0  # px from the coarsest level's hole to what is known: every patch there still sees some of it
MOST_LEVELS = 5
ROUNDS = (8, 5, 4, 3)  # of search and vote, from the coarsest level on; the last number is all finer ones'
UNKNOWN = 0.15  # a hole pixel's weight in the first round's distances; it grows to 1 with the rounds
SOURCES = 24_000  # known patches at most that are compared with: the nearest ones first, then fewer everywhere
REACH = 4.0  # sides of the hole's box round it, within which patches are taken
CHUNK = 4_000_000  # distances at once
SOFT = 0.04  # of a vote's colour, from which on it counts less than the others
KEYS = 4  # key frames at most
LEAST_GAIN = 0.02  # of the remainder that a further key frame must reach
LANDED = 1.0  # px round the key frame's remainder within which a carried pixel still is its


def exemplar_fill(picture: np.ndarray, hole: np.ndarray, usable: np.ndarray, device: str = "cpu") -> np.ndarray:
    """The picture with its hole filled by patches of the rest.

    picture: (h, w, 3) float32 0..1; what it holds in the hole is not looked at.  hole: (h, w) bool.
    usable: (h, w) bool, pixels that a patch may be taken from; those of the hole are left out.
    """
    out = smooth_fill(picture, ~hole)
    if not hole.any():
        return out
    box = _box(hole, REACH)
    part = _levels(out[box], hole[box], usable[box] & ~hole[box])
    guess: Tensor | None = None
    for level, (image, inside, allowed) in enumerate(part):
        with torch.no_grad():
            now = _tensor(image, device)
            within_hole = torch.from_numpy(inside).to(device)
            if guess is not None:
                larger = F.interpolate(guess[None], size=inside.shape, mode="bilinear", align_corners=False)[0]
                now = torch.where(within_hole, larger, now)
            rounds = ROUNDS[min(level, len(ROUNDS) - 1)]
            first = UNKNOWN if level == 0 else 0.6
            guess = _refined(now, within_hole, torch.from_numpy(allowed).to(device), rounds, first)
    assert guess is not None
    found = guess.permute(1, 2, 0).cpu().numpy()
    out[box] = np.where(hole[box][..., None], found, out[box])
    return out.clip(0, 1)


def _tensor(image: np.ndarray, device: str) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(device)


def _box(mask: np.ndarray, reach: float) -> tuple[slice, slice]:
    """The mask's box, grown on each side by `reach` of its own sides, and by a few patches at least."""
    rows, columns = (
        slice(max(at.start - grown, 0), min(at.stop + grown, size))
        for at, size in zip(box_of(mask), mask.shape, strict=True)
        for grown in (max(int(reach * (at.stop - at.start)), 4 * PATCH),)
    )
    return rows, columns


def _levels(
    picture: np.ndarray, hole: np.ndarray, usable: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Picture, hole and usable pixels, coarsest first; a coarse pixel is hole (or not usable) where any of it is."""
    levels = [(picture, hole, usable)]
    deepest = float(distance_to(~hole)[hole].max()) if not hole.all() else 0.0
    count = min(MOST_LEVELS, 1 + max(math.ceil(math.log2(max(deepest, 1.0) / DEEPEST)), 0))
    while len(levels) < count and min(levels[0][1].shape) >= 4 * PATCH:
        image, inside, allowed = levels[0]
        size = ((inside.shape[1] + 1) // 2, (inside.shape[0] + 1) // 2)
        share = [cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA) for m in (~inside, allowed)]
        known = cv2.resize(np.where(inside[..., None], 0, image), size, interpolation=cv2.INTER_AREA)
        small_hole = share[0] < 0.5  # half known is known: a hole that only grew would leave nothing at the top
        image = smooth_fill(known / np.maximum(share[0], 1e-6)[..., None], ~small_hole)
        levels.insert(0, (image, small_hole, (share[1] > 0.999) & ~small_hole))
    return levels


def _refined(image: Tensor, hole: Tensor, usable: Tensor, rounds: int, first: float) -> Tensor:
    """(3, h, w) after some rounds of search and vote. hole, usable: (h, w) bool."""
    half = PATCH // 2
    height, width = hole.shape
    padded = F.pad(image[None], (half,) * 4, mode="replicate")
    whole = F.unfold(F.pad(usable[None, None].float(), (half,) * 4), PATCH)[0].amin(0) > 0
    places = _thinned(torch.nonzero(whole)[:, 0], hole)
    if not len(places):
        return image
    touched = F.max_pool2d(hole[None, None].float(), PATCH, 1, half)[0, 0] > 0
    if hole.sum() > 800:  # every second patch: each pixel still has a dozen votes
        lattice = torch.zeros_like(touched)
        lattice[::2, ::2] = True
        touched = (touched & lattice) if (touched & lattice).any() else touched
    targets = torch.nonzero(touched.reshape(-1))[:, 0]
    sources = F.unfold(padded, PATCH)[0].T[places]
    unknown = F.unfold(F.pad(hole[None, None].float(), (half,) * 4), PATCH)[0].T[targets].repeat(1, 3)
    for n in range(rounds):
        share = first + (1 - first) * n / max(rounds - 1, 1)
        weight = 1 - unknown * (1 - share)
        patches = F.unfold(F.pad(image[None], (half,) * 4, mode="replicate"), PATCH)[0].T[targets]
        nearest, distance = _nearest(patches, weight, sources)
        distance = distance / weight.sum(1)
        image = _voted(image, hole, targets, sources[nearest], distance, (height, width))
    return image


def _thinned(places: Tensor, hole: Tensor) -> Tensor:
    """At most SOURCES of the places (flat indices), those near the hole before those far from it."""
    if len(places) <= SOURCES:
        return places
    distance = torch.from_numpy(distance_to(hole.cpu().numpy())).to(hole.device).reshape(-1)[places]
    near = places[torch.argsort(distance, stable=True)]
    rest = near[SOURCES // 2 :]
    return torch.cat([near[: SOURCES // 2], rest[:: math.ceil(len(rest) / (SOURCES // 2))]])


def _nearest(patches: Tensor, weight: Tensor, sources: Tensor) -> tuple[Tensor, Tensor]:
    """For each patch (N, P) the source (M, P) of the least weighted squared distance: index and distance, (N,)."""
    index, least = [], []
    squares, step = (sources * sources).T.contiguous(), max(CHUNK // len(sources), 1)
    turned = sources.T.contiguous()
    for start in range(0, len(patches), step):
        part, w = patches[start : start + step], weight[start : start + step]
        distance = torch.addmm(w @ squares, w * part, turned, alpha=-2)
        found = distance.min(1)
        index.append(found.indices)
        least.append(found.values + (w * part * part).sum(1))
    return torch.cat(index), torch.cat(least).clamp_min(0)


def _voted(
    image: Tensor, hole: Tensor, targets: Tensor, found: Tensor, distance: Tensor, size: tuple[int, int]
) -> Tensor:
    """The hole's pixels as the mean of what the patches over them found, good matches counting more, outliers less.

    targets: (N,) flat indices of the patches' centres.  found: (N, 3 * PATCH^2).  distance: (N,).
    """
    spread = torch.quantile(distance, 0.75).clamp_min(1e-6)
    trust = torch.exp(-distance / (2 * spread)) + 1e-6

    def mean(weights: Tensor) -> Tensor:  # weights: (N, PATCH^2)
        columns = found.new_zeros(4 * PATCH * PATCH, hole.numel())
        columns[:, targets] = torch.cat([found * weights.repeat(1, 3), weights], 1).T
        total = F.fold(columns[None], size, PATCH, padding=PATCH // 2)[0]
        return total[:3] / total[3:].clamp_min(1e-8)

    first = mean(trust[:, None].expand(-1, PATCH * PATCH))
    around = F.unfold(first[None], PATCH, padding=PATCH // 2)[0].T[targets]
    away = (found - around).square().reshape(len(found), 3, -1).mean(1)
    second = mean(trust[:, None] / (1 + away / SOFT**2))
    return torch.where(hole, second, image)


def carried_exemplars(
    pictures: np.ndarray, rest: np.ndarray, usable: np.ndarray, flows: Neighbours, device: str = "cpu", keys: int = KEYS
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """What exemplars add to the smooth fill of the remainder: key frames filled, and carried along the flow.

    pictures: (T, h, w, 3) float32 0..1, the remainder smoothly filled.  rest, usable: (T, h, w) bool.
    Returns the addition (T, h, w, 3), 0 at the remainder's edge and where nothing is carried; where it is, (T, h, w)
    bool; the key frames. The colour step to the rest of a frame is spread over it by a membrane.
    """
    carried, reached = pictures.copy(), np.zeros_like(rest)
    used: list[int] = []
    total = int(rest.sum())
    while len(used) < keys:
        missing = (rest & ~reached).sum((1, 2))
        key = int(missing.argmax())
        if missing[key] < max(LEAST_GAIN * total / len(rest), PATCH * PATCH) or key in used:
            break
        used.append(key)
        filled = exemplar_fill(pictures[key], rest[key], usable[key], device)
        _carry(key, filled, carried, reached, rest, flows)
    added = np.zeros_like(pictures)
    for t in range(len(rest)):
        if reached[t].any():
            added[t] = np.where(reached[t][..., None], carried[t] - smooth_fill(carried[t], ~reached[t]), 0)
    return added, reached, used


def _carry(
    key: int, filled: np.ndarray, carried: np.ndarray, reached: np.ndarray, rest: np.ndarray, flows: Neighbours
) -> None:
    """Bring a key frame's fill to every frame whose remainder leads there, written into `carried` and `reached`."""
    landed = grow(rest[key], LANDED).astype(np.float32)
    height, width = rest.shape[1:]
    grid = own_places(height, width)
    for direction in (1, -1):
        way, frame = grid.copy(), key  # from each pixel of `frame` to its place in the key frame
        while 0 <= frame < len(rest):
            wanted = rest[frame] & ~reached[frame]
            here = pixels(wanted)
            if len(here):
                there = way[wanted]
                ok = within(there, height, width) & (sample_at(landed, there) > 0.5)
                _place(frame, here[ok], way, filled, carried)
                spot = here[ok].astype(int)
                reached[frame][spot[:, 1], spot[:, 0]] = True
            following = frame + direction
            if 0 <= following < len(rest):
                step = flows.step(following, -direction)
                beyond = sample(way - grid, step)
                way = grid + step + beyond
            frame = following


def _place(frame: int, here: np.ndarray, way: np.ndarray, filled: np.ndarray, carried: np.ndarray) -> None:
    """The key frame's colours at these pixels (N, 2) of a frame, less the colour step that is seen round them."""
    if not len(here):
        return
    height, width = way.shape[:2]
    now = np.zeros((height, width), bool)
    spot = here.astype(int)
    now[spot[:, 1], spot[:, 0]] = True
    box = box_of(now, 3)
    brought = sample_at(filled, way[box], cv2.INTER_CUBIC).clip(0, 1)
    step = smooth_fill(carried[frame][box] - brought, ~now[box])
    carried[frame][box] = np.where(now[box][..., None], brought + step, carried[frame][box])
