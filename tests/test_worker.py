"""Whole jobs in a worker, as a host sees them: real worker processes behind the client, sessions over real pipes."""

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from shots import FRAMES, QUICK, Listener, job_for, make_shot, mattes, pictures, short_of_memory
from workers import LIMIT, ONE_THREAD, Heard, alive, client_of, has_torch, inside, soon

from ilvi_core import previews, session
from ilvi_core.cache import Cache
from ilvi_core.cli import main
from ilvi_core.entry import Entry
from ilvi_core.host.errors import Cancelled, InputError
from ilvi_core.host.job import ImageSequence, RunOptions
from ilvi_core.host.protocol import (
    ENDS,
    Accepted,
    Cancel,
    Cancelling,
    Clear,
    Cleared,
    Failure,
    Finished,
    Found,
    Frame,
    Lookup,
    Progress,
    Start,
    Started,
    Stopped,
    Warn,
)
from ilvi_core.images import open_source
from ilvi_core.in_worker import render_in_worker
from ilvi_core.pictures import Picture
from ilvi_core.pipeline import render
from ilvi_core.stills import write_still

ALL = list(range(1001, 1001 + FRAMES))
ONE = {**QUICK, "max_updates": 1}
LONG = {**QUICK, "max_updates": 100_000}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A shot, a cache beside it, and the worker's log."""
    return make_shot(tmp_path_factory.mktemp("worker"))


@pytest.fixture(scope="module")
def worker(place):
    """One worker for the whole module: starting torch takes seconds. Every test has seeds of its own."""
    with client_of(place) as client:
        yield client


@pytest.fixture(scope="module")
def kept(worker, place):
    """A job that is solved, with its frames in the entry, and what was said meanwhile."""
    job, heard = seeded(place, 2, output=""), Heard()
    assert worker.lookup(job).state == "none"
    worker.submit(job, heard).wait(LIMIT)
    return job, heard


def seeded(place, seed, solve=ONE, **changes):
    """A job that no other test has; its frames in a folder of their own."""
    changes.setdefault("output", str(place / f"out {seed}" / "c.####.png"))
    return job_for(place, solve={**solve, "seed": seed}, **changes)


def record(job):
    return json.loads(job.to_json())


def bytes_of(paths):
    return {frame: open(path, "rb").read() for frame, path in paths.items()}


# -- a whole job -------------------------------------------------------------------------------------------------------


def test_a_job_from_accepted_to_finished_gives_the_frames_of_the_pipeline(worker, place):
    heard = Heard()
    job = seeded(place, 1, QUICK)
    finished = worker.submit(job, heard).wait(LIMIT)
    order = [message.TYPE for _, message in heard.said]
    assert order[0] == "accepted"
    assert order[-1] == "finished"
    assert order.count("accepted") == order.count("started") == order.count("finished") == 1
    assert heard.of(Started)[0].state == "none"
    assert heard.of(Started)[0].device.startswith(("cpu", "cuda", "mps"))
    # something to look at before anything is learned
    seen = [m for _, m in heard.said if isinstance(m, Frame) or (isinstance(m, Progress) and m.phase == "train")]
    first_train = next(n for n, m in enumerate(seen) if isinstance(m, Progress))
    assert first_train > 0
    assert not any(m.final for m in seen[:first_train])
    assert list(heard.frames()) == ALL
    assert (finished.frames, finished.stats["state"]) == (FRAMES, "none")
    assert finished.stats["updates"] == [3]
    assert finished.stats["seconds"] > 0
    assert finished.stats["device"] == heard.of(Started)[0].device
    assert (place / "cache" / finished.entry / "manifest.json").exists()
    here = render(dataclasses.replace(job, output=str(place / "here" / "c.####.png")), None, Cache(place / "other"))
    assert bytes_of(heard.frames()) == bytes_of(here.frames)


def test_without_an_output_the_frames_are_in_the_entry_and_there_the_second_time(worker, place, kept):
    job, heard = kept
    finished = heard.of(Finished)[0]
    folder = place / "cache" / finished.entry
    frames = heard.frames()
    assert list(frames) == ALL
    assert all(path.startswith(str(folder / "frames")) for path in frames.values())
    found = worker.lookup(job)
    assert (found.state, found.entry, found.reduced) == ("frames", finished.entry, False)
    assert {int(frame): path for frame, path in found.frames.items()} == frames
    assert found.seconds > 0
    # what the host shows is not evicted
    assert Cache(place / "cache", limit=1).evict().in_use >= 1
    again = Heard()
    assert worker.submit(job, again).wait(LIMIT).stats["state"] == "frames"
    assert [m.state for m in again.of(Started)] == ["frames"]
    assert again.of(Started)[0].device == ""
    assert again.frames() == frames
    assert not again.frames(final=False)
    assert "train" not in again.phases()


