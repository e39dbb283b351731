"""A long clip in windows that overlap: which frames they have, how they are joined, and what a farm's chunk gives."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from shots import FRAMES, HEIGHT, WIDTH, Listener, job_for, make_shot

from ilvi_core.entry import Entry
from ilvi_core.evaluate.consistency import consistency
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import FrameRange, Job
from ilvi_core.host.split import Split
from ilvi_core.images import Picture, read_still
from ilvi_core.pipeline import Options, render, solve
from ilvi_core.writing import faded


@pytest.mark.parametrize("split", [Split(100, 16), Split(12, 4), Split(7, 0), Split(30, 9), Split(2, 0)])
@pytest.mark.parametrize(("first", "count"), [(1, 1), (-7, 9), (1001, 10), (1001, 11), (0, 100), (5, 2000)])
def test_windows_cover_the_range_and_overlap_enough(split, first, count):
    last = first + count - 1
    windows = split.windows(first, last)
    assert windows[0][0] == first
    assert windows[-1][1] == last
    assert all(end - start + 1 <= split.frames for start, end in windows)
    for (_, end), (start, _) in zip(windows, windows[1:], strict=False):
        assert end - start + 1 == split.overlap


@pytest.mark.parametrize("split", [Split(100, 16), Split(12, 4), Split(27, 9), Split(9, 3), Split(48, 16)])
def test_weights_add_up_and_never_jump(split):
    for count in range(1, 200):
        windows = split.windows(1, count)
        assert all(later[0] > earlier[1] for earlier, later in zip(windows, windows[2:], strict=False))
        before = {}
        for frame in range(1, count + 1):
            parts = dict(split.parts(frame, 1, count))
            assert sum(parts.values()) == pytest.approx(1)
            assert all(weight > 0 for weight in parts.values())
            for number in parts.keys() | before.keys() if before else ():
                assert abs(parts.get(number, 0) - before.get(number, 0)) <= 1 / (split.overlap + 1) + 1e-9
            before = parts


def test_without_overlap_one_window_ends_where_the_next_begins():
    assert [Split(5, 0).parts(frame, 1, 10) for frame in (5, 6)] == [[(0, 1.0)], [(1, 1.0)]]


@pytest.mark.parametrize("text", ["100", "100+16", " 100 + 16 "])
def test_a_split_is_read(text):
    assert Split.parse(text) == Split(100, 16)
    assert Split.parse(str(Split(30, 4))) == Split(30, 4)


@pytest.mark.parametrize("text", ["", "x", "100+60", "1", "10-2", "-5"])
def test_a_split_that_cannot_be_is_refused(text):
    with pytest.raises(InputError):
        Split.parse(text)


def test_a_job_file_keeps_it_and_an_older_ilvi_reads_the_others(shot):
    assert "split" not in json.loads(job_for(shot).to_json())
    job = job_for(shot, split=Split(30, 5))
    assert Job.from_json(job.to_json()).split == Split(30, 5)


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1001-1008", range(1001, 1009)),
        ("7-7", range(7, 8)),
        ("9-13:2", range(9, 14, 2)),
        ("9,11", range(9, 12, 2)),
        ("-5--2", range(-5, -1)),
        ("-3", range(-3, -2)),
        ("1-5:2,7", range(1, 8, 2)),
    ],
)
def test_frames_as_a_farm_writes_them_are_read(text, frames):
    assert list(FrameRange.parse(text).written()) == list(frames)


@pytest.mark.parametrize("text", ["1,2,4", "5,3", "1-3,7"])
def test_frames_that_are_no_range_are_refused(text):
    with pytest.raises(InputError, match="not evenly spaced"):
        FrameRange.parse(text)


@pytest.mark.parametrize(("nuke", "openjd"), [("1-9x2", "1-9:2"), ("1-10x2", "1-9:2"), ("5", "5"), ("-5--2", "-5--2")])
def test_nukes_frames_become_open_job_descriptions(nuke, openjd):
    assert FrameRange.parse(nuke).openjd() == openjd
    assert list(FrameRange.parse(openjd).written()) == list(FrameRange.parse(nuke).written())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32])
def test_fading_keeps_what_is_the_same(dtype):
    random = np.random.default_rng(1)
    scale = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    a = (random.random((9, 11, 3)) * scale).astype(dtype)
    if dtype == np.float32:
        a[0, 0] = np.nan
    b = a.copy()
    b[2:5, 3:7] = (random.random((3, 4, 3)) * scale).astype(dtype)
    done = faded(Picture.from_array(a), Picture.from_array(b), 0.25)
    got = np.stack([done.planes[name] for name in done.rgb_names], -1)
    same = (a == b).all(-1) | np.isnan(a.astype(np.float32)).any(-1)
    np.testing.assert_array_equal(got[same], a[same])
    expected = 0.75 * a.astype(np.float64) + 0.25 * b.astype(np.float64)
    np.testing.assert_allclose(got[~same], expected[~same], atol=1 if scale > 1 else 1e-3)


@pytest.fixture
def split_job(tmp_path):
    """Six frames in two windows of four or less, which share one: 1-3 and 3-6 of the clip."""
    return job_for(make_shot(tmp_path), split=Split(4, 1), output=f"{tmp_path}/out/clean.####.exr")


def pictures(files):
    return {frame: read_still(path, "frame") for frame, path in files.items()}


def test_a_split_render_is_the_same_as_its_windows_solved_apart_and_chunks(split_job, cache, tmp_path):
    whole = pictures(render(split_job, cache=cache).frames)
    apart = type(cache)(tmp_path / "another cache")
    for window in (2, 1):
        assert len(solve(split_job, cache=apart, window=window)) == 1
    first = min(whole)
    listener = Listener()
    for chunk in (FrameRange(first, first + 3), FrameRange(first + 4, first + 4), FrameRange(first + 5, first + 5)):
        job = replace(split_job, output=f"{tmp_path}/chunks/clean.####.exr")
        files = render(job, listener, apart, Options(solve=False), chunk).frames
        assert list(files) == list(chunk.frames())
        for frame, picture in pictures(files).items():
            for name, plane in picture.planes.items():
                np.testing.assert_array_equal(plane, whole[frame].planes[name])
    assert listener.updates() == 0


def test_a_chunk_of_a_whole_solve_needs_no_range_of_its_own(split_job, cache, tmp_path):
    """Clean plates of other frames, the step of the job: all as the whole job has them."""
    job = replace(split_job, split=None)
    with pytest.raises(InputError, match="has no solve of this job"):
        render(job, cache=cache, options=Options(solve=False))
    assert len(solve(job, cache=cache)) == 1
    assert not list((tmp_path / "out").iterdir())
    first = render(job, cache=cache).frames
    frame = sorted(first)[2]
    files = render(job, cache=cache, options=Options(solve=False), only=FrameRange(frame, frame)).frames
    assert list(files) == [frame]


def test_a_window_that_is_not_solved_is_known_before_a_frame_is_written(split_job, cache, tmp_path):
    solve(split_job, cache=cache, window=1)
    with pytest.raises(InputError, match="has no solve of window 2 of 2"):
        render(split_job, cache=cache, options=Options(solve=False))
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("window", [-1, 3])
def test_a_window_that_there_is_not_is_refused(split_job, cache, window):
    with pytest.raises(InputError, match="the clip has 2"):
        solve(split_job, cache=cache, window=window)


def test_frames_outside_the_job_are_refused(split_job, cache):
    with pytest.raises(InputError, match="has no frame 1"):
        render(split_job, cache=cache, options=Options(solve=False), only=FrameRange(1, 1))


def test_a_split_needs_an_output(split_job, cache):
    with pytest.raises(InputError, match="needs the cache, and an output"):
        render(replace(split_job, output=""), cache=cache)


def test_no_seam_shows_in_time(tmp_path, cache, monkeypatch):
    """Two windows that would not agree at all: cut hard anywhere in what they share, the hole jumps by .3.

    By the paper's consistency (section 4.1) of each frame and the next; the fade's steps are a fifth of it: 14 dB.
    """
    job = job_for(make_shot(tmp_path), split=Split(6, 2), comp={"view": "fill", "match_edge": False})
    monkeypatch.setattr(Split, "windows", lambda self, first, last: [(first, first + 4), (first + 1, last)])
    for result, value in zip(solve(job, cache=cache), (0.3, 0.6), strict=True):
        entry = Entry.open(result.folder)
        for name in [name for name in entry.files if name.startswith("fill/")]:
            flat = io.BytesIO()
            np.save(flat, np.full((*entry.size[::-1], 3), value, np.float32))
            entry.add(name, flat.getvalue())
        entry.write()
    holes = np.ones((FRAMES, HEIGHT, WIDTH), bool)

    def lowest():
        files = render(job, cache=cache, options=Options(solve=False)).frames
        shown = np.stack([picture.rgb() for _, picture in sorted(pictures(files).items())])
        return min(consistency(shown[n : n + 2], holes[n : n + 2]).psnr for n in range(FRAMES - 1))

    faded, fading = lowest(), Split.parts
    monkeypatch.setattr(Split, "parts", lambda self, frame, first, last: [(int(frame > first + 2), 1.0)])
    cut = lowest()
    monkeypatch.setattr(Split, "parts", lambda self, *span: [(fading(self, *span)[0][0], 1.0)])
    first_one = lowest()
    assert faded > cut + 13
    assert faded > first_one + 13
