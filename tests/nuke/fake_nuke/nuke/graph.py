"""The nodes themselves, behind the objects that Python holds: knobs, inputs, names, life and death, undo."""

from __future__ import annotations

import re

from . import flags
from .callbacks import Pseudo, fire, knob_changed
from .classes import BY_TYPE, COMMON, OPTIONAL, ROOT, SPECS, affects_pixels, make_knobs
from .core import host


def changed() -> None:
    host.images.clear()
    host.modified = True


class Core:
    """One node. A Python object of it (wrapper) dies with it, also when an undo brings the node back."""

    def __init__(self, kind: str, parent, name: str | None = None) -> None:
        if kind != "Root" and kind not in SPECS:
            raise RuntimeError(f"{kind}: Unknown command")
        self.kind, self.parent, self.id = kind, parent, host.number()
        self.is_group = kind in ("Group", "Root")
        self.children: dict = {}
        self.knobs: dict = {}
        self.inputs: list = []
        self.alive, self.panel_open, self.wrapper = True, False, None
        self.reloads = self.fresh = 0  # presses of reload; times that the pixels of a Read went out of date
        self.placeholders: list = []
        _most, optional, more = SPECS.get(kind, (0, False, ""))
        spec = ROOT if kind == "Root" else "\n".join([COMMON, OPTIONAL if optional else "", more])
        if kind == "Assert" and host.version[0] >= 17:  # see ops.check
            spec += "\nmessage:expr"
        for knob in make_knobs(spec):
            knob._core = self
            self.knobs[knob._name] = knob
        if kind == "Read":
            self.knobs["reload"]._own = self.reload
        if kind == "Write":
            self.knobs["Render"]._own = self.render_button
        if kind != "Root":
            self.knobs["name"]._text = self.free_name(name or re.sub(r"\d+$", "", kind) + "1")
            parent.children[self.name] = self
        self.wrap()

    def wrap(self) -> None:
        from .nodes import CLASSES, Node

        self.wrapper = CLASSES.get(self.kind, Node)._of(self)
        for child in self.children.values():
            child.wrap()

    @property
    def name(self) -> str:
        return "root" if self.kind == "Root" else self.knobs["name"]._text

    def full_name(self) -> str:
        parts, here = [], self
        while here is not None and here.parent is not None:
            parts.append(here.name)
            here = here.parent
        return ".".join(reversed(parts)) or "root"

    def frame(self) -> float:
        """Of Root: the current frame."""
        return self.knobs["frame"]._values[0]

    # names

    def free_name(self, name: str) -> str:
        if not re.match(r"[A-Za-z_]\w*\Z", name):
            raise ValueError(f"{name!r} is no name for a node")
        taken = self.parent.children
        stem, number = re.match(r"(.*?)(\d*)\Z", name).groups()
        count = int(number or 1)
        while name in taken and taken[name] is not self:
            if number or count > 1:
                count += 1
            name = f"{stem}{count}"
            number = number or "1"
        return name

    def rename(self, name: str, uncollide: bool) -> bool:
        if not isinstance(name, str):
            raise TypeError("the name of a node must be a string")
        free = self.free_name(name)
        if free != name and not uncollide:
            raise ValueError(f"there is a node {name!r} already")
        old = self.name
        if free == old:
            return False

        def do(to):
            host_children = self.parent.children
            items = [(to if core is self else key, core) for key, core in host_children.items()]
            host_children.clear()
            host_children.update(items)
            self.knobs["name"]._text = to

        do(free)
        host.undo.record(lambda: do(old), lambda: do(free), "name", self)
        host.modified = True
        return True

    # inputs

    def most_inputs(self) -> int:
        if self.kind == "Group":
            return len(self.input_nodes())
        if self.kind == "JoinViews":
            from .nodes import view_names

            return len(view_names())
        return SPECS[self.kind][0] if self.kind in SPECS else 0

    def input_nodes(self) -> list:
        found = [core for core in self.children.values() if core.kind == "Input"]
        return sorted(found, key=lambda core: core.knobs["number"]._values[0])

    def input(self, index: int):
        return self.inputs[index] if 0 <= index < len(self.inputs) else None

    def set_input(self, index: int, core) -> None:
        before = list(self.inputs)
        after = before + [None] * (index + 1 - len(before))
        after[index] = core
        while after and after[-1] is None:
            after.pop()
        if before == after:
            return

        def put(inputs):
            self.inputs = list(inputs)
            changed()

        put(after)
        host.undo.record(lambda: put(before), lambda: put(after), "connect", self)
        host.touch()
        if host.gui and self.panel_open and not host.loading:
            knob_changed(self, Pseudo("inputChange", self))

    def above(self, core) -> bool:
        """Whether this node is upstream of (or is) another."""
        waiting, seen = [core], set()
        while waiting:
            here = waiting.pop()
            if here is self:
                return True
            if here is not None and here.id not in seen:
                seen.add(here.id)
                waiting.extend(here.inputs)
        return False

    # knobs

    def knob_changed(self, knob, before, after) -> None:
        if not knob._flags & flags.NO_UNDO and self.kind != "Viewer":
            name = f"{self.full_name()}.{knob._name}"
            host.undo.record(lambda: self.put(knob, before), lambda: self.put(knob, after), name, self)
        self.after_change(knob)
        if host.gui and self.panel_open and not host.loading:
            knob_changed(self, knob)

    def put(self, knob, state) -> None:
        knob._restore(state)
        self.after_change(knob)

    def after_change(self, knob) -> None:
        changed()
        if self.kind == "Write" and knob._name == "file_type" and not knob._user:
            self.type_knobs()
        if self.kind == "Read" and knob._name in ("file", "proxy") and not knob._user:
            self.fresh += 1
        if affects_pixels(knob):
            host.touch()

    def type_knobs(self) -> None:
        """The knobs that a Write has only for its file type."""
        for name in self.placeholders:
            self.knobs.pop(name)._dead = True
        made = make_knobs(BY_TYPE.get(self.knobs["file_type"].value(), ""))
        for knob in made:
            knob._core = self
            self.knobs[knob._name] = knob
        self.placeholders = [knob._name for knob in made]

    def reload(self) -> None:
        """https://learn.foundry.com/nuke/11.1/content/reference_guide/image_nodes/read.html: re-read from the disk."""
        self.reloads += 1
        changed()
        host.touch()

    def render_button(self) -> None:
        from .execute import execute

        limits = self.knobs if self.knobs["use_limit"].value() else host.root.knobs
        names = ("first", "last") if limits is self.knobs else ("first_frame", "last_frame")
        execute(self.wrapper, limits[names[0]].value(), limits[names[1]].value())

    # life and death

    def from_outside(self) -> list:
        """It and what is in it, as onDestroy goes: "for groups and the root, this is run before all the children"."""
        return [self, *[core for child in list(self.children.values()) for core in child.from_outside()]]

    def all_inside(self) -> list:
        """Inner nodes first, as callbacks see them."""
        found = []
        for child in list(self.children.values()):
            found += [*child.all_inside(), child]
        return found

    def born(self, user: bool = False) -> None:
        def attach():
            self.parent.children[self.knobs["name"]._text] = self
            self.revive()

        host.undo.record(self.detach, attach, f"create {self.name}", self, True)
        if user and host.gui:  # "It is run before onCreate": .../160/pythondevguide/callbacks.html
            fire("OnUserCreate", self)
        fire("OnCreate", self)
        changed()

    def revive(self) -> None:
        for core in [*self.all_inside(), self]:
            core.alive = True
        self.wrap()
        for core in [*self.all_inside(), self]:
            fire("OnCreate", core)

    def detach(self) -> list:
        """Takes the node away; gives the connections that it cut."""
        for core in self.from_outside():
            fire("OnDestroy", core)
        cut = []
        for other in self.parent.children.values():
            for place, core in enumerate(other.inputs):
                if core is self:
                    cut.append((other, place))
                    other.inputs[place] = None
        self.parent.children.pop(self.name, None)
        for core in [*self.all_inside(), self]:
            core.alive = False
            core.panel_open = False
        changed()
        host.touch()
        return cut

    def delete(self) -> None:
        """What was connected to it has no input any more (unverified: real Nuke may connect it to the input)."""
        cut = self.detach()

        def back():
            self.parent.children[self.knobs["name"]._text] = self
            for other, place in cut:
                other.inputs.extend([None] * (place + 1 - len(other.inputs)))
                other.inputs[place] = self
            self.revive()

        host.undo.record(back, self.detach, f"delete {self.name}")
