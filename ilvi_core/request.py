"""One request of a host, as the pipeline sees it: what it reports becomes messages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ilvi_core.host.protocol import Cancelling, Frame, Info, Progress, Started, Warn
from ilvi_core.report import Report


class Request(Report):
    """One request with its id: what the pipeline reports of it becomes messages; `stop` is whether it was cancelled."""

    def __init__(self, message: Any, send: Callable[[Any], None], over: Callable[[], bool]) -> None:
        self.message, self.id = message, message.id
        self._send, self._over = send, over
        self.lock = threading.Lock()
        self.cancelled = self.begun = self.ended = False
        self.view = ""
        self.preview_folders: set[Path] = set()

    def progress(self, phase: str, done: int, total: int, loss: float | None = None, left: float | None = None) -> None:
        self._send(Progress(self.id, phase, done, total, _finite(left), _finite(loss)))

    def info(self, text: str) -> None:
        self._send(Info(self.id, text))

    def warning(self, code: str, text: str) -> None:
        self._send(Warn(self.id, code, text))

    def started(self, state: str, entry: str, device: str) -> None:
        self._send(Started(self.id, state, entry, device))

    def frame(self, frame: int, path: Path, final: bool = True) -> None:
        if not final:
            self.preview_folders.add(path.parent)
        self._send(Frame(self.id, frame, str(path), final, self.view))

    def stop(self) -> bool:
        return self.cancelled or self._over()

    def answer(self, message: Any) -> None:
        """The last message of the request; there is only one."""
        with self.lock:
            if not self.ended:
                self.ended = True
                self._send(message)

    def cancel(self) -> bool:
        """Acknowledge a cancel, unless it is too late for it; whether the request still waits for its turn."""
        with self.lock:
            if self.ended:
                return False
            self._send(Cancelling(self.id))
            self.cancelled = True
            return not self.begun


class Quiet(Report):
    """A lookup says nothing before its answer, but can be stopped."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def stop(self) -> bool:
        return self._request.stop()


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < float("inf") else None
