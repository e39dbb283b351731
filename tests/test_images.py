"""Sequences in and out: what was not touched must come back bit for bit, and every mistake must be a sentence."""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.images import Box, Picture, open_sink, open_source

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data" / "exr"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the sample EXR files are not at {DATA}")
RNG = np.random.default_rng(7)
HALVES = np.arange(65536, dtype=np.uint16).view(np.float16).reshape(256, 256)  # every half there is
FLOATS = RNG.integers(0, 2**32, (256, 256), dtype=np.uint64).astype(np.uint32)
FLOATS[0, :4] = 0x7F800001, 0x7FC12345, 0xFF800000, 0x00000001  # signalling NaN, payload, -Inf, denormal


def raw_attributes(path: Path) -> list[dict[str, tuple[str, bytes]]]:
    """Every header of an EXR as raw bytes, read without any library."""
    data, at, headers = path.read_bytes(), 8, []
    multi = struct.unpack("<I", data[4:8])[0] & 0x1000
    while not headers or (multi and data[at]):
        header = {}
        while data[at]:
            name, kind = data[at : at + 600].split(b"\0")[:2]
            at += len(name) + len(kind) + 2
            (length,) = struct.unpack("<i", data[at : at + 4])
            header[name.decode()] = (kind.decode(), data[at + 4 : at + 4 + length])
            at += 4 + length
        at += 1
        headers.append(header)
    return headers


def write_plate(path: Path, compression: object = OpenEXR.ZIPS_COMPRESSION, **planes: np.ndarray) -> Path:
    """An EXR with all halves, all sorts of floats and large ids, overscan, and attributes of many types."""
    channels = planes or {"R": HALVES, "G": HALVES.T.copy(), "B": HALVES[::-1].copy(), "A": HALVES}
    channels = {**channels, "depth.Z": FLOATS.view(np.float32), "id": FLOATS}
    header = {
        "compression": compression,
        "type": OpenEXR.scanlineimage,
        "dataWindow": (np.array([-12, -7], np.int32), np.array([243, 248], np.int32)),
        "displayWindow": (np.array([0, 0], np.int32), np.array([199, 189], np.int32)),
        "pixelAspectRatio": 2.0,
        "framesPerSecond": Fraction(24000, 1001),
        "timeCode": OpenEXR.TimeCode(1, 2, 3, 4, *[0, 1, 1, 0, 1, 0], *range(1, 9)),
        "chromaticities": (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329),
        "owner": "håkan",
        "comments": "a comment",
        "nuke/node": "Write1",
        "worldToCamera": np.arange(16, dtype=np.float32).reshape(4, 4),
        "count": 7,
    }
    parts = [OpenEXR.Part(header, {n: OpenEXR.Channel(n, p, 1, 1) for n, p in channels.items()}, "")]
    OpenEXR.File(parts).write(str(path))
    return path


def patch(picture: Picture, value: float = 0.25) -> tuple[Picture, np.ndarray]:
    """The picture with a soft-edged patch replaced, and where its amount was 0."""
    shape = (picture.data_window.height, picture.data_window.width)
    amount = np.zeros(shape, np.float32)
    amount[2:6, 2:6], amount[6, 2:6] = 1, 0.5
    return picture.replaced(np.full((*shape, 3), value, np.float32), amount), amount == 0


def round_trip(source_path: Path, folder: Path, layer: str = "") -> tuple[Picture, Picture, Path]:
    """(plate, what came back, its file) for the first frame, a patch replaced where there is a picture."""
    source = open_source(str(source_path), layer=layer)
    frame = source.frames[0]
    plate = source.read(frame)
    sink = open_sink(f"{folder}/", source, [frame])
    out = sink.write(frame, patch(plate)[0] if plate.rgb_names else plate)
    sink.close()
    return plate, open_source(str(out), layer=layer).read(frame), out


