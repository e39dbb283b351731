"""A report for a terminal: a live line for each phase, or plain lines where nobody watches."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TextIO

from rich.console import Console as RichConsole
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ilvi_core.printing import print_line
from ilvi_core.report import Report, duration

PLAIN_EVERY = 10.0  # seconds between plain progress lines of one phase
LIVE_EVERY = 0.2  # and between changes of a live one
LABELS = {
    "read": "reading",
    "wait": "waiting for another ILVI",
    "flow": "optical flow",
    "features": "VGG16 features",
    "train": "training",
    "donors": "looking in other frames",
    "remainder": "filling what no frame shows",
    "fill": "filling",
    "write": "writing",
}


class Stoppable(Report):
    """Stops on Ctrl-C and on SIGTERM, and says so once."""

    def __init__(self) -> None:
        self._stop = self._said_stop = False

    def stop(self) -> bool:
        if self._stop and not self._said_stop:
            self._said_stop = True
            self.info("Stopping as soon as the step in progress is done.")
        return self._stop

    def close(self) -> None:
        """What was shown is final."""

    @contextmanager
    def stopping_on_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM ask the job to stop; a second one ends it at once."""

        def ask(number: int, frame: FrameType | None) -> None:
            # nothing is printed here: a signal may come in the middle of a print
            self._stop = True
            signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)

        # on Windows a farm's notice is CTRL_BREAK
        names = [name for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]
        numbers = [getattr(signal, name) for name in names]
        before = {number: signal.signal(number, ask) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self.close()


class ConsoleReport(Stoppable):
    """Progress, news and warnings on stderr; no control characters when it is no terminal."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        super().__init__()
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._console = RichConsole(file=self._stream, highlight=False, soft_wrap=True)
        self._live = self._console.is_terminal and not quiet
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._phase = ""
        self._shown = 0.0

    def progress(self, phase: str, done: int, total: int, loss: float | None = None, left: float | None = None) -> None:
        now, first = time.monotonic(), phase != self._phase
        last = done >= total
        wait = LIVE_EVERY if self._live else PLAIN_EVERY
        if self._quiet or (not first and not last and now - self._shown < wait):
            return
        self._phase, self._shown = phase, now
        unit = "update" if phase == "train" else "frame" if phase in ("donors", "fill", "write") else ""
        far = f"{done / max(total, 1):.0%}" if phase == "remainder" else f"{unit} {done} of {total}"
        parts = [f"{LABELS.get(phase, phase)}: {far}".replace("  ", " ")]
        if loss is not None and loss != float("inf"):
            parts.append(f"loss {loss:.5f}")
        if left is not None and not last:
            parts.append(f"{duration(left)} left")
        if self._live:
            self._show(", ".join(parts), done, total, first)
        else:
            print_line(", ".join(parts), self._stream)

    def _show(self, text: str, done: int, total: int, first: bool) -> None:
        if first:
            self.close()
            columns = (TextColumn("{task.description}"), BarColumn(bar_width=24))
            self._bar = Progress(*columns, console=self._console, auto_refresh=False)
            self._bar.start()
            self._task = self._bar.add_task(text, total=total)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=text, completed=done)
            self._bar.refresh()

    def info(self, text: str) -> None:
        if not self._quiet:
            self._line(text)

    def warning(self, code: str, text: str) -> None:
        self._line(f"Warning: {text}")

    def _line(self, text: str) -> None:
        if self._live and self._bar is not None:
            self._bar.console.print(text, markup=False)
        else:
            print_line(text, self._stream)

    def frame(self, frame: int, path: Path, final: bool = True) -> None:
        pass  # the progress line counts them

    def close(self) -> None:
        """Leave the live line as it is and go below it."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
