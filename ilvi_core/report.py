"""What a job tells whoever started it, while it runs."""

from __future__ import annotations

from pathlib import Path


class Report:
    """Hears nothing and never stops; front ends override what they show. Calls come from the solving thread."""

    def progress(self, phase: str, done: int, total: int, loss: float | None = None, left: float | None = None) -> None:
        """phase: read, flow, features, train, write.  loss: L_r.  left: seconds to the end of the phase."""

    def info(self, text: str) -> None:
        """Something worth knowing that is as it should be."""

    def warning(self, code: str, text: str) -> None:
        """Something the user may want to change; `code` is one word for programs."""

    def frame(self, frame: int, path: Path) -> None:
        """A result frame is there, whole."""

    def stop(self) -> bool:
        """Asked before every update and every frame; True ends the job, with a checkpoint."""
        return False
