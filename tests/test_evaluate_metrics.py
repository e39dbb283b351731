"""Consistency, warping error, seam, FID and complexity: against slow loops from their definitions, scikit-image and
torchmetrics, and whether they move the right way."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from ilvi_core.evaluate import fid as fid_module
from ilvi_core.evaluate.complexity import complexity, flow_gradient, halves
from ilvi_core.evaluate.consistency import consistency, patch_corners, scaled
from ilvi_core.evaluate.fid import FILE_NAMES, Extractor, fid, fid_of_features, frechet_distance
from ilvi_core.evaluate.seam import seam_visibility
from ilvi_core.evaluate.warping import visible_flow, warping_error
from ilvi_core.host.errors import InputError


def texture(height: int, width: int, seed: int = 1, blur: float = 1.5) -> np.ndarray:
    rng = np.random.Generator(np.random.PCG64(seed))
    smooth = cv2.GaussianBlur(rng.random((height, width, 3)), (0, 0), blur)
    return ((smooth - smooth.min()) / (smooth.max() - smooth.min())).astype(np.float32)


def pan(count: int, height: int, width: int, step: tuple[int, int] = (1, 2), seed: int = 1) -> np.ndarray:
    """(T, H, W, 3): a still picture passing by, `step` px down and across a frame."""
    big = texture(height + step[0] * count, width + step[1] * count, seed)
    return np.stack([big[step[0] * t :, step[1] * t :][:height, :width] for t in range(count)])


def box_holes(count: int, height: int, width: int, rows: slice, columns: slice) -> np.ndarray:
    holes = np.zeros((count, height, width), bool)
    holes[:, rows, columns] = True
    return holes


def flicker(frames: np.ndarray, holes: np.ndarray, amount: float) -> np.ndarray:
    noise = np.random.Generator(np.random.PCG64(3)).normal(0, amount, frames.shape).astype(np.float32)
    return np.where(holes[..., None], np.clip(frames + noise, 0, 1), frames)


# ---- consistency


def slow_best(here: np.ndarray, there: np.ndarray, corner: np.ndarray, patch: int, radius: int) -> tuple[float, float]:
    """Every shift, one after the other; SSIM by scikit-image."""
    reference = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed: nothing to compare with")
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    row, column = corner
    x = here[row : row + patch, column : column + patch].astype(np.float64)
    best_psnr, best_ssim = -math.inf, -math.inf
    luma = np.array([0.299, 0.587, 0.114])
    for down in range(-radius, radius + 1):
        for across in range(-radius, radius + 1):
            r, c = row + down, column + across
            if r < 0 or c < 0 or r + patch > there.shape[0] or c + patch > there.shape[1]:
                continue
            y = there[r : r + patch, c : c + patch].astype(np.float64)
            error = float(np.mean((x - y) ** 2))
            best_psnr = max(best_psnr, 100.0 if error == 0 else min(100.0, 10 * math.log10(1 / error)))
            best_ssim = max(best_ssim, reference.structural_similarity(x @ luma, y @ luma, **options))
    return best_psnr, best_ssim


@pytest.mark.parametrize("hole", [(slice(20, 40), slice(24, 50)), (slice(0, 60), slice(60, 72))])
def test_consistency_is_its_definition(hole: tuple[slice, slice]) -> None:
    """In the middle, and at the border, where patches move inwards and the search is cut off."""
    holes = box_holes(3, 60, 72, *hole)
    frames = flicker(pan(3, 60, 72), holes, 0.08)
    found = consistency(frames, holes, patch=50, radius=14, samples_per_frame=2, seed=5)
    patch, radius = scaled((60, 72), 50, 14)
    assert (patch, radius) == (16, 4)
    expected = [
        slow_best(frames[t], frames[t + 1], corner, patch, radius)
        for t in range(2)
        for corner in patch_corners(holes[t], patch, 2, (5, t))
    ]
    assert found.patches == len(expected) == 4
    assert found.psnr == pytest.approx(np.mean([p for p, _ in expected]), abs=1e-6)
    assert found.ssim == pytest.approx(np.mean([s for _, s in expected]), abs=1e-5)


def test_consistency_says_what_it_chose() -> None:
    holes = box_holes(2, 60, 72, slice(20, 40), slice(24, 50))
    said = consistency(pan(2, 60, 72), holes, samples_per_frame=3, seed=9).described
    for choice in ("3 patches of 16x16", "seed 9", "13x13 whole-pixel", "100 dB at most", "luma", "moved inwards"):
        assert choice in said


def test_patches_are_drawn_in_the_hole_and_the_same_for_every_result() -> None:
    hole = np.zeros((40, 60), bool)
    hole[10:30, 20:40] = True
    corners = patch_corners(hole, 11, 50, (0, 3))
    centres = corners + 5
    assert len(corners) == len(np.unique(corners, axis=0)) == 50
    assert hole[centres[:, 0], centres[:, 1]].all()
    assert np.array_equal(corners, patch_corners(hole, 11, 50, (0, 3)))
    assert not np.array_equal(corners, patch_corners(hole, 11, 50, (1, 3)))
    assert not np.array_equal(corners, patch_corners(hole, 11, 50, (0, 4)))
    hole[:] = False
    hole[39, 0] = True
    assert patch_corners(hole, 11, 4, (0, 0)).tolist() == [[29, 0]]


def test_patch_and_radius_are_the_papers_at_the_papers_size() -> None:
    assert scaled((192, 384), 50, 20) == scaled((540, 960), 50, 20) == (50, 20)
    assert scaled((96, 192), 50, 20) == (25, 10)
    assert scaled((30, 30), 50, 20) == (11, 3)


def test_consistency_moves_the_right_way() -> None:
    holes = box_holes(4, 192, 200, slice(60, 120), slice(70, 130))
    steady = pan(4, 192, 200)
    assert consistency(steady, holes, samples_per_frame=1).psnr == 100
    assert consistency(steady, holes, samples_per_frame=1).ssim == pytest.approx(1, abs=1e-6)
    flickering = [flicker(steady, holes, amount) for amount in (0.01, 0.05, 0.2)]
    scores = [consistency(frames, holes, samples_per_frame=1) for frames in flickering]
    assert scores[0].psnr > scores[1].psnr + 5 > scores[2].psnr + 10
    assert scores[0].ssim > scores[1].ssim + 0.02 > scores[2].ssim + 0.04
    broken = steady.copy()
    broken[2, 80, 100] = np.nan
    found = consistency(broken, holes, samples_per_frame=1)
    assert math.isnan(found.psnr)
    assert math.isnan(found.ssim)


@pytest.mark.parametrize("direction", [(1, 0), (0, 1)])
def test_consistency_looks_20_px_far_and_no_further(direction: tuple[int, int]) -> None:
    holes = box_holes(2, 192, 200, slice(60, 120), slice(70, 130))
    for pixels in (20, 21):
        there = pan(2, 192, 200, (pixels * direction[0], pixels * direction[1]))
        for frames in (there, there[::-1]):
            found = consistency(frames, holes, samples_per_frame=1)
            assert (found.psnr == 100) == (pixels == 20)
            assert (found.ssim > 0.9999) == (pixels == 20)


def test_consistency_is_far_faster_than_shift_by_shift() -> None:
    """At the paper's size: 1681 shifts a patch, against 81 of them one by one."""
    holes = box_holes(2, 192, 384, slice(50, 130), slice(100, 220))
    frames = flicker(pan(2, 192, 384), holes, 0.05)
    began = time.process_time()
    consistency(frames, holes, samples_per_frame=1)
    ours = time.process_time() - began
    began = time.process_time()
    slow_best(*frames, patch_corners(holes[0], 50, 1, (0, 0))[0], 50, 4)
    slow = (time.process_time() - began) * 41**2 / 9**2
    assert ours < slow / 5  # measured: 30 to 50 times


