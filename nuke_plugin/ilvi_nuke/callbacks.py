"""What Nuke calls: by node class, and nothing happens at a node that is not ours. No worker is started by any of it."""

from __future__ import annotations

from typing import Any

import nuke

from ilvi_nuke import build, faults, guard, knob_table, knobs, state, status, tasks, upstream

_seen: dict[str, dict[int, Any]] = {}  # node's id -> frame -> what its inputs were when they were last looked at


def register() -> None:
    """Once, from init.py: with and without a GUI."""
    build.define_layers()
    nuke.addOnCreate(on_create, nodeClass="Group")
    nuke.addOnDestroy(on_destroy, nodeClass="Group")
    nuke.addKnobChanged(on_knob, nodeClass="Group")
    nuke.addOnScriptLoad(on_load, nodeClass="Root")
    nuke.addOnScriptClose(on_close, nodeClass="Root")
    nuke.addBeforeRender(guard.before_render, nodeClass="Write")
    nuke.addBeforeFrameRender(guard.before_frame, nodeClass="Write")
    nuke.addAfterRender(guard.after_render, nodeClass="Write")
    if nuke.GUI:
        nuke.addUpdateUI(on_update, nodeClass="Group")
        nuke.addAutolabel(on_label, nodeClass="Group")


@faults.kept
def on_create() -> None:
    """Made, read from a script, pasted, or back by an undo: say what is on disk. A copy becomes a node of its own."""
    node = nuke.thisNode()
    if not knobs.is_ours(node):
        return
    mine = node[knobs.ID].value()
    others = [n for n in knobs.all_of_ours() if n.fullName() != node.fullName()]
    if not mine or any(other[knobs.ID].value() == mine for other in others):
        state.renew(node)
    guard.arm(node, False)
    status.recheck_files(node)
    status.calm(node)  # whether it is out of date shows when the rest of the script is there


@faults.kept
def on_load() -> None:
    """The script is whole."""
    for node in knobs.all_of_ours():
        status.refresh(node, thorough=True)


@faults.kept
def on_destroy() -> None:
    node = nuke.thisNode()
    if knobs.is_ours(node):
        tasks.forget(str(node[knobs.ID].value()))


@faults.kept
def on_knob() -> None:
    """A setting was changed, an input too, or the panel opened."""
    node, knob = nuke.thisNode(), nuke.thisKnob()
    if not knobs.is_ours(node) or tasks.of(node) is not None:
        return
    name = knob.name()
    if name in _SETTINGS or name in ("showPanel", "inputChange"):
        build.cover_plate(node)
        status.refresh(node)


@faults.kept
def on_update() -> None:
    """Something in the script was changed; perhaps above this node."""
    node = nuke.thisNode()
    if not knobs.is_ours(node) or tasks.of(node) is not None:
        return
    if not nuke.executing():
        guard.arm(node, False)  # a render that failed may have left it
    root, frame = nuke.root(), upstream.frame()
    now = (root["first_frame"].value(), root["last_frame"].value(), upstream.hashes(node))
    seen = _seen.setdefault(state.identity(node), {})
    first, before, seen[frame] = not seen, seen.get(frame), now
    # Nuke's hashes are quick, and differ from frame to frame: a change shows at a frame that was seen before it. Only
    # then is everything above compared, knob by knob; renders and the panel's opening compare it always.
    if before != now:
        build.cover_plate(node)
    if (first or (before is not None and before != now)) and state.load(node).solved:
        status.refresh(node)


@faults.kept
def on_close() -> None:
    tasks.abandon_all()
    _seen.clear()


@faults.kept
def on_label() -> str | None:
    """The node's label in the graph: its name, what the artist wrote, and how it stands."""
    node = nuke.thisNode()
    if not knobs.is_ours(node):
        return None
    own = str(node["label"].value() or "")
    return "\n".join(part for part in (node.name(), own, status.label(node)) if part)


_SETTINGS = {knob.name for knob in knob_table.SETTINGS}
