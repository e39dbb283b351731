"""Clips: what is refused and how, what counts as known, and which part of the plate is learned."""

from __future__ import annotations

import numpy as np
import pytest
from fake_source import FakeSource, a_picture, a_source

from ilvi_core.clip import Clip, Loader, shrink, union, windows, working_region
from ilvi_core.color import Curve
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import SolveSettings
from ilvi_core.pictures import Box

RNG = np.random.default_rng(5)


def plates(count: int = 4, height: int = 40, width: int = 60) -> np.ndarray:
    return RNG.integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def mattes(count: int = 4, height: int = 40, width: int = 60) -> np.ndarray:
    out = np.zeros((count, height, width), np.uint8)
    for n in range(count):
        out[n, 10:20, 10 + 4 * n : 22 + 4 * n] = 255
    return out


def load(plate: FakeSource, matte: FakeSource, frames: list[int] | None = None, **settings: object) -> Clip:
    chosen = SolveSettings(**{"size": (32, 16), **settings})  # type: ignore[arg-type]
    return Loader(plate, matte, frames or plate.frames, chosen).load()


# --- loading


def test_a_whole_clip_at_its_own_size() -> None:
    rgb, grey = plates(), mattes()
    clip = load(a_source(rgb, 1001), a_source(grey, 1001), size=(60, 40))
    assert clip.frames == (1001, 1002, 1003, 1004)
    assert clip.region == Box(0, 0, 60, 40)
    assert clip.size == (60, 40)
    np.testing.assert_allclose(clip.plate, rgb / 255, atol=1e-6)
    np.testing.assert_array_equal(clip.known, grey == 0)
    assert clip.coverage == (120 / 2400,) * 4
    assert clip.matte_channel == "luminance"
    assert clip.notes == []
    assert not clip.empty


def test_part_of_the_frames_and_the_ticks() -> None:
    told: list[tuple[int, int]] = []
    plate, matte = a_source(plates(6)), a_source(mattes(6))
    loader = Loader(plate, matte, [2, 3, 4], SolveSettings(size=(32, 16)))
    clip = loader.load(lambda done, total: told.append((done, total)))
    assert clip.frames == (2, 3, 4)
    assert told == [(n, 6) for n in range(1, 7)]
    assert set(plate.reads) == {2, 3, 4}


@pytest.mark.parametrize("what", ["Plate", "Matte"])
def test_missing_frame(what: str) -> None:
    sources = {"Plate": a_source(plates(), 1001), "Matte": a_source(mattes(), 1001)}
    sources[what].frames.remove(1003)
    with pytest.raises(InputError) as caught:
        load(sources["Plate"], sources["Matte"], [1001, 1002, 1003, 1004])
    assert caught.value.message == f"{what} has no frame 1003 (range 1001-1004; there are 1001-1004)."
    assert caught.value.hint == f"Render the {what.lower()} again or change the range."


def test_sizes_differ() -> None:
    with pytest.raises(InputError) as caught:
        load(a_source(plates()), a_source(mattes(width=61)))
    assert caught.value.message == "The matte's frame 1 is 61x40, the plate's is 60x40."


def test_a_matte_of_one_frame_does_not_serve_others() -> None:
    with pytest.raises(InputError, match="Matte has no frame 1"):
        load(a_source(plates(3)), a_source(mattes(1), 77), size=(60, 40))