@pytest.mark.parametrize("suffix", ["npy", "exr"])
def test_pixels_come_and_go_as_npy_and_as_half_exr(worker, place, tmp_path, suffix):
    plate = pictures()[:3].astype(np.float16) / np.float16(64)  # up to 4: beyond display white
    for n in range(3):
        for name, pixels in (("plate", plate[n]), ("matte", mattes()[n].astype(np.float16) / np.float16(255))):
            write_still(tmp_path / f"{name}.{n + 1}.{suffix}", Picture.from_array(pixels))
    job = seeded(
        place,
        len(suffix + "6" * (suffix == "exr")),  # the pixels are the same, and so would be the entry
        plate=ImageSequence(str(tmp_path / f"plate.@.{suffix}")),
        matte=ImageSequence(str(tmp_path / f"matte.@.{suffix}")),
        output=str(tmp_path / "out" / f"c.@.{suffix}"),
    )
    heard = Heard()
    worker.submit(job, heard).wait(LIMIT)
    assert list(heard.frames()) == [1, 2, 3]
    assert heard.frames(final=False)
    source = open_source(str(tmp_path / "out" / f"c.@.{suffix}"), "Result")
    for n in range(3):
        done = source.read(n + 1)
        rgb = np.stack([done.planes[name] for name in done.rgb_names], axis=-1)
        assert rgb.dtype == np.float16
        outside = cv2.dilate(mattes()[n], np.ones((11, 11), np.uint8)) == 0
        within = mattes()[n] == 255
        assert np.array_equal(rgb[outside].view(np.uint16), plate[n][outside].view(np.uint16))
        assert (rgb[within] != plate[n][within]).any()


# -- previews ----------------------------------------------------------------------------------------------------------


def test_each_preview_has_a_name_of_its_own_and_is_never_written_again(place, tmp_path, monkeypatch):
    """Also when the job is cancelled and started again."""
    monkeypatch.setattr(previews, "ROUND_EVERY", 0.05)
    monkeypatch.setattr(previews, "FIRST_ROUND", 0.0)
    monkeypatch.setattr(previews, "SHARE", 1e6)
    stamps = {}

    class Watch(Heard):
        def __call__(self, message):
            if isinstance(message, Frame) and not message.final:
                assert message.path not in stamps, "two previews have one name"
                stat = os.stat(message.path)
                stamps[message.path] = (stat.st_mtime_ns, stat.st_ino, open(message.path, "rb").read())  # noqa: SIM115
            super().__call__(message)

    def unchanged(paths):
        there = [path for path in paths if os.path.exists(path)]
        for path in there:
            stat = os.stat(path)
            assert (stat.st_mtime_ns, stat.st_ino, open(path, "rb").read()) == stamps[path]  # noqa: SIM115
        newest = {os.path.basename(path): path for path in paths}
        assert set(newest.values()) <= set(there)  # older ones may be gone

    job = record(seeded(place, 3, {**QUICK, "max_updates": 10}))
    with inside(tmp_path / "cache") as talk:
        watch = talk.heard = Watch()
        talk.say(Start("1", job))
        watch.until(lambda m: isinstance(m, Frame) and len(stamps) > FRAMES + 1)
        talk.say(Cancel("1"))
        assert isinstance(watch.end("1"), Stopped)
        first = list(stamps)
        unchanged(first)
        # the network's pictures are others than the membrane fills, and go on changing
        rounds = [data for path, (_, _, data) in stamps.items() if path.endswith("1001.png")]
        assert len(set(rounds)) == len(rounds) > 1
        assert isinstance(talk.ask(Start("2", job)), Finished)
        assert watch.of(Started)[-1].state == "partial"
        second = [path for path in stamps if path not in first]
        assert len(second) > FRAMES
        unchanged(second)
    assert not any(os.path.exists(path) for path in stamps)  # nobody looks at them once the session is over


