"""The base class of knobs and those that hold numbers.

https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.Knob.html and nuke.Array_Knob.html;
values differing per view (splitView) are not modelled: a view must exist, and that is all it does.
"""

from __future__ import annotations

import copy

from . import flags, tcl
from .core import api, guard, host, need
from .curves import AnimationCurve, at, from_script, number, to_script


def check_view(view) -> None:
    if view is None or view == "default":
        return
    from .nodes import view_names

    if need(view, str, "the view") not in view_names():
        raise ValueError(f"there is no view {view!r}")


@api
class Knob:
    _code = None  # the number of its kind in addUserKnob
    _fields: tuple = ()
    _default_text = ""

    def __init__(self, name, label=None):
        self._setup(name, label)

    def _setup(self, name, label):
        need(name, str, f"{type(self).__name__}: the name")
        if label is not None:
            need(label, str, f"{type(self).__name__}: the label")
        self._name, self._label, self._tooltip = name, label, ""
        self._flags, self._seen, self._able = 0, True, True
        self._core, self._user, self._dead = None, False, False

    # ours

    def _alive(self):
        if self._dead or (self._core is not None and not self._core.alive):
            raise ValueError("A PythonObject is not attached to a knob")  # unverified wording

    def _snapshot(self):
        return None

    def _restore(self, state):
        pass

    def _change(self, do) -> bool:
        self._alive()
        before = self._snapshot()
        do()
        after = self._snapshot()
        if before == after:
            return False
        if self._core is not None:
            self._core.knob_changed(self, before, after)
        return True

    def _frame(self):
        return host.context_frame if host.context_frame is not None else host.root.frame()

    def _number(self, index, frame, view) -> float:
        from .expressions import ExpressionError

        raise ExpressionError(f"the knob {self._name} has no number")

    def _tcl(self, index, frame, view, evaluated) -> str:
        return self._script()

    def _script(self, frame=None, view=None) -> str:
        return ""

    def _load(self, kind: str, text: str) -> None:
        """A word of a script as the value."""

    def _hash(self, frame, view) -> str:
        return self._script()

    def __repr__(self):
        return f"<{self.Class()} {self._name!r}>"

    # Nuke's

    def Class(self):
        return type(self).__name__.lstrip("_")

    def name(self):
        self._alive()
        return self._name

    def setName(self, name):
        need(name, str, "Knob.setName: the name")
        if self._core is not None:
            raise RuntimeError("Knob.setName: the fake does not rename the knob of a node")
        self._name = name

    def fullyQualifiedName(self, channel=-1):
        self._alive()
        return f"{self._core.full_name()}.{self._name}"

    def label(self):
        self._alive()
        return self._name if self._label is None else self._label

    def setLabel(self, label):
        self._alive()
        self._label = need(label, str, "Knob.setLabel: the label")

    def tooltip(self):
        self._alive()
        return self._tooltip

    def setTooltip(self, tooltip):
        self._alive()
        self._tooltip = need(tooltip, str, "Knob.setTooltip: the text")

    def setFlag(self, flag):
        self._alive()
        if need(flag, int, "Knob.setFlag: the flag") & ~flags.ALL_FLAGS or flag <= 0:
            raise ValueError(f"setFlag({flag:#x}): no such flag (unverified, but not in the fake)")
        self._flags |= flag

    def clearFlag(self, flag):
        self._alive()
        if need(flag, int, "Knob.clearFlag: the flag") & ~flags.ALL_FLAGS or flag <= 0:
            raise ValueError(f"clearFlag({flag:#x}): no such flag")
        self._flags &= ~flag

    def getFlag(self, flag):
        self._alive()
        return bool(self._flags & need(flag, int, "Knob.getFlag: the flag"))

    def setVisible(self, visible):
        self._alive()
        self._seen = bool(need(visible, (bool, int), "Knob.setVisible: the value"))

    def visible(self):
        self._alive()
        return self._seen and not self._flags & flags.INVISIBLE

    def setEnabled(self, enabled):
        self._alive()
        self._able = bool(need(enabled, (bool, int), "Knob.setEnabled: the value"))
        self._flags = self._flags & ~flags.DISABLED if self._able else self._flags | flags.DISABLED

    def enabled(self):
        self._alive()
        return self._able and not self._flags & flags.DISABLED

    def node(self):
        self._alive()
        if self._core is None:
            return None
        return self._core.wrapper

    def toScript(self, quote=True, context=None):
        self._alive()
        text = self._script()
        return text

    def fromScript(self, s):
        need(s, str, "Knob.fromScript: the text")
        return self._change(lambda: self._load("text", s)) or True

    def notDefault(self):
        self._alive()
        return self._script() != self._default_text

    def isAnimated(self, c=-1, view=None):
        return False

    def hasExpression(self, index=-1):
        return False

    def isKey(self, c=-1, view=None):
        return False

    def debug(self, message):
        host.printed.append(("debug", need(message, str, "Knob.debug: the message")))

    def warning(self, message):
        host.printed.append(("warning", need(message, str, "Knob.warning: the message")))

    def error(self, message):
        host.printed.append(("error", need(message, str, "Knob.error: the message")))


