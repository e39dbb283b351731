"""Settings dataclasses from names and values: each value brought to its type, or a sentence that says what is wrong."""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

from ilvi_core.host.errors import InputError


def make(kind: Any, values: Any) -> Any:
    """A settings object of that class from names and values. InputError names what is unknown."""
    names = [f.name for f in dataclasses.fields(kind)]
    if not isinstance(values, dict):
        raise InputError(f"'{values}' is no set of settings.", f"Expected names and values of {', '.join(names)}.")
    check_names(values, names)
    for item in dataclasses.fields(kind):
        required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        if required and item.name not in values:
            raise InputError(f"'{item.name}' is missing.", "Give it a value.")
    return kind(**values)


def check_names(values: Iterable[Any], names: Sequence[str]) -> None:
    """InputError for a name that is not among those known; the nearest one is suggested."""
    for key in values:
        if key not in names:
            near = difflib.get_close_matches(str(key), names, 1)
            suggestion = f" Did you mean '{near[0]}'?" if near else ""
            raise InputError(f"There is no setting '{key}'.{suggestion}", f"Known are {', '.join(names)}.")


def normalise(settings: Any) -> None:
    """Bring each value to its field's type (text from a command line, lists from JSON), or say what was expected."""
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        object.__setattr__(settings, item.name, _converted(item.name, str(item.type), value))


def _converted(name: str, kind: str, value: Any) -> Any:
    try:
        if kind.startswith("tuple"):
            # as people write it (384x192 or 1,3,5) or as YAML shows it ([1, 3, 5])
            parts = re.split(r"[xX,\s]+", value.strip(" []()")) if isinstance(value, str) else list(value)
            return tuple(p if kind.startswith("tuple[str") else _whole(p) for p in parts if p != "")
        if kind == "bool":
            return _truth(value)
        if kind == "int":
            return _whole(value)
        if kind == "float":
            number = float(value)
            if not math.isfinite(number) or isinstance(value, bool):
                raise ValueError
            return number
        if not isinstance(value, (str, os.PathLike)):
            raise ValueError
        return os.fspath(value)
    except (TypeError, ValueError, OverflowError):
        wanted = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "text"}
        expected = wanted.get(kind, "whole numbers, comma between" if "int" in kind else "words, comma between")
        raise InputError(f"{name} is '{value}', expected {expected}.", f"Correct the value of {name}.") from None


def _whole(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    return int(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if not isinstance(value, str) or value.lower() not in words:
        raise ValueError
    return words[value.lower()]


def one_of(settings: Any, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(settings, name)
    if value not in choices:
        raise InputError(f"{name} is '{value}'.", f"Choose one of {', '.join(choices)}.")


def within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        span = " to ".join(str(end) if isinstance(end, int) else f"{end:g}" for end in (low, high))
        raise InputError(f"{name} is {value}, expected {span}.", f"Correct the value of {name}.")
