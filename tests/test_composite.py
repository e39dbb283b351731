"""The plate keeps its bits where the comp matte is 0; inside, the fill arrives in the plate's own units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fake_source import a_picture

from ilvi_core.color import Curve
from ilvi_core.composite import composite, enlarge, match_edge, shown
from ilvi_core.host.job import CompSettings, SolveSettings
from ilvi_core.pictures import Box, Picture

RNG = np.random.default_rng(2)
HALVES = np.arange(65536, dtype=np.uint16).view(np.float16).reshape(256, 256)  # every half, every NaN among them


def bits(array: np.ndarray) -> np.ndarray:
    return array.view(f"u{array.dtype.itemsize}")


def wild(kind: Any, height: int, width: int) -> np.ndarray:
    """Any bit pattern of that dtype."""
    size = np.dtype(kind).itemsize
    return RNG.integers(0, 256, (height, width, 3 * size), dtype=np.uint8).view(kind)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float16, np.float32])
@pytest.mark.parametrize("match", [False, True])
def test_bits_are_kept_where_the_comp_matte_is_0(kind: Any, match: bool) -> None:
    pixels = wild(kind, 48, 64)
    matte = np.zeros((48, 64), np.float32)
    matte[10:20, 30:50] = 1
    matte[20:24, 30:50] = 0.4
    picture = a_picture(pixels)
    curve = Curve.fit(picture.encoding, -4, 100)
    fill = RNG.random((24, 32, 3), np.float32)
    result, cut = composite(
        picture, matte, fill, Box(0, 0, 64, 48), curve, SolveSettings(solve_dilate=3), CompSettings(match_edge=match)
    )
    assert cut == 0
    for n, name in enumerate("RGB"):
        plane = result.planes[name]
        assert plane.dtype == kind
        np.testing.assert_array_equal(bits(plane)[matte == 0], bits(pixels[..., n].copy())[matte == 0])
        assert np.isfinite(plane[matte > 0].astype(np.float64)).all()
        assert (bits(plane) != bits(pixels[..., n].copy()))[matte == 1].mean() > 0.9
    np.testing.assert_array_equal(bits(picture.planes["R"]), bits(pixels[..., 0].copy()))  # the plate is as it was


def test_every_half_survives() -> None:
    picture = a_picture(np.stack([HALVES, HALVES.T, HALVES[::-1]], axis=-1))
    matte = np.zeros((256, 256), np.float32)
    matte[100:110, 100:110] = 1
    fill, region = np.full((128, 128, 3), 0.5, np.float32), Box(0, 0, 256, 256)
    curve = Curve.fit("linear", -65504, 65504)
    result, _ = composite(picture, matte, fill, region, curve, SolveSettings(), CompSettings(comp_feather=4))
    for name, plane in picture.planes.items():
        np.testing.assert_array_equal(bits(result.planes[name])[matte == 0], bits(plane)[matte == 0])
        np.testing.assert_allclose(result.planes[name][matte == 1], 0, atol=1e-6)


@pytest.mark.parametrize("value", [-0.5, 0.0, 0.02, 0.18, 1.0, 60.0, 4000.0])
def test_the_fill_is_decoded_in_linear_light(value: float) -> None:
    curve = Curve.fit("linear", -1.0, 5000.0)
    picture = a_picture(np.full((20, 30, 3), 0.25, np.float32))
    matte = np.zeros((20, 30), np.float32)
    matte[5:10, 5:10] = 1
    matte[10:12, 5:10] = 0.5
    coded = np.full((10, 15, 3), curve.encode(np.array(value)), np.float32)
    result, _ = composite(picture, matte, coded, Box(0, 0, 30, 20), curve, SolveSettings(), CompSettings())
    np.testing.assert_allclose(result.planes["G"][matte == 1], value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(result.planes["G"][matte == 0.5], (value + 0.25) / 2, rtol=1e-4, atol=1e-6)


def test_integer_plates_are_rounded() -> None:
    picture = a_picture(np.zeros((8, 8, 3), np.uint8))
    matte = np.ones((8, 8), np.float32)
    matte[0] = 0
    for level in (0.0, 0.2, 0.5, 0.7, 1.0):
        fill = np.full((8, 8, 3), level, np.float32)
        result, _ = composite(picture, matte, fill, Box(0, 0, 8, 8), Curve(), SolveSettings(), CompSettings())
        assert set(np.unique(result.planes["B"][1:]).tolist()) == {int(np.rint(level * 255))}


@pytest.mark.parametrize(
    ("data", "region"),
    [
        (Box(-6, -4, 40, 30), Box(0, 0, 16, 12)),
        (Box(-6, -4, 40, 30), Box(-6, -4, 40, 30)),
        (Box(100, 200, 40, 30), Box(104, 203, 20, 20)),
        (Box(3, 5, 20, 12), Box(-10, -10, 60, 50)),  # this frame's data window is smaller than the region
    ],
)
def test_the_fill_lands_where_its_region_is(data: Box, region: Box) -> None:
    """Overscan, other origins, a data window that moves: each plate pixel gets the fill of its own place."""
    fill = RNG.random((region.height, region.width, 3), np.float32)
    picture = a_picture(np.zeros((data.height, data.width, 3), np.float32), data, Box(0, 0, 32, 24), "display")
    matte = np.zeros((data.height, data.width), np.float32)
    for y in range(data.height):
        for x in range(data.width):
            u, v = data.x + x - region.x, data.y + y - region.y
            matte[y, x] = 0 <= u < region.width and 0 <= v < region.height and (x + y) % 3 == 0
    result, _ = composite(picture, matte, fill, region, Curve(), SolveSettings(), CompSettings())
    assert (result.data_window, result.display_window) == (data, Box(0, 0, 32, 24))
    for y, x in zip(*np.nonzero(matte), strict=True):
        expected = fill[data.y + y - region.y, data.x + x - region.x]
        np.testing.assert_allclose([result.planes[c][y, x] for c in "RGB"], expected, atol=1e-6)
    assert (result.rgb()[matte == 0] == 0).all()


def test_cut_pixels_are_counted() -> None:
    picture = a_picture(np.zeros((20, 20, 3), np.uint8))
    matte = np.zeros((20, 20), np.float32)
    matte[10, 10] = 1
    fill = np.ones((20, 20, 3), np.float32)
    result, cut = composite(
        picture, matte, fill, Box(0, 0, 20, 20), Curve(), SolveSettings(solve_dilate=1), CompSettings(comp_dilate=2)
    )
    assert cut == 13 - 5
    assert (result.planes["R"] > 0).sum() == 5


# --- the edge


def test_match_edge_removes_a_constant_offset() -> None:
    plate = RNG.random((40, 60, 3), np.float32) * 0.5 + 0.25
    known = np.ones((40, 60), bool)
    known[10:30, 15:45] = False
    offset = np.array([0.1, -0.05, 0.2], np.float32)
    found = match_edge(plate - offset, plate, known)
    np.testing.assert_allclose(found[~known], plate[~known], atol=2e-3)
    untouched = plate.copy()
    for mask in (np.ones_like(known), np.zeros_like(known)):
        np.testing.assert_array_equal(match_edge(plate, plate * 0, mask), untouched)


def test_match_edge_takes_nothing_from_inside_the_hole() -> None:
    fill, plate = RNG.random((2, 30, 30, 3), np.float32)
    known = np.ones((30, 30), bool)
    known[8:20, 8:20] = False
    other = plate.copy()
    other[~known] = 50.0
    np.testing.assert_allclose(match_edge(fill, plate, known), match_edge(fill, other, known), atol=1e-6)


def test_match_edge_in_the_composite() -> None:
    pixels = np.full((40, 40, 3), 0.5, np.float32)
    matte = np.zeros((40, 40), np.float32)
    matte[12:28, 12:28] = 1
    pixels[matte == 1] = 0.9  # what is removed
    picture = a_picture(pixels, encoding="display")
    fill = np.full((20, 20, 3), 0.4, np.float32)
    for match, expected in ((False, 0.4), (True, 0.5)):
        comp, region = CompSettings(match_edge=match), Box(0, 0, 40, 40)
        result, _ = composite(picture, matte, fill, region, Curve(), SolveSettings(solve_dilate=2), comp)
        np.testing.assert_allclose(result.planes["R"][matte == 1], expected, atol=2e-3)


# --- enlarging


def test_enlarge() -> None:
    fill = RNG.random((7, 9, 3), np.float32)
    assert enlarge(fill, 9, 7) is fill
    assert enlarge(fill, 27, 14).shape == (14, 27, 3)
    np.testing.assert_allclose(enlarge(np.full_like(fill, 0.3), 31, 22), 0.3, atol=1e-6)
    # no shift: a ramp stays where it is
    ramp = np.repeat((np.arange(16, dtype=np.float32)[None, :, None] + 0.5) / 16, 8, axis=0).repeat(3, axis=2)
    large = enlarge(ramp, 64, 8)
    np.testing.assert_allclose(large[4, 12:-12, 0], (np.arange(64)[12:-12] + 0.5) / 64, atol=4e-3)


def test_views_show_the_fill_the_matte_or_both():
    plate = np.full((4, 6, 3), 0.5, np.float32)
    fill, amount = np.full((4, 6, 3), 0.25, np.float32), np.zeros((4, 6), np.float32)
    amount[1, 2] = 1.0
    picture = Picture.from_array(plate)
    views = {view: shown(picture, fill, amount, view).rgb() for view in ("result", "fill", "matte", "overlay")}
    assert views["result"][1, 2].tolist() == [0.25, 0.25, 0.25]
    assert views["result"][0, 0].tolist() == [0.5, 0.5, 0.5]
    assert (views["fill"] == 0.25).all()
    assert views["matte"][..., 1].tolist() == amount.tolist()
    assert views["overlay"][1, 2].tolist() == [0.75, 0.25, 0.25]
    assert views["overlay"][0, 0].tolist() == [0.5, 0.5, 0.5]
