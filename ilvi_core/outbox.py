"""The worker's messages on their way out: in order, from any thread, progress at most five times a second."""

from __future__ import annotations

import dataclasses
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from ilvi_core.host.protocol import ENDS, Failure, Found, Progress, ProtocolError, write

PROGRESS_EVERY = 0.2  # seconds between two progress messages of a job
_CLOSE = object()


class _Latest:
    """A job's progress in the queue: the newest since the last one that was taken."""

    def __init__(self, message: Progress) -> None:
        self.message = message


class Outbox:
    """Writes on a thread of its own: a host that reads slowly never makes a job wait.

    gone: called once when the pipe is closed at the other end.
    """

    def __init__(self, stream: BinaryIO, gone: Callable[[], None]) -> None:
        self._stream, self._gone = stream, gone
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._newest: dict[str, _Latest] = {}  # job -> its progress in the queue
        self._lock = threading.Lock()
        self._sent: dict[str, float] = {}  # job -> when its last progress went out
        self._waiting: dict[str, Progress] = {}  # job -> the newest progress that has not
        self._thread = threading.Thread(target=self._run, name="ilvi-outbox", daemon=True)
        self._thread.start()

    def send(self, message: Any) -> None:
        """Queue a message; never blocks. Of a job's progress only the newest is kept while none can be written."""
        with self._lock:
            if isinstance(message, Progress):
                if message.id in self._newest:
                    self._newest[message.id].message = message
                    return
                self._newest[message.id] = message = _Latest(message)
            elif isinstance(message, ENDS):  # a job of the same id that comes later has progress of its own
                self._newest.pop(message.id, None)
            self._queue.put(message)

    def close(self, limit: float) -> None:
        """Write what is queued, for at most `limit` seconds."""
        self._queue.put(_CLOSE)
        self._thread.join(limit)

    def _run(self) -> None:
        while True:
            try:
                message = self._queue.get(timeout=self._pause())
            except queue.Empty:
                message = None
            if message is _CLOSE:
                return
            try:
                self._take(message)
                self._flush_progress()
            except (OSError, ValueError):  # ValueError: closed on our side
                self._gone()
                return

    def _take(self, message: Any) -> None:
        if isinstance(message, _Latest):
            with self._lock:
                newest = message.message
                if self._newest.get(newest.id) is message:
                    del self._newest[newest.id]
                self._waiting[newest.id] = newest
        elif message is not None:
            if isinstance(message, ENDS):  # what is left to say of its progress is out of date
                self._waiting.pop(message.id, None)
                self._sent.pop(message.id, None)
            self._write(message)

    def _pause(self) -> float | None:
        """Seconds until the next progress may go out; None where there is none."""
        due = [self._sent.get(job, 0.0) + PROGRESS_EVERY for job in self._waiting]
        return max(min(due) - time.monotonic(), 0.0) if due else None

    def _flush_progress(self) -> None:
        now = time.monotonic()
        for job in list(self._waiting):
            if now - self._sent.get(job, -PROGRESS_EVERY) >= PROGRESS_EVERY:
                self._sent[job] = now
                self._write(self._waiting.pop(job))

    def _write(self, message: Any) -> None:
        try:
            data = write(message)
        except (ProtocolError, TypeError, ValueError) as error:
            # an answer that is too long (a lookup of very many frames) or no JSON must not leave a host waiting
            sys.stderr.write(f"A message '{message.TYPE}' cannot be sent: {error}\n")
            if not isinstance(message, ENDS):
                return
            if isinstance(message, Found) and message.frames:  # very many: `start` announces them one by one
                self._write(dataclasses.replace(message, frames={}))
                return
            hint = error.hint if isinstance(error, ProtocolError) else "The details are in the worker's log."
            data = write(Failure(message.id, "failed", f"The answer cannot be sent: {str(error)[:200]}", hint))
        self._stream.write(data)
        self._stream.flush()
