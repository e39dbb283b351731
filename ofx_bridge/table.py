"""The parameters of the effect, written once: the Python effect, the plugin's header and docs/openfx.md come from here.

What every front end has, Nuke's node too, is `ilvi_core.host.parameters`; what only an OpenFX host needs is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ilvi_core.host.job import VIEWS
from ilvi_core.host.parameters import CHOICE, FILE, NUMBER, PARAMETERS, WHOLE

BUTTON, TEXT, SECRET_WORDS, SECRET_WHOLE = "button", "text", "secret_words", "secret_whole"
AUTO = "auto"
MARK, BLACK, FAIL = "mark", "black", "fail"  # what a frame that is not solved shows
SOLVE_GROUP, COMP_GROUP, RUN_GROUP, FILES_GROUP = "solve_group", "comp_group", "run_group", "files_group"
GROUPS = {SOLVE_GROUP: "Solve", COMP_GROUP: "Composite", FILES_GROUP: "Files", RUN_GROUP: "Worker"}
GROUP_OF = {"solve": SOLVE_GROUP, "comp": COMP_GROUP, "run": RUN_GROUP}
MOST = 2**31 - 1


@dataclass(frozen=True)
class Row:
    """One parameter. group: empty: at the top of the panel."""

    name: str
    kind: str
    label: str
    hint: str
    default: Any = ""
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    shown: tuple[float, float] = (0.0, 1.0)
    group: str = ""


def _shared(name: str, group: str = "") -> Row:
    p = PARAMETERS[name]
    choices, default, hint = p.choices, p.default, p.hint
    if name == "encoding":  # a host may give both kinds of pixels, and files tell by themselves
        choices, default = (AUTO, *choices), AUTO
        hint += " auto: encoded for 8 and 16 bit whole numbers, scene-linear for half and float, files by their format."
    return Row(p.name, p.kind, p.label, hint, default, choices, p.low, p.high, p.shown, group or GROUP_OF[p.part])


FIRST = (
    Row("inpaint", BUTTON, "Inpaint", "Get the range from the host, solve it, and show the result."),
    Row("stop", BUTTON, "Stop", "Stop the job. What was learned is kept: Inpaint goes on from there."),
    Row(
        "rerender",
        BUTTON,
        "Re-render",
        "New frames by the present view and composite settings of what was solved before. Never solves.",
    ),
    Row("clear", BUTTON, "Clear", "Forget the result, and remove it from the cache."),
    Row("status", TEXT, "status", "What the effect is doing, or what is wrong.", "Not solved yet. Press Inpaint."),
    Row(
        "view",
        CHOICE,
        "view",
        "What is shown: the result, the fill alone, the comp matte as grey, the matte in red over the plate, or how "
        "far the fill is known from other frames.",
        "result",
        VIEWS,
    ),
    Row(
        "range",
        CHOICE,
        "frame range",
        "Which frames are solved together: all that the source has, or your own first and last.",
        "clip",
        ("clip", "custom"),
    ),
    Row("first", WHOLE, "first", "First frame of a custom range.", 1, low=-1e6, high=1e6, shown=(0, 1000)),
    Row("last", WHOLE, "last", "Last frame of a custom range.", 100, low=-1e6, high=1e6, shown=(0, 1000)),
    Row(
        "matte_from",
        CHOICE,
        "matte from",
        "Where the matte is. auto: the Mask input, else the source's alpha where it says anything, else the matte "
        "files.",
        AUTO,
        (AUTO, "mask", "alpha", "files"),
    ),
    Row(
        "frames_from",
        CHOICE,
        "frames from",
        "How the host's frames come: all at once when Inpaint is pressed (button), or one by one as they are rendered "
        "(playback), solved when the last one is there. auto: playback in final renders, and where the host can give "
        "the current frame only.",
        AUTO,
        (AUTO, "button", "playback"),
    ),
    Row(
        "unsolved",
        CHOICE,
        "not solved",
        "What a frame without a result shows: the source with a striped border, black, or an error.",
        MARK,
        (MARK, BLACK, FAIL),
    ),
)
FILES = (
    Row(
        "plate_files",
        FILE,
        "plate files",
        "A sequence (plate.####.exr) to solve instead of the host's frames, on the first render; needs matte files.",
        group=FILES_GROUP,
    ),
    Row(
        "matte_files",
        FILE,
        "matte files",
        "A sequence that is the matte, with the plate's frame numbers.",
        group=FILES_GROUP,
    ),
    Row(
        "file_offset",
        WHOLE,
        "file offset",
        "Added to the host's time it gives the frame number of plate and matte files.",
        0,
        low=-1e6,
        high=1e6,
        shown=(-1000, 1000),
        group=FILES_GROUP,
    ),
    Row(
        "time_limit",
        NUMBER,
        "time limit (s)",
        "How long one render waits for a solve; the job goes on after it.",
        600.0,
        high=86400.0,
        shown=(0.0, 3600.0),
        group=RUN_GROUP,
    ),
)
KEPT = (  # what a project remembers
    Row("entry", SECRET_WORDS, "entry", "The cache's entry of the result."),
    Row("pattern", SECRET_WORDS, "pattern", "Where the frames of the result are."),
    Row("solved", SECRET_WORDS, "solved", "Which frames the results belong to."),
    Row("revision", SECRET_WHOLE, "revision", "Counts results, so that the host renders again.", 0, high=MOST),
)
ROWS = (
    *FIRST,
    _shared("preset"),
    *(_shared(p.name) for p in PARAMETERS.values() if p.name != "preset"),
    *FILES,
    *KEPT,
)
