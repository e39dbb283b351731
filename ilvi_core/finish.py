"""From an entry to what a job gives: its frames, and the record of what was done."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ilvi_core.entry import Entry
from ilvi_core.host.errors import IlviError
from ilvi_core.movies import MovieSink
from ilvi_core.pictures import Sink
from ilvi_core.report import Report
from ilvi_core.shot import Shot
from ilvi_core.writing import Part, fills_of, write_frames

NOTHING = (
    "The matte is empty in frames {first}-{last}: the plate is copied. "
    "If it should not be, check --matte-channel and --matte-threshold."
)


@dataclass(frozen=True)
class Options:
    """How a job goes through the cache.

    refresh: solve again, cold, even when the cache has it.  accept_reduced: out of memory, solve smaller; and take an
    entry that was.  previews: make them.  solve: False never solves, and InputError says what is lacking.  frames:
    False solves and makes no frames.  warm: may start from what another entry has learned.
    """

    refresh: bool = False
    accept_reduced: bool = False
    previews: bool = False
    solve: bool = True
    frames: bool = True
    warm: bool = True


@dataclass(frozen=True)
class Result:
    """What a job gave. frames: the files.  folder: the entry's.  state: what there was of it before (see `Look`)."""

    frames: dict[int, Path]
    folder: Path | None
    record: dict[str, Any]
    state: str = "none"
    stats: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """What the cache holds of a job.

    state: frames (as asked, in `frames`), fills (rendered without solving), weights (rendered by inference), partial
    (begun: it would go on), none.
    """

    state: str
    entry: Entry | None = None
    frames: dict[int, Path] = field(default_factory=dict)


def finish(shot: Shot, sink: Sink | None, entry: Entry, state: str, options: Options, report: Report) -> Result:
    """Every frame of the job, composited from the entry."""
    began = time.monotonic()
    if not options.frames:
        return Result({}, entry.folder, entry.record, state)
    if entry.empty:
        report.warning("empty-matte", NOTHING.format(first=shot.frames[0], last=shot.frames[-1]))
    if sink is not None:
        fills = fills_of(entry, shot.written, shot, report)
        whole = [Part(entry, fills)]
        frames, notes = write_frames(shot, lambda frame: whole, sink, report)
    else:
        kept = shot.kept(entry)
        there = {} if options.refresh else kept.valid(shot.written)
        lacking = [frame for frame in shot.written if frame not in there]
        frames, notes = there, list[tuple[str, str]]()
        if lacking:
            kept.forget(lacking)
            fills = fills_of(entry, lacking, shot, report)
            own = shot.sink_in(kept.folder)
            whole = [Part(entry, fills)]
            frames, notes = write_frames(shot, lambda frame: whole, own, report, kept, there)
            with suppress(IlviError):  # a frame that is not listed is rendered again
                kept.save()
        else:
            for n, frame in enumerate(shot.written):
                report.frame(frame, there[frame])
                report.progress("write", n + 1, len(shot.written))
    if isinstance(sink, MovieSink):
        for frame, path in frames.items():  # they are there only now
            report.frame(frame, path)
    for code, text in notes:
        report.warning(code, text)
    record = {**entry.record, "notes": [*entry.record.get("notes", []), *({"code": c, "text": t} for c, t in notes)]}
    done = entry.record.get("done") or {}
    stats = {
        "state": state,
        "solve_seconds": entry.seconds,
        "write_seconds": round(time.monotonic() - began, 3),
        "phases": done.get("seconds", {}),
        "updates": done.get("updates", []),
        "device": done.get("device", ""),
        "reduced": entry.manifest.get("reduced"),
        "warm": entry.manifest.get("warm"),
    }
    return Result(frames, entry.folder, record, state, stats)


def look_at(entry: Entry, shot: Shot) -> Look:
    """What an entry that is solved holds of a shot."""
    if not shot.job.output:
        frames = shot.kept(entry).valid(shot.written)
        if len(frames) == len(shot.written):
            return Look("frames", entry, frames)
    there = entry.empty or all(entry.has_fill(frame) for frame in shot.written)
    return Look("fills" if there else "weights", entry)
