"""What goes wrong inside the plugin: a line in a log instead of a traceback before the artist."""

from __future__ import annotations

import contextlib
import functools
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ilvi_core.host.errors import IlviError
from ilvi_core.host.places import log_folder

LONGEST = 1 << 20  # bytes of the log, beyond which it begins anew


def log_path() -> Path:
    """The plugin's own log; the worker's is beside it."""
    return log_folder() / "nuke.log"


def note(text: str) -> None:
    """A line, with the time, for whoever asks later. Nothing happens where it cannot be written."""
    with contextlib.suppress(OSError):
        path = log_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        full = path.is_file() and path.stat().st_size > LONGEST
        with open(path, "w" if full else "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")


def in_words(error: BaseException) -> IlviError:
    """The error as a sentence and a hint; what nobody foresaw goes into the log with its traceback."""
    if isinstance(error, IlviError):
        return error
    note("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    return IlviError(f"Something failed inside ILVI: {type(error).__name__}: {error}.", f"Please send {log_path()}.")


def kept(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its exceptions in the log: Nuke would print them and go on."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            in_words(error)
            return None

    return call
