"""Each loss against a slow loop written from its equation; the warp against its definition."""

import math

import numpy as np
import pytest
import torch

from ilvi_core import losses
from ilvi_core.warp import pixel_grid, warp

N, C, H, W = 2, 3, 6, 7


@pytest.fixture
def rand():
    generator = torch.Generator().manual_seed(7)
    return lambda *shape: torch.rand(*shape, generator=generator)


def masked_mean(difference, mask):
    """The slow loop: every pixel and channel, weighted by the squared mask."""
    total, weight = 0.0, 0.0
    n, c, h, w = difference.shape
    for i in range(n):
        for y in range(h):
            for x in range(w):
                m = float(mask[i, 0, y, x])
                weight += m * m * c
                for k in range(c):
                    total += (m * float(difference[i, k, y, x])) ** 2
    return total / max(weight, c if weight < 1 else weight)


def bilinear(picture, y, x):
    """picture: (C, H, W); edge pixels repeated outside."""
    height, width = picture.shape[1:]
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    y0, x0 = min(math.floor(y), height - 2), min(math.floor(x), width - 2)
    fy, fx = y - y0, x - x0
    return (
        picture[:, y0, x0] * (1 - fy) * (1 - fx)
        + picture[:, y0, x0 + 1] * (1 - fy) * fx
        + picture[:, y0 + 1, x0] * fy * (1 - fx)
        + picture[:, y0 + 1, x0 + 1] * fy * fx
    )


def slow_warp(picture, flow):
    warped, inside = torch.zeros_like(picture), torch.zeros(len(picture), 1, *picture.shape[2:])
    for i in range(len(picture)):
        for y in range(picture.shape[2]):
            for x in range(picture.shape[3]):
                there_x, there_y = x + float(flow[i, 0, y, x]), y + float(flow[i, 1, y, x])
                inside[i, 0, y, x] = 0 <= there_x <= picture.shape[3] - 1 and 0 <= there_y <= picture.shape[2] - 1
                warped[i, :, y, x] = bilinear(picture[i], there_y, there_x)
    return warped, inside


def test_warp_is_backward_bilinear_and_knows_what_left_the_frame(rand):
    picture, flow = rand(N, C, H, W), (rand(N, 2, H, W) - 0.5) * 6
    warped, inside = warp(picture, flow, pixel_grid(H, W))
    slow, slow_inside = slow_warp(picture, flow)
    torch.testing.assert_close(warped, slow, atol=1e-5, rtol=0)
    assert torch.equal(inside, slow_inside)
    assert 0 < inside.mean() < 1


def test_warp_by_whole_pixels_is_a_shift():
    picture = torch.arange(20.0).reshape(1, 1, 4, 5)
    flow = torch.zeros(1, 2, 4, 5)
    flow[:, 0] = 2
    warped, inside = warp(picture, flow, pixel_grid(4, 5))
    assert torch.allclose(warped[..., :3], picture[..., 2:])
    assert inside[0, 0, 0].tolist() == [1, 1, 1, 0, 0]


def test_reconstruction_is_eq_3_over_the_known_pixels(rand):
    image, target, known = rand(N, C, H, W), rand(N, C, H, W), (rand(N, 1, H, W) > 0.4).float()
    expected = masked_mean(image - target, known)
    assert float(losses.reconstruction_loss(image, target, known)) == pytest.approx(expected, rel=1e-5)


def test_reconstruction_does_not_see_the_hole_or_its_size(rand):
    image, target = rand(1, C, H, W), rand(1, C, H, W)
    known = torch.ones(1, 1, H, W)
    known[..., :3] = 0
    changed = target.clone()
    changed[..., :3] = 9
    assert torch.equal(
        losses.reconstruction_loss(image, target, known), losses.reconstruction_loss(image, changed, known)
    )
    # a constant error costs the same whatever the hole
    whole = torch.ones(1, 1, H, W)
    assert float(losses.reconstruction_loss(image + 0.5, image, known)) == pytest.approx(0.25)
    assert float(losses.reconstruction_loss(image + 0.5, image, whole)) == pytest.approx(0.25)


def test_flow_loss_is_eq_4(rand):
    flow, target, believed = rand(N, 2, H, W), rand(N, 2, H, W), (rand(N, 1, H, W) > 0.5).float()
    expected = masked_mean(flow - target, believed)
    assert float(losses.flow_loss(flow, target, believed)) == pytest.approx(expected, rel=1e-5)


def test_consistency_is_eq_5_outside_the_reliable_flow_and_inside_the_frame(rand):
    image_i, image_j = rand(N, C, H, W), rand(N, C, H, W)
    flow, reliable = (rand(N, 2, H, W) - 0.5) * 5, (rand(N, 1, H, W) > 0.5).float()
    warped, inside = slow_warp(image_j, flow)
    expected = masked_mean(warped - image_i, (1 - reliable) * inside)
    value = losses.consistency_loss(image_i, image_j, flow, reliable, pixel_grid(H, W))
    assert float(value) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("gradient", "i_learns", "j_learns"), [("both", 1, 1), ("warped", 0, 1), ("reference", 1, 0)])
