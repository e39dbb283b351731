"""The panel on a node: its knobs made from the table, the hidden ones, and what they say."""

from __future__ import annotations

import os
from typing import Any

import nuke

from ilvi_core.host.errors import InputError
from ilvi_core.host.parameters import CHOICE, FILE, NUMBER, PARAMETERS, TICK, WHOLE, WORDS
from ilvi_nuke.knob_table import BUTTON, TAB, TABLE, TEXT, Knob

# what nobody edits: `ilvi` marks our node and says which layout it has
MARK, ID, STATE, STALE, ARMED = "ilvi", "ilvi_id", "ilvi_state", "ilvi_stale", "ilvi_rendering"
LAYOUT = 1
_COMMAND = """try:
    import ilvi_nuke
except ImportError:
    nuke.message('ILVI is not installed here: put its folder nuke_plugin on NUKE_PATH. Solved frames show without it.')
else:
    ilvi_nuke.press('{name}')"""


def ready_name(view: str) -> str:
    """The hidden knob whose curve says, frame by frame, what there is: 0 nothing, 1 a preview, 2 the result."""
    return f"ilvi_ready_{view}"


def add_all(node: Any) -> None:
    """The whole panel, on a new group."""
    for knob in TABLE:
        node.addKnob(_made(knob))
    mark = nuke.Int_Knob(MARK, MARK)
    mark.setValue(LAYOUT)
    numbers = [nuke.Int_Knob(name, name) for name in (STALE, ARMED)]
    for hidden in (mark, nuke.String_Knob(ID, ID), nuke.String_Knob(STATE, STATE), *numbers):
        hidden.setFlag(nuke.INVISIBLE)
        node.addKnob(hidden)


def add_ready(node: Any, view: str) -> None:
    """The hidden curve of one view."""
    if node.knob(ready_name(view)) is None:
        knob = nuke.Double_Knob(ready_name(view), ready_name(view))  # an Int_Knob may not be animated
        knob.setFlag(nuke.INVISIBLE)
        node.addKnob(knob)


def _made(knob: Knob) -> Any:
    made: Any
    if knob.kind == TAB:
        return nuke.Tab_Knob(knob.name, knob.label)
    if knob.kind == TEXT:
        made = nuke.Text_Knob(knob.name, knob.label, knob.default)
    elif knob.kind == BUTTON:
        made = nuke.PyScript_Knob(knob.name, knob.label, _COMMAND.format(name=knob.name))
    elif knob.kind == CHOICE:
        made = nuke.Enumeration_Knob(knob.name, knob.label, list(knob.choices))
    else:
        kinds = {
            WORDS: nuke.String_Knob, WHOLE: nuke.Int_Knob, NUMBER: nuke.Double_Knob, TICK: nuke.Boolean_Knob,
            FILE: nuke.File_Knob,
        }  # fmt: skip
        made = kinds[knob.kind](knob.name, knob.label)
    if knob.kind == NUMBER:
        made.setRange(knob.low, knob.high)
    if knob.kind in (CHOICE, WORDS, WHOLE, NUMBER, TICK, FILE) and knob.default not in ("", None):
        made.setValue(knob.default)
    if knob.kind in (WHOLE, NUMBER, TICK, CHOICE) and knob.name != "wipe":
        made.setFlag(nuke.NO_ANIMATION)
    made.setTooltip(knob.tip)
    if knob.new_line:
        made.setFlag(nuke.STARTLINE)
    else:
        made.clearFlag(nuke.STARTLINE)
    return made


def is_ours(node: Any) -> bool:
    """Whether a node is ILVI's."""
    return node.Class() == "Group" and node.knob(MARK) is not None and node.knob(STATE) is not None


def path_of(node: Any, name: str) -> str:
    """A File knob's path, its TCL evaluated; empty where nothing is set. InputError when it is relative."""
    path = str(node[name].evaluate() or "").strip()
    if path and not os.path.isabs(os.path.expanduser(path)):
        raise InputError(f"'{PARAMETERS[name].label}' is '{path}', expected a whole path.", "Begin it at the root.")
    return path


def all_of_ours() -> list[Any]:
    """Every node of ours in the script, in groups too."""
    return [n for n in nuke.allNodes("Group", nuke.root(), recurseGroups=True) if is_ours(n)]


def values(node: Any) -> dict[str, Any]:
    """Every setting of the panel by its knob's name."""
    return {knob.name: node[knob.name].value() for knob in TABLE if knob.kind not in (TAB, TEXT, BUTTON)}
