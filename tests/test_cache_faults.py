"""What goes wrong with a cache: damage, full and read-only disks, memory, somebody else at it, eviction."""

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from shots import QUICK, Listener, job_for, short_of_memory
from test_cached import bytes_of, entries, run

from ilvi_core import lease
from ilvi_core.cache import Cache, size_limit
from ilvi_core.cli import main
from ilvi_core.entry import Entry, folder_bytes
from ilvi_core.host.errors import Cancelled, DeviceError, IlviError, InputError
from ilvi_core.host.job import FrameRange
from ilvi_core.pipeline import look, render
from ilvi_core.shelf import ASIDE


def flip(path):
    """One bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@contextmanager
def mounted(folder, options):
    """A small file system of our own; skips where that is not allowed."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


# -- damage ------------------------------------------------------------------------------------------------------------


def test_a_damaged_fill_is_set_aside_and_made_again_from_the_weights(shot, cache):
    first, _ = run(cache, job_for(shot))
    before = bytes_of(first)
    flip(first.folder / "fill" / "1003.npy")
    again, said = run(cache, job_for(shot))
    assert [code for code, _ in said.warnings] == ["cache-damaged"]
    assert said.updates() == 0
    assert bytes_of(again) == before
    assert len(list((cache.root / ASIDE).rglob("*1003.npy"))) == 1


@pytest.mark.parametrize("harm", ["fill and weights", "no weights, cut fill", "manifest", "half a manifest"])
def test_a_damaged_entry_is_set_aside_and_solved_again(shot, cache, harm):
    first, _ = run(cache, job_for(shot))
    before = bytes_of(first)
    weights = first.folder / "weights" / "1001.safetensors"
    if harm == "fill and weights":
        flip(weights)
        flip(first.folder / "fill" / "1003.npy")
    elif harm == "no weights, cut fill":
        weights.unlink()
        fill = first.folder / "fill" / "1003.npy"
        fill.write_bytes(fill.read_bytes()[:-1])
    else:
        path = first.folder / "manifest.json"
        path.write_bytes(b"\xff{}" if harm == "manifest" else path.read_bytes()[:-9])
    again, said = run(cache, job_for(shot))
    assert [code for code, _ in said.warnings] == ["cache-damaged"]
    assert said.updates() == 3
    assert bytes_of(again) == before
    assert len(list((cache.root / ASIDE).iterdir())) == 1
    assert not again.folder.joinpath("aside").exists()


def test_damaged_weights_are_noticed_when_they_are_needed(shot, cache):
    first, _ = run(cache, job_for(shot))
    before = bytes_of(first)
    cache.slim(entries(cache)[0])
    flip(first.folder / "weights" / "1001.safetensors")
    again, said = run(cache, job_for(shot))
    assert [code for code, _ in said.warnings] == ["cache-damaged"]
    assert said.updates() == 3
    assert bytes_of(again) == before


def test_a_damaged_frame_is_not_shown_but_rendered_again(shot, cache):
    job = job_for(shot, output="")
    first, _ = run(cache, job)
    before = bytes_of(first)
    flip(first.frames[1004])
    assert look(job, cache).state == "fills"
    again, said = run(cache, job)
    assert said.updates() == 0
    assert bytes_of(again) == before


def test_a_damaged_checkpoint_is_set_aside(shot, cache):
    with pytest.raises(Cancelled):
        run(cache, job_for(shot), stop_after=2)
    (folder,) = cache.folders()
    flip(next(folder.glob("checkpoint-*.safetensors")))
    _, said = run(cache, job_for(shot))
    assert [code for code, _ in said.warnings] == ["cache-damaged"]
    assert said.updates() == 3


def test_damaged_flow_is_estimated_again(shot, cache):
    solve = {**QUICK, "method": "dip-vid-flow", "intervals": "1"}
    first, _ = run(cache, job_for(shot, solve=solve))
    for path in (first.folder / "flow").iterdir():
        flip(path)
    shutil.rmtree(first.folder / "fill")
    (first.folder / "weights" / "1001.safetensors").unlink()
    again, said = run(cache, job_for(shot, solve=solve))
    assert said.updates() == 3
    assert bytes_of(again) == bytes_of(first)


