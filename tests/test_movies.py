"""Movies: the right frame in any order, the right colours both ways, and no half movie."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.images import Picture, open_sink, open_source
from ilvi_core.pictures import Source

RATE = Fraction(24000, 1001)


def numbered(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A frame whose grey tells its number: 8 + 6 * number, (h, w, 3) uint8."""
    return np.full((height, width, 3), 8 + 6 * number, np.uint8)


def make_movie(
    path: Path, count: int = 30, codec: str = "libx264", layout: str = "yuv420p", size: tuple[int, int] = (64, 48)
) -> Path:
    """A movie with B-frames whose frame n is `numbered(n)`."""
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = (*size, layout)
        if codec == "libx264":
            stream.options = {"bf": "3", "g": "12", "crf": "5"}
        for number in range(1, count + 1):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(number, *size), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def number_of(picture: Picture) -> int:
    return round((float(picture.rgb().mean()) * 255 - 8) / 6)


def copy_out(source: Source, target: Path, frames: list[int] | None = None) -> Path:
    frames = source.frames if frames is None else frames
    sink = open_sink(str(target), source, frames)
    for frame in frames:
        sink.write(frame, source.read(frame))
    sink.close()
    return target


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.webm"])
def test_any_frame_in_any_order(tmp_path: Path, name: str) -> None:
    codec = "libvpx-vp9" if name.endswith("webm") else "mpeg4" if name.endswith("avi") else "libx264"
    source = open_source(str(make_movie(tmp_path / name, codec=codec)))
    assert source.frames == list(range(1, 31))
    assert abs(Fraction(source.fps) - RATE) < Fraction(1, 1000)
    for frame in (1, 7, 8, 30, 3, 2, 2, 17, 1):
        assert number_of(source.read(frame)) == frame
    source.close()
    assert number_of(source.read(5)) == 5
    with pytest.raises(InputError, match=r"no frame 31 \(range 1-30\)"):
        source.read(31)


@pytest.mark.parametrize("name", ["o.mp4", "o.mov"])
def test_what_goes_out_comes_back(tmp_path: Path, name: str) -> None:
    source = open_source(str(make_movie(tmp_path / "a.mp4", count=20)))
    back = open_source(str(copy_out(source, tmp_path / "out" / name)))
    assert (len(back.frames), back.fps) == (20, RATE)
    assert [number_of(back.read(f)) for f in (1, 10, 20)] == [1, 10, 20]
    assert os.listdir(tmp_path / "out") == [name]
    assert back.depth == (np.uint8 if name == "o.mp4" else np.uint16)


def colours() -> np.ndarray:
    """(96, 128, 3) uint8: flat patches of saturated and dark colours."""
    patches = np.random.default_rng(3).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    patches[0, :3] = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    return np.kron(patches, np.ones((16, 16, 1), np.uint8))


@pytest.mark.parametrize(("name", "tolerance"), [("o.mp4", 4), ("o.mov", 4)])
def test_colours_survive_and_the_file_says_how_it_holds_them(tmp_path: Path, name: str, tolerance: int) -> None:
    np.save(tmp_path / "p.0001.npy", colours())
    source = open_source(str(tmp_path / "p.####.npy"))
    path = copy_out(source, tmp_path / name)
    back = open_source(str(path)).read(1).rgb()[8::16, 8::16] * 255
    assert np.abs(back - colours()[8::16, 8::16]).max() <= tolerance
    # The stored luma by the BT.709 formula, without swscale: a matrix mistaken twice would cancel out above.
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (1, 1)
        wide = frame.planes[0].line_size // (2 if "10" in frame.format.name else 1)
        kind, scale = (np.uint16, 4) if "10" in frame.format.name else (np.uint8, 1)
        luma = np.frombuffer(frame.planes[0], kind).reshape(-1, wide)[8:96:16, 8:128:16] / scale
    expected = colours()[8::16, 8::16] @ np.array([0.2126, 0.7152, 0.0722]) * 219 / 255 + 16
    assert np.abs(luma - expected).max() < 2


@pytest.mark.parametrize(("height", "matrix"), [(96, (0.299, 0.587, 0.114)), (720, (0.2126, 0.7152, 0.0722))])
def test_untagged_movies_are_read_as_players_read_them(
    tmp_path: Path, height: int, matrix: tuple[float, float, float]
) -> None:
    red, green, blue = 0.8, 0.2, 0.3
    luma = matrix[0] * red + matrix[1] * green + matrix[2] * blue
    levels = [
        luma * 219 + 16,
        (blue - luma) / (2 - 2 * matrix[2]) * 224 + 128,
        (red - luma) / (2 - 2 * matrix[0]) * 224 + 128,
    ]
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt, stream.options = 128, height, "yuv444p", {"crf": "0"}
        planes = np.stack([np.full((height, 128), round(level), np.uint8) for level in levels])
        container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv444p")))
        container.mux(stream.encode(None))
    pixel = open_source(str(tmp_path / "a.mkv")).read(1).rgb()[height // 2, 64]
    np.testing.assert_allclose(pixel, [red, green, blue], atol=0.01)


@pytest.mark.parametrize(("codec", "layout", "order"), [("png", "rgb24", "rgb24"), ("ffv1", "gbrp16le", "rgb48le")])
def test_lossless_rgb_movies_are_read_exactly(tmp_path: Path, codec: str, layout: str, order: str) -> None:
    kind = np.uint8 if order == "rgb24" else np.uint16
    pixels = np.random.default_rng(1).integers(0, np.iinfo(kind).max, (48, 64, 3)).astype(kind)
    with av.open(str(tmp_path / "a.mov" if codec == "png" else tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, layout
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format=order)))
        container.mux(stream.encode(None))
    picture = open_source(str(next(tmp_path.glob("a.m*")))).read(1)
    np.testing.assert_array_equal(np.dstack(list(picture.planes.values())), pixels)


