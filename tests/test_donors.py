"""Donors: what a moving camera has seen elsewhere comes back, and nothing comes from the hole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ilvi_core import donors, flow
from ilvi_core.donors import RING, Donors, find_donors
from ilvi_core.flow import dis_flow
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
    assert not found.source[known & ~found.ring].any()
    assert found.source[found.ring].all()
    assert not (found.ring & ~known).any()
    own = np.stack(np.meshgrid(*map(np.arange, known.shape[:0:-1])), -1)
    assert (found.address == own)[found.source == 0].all()
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
        for field in ("fill", "covered", "confidence", "source", "address", "ring"):
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


@pytest.mark.parametrize("motion", ["planar", "free"])
def test_a_pan_comes_back_whatever_is_taken_for_the_motion(motion: str) -> None:
    truth, known = pan(10, 4), box_hole(10)
    plate = blanked(truth, known)
    found = find_donors(plate, known, motion=motion)
    check_sound(found, plate, known)
    assert found.covered[~known].mean() > 0.99
    assert np.abs(found.fill - truth)[~known].mean() < 2e-3


def test_a_camera_that_stands_still_needs_no_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: np.ndarray) -> np.ndarray:
        raise AssertionError("flow is 0")

    monkeypatch.setattr("cv2.DISOpticalFlow.create", refused)
    random, still = np.random.default_rng(0), texture(HEIGHT, WIDTH)
    truth = np.stack([still + 0.01 * random.standard_normal(still.shape, np.float32) for _ in range(7)]).clip(0, 1)
    known = np.ones(truth.shape[:3], bool)
    for t in range(7):
        known[t, 20:40, 4 + 10 * t : 22 + 10 * t] = False
    plate = blanked(truth, known)
    found = find_donors(plate, known, estimate=refused, motion="static")
    check_sound(found, plate, known)
    assert found.covered[~known].all()
    y, x = np.nonzero(~known[3])
    np.testing.assert_array_equal(found.address[3][y, x], np.stack([x, y], -1))
    assert np.abs(found.fill[~known] - np.stack([still] * 7)[~known]).mean() < 0.008  # one frame's grain: .008


def test_what_an_artist_painted_goes_before_everything() -> None:
    """The painted frame shows another colour in the hole; that colour has to come, not what other frames saw."""
    truth, known = pan(12, 4), box_hole(12)
    plate = blanked(truth, known)
    painted = truth.copy()
    painted[5, 20:40, 36:56, :] = (0.9, 0.1, 0.1)
    plate[5] = painted[5]
    known[5] = True
    found = find_donors(plate, known, painted=(5,))
    check_sound(found, plate, known)
    np.testing.assert_array_equal(found.fill[5], plate[5])
    for t in (4, 6, 7):  # where the square of frame 5 lies in these frames
        moved = 4 * (5 - t)
        inside = ~known[t]
        inside[:, : max(36 + moved + 3, 0)] = False
        inside[:, 56 + moved - 3 :] = False
        inside[:23] = inside[37:] = False
        assert inside.any()
        # it lies on the ring too, where the plate shows something else: .1 at most is made good of that
        assert np.abs(found.fill[t][inside] - np.float32((0.9, 0.1, 0.1))).max() < 0.13
        assert (found.source[t][inside] == 5 - t).all()
        assert (found.confidence[t][inside] >= donors.PAINTED_SURE).all()


def test_what_is_not_usable_is_no_donor() -> None:
    """A red thing beside the hole of frame 4 is known, and copied from unless that is forbidden."""
    truth, known = pan(9, 4), box_hole(9)
    plate = blanked(truth, known)
    red = np.float32((0.9, 0.1, 0.1))
    usable = known.copy()
    for t in (0, 1, 2, 6, 7, 8):
        x = 40 + 4 * (4 - t)
        plate[t, 20:40, max(x, 0) : x + 12] = np.where(known[t, 20:40, max(x, 0) : x + 12, None], red, 0.5)
        usable[t, 20:40, max(x, 0) : x + 12] = False
    free, kept = find_donors(plate, known), find_donors(plate, known, usable=usable)

    def redness(found: donors.Donors) -> float:
        hole = ~known[4]
        return float((np.abs(found.fill[4] - red).max(-1)[hole] < 0.15).mean())

    assert redness(kept) < redness(free)
    np.testing.assert_array_equal(kept.fill[known], plate[known])


def test_only_the_frames_that_are_wanted_are_worked_on() -> None:
    truth, known = pan(9, 4), box_hole(9)
    plate, early = blanked(truth, known), []
    found = find_donors(plate, known, lambda fill, covered: early.append(fill.copy()), wanted=range(3, 6))
    whole = find_donors(plate, known)
    check_sound(found, plate, known)
    context = [0, 1, 2, 6, 7, 8]
    np.testing.assert_array_equal(found.fill[context], early[0][context])
    assert not found.source[context].any()
    assert not found.covered[context].any()
    assert np.abs(found.fill - whole.fill)[3:6].max() < 0.01
    np.testing.assert_array_equal(found.covered[3:6], whole.covered[3:6])


def test_the_ring_has_the_address_of_the_donor_beside_it() -> None:
    truth, known = pan(10, 4), box_hole(10)
    found = find_donors(blanked(truth, known), known)
    assert found.ring.any()
    for t in range(10):
        y, x = np.nonzero(found.ring[t])
        assert (np.hypot(np.maximum(0, np.abs(x - 45.5) - 7.5), np.maximum(0, np.abs(y - 29.5) - 7.5)) <= RING).all()
        offset = found.source[t][y, x].astype(int)
        expected = np.stack([x - 4 * offset, y], -1)  # the plate moves 4 px a frame to the left
        assert np.median(np.abs(found.address[t][y, x] - expected)) < 0.05


def test_sources_do_not_change_from_frame_to_frame() -> None:
    """Followed along the motion, nearly every hole pixel that keeps its donor's frame in reach keeps it."""
    truth, known = pan(16, 2), box_hole(16)
    found = find_donors(blanked(truth, known), known)
    frame = np.where(found.source != 0, found.source + np.arange(16)[:, None, None], -1)
    both = ~known[1:, :, :-2] & ~known[:-1, :, 2:]  # at t the scene point of x lies at x + 2 in the frame before
    changed = (frame[1:, :, :-2] != frame[:-1, :, 2:])[both]
    assert changed.mean() < 0.15


def test_the_number_of_threads_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, known = pan(6, 4), box_hole(6)
    plate, found = blanked(truth, known), []
    for cores in (1, 3):
        monkeypatch.setattr(flow.os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        found.append(find_donors(plate, known, estimate=dis_flow))
    np.testing.assert_array_equal(found[0].fill, found[1].fill)
    np.testing.assert_array_equal(found[0].address, found[1].address)
    np.testing.assert_array_equal(found[0].source, found[1].source)
