"""What a node is made of: everything above it, and the digest of all that by which a change is noticed."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import nuke

from ilvi_nuke import knobs

WHOLE = ""  # the key of a fingerprint under which the connections count too
PROJECT = "the project's settings"  # and the one for these
_LOOKS = {  # knobs that change nothing of the picture
    "name", "xpos", "ypos", "selected", "label", "note_font", "note_font_size", "note_font_color", "tile_color",
    "gl_color", "hide_input", "cached", "dope_sheet", "bookmark", "autolabel", "icon", "indicators", "postage_stamp",
    "postage_stamp_frame", "onCreate", "onDestroy", "knobChanged", "updateUI", "panel", "help", "process_mask",
    "rootNodeUpdated", "localizationPolicy", "reload", "cacheLocal", knobs.STATE,
}  # fmt: skip
_SILENT = {"Tab_Knob", "Text_Knob", "PyScript_Knob", "Script_Knob", "PyCustom_Knob", "Help_Knob"}
_PROJECT = (  # of the root: what colours and sizes depend on
    "format", "colorManagement", "OCIO_config", "customOCIOConfigPath", "workingSpaceLUT", "int8Lut", "int16Lut",
    "logLut", "floatLut", "fps",
)  # fmt: skip
_TIMING = re.compile("time|frame|retim|append|flow|kronos|trail|slip|loop", re.IGNORECASE)


def above(node: Any) -> list[Any]:
    """Everything that a node is made of, each node once, in an order that depends on connections alone.

    It, its inputs, the insides of groups of any kind, what their arrows bring, and what expressions read.
    """
    found: dict[str, Any] = {}
    waiting = [node]
    while waiting:
        this = waiting.pop()
        if this is None or this.fullName() in found:
            continue
        found[this.fullName()] = this
        waiting += reversed([*_read_by_expressions(this), *_inside(this), *inputs(this)])
    return list(found.values())


def inputs(node: Any) -> list[Any]:
    """What is connected to a node, in order, None where nothing is; of a group's Input what its arrow brings."""
    if node.Class() == "Input":
        group = node.parent()
        if hasattr(group, "nodes") and group.Class() != "Root":
            return [group.input(int(node["number"].value()))]
    return [node.input(index) for index in range(node.inputs())]


def _inside(node: Any) -> list[Any]:
    """The nodes that a group's picture comes from: its outputs, from which the rest is reached."""
    return [n for n in node.nodes() if n.Class() == "Output"] if hasattr(node, "nodes") else []


def _read_by_expressions(node: Any) -> list[Any]:
    return sorted(node.dependencies(nuke.EXPRESSIONS), key=lambda other: str(other.fullName()))


def fingerprint(top: Any, mine: str) -> dict[str, str]:
    """Node -> digest of its class and knobs, of all that `top` is made of but the node `mine` and its insides.

    WHOLE -> everything, connections and project settings too; names count for nothing there: a node that is renamed has
    changed nothing.
    """
    nodes = [n for n in above(top) if not f"{n.fullName()}.".startswith(f"{mine}.")]
    place = {n.fullName(): str(index) for index, n in enumerate(nodes)}
    found = {n.fullName(): _digest(n) for n in nodes}
    wired = [
        " ".join([found[n.fullName()], *(place.get(i.fullName(), "-") if i is not None else "-" for i in inputs(n))])
        for n in nodes
    ]
    root = nuke.root()
    found[PROJECT] = hash_of([f"{name}={root[name].toScript()}" for name in _PROJECT if root.knob(name) is not None])
    found[WHOLE] = hash_of([*wired, found[PROJECT]])
    return found


def _digest(node: Any) -> str:
    parts = [node.Class()]
    for name, knob in sorted(node.knobs().items()):
        if name not in _LOOKS and knob.Class() not in _SILENT:
            parts.append(f"{name}={knob.toScript()}")
    return hash_of(parts)


def hash_of(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def rendered_by(write: Any) -> dict[str, tuple[Any, bool]]:
    """The nodes that a render of `write` surely reads: name -> the node, and whether at the Write's own frame.

    Disabled nodes and branches that a Switch leaves out are none of them.
    """
    found: dict[str, tuple[Any, bool]] = {}
    waiting = [(write, True)]
    while waiting:
        this, same = waiting.pop()
        if this is None or this.fullName() in found:
            continue
        found[this.fullName()] = (this, same)
        here = same and not _TIMING.search(str(this.Class()))
        waiting += [(n, here) for n in _live(this)]
    return found


def _live(node: Any) -> list[Any]:
    knob = node.knob("disable")
    if knob is not None and knob.value():
        return [node.input(0)]
    if node.Class() == "Switch" and not node["which"].isAnimated() and not node["which"].hasExpression():
        return [node.input(int(node["which"].value()))]
    return [*inputs(node), *_inside(node)]
