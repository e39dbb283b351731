"""Scripts as text: saving, opening, copying, pasting.

https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/ nuke.scriptSaveAs.html and the like; the
form is that of .nk files in public. Always the long way about inputs: push each, the node, `set N.. [stack 0]`.
"""

from __future__ import annotations

import os

from . import flags, layering, tcl
from .callbacks import fire
from .classes import SPECS, USER_KNOBS
from .core import guard, host, need
from .curves import number
from .graph import Core, changed
from .knobs import Enumeration_Knob
from .textknobs import PyScript_Knob, Tab_Knob, Text_Knob


def user_knob(knob) -> str:
    """addUserKnob {kind name l label t tooltip ...}"""
    parts = [str(knob._code), tcl.quote(knob._name) if knob._name else '""']
    if knob._label is not None:
        parts += ["l", tcl.quote(knob._label) if knob._label else '""']
    if knob._tooltip:
        parts += ["t", tcl.quote(knob._tooltip)]
    if isinstance(knob, Enumeration_Knob):
        parts += ["M", "{" + " ".join(tcl.quote(item) if item else '""' for item in knob._items) + "}"]
    if getattr(knob, "_ranged", False):
        parts += ["R", number(knob._low), number(knob._high)]
    if isinstance(knob, (Text_Knob, PyScript_Knob)):
        parts += ["T", tcl.quote(knob._text) if knob._text else '""']
    if isinstance(knob, Tab_Knob) and knob._group:
        parts += ["n", str(knob._group)]
    bits = knob._flags
    parts += [f"+{name}" for name, bit in flags.KNOB_FLAGS.items() if bits & bit]
    if not knob._seen:
        parts.append("+HIDDEN")
    return f"addUserKnob {{{' '.join(parts)}}}"


def knob_lines(core, what: int) -> list:
    """Of all knobs that are to be written; user knobs after Nuke's own, each definition before its value."""
    lines, only_names = [], not what & (flags.TO_SCRIPT | flags.TO_VALUE)
    everything = bool(what & flags.WRITE_ALL) and not what & flags.WRITE_NON_DEFAULT_ONLY
    for name, knob in core.knobs.items():
        if knob._user and what & flags.WRITE_USER_KNOB_DEFS:
            lines.append(user_knob(knob))
        if (
            isinstance(knob, (Tab_Knob, Text_Knob))
            or (knob._flags & flags.DO_NOT_WRITE)
            or not hasattr(knob, "_script")
        ):
            continue
        if not everything and not knob.notDefault():
            continue
        text = knob._script()
        if only_names:
            lines.append(name)
        elif text:
            lines.append(f"{name} {text}")
    return lines


def node_text(core, indent: str, numbers: dict) -> list:
    """A node, and what is in it, as lines."""
    out = []
    count = len(core.inputs) if core.kind != "Root" else 0
    for other in reversed(core.inputs):
        out.append(f"{indent}push {'0' if other is None or other.id not in numbers else '$' + numbers[other.id]}")
    out.append(f"{indent}{core.kind} {{")
    what = flags.TO_SCRIPT | flags.WRITE_NON_DEFAULT_ONLY | flags.WRITE_USER_KNOB_DEFS
    out.append(f"{indent} inputs {count}")
    for line in knob_lines(core, what):
        out.append(f"{indent} {line}")
    out.append(f"{indent}}}")
    if core.kind == "Group":
        out += nodes_text(list(core.children.values()), indent + " ")
        out.append(f"{indent}end_group")
    if core.kind != "Root":
        numbers[core.id] = f"N{core.id:08x}"
        out.append(f"{indent}set {numbers[core.id]} [stack 0]")
    return out


def nodes_text(cores: list, indent: str = "") -> list:
    """Nodes of one group, each after its inputs."""
    out, numbers, wanted, done = [], {}, {core.id for core in cores}, set()

    def visit(core):
        if core is None or core.id in done or core.id not in wanted:
            return
        done.add(core.id)
        for other in core.inputs:
            visit(other)
        out.extend(node_text(core, indent, numbers))

    for core in cores:
        visit(core)
    return out


