"""What goes wrong round a worker: noise, kills, hosts that vanish, leaking environments, lines that are no messages."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter

import pytest
from shots import QUICK, make_shot
from test_worker import LONG, bytes_of, many_frames, record, seeded
from workers import COMMAND, LIMIT, Heard, Inside, alive, client_of, inside, soon, spoken_to

from ilvi_core import lease
from ilvi_core.cache import Cache
from ilvi_core.cli import main
from ilvi_core.host.errors import IlviError
from ilvi_core.host.job import RunOptions
from ilvi_core.host.protocol import (
    ENDS,
    MAX_LINE,
    PROTOCOL,
    TO_WORKER,
    Accepted,
    Cancel,
    Clear,
    Failure,
    Finished,
    Frame,
    Hello,
    Info,
    Lookup,
    Ping,
    Pong,
    Progress,
    ProtocolError,
    Rerender,
    Shutdown,
    Start,
    Started,
    Stopped,
    read,
    write,
)

QUICKLY = 2.0  # seconds in which an end is to be told, or reached
OFTEN = RunOptions(checkpoint_every=0.0)  # a checkpoint every ten updates
FOURTEEN = {**QUICK, "max_updates": 14}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, /proc")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return make_shot(tmp_path_factory.mktemp("faults"))


def wrapper(body):
    """A command that runs some Python before the worker, in its process."""
    code = textwrap.dedent(body) + "\nimport runpy\nrunpy.run_module('ilvi_core.worker', run_name='__main__')\n"
    return [sys.executable, "-I", "-c", code]


def clean(cache):
    """Whether nothing in a cache is damaged."""
    return main(["cache", "verify", "--cache-dir", str(cache)]) == 0


# -- noise -------------------------------------------------------------------------------------------------------------

NOISE = """
    import ctypes, os, sys, threading, time
    c = ctypes.CDLL(None)
    print("printed before")
    c.puts(b"put before")
    c.printf(b"formatted %s\\n", b"before")

    def noise():
        while sys.stdout is not sys.stderr:  # from the moment that the worker has moved stdout away
            time.sleep(0.0001)
        for n in range(100000):
            print(f"printed {n}")
            os.write(1, b"written %d\\n" % n)
            c.puts(b"put %d" % n)
            c.printf(b"formatted %d\\n", n)
            c.fflush(None)
            time.sleep(0.001)

    threading.Thread(target=noise, daemon=True).start()