@api
class Array_Knob(Knob):
    """One or more numbers, each with a curve or an expression."""

    _code = 78
    _kinds = (int, float)

    def __init__(self, name, label=None, arraySize=1):
        self._setup(name, label)
        self._size(arraySize)

    def _size(self, count, default=0.0):
        self._values = [float(default)] * count
        self._curves: dict = {}
        self._exprs: dict = {}
        self._low, self._high = 0.0, 1.0
        self._ranged = False
        self._default_text = self._script()

    def _snapshot(self):
        curves = {index: list(keys) for index, keys in self._curves.items() if keys}
        return list(self._values), curves, dict(self._exprs)

    def _restore(self, state):
        values, curves, exprs = copy.deepcopy(state)
        self._values, self._curves, self._exprs = values, curves, exprs

    def _clean(self, value) -> float:
        return float(need(value, self._kinds, f"{self.Class()}.setValue ({self._name}): the value"))

    def _out(self, value: float):
        return value

    def _number(self, index, frame, view) -> float:
        if index >= len(self._values):
            raise IndexError(f"the knob {self._name} has {len(self._values)} values")
        if index in self._exprs:
            from .lookup import knob_expression

            return knob_expression(self, self._exprs[index], frame, view)
        if self._curves.get(index):
            return at(self._curves[index], frame)
        return self._values[index]

    def _now(self, index, view=None, time=None):
        self._alive()
        return self._number(index, self._frame() if time is None else float(time), view)

    def _word(self, value: float) -> str:
        return number(value)

    def _tcl(self, index, frame, view, evaluated):
        if not evaluated:
            return self._script()
        frame = self._frame() if frame is None else frame
        wanted = range(len(self._values)) if index is None else [index]
        return " ".join(self._word(self._number(one, frame, view)) for one in wanted)

    def _hash(self, frame, view):
        return self._tcl(None, frame, view, True)

    def _script(self, frame=None, view=None):
        parts, live = [], False
        for index, value in enumerate(self._values):
            if index in self._exprs:
                parts.append("{" + tcl.quote(self._exprs[index]) + "}")
                live = True
            elif self._curves.get(index):
                parts.append("{" + to_script(self._curves[index]) + "}")
                live = True
            else:
                parts.append(self._word(value))
        if len(parts) > 1 and len(set(parts)) == 1 and not live:
            parts = parts[:1]
        return "{" + " ".join(parts) + "}" if live or len(parts) > 1 else parts[0]

    def _read(self, word: str) -> float:
        return {"true": 1.0, "false": 0.0}[word] if word in ("true", "false") else float(word)

    def _load(self, kind, text):
        if kind == "text":  # of fromScript: one word
            found = tcl.words(text)
            if len(found) == 1:
                kind, text = found[0]
            else:
                kind = "brace"
        items = tcl.words(text) if kind == "brace" else [(kind, text)]
        if len(items) == 1 and len(self._values) > 1 and items[0][0] != "brace":
            items = items * len(self._values)
        if len(items) != len(self._values):
            raise ValueError(f"{self._name}: {len(items)} values for {len(self._values)}")
        self._curves, self._exprs = {}, {}
        for index, (shape, item) in enumerate(items):
            if shape != "brace":
                self._values[index] = self._read(item)
                continue
            inner = tcl.words(item)
            if inner and inner[0] == ("bare", "curve"):
                self._curves[index] = from_script([word for _kind, word in inner])
            else:
                self._exprs[index] = inner[0][1] if len(inner) == 1 else item

    # Nuke's

    def arraySize(self):
        return len(self._values)

    def array(self):
        return [self._now(index) for index in range(len(self._values))]

    def value(self, index=None, view=None, time=None):
        """One number, or all of them where there are several and no index is given."""
        check_view(view)
        if index is None and len(self._values) > 1:
            return [self._out(self._now(one, view, time)) for one in range(len(self._values))]
        return self._out(self._now(index or 0, view, time))

    def getValue(self, index=None, view=None, time=None):
        check_view(view)
        if index is None and len(self._values) > 1:
            return [self._now(one, view, time) for one in range(len(self._values))]
        return self._now(index or 0, view, time)

    def valueAt(self, time, index=0, view=None):
        check_view(view)
        return self._out(self._now(index, view, need(time, (int, float), "valueAt: the time")))

    def getValueAt(self, time, index=0, view=None):
        check_view(view)
        return self._now(index, view, need(time, (int, float), "getValueAt: the time"))

    def setValue(self, value, index=-1, time=None, view=None):
        """True if that changed the value. On an animated knob it sets a key at the time, else at the current frame."""
        check_view(view)
        if isinstance(value, (list, tuple)):
            if len(value) != len(self._values):
                raise TypeError(f"{self._name}: {len(value)} values for {len(self._values)}")
            pairs = [(place, self._clean(one)) for place, one in enumerate(value)]
        else:
            clean = self._clean(value)
            wanted = range(len(self._values)) if index == -1 else [need(index, int, "setValue: the index")]
            pairs = [(place, clean) for place in wanted]

        def do():
            for place, one in pairs:
                if place >= len(self._values) or place < 0:
                    raise IndexError(f"the knob {self._name} has {len(self._values)} values")
                if self._curves.get(place) or time is not None:
                    self._key(place, self._frame() if time is None else float(time), one)
                else:
                    self._exprs.pop(place, None)
                    self._values[place] = one

        return self._change(do)

    def _key(self, index, time, value):
        if self._flags & flags.NO_ANIMATION:
            raise RuntimeError(f"{self._name} cannot be animated")  # unverified wording
        keys = [key for key in self._curves.get(index, []) if key[0] != time]
        self._curves[index] = sorted([*keys, (time, value, flags.SMOOTH)])

    def setValueAt(self, value, time, index=-1, view=None):
        """Sets a key where the knob is animated, else just the value."""
        check_view(view)
        need(time, (int, float), "setValueAt: the time")
        clean = self._clean(value)

        def do():
            for place in range(len(self._values)) if index == -1 else [index]:
                if place in self._curves:
                    self._key(place, float(time), clean)
                else:
                    self._values[place] = clean

        return self._change(do)

    def setAnimated(self, index=-1, view=None):
        """Sets a key at the current frame with the value there (unverified: the case that a plugin must survive)."""
        check_view(view)
        if self._flags & flags.NO_ANIMATION:
            return False

        def do():
            for place in range(len(self._values)) if index == -1 else [index]:
                if not self._curves.get(place):
                    self._curves[place] = [(float(self._frame()), self._values[place], flags.SMOOTH)]

        return self._change(do)

    def clearAnimated(self, index=-1, view=None):
        """The value stays what it is at the current frame."""
        check_view(view)

        def do():
            for place in range(len(self._values)) if index == -1 else [index]:
                self._values[place] = self._number(place, self._frame(), view)
                self._curves.pop(place, None)
                self._exprs.pop(place, None)

        return self._change(do) or True

    def isAnimated(self, index=-1, view=None):
        self._alive()
        wanted = range(len(self._values)) if index == -1 else [index]
        return any(self._curves.get(place) or place in self._exprs for place in wanted)

    def isKey(self, index=-1, view=None):
        return self.isKeyAt(self._frame(), index, view)

    def isKeyAt(self, time, index=-1, view=None):
        self._alive()
        wanted = range(len(self._values)) if index == -1 else [index]
        return any(key[0] == float(time) for place in wanted for key in self._curves.get(place, []))

    def getNumKeys(self, index=0):
        return len(self._curves.get(index, []))

    def getKeyList(self):
        return sorted({key[0] for keys in self._curves.values() for key in keys})

    def animation(self, chan=0, view=None):
        """The curve of one value, or None if it is not animated."""
        self._alive()
        return AnimationCurve(self, chan) if chan in self._curves or chan in self._exprs else None

    def animations(self, view=None):
        self._alive()
        return [AnimationCurve(self, place) for place in sorted({*self._curves, *self._exprs})]

    def setExpression(self, expression, channel=-1, view=None):
        """True; what cannot be parsed raises (unverified: real Nuke puts the knob in error)."""
        need(expression, str, "setExpression: the expression")
        check_view(view)
        if "[" not in expression:
            from .expressions import parse

            parse(expression)
        if self._flags & flags.NO_ANIMATION:
            raise RuntimeError(f"{self._name} cannot have an expression")

        def do():
            for place in range(len(self._values)) if channel == -1 else [channel]:
                self._exprs[place] = expression

        self._change(do)
        return True

    def hasExpression(self, index=-1):
        self._alive()
        return bool(self._exprs) if index == -1 else index in self._exprs

    def setRange(self, f1, f2):
        self._alive()
        self._low = float(need(f1, (int, float), "setRange: the first"))
        self._high = float(need(f2, (int, float), "setRange: the last"))
        self._ranged = True

    def min(self):
        return self._low

    def max(self):
        return self._high

    def minimum(self):
        return self._low

    def maximum(self):
        return self._high

    def defaultValue(self):
        return 0.0

    def frame(self):
        return self._frame()