def assert_untouched(plate: Picture, back: Picture) -> None:
    """Same channels in the same order and type; each sample the same bits, but for the rgb under the patch."""
    assert list(plate.planes) == list(back.planes)
    outside = patch(plate)[1] if plate.rgb_names else np.ones(next(iter(plate.planes.values())).shape, bool)
    for name, before in plate.planes.items():
        after = back.planes[name]
        assert after.dtype == before.dtype, name
        keep = outside if name in plate.rgb_names else np.ones_like(outside)
        assert after[keep].tobytes() == before[keep].tobytes(), name
    assert (back.data_window, back.display_window) == (plate.data_window, plate.display_window)


def assert_same_headers(before: Path, after: Path, but: tuple[str, ...] = ("type", "tiles")) -> None:
    old, new = raw_attributes(before), raw_attributes(after)
    assert len(old) == len(new)
    for one, other in zip(old, new, strict=True):
        differ = {key for key in {*one, *other} if one.get(key) != other.get(key)}
        assert differ <= set(but), {key: (one.get(key), other.get(key)) for key in differ}


def test_exr_keeps_every_bit_channel_and_attribute(tmp_path: Path) -> None:
    path = write_plate(tmp_path / "plate.1001.exr")
    plate, back, out = round_trip(path, tmp_path / "out")
    assert_untouched(plate, back)
    assert_same_headers(path, out)
    assert plate.data_window == Box(-12, -7, 256, 256)
    assert plate.planes["id"].dtype == np.uint32
    assert plate.planes["id"].tobytes() == FLOATS.tobytes()
    np.testing.assert_array_equal(back.rgb()[2:6, 2:6], 0.25)
    assert open_source(str(path)).fps == Fraction(24000, 1001)


@pytest.mark.parametrize("kind", ["DWAA", "B44", "PXR24", "HTJ2K256"])
def test_lossy_exr_is_not_encoded_lossily_again(tmp_path: Path, kind: str) -> None:
    smooth = np.linspace(0, 3, 65536, dtype=np.float16).reshape(256, 256)
    compression = getattr(OpenEXR, f"{kind}_COMPRESSION")
    path = write_plate(tmp_path / "plate.1001.exr", compression, R=smooth, G=smooth, B=smooth.T.copy())
    plate, back, out = round_trip(path, tmp_path / "out")
    assert_untouched(plate, back)
    assert_same_headers(path, out, but=("type", "compression", "ilvi:plateCompression"))
    assert raw_attributes(out)[0]["ilvi:plateCompression"][1] == kind.lower().encode()


@needs_data
@pytest.mark.parametrize(
    "name",
    [
        "TestImages/AllHalfValues.exr",
        "TestImages/BrightRingsNanInf.exr",
        "grid-overscan.exr",
        "DisplayWindow/t07.exr",
        "DisplayWindow/t12.exr",
        "DisplayWindow/t15.exr",
        "Beachball/singlepart.0001.exr",
        "Beachball/multipart.0001.exr",
        "Tiles/GoldenGate.exr",
        "LuminanceChroma/Garden.exr",
    ],
)
def test_real_exr_files_come_back(tmp_path: Path, name: str) -> None:
    plate, back, out = round_trip(DATA / name, tmp_path / "out")
    assert_untouched(plate, back)
    assert_same_headers(DATA / name, out)


def test_parts_of_different_windows_and_types_are_kept(tmp_path: Path) -> None:
    path, parts = tmp_path / "shot.0001.exr", []
    for view, corner in (("left", 0), ("right", -9)):
        header = {
            "compression": OpenEXR.PIZ_COMPRESSION,
            "type": OpenEXR.scanlineimage,
            "dataWindow": (np.array([corner, 2], np.int32), np.array([corner + 255, 257], np.int32)),
            "displayWindow": (np.array([0, 0], np.int32), np.array([299, 299], np.int32)),
            "view": view,
            "note": f"of {view}",
        }
        channels = {n: OpenEXR.Channel(n, HALVES, 1, 1) for n in "RGB"}
        parts.append(OpenEXR.Part(dict(header), channels, f"rgb_{view}"))
        parts.append(OpenEXR.Part(dict(header), {"id": OpenEXR.Channel("id", FLOATS, 1, 1)}, f"id_{view}"))
    OpenEXR.File(parts).write(str(path))
    plate, back, out = round_trip(path, tmp_path / "out", layer="right")
    assert plate.data_window.x == -9
    assert_untouched(plate, back)
    assert_same_headers(path, out, but=())
    for part in ("rgb_left", "id_left", "id_right"):
        one, other = open_source(str(path), layer=part).read(1), open_source(str(out), layer=part).read(1)
        assert all(one.planes[n].tobytes() == other.planes[n].tobytes() for n in one.planes)
    with pytest.raises(InputError, match=r"no layer middle .it has id_left, id_right, rgb_left, rgb_right"):
        open_source(str(path), layer="middle")


