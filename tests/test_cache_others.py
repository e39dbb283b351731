"""A cache in which others are at work: what is asked changes, entries go, leases are lost; and what a key is."""

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from shots import QUICK, Listener, job_for, short_of_memory
from test_cache_faults import _asked, flip, mounted, remount
from test_cached import bytes_of, change_matte, entries, run
from torchvision.models.optical_flow import raft_small

from ilvi_core import caching, lease, methods, weights
from ilvi_core.cache import Cache
from ilvi_core.cli import main
from ilvi_core.entry import Damaged, Entry
from ilvi_core.host.errors import Cancelled, DeviceError, IlviError
from ilvi_core.host.job import CompSettings, FrameRange
from ilvi_core.kept import KeptFrames
from ilvi_core.pipeline import look, render
from ilvi_core.shelf import ASIDE, TRASH


class Acting(Listener):
    """Does something once, at the first event of a kind."""

    def __init__(self, event, act):
        super().__init__()
        self._event, self._act = event, act

    def _did(self, event):
        if event == self._event:
            self._event = None
            self._act()

    def started(self, state, entry, device):
        super().started(state, entry, device)
        self._did("started")

    def progress(self, phase, done, total, loss=None, left=None):
        super().progress(phase, done, total, loss, left)
        self._did(phase)


# -- what was asked changes --------------------------------------------------------------------------------------------


def test_a_matte_that_is_drawn_anew_while_the_job_waits_is_not_kept_under_the_old_ones_name(shot, cache):
    folder = cache.folder_for(_asked(shot, cache))
    folder.mkdir(parents=True)
    old = (shot / "matte" / "matte.1003.png").read_bytes()
    held = lease.acquire(folder)

    def redraw():
        change_matte(shot, 1003)
        held.release()

    said = Acting("wait", redraw)
    result = render(job_for(shot), said, cache)
    assert result.folder != folder
    assert any("changed while it was read" in text for text in said.news)
    assert look(job_for(shot), cache).state == "fills"
    (shot / "matte" / "matte.1003.png").write_bytes(old)
    assert look(job_for(shot), cache).state == "partial"  # begun under that name, and nothing of it learned


def test_a_plate_that_is_replaced_while_its_frame_is_rendered_does_not_count_as_rendered(shot, cache):
    job = job_for(shot, output="")
    result, _ = run(cache, job)
    from ilvi_core.images import open_source

    plate, matte = open_source(job.plate.path), open_source(job.matte.path, "Matte")
    kept = KeptFrames(Entry.open(result.folder), _comp(), plate, matte)
    before = kept.stamps(1002)
    path = shot / "plate" / "plate.1002.png"
    path.write_bytes(path.read_bytes())
    kept.folder.mkdir(parents=True, exist_ok=True)
    done = kept.folder / "frame.png"
    done.write_bytes(b"x")
    kept.put(1002, done, before)
    assert kept.valid([1002]) == {}
    kept.put(1002, done, kept.stamps(1002))
    assert kept.valid([1002]) == {1002: done}


def _comp():
    return CompSettings()


# -- entries that come and go ------------------------------------------------------------------------------------------


def test_a_refresh_that_is_stopped_leaves_what_there_was_and_goes_on_where_it_was(shot, cache):
    solve = {**QUICK, "max_updates": 12}
    first, _ = run(cache, job_for(shot, solve=solve, output=""))
    before = bytes_of(first)
    with pytest.raises(Cancelled):
        run(cache, job_for(shot, solve=solve, output=""), refresh=True, stop_after=5)
    assert look(job_for(shot, solve=solve, output=""), cache).state == "frames"
    assert bytes_of(first) == before
    again, said = run(cache, job_for(shot, solve=solve, output=""), refresh=True)
    assert said.updates() == 12 - 5
    assert bytes_of(again) == before
    assert again.folder == first.folder
    assert not (first.folder / "again").exists()
    assert (first.folder / "used").exists()
    assert Entry.open(first.folder).damage() == []