# ---- warping error


def slow_bilinear(image: np.ndarray, y: float, x: float) -> np.ndarray:
    top, left = min(int(y), image.shape[0] - 2), min(int(x), image.shape[1] - 2)
    down, across = y - top, x - left
    upper = image[top, left] * (1 - across) + image[top, left + 1] * across
    lower = image[top + 1, left] * (1 - across) + image[top + 1, left + 1] * across
    return upper * (1 - down) + lower * down


def test_warping_error_is_its_definition() -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    frames = rng.random((3, 14, 18, 3), np.float32)
    holes = box_holes(3, 14, 18, slice(3, 9), slice(4, 12))
    flows = {
        (i, j): rng.integers(-3, 4, (14, 18, 2)).astype(np.float32) / 4 for i, j in ((0, 1), (1, 2), (1, 0), (2, 1))
    }

    def estimate(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        which = [next(t for t in range(3) if np.array_equal(frames[t], f)) for f in (a, b)]
        return flows[which[0], which[1]]

    sums: dict[str, list[float]] = {"full": [], "hole": []}
    for t in (0, 1):
        there, back = flows[t, t + 1].astype(np.float64), flows[t + 1, t].astype(np.float64)
        errors: dict[str, list[float]] = {"full": [], "hole": []}
        for i in range(14):
            for j in range(18):
                y, x = i + there[i, j, 1], j + there[i, j, 0]
                if not (0 <= y <= 13 and 0 <= x <= 17):
                    continue
                returned = slow_bilinear(back, y, x)
                gap = ((there[i, j] + returned) ** 2).sum()
                if gap >= 0.01 * ((there[i, j] ** 2).sum() + (returned**2).sum()) + 0.5:
                    continue
                error = float(((slow_bilinear(frames[t + 1].astype(np.float64), y, x) - frames[t, i, j]) ** 2).mean())
                errors["full"].append(error)
                if holes[t, i, j]:
                    errors["hole"].append(error)
        for name, values in errors.items():
            assert len(values) > 5
            sums[name].append(sum(values) / len(values))
    found = warping_error(frames, holes, *visible_flow(frames, estimate))
    assert found.full == pytest.approx(np.mean(sums["full"]), rel=1e-5)
    assert found.hole == pytest.approx(np.mean(sums["hole"]), rel=1e-5)


def test_warping_error_moves_the_right_way() -> None:
    truth = pan(4, 64, 96)
    holes = box_holes(4, 64, 96, slice(20, 44), slice(30, 66))
    flow, visible = visible_flow(truth)
    assert visible.mean() > 0.8
    errors = [warping_error(flicker(truth, holes, amount), holes, flow, visible) for amount in (0, 0.02, 0.1)]
    assert errors[0].hole < 5e-4 < errors[1].hole < errors[2].hole
    assert errors[2].hole == pytest.approx(2 * 0.1**2, rel=0.5)  # two independent noises, the warp smooths one
    assert errors[0].full < errors[1].full < errors[2].full < errors[2].hole
    stuck = np.where(holes[..., None], truth[:1], truth)  # a fill that does not move with the scene
    assert warping_error(stuck, holes, flow, visible).hole > 10 * errors[0].hole


def test_warping_error_leaves_out_what_is_not_seen_again() -> None:
    frames = np.zeros((3, 20, 20, 3), np.float32)
    frames[1, :, :10] = 1
    holes = box_holes(3, 20, 20, slice(0, 20), slice(0, 10))
    flow, visible = np.zeros((2, 20, 20, 2), np.float32), np.ones((2, 20, 20), bool)
    visible[:, :, :10] = False
    found = warping_error(frames, holes, flow, visible)
    assert found.full == 0
    assert found.hole is None
    assert "2 of 2 in full, 0 in the hole" in found.described
    assert "50% of all pixels visible" in found.described
    assert warping_error(frames, holes, flow, ~visible).hole == 1


# ---- seam


def slow_seam(frame: np.ndarray, hole: np.ndarray, band: int) -> float:
    height, width = hole.shape
    ratios = []
    for dy, dx in ((1, 0), (0, 1)):

        def step(i: int, j: int, dy: int = dy, dx: int = dx) -> float:
            return math.sqrt(float(np.mean((frame[i + dy, j + dx].astype(np.float64) - frame[i, j]) ** 2)))

        for i in range(height - dy):
            for j in range(width - dx):
                if hole[i, j] == hole[i + dy, j + dx]:
                    continue
                own = []
                for k in range(max(0, i - band), min(height - dy, i + band + 1)):
                    for m in range(max(0, j - band), min(width - dx, j + band + 1)):
                        if not hole[k, m] and not hole[k + dy, m + dx]:
                            own.append(step(k, m))
                if own:
                    ratios.append((step(i, j) + 1 / 255) / (sum(own) / len(own) + 1 / 255))
    return sum(ratios) / len(ratios)


def test_seam_is_its_definition() -> None:
    frames = texture(24, 30)[None]
    holes = np.zeros((1, 24, 30), bool)
    holes[0, 6:15, 20:] = True
    holes[0, 3:9, 4:12] = True
    holes[0, 12, 5] = True
    assert seam_visibility(frames, holes, band=3).fine == pytest.approx(slow_seam(frames[0], holes[0], 3), rel=1e-9)
    small = frames[0, :24, :28].reshape(6, 4, 7, 4, 3).mean(axis=(1, 3))
    share = holes[0, :24, :28].reshape(6, 4, 7, 4).mean(axis=(1, 3))
    assert seam_visibility(frames, holes, band=3).coarse == pytest.approx(slow_seam(small, share > 0.5, 3), rel=1e-5)


@pytest.mark.parametrize("step", [0.0, 0.02, 0.1, -0.1])
def test_seam_of_a_known_step(step: float) -> None:
    holes = box_holes(2, 48, 64, slice(16, 32), slice(20, 40))
    flat = np.full((2, 48, 64, 3), 0.5, np.float32)
    flat[holes] += np.float32(step)
    found = seam_visibility(flat, holes)
    assert found.fine == pytest.approx(1 + 255 * abs(step), rel=1e-4)
    assert found.coarse == pytest.approx(1 + 255 * abs(step), rel=1e-4)


def test_seam_of_the_plate_itself_is_one() -> None:
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32)[None, None, :, None], (1, 48, 64, 3))
    holes = box_holes(1, 48, 64, slice(16, 32), slice(20, 40))
    assert seam_visibility(ramp, holes).fine == pytest.approx(1, abs=1e-3)
    frames = pan(8, 96, 128)
    found = seam_visibility(frames, box_holes(8, 96, 128, slice(24, 72), slice(32, 96)))
    assert found.fine == pytest.approx(1, abs=0.05)
    assert found.coarse == pytest.approx(1, abs=0.2)


