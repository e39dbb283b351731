"""The node's knobs as one table: the panel is made from it, the documentation too, and the job reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ilvi_core.host.parameters import CHOICE, COMP, NUMBER, PARAMETERS, SOLVE, TICK, WHOLE, WORDS

TAB, TEXT, BUTTON = "tab", "text", "button"  # beside the kinds of parameters

INPUT, ROOT, CUSTOM = "input", "root", "custom"
RESULT, FILL, OVERLAY, CONFIDENCE, WIPE = "result", "fill only", "matte overlay", "confidence", "before / after"
VIEWS = (RESULT, FILL, OVERLAY, CONFIDENCE, WIPE)
FAIL, PASS = "fail the render", "show the plate"
EACH, CURRENT = "each view", "current view"
AUTO = "auto"


@dataclass(frozen=True)
class Knob:
    """One knob. `sets`: what a change of it makes out of date: "solve", "comp" or nothing."""

    name: str
    kind: str
    label: str
    tip: str = ""
    default: Any = None
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    new_line: bool = True
    sets: str = ""


def _shared(name: str, new_line: bool = True) -> Knob:
    """A setting that every front end has."""
    p = PARAMETERS[name]
    low, high = p.shown if p.kind in (WHOLE, NUMBER) else (0.0, 1.0)
    sets = p.part if p.part in (SOLVE, COMP) else ""
    return Knob(name, p.kind, p.label, p.hint, p.default, p.choices, low, high, new_line, sets)


TABLE = (
    Knob("ilvi_tab", TAB, "ILVI"),
    Knob("status", TEXT, "", "What the node is doing, or what is wrong.", "Not solved yet. Press Inpaint."),
    Knob("progress", TEXT, "", "How far the job is.", " "),
    Knob(
        "inpaint",
        BUTTON,
        "Inpaint",
        ("Solve the range: plate and matte go to the worker, and frames come back as they get ready."),
    ),
    Knob(
        "stop",
        BUTTON,
        "Stop",
        "Stop the job. What was learned is kept, and Inpaint goes on from there.",
        new_line=False,
    ),
    Knob(
        "check",
        BUTTON,
        "Check",
        "Compare the inputs and settings with what was solved, and ask the cache.",
        new_line=False,
    ),
    Knob("view", CHOICE, "view", "What the node shows. Nothing is solved or rendered anew for it.", RESULT, VIEWS),
    Knob("wipe", NUMBER, "wipe", "Where 'before / after' divides the picture: the plate is to the left.", 0.5),
    Knob(
        "range",
        CHOICE,
        "frame range",
        "Which frames are solved: those of the plate, those of the project, or your own.",
        INPUT,
        (INPUT, ROOT, CUSTOM),
        sets="solve",
    ),
    Knob("first", WHOLE, "first / last", "First frame of a custom range.", 1, low=-1e6, high=1e6, sets="solve"),
    Knob("last", WHOLE, "", "Last frame of a custom range.", 100, low=-1e6, high=1e6, new_line=False, sets="solve"),
    Knob(
        "handles",
        WHOLE,
        "handles",
        "Frames that are solved before and after the range, as far as the plate has them.",
        0,
        high=100,
        sets="solve",
    ),
    _shared("preset"),
    _shared("method"),
    Knob(
        "missing",
        CHOICE,
        "frames not solved",
        (
            "What a render does at a frame that is not solved or out of date: fail, or show the plate"
            " unmarked. In the viewer such a frame has stripes unless you choose the plate."
        ),
        FAIL,
        (FAIL, PASS),
    ),
    Knob(
        "layers",
        TICK,
        "layers",
        ("Also output the layers ilvi (fill = the comp matte, confidence, source) and ilvi_fill (the fill's colour)."),
        False,
    ),
    Knob("solve_tab", TAB, "Solve"),
    Knob(
        "matte_channel",
        CHOICE,
        "matte from",
        ("Which channel of the matte input is the matte. auto: alpha unless it is 1 everywhere, else luminance."),
        AUTO,
        (AUTO, "alpha", "luminance", "R", "G", "B"),
        sets="solve",
    ),
    _shared("matte_invert", new_line=False),
    _shared("solve_dilate"),
    _shared("motion"),
    _shared("remainder"),
    _shared("encoding"),
    Knob(
        "clean_frames",
        WORDS,
        "clean plate at",
        ("Frames at which the clean plate input is right, such as 1001, 1040. Empty: the first of the range."),
        "",
        sets="solve",
    ),
    _shared("size"),
    _shared("seed"),
    Knob("comp_tab", TAB, "Composite"),
    _shared("comp_dilate"),
    _shared("comp_feather"),
    _shared("match_edge"),
    _shared("grain"),
    Knob("rerender", BUTTON, "Re-render from cache", "New frames by these composite settings. Nothing is solved."),
    Knob("machine_tab", TAB, "Machine"),
    _shared("device"),
    _shared("memory"),
    Knob(
        "view_choice",
        CHOICE,
        "views",
        "A script with several views: solve each, or the one that the viewer shows.",
        EACH,
        (EACH, CURRENT),
    ),
    Knob(
        "depth",
        CHOICE,
        "export as",
        ("Depth of the EXR files in which the inputs go out. auto: half where the input is half or has 8 to 10 bits."),
        AUTO,
        (AUTO, "half", "float"),
    ),
    _shared("cache_dir"),
    _shared("worker"),
    Knob(
        "solve_in_render",
        TICK,
        "renders may solve",
        "A render without a GUI may start the worker for what is not solved. Off: only buttons do.",
        False,
    ),
    Knob("clear", BUTTON, "Clear cache", "Remove what was solved for this node, after asking."),
    Knob("open_log", BUTTON, "Open log", "The worker's log, or the plugin's.", new_line=False),
    Knob("open_cache", BUTTON, "Open cache folder", "The folder that holds this node's frames.", new_line=False),
    Knob("help_page", BUTTON, "Help", "ILVI's page about this node.", new_line=False),
)

SETTINGS = tuple(knob for knob in TABLE if knob.sets)
LABELS = {knob.name: knob.label or knob.name for knob in TABLE}


def as_markdown() -> str:
    """The table for the documentation."""
    rows = ["| knob | what it does | default |", "|---|---|---|"]
    for knob in TABLE:
        if knob.kind == TAB:
            rows.append(f"| **{knob.label}** | | |")
        elif knob.kind != TEXT or knob.name == "status":
            default = {True: "on", False: "off"}.get(knob.default, knob.default) if knob.kind == TICK else knob.default
            shown = "" if knob.kind in (BUTTON, TEXT) or default in (None, "") else f"`{default}`"
            rows.append(f"| {knob.label or knob.name} | {knob.tip} | {shown} |")
    return "\n".join(rows) + "\n"
