"""Node, Group, Root: https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.Node.html and so
on.
"""

from __future__ import annotations

from . import flags
from .callbacks import Pseudo, fire, knob_changed
from .core import api, host, need
from .graph import Core, changed
from .knobs import Knob, check_view
from .textknobs import Tab_Knob


def view_names() -> list:
    return (host.root.knobs["views"]._text or "main").split()


def view_now() -> str:
    return host.context_view or view_names()[0]


class Shape:
    """What bbox() and frameRange() give: numbers behind methods."""

    def __init__(self, **values) -> None:
        for name, value in values.items():
            setattr(self, name, lambda value=value: value)


@api
class FrameRange:
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.FrameRange.html"""

    def __init__(self, first, last, increment=1):
        self._range = (int(first), int(last), int(increment))

    def first(self):
        return self._range[0]

    def last(self):
        return self._range[1]

    def increment(self):
        return self._range[2]

    def frames(self):
        return max(0, (self._range[1] - self._range[0]) // self._range[2] + 1)


@api
class Node:
    __slots__ = ("_it",)

    def __init__(self):
        raise TypeError("nuke.Node cannot be made like this: nuke.nodes.X()")

    @classmethod
    def _of(cls, core):
        made = object.__new__(cls)
        made._it = core
        return made

    @property
    def _c(self):
        if not self._it.alive or self._it.wrapper is not self:
            raise ValueError("A PythonObject is not attached to a node")
        return self._it

    def __eq__(self, other):
        return isinstance(other, Node) and other._it is self._it

    def __hash__(self):
        return hash(self._it.id)

    def __repr__(self):
        return f"<{self._it.kind} {self._it.name}>"

    def __getitem__(self, name):
        found = self._c.knobs.get(need(name, str, "the name of a knob"))
        if found is None:
            raise NameError(f"knob {name} does not exist")
        return found

    def Class(self):
        return self._c.kind

    def name(self):
        return self._c.name

    def fullName(self):
        return self._c.full_name()

    def setName(self, name, uncollide=True, updateExpressions=False):
        self._c.rename(name, uncollide)

    def knob(self, p, follow_link=True):
        """None if there is no such knob."""
        if isinstance(p, int):
            return list(self._c.knobs.values())[p]
        return self._c.knobs.get(need(p, str, "Node.knob: the name"))

    def knobs(self):
        return dict(self._c.knobs)

    def allKnobs(self):
        return list(self._c.knobs.values())

    def numKnobs(self):
        return len(self._c.knobs)

    def addKnob(self, k):
        """Without a Tab_Knob before it a tab "User" comes first; a name twice is an error (kind unverified).

        Neither this nor removeKnob can be undone (unverified).
        """
        core = self._c
        need(k, Knob, "Node.addKnob: the knob")
        if k._core is not None:
            raise RuntimeError(f"the knob {k._name} is on a node already")
        if k._name in core.knobs:
            raise ValueError(f"the node has a knob {k._name} already")
        first = not any(knob._user for knob in core.knobs.values())
        if first and not isinstance(k, Tab_Knob) and "User" not in core.knobs:
            self.addKnob(Tab_Knob("User"))

        k._core, k._user, k._dead = core, True, False
        core.knobs[k._name] = k
        changed()

    def _drop(self, k):
        self._it.knobs.pop(k._name, None)
        k._dead = True
        changed()

    def removeKnob(self, k):
        core = self._c
        need(k, Knob, "Node.removeKnob: the knob")
        if core.knobs.get(k._name) is not k or not k._user:
            raise ValueError(f"{k._name} is no user knob of {core.name}")
        self._drop(k)

    # connections

    def inputs(self):
        return len(self._c.inputs)

    def maxInputs(self):
        return self._c.most_inputs()

    maximumInputs = maxInputs

    def minInputs(self):
        return min(1, self._c.most_inputs())

    minimumInputs = minInputs

    def optionalInput(self):
        """The number of the mask input, or 0."""
        return self._c.most_inputs() - 1 if self._c.kind in ("Copy", "Merge2", "Expression", "Grade") else 0

    def input(self, i):
        found = self._c.input(need(i, int, "Node.input: the number"))
        return found.wrapper if found is not None else None

    def canSetInput(self, i, node):
        core = self._c
        if not 0 <= need(i, int, "the number of the input") < core.most_inputs():
            return False
        if node is None:
            return True
        other = need(node, Node, "the input")._c
        return other.parent is core.parent and not core.above(other) and other.kind != "Viewer"

    def setInput(self, i, node):
        """False, and nothing done, where canSetInput says no."""
        if not self.canSetInput(i, node):
            return False
        self._c.set_input(i, None if node is None else node._c)
        return True

    def connectInput(self, i, node):
        return self.setInput(i, node)

    def dependencies(self, what=flags.INPUTS | flags.HIDDEN_INPUTS | flags.EXPRESSIONS | flags.LINKINPUTS):
        core, found = self._c, []
        hidden = core.knobs["hide_input"].value() if "hide_input" in core.knobs else False
        if what & (flags.HIDDEN_INPUTS if hidden else flags.INPUTS):
            found += [other for other in core.inputs if other is not None]
        if what & flags.EXPRESSIONS:
            found += [other for other in linked(core) if other is not core]
        return [other.wrapper for other in dict.fromkeys(found)]

    def dependent(
        self, what=flags.INPUTS | flags.HIDDEN_INPUTS | flags.EXPRESSIONS | flags.LINKINPUTS, forceEvaluate=True
    ):
        others = self._c.parent.children.values() if self._c.parent else []
        return [other.wrapper for other in others if self in other.wrapper.dependencies(what)]

    # what it gives

    def _info(self, time=None, view=None):
        from .render import info

        frame = host.context_frame if time is None else time
        return info(self._c, host.root.frame() if frame is None else float(frame), view or view_now())

    def channels(self):
        return list(self._info().channels)

    def format(self):
        from .textknobs import Format

        image = self._info()
        made = Format(*image.format, pixelAspect=image.aspect)
        for name, known in host.formats.items():
            if known.size == made.size and known.aspect == made.aspect:
                made.label = name
        return made

    def width(self):
        return self._info().format[0]

    def height(self):
        return self._info().format[1]

    def pixelAspect(self):
        return self._info().aspect

    def bbox(self):
        x, y, r, t = self._info().bbox
        return Shape(x=x, y=y, w=r - x, h=t - y)

    def metadata(self, key=None, time=None, view=None):
        """All of it, or one value (None where there is none)."""
        check_view(view)
        found = self._info(time, view).meta
        return dict(found) if key is None else found.get(need(key, str, "Node.metadata: the key"))

    def firstFrame(self):
        from .render import span

        return span(self._c)[0]

    def lastFrame(self):
        from .render import span

        return span(self._c)[1]

    def frameRange(self):
        from .render import span

        return FrameRange(*span(self._c), 1)

    def proxy(self):
        return bool(host.root.knobs["proxy"]._values[0])

    def opHashes(self):
        """One number for each op of the node; the fake has one op a node, at the current frame and view."""
        from .render import digest

        frame = host.context_frame if host.context_frame is not None else host.root.frame()
        return [int(digest(self._c, frame, view_now())[:15], 16)]

    def hasError(self):
        return self._error() is self._c

    def error(self):
        """Of the node or anything above it."""
        return self._error() is not None

    def _error(self):
        from .render import RenderError, image_of

        try:
            image_of(self._c, host.root.frame(), view_now())
        except RenderError as error:
            return error.core
        return None

    # the node graph and the panel

    def xpos(self):
        return self["xpos"].value()

    def ypos(self):
        return self["ypos"].value()

    def setXpos(self, x):
        self["xpos"].setValue(need(x, int, "Node.setXpos"))

    def setYpos(self, y):
        self["ypos"].setValue(need(y, int, "Node.setYpos"))

    def setXYpos(self, x, y):
        self.setXpos(x)
        self.setYpos(y)

    def screenWidth(self):
        return 80 if host.gui else 0

    def screenHeight(self):
        return 18 if host.gui else 0

    def isSelected(self):
        return self["selected"].value()

    def setSelected(self, selected):
        self["selected"].setValue(need(selected, (bool, int), "Node.setSelected"))

    def parent(self):
        parent = self._c.parent
        return parent.wrapper if parent is not None else None

    def showControlPanel(self, forceFloat=False):
        if host.gui:
            self._c.panel_open = True
            knob_changed(self._c, Pseudo("showPanel", self._c))

    def hideControlPanel(self):
        if self._c.panel_open:
            knob_changed(self._c, Pseudo("hidePanel", self._c))
            self._c.panel_open = False

    def shown(self):
        return self._c.panel_open

    def writeKnobs(self, i=flags.WRITE_NON_DEFAULT_ONLY | flags.TO_SCRIPT):
        """Names and values as a script has them; without TO_SCRIPT and TO_VALUE only the names."""
        from .script import knob_lines

        return "\n".join(knob_lines(self._c, need(i, int, "Node.writeKnobs: the flags")))

    def readKnobs(self, s):
        from .script import read_knobs

        read_knobs(self._c, need(s, str, "Node.readKnobs: the text"))


@api
class Group(Node):
    __slots__ = ()

    def __enter__(self):
        self.begin()
        return self

    def __exit__(self, kind, error, trace):
        self.end()
        return False

    def begin(self):
        """What follows happens inside of the group, until end()."""
        host.groups.append(self._c)
        return self

    def end(self):
        if len(host.groups) > 1:
            host.groups.pop()
        return self

    def nodes(self):
        return [core.wrapper for core in reversed(list(self._c.children.values()))]

    def node(self, s):
        found = self._c.children.get(need(s, str, "Group.node: the name"))
        return found.wrapper if found is not None else None

    def numNodes(self):
        return len(self._c.children)

    def output(self):
        """The Output node."""
        found = [core for core in self._c.children.values() if core.kind == "Output"]
        return found[0].wrapper if found else None


@api
class Root(Group):
    __slots__ = ()

    def addView(self, s, color=""):
        if s not in view_names():
            self["views"].setValue(" ".join([*view_names(), need(s, str, "Root.addView: the name")]))

    def modified(self):
        return host.modified

    def setModified(self, b):
        host.modified = bool(b)

    def setFrame(self, n):
        host.root.knobs["frame"].setValue(int(n))

    def layers(self):
        return list(host.layers)

    def firstFrame(self):
        return self["first_frame"].value()

    def lastFrame(self):
        return self["last_frame"].value()


CLASSES = {"Group": Group, "Root": Root}


def linked(core) -> list:
    """The nodes that expressions of a node look at."""
    from .expressions import names, parse
    from .lookup import find_knob

    found = []
    for knob in core.knobs.values():
        for text in getattr(knob, "_exprs", {}).values():
            if "[" in text:
                continue
            for name in names(parse(text)):
                try:
                    found.append(find_knob(core, name)[0]._core)
                except RuntimeError:
                    continue
    return found


def make(kind: str, values: dict, user: bool) -> Node:
    """A node in the current group; a string for a knob that is none goes the way of a script."""
    from .classes import _NameKnob
    from .textknobs import String_Knob

    values = dict(values)
    inputs = values.pop("inputs", [])
    name = values.pop("name", None)
    core = Core(kind, host.groups[-1], name)
    node = core.wrapper
    try:
        host.loading += 1
        for key, value in values.items():
            knob = node[key]
            if isinstance(value, str) and not isinstance(knob, (String_Knob, _NameKnob)):
                knob.fromScript(value)
            else:
                knob.setValue(value)
        for place, other in enumerate(need(inputs, (list, tuple), "inputs")):
            if not node.setInput(place, other):
                raise RuntimeError(f"input {place} of {kind} cannot be {other!r}")
    except Exception:
        core.parent.children.pop(core.name, None)
        core.alive = False
        raise
    finally:
        host.loading -= 1
    core.born(user)
    return node


def update_ui() -> None:
    for core in [*host.root.all_inside(), host.root]:
        if core.alive:
            fire("UpdateUI", core)
