"""Mattes: which channel, what counts as hole, and a comp matte that never leaves it."""

from __future__ import annotations

import numpy as np
import pytest
from fake_source import FakeSource, a_picture

from ilvi_core.host.errors import InputError
from ilvi_core.host.job import CompSettings, SolveSettings
from ilvi_core.matte import alpha_is_the_matte, comp_matte_of, distance_to, grow, hole_of, matte_values, place
from ilvi_core.pictures import Box
from ilvi_core.reading import read_matte

RNG = np.random.default_rng(11)


def slow_distance(mask: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    out = np.full(mask.shape, np.inf)
    for v, u in zip(*np.nonzero(mask), strict=True):
        out = np.minimum(out, np.hypot(y - v, x - u))
    return out


# --- values


def test_alpha_is_the_matte_unless_constant_1() -> None:
    rgba = np.ones((4, 5, 4), np.float32)
    assert not alpha_is_the_matte(a_picture(rgba))
    assert not alpha_is_the_matte(a_picture(np.full((4, 5, 4), 255, np.uint8)))
    assert not alpha_is_the_matte(a_picture(rgba[..., :3]))
    rgba[2, 3, 3] = 0.999
    assert alpha_is_the_matte(a_picture(rgba))
    assert alpha_is_the_matte(a_picture(np.zeros((4, 5, 4), np.uint8)))


def test_channels() -> None:
    rgba = RNG.random((6, 7, 4), np.float32)
    picture = a_picture(rgba)
    np.testing.assert_array_equal(matte_values(picture, "alpha", False), rgba[..., 3])
    np.testing.assert_array_equal(matte_values(picture, "G", False), rgba[..., 1])
    luminance = 0.2126 * rgba[..., 0] + 0.7152 * rgba[..., 1] + 0.0722 * rgba[..., 2]
    np.testing.assert_allclose(matte_values(picture, "luminance", False), luminance, atol=1e-6)
    np.testing.assert_array_equal(matte_values(picture, "alpha", True), 1 - rgba[..., 3])
    with pytest.raises(InputError, match="has no alpha"):
        matte_values(a_picture(rgba[..., :3]), "alpha", False)
    with pytest.raises(InputError, match="no channel Z"):
        matte_values(picture, "Z", False)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (64, 333)])
def test_white_is_exactly_1_and_grey_is_itself(shape: tuple[int, int]) -> None:
    """Else an inverted matte would be above a threshold of 0 everywhere."""
    for kind in (np.uint8, np.uint16):
        white = np.full((*shape, 3), np.iinfo(kind).max, kind)
        for picture in (a_picture(white), a_picture(white[..., 0])):
            np.testing.assert_array_equal(matte_values(picture, "luminance", False), 1)
            np.testing.assert_array_equal(matte_values(picture, "luminance", True), 0)
    grey = RNG.random(shape, np.float32)
    np.testing.assert_array_equal(matte_values(a_picture(grey), "luminance", False), grey)


def test_values_out_of_range_and_not_finite() -> None:
    values = np.array([[-1, 0, 0.5, 1, 2, np.nan, np.inf, -np.inf]], np.float32)
    expected = [[0, 0, 0.5, 1, 1, 0, 1, 0]]
    for channel in ("luminance", "Y"):
        found = matte_values(a_picture(values), channel, False)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(matte_values(a_picture(values), channel, True), 1 - np.array(expected))


# --- places


def test_place_against_a_loop() -> None:
    for _ in range(200):
        at, over = (Box(*RNG.integers(-6, 7, 2).tolist(), *RNG.integers(1, 9, 2).tolist()) for _ in range(2))
        values = RNG.random((at.height, at.width), np.float32)
        found = place(values, at, over, 0.25)
        assert found.dtype == np.float32
        for y in range(over.height):
            for x in range(over.width):
                u, v = over.x + x - at.x, over.y + y - at.y
                within = 0 <= u < at.width and 0 <= v < at.height
                assert found[y, x] == (values[v, u] if within else np.float32(0.25))
        assert place(np.zeros((at.height, at.width, 3)), at, over).shape == (over.height, over.width, 3)


