"""Presets are YAML files over the settings' defaults; what a job asks for goes over the preset."""

from __future__ import annotations

import dataclasses
import inspect
import re
from importlib.resources import files
from typing import Any

import yaml

from ilvi_core.host.checks import check_names, make
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import OURS, PRESET_NAMES, CompSettings, Job, SolveSettings


def preset(name: str) -> dict[str, Any]:
    """The preset's YAML: about (text), solve and comp (names and values), and what goes over both with the method
    `ilvi`. InputError where there is none."""
    if name not in PRESET_NAMES:
        raise InputError(f"There is no preset '{name}'.", f"There are {', '.join(PRESET_NAMES)}.")
    text = files("ilvi_core").joinpath("presets", f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def laid_over(name: str, solve: dict[str, Any], comp: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Solve and comp settings of a preset with one's own over them. InputError for the method ilvi in `paper`."""
    base = preset(name)
    method = solve.get("method", base["solve"].get("method", SolveSettings.method))
    if method != OURS:
        return {**base["solve"], **solve}, {**base["comp"], **comp}
    if OURS not in base:
        raise InputError(
            f"The preset {name} is the paper, and the method {OURS} is not in it.",
            "Use --preset draft or production, or a method of the paper (--method dip-vid-flow).",
        )
    ours = base[OURS]
    return {**base["solve"], **ours["solve"], **solve}, {**base["comp"], **ours["comp"], **comp}


def resolve(job: Job) -> tuple[SolveSettings, CompSettings]:
    """Every setting of a job: defaults (the paper's), then the preset's, then the job's own."""
    solve, comp = laid_over(job.preset, job.solve, job.comp)
    return make(SolveSettings, solve), make(CompSettings, comp)


def split(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`--set key=value` pairs sorted into those of SolveSettings and those of CompSettings."""
    solve_names, comp_names = ([f.name for f in dataclasses.fields(kind)] for kind in (SolveSettings, CompSettings))
    check_names(values, solve_names + comp_names)
    return (
        {k: v for k, v in values.items() if k in solve_names},
        {k: v for k, v in values.items() if k in comp_names},
    )


def parse_set(items: list[str]) -> dict[str, str]:
    """From `["key=value", ...]`."""
    values = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise InputError(f"'--set {item}' is no setting.", "Write --set key=value, e.g. --set learning_rate=0.005.")
        values[key.strip()] = value.strip()
    return values


def as_yaml(solve: SolveSettings, comp: CompSettings) -> str:
    """The resolved settings, for the file beside the output."""

    def plain(settings: Any) -> dict[str, Any]:
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(settings).items()}

    return yaml.safe_dump({"solve": plain(solve), "comp": plain(comp)}, sort_keys=False)


def describe(name: str) -> str:
    """A preset with every value and what each means, as YAML."""
    record = preset(name)
    lines = [f"# {record['about'].strip()}"]
    if OURS in record:
        lines.append(f"# With another method than {OURS}: {', '.join(f'{k}={v}' for k, v in _others(record).items())}.")
    sections = laid_over(name, {}, {})
    for (section, kind), values in zip((("solve", SolveSettings), ("comp", CompSettings)), sections, strict=True):
        settings = make(kind, values)
        comments = _comments(kind)
        lines.append(f"{section}:")
        for item in dataclasses.fields(kind):
            value = getattr(settings, item.name)
            text = yaml.safe_dump(list(value) if isinstance(value, tuple) else value, default_flow_style=True)
            line = f"  {item.name}: {text.splitlines()[0]}"
            lines.append(f"{line:<44} # {comments[item.name]}")
    return "\n".join(lines)


def _others(record: dict[str, Any]) -> dict[str, Any]:
    """What a preset has for the paper's methods where it has something else for ours."""
    ours = record[OURS]["solve"]
    return {name: value for name, value in record["solve"].items() if name in ours and ours[name] != value}


def _comments(kind: Any) -> dict[str, str]:
    """Each field's comment in the source: one place for what a setting means."""
    return dict(re.findall(r"^    (\w+): .*?  # (.*)$", inspect.getsource(kind), re.MULTILINE))
