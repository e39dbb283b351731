"""Optical flow between frames of a clip, and where it can be believed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from ilvi_core import weights
from ilvi_core.matte import grow

ALL_KNOWN = 0.99999  # of a bilinear sample: all but rounding
SMALLEST = 16  # px; DIS works on patches of 8 at half size and throws on less
Item = TypeVar("Item")
Result = TypeVar("Result")
Estimator = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (H, W, 3) 0..1 twice -> (H, W, 2) px from a to b


@dataclass(frozen=True)
class IntervalFlow:
    """The flow of every pair of frames at one interval and direction.

    flow: (P, H, W, 2) float32, px.  believed: (P, H, W) bool, O . M^f of eq. 4.  reliable: (P, H, W) bool, M^f.
    Pair p goes from frame p to p + interval (forward), or from p + interval to p (backward).
    """

    flow: np.ndarray
    believed: np.ndarray
    reliable: np.ndarray


def estimator(name: str, device: str) -> tuple[Estimator, str, str]:
    """The flow estimator wanted, its name, and what to tell the user ('' when they get what they asked for).

    name: auto, dis, raft_large or raft_small. Without its weights RAFT is replaced by DIS, and that is said.
    """
    wanted = ("raft_large", "raft_small") if name == "auto" else (name,)
    for kind in wanted:
        file = weights.find(kind) if kind != "dis" else None
        if file is not None:
            from ilvi_core.raft import RaftFlow

            return RaftFlow(file, device), kind, ""
    said = "" if name in ("auto", "dis") else weights.missing_sentence(name)
    return dis_flow, "dis", said


def at_once(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The function of every item, in order, on as many threads as there are cores: OpenCV lets go of Python's lock."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(cores) as pool:
        return list(pool.map(function, items))


def dis_flow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """OpenCV's dense inverse search. a, b: (H, W, 3) float32 in 0..1. Returns (H, W, 2) float32, px from a to b."""
    height, width = a.shape[:2]
    if min(height, width) < SMALLEST:
        return np.zeros((height, width, 2), np.float32)
    return dis_of(grey(a), grey(b), finest=0 if max(height, width) <= 512 else 1)


def grey(picture: np.ndarray) -> np.ndarray:
    """(H, W) uint8, as DIS takes pictures; from (H, W, 3) float32 in 0..1."""
    return cv2.cvtColor(np.round(picture.clip(0, 1) * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)


def dis_of(here: np.ndarray, there: np.ndarray, start: np.ndarray | None = None, finest: int = 1) -> np.ndarray:
    """Dense inverse search from one picture of `grey` to another: (H, W, 2) float32, px.

    start: flow that it begins with, none for 0.  finest: its finest scale; 1 is as good as 0 from a good start, at a
    quarter of the time (study, finding 2).
    """
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(finest)
    # it writes into what it starts from
    return dis.calc(here, there, np.zeros((*here.shape, 2), np.float32) if start is None else start.copy())


def own_places(height: int, width: int) -> np.ndarray:
    """(h, w, 2) float32: each pixel's own x and y."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)


def sample(values: np.ndarray, flow: np.ndarray, outside: float = 0.0) -> np.ndarray:
    """values_j(x + flow_ij(x)), bilinear; `outside` where that lies off the frame. (H, W[, C]) float32."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    place = (x + flow[..., 0], y + flow[..., 1])
    return cv2.remap(values, *place, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=[outside] * 4)


def consistent(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """O of eq. 4, (H, W) bool: going there and coming back ends where it began.

    |F_ij(x) + F_ji(x + F_ij(x))|^2 < 0.01 (|F_ij|^2 + |F_ji|^2) + 0.5; also False where F_ij leaves the frame.
    """
    returned = sample(backward, forward)
    gap = np.square(forward + returned).sum(-1)
    length = np.square(forward).sum(-1) + np.square(returned).sum(-1)
    return (gap < 0.01 * length + 0.5) & inside(forward)


def inside(flow: np.ndarray) -> np.ndarray:
    """(H, W) bool: x + flow(x) lies in the frame."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x + flow[..., 0], y + flow[..., 1]
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def both_known(known_i: np.ndarray, known_j: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """M^f_ij = M_i and M_j(F_ij), (H, W) bool; a bilinear sample counts when all four of its pixels are known."""
    return known_i & (sample(known_j.astype(np.float32), flow) > ALL_KNOWN)


def interval_flows(
    pictures: np.ndarray,
    known: np.ndarray,
    interval: int,
    margin: int,
    estimate: Estimator,
    tick: Callable[[], None] = lambda: None,
) -> tuple[IntervalFlow, IntervalFlow]:
    """Forward and backward flow of all pairs at one interval.

    pictures: (T, H, W, 3) float32 0..1.  known: (T, H, W) bool.  margin: px round the hole not believed.
    tick: called after each pair.
    """
    trusted = np.stack([~grow(~k, margin) for k in known])
    results: tuple[list[tuple[np.ndarray, ...]], list[tuple[np.ndarray, ...]]] = ([], [])
    for i in range(len(pictures) - interval):
        j = i + interval
        forward, backward = estimate(pictures[i], pictures[j]), estimate(pictures[j], pictures[i])
        for out, (a, b, there, back) in zip(
            results, ((i, j, forward, backward), (j, i, backward, forward)), strict=True
        ):
            reliable = both_known(trusted[a], trusted[b], there)
            out.append((there, reliable & consistent(there, back), reliable))
        tick()
    first, second = (IntervalFlow(*(np.stack(part) for part in zip(*out, strict=True))) for out in results)
    return first, second