def test_matte_goes_by_the_display_window() -> None:
    """The plate's origin is elsewhere, it has overscan, and the matte's data window is only the drawn part."""
    plate = a_picture(np.zeros((14, 26, 3), np.float16), Box(97, 48, 26, 14), Box(100, 50, 20, 10))
    drawn = RNG.random((3, 4), np.float32) / 2 + 0.25
    matte = FakeSource({7: a_picture(drawn, Box(5, 2, 4, 3), Box(0, 0, 20, 10))})
    found = read_matte(matte, 7, plate, "Y", False)
    expected = np.zeros((14, 26), np.float32)
    expected[2 + 2 : 2 + 5, 3 + 5 : 3 + 9] = drawn
    np.testing.assert_array_equal(found, expected)
    # inverted: what the file leaves out of the frame is replaced, the overscan is not
    expected[2:12, 3:23] = 1
    expected[4:7, 8:12] = 1 - drawn
    np.testing.assert_array_equal(read_matte(matte, 7, plate, "Y", True), expected)


def test_matte_with_overscan_of_its_own_counts_there() -> None:
    plate = a_picture(np.zeros((14, 26, 3), np.float16), Box(-3, -2, 26, 14), Box(0, 0, 20, 10))
    values = RNG.random((14, 30), np.float32)
    matte = FakeSource({1: a_picture(values, Box(-5, -2, 30, 14), Box(0, 0, 20, 10))})
    np.testing.assert_array_equal(read_matte(matte, 1, plate, "Y", False), values[:, 2:28])
    np.testing.assert_array_equal(read_matte(matte, 1, plate, "Y", True), 1 - values[:, 2:28])


def test_plate_and_matte_sizes_must_agree() -> None:
    plate = a_picture(np.zeros((10, 20, 3), np.float32))
    still = FakeSource({3: a_picture(np.ones((10, 20), np.float32))})
    assert read_matte(still, 3, plate, "Y", False).all()
    wrong = FakeSource({99: a_picture(np.ones((10, 21), np.float32))})
    with pytest.raises(InputError) as caught:
        read_matte(wrong, 99, plate, "Y", False)
    assert caught.value.message == "The matte's frame 99 is 21x10, the plate's is 20x10."
    assert caught.value.hint == "Render the matte at the plate's size."


# --- the hole


@pytest.mark.parametrize("pixels", [1, 2, 3, 5, 5.5, 13])
def test_grow_is_euclidean(pixels: float) -> None:
    mask = RNG.random((40, 50)) > 0.995
    mask[20, 25] = True
    exact = slow_distance(mask)
    np.testing.assert_allclose(distance_to(mask), exact, rtol=1e-6)
    np.testing.assert_array_equal(grow(mask, pixels), exact <= pixels)


def test_grow_of_nothing_by_nothing() -> None:
    empty, full = np.zeros((4, 5), bool), np.ones((4, 5), bool)
    assert not grow(empty, 9).any()
    assert grow(full, 3).all()
    assert np.isinf(distance_to(empty)).all()
    same = grow(full, 0)
    assert same is not full  # the caller may write into it
    assert same.all()


def test_hole_is_what_is_above_the_threshold_dilated() -> None:
    matte = np.zeros((20, 20), np.float32)
    matte[5, 5], matte[14, 14] = 0.5, 0.5001
    for dilate in (0, 3):
        hole = hole_of(matte, SolveSettings(matte_threshold=0.5, solve_dilate=dilate))
        np.testing.assert_array_equal(hole, slow_distance(matte > 0.5) <= dilate)
    np.testing.assert_array_equal(hole_of(matte, SolveSettings()), matte > 0)


# --- the comp matte


def test_comp_matte_is_the_soft_matte_inside_the_hole() -> None:
    matte = np.zeros((12, 12), np.float32)
    matte[3:9, 3:9] = 0.5
    matte[0, 0] = 0.01
    soft, cut = comp_matte_of(matte, matte > 0.05, CompSettings(), 0.05)
    np.testing.assert_array_equal(soft, np.where(matte > 0.05, matte, 0))
    assert cut == 0  # what lies under the threshold is noise
    assert soft.dtype == np.float32


