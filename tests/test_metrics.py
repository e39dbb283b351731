"""PSNR and SSIM against slow loops from their definitions, against scikit-image, and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ilvi_core.evaluate.metrics import psnr, ssim, ssim_map, video_psnr, video_ssim


def images(height: int = 19, width: int = 23, channels: int | None = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.Generator(np.random.PCG64(7))
    shape = (height, width) if channels is None else (height, width, channels)
    a = rng.random(shape, np.float32)
    return a, np.clip(a + rng.normal(0, 0.15, shape), 0, 1).astype(np.float32)


def slow_ssim_at(a: np.ndarray, b: np.ndarray, row: int, column: int) -> float:
    """Wang et al. 2004, eqs. 13-16, term by term, for one pixel whose window lies inside the image."""
    per_channel = []
    for channel in range(a.shape[2]):
        weights, xs, ys = [], [], []
        for i in range(-5, 6):
            for j in range(-5, 6):
                weights.append(math.exp(-(i * i + j * j) / (2 * 1.5**2)))
                xs.append(float(a[row + i, column + j, channel]))
                ys.append(float(b[row + i, column + j, channel]))
        w = [value / sum(weights) for value in weights]
        mx, my = sum(p * x for p, x in zip(w, xs)), sum(p * y for p, y in zip(w, ys))
        vx, vy = sum(p * (x - mx) ** 2 for p, x in zip(w, xs)), sum(p * (y - my) ** 2 for p, y in zip(w, ys))
        cov = sum(p * (x - mx) * (y - my) for p, x, y in zip(w, xs, ys))
        c1, c2 = 0.01**2, 0.03**2
        per_channel.append((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return sum(per_channel) / len(per_channel)


def test_psnr_is_its_definition() -> None:
    a, b = images()
    total = 0.0
    for x, y in zip(a.ravel().tolist(), b.ravel().tolist()):
        total += (x - y) ** 2
    assert psnr(a, b) == pytest.approx(10 * math.log10(1 / (total / a.size)), abs=1e-9)
    assert psnr(np.zeros((4, 4), np.float32), np.full((4, 4), 0.1, np.float32)) == pytest.approx(20, abs=1e-5)


def test_psnr_counts_only_the_mask() -> None:
    a = np.zeros((12, 12, 3), np.float32)
    b = np.full_like(a, 0.9)
    b[2:5, 3:9] = 0.01
    mask = np.zeros((12, 12), np.float32)
    mask[2:5, 3:9] = 0.3  # soft values count in full
    for chosen in (mask, mask > 0, (mask > 0).astype(np.uint8) * 255):
        assert psnr(a, b, chosen) == pytest.approx(40, abs=1e-4)


def test_identical_images() -> None:
    a, _ = images()
    assert psnr(a, a) == math.inf
    assert ssim(a, a) == pytest.approx(1, abs=1e-6)


def test_ssim_map_is_its_definition() -> None:
    a, b = images()
    quality = ssim_map(a, b)
    assert quality.shape == (19, 23)
    assert quality.dtype == np.float32
    for row, column in ((5, 5), (9, 11), (13, 17), (6, 16)):
        assert quality[row, column] == pytest.approx(slow_ssim_at(a, b, row, column), abs=1e-6)
    pad = [np.pad(image, ((5, 5), (5, 5), (0, 0)), mode="symmetric") for image in (a, b)]
    assert quality[0, 22] == pytest.approx(slow_ssim_at(pad[0], pad[1], 5, 27), abs=1e-6)


def test_ssim_of_flat_bright_areas_does_not_drown_in_rounding() -> None:
    flat = np.full((16, 16, 3), 0.98, np.float32)
    assert np.abs(ssim_map(flat, flat) - 1).max() < 1e-6
    assert np.abs(ssim_map(flat, flat + np.float32(1e-3)) - 1).max() < 1e-5


def test_ssim_means() -> None:
    a, b = images()
    quality = ssim_map(a, b).astype(np.float64)
    assert ssim(a, b) == pytest.approx(quality[5:-5, 5:-5].mean(), abs=1e-7)
    mask = np.zeros((19, 23), bool)
    mask[0:4, 1:7] = True
    assert ssim(a, b, mask) == pytest.approx(quality[mask].mean(), abs=1e-7)


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_against_scikit_image(channels: int | None) -> None:
    reference = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed: nothing to compare with")
    a, b = images(40, 52, channels)
    axis = None if channels is None else 2
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    expected, full = reference.structural_similarity(a, b, channel_axis=axis, full=True, **options)
    assert ssim(a, b) == pytest.approx(expected, abs=1e-5)
    assert np.abs(ssim_map(a, b) - (full if axis is None else full.mean(axis=2))).max() < 1e-4
    assert psnr(a, b) == pytest.approx(reference.peak_signal_noise_ratio(a, b, data_range=1.0), abs=1e-4)


def test_videos_and_holes_against_scikit_image() -> None:
    """Each frame's value (section 4.1), accumulated over the video; in the hole, and of the frame."""
    reference = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed: nothing to compare with")
    truth = np.stack([images(40, 52)[0]] * 3)
    noise = np.random.Generator(np.random.PCG64(8)).normal(0, 0.1, truth.shape)
    result = np.clip(truth + noise * np.reshape([0.1, 1, 2], (3, 1, 1, 1)), 0, 1).astype(np.float32)
    holes = np.zeros((3, 40, 52), bool)
    holes[0, 4:20, 6:30], holes[1, 30:, 40:], holes[2, 1, 1] = True, True, True
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    frame_psnr, frame_ssim, hole_psnr, hole_ssim = [], [], [], []
    for a, b, hole in zip(result, truth, holes):
        mean, full = reference.structural_similarity(a, b, channel_axis=2, full=True, **options)
        frame_ssim.append(mean)
        hole_ssim.append(full[hole].mean())
        frame_psnr.append(reference.peak_signal_noise_ratio(b, a, data_range=1.0))
        hole_psnr.append(reference.peak_signal_noise_ratio(b[hole], a[hole], data_range=1.0))
    assert video_psnr(result, truth) == pytest.approx(np.mean(frame_psnr), abs=1e-4)
    assert video_ssim(result, truth) == pytest.approx(np.mean(frame_ssim), abs=1e-5)
    assert video_psnr(result, truth, holes) == pytest.approx(np.mean(hole_psnr), abs=1e-4)
    assert video_ssim(result, truth, holes) == pytest.approx(np.mean(hole_ssim), abs=1e-4)


