"""The demo clip: what its users rely on - exact truth, tight soft matte, camera parallax, something left to invent."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ilvi_core.demo import DemoClip, camera_at, make_clip
from ilvi_core.demo_layers import WALL_DEPTH


@pytest.fixture(scope="module")
def clip() -> DemoClip:
    return make_clip()


def test_shapes_types_and_ranges(clip: DemoClip) -> None:
    assert clip.plate.shape == clip.truth.shape == (24, 216, 384, 3)
    assert clip.matte.shape == (24, 216, 384)
    for video in (clip.plate, clip.matte, clip.truth):
        assert video.dtype == np.float32
        assert np.isfinite(video).all()
        assert video.min() >= 0
        assert video.max() <= 1


def test_plate_is_the_truth_outside_the_matte_and_the_object_inside(clip: DemoClip) -> None:
    assert np.array_equal(clip.plate[clip.matte == 0], clip.truth[clip.matte == 0])
    solid = clip.matte > 0.99
    assert np.abs(clip.plate - clip.truth)[solid].mean() > 0.15


def test_matte_is_the_balls_true_coverage(clip: DemoClip) -> None:
    """Along the soft edge the plate is truth and ball mixed by the matte: a matte too large or too small is not."""
    plate, matte, truth = clip.plate[20], clip.matte[20][..., None], clip.truth[20]
    solid = (matte > 0.99).astype(np.float32)
    nearby = cv2.GaussianBlur(plate * solid, (0, 0), 1.5) / (cv2.GaussianBlur(solid, (0, 0), 1.5)[..., None] + 1e-6)
    edge = ((matte > 0.3) & (matte < 0.9))[..., 0]
    implied = (plate - truth * (1 - matte)) / np.maximum(matte, 0.3)
    assert edge.sum() > 100
    assert np.abs(implied - nearby)[edge].mean() < 0.35 * np.abs(truth - nearby)[edge].mean()
    assert (np.abs(plate - truth).max(axis=2)[matte[..., 0] > 0.05] > 0.004).mean() > 0.97


def test_a_short_clip_is_not_a_smear() -> None:
    matte = make_clip(2, 192, 108).matte
    assert ((matte > 0.99).sum(axis=(1, 2)) > 0.8 * matte.sum(axis=(1, 2))).all()


def test_matte_is_one_soft_edged_object_of_the_promised_size(clip: DemoClip) -> None:
    for matte in clip.matte:
        assert 0.05 < (matte > 0.5).mean() < 0.09
        partial = (matte > 0) & (matte < 1)
        edge = cv2.morphologyEx((matte > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).sum()
        assert 0.3 * edge < partial.sum() < 4 * edge
        assert cv2.connectedComponents((matte > 0).astype(np.uint8))[0] == 2
        assert matte[[0, -1]].max() == matte[:, [0, -1]].max() == 0


def test_same_seed_same_bytes_and_another_seed_another_clip() -> None:
    first, again, other = (make_clip(3, 96, 64, seed) for seed in (5, 5, 6))
    for name in ("plate", "matte", "truth"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()
    assert np.abs(first.truth - other.truth).mean() > 0.01


def test_the_number_of_threads_changes_nothing() -> None:
    threads = cv2.getNumThreads()
    clips = []
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            clips.append(make_clip(2, 128, 72))
    finally:
        cv2.setNumThreads(threads)
    assert clips[0].plate.tobytes() == clips[1].plate.tobytes()


def test_background_moves_smoothly_and_nearer_things_move_more(clip: DemoClip) -> None:
    """Measured in the pictures by phase correlation: far hills against paving stones, one frame and half a clip on."""

    def shift(rows: slice, columns: slice, first: int, second: int) -> np.ndarray:
        pair = [cv2.cvtColor(clip.truth[i], cv2.COLOR_RGB2GRAY)[rows, columns] for i in (first, second)]
        window = cv2.createHanningWindow(pair[0].shape[::-1], cv2.CV_32F)
        return np.array(cv2.phaseCorrelate(pair[0] - pair[0].mean(), pair[1] - pair[1].mean(), window)[0])

    hills = shift(slice(40, 110), slice(325, 384), 8, 11)
    wall = shift(slice(20, 130), slice(20, 250), 8, 11)
    stones = shift(slice(176, 216), slice(20, 360), 8, 11)
    assert stones[0] < wall[0] - 1 < hills[0] - 2  # to the left, all of them: the camera goes right
    steps = np.array([shift(slice(20, 130), slice(20, 250), i, i + 1) for i in range(23)])
    assert np.abs(steps).max() < 4
    assert np.abs(np.diff(steps, axis=0)).max() < 0.8


@pytest.mark.parametrize(
    ("depth", "rows", "columns"),
    [(WALL_DEPTH, (20, 125), (30, 230)), (None, (165, 206), (60, 330))],
)
def test_camera_matrix_is_the_rendered_motion(
    clip: DemoClip, depth: float | None, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    """Wall and ground plane of one frame, carried along the camera's matrices, are those of a later frame."""
    at = [np.vstack([camera_at(i / 23).matrix(depth, 384, 216), [0, 0, 1]]) for i in (0, 8)]
    move = (at[1] @ np.linalg.inv(at[0]))[:2]
    area = (slice(*rows), slice(*columns))
    first, second = (cv2.GaussianBlur(clip.truth[i], (0, 0), 1.2) for i in (0, 8))  # the grain stays on the sensor
    carried = cv2.warpAffine(first, move, (384, 216), flags=cv2.INTER_CUBIC)
    still = np.abs(first[area] - second[area]).mean()
    assert np.abs(carried[area] - second[area]).mean() < 0.15 * still