def test_verify_finds_every_kind_of_damage_and_a_clean_cache_clean(shot, cache, capsys):
    place = ["--cache-dir", str(cache.root)]
    kept, _ = run(cache, job_for(shot, output=""))
    other, _ = run(cache, job_for(shot, solve={**QUICK, "seed": 1}))
    assert main(["cache", "verify", *place]) == 0
    assert "2 entries checked, 0 damaged" in capsys.readouterr().out
    flip(kept.frames[1002])
    flip(other.folder / "weights" / "1001.safetensors")
    assert main(["cache", "verify", *place]) == 1
    out = capsys.readouterr().out
    assert "1002.png" in out
    assert "weights/1001.safetensors" in out
    assert cache.folders() == [kept.folder]  # of this one only a frame was bad
    assert main(["cache", "verify", *place]) == 0
    assert look(job_for(shot, output=""), cache).state == "fills"
    # a bad fill costs no more than itself: the weights are whole
    flip(kept.folder / "fill" / "1001.npy")
    assert main(["cache", "verify", *place]) == 1
    assert "made again from the weights" in capsys.readouterr().out
    assert look(job_for(shot, output=""), cache).state == "weights"
    assert main(["cache", "list", *place]) == 0
    assert "set aside as damaged" in capsys.readouterr().out


# -- memory ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def little_memory(monkeypatch):
    """Training at more than 50 px width runs out of memory, as CUDA says it."""
    short_of_memory(monkeypatch, 50)


def test_out_of_memory_is_solved_smaller_when_that_is_accepted(shot, cache, little_memory):
    job = job_for(shot, solve={**QUICK, "size": "90x70"})
    with pytest.raises(DeviceError, match="ran out of memory"):
        run(cache, job)
    result, said = run(cache, job, accept_reduced=True)
    assert [code for code, _ in said.warnings] == ["reduced", "reduced"]
    assert "It is solved at 63x49 instead" in said.warnings[0][1]
    entry = Entry.open(result.folder)
    assert entry.manifest["reduced"] == {"asked": [90, 70], "used": [44, 34]}
    assert entry.size == (44, 34)
    # for those who accept it, it is a hit; for others it is solved anew
    assert look(job, cache, accept_reduced=True).state == "fills"
    assert look(job, cache, accept_reduced=False).state == "none"
    _, said = run(cache, job, accept_reduced=True)
    assert said.updates() == 0
    with pytest.raises(DeviceError):
        run(cache, job)


def test_memory_that_gets_short_in_the_middle(shot, cache, monkeypatch):
    """A checkpoint of the full size is there; on the machine that goes on with it there is less memory."""
    job = job_for(shot, solve={**QUICK, "size": "90x70", "max_updates": 12})
    with pytest.raises(Cancelled):
        run(cache, job, stop_after=4)
    short_of_memory(
        monkeypatch, 70, RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
    )
    result, said = run(cache, job, accept_reduced=True)
    assert said.updates() == 12
    assert Entry.open(result.folder).size == (63, 49)
    assert Entry.open(result.folder).damage() == []


# -- disks -------------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_said_and_leaves_the_cache_clean(shot, tmp_path, capsys):
    with mounted(tmp_path / "small disk", "size=4m") as disk:
        cache = Cache(disk / "cache")
        with pytest.raises(InputError, match="There is no room"):
            run(cache, job_for(shot))
        remount(disk, "size=400m")
        filler = disk / "filler"
        with pytest.raises(Cancelled):
            run(cache, job_for(shot, solve={**QUICK, "max_updates": 12}), stop_after=4)
        filler.write_bytes(b"x" * (shutil.disk_usage(disk).free - 100_000))
        with pytest.raises(IlviError, match=r"cannot be written: No space left|There is no room") as error:
            run(cache, job_for(shot, solve={**QUICK, "max_updates": 12}))
        assert error.value.hint
        assert main(["cache", "verify", "--cache-dir", str(cache.root)]) == 0
        filler.unlink()
        _, said = run(cache, job_for(shot, solve={**QUICK, "max_updates": 12}))
        assert said.updates() == 8  # nothing of what was learned is lost


def test_a_disk_that_fills_up_in_the_middle(shot, tmp_path, monkeypatch):
    """The guess of what is needed is put out of action, so that a write fails."""
    monkeypatch.setattr("ilvi_core.solving.free_bytes", lambda folder: 1 << 40)
    with mounted(tmp_path / "small disk", "size=3m") as disk:
        cache = Cache(disk / "cache")
        with pytest.raises(IlviError, match="cannot be written") as error:
            run(cache, job_for(shot))
        assert "Make room" in error.value.hint or "has room" in error.value.hint
        assert main(["cache", "verify", "--cache-dir", str(cache.root)]) == 0
        remount(disk, "size=400m")
        result, said = run(cache, job_for(shot))
        assert said.updates() > 0
        assert len(result.frames) == 6