def test_a_session_that_ends_removes_no_other_sessions_previews(place, tmp_path):
    """One is cancelled, another goes on with the same job; then the first one's host leaves."""
    job = record(seeded(place, 4, LONG))
    with inside(tmp_path / "cache") as second:
        with inside(tmp_path / "cache") as first:
            first.say(Start("1", job))
            first.heard.trained()
            first.say(Cancel("1"))
            assert isinstance(first.heard.end("1"), Stopped)
            second.say(Start("1", job))
            second.heard.trained()
        shown = second.heard.frames(final=False)
        assert len(shown) == FRAMES
        assert all(os.path.exists(path) for path in shown.values())
        second.say(Cancel("1"))
        second.heard.end("1")


def test_a_preview_that_fails_ends_the_previews_and_not_the_job(place, tmp_path, monkeypatch):
    def broken(plate, known):
        raise cv2.error("this picture cannot be filled")

    monkeypatch.setattr(previews, "smooth_fill", broken)
    with inside(tmp_path / "cache") as talk:
        assert isinstance(talk.ask(Start("1", record(seeded(place, 5)))), Finished)
        assert [m.code for m in talk.heard.of(Warn)] == ["preview"]
        assert not talk.heard.frames(final=False)


# -- the queue, and cancelling -----------------------------------------------------------------------------------------


def test_jobs_wait_for_their_turn_and_are_cancelled_in_the_queue_and_while_they_run(worker, place):
    """Also: progress five times a second, lookups meanwhile, and what was learned is kept."""
    long, short = seeded(place, 10, LONG), seeded(place, 11, output="")
    first, second, third = Heard(), Heard(), Heard()
    runs = [worker.submit(long, first), worker.submit(seeded(place, 12), second), worker.submit(short, third)]
    first.trained(2)
    assert [heard.of(Accepted)[0].ahead for heard in (first, second, third)] == [0, 1, 2]
    assert not second.of(Started, Progress) + third.of(Started, Progress)
    # a lookup is answered at once while a job trains
    for job, state in ((long, "partial"), (seeded(place, 12), "none")):
        began = time.monotonic()
        assert worker.lookup(job).state == state
        assert time.monotonic() - began < 1.0
    # one that waits is gone at once
    began = time.monotonic()
    runs[1].cancel()
    assert isinstance(second.kind(*ENDS)[1], Stopped)
    assert time.monotonic() - began < 0.5
    assert not second.of(Started)
    first.trained(7)
    # the running one says at once that it understood, and stops within an update
    began, updates = time.monotonic(), max(first.updates())
    runs[0].cancel()
    assert first.kind(Cancelling)[0] - began < 0.5
    with pytest.raises(Cancelled):
        runs[0].wait(LIMIT)
    assert max(first.updates()) - updates < 5
    assert isinstance(runs[2].wait(LIMIT), Finished)  # the next one's turn
    times = [when for when, message in first.said if isinstance(message, Progress) and message.phase == "train"]
    assert len(times) <= 5 * (times[-1] - times[0]) + 2
    # ... and nothing is lost
    folder = Cache(place / "cache").entry(first.of(Started)[0].entry).folder
    saved = json.loads((folder / "checkpoint.json").read_text())["state"]["update"]
    assert 0 <= saved - max(first.updates()) <= 2  # the last ones may not have been reported
    assert worker.lookup(long).state == "partial"
    again = Heard()
    run = worker.submit(long, again)
    again.trained()
    assert again.of(Started)[0].state == "partial"
    assert min(again.updates()) > saved
    run.cancel()
    assert isinstance(again.kind(*ENDS)[1], Stopped)


def test_a_cancel_after_the_end_is_harmless_and_so_is_one_of_nothing(worker, place, tmp_path):
    with inside(tmp_path / "cache") as talk:
        lookup = record(seeded(place, 13))
        assert isinstance(talk.ask(Lookup("1", lookup)), Found)
        talk.say(Cancel("1"))
        talk.say(Cancel("never there"))
        assert isinstance(talk.ask(Lookup("1", lookup)), Found)  # the id is free again
        assert not talk.heard.of(Cancelling, Failure)


