"""The worker as a host sees it: found, started when it is needed, asked, stopped."""

from __future__ import annotations

import atexit
import contextlib
import enum
import itertools
import json
import os
import platform
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.host.job import Job
from ilvi_core.host.places import find_worker, log_folder, worker_environment
from ilvi_core.host.process import WorkerProcess
from ilvi_core.host.protocol import Clear, Cleared, Failure, Found, Lookup, Ping, Pong, Ready, Rerender, Start
from ilvi_core.host.run import JOB_EVENTS, Run
from ilvi_core.host.session import FAULT_GRACES, Session
from ilvi_core.host.worker_log import WorkerLog, sweep

GRACES = (10.0, 2.0, 2.0)  # seconds: to shut down with a checkpoint; after its input is closed; after it is terminated
EXIT_GRACES = (5.0, 1.0, 1.0)  # the same while the host itself exits

OnEvent = Callable[[Any], None]


class State(enum.Enum):
    """What a client is at. stopped: not yet started, or closed; busy: a job is open; failed: a request restarts it."""

    NOT_INSTALLED = "not_installed"
    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    FAILED = "failed"


class WorkerClient:
    """Asks one worker at a time, and starts it when the first request comes. Every call has a time limit.

    python: of the worker, see `find_worker`.  command: the whole command line instead.
    environment: what the worker's is made from (`worker_environment`); None: this process's.
    cache: the cache's folder; empty: the worker's choice.
    log: the file for the worker's stderr; None: one in `log_folder`.
    name: who is asking, for the worker's log.
    ready_timeout: seconds from spawning to the worker's greeting.
    silence: seconds without any answer after which a worker counts as hung while something is asked of it.
    graces: seconds, see GRACES.
    """

    def __init__(
        self,
        python: str = "",
        *,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        cache: str = "",
        log: str | os.PathLike[str] | None = None,
        name: str = "",
        ready_timeout: float = 30.0,
        silence: float = 120.0,
        graces: Sequence[float] = GRACES,
    ) -> None:
        self._session: Session | None = None
        self._python = python
        self._command = command
        self._environment = environment
        self._cache = cache
        self._log = log
        self._name = name or f"{os.path.basename(sys.executable or 'host')}, Python {platform.python_version()}"
        self._ready_timeout = ready_timeout
        self._silence = silence
        self._graces = graces
        self._ids = itertools.count(1)
        self._lock = threading.Lock()  # one spawns
        _clients.add(self)

    @property
    def state(self) -> State:
        session = self._session
        if session is None or (session.over and session.error is None):
            return State.STOPPED if self._installed() else State.NOT_INSTALLED
        if session.over:
            return State.FAILED
        if session.ready is None:
            return State.STARTING
        return State.BUSY if session.busy else State.READY

    @property
    def log_path(self) -> Path | None:
        """The file that the worker's stderr goes to; None before its first start."""
        return self._session.log.path if self._session else None

    def log_end(self, lines: int = 20) -> str:
        """The last lines of the worker's stderr, this worker's or the last one's."""
        return self._session.log.end(lines) if self._session else ""

    def start(self) -> Ready:
        """Start the worker unless it runs, and wait until it is ready. IlviError when it is not in time, or ends."""
        return self._running()[1]

    def restart(self) -> Ready:
        """Stop the worker, its jobs too, and start a new one."""
        self.close()
        return self.start()

    def lookup(self, job: Job, timeout: float = 30.0, accept_reduced: bool = True) -> Found:
        """What the cache has of the job. timeout: seconds, beside those of a start that is needed."""
        record = _record(job)
        return self._ask(lambda id: Lookup(id, record, accept_reduced), Found, timeout)

    def submit(
        self,
        job: Job,
        on_event: OnEvent | None = None,
        refresh: bool = False,
        previews: bool = True,
        accept_reduced: bool = True,
    ) -> Run:
        """Give the worker a job, see `Run`. refresh: solve it even when the cache has it."""
        record = _record(job)
        return self._begin(lambda id: Start(id, record, refresh, previews, accept_reduced), on_event)

    def rerender(self, job: Job, on_event: OnEvent | None = None) -> Run:
        """New frames of a solved job by its comp settings, range and output; an error when it is not solved."""
        record = _record(job)
        return self._begin(lambda id: Rerender(id, record), on_event)

    def clear(self, entry: str = "", timeout: float = 60.0) -> Cleared:
        """Remove an entry from the cache, or (empty) all that nobody uses. timeout: seconds."""
        return self._ask(lambda id: Clear(id, entry), Cleared, timeout)

    def ping(self, timeout: float = 5.0) -> float:
        """Seconds that the worker takes to answer. timeout: seconds."""
        self._running()
        begun = time.monotonic()
        self._ask(Ping, Pong, timeout)
        return time.monotonic() - begun

    def cancel(self, run: Run) -> None:
        run.cancel()

    def close(self, graces: Sequence[float] | None = None) -> None:
        """Stop the worker, with a checkpoint of what runs; open runs end as stopped. A later request starts a new one.

        Takes at most the sum of the graces and a few seconds. From any thread; nothing happens when none runs.
        """
        if self._session:
            self._session.close(self._graces if graces is None else graces)

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        session = getattr(self, "_session", None)  # not there when __init__ failed
        if session:
            session.abandon(self._graces)

    def _running(self) -> tuple[Session, Ready]:
        limit = self._ready_timeout + sum(FAULT_GRACES)
        if not self._lock.acquire(timeout=limit):
            raise IlviError(f"Another thread has been starting the worker for {limit:g} s.", "Try again.")
        try:
            session = self._session
            if session is None or session.over:
                if session:
                    session.await_gone(sum(FAULT_GRACES))  # two at once would share the GPU's memory
                session = self._session = self._spawn()
        finally:
            self._lock.release()
        return session, session.await_ready(self._ready_timeout)

    def _spawn(self) -> Session:
        command = list(self._command or (find_worker(self._python), "-I", "-m", "ilvi_core.worker"))
        environment = worker_environment(self._environment)
        if self._cache:
            environment["ILVI_CACHE"] = os.path.abspath(os.path.expanduser(self._cache))
        process = WorkerProcess(command, environment)
        if self._log is None:
            sweep(log_folder())
        log = WorkerLog(log_folder() / f"worker-{process.pid}.log" if self._log is None else Path(self._log))
        return Session(process, log, self._ids, self._name, self._silence)

    def _ask(self, make: Callable[[str], Any], answer: type, timeout: float) -> Any:
        session, _ = self._running()
        session.refuse_in_callback()
        run = session.request(make, (answer, Failure))
        try:
            return run.wait(timeout)
        finally:
            session.give_up(run)  # nothing when it is answered

    def _begin(self, make: Callable[[str], Any], on_event: OnEvent | None) -> Run:
        session, _ = self._running()
        return session.request(make, JOB_EVENTS, on_event, owner=self)

    def _installed(self) -> bool:
        if self._command is None:
            with contextlib.suppress(InputError):
                find_worker(self._python)
                return True
        return self._command is not None

    def _forget(self) -> None:
        """In a forked child: the worker is the parent's, and a thread that held the lock is not here."""
        self._lock = threading.Lock()
        if self._session:
            self._session.process.forget()
            self._session = None


def _record(job: Job) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(job.to_json())
    return record


_clients: weakref.WeakSet[WorkerClient] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """The host exits: all workers at once, with shorter graces."""
    sessions = [client._session for client in _clients if client._session]
    for session in sessions:
        session.close(EXIT_GRACES, wait=False)
    for session in sessions:
        session.close(EXIT_GRACES)


def _forget_all() -> None:
    for client in list(_clients):
        client._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