@needs_data
def test_every_part_of_a_multi_part_file_is_kept(tmp_path: Path) -> None:
    path = DATA / "Beachball" / "multipart.0001.exr"
    plate, back, out = round_trip(path, tmp_path / "out", layer="left")
    assert_untouched(plate, back)
    before, after = (OpenEXR.File(str(p), separate_channels=True).parts for p in (path, out))
    assert len(before) == len(after) == 10
    changed = {
        (one.name(), name)
        for one, other in zip(before, after, strict=True)
        for name in one.channels
        if one.channels[name].pixels.tobytes() != other.channels[name].pixels.tobytes()
    }
    assert changed == {("rgba_left", name) for name in "RGB"}


@needs_data
def test_the_data_window_may_move_and_views_can_be_chosen() -> None:
    source = open_source(str(DATA / "Beachball" / "singlepart.####.exr"))
    assert source.frames[:4] == [1, 2, 3, 4]
    assert [source.read(f).data_window[:2] for f in (1, 2)] == [(654, 245), (759, 367)]
    left = open_source(str(DATA / "Beachball" / "singlepart.####.exr"), layer="left").read(1)
    assert left.rgb_names == ("left.R", "left.G", "left.B")
    right = open_source(str(DATA / "Beachball" / "singlepart.####.exr"), layer="right").read(1)
    assert right.rgb_names == ("R", "G", "B")


@needs_data
def test_subsampled_chroma_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="reduced size \\(BY, RY\\)"):
        open_source(str(DATA / "Chromaticities" / "Rec709_YC.exr")).read(1)


def test_deep_exr_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "deep.1.exr"
    spec = oiio.ImageSpec(4, 4, 2, "float")
    spec.channelnames, spec.deep = ("A", "Z"), True
    deep = oiio.DeepData()
    deep.init(spec)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    assert out.write_deep_image(deep)
    out.close()
    with pytest.raises(InputError, match="deep samples"):
        open_source(str(path)).read(1)


def test_text_that_is_not_utf8_is_refused_in_words(tmp_path: Path) -> None:
    path = write_plate(tmp_path / "plate.1001.exr")
    path.write_bytes(path.read_bytes().replace(b"a comment", b"\xe9 comment"))
    with pytest.raises(InputError, match="not UTF-8"):
        open_source(str(path)).read(1001)


def test_replaced_rounds_clips_and_leaves_the_rest() -> None:
    plate = Picture.from_array(np.array([[[np.nan, np.inf, -np.inf], [1, 2, 3], [4, 5, 6]]], np.float16))
    fill = np.array([[[0.5, 1e9, -1e9], [3, 2, 1], [9, 9, 9]]], np.float32)
    out = plate.replaced(fill, np.array([[0.25, 0.5, 0.0]], np.float32))
    np.testing.assert_array_equal(out.rgb(), [[[0.5, 65504, -65504], [2, 2, 2], [4, 5, 6]]])
    levels = Picture.from_array(np.array([[[10, 10, 10]]], np.uint8))
    mixed = levels.replaced(np.array([[[11.6 / 255, 2, -1]]], np.float32), np.ones((1, 1), np.float32))
    assert [int(mixed.planes[n][0, 0]) for n in "RGB"] == [12, 255, 0]
    with pytest.raises(IlviError, match="not finite"):
        levels.replaced(np.full((1, 1, 3), np.nan, np.float32), np.ones((1, 1), np.float32))
    with pytest.raises(InputError, match=r"no channel Z \(it has R, G, B\)"):
        plate.channel("Z")


