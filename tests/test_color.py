"""Plate values into the network's 0..1 and back: exact to half precision, HDR and negative values too."""

from __future__ import annotations

import numpy as np
import pytest

from ilvi_core.color import Curve

HALVES = np.arange(65536, dtype=np.uint16).view(np.float16)
FINITE = np.unique(HALVES[np.isfinite(HALVES)].astype(np.float64))
RANGES = [(0.0, 65504.0), (-65504.0, 65504.0), (-0.25, 16.0), (-1e-3, 1.0), (0.0, 1.0), (-8.0, 1.0), (-65504.0, 1.0)]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_round_trip_to_half_precision(low: float, high: float) -> None:
    values = FINITE[(low <= FINITE) & (high >= FINITE)]
    assert len(values) > 10_000
    curve = Curve.fit("linear", float(values.min()), float(values.max()))
    coded = curve.encode(values)
    assert coded.dtype == np.float32
    assert coded.min() >= 0
    assert coded.max() <= 1
    assert np.all(np.diff(coded) >= 0)
    back = curve.decode(coded)
    assert back.dtype == np.float32
    spacing = np.spacing(np.minimum(np.abs(values), 65472).astype(np.float16))  # 65504 has no next one
    half_ulp = spacing.astype(np.float64) / 2
    assert np.all(np.abs(back - values) <= half_ulp)


def test_the_whole_of_0_to_1_is_used() -> None:
    curve = Curve.fit("linear", -0.5, 40.0)
    assert curve == Curve("linear", -0.5, 40.0)
    np.testing.assert_array_equal(curve.encode(np.array([-0.5, 40.0, -9.0, 99.0])), [0, 1, 0, 1])
    np.testing.assert_allclose(curve.decode(np.array([0.0, 1.0])), [-0.5, 40.0], rtol=1e-6)


def test_the_formula() -> None:
    curve = Curve.fit("linear", -2.0, 7.0)

    def f(x: float) -> float:
        return float(np.sign(x) * np.log(1 + abs(x) / 0.02))

    for x in (-2.0, -0.3, 0.0, 0.001, 0.18, 1.0, 6.5):
        assert curve.encode(np.array(x)) == pytest.approx((f(x) - f(-2)) / (f(7) - f(-2)), abs=1e-7)


def test_dark_and_flat_clips_are_not_stretched() -> None:
    assert Curve.fit("linear", 0.01, 0.02) == Curve("linear", 0.0, 1.0)
    assert Curve.fit("linear", np.inf, -np.inf) == Curve("linear", 0.0, 1.0)  # nothing finite was seen


def test_encoded_values_are_stretched_as_they_are() -> None:
    curve = Curve.fit("encoded", -0.1, 1.4)
    values = np.linspace(-0.1, 1.4, 31, dtype=np.float32)
    coded = curve.encode(values)
    np.testing.assert_allclose(coded, np.linspace(0, 1, 31), atol=1e-6)
    np.testing.assert_allclose(curve.decode(coded), values, atol=1e-6)


def test_display_passes_through() -> None:
    curve = Curve.fit("display", -3.0, 9.0)
    assert curve == Curve()
    values = np.linspace(0, 1, 1001, dtype=np.float32).reshape(7, 11, 13)
    np.testing.assert_array_equal(curve.encode(values), values)
    np.testing.assert_array_equal(curve.decode(values), values)
    np.testing.assert_array_equal(curve.encode(np.array([-0.1, 1.1], np.float32)), [0, 1])


@pytest.mark.parametrize("curve", [Curve(), Curve("linear", -1.0, 30.0)])
def test_values_that_are_not_finite_count_as_0(curve: Curve) -> None:
    values = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)
    coded = curve.encode(values)
    np.testing.assert_array_equal(coded, np.full(4, coded[3]))
    np.testing.assert_allclose(curve.decode(coded), 0, atol=1e-7)


def test_half_and_double_input_and_any_shape() -> None:
    curve = Curve.fit("linear", 0, 8)
    values = np.array([[0.5, 2.0]], np.float16)
    for kind in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(curve.encode(values.astype(kind)), curve.encode(values))
    assert curve.encode(np.zeros((2, 0, 3), np.float32)).shape == (2, 0, 3)
