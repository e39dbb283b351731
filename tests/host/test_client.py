"""The client against a strict fake worker, as real subprocesses, and what goes wrong between them. POSIX."""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_protocol import mutated

from ilvi_core.host import session as session_module
from ilvi_core.host import worker_log
from ilvi_core.host.client import State, WorkerClient
from ilvi_core.host.errors import Cancelled, DeviceError, IlviError, InputError
from ilvi_core.host.job import ImageSequence, Job
from ilvi_core.host.protocol import (
    MAX_LINE,
    Failure,
    Finished,
    Frame,
    Info,
    Progress,
    ProtocolError,
    Ready,
    Stopped,
    Warn,
    write,
)
from ilvi_core.host.run import Run

ROOT = Path(__file__).resolve().parent.parent.parent
FAKE = Path(__file__).with_name("fake_worker.py")
JOB = Job(ImageSequence("/x/plate.####.exr"), ImageSequence("/x/matte.####.exr"), "/x/out.####.exr")
LIMIT = 30.0  # seconds that a loaded machine may take for what is not timed here
QUICK = 2.0  # seconds in which the end of a worker is to be told

Make = Callable[..., WorkerClient]


def fake(mode: str = "", argument: object = "") -> list[str]:
    return [sys.executable, "-I", "-S", str(FAKE), mode, str(argument)]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Clients of fake workers in that mode, closed afterwards; nothing of them may remain."""
    clients: list[WorkerClient] = []

    def one(mode: str = "", argument: object = "", **options: Any) -> WorkerClient:
        options = {"command": fake(mode, argument), "log": tmp_path / "worker.log", "graces": (5, 1, 1), **options}
        clients.append(WorkerClient(**options))
        return clients[-1]

    yield one
    for client in clients:
        client.close((0.5, 0.1, 0.1))
        pid = client._session and client._session.process.pid
        assert not pid or gone(pid), "the worker is still there"
    assert soon(lambda: not ilvi_threads()), "threads are left"


def ilvi_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("ilvi_")]


def soon(there: Callable[[], Any], seconds: float = LIMIT) -> bool:
    until = time.monotonic() + seconds
    while not there():
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


def gone(pid: int, seconds: float = LIMIT) -> bool:
    def is_gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        try:  # an orphan that nobody reaps, as in containers
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return False

    return soon(is_gone, seconds)


def collect(run: Run) -> list[Any]:
    return list(run.events(LIMIT))


# -- the good way ------------------------------------------------------------------------------------------------------


def test_a_session(make: Make, tmp_path: Path) -> None:
    client = make(cache=str(tmp_path / "cache"))
    assert client.state is State.STOPPED
    ready = client.start()
    assert (ready.protocol, ready.cache) == (1, str(tmp_path / "cache"))
    assert client.start() is ready, "it runs already"
    assert client.state is State.READY
    found = client.lookup(JOB)
    assert (found.state, found.frames, found.seconds) == ("frames", {"1": "/x/1.exr"}, 2.5)
    assert 0 < client.ping(LIMIT) < LIMIT
    run = client.submit(JOB, refresh=True, previews=False)
    kinds = [type(event).__name__ for event in collect(run)]
    assert kinds == ["Accepted", "Started", "Progress", "Frame", "Warn", "Frame", "Finished"]
    assert run.done
    assert run.wait(0) is run.result
    assert run.result.stats["isolated"] == 1
    sent = run.result.stats["message"]
    assert (sent["refresh"], sent["previews"], sent["accept_reduced"]) == (True, False, True)
    assert Job.from_json(json.dumps(sent["job"])) == JOB
    assert list(run.events()) == [], "all was read"
    assert client.rerender(JOB).wait(LIMIT).stats["message"]["type"] == "rerender"
    assert client.clear("abc", LIMIT).bytes == 1 << 40
    client.close()
    assert client.state is State.STOPPED
    assert gone(ready.pid, 0)
    assert "stopped by shutdown" in client.log_end()
    assert "stopped by shutdown" in (tmp_path / "worker.log").read_text()


def test_the_first_request_starts_it_and_a_request_after_close_again(make: Make) -> None:
    client = make()
    assert client.lookup(JOB).state == "frames"
    first = client.start().pid
    client.close()
    client.close()
    assert client.lookup(JOB).state == "frames"
    assert client.restart().pid != first


def test_as_a_context_it_closes(make: Make) -> None:
    with make() as client:
        pid = client.start().pid
    assert gone(pid, 0)


def test_callbacks_come_in_order_and_may_fail(make: Make) -> None:
    client = make()
    seen: list[Any] = []

    def on_event(event: Any) -> None:
        seen.append(event)
        if isinstance(event, Progress):
            raise SystemExit("nobody should write this")
        if isinstance(event, Warn):
            raise ValueError("a callback that fails")

    run = client.submit(JOB, on_event)
    run.wait(LIMIT)
    assert soon(lambda: isinstance(seen[-1], Finished))
    assert seen == collect(run)
    assert client.state is State.READY
    assert "a callback that fails" in client.log_end(100)
    assert "nobody should write this" in client.log_end(100)


def test_a_callback_must_not_wait_for_the_worker(make: Make) -> None:
    client = make()
    caught: list[Any] = []
    again: list[Run] = []

    def on_event(event: Any) -> None:
        if isinstance(event, Warn):
            again.append(client.submit(JOB))
            with pytest.raises(IlviError, match="callback") as error:
                client.lookup(JOB)
            caught.append(error)
            with pytest.raises(IlviError, match="callback") as error:
                again[0].wait()
            caught.append(error)

    client.submit(JOB, on_event).wait(LIMIT)
    assert len(caught) == 2
    assert isinstance(again[0].wait(LIMIT), Finished)


def test_cancel(make: Make) -> None:
    client = make("hold")
    run = client.submit(JOB)
    events = run.events(LIMIT)
    while not isinstance(next(events), Progress):
        pass
    assert client.state is State.BUSY
    client.cancel(run)
    kinds = [type(event).__name__ for event in events]
    assert kinds[-2:] == ["Cancelling", "Stopped"]
    with pytest.raises(Cancelled, match="Stopped"):
        run.wait(LIMIT)
    run.cancel()  # nothing happens any more
    assert client.state is State.READY
    assert client.ping(LIMIT)


@pytest.mark.parametrize(
    ("code", "kind"), [("input", InputError), ("device", DeviceError), ("failed", IlviError), ("new", IlviError)]
)
def test_a_job_that_fails_raises_as_the_worker_did(make: Make, code: str, kind: type[IlviError]) -> None:
    client = make("fail", code)
    run = client.submit(JOB)
    with pytest.raises(IlviError) as caught:
        run.wait(LIMIT)
    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.hint) == ("It failed.", "Do it better.")
    assert isinstance(collect(run)[-1], Failure)
    assert client.state is State.READY


def test_all_of_many_events_come_in_order(make: Make) -> None:
    seen: list[Any] = []
    run = make("many", 20_000).submit(JOB, seen.append)
    read = [event.done for event in run.events(LIMIT) if isinstance(event, Progress) and event.total == 20_000]
    assert read == sorted(set(read))
    assert soon(lambda: isinstance(seen[-1], Finished))
    told = [event.done for event in seen if isinstance(event, Progress) and event.total == 20_000]
    assert told == list(range(20_000))


def test_what_nobody_reads_does_not_pile_up(make: Make) -> None:
    """Beyond the backlog a progress takes the place of the one before; nothing else is lost."""
    run = make("many", 3000).submit(JOB)
    run.wait(LIMIT)
    events = collect(run)
    assert 1000 <= len(events) <= 1010
    assert [type(event) for event in events[-4:]] == [Frame, Warn, Frame, Finished]


def test_two_threads_start_one_worker(make: Make) -> None:
    client = make("slow-ready", 0.3)
    pids: list[int] = []
    threads = [threading.Thread(target=lambda: pids.append(client.start().pid)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert len(pids) == 8
    assert len(set(pids)) == 1


def test_the_worker_outlives_the_thread_that_started_it(make: Make) -> None:
    client = make()
    pids: list[int] = []
    thread = threading.Thread(target=lambda: pids.append(client.start().pid))
    thread.start()
    thread.join(LIMIT)
    time.sleep(0.3)
    assert client.ping(LIMIT)
    assert client.start().pid == pids[0]


# -- the start ---------------------------------------------------------------------------------------------------------


def test_a_slow_start_in_time_and_one_too_slow(make: Make) -> None:
    assert make("slow-ready", 0.3).start().version == "9.9"
    client = make("no-ready", ready_timeout=0.5)
    begun = time.monotonic()
    with pytest.raises(IlviError, match=r"not ready within 0\.5 s") as caught:
        client.start()
    assert time.monotonic() - begun < 0.5 + QUICK
    assert caught.value.hint
    assert client.state is State.FAILED
    with pytest.raises(IlviError, match="not ready"):
        client.lookup(JOB)


def test_the_state_while_it_starts(make: Make) -> None:
    client = make("slow-ready", 0.5)
    thread = threading.Thread(target=client.start)
    thread.start()
    assert soon(lambda: client.state is State.STARTING)
    assert soon(lambda: client.state is State.READY)
    thread.join(LIMIT)


def test_another_version_is_refused_with_both_names(make: Make) -> None:
    client = make("wrong-version")
    with pytest.raises(ProtocolError, match=r"ILVI 9\.9.* protocol 2, .* protocol 1"):
        client.start()
    assert client.state is State.FAILED


def test_a_worker_that_refuses_the_host(make: Make) -> None:
    with pytest.raises(ProtocolError, match="This worker speaks protocol 2"):
        make("refuse").start()


def test_a_worker_that_ends_before_it_is_ready(make: Make) -> None:
    client = make("die-before-ready")
    with pytest.raises(IlviError, match="ended with exit code 3") as caught:
        client.start()
    assert "no module named torch" in caught.value.hint
    assert client.state is State.FAILED
    with pytest.raises(IlviError, match="SIGKILL"):
        make("early-death").start()


def test_nothing_to_start(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make(command=[str(tmp_path / "none")])
    with pytest.raises(InputError, match="cannot be started"):
        client.start()
    monkeypatch.delenv("ILVI_PYTHON", raising=False)
    monkeypatch.delenv("ILVI_RECORD", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    client = make(command=None)
    assert client.state is State.NOT_INSTALLED
    with pytest.raises(InputError, match="not installed"):
        client.lookup(JOB)
    monkeypatch.setenv("ILVI_PYTHON", sys.executable)
    assert client.state is State.STOPPED


def test_the_default_command(make: Make, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n[ "$*" = "-I -m ilvi_core.worker" ] && exec {" ".join(fake())}\n')
    python.chmod(0o755)
    assert make(command=None, python=str(python)).start()


def test_the_hosts_environment_does_not_leak(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/host")
    monkeypatch.setenv("PYTHONPATH", "/host")
    monkeypatch.setenv("OCIO", "/c.ocio")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{os.path.dirname(sys.executable)}:/cuda")
    command = [sys.executable, str(FAKE)]  # without -I: a leaked PYTHONHOME would end it
    found = make(command=command).submit(JOB).wait(LIMIT).stats["environment"]
    assert "PYTHONHOME" not in found
    assert "PYTHONPATH" not in found
    assert (found["OCIO"], found["LD_LIBRARY_PATH"]) == ("/c.ocio", "/cuda")
    given = {"PATH": os.environ["PATH"], "A": "b", "PYTHONHOME": "/host"}
    found = make(command=command, environment=given).submit(JOB).wait(LIMIT).stats["environment"]
    assert found["A"] == "b"
    assert "OCIO" not in found


# -- faults of the worker ----------------------------------------------------------------------------------------------


def ends_quickly(client: WorkerClient) -> tuple[Failure, list[Any]]:
    """Submit a job to a worker that fails in it: iterator, wait and callback all tell within QUICK of its last word."""
    seen: list[Any] = []
    run = client.submit(JOB, seen.append)
    events, arrivals = [], []
    for event in run.events(LIMIT):
        events.append(event)
        arrivals.append(time.monotonic())
    assert arrivals[-1] - arrivals[-2] < QUICK
    assert isinstance(events[-1], Failure)
    with pytest.raises(IlviError) as caught:
        run.wait(QUICK)
    assert caught.value.message == events[-1].text
    assert soon(lambda: seen == events, QUICK)
    assert client.state is State.FAILED
    assert soon(lambda: not ilvi_threads()), "the worker is stopped, and nobody waits for it"
    return events[-1], events


@pytest.mark.parametrize(
    ("mode", "argument", "text"),
    [
        ("die", "", "was ended by signal 9 (SIGKILL)"),
        ("die-cut", "", "was ended by signal 9 (SIGKILL)"),  # in the middle of a message
        ("exit", 5, "ended with exit code 5"),
        ("exit", 0, "ended with exit code 0"),
        ("grandchild", "", "was ended by signal 9 (SIGKILL)"),
    ],
)
def test_a_worker_that_ends_in_a_job(make: Make, mode: str, argument: object, text: str, tmp_path: Path) -> None:
    client = make(mode, argument)
    failure, _ = ends_quickly(client)
    assert failure.code == "failed"
    assert failure.text == f"The worker {text}."
    assert failure.hint.endswith("last words")
    assert str(tmp_path / "worker.log") in failure.hint
    assert ("out of memory" in failure.hint) == ("SIGKILL" in text)


def test_children_of_a_dead_worker_do_not_hold_up_and_do_not_stay(make: Make) -> None:
    client = make("grandchild")
    ends_quickly(client)
    pid = int(client.log_end().split("grandchild ")[1].split()[0])
    assert gone(pid, QUICK)


def test_a_child_in_its_own_session_does_not_hold_up_the_news(make: Make) -> None:
    """It keeps the worker's pipes open, and nobody may kill it."""
    client = make("detached")
    run = client.submit(JOB)
    with pytest.raises(IlviError, match="SIGKILL") as caught:
        run.wait(LIMIT)
    assert "last words" in caught.value.hint
    pid = int(client.log_end().split("grandchild ")[1].split()[0])
    assert not gone(pid, 0), "it was to hold the pipes"
    begun = time.monotonic()
    client.close()
    assert time.monotonic() - begun < QUICK
    os.kill(pid, signal.SIGKILL)


