"""A run's record on disk: written whole, trusted only when it is of the same work and its fills are there."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

from ilvi_core.evaluate.results import DONE
from ilvi_core.files import PARTIAL, make_folders, publish
from ilvi_core.host.errors import IlviError

RECORD, FAULT = "run.json", "fault.txt"


def said_of(error: Exception, run: Path) -> str:
    """A failure in words; of one that is ours to mend the traceback is kept."""
    if isinstance(error, (IlviError, MemoryError)):
        return str(error) or "This machine ran out of memory."
    make_folders(run)
    publish(run / FAULT, traceback.format_exc().encode())
    return f"{type(error).__name__}: {error} (see {run / FAULT})"


def read_record(run: Path) -> dict[str, Any] | None:
    """A run's record; None where there is none, or none that can be read: then it is run again."""
    try:
        record = json.loads((run / RECORD).read_text(encoding="utf-8"))
        return record if {"key", "status", "clip", "method"} <= record.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def publish_record(run: Path, record: dict[str, Any]) -> None:
    make_folders(run)
    publish(run / RECORD, (json.dumps(record, indent=1) + "\n").encode())


def is_done(record: dict[str, Any] | None, key: str, run: Path, frames: int) -> bool:
    """Whether a run's record is of this work, and its fills are there."""
    if record is None or record["key"] != key or record["status"] != DONE:
        return False
    return all((run / f"fill.{number:04}.png").is_file() for number in range(1, frames + 1))


def clean(run: Path) -> None:
    """Take away what an earlier run left here; what was learned stays: its checkpoint knows what it is of."""
    for path in [*run.glob("*.png"), *run.glob("*.npz"), *run.glob(f"{PARTIAL}*"), run / FAULT, run / RECORD]:
        path.unlink(missing_ok=True)