def test_a_refresh_killed_while_it_takes_the_place_of_the_old_is_finished_by_the_next(shot, cache, monkeypatch):
    first, _ = run(cache, job_for(shot))
    before = bytes_of(first)

    class Killed(BaseException):
        pass

    real = os.replace

    def die(source, target):
        if str(source).endswith("again/weights"):
            raise Killed
        real(source, target)

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(Killed):
        run(cache, job_for(shot), refresh=True)
    monkeypatch.undo()
    again, said = run(cache, job_for(shot))
    assert said.updates() == 0
    assert bytes_of(again) == before
    assert Entry.open(first.folder).damage() == []


def test_a_reader_is_not_disturbed_by_a_refresh(shot, cache):
    first, _ = run(cache, job_for(shot))
    before = bytes_of(first)

    def refresh():
        with pytest.raises(Cancelled):
            run(cache, job_for(shot), refresh=True, stop_after=1)

    said = Acting("started", refresh)
    again = render(job_for(shot), said, cache)
    assert said.warnings == []
    assert said.updates() == 0
    assert bytes_of(again) == before


def test_an_entry_that_goes_after_it_was_found_is_solved_again_without_alarm(shot, cache):
    run(cache, job_for(shot))
    real, gone = Cache.using, []

    def using(self, entry):
        if not gone:
            gone.append(entry)
            shutil.rmtree(entry.folder)
        return real(self, entry)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cache, "using", using)
        _, said = run(cache, job_for(shot))
    assert gone
    assert said.warnings == []
    assert said.updates() == 3


def test_what_another_one_has_mended_is_not_set_aside(shot, cache):
    first, _ = run(cache, job_for(shot))
    said = Listener()
    assert caching.put_right(cache, Damaged("It was damaged.", "", first.folder), said)
    assert (said.warnings, (cache.root / ASIDE).exists()) == ([], False)
    # nor is anything done to an entry that somebody is at
    flip(first.folder / "fill" / "1003.npy")
    with lease.acquire(first.folder):
        assert caching.put_right(cache, Damaged("It is damaged.", "", first.folder), said)
    assert (said.warnings, (cache.root / ASIDE).exists()) == ([], False)
    assert caching.put_right(cache, Damaged("It is damaged.", "", first.folder), said)
    assert [code for code, _ in said.warnings] == ["cache-damaged"]


def test_a_reduced_entry_stays_when_a_larger_solve_fails(shot, cache, monkeypatch):
    short_of_memory(monkeypatch, 70)
    job = job_for(shot, solve={**QUICK, "size": "90x70"})
    run(cache, job, accept_reduced=True)
    with pytest.raises(DeviceError):
        run(cache, job)
    assert look(job, cache).state == "fills"
    monkeypatch.undo()
    result, said = run(cache, job)  # on a larger machine
    assert said.updates() == 3
    assert not Entry.open(result.folder).reduced


@pytest.mark.slow  # two solves
def test_a_warm_window_whose_start_is_gone_is_solved_in_full(shot, cache):
    solve = {**QUICK, "window": 3, "max_updates": 20}
    first, _ = run(cache, job_for(shot, solve=solve))
    change_matte(shot, 1002)
    change_matte(shot, 1005)
    with pytest.raises(Cancelled):
        run(cache, job_for(shot, solve=solve), stop_after=14)  # 13 in the first window, one in the second
    (begun,) = [folder for folder in cache.folders() if folder != first.folder]
    (begun / "checkpoint.json").write_text(
        (begun / "checkpoint.json").read_text().replace('"window": 1', '"window": 7')
    )  # as if it had been killed before the second window's first checkpoint
    shutil.rmtree(first.folder)
    _, said = run(cache, job_for(shot, solve=solve))
    assert said.updates() == 20


def test_a_frame_that_was_being_published_is_no_damage(shot, cache):
    job = job_for(shot, output="")
    run(cache, job)
    for path in (shot / "plate").iterdir():
        path.write_bytes(path.read_bytes())  # another export: every frame is rendered anew, under the same names

    class Stopping(Listener):
        def stop(self):
            return len(self.frames) >= 3

    with pytest.raises(Cancelled):
        render(job, Stopping(), cache)
    assert main(["cache", "verify", "--cache-dir", str(cache.root)]) == 0