def test_a_worker_killed_at_random_moments(make: Make) -> None:
    """kill -9 from outside: told in time, and the next request starts a new one."""
    rng = random.Random(7)
    client = make("hold")
    for _ in range(5):
        run = client.submit(JOB)
        time.sleep(rng.uniform(0, 0.2))
        os.kill(client.start().pid, signal.SIGKILL)
        begun = time.monotonic()
        with pytest.raises(IlviError, match="SIGKILL"):
            run.wait(LIMIT)
        assert time.monotonic() - begun < QUICK
        assert client.state is State.FAILED


def test_a_worker_killed_while_nothing_is_asked(make: Make) -> None:
    client = make()
    pid = client.start().pid
    os.kill(pid, signal.SIGKILL)
    assert soon(lambda: client.state is State.FAILED, QUICK)
    assert client.start().pid != pid


def test_a_worker_that_closes_a_pipe(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "FAULT_GRACES", (0.0, 0.2, 2.0))
    failure, _ = ends_quickly(make("close-output"))
    assert failure.text == "The worker closed its pipes."
    client = make("close-input")
    run = client.submit(JOB)
    assert any(isinstance(event, Progress) for event in run.events(LIMIT))
    with pytest.raises(IlviError, match="closed its pipes"):
        client.ping(LIMIT)
    assert isinstance(run.result, Failure)


