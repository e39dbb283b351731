"""Lines for terminals, logs and pipes."""

from __future__ import annotations

from contextlib import suppress
from typing import TextIO


def print_line(text: str, stream: TextIO) -> None:
    """A line at once. A stream that was closed at its other end is silent: a job does not end for its log's sake."""
    with suppress(OSError, ValueError):
        print(text, file=stream, flush=True)
