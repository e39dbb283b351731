"""https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.AnimationCurve.html and AnimationKey.

Only CONSTANT, LINEAR and SMOOTH (as a cubic through the neighbours' slopes); before the first key and after the last
the curve is flat.
"""

from __future__ import annotations

from . import flags
from .core import api, need

LETTERS = {"K": flags.CONSTANT, "L": flags.LINEAR, "C": flags.SMOOTH}
KINDS = {flags.CONSTANT: "K", flags.LINEAR: "L"}


def number(value: float) -> str:
    """A number as scripts hold it, exactly."""
    value = float(value)
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


@api
class AnimationKey:
    """x, y and interpolation are its public members."""

    def __init__(self, x, y, interpolation=flags.SMOOTH):
        need(x, (int, float), "AnimationKey: x")
        need(y, (int, float), "AnimationKey: y")
        self.x, self.y, self.interpolation = float(x), float(y), interpolation

    def __repr__(self):
        return f"<AnimationKey x={self.x} y={self.y}>"


def at(keys: list, time: float) -> float:
    """The value of sorted (x, y, interpolation) at a time."""
    if time <= keys[0][0]:
        return keys[0][1]
    for (x0, y0, kind), (x1, y1, _next) in zip(keys, keys[1:]):
        if time < x1:
            part = (time - x0) / (x1 - x0)
            if kind == flags.CONSTANT:
                return y0
            if kind == flags.SMOOTH:
                part = part * part * (3 - 2 * part)
            return y0 + (y1 - y0) * part
    return keys[-1][1]


def to_script(keys: list) -> str:
    out, kind = ["curve"], flags.SMOOTH
    for x, y, interpolation in keys:
        if interpolation != kind:
            out.append(KINDS.get(interpolation, "C"))
            kind = interpolation
        out.append(f"x{number(x)} {number(y)}")
    return " ".join(out)


def from_script(words: list) -> list:
    """The keys of `curve K x1 0 x10 1`; a word without x is a value one frame after the last."""
    keys, kind, x, pending = [], flags.SMOOTH, 0.0, False
    for word in words[1:]:
        if word in LETTERS:
            kind = LETTERS[word]
        elif word.startswith("x"):
            x, pending = float(word[1:]), True
        else:
            if keys and not pending:
                x += 1
            keys.append((x, float(word), kind))
            pending = False
    return keys


@api
class AnimationCurve:
    """Belongs to one value of a knob; there is none without a knob (constructing one is not offered)."""

    def __init__(self, knob, index):
        self._knob, self._index = knob, index

    def _keys(self) -> list:
        self._knob._alive()
        return self._knob._curves.get(self._index, [])

    def _set(self, keys: list) -> None:
        def do():
            merged = {}
            for key in keys:
                merged[key[0]] = key
            self._knob._curves[self._index] = [merged[x] for x in sorted(merged)]

        self._knob._change(do)

    def keys(self):
        return [_Key(self, x, y, kind) for x, y, kind in self._keys()]

    def addKey(self, keys):
        """Insert a sequence of keys (AnimationKey)."""
        need(keys, (list, tuple), "AnimationCurve.addKey: the keys")
        for key in keys:
            need(key, AnimationKey, "AnimationCurve.addKey: a key")
        self._set(self._keys() + [(key.x, key.y, key.interpolation) for key in keys])

    def setKey(self, t, y):
        self._set([*self._keys(), (float(t), float(y), flags.SMOOTH)])
        return self.keys()[[x for x, _y, _k in self._keys()].index(float(t))]

    def removeKey(self, keys):
        gone = {key.x for key in need(keys, (list, tuple), "AnimationCurve.removeKey: the keys")}
        kept = [key for key in self._keys() if key[0] not in gone]
        self._knob._change(lambda: self._knob._curves.__setitem__(self._index, kept))

    def clear(self):
        self._knob._change(lambda: self._knob._curves.__setitem__(self._index, []))

    def changeInterpolation(self, keys, type):
        """Keys of this curve (of keys()) and nuke.CONSTANT, nuke.LINEAR or nuke.SMOOTH."""
        if type not in (flags.CONSTANT, flags.LINEAR, flags.SMOOTH):
            raise ValueError(f"changeInterpolation: the fake knows CONSTANT, LINEAR and SMOOTH, not {type!r}")
        wanted = {need(key, AnimationKey, "changeInterpolation: a key").x for key in keys}
        self._set([(x, y, type if x in wanted else kind) for x, y, kind in self._keys()])

    def evaluate(self, t):
        return self._knob._number(self._index, float(t), None)

    def size(self):
        return len(self._keys())

    def expression(self):
        return self._knob._exprs.get(self._index, "curve")

    def setExpression(self, expression):
        self._knob.setExpression(expression, self._index)

    def noExpression(self):
        return self._index not in self._knob._exprs

    def knob(self):
        return self._knob

    def knobIndex(self):
        return self._index

    def constant(self):
        return len({y for _x, y, _k in self._keys()}) < 2


class _Key(AnimationKey):
    """A key of a curve: setting a member changes the curve (unverified)."""

    def __init__(self, curve, x, y, kind):
        self.__dict__.update(_curve=curve, x=x, y=y, interpolation=kind)

    def __setattr__(self, name, value):
        if name not in ("x", "y", "interpolation"):
            raise AttributeError(name)
        old = self.x
        self.__dict__[name] = value
        keys = [key for key in self._curve._keys() if key[0] != old]
        self._curve._set([*keys, (self.x, self.y, self.interpolation)])
