"""Composed data with a known truth, and the peers that the methods are compared with."""

import cv2
import numpy as np
import pytest

from ilvi_core.demo import make_clip
from ilvi_core.evaluate.composed import Pair, compose, crop, draw_pairs
from ilvi_core.evaluate.metrics import video_psnr
from ilvi_core.evaluate.peers import PEERS
from ilvi_core.evaluate.scenes import SCENES
from ilvi_core.host.errors import InputError


def write(folder, frames):
    folder.mkdir(parents=True)
    for n, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{n:05}.png"), frame[..., ::-1] if frame.ndim == 3 else frame)
    return str(folder)


def test_every_pair_is_of_two_clips_and_none_comes_twice():
    clips = {name: f"/{name}" for name in "abcd"}
    pairs = draw_pairs(clips, clips, 12, seed=3)
    assert len({pair.name for pair in pairs}) == 12
    assert all(pair.frames != pair.matte for pair in pairs)
    assert draw_pairs(clips, clips, 5, seed=3) == pairs[:5]  # more of them leaves the first as they are
    assert draw_pairs(clips, clips, 5, seed=4) != pairs[:5]
    assert len({pair.frames for pair in pairs[:4]}) == 4  # every background once before any comes twice
    with pytest.raises(InputError, match="13 pairs are asked for"):
        draw_pairs(clips, clips, 13, seed=3)


def test_the_crop_is_in_the_middle_and_has_the_aspect():
    picture = np.arange(100 * 60).reshape(60, 100)
    assert crop(picture, (50, 30)).shape == (60, 100)
    wide = crop(picture, (40, 10))
    assert wide.shape == (25, 100)
    assert wide[0, 0] == picture[17, 0]
    assert crop(picture, (10, 10)).shape == (60, 60)
    assert crop(picture, (10, 10))[0, 0] == picture[0, 20]


def test_truth_is_averaged_down_and_a_touched_pixel_is_hole(tmp_path):
    frames = np.zeros((3, 32, 64, 3), np.uint8)
    frames[:, :, 32:] = 200
    frames[0, 0, 0] = 160
    mattes = np.zeros((4, 32, 64), np.uint8)
    mattes[:, 5, 9] = 255  # one pixel of a block of four by four
    done = compose(Pair("a+b", write(tmp_path / "a", frames), write(tmp_path / "b", mattes)), (16, 8))
    assert done.truth.shape == (3, 8, 16, 3)
    assert done.truth[0, 0, 0, 0] == pytest.approx(160 / 255 / 16)
    assert done.truth[1, 0, -1, 0] == pytest.approx(200 / 255)
    assert done.holes.sum() == 3
    assert done.holes[:, 1, 2].all()
    assert (done.plate[done.holes] == 0.5).all()
    assert np.array_equal(done.plate[~done.holes], done.truth[~done.holes])
    assert any("frames 1 to 3 of 3, mattes 1 to 3 of 4" in choice for choice in done.choices)
    assert len(compose(Pair("a+b", str(tmp_path / "a"), str(tmp_path / "b")), (16, 8), 2).truth) == 2


def test_the_demos_clip_is_footage_too():
    done = compose(Pair("a+b", "demo:3:5", "demo:4"), (64, 48))
    assert done.truth.shape == (5, 48, 64, 3)  # of the matte's 24 frames the first five
    wanted = make_clip(5, 128, 96, 3).truth[2]
    assert np.abs(done.truth[2] - cv2.resize(wanted, (64, 48), interpolation=cv2.INTER_AREA)).max() < 1e-6
    matte = cv2.resize(
        (make_clip(24, 128, 96, 4).matte[0] > 0.5).astype(np.float32), (64, 48), None, 0, 0, cv2.INTER_AREA
    )
    assert np.array_equal(done.holes[0], matte > 0)
    for text in ("demo:x", "demo:", "demo:3:0"):
        with pytest.raises(InputError, match="Write it as demo:SEED"):
            compose(Pair("a+b", text, "demo:4"), (64, 48))


