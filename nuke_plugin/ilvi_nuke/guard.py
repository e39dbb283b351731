"""No render takes what is not there: a Write below an ILVI node fails, in words, at a frame that is not solved."""

from __future__ import annotations

import contextlib
from typing import Any

import nuke

from ilvi_core.host.errors import IlviError
from ilvi_nuke import knob_table, knobs, state, status, tasks, upstream

_above: dict[str, list[Any]] = {}  # Write that is rendering -> the nodes of ours above it


def before_render() -> None:
    """Find the nodes above the Write; those that are out of date fail it, or are solved where their panel allows it."""
    write = nuke.thisNode()
    found = [n for n in upstream.above(write) if knobs.is_ours(n) and not _is_inside(write, n) and not _off(n)]
    _above[write.fullName()] = found
    for node in found:
        status.recheck_files(node)
        if tasks.of(node) is None:
            status.refresh(node)
        if node["solve_in_render"].value() and not nuke.GUI and not _whole(node):
            try:
                tasks.solve_now(node)
            except IlviError as error:
                raise RuntimeError(f"{node.fullName()}: {error}") from None
        elif int(node[knobs.STALE].value()) and node["missing"].value() != knob_table.PASS:
            raise RuntimeError(f"{node.fullName()} {_lower(node['status'].value())}")


def before_frame() -> None:
    """Fail at a frame that is not solved."""
    write = nuke.thisNode()
    frame = int(nuke.frame())
    for node in _above.get(write.fullName(), []):
        if node["missing"].value() == knob_table.PASS:
            continue
        views = [view for view in state.load(node).views if _renders(write, view)]
        if not views or any(state.ready_at(node, view, frame) != state.FINAL for view in views):
            raise RuntimeError(
                f"{node.fullName()} has no solved frame {frame}. Press Inpaint for a range with it, or set 'frames not "
                f"solved' to '{knob_table.PASS}'."
            )


def after_render() -> None:
    with contextlib.suppress(KeyError):
        del _above[nuke.thisNode().fullName()]


def _whole(node: Any) -> bool:
    then = state.load(node)
    ready = all(
        state.ready_at(node, view, frame) == state.FINAL for view, s in then.views.items() for frame in s.frames
    )
    return then.solved and ready and not int(node[knobs.STALE].value())


def _renders(write: Any, view: str) -> bool:
    """Whether a Write renders a view: its `views` knob names those that it does."""
    knob = write.knob("views")
    named = str(knob.value() or "").split() if knob is not None else []
    return not named or view in named or len(nuke.views()) == 1


def _is_inside(node: Any, group: Any) -> bool:
    return bool(node.fullName().startswith(group.fullName() + "."))


def _off(node: Any) -> bool:
    return bool(node["disable"].value())


def _lower(text: str) -> str:
    return "is " + text[0].lower() + text[1:] if text.startswith("Out of date") else f"cannot be rendered: {text}"