def test_consistency_gradient_goes_where_the_setting_says_and_always_to_the_flow(rand, gradient, i_learns, j_learns):
    image_i, image_j = rand(N, C, H, W).requires_grad_(), rand(N, C, H, W).requires_grad_()
    flow = ((rand(N, 2, H, W) - 0.5) * 2).requires_grad_()
    losses.consistency_loss(image_i, image_j, flow, torch.zeros(N, 1, H, W), pixel_grid(H, W), gradient).backward()
    assert (image_i.grad is not None and bool(image_i.grad.any())) == bool(i_learns)
    assert (image_j.grad is not None and bool(image_j.grad.any())) == bool(j_learns)
    assert flow.grad.any()


def test_perceptual_is_eq_6_with_the_mask_resized_by_area(rand):
    known = (rand(N, 1, 8, 8) > 0.3).float()
    features = {"relu1_2": rand(N, 4, 8, 8), "relu2_2": rand(N, 5, 4, 4)}
    targets = {"relu1_2": rand(N, 4, 8, 8), "relu2_2": rand(N, 5, 4, 4)}
    small = torch.zeros(N, 1, 4, 4)
    for n in range(N):
        for y in range(4):
            for x in range(4):
                small[n, 0, y, x] = known[n, 0, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean()
    expected = masked_mean(features["relu1_2"] - targets["relu1_2"], known) + masked_mean(
        features["relu2_2"] - targets["relu2_2"], small
    )
    assert float(losses.perceptual_loss(features, targets, known)) == pytest.approx(expected, rel=1e-5)


def test_an_empty_mask_costs_nothing_and_gives_finite_gradients(rand):
    image = rand(1, C, H, W).requires_grad_()
    loss = losses.reconstruction_loss(image, rand(1, C, H, W), torch.zeros(1, 1, H, W))
    loss.backward()
    assert loss.item() == 0
    assert np.isfinite(image.grad.numpy()).all()


def test_the_sum_is_eq_2():
    terms = {"reconstruction": torch.tensor(2.0), "flow": torch.tensor(3.0), "consistency": torch.tensor(5.0)}
    weights = {"reconstruction": 1.0, "flow": 0.1, "consistency": 1.0, "perceptual": 0.01}
    assert float(losses.weighted_sum(terms, weights)) == pytest.approx(2 + 0.3 + 5)


def test_averaged_over_the_frame_each_term_is_the_papers_norm_up_to_a_constant(rand):
    """What the mask shuts out counts 0, and counts: the value is the norm over N x C x H x W, whatever the mask."""
    image, other, known = rand(N, C, H, W), rand(N, C, H, W), (rand(N, 1, H, W) > 0.4).float()
    flow, target, grid = rand(N, 2, H, W), rand(N, 2, H, W), pixel_grid(H, W)
    soft = rand(N, 1, H, W)
    _, inside = warp(other, flow, grid)
    warped = slow_warp(other, flow)[0]
    cell = known[:, :, :6, :6].reshape(N, 1, 3, 2, 3, 2).mean((3, 5))  # a feature map of half the size
    features, targets = (
        {"relu1_2": rand(N, 4, 6, 6), "relu2_2": rand(N, 5, 3, 3)},
        {"relu1_2": rand(N, 4, 6, 6), "relu2_2": rand(N, 5, 3, 3)},
    )
    square = known[:, :, :6, :6]

    def norm(difference, mask):
        return float(((mask * difference) ** 2).mean())

    expected = {
        "reconstruction": norm(image - other, known),
        "soft": norm(image - other, soft),
        "flow": norm(flow - target, known),
        "consistency": norm(warped - image, (1 - known) * inside),
        "perceptual": norm(features["relu1_2"] - targets["relu1_2"], square)
        + norm(features["relu2_2"] - targets["relu2_2"], cell),
        "guard": norm(image - other, 1 - known),
    }
    found = {
        "reconstruction": losses.reconstruction_loss(image, other, known, average="frame"),
        "soft": losses.reconstruction_loss(image, other, soft, average="frame"),
        "flow": losses.flow_loss(flow, target, known, average="frame"),
        "consistency": losses.consistency_loss(image, other, flow, known, grid, average="frame"),
        "perceptual": losses.perceptual_loss(features, targets, square, average="frame"),
        "guard": losses.guard_loss(image, other, known, average="frame"),
    }
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected, rel=1e-4)
    assert float(losses.reconstruction_loss(image, other, torch.zeros(N, 1, H, W), average="frame")) == 0


def test_the_terms_of_two_directions_are_averaged_name_by_name():
    found = [{"flow": torch.tensor(2.0), "consistency": torch.tensor(5.0)}, {"flow": torch.tensor(4.0)}]
    found[1]["consistency"] = torch.tensor(8.0)
    assert losses.mean_terms(found) == {"flow": 3.0, "consistency": 6.5}
    assert losses.mean_terms(found[:1]) == found[0]


def test_guard_pulls_the_hole_alone_towards_the_smooth_fill(rand):
    image, smooth, known = rand(N, C, H, W), rand(N, C, H, W), (rand(N, 1, H, W) > 0.4).float()
    expected = masked_mean(image - smooth, 1 - known)
    assert float(losses.guard_loss(image, smooth, known)) == pytest.approx(expected, rel=1e-5)