def test_alpha_or_luminance() -> None:
    rgba = np.zeros((4, 40, 60, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[:, 5:9, 5:9, :3] = 255
    by_luminance = load(a_source(plates()), a_source(rgba), size=(60, 40))
    assert by_luminance.matte_channel == "luminance"
    assert (~by_luminance.known[0]).sum() == 16
    rgba[2, 0, 0, 3] = 0  # one frame's alpha says something: it is the matte of all
    with pytest.raises(InputError, match="nothing is left to learn from"):
        load(a_source(plates()), a_source(rgba), [1, 2, 4], matte_channel="alpha")  # covered all over
    by_alpha = load(a_source(plates()), a_source(rgba), size=(60, 40))
    assert by_alpha.matte_channel == "alpha"
    assert by_alpha.known.sum() == 1
    inverted = load(a_source(plates()), a_source(255 - rgba), size=(60, 40), matte_channel="R", matte_invert=True)
    assert (~inverted.known[0]).sum() == 16


def test_matte_that_covers_everything() -> None:
    with pytest.raises(InputError, match="covers every pixel of every frame") as caught:
        load(a_source(plates()), a_source(np.full((4, 40, 60), 255, np.uint8)))
    assert "--matte-invert" in caught.value.hint


def test_nothing_known_in_the_region_or_at_the_working_size() -> None:
    box = np.zeros((4, 40, 60), np.uint8)
    box[:, 5:35, 10:40] = 255
    with pytest.raises(InputError, match="is free of it") as caught:
        load(a_source(plates()), a_source(box), region="hole", context=0.0, size=(16, 16))
    assert "context" in caught.value.hint
    comb = np.zeros((1, 64, 64), np.uint8)
    comb[:, ::4] = 255
    with pytest.raises(InputError, match="At the working size 16x16"):
        load(a_source(plates(1, 64, 64)), a_source(comb), size=(16, 16))


def test_empty_matte() -> None:
    clip = load(a_source(plates()), a_source(np.zeros((4, 40, 60), np.uint8)))
    assert clip.empty
    assert clip.coverage == (0.0,) * 4
    assert clip.frames == (1, 2, 3, 4)


def test_large_hole_is_said() -> None:
    grey = mattes()
    grey[2, :25] = 255  # 62.5%
    ((code, text),) = load(a_source(plates()), a_source(grey), size=(60, 40)).notes
    assert code == "large-hole"
    assert "62% of frame 3" in text
    assert "Try --matte-invert" in text
    grey = 255 - grey
    ((_, text),) = load(a_source(plates()), a_source(grey), size=(60, 40), matte_invert=True).notes
    assert "--matte-invert is set: is it meant?" in text
    grey = mattes()
    grey[2, :24] = 255  # 60% is not over 60%
    assert load(a_source(plates()), a_source(grey), size=(60, 40)).notes == []


def test_enlarging_is_said() -> None:
    ((code, text),) = load(a_source(plates()), a_source(mattes()), size=(30, 20)).notes
    assert code == "enlarged"
    assert "30x20 for 60x40" in text
    assert "2.0 times" in text


def test_the_second_pass_reads_again_what_was_too_much_to_keep() -> None:
    rgb, grey = plates(), mattes()
    kept = load(a_source(rgb), a_source(grey))
    plate = a_source(rgb)
    again = Loader(plate, a_source(grey), plate.frames, SolveSettings(size=(32, 16)), keep=60 * 40 * 4 * 2 + 5).load()
    assert plate.reads == [1, 2, 3, 4, 3, 4]
    np.testing.assert_array_equal(again.plate, kept.plate)
    np.testing.assert_array_equal(again.known, kept.known)


def test_linear_range_comes_from_finite_known_values() -> None:
    rgb = RNG.random((2, 40, 60, 3), np.float32)
    rgb[0, 0, 0] = -0.5, np.nan, 40.0
    rgb[0, 1, 1] = np.inf, -np.inf, 0.5
    rgb[1, 15, 16] = 1000.0  # under the matte
    grey = mattes(2)
    clip = load(a_source(rgb), a_source(grey), size=(60, 40))
    assert clip.curve == Curve("linear", -0.5, 40.0)
    assert np.isfinite(clip.plate).all()
    expected = grey == 0
    expected[0, 0, 0] = expected[0, 1, 1] = False
    np.testing.assert_array_equal(clip.known, expected)


def test_data_window_that_moves() -> None:
    """The canvas is what all frames cover together; outside its own data window a frame knows nothing."""
    display = Box(0, 0, 60, 40)
    windows_ = {1: Box(-4, -2, 60, 40), 2: Box(3, 5, 60, 40), 3: Box(10, 10, 20, 20)}
    rgb = {f: RNG.random((b.height, b.width, 3), np.float32) for f, b in windows_.items()}
    plate = FakeSource({f: a_picture(rgb[f], b, display) for f, b in windows_.items()})
    matte = a_source(np.repeat(mattes(1), 3, axis=0))
    clip = load(plate, matte, size=(67, 47))
    assert clip.region == Box(-4, -2, 67, 47)
    hole = np.zeros((47, 67), bool)
    hole[12:22, 14:26] = True
    for n, box in enumerate(windows_.values()):
        covered = np.zeros((47, 67), bool)
        covered[box.y + 2 : box.y + 2 + box.height, box.x + 4 : box.x + 4 + box.width] = True
        np.testing.assert_array_equal(clip.known[n], covered & ~hole)
        shown = clip.plate[n][box.y + 2 :, box.x + 4 :][: box.height, : box.width]
        np.testing.assert_allclose(shown, clip.curve.encode(rgb[n + 1]), atol=1e-6)


# --- one frame made small


def test_known_excludes_every_touched_pixel_and_nothing_leaks() -> None:
    for _ in range(60):
        width, height = RNG.integers(8, 40, 2).tolist()
        data = Box(*RNG.integers(-5, 6, 2).tolist(), width, height)
        rgb = RNG.random((height, width, 3), np.float32)
        hole = RNG.random((height, width)) > 0.97
        bad = RNG.random((height, width)) > 0.98
        rgb[hole] = 1e4
        rgb[bad, RNG.integers(0, 3)] = RNG.choice([np.nan, np.inf, -np.inf])
        region = Box(*RNG.integers(-5, 6, 2).tolist(), *RNG.integers(8, 40, 2).tolist())
        size = int(RNG.integers(3, region.width + 1)), int(RNG.integers(3, region.height + 1))
        curve = Curve.fit("linear", 0.0, 1.0)
        small, known = shrink(a_picture(rgb, data), hole, region, size, curve)
        assert small.shape == (size[1], size[0], 3)
        touched = np.zeros((size[1], size[0]), bool)
        mean = np.zeros((size[1], size[0], 3))
        across, down = region.width / size[0], region.height / size[1]
        for v in range(region.height):
            for u in range(region.width):
                x, y = region.x + u - data.x, region.y + v - data.y
                there = 0 <= x < width and 0 <= y < height
                lost = not there or hole[y, x] or bad[y, x]
                for row in range(int(v / down), min(int(np.ceil((v + 1) / down)), size[1])):
                    for column in range(int(u / across), min(int(np.ceil((u + 1) / across)), size[0])):
                        high = min((row + 1) * down, v + 1) - max(row * down, v)
                        wide = min((column + 1) * across, u + 1) - max(column * across, u)
                        if high > 1e-9 and wide > 1e-9:
                            touched[row, column] |= lost
                            if not lost:
                                mean[row, column] += curve.encode(rgb[y, x]) * high * wide / (across * down)
        np.testing.assert_array_equal(known, ~touched)
        np.testing.assert_allclose(small[known], mean[known], atol=2e-3)


# --- which part


def random_case(region: str) -> tuple[Box, Box, SolveSettings]:
    canvas = Box(*RNG.integers(-50, 50, 2).tolist(), *np.exp(RNG.uniform(0, 8, 2)).astype(int).tolist())
    width, height = (int(RNG.integers(1, side + 1)) for side in canvas[2:])
    x = canvas.x + int(RNG.integers(0, canvas.width - width + 1))
    y = canvas.y + int(RNG.integers(0, canvas.height - height + 1))
    size = tuple(RNG.integers(16, 800, 2).tolist())
    context = float(RNG.choice([0, 0.1, 0.5, 3]))
    return canvas, Box(x, y, width, height), SolveSettings(size=size, region=region, context=context)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["frame", "hole"])
def test_working_region(kind: str) -> None:
    for _ in range(4000):
        canvas, hole, settings = random_case(kind)
        region, size = working_region(canvas, hole, settings)
        case = f"{canvas} {hole} {settings.size} {settings.context} -> {region} {size}"
        assert all(type(side) is int for side in (*region, *size)), case
        assert union(region, hole) == region, case
        assert union(canvas, region) == canvas, case
        assert 1 <= size[0] <= min(region.width, settings.size[0]), case
        assert 1 <= size[1] <= min(region.height, settings.size[1]), case
        aspect = settings.size[0] / settings.size[1]
        if kind == "frame":
            least = hole.width, hole.height
        else:
            # the hole with its context, at no less than one plate pixel a working one, as far as the canvas goes
            least = tuple(
                min(max(side * (1 + 2 * settings.context), asked), whole)
                for side, asked, whole in zip(hole[2:], settings.size, canvas[2:], strict=True)
            )
            assert region.width >= round(least[0]), case
            assert region.height >= round(least[1]), case
        if max(least[0], least[1] * aspect) <= canvas.width and max(least[1], least[0] / aspect) <= canvas.height:
            assert abs(region.width - region.height * aspect) <= 0.51 * (1 + aspect), case


def test_working_region_examples() -> None:
    full_hd = Box(0, 0, 1920, 1080)
    paper = SolveSettings()
    assert working_region(full_hd, Box(800, 400, 100, 100), paper) == (Box(0, 60, 1920, 960), (384, 192))
    assert working_region(full_hd, Box(800, 0, 100, 100), paper)[0] == Box(0, 0, 1920, 960)
    assert working_region(full_hd, Box(800, 980, 100, 100), paper)[0] == Box(0, 120, 1920, 960)
    assert working_region(full_hd, Box(800, 50, 100, 1000), paper)[0] == full_hd
    assert working_region(Box(0, 0, 100, 100), Box(9, 40, 5, 5), paper) == (Box(0, 25, 100, 50), (100, 50))
    close = SolveSettings(region="hole", size=(192, 128))
    assert working_region(full_hd, Box(900, 500, 300, 100), close) == (Box(750, 350, 600, 400), (192, 128))
    assert working_region(full_hd, Box(900, 500, 30, 10), close) == (Box(819, 441, 192, 128), (192, 128))
    assert working_region(full_hd, Box(900, 100, 200, 900), close)[0] == Box(190, 0, 1620, 1080)


def test_union() -> None:
    a, b, none = Box(-2, 3, 4, 5), Box(1, 1, 6, 2), Box(9, 9, 0, 0)
    assert union(a, b) == union(b, a) == Box(-2, 1, 9, 7)
    assert union(none, a) == union(a, none) == a


def test_windows_are_balanced() -> None:
    for length in range(1, 60):
        for window in range(0, 65):
            runs = windows(length, window)
            assert [n for run in runs for n in run] == list(range(length))
            assert len(runs) == (1 if window == 0 else -(-length // window))
            assert max(map(len, runs)) - min(map(len, runs)) <= 1
            assert window == 0 or max(map(len, runs)) <= window