def test_a_phone_movie_is_read_upright(tmp_path: Path) -> None:
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, 32:] = 200  # bright on the right, which a clockwise quarter turn brings to the bottom
    np.save(tmp_path / "p.0001.npy", pixels)
    path = copy_out(open_source(str(tmp_path / "p.0001.npy")), tmp_path / "o.mp4")
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(data)
    back = open_source(str(path)).read(1).rgb()
    assert back.shape == (64, 48, 3)
    assert back[60, 24, 1] > 0.7
    assert back[4, 24, 1] < 0.1


def test_an_odd_size_is_neither_cropped_nor_padded(tmp_path: Path) -> None:
    np.save(tmp_path / "p.0001.npy", np.dstack([np.add.outer(np.arange(35), np.arange(51)).astype(np.uint8)] * 3))
    for name in ("o.mp4", "o.mov"):
        path = copy_out(open_source(str(tmp_path / "p.0001.npy")), tmp_path / name)
        back = open_source(str(path)).read(1).rgb()
        assert back.shape == (35, 51, 3)
        assert abs(back[34, 50, 1] * 255 - 84) < 5


def test_ten_bits_stay_ten_bits_and_alpha_stays(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 128).astype(np.uint16), (64, 1))
    np.save(tmp_path / "p.0001.npy", np.dstack([ramp, ramp, ramp, ramp[:, ::-1]]))
    source = open_source(str(tmp_path / "p.0001.npy"))
    back = open_source(str(copy_out(source, tmp_path / "o.mov"))).read(1)
    assert back.planes["R"].dtype == np.uint16
    alpha = back.alpha()
    assert alpha is not None
    np.testing.assert_allclose(alpha, ramp[:, ::-1] / 65535, atol=0.01)
    np.testing.assert_allclose(back.rgb()[..., 1], ramp / 65535, atol=0.01)
    assert len(np.unique(back.planes["G"][32])) > 100
    with pytest.raises(InputError, match="cannot hold the plate's alpha"):
        open_sink(str(tmp_path / "o.mp4"), source, [1])


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("b.mov", "prores_ks")])
def test_a_movie_that_breaks_off_says_how_much_is_readable(tmp_path: Path, name: str, codec: str) -> None:
    layout = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    path = make_movie(tmp_path / name, codec=codec, layout=layout)
    if codec == "prores_ks":  # its index comes last: nothing can be read at all
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
        with pytest.raises(InputError, match=r"Plate .*b.mov is truncated or unreadable"):
            open_source(str(path))
        return
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 8 // 10])
    with pytest.raises(InputError, match=r"truncated: [1-9]\d? frames( of 30)? are readable"):
        open_source(str(path))


def test_damage_inside_a_movie_is_a_sentence(tmp_path: Path) -> None:
    path = make_movie(tmp_path / "b.mov", codec="prores_ks", layout="yuv422p10le")
    data = bytearray(path.read_bytes())
    starts = [at for at in range(len(data)) if data[at : at + 4] == b"icpf"]
    data[starts[19] : starts[19] + 200] = bytes(200)
    path.write_bytes(data)
    source = open_source(str(path))
    assert number_of(source.read(12)) == 12
    with pytest.raises(InputError, match=r"breaks off at frame 2\d: 19 of 30 frames are readable"):
        source.read(25)
    assert number_of(source.read(3)) == 3


def test_files_that_are_no_movies(tmp_path: Path) -> None:
    (tmp_path / "a.mov").write_bytes(b"not a movie" * 100)
    with pytest.raises(InputError, match="truncated or unreadable"):
        open_source(str(tmp_path / "a.mov"))
    with pytest.raises(InputError, match="does not exist"):
        open_source(str(tmp_path / "b.mov"))


def test_a_movie_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    source = open_source(str(make_movie(tmp_path / "a.mp4", count=6)))
    out = tmp_path / "out"
    sink = open_sink(str(out / "o.mp4"), source, source.frames)
    sink.write(1, source.read(1))
    assert "o.mp4" not in os.listdir(out)
    sink.abort()
    assert os.listdir(out) == []
    sink = open_sink(str(out / "o.mov"), source, source.frames)
    for frame in (1, 2, 4):
        sink.write(frame, source.read(frame))
    with pytest.raises(IlviError, match="lacks frame 3"):
        sink.close()
    assert os.listdir(out) == []
    with pytest.raises(InputError, match="overwrite the plate"):
        open_sink(str(tmp_path / "a.mp4"), source, source.frames)


def test_frames_that_come_early_wait_for_their_turn(tmp_path: Path) -> None:
    source = open_source(str(make_movie(tmp_path / "a.mp4", count=6)))
    sink = open_sink(str(tmp_path / "o.mp4"), source, source.frames)
    for frame in (3, 1, 2, 6, 5, 4):
        sink.write(frame, source.read(frame))
    with pytest.raises(IlviError, match="no place"):
        sink.write(3, source.read(3))
    sink.close()
    back = open_source(str(tmp_path / "o.mp4"))
    assert [number_of(back.read(f)) for f in back.frames] == [1, 2, 3, 4, 5, 6]


def test_a_movie_plate_can_become_png_frames(tmp_path: Path) -> None:
    source = open_source(str(make_movie(tmp_path / "a.mov", count=3, codec="prores_ks", layout="yuv422p10le")))
    plate = source.read(2)
    out = open_sink(str(tmp_path / "frames"), source, [2]).write(2, plate)
    assert out.name == "a.0002.png"
    back = open_source(str(out)).read(2)
    assert back.planes["R"].dtype == np.uint16
    np.testing.assert_array_equal(back.planes["R"], plate.planes["R"])
