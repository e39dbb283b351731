"""What a node's inputs are made of: whether they have changed since, and which files can be read as they are."""

from __future__ import annotations

import os
import re
from typing import Any

import nuke

from ilvi_nuke import build, graph, state

_PASSING = ("Dot", "NoOp")
_AS_IT_IS = re.compile(r"(default \()?(linear|scene_linear|raw|data|none)\)?", re.IGNORECASE)
_FRAME_NUMBER = re.compile(r"#+|%0?\d*d")
_WHAT = {"plate": "plate", "matte": "matte", "clean_plate": "clean plate"}


def outer(group: Any, name: str) -> Any:
    """What is connected to one of the node's arrows, or None."""
    return group.input(build.INPUTS.index(name))


def fingerprint(group: Any, name: str) -> dict[str, str]:
    """Of all that one arrow brings; see `graph.fingerprint`. Empty where nothing is connected."""
    top = outer(group, name)
    return {} if top is None else graph.fingerprint(top, str(group.fullName()))


def digest_of(group: Any, asked: Any, view: str) -> str:
    """A name for what is exported: the same inputs, range and view have the same one."""
    whole = [fingerprint(group, name).get(graph.WHOLE, "") for name in build.INPUTS]
    return graph.hash_of([*whole, str(asked.frames), view, str(asked.clean), str(group["depth"].value())])


def has_alpha(node: Any) -> bool:
    return "rgba.alpha" in node.channels()


def frame() -> int:
    return int(nuke.frame())


def hashes(group: Any) -> dict[str, list[int]]:
    """Nuke's own hash of each input at the current frame: quick, and right only beside the same frame's."""
    there = {name: outer(group, name) for name in build.INPUTS}
    return {name: [int(h) for h in node.opHashes()] for name, node in there.items() if node is not None}


def files_digest(group: Any, name: str, first: int, last: int) -> str:
    """Sizes and times of the files that its Reads read: a plate that is rendered again has the same knobs."""
    found = []
    for node in graph.above(outer(group, name)):
        if node.Class() == "Read" and (pattern := str(node["file"].value() or "")):
            for frame in range(first, last + 1):
                found.append(_stamp(pattern, frame))
                if not _FRAME_NUMBER.search(pattern):
                    break
    return graph.hash_of(found)


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
        if old.get(graph.WHOLE) == new.get(graph.WHOLE):
            continue
        what = _WHAT[name]
        if not new or not old:
            said.append(f"the {what} was {'connected' if new else 'disconnected'}")
            continue
        changed = sorted(n for n in old.keys() & new.keys() if old[n] != new[n] and n != graph.WHOLE)
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
