"""Frames as they come from the worker: into the node's Reads and curves, together, a few times a second."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

from ilvi_core.host.protocol import Frame
from ilvi_nuke import build, knobs, state
from ilvi_nuke.export import FOLDER
from ilvi_nuke.state import Solved


class Incoming:
    """The frames of one view of one job. Until the first one comes the node shows what it had."""

    def __init__(self, node: Any, view: str, root: str, token: str) -> None:
        self.node, self.view = node, view
        self.solved = Solved()
        self._ready: dict[int, int] = {}
        self._previews = Path(root) / FOLDER / f"preview-{token}-{view}"
        self._wired = False
        self._before = str(build.result_of(node, view)["file"].value() or "")

    def take(self, events: list[Frame]) -> None:
        """Show these frames; one change of each knob for all of them."""
        final = [e for e in events if e.final]
        early = [e for e in events if not e.final and self._ready.get(e.frame) != state.FINAL]
        shown = [e for e in early if self._mirror(e)]
        if shown:
            self._show_previews(shown)
        if final:
            self._show_results(final)
        if final or shown:
            state.set_ready(self.node, self.view, self._ready)

    def _show_results(self, events: list[Frame]) -> None:
        read = build.result_of(self.node, self.view)
        pattern = state.pattern_of(events[0].path, events[0].frame)
        for event in events:
            self._ready[event.frame] = state.FINAL
        self.solved.frames = sorted({*self.solved.frames, *(e.frame for e in events)})
        if self.solved.pattern != pattern:
            self.solved.pattern = pattern
        state.point(read, pattern, self.solved.frames)
        if pattern == self._before:  # the same names as before, other pixels perhaps
            read["reload"].execute()
        if not self._wired:
            build.wire_layers(self.node, self.view)
            self._wired = True

    def _show_previews(self, events: list[Frame]) -> None:
        read = build.preview_of(self.node, self.view)
        for event in events:
            self._ready[event.frame] = state.PREVIEW
        suffix = os.path.splitext(events[0].path)[1]
        frames = sorted(self._ready)
        state.point(read, f"{self._previews.as_posix()}/preview.%04d{suffix}", frames)
        read["reload"].execute()  # a later preview of a frame has the same name here

    def _mirror(self, event: Frame) -> bool:
        """Have a preview under a name that the Read's pattern knows: the worker gives every one a new name."""
        source = Path(event.path)
        target = self._previews / f"preview.{event.frame:04d}{source.suffix}"
        partial = target.with_name(f".tmp_{target.name}")
        try:
            self._previews.mkdir(parents=True, exist_ok=True)
            partial.unlink(missing_ok=True)
            try:
                os.link(source, partial)
            except OSError:
                shutil.copyfile(source, partial)
            os.replace(partial, target)
        except OSError:  # a newer one has taken its place already, or somebody is reading this one
            return False
        return True

    def end(self) -> None:
        """The job is over: previews that nothing came after go away."""
        left = {frame: value for frame, value in self._ready.items() if value == state.FINAL}
        if left != self._ready and state.alive(self.node):
            self._ready = left
            state.set_ready(self.node, self.view, self._ready)
        self.drop()

    def drop(self) -> None:
        """Remove the previews' files."""
        with contextlib.suppress(OSError):
            shutil.rmtree(self._previews, ignore_errors=True)


def show(node: Any, view: str, files: dict[int, str], entry: str) -> Solved:
    """Have the node show frames that are there already."""
    frames = sorted(files)
    pattern = state.pattern_of(files[frames[0]], frames[0])
    knobs.add_ready(node, view)
    state.point(build.result_of(node, view), pattern, frames)
    build.wire_layers(node, view)
    state.set_ready(node, view, dict.fromkeys(frames, state.FINAL))
    return Solved(pattern, entry, frames)
