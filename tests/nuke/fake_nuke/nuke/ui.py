"""Messages, menus, progress, and the module's functions about nodes.

https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/ nuke.X.html
"""

from __future__ import annotations

import sys

from .core import api, guard, host, need
from .nodes import Node, make, view_names
from .textknobs import make_format


def to_node(name: str):
    if name == "root":
        return host.root.wrapper
    parts = name.split(".")
    starts = [host.root] if parts[0] == "root" else list(dict.fromkeys([host.groups[-1], host.root]))
    parts = parts[1:] if parts[0] == "root" else parts
    for start in starts:
        here = start
        for part in parts:
            here = here.children.get(part) if here is not None else None
        if here is not None:
            return here.wrapper
    return None


@guard
def toNode(s):
    """By name in the current group, or from the root on ("Group1.Read1"); None if there is none."""
    return to_node(need(s, str, "nuke.toNode: the name"))


@guard
def root():
    return host.root.wrapper


@guard
def thisNode():
    """The node of the callback or button that runs; outside of them the current group."""
    return (host.nodes_now[-1] if host.nodes_now else host.groups[-1]).wrapper


@guard
def thisKnob():
    """The knob of the callback or button that runs, or None."""
    return host.knobs_now[-1] if host.knobs_now else None


@guard
def thisGroup():
    return host.groups[-1].wrapper


@guard
def thisParent():
    parent = (host.nodes_now[-1] if host.nodes_now else host.groups[-1]).parent
    return parent.wrapper if parent is not None else None


@guard
def thisView():
    from .nodes import view_now

    return view_now()