def test_against_torchmetrics() -> None:
    reference = pytest.importorskip("torchmetrics.functional.image", reason="torchmetrics is not installed")
    import torch

    a, b = images(40, 52)
    pair = [torch.from_numpy(image).permute(2, 0, 1)[None] for image in (a, b)]
    assert psnr(a, b) == pytest.approx(float(reference.peak_signal_noise_ratio(*pair, data_range=1.0)), abs=1e-4)
    options = {"sigma": 1.5, "data_range": 1.0, "return_full_image": True}  # its own mean counts the border too
    _, full = reference.structural_similarity_index_measure(*pair, **options)
    assert ssim(a, b) == pytest.approx(float(full[0, :, 5:-5, 5:-5].mean()), abs=1e-5)


def test_worse_videos_score_worse() -> None:
    truth = np.stack([images(40, 52)[0]] * 3)
    noise = np.random.Generator(np.random.PCG64(8)).normal(0, 1, truth.shape).astype(np.float32)
    hole = np.zeros((3, 40, 52), bool)
    hole[:, 8:30, 10:40] = True
    for metric in (video_psnr, video_ssim):
        results = [truth + np.where(hole[..., None], amount * noise, 0) for amount in (0.01, 0.03, 0.1)]
        full, inside = [metric(r, truth) for r in results], [metric(r, truth, hole) for r in results]
        assert full[0] > full[1] > full[2]
        assert inside[0] > inside[1] > inside[2]
        assert all(f > i for f, i in zip(full, inside))  # what is right outside flatters the frame


def test_video_forms_average_frames_and_leave_out_empty_mattes() -> None:
    truth = np.zeros((4, 16, 16, 3), np.float32)
    result = truth.copy()
    result[0], result[1], result[2] = 0.1, 0.01, 0.5  # 20 dB, 40 dB, 6 dB; the last is identical
    assert video_psnr(result[:2], truth[:2]) == pytest.approx(30, abs=1e-4)
    assert video_psnr(result[[0, 3]], truth[[0, 3]]) == pytest.approx(60, abs=1e-4)  # identical counts for 100
    mattes = np.zeros((4, 16, 16), np.float32)
    mattes[[0, 1, 3], 4:9, 4:9] = 1
    assert video_psnr(list(result), list(truth), list(mattes)) == pytest.approx((20 + 40 + 100) / 3, abs=1e-4)
    expected = np.mean([ssim(result[i], truth[i], mattes[i]) for i in (0, 1, 3)])
    assert video_ssim(result, truth, mattes) == pytest.approx(expected)
    assert video_ssim(result, truth) == pytest.approx(np.mean([ssim(r, t) for r, t in zip(result, truth)]))


def test_not_a_number_is_not_hidden() -> None:
    a = np.zeros((2, 16, 16, 3), np.float32)
    b = a.copy()
    b[1, 3, 3] = np.nan
    assert math.isnan(psnr(a[1], b[1]))
    assert math.isnan(video_psnr(a, b))
    assert math.isnan(video_ssim(a, b))


def test_errors_say_what_is_wrong() -> None:
    a, b = images()
    mask = np.ones((19, 23), bool)
    for metric in (psnr, ssim):
        with pytest.raises(ValueError, match=r"different shapes: \(19, 23, 3\) and \(19, 22, 3\)"):
            metric(a, b[:, 1:])
        with pytest.raises(ValueError, match=r"mask has shape \(23, 19\)"):
            metric(a, b, mask.T)
        with pytest.raises(ValueError, match="mask is empty"):
            metric(a, b, ~mask)
        with pytest.raises(ValueError, match="uint8"):
            metric((a * 255).astype(np.uint8), (b * 255).astype(np.uint8))
        with pytest.raises(ValueError, match="expected an image"):
            metric(a[None], b[None])
    with pytest.raises(ValueError, match="at least 11x11, not 23x10"):
        ssim_map(a[:10], b[:10])
    with pytest.raises(ValueError, match="2 and 1 frames"):
        video_psnr([a, a], [b])
    with pytest.raises(ValueError, match="2 and 2 and 3 frames"):
        video_ssim([a, a], [b, b], [mask] * 3)
    with pytest.raises(ValueError, match="nothing to measure"):
        video_psnr([a], [b], [~mask])
    with pytest.raises(ValueError, match="nothing to measure"):
        video_ssim([], [])