@pytest.mark.parametrize("which", ["a", "b"])
def test_a_gap_in_a_sequence_is_not_passed_over(tmp_path, which):
    frames, mattes = np.zeros((6, 16, 16, 3), np.uint8), np.zeros((6, 16, 16), np.uint8)
    mattes[:, 4:8, 4:8] = 255
    pair = Pair("a+b", write(tmp_path / "a", frames), write(tmp_path / "b", mattes))
    (tmp_path / which / "00003.png").unlink()
    with pytest.raises(InputError, match="has no frame 3"):
        compose(pair, (16, 16))
    assert len(compose(pair, (16, 16), 3).truth) == 3  # before the gap all is there


@pytest.mark.parametrize(("level", "said"), [(0, "covers 0%"), (255, "covers 100%")])
def test_a_matte_that_says_nothing_is_refused(tmp_path, level, said):
    frames, mattes = np.zeros((2, 16, 16, 3), np.uint8), np.full((2, 16, 16), level, np.uint8)
    pair = Pair("a+b", write(tmp_path / "a", frames), write(tmp_path / "b", mattes))
    with pytest.raises(InputError, match=said):
        compose(pair, (16, 16))
    with pytest.raises(InputError, match="smaller than 32x32"):
        compose(pair, (32, 32))


@pytest.fixture(scope="module")
def pan():
    """A textured wall that a camera pans over, and a hole that stands still in the picture."""
    random = np.random.default_rng(5)
    wall = cv2.GaussianBlur(random.random((120, 300, 3)).astype(np.float32), (0, 0), 1.5)
    wall = (wall - wall.min()) / np.ptp(wall)
    truth = np.stack([wall[10:106, 9 * n : 9 * n + 144] for n in range(9)])
    holes = np.zeros(truth.shape[:3], bool)
    holes[:, 36:60, 60:90] = True
    return truth, holes


@pytest.mark.parametrize("name", PEERS)
def test_peers_fill_the_hole_and_touch_nothing_else(pan, name):
    truth, holes = pan
    plate = np.where(holes[..., None], np.float32(0.5), truth)
    done = PEERS[name](plate, holes)
    assert np.array_equal(done[~holes], truth[~holes])
    assert np.isfinite(done).all()
    assert (done[holes] != 0.5).mean() > 0.9
    # what was blanked is not looked at
    assert np.array_equal(PEERS[name](np.where(holes[..., None], np.float32(0.1), truth), holes), done)


@pytest.mark.parametrize("height", [96, 64])  # ORB alone finds nothing in frames of 64
def test_what_other_frames_show_is_brought_over(pan, height):
    truth, holes = pan[0][:, -height:], pan[1][:, -height:]
    plate = np.where(holes[..., None], np.float32(0.5), truth)
    score = {name: video_psnr(PEERS[name](plate, holes), truth, holes) for name in PEERS}
    assert score["clean-plate"] > score["telea"] + 10
    assert score["median"] > score["telea"] + 10
    assert min(score.values()) > 10


def test_without_a_homography_the_rest_is_smooth():
    flat = np.full((3, 48, 64, 3), 0.25, np.float32)
    holes = np.zeros((3, 48, 64), bool)
    holes[:, 20:30, 20:30] = True
    for name in ("clean-plate", "median"):
        assert np.abs(PEERS[name](np.where(holes[..., None], np.float32(0.9), flat), holes) - 0.25).max() < 1e-5


@pytest.mark.parametrize("kind", list(SCENES))
def test_a_scene_is_footage_of_one_kind_of_motion(kind):
    done = compose(Pair("a+b", f"scene:{kind}:3:6", "scene:4:6"), (64, 48))
    assert done.truth.shape == (6, 48, 64, 3)
    assert 0.01 < done.holes.mean() < 0.4
    moved = np.abs(np.diff(done.truth, axis=0)).mean()
    assert moved < 0.012 if kind == "static" else moved > 0.012
    again = compose(Pair("a+b", f"scene:{kind}:3:6", "scene:4:6"), (64, 48))
    np.testing.assert_array_equal(done.truth, again.truth)


def test_a_scene_that_does_not_exist_is_refused():
    for clip, matte in (("scene:rain:1", "scene:1"), ("scene:pan", "scene:1"), ("scene:pan:1", "scene:pan:1")):
        with pytest.raises(InputError, match="scene:KIND:SEED"):
            compose(Pair("a+b", clip, matte), (64, 48))
