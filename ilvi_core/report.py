"""What a job tells whoever started it, while it runs."""

from __future__ import annotations

from pathlib import Path

GO_ON = "Run it again to go on from here."


class Report:
    """Hears nothing and never stops; front ends override what they show. Calls come from the solving thread."""

    def progress(self, phase: str, done: int, total: int, loss: float | None = None, left: float | None = None) -> None:
        """phase: read, wait, flow, features, train, fill, write.  loss: L_r.  left: seconds to the end of the phase."""

    def info(self, text: str) -> None:
        """Something worth knowing that is as it should be."""

    def warning(self, code: str, text: str) -> None:
        """Something the user may want to change; `code` is one word for programs."""

    def frame(self, frame: int, path: Path, final: bool = True) -> None:
        """A frame is there, whole. Not final: a preview, under a name of its own."""

    def started(self, state: str, entry: str, device: str) -> None:
        """What the cache has is known.  state: frames, fills, weights, partial, none.  device: that it is solved on."""

    def window(self, number: int, count: int, frames: str) -> None:
        """A split clip: what follows is of this window, 1 being the first."""
        self.info(f"Window {number} of {count}: frames {frames}.")

    def stop(self) -> bool:
        """Asked before every update and every frame; True ends the job, with a checkpoint."""
        return False


def duration(seconds: float) -> str:
    """'40 s', '3 min', '2 h 10 min'."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
