"""Workers for tests: real ones, behind a client or spoken to line by line, and sessions inside this process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

from ilvi_core.cache import Cache
from ilvi_core.host.client import WorkerClient
from ilvi_core.host.protocol import ENDS, PROTOCOL, TO_HOST, Frame, Hello, Progress, Ready, read, write
from ilvi_core.session import Session

COMMAND = [sys.executable, "-I", "-m", "ilvi_core.worker"]
LIMIT = 60.0  # seconds that a loaded machine may take for what is not timed
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # where two processes train


class Heard:
    """What was said, and when; serves as a client's callback."""

    def __init__(self):
        self.said = []  # (time.monotonic(), message)
        self._change = threading.Condition()

    def __call__(self, message):
        with self._change:
            self.said.append((time.monotonic(), message))
            self._change.notify_all()

    def until(self, there, seconds=LIMIT):
        """(time, message) of the first message that fits, which may have come already."""
        with self._change:
            found = self._change.wait_for(lambda: next((s for s in self.said if there(s[1])), None), seconds)
        assert found, f"not within {seconds} s, but {[message for _, message in self.said[-5:]]}"
        return found

    def kind(self, *kinds, seconds=LIMIT):
        return self.until(lambda message: isinstance(message, kinds), seconds)

    def trained(self, updates=1, id=""):
        """Wait until so many updates were reported, of that job or any."""
        return self.until(
            lambda m: isinstance(m, Progress) and m.phase == "train" and m.done >= updates and m.id in (id or m.id)
        )

    def updates(self):
        """The numbers of the updates that were reported."""
        return [m.done for m in self.of(Progress) if m.phase == "train"]

    def of(self, *kinds):
        return [message for _, message in self.said if isinstance(message, kinds)]

    def frames(self, final=True):
        return {m.frame: m.path for m in self.of(Frame) if m.final is final}

    def phases(self):
        return {m.phase for m in self.of(Progress)}

    def end(self, id):
        return self.until(lambda message: isinstance(message, ENDS) and message.id == id)[1]


class Talk:
    """Speaks the protocol line by line; whatever comes back has to be a message."""

    def __init__(self, to_worker, from_worker):
        self.heard, self.fault = Heard(), None
        self._out, self._in = to_worker, from_worker
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            for line in self._in:
                self.heard(read(line, TO_HOST))
        except Exception as error:
            self.fault = error

    def say(self, message):
        self._out.write(message if isinstance(message, bytes) else write(message))
        self._out.flush()

    def greet(self):
        self.say(Hello(PROTOCOL, "the tests"))
        return self.heard.kind(Ready)[1]

    def ask(self, message):
        """The last answer to a request."""
        self.say(message)
        return self.heard.end(message.id)

    def hang_up(self):
        self._out.close()

    def drained(self, seconds=LIMIT):
        """All that was said, once the worker has closed its end."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the worker does not end"
        assert self.fault is None, self.fault
        return [message for _, message in self.heard.said]


@contextmanager
def spoken_to(folder, command=COMMAND, **environment):
    """(process, Talk) of a real worker, its stderr in folder/stderr; killed afterwards."""
    with open(folder / "stderr", "wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "ILVI_CACHE": str(folder / "cache"), **environment},
            start_new_session=True,
        )
    try:
        yield process, Talk(process.stdin, process.stdout)
    finally:
        process.kill()
        process.wait()


class Inside:
    """A session in this process, on a thread of its own, over real pipes. Hang up, or it stays."""

    def __init__(self, cache_folder):
        there, to_worker = os.pipe()
        from_worker, back = os.pipe()
        self._ends = os.fdopen(there, "rb"), os.fdopen(back, "wb")
        self.session, self.code = Session(*self._ends, Cache(cache_folder)), None
        self.talk = Talk(os.fdopen(to_worker, "wb"), os.fdopen(from_worker, "rb"))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        self.code = self.session.run()
        self._ends[1].close()

    def over(self, seconds=LIMIT):
        """The exit code, once it has ended."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the session does not end"
        return self.code


@contextmanager
def inside(cache_folder):
    """The Talk of a session in this process, greeted."""
    one = Inside(cache_folder)
    try:
        one.talk.greet()
        yield one.talk
    finally:
        one.talk.hang_up()
        one.over()


@contextmanager
def client_of(folder, command=COMMAND, environment=None, **options):
    """A client of a real worker, with cache and log in a folder; closed afterwards."""
    options = {"cache": str(folder / "cache"), "log": folder / "worker.log", **options}
    client = WorkerClient(command=command, environment={**os.environ, **(environment or {})}, **options)
    try:
        yield client
    finally:
        client.close((5.0, 1.0, 1.0))


def soon(there, seconds=LIMIT):
    """Whether it gets true in time."""
    until = time.monotonic() + seconds
    while not there():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def alive(pid):
    """Whether a process runs; one that ended and waits to be seen does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def has_torch(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
        return "libtorch" in file.read()
