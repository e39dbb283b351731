"""What a run of an evaluation tells: its progress under the evaluation's own line, its warnings into its record."""

from __future__ import annotations

from ilvi_core.report import Report


class Within(Report):
    """Hands on progress and the wish to stop; keeps warnings, and what else is said, as sentences in order."""

    def __init__(self, outer: Report) -> None:
        self._outer = outer
        self.warnings: list[str] = []
        self.said: list[str] = []

    def progress(self, phase: str, done: int, total: int, loss: float | None = None, left: float | None = None) -> None:
        self._outer.progress(phase, done, total, loss, left)

    def info(self, text: str) -> None:
        self.said.append(text)

    def warning(self, code: str, text: str) -> None:
        self.warnings.append(text)

    def stop(self) -> bool:
        return self._outer.stop()
