"""A split clip: its windows, each an entry of its own, and the frames that are made of them."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ilvi_core.cache import Cache
from ilvi_core.caching import MOST_TRIES, ask_cache, nothing_solved, put_right, with_entry
from ilvi_core.entry import Damaged, Entry
from ilvi_core.finish import Options, Result
from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.host.job import FrameRange
from ilvi_core.pictures import Sink
from ilvi_core.reading import Hints
from ilvi_core.report import Report
from ilvi_core.shot import Shot
from ilvi_core.writing import Missing, Part, fills_of, write_frames

Weights = dict[int, list[tuple[int, float]]]  # frame -> the windows it is made of, and how much of each


def windows_of(shot: Shot) -> list[Shot]:
    """Each window as a shot, which has no output: one alone where the clip is not split or is short."""
    job, first, last = shot.job, shot.frames[0], shot.frames[-1]
    spans = [(first, last)] if job.split is None else job.split.windows(first, last)
    made = []
    for start, end in spans:
        frames = tuple(range(start, end + 1))
        clean = {frame: path for frame, path in job.clean_plates.items() if start <= frame <= end}
        hints = Hints({frame: shot.hints.clean[frame] for frame in clean}, shot.hints.holdout)
        own = replace(job, frames=FrameRange(start, end), output="", split=None, clean_plates=clean)
        made.append(replace(shot, job=own, frames=frames, written=frames, hints=hints))
    return made


def is_split(shot: Shot) -> bool:
    """Whether there is more than one window."""
    return len(windows_of(shot)) > 1


def cold(options: Options) -> Options:
    """For windows of a split: what one gives is not to depend on which of its neighbours was there first."""
    return replace(options, warm=False)


def restricted(shot: Shot, only: FrameRange) -> Shot:
    """The same shot, of which only some frames are written. InputError where it has not all of them."""
    lacking = next((frame for frame in only.written() if frame not in shot.frames), None)
    if lacking is not None:
        raise InputError(
            f"The job has no frame {lacking} (range {shot.frames[0]}-{shot.frames[-1]}).", "Name frames of its range."
        )
    wanted = set(only.written())
    written = tuple(frame for frame in shot.written if frame in wanted)
    if not written:
        raise InputError(f"Of the frames {only} the job writes none.", "Its range has a step; name frames that it has.")
    return replace(shot, written=written)


def join_windows(shot: Shot, sink: Sink, cache: Cache, options: Options, report: Report) -> Result:
    """The frames of a split shot, one window faded into the next where they overlap.

    Of the windows, those that the written frames need: first they are solved, one after the other, where the options
    allow it; then all of their entries are taken, so that what one lacks is known before a frame is written.
    """
    split, windows = shot.job.split, windows_of(shot)
    assert split is not None
    weights: Weights = {frame: split.parts(frame, shot.frames[0], shot.frames[-1]) for frame in shot.written}
    needed = sorted({number for found in weights.values() for number, _ in found})
    parts = {
        number: replace(windows[number], written=tuple(f for f in shot.written if number in dict(weights[f])))
        for number in needed
    }
    if options.solve:
        for number, part in parts.items():
            report.window(number + 1, len(windows), str(part.job.frames))
            with_entry(part, cache, cold(options), report, lambda entry, state: None)
    unusable = set[Path]()
    for times in range(MOST_TRIES):
        time.sleep(0.1 * times)  # others may be at what was in the way
        try:
            with ExitStack() as keep:
                found = {}
                for number, part in parts.items():
                    entry = cache.take(
                        ask_cache(part, cache, report), part.written, options.accept_reduced, keep, unusable
                    )
                    if entry is None:
                        raise nothing_solved(cache, f"window {number + 1} of {len(windows)}, frames {part.job.frames}")
                    found[number] = entry
                return _written(shot, parts, found, weights, sink, report)
        except Damaged as error:
            trouble: IlviError = error
            if not put_right(cache, error, report):
                unusable.add(error.folder)
        except Missing as error:
            trouble = error
    raise trouble


def _written(
    shot: Shot, parts: dict[int, Shot], entries: dict[int, Entry], weights: Weights, sink: Sink, report: Report
) -> Result:
    fills = {number: fills_of(entries[number], part.written, part, report) for number, part in parts.items()}

    def of(frame: int) -> list[Part]:
        return [Part(entries[number], fills[number], weight) for number, weight in weights[frame]]

    files, notes = write_frames(shot, of, sink, report)
    for code, text in notes:
        report.warning(code, text)
    first = next(iter(entries.values()))
    names = [entry.name for entry in entries.values()]
    return Result(files, first.folder, first.record, "fills", {"state": "fills", "entries": names})
