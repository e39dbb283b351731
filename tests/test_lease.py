"""Leases and use markers: threads, real processes, killed, suspended and far ones, full and read-only disks."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from ilvi_core import heartbeat, holder, lease
from ilvi_core.holder import Owner
from ilvi_core.host.errors import Cancelled, IlviError, InputError
from ilvi_core.lease import CacheReadOnly, FolderGone, Lease, LeaseLost, acquire, in_use, sweep, try_acquire, use

ROOT = Path(__file__).resolve().parent.parent
posix = pytest.mark.skipif(os.name != "posix", reason="signals and process numbers as POSIX has them")
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are told apart by Linux's /proc")

HOLD = """
import sys, time
from pathlib import Path
from ilvi_core import holder, lease
folder, machine = Path(sys.argv[1]), sys.argv[2]
if machine:
    holder.machine = lambda: machine
held = lease.acquire(folder, beat=0.1)
print("held", flush=True)
while not held.lost:
    time.sleep(0.05)
try:
    held.check()
except lease.LeaseLost as error:
    print(type(error).__name__, flush=True)
held.release()
print("ended", flush=True)
"""


class Holder:
    """A process that holds a folder's lease, on this machine or, by its words, on another one."""

    def __init__(self, folder: Path, machine: str = "") -> None:
        self.process = python(HOLD, str(folder), machine)
        assert self.line() == "held"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[..., Holder]]:
    """Starts holders; whatever is left of them is killed."""
    held: list[Holder] = []

    def start(machine: str = "") -> Holder:
        held.append(Holder(tmp_path, machine))
        return held[-1]

    yield start
    for holder_ in held:
        holder_.process.kill()
        holder_.process.communicate()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a small file system of its own, where one may."""
    folder = tmp_path / "mounted"
    folder.mkdir()

    def mount(*options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no file system can be mounted here")
        return folder

    yield mount
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", str(folder)], check=True)


def left_by(folder: Path, name: str = "lease.1", **changes: object) -> Path:
    """The file of a holder that beats no more; as it is, on another machine."""
    path = folder / name
    entries = {"token": "theirs", "machine": "another", "host": "render07", "user": "ann", "pid": 4711, "start": "1"}
    path.write_bytes(dataclasses.replace(holder.me(), **{**entries, **changes}).encode())
    return path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not come to pass within 10 s"
        time.sleep(0.02)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The waiter's clock: sleeping moves it on, and calls `during`, which may sleep longer by moving it too."""
    clock = SimpleNamespace(now=1000.0, during=lambda: None)

    def sleep(seconds: float) -> None:
        clock.now += max(seconds, 1e-6)  # a sum of floats may not move at less
        clock.during()

    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))
    return clock


# --- one holder at a time


def test_free_held_released_and_free_again(tmp_path: Path) -> None:
    with acquire(tmp_path) as first:
        first.check()
        there = try_acquire(tmp_path)
        assert isinstance(there, Owner)
        assert there.token == first.token
        assert there.pid == os.getpid()
        assert lease.owner(tmp_path) == there
    assert lease.owner(tmp_path) is None
    with acquire(tmp_path, timeout=0) as second:
        assert second.generation == first.generation + 1
        assert files(tmp_path) == ["lease.2"]
        assert not second.lost
    assert threading.active_count() < 20


def test_an_owner_reads_as_it_was_written() -> None:
    owner = holder.me()
    assert Owner.decode(owner.encode()) == owner
    data = bytearray(owner.encode())
    data[holder.RELEASED_AT] = ord("1")
    assert Owner.decode(bytes(data)) == dataclasses.replace(owner, released=True)
    assert Owner.decode(json.dumps({**json.loads(owner.encode()), "later": 1}).encode()) == owner
    for broken in (b"", b"{", b"[]", b"7", b'{"token": "a"}', owner.encode().replace(b'"pid": ', b'"pid": "x", "p": ')):
        assert Owner.decode(broken) == Owner()


def test_the_heart_stops_with_the_last_one_and_beats_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heart = heartbeat.Heart()  # of its own: what another test of this process still holds has nothing to do with it
    monkeypatch.setattr(lease, "HEART", heart)
    for _ in range(2):
        with acquire(tmp_path, beat=0.05) as held:
            path = tmp_path / f"lease.{held.generation}"
            before = path.stat().st_mtime_ns
            until(lambda path=path, before=before: path.stat().st_mtime_ns != before)
            thread = heart._thread
            assert thread is not None
            assert thread.name == "ilvi-heartbeat"
        until(lambda thread=thread: not thread.is_alive())


