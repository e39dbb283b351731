"""One host's session with the worker: requests are read, queued and answered; one job at a time has the device."""

from __future__ import annotations

import json
import os
import platform
import queue
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import ilvi_core
from ilvi_core.cache import Cache
from ilvi_core.entry import Entry
from ilvi_core.host.errors import Cancelled, DeviceError, IlviError, InputError
from ilvi_core.host.job import Job
from ilvi_core.host.protocol import (
    MAX_LINE,
    PROTOCOL,
    TO_WORKER,
    Accepted,
    Cancel,
    Clear,
    Cleared,
    Failure,
    Finished,
    Found,
    Hello,
    Lookup,
    Ping,
    Pong,
    ProtocolError,
    Ready,
    Rerender,
    Shutdown,
    Start,
    Stopped,
    read,
)
from ilvi_core.memory import free_memory
from ilvi_core.outbox import Outbox
from ilvi_core.pipeline import Options, look, render
from ilvi_core.request import Quiet, Request

_LOG = "The details are in the worker's log; please send it."
LONGEST_ID = 200  # characters
LONGEST_TEXT = 4000  # characters of an error's sentence; it may quote what the host sent
MOST_KEPT = 16  # entries that one host keeps from being evicted: a script has so many shots open, not more


class Session:
    """Reads on one thread, looks up on another, works on the caller's.

    on_end: called when the session ends, with whether the host asked for it; the process should soon be gone.
    """

    def __init__(
        self, incoming: BinaryIO, outgoing: BinaryIO, cache: Cache, on_end: Callable[[bool], None] = lambda asked: None
    ) -> None:
        self.cache = cache
        self._incoming, self._on_end = incoming, on_end
        self._outbox = Outbox(outgoing, lambda: self.end(asked=False))
        self._jobs: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._lookups: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._requests: dict[str, Request] = {}
        self._lock = threading.RLock()
        self._over = False
        self._code = 0
        self._greeted = False
        self._used: dict[str, ExitStack] = {}  # entries whose frames the host may be showing
        self._previewed: set[Path] = set()

    def run(self) -> int:
        """Serve until the end; the exit code."""
        threading.Thread(target=self._read, name="ilvi-reader", daemon=True).start()
        lookups = threading.Thread(target=self._work, args=(self._lookups,), name="ilvi-lookup", daemon=True)
        lookups.start()
        self._work(self._jobs)
        for folder in self._previewed:
            shutil.rmtree(folder, ignore_errors=True)
        for name in list(self._used):
            self._let_go(name)
        self._outbox.close(limit=1.0)
        return self._code

    def end(self, asked: bool) -> None:
        """Stop what runs, forget what is queued, and let `run` return. From any thread, also a signal handler."""
        if not self._over:
            self._over = True
            self._on_end(asked)
        self._jobs.put(None)
        self._lookups.put(None)

    # -- reading -----------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            while line := self._incoming.readline(MAX_LINE + 1):
                if not self._take(read(line, TO_WORKER)):
                    return
            self.end(asked=False)  # the host is gone
        except ProtocolError as error:
            self._fault(error)
        except OSError:
            self.end(asked=False)
        except Exception as error:  # a fault of ours must not leave the host with a worker that hears nothing
            traceback.print_exc()
            self._fault(ProtocolError(f"Something failed inside ILVI: {type(error).__name__}: {error}", _LOG))

    def _fault(self, error: ProtocolError) -> None:
        """Framing is lost, or was never agreed on: say so, and end."""
        self._code = 1
        self._outbox.send(Failure("", "protocol", error.message, error.hint))
        self.end(asked=True)

    def _take(self, message: Any) -> bool:
        """Act on a message; False when it was the last."""
        if isinstance(message, Hello):
            return self._greet(message)
        if not self._greeted:
            raise ProtocolError(f"The first message was '{message.TYPE}', expected 'hello'.", "Say hello first.")
        if isinstance(message, Shutdown):
            self.end(asked=True)
        if self._over:
            return False
        if not 0 < len(message.id) <= LONGEST_ID:  # an error with an empty id would be the session's
            raise ProtocolError(
                f"An id has {len(message.id)} characters, expected 1 to {LONGEST_ID}.", "Give the request another id."
            )
        if isinstance(message, Cancel):
            self._cancel(message.id)
        elif isinstance(message, Ping):
            self._outbox.send(Pong(message.id))
        else:
            self._queue(message)
        return True

    def _greet(self, hello: Hello) -> bool:
        if self._greeted:
            raise ProtocolError("The host said 'hello' twice.", "Start a worker for each session.")
        if hello.protocol != PROTOCOL:
            raise ProtocolError(
                f"The host speaks protocol {hello.protocol}, this worker ({ilvi_core.__version__}) {PROTOCOL}.",
                "Install the plugin and the worker of one version.",
            )
        self._greeted = True
        sys.stderr.write(f"ILVI {ilvi_core.__version__} serves {hello.client[:LONGEST_ID] or 'a host'}\n")
        sys.stderr.flush()
        version, python = ilvi_core.__version__, platform.python_version()
        self._outbox.send(Ready(PROTOCOL, version, os.getpid(), python, str(self.cache.root)))
        return True

    def _queue(self, message: Any) -> None:
        request = Request(message, self._outbox.send, lambda: self._over)
        with self._lock:
            if message.id in self._requests:
                raise ProtocolError(f"The id '{message.id[:40]}' is in use.", "Give every request an id of its own.")
            ahead = sum(isinstance(r.message, (Start, Rerender)) for r in self._requests.values())
            self._requests[message.id] = request
        if isinstance(message, (Start, Rerender)):
            self._outbox.send(Accepted(message.id, ahead))
            self._jobs.put(request)
        else:
            self._lookups.put(request)

    def _cancel(self, id_: str) -> None:
        with self._lock:
            request = self._requests.get(id_)
        if request is None:
            return  # it ended while the cancel was on its way
        if request.cancel():
            request.answer(Stopped(id_, "Stopped before it began."))
            self._forget(request)

    # -- working -----------------------------------------------------------------------------------------------

    def _work(self, requests: queue.SimpleQueue[Request | None]) -> None:
        while (request := requests.get()) is not None and not self._over:
            with request.lock:
                request.begun = True
            if request.cancelled:
                request.answer(Stopped(request.id, "Stopped before it began."))
            else:
                self._answer(request)
            self._forget(request)
            if requests is self._jobs:  # a lookup's thread must not touch the device, nor torch while it is loaded
                free_memory()
        if requests is self._jobs:
            for request in list(self._requests.values()):
                request.answer(Stopped(request.id, "The worker ends.", "What was learned is kept."))

    def _forget(self, request: Request) -> None:
        with self._lock:
            if self._requests.get(request.id) is request:
                del self._requests[request.id]

    def _answer(self, request: Request) -> None:
        """Do what is asked; whatever goes wrong becomes the request's last message."""
        act = {Lookup: self._lookup, Start: self._start, Rerender: self._start, Clear: self._clear}
        try:
            answer = act[type(request.message)](request)
        except Cancelled as error:
            answer = Stopped(request.id, error.message, error.hint)
        except IlviError as error:
            answer = Failure(request.id, _code_of(error), _short(error.message), _short(error.hint))
        except MemoryError:
            answer = Failure(
                request.id, "device", "This machine ran out of memory.", "Use a smaller size or fewer frames."
            )
        except Exception as error:
            traceback.print_exc()
            text = f"Something failed inside ILVI: {type(error).__name__}: {error}"
            answer = Failure(request.id, "failed", _short(text), _LOG)
        # the id is free before the host hears of the end, so that it may use it again
        self._forget(request)
        request.answer(answer)

    def _lookup(self, request: Request) -> Found:
        message: Lookup = request.message
        found = look(_job(message.job), self.cache, message.accept_reduced, Quiet(request))
        if found.entry is None:
            return Found(request.id, found.state)
        if found.frames:
            self._keep(found.entry)
        frames = {str(frame): str(path) for frame, path in found.frames.items()}
        entry = found.entry
        return Found(request.id, found.state, entry.name, frames, entry.reduced, entry.seconds)

    def _start(self, request: Request) -> Finished:
        message: Start | Rerender = request.message
        job, began = _job(message.job), time.monotonic()
        request.view = job.plate.layer
        if isinstance(message, Rerender):
            options = Options(accept_reduced=True, solve=False)
        else:
            options = Options(message.refresh, message.accept_reduced, message.previews)
        try:
            result = render(job, request, self.cache, options)
        finally:
            self._previewed |= request.preview_folders
        if not job.output and result.folder is not None and (entry := Entry.open(result.folder)):
            self._keep(entry)
        stats = {**result.stats, "seconds": round(time.monotonic() - began, 3)}
        return Finished(request.id, result.folder.name if result.folder else "", len(result.frames), stats)

    def _clear(self, request: Request) -> Cleared:
        name = request.message.entry
        folders = [self.cache.folder(name)] if name else self.cache.folders()
        entries = size = in_use = 0
        for listed in self.cache.list():
            if listed.folder not in folders:
                continue
            shown = self._let_go(listed.folder.name)
            if self.cache.remove(listed.folder):
                entries, size = entries + 1, size + listed.bytes
            else:
                in_use += 1
                if shown and listed.entry is not None:
                    self._keep(listed.entry)
        return Cleared(request.id, entries, size, in_use)

    def _keep(self, entry: Entry) -> None:
        """The host shows files of this entry: it is not evicted while it is among the last MOST_KEPT."""
        with self._lock:
            stack = self._used.pop(entry.name, None)
            if stack is None:
                stack = ExitStack()
                stack.enter_context(self.cache.using(entry))
            self._used[entry.name] = stack  # the newest last
            oldest = next(iter(self._used))
        if len(self._used) > MOST_KEPT:
            self._let_go(oldest)

    def _let_go(self, name: str) -> bool:
        """The host shows nothing of this entry any more; whether it did."""
        with self._lock:
            stack = self._used.pop(name, None)
        if stack is not None:
            stack.close()
        return stack is not None


def _job(record: dict[str, Any]) -> Job:
    return Job.from_json(json.dumps(record), "The job")


def _code_of(error: IlviError) -> str:
    return "input" if isinstance(error, InputError) else "device" if isinstance(error, DeviceError) else "failed"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + " ..."