@pytest.mark.parametrize(
    ("mode", "argument", "text"),
    [
        ("cut", "", "cut off after 31 bytes"),
        ("long-line", 1, f"longer than {MAX_LINE} bytes"),
        ("endless-line", "", f"longer than {MAX_LINE} bytes"),
        ("raw", b"\xff\x00\x80binary\n".hex(), "no message"),
        ("raw", b"Loading model...\n".hex(), "no message"),
        ("raw", b'{"type":"telepathy"}\n'.hex(), "no message 'telepathy'"),
        ("raw", b'{"type":"hello","protocol":1}\n'.hex(), "no message 'hello'"),
        ("raw", b'{"type":"accepted","id":"1","ahead":"x"}\n'.hex(), "expected int"),
        ("raw", b'{"type":"ready","protocol":1,"version":"","pid":1,"python":"","cache":""}\n'.hex(), "twice"),
        ("stranger", "", "'999', which is not open"),
        ("wrong-answer", "", "asked for something else"),
    ],
)
def test_a_worker_that_breaks_the_protocol(make: Make, mode: str, argument: object, text: str) -> None:
    client = make(mode, argument)
    failure, _ = ends_quickly(client)
    assert failure.code == "protocol"
    assert text in failure.text
    assert failure.hint


def test_the_longest_line_passes(make: Make) -> None:
    events = collect(make("long-line", 0).submit(JOB))
    (info,) = (event for event in events if isinstance(event, Info))
    assert len(info.text) > MAX_LINE - 100
    assert isinstance(events[-1], Finished)


