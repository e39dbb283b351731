"""Reports for programs: a render farm's log, or whoever reads JSON lines. On stdout; people's words stay on stderr."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from ilvi_core.console import LABELS, ConsoleReport, Stoppable
from ilvi_core.printing import print_line
from ilvi_core.report import duration

EVERY = 1.0  # s between two lines of progress
# phase -> the part of a job that it is, roughly
PARTS = {
    "read": (0.0, 0.05),
    "flow": (0.05, 0.2),
    "donors": (0.2, 0.45),
    "remainder": (0.45, 0.6),
    "features": (0.45, 0.5),
    "train": (0.5, 0.85),
    "fill": (0.85, 0.92),
    "write": (0.92, 1.0),
}


class MachineReport(Stoppable):
    """What both have in common: a share of the whole that only grows, at most once a second."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        super().__init__()
        self._stream, self._quiet = stream or sys.stdout, quiet
        self._shown, self._phase, self.share = 0.0, "", 0.0
        self._number = self._count = 1

    def window(self, number: int, count: int, frames: str) -> None:
        self._number, self._count = number, count
        super().window(number, count, frames)

    def is_due(self, phase: str, done: int, total: int) -> bool:
        """Moves the share on, and says whether it is to be told."""
        start, end = PARTS.get(phase, (0.0, 0.0))
        share = start + (end - start) * done / max(total, 1)
        if phase != "write":  # windows are solved one after the other, and written together
            share = (self._number - 1 + share) / self._count
        self.share = max(self.share, share)
        now = time.monotonic()
        if self._quiet or (phase == self._phase and done < total and now - self._shown < EVERY):
            return False
        self._phase, self._shown = phase, now
        return True

    def line(self, text: str) -> None:
        print_line(text, self._stream)


class JsonReport(MachineReport):
    """A JSON object a line: progress, info, warning, frame, started, failed."""

    def say(self, kind: str, **fields: Any) -> None:
        self.line(json.dumps({"type": kind, **fields}))

    def progress(self, phase: str, done: int, total: int, loss: float | None = None, left: float | None = None) -> None:
        if self.is_due(phase, done, total):
            share = round(100 * self.share, 1)
            self.say("progress", phase=phase, done=done, total=total, percent=share, seconds_left=left)

    def info(self, text: str) -> None:
        if not self._quiet:
            self.say("info", text=text)

    def warning(self, code: str, text: str) -> None:
        self.say("warning", code=code, text=text)

    def frame(self, frame: int, path: Path, final: bool = True) -> None:
        if final:
            self.say("frame", frame=frame, path=str(path))

    def started(self, state: str, entry: str, device: str) -> None:
        self.say("started", state=state, entry=entry, device=device)


class OpenJdReport(MachineReport):
    """The lines by which a task tells Open Job Description how far it is; it is the exit code that counts."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        super().__init__(stream, quiet)
        self._told = -1.0

    def progress(self, phase: str, done: int, total: int, loss: float | None = None, left: float | None = None) -> None:
        if not self.is_due(phase, done, total):
            return
        percent = round(100 * self.share, 1)
        if percent != self._told:
            self._told = percent
            self.line(f"openjd_progress: {percent}")
        rest = f", {duration(left)} left" if left is not None and done < total else ""
        self.line(f"openjd_status: {LABELS.get(phase, phase)} {done} of {total}{rest}")

    def info(self, text: str) -> None:
        if not self._quiet:
            self.line(text)

    def warning(self, code: str, text: str) -> None:
        self.line(f"Warning: {text}")


def report_for(kind: str, quiet: bool) -> Stoppable:
    """plain, json or openjd."""
    return {"json": JsonReport, "openjd": OpenJdReport}.get(kind, ConsoleReport)(quiet=quiet)