def test_one_failing_pulse_does_not_stop_the_others() -> None:
    heart, beats = heartbeat.Heart(), []

    def fail() -> None:
        beats.append("bad")
        raise MemoryError

    bad, good = SimpleNamespace(beat=0.02, pulse=fail), SimpleNamespace(beat=0.02, pulse=lambda: beats.append("good"))
    items = [type("Item", (), vars(item))() for item in (bad, good)]  # a namespace cannot be a key
    for item in items:
        item.pulse = vars(type(item))["pulse"]
        heart.add(item)
    until(lambda: beats.count("good") > 3 and beats.count("bad") > 3)
    for item in items:
        heart.remove(item)


def test_another_thread_waits(tmp_path: Path) -> None:
    first, waits, got = acquire(tmp_path, beat=0.1), [], []

    def wait() -> None:
        with acquire(tmp_path, on_wait=lambda *what: waits.append(what), poll=0.02) as second:
            got.append(second.generation)

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: len(waits) > 3)
    assert not got
    first.release()
    thread.join(10)
    assert got == [2]
    assert {owner.token for owner, _ in waits} == {first.token}
    assert waits[0][1] < waits[-1][1]


def test_waiting_ends_by_stop_and_by_timeout(tmp_path: Path) -> None:
    left_by(tmp_path)
    asked = []
    with pytest.raises(Cancelled, match="waiting"):
        acquire(tmp_path, stop=lambda: bool(asked), on_wait=lambda *what: asked.append(what))
    with pytest.raises(IlviError, match=r"within 0\.2 s: ann on render07 \(process 4711\)"):
        acquire(tmp_path, timeout=0.2)


COUNT = """
import os, sys, time
from pathlib import Path
from ilvi_core import lease
folder, count = Path(sys.argv[1]), Path(sys.argv[2])
for turn in range(4):
    held = lease.acquire(folder, beat=0.5, stale=60, poll=0.02, timeout=30)
    held.check()
    value = int(count.read_text())
    time.sleep(0.01)
    count.write_text(str(value + 1))
    if turn < 3:
        held.release()
os._exit(0)  # the last one is not released
"""


