"""The paper's pictures and the features behind them: exact colours, places and similarities, and hostile inputs."""

from __future__ import annotations

import colorsys
import math
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from ilvi_core.evaluate import figures
from ilvi_core.evaluate.features import BLOCKS, encoder_features, near_frames, vgg_features
from ilvi_core.evaluate.figures import (
    CELL,
    FADED,
    RED,
    YELLOW,
    flow_picture,
    flow_scale,
    flow_wheel,
    outlined,
    reference_patch,
    row_marked,
    similarity,
    similarity_maps,
    slice_row,
    stage_strip,
    time_slice,
)
from ilvi_core.filling import settle
from ilvi_core.host.job import SolveSettings
from ilvi_core.network import EncoderDecoder
from ilvi_core.perceptual import VGGFeatures
from ilvi_core.window import Window, build


def noise(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


def bytes_of(values: np.ndarray) -> np.ndarray:
    return np.round(values * 255).astype(np.uint8)


def uniform_flow(x: float, y: float) -> np.ndarray:
    return np.broadcast_to(np.array([x, y], np.float32), (4, 5, 2))


# ---- Fig. 5


def test_a_pan_is_a_slant() -> None:
    """A picture that moves 3 px a frame: in the slice every row is the one above, moved by 3."""
    wide = noise(6, 60, 3)
    frames = np.stack([wide[:, 3 * t : 3 * t + 40] for t in range(7)])
    picture = time_slice(frames, 4, repeat=2)
    assert picture.shape == (14, 40, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture[::2], picture[1::2])
    assert np.array_equal(picture[::2], bytes_of(frames[:, 4]))
    for above, below in zip(picture[0:-2:2], picture[2::2]):
        assert np.array_equal(below[:-3], above[3:])


def test_a_slice_refuses_what_it_cannot_show() -> None:
    frames = noise(2, 4, 5, 3)
    for wrong in ((frames, 4), (frames, -1), (frames, 0, 0), (frames[0], 0), (bytes_of(frames), 0), (frames[:0], 0)):
        with pytest.raises(ValueError, match=r"row|expected"):
            time_slice(*wrong)
    frames[0, 0, 0], frames[0, 0, 1], frames[0, 0, 2] = np.nan, -1, 7
    assert time_slice(frames, 0)[0, :3].tolist() == [[0] * 3, [0] * 3, [255] * 3]


def test_the_row_that_cuts_the_hole() -> None:
    holes = np.zeros((4, 20, 30), bool)
    assert slice_row(holes) == 10
    holes[0, 2, :] = True  # many pixels, one frame
    holes[:3, 5, 1:3] = True
    assert slice_row(holes) == 5
    holes[:3, 9, 1:4] = True  # as many frames, more pixels
    assert slice_row(holes) == 9
    holes[:] = False
    holes[:, 11:16, 4:8] = True  # all alike: through the middle
    assert slice_row(holes) == 13
    for wrong in (holes[0], holes.astype(np.uint8), holes[:0]):
        with pytest.raises(ValueError, match="expected bool holes"):
            slice_row(wrong)


def test_the_marked_row() -> None:
    frame = noise(6, 8, 3)
    before = frame.copy()
    picture = row_marked(frame, 2)
    assert (picture[2] == YELLOW).all()
    assert np.array_equal(np.delete(picture, 2, 0), bytes_of(np.delete(frame, 2, 0)))
    assert np.array_equal(frame, before)
    for row in (-1, 6):
        with pytest.raises(ValueError, match="row"):
            row_marked(frame, row)


# ---- Fig. 8


def test_the_outline_is_a_closed_curve_just_outside() -> None:
    frame, hole = bytes_of(noise(20, 30, 3)), np.zeros((20, 30), bool)
    cv2.circle(mask := hole.astype(np.uint8), (14, 9), 5, 1, -1)
    hole = mask > 0
    before = frame.copy()
    picture = outlined(frame, hole)
    assert np.array_equal(frame, before)
    red = (picture == RED).all(axis=2)
    assert not (red & hole).any()
    assert np.array_equal(picture[~red], frame[~red])
    # Without the curve the rest falls into inside and outside: nothing leaks, and it is 1 px wide.
    count, labels = cv2.connectedComponents((~red).astype(np.uint8), connectivity=4)
    assert count == 3
    assert np.array_equal(labels == labels[9, 14], hole)
    near = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert not (red & ~near).any()


def test_outlines_of_odd_holes() -> None:
    frame = noise(6, 8, 3)
    for hole in (np.zeros((6, 8), bool), np.ones((6, 8), bool)):
        assert np.array_equal(outlined(frame, hole), bytes_of(frame))
    corner = np.zeros((6, 8), bool)
    corner[0, 0] = True
    assert np.argwhere((outlined(frame, corner) == RED).all(axis=2)).tolist() == [[0, 1], [1, 0]]
    for wrong in (corner.T, corner.astype(np.uint8)):
        with pytest.raises(ValueError, match="bool hole"):
            outlined(frame, wrong)
    for wrong in (frame[..., 0], frame[:0]):
        with pytest.raises(ValueError, match="frame of"):
            outlined(wrong, corner)


@pytest.mark.parametrize(
    ("x", "y", "colour"),
    [(1, 0, (255, 0, 0)), (0, 1, (128, 255, 0)), (-1, 0, (0, 255, 255)), (0, -1, (128, 0, 255))],
)
def test_hue_is_the_direction(x: float, y: float, colour: tuple[int, int, int]) -> None:
    assert np.abs(flow_picture(uniform_flow(8 * x, 8 * y), 8).astype(int) - colour).max() <= 1


def test_value_is_the_length() -> None:
    """To the right: one hue, twice as bright for twice the length, full from the scale on, nothing where all stands."""
    reds = []
    for length in (0, 2, 4, 8, 80):
        picture = flow_picture(uniform_flow(length, 0), 8)
        assert not picture[..., 1:].any()
        reds.append(int(picture[0, 0, 0]))
    assert reds == [0, 64, 128, 255, 255]


def test_the_scale_of_a_flow() -> None:
    flow = np.zeros((10, 100, 2), np.float32)
    assert flow_scale(flow) == 1
    flow[..., 0] = 6
    flow[0, :5] = 500  # half a hundredth: an outlier
    assert flow_scale(flow) == 6
    flow[5, 5], flow[6, 6, 1] = np.nan, np.inf
    assert flow_scale(flow) == 6
    picture = flow_picture(flow)
    assert picture[5, 5].tolist() == picture[6, 6].tolist() == [0, 0, 0]
    assert picture[9, 9].tolist() == [255, 0, 0]
    assert not flow_picture(np.full((3, 3, 2), np.nan)).any()
    # The square of this is beyond float16.
    assert flow_scale(np.full((3, 3, 2), 30000, np.float16)) == pytest.approx(30000 * math.sqrt(2))


def test_flow_that_is_none_is_refused() -> None:
    for flow in (np.zeros((4, 5)), np.zeros((4, 5, 3)), np.zeros((0, 5, 2))):
        with pytest.raises(ValueError, match="expected flow"):
            flow_picture(flow)
    for scale in (0, -1, math.nan):
        with pytest.raises(ValueError, match="scale"):
            flow_picture(np.zeros((4, 5, 2)), scale)


def test_the_wheel_is_the_mapping() -> None:
    """Every pixel by the definition, with the standard library's conversion."""
    size = 40
    wheel = flow_wheel(size)
    assert wheel.shape == (size, size, 3)
    for row, column in np.ndindex(size, size):
        x, y = (column - 19.5) / 20, (row - 19.5) / 20
        value = math.hypot(x, y)
        expected = colorsys.hsv_to_rgb(math.atan2(y, x) / math.tau % 1, 1, value if value <= 1 else 0)
        assert np.abs(wheel[row, column] - np.array(expected) * 255).max() <= 0.6
    with pytest.raises(ValueError, match="wheel"):
        flow_wheel(1)


def stages(count: int, flow: bool) -> dict[str, np.ndarray]:
    found = {
        "frame": np.array(3),
        "updates": np.array([10, 40, 160])[:count],
        "seconds": np.array([0.5, 2.0, 8.25])[:count],
        "pictures": bytes_of(noise(count, 12, 16, 3)),
    }
    if flow:
        lengths = np.array([16, 2, 4], np.float16)[:count]
        found["flow"] = np.zeros((count, 12, 16, 2), np.float16)
        found["flow"][..., 0] = lengths[:, None, None]
    return found


def test_stages_have_one_scale() -> None:
    hole = np.zeros((12, 16), bool)
    hole[4:8, 5:9] = True
    given = stages(3, True)
    strip = stage_strip(given, hole)
    assert [(updates, seconds) for updates, seconds, _, _ in strip] == [(10, 0.5), (40, 2.0), (160, 8.25)]
    assert all(type(updates) is int and type(seconds) is float for updates, seconds, _, _ in strip)
    for (_, _, picture, _), plain in zip(strip, given["pictures"]):
        assert np.array_equal(picture, outlined(plain, hole))
    assert [flow[0, 0].tolist() for *_, flow in strip] == [[255, 0, 0], [128, 0, 0], [255, 0, 0]]


def test_stages_without_flow() -> None:
    assert [flow for *_, flow in stage_strip(stages(2, False), np.zeros((12, 16), bool))] == [None, None]
    assert stage_strip(stages(0, False), np.zeros((12, 16), bool)) == []


# ---- Fig. 9


def made_features(**changes: Any) -> dict[str, np.ndarray]:
    """Of a 192x96 picture in the middle of a padded 192x128 one: the encoder's grid begins 16 px above it."""
    frames = np.array([1, 2, 3])
    rng = np.random.default_rng(4)
    return {
        "frames": frames,
        "middle": np.array(1),
        "encoder": rng.standard_normal((3, 7, 4, 6)).astype(np.float16),
        "top": np.array(16),
        "left": np.array(0),
        "vgg": rng.standard_normal((3, 9, 3, 6)).astype(np.float16),
        **changes,
    }


def flat_clip() -> tuple[np.ndarray, np.ndarray]:
    return np.full((5, 96, 192, 3), 0.5, np.float32), np.zeros((5, 96, 192), bool)


def test_the_reference_has_the_most_detail() -> None:
    frames, holes = flat_clip()
    # Cell (2, 3) is rows 48..79, columns 96..127 of the working picture; just inside its corners, in frame 2.
    frames[2, 48, 96] = frames[2, 79, 127] = 1
    assert reference_patch(made_features(), holes, frames) == (2, 3)
    frames[3] = noise(96, 192, 3)  # another frame's detail does not count
    assert reference_patch(made_features(), holes, frames) == (2, 3)
    # Rows 0 and 3 hang over the picture's edge: their detail does not count.
    frames[2, :16] = noise(16, 192, 3)
    frames[2, 80:] = noise(16, 192, 3)
    assert reference_patch(made_features(), holes, frames) == (2, 3)
    # The luma's variance, not one channel's: blue weighs least.
    frames[2, 16:48, :32, 2] = noise(32, 32) * 0.5
    assert reference_patch(made_features(), holes, frames) == (2, 3)
    holes[2, 79, 127] = True
    assert reference_patch(made_features(), holes, frames) == (1, 0)


def test_the_reference_where_nothing_is_free() -> None:
    frames, holes = flat_clip()
    assert reference_patch(made_features(), holes, frames) == (1, 0)  # all alike: the first that lies wholly inside
    frames[2, 16:48] = noise(32, 192, 3)
    holes[2, 16:80] = True
    holes[2, 60, 40] = False  # in the flat cell (2, 1): the least hole goes before detail
    assert reference_patch(made_features(), holes, frames) == (2, 1)
    # A picture of 20 px in a padded one of 128: no cell lies wholly inside; row 2 has 10 px, row 1 too.
    small = made_features(top=np.array(54), left=np.array(54), encoder=np.zeros((3, 7, 4, 4), np.float16))
    found = reference_patch(small, holes[:, :20, :20], np.ascontiguousarray(frames[:, :20, :20]))
    assert found in {(1, 1), (1, 2), (2, 1), (2, 2)}
    with pytest.raises(ValueError, match="frames"):
        reference_patch(made_features(), holes[:3], frames[:3])


def test_similarity_is_the_cosine() -> None:
    features = made_features()
    found = similarity(features, "encoder", (2, 3))
    vectors = features["encoder"].astype(np.float64)
    reference = vectors[1, :, 2, 3]
    for f, row, column in np.ndindex(3, 4, 6):
        vector = vectors[f, :, row, column]
        expected = vector @ reference / np.sqrt((vector @ vector) * (reference @ reference))
        assert found[f, row, column] == pytest.approx(expected, abs=1e-12)
    assert found[1, 2, 3] == pytest.approx(1)
    assert found.max() <= 1 + 1e-12
    features["encoder"][0, :, 0, 0] = 3 * features["encoder"][1, :, 2, 3]  # length is of no matter
    assert similarity(features, "encoder", (2, 3))[0, 0, 0] == pytest.approx(1, abs=1e-5)


def test_vggs_reference_holds_the_centre_of_the_encoders() -> None:
    """Cell (2, 3) of the encoder has its centre at working pixel (64, 112): VGG16's cell (2, 3), and of (1, 3) (1, 3).

    At the edge a cell's centre may lie outside the picture: the nearest of VGG16's stands for it.
    """
    features = made_features()
    for patch, cell in {(2, 3): (2, 3), (1, 3): (1, 3), (0, 0): (0, 0), (3, 5): (2, 5)}.items():
        assert np.argwhere(similarity(features, "vgg", patch)[1] > 1 - 1e-9).tolist() == [list(cell)]
    moved = made_features(top=np.array(20), left=np.array(24))
    assert np.argwhere(similarity(moved, "vgg", (1, 1))[1] > 1 - 1e-9).tolist() == [[0, 0]]


def one_alike(key: str, cell: tuple[int, int], reference: tuple[int, int]) -> dict[str, np.ndarray]:
    """Features that are (1, 0) everywhere but (0, 1) at the reference and, in the first frame, at one cell."""
    features = made_features()
    shape = features[key].shape
    features[key] = np.zeros((3, 2, *shape[2:]), np.float16)
    features[key][:, 0] = 1
    for place in ((1, *reference), (0, *cell)):
        features[key][place[0], :, place[1], place[2]] = (0, 1)
    return features


@pytest.mark.parametrize(("key", "cell", "rows"), [("encoder", (2, 4), slice(48, 80)), ("vgg", (1, 4), slice(32, 64))])
def test_cells_stand_where_they_belong(key: str, cell: tuple[int, int], rows: slice) -> None:
    """Full opacity exactly in the cell, the encoder's by top and left, VGG16's from the corner; grey elsewhere."""
    frames = noise(5, 96, 192, 3)
    maps = similarity_maps(one_alike(key, cell, (1, 1)), key, frames, (1, 1))
    assert [number for number, _ in maps] == [1, 2, 3]
    assert all(picture.shape == (96, 192, 3) and picture.dtype == np.uint8 for _, picture in maps)
    expected = np.full((96, 192, 3), FADED, np.uint8)
    expected[rows, 128:160] = bytes_of(frames[1, rows, 128:160])
    assert np.array_equal(maps[0][1], expected)
    assert (maps[2][1] == FADED).all()


def test_the_reference_is_framed_in_the_middle_frame_alone() -> None:
    frames = np.zeros((5, 96, 192, 3), np.float32)
    maps = similarity_maps(made_features(), "encoder", frames, (2, 3))
    assert [(picture == RED).all(axis=2).any() for _, picture in maps] == [False, True, False]
    expected = np.zeros((96, 192), bool)
    expected[48:80, 96:128] = True
    expected[49:79, 97:127] = False
    assert np.array_equal((maps[1][1] == RED).all(axis=2), expected)
    # One that hangs over the edge is framed as far as it is seen.
    top = (similarity_maps(made_features(), "encoder", frames, (0, 0))[1][1] == RED).all(axis=2)
    assert np.argwhere(top).min(0).tolist() == [0, 0]
    assert np.argwhere(top).max(0).tolist() == [15, 31]


def test_opacity_has_one_range_for_all_frames() -> None:
    """Black frames: what is seen of the grey is 1 - opacity, and opacity is similarity from its least to its most."""
    features = made_features()
    maps = similarity_maps(features, "encoder", np.zeros((5, 96, 192, 3), np.float32), (2, 3))
    alike = similarity(features, "encoder", (2, 3))
    expected = (alike - alike.min()) / (alike.max() - alike.min())
    for (_, picture), values in zip(maps, expected):
        for row, column in np.ndindex(4, 6):
            seen = picture[np.clip(32 * row, 0, 95), 32 * column + 16, 0] if (row, column) != (2, 3) else None
            if seen is not None:
                assert abs(float(seen) - FADED * (1 - values[row, column])) <= 1


def test_what_is_not_seen_does_not_set_the_range() -> None:
    """A cell that lies wholly in the padding is the least alike; the range is of the others."""
    features = one_alike("encoder", (2, 4), (2, 3))
    features["top"] = np.array(32)
    features["encoder"][:, :, 0, :] = np.array([0, -1], np.float16)[:, None]
    picture = similarity_maps(features, "encoder", np.zeros((5, 96, 192, 3), np.float32), (2, 3))[0][1]
    assert picture[10, 10].tolist() == [FADED] * 3
    assert picture[40, 140].tolist() == [0] * 3


def test_where_vgg_has_no_cell_nothing_is_seen() -> None:
    features = made_features(vgg=np.ones((3, 9, 2, 5), np.float16))
    picture = similarity_maps(features, "vgg", np.zeros((5, 96, 192, 3), np.float32), (1, 1))[0][1]
    assert (picture[:64, :160] == 0).all()
    assert (picture[64:] == FADED).all()
    assert (picture[:, 160:] == FADED).all()


@pytest.mark.parametrize("value", [0, 1, np.nan, np.inf])
def test_constant_features_show_the_whole_frame(value: float) -> None:
    frames = noise(5, 96, 192, 3)
    features = made_features(encoder=np.full((3, 7, 4, 6), value, np.float16))
    assert np.isfinite(similarity(features, "encoder", (1, 1))).all()
    assert np.array_equal(similarity_maps(features, "encoder", frames, (1, 1))[0][1], bytes_of(frames[1]))


def test_rounding_is_no_difference() -> None:
    features = made_features(encoder=np.full((3, 7, 4, 6), 1000, np.float16))
    features["encoder"][0, 0, 1, 1] = np.nextafter(np.float16(1000), np.float16(2000))
    frames = noise(5, 96, 192, 3)
    assert np.array_equal(similarity_maps(features, "encoder", frames, (1, 1))[0][1], bytes_of(frames[1]))


def test_similarity_refuses_what_is_not_there() -> None:
    frames = noise(5, 96, 192, 3)
    with pytest.raises(ValueError, match=r"'top', only \['encoder', 'vgg'\]"):
        similarity_maps(made_features(), "top", frames, (1, 1))
    without = made_features()
    del without["vgg"]
    with pytest.raises(ValueError, match="'vgg'"):
        similarity_maps(without, "vgg", frames, (1, 1))
    for patch in ((4, 0), (0, 6), (-1, 0)):
        with pytest.raises(ValueError, match="outside"):
            similarity_maps(made_features(), "encoder", frames, patch)
    for numbers in ([1, 2, 5], [-1, 0, 1], []):
        with pytest.raises(ValueError, match="of frames"):
            similarity_maps(made_features(frames=np.array(numbers)), "encoder", frames, (1, 1))


# ---- the features


def test_near_frames() -> None:
    assert near_frames(60) == ([20, 25, 30, 35, 40], 2)
    assert near_frames(24) == ([8, 10, 12, 14, 16], 2)
    assert [near_frames(count) for count in (5, 4, 3, 2, 1)] == [
        ([0, 1, 2, 3, 4], 2),
        ([0, 1, 2, 3], 2),
        ([0, 1, 2], 1),
        ([0, 1], 1),
        ([0], 0),
    ]
    for count in range(1, 200):
        frames, middle = near_frames(count)
        assert frames[middle] == count // 2
        assert middle == len(frames) // 2  # what `encoder_features` calls the middle one
        assert 0 <= frames[0] <= frames[-1] < count
        if count >= 12:
            assert frames[-1] - frames[0] == pytest.approx(count / 3, abs=2)
    with pytest.raises(ValueError, match="0 frames"):
        near_frames(0)


def settled(dims: int, count: int = 5, size: int = 3) -> tuple[EncoderDecoder, Window]:
    torch.manual_seed(2)
    window = build(
        range(1001, 1001 + count), noise(count, 70, 150, 3), np.ones((count, 70, 150), bool), SolveSettings(), "cpu"
    )
    network = EncoderDecoder(dims)
    settle(network, window, size)
    return network, window


def test_the_encoders_features_are_its_fifth_blocks() -> None:
    network, window = settled(2)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    features = encoder_features(network, window, [1, 2, 4])
    assert 2**BLOCKS == CELL
    assert features["frames"].tolist() == [1, 2, 4]
    assert features["middle"] == 1
    assert features["encoder"].shape == (3, 128, 4, 6)
    assert features["encoder"].dtype == np.float16
    x = window.noise[[1, 2, 4]]
    with torch.no_grad():
        for block in network.encoder[:5]:
            x = block(x)
    np.testing.assert_allclose(features["encoder"], x.numpy(), atol=2e-3)
    assert x.std() > 0.1
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert not network.training


def test_top_and_left_are_where_the_window_crops() -> None:
    network, window = settled(2)
    features = encoder_features(network, window, [2])
    places = torch.stack(torch.meshgrid(*map(torch.arange, window.noise.shape[-2:]), indexing="ij"))
    assert window.crop(places)[:, 0, 0].tolist() == [features["top"], features["left"]] == [29, 21]


def test_in_3d_the_features_are_those_of_the_fills_tile() -> None:
    """Five frames in tiles of three: 0-2 and 2-4; the shared one is taken from the first."""
    network, window = settled(3)
    features = encoder_features(network, window, [1, 2, 3], size=3)["encoder"]
    assert features.shape == (3, 128, 4, 6)
    with torch.no_grad():
        first, second = (
            network.encode(window.noise[t].transpose(0, 1)[None])[5][0] for t in (slice(0, 3), slice(2, 5))
        )
    for found, expected in zip(features, (first[:, 1], first[:, 2], second[:, 1])):
        np.testing.assert_allclose(found, expected.numpy(), atol=2e-3)
    assert (first[:, 2] - second[:, 0]).abs().max() > 0.1  # the tile matters
    with pytest.raises(ValueError, match="size"):
        encoder_features(network, window, [2])


def test_features_refuse_what_is_not_there() -> None:
    network, window = settled(2)
    for frames in ([], [-1, 0], [4, 5], [2, 1], [1, 1]):
        with pytest.raises(ValueError, match="rising frames"):
            encoder_features(network, window, frames)
    network.train()
    with pytest.raises(ValueError, match="training mode"):
        encoder_features(network, window, [1])


def test_the_features_make_a_figure() -> None:
    """The whole way: what `encoder_features` gives is what `similarity_maps` takes."""
    network, window = settled(2)
    features = encoder_features(network, window, near_frames(5)[0])
    frames, holes = noise(5, 70, 150, 3), np.zeros((5, 70, 150), bool)
    patch = reference_patch(features, holes, frames)
    assert patch in {(1, c) for c in range(1, 5)} | {(2, c) for c in range(1, 5)}
    rows, columns = figures._box(patch, (29, 21), (70, 150))
    assert (rows.stop - rows.start, columns.stop - columns.start) == (32, 32)
    maps = similarity_maps(features, "encoder", frames, patch)
    inside = (slice(rows.start + 1, rows.stop - 1), slice(columns.start + 1, columns.stop - 1))
    assert np.array_equal(maps[2][1][inside], bytes_of(frames[2][inside]))


def test_vgg_features_are_pool5() -> None:
    from torchvision.models import vgg16

    torch.manual_seed(6)
    state = {f"features.{key}": value for key, value in vgg16(weights=None).features.state_dict().items()}
    model = VGGFeatures(state, ["pool5"])
    frames = noise(2, 70, 130, 3)
    features = vgg_features(model, frames)
    assert features.shape == (2, 512, 2, 4)
    assert features.dtype == np.float16
    with torch.no_grad():
        expected = model(torch.from_numpy(frames).permute(0, 3, 1, 2))["pool5"].numpy()
    assert expected.std() > 1e-3
    np.testing.assert_allclose(features, expected, rtol=2e-3, atol=1e-4)
    with pytest.raises(ValueError, match="at least 32"):
        vgg_features(model, frames[:, :31])