def test_two_that_make_room_at_once_do_not_disturb_a_job(shot, cache, monkeypatch):
    run(cache, job_for(shot))
    run(cache, job_for(shot, solve={**QUICK, "seed": 1}))
    real = Cache.list

    def listed(self):
        """Another process removes what this one has just listed."""
        items = real(self)
        for item in items:
            shutil.rmtree(item.folder)
        return items

    monkeypatch.setattr(Cache, "list", listed)
    assert cache.evict(limit=1).entries == 0


def test_what_cannot_be_removed_does_not_stop_a_job(shot, tmp_path, monkeypatch):
    cache = Cache(tmp_path / "c", limit=1)

    def refuse(folder, beat=lease.BEAT):
        raise lease.CacheReadOnly("It is another user's.", "")

    run(cache, job_for(shot))
    monkeypatch.setattr(lease, "try_acquire", refuse)
    result, said = run(cache, job_for(shot, solve={**QUICK, "seed": 1}))
    assert said.warnings == []
    assert result.folder.parent == cache.root


def test_after_a_solve_the_cache_is_under_its_limit_again(shot, tmp_path):
    cache = Cache(tmp_path / "c", limit=1)
    first, _ = run(cache, job_for(shot))
    second, _ = run(cache, job_for(shot, solve={**QUICK, "seed": 1}))
    assert [first.folder.exists(), second.folder.exists()] == [False, True]


def test_an_entry_is_in_use_while_frames_are_made_from_it(shot, cache):
    run(cache, job_for(shot))
    (folder,) = cache.folders()
    used = []
    render(job_for(shot), Acting("write", lambda: used.append(lease.in_use(folder))), cache)
    assert used == [True]
    assert not lease.in_use(folder)


def test_somebody_who_comes_in_while_an_entry_is_removed_keeps_it(shot, cache, monkeypatch):
    result, _ = run(cache, job_for(shot))
    real = Path.rename

    def rename(self, target):
        if TRASH in str(target) and self == result.folder:
            lease.use(self)
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    assert not cache.remove(result.folder)
    assert Entry.open(result.folder).damage() == []


# -- leases ------------------------------------------------------------------------------------------------------------


def test_who_has_lost_the_lease_writes_nothing_more(shot, cache):
    solve = {**QUICK, "max_updates": 30}

    def take_over():
        (folder,) = cache.folders()
        (lease_file,) = folder.glob("lease.*")
        (folder / "lease.99").write_bytes(lease_file.read_bytes())

    with pytest.raises(IlviError, match="took over"):
        render(job_for(shot, solve=solve), Acting("train", take_over), cache)
    (folder,) = cache.folders()
    assert not list(folder.glob("fill/*.npy"))
    assert not Entry.open(folder).solved


def test_what_a_killed_process_left_is_swept_up(shot, cache):
    with pytest.raises(Cancelled):
        run(cache, job_for(shot), stop_after=2)
    (folder,) = cache.folders()
    (folder / "fill" / ".tmp_1_x_1001.npy").write_bytes(b"half")
    code = "import os, sys, pathlib, ilvi_core.lease as l; l.use(pathlib.Path(sys.argv[1])); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
    assert list(folder.glob("use.*"))
    run(cache, job_for(shot))
    assert not list(folder.glob("use.*"))
    assert not list(folder.rglob(".tmp_*"))


# -- what a key is -----------------------------------------------------------------------------------------------------


def test_another_version_of_a_method_is_another_question(shot, cache, monkeypatch):
    run(cache, job_for(shot))
    method = methods.METHODS["dip-vid"]
    monkeypatch.setitem(methods.METHODS, "dip-vid", dataclasses.replace(method, version=method.version + 1))
    assert look(job_for(shot), cache).state == "none"


def test_other_weight_files_are_another_question_where_they_take_part(shot, cache, monkeypatch, tmp_path):
    monkeypatch.setenv("ILVI_WEIGHTS", str(tmp_path / "weights"))
    with_flow = {**QUICK, "method": "dip-vid-flow", "intervals": "1"}
    two = FrameRange(1001, 1002)
    run(cache, job_for(shot, frames=two))
    run(cache, job_for(shot, frames=two, solve=with_flow))
    torch.manual_seed(0)
    torch.save(raft_small(weights=None).state_dict(), tmp_path / "mine.pth")
    weights.import_file(tmp_path / "mine.pth", "raft_small")
    assert look(job_for(shot, frames=two), cache).state == "fills"
    assert look(job_for(shot, frames=two, solve=with_flow), cache).state == "none"
    assert look(job_for(shot, frames=two, solve={**with_flow, "flow": "dis"}), cache).state == "fills"