"""


def test_whatever_is_printed_goes_to_the_log_and_not_between_the_messages(place, tmp_path):
    with spoken_to(tmp_path, wrapper(NOISE)) as (process, talk):
        talk.greet()
        heard = talk.heard
        assert isinstance(talk.ask(Start("1", record(seeded(place, 1)))), Finished)
        assert len(heard.of(Frame)) >= 6
        talk.say(Shutdown())
        talk.drained()
        assert process.wait(LIMIT) == 0
    log = (tmp_path / "stderr").read_text()
    for word in ("printed", "put", "formatted"):
        assert f"{word} before" in log
    for word in ("printed", "written", "put", "formatted"):
        assert f"{word} 50\n" in log


def test_a_flood_on_stderr_does_not_hold_up_the_session(place, tmp_path):
    flood = """
        import os, threading
        def flood():
            for _ in range(300):
                os.write(2, b"x" * 99_999 + b"\\n")
        threading.Thread(target=flood, daemon=True).start()
    """
    with client_of(tmp_path, wrapper(flood)) as client:
        client.start()
        for _ in range(5):
            assert client.ping() < 5.0
        assert client.lookup(seeded(place, 2)).state == "none"
        assert soon(lambda: "xxx" in client.log_end())


def test_what_leaks_from_the_host_does_not_reach_the_worker(place, tmp_path, monkeypatch):
    """A host's PYTHONHOME, its modules and its libraries would each keep the worker from starting."""
    host = tmp_path / "Host1.0"
    for folder in (host / "lib", host / "modules"):
        folder.mkdir(parents=True)
    for name in ("libstdc++.so.6", "libz.so.1", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libutil.so.1"):
        (host / "lib" / name).write_bytes(b"no library")
    for name in ("json", "numpy", "queue", "ilvi_core"):
        (host / "modules" / f"{name}.py").write_text("raise RuntimeError('the module of the host')\n")
    leaks = {"PYTHONHOME": host, "PYTHONPATH": host / "modules", "LD_LIBRARY_PATH": host / "lib"}
    (host / "host").write_bytes(b"")
    assert subprocess.run(COMMAND, env={**os.environ, **leaks}, capture_output=True, check=False).returncode != 0
    monkeypatch.setattr(sys, "executable", str(host / "host"))
    with client_of(tmp_path, environment={name: str(path) for name, path in leaks.items()}) as client:
        assert client.start().protocol == PROTOCOL
        assert client.lookup(seeded(place, 3)).state == "none"


def test_a_cache_size_that_is_none_is_said_by_the_worker(tmp_path):
    with client_of(tmp_path, environment={"ILVI_CACHE_SIZE": "lots"}) as client, pytest.raises(IlviError) as error:
        client.start()
    assert "'lots' is no size" in error.value.message


# -- the worker is killed ----------------------------------------------------------------------------------------------


def told_quickly(act, log=True):
    """The error that `act` raises, within the time that there is."""
    began = time.monotonic()
    with pytest.raises(IlviError) as error:
        act()
    assert time.monotonic() - began < QUICKLY
    assert "SIGKILL" in error.value.message
    if log:
        assert "The end of its log" in error.value.hint
    return error.value


def test_killed_before_it_is_ready(tmp_path):
    command = [
        sys.executable,
        "-c",
        "import sys, time; print('slow to start', file=sys.stderr, flush=True); time.sleep(60)",
    ]
    with client_of(tmp_path, command) as client:
        killed = []

        def kill():
            assert soon(lambda: "slow to start" in client.log_end())
            killed.append(time.monotonic())
            os.kill(client._session.process.pid, signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(IlviError, match="SIGKILL") as error:
            client.start()
        assert time.monotonic() - killed[0] < QUICKLY
        thread.join()
        assert "slow to start" in error.value.hint


def test_killed_while_it_reads(tmp_path):
    job = many_frames(tmp_path, 20)
    with client_of(tmp_path) as client:
        heard = Heard()
        pid = client.start().pid
        run = client.submit(job, heard)
        heard.kind(Progress)
        os.kill(pid, signal.SIGKILL)
        told_quickly(lambda: run.wait(LIMIT))
        assert "read" in heard.phases()
        assert clean(tmp_path / "cache")
        assert client.lookup(job).state == "none"  # a new worker, by itself


@pytest.mark.slow
def test_killed_while_it_trains_and_while_it_publishes_the_next_one_goes_on_to_the_same_result(place, tmp_path):
    job = seeded(place, 10, FOURTEEN, run=OFTEN)
    with client_of(tmp_path) as client:
        heard = Heard()
        run = client.submit(job, heard)
        heard.trained(11)
        os.kill(client.start().pid, signal.SIGKILL)
        told_quickly(lambda: run.wait(LIMIT))
        assert not heard.frames()
        assert clean(tmp_path / "cache")
        # killed again, at the first frame
        publishing = Heard()

        def kill(message):
            publishing(message)
            if isinstance(message, Frame) and message.final:
                os.kill(client._session.process.pid, signal.SIGKILL)

        run = client.submit(job, kill)
        publishing.until(lambda m: isinstance(m, Frame) and m.final)
        end = publishing.kind(*ENDS)[1]
        assert publishing.of(Started)[0].state == "partial"
        assert any("Going on from update 10 of 14" in message.text for message in publishing.of(Info))
        assert min(publishing.updates()) > 10
        assert isinstance(end, (Failure, Finished))  # on a quick machine the last frame may have been out already
        assert clean(tmp_path / "cache")
        last, cold = Heard(), Heard()
        client.submit(job, last).wait(LIMIT)
        assert last.of(Started)[0].state == "fills"
        resumed = bytes_of(last.frames())
        client.submit(job, cold, refresh=True).wait(LIMIT)  # an undisturbed one
        assert cold.of(Started)[0].state == "none"
        assert len(resumed) == 6
        assert bytes_of(cold.frames()) == resumed


@pytest.mark.slow
def test_killed_at_any_moment(place, tmp_path):
    """Twenty kills, from the start of the worker to the last frame; then the result is that of an undisturbed job."""
    rng = random.Random(7)
    job = seeded(place, 11, {**QUICK, "max_updates": 30}, run=OFTEN)
    with client_of(tmp_path / "undisturbed") as client:
        heard = Heard()
        began = time.monotonic()
        client.submit(job, heard).wait(LIMIT)
        took = time.monotonic() - began
        expected = bytes_of(heard.frames())
    states = set()
    for kill in range(20):
        with client_of(tmp_path) as client:
            heard = Heard()
            pid = client.start().pid
            run = client.submit(job, heard, refresh=kill % 5 == 4)  # now and then from the beginning
            time.sleep(rng.uniform(0.0, took))
            os.kill(pid, signal.SIGKILL)
            began = time.monotonic()
            end = heard.kind(*ENDS)[1]
            assert time.monotonic() - began < QUICKLY
            assert isinstance(end, Finished) or "SIGKILL" in end.text
            assert run.done
        states |= {message.state for message in heard.of(Started)}
        assert clean(tmp_path / "cache"), f"after kill {kill}"
    assert {"none", "partial"} <= states
    with client_of(tmp_path) as client:
        heard = Heard()
        client.submit(job, heard).wait(LIMIT)
        assert bytes_of(heard.frames()) == expected
    assert clean(tmp_path / "cache")


# -- the host is gone --------------------------------------------------------------------------------------------------

HOST = """
    import sys, time
    from ilvi_core.host.client import WorkerClient
    from ilvi_core.host.job import Job
    client = WorkerClient(command=[sys.executable, "-I", "-m", "ilvi_core.worker"], cache=sys.argv[1], log=sys.argv[2])
    print(client.start().pid, flush=True)
    if len(sys.argv) > 3:
        client.submit(Job.load(sys.argv[3]), lambda m: print(m.TYPE, getattr(m, "phase", ""), flush=True))
    time.sleep(600)
"""


def lease_is_free(cache):
    (folder,) = cache.folders()
    held = lease.try_acquire(folder)
    if isinstance(held, lease.Lease):
        held.release()
        return True
    return False


@pytest.mark.parametrize("training", [False, True])
def test_a_host_is_killed_and_its_worker_goes(place, tmp_path, training):
    job = seeded(place, 20, LONG)
    job.save(tmp_path / "job.json")
    arguments = [str(tmp_path / "cache"), str(tmp_path / "log"), *([str(tmp_path / "job.json")] if training else [])]
    host = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST), *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        pid = int(host.stdout.readline())
        if training:
            while host.stdout.readline().split() != ["progress", "train"]:
                assert host.poll() is None
        assert alive(pid)
    finally:
        host.kill()
    assert soon(lambda: not alive(pid), QUICKLY)
    host.wait()
    host.stdout.close()
    if training:
        cache = Cache(tmp_path / "cache")
        assert clean(cache.root)
        assert lease_is_free(cache)
        assert list(cache.folders()[0].glob("checkpoint.json"))


def test_the_end_of_stdin_ends_an_idle_worker(tmp_path):
    with spoken_to(tmp_path) as (process, talk):
        talk.greet()
        talk.hang_up()
        assert process.wait(QUICKLY) == 0
        assert [message.TYPE for message in talk.drained()] == ["ready"]


@pytest.mark.parametrize("how", ["the end of stdin", "SIGTERM"])
def test_a_training_worker_ends_with_a_checkpoint(place, tmp_path, how):
    with spoken_to(tmp_path) as (process, talk):
        talk.greet()
        talk.say(Start("1", record(seeded(place, 21, LONG))))
        talk.say(Start("2", record(seeded(place, 22))))
        talk.heard.trained(2)
        if how == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        else:
            talk.hang_up()
        # when the host is gone nobody waits: then what cannot be saved in time is left
        assert process.wait(QUICKLY if how == "the end of stdin" else LIMIT) == 0
        talk.drained()
        ends = [(m.id, m.TYPE) for m in talk.heard.of(*ENDS)]
        assert ends == [("1", "cancelled"), ("2", "cancelled")]
    cache = Cache(tmp_path / "cache")
    (folder,) = cache.folders()
    assert json.loads((folder / "checkpoint.json").read_text())["state"]["update"] >= 2
    assert '"released": 1' in next(folder.glob("lease.*")).read_text()
    assert lease_is_free(cache)
    assert clean(cache.root)


# -- framing -----------------------------------------------------------------------------------------------------------

HELLO = write(Hello(PROTOCOL, "the tests"))
START = write(Start("1", {}))
LOOSE = b'{"type":"ping","id":"1","pad":"%s"}\n'


def padded(size):
    """A ping of exactly that many bytes."""
    return LOOSE % (b"x" * (size - len(LOOSE) + 2))


FAULTS = {
    "a message before hello": ([write(Ping("1"))], "expected 'hello'"),
    "hello twice": ([HELLO, HELLO], "twice"),
    "another version": ([write(Hello(PROTOCOL + 1))], f"protocol {PROTOCOL + 1}, this worker"),
    "an unknown message": ([HELLO, b'{"type":"explode"}\n'], "no message 'explode'"),
    "a message to hosts": ([HELLO, write(Pong("1"))], "no message 'pong'"),
    "a field of the wrong kind": ([HELLO, b'{"type":"ping","id":1}\n'], "its id, expected str"),
    "a cut message": ([HELLO, START[:-5], None], "cut off"),
    "garbage": ([HELLO, bytes(range(128, 256)) + b"\n"], "is no message"),
    "no object": ([HELLO, b"[1]\n"], "is no message"),
    "too long": ([HELLO, padded(MAX_LINE + 1)], f"longer than {MAX_LINE}"),
    "NaN": ([HELLO, b'{"type":"start","id":"1","job":{"x":NaN}}\n'], "NaN is no number"),
    "an id in use": ([HELLO, None, START, START], "in use"),
    "an empty id": ([HELLO, write(Ping(""))], "0 characters"),
    "an endless id": ([HELLO, write(Ping("x" * 1000))], "1000 characters"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_framing_ends_the_session_in_words(place, tmp_path, fault):
    lines, words = FAULTS[fault]
    if fault == "an id in use":
        start = write(Start("1", record(seeded(place, 30, LONG))))
        lines = [HELLO, start, start]
    with spoken_to(tmp_path) as (process, talk):
        for line in lines:
            talk.say(line) if line else talk.hang_up()
        assert process.wait(LIMIT) == 1
        said = talk.drained()
    failure = talk.heard.of(Failure)[0]
    assert (failure.id, failure.code) == ("", "protocol")
    assert words in failure.text
    if fault == "another version":
        assert f") {PROTOCOL}." in failure.text
    assert failure.hint
    assert not any("Traceback" in str(message) for message in said)
    assert "Traceback" not in (tmp_path / "stderr").read_text()


def test_the_longest_line_is_taken(tmp_path):
    line = padded(MAX_LINE)
    assert len(line) == MAX_LINE
    with spoken_to(tmp_path) as (_, talk):
        talk.say(HELLO + line)
        assert talk.heard.kind(Pong)[1].id == "1"


def jobs(rng, folder):
    """Jobs that fail early, and what only looks like a job."""
    good = {
        "ilvi_job": 1,
        "plate": {"path": str(folder / "none.####.png")},
        "matte": {"path": str(folder / "none either.####.png")},
        "output": str(folder / "out.####.png"),
    }
    odd = [None, True, -1, 10**40, 1e300, "", "\0", "\ud800", "é" * 50, [], [[]], {}, {"path": []}, {"a": {"b": {}}}]
    while True:
        job = dict(good)
        for _ in range(rng.randrange(3)):
            name = rng.choice([*good, "frames", "solve", "comp", "run", "preset", "\0"])
            job[name] = rng.choice([*odd, "1-5", {rng.choice(("size", "seed", "view", "device")): rng.choice(odd)}])
        yield job


def sessions(rng, folder):
    """Lines of whole sessions without end: sound ones, and ones that break anywhere."""
    some = jobs(rng, folder)
    while True:
        lines = [HELLO] if rng.random() < 0.95 else []
        for n in range(rng.randrange(1, 8)):
            id_ = str(n) if rng.random() < 0.9 else rng.choice(["", "0", "\0", "\udcff", "x" * 500])
            message = rng.choice(
                [
                    Start(id_, next(some), rng.random() < 0.5),
                    Lookup(id_, next(some)),
                    Rerender(id_, next(some)),
                    Clear(id_, rng.choice(["", "nothing", "\0"])),
                    Cancel(rng.choice([id_, str(n - 1)])),
                    Ping(id_),
                    Shutdown() if rng.random() < 0.2 else Ping(id_),
                ]
            )
            lines.append(write(message))
        data = bytearray(b"".join(lines))
        if rng.random() < 0.5:
            for _ in range(rng.randrange(1, 4)):
                at = rng.randrange(len(data))
                act = rng.randrange(4)
                if act == 0:
                    data[at] = rng.randrange(256)
                elif act == 1:
                    del data[at : at + rng.randrange(1, 20)]
                elif act == 2:
                    data[at:at] = rng.randbytes(rng.randrange(1, 20))
                else:
                    data[at:at] = data[: rng.randrange(200)]
                if not data:
                    data = bytearray(b"\n")
        yield bytes(data)


def requests_in(data):
    """How often each id is asked with, as far as the lines can be understood."""
    asked = Counter()
    with contextlib.suppress(ProtocolError):
        for line in data.splitlines(keepends=True):
            message = read(line, TO_WORKER)
            if isinstance(message, (Start, Lookup, Rerender, Clear, Ping)):
                asked[message.id] += 1
    return asked


def fuzz(count, seed, folder):
    rng = random.Random(seed)
    inputs = sessions(rng, folder)
    for _ in range(count):
        data = next(inputs)
        one = Inside(folder / "cache")
        try:
            one.talk.say(data)
            if rng.random() < 0.5:
                time.sleep(rng.random() * 0.01)
            one.talk.hang_up()
        except BrokenPipeError:  # it has ended already
            pass
        code = one.over(20.0)
        said = one.talk.drained(20.0)  # each line a message, or this fails
        assert code in (0, 1), data
        assert not any("Traceback" in str(message) for message in said), data
        asked = requests_in(data)
        ends = Counter(message.id for message in said if isinstance(message, ENDS) and message.id)
        assert ends <= asked, data  # no request is answered twice
        assert {m.id for m in said if isinstance(m, Accepted)} <= set(ends), data  # and each job is
        if code == 1:
            assert any(isinstance(message, Failure) and message.code == "protocol" for message in said), data


def test_whatever_comes_in_only_messages_come_out(tmp_path, capsys):
    fuzz(60, 1, tmp_path)


@pytest.mark.slow
def test_whatever_comes_in_only_messages_come_out_at_length(tmp_path, capsys):
    fuzz(10_000, 2, tmp_path)


def test_a_fault_of_ours_in_the_reader_ends_the_session_instead_of_leaving_it_deaf(tmp_path, monkeypatch):
    def broken(self, id_):
        raise ZeroDivisionError("nobody expected this")

    monkeypatch.setattr("ilvi_core.session.Session._cancel", broken)
    one = Inside(tmp_path / "cache")
    one.talk.greet()
    one.talk.say(Cancel("1"))
    assert one.over(LIMIT) == 1
    assert "nobody expected this" in one.talk.drained()[-1].text


def test_lookups_go_on_while_torch_is_loaded(tmp_path, monkeypatch):
    """The lookup's thread once looked into a torch that another thread was still importing."""
    monkeypatch.setitem(sys.modules, "torch", object())
    with inside(tmp_path / "cache") as talk:
        for n in range(3):
            assert isinstance(talk.ask(Clear(str(n))), ENDS)


def test_a_client_that_closes_gives_the_worker_time_for_a_checkpoint(place, tmp_path):
    job = seeded(place, 40, LONG)
    with client_of(tmp_path) as client:
        heard = Heard()
        client.submit(job, heard)
        heard.trained()
        client.close()
        assert isinstance(heard.kind(*ENDS)[1], Stopped)
        assert client._session.error is None
        assert client._session.process.exit_code == 0
        assert client.lookup(job).state == "partial"
