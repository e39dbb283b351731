"""The thread that shows, for all that this process holds, that it is alive."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Protocol


class Beating(Protocol):
    """What has to show signs of life every `beat` seconds."""

    beat: float

    def pulse(self) -> None: ...


class Heart:
    """One daemon thread that beats for everything in it; it is there while there is something."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[Beating, float] = {}  # by time.monotonic()
        self._thread: threading.Thread | None = None

    def add(self, item: Beating) -> None:
        with self._changed:
            self._due[item] = time.monotonic() + item.beat
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ilvi-heartbeat", daemon=True)
                self._thread.start()

    def remove(self, item: Beating) -> None:
        with self._changed:
            self._due.pop(item, None)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._due:
                    self._thread = None
                    return
                now = time.monotonic()
                ready = [item for item, due in self._due.items() if due <= now]
                if not ready:
                    self._changed.wait(min(self._due.values()) - now)
                    continue
                self._due.update({item: now + item.beat for item in ready})
            for item in ready:
                with suppress(Exception):  # a file server that does not answer now; the others' beats have to go on
                    item.pulse()