def knob_class(base, name, code, fields=(), count=1, kinds=(int, float)):
    """The knobs that are only an Array_Knob with a size and names for its values."""

    def __init__(self, name, label=None):
        self._setup(name, label)
        self._size(count)

    made = type(name, (base,), {"_code": code, "_fields": tuple(fields), "_kinds": kinds, "__init__": guard(__init__)})
    made.__doc__ = f"https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.{name}.html"
    return made


Double_Knob = knob_class(Array_Knob, "Double_Knob", 7)
XY_Knob = knob_class(Array_Knob, "XY_Knob", 12, "xy", 2)
BBox_Knob = knob_class(Array_Knob, "BBox_Knob", 15, "xyrt", 4)
AColor_Knob = knob_class(Array_Knob, "AColor_Knob", 19, "rgba", 4)


@api
class Int_Knob(Array_Knob):
    """A float is refused: PyArg_Parse("i") does so (unverified)."""

    _code = 3
    _kinds = (int,)

    def __init__(self, name, label=None):
        self._setup(name, label)
        self._size(1)

    def _out(self, value):
        return int(value)


@api
class ColorChip_Knob(Int_Knob):
    _code = 40

    def _word(self, value):
        return f"{int(value):#x}" if value else "0"

    def _read(self, word):
        return float(int(word, 0))


