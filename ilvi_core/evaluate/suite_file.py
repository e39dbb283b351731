"""Suites as YAML: every name checked before anything is run (docs/evaluate.md)."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from ilvi_core.evaluate.composed import DEMO, SCENE, Pair, draw_pairs
from ilvi_core.evaluate.peers import PEERS
from ilvi_core.evaluate.store import slug
from ilvi_core.evaluate.suite import BUDGETED, BUDGETS, GIVEN, OURS, PEER, Footage, Suite, Variant
from ilvi_core.host.checks import check_names, make, within
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import METHOD_NAMES, SolveSettings
from ilvi_core.settings import preset


class _Strict(yaml.SafeLoader):
    """YAML in which a name comes once: of two methods of one name the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        merge = "tag:yaml.org,2002:merge"
        names = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != merge]
        for name in names:
            if names.count(name) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"'{name}' comes twice", node.start_mark)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class _File:
    """The YAML's own keys; docs/evaluate.md explains them."""

    about: str = ""
    extends: str = ""
    data: str = ""
    clips: dict[str, str] = field(default_factory=dict)
    mattes: dict[str, str] = field(default_factory=dict)
    pairs: Any = "all"
    seed: int = 0
    frames: int = 0
    sizes: Any = ("192x96",)
    preset: str = "draft"
    solve: dict[str, Any] = field(default_factory=dict)
    match_edge: bool | None = None
    budgets: Any = ()
    methods: dict[str, Any] = field(default_factory=dict)
    row: int | None = None
    players: int = 6


def built_in() -> dict[str, str]:
    """The suites that come with ILVI: name -> what each is about."""
    found = {}
    for item in sorted(_suites().iterdir(), key=lambda item: item.name):
        if item.name.endswith(".yaml"):
            found[item.name.removesuffix(".yaml")] = str(yaml.safe_load(item.read_text(encoding="utf-8"))["about"])
    return found


def load_suite(text: str, data: str = "") -> Suite:
    """A suite by its file or by the name of a built-in one. data: the folder its paths start from, instead of its own.

    InputError for whatever does not fit together.
    """
    path = Path(text).expanduser()
    if not path.is_file():
        name = path.name.removesuffix(".yaml")
        path = Path(str(_suites())) / f"{name}.yaml"
        if str(Path(text).parent) != "." or not path.is_file():
            raise InputError(f"There is no suite {text}.", f"Name a YAML file, or one of {', '.join(built_in())}.")
    try:
        return _suite(path, data)
    except InputError as error:
        raise InputError(f"Suite {path.name}: {error.message}", error.hint) from None


def _suites() -> Any:
    return files("ilvi_core.evaluate").joinpath("suites")


def _suite(path: Path, data: str) -> Suite:
    values = _read(path)
    _check(values)
    given: _File = make(_File, values)
    within("players", given.players, 0, 1000)
    within("frames", given.frames, 0, 100_000)
    sizes = [_size(size) for size in _several("sizes", given.sizes)]
    folder = Path(data).expanduser() if data else path.parent / os.path.expandvars(given.data)
    clips = {str(name): _place(folder, text) for name, text in given.clips.items()}
    mattes = {str(name): _place(folder, text) for name, text in given.mattes.items()}
    pairs = _pairs(given, clips, mattes)
    if given.row is not None:
        within("row", given.row, 0, min(height for _, height in sizes) - 1)
    footage = [Footage(f"{slug(pair.name)}@{w}x{h}", pair, (w, h)) for (w, h), pair in itertools.product(sizes, pairs)]
    variants = [v for name, value in given.methods.items() for v in _variants(given, str(name), value)]
    _check_unique("clips", [f.id for f in footage])
    _check_unique("methods", [v.id for v in variants])
    for variant, (width, height) in itertools.product(variants, sizes):
        if variant.kind == OURS:
            variant.solve_settings((width, height))  # what does not fit is said before hours of work
    return Suite(
        path.stem, given.about, given.seed, given.frames, tuple(footage), tuple(variants), given.row, given.players
    )