def test_a_read_only_cache_gives_what_it_has_and_the_rest_is_kept_beside_the_output(shot, tmp_path):
    with mounted(tmp_path / "disk", "size=400m") as disk:
        cache = Cache(disk / "cache")
        first, _ = run(cache, job_for(shot))
        kept, _ = run(cache, job_for(shot, output="", frames=FrameRange(1001, 1002)))
        remount(disk, "ro")
        again, said = run(cache, job_for(shot, output=str(shot / "again" / "c.####.png")))
        assert (said.updates(), said.warnings) == (0, [])
        assert list(bytes_of(again).values()) == list(bytes_of(first).values())
        assert look(job_for(shot, output="", frames=FrameRange(1001, 1002)), cache).frames == kept.frames
        # something new
        other, said = run(cache, job_for(shot, solve={**QUICK, "seed": 3}))
        assert [code for code, _ in said.warnings] == ["cache-read-only"]
        assert other.folder.parent == shot / "out"
        with pytest.raises(InputError, match=r"cannot be written|cannot be made"):
            run(cache, job_for(shot, solve={**QUICK, "seed": 4}, output=""))


def test_a_file_where_the_cache_should_be_does_not_stop_a_job(shot, tmp_path):
    (tmp_path / "file").write_text("x")
    result, said = run(Cache(tmp_path / "file" / "cache"), job_for(shot))
    assert [code for code, _ in said.warnings] == ["cache-read-only"]
    assert result.folder.parent == shot / "out"


def test_a_cache_removed_during_a_job_is_said_in_words(shot, cache):
    class Remover(Listener):
        def progress(self, phase, done, total, loss=None, left=None):
            super().progress(phase, done, total, loss, left)
            if phase == "train" and done == 2:
                shutil.rmtree(cache.root)

    with pytest.raises(IlviError, match="was removed"):
        render(job_for(shot), Remover(), cache)
    _, said = run(cache, job_for(shot))
    assert said.updates() == 3


# -- others ------------------------------------------------------------------------------------------------------------