def test_seam_moves_the_right_way() -> None:
    grain = np.random.Generator(np.random.PCG64(4)).normal(0.5, 0.05, (3, 96, 128, 3)).astype(np.float32)
    holes = box_holes(3, 96, 128, slice(24, 72), slice(32, 96))
    offsets = [
        seam_visibility(grain + np.where(holes[..., None], np.float32(o), 0), holes) for o in (0, 0.04, 0.1, 0.3)
    ]
    fine, coarse = [s.fine for s in offsets], [s.coarse for s in offsets]
    assert fine == sorted(fine)
    assert coarse == sorted(coarse)
    assert fine[1] < 1.3  # grain hides a small offset where pixels are compared,
    assert coarse[1] > 1.8  # and averages out where the eye sees the whole patch
    soft = np.where(holes[..., None], np.float32(0.5), grain)
    assert seam_visibility(soft, holes).fine < 0.9


def test_seam_counts_only_frames_with_an_edge() -> None:
    holes = box_holes(3, 48, 64, slice(16, 32), slice(20, 40))
    holes[1], holes[2] = False, True
    flat = np.full((3, 48, 64, 3), 0.5, np.float32)
    flat[0][holes[0]] += np.float32(0.1)
    assert seam_visibility(flat, holes).fine == pytest.approx(26.5, rel=1e-4)
    holes[2, 30, 40] = False  # one pixel alone is nothing to compare with
    assert seam_visibility(flat, holes).fine == pytest.approx(26.5, rel=1e-4)
    tiny = box_holes(3, 48, 64, slice(16, 17), slice(20, 21))
    assert seam_visibility(flat, tiny).coarse is None


