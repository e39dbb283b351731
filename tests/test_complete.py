"""Completion of flow, chains and the fusion of donors, each against what is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ilvi_core.complete import AGREE, MODELS, Neighbours, fitted_homography, plane_flow, roughness, trusted_flow
from ilvi_core.direct import sources
from ilvi_core.fuse import HOLD, Candidates, diffuse, fuse, main_donor, ring_difference, take
from ilvi_core.propagate import chain, clear_at, clear_masks, disagreement, first_fill, follow, reach, sample_at

HEIGHT, WIDTH = 72, 100
RNG = np.random.default_rng(4)


def hole(top: int = 24, left: int = 36, size: int = 24) -> np.ndarray:
    out = np.zeros((HEIGHT, WIDTH), bool)
    out[top : top + size, left : left + size] = True
    return out


def affine_flow(zoom: float = 0.01) -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return np.stack([3 + zoom * x - 0.004 * y, -1 + 0.006 * x + zoom * y], -1)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("zoom", [0.0, 0.01])
def test_a_flow_that_the_model_can_show_is_carried_on(model: str, zoom: float) -> None:
    flow, unknown = affine_flow(zoom), hole()
    spoiled = np.where(unknown[..., None], np.float32(40), flow)
    found = MODELS[model](spoiled, ~unknown)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[~unknown], flow[~unknown])
    np.testing.assert_allclose(found[unknown], flow[unknown], atol=0.1)


@pytest.mark.parametrize("model", MODELS)
def test_nothing_to_fit_to_is_no_reason_to_fail(model: str) -> None:
    flow = affine_flow()
    for trusted in (np.zeros((HEIGHT, WIDTH), bool), hole(0, 0, 2)):
        assert np.isfinite(MODELS[model](flow, trusted)).all()


def test_a_plane_is_found_among_outliers() -> None:
    matrix = np.array([[1.02, 0.01, 2.0], [-0.01, 0.99, 1.0], [1e-4, -5e-5, 1.0]])
    flow = plane_flow(matrix, HEIGHT, WIDTH)
    flow[::3, ::3] += RNG.uniform(5, 9, flow[::3, ::3].shape).astype(np.float32)
    found = fitted_homography(flow, np.ones((HEIGHT, WIDTH), bool))
    assert found is not None
    np.testing.assert_allclose(plane_flow(found, HEIGHT, WIDTH), plane_flow(matrix, HEIGHT, WIDTH), atol=0.05)
    assert fitted_homography(flow, hole(0, 0, 4)) is None


def test_flow_is_trusted_away_from_both_holes_and_where_it_comes_back() -> None:
    there, back = np.full((2, HEIGHT, WIDTH, 2), 6, np.float32) * np.array([1, -1], np.float32)[:, None, None, None]
    there[..., 1] = back[..., 1] = 0
    back[60:, :, 0] = 3
    trusted = trusted_flow(there, back, hole(), hole(4, 40, 10))
    assert not trusted[hole()].any()
    assert not trusted[4:14, 34:44].any()
    assert not trusted[61:].any()
    assert trusted[30, 10]


def test_two_planes_are_told_apart_in_the_hole() -> None:
    """Above row 40 the scene moves 2 px, below at least .5 px more: to one plane within 1 px it would be the same."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    flow = np.stack([np.where(y < 40, 2, 2.5 + 0.02 * (y - 40)), 0 * x], -1).astype(np.float32)
    unknown = hole(24, 36, 30)
    found = MODELS["layers"](np.where(unknown[..., None], np.float32(9), flow), ~unknown)
    miss = np.linalg.norm(found - flow, axis=-1)
    assert miss[unknown & (np.abs(y - 40) > 5)].max() < 0.05
    assert miss[unknown].mean() < 0.05
    one = MODELS["homography"](np.where(unknown[..., None], np.float32(9), flow), ~unknown)
    assert np.linalg.norm(one - flow, axis=-1)[unknown].mean() > 0.1


def test_roughness_is_what_no_plane_explains() -> None:
    everywhere = np.ones((HEIGHT, WIDTH), bool)
    assert roughness(affine_flow(0.01), everywhere) < 1e-3
    noisy = affine_flow(0.01) + RNG.normal(0, 0.1, (HEIGHT, WIDTH, 2)).astype(np.float32)
    assert 0.08 < roughness(noisy, everywhere) < 0.18
    assert roughness(noisy, ~everywhere) == AGREE
    assert roughness(noisy[:10], everywhere[:10]) == AGREE