def many_frames(folder, count=40):
    """A shot whose reading takes a while: links to one large plate."""
    random = np.random.default_rng(0)
    (folder / "big").mkdir()
    files = {"plate": random.integers(0, 256, (1080, 1920, 3), np.uint8), "matte": np.zeros((1080, 1920), np.uint8)}
    files["matte"][500:600, 800:900] = 255
    for name, pixels in files.items():
        cv2.imwrite(str(folder / "big" / f"{name}.png"), pixels)
        for n in range(1, count + 1):
            os.link(folder / "big" / f"{name}.png", folder / "big" / f"{name}.{n}.png")
        (folder / "big" / f"{name}.png").unlink()
    return job_for(
        folder,
        plate=ImageSequence(str(folder / "big" / "plate.@.png")),
        matte=ImageSequence(str(folder / "big" / "matte.@.png")),
        output=str(folder / "big out" / "c.@.png"),
    )


def test_cancel_while_files_are_read_and_cancel_of_a_lookup(tmp_path):
    job = record(many_frames(tmp_path))
    with inside(tmp_path / "cache") as talk:
        talk.say(Start("1", job))
        talk.heard.until(lambda m: isinstance(m, Progress) and m.phase == "read")
        began = time.monotonic()
        talk.say(Cancel("1"))
        assert talk.heard.kind(Cancelling)[0] - began < 0.5
        assert isinstance(talk.heard.end("1"), Stopped)
        assert not talk.heard.of(Started)
        talk.say(Lookup("2", job))
        talk.say(Cancel("2"))
        assert isinstance(talk.heard.end("2"), Stopped)
        assert time.monotonic() - began < 10.0  # all of the files take longer
        assert isinstance(talk.ask(Clear("3")), Cleared)


# -- torch -------------------------------------------------------------------------------------------------------------


def test_torch_is_loaded_for_a_solve_alone(place, kept):
    job = kept[0]
    with client_of(place, log=place / "second.log") as fresh:
        pid = fresh.start().pid
        assert fresh.lookup(job).state == "frames"
        assert fresh.lookup(seeded(place, 21)).state == "none"
        assert fresh.submit(job).wait(LIMIT).stats["state"] == "frames"
        other = Heard()
        fresh.rerender(seeded(place, 2, comp={"view": "matte"}), other).wait(LIMIT)
        assert cv2.imread(other.frames()[1001])[36, 30].min() == 255
        with pytest.raises(InputError, match="no solve of this job"):
            fresh.rerender(seeded(place, 21)).wait(LIMIT)
        assert not has_torch(pid)
        fresh.submit(seeded(place, 21), previews=False).wait(LIMIT)
        assert has_torch(pid)


# -- broken jobs -------------------------------------------------------------------------------------------------------


def in_words(failure, code):
    assert isinstance(failure, Failure)
    assert failure.code == code
    assert "Traceback" not in failure.text + failure.hint
    assert "\n" not in failure.text
    assert 0 < len(failure.text) < 5000
    assert failure.hint
    return failure.text


def test_a_broken_job_says_what_is_wrong_and_the_next_one_runs(place, tmp_path, monkeypatch):
    good = record(seeded(place, 30))
    bad_exr = tmp_path / "bad.1001.exr"
    write_still(bad_exr, Picture.from_array(np.zeros((72, 96, 3), np.float16)))
    bad_exr.write_bytes(bad_exr.read_bytes()[:-200])
    cases = [
        ({**good, "plate": {"path": str(tmp_path / "none.####.exr")}}, "input", "none"),
        ({**good, "frames": "1001-1010"}, "input", "1007"),
        (
            {**good, "plate": {"path": str(tmp_path / "bad.####.exr")}, "frames": "1001", "output": ""},
            "input",
            "bad.1001.exr",
        ),
        ({**good, "solve": {"size": "0x0"}}, "input", "size"),
        ({**good, "solve": {"seeed": 1}}, "input", "seed"),
        ({**good, "run": {"device": "cuda:77"}}, "input", "cuda:77"),
        ({**good, "ilvi_job": 99}, "input", "version"),
        ({**good, "plate": "\u00e9" * 100_000}, "input", "The job has"),  # quoted whole it would exceed a message
        ({}, "input", "job file"),
    ]
    with inside(tmp_path / "cache") as talk:
        for n, (job, code, word) in enumerate(cases):
            assert word in in_words(talk.ask(Start(f"s{n}", job)), code)
            if "cuda" not in word:
                assert word in in_words(talk.ask(Lookup(f"l{n}", job)), code)
        in_words(talk.ask(Clear("c", "no such entry")), "input")

        def broken(*arguments):
            raise ZeroDivisionError("nobody expected this")

        with monkeypatch.context() as patch:
            patch.setattr(session, "look", broken)
            patch.setattr(session, "render", broken)
            assert "nobody expected this" in in_words(talk.ask(Lookup("x", good)), "failed")
            assert "nobody expected this" in in_words(talk.ask(Start("y", good)), "failed")
        assert isinstance(talk.ask(Start("z", good, previews=False)), Finished)
        assert talk.ask(Lookup("end", good)).state == "fills"