def test_most_of_the_hidden_wall_is_seen_elsewhere_but_not_all(clip: DemoClip) -> None:
    hidden_always = np.ones((316, 584), np.float32)
    hidden_once = np.zeros_like(hidden_always)
    for index, matte in enumerate(clip.matte):
        to_wall = cv2.invertAffineTransform(camera_at(index / 23).matrix(WALL_DEPTH, 384, 216))
        to_wall[:, 2] += 100, 50
        hidden = cv2.warpAffine(matte, to_wall, hidden_once.shape[::-1])
        in_view = cv2.warpAffine(np.ones_like(matte), to_wall, hidden_once.shape[::-1]) > 0.5
        hidden_always = np.minimum(hidden_always, np.where(in_view, hidden, 1))
        hidden_once = np.maximum(hidden_once, hidden)
    share = ((hidden_always > 0.5) & (hidden_once > 0.5)).sum() / (hidden_once > 0.5).sum()
    assert 0.02 < share < 0.2


def test_texture_everywhere(clip: DemoClip) -> None:
    """No flat-coloured areas: blocks of 24 pixels vary by more than the grain does, but for a little open sky."""
    gray = cv2.cvtColor(clip.truth[12], cv2.COLOR_RGB2GRAY)
    blocks = gray.reshape(9, 24, 16, 24).std(axis=(1, 3))
    assert (blocks > 0.02).mean() > 0.85
    assert blocks.min() > 0.004


@pytest.mark.parametrize(("frames", "width", "height"), [(1, 384, 216), (2, 64, 64), (2, 120, 200), (2, 300, 100)])
def test_other_sizes(frames: int, width: int, height: int) -> None:
    clip = make_clip(frames, width, height)
    assert clip.plate.shape == (frames, height, width, 3)
    assert 0.04 < clip.matte.mean() < 0.09
    assert (clip.truth.max(axis=3) > 0.03).mean() > 0.95  # no empty canvas comes into view


@pytest.mark.parametrize("size", [(0, 384, 216), (1, 16, 216), (1, 384, 0)])
def test_impossible_sizes_are_refused(size: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1 frame of 32x32"):
        make_clip(*size)