def test_settings_that_a_method_does_not_look_at_do_not_count(shot, cache):
    run(cache, job_for(shot))
    assert (
        look(job_for(shot, solve={**QUICK, "flow_weight": 0.5, "matte_channel": "luminance"}), cache).state == "fills"
    )
    assert look(job_for(shot, solve={**QUICK, "noise": 0.2}), cache).state == "none"


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_a_read_only_cache_renders_a_complete_hit(shot, tmp_path):
    with mounted(tmp_path / "disk", "size=400m") as disk:
        cache = Cache(disk / "cache")
        first, _ = run(cache, job_for(shot, output=""))
        remount(disk, "ro")
        again, said = run(cache, job_for(shot, output=""))
        assert (again.frames, said.frames) == (first.frames, list(range(1001, 1007)))
        assert said.warnings == []


def test_damage_in_a_read_only_cache_is_solved_beside_the_output(shot, tmp_path):
    with mounted(tmp_path / "disk", "size=400m") as disk:
        cache = Cache(disk / "cache")
        first, _ = run(cache, job_for(shot))
        before = bytes_of(first)
        flip(first.folder / "fill" / "1002.npy")
        remount(disk, "ro")
        again, said = run(cache, job_for(shot))
        assert [code for code, _ in said.warnings] == ["cache-read-only"]
        assert bytes_of(again) == before
        # another matte, the same output: what is there beside it is of another job, and is no obstacle
        change_matte(shot, 1002)
        other, said = run(cache, job_for(shot))
        assert other.folder == again.folder
        assert said.updates() == 3


def test_a_broken_entry_can_be_named(shot, cache, capsys):
    result, _ = run(cache, job_for(shot))
    (result.folder / "manifest.json").write_text("{")
    place = ["--cache-dir", str(cache.root)]
    assert main(["cache", "verify", result.folder.name, *place]) == 1
    assert not cache.folders()
    result, _ = run(cache, job_for(shot))
    (result.folder / "manifest.json").write_text("{")
    assert main(["cache", "clear", result.folder.name, *place]) == 0
    assert not cache.folders()


def test_out_of_memory_while_fills_are_made_again_is_said_as_such(shot, cache, monkeypatch):
    run(cache, job_for(shot))
    cache.slim(entries(cache)[0])

    def fail(*args):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("ilvi_core.infer.fills", fail)
    with pytest.raises(DeviceError, match="ran out of memory while the fills"):
        run(cache, job_for(shot))


def test_no_more_than_two_previews_of_a_frame_are_kept(shot, cache, monkeypatch):
    monkeypatch.setattr("ilvi_core.previews.ROUND_EVERY", 0.0)
    monkeypatch.setattr("ilvi_core.previews.SHARE", 1e9)
    result, said = run(cache, job_for(shot, solve={**QUICK, "max_updates": 30}), previews=True)
    assert len(said.previews) > 18
    assert len({path for _, path in said.previews}) == len(said.previews)  # each under a name of its own
    left = list((result.folder / "previews").rglob("*.png"))
    assert 6 <= len(left) <= 12
    newest = dict(said.previews)
    assert all(path.exists() for path in newest.values())


def test_a_groups_memo_is_the_groups(shot, tmp_path):
    root = tmp_path / "shared"
    root.mkdir()
    root.chmod(0o2770)
    past = time.time() - 60
    for path in shot.rglob("*.png"):
        os.utime(path, (past, past))
    time.sleep(2.1)  # the change of the stamp is a change, too: younger ones are not remembered
    before = os.umask(0o077)
    try:
        look(job_for(shot), Cache(root))
    finally:
        os.umask(before)
    memos = list((root / "memo").iterdir())
    assert memos
    assert all(path.stat().st_mode & 0o060 == 0o060 for path in memos)
    assert (root / "memo").stat().st_mode & 0o2070 == 0o2070