@api
class ViewerWindow:
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.ViewerWindow.html"""

    def __init__(self, core):
        self._core = core

    def node(self):
        return self._core.wrapper

    def view(self):
        return host.viewed or view_names()[0]

    def activeInput(self, secondary=False):
        return next((place for place, other in enumerate(self._core.inputs) if other is not None), None)


@guard
def activeViewer():
    """The panel of the first Viewer node, or None where there is none (fake_host.look_at sets its view)."""
    found = [core for core in host.root.children.values() if core.kind == "Viewer"]
    return ViewerWindow(found[0]) if found and host.gui else None


@guard
def frame(f=None):
    """The current frame, which is an int; with an argument it is set."""
    if f is not None:
        host.root.knobs["frame"].setValue(int(need(f, (int, float), "nuke.frame")))
        return None
    return int(host.root.frame() if host.context_frame is None else host.context_frame)


@guard
def views():
    return view_names()


@guard
def allNodes(filter=None, group=None, recurseGroups=False):
    """The newest first (unverified); a filter is a class."""
    core = host.groups[-1] if group is None else need(group, Node, "nuke.allNodes: the group")._c
    found = []
    for child in reversed(list(core.children.values())):
        if filter is None or child.kind == filter:
            found.append(child.wrapper)
        if recurseGroups and child.is_group:
            found += allNodes(filter, child.wrapper, True)
    return found


@guard
def selectedNodes(filter=None):
    return [node for node in allNodes(filter) if node.isSelected()]


@guard
def selectedNode():
    found = selectedNodes()
    if not found:
        raise ValueError("no node selected")
    return found[0]


@guard
def delete(n):
    core = need(n, Node, "nuke.delete: the node")._c
    if core.parent is None:
        raise RuntimeError("the root cannot be deleted")
    core.delete()


class Nodes:
    """nuke.nodes: https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.Nodes.html"""

    def __getattr__(self, kind):
        if kind.startswith("__"):
            raise AttributeError(kind)

        def build(**values):
            return make(kind, values, False)

        build.__name__ = build.__qualname__ = f"nodes.{kind}"
        return guard(build)


@guard
def createNode(node, knobs="", inpanel=True):
    """As from a menu: below the selected node, selected, with onUserCreate; knobs: "name value name value"."""
    need(node, str, "nuke.createNode: the class")
    from . import tcl
    from .graph import SPECS

    before = selectedNodes()
    words = [value for _kind, value in tcl.words(need(knobs, str, "nuke.createNode: the knobs"))]
    values = dict(zip(words[::2], words[1::2]))
    made = make(node, values, True)
    if before and SPECS[node][0] != 0 and made.maxInputs():
        made.setInput(0, before[0])
    for other in before:
        other.setSelected(False)
    made.setSelected(True)
    if inpanel and host.gui:
        made.showControlPanel()
    return made


@guard
def message(prompt):
    """A box with OK; in a terminal it prints."""
    need(prompt, str, "nuke.message: the text")
    host.messages.append(prompt)


@guard
def ask(prompt):
    """The next of fake_host.answers; none left is an error of the test."""
    need(prompt, str, "nuke.ask: the text")
    host.messages.append(prompt)
    if not host.answers:
        raise AssertionError(f"nuke.ask: the test has given no answer to {prompt!r}")
    return bool(host.answers.pop(0))


@guard
def tprint(*value, sep=" ", end="\n", file=None):
    host.printed.append(("tprint", sep.join(str(one) for one in value)))
    (file or sys.stdout).write(sep.join(str(one) for one in value) + end)


def logger(kind: str):
    def log(message):
        host.printed.append((kind, need(message, str, f"nuke.{kind}: the text")))

    log.__name__ = log.__qualname__ = kind
    log.__doc__ = f"https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.{kind}.html"
    return guard(log)


warning, error, debug = logger("warning"), logger("error"), logger("debug")


@guard
def addFormat(s):
    """ "w h ... name"; https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.addFormat.html"""
    made = make_format(need(s, str, "nuke.addFormat: the text"))
    if made.label is None:
        raise RuntimeError("nuke.addFormat: the format has no name")
    host.formats[made.label] = made
    return made


@guard
def pluginAddPath(args, addToSysPath=True):
    """Relative to nothing here: give whole paths. In front, and in front in sys.path."""
    for path in [args] if isinstance(args, str) else need(args, (list, tuple), "nuke.pluginAddPath"):
        host.paths.insert(0, path)
        if addToSysPath and path not in sys.path:
            sys.path.insert(0, path)
            host.added_to_sys.append(path)


@guard
def pluginPath():
    return list(host.paths)


@api
class MenuItem:
    def __init__(self, name, command=None, shortcut=None, icon=None):
        self._name, self._command, self._shortcut, self._icon = name, command, shortcut, icon
        self._able = True

    def name(self):
        return self._name

    def shortcut(self):
        return self._shortcut or ""

    def icon(self):
        return self._icon or ""

    def script(self):
        return self._command if isinstance(self._command, str) else ""

    def setEnabled(self, enabled, recursive=False):
        self._able = bool(enabled)

    def invoke(self):
        import nuke

        if callable(self._command):
            self._command()
        else:
            exec(self._command, {"nuke": nuke})


@api
class Menu(MenuItem):
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.Menu.html"""

    def __init__(self, name, icon=None):
        self._name, self._icon, self._command, self._shortcut, self._able = name, icon, None, None, True
        self._items: list = []

    def addMenu(self, name, icon=None, tooltip="", index=-1, tag=0):
        need(name, str, "Menu.addMenu: the name")
        head, _slash, rest = name.partition("/")
        found = self._find(head)
        if found is None:
            found = Menu(head, icon)
            self._items.insert(len(self._items) if index < 0 else index, found)
        return found.addMenu(rest, icon) if rest else found

    def addCommand(
        self,
        name,
        command="",
        shortcut="",
        icon="",
        tooltip="",
        index=-1,
        readonly=False,
        shortcutContext=0,
        tag=0,
        tagTarget="",
        node=None,
    ):
        need(name, str, "Menu.addCommand: the name")
        if not isinstance(command, str) and not callable(command):
            raise TypeError("Menu.addCommand: the command must be a string or callable")
        menu, _slash, last = name.rpartition("/")
        if menu:
            return self.addMenu(menu).addCommand(last, command, shortcut, icon, tooltip, index)
        found = self._find(last)
        if found is not None:
            self._items.remove(found)
        made = MenuItem(last, command, shortcut, icon)
        self._items.insert(len(self._items) if index < 0 else index, made)
        return made

    def addSeparator(self, index=-1):
        made = MenuItem("")
        self._items.insert(len(self._items) if index < 0 else index, made)
        return made

    def _find(self, name):
        return next((item for item in self._items if item._name == name), None)

    def items(self):
        return list(self._items)

    def findItem(self, name):
        head, _slash, rest = name.partition("/")
        found = self._find(head)
        return found.findItem(rest) if rest and isinstance(found, Menu) else None if rest else found

    def menu(self, name):
        return self.findItem(name)

    def removeItem(self, name):
        found = self._find(name)
        if found is None:
            return False
        self._items.remove(found)
        return True

    def clearMenu(self):
        self._items.clear()


MENUS = ("Nuke", "Nodes", "Node Graph", "Viewer", "Pane", "Properties", "Animation", "Axis")


@guard
def menu(name):
    """Only where there is a GUI (what real Nuke does without one: unverified)."""
    if not host.gui:
        raise RuntimeError("nuke.menu: there are no menus in terminal mode")
    if name not in MENUS:
        raise RuntimeError(f"there is no menu {name!r}")
    return host.menus.setdefault(name, Menu(name))


@api
class ProgressTask:
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.ProgressTask.html

    Main thread only in the fake (other threads: unverified). fake_host.progress_tasks keeps what it showed.
    """

    def __init__(self, name=""):
        self._name = need(name, str, "ProgressTask: the name")
        self._log = {"name": name, "messages": [], "progress": [], "cancel": False, "gone": False}
        host.progress_tasks.append(self._log)

    def setMessage(self, s):
        self._log["messages"].append(need(s, str, "ProgressTask.setMessage: the text"))

    def setProgress(self, i):
        if isinstance(i, bool) or not isinstance(i, int):
            raise TypeError("ProgressTask.setProgress: an integer is required")
        self._log["progress"].append(i)

    def isCancelled(self):
        return self._log["cancel"]

    def __del__(self):
        if hasattr(self, "_log"):
            self._log["gone"] = True
