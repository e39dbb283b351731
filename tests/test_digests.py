"""The same pixels have the same digest, others another; an unchanged file is decoded once, a changed one again."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest

from ilvi_core import digests
from ilvi_core.digests import Digests, FrameDigest, digest_of
from ilvi_core.host.errors import InputError
from ilvi_core.images import Box, Picture, open_sink, open_source
from ilvi_core.pairing import Renumbered, fit_matte
from ilvi_core.pictures import Source

RNG = np.random.default_rng(3)
HALVES = {name: RNG.random((12, 16)).astype(np.float16) for name in "RGBA"}
ZIP, NONE = OpenEXR.ZIP_COMPRESSION, OpenEXR.NO_COMPRESSION
BEFORE_THE_TICK = 0.02  # s; older kernels stamp files by a clock of 4 to 10 ms


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a test are always young; the rule for young files has its own test."""
    monkeypatch.setattr(digests, "RACY_NS", 0)


def write_exr(path: Path, planes: dict[str, np.ndarray] = HALVES, compression: Any = ZIP, **header: Any) -> Path:
    header = {"compression": compression, "type": OpenEXR.scanlineimage, **header}
    channels = {name: OpenEXR.Channel(name, plane, 1, 1) for name, plane in planes.items()}
    OpenEXR.File([OpenEXR.Part(header, channels, "")]).write(str(path))
    return path


def write_png(path: Path, pixels: np.ndarray, **attributes: str) -> Path:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], pixels.dtype.name)
    for name, value in attributes.items():
        spec.attribute(name, value)
    image = oiio.ImageOutput.create(str(path))
    assert image.open(str(path), spec)
    assert image.write_image(pixels)
    assert image.close()
    return path