def _read(path: Path, depth: int = 0) -> dict[str, Any]:
    """The YAML's values over those of the file that it extends; `solve` and `methods` are merged name by name."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Strict)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"it cannot be read: {reason}.", "See docs/evaluate.md for how one is written.") from None
    if not isinstance(values, dict):
        raise InputError("it holds no names and values.", "See docs/evaluate.md for how one is written.")
    base = values.get("extends")
    if not base:
        return values
    if depth > 8:
        raise InputError("it extends itself.", "Remove an 'extends'.")
    below = _read(path.parent / f"{base}.yaml", depth + 1)
    merged = {**below, **values}
    for name in ("solve", "methods"):
        if isinstance(below.get(name), dict) and isinstance(values.get(name), dict):
            merged[name] = {**below[name], **values[name]}
    return merged


def _check(values: dict[str, Any]) -> None:
    """The kinds of the values, so that what follows can rely on them."""
    check_names(values, [f.name for f in dataclasses.fields(_File)])
    for name in ("about", "extends", "data", "preset"):
        _is(name, values.get(name, ""), str, "text")
    for name in ("clips", "mattes", "methods", "solve"):
        _is(name, values.get(name, {}), dict, "names and values")
    for name in ("seed", "frames", "players", "row"):
        value = values.get(name, 0)
        if (value is not None or name != "row") and (type(value) is not int or value < 0):
            raise InputError(f"{name} is '{value}', expected a whole number from 0 on.", f"Correct {name}.")
    if values.get("match_edge") is not None:
        _is("match_edge", values["match_edge"], bool, "true or false")
    for name in ("clips", "mattes"):
        for key, text in values.get(name, {}).items():
            if not isinstance(text, str) or not text:
                raise InputError(f"{name}: {key} is '{text}', expected a path.", f"Name a folder, or {DEMO}1.")
    for name in ("clips", "mattes", "methods"):
        if not values.get(name):
            raise InputError(f"it names no {name}.", "Name at least one.")


def _is(name: str, value: Any, kind: type, wanted: str) -> None:
    if not isinstance(value, kind):
        raise InputError(
            f"{name} is '{value}', expected {wanted}.", f"Correct {name}; docs/evaluate.md has an example."
        )


def _pairs(given: _File, clips: dict[str, str], mattes: dict[str, str]) -> list[Pair]:
    """A number: that many, drawn at random. A list: these. all: every clip with every matte of another name."""
    if isinstance(given.pairs, int) and not isinstance(given.pairs, bool):
        return draw_pairs(clips, mattes, given.pairs, given.seed)
    if given.pairs == "all":
        chosen = [[clip, matte] for clip in clips for matte in mattes if clip != matte]
    else:
        chosen = _list(given.pairs)
    found = []
    for pair in chosen:
        if not isinstance(pair, list) or len(pair) != 2:
            raise InputError(f"pairs holds '{pair}'.", "Write a number, 'all', or a list of [clip, matte].")
        clip, matte = str(pair[0]), str(pair[1])
        check_names([clip], list(clips))
        check_names([matte], list(mattes))
        found.append(Pair(f"{clip}+{matte}", clips[clip], mattes[matte]))
    if not found:
        raise InputError("there is no pair of a clip and another one's matte.", "Name more clips or mattes.")
    return found


def _variants(given: _File, label: str, value: Any) -> Iterable[Variant]:
    """A method of the YAML, once for every combination of what it varies and every budget."""
    _is(f"method {label}", value, dict, "{method: dip-vid} or {peer: telea}")
    if ("method" in value) == ("peer" in value):
        raise InputError(f"method {label} names neither or both of 'method' and 'peer'.", "Give it one of them.")
    _is("about", value.get("about", ""), str, "text")
    about = value.get("about", "")
    if "peer" in value:
        check_names(value, ["peer", "about"])
        if value["peer"] not in list(PEERS):
            raise InputError(f"There is no peer '{value['peer']}'.", f"There are {', '.join(PEERS)}.")
        yield Variant(slug(label), label, PEER, value["peer"], about, family=label)
        return
    check_names(value, ["method", "about", "preset", "solve", "vary", "budgets", "match_edge"])
    if value["method"] not in METHOD_NAMES:
        raise InputError(f"There is no method '{value['method']}'.", f"There are {', '.join(METHOD_NAMES)}.")
    for name in ("solve", "vary"):
        _is(f"{name} of method {label}", value.get(name) or {}, dict, "names and values")
    chosen = value.get("preset", given.preset)
    edge = next((e for e in (value.get("match_edge"), given.match_edge) if e is not None), None)
    if edge is None:
        edge = bool(preset(chosen)["comp"].get("match_edge", False))
    _is("match_edge", edge, bool, "true or false")
    budgets = [_budget(b) for b in _list(value.get("budgets", given.budgets))] or [{}]
    vary = {str(name): _several(f"vary: {name}", values) for name, values in (value.get("vary") or {}).items()}
    _check_free([*given.solve, *(value.get("solve") or {}), *vary], bool(budgets[0]))
    for values in itertools.product(*vary.values()):
        varied = dict(zip(vary, values, strict=True))
        for budget in budgets:
            named = label + "".join(f" {name}={_short(v)}" for name, v in varied.items())
            if len(budgets) > 1:
                named += "".join(f" {amount:g} {name}" for name, amount in budget.items())
            settings = {**given.solve, **(value.get("solve") or {}), **varied}
            yield Variant(
                slug(named), named, OURS, value["method"], about, chosen, settings, budget, varied, label, edge
            )


def _check_free(names: Iterable[str], budgeted: bool) -> None:
    """Refuse settings that would say one thing and do another: something else decides them."""
    decided = dict.fromkeys(GIVEN, "the suite's clips and sizes decide it")
    if budgeted:
        decided |= dict.fromkeys(BUDGETED, "the budget decides it")
    for name in names:
        if name in decided:
            raise InputError(f"{name} cannot be set: {decided[name]}.", f"Leave out {name}.")


def _budget(value: Any) -> dict[str, float]:
    if not isinstance(value, dict) or len(value) != 1:
        raise InputError(f"a budget is '{value}'.", "Write it as {passes: 100}, {updates: 300} or {seconds: 60}.")
    check_names(value, BUDGETS)
    name, amount = next(iter(value.items()))
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise InputError(f"a budget of '{amount}' {name} is no number.", "Write it as {passes: 100}.")
    if name == "updates" and amount != int(amount):
        raise InputError(f"a budget of {amount} updates is no whole number.", "Write it as {updates: 300}.")
    within(name, amount, 0.01 if name != "updates" else 1, 1e9)
    return {name: amount}


def _size(value: Any) -> tuple[int, int]:
    size = make(SolveSettings, {"size": value}).size
    return size[0], size[1]


def _place(folder: Path, text: str) -> str:
    return text if text.startswith((DEMO, SCENE)) else str(folder / Path(os.path.expandvars(text)).expanduser())


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _several(name: str, value: Any) -> list[Any]:
    values = _list(value)
    if not values:
        raise InputError(f"{name} is empty.", "Name at least one value.")
    return values


def _short(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _check_unique(what: str, names: list[str]) -> None:
    folded = [name.lower() for name in names]  # some file systems do not tell DIP from dip
    twice = sorted({name for name in names if folded.count(name.lower()) > 1})
    if twice:
        raise InputError(f"two {what} have the name {twice[0]}.", "Give each a name of its own.")
