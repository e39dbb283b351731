"""The membrane against a dense solution of Laplace's equation."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from ilvi_core.smooth import smooth_fill

RNG = np.random.default_rng(3)
HOLES = {
    "box": ((30, 40), np.s_[8:22, 10:30]),
    "border": ((30, 40), np.s_[0:15, 5:40]),
    "corner to corner": ((24, 33), np.s_[0:23, 0:32]),
    "columns": ((8, 60), np.s_[:, 20:45]),
    "large": ((40, 40), np.s_[2:38, 2:38]),
    "wire": ((21, 60), np.s_[10:12, 3:57]),
    "one pixel": ((5, 5), np.s_[2, 2]),
    "one side known": ((1, 9), np.s_[0, 2:]),
}


def membrane(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Each unknown pixel is the mean of its neighbours in the picture: one linear equation each."""
    height, width = known.shape
    places = list(zip(*np.nonzero(~known), strict=True))
    number = {place: n for n, place in enumerate(places)}
    matrix, right = np.zeros((len(places),) * 2), np.zeros((len(places), image.shape[2]))
    for (y, x), n in number.items():
        for near in ((y, x + 1), (y + 1, x), (y, x - 1), (y - 1, x)):
            if 0 <= near[0] < height and 0 <= near[1] < width:
                matrix[n, n] += 1
                if near in number:
                    matrix[n, number[near]] -= 1
                else:
                    right[n] += image[near]
    out = image.astype(np.float64)
    out[~known] = np.linalg.solve(matrix, right)
    return out


@pytest.mark.parametrize("name", HOLES)
def test_against_the_dense_solution(name: str) -> None:
    shape, hole = HOLES[name]
    known = np.ones(shape, bool)
    known[hole] = False
    soft = cv2.GaussianBlur(RNG.random((*shape, 3), np.float32), (0, 0), 3).reshape(*shape, 3)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    ramp = np.stack([x / shape[1], y / shape[0], (x + y) / sum(shape)], axis=-1)
    for image in (soft, ramp, 100 * ramp - 50):
        found, exact = smooth_fill(image, known), membrane(image, known)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found[known], image[known])
        assert np.abs(found - exact).max() < 0.09 * np.ptp(image)
        assert np.abs(found - exact)[~known].mean() < 0.03 * np.ptp(image)


def test_what_lies_in_the_hole_does_not_matter_and_nothing_is_changed() -> None:
    image = RNG.random((20, 30, 3), np.float32)
    known = np.ones((20, 30), bool)
    known[5:15, 8:22] = False
    before = smooth_fill(image, known)
    dirty = np.where(known[..., None], image, np.nan).astype(np.float32)
    dirty[7, 9] = np.inf, -np.inf, 1e30
    copy, mask = dirty.copy(), known.copy()
    np.testing.assert_array_equal(smooth_fill(dirty, known), before)
    np.testing.assert_array_equal(dirty, copy)
    np.testing.assert_array_equal(known, mask)
    result = smooth_fill(image, np.ones((20, 30), bool))
    np.testing.assert_array_equal(result, image)
    assert not np.shares_memory(result, image)


def test_a_constant_stays_and_the_extremes_are_kept() -> None:
    known = RNG.random((50, 70)) > 0.9
    np.testing.assert_allclose(smooth_fill(np.full((50, 70), 0.3, np.float32), known), 0.3, atol=1e-6)
    image = RNG.random((50, 70), np.float32)
    found = smooth_fill(image, known)
    assert found.min() >= image[known].min() - 1e-6
    assert found.max() <= image[known].max() + 1e-6


def test_nothing_known() -> None:
    for shape in ((6, 8), (6, 8, 3)):
        found = smooth_fill(np.full(shape, np.nan, np.float32), np.zeros((6, 8), bool))
        np.testing.assert_array_equal(found, np.zeros(shape, np.float32))


def test_one_known_pixel_fills_everything() -> None:
    image = RNG.random((33, 65, 3), np.float32)
    known = np.zeros((33, 65), bool)
    known[32, 0] = True
    np.testing.assert_allclose(smooth_fill(image, known), np.broadcast_to(image[32, 0], image.shape), atol=1e-5)


def test_shapes_of_one_to_four_channels_agree() -> None:
    image = RNG.random((19, 27, 4), np.float32)
    known = np.ones((19, 27), bool)
    known[4:12, 6:20] = False
    whole = smooth_fill(image, known)
    for count in (1, 2, 3, 4):
        np.testing.assert_allclose(smooth_fill(image[..., :count], known), whole[..., :count], atol=1e-6)
    np.testing.assert_allclose(smooth_fill(image[..., 2], known), whole[..., 2], atol=1e-6)
    assert smooth_fill(image.astype(np.float64), known).dtype == np.float32


def test_a_large_hole_is_smooth_and_quick() -> None:
    known = np.ones((256, 384), bool)
    known[20:236, 20:364] = False
    ramp = np.repeat(np.linspace(0, 1, 384, dtype=np.float32)[None], 256, axis=0)
    begin = time.process_time()
    found = smooth_fill(ramp, known)
    assert time.process_time() - begin < 2
    assert np.abs(found - ramp).max() < 0.03
