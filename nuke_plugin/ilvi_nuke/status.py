"""What the node says: its status line and bar, its tile, its label in the graph; and whether it is out of date."""

from __future__ import annotations

import html
from typing import Any

from ilvi_core.host.errors import IlviError
from ilvi_nuke import build, knob_table, knobs, order, state, upstream
from ilvi_nuke.order import Order
from ilvi_nuke.state import Solved, State

PLAIN, BUSY, READY, STALE, FAILED = 0, 0x3B6EA5FF, 0x3F7D4FFF, 0xC0802AFF, 0xB03A3AFF  # of the tile, RRGGBBAA
_BAR = 24  # characters
_MOST = 4  # reasons that are told


def say(node: Any, text: str, tile: int | None = None, bar: str = " ") -> None:
    """Set the status line, the bar under it and the tile's colour; nothing that is so already is touched."""
    wanted = {"status": html.escape(text, quote=False), "progress": bar}
    with state.quietly():
        for name, value in wanted.items():
            if node[name].value() != value:
                node[name].setValue(value)
        if tile is not None and int(node["tile_color"].value()) != tile:
            node["tile_color"].setValue(tile)


_OPTIONS = {
    "--matte-channel": "'matte from'", "--matte-invert": "'invert matte'", "--solve-dilate": "'solve dilation'",
    "--comp-dilate": "'comp dilation'", "--comp-feather": "'comp feather'", "--size": "'working size'",
    "--device": "'device'", "--frames": "'frame range'", "--preset": "'preset'", "--method": "'method'",
    "--clean-plate": "'clean plate at'", "--memory": "'memory'", "--refresh": "'Clear cache' and Inpaint",
    " and --matte-threshold": "",
}  # fmt: skip


def in_knobs(text: str) -> str:
    """What the worker says to a command line, in the words of the panel."""
    for option, knob in _OPTIONS.items():
        text = text.replace(option, knob)
    return text


def fail(node: Any, error: IlviError) -> None:
    """The error in words, and the tile red."""
    say(node, in_knobs(str(error)), FAILED)


def bar(done: int, total: int) -> str:
    """`done` of `total` as text: a Text knob is the one thing that never blocks."""
    share = min(max(done / total, 0.0), 1.0) if total > 0 else 0.0
    full = round(share * _BAR)
    return f"{'▰' * full}{'▱' * (_BAR - full)} {share:.0%}"


def remember(order_: Order, into: State) -> None:
    """Note what was asked, so that a change can be told."""
    into.first, into.last = order_.frames.first, order_.frames.last
    into.settings = {"preset": order_.preset, **order_.solve, "clean_frames": list(order_.clean)}
    into.comp = dict(order_.comp)


def note_upstream(node: Any, into: State) -> None:
    """Note what the inputs are made of now. The range is noted before."""
    names = [name for name in build.INPUTS if upstream.outer(node, name) is not None]
    into.upstream = {name: upstream.fingerprint(node, name) for name in names}
    into.hashes, into.hash_frame = upstream.hashes(node), upstream.frame()
    into.files = {name: upstream.files_digest(node, name, into.first, into.last) for name in names}


def reasons(node: Any, then: State, thorough: bool = False) -> list[str]:
    """Why what was solved is not what is asked now, in words; empty when it is.

    thorough: look at the inputs' files too, one by one.
    """
    try:
        now = order.read(node)
    except IlviError as error:
        return [error.message.rstrip(".")]
    asked = State()
    remember(now, asked)
    said = []
    if now.frames.first < then.first or then.last < now.frames.last:
        said.append(f"the range was {then.first}-{then.last} and is {now.frames}")
    said += _differences(then.settings, asked.settings)
    said += [f"{text} (Re-render from cache)" for text in _differences(then.comp, asked.comp)]
    if not _same_hashes(node, then):
        said += upstream.changes(node, then.upstream)
    if thorough:
        said += changed_files(node, then)
    lacking = [view for view in now.views if not then.views.get(view) or not then.views[view].frames]
    if lacking and any(view.frames for view in then.views.values()):
        said.append(f"the view {lacking[0]} is not solved")
    return said


def changed_files(node: Any, then: State) -> list[str]:
    """Inputs whose files on disk are other ones now."""
    return [
        f"the files of the {name.replace('_', ' ')} changed on disk"
        for name, digest in then.files.items()
        if upstream.files_digest(node, name, then.first, then.last) != digest
    ]


def _same_hashes(node: Any, then: State) -> bool:
    """Nuke's own hashes are the same, at the same frame: then nothing above has changed. The quick way out."""
    return bool(then.hashes) and upstream.frame() == then.hash_frame and upstream.hashes(node) == then.hashes


def _differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    names = [name for name in {**then, **now} if _plain(then.get(name)) != _plain(now.get(name))]
    return [
        f"{knob_table.LABELS.get(name, name)} was {_shown(then.get(name))}, is {_shown(now.get(name))}"
        for name in names
    ]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    if value is None:
        return "as the preset"
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def refresh(node: Any, thorough: bool = False) -> list[str]:
    """Look whether the node is out of date, and show it; the reasons. Nothing is started."""
    then = state.load(node)
    if not then.solved:
        _mark(node, 0)
        say(node, "Not solved yet. Press Inpaint.", PLAIN)
        return []
    found = reasons(node, then, thorough)
    _mark(node, int(bool(found)))
    if found:
        more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
        again = "Re-render from cache" if all("(Re-render" in reason for reason in found) else "Inpaint"
        said = "; ".join(found[:_MOST]).replace(" (Re-render from cache)", "")
        say(node, f"Out of date: {said}{more}. Press {again}.", STALE)
        return found
    lost = [view for view, solved in then.views.items() if not _all_there(node, view, solved.frames)]
    if lost:
        say(node, "Some frames are no longer in the cache. Press Re-render from cache, or Inpaint.", STALE)
    else:
        count = max(len(solved.frames) for solved in then.views.values())
        say(node, f"{count} frames ({then.first}-{then.last}). {then.done}".strip(), READY)
    return []


def _mark(node: Any, stale: int) -> None:
    if int(node[knobs.STALE].value()) != stale:
        with state.quietly():
            node[knobs.STALE].setValue(stale)


def _all_there(node: Any, view: str, frames: list[int]) -> bool:
    return all(state.ready_at(node, view, frame) == state.FINAL for frame in frames)


def recheck_files(node: Any) -> None:
    """Set the curves by what is on disk now: another machine, another day, a cache that was cleared."""
    then = state.load(node)
    for view in build.views_of(node):
        solved = then.views.get(view, Solved())  # a script that was saved in the middle of a job may say more
        there = state.on_disk(solved.pattern, solved.frames)
        state.set_ready(node, view, dict.fromkeys(there, state.FINAL))


def label(node: Any) -> str:
    """What the node's tile says under its name."""
    tile = int(node["tile_color"].value())
    return {BUSY: "solving", READY: "solved", STALE: "out of date", FAILED: "error"}.get(tile, "not solved")
