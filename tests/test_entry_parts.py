"""The cache's smaller parts: views that serve, stored flow, files that are whole, previews' order, names."""

import os
import stat

import numpy as np
import pytest
from shots import job_for
from test_cached import run

from ilvi_core.color import Curve
from ilvi_core.entry import Damaged, Entry, begin
from ilvi_core.files import make_folders, publish, publishing
from ilvi_core.flowstore import StoredFlow
from ilvi_core.host.errors import IlviError
from ilvi_core.images import Box
from ilvi_core.previews import spread
from ilvi_core.region import View, intersection

CANVAS = Box(0, 0, 100, 80)


@pytest.mark.parametrize(
    ("hole", "own", "serves"),
    [
        (Box(30, 30, 10, 10), {}, True),
        (Box(28, 28, 10, 10), {}, True),  # the context of 8 px just fits
        (Box(27, 28, 10, 10), {}, False),  # and here it does not
        (Box(30, 30, 23, 10), {}, False),
        (Box(30, 30, 10, 10), {"high": 4.0}, True),
        (Box(30, 30, 10, 10), {"high": 4.1}, False),
        (Box(30, 30, 10, 10), {"low": -0.1}, False),
        (Box(30, 30, 10, 10), {"encoding": "display"}, False),
        (Box(30, 30, 10, 10), {"region": Box(30, 30, 20, 20)}, True),
        (Box(30, 30, 10, 10), {"region": Box(30, 30, 19, 20)}, False),  # more than four times what it would take
    ],
)
def test_a_view_serves_another_hole_only_where_all_of_it_fits(hole, own, serves):
    view = View(Box(20, 20, 40, 40), (40, 40), Curve("linear", 0.0, 4.0))
    curve = Curve(own.get("encoding", "linear"), own.get("low", 0.0), own.get("high", 2.0))
    other = View(own.get("region", Box(20, 20, 40, 40)), (40, 40), curve)
    assert view.serves(other, CANVAS, hole) is serves


def test_at_the_canvas_edge_there_is_no_context_to_have():
    view = View(Box(0, 0, 40, 40), (40, 40), Curve())
    assert view.serves(view, CANVAS, Box(0, 0, 30, 30))
    assert not view.serves(view, Box(5, 0, 95, 80), Box(8, 0, 10, 10))  # the view looks beyond the canvas
    assert intersection(Box(0, 0, 10, 10), Box(4, -3, 10, 10)) == Box(4, 0, 6, 7)


class Estimator:
    def __init__(self):
        self.calls = 0

    def __call__(self, a, b):
        self.calls += 1
        return np.full((*a.shape[:2], 2), b.mean() - a.mean(), np.float32)


def test_flow_is_estimated_once_for_the_same_pictures(tmp_path):
    a, b = np.zeros((4, 6, 3), np.float32), np.full((4, 6, 3), 0.3, np.float32)
    estimate = Estimator()
    make_folders(tmp_path / "one", tmp_path / "two")
    store = StoredFlow(estimate, "dis", tmp_path / "one")
    first = store(a, b)
    assert np.array_equal(store(a, b), first)
    assert np.array_equal(store(b, a), -first)
    assert (estimate.calls, store.estimated, store.reused) == (2, 2, 1)
    assert first.dtype == np.float32
    assert np.abs(first - 0.3).max() < 0.3 / 2048
    # another entry takes it over into its own folder
    taken = StoredFlow(estimate, "dis", tmp_path / "two", [tmp_path / "one"])
    assert np.array_equal(taken(a, b), first)
    assert (estimate.calls, len(list((tmp_path / "two").iterdir()))) == (2, 1)
    # what an estimator of another name, or other pictures, gave is something else
    StoredFlow(estimate, "raft", tmp_path / "one")(a, b)
    store(a, b + np.float32(1e-6))
    assert estimate.calls == 4


def test_several_pairs_are_estimated_together_where_they_are_not_stored(tmp_path):
    class Batched(Estimator):
        batches = ()

        def pairs(self, several):
            self.batches += (len(several),)
            return [self(a, b) for a, b in several]

    pictures = [np.full((4, 6, 3), v, np.float32) for v in (0, 0.25, 0.5, 1)]
    asked = list(zip(pictures, pictures[1:], strict=False))
    estimate, heard = Batched(), []
    store = StoredFlow(estimate, "raft", tmp_path)
    store.asked = lambda: heard.append(store.estimated + store.reused)
    alone = store(*asked[1])
    flows = store.pairs(asked)
    assert estimate.batches == (1, 2)
    assert heard == [1, 4]
    assert np.array_equal(flows[1], alone)
    assert [round(float(f.mean()), 3) for f in flows] == [0.25, 0.25, 0.5]


