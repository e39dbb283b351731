"""No render takes what is not there: below an ILVI node it fails at a frame that is not solved, or out of date.

The node's own Asserts see to it wherever the frame is asked for, without this plugin too. What is here arms them in a
GUI, where the viewer shows stripes instead, and says it in a sentence where it can be known beforehand.
"""

from __future__ import annotations

from typing import Any

import nuke

from ilvi_core.host.errors import IlviError
from ilvi_nuke import graph, knob_table, knobs, state, status, tasks

_rendering: dict[str, dict[str, tuple[Any, bool]]] = {}  # Write -> the nodes of ours that it surely reads


def before_render() -> None:
    """Look at every node of ours above the Write: out of date it fails that, or is solved where its panel says so."""
    write = nuke.thisNode()
    for node in graph.above(write):
        if knobs.is_ours(node) and not _is_inside(write, node):
            _prepare(node)
    sure = {n: (node, same) for n, (node, same) in graph.rendered_by(write).items() if knobs.is_ours(node)}
    _rendering[write.fullName()] = {n: v for n, v in sure.items() if not _is_inside(write, v[0])}
    for node, _ in _rendering[write.fullName()].values():
        if node["disable"].value():
            continue
        if node["solve_in_render"].value() and not nuke.GUI and not _whole(node):
            try:
                tasks.solve_now(node)
            except IlviError as error:
                raise RuntimeError(f"{node.fullName()}: {error}") from None
        elif int(node[knobs.STALE].value()) and node["missing"].value() != knob_table.PASS:
            raise RuntimeError(f"{node.fullName()} is out of date: {'; '.join(status.told(node))}.")


def before_frame() -> None:
    """Say it in a sentence where the Write's frame is the node's."""
    write = nuke.thisNode()
    frame = int(nuke.frame())
    for node, same in _rendering.get(write.fullName(), {}).values():
        if not same or node["disable"].value() or node["missing"].value() == knob_table.PASS:
            continue
        if any(state.ready_at(node, view, frame) != state.FINAL for view in nuke.views() if _renders(write, view)):
            raise RuntimeError(
                f"{node.fullName()} has no solved frame {frame}. Press Inpaint for a range with it, or set 'frames not "
                f"solved' to '{knob_table.PASS}'."
            )


def after_render() -> None:
    _rendering.pop(nuke.thisNode().fullName(), None)
    for node in knobs.all_of_ours():
        arm(node, False)


def arm(node: Any, armed: bool) -> None:
    """Whether the node's Asserts hold in this GUI too: while something renders."""
    if int(node[knobs.ARMED].value()) != int(armed):
        with state.quietly():
            node[knobs.ARMED].setValue(int(armed))


def _prepare(node: Any) -> None:
    if tasks.of(node) is None:
        status.recheck_files(node)
        status.refresh(node, thorough=True)
    arm(node, True)


def _whole(node: Any) -> bool:
    then = state.load(node)
    return then.solved and not int(node[knobs.STALE].value()) and not status.lacking(node, then)


def _renders(write: Any, view: str) -> bool:
    """Whether a Write renders a view: its `views` knob names those that it does."""
    knob = write.knob("views")
    named = str(knob.value() or "").split() if knob is not None else []
    return not named or view in named or len(nuke.views()) == 1


def _is_inside(node: Any, group: Any) -> bool:
    return bool(node.fullName().startswith(group.fullName() + "."))
