"""Donors: what a moving camera has seen elsewhere comes back, and nothing comes from the hole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ilvi_core.donors import Donors, find_donors
from ilvi_core.fuse import ALL_KNOWN
from ilvi_core.propagate import clear_masks, sample_at, within
from ilvi_core.smooth import smooth_fill

HEIGHT, WIDTH = 64, 96


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(h, w, 3) float32 0..1: blobs of several sizes, which flow can hold on to."""
    random, out = np.random.default_rng(seed), np.zeros((height, width, 3), np.float32)
    for cell, gain in ((16, 1.0), (8, 0.8), (4, 0.6)):
        grid = random.standard_normal((height // cell + 2, width // cell + 2, 3)).astype(np.float32)
        out += gain * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(0.5 + 0.14 * out, 0, 1)


def pan(count: int, step: int, seed: int = 0) -> np.ndarray:
    """(T, h, w, 3): a camera that moves `step` whole px a frame to the right."""
    wide = texture(HEIGHT, WIDTH + step * count, seed)
    return np.stack([wide[:, step * t : step * t + WIDTH] for t in range(count)])


def box_hole(count: int, top: int = 22, left: int = 38, size: int = 16) -> np.ndarray:
    """(T, h, w) bool: known but for a square that stays where it is."""
    known = np.ones((count, HEIGHT, WIDTH), bool)
    known[:, top : top + size, left : left + size] = False
    return known


def blanked(truth: np.ndarray, known: np.ndarray, value: float = 0.5) -> np.ndarray:
    return np.where(known[..., None], truth, np.float32(value))


def worst(found: Donors, truth: np.ndarray, at: np.ndarray) -> float:
    return float(np.abs(found.fill - truth)[at].max())


def check_sound(found: Donors, plate: np.ndarray, known: np.ndarray) -> None:
    """What holds of any result: shapes, ranges, nothing unfilled, the known as it was, addresses at known pixels."""
    assert found.fill.dtype == found.confidence.dtype == found.address.dtype == np.float32
    assert found.source.dtype == np.int16
    assert found.covered.dtype == bool
    assert np.isfinite(found.fill).all()
    assert 0 <= found.fill.min() <= found.fill.max() <= 1
    assert 0 <= found.confidence.min() <= found.confidence.max() <= 1
    np.testing.assert_array_equal(found.fill[known], plate[known])
    assert not found.covered[known].any()
    assert not found.source[known].any()
    assert (found.source[found.covered] != 0).all()
    clear = clear_masks(known)
    for t, source in enumerate(found.source):
        for offset in np.unique(source[source != 0]):
            places = found.address[t][source == offset]
            assert within(places, *source.shape).all()
            assert (sample_at(clear[t + offset], places) > ALL_KNOWN - 1e-3).all()


def test_a_pan_by_whole_pixels_comes_back() -> None:
    truth, known = pan(14, 4), box_hole(14)
    plate = blanked(truth, known)
    found = find_donors(plate, known)
    check_sound(found, plate, known)
    assert found.covered[~known].all()
    assert worst(found, truth, ~known) < 0.02
    assert np.abs(found.fill - truth)[~known].mean() < 1e-3


def test_what_is_in_the_hole_is_never_looked_at() -> None:
    truth, known = pan(6, 4), box_hole(6)
    first = find_donors(blanked(truth, known, 0.5), known)
    for other in (blanked(truth, known, np.nan), truth):
        again = find_donors(other, known)
        for field in ("fill", "covered", "confidence", "source", "address"):
            np.testing.assert_array_equal(getattr(first, field), getattr(again, field))
        assert first.model == again.model


def test_a_static_camera_shows_what_another_frame_sees() -> None:
    truth = np.repeat(texture(HEIGHT, WIDTH)[None], 6, 0)
    known = np.ones(truth.shape[:3], bool)
    for t in range(6):
        known[t, 20:40, 8 + 12 * t : 26 + 12 * t] = False
    plate = blanked(truth, known)
    found = find_donors(plate, known)
    check_sound(found, plate, known)
    assert found.covered[~known].all()
    assert worst(found, truth, ~known) < 0.01


def test_nothing_is_covered_where_nobody_saw() -> None:
    truth = np.repeat(texture(HEIGHT, WIDTH)[None], 5, 0)
    known = box_hole(5)
    plate = blanked(truth, known)
    found = find_donors(plate, known)
    check_sound(found, plate, known)
    assert not found.covered.any()
    assert not found.source.any()
    assert not found.confidence[~known].any()


@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_clips(count: int) -> None:
    truth, known = pan(count, 20), box_hole(count)
    plate = blanked(truth, known)
    early: list[np.ndarray] = []
    found = find_donors(plate, known, lambda fill, covered: early.append(fill))
    check_sound(found, plate, known)
    assert len(early) == 1
    assert np.isfinite(early[0]).all()
    assert bool(found.covered.any()) == (count == 2)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (48, 80), (22, 0)])