def write_frames(folder: Path, count: int = 5, first: int = 1001) -> Path:
    """Frame n is a .npy of its own level. The pattern for them."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(count):
        np.save(folder / f"p.{first + n}.npy", level(n))
    return folder / "p.####.npy"


def level(n: int) -> np.ndarray:
    return np.full((6, 8, 3), 10 + n, np.uint8)


def digest(path: Path, layer: str = "") -> FrameDigest:
    source = open_source(str(path), layer=layer)
    return Digests(None).of(source, source.frames[0])


def write_movie(path: Path, levels: list[int]) -> Path:
    """A movie of flat grey frames that differ from each other."""
    folder = path.parent / f"of_{path.stem}"
    folder.mkdir()
    for n, grey in enumerate(levels, 1):
        np.save(folder / f"p.{n:04d}.npy", np.full((32, 48, 3), grey, np.uint8))
    source = open_source(str(folder))
    sink = open_sink(str(path), source, source.frames)
    for frame in source.frames:
        sink.write(frame, source.read(frame))
    sink.close()
    return path


def watch(source: Source, before: Any = lambda frame: None) -> list[int]:
    """The frames that are read from here on; `before` is called ahead of each."""
    reads: list[int] = []
    real = source.read

    def read(frame: int) -> Picture:
        reads.append(frame)
        before(frame)
        return real(frame)

    source.read = read  # type: ignore[method-assign]
    return reads


# what counts and what does not


def test_name_compression_and_metadata_of_an_exr_do_not_count(tmp_path: Path) -> None:
    plain = digest(write_exr(tmp_path / "plate.1001.exr"))
    code = OpenEXR.TimeCode(1, 2, 3, 4, *[0, 1, 1, 0, 1, 0], *range(1, 9))
    (tmp_path / "other").mkdir()
    again = write_exr(tmp_path / "other" / "comp_v2.7.exr", compression=NONE, timeCode=code, owner="somebody")
    assert digest(again) == plain
    assert (plain.rgb_names, plain.alpha, plain.opaque, plain.size) == (("R", "G", "B"), "A", False, (16, 12))
    assert len(set(plain.planes.values())) == 4
    assert all(len(one) == 32 for one in plain.planes.values())


def test_text_in_a_png_does_not_count_and_a_pixel_does(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    plain = digest(write_png(tmp_path / "a.png", pixels))
    assert digest(write_png(tmp_path / "b.0007.png", pixels, ImageDescription="a shot", Software="x")) == plain
    pixels[11, 15, 1] ^= 1
    other = digest(write_png(tmp_path / "c.png", pixels))
    assert [name for name in "RGB" if other.planes[name] != plain.planes[name]] == ["G"]


def test_windows_count(tmp_path: Path) -> None:
    def windows(x: int, y: int, full: int) -> dict[str, Any]:
        data = np.array([x, y], np.int32), np.array([x + 15, y + 11], np.int32)
        return {"dataWindow": data, "displayWindow": (np.array([0, 0], np.int32), np.array([full, 11], np.int32))}

    places = [windows(0, 0, 15), windows(-3, 0, 15), windows(0, -3, 15), windows(0, 0, 16)]
    found = [digest(write_exr(tmp_path / f"{n}.exr", **place)) for n, place in enumerate(places)]
    assert len({one.planes["R"] for one in found}) == 4
    assert found[3].size == (17, 12)
    reference = Picture.from_array(HALVES["R"])
    moved = replace(reference, data_window=Box(5, 0, 16, 12), display_window=Box(5, 0, 16, 12))
    assert digest_of(moved) != digest_of(reference)  # the plate's fill is put back by these numbers


def test_shape_dtype_encoding_and_bits_count(tmp_path: Path) -> None:
    floats = {name: plane.astype(np.float32) for name, plane in HALVES.items()}
    assert digest(write_exr(tmp_path / "half.exr")) != digest(write_exr(tmp_path / "float.exr", floats))
    assert digest(write_exr(tmp_path / "a.exr")) != digest(
        write_exr(tmp_path / "b.exr", **{"ilvi:encoding": "display"})
    )
    zeros = np.zeros((4, 6), np.uint16)
    grey = Picture.from_array(zeros)
    others = [
        replace(grey, planes={"Y": zeros.view(np.float16)}),
        replace(grey, planes={"Y": zeros.reshape(6, 4)}),
        replace(grey, encoding="linear"),
        replace(grey, bits=10),
    ]
    assert len({digest_of(one).planes["Y"] for one in (grey, *others)}) == 5


def test_byte_order_and_layout_in_memory_do_not_count() -> None:
    plane = HALVES["R"].astype(np.float32)
    other = replace(Picture.from_array(plane), planes={"Y": np.asfortranarray(plane).astype(">f4", order="F")})
    assert digest_of(other) == digest_of(Picture.from_array(plane))


def test_the_bits_of_a_nan_count(tmp_path: Path) -> None:
    found = set()
    for n, bits in enumerate((0x7FC00000, 0x7FC00001, 0xFFC00000, 0x7F800001)):
        plane = np.zeros((4, 6), np.float32)
        plane.view(np.uint32)[2, 3] = bits
        found.add(digest(write_exr(tmp_path / f"{n}.exr", {"R": plane, "G": plane, "B": plane})).planes["B"])
    zero = [digest_of(Picture.from_array(np.full((4, 6), value, np.float32))).planes["Y"] for value in (0.0, -0.0)]
    assert len({*found, *zero}) == 6


def test_other_channels_leave_the_picture_alone(tmp_path: Path) -> None:
    plain = digest(write_exr(tmp_path / "a.exr"))
    more = digest(write_exr(tmp_path / "b.exr", {**HALVES, "depth.Z": HALVES["R"].astype(np.float32)}))
    assert {name: more.planes[name] for name in plain.planes} == plain.planes
    assert (more.rgb_names, more.alpha, set(more.planes)) == (plain.rgb_names, plain.alpha, {*"RGBA", "depth.Z"})


@pytest.mark.parametrize(("value", "opaque"), [(1.0, True), (0.5, False), (np.nan, False)])
def test_opaque_is_an_alpha_of_1_everywhere(tmp_path: Path, value: float, opaque: bool) -> None:
    alpha = np.ones((12, 16), np.float16)
    alpha[5, 5] = value
    assert digest(write_exr(tmp_path / "a.exr", {**HALVES, "A": alpha})).opaque is opaque
    assert digest(write_png(tmp_path / "b.png", RNG.integers(0, 9, (4, 6, 3), dtype=np.uint8))).opaque is False


# the memo


@pytest.mark.usefixtures("trusting")
def test_an_unchanged_sequence_is_decoded_once(tmp_path: Path) -> None:
    pattern, ticks = write_frames(tmp_path / "in"), []
    source = open_source(str(pattern))
    first = Digests(tmp_path / "memo")
    found = first.all(source, source.frames, lambda done, total: ticks.append((done, total)))
    assert list(found) == source.frames
    assert len({one.planes["R"] for one in found.values()}) == 5
    assert (first.decoded, ticks) == (5, [(n, 5) for n in range(1, 6)])
    for again in (first, Digests(tmp_path / "memo")):
        reads, ticks[:] = watch(source), []
        assert again.all(source, source.frames[::-1], lambda *told: ticks.append(told)) == found
        assert again.of(source, 1003) == found[1003]
        assert (reads, again.decoded - (5 if again is first else 0)) == ([], 0)
        assert ticks == [(n, 5) for n in range(1, 6)]


@pytest.mark.usefixtures("trusting")
def test_an_exr_comes_back_from_the_memo_as_it_was(tmp_path: Path) -> None:
    source = open_source(str(write_exr(tmp_path / "é p.exr")))
    found = Digests(tmp_path / "memo").all(source, [1])
    again = Digests(tmp_path / "memo")
    assert again.all(source, [1]) == found
    assert again.decoded == 0


@pytest.mark.usefixtures("trusting")
def test_a_touched_file_is_decoded_again_and_a_changed_one_has_another_digest(tmp_path: Path) -> None:
    source = open_source(str(write_frames(tmp_path / "in")))
    found = Digests(tmp_path / "memo").all(source, source.frames)
    time.sleep(BEFORE_THE_TICK)
    source.path(1002).touch()
    np.save(tmp_path / "new.npy", level(50))
    os.replace(tmp_path / "new.npy", source.path(1004))
    again = Digests(tmp_path / "memo")
    now = again.all(source, source.frames)
    assert again.decoded == 2
    assert [frame for frame in source.frames if now[frame] != found[frame]] == [1004]
    assert now[1004] == digest(source.path(1004))


@pytest.mark.usefixtures("trusting")
def test_a_file_rewritten_in_place_with_its_mtime_put_back_is_noticed(tmp_path: Path) -> None:
    source = open_source(str(write_frames(tmp_path / "in", 1)))
    path = source.path(1001)
    found = Digests(tmp_path / "memo").all(source, [1001])[1001]
    was = path.stat()
    time.sleep(BEFORE_THE_TICK)
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x63")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    now = path.stat()
    assert (now.st_size, now.st_mtime_ns, now.st_ino) == (was.st_size, was.st_mtime_ns, was.st_ino)
    assert Digests(tmp_path / "memo").all(source, [1001])[1001] != found


@pytest.mark.parametrize("changed", range(4))
def test_size_mtime_ctime_and_inode_must_all_be_the_same(tmp_path: Path, changed: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(digests, "RACY_NS", 0)
    source = open_source(str(write_frames(tmp_path / "in", 1)))
    Digests(tmp_path / "memo").all(source, [1001])
    (memo,) = (tmp_path / "memo").iterdir()
    whole = json.loads(memo.read_text())
    (entry,) = whole["frames"].values()
    entry[0][changed] += 1
    memo.write_text(json.dumps(whole))
    again = Digests(tmp_path / "memo")
    again.all(source, [1001])
    assert again.decoded == 1


SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("stamp", "age", "kept"),
    [
        ("mtime", 2 * SECOND, True),
        ("mtime", 2 * SECOND - 1, False),
        ("mtime", 1 - 2 * SECOND, False),
        ("mtime", -2 * SECOND, True),  # a file dated later on purpose
        ("ctime", 2 * SECOND, True),
        ("ctime", 2 * SECOND - 1, False),
        ("ctime", -9 * SECOND, False),  # the server's clock is ahead: no telling how old the file is
    ],
)
def test_a_file_that_is_too_young_is_not_remembered(
    tmp_path: Path, stamp: str, age: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source(str(write_frames(tmp_path / "in", 1)))
    path = source.path(1001)
    # ctime cannot be set, so the clock is; the stamp that is not looked at is far from it
    os.utime(path, ns=(0, time.time_ns() + 100 * SECOND if stamp == "mtime" else 0))
    clock = getattr(path.stat(), f"st_{stamp}_ns") + age
    monkeypatch.setattr(digests.time, "time_ns", lambda: clock)
    one = Digests(tmp_path / "memo")
    assert one.all(source, [1001]) == one.all(source, [1001])
    assert one.decoded == (1 if kept else 2)
    assert Digests(tmp_path / "memo").all(source, [1001]) == one.all(source, [1001])


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize(
    "damage",
    [
        lambda memo: b"",
        lambda memo: memo[: len(memo) // 2],
        lambda memo: b"\xff\xfe\x00",
        lambda memo: b"[" * 100_000,
        lambda memo: b"[]",
        lambda memo: b'{"version": 1, "frames": 7}',
        lambda memo: memo.replace(b'"version": 1', b'"version": 0'),
        lambda memo: memo.replace(b'"opaque": false', b'"opaque": 0'),
        lambda memo: memo.replace(b'"rgb_names": ["R"', b'"rgb_names": ["Q"'),
        lambda memo: memo.replace(b'"size": [8', b'"size": [Infinity'),
        lambda memo: memo.replace(b'"R": "', b'"R": "0'),
    ],
)
def test_a_memo_that_is_damaged_or_foreign_is_written_anew(tmp_path: Path, damage: Any) -> None:
    source = open_source(str(write_frames(tmp_path / "in", 2)))
    found = Digests(tmp_path / "memo").all(source, source.frames)
    (memo,) = (tmp_path / "memo").iterdir()
    whole = memo.read_bytes()
    assert damage(whole) != whole
    memo.write_bytes(damage(whole))
    again = Digests(tmp_path / "memo")
    assert again.all(source, source.frames) == found
    assert again.decoded == 2
    assert json.loads(memo.read_bytes()) == json.loads(whole)


def no_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    path.write_text("a file where the folder should be")


def read_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.mkdir(parents=True)

    def refuse(self: Path, *args: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)  # root may write everywhere, so permissions prove nothing


def full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(digests.os, "replace", refuse)


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("trouble", [no_folder, read_only, full])
def test_a_memo_that_cannot_be_saved_is_no_error(tmp_path: Path, trouble: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(str(write_frames(tmp_path / "in", 2)))
    folder = tmp_path / "cache" / "memo"
    trouble(folder, monkeypatch)
    one = Digests(folder)
    assert one.all(source, source.frames) == one.all(source, source.frames)
    assert one.decoded == 2  # this process remembers
    assert Digests(folder).all(source, source.frames) == one.all(source, source.frames)
    assert not folder.is_dir() or list(folder.iterdir()) == []


@pytest.mark.usefixtures("trusting")
def test_without_a_folder_only_the_object_remembers(tmp_path: Path) -> None:
    source = open_source(str(write_frames(tmp_path / "in", 2)))
    one, other = Digests(None), Digests(None)
    assert one.all(source, source.frames) == one.all(source, source.frames) == other.all(source, source.frames)
    assert (one.decoded, other.decoded) == (2, 2)


@pytest.mark.usefixtures("trusting")
def test_of_is_saved_by_flush_and_two_processes_lose_nothing(tmp_path: Path) -> None:
    source = open_source(str(write_frames(tmp_path / "in", 4)))
    one, other = Digests(tmp_path / "memo"), Digests(tmp_path / "memo")
    one.of(source, 1001)
    other.of(source, 1002)
    one.all(source, [1003])
    assert len(list((tmp_path / "memo").iterdir())) == 1
    other.of(source, 1004)
    other.flush()
    third = Digests(tmp_path / "memo")
    third.all(source, source.frames)
    assert third.decoded == 0


@pytest.mark.usefixtures("trusting")
def test_the_memo_files_written_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MOST_MEMOS", 2)
    memo = tmp_path / "memo"
    memo.mkdir()
    (memo / "other.json").write_text("{}")
    (memo / ".tmp-digests-1.json").write_text("half")  # a process was killed here
    os.utime(memo / ".tmp-digests-1.json", (0, 0))
    sources = [open_source(str(write_frames(tmp_path / f"in{n}", 1))) for n in range(3)]
    for source in sources:
        time.sleep(BEFORE_THE_TICK)
        Digests(memo).all(source, [1001])
    assert sorted(path.name[:8] for path in memo.iterdir()) == ["digests-", "digests-", "other.js"]
    last = Digests(memo)
    for source in sources[::-1]:
        last.of(source, 1001)
    assert last.decoded == 1


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("threads", [1, 3])
def test_what_was_hashed_before_a_cancel_is_kept(tmp_path: Path, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "THREADS", threads)
    source = open_source(str(write_frames(tmp_path / "in", 60)))

    stopped = threading.Event()

    def stop(done: int, total: int) -> None:
        if done == 3:
            stopped.set()
            raise KeyboardInterrupt

    watch(source, lambda frame: frame > 1010 and stopped.wait(10) and time.sleep(0.005))
    one, other = Digests(tmp_path / "memo"), Digests(tmp_path / "memo")
    with pytest.raises(KeyboardInterrupt):
        one.all(source, source.frames, stop)
    assert 3 <= one.decoded < 30
    other.all(source, source.frames)
    assert one.decoded + other.decoded == 60


# layers, stills, movies


@pytest.mark.usefixtures("trusting")
def test_each_layer_has_a_memo_of_its_own(tmp_path: Path) -> None:
    planes = {f"left.{name}": plane for name, plane in HALVES.items()}
    planes |= {f"right.{name}": plane[::-1].copy() for name, plane in HALVES.items()}
    path = write_exr(tmp_path / "a.exr", planes)
    left, right = open_source(str(path), layer="left"), open_source(str(path), layer="right")
    one, other = Digests(tmp_path / "memo"), Digests(tmp_path / "memo")
    found = one.all(left, [1])[1], other.all(right, [1])[1]
    assert [one.rgb_names[0] for one in found] == ["left.R", "right.R"]
    assert [one.alpha for one in found] == ["left.A", "right.A"]
    assert Digests(tmp_path / "memo").all(left, [1])[1] == found[0]
    assert (one.decoded, other.decoded) == (1, 1)
    plate = open_source(str(write_frames(tmp_path / "in", 2)))
    fitted, _ = fit_matte(right, plate)
    again = Digests(tmp_path / "memo")
    assert again.of(fitted, 1002) == found[1]
    assert again.decoded == 0


@pytest.mark.parametrize("trusted", [True, False])
def test_a_still_that_serves_every_frame_is_hashed_once(
    tmp_path: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "RACY_NS", 0 if trusted else 10**18)
    plate, ticks = open_source(str(write_frames(tmp_path / "in", 5))), []
    still = write_exr(tmp_path / "matte.exr")
    fitted, _ = fit_matte(open_source(str(still), "Matte"), plate)
    one = Digests(tmp_path / "memo")
    found = one.all(fitted, plate.frames, lambda *told: ticks.append(told))
    assert found == dict.fromkeys(plate.frames, digest(still))
    assert (one.decoded, ticks) == (1, [(5, 5)])


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("while_it_is_read", [True, False])
def test_a_still_that_is_replaced_after_it_was_read(tmp_path: Path, while_it_is_read: bool) -> None:
    plate = open_source(str(write_frames(tmp_path / "in", 5)))
    still, other = tmp_path / "matte.exr", write_exr(tmp_path / "new.exr", {**HALVES, "R": HALVES["G"]})
    wanted = digest(other)
    fitted, _ = fit_matte(open_source(str(write_exr(still)), "Matte"), plate)
    real = fitted.read

    def read_then_replace(frame: int) -> Picture:
        picture = real(frame)
        if other.exists():
            os.replace(other, still)
        return picture

    fitted.read = read_then_replace  # type: ignore[method-assign]
    if not while_it_is_read:
        fitted.read(1001)
    assert Digests(None).all(fitted, plate.frames)[1001] == wanted


@pytest.mark.usefixtures("trusting")
def test_a_movie_is_decoded_in_order_and_once(tmp_path: Path) -> None:
    movie = open_source(str(write_movie(tmp_path / "a.mov", [10, 60, 110, 160, 210])))
    plate = open_source(str(write_frames(tmp_path / "in", 5)))
    fitted, _ = fit_matte(movie, plate)
    reads = watch(movie)
    one = Digests(tmp_path / "memo")
    found = one.all(fitted, plate.frames[::-1])
    assert (reads, one.decoded) == ([1, 2, 3, 4, 5], 5)
    assert len({picture.planes["G"] for picture in found.values()}) == 5
    assert found[1004] == digest_of(movie.read(4))
    reads.clear()
    again = Digests(tmp_path / "memo")
    assert list(again.all(movie, movie.frames).values()) == list(found.values())[::-1]
    assert (reads, again.decoded) == ([], 0)
    movie.close()


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("at", [0, 3, 5])
def test_a_movie_that_is_replaced_is_never_a_mixture_of_two(tmp_path: Path, at: int) -> None:
    path = write_movie(tmp_path / "a.mov", [10, 60, 110, 160, 210])
    other = write_movie(tmp_path / "b.mov", [20, 70, 120, 170, 220])
    wanted = Digests(None).all(open_source(str(other)), [3, 4, 5])
    movie = open_source(str(path))
    movie.read(2)
    if at == 0:  # before it begins, while the old one is open
        os.replace(other, path)
    watch(movie, lambda frame: other.exists() and frame == at and os.replace(other, path))
    for _ in range(2):
        assert Digests(tmp_path / "memo").all(movie, [3, 4, 5]) == wanted
    movie.close()


# files that change


def rewrite(path: Path, n: int) -> None:
    time.sleep(BEFORE_THE_TICK)
    np.save(path, level(n))


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("count", [1, 3])
def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path, count: int) -> None:
    source = open_source(str(write_frames(tmp_path / "in", count)))
    path, changes = source.path(1001), [7, 8]
    real = source.read

    def read_then_change(frame: int) -> Picture:
        picture = real(frame)
        if frame == 1001 and changes:
            rewrite(path, changes.pop(0))
        return picture

    source.read = read_then_change  # type: ignore[method-assign]
    one = Digests(tmp_path / "memo")
    assert one.all(source, source.frames)[1001] == digest_of(Picture.from_array(level(8)))
    assert one.decoded == count + 2
    assert Digests(tmp_path / "memo").of(source, 1001) == one.of(source, 1001)


def test_a_file_that_keeps_changing_is_an_error(tmp_path: Path) -> None:
    source = open_source(str(write_frames(tmp_path / "in", 2)))
    reads = watch(source, lambda frame: rewrite(source.path(1002), len(reads)) if frame == 1002 else None)
    with pytest.raises(InputError, match=r"Plate .*p\.1002\.npy is being written: it changed 3 times"):
        Digests(tmp_path / "memo").all(source, source.frames)
    assert reads.count(1002) == 3


def test_a_half_file_that_is_still_being_written_is_read_again(tmp_path: Path) -> None:
    source = open_source(str(write_frames(tmp_path / "in", 1)))
    whole = source.path(1001).read_bytes()
    source.path(1001).write_bytes(whole[:-20])
    with pytest.raises(InputError, match="truncated or unreadable"):
        Digests(None).of(source, 1001)
    real = source.read

    def read_then_finish(frame: int) -> Picture:
        try:
            return real(frame)
        finally:
            if source.path(1001).stat().st_size < len(whole):
                source.path(1001).write_bytes(whole)

    source.read = read_then_finish  # type: ignore[method-assign]
    assert Digests(None).of(source, 1001) == digest_of(Picture.from_array(level(0)))


@pytest.mark.usefixtures("trusting")
def test_frames_that_are_not_there(tmp_path: Path) -> None:
    source = open_source(str(write_frames(tmp_path / "in", 5)))
    with pytest.raises(InputError, match=r"Plate has no frame 1006 \(range 1001-1005\)"):
        Digests(None).all(source, [1001, 1006])
    Digests(tmp_path / "memo").all(source, source.frames)
    source.path(1003).unlink()
    with pytest.raises(InputError, match=r"Plate frame 1003 \(.*p\.1003\.npy\) cannot be read"):
        Digests(tmp_path / "memo").all(source, source.frames)
    assert Digests(None).all(source, []) == {}


@pytest.mark.usefixtures("trusting")
def test_several_threads_find_what_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(str(write_frames(tmp_path / "in", 40)))
    turned = Renumbered(
        source, dict(zip(range(1, 41), source.frames, strict=True))
    )  # keeps the last picture: another thread's must never be taken for it
    found = []
    for threads in (1, 4):
        monkeypatch.setattr(digests, "THREADS", threads)
        one = Digests(None)
        found.append((one.all(turned, turned.frames), one.decoded))
    assert found[0] == found[1]
    assert [picture.planes for picture in found[1][0].values()] == [
        digest_of(Picture.from_array(level(n))).planes for n in range(40)
    ]