def test_of_two_processes_with_one_job_one_solves_and_the_other_waits_and_reads(shot, cache):
    solve = {**QUICK, "max_updates": 30}
    for name in "ab":
        job_for(shot, solve=solve, output=str(shot / name / "c.####.png")).save(shot / f"{name}.json")
    command = [sys.executable, "-m", "ilvi_core.cli", "render", "--cache-dir", str(cache.root)]
    started = [
        subprocess.Popen([*command, str(shot / f"{name}.json")], stderr=subprocess.PIPE, text=True) for name in "ab"
    ]
    said = [process.communicate(timeout=240)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    assert sum("training: update" in text for text in said) == 1
    assert sum("is solving the same; waiting for it" in text for text in said) == 1
    for frame in range(1001, 1007):
        assert (shot / "a" / f"c.{frame}.png").read_bytes() == (shot / "b" / f"c.{frame}.png").read_bytes()


def test_one_that_waits_can_be_stopped(shot, cache):
    folder = cache.folder_for(_asked(shot, cache))
    folder.mkdir(parents=True)

    class Impatient(Listener):
        def stop(self):
            return any(phase == "wait" for phase, *_ in self.phases)

    with lease.acquire(folder), pytest.raises(Cancelled):
        render(job_for(shot), Impatient(), cache)


def _asked(shot, cache):
    from ilvi_core.caching import ask_cache
    from ilvi_core.report import Report
    from ilvi_core.shot import open_shot

    with open_shot(job_for(shot), Report()) as opened:
        return ask_cache(opened, cache, Report())


# -- size --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "size"), [("0", 0), ("500M", 500 << 20), ("1.5g", 3 << 29), ("2TiB", 2 << 40)])
def test_sizes(text, size):
    assert size_limit(text) == size


@pytest.mark.parametrize("text", ["-1", "many", "5X", "1e9", "5 5"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(InputError, match="is no size"):
        size_limit(text)


def test_the_least_recently_used_goes_first_and_what_is_in_use_stays(shot, cache):
    folders = []
    for seed in range(4):
        result, _ = run(cache, job_for(shot, solve={**QUICK, "seed": seed}))
        folders.append(result.folder)
    for age, folder in zip((40, 30, 20, 10), folders, strict=True):
        os.utime(folder / "used", (time.time() - age,) * 2)
    with lease.use(folders[0]):
        slim = sum(folder_bytes(folder) for folder in folders)
        cache.evict(limit=slim - 1)  # one byte too much: only what can be made again goes
        assert all(folder.exists() for folder in folders)
        assert not list((folders[1] / "fill").glob("*.npy"))
        assert list((folders[0] / "fill").glob("*.npy"))
        assert list((folders[3] / "fill").glob("*.npy"))
        cache.evict(limit=folder_bytes(folders[0]) + folder_bytes(folders[3]))
        assert [folder.exists() for folder in folders] == [True, False, False, True]
    # what is left still renders
    _, said = run(cache, job_for(shot, solve={**QUICK, "seed": 3}))
    assert said.updates() == 0


def test_a_limit_just_large_enough_removes_nothing(shot, cache):
    run(cache, job_for(shot))
    size = sum(folder_bytes(folder) for folder in cache.folders())
    assert cache.evict(limit=size).bytes == 0
    assert cache.evict(limit=size - 1).bytes > 0


def test_a_group_can_share_a_cache_whatever_the_umask(shot, tmp_path):
    root = tmp_path / "shared"
    root.mkdir()
    root.chmod(0o2770)
    before = os.umask(0o077)
    try:
        run(Cache(root), job_for(shot, output=""))
    finally:
        os.umask(before)
    for place, folders, files in os.walk(root):
        for name in (*folders, *files):
            mode = (Path(place) / name).lstat().st_mode
            wanted = 0o2070 if stat.S_ISDIR(mode) else 0o060
            if not name.startswith("use."):
                assert mode & wanted == wanted, (place, name, oct(mode))


def test_paths_with_spaces_and_other_alphabets(shot, tmp_path):
    cache = Cache(tmp_path / "Zwischen speicher – キャッシュ")
    result, _ = run(cache, job_for(shot, output=str(shot / "aus gabe – é" / "c.####.png")))
    assert all(path.exists() for path in result.frames.values())
    _, said = run(cache, job_for(shot))
    assert said.updates() == 0


def test_stamps_from_the_future_do_not_matter(shot, cache):
    """A clock that was set back: everything on disk is from tomorrow."""
    run(cache, job_for(shot))
    tomorrow = time.time() + 86400
    for place, _, files in os.walk(shot):
        for name in files:
            os.utime(Path(place) / name, (tomorrow, tomorrow))
    _, said = run(cache, job_for(shot))
    assert said.updates() == 0
    assert look(job_for(shot), cache).state == "fills"
    assert cache.evict(limit=1).entries == 1


# -- the commands ------------------------------------------------------------------------------------------------------


def test_the_cache_commands(shot, cache, capsys):
    place = ["--cache-dir", str(cache.root)]
    result, _ = run(cache, job_for(shot))
    assert main(["cache", "path", *place]) == 0
    assert capsys.readouterr().out.strip() == str(cache.root)
    assert main(["cache", "list", *place]) == 0
    assert result.folder.name in capsys.readouterr().out
    assert main(["cache", "list", "--json", *place]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "solved"
    assert main(["cache", "show", result.folder.name[:6], *place]) == 0
    shown = capsys.readouterr().out
    assert "dip-vid" in shown
    assert "state            solved\n" in shown
    assert main(["cache", "prune", "--slim", *place]) == 0
    assert Entry.open(result.folder).windows()
    assert main(["cache", "clear", *place]) == 2
    with lease.use(result.folder):
        assert main(["cache", "clear", "--all", *place]) == 1
        assert "in use and was left" in capsys.readouterr().out
    assert main(["cache", "clear", "--all", *place]) == 0
    assert main(["cache", "list", *place]) == 0
    assert "0 entries" in capsys.readouterr().out
    assert main(["cache", "show", "nothing", *place]) == 2


def test_rerender_by_command_line(shot, cache, capsys):
    place = ["--cache-dir", str(cache.root)]
    job_for(shot).save(shot / "job.json")
    assert main(["rerender", str(shot / "job.json"), *place]) == 2
    assert "solve it first" in capsys.readouterr().err
    assert main(["render", str(shot / "job.json"), *place, "--quiet"]) == 0
    assert main(["rerender", str(shot / "job.json"), *place, "--output", str(shot / "m") + "/", "--view", "matte"]) == 0
    assert len(list((shot / "m").glob("plate.*.png"))) == 6


def test_threads_of_one_process_share_an_entry(shot, cache):
    results = []

    def work(name):
        results.append(run(cache, job_for(shot, output=str(shot / name / "c.####.png"))))

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(said.updates() for _, said in results) == [0, 3]
