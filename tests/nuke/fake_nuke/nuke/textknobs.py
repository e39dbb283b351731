"""Knobs that hold text: strings, files, buttons, channels, formats.

https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/ nuke.String_Knob.html and the like.
"""

from __future__ import annotations

import re

from . import layering, tcl
from .core import api, host, need
from .knobs import Knob


@api
class String_Knob(Knob):
    """value() is the text as it is."""

    _code = 1

    def __init__(self, name, label=None, value=None):
        self._setup(name, label)
        self._text = "" if value is None else need(value, str, f"{type(self).__name__}: the value")
        self._expr = None

    def _snapshot(self):
        return self._text

    def _restore(self, state):
        self._text = state

    def _script(self, frame=None, view=None):
        return tcl.quote(self._text) if self._text else ""

    def _load(self, kind, text):
        if kind == "text":
            found = tcl.words(text)
            text = found[0][1] if len(found) == 1 else text
        self._text = text

    def _tcl(self, index, frame, view, evaluated):
        return self._text

    def _hash(self, frame, view):
        return self._text

    def notDefault(self):
        self._alive()
        return bool(self._text)

    def value(self, oc=None):
        self._alive()
        return self._text

    def getValue(self, oc=None):
        return self.value(oc)

    def getText(self, oc=None):
        self._alive()
        return self._text

    def setText(self, val, view="default"):
        return self.setValue(val)

    def setValue(self, val, view=None):
        need(val, str, f"{self.Class()}.setValue ({self._name}): the value")
        if "\0" in val:
            raise ValueError("a NUL in the text of a knob")
        return self._change(lambda: setattr(self, "_text", val))


@api
class EvalString_Knob(String_Knob):
    """value() is the text with [commands] evaluated; getText() the text itself:

    https://learn.foundry.com/nuke/developers/131/pythondevguide/_autosummary/nuke.EvalString_Knob.html. A scan of Nuke
    17 (github.com/kirkjr2/nuke-python-reference, Assert.message) shows it. Text with broken TCL comes back as it is
    (unverified).
    """

    _code = 2

    def _tcl(self, index, frame, view, evaluated):
        return self._evaluated(frame, view) if evaluated else self._text

    def _evaluated(self, frame=None, view=None):
        try:
            return tcl.substitute(self._text, self._core or host.root, frame, view)
        except RuntimeError:
            return self._text

    def _hash(self, frame, view):
        return self._evaluated(frame, view)

    def value(self, oc=None):
        self._alive()
        return self._evaluated()

    def evaluate(self, oc=None):
        self._alive()
        return self._evaluated()


@api
class Multiline_Eval_String_Knob(EvalString_Knob):
    _code = 43


@api
class PythonKnob(String_Knob):
    """Holds code that a callback runs (onCreate, knobChanged, beforeRender ...)."""


class _Font_Knob(String_Knob):
    def Class(self):
        return "Font_Knob"


SEQUENCE = re.compile(r"#+|%0?\d*d")


def expand(text: str, frame: int, view: str) -> str:
    """#### and %04d by the frame, %V and %v by the view.

    https://learn.foundry.com/nuke/11.1/content/reference_guide/image_nodes/read.html
    """

    def digits(match):
        word = match.group()
        return f"{frame:0{len(word)}d}" if word[0] == "#" else word % frame

    text = text.replace("%V", view).replace("%v", view[:1])
    return SEQUENCE.sub(digits, text)


@api
class File_Knob(EvalString_Knob):
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.File_Knob.html: forward slashes
    only.

    value() and getValue() give the text unevaluated (unverified), evaluate() the name for the current frame and view.
    """

    _code = 2

    def __init__(self, name, label=None):
        self._setup(name, label)
        self._text = ""

    def _at(self, frame, view):
        return expand(tcl.substitute(self._text, self._core or host.root, frame, view), int(frame), view)

    def _hash(self, frame, view):
        return self._at(frame, view) if frame is not None else self._text

    def value(self, oc=None):
        self._alive()
        return self._text

    def evaluate(self, oc=None):
        from .nodes import view_now

        self._alive()
        return self._at(self._frame(), view_now())

    def getEvaluatedValue(self, oc=None):
        return self.evaluate(oc)

    def fromUserText(self, s):
        """ "name first-last": the range goes to the knobs of a Read."""
        need(s, str, "File_Knob.fromUserText: the text")
        match = re.match(r"(.*?)\s+(-?\d+)(?:-(-?\d+))?\Z", s, re.S)
        name = match.group(1) if match else s
        self._change(lambda: setattr(self, "_text", name))
        if match and self._core is not None and self._core.kind == "Read" and self._name == "file":
            first = int(match.group(2))
            last = int(match.group(3)) if match.group(3) else first
            for knob, value in (("first", first), ("last", last), ("origfirst", first), ("origlast", last)):
                self._core.knobs[knob].setValue(value)


@api
class Text_Knob(Knob):
    """A text in the panel; its value is saved with the knob itself."""

    _code = 26

    def __init__(self, name, label=None, value=None):
        self._setup(name, label)
        self._text = "" if value is None else need(value, str, "Text_Knob: the value")

    def _snapshot(self):
        return self._text

    def _restore(self, state):
        self._text = state

    def value(self):
        self._alive()
        return self._text

    def getValue(self):
        return self.value()

    def setValue(self, val):
        need(val, str, f"Text_Knob.setValue ({self._name}): the value")
        return self._change(lambda: setattr(self, "_text", val))

    def notDefault(self):
        return False


@api
class Tab_Knob(Knob):
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.Tab_Knob.html: Tab_Knob(name,
    label, flag).
    """

    _code = 20

    def __init__(self, name, label=None, flag=0):
        self._setup(name, label)
        if need(flag, int, "Tab_Knob: the flag") not in (0, 1, 2, -1):
            raise ValueError(f"Tab_Knob: no such flag {flag}")
        self._group = flag

    def notDefault(self):
        return False


