"""Everything that touches `nuke` happens on the main thread: how other threads get there, and nothing else."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import nuke

from ilvi_nuke import faults

EVERY = 0.2  # seconds between two deliveries: the viewer refreshes with each


def call(function: Callable[..., None], *args: Any) -> None:
    """Have it called on the main thread, soon; from any thread. In a Nuke without a GUI nothing would call it."""
    nuke.executeInMainThread(faults.kept(function), args)


def aside(work: Callable[[], Any], then: Callable[[Any, BaseException | None], None]) -> None:
    """Do `work`, which may wait for the worker, on a thread; then(result, error) on the main thread."""

    def run() -> None:
        try:
            result, error = work(), None
        except BaseException as caught:
            result, error = None, caught
        call(then, result, error)

    threading.Thread(target=run, name="ilvi-aside", daemon=True).start()


class Mailbox:
    """Events from the worker's thread, delivered on the main thread together, at most once every EVERY seconds."""

    def __init__(self, deliver: Callable[[list[Any]], None]) -> None:
        self._deliver = deliver
        self._events: deque[Any] = deque()
        self._lock = threading.Lock()
        self._due = False
        self._last = 0.0

    def put(self, event: Any) -> None:
        """From any thread."""
        with self._lock:
            self._events.append(event)
            if self._due:
                return
            self._due = True
            wait = max(self._last + EVERY - time.monotonic(), 0.0)
        if wait:
            timer = threading.Timer(wait, call, (self._empty,))
            timer.daemon = True
            timer.start()
        else:
            call(self._empty)

    def _empty(self) -> None:
        with self._lock:
            events = list(self._events)
            self._events.clear()
            self._due, self._last = False, time.monotonic()
        self._deliver(events)
