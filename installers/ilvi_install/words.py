"""What the installer says, and its one kind of error."""

from __future__ import annotations

import sys
from typing import Any


class Refused(Exception):
    """What a person can do something about: one sentence and a hint. code: 1 failed, 2 bad input or no rights."""

    def __init__(self, message: str, hint: str = "", code: int = 1) -> None:
        super().__init__(message)
        self.message, self.hint, self.code = message, hint, code


def say(text: str = "") -> None:
    """A line for the person, at once: steps take minutes."""
    print(text, flush=True)


def complain(error: Refused) -> int:
    """Print an error; its exit code."""
    sys.stdout.flush()
    print(f"install: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
    return error.code


def safe_streams() -> None:
    """Paths in any alphabet are printed, if need be with escapes: no terminal's encoding ends an installation."""
    for stream in (sys.stdout, sys.stderr):
        plain: Any = stream
        if hasattr(plain, "reconfigure"):
            plain.reconfigure(errors="backslashreplace")


def size(count: float) -> str:
    """Bytes in words."""
    if count < 2**30:
        return f"{count / 2**20:.1f} MiB"
    return f"{count / 2**30:.1f} GiB"