@api
class Boolean_Knob(Array_Knob):
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.Boolean_Knob.html"""

    _code = 6
    _kinds = (bool, int)

    def __init__(self, name, label=None, value=False):
        self._setup(name, label)
        self._size(1)
        self._values[0] = float(bool(need(value, (bool, int), "Boolean_Knob: the value")))

    def _clean(self, value):
        return float(bool(need(value, (bool, int, float), f"Boolean_Knob.setValue ({self._name}): the value")))

    def _out(self, value):
        return bool(value)

    def _word(self, value):
        return "true" if value else "false"

    def _tcl(self, index, frame, view, evaluated):
        if not evaluated:
            return self._script()
        return number(bool(self._number(0, self._frame() if frame is None else frame, view)))


@api
class Disable_Knob(Boolean_Knob):
    pass


@api
class Enumeration_Knob(Array_Knob):
    """https://learn.foundry.com/nuke/developers/120/pythonreference/nuke.Enumeration_Knob-class.html: value by name or
    number.

    An item may be "name<TAB>text shown": value() and scripts have the name. What is no item raises (kind unverified).
    """

    _code = 4

    def __init__(self, name, label=None, items=()):
        self._setup(name, label)
        self._items = self._check(items)
        self._size(1)

    def _check(self, items):
        need(items, (list, tuple), "Enumeration_Knob: the items")
        return [need(item, str, "Enumeration_Knob: an item") for item in items]

    def _names(self):
        return [item.partition("\t")[0] for item in self._items]

    def _clean(self, value):
        if isinstance(value, str):
            if value not in self._names():
                raise ValueError(f"{self._name} has no item {value!r}, only {self._names()}")
            return float(self._names().index(value))
        index = int(need(value, (int, float), f"Enumeration_Knob.setValue ({self._name}): the value"))
        if not 0 <= index < max(1, len(self._items)):
            raise ValueError(f"{self._name} has {len(self._items)} items, not one {index}")
        return float(index)

    def _out(self, value):
        index = int(value)
        return self._names()[index] if 0 <= index < len(self._items) else ""

    def _word(self, value):
        return tcl.quote(self._out(value))

    def _read(self, word):
        return self._clean(word) if word in self._names() else self._clean(float(word))

    def _load(self, kind, text):
        super()._load(*(("quote", text) if text in self._names() else (kind, text)))

    def _tcl(self, index, frame, view, evaluated):
        return self._out(self._number(0, self._frame() if frame is None else frame, view))

    def _snapshot(self):
        return (*super()._snapshot(), list(self._items))

    def _restore(self, state):
        self._items = list(state[3])
        super()._restore(state[:3])

    def values(self):
        self._alive()
        return list(self._items)

    def setValues(self, items):
        """The number of the value stays where it can (unverified)."""
        checked = self._check(items)

        def do():
            self._items = checked
            if self._values[0] >= len(checked):
                self._values[0] = 0.0

        self._change(do)
        self._default_text = self._word(0.0) if self._items else ""

    def numValues(self):
        return len(self._items)

    def enumName(self, n):
        return self._names()[n]


__all__ = [
    "AColor_Knob",
    "Array_Knob",
    "BBox_Knob",
    "Boolean_Knob",
    "ColorChip_Knob",
    "Disable_Knob",
    "Double_Knob",
    "Enumeration_Knob",
    "Int_Knob",
    "Knob",
    "XY_Knob",
    "check_view",
]