def test_damaged_flow_is_estimated_again_and_mended(tmp_path):
    a, b = np.zeros((4, 6, 3), np.float32), np.ones((4, 6, 3), np.float32)
    estimate = Estimator()
    StoredFlow(estimate, "dis", tmp_path)(a, b)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for data in (whole[:-1], whole[:-1] + b"\x01", b"", whole[:20]):
        path.write_bytes(data)
        assert StoredFlow(estimate, "dis", tmp_path)(a, b).mean() == 1
        assert path.read_bytes() == whole
    assert estimate.calls == 5


def test_flow_that_cannot_be_kept_is_said_once(tmp_path):
    said = []
    store = StoredFlow(Estimator(), "dis", tmp_path / "gone", trouble=said.append)
    for level in (0.1, 0.2):
        store(np.zeros((4, 6, 3), np.float32), np.full((4, 6, 3), level, np.float32))
    assert len(said) == 1
    assert "was removed" in said[0]


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    publish(tmp_path / "a", b"one")

    def stop_half_way():
        with publishing(tmp_path / "a") as partial:
            partial.write_bytes(b"tw")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        stop_half_way()
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"one"
    with pytest.raises(IlviError, match="was removed while"):
        publish(tmp_path / "gone" / "a", b"")


def test_new_folders_and_files_are_the_groups_where_the_folder_above_is(tmp_path):
    shared, own = tmp_path / "shared", tmp_path / "own"
    for place, mode in ((shared, 0o2770), (own, 0o700)):
        place.mkdir()
        place.chmod(mode)
    before = os.umask(0o077)
    try:
        for place in (shared, own):
            make_folders(place / "x" / "y")
            publish(place / "x" / "y" / "file", b"")
    finally:
        os.umask(before)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in shared.rglob("*")}
    assert modes["x"] & 0o2070 == modes["y"] & 0o2070 == 0o2070
    assert modes["file"] & 0o060 == 0o060
    assert {stat.S_IMODE(p.stat().st_mode) & 0o077 for p in own.rglob("*")} == {0}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 100])
def test_previews_begin_far_apart_and_show_every_frame_once(count):
    frames = list(range(1001, 1001 + count))
    order = spread(frames)
    assert sorted(order) == frames
    assert order[:2] == [frames[0], frames[-1]] if count > 1 else order == frames
    if count >= 8:
        assert abs(order[2] - (frames[0] + count // 2)) <= count // 4


def test_an_entry_lists_what_it_has_and_refuses_what_is_not_that(tmp_path):
    entry = begin(tmp_path / "e", {"key": "k"})
    make_folders(tmp_path / "e" / "fill")
    entry.add("fill/-3.npy", b"abc")
    assert Entry.open(tmp_path / "e").files == {}  # not yet written
    entry.write()
    entry = Entry.open(tmp_path / "e")
    assert entry.read("fill/-3.npy") == b"abc"
    assert entry.has_fill(-3)
    assert not entry.solved
    assert entry.manifest["owner"]["pid"] == os.getpid()
    (tmp_path / "e" / "fill" / "-3.npy").write_bytes(b"abd")
    assert entry.damage() == ["fill/-3.npy"]
    with pytest.raises(Damaged, match="not what was put there"):
        entry.read("fill/-3.npy")
    with pytest.raises(Damaged):
        entry.fill(-3)
    entry.drop(["fill/-3.npy"])
    assert not (tmp_path / "e" / "fill" / "-3.npy").exists()
    assert Entry.open(tmp_path / "e").files == {}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2, "state": "solved"}', '{"version": 1, "state": "solved"}']
)
def test_a_manifest_that_makes_no_sense_is_damage(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(Damaged, match="manifest"):
        Entry.open(tmp_path)
    assert Entry.open(tmp_path / "nothing") is None


def test_a_frame_is_rendered_again_when_the_plates_file_is_another(shot, cache):
    job = job_for(shot, output="")
    first, _ = run(cache, job)
    path = shot / "plate" / "plate.1002.png"
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)  # the same pixels; its other channels or metadata may have changed
    os.utime(path, (1, 1))
    before = {frame: file.stat().st_mtime_ns for frame, file in first.frames.items()}
    again, said = run(cache, job)
    changed = [frame for frame, file in again.frames.items() if file.stat().st_mtime_ns != before[frame]]
    assert (changed, said.updates()) == ([1002], 0)
