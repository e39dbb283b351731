"""What a node's inputs are made of: whether they have changed since, and which files can be read as they are."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from typing import Any

import nuke

from ilvi_nuke import build, knobs, state

_LOOKS = {  # knobs that change nothing of the picture
    "name", "xpos", "ypos", "selected", "label", "note_font", "note_font_size", "note_font_color", "tile_color",
    "gl_color", "hide_input", "cached", "dope_sheet", "bookmark", "autolabel", "icon", "indicators", "postage_stamp",
    "postage_stamp_frame", "lifetimeStart", "lifetimeEnd", "useLifetime", "onCreate", "onDestroy", "knobChanged",
    "updateUI", "panel", "help", "process_mask", "rootNodeUpdated", "localizationPolicy", "reload", "cacheLocal",
}  # fmt: skip
_SILENT = {"Tab_Knob", "Text_Knob", "PyScript_Knob", "Script_Knob", "PyCustom_Knob", "Help_Knob"}
_PASSING = ("Dot", "NoOp")
_AS_IT_IS = re.compile(r"(default \()?(linear|scene_linear|raw|data|none)\)?", re.IGNORECASE)
_FRAME_NUMBER = re.compile(r"#+|%0?\d*d")
_WHAT = {"plate": "plate", "matte": "matte", "clean_plate": "clean plate"}


def outer(group: Any, name: str) -> Any:
    """What is connected to one of the node's arrows, or None."""
    return group.input(build.INPUTS.index(name))


def above(node: Any) -> Iterator[Any]:
    """Everything that a node is made of: it, its inputs, what its expressions read, the insides of groups."""
    seen, waiting = set(), [node]
    while waiting:
        this = waiting.pop()
        if this is None or this.fullName() in seen:
            continue
        seen.add(this.fullName())
        yield this
        waiting += this.dependencies(nuke.INPUTS | nuke.HIDDEN_INPUTS | nuke.EXPRESSIONS)
        if this.Class() == "Input":  # what goes on outside of the group that it is in
            group = this.parent()
            if group.Class() == "Group":
                waiting.append(group.input(int(this["number"].value())))
        if this.Class() == "Group":
            waiting += this.nodes()


WHOLE = ""  # the key of a fingerprint under which the connections count too


def fingerprint(group: Any, name: str) -> dict[str, str]:
    """Node -> digest of its class and knobs, for what one arrow brings, but our own node; WHOLE -> of everything."""
    top = outer(group, name)
    if top is None:
        return {}
    mine = group.fullName()
    found = {n.fullName(): _digest(n) for n in above(top) if not f"{n.fullName()}.".startswith(f"{mine}.")}
    # names count for nothing: a node that is renamed has changed nothing
    found[WHOLE] = _hash([*sorted(found.values()), _wired(top, found, {})])
    return found


def digest_of(group: Any, asked: Any, view: str) -> str:
    """A name for what is exported: the same inputs, range and view have the same one."""
    whole = [fingerprint(group, name).get(WHOLE, "") for name in build.INPUTS]
    return _hash([*whole, str(asked.frames), view, str(asked.clean), str(group["depth"].value())])


def _digest(node: Any) -> str:
    parts = [node.Class()]
    for name, knob in sorted(node.knobs().items()):
        if name not in _LOOKS and knob.Class() not in _SILENT and name != knobs.STATE:
            parts.append(f"{name}={knob.toScript()}")
    return _hash(parts)


def _wired(node: Any, found: dict[str, str], done: dict[str, str]) -> str:
    """Digest of a node with everything that is connected above it, in order."""
    if node is None:
        return ""
    name = node.fullName()
    if name not in done:
        inputs = [_wired(node.input(i), found, done) for i in range(node.inputs())]
        done[name] = _hash([found.get(name, ""), *inputs])
    return done[name]


