"""What a worker says on stderr: its last lines in memory, all of it in a file of bounded size. Never raises."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from pathlib import Path
from typing import IO

LINES = 200  # that are remembered
LONGEST_LINE = 2000  # bytes of a line that are remembered
FILE_LIMIT = 4 << 20  # bytes; the file before it is kept as .old
KEPT_LOGS = 20  # logs of earlier workers that stay in the folder


class WorkerLog:
    """Takes bytes from one thread, notes from any, and gives the last lines to any.

    path: the file, its folder is made; None: memory alone. A file that cannot be written is given up silently: a log
    never stands in the way of a job.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._lines: deque[bytes] = deque(maxlen=LINES)
        self._partial = b""  # the last line, as long as it has no end
        self._size = 0
        self._file: IO[bytes] | None = None
        self._open()

    def feed(self, data: bytes) -> None:
        """What came from stderr, in any pieces."""
        with self._lock:
            self._write(data)
            *ended, rest = data.split(b"\n")
            for piece in ended:
                self._lines.append((self._partial + piece[:LONGEST_LINE])[:LONGEST_LINE])
                self._partial = b""
            self._partial = (self._partial + rest[:LONGEST_LINE])[:LONGEST_LINE]

    def note(self, text: str) -> None:
        """A line, or several, of the host's side."""
        lines = [b"host: " + line.encode("utf-8", "backslashreplace") for line in text.splitlines()]
        with self._lock:
            self._write(b"\n".join(lines) + b"\n")
            self._lines.extend(line[:LONGEST_LINE] for line in lines)

    def end(self, count: int = 20) -> str:
        """The last lines, at most `count`."""
        with self._lock:
            lines = [*self._lines, self._partial] if self._partial else list(self._lines)
        return "\n".join(line.decode("utf-8", "replace").rstrip("\r") for line in lines[-count:])

    def close(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._file:
                self._file.close()
            self._file = None

    def _write(self, data: bytes) -> None:
        if not self._file:
            return
        try:
            if self._size and self._size + len(data) > FILE_LIMIT:
                self._file.close()
                os.replace(str(self.path), f"{self.path}.old")
                self._open()
            if self._file:
                self._file.write(data)
                self._size += len(data)
        except (OSError, ValueError):  # ValueError: closed
            self._file = None

    def _open(self) -> None:
        self._file, self._size = None, 0
        if self.path is None:
            return
        with contextlib.suppress(OSError, ValueError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "wb", buffering=0)  # noqa: SIM115  # it outlives this function


def sweep(folder: Path) -> None:
    """Remove the oldest logs of a folder that has more than KEPT_LOGS."""
    with contextlib.suppress(OSError):
        logs = sorted(folder.glob("worker-*.log*"), key=os.path.getmtime)
        for path in logs[:-KEPT_LOGS]:
            with contextlib.suppress(OSError):
                path.unlink()
