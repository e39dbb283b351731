"""Steers the fake Nuke of this folder from tests. Every name here is for tests only; plugins see the module nuke.

    fake_host.start()             a new Nuke; the calling thread is its main thread
    fake_host.pump(until=done)    its event loop
    fake_host.quit()

Lists, new at each start: messages, printed, answers (to give), tracebacks, violations, swallowed, viewer_refreshes,
progress_tasks (dictionaries; set ["cancel"] to press its Cancel).
"""

from __future__ import annotations

import threading

import nuke  # before its parts are taken out of sys.modules
from nuke.callbacks import Pseudo, fire, knob_changed
from nuke.core import host
from nuke.images import Image
from nuke.layering import DEFAULT_LAYERS
from nuke.nodes import update_ui, view_names
from nuke.render import PIXELS, image_of
from nuke.script import new_root
from nuke.textknobs import make_format
from nuke.threads import pump as _pump
from nuke.threads import run_one
from nuke.undo import Stack

LISTS = (
    "messages",
    "printed",
    "answers",
    "tracebacks",
    "violations",
    "swallowed",
    "viewer_refreshes",
    "progress_tasks",
)
FORMATS = ("1920 1080 HD_1080", "2048 1556 2K_Super_35(full-ap)", "640 480 PC_Video", "1280 720 HD_720")


def __getattr__(name: str):
    if name in LISTS:
        return getattr(host, name)
    raise AttributeError(f"fake_host has no {name}")


def start(gui: bool = True, version: tuple = (15, 1), views: tuple = ("main",)) -> None:
    """A new Nuke with an empty script; everything of the last one is forgotten."""
    host.clear(gui, version, views)
    PIXELS.clear()
    host.main = threading.get_ident()
    host.layers = {name: list(channels) for name, channels in DEFAULT_LAYERS.items()}
    host.formats = {}
    host.undo = Stack()
    host.running = True
    host.turns = 1  # making it is no turn of its own
    for text in FORMATS:
        made = make_format(text)
        host.formats[made.label] = made
    new_root()
    host.turns = 0
    host.dirty = False
    host.modified = False
    nuke._started()


def quit() -> None:
    """The user quits: onScriptClose of the root, onDestroy of every node, then nothing answers any more."""
    with host.turn():
        fire("OnScriptClose", host.root)
        fire("OnDestroy", host.root)
        for core in list(host.root.children.values()):
            core.detach()
    host.running = False


def turn():
    """`with fake_host.turn():` what a plugin does in here counts as one turn of the main thread."""
    return host.turn()


def pump(until, timeout: float = 60) -> None:
    """Runs queued calls on the main thread until the condition is true; TimeoutError after the time."""
    _pump(until, timeout)


def pump_once() -> bool:
    """Runs one call if one waits."""
    return run_one(0)


def press(node, knobname: str) -> bool:
    """A click on a button. False, and an entry in tracebacks, where it raised. A greyed or hidden button cannot be
    pressed.
    """
    knob = node[knobname]
    if not knob.enabled() or not knob.visible():
        raise AssertionError(f"the button {knobname} cannot be pressed: it is disabled or hidden")
    with host.turn():
        try:
            knob._run()
        except Exception:
            host.shown_error(f"in the button {knobname} of {node._c.full_name()}")
            return False
        finally:
            if node._it.alive:
                fire("KnobChanged", node._it, knob)
    return True


def user_set(node, knob, value) -> None:
    """The user edits a knob (its name, or the knob) with the panel open: knobChanged, then updateUI."""
    knob = node[knob] if isinstance(knob, str) else knob
    if not knob.enabled() or not knob.visible():
        raise AssertionError(f"the user cannot edit {knob.name()}: it is disabled or hidden")
    core = node._c
    with host.turn():
        shown, core.panel_open = core.panel_open, False
        try:
            knob.setValue(value)
        finally:
            core.panel_open = shown
        knob_changed(core, knob)
    idle()


def show_panel(node) -> None:
    """The panel opens: knobChanged with thisKnob() named showPanel."""
    node._c.panel_open = True
    with host.turn():
        knob_changed(node._c, Pseudo("showPanel", node._c))


def idle() -> None:
    """Nuke's low priority look at all nodes: updateUI."""
    with host.turn():
        update_ui()


def autolabel(node):
    """What the addAutolabel callbacks give for a node (None: Nuke's own label)."""
    with host.turn():
        return fire("Autolabel", node._c, last=True)


def look_at(view: str) -> None:
    """The artist switches the Viewer to a view (nuke.activeViewer().view())."""
    if view not in view_names():
        raise ValueError(f"there is no view {view!r}")
    host.viewed = view


def cancel_after(frames: int) -> None:
    """The next render is cancelled after that many frames."""
    host.cancel_after = frames


def render_image(node, frame, view: str = "main") -> Image:
    """A node's picture: .channels (name -> float32 (h, w), row 0 the BOTTOM one), .bbox (x, y, r, t), .format (w, h);
    .full(name) is a channel over the format with the top row first, .meta the metadata. RuntimeError where a render
    fails.
    """
    if view not in view_names():
        raise ValueError(f"there is no view {view!r}")
    with host.turn():
        return image_of(node._c, float(frame), view)


def save_png(image: Image, path) -> None:
    """The picture as one would see it (sRGB), for a look."""
    from nuke import files

    names = [name for name in ("rgba.red", "rgba.green", "rgba.blue") if name in image.channels]
    files.save(str(path), image, names or list(image.channels)[:1], "png", {"raw": False, "colorspace": "sRGB"})
