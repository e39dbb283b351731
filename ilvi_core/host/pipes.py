"""The three pipes of a worker: messages out of stdout, messages into stdin, stderr into the log. A thread for each."""

from __future__ import annotations

import contextlib
import io
import queue
import signal
import sys
from collections.abc import Iterator
from typing import IO, Any

from ilvi_core.host.errors import IlviError
from ilvi_core.host.protocol import MAX_LINE, TO_HOST, ProtocolError, read, write
from ilvi_core.host.worker_log import WorkerLog

SEND_LIMIT = 5.0  # seconds that a full outbox is waited for
OUTBOX = 64  # messages
CHUNK = 1 << 16  # bytes


class CutOff(ProtocolError):
    """The last message lacks its end: most often because the worker came to its own."""


def messages(stdout: IO[bytes]) -> Iterator[Any]:
    """The worker's messages as they come, to the pipe's end. ProtocolError at the first fault, CutOff at a cut end."""
    with io.BufferedReader(stdout, CHUNK) as stream:  # type: ignore[type-var]  # it is a FileIO
        while line := stream.readline(MAX_LINE + 1):  # never more is held
            if not line.endswith(b"\n") and len(line) <= MAX_LINE:
                raise CutOff(f"The worker's last message was cut off after {len(line)} bytes.")
            yield read(line, TO_HOST)


def drain(stderr: IO[bytes], log: WorkerLog) -> None:
    """All of stderr into the log."""
    with contextlib.suppress(OSError, ValueError), stderr as stream:
        while chunk := stream.read(CHUNK):
            log.feed(chunk)
    log.close()


class Outbox:
    """Messages on their way to the worker's stdin: a worker that does not read holds up the writing thread alone."""

    def __init__(self) -> None:
        self._lines: queue.Queue[bytes | None] = queue.Queue(OUTBOX)  # None: close stdin

    def send(self, line: bytes) -> None:
        """IlviError when the worker has not read enough for it within SEND_LIMIT."""
        try:
            self._lines.put(line, timeout=SEND_LIMIT)
        except queue.Full:
            raise IlviError("The worker does not read what it is sent.", "Restart the worker.") from None

    def offer(self, message: Any) -> None:
        """Send it if there is room."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(write(message))

    def close(self) -> None:
        """Close stdin after what was sent, if there is room: else the writer is stuck until the worker is killed."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)

    def write_to(self, stdin: IO[bytes]) -> bool:
        """The writing thread's work. False when the worker does not take it any more."""
        if sys.platform != "win32":
            # Where the host embeds Python this signal may have its default action: to end the host.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
        try:
            with stdin as stream:
                while (line := self._lines.get()) is not None:
                    rest = memoryview(line)
                    while rest:
                        rest = rest[stream.write(rest) :]
        except (OSError, ValueError):
            return False
        return True
