"""What a dotted name means: https://learn.foundry.com/nuke/developers/140/pythondevguide/_autosummary/nuke.Knob.html
(the page of nuke.knob): fields and knobs of this node, then nodes of the group, outwards to the root; `this`,
`input`, `root`. `parent` is the group that the node is in (unverified there;
https://learn.foundry.com/nuke/content/comp_environment/expressions/).
"""

from __future__ import annotations

from .core import host
from .expressions import ExpressionError, evaluate, parse
from .tcl import substitute

DEPTH: list = []


def find_knob(core, name: str):
    """(knob, index of the field or None) that a name stands for, seen from a node; an error if there is none."""
    parts = name.split(".")
    here = core
    first = parts[0]
    if first == "this":
        parts = parts[1:]
    elif first == "root":
        here, parts = host.root, parts[1:]
    if parts and parts[0] in here.knobs:
        return field_of(here.knobs[parts[0]], parts[1:], name)
    node = here if first in ("this", "root") else None
    while parts:
        step = parts[0]
        if step == "parent":
            node = (node or core).parent
        elif step == "input":
            node = (node or core).inputs[0] if (node or core).inputs else None
        elif node is not None and step in node.knobs:
            return field_of(node.knobs[step], parts[1:], name)
        elif node is not None:
            node = node.children.get(step) if node.is_group else None
        else:
            node = upwards(core, step)
        if node is None:
            break
        parts = parts[1:]
    raise ExpressionError(f'"{name}": nothing is named {parts[0] if parts else name!r} (seen from {core.full_name()})')


def upwards(core, name: str):
    group = core.parent if core.parent is not None else core
    while group is not None:
        if name in group.children:
            return group.children[name]
        group = group.parent
    return None


def field_of(knob, rest: list, name: str):
    if not rest:
        return knob, None
    fields = getattr(knob, "_fields", ())
    if len(rest) == 1 and rest[0] in fields:
        return knob, fields.index(rest[0])
    raise ExpressionError(f'"{name}": the knob has no field {".".join(rest)!r}')


def knob_expression(knob, text: str, frame, view) -> float:
    """The value of a knob's expression at a frame."""
    core = knob._core
    if len(DEPTH) > 60:
        raise ExpressionError(f"the expression of {knob._name} goes in a circle")

    def lookup(name, args=None):
        if args is None and name in ("frame", "t", "x"):
            return frame
        if name == "$gui":
            return 1.0 if host.gui else 0.0
        if args is None and name in ("width", "height"):
            from .render import info

            return float(info(core.inputs[0] if core.inputs else None, frame, view).format[name == "height"])
        at = frame if args is None else float(args[0])
        found, field = find_knob(core, name)
        return found._number(field or 0, at, view)

    DEPTH.append(knob)
    try:
        return float(evaluate(parse(substitute(text, core, frame, view)), lookup))
    finally:
        DEPTH.pop()