def test_a_hole_at_the_edge_of_the_frame(top: int, left: int) -> None:
    truth, known = pan(8, 3), box_hole(8, top, left)
    plate = blanked(truth, known)
    check_sound(find_donors(plate, known), plate, known)


def test_a_frame_that_is_all_hole_and_one_that_has_none() -> None:
    truth, known = pan(6, 4), box_hole(6)
    known[2] = False
    known[4] = True
    plate = blanked(truth, known)
    check_sound(find_donors(plate, known), plate, known)


def test_a_clip_without_holes_stays_as_it_is() -> None:
    truth = pan(3, 4)
    found = find_donors(truth, np.ones(truth.shape[:3], bool))
    np.testing.assert_array_equal(found.fill, truth)


def test_a_tiny_clip() -> None:
    truth, known = pan(4, 2)[:, :12, :15], np.ones((4, 12, 15), bool)
    known[:, 4:8, 5:9] = False
    plate = blanked(truth, known)
    check_sound(find_donors(plate, known), plate, known)


def test_two_layers_move_apart() -> None:
    """The near layer, below, moves twice as fast; in a hole over both each comes from where it was."""
    height, width, count = 112, 160, 14
    layers = [texture(height, width + step * count, step) for step in (3, 6)]
    truth = np.stack([layers[0][:, 3 * t : 3 * t + width] for t in range(count)])
    for t in range(count):
        truth[t, height // 2 :] = layers[1][height // 2 :, 6 * t : 6 * t + width]
    known = np.ones(truth.shape[:3], bool)
    known[:, 42:70, 66:90] = False
    plate = blanked(truth, known)
    found = find_donors(plate, known)
    check_sound(found, plate, known)
    inner = ~known
    inner[:, height // 2 - 4 : height // 2 + 4] = False
    smooth = np.stack([smooth_fill(p, k) for p, k in zip(plate, known, strict=True)])
    assert found.covered[inner].mean() > 0.8
    assert np.abs(found.fill - truth)[inner].mean() < 0.5 * np.abs(smooth - truth)[inner].mean()


def test_a_single_donor_s_address_gives_the_fill() -> None:
    truth, known = pan(2, 20), box_hole(2)
    plate = blanked(truth, known)
    found = find_donors(plate, known)
    for t in (0, 1):
        given = sample_at(truth[1 - t], found.address[t])
        assert np.abs(given - found.fill[t])[found.covered[t]].max() < 0.02


def test_the_same_again_is_the_same() -> None:
    truth, known = pan(6, 4), box_hole(6)
    first, again = find_donors(truth, known), find_donors(truth, known)
    np.testing.assert_array_equal(first.fill, again.fill)
    np.testing.assert_array_equal(first.address, again.address)


def test_the_first_fill_is_there_before_the_rest() -> None:
    truth, known = pan(10, 4), box_hole(10)
    order: list[str] = []
    find_donors(
        blanked(truth, known),
        known,
        lambda fill, covered: order.append("early"),
        tick=lambda done, total: order.append("frame"),
    )
    assert order == ["early"] + ["frame"] * 10