@linux
def test_eight_processes_lose_no_update(tmp_path: Path) -> None:
    folder, count = tmp_path / "cache", tmp_path / "count"
    folder.mkdir()
    count.write_text("0")
    processes = [python(COUNT, str(folder), str(count)) for _ in range(8)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert count.read_text() == "32"
    assert files(folder) == ["lease.32"]


# --- holders that are gone


@linux
@pytest.mark.parametrize("seen_by_its_parent", [True, False])
def test_one_killed_on_this_machine_is_replaced_at_once(
    tmp_path: Path, hold: Callable[..., Holder], seen_by_its_parent: bool
) -> None:
    process = hold().process
    assert isinstance(try_acquire(tmp_path), Owner)
    process.kill()
    if seen_by_its_parent:
        process.wait()
    with acquire(tmp_path, timeout=5) as held:  # of STALE = 20
        assert held.generation == 2
        assert lease.owner(tmp_path) is not None


@linux
def test_a_process_number_used_again_is_not_the_holder(tmp_path: Path) -> None:
    here = {"machine": holder.machine(), "pid": os.getpid()}
    left_by(tmp_path, **here, start=holder.me().start)
    assert isinstance(try_acquire(tmp_path), Owner)
    left_by(tmp_path, **here, start="12")
    held = try_acquire(tmp_path)
    assert isinstance(held, Lease)
    held.release()


def test_a_far_process_number_says_nothing(tmp_path: Path) -> None:
    left_by(tmp_path, pid=2**22 + 1)
    assert isinstance(try_acquire(tmp_path), Owner)
    left_by(tmp_path, pid=2**22 + 1, machine="")
    assert isinstance(try_acquire(tmp_path), Owner)


def test_a_silent_far_one_is_replaced_after_stale_and_not_before(tmp_path: Path, clock: SimpleNamespace) -> None:
    left_by(tmp_path)
    with pytest.raises(IlviError, match="render07"):
        acquire(tmp_path, timeout=19.9)
    began = clock.now
    acquire(tmp_path).release()
    assert 20 <= clock.now - began <= 21.1


def test_a_file_that_nobody_can_read_is_replaced_after_stale(tmp_path: Path, clock: SimpleNamespace) -> None:
    (tmp_path / "lease.3").write_bytes(b"")
    began = clock.now
    with acquire(tmp_path) as held:
        assert held.generation == 4
    assert 20 <= clock.now - began <= 21.1


@pytest.mark.parametrize("step", [-3600, -1e-3, 1e-3, 3600, 1e8])
def test_any_change_is_a_sign_of_life(tmp_path: Path, clock: SimpleNamespace, step: float) -> None:
    """A file server's clock that is set back, or far off, does not matter; nor do rare beats below the limit."""
    path, beats = left_by(tmp_path), [clock.now]

    def beat() -> None:
        if clock.now - beats[-1] >= 18 and clock.now < 1100:
            beats.append(clock.now)
            os.utime(path, (0, 1.7e9 + step * len(beats)))

    clock.during = beat
    acquire(tmp_path).release()
    assert len(beats) > 5
    assert 20 <= clock.now - beats[-1] <= 21.1


def test_a_pause_of_the_waiter_is_not_one_of_the_holder(tmp_path: Path, clock: SimpleNamespace) -> None:
    """Both stood still, and the waiter is the first to go on: the holder has time for its next beat."""
    path, pauses = left_by(tmp_path), []

    def pause() -> None:
        if 1010 < clock.now < 1100:
            clock.now += 3600
            pauses.append(clock.now)

    clock.during = pause
    with pytest.raises(IlviError, match="render07"):
        acquire(tmp_path, timeout=3600 + 11)
    assert len(pauses) == 1
    assert path.exists()


def test_a_look_that_hangs_does_not_count(
    tmp_path: Path, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by(tmp_path)
    look = lease.highest

    def slow(folder: Path) -> holder.Found:
        clock.now += 60
        return look(folder)

    monkeypatch.setattr(lease, "highest", slow)
    with pytest.raises(IlviError, match="render07"):
        acquire(tmp_path, timeout=600)


def test_a_far_one_that_beats_is_never_replaced(tmp_path: Path, hold: Callable[..., Holder]) -> None:
    process = hold("another")
    with pytest.raises(IlviError, match="is working in it"):
        acquire(tmp_path, timeout=3, stale=1, poll=0.1)
    assert lease.owner(tmp_path) is not None
    assert process.process.poll() is None


@posix
def test_a_far_one_killed_is_replaced_after_stale(tmp_path: Path, hold: Callable[..., Holder]) -> None:
    hold("another").process.kill()
    began = time.monotonic()
    acquire(tmp_path, timeout=10, stale=1, poll=0.1).release()
    assert time.monotonic() - began >= 1


@posix
@pytest.mark.parametrize("machine", ["", "another"])
def test_a_suspended_one_is_replaced_and_learns_it(tmp_path: Path, hold: Callable[..., Holder], machine: str) -> None:
    process = hold(machine)
    os.kill(process.process.pid, signal.SIGSTOP)
    with acquire(tmp_path, timeout=10, stale=1, poll=0.1, beat=0.1) as held:
        os.kill(process.process.pid, signal.SIGCONT)
        assert [process.line(), process.line()] == ["LeaseLost", "ended"]
        held.check()  # the other one's release has left it alone
        assert isinstance(try_acquire(tmp_path), Owner)
        assert files(tmp_path) == ["lease.2"]


def test_check_looks_itself(tmp_path: Path) -> None:
    held = acquire(tmp_path)  # its first beat is 2 s away
    left_by(tmp_path, "lease.2")
    assert not held.lost
    with pytest.raises(LeaseLost, match=f"took over the cache folder {tmp_path}"):
        held.check()
    assert held.lost
    held.release()
    assert not Owner.decode((tmp_path / "lease.2").read_bytes()).released


def test_of_waiters_on_a_silent_one_exactly_one_wins(tmp_path: Path) -> None:
    left_by(tmp_path)
    held: list[Lease] = []
    refused: list[str] = []

    def wait() -> None:
        try:
            held.append(acquire(tmp_path, stale=1, poll=0.05, beat=0.1, timeout=1.6))
        except IlviError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (len(held), len(refused)) == (1, 3)
    held[0].check()
    held[0].release()


def test_an_old_listing_wins_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Suspended between its look and its claim, while two others came and the first of them went."""
    left_by(tmp_path, "lease.5", released=True)
    old = lease.highest(tmp_path)
    acquire(tmp_path).release()
    with acquire(tmp_path) as held:
        assert files(tmp_path) == ["lease.7"]
        monkeypatch.setattr(lease, "highest", lambda folder: old)
        assert isinstance(try_acquire(tmp_path), Owner)
        monkeypatch.undo()
        assert files(tmp_path) == ["lease.7"]
        held.check()


# --- file systems


@pytest.mark.parametrize("code", ["EPERM", "ENOTSUP"])
def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(getattr(__import__("errno"), code), "no hard links")

    monkeypatch.setattr(os, "link", refuse)
    with acquire(tmp_path) as held:
        assert not lease._claim(tmp_path, held.generation, 1)
        assert files(tmp_path) == ["lease.1"]
    acquire(tmp_path, timeout=0).release()


def test_a_link_whose_answer_was_lost_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", twice)
    with acquire(tmp_path, timeout=0) as held:
        held.check()
    assert files(tmp_path) == ["lease.1"]


def test_the_folder_is_removed_while_held(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    with acquire(folder, beat=0.05) as held:
        shutil.rmtree(folder)
        until(lambda: held.lost)
        with pytest.raises(FolderGone, match=r"cache was removed while it was in use\. Start it again"):
            held.check()
    assert not folder.exists()


def test_the_folder_is_made_anew_while_held(tmp_path: Path) -> None:
    """The new one counts from 1 too; the old holder must not take the new one's file for its own."""
    folder = tmp_path / "cache"
    folder.mkdir()
    with acquire(folder, beat=60) as old:
        shutil.rmtree(folder)
        folder.mkdir()
        with acquire(folder, beat=60) as new:
            assert new.generation == old.generation
            with pytest.raises(FolderGone):
                old.check()
            old.release()
            new.check()
            assert isinstance(try_acquire(folder), Owner)


def test_the_folder_is_removed_while_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    left_by(folder)
    with pytest.raises(FolderGone, match="is not there"):
        acquire(folder, on_wait=lambda *_: shutil.rmtree(folder))
    with pytest.raises(FolderGone):
        try_acquire(folder)
    assert lease.owner(folder) is None


def test_a_file_server_that_is_away_for_a_while_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(folder: Path) -> list[int]:
        raise OSError(5, "Input/output error")

    with acquire(tmp_path, beat=0.05) as held:
        monkeypatch.setattr(lease, "generations", away)
        time.sleep(0.2)
        held.check()
        monkeypatch.undo()
        before = (tmp_path / "lease.1").stat().st_mtime_ns
        until(lambda: (tmp_path / "lease.1").stat().st_mtime_ns != before)
        held.check()


def test_a_read_only_folder(mounted: Callable[..., Path]) -> None:
    folder = mounted("size=64k")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    for attempt in (acquire, try_acquire):
        with pytest.raises(CacheReadOnly, match=f"cache folder {folder} cannot be written to") as caught:
            attempt(folder)
        assert isinstance(caught.value, InputError)
    with use(folder, beat=0.05):
        time.sleep(0.1)
        assert not in_use(folder)
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    for name in ("lease.1", "use.a"):
        os.utime(left_by(folder, name), (0, 0))
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with pytest.raises(CacheReadOnly):  # not after having waited
        acquire(folder, on_wait=lambda *_: pytest.fail("it waited for what it cannot have"))
    assert in_use(folder), "no time to compare with: in doubt it is in use"
    sweep(folder)
    assert files(folder) == ["lease.1", "use.a"]


def test_a_full_disk(mounted: Callable[..., Path]) -> None:
    folder = mounted("size=64k", "nr_inodes=32")
    held, filler = acquire(folder, beat=0.05), folder / "filler"
    with suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(OSError, match="No space left"):
        (folder / "more").write_bytes(b"1")
    (folder / "more").unlink()
    before = (folder / "lease.1").stat().st_mtime_ns
    until(lambda: (folder / "lease.1").stat().st_mtime_ns != before)
    held.check()
    with use(folder, beat=0.05):
        assert in_use(folder, held)
        (marker,) = folder.glob("use.*")
        os.utime(marker, (0, 0))
        until(lambda: marker.stat().st_mtime > 1e9)
    held.release()
    with pytest.raises(IlviError, match=f"{folder} cannot be worked in: No space left on device. Make room"):
        acquire(folder)
    assert files(folder) == ["filler", "lease.1"]
    filler.unlink()
    with acquire(folder, timeout=0) as second:
        assert second.generation == 2


@posix
@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o2775, 0o664), (0o755, 0o644), (0o700, 0o600)])
def test_who_may_write_to_the_folder_may_write_its_files(tmp_path: Path, folder_mode: int, file_mode: int) -> None:
    tmp_path.chmod(folder_mode)
    previous = os.umask(0o077)
    try:
        with acquire(tmp_path), use(tmp_path):
            assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {file_mode}
            assert len(files(tmp_path)) == 2
    finally:
        os.umask(previous)