def test_a_message_after_the_jobs_end_is_a_fault(make: Make) -> None:
    client = make("late")
    assert isinstance(client.submit(JOB).wait(LIMIT), Finished)
    assert soon(lambda: client.state is State.FAILED)
    assert "not open" in str(client._session and client._session.error)


def test_an_answer_that_nobody_waits_for_any_more_is_not(make: Make) -> None:
    client = make("slow-answer", 0.5)
    begun = time.monotonic()
    with pytest.raises(IlviError, match=r"within 0\.2 s"):
        client.lookup(JOB, timeout=0.2)
    assert time.monotonic() - begun < LIMIT
    assert client.ping(LIMIT)
    assert client.lookup(JOB, timeout=LIMIT).state == "frames"


@pytest.mark.parametrize("kind", ["lines", "one-line"])
def test_a_flood_on_stderr_neither_blocks_nor_fills_anything(make: Make, kind: str, tmp_path: Path) -> None:
    """50 MB, with line ends and without."""
    client = make("flood", kind)
    assert isinstance(client.submit(JOB).wait(LIMIT), Finished)
    client.close()
    assert len(client.log_end(10_000)) <= worker_log.LINES * (worker_log.LONGEST_LINE + 1)
    sizes = [path.stat().st_size for path in tmp_path.glob("worker.log*")]
    assert len(sizes) == 2
    assert max(sizes) <= worker_log.FILE_LIMIT


