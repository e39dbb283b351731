"""Grain: measured on the plate, given to what has none of it, and to nothing else."""

import cv2
import numpy as np
import pytest

from ilvi_core.grain import fine_part, measure, regrained


def plate(blur=0.0, sigma=0.02, seed=1):
    """A soft gradient with noise, and a hole in it."""
    y, x = np.mgrid[0:160, 0:200].astype(np.float32)
    soft = np.stack([0.2 + x / 400, 0.3 + y / 400, 0.5 + 0 * x], -1)
    noise = np.random.default_rng(seed).standard_normal(soft.shape).astype(np.float32)
    if blur:
        noise = cv2.GaussianBlur(noise, (0, 0), blur)
        noise /= noise.std()
    known = np.ones(soft.shape[:2], bool)
    known[50:110, 60:140] = False
    return (soft + sigma * noise).clip(0, 1), soft, known


@pytest.mark.parametrize("blur", [0.0, 0.8])
def test_a_smooth_fill_gets_the_plates_grain(blur):
    noisy, soft, known = plate(blur)
    fill = np.where(known[..., None], noisy, soft)
    done = regrained(fill, noisy, known, 7)
    inner = np.zeros_like(known)
    inner[60:100, 70:130] = True
    wanted, got = fine_part(noisy)[:40].std(), fine_part(done)[inner].std()
    assert got == pytest.approx(wanted, rel=0.15)
    np.testing.assert_array_equal(done[known], fill[known])
    np.testing.assert_array_equal(done, regrained(fill, noisy, known, 7))  # the same every time
    assert (done != regrained(fill, noisy, known, 8)).any()  # and it moves


def test_what_has_its_own_grain_gets_no_more():
    noisy, _, known = plate()
    done = regrained(noisy, noisy, known, 1)
    assert fine_part(done)[~known].std() == pytest.approx(fine_part(noisy)[~known].std(), rel=0.1)


def test_grain_follows_brightness():
    _, soft, known = plate()
    noise = np.random.default_rng(2).standard_normal(soft.shape).astype(np.float32)
    noisy = soft + noise * 0.04 * (soft.mean(-1, keepdims=True) - soft.mean(-1).min())
    grain = measure(noisy.clip(0, 1), known)
    assert grain is not None
    assert (np.diff(grain.brightness) > 0).all()
    assert grain.sigma[-1].mean() > 1.5 * grain.sigma[0].mean()


def test_a_plate_with_nothing_known_round_the_hole_leaves_the_fill():
    noisy, soft, known = plate()
    assert regrained(soft, noisy, np.zeros_like(known), 1) is soft