@linux
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can act as two users")
def test_another_user_of_the_group_takes_over(tmp_path: Path) -> None:
    """Both with a umask of 077, and the folder without the bit that gives new files its group."""
    for folder in (*list(tmp_path.parents)[:-2], tmp_path):
        if folder != Path("/tmp"):
            folder.chmod(0o755)
    folder = tmp_path / "cache"
    folder.mkdir()
    os.chown(folder, 40001, 50000)
    folder.chmod(0o770)

    def acts_as(user: int, act: str) -> subprocess.CompletedProcess[str]:
        code = f"""
import os, sys
os.umask(0o077)
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from ilvi_core import holder, lease
holder.me()  # imports what this user could not
os.setgroups([50000]); os.setgid({user}); os.setuid({user})
held = lease.acquire(Path({str(folder)!r}), timeout=5)
{act}
"""
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert acts_as(40001, "os._exit(0)").stderr == ""
    assert (folder / "lease.1").stat().st_gid == 50000
    assert acts_as(40002, "held.check(); held.release()").stderr == ""
    assert files(folder) == ["lease.2"]


# --- use markers


def test_in_use_while_held_and_while_read(tmp_path: Path) -> None:
    assert not in_use(tmp_path)
    with use(tmp_path) as first:
        with use(tmp_path):
            assert in_use(tmp_path)
            assert len(files(tmp_path)) == 2
        assert in_use(tmp_path)
        first.end()
        assert not in_use(tmp_path)
    with acquire(tmp_path) as held:
        assert in_use(tmp_path)
        assert not in_use(tmp_path, held), "an evictor's own lease does not keep it from evicting"
        with use(tmp_path):
            assert in_use(tmp_path, held)
    assert not in_use(tmp_path)
    assert not in_use(tmp_path / "missing")


