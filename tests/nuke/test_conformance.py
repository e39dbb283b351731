"""The fake against the recorded list of Nuke's documented names: no name without an address, no other signature.

`documented.json` says for every name on which page it was found; `verified: false` where none was.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path

import pytest
from kit import PLUGIN

HERE = Path(__file__).parent
LIST = json.loads((HERE / "documented.json").read_text(encoding="utf-8"))
BY_NAME = {entry["name"]: entry for entry in LIST}


@pytest.fixture
def nuke():
    import fake_host

    fake_host.start()
    import nuke

    return nuke


def test_every_entry_has_an_address():
    assert len(BY_NAME) == len(LIST)
    for entry in LIST:
        assert set(entry) == {"name", "signature", "address", "verified", "note"}, entry
        assert entry["address"].startswith("https://"), entry
        assert isinstance(entry["verified"], bool)
        assert entry["verified"] or entry["note"], (
            f"{entry['name']} says neither where it is from nor why that is not known"
        )


def offered(nuke):
    """Every public name of the fake: functions, classes and their methods."""
    for name in dir(nuke):
        thing = getattr(nuke, name)
        if name.startswith("_") or inspect.ismodule(thing) or name == "annotations":
            continue
        yield f"nuke.{name}", thing
        if inspect.isclass(thing):
            for method, member in vars(thing).items():
                if not method.startswith("_") and callable(getattr(thing, method)):
                    yield f"nuke.{name}.{method}", member


def test_the_fake_offers_nothing_that_is_not_listed(nuke):
    classes = {name for name, thing in offered(nuke) if inspect.isclass(thing)}
    listed = set(BY_NAME)
    for name, _ in offered(nuke):
        parent, _, last = name.rpartition(".")
        # a method that a base class has is listed there
        inherited = parent in classes and any(other.endswith("." + last) and other.count(".") == 2 for other in listed)
        assert name in listed or inherited, f"{name}: add it to documented.json with its page, or take it out"


def test_signatures_are_the_documented_ones(nuke):
    seen = 0
    for name, thing in offered(nuke):
        entry = BY_NAME.get(name)
        if entry is None or inspect.isclass(thing) or "(" not in entry["signature"]:
            continue
        function = thing.__func__ if isinstance(thing, (staticmethod, classmethod)) else thing
        try:
            mine = list(inspect.signature(inspect.unwrap(function)).parameters)
        except (TypeError, ValueError):
            continue
        if mine and mine[0] in ("self", "cls"):
            mine = mine[1:]
        text = entry["signature"][entry["signature"].index("(") + 1 : entry["signature"].rindex(")")]
        theirs = [re.split(r"[=:\s]", part.strip())[0].lstrip("*") for part in split(text)]
        if mine not in (["args"], ["args", "kwargs"]) and "..." not in theirs:
            assert mine == theirs, f"{name}{tuple(mine)} is documented as {entry['signature']}"
            seen += 1
    assert seen > 150


def split(text):
    """At commas that are outside of brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part.strip()]


def test_the_plugin_uses_no_name_that_is_not_listed(nuke):
    used = set()
    for path in sorted(PLUGIN.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "nuke":
                used.add(f"nuke.{node.attr}")
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                inner = node.value
                if isinstance(inner.value, ast.Name) and inner.value.id == "nuke":
                    used.add(f"nuke.{inner.attr}.{node.attr}")
    assert len(used) > 40
    assert sorted(used - set(BY_NAME) - {"nuke.nodes"}) == []


def test_an_unknown_name_is_an_error(nuke):
    with pytest.raises(AttributeError, match=re.escape("the fake has no nuke.executeBackgroundNuke")):
        nuke.executeBackgroundNuke  # noqa: B018  # asking is the test
    with pytest.raises((AttributeError, RuntimeError)):
        nuke.nodes.NoSuchNode()
    node = nuke.nodes.NoOp()
    with pytest.raises(NameError):
        node["no_such_knob"]
    with pytest.raises(AttributeError):
        node.noSuchMethod()