def oiio_write(path: Path, pixels: np.ndarray, **attributes: object) -> Path:
    kind = {"float32": "float", "float16": "half"}.get(pixels.dtype.name, pixels.dtype.name)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert out.write_image(pixels)
    out.close()
    out.geterror()
    return path


def noise(dtype: str, channels: int) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max + 1, (21, 30, channels)).astype(dtype)


@pytest.mark.parametrize("suffix", ["png", "tif", "dpx"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_integer_files_keep_their_levels(tmp_path: Path, suffix: str, dtype: str, channels: int) -> None:
    pixels = noise(dtype, channels)
    if channels == 4:
        pixels[:3, :, 3] = 0  # colour under an alpha of 0 must stay
    path = oiio_write(tmp_path / f"p.0001.{suffix}", pixels, oiio__UnassociatedAlpha=1)
    plate, back, out = round_trip(path, tmp_path / "out")
    np.testing.assert_array_equal(np.dstack(list(plate.planes.values())), pixels)
    assert plate.encoding == "display"
    assert out.suffix == path.suffix
    assert_untouched(plate, back)


def test_premultiplied_tiff_and_orientation_stay(tmp_path: Path) -> None:
    path = oiio_write(tmp_path / "p.1.tif", noise("uint8", 4), Orientation=6, Copyright="me")
    plate, back, out = round_trip(path, tmp_path / "out")
    assert_untouched(plate, back)
    spec = oiio.ImageInput.open(str(out)).spec()
    assert spec.get_int_attribute("oiio:UnassociatedAlpha") == 0
    assert (spec.get_int_attribute("Orientation"), spec.get_string_attribute("Copyright")) == (6, "me")


@pytest.mark.parametrize("bits", [10, 12])
def test_dpx_of_10_and_12_bits_keeps_its_levels(tmp_path: Path, bits: int) -> None:
    levels = RNG.integers(0, 2**bits, (21, 30, 3)).astype(np.uint16)
    wide = (levels << (16 - bits)) | (levels >> (2 * bits - 16))
    path = oiio_write(tmp_path / "p.0001.dpx", wide, oiio__BitsPerSample=bits)
    plate, back, out = round_trip(path, tmp_path / "out")
    assert_untouched(plate, back)
    np.testing.assert_array_equal(np.dstack(list(plate.planes.values())) >> (16 - bits), levels)
    spec = oiio.ImageInput.open(str(out)).spec()
    assert spec.get_int_attribute("oiio:BitsPerSample") == bits
    top = 2**bits - 1
    assert back.planes["R"][3, 3] >> (16 - bits) == round(0.25 * top)
    np.testing.assert_allclose(plate.rgb(), levels / top, atol=1e-6)


def test_float_tiff_and_npy_keep_their_bits(tmp_path: Path) -> None:
    floats = FLOATS[:21, :30].view(np.float32)
    path = oiio_write(tmp_path / "p.0001.tif", np.dstack([floats] * 3))
    plate, back, _ = round_trip(path, tmp_path / "out")
    assert plate.encoding == "linear"
    assert_untouched(plate, back)
    for number, pixels in enumerate([HALVES, np.dstack([floats] * 4), noise("uint16", 3), noise("uint8", 3)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        np.save(folder / "p.0001.npy", pixels)
        plate, back, _ = round_trip(folder, folder / "out")
        assert plate.encoding == ("linear" if number < 2 else "display")
        assert_untouched(plate, back)


def test_an_8_bit_plate_goes_into_exr_without_a_transform(tmp_path: Path) -> None:
    path = oiio_write(tmp_path / "p.0001.png", noise("uint8", 3))
    source = open_source(str(path))
    plate = source.read(1)
    out = open_sink(str(tmp_path / "o.####.exr"), source, [1]).write(1, plate)
    back = open_source(str(out)).read(1)
    assert (back.encoding, back.planes["R"].dtype) == ("display", np.float16)
    np.testing.assert_array_equal(np.rint(back.channel("R") * 255), plate.planes["R"])


def touch_frames(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        np.save(folder / name, np.zeros((4, 4, 3), np.uint8))
    return folder


@pytest.mark.parametrize("mark", ["%04d", "####", "@@@@", "#"])
def test_patterns_find_their_frames(tmp_path: Path, mark: str) -> None:
    names = ["é p.0999.npy", "é p.1001.npy", "é p.10000.npy", "é p.-002.npy", "é p.01.npy", "q.1000.npy"]
    touch_frames(tmp_path / "a b", *names)
    source = open_source(str(tmp_path / "a b" / f"é p.{mark}.npy"))
    assert source.frames == [-2, 999, 1001, 10000]
    assert source.path(-2).is_file()
    with pytest.raises(InputError, match=r"no frame 1000 \(range -2-10000\)"):
        source.read(1000)


def test_a_folder_with_one_sequence(tmp_path: Path) -> None:
    folder = touch_frames(tmp_path / "plate", "00000.npy", "00001.npy", ".hidden.0001.npy")
    (folder / "notes.txt").write_text("x")
    source = open_source(str(folder))
    assert source.frames == [0, 1]
    touch_frames(folder, "b.0001.npy")
    with pytest.raises(InputError, match="2 sequences") as caught:
        open_source(str(folder))
    assert "#####.npy (0-1)" in caught.value.hint
    assert "b.####.npy (1)" in caught.value.hint
    with pytest.raises(InputError, match="holds no images"):
        open_source(str(touch_frames(tmp_path / "empty")))


def test_what_is_not_there_is_named_with_what_is(tmp_path: Path) -> None:
    folder = touch_frames(tmp_path, "plate.1001.npy", "plate.1002.npy")
    with pytest.raises(InputError, match="Matte has no file") as caught:
        open_source(str(folder / "plat.####.npy"), "Matte")
    assert "plate.####.npy (1001-1002)" in caught.value.hint
    with pytest.raises(InputError, match="does not exist"):
        open_source(str(folder / "plate.npy"))
    with pytest.raises(InputError, match="cannot be listed"):
        open_source(str(folder / "nowhere" / "p.####.npy"))
    assert open_source(str(folder / "plate.1002.npy")).frames == [1002]
    np.save(folder / "still.npy", np.zeros((2, 2), np.uint8))
    assert open_source(str(folder / "still.npy")).frames == [1]


@pytest.mark.parametrize("part", [0.02, 0.5, 0.9, 0.999])
def test_a_truncated_exr_is_a_sentence(tmp_path: Path, part: float, capfd: pytest.CaptureFixture[str]) -> None:
    whole = write_plate(tmp_path / "plate.1003.exr").read_bytes()
    (tmp_path / "plate.1003.exr").write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(InputError, match=r"frame 1003 \(.*plate.1003.exr\) is truncated or unreadable"):
        open_source(str(tmp_path / "plate.1003.exr")).read(1003)
    if part >= 0.5:
        assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", ["png", "tif", "dpx", "npy", "jpg"])
def test_other_truncated_files_are_a_sentence(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p.0001.{suffix}"
    if suffix == "npy":
        np.save(path, noise("uint8", 3))
    else:
        oiio_write(path, noise("uint8", 3))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="truncated or unreadable"):
        open_source(str(path)).read(1)


def test_output_names_and_formats(tmp_path: Path) -> None:
    source = open_source(str(touch_frames(tmp_path / "in", "p.1001.npy", "p.1002.npy")))
    assert open_sink(str(tmp_path / "out"), source, [1001]).path(1001) == tmp_path / "out" / "p.1001.npy"
    assert open_sink(str(tmp_path / "o.%05d.png"), source, [1]).path(1).name == "o.00001.png"
    with pytest.raises(InputError, match="one file, but there are 2 frames"):
        open_sink(str(tmp_path / "o.png"), source, [1001, 1002])
    with pytest.raises(InputError, match=r"does not write .*") as caught:
        open_sink(str(tmp_path / "o.####.jpg"), source, [1001])
    assert "lossy" in caught.value.hint
    jpeg = open_source(str(oiio_write(tmp_path / "00001.jpg", noise("uint8", 3))))
    out = open_sink(str(tmp_path / "out"), jpeg, [1]).write(1, jpeg.read(1))
    assert out.name == "00001.png"
    np.testing.assert_array_equal(open_source(str(out)).read(1).rgb(), jpeg.read(1).rgb())
    plate = open_source(str(write_plate(tmp_path / "plate.1001.exr")))
    for name in ("o.####.png", "o.####.tif", "o.mov"):
        with pytest.raises(InputError) as caught:
            open_sink(str(tmp_path / name), plate, [1001])
        assert "exr" in caught.value.hint


def test_an_output_that_is_an_input_is_refused(tmp_path: Path) -> None:
    folder = touch_frames(tmp_path / "in", "p.1001.npy", "p.1002.npy")
    source, matte = open_source(str(folder)), open_source(str(touch_frames(tmp_path / "m", "p.1001.npy")), "Matte")
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    (tmp_path / "hard").mkdir()
    os.link(folder / "p.1002.npy", tmp_path / "hard" / "p.1002.npy")
    for target in (folder, tmp_path / "link", tmp_path / "hard", folder / ".." / "in" / "p.####.npy"):
        with pytest.raises(InputError, match="overwrite the plate"):
            open_sink(str(target), source, [1001, 1002])
    with pytest.raises(InputError, match="overwrite the matte"):
        open_sink(str(tmp_path / "m"), source, [1001], avoid=[matte])


def test_a_folder_that_cannot_be_written_is_refused_before_the_solve(tmp_path: Path) -> None:
    source = open_source(str(touch_frames(tmp_path / "in", "p.1001.npy")))
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        open_sink(str(tmp_path / "file" / "out"), source, [1001])
    with pytest.raises(InputError, match="cannot be written"):
        open_sink("/proc/ilvi/out", source, [1001])


def test_frames_are_published_whole_over_older_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(str(oiio_write(tmp_path / "p.0001.png", noise("uint8", 3))))
    sink = open_sink(str(tmp_path / "out"), source, [1])
    sink.path(1).write_bytes(b"older")
    seen = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (seen.append((Path(a).name, Path(b).read_bytes())), replace(a, b)))
    sink.write(1, source.read(1))
    assert seen[0][0].startswith(".tmp_")
    assert seen[0][1] == b"older"
    assert os.listdir(tmp_path / "out") == ["p.0001.png"]


FULL_DISK = """
import resource, sys, os
from ilvi_core.images import open_sink, open_source
from ilvi_core.host.errors import IlviError
source = open_source(sys.argv[1]); picture = source.read(source.frames[0])
sink = open_sink(sys.argv[2], source, source.frames)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
try:
    sink.write(source.frames[0], picture)
except IlviError as error:
    print("SAID", error.message); print("LEFT", os.listdir(os.path.dirname(sink.path(source.frames[0]))))
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no file size limit on this system")
@pytest.mark.parametrize("suffix", ["exr", "png", "tif", "dpx", "npy"])
def test_no_room_leaves_no_half_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plate.1001.{suffix}"
    pixels = RNG.integers(0, 65536, (120, 150, 3)).astype(np.uint16)
    if suffix == "exr":
        write_plate(path)
    elif suffix == "npy":
        np.save(path, pixels)
    else:
        oiio_write(path, pixels)
    command = [sys.executable, "-c", FULL_DISK, str(path), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert "cannot be written" in done.stdout, done.stdout + done.stderr
    assert "LEFT []" in done.stdout
