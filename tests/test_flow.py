"""Flow: sampling and masks against loops from their definitions, DIS on a known shift, the order of pairs."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torchvision.models.optical_flow import raft_small

from ilvi_core import flow as flows
from ilvi_core import weights
from ilvi_core.flow import both_known, consistent, dis_flow, estimator, inside, interval_flows, sample
from ilvi_core.raft import RaftFlow

RNG = np.random.default_rng(8)
HEIGHT, WIDTH = 13, 17


def random_flow(reach: float = 6.0) -> np.ndarray:
    """Multiples of 1/32 px: OpenCV's remap knows no finer ones."""
    return (np.round(RNG.uniform(-reach, reach, (HEIGHT, WIDTH, 2)) * 32) / 32).astype(np.float32)


def bilinear(values: np.ndarray, x: float, y: float, outside: float) -> np.ndarray:
    total = 0.0
    left, top = math.floor(x), math.floor(y)
    for v in (top, top + 1):
        for u in (left, left + 1):
            weight = (1 - abs(x - u)) * (1 - abs(y - v))
            there = 0 <= u < values.shape[1] and 0 <= v < values.shape[0]
            total = total + weight * (values[v, u] if there else outside)
    return np.asarray(total)


@pytest.mark.parametrize("channels", [(), (2,), (3,)])
@pytest.mark.parametrize("outside", [0.0, -3.5])
def test_sample(channels: tuple[int, ...], outside: float) -> None:
    values, flow = RNG.random((HEIGHT, WIDTH, *channels), np.float32), random_flow(30)
    found = sample(values, flow, outside)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            expected = bilinear(values, x + flow[y, x, 0], y + flow[y, x, 1], outside)
            np.testing.assert_allclose(found[y, x], expected, atol=1e-4)


def test_inside() -> None:
    flow = random_flow(20)
    flow[0, 0], flow[5, 5] = (0, 0), (WIDTH - 1 - 5, HEIGHT - 1 - 5)  # exactly on the border is inside
    flow[1, 1] = -1.0625, 0
    found = inside(flow)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            u, v = x + flow[y, x, 0], y + flow[y, x, 1]
            assert found[y, x] == (0 <= u <= WIDTH - 1 and 0 <= v <= HEIGHT - 1)
    assert found[0, 0]
    assert found[5, 5]
    assert not found[1, 1]


def test_consistent_is_eq_4_s_check() -> None:
    there = random_flow(5)
    back = -there + RNG.normal(0, 0.4, there.shape).astype(np.float32)
    found = consistent(there, back)
    seen = set()
    for y in range(HEIGHT):
        for x in range(WIDTH):
            u, v = x + float(there[y, x, 0]), y + float(there[y, x, 1])
            returned = bilinear(back, u, v, 0.0)
            gap = float(np.sum((there[y, x] + returned) ** 2))
            limit = 0.01 * float(np.sum(there[y, x] ** 2) + np.sum(returned**2)) + 0.5
            if abs(gap - limit) > 1e-3:
                assert found[y, x] == (gap < limit and 0 <= u <= WIDTH - 1 and 0 <= v <= HEIGHT - 1)
                seen.add(bool(found[y, x]))
    assert seen == {True, False}


def test_consistent_tolerates_more_where_motion_is_large() -> None:
    """gap 0.8 px: 0.64 is beyond the fixed 0.5, but not beyond 0.5 + 1% of 2 x 10^2."""
    for length, expected in ((0.0, False), (10.0, True)):
        there = np.zeros((20, 40, 2), np.float32)
        there[..., 0] = length
        back = -there
        back[..., 0] -= 0.8
        assert consistent(there, back)[10, 10] == expected


def test_both_known() -> None:
    known_i, known_j = RNG.random((2, HEIGHT, WIDTH)) > 0.2
    flow = random_flow(3)
    flow[::2] = np.round(flow[::2])
    found = both_known(known_i, known_j, flow)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            u, v = x + flow[y, x, 0], y + flow[y, x, 1]
            corners = {(b, a) for a in (math.floor(u), math.ceil(u)) for b in (math.floor(v), math.ceil(v))}
            every = all(0 <= b < HEIGHT and 0 <= a < WIDTH and known_j[b, a] for b, a in corners)
            assert found[y, x] == (known_i[y, x] and every)
    assert found.any()


# --- DIS


def textured(height: int, width: int) -> np.ndarray:
    noise = RNG.random((height, width, 3), np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2)
    return ((soft - soft.min()) / np.ptp(soft)).astype(np.float32)


@pytest.mark.parametrize("shift", [(3, -2), (-5, 4), (0, 0)])
def test_dis_finds_a_known_shift(shift: tuple[int, int]) -> None:
    scene = textured(116, 148)
    dx, dy = shift
    a = scene[10:106, 10:138]
    b = scene[10 - dy : 106 - dy, 10 - dx : 138 - dx]  # b(x + shift) = a(x)
    found = dis_flow(a, b)
    assert found.dtype == np.float32
    assert found.shape == (96, 128, 2)
    error = np.abs(found - np.array(shift, np.float32))[12:-12, 12:-12]
    assert np.median(error) < 0.1
    assert np.percentile(error, 95) < 0.3
    np.testing.assert_array_equal(dis_flow(a, b), found)  # the same again


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (15, 15), (15, 300), (16, 16), (16, 400), (17, 33), (600, 20)])
def test_dis_takes_small_and_narrow_pictures(size: tuple[int, int]) -> None:
    a, b = RNG.random((2, *size, 3), np.float32)
    found = dis_flow(a, b)
    assert found.shape == (*size, 2)
    assert np.isfinite(found).all()
    if min(size) < 16:
        assert not found.any()