def script_text(cores: list, root: bool) -> str:
    lines = [f"#! fake_nuke{host.version[0]}.{host.version[1]} -nx", f"version {host.version[0]}.{host.version[1]} v1"]
    if root:
        lines += node_text(host.root, "", {})
    for layer, names in host.layers.items():
        if layer not in layering.DEFAULT_LAYERS:
            lines.append(f"add_layer {{{layer} {' '.join(names)}}}")
    return "\n".join([*lines, *nodes_text(cores)]) + "\n"


def make_user_knob(text: str):
    words = tcl.words(text)
    code, name = int(words[0][1]), words[1][1]
    if code not in USER_KNOBS:
        raise RuntimeError(f"the fake has no user knob of kind {code}")
    knob = USER_KNOBS[code](name)
    at = 2
    while at < len(words):
        word = words[at][1]
        if (word[:1] in "+-" and word[1:].isupper()) or (word[1:].replace("_", "").isupper() and word[:1] in "+-"):
            if word == "+HIDDEN":
                knob._seen = False
            elif word[1:] in flags.KNOB_FLAGS:
                bit = flags.KNOB_FLAGS[word[1:]]
                knob._flags = knob._flags | bit if word[0] == "+" else knob._flags & ~bit
                knob._able = not knob._flags & flags.DISABLED
            at += 1
            continue
        value = words[at + 1][1]
        if word == "l":
            knob._label = value
        elif word == "t":
            knob._tooltip = value
        elif word == "M":
            knob._items = [item for _kind, item in tcl.words(value)]
            knob._default_text = knob._word(0.0)
        elif word == "T":
            knob._text = value
        elif word == "n":
            knob._group = int(value)
        elif word == "R":
            knob._low, knob._high, knob._ranged = float(value), float(words[at + 2][1]), True
            at += 1
        at += 2
    return knob


def fill(core, body: str) -> int:
    """Sets the knobs of a node from the text between its braces; gives the number of inputs."""
    count = 1 if SPECS.get(core.kind, (0,))[0] != 0 else 0
    for words in tcl.words(body, lines=True):
        name = words[0][1]
        if name == "inputs":
            count = int(words[1][1].partition("+")[0])
        elif name == "addUserKnob":
            knob = make_user_knob(words[1][1])
            knob._core, knob._user = core, True
            core.knobs[knob._name] = knob
        elif name == "name" and core.kind != "Root":
            core.rename(words[1][1], True)
        elif name in core.knobs:
            core.knobs[name]._load(*(words[1] if len(words) > 1 else ("bare", "")))
            if core.kind == "Write" and name == "file_type":
                core.type_knobs()
        else:
            raise RuntimeError(f"{core.full_name()}: no such knob {name!r}")
    return count


def load(text: str, keep_root: bool = False) -> list:
    """Makes the nodes of a text in the current group; gives them in the order of creation, inner ones first."""
    fresh, stacks, marks, outside = [], [[]], {}, len(host.groups)
    open_groups = []
    host.loading += 1
    try:
        for words in tcl.words(text, lines=True):
            name = words[0][1]
            if name == "version":
                continue
            if name == "add_layer":
                parts = words[1][1].split()
                layering.add(parts[0], parts[1:])
            elif name == "push":
                value = words[1][1]
                stacks[-1].append(None if value == "0" else marks.get(value.lstrip("$")))
            elif name == "set":
                marks[words[1][1]] = stacks[-1][-1]
            elif name == "end_group":
                fresh.append(open_groups.pop())
                host.groups.pop()
                stacks.pop()
            elif name == "Root":
                if not keep_root:
                    fill(host.root, words[1][1])
            else:
                core = Core(name, host.groups[-1])
                count = fill(core, words[1][1])
                stack = stacks[-1]
                given = [stack.pop() if stack else None for _place in range(count)]
                core.inputs = given
                while core.inputs and core.inputs[-1] is None:
                    core.inputs.pop()
                stack.append(core)
                if name == "Group":
                    open_groups.append(core)
                    host.groups.append(core)
                    stacks.append([])
                else:
                    fresh.append(core)
    finally:
        host.loading -= 1
        del host.groups[outside:]
    changed()
    return fresh