@pytest.mark.parametrize("name", ["use.a", "lease.4"])
def test_a_far_sign_of_life_counts_by_its_age(tmp_path: Path, name: str) -> None:
    """Against the file server's clock; just before and just beyond 20 s, and with a clock that was set back."""
    path = left_by(tmp_path, name)
    for age, expected in [(0, True), (18, True), (22, False), (-1000, True), (1e6, False)]:
        now = time.time()
        os.utime(path, (now, now - age))
        assert in_use(tmp_path) is expected, age
        assert (lease.owner(tmp_path) is not None) is (expected and name == "lease.4")
    now = time.time()
    os.utime(path, (now, now - 22))
    assert in_use(tmp_path, stale=30)


@linux
def test_a_sign_of_life_of_this_machine_counts_by_its_process(tmp_path: Path) -> None:
    here = {"machine": holder.machine(), "pid": os.getpid(), "start": holder.me().start}
    os.utime(left_by(tmp_path, "use.a", **here), (0, 0))
    assert in_use(tmp_path)
    left_by(tmp_path, "use.a", **{**here, "start": "1"})  # fresh, but of a process that is gone
    assert not in_use(tmp_path)
    left_by(tmp_path, "lease.1", **{**here, "start": "1"})
    assert not in_use(tmp_path)
    left_by(tmp_path, "lease.1", **here)
    assert in_use(tmp_path)


def test_a_marker_beats_and_comes_back_when_it_was_swept(tmp_path: Path) -> None:
    with use(tmp_path, beat=0.05):
        (path,) = tmp_path.iterdir()
        os.utime(path, (0, 0))
        until(lambda: path.stat().st_mtime > 1e9)
        path.unlink()
        until(path.exists)
    assert files(tmp_path) == []


def test_use_of_a_folder_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    with use(tmp_path / "missing", beat=0.02):
        time.sleep(0.1)
    assert files(tmp_path) == []


@linux
def test_sweep_removes_what_the_dead_left(tmp_path: Path) -> None:
    here = {"machine": holder.machine(), "pid": os.getpid()}
    for name in ("use.dead", ".tmp_lease_dead"):
        left_by(tmp_path, name, **here, start="1")
    for name in ("use.far", ".tmp_lease_far"):
        left_by(tmp_path, name)
    for name in ("use.old", ".tmp_lease_old"):
        os.utime(left_by(tmp_path, name), (0, 0))
    left_by(tmp_path, "lease.1", released=True)
    (tmp_path / "manifest.json").write_text("{}")
    with use(tmp_path) as mine:
        sweep(tmp_path)
        kept = [".tmp_lease_far", "lease.1", "manifest.json", "use.far", mine._path.name]
        assert files(tmp_path) == sorted(kept)
    sweep(tmp_path / "missing")