def constant(count: int, across: float) -> Neighbours:
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    flow[..., 0] = across
    return Neighbours([flow] * (count - 1), [-flow] * (count - 1))


def test_chains_are_sums_of_their_steps() -> None:
    found = chain(2, constant(6, 1.25), (1, 3, -2, 9, -9), 6)
    assert sorted(found) == [-2, 1, 3]
    for offset, flow in found.items():
        np.testing.assert_allclose(flow[..., 0], 1.25 * offset, atol=1e-5)


def test_hole_pixels_are_followed_to_the_first_frame_that_knows_them() -> None:
    """The scene moves 4 px a frame to the right and the hole stays: the pixel at x is out of it after so many steps."""
    count, unknown = 10, hole()
    known = np.repeat(~unknown[None], count, 0)
    picture = RNG.random((count, HEIGHT, WIDTH, 3), np.float32)
    found = follow(0, constant(count, 4.0), 1, picture, clear_masks(known), unknown)
    x = np.nonzero(unknown)[1]
    steps = np.ceil((36 + 24 - x) / 4).astype(int)  # the first pixel beyond the hole: no margin is kept from it
    np.testing.assert_array_equal(found.offset, steps)
    np.testing.assert_array_equal(found.address[:, 0], x + 4 * steps)
    y = np.nonzero(unknown)[0]
    np.testing.assert_array_equal(found.colour, picture[steps, y, x + 4 * steps])
    backwards = follow(0, constant(count, 4.0), -1, picture, clear_masks(known), unknown)
    assert not backwards.found.any()
    assert disagreement([(found, backwards)]) == 0
    assert reach((found, backwards)) == (0, max(steps))
    fill, covered = first_fill(picture[:1], known[:1], [(found, backwards)])
    np.testing.assert_array_equal(covered[0], unknown)
    np.testing.assert_array_equal(fill[0][unknown], found.colour)


@pytest.mark.parametrize("count", [0, 1, 1500])
def test_sampling_any_number_of_points(count: int) -> None:
    values = RNG.random((HEIGHT, WIDTH, 3), np.float32)
    places = np.stack([RNG.integers(0, WIDTH, count), RNG.integers(0, HEIGHT, count)], -1).astype(np.float32)
    expected = values[places[:, 1].astype(int), places[:, 0].astype(int)]
    np.testing.assert_array_equal(sample_at(values, places), expected)


def test_taking_whole_pixels_is_exact_and_the_hole_is_no_donor() -> None:
    picture = RNG.random((3, HEIGHT, WIDTH), np.float32)
    clear = np.float32(~hole())
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    colour, valid = take(
        torch.from_numpy(picture), torch.from_numpy(clear), torch.from_numpy(np.stack([x + 5, y], -1)[None])
    )
    np.testing.assert_allclose(colour[0, :, :, :-5], picture[:, :, 5:], atol=2e-4)
    assert not valid[0, :, -5:].any()
    np.testing.assert_array_equal(valid[0, :, :-5], clear[:, 5:] > 0)


def test_what_is_diffused_keeps_what_is_there_and_a_constant() -> None:
    weight = torch.from_numpy(np.float32(~hole()))[None, None]
    values = torch.from_numpy(RNG.random((1, 2, HEIGHT, WIDTH), np.float32))
    found = diffuse(values, weight)
    torch.testing.assert_close(found * weight, values * weight)
    torch.testing.assert_close(diffuse(torch.full_like(values, 0.3), weight), torch.full_like(values, 0.3))
    assert not diffuse(values, torch.zeros_like(weight)).any()


def made(colour: np.ndarray, offset: np.ndarray) -> Candidates:
    """Donors of one colour each. colour: (K, 3), offset: (K,)."""
    count = len(colour)
    size = (count, HEIGHT, WIDTH)
    return Candidates(
        torch.from_numpy(np.float32(colour))[:, :, None, None].expand(-1, -1, HEIGHT, WIDTH),
        torch.ones(size, dtype=torch.bool),
        torch.zeros((*size, 2)),
        torch.from_numpy(np.float32(offset))[:, None, None].expand(size),
        torch.zeros(size),
    )


