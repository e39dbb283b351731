"""The requests of a session that have no answer yet, and which message belongs to which."""

from __future__ import annotations

import threading
from typing import Any

from ilvi_core.host.protocol import ENDS, ProtocolError
from ilvi_core.host.run import JOB_EVENTS, Run


class Requests:
    """Open requests by id, for several threads. Once closed none is taken."""

    def __init__(self) -> None:
        self.closed = False
        self._lock = threading.Lock()
        self._open: dict[str, Run | None] = {}  # None: nobody waits for the answer any more

    def __len__(self) -> int:
        return len(self._open)

    @property
    def busy(self) -> bool:
        """Whether a job is among them."""
        with self._lock:
            return any(run and run.kinds is JOB_EVENTS for run in self._open.values())

    def add(self, id: str, run: Run | None) -> bool:
        """False when closed."""
        with self._lock:
            if not self.closed:
                self._open[id] = run
            return not self.closed

    def remove(self, id: str) -> None:
        with self._lock:
            self._open.pop(id, None)

    def give_up(self, id: str) -> bool:
        """When the answer comes after all, it is dropped. False when it has come."""
        with self._lock:
            if id in self._open:
                self._open[id] = None
            return id in self._open

    def holds(self, run: Run) -> bool:
        with self._lock:
            return self._open.get(run.id) is run

    def take(self, message: Any) -> Run | None:
        """Whose message that is, None for nobody's any more. ProtocolError when it answers nothing that is open."""
        with self._lock:
            if self.closed:
                return None
            known = message.id in self._open
            run = self._open.get(message.id)
            if not known or (run and not isinstance(message, run.kinds)):
                problem = "which was asked for something else" if known else "which is not open"
                raise ProtocolError(
                    f"The worker sent '{message.TYPE}' for request {ascii(message.id)[:40]}, {problem}.",
                    "Restart the worker.",
                )
            if isinstance(message, ENDS):
                del self._open[message.id]
            return run

    def close(self) -> list[Run]:
        """Take no more, and give those that somebody waits for."""
        with self._lock:
            self.closed = True
            runs = [run for run in self._open.values() if run]
            self._open.clear()
            return runs
