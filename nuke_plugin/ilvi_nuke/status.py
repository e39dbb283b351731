"""What the node says: its status line and bar, its tile, its label in the graph; and whether it is out of date."""

from __future__ import annotations

import html
from typing import Any

from ilvi_core.host.errors import IlviError
from ilvi_nuke import build, knob_table, knobs, order, state, upstream
from ilvi_nuke.order import Order
from ilvi_nuke.state import Solved, State, point

PLAIN, BUSY, READY, STALE, FAILED = 0, 0x3B6EA5FF, 0x3F7D4FFF, 0xC0802AFF, 0xB03A3AFF  # of the tile, RRGGBBAA
_BAR = 24  # characters
_MOST = 4  # reasons that are told
_COMP = " (composite)"  # behind a reason that needs no solving


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
    " and --matte-threshold": "", "Run it again": "Press Inpaint", "Restart the worker and try again": "Press Inpaint",
    "Restart the worker": "Press Inpaint", "cancel the job, or restart the worker": "or press Stop",
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
    said += [f"{text}{_COMP}" for text in _differences(then.comp, asked.comp)]
    said += upstream.changes(node, then.upstream)
    if thorough:
        said += changed_files(node, then)
    return said


def changed_files(node: Any, then: State) -> list[str]:
    """Inputs whose files on disk are other ones now."""
    return [
        f"the files of the {name.replace('_', ' ')} changed on disk"
        for name, digest in then.files.items()
        if upstream.files_digest(node, name, then.first, then.last) != digest
    ]


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
        mark(node, 0)
        say(node, "Not solved yet. Press Inpaint.", PLAIN)
        return []
    found = reasons(node, then, thorough)
    mark(node, int(bool(found)))
    if found:
        again = "Re-render from cache" if all(_COMP in reason for reason in found) else "Inpaint"
        say(node, f"Out of date: {_listed(found)}. Press {again}.", STALE)
    else:
        calm(node)
    return found


def told(node: Any) -> list[str]:
    """Why a node that is marked so is out of date."""
    found = reasons(node, state.load(node), thorough=True)
    return [_listed(found)] if found else ["press Inpaint"]


def calm(node: Any) -> None:
    """Say what of the solve is there, without asking whether it is out of date."""
    then = state.load(node)
    if not then.solved:
        say(node, "Not solved yet. Press Inpaint.", PLAIN)
        return
    gone = [f for view, solved in then.views.items() for f in solved.frames if not _is_there(node, view, f)]
    missing = lacking(node, then)
    if gone:
        say(node, f"{len(set(gone))} frames are no longer in the cache. Press Re-render from cache.", STALE)
    elif missing:
        whole = (then.last - then.first + 1) * len(state.views())
        say(node, f"{whole - missing} of {whole} frames are solved ({then.first}-{then.last}). Press Inpaint.", STALE)
    else:
        say(node, f"{then.last - then.first + 1} frames ({then.first}-{then.last}). {then.done}".strip(), READY)


def lacking(node: Any, then: State) -> int:
    """How many frames of the solve's range are not there, of all the script's views."""
    frames = range(then.first, then.last + 1)
    return sum(not _is_there(node, view, frame) for view in state.views() for frame in frames)


def _is_there(node: Any, view: str, frame: int) -> bool:
    return state.ready_at(node, view, frame) == state.FINAL


def _listed(found: list[str]) -> str:
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return "; ".join(found[:_MOST]).replace(_COMP, "") + more


def mark(node: Any, stale: int) -> None:
    """Whether the node's frames have the stripes of what is out of date, and fail renders."""
    if int(node[knobs.STALE].value()) != stale:
        with state.quietly():
            node[knobs.STALE].setValue(stale)


def recheck_files(node: Any) -> None:
    """Set the curves by what is on disk now: another machine, another day, a cache that was cleared."""
    then = state.load(node)
    for view in build.views_of(node):
        solved = then.views.get(view, Solved())  # a script that was saved in the middle of a job may say more
        there = state.on_disk(solved.pattern, solved.frames)
        if solved.frames:
            point(build.result_of(node, view), solved.pattern, solved.frames)
        state.set_ready(node, view, dict.fromkeys(there, state.FINAL))


def label(node: Any) -> str:
    """What the node's tile says under its name."""
    tile = int(node["tile_color"].value())
    return {BUSY: "solving", READY: "solved", STALE: "out of date", FAILED: "error"}.get(tile, "not solved")