def test_out_of_memory_is_solved_smaller_and_the_next_job_runs(place, tmp_path, monkeypatch):
    short_of_memory(monkeypatch, 50)
    large = record(seeded(place, 31, {**QUICK, "size": "70x52", "max_updates": 2}))
    with inside(tmp_path / "cache") as talk:
        failure = talk.ask(Start("1", large, accept_reduced=False))
        assert (failure.TYPE, failure.code) == ("error", "device")
        assert "ran out of memory" in failure.text
        finished = talk.ask(Start("2", large))
        assert isinstance(finished, Finished)
        assert [m.code for m in talk.heard.of(Warn)] == ["reduced"]
        assert finished.stats["reduced"] == {"asked": [70, 52], "used": [49, 36]}
        assert talk.ask(Lookup("3", large)).reduced
        assert talk.ask(Lookup("4", large, accept_reduced=False)).state == "none"
        assert isinstance(talk.ask(Start("5", record(seeded(place, 32)))), Finished)


# -- clearing ----------------------------------------------------------------------------------------------------------


def test_clear_leaves_what_is_in_use(place, tmp_path):
    kept = record(seeded(place, 40, output=""))
    running = record(seeded(place, 41, LONG))
    with inside(tmp_path / "cache") as talk:
        assert isinstance(talk.ask(Start("1", kept)), Finished)
        name = talk.ask(Lookup("2", kept)).entry
        size = Entry.open(tmp_path / "cache" / name).bytes()
        talk.say(Start("3", running))
        talk.heard.trained(1, "3")
        cleared = talk.ask(Clear("4"))  # all; the host shows frames of the first, but it is the host that asks
        assert (cleared.entries, cleared.in_use) == (1, 1)
        assert abs(cleared.bytes - size) < 100_000
        assert talk.ask(Lookup("5", kept)).state == "none"
        assert talk.ask(Lookup("6", running)).state == "partial"
        entry = talk.heard.until(lambda m: isinstance(m, Started) and m.id == "3")[1].entry
        assert talk.ask(Clear("7", entry)).in_use == 1
        talk.say(Cancel("3"))
        assert isinstance(talk.heard.end("3"), Stopped)
        assert talk.ask(Clear("8", entry)).entries == 1
        assert talk.ask(Lookup("9", running)).state == "none"


def test_what_another_process_reads_is_left_and_stays_kept(place, tmp_path):
    job = record(seeded(place, 42, output=""))
    cache = Cache(tmp_path / "cache")
    with inside(tmp_path / "cache") as talk:
        assert isinstance(talk.ask(Start("1", job)), Finished)
        name = talk.ask(Lookup("2", job)).entry
        with cache.using(cache.entry(name)):
            assert talk.ask(Clear("3", name)).in_use == 1
        # this session's own host still shows it
        assert not cache.remove(cache.entry(name).folder)


# -- two workers -------------------------------------------------------------------------------------------------------