def _hash(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def frame() -> int:
    return int(nuke.frame())


def hashes(group: Any) -> dict[str, list[int]]:
    """Nuke's own hash of each input at the current frame: quick, and right only beside the same frame's."""
    there = {name: outer(group, name) for name in build.INPUTS}
    return {name: [int(h) for h in node.opHashes()] for name, node in there.items() if node is not None}


def files_digest(group: Any, name: str, first: int, last: int) -> str:
    """Sizes and times of the files that its Reads read: a plate that is rendered again has the same knobs."""
    found = []
    for node in above(outer(group, name)):
        if node.Class() == "Read" and (pattern := str(node["file"].value() or "")):
            for frame in range(first, last + 1):
                found.append(_stamp(pattern, frame))
                if not _FRAME_NUMBER.search(pattern):
                    break
    return _hash(found)


def _stamp(pattern: str, frame: int) -> str:
    path = file_of(pattern, frame)
    try:
        status = os.stat(path)
    except OSError:
        return f"{path} -"
    return f"{path} {status.st_size} {status.st_mtime_ns}"


def file_of(pattern: str, frame: int) -> str:
    """The file of one frame of a pattern with # or %04d."""

    def number(found: re.Match[str]) -> str:
        text = found.group()
        return f"{frame:0{len(text)}d}" if text[0] == "#" else text % frame

    return _FRAME_NUMBER.sub(number, pattern)


def changes(group: Any, then: dict[str, dict[str, str]]) -> list[str]:
    """What of the inputs differs from what it was, in words."""
    said = []
    for name in build.INPUTS:
        old, new = then.get(name, {}), fingerprint(group, name)
        if old.get(WHOLE) == new.get(WHOLE):
            continue
        what = _WHAT[name]
        if not new or not old:
            said.append(f"the {what} was {'connected' if new else 'disconnected'}")
            continue
        changed = sorted(n for n in old.keys() & new.keys() if old[n] != new[n] and n != WHOLE)
        come, gone = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
        parts = [(changed, "changed"), (come, "came in"), (gone, "went out")]
        told = [f"{what}: {_listed(nodes)} {verb}" for nodes, verb in parts if nodes]
        said += told or [f"{what}: nodes were connected differently"]
    return said


def _listed(nodes: list[str]) -> str:
    return ", ".join(nodes[:3]) + (f" and {len(nodes) - 3} more" if len(nodes) > 3 else "")


def readable(node: Any, first: int, last: int) -> str:
    """The EXR sequence behind a node, as a pattern, when the worker can read it in place of an export; else "".

    Only what a Read gives as it is: no colour conversion, no premultiplication, no retiming, nothing in between.
    """
    while node is not None and node.Class() in _PASSING:
        node = node.input(0)
    if node is None or node.Class() != "Read" or node["disable"].value():
        return ""
    pattern = str(node["file"].value() or "")
    plain = pattern.lower().endswith(".exr") and "[" not in pattern and "%v" not in pattern.lower()
    colour = node["raw"].value() or _is_linear(str(node["colorspace"].value()))
    covers = node["first"].value() <= first and last <= node["last"].value()
    moved = str(node["frame"].value() or "") if "frame" in node.knobs() else ""
    held = len(_FRAME_NUMBER.findall(pattern)) != 1
    if not plain or not colour or not covers or moved or held or node["premultiplied"].value():
        return ""
    if len(state.on_disk(percent(pattern), range(first, last + 1))) != last - first + 1:
        return ""
    return pattern


def _is_linear(colourspace: str) -> bool:
    """Whether a Read of floats with that colourspace changes no value."""
    if colourspace != "default":
        return bool(_AS_IT_IS.fullmatch(colourspace))
    floats, working = (nuke.root().knob(name) for name in ("floatLut", "workingSpaceLUT"))
    if floats is None or working is None:
        return False
    return floats.value() == working.value() or bool(_AS_IT_IS.fullmatch(str(floats.value())))


def percent(pattern: str) -> str:
    """The pattern with %04d in place of ####."""
    return _FRAME_NUMBER.sub(
        lambda found: f"%0{len(found.group())}d" if found.group()[0] == "#" else found.group(), pattern
    )