@api
class Script_Knob(Knob):
    """A button; Nuke's own run what the fake gives them (reload, Render)."""

    _code = 32

    def __init__(self, name, label=None, command=None):
        self._setup(name, label)
        self._text = "" if command is None else need(command, str, f"{type(self).__name__}: the command")
        self._own = None

    def _snapshot(self):
        return self._text

    def _restore(self, state):
        self._text = state

    def notDefault(self):
        return False

    def command(self):
        self._alive()
        return self._text

    def value(self):
        return self.command()

    def setCommand(self, cmd):
        need(cmd, str, f"{self.Class()}.setCommand: the command")
        self._change(lambda: setattr(self, "_text", cmd))

    def setValue(self, cmd):
        self.setCommand(cmd)

    def _run(self):
        self._alive()
        if self._own is not None:
            self._own()
        elif self._text:
            raise tcl.TclError("the fake does not run the TCL of a Script_Knob")

    def execute(self):
        self._run()


@api
class PyScript_Knob(Script_Knob):
    """https://learn.foundry.com/nuke/developers/132/pythondevguide/_autosummary/nuke.PyScript_Knob.html"""

    _code = 22

    def _run(self):
        import nuke

        self._alive()
        if self._own is not None:
            self._own()
            return
        host.nodes_now.append(self._core)
        host.knobs_now.append(self)
        group = self._core.parent or self._core
        host.groups.append(group)
        try:
            exec(compile(self._text, f"<{self._core.full_name()}.{self._name}>", "exec"), {"nuke": nuke})
        finally:
            host.groups.pop()
            host.knobs_now.pop()
            host.nodes_now.pop()


@api
class Channel_Knob(String_Knob):
    """https://learn.foundry.com/nuke/developers/132/pythondevguide/_autosummary/nuke.Channel_Knob.html; value() drops
    "rgba.".
    """

    _code = 11

    def __init__(self, name, label=None, depth=0):
        self._setup(name, label)
        self._text = "none"

    def _script(self, frame=None, view=None):
        text = layering.SHORT.get(self._text, self._text)
        return "{" + text + "}" if " " in text else text

    def _load(self, kind, text):
        self._text = " ".join(word for _kind, word in tcl.words(text)) or "none"

    def value(self, oc=None):
        self._alive()
        return self._text[5:] if self._text.startswith("rgba.") and " " not in self._text else self._text

    def getText(self, oc=None):
        return self._script()

    def setValue(self, val, view=None):
        need(val, str, f"{self.Class()}.setValue ({self._name}): the value")
        layering.resolve(val, [])
        return self._change(lambda: setattr(self, "_text", val))

    def notDefault(self):
        self._alive()
        return self._script() != self._default_text


@api
class ChannelMask_Knob(Channel_Knob):
    _code = 10


@api
class Format:
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.Format.html"""

    def __init__(self, width, height, x=0, y=0, r=None, t=None, pixelAspect=1.0):
        self.size = (int(width), int(height))
        self.aspect = float(pixelAspect)
        self.label = None

    def _text(self) -> str:
        w, h = self.size
        aspect = f"{self.aspect:g}"
        return f"{w} {h} 0 0 {w} {h} {aspect}" + (f" {self.label}" if self.label else "")

    def width(self):
        return self.size[0]

    def height(self):
        return self.size[1]

    def pixelAspect(self):
        return self.aspect

    def name(self):
        return self.label

    def setName(self, name):
        self.label = need(name, str, "Format.setName: the name")
        host.formats[name] = self

    def x(self):
        return 0

    def y(self):
        return 0

    def r(self):
        return self.size[0]

    def t(self):
        return self.size[1]


def make_format(text: str) -> Format:
    """ "w h", "w h aspect" or "w h x y r t aspect", each with a name or not."""
    parts = text.split()
    count = next((place for place, part in enumerate(parts) if not re.match(r"-?[\d.]+\Z", part)), len(parts))
    numbers = [float(part) for part in parts[:count]]
    if len(numbers) not in (2, 3, 6, 7):
        raise RuntimeError(f"{text!r} is no format")
    made = Format(numbers[0], numbers[1], pixelAspect=numbers[-1] if len(numbers) in (3, 7) else 1.0)
    made.label = " ".join(parts[count:]) or None
    return made


@api
class Format_Knob(Knob):
    """https://learn.foundry.com/nuke/developers/12.2/pythonreference/nuke.Format_Knob-class.html: a Format or its
    name.
    """

    _code = 30

    def __init__(self, name, label=None):
        self._setup(name, label)
        self._text = ""  # a format as text; "" is the root's

    def _snapshot(self):
        return self._text

    def _restore(self, state):
        self._text = state

    def _script(self, frame=None, view=None):
        return f'"{self._text}"' if self._text else ""

    def _hash(self, frame, view):
        return self.value()._text()

    def _load(self, kind, text):
        found = tcl.words(text) if kind == "text" else [(kind, text)]
        text = found[0][1] if len(found) == 1 else text
        self._text = host.formats[text]._text() if text in host.formats else text

    def notDefault(self):
        return bool(self._text)

    def value(self):
        self._alive()
        if self._text:
            return make_format(self._text)
        return host.root.knobs["format"].value() if self._core is not host.root else host.formats["HD_1080"]

    def actualValue(self):
        return self.value()

    def setValue(self, format):
        need(format, (str, Format), f"Format_Knob.setValue ({self._name}): the value")
        if isinstance(format, str):
            if format not in host.formats:
                return False
            format = host.formats[format]
        text = format._text()
        self._change(lambda: setattr(self, "_text", text))
        return True