def test_a_step_of_colour_is_made_good() -> None:
    """A donor that is .05 too dark is brightened by that, in the hole too, and then meets the ring."""
    plate, unknown = torch.full((3, HEIGHT, WIDTH), 0.5), torch.from_numpy(hole())
    donors = made(np.full((2, 3), 0.45), np.array([1, -1]))
    added, error = ring_difference(donors.colour, donors.valid, plate, ~unknown)
    torch.testing.assert_close(added, torch.full_like(added, 0.05))
    assert float(error.max()) < 1e-8
    torch.testing.assert_close(fuse(donors, added, error, unknown).colour, torch.full((3, 576), 0.5))


def test_most_donors_win_and_the_others_are_told() -> None:
    unknown = torch.from_numpy(hole())
    colour = np.array([[0.4] * 3] * 5 + [[0.9] * 3] * 2)
    donors = made(colour, np.ones(7))
    nothing = torch.zeros((7, 3, HEIGHT, WIDTH)), torch.zeros((7, HEIGHT, WIDTH))
    fused = fuse(donors, *nothing, unknown)
    assert float((fused.colour - 0.4).abs().max()) < 0.01
    main = main_donor(fused.weight, donors.offset[:, unknown], donors.valid, unknown, torch.full((576,), -1))
    assert (main < 5).all()
    assert float(fused.wrong.min()) > 0.05
    agreeing = fuse(made(colour[:5], np.ones(5)), nothing[0][:5], nothing[1][:5], unknown)
    assert float(agreeing.wrong.max()) < 1e-8


def test_what_no_donor_shows_is_told() -> None:
    unknown = torch.from_numpy(hole())
    donors = made(np.full((1, 3), 0.4), np.ones(1))
    donors.valid[:] = False
    fused = fuse(donors, torch.zeros((1, 3, HEIGHT, WIDTH)), torch.zeros((1, HEIGHT, WIDTH)), unknown)
    assert torch.isinf(fused.wrong).all()
    assert torch.isfinite(fused.colour).all()


def test_the_source_of_the_frame_before_stays_until_another_counts_much_more() -> None:
    unknown = torch.from_numpy(hole())
    valid, count = torch.ones((3, HEIGHT, WIDTH), dtype=torch.bool), 24 * 24
    source = torch.tensor([7.0, 9.0, 9.0])[:, None].expand(3, count)
    for ratio, kept in ((0.9 * HOLD, True), (1.1 * HOLD, False)):
        weight = torch.tensor([1.0, 0.4 * ratio, 0.6 * ratio])[:, None].expand(3, count) / (1 + ratio)
        main = main_donor(weight, source, valid, unknown, torch.full((count,), 7))
        assert (main == (0 if kept else 2)).all()
        assert (main_donor(weight, source, valid, unknown, torch.full((count,), -1)) == 2).all()


def test_frames_beside_each_other_share_their_sources() -> None:
    assert sources(10, 60) == [9, 11, 8, 12, 4, 16, 0, 20, 24, 28]
    assert sources(0, 3) == [1, 2]
    assert sources(10, 60, (0, 30))[-3:] == [32, 40, 48]  # the last of its pixels is known 30 frames on
    assert sources(10, 50, (0, 35))[-1] == 49
    assert set(sources(30, 60, painted=(3, 5, 57, 59))) - set(sources(30, 60)) == {5, 57}
    for t in range(30, 50):
        here, then = set(sources(t, 80)), set(sources(t + 1, 80))
        assert len({s for s in here & then if s % 4 == 0}) >= 8


def test_a_point_is_clear_when_all_its_pixels_are() -> None:
    clear = clear_masks(np.stack([~hole(), np.ones((HEIGHT, WIDTH), bool)]))
    # the hole begins at 36: half a pixel before it one of a sample's pixels is unknown, a whole one before it none is
    places = np.array([[10, 10], [35.5, 30], [35, 30], [40, 40], [40, 40], [-1, 3], [WIDTH - 1, HEIGHT - 1]])
    frames = np.array([0, 0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(clear_at(clear, frames, places), [True, False, True, False, True, False, True])