@pytest.mark.slow  # test_cache_faults has the same with two processes of the command line
def test_of_two_workers_with_one_job_one_solves_and_the_other_waits_takes_over_and_reads(place, tmp_path):
    job = seeded(place, 50, {**QUICK, "max_updates": 40}, run=RunOptions(checkpoint_every=0.0))
    other = dataclasses.replace(job, output=str(place / "out b" / "c.####.png"))

    def waits(message):
        return isinstance(message, Progress) and message.phase == "wait"

    with (
        client_of(tmp_path, environment=ONE_THREAD, log=tmp_path / "a.log") as a,
        client_of(tmp_path, environment=ONE_THREAD, log=tmp_path / "b.log") as b,
    ):
        b.start()
        solving, impatient, taking_over, reading = Heard(), Heard(), Heard(), Heard()
        a.submit(job, solving)
        solving.trained()
        run = b.submit(other, impatient)
        impatient.until(waits)
        began = time.monotonic()
        run.cancel()
        assert impatient.kind(Cancelling)[0] - began < 0.5
        with pytest.raises(Cancelled):
            run.wait(LIMIT)
        assert time.monotonic() - began < 2.0
        assert not impatient.of(Started)
        # the solving one is killed: the other goes on from its checkpoint
        run = b.submit(other, taking_over)
        taking_over.until(waits)
        solving.trained(11)
        os.kill(a.start().pid, signal.SIGKILL)
        assert isinstance(solving.kind(*ENDS)[1], Failure)
        assert taking_over.kind(Started)[1].state == "partial"
        taking_over.trained()
        assert min(taking_over.updates()) > 10
        # and now the first one, started anew, waits and reads
        waiting = a.submit(job, reading)
        reading.until(waits)
        run.wait(LIMIT)
        waiting.wait(LIMIT)
        assert not reading.updates()
        assert [m.state for m in reading.of(Started)] == ["fills"]
        assert bytes_of(reading.frames()) == bytes_of(taking_over.frames())
        assert len(reading.frames()) == FRAMES


# -- `ilvi render --in-worker` -----------------------------------------------------------------------------------------


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """The command's worker logs to the test's folder."""
    monkeypatch.setenv("ILVI_LOG", str(tmp_path / "logs"))
    monkeypatch.setenv("ILVI_CACHE", str(tmp_path / "cache"))


def test_render_in_a_worker_gives_and_says_the_same_and_exits_alike(place, tmp_path, at_home, capsys):
    options = argparse.Namespace(cache_size="10G", cache_dir="", refresh=False, accept_reduced=False)
    job = seeded(place, 60, comp={"comp_dilate": 6}, output=str(tmp_path / "w" / "c.####.png"))
    there, here = Listener(), Listener()
    files = render_in_worker(job, there, options)
    result = render(dataclasses.replace(job, output=str(tmp_path / "h" / "c.####.png")), here, Cache(tmp_path / "x"))
    assert bytes_of(dict(enumerate(files, 1001))) == bytes_of(result.frames)
    assert there.warnings == here.warnings != []
    assert (there.frames, there.states) == (here.frames, here.states)
    assert not there.previews
    assert {phase for phase, *_ in there.phases} <= {phase for phase, *_ in here.phases}
    # the command
    job.save(tmp_path / "job.json")
    before = bytes_of(dict(enumerate(files, 1001)))
    for path in files:
        path.unlink()
    assert main(["render", str(tmp_path / "job.json"), "--in-worker"]) == 0
    assert "(6 frames)" in capsys.readouterr().out
    assert bytes_of(dict(enumerate(files, 1001))) == before
    codes, said = [], []
    for more in ([], ["--in-worker"]):
        codes.append(main(["render", str(tmp_path / "job.json"), "--frames", "1001-1010", *more]))
        said.append(capsys.readouterr().err.splitlines()[-2:])
    assert codes == [2, 2]
    assert said[0] == said[1]
    assert main(["render", str(tmp_path / "job.json"), "--in-worker", "--no-cache"]) == 2
    assert "--no-cache" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "phase"), [(signal.SIGINT, "training:"), (signal.SIGTERM, "reading:")])
def test_a_signal_stops_a_render_in_a_worker(place, tmp_path, at_home, number, phase):
    job = seeded(place, 61, LONG) if phase == "training:" else many_frames(tmp_path)
    job.save(tmp_path / "job.json")
    command = [sys.executable, "-m", "ilvi_core.cli", "render", str(tmp_path / "job.json"), "--in-worker"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith(phase):
                break
        process.send_signal(number)
        _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == 130, said
    assert "Stopped." in said
    assert len(list((tmp_path / "cache").glob("*/checkpoint.json"))) == (phase == "training:")


# -- the host's side ---------------------------------------------------------------------------------------------------


def test_the_worker_outlives_the_thread_that_spawned_it(tmp_path):
    with client_of(tmp_path) as client:
        thread = threading.Thread(target=client.start)
        thread.start()
        thread.join(LIMIT)
        pid = client.start().pid
        assert not soon(lambda: not alive(pid), 1.0)
        assert client.ping() < 5.0
        assert client.start().pid == pid
    assert soon(lambda: not alive(pid), 5.0)
