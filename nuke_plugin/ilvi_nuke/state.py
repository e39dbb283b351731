"""What a node remembers in the script: which frames there are, and of what they were made."""

from __future__ import annotations

import contextlib
import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import nuke

from ilvi_nuke import knobs

NONE, PREVIEW, FINAL = 0, 1, 2  # values of a ready curve
_PERCENT = re.compile(r"%0?\d*d")
_NUMBER = re.compile(r"(-?)(\d+)(\.[A-Za-z0-9]+)$")


@dataclass
class Solved:
    """One view's frames. pattern: their files, `%04d` for the number.  entry: the cache's name for them."""

    pattern: str = ""
    entry: str = ""
    frames: list[int] = field(default_factory=list)


@dataclass
class State:
    """What was solved last.

    settings, comp: the panel's values then.  upstream: input -> node -> digest.  files: input -> digest of its files'
    times.  inputs: view -> plate, matte and clean plates: the files that the worker read.  cache: the cache's folder.
    done: when, and how long it took, in words.
    """

    views: dict[str, Solved] = field(default_factory=dict)
    first: int = 0
    last: int = -1
    settings: dict[str, Any] = field(default_factory=dict)
    comp: dict[str, Any] = field(default_factory=dict)
    upstream: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    cache: str = ""
    done: str = ""

    @property
    def solved(self) -> bool:
        return any(view.frames for view in self.views.values())


def load(node: Any) -> State:
    """The node's memory; an empty one where it is new, or another version's."""
    try:
        record = json.loads(node[knobs.STATE].value())
        views = {view: Solved(**solved) for view, solved in record.pop("views").items()}
        return State(views=views, **record)
    except (ValueError, TypeError, KeyError, AttributeError):
        return State()


def save(node: Any, state: State) -> None:
    with quietly():
        node[knobs.STATE].setValue(json.dumps(asdict(state), sort_keys=True))


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """What the node does by itself is nothing that an artist would want to undo."""
    was = nuke.Undo.disabled()
    if not was:
        nuke.Undo.disable()
    try:
        yield
    finally:
        if not was:
            nuke.Undo.enable()


def identity(node: Any) -> str:
    """The node's own id, whatever it is called; a new one where it has none."""
    if not node[knobs.ID].value():
        renew(node)
    return str(node[knobs.ID].value())


def renew(node: Any) -> None:
    """A copy is a node of its own."""
    with quietly():
        node[knobs.ID].setValue(uuid.uuid4().hex)


def alive(node: Any) -> bool:
    """Whether the node is still one of ours in a script: a deleted one's Python object refuses every use."""
    try:
        return node.knob(knobs.STATE) is not None
    except ValueError:
        return False


def set_ready(node: Any, view: str, ready: dict[int, int]) -> None:
    """Write what there is of each frame as a curve of steps, with as few keys as it needs; once is enough."""
    knob = node[knobs.ready_name(view)]
    wanted = _steps(ready)
    curve = knob.animation(0) if knob.isAnimated() else None
    if [(round(key.x), round(key.y)) for key in (curve.keys() if curve else [])] == wanted:
        return
    with quietly():
        knob.clearAnimated()
        knob.setValue(NONE)
        if wanted:
            knob.setAnimated()
            for frame, value in wanted:
                knob.setValueAt(value, frame)
            curve, frames = knob.animation(0), {frame for frame, _ in wanted}
            # setAnimated has put a key of its own at the current frame
            curve.removeKey([key for key in list(curve.keys()) if round(key.x) not in frames])
            curve.changeInterpolation(curve.keys(), nuke.CONSTANT)


def _steps(ready: dict[int, int]) -> list[tuple[int, int]]:
    """The frames at which what there is changes, and to what."""
    if not any(ready.values()):
        return []
    steps: list[tuple[int, int]] = []
    for frame in sorted({edge for known in ready for edge in (known, known + 1)} | {min(ready) - 1}):
        value = ready.get(frame, NONE)
        if not steps or value != steps[-1][1]:
            steps.append((frame, value))
    return steps


def ready_at(node: Any, view: str, frame: int) -> int:
    """What there is of a frame: NONE, PREVIEW or FINAL."""
    knob = node.knob(knobs.ready_name(view))
    return NONE if knob is None else int(knob.getValueAt(frame))


def point(read: Any, pattern: str, frames: list[int]) -> None:
    """Have a Read read these files, raw."""
    first, last = min(frames), max(frames)
    wanted = {"file": pattern, "first": first, "last": last, "origfirst": first, "origlast": last}
    with quietly():
        for name, value in wanted.items():
            if read[name].value() != value:
                read[name].setValue(value)


def views() -> list[str]:
    """Of the script."""
    return [str(view) for view in nuke.views()]


def pattern_of(path: str, frame: int) -> str:
    """`/a/clean.1001.exr` and 1001 -> `/a/clean.%04d.exr`, forward slashes alone (TCL reads them)."""
    path = path.replace("\\", "/")
    found = _NUMBER.search(path)
    if not found or int(found.group(2)) != abs(frame):
        return path
    dash = found.group(1) if frame >= 0 else ""  # a hyphen before the number, or its sign
    digits = len(found.group(2)) + (frame < 0)
    return f"{path[: found.start()]}{dash}%0{digits}d{found.group(3)}"


def on_disk(pattern: str, frames: Iterable[int]) -> list[int]:
    """Those of the frames whose files are there, by one look into their folder."""
    if not pattern:
        return []
    try:
        names = set(os.listdir(os.path.dirname(pattern)))
    except OSError:
        return []
    before, number, after = _percent(os.path.basename(pattern))
    return [frame for frame in frames if f"{before}{number % frame if number else ''}{after}" in names]


def _percent(name: str) -> tuple[str, str, str]:
    """What is before the frame's number, its %04d, and what is after it."""
    found = list(_PERCENT.finditer(name))
    return (name[: found[-1].start()], found[-1].group(), name[found[-1].end() :]) if found else (name, "", "")
