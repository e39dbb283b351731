"""What an artist can set, written once: Nuke's knobs and the OpenFX effect's parameters come from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ilvi_core.host.checks import make
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import (
    METHOD_NAMES,
    MOTIONS,
    OURS,
    PRESET_NAMES,
    REMAINDERS,
    CompSettings,
    RunOptions,
    SolveSettings,
)

CHOICE, WHOLE, NUMBER, TICK, WORDS, FILE = "choice", "whole", "number", "tick", "words", "file"
SOLVE, COMP, RUN = "solve", "comp", "run"
SCENE_LINEAR, ENCODED = "scene-linear", "encoded"
FROM_PRESET, ON, OFF = "as the preset", "on", "off"
ENCODING_OF = {SCENE_LINEAR: "linear", ENCODED: "encoded"}
DEVICES = ("auto", "cuda", "cuda:0", "cuda:1", "cuda:2", "cuda:3", "mps", "cpu")


@dataclass(frozen=True)
class Parameter:
    """One of them. part: of the job that it is in: SOLVE (a change solves again), COMP (composites again) or RUN.

    choices: of a CHOICE.  low, high: the limits of numbers.  shown: the range of their sliders.
    """

    name: str
    kind: str
    label: str
    hint: str
    default: Any
    part: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    shown: tuple[float, float] = (0.0, 1.0)


PARAMETERS = {
    p.name: p
    for p in (
        Parameter(
            "preset",
            CHOICE,
            "preset",
            "draft: minutes on a CPU. production: four times the pixels, and grain. paper: the paper's own values, "
            "hours (with a method of the paper).",
            "draft",
            SOLVE,
            PRESET_NAMES,
        ),
        Parameter(
            "method",
            CHOICE,
            "method",
            "ilvi is the one to use; the others are the paper's four, for comparison.",
            METHOD_NAMES[0],
            SOLVE,
            METHOD_NAMES,
        ),
        Parameter(
            "solve_dilate",
            WHOLE,
            "solve dilation",
            "Pixels by which the solved hole is larger than the matte. The composite never goes beyond the hole.",
            4,
            SOLVE,
            high=1024,
            shown=(0, 64),
        ),
        Parameter("matte_invert", TICK, "invert matte", "The matte is 1 where the plate is to be kept.", False, SOLVE),
        Parameter(
            "motion",
            CHOICE,
            "motion",
            "What the background does: found out (auto), the camera stands (static), one plane (planar), or nothing is "
            "assumed (free).",
            "auto",
            SOLVE,
            MOTIONS,
        ),
        Parameter(
            "remainder",
            CHOICE,
            "never seen",
            "What fills pixels that no frame shows: smooth, a key frame's texture (exemplar), a small network, or "
            "whichever tests best (auto).",
            "auto",
            SOLVE,
            REMAINDERS,
        ),
        Parameter(
            "encoding",
            CHOICE,
            "colourspace hint",
            "What the plate's values are: scene-linear, or encoded (log, sRGB) so that they look right as they are.",
            SCENE_LINEAR,
            SOLVE,
            (SCENE_LINEAR, ENCODED),
        ),
        Parameter(
            "size",
            WORDS,
            "working size",
            "How many pixels are worked on, such as 768x384; empty: the preset's. The output keeps the plate's size.",
            "",
            SOLVE,
        ),
        Parameter(
            "seed",
            WHOLE,
            "seed",
            "Another one gives another guess where nothing was seen.",
            0,
            SOLVE,
            high=2**31 - 1,
            shown=(0, 1000),
        ),
        Parameter(
            "comp_dilate",
            WHOLE,
            "comp dilation",
            "Pixels by which the comp matte is larger than the matte.",
            1,
            COMP,
            high=1024,
            shown=(0, 64),
        ),
        Parameter(
            "comp_feather",
            NUMBER,
            "comp feather",
            "Pixels of falling edge outside it.",
            2.0,
            COMP,
            high=1024.0,
            shown=(0.0, 64.0),
        ),
        Parameter(
            "match_edge",
            TICK,
            "match edge",
            "Spread the colour step at the comp matte's edge over the fill.",
            True,
            COMP,
        ),
        Parameter(
            "grain",
            CHOICE,
            "grain",
            "Give what was generated the plate's own grain (on in production).",
            FROM_PRESET,
            COMP,
            (FROM_PRESET, ON, OFF),
        ),
        Parameter("device", CHOICE, "device", "What the worker computes on.", "auto", RUN, DEVICES),
        Parameter(
            "memory",
            NUMBER,
            "memory (GiB)",
            "How much the worker may hold in plates; 0: half of the machine's.",
            0.0,
            RUN,
            high=1e6,
            shown=(0.0, 256.0),
        ),
        Parameter(
            "cache_dir",
            FILE,
            "cache folder",
            "Where solved frames are kept; empty: ILVI_CACHE, or your own cache folder. Farm and colleagues need to "
            "see it.",
            "",
            RUN,
        ),
        Parameter(
            "worker",
            FILE,
            "worker",
            "The Python that has ILVI; empty: ILVI_PYTHON, or what the installer noted.",
            "",
            RUN,
        ),
    )
}


def check(parameter: Parameter, value: Any) -> Any:
    """The value as the parameter keeps it. InputError where it is of another kind, or beyond its limits."""
    kinds: dict[str, tuple[type, ...]] = {WHOLE: (int,), NUMBER: (int, float), TICK: (bool,)}
    right = isinstance(value, kinds.get(parameter.kind, (str,))) and (
        parameter.kind == TICK or not isinstance(value, bool)
    )
    if not right or (parameter.choices and value not in parameter.choices):
        expected = f"one of {', '.join(parameter.choices)}" if parameter.choices else f"a {parameter.kind}"
        raise InputError(f"'{parameter.label}' is {value!r}, expected {expected}.", parameter.hint)
    if parameter.kind in (WHOLE, NUMBER) and not parameter.low <= value <= parameter.high:
        raise InputError(
            f"'{parameter.label}' is {value}, expected {parameter.low:g} to {parameter.high:g}.", parameter.hint
        )
    return float(value) if parameter.kind == NUMBER else value


def job_parts(values: Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any], RunOptions]:
    """Preset, solve, comp and run of a job from the values of PARAMETERS; a name that is not among `values` is left to
    the preset. InputError says which value is wrong.
    """
    given = {name: values[name] for name in PARAMETERS if name in values}
    solve: dict[str, Any] = {
        name: given[name] for name in ("method", "solve_dilate", "matte_invert", "seed") if name in given
    }
    if "encoding" in given:
        solve["encoding"] = ENCODING_OF[given["encoding"]]
    if given.get("method", OURS) == OURS:  # the paper's methods know neither
        solve.update({name: given[name] for name in ("motion", "remainder") if name in given})
    if str(given.get("size", "")).strip():
        solve["size"] = _size(given["size"])
    comp: dict[str, Any] = {
        name: given[name] for name in ("comp_dilate", "comp_feather", "match_edge") if name in given
    }
    if given.get("grain", FROM_PRESET) != FROM_PRESET:
        comp["regrain"] = given["grain"] == ON
    make(SolveSettings, solve)
    make(CompSettings, comp)
    run = RunOptions(device=given.get("device", "auto"), memory=float(given.get("memory", 0.0)))
    return str(given.get("preset", "draft")), solve, comp, run


def _size(text: str) -> list[int]:
    found = re.fullmatch(r"\s*(\d{1,5})\s*[xX*, ]\s*(\d{1,5})\s*", text)
    if not found:
        raise InputError(f"'working size' is '{text}', expected width and height.", "Write it as 768x384.")
    return [int(found.group(1)), int(found.group(2))]