def open_text(text: str) -> None:
    fresh = load(text)
    for core in fresh:
        fire("OnCreate", core)
    fire("OnCreate", host.root)
    fire("OnScriptLoad", host.root)
    host.modified = False


def clear() -> None:
    """Everything goes, with onDestroy; the root is a new one."""
    from .undo import Stack

    fire("OnDestroy", host.root)
    for core in list(host.root.children.values()):
        core.detach()
    for core in [*host.root.all_inside(), host.root]:
        core.alive = False
    host.undo = Stack()
    new_root()
    host.modified = False


def new_root() -> None:
    host.groups.clear()
    host.root = Core("Root", None)
    host.groups.append(host.root)
    host.root.knobs["views"]._text = " ".join(host.start_views)
    host.root.knobs["format"]._text = host.formats["HD_1080"]._text()
    for knob in host.root.knobs.values():
        knob._default_text = knob._script()
    host.undo.group = None


@guard
def scriptOpen(file):
    """Closes what is open (onScriptClose), then loads; onCreate of inner nodes first, at the end onScriptLoad."""
    need(file, str, "nuke.scriptOpen: the file")
    if not os.path.isfile(file):
        raise RuntimeError(f"{file}: No such file or directory")
    with open(file, encoding="utf-8", newline="") as handle:
        text = handle.read()
    fire("OnScriptClose", host.root)
    clear()
    host.root.knobs["name"]._text = file
    open_text(text)
    host.root.knobs["name"]._text = file
    host.undo.close()


@guard
def scriptSave(filename=None):
    """Under the name that the script has, or a new one."""
    name = host.root.knobs["name"]._text if filename is None else need(filename, str, "nuke.scriptSave: the name")
    if not name:
        raise RuntimeError("the script has no name")  # unverified: in the GUI it asks
    host.root.knobs["name"]._text = name
    fire("OnScriptSave", host.root)
    name = host.root.knobs["name"]._text  # "If this changes the script name, that is the name"
    with open(name, "w", encoding="utf-8", newline="") as handle:
        handle.write(script_text(list(host.root.children.values()), True))
    host.modified = False
    return True


@guard
def scriptSaveAs(filename=None, overwrite=-1):
    """overwrite: 1 replaces a file, 0 does not; -1 asks, which the fake answers from fake_host.answers."""
    need(filename, str, "nuke.scriptSaveAs: the name")
    if os.path.exists(filename) and overwrite != 1 and (overwrite == 0 or not (host.answers and host.answers.pop(0))):
        raise RuntimeError("Cancelled")
    scriptSave(filename)


@guard
def scriptClear(resetView=True):
    fire("OnScriptClose", host.root)
    clear()


@guard
def scriptClose(ignoreUnsavedChanges=False):
    fire("OnScriptClose", host.root)
    clear()
    return True


@guard
def nodeCopy(s):
    """The selected nodes into a file."""
    need(s, str, "nuke.nodeCopy: the file")
    chosen = [core for core in host.groups[-1].children.values() if core.knobs["selected"].value()]
    if not chosen:
        raise RuntimeError("no node selected")
    with open(s, "w", encoding="utf-8", newline="") as handle:
        handle.write(script_text(chosen, False))


@guard
def nodePaste(s):
    """The nodes of a file with new names, selected; the last of them is given."""
    with open(need(s, str, "nuke.nodePaste: the file"), encoding="utf-8", newline="") as handle:
        text = handle.read()
    for core in host.groups[-1].children.values():
        core.knobs["selected"]._values[0] = 0.0
    fresh = load(text, keep_root=True)
    outer = [core for core in fresh if core.parent is host.groups[-1]]
    for core in outer:
        core.knobs["selected"]._values[0] = 1.0

        def back(core=core):
            core.parent.children[core.knobs["name"]._text] = core
            core.revive()

        host.undo.record(lambda core=core: core.detach(), back, "paste")
    for core in fresh:
        fire("OnCreate", core)
    host.touch()
    return outer[-1].wrapper if outer else None


def read_knobs(core, text: str) -> None:
    fill(core, text)
    changed()
    host.touch()
