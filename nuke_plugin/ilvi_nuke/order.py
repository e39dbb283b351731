"""From the panel to a job: the range, the settings, and what is asked of the worker."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import nuke

from ilvi_core.host.errors import InputError
from ilvi_core.host.job import OURS, FrameRange, ImageSequence, Job, RunOptions
from ilvi_core.host.parameters import job_parts
from ilvi_nuke import knob_table, knobs, upstream

_LIST = re.compile(r"[\s,;]+")


@dataclass(frozen=True)
class Order:
    """What is asked of a node now. frames: solved.  clean: frames of the clean plate.  views: of the script."""

    frames: FrameRange
    preset: str
    solve: dict[str, Any]
    comp: dict[str, Any]
    run: RunOptions
    clean: tuple[int, ...]
    views: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read(group: Any) -> Order:
    """The panel as an order. InputError says which knob is wrong, or that nothing is connected."""
    value = knobs.values(group)
    for name in ("cache_dir", "worker"):
        knobs.path_of(group, name)  # says what is wrong with it
    if upstream.outer(group, "plate") is None:
        raise InputError("No plate is connected.", "Connect the arrow 'plate'.")
    plate, channel = upstream.outer(group, "plate"), value["matte_channel"]
    if upstream.outer(group, "matte") is None:
        if not upstream.has_alpha(plate):
            raise InputError("No matte is connected, and the plate has no alpha.", "Connect the roto to 'matte'.")
        channel = "alpha" if channel == knob_table.AUTO else channel
    frames, notes = _range(group, value)
    preset, solve, comp, run = job_parts(value)
    solve["matte_channel"] = channel
    comp |= {"aov": True, "format": "exr"}  # what the `view` knob shows is made of these
    return Order(frames, preset, solve, comp, run, _clean(group, value, frames), _views(value), notes)


def job(order: Order, plate: str, matte: str, clean: dict[int, str], output: str = "") -> Job:
    """The order on files. plate, matte: patterns.  clean: frame -> file.  output: empty: into the cache."""
    return Job(
        ImageSequence(plate),
        ImageSequence(matte),
        output,
        order.frames,
        order.preset,
        order.solve,
        order.comp,
        order.run,
        clean_plates=clean,
    )


def _range(group: Any, value: dict[str, Any]) -> tuple[FrameRange, tuple[str, ...]]:
    plate = upstream.outer(group, "plate")
    has = (int(plate.firstFrame()), int(plate.lastFrame()))
    root = nuke.root()
    first, last = {
        knob_table.INPUT: has,
        knob_table.ROOT: (int(root["first_frame"].value()), int(root["last_frame"].value())),
        knob_table.CUSTOM: (int(value["first"]), int(value["last"])),
    }[value["range"]]
    if last < first:
        raise InputError(f"The frame range {first}-{last} is reversed.", "Set 'custom' to the lower frame first.")
    handles = int(value["handles"])
    if handles < 0:
        raise InputError(f"There are {handles} handles.", "Set 'handles' to 0 or more.")
    wide = (max(first - handles, min(has[0], first)), min(last + handles, max(has[1], last)))
    notes: tuple[str, ...] = ()
    if wide != (first - handles, last + handles):
        notes = (f"The plate ends at {has[0]}-{has[1]}, so there are {first - wide[0]} and {wide[1] - last} handles.",)
    return FrameRange(*wide), notes


def _clean(group: Any, value: dict[str, Any], frames: FrameRange) -> tuple[int, ...]:
    if upstream.outer(group, "clean_plate") is None:
        return ()
    words = [word for word in _LIST.split(value["clean_frames"].strip()) if word]
    try:
        asked = tuple(int(word) for word in words) or (frames.first,)
    except ValueError:
        raise InputError(
            f"'clean plate at' is '{value['clean_frames']}', expected frame numbers.", "Write it as 1001, 1040."
        ) from None
    for frame in asked:
        if not frames.first <= frame <= frames.last:
            raise InputError(
                f"'clean plate at' names frame {frame}, outside of {frames}.", "Name a frame of the range."
            )
    if value["method"] != OURS:
        raise InputError(
            f"The method {value['method']} takes no clean plate.", "Use the method ilvi, or disconnect it."
        )
    return asked


def _views(value: dict[str, Any]) -> tuple[str, ...]:
    every = tuple(nuke.views())
    if value["view_choice"] == knob_table.EACH or len(every) == 1:
        return every
    return (_viewed() or every[0],)


def _viewed() -> str:
    viewer = nuke.activeViewer() if nuke.GUI else None
    return str(viewer.view()) if viewer is not None else ""