def test_a_line_without_an_end_is_remembered_up_to_a_limit() -> None:
    log = worker_log.WorkerLog(None)
    log.feed(b"first\nse")
    log.feed(b"cond")
    assert log.end() == "first\nsecond"
    for _ in range(3):
        log.feed(b"x" * worker_log.LONGEST_LINE)
    assert len(log.end(1)) == worker_log.LONGEST_LINE
    log.feed(b"\nlast\n")
    assert log.end(1) == "last"


def test_a_log_that_cannot_be_written_does_not_matter(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    client = make("die", log=tmp_path / "file" / "worker.log")
    failure, _ = ends_quickly(client)
    assert failure.hint.endswith("last words")


def test_the_default_log(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ILVI_LOG", str(tmp_path / "logs"))
    (tmp_path / "logs").mkdir()
    for number in range(worker_log.KEPT_LOGS + 5):
        old = tmp_path / "logs" / f"worker-{number}.log"
        old.touch()
        os.utime(old, (number, number))
    client = make(log=None)
    pid = client.start().pid
    assert client.log_path == tmp_path / "logs" / f"worker-{pid}.log"
    left = {path.name for path in (tmp_path / "logs").iterdir()}
    assert left == {f"worker-{n}.log" for n in (*range(5, worker_log.KEPT_LOGS + 5), pid)}


# -- silence -----------------------------------------------------------------------------------------------------------


def test_a_worker_that_does_not_read_holds_up_nobody(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from ilvi_core.host import pipes

    monkeypatch.setattr(pipes, "SEND_LIMIT", 0.2)
    client = make("deaf", graces=(0.2, 0.2, 0.2))
    client.start()
    big = Job(JOB.plate, ImageSequence("/" + "x" * 100_000), JOB.output)
    begun = time.monotonic()
    for _ in range(pipes.OUTBOX):
        client.submit(big)
    with pytest.raises(IlviError, match="does not read"):  # noqa: PT012  # the writer may have taken one or two away
        for _ in range(3):
            client.submit(big)
    with pytest.raises(IlviError, match="does not read"):
        client.ping(0.2)
    client.close()
    assert time.monotonic() - begun < LIMIT


def test_a_hung_worker_is_told_from_a_quiet_one(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "PING_EVERY", 0.4)
    monkeypatch.setattr(session_module, "FAULT_GRACES", (0.0, 0.2, 2.0))
    quiet = make("quiet", silence=1.0).submit(JOB)
    client = make("mute", silence=1.0)
    begun = time.monotonic()
    hung = client.start().pid
    with pytest.raises(IlviError, match="has not answered for 1 s"):
        client.submit(JOB).wait()
    assert time.monotonic() - begun > 1.0
    assert client.state is State.FAILED
    client.start()
    assert gone(hung, 0), "never two at once"
    assert not quiet.done, "it answers its pings"
    with pytest.raises(IlviError, match=r"within 0\.1 s"):
        next(event for event in quiet.events(0.1) if event.TYPE == "none")
    monkeypatch.setattr("ilvi_core.host.run.QUIET_JOBS", 0.5)
    with pytest.raises(IlviError, match=r"within 0\.5 s"):
        quiet.wait()
    assert not quiet.done
    quiet.cancel()
    with pytest.raises(Cancelled):
        quiet.wait(LIMIT)


def test_an_idle_worker_is_not_silent(make: Make) -> None:
    client = make(silence=0.5)
    client.start()
    time.sleep(1.0)
    assert client.state is State.READY


# -- the end -----------------------------------------------------------------------------------------------------------


def test_closing_lets_open_jobs_end_as_stopped(make: Make) -> None:
    client = make("hold")
    run = client.submit(JOB)
    assert any(isinstance(event, Progress) for event in run.events(LIMIT))
    client.close()
    assert isinstance(run.result, Stopped)
    assert run.result.text == "Stopped by the host.", "the worker's own word"
    assert "stopped by shutdown" in client.log_end()
    with pytest.raises(Cancelled):
        run.wait(0)
    assert client.state is State.STOPPED


@pytest.mark.parametrize(
    ("mode", "ending"), [("no-shutdown", "exit code 0"), ("no-end", "SIGTERM"), ("stubborn", "SIGKILL")]
)
def test_each_step_of_the_ladder(make: Make, mode: str, ending: str) -> None:
    """A worker that ignores shutdown; and the end of its input; and SIGTERM."""
    client = make(mode, graces=(0.3, LIMIT if mode == "no-shutdown" else 0.3, LIMIT if mode == "no-end" else 0.3))
    run = client.submit(JOB)
    assert any(isinstance(event, Progress) for event in run.events(LIMIT))
    begun = time.monotonic()
    client.close()
    assert time.monotonic() - begun < LIMIT
    assert client._session
    assert ending in client._session.process.ending()
    assert isinstance(run.result, Stopped)


def test_closing_from_many_threads_and_a_callback(make: Make) -> None:
    client = make("hold")
    run = client.submit(JOB, lambda event: client.close() if isinstance(event, Stopped) else None)
    threads = [threading.Thread(target=client.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive()
    assert isinstance(run.result, Stopped)


def test_a_callback_that_hangs_does_not_hold_up_closing(make: Make) -> None:
    release = threading.Event()  # the worker has been greeted when submit returns, so what is timed is closing alone
    client = make("hold")
    client.submit(JOB, lambda event: release.wait(LIMIT))
    begun = time.monotonic()
    client.close()
    assert time.monotonic() - begun < 6
    release.set()


def test_a_client_that_nobody_holds_closes_its_worker(make: Make, tmp_path: Path) -> None:
    client = WorkerClient(command=fake(), log=tmp_path / "log")
    pid = client.start().pid
    del client
    gc.collect()
    assert gone(pid)
    run = WorkerClient(command=fake("many", 2000), log=tmp_path / "log").submit(JOB)
    assert isinstance(run.wait(LIMIT), Finished), "an open run keeps its worker"


def host(body: str, tmp_path: Path, **options: Any) -> subprocess.Popen[str]:
    """A host of its own: a Python that runs `body` with a client of a worker in mode hold."""
    code = f"""
import os, signal, sys, time
sys.path[:0] = [{str(ROOT)!r}]
from ilvi_core.host import *
client = WorkerClient(command={fake("hold")!r}, log={str(tmp_path / "host.log")!r})
job = Job(ImageSequence("/x/p.####.exr"), ImageSequence("/x/m.####.exr"), "/x/o.####.exr")
print(client.start().pid, flush=True)
{textwrap.dedent(body)}
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, **options)


def first_line(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    return int(process.stdout.readline())


def test_the_worker_ends_with_a_host_that_is_killed(tmp_path: Path) -> None:
    with host("client.submit(job); time.sleep(60)", tmp_path) as process:
        pid = first_line(process)
        process.kill()
        assert gone(pid)


def test_the_worker_ends_with_a_host_that_exits(tmp_path: Path) -> None:
    with host("run = client.submit(job)", tmp_path) as process:
        pid = first_line(process)
        assert process.wait(LIMIT) == 0
        assert gone(pid, 0), "the exit waited for it"
    assert "stopped by shutdown" in (tmp_path / "host.log").read_text()


def test_a_forked_child_leaves_the_worker_alone_and_does_not_keep_it(tmp_path: Path) -> None:
    body = """
    run = client.submit(job)
    if os.fork() == 0:
        try:
            run.wait(5)
        except IlviError as error:
            print("child:", error, flush=True)
        print(client.state, flush=True)
        sys.exit()  # with all that is registered for the exit
    os.wait()
    print(client.ping(20) > 0, flush=True)
    if os.fork() == 0:
        time.sleep(60)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    with host(body, tmp_path, start_new_session=True) as process:
        pid = first_line(process)
        assert process.stdout
        try:
            assert "forked" in process.stdout.readline()
            assert process.stdout.readline() == "State.STOPPED\n"
            assert process.stdout.readline() == "True\n", "the worker lives"
            assert gone(pid), "the second child does not hold its input open"
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_dead_worker_does_not_take_its_host_along() -> None:
    """Hosts that embed Python may have SIGPIPE at its default: a write to nobody would end them."""
    code = f"""
import os, signal, sys, threading
sys.path[:0] = [{str(ROOT)!r}]
from ilvi_core.host.pipes import Outbox
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
reading, writing = os.pipe()
os.close(reading)
outbox = Outbox()
outbox.send(b"x")
thread = threading.Thread(target=lambda: print(outbox.write_to(open(writing, "wb", buffering=0))))
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=LIMIT)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


# -- any bytes ---------------------------------------------------------------------------------------------------------


def fuzz_client(seed: int, count: int, tmp_path: Path) -> None:
    """A worker that sends anything for an answer: the job ends, in time, with an event or an error of ours."""
    (tmp_path / "ready").write_bytes(write(Ready(1, "9", 1, "3", "")))
    script = f"cat {tmp_path}/ready; read hello; read job; cat {tmp_path}/lines; while read more; do :; done"
    rng = random.Random(seed)
    ends: dict[str, int] = {}
    for number in range(count):
        content = b"".join(mutated(rng) for _ in range(rng.randrange(1, 4)))
        (tmp_path / "lines").write_bytes(content)
        client = WorkerClient(command=["/bin/sh", "-c", script], log=tmp_path / "log", graces=(0, 5, 5))
        run = client.submit(JOB)
        soon(lambda run=run, client=client: run.done or client._session.over, 0.03)  # type: ignore[misc]
        client.close()
        assert run.done, f"input {number} of seed {seed}: {content[:200]!r}"
        assert isinstance(run.result, (Failure, Stopped, Finished))
        ends[type(run.result).__name__] = ends.get(type(run.result).__name__, 0) + 1
    assert set(ends) == {"Failure", "Stopped", "Finished"}, "the inputs lead to each end"


def test_whatever_a_worker_sends_the_job_ends(tmp_path: Path) -> None:
    fuzz_client(1, 300, tmp_path)


@pytest.mark.slow
def test_whatever_a_worker_sends_at_length(tmp_path: Path) -> None:
    fuzz_client(2, 10_000, tmp_path)


# -- the package -------------------------------------------------------------------------------------------------------


def test_importing_the_package_is_cheap_and_gives_all_its_names() -> None:
    code = """
import sys, time
begun = time.perf_counter()
import ilvi_core.host
print(time.perf_counter() - begun)
print([name for name in ("subprocess", "dataclasses", "json", "threading") if name in sys.modules])
print([getattr(ilvi_core.host, name).__name__ for name in ilvi_core.host.__all__] == ilvi_core.host.__all__)
print(hasattr(ilvi_core.host, "nothing"))
"""
    runs = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        runs.append(done.stdout.split("\n"))
    assert min(float(run[0]) for run in runs) < 0.05
    assert runs[0][2:4] == ["True", "False"]
    assert "subprocess" not in runs[0][1]
    assert "json" not in runs[0][1]


def test_the_fake_is_strict() -> None:
    """What is no message, and what is not quite one, ends it."""
    hello = b'{"type":"hello","protocol":1,"client":""}\n'
    for line in (b"x\n", b'{"type":"hola"}\n', b'{"type":"ping"}\n', b'{"type":"ping","id":1}\n', b'{"type":"ping"'):
        done = subprocess.run(fake(), check=False, input=hello + line, capture_output=True, timeout=LIMIT)
        assert done.returncode == 70, line
    done = subprocess.run(
        fake(), check=False, input=hello + b'{"type":"ping","id":"1"}\n', capture_output=True, timeout=LIMIT
    )
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 2)