# ---- FID


def test_frechet_distance_is_its_definition() -> None:
    """The root's trace from the eigenvalues of the covariances' product, few features and many."""
    rng = np.random.Generator(np.random.PCG64(6))
    for count_a, count_b in ((40, 60), (5, 4), (2, 60)):
        a = rng.normal(0, 1, (count_a, 8)) @ rng.normal(0, 1, (8, 8))
        b = rng.normal(0.5, 2, (count_b, 8))
        cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
        root = np.sqrt(np.maximum(np.linalg.eigvals(cov_a @ cov_b).real, 0)).sum()
        expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * root
        assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
        assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_of_known_gaussians() -> None:
    a = np.array([[-1.0, 0], [1, 0], [0, -2], [0, 2]])
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-12)
    assert frechet_distance(a, a + np.array([3, 4])) == pytest.approx(25)
    variances = a.var(axis=0, ddof=1)  # scaled by 3: the standard deviations differ by twice themselves
    assert frechet_distance(a, 3 * a) == pytest.approx(4 * variances.sum())
    with pytest.raises(ValueError, match=r"at least two features of one length, not \(4, 2\) and \(1, 2\)"):
        frechet_distance(a, a[:1])


def test_fid_of_features() -> None:
    rng = np.random.Generator(np.random.PCG64(8))
    truth = rng.normal(0, 1, (30, 6))
    near, far = truth[:10] + 0.1, truth[:10] + 1
    found = fid_of_features(near, truth, "layer")
    assert found.pooled == frechet_distance(near, truth)
    covariance, mean = np.cov(truth, rowvar=False), truth.mean(axis=0)
    alone = [((f - mean) ** 2).sum() + np.trace(covariance) for f in near]  # a frame's own covariance is 0
    assert found.a_frame == pytest.approx(np.mean(alone))
    assert "layer; 10 frames against 30 true ones" in found.described
    assert "compare only equal numbers" not in found.described
    assert "compare only equal numbers" in fid_of_features(near[:5], truth, "layer").described
    worse = fid_of_features(far, truth, "layer")
    assert worse.pooled > found.pooled
    assert worse.a_frame > found.a_frame
    assert fid_of_features(near[:1], truth, "layer").pooled is None