@pytest.mark.parametrize("radius", [1, 2, 3, 4, 7])
def test_comp_dilate_reaches_as_far_as_solve_dilate(radius: int) -> None:
    matte = np.zeros((40, 40), np.float32)
    matte[18:21, 19] = 1
    hole = hole_of(matte, SolveSettings(solve_dilate=radius))
    soft, cut = comp_matte_of(matte, hole, CompSettings(comp_dilate=radius), 0.0)
    assert cut == 0
    np.testing.assert_array_equal(soft, hole)


def test_comp_dilate_keeps_soft_values() -> None:
    matte = RNG.random((15, 18), np.float32)
    soft, _ = comp_matte_of(matte, np.ones(matte.shape, bool), CompSettings(comp_dilate=2), 0.0)
    for y in range(15):
        for x in range(18):
            near = [
                matte[y + v, x + u]
                for v in range(-2, 3)
                for u in range(-2, 3)
                if v * v + u * u <= 4 and 0 <= y + v < 15 and 0 <= x + u < 18
            ]
            assert soft[y, x] == max(near)


def test_feather_falls_outwards() -> None:
    matte = np.zeros((60, 60), np.float32)
    matte[20:40, 20:40] = 1
    everything = np.ones(matte.shape, bool)
    soft, _ = comp_matte_of(matte, everything, CompSettings(comp_feather=5), 0.0)
    assert (soft[matte == 1] == 1).all()  # nothing of the removed object comes back
    row = soft[30, 39:]
    assert (np.diff(row[:7]) < 0).all()
    np.testing.assert_allclose(row[:7], [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0], atol=1e-6)
    assert (row[6:] == 0).all()
    away = slow_distance(matte > 0.5)
    order = np.argsort(away, axis=None)
    assert (np.diff(soft.ravel()[order]) <= 1e-6).all()
    assert (soft[away >= 6] == 0).all()
    wider, _ = comp_matte_of(matte, everything, CompSettings(comp_feather=5, comp_dilate=3), 0.0)
    np.testing.assert_allclose(wider[30, 42:49], row[:7], atol=1e-6)


def test_comp_matte_never_leaves_the_hole_and_what_was_cut_is_counted() -> None:
    matte = np.zeros((40, 40), np.float32)
    matte[15:25, 15:25] = 1
    hole = hole_of(matte, SolveSettings(solve_dilate=2))
    soft, cut = comp_matte_of(matte, hole, CompSettings(comp_dilate=4), 0.0)
    assert (soft[~hole] == 0).all()
    assert (soft[hole] == 1).all()
    assert cut == ((slow_distance(matte > 0) <= 4) & ~hole).sum() > 0
    for _ in range(30):
        matte = np.where(RNG.random((30, 30)) > 0.9, RNG.random((30, 30)), 0).astype(np.float32)
        comp = CompSettings(comp_dilate=int(RNG.integers(0, 4)), comp_feather=float(RNG.random() * 6))
        solve = SolveSettings(matte_threshold=float(RNG.random() / 2), solve_dilate=int(RNG.integers(0, 4)))
        hole = hole_of(matte, solve)
        soft, cut = comp_matte_of(matte, hole, comp, solve.matte_threshold)
        unlimited, none = comp_matte_of(matte, np.ones_like(hole), comp, solve.matte_threshold)
        assert none == 0
        assert soft.min() >= 0
        assert soft.max() <= 1
        np.testing.assert_array_equal(soft, np.where(hole, unlimited, 0))
        assert cut == ((unlimited > max(solve.matte_threshold, 1 / 255)) & ~hole).sum()


def test_empty_matte() -> None:
    blank = np.zeros((9, 9), np.float32)
    soft, cut = comp_matte_of(blank, blank > 0, CompSettings(comp_dilate=3, comp_feather=4), 0.0)
    assert not soft.any()
    assert cut == 0