# --- pairs


class Pairs:
    """Strict: it knows the pictures and answers each pair with a flow that names it. Anything else is a fault."""

    def __init__(self, pictures: np.ndarray) -> None:
        self.pictures, self.asked = pictures, []

    def number(self, picture: np.ndarray) -> int:
        (found,) = [n for n, own in enumerate(self.pictures) if np.array_equal(own, picture)]
        return found

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        pair = self.number(a), self.number(b)
        self.asked.append(pair)
        out = np.zeros((*a.shape[:2], 2), np.float32)
        out[...] = (pair[1] - pair[0]) / 4, pair[0] / 64
        return out


@pytest.mark.parametrize("interval", [1, 3, 5])
def test_order_of_pairs(interval: int) -> None:
    count = 7
    pictures = RNG.random((count, 20, 24, 3), np.float32)
    known = np.ones((count, 20, 24), bool)
    for n in range(count):
        known[n, 5 + n, 5:9] = False
    estimate, ticks = Pairs(pictures), []
    forward, backward = interval_flows(pictures, known, interval, 0, estimate, lambda: ticks.append(1))
    pairs = count - interval
    assert len(ticks) == pairs
    assert sorted(estimate.asked) == sorted(
        pair for i in range(pairs) for pair in ((i, i + interval), (i + interval, i))
    )
    for p in range(pairs):
        for result, i, j in ((forward, p, p + interval), (backward, p + interval, p)):
            there, back = estimate(pictures[i], pictures[j]), estimate(pictures[j], pictures[i])
            np.testing.assert_array_equal(result.flow[p], there)
            reliable = both_known(known[i], known[j], there)
            np.testing.assert_array_equal(result.reliable[p], reliable)
            np.testing.assert_array_equal(result.believed[p], reliable & consistent(there, back))
    assert forward.flow.shape == (pairs, 20, 24, 2)
    assert forward.believed.dtype == forward.reliable.dtype == bool


def test_margin_widens_the_hole_in_both_frames() -> None:
    pictures = RNG.random((2, 30, 40, 3), np.float32)
    known = np.ones((2, 30, 40), bool)
    known[0, 8, 8] = known[1, 20, 30] = False

    def still(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.zeros((*a.shape[:2], 2), np.float32)

    y, x = np.mgrid[:30, :40]
    for margin in (0, 1, 4):
        near = (np.hypot(y - 8, x - 8) <= margin) | (np.hypot(y - 20, x - 30) <= margin)
        for result in interval_flows(pictures, known, 1, margin, still):
            np.testing.assert_array_equal(result.reliable[0], ~near)
            np.testing.assert_array_equal(result.believed[0], ~near)


def test_occluded_pixels_are_reliable_but_not_believed() -> None:
    pictures = RNG.random((2, 20, 20, 3), np.float32)

    def at_odds(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        out = np.zeros((20, 20, 2), np.float32)
        if np.array_equal(a, pictures[1]):
            out[5:10, 5:10, 1] = 3  # coming back ends elsewhere
        return out

    forward, _ = interval_flows(pictures, np.ones((2, 20, 20), bool), 1, 0, at_odds)
    assert forward.reliable.all()
    expected = np.ones((20, 20), bool)
    expected[5:10, 5:10] = False
    np.testing.assert_array_equal(forward.believed[0], expected)


# --- which estimator


def test_estimator_without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find", lambda kind: None)
    assert estimator("dis", "cpu") == (dis_flow, "dis", "")
    assert estimator("auto", "cpu") == (dis_flow, "dis", "")
    found, name, said = estimator("raft_large", "cpu")
    assert (found, name) == (flows.dis_flow, "dis")
    assert said == weights.missing_sentence("raft_large") != ""


def test_a_sample_with_any_weight_on_an_unknown_pixel_is_not_known():
    known = np.ones((8, 8), bool)
    known[4, 4] = False
    flow = np.zeros((8, 8, 2), np.float32)
    flow[3, 3] = 1 / 32  # the unknown corner counts for 1/1024
    assert not both_known(known, known, flow)[3, 3]
    assert both_known(known, known, np.zeros_like(flow))[3, 3]


def test_raft_gives_a_batch_what_it_gives_each_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ILVI_WEIGHTS", str(tmp_path / "weights"))
    torch.manual_seed(0)
    torch.save(raft_small(weights=None).state_dict(), tmp_path / "mine.pth")
    raft = RaftFlow(weights.import_file(tmp_path / "mine.pth", "raft_small"), updates=2)
    pictures = RNG.random((4, 40, 56, 3), np.float32)
    several = list(zip(pictures, pictures[1:], strict=False))
    for alone, together in zip([raft(a, b) for a, b in several], raft._batch(several), strict=True):
        np.testing.assert_allclose(together, alone, atol=1e-3)
    with pytest.raises(ValueError, match="expected one shape"):
        raft.pairs([several[0], (pictures[0, :8], pictures[1, :8])])