def no_number(found: object, sentence: str) -> None:
    assert (found.pooled, found.a_frame) == (None, None)
    assert sentence in found.described


def test_without_library_or_weights_there_is_a_sentence_and_no_number(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ILVI_WEIGHTS", str(tmp_path))
    frames = pan(2, 32, 32)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
        no_number(fid(frames, frames), "FID was not measured: torch-fidelity is not installed. Install it with: pip")
    pytest.importorskip("torch_fidelity", reason="the extra 'fid' is not installed: nothing to load")
    no_number(fid(frames, frames), f"FID was not measured: There is no {FILE_NAMES[0]} in {tmp_path}.")
    with pytest.raises(InputError):
        Extractor()
    no_number(fid(frames, frames, tmp_path / "gone.pth"), "No such file")
    (tmp_path / FILE_NAMES[1]).write_bytes(b"half a file")
    no_number(fid(frames, frames), "its SHA-256 begins with")


@pytest.fixture(scope="module")
def made_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole file of random Inception weights: any real one is 95 MB and on the network."""
    library = pytest.importorskip("torch_fidelity", reason="the extra 'fid' is not installed: nothing to load")
    import torch

    class Untrained(library.FeatureExtractorInceptionV3):
        def load_state_dict(self, state: object) -> None:
            assert state == {}

    folder = tmp_path_factory.mktemp("inception")
    torch.save({}, folder / "empty.pth")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Untrained("untrained", ["2048"], feature_extractor_weights_path=str(folder / "empty.pth"))
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):  # as they come, the features would all be next to 0
                torch.nn.init.kaiming_normal_(module.weight)
    torch.save(network.state_dict(), folder / "made.pth")
    return folder / "made.pth"


@pytest.mark.slow
def test_fid_from_a_file_against_torchmetrics(made_weights: Path) -> None:
    frames = pan(2, 40, 60)
    truth = pan(3, 40, 60, seed=2) * np.array([1, 0.6, 0.3], np.float32)
    found = fid(frames, truth, made_weights)
    assert "made.pth" in found.described
    assert "which is not FID's" in found.described
    worse = fid(np.ones_like(frames) - frames * np.float32(0.1), truth, made_weights)
    assert worse.pooled > found.pooled
    assert worse.a_frame > found.a_frame
    reference = pytest.importorskip("torchmetrics.image.fid", reason="torchmetrics is not installed")
    import torch

    assert found.pooled > 1e-3
    options = {"antialias": False, "feature_extractor_weights_path": str(made_weights)}  # resized as the original does
    metric = reference.FrechetInceptionDistance(2048, **options)
    for pictures, real in ((frames, False), (truth, True)):
        codes = np.round(pictures * 255).astype(np.uint8).transpose(0, 3, 1, 2)
        metric.update(torch.from_numpy(np.ascontiguousarray(codes)), real=real)
    assert found.pooled == pytest.approx(float(metric.compute()), rel=1e-4)


def test_published_weights_are_found_in_the_folder_by_name_and_hash(made_weights: Path, monkeypatch) -> None:
    import hashlib

    frames = pan(2, 32, 32)
    target = made_weights.with_name(FILE_NAMES[1])
    target.hardlink_to(made_weights)
    monkeypatch.setenv("ILVI_WEIGHTS", str(target.parent))
    no_number(fid(frames, frames), f"expected {fid_module.PUBLISHED}")
    monkeypatch.setattr(fid_module, "PUBLISHED", hashlib.sha256(made_weights.read_bytes()).hexdigest()[:8])
    assert Extractor().described == "Inception of 2015-12-05, layer 2048"


def test_weights_of_another_network_and_code_in_a_file_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch_fidelity", reason="the extra 'fid' is not installed: nothing to load")
    import torch

    frames = pan(2, 32, 32)
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "vgg.pth")
    no_number(fid(frames, frames, tmp_path / "vgg.pth"), "Error(s) in loading state_dict")
    torch.save(Runs(tmp_path / "ran"), tmp_path / "evil.pth")
    no_number(fid(frames, frames, tmp_path / "evil.pth"), "cannot be used: Weights only load failed")
    assert not (tmp_path / "ran").exists()


class Runs:
    """Unpickled with code allowed, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path(str(self.path)).touch, ()


# ---- complexity


def test_complexity_is_its_definition() -> None:
    rng = np.random.Generator(np.random.PCG64(9))
    frames = rng.random((3, 9, 11, 3), np.float32)
    flows = rng.normal(0, 2, (2, 9, 11, 2)).astype(np.float32)
    holes = box_holes(3, 9, 11, slice(3, 6), slice(2, 5))
    holes[2, 8, 9] = True
    for chosen in (None, holes):
        waiting = iter(flows)
        found = complexity(frames, chosen, estimate=lambda a, b, waiting=waiting: next(waiting))
        outside = np.ones((3, 9, 11), bool) if chosen is None else ~chosen
        averages = []
        for t in range(3):
            counted = [frames[t, i, j].tolist() for i in range(9) for j in range(11) if outside[:, i, j].all()]
            averages.append(sum(map(sum, counted)) / (3 * len(counted)))
        middle = sum(averages) / 3
        assert found.appearance == pytest.approx(math.sqrt(sum((a - middle) ** 2 for a in averages) / 3), rel=1e-5)
        magnitudes = []
        for t in range(2):
            for i in range(9):
                for j in range(11):
                    up, down, left, right = max(i - 1, 0), min(i + 1, 8), max(j - 1, 0), min(j + 1, 10)
                    if not all(outside[t, y, x] for y, x in ((i, j), (up, j), (down, j), (i, left), (i, right))):
                        continue
                    dy = (flows[t, down, j] - flows[t, up, j]).astype(np.float64) / (down - up)
                    dx = (flows[t, i, right] - flows[t, i, left]).astype(np.float64) / (right - left)
                    magnitudes.append(math.sqrt(float((dy**2).sum() + (dx**2).sum())))
        assert found.motion == pytest.approx(sum(magnitudes) / len(magnitudes), rel=1e-5)
        assert found.total == found.appearance + found.motion
        assert ("outside the holes" in found.described) == (chosen is not None)


def test_the_gradient_of_a_zoom_is_known() -> None:
    y, x = np.mgrid[0:20, 0:30].astype(np.float32)
    assert flow_gradient(np.stack([0.1 * x, 0.1 * y], axis=-1)) == pytest.approx(0.1 * math.sqrt(2), rel=1e-4)
    assert flow_gradient(np.full((20, 30, 2), 7, np.float32)).max() == 0


def test_complexity_moves_the_right_way() -> None:
    still = np.repeat(texture(64, 96)[None], 4, axis=0)
    brightening = still * np.linspace(0.4, 1, 4, dtype=np.float32)[:, None, None, None]
    y, x = np.mgrid[0:64, 0:96].astype(np.float32)
    waving = np.stack(
        [
            cv2.remap(still[0], x + 3 * t * np.sin(y / 6), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            for t in range(4)
        ]
    )
    calm, light, motion = complexity(still), complexity(brightening), complexity(waving)
    assert calm.total < 0.01
    assert light.appearance == pytest.approx(np.std(np.linspace(0.4, 1, 4)) * still[0].mean(), rel=1e-3)
    assert motion.motion > 0.2 > complexity(pan(4, 64, 96)).motion
    holes = box_holes(4, 64, 96, slice(20, 40), slice(30, 60))
    object_in_it = np.where(holes[..., None], brightening, still)
    assert complexity(object_in_it).appearance > 0.005
    assert complexity(object_in_it, holes).appearance < 1e-6


def test_halves_are_equal_and_repeatable() -> None:
    assert halves({"a": 0.1, "b": 0.4, "c": 0.2, "d": 0.3}) == (["b", "d"], ["c", "a"])
    assert halves({"b": 1, "c": 1, "a": 1}) == (["a"], ["b", "c"])


# ---- what all of them refuse


def test_errors_say_what_is_wrong() -> None:
    frames = pan(3, 32, 40)
    holes = box_holes(3, 32, 40, slice(8, 20), slice(8, 20))
    flow = np.zeros((2, 32, 40, 2), np.float32)
    visible = np.ones((2, 32, 40), bool)

    def measures(f: np.ndarray, h: np.ndarray) -> list:
        return [
            lambda: consistency(f, h),
            lambda: warping_error(f, h, flow, visible),
            lambda: seam_visibility(f, h),
            lambda: complexity(f, h),
        ]

    for measure in measures(frames, holes.astype(np.float32)) + measures(frames, holes[:, 1:]):
        with pytest.raises(ValueError, match=r"expected bool holes of \(3, 32, 40\)"):
            measure()
    for measure in [*measures((frames * 255).astype(np.uint8), holes), lambda: fid(frames[0], frames)]:
        with pytest.raises(ValueError, match="expected float frames"):
            measure()
    one = measures(frames[:1], holes[:1])
    for measure in (one[0], one[1], one[3], lambda: visible_flow(frames[:1]), lambda: fid(frames, frames[:1])):
        with pytest.raises(ValueError, match="expected at least 2 frames, not 1"):
            measure()
    last = np.zeros_like(holes)
    last[2] = holes[2]
    with pytest.raises(ValueError, match="no frame before the last has a hole"):
        consistency(frames, last)
    with pytest.raises(ValueError, match="40x8"):
        consistency(frames[:, :8], holes[:, :8])
    with pytest.raises(ValueError, match="no hole has an edge"):
        seam_visibility(frames, np.ones_like(holes))
    with pytest.raises(ValueError, match="leave nothing to measure"):
        complexity(frames, np.ones_like(holes))
    with pytest.raises(ValueError, match="expected flow of"):
        warping_error(frames, holes, flow[:1], visible)
