"""A split clip: its windows, each an entry of its own, and the frames that are made of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from ilvi_core.cache import Cache
from ilvi_core.caching import with_entry
from ilvi_core.entry import Entry
from ilvi_core.finish import Options, Result
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import FrameRange, Job
from ilvi_core.pictures import Sink
from ilvi_core.report import Report
from ilvi_core.shot import Shot, open_shot
from ilvi_core.writing import Part, fills_of, write_frames


def windows_of(shot: Shot) -> list[Job]:
    """The job of each window, which has no output: one alone where the clip is not split or is short."""
    job, first, last = shot.job, shot.frames[0], shot.frames[-1]
    spans = [(first, last)] if job.split is None else job.split.windows(first, last)
    return [
        replace(
            job,
            frames=FrameRange(start, end),
            output="",
            split=None,
            clean_plates={frame: path for frame, path in job.clean_plates.items() if start <= frame <= end},
        )
        for start, end in spans
    ]


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

    Of the windows, those that the written frames need; they are solved, one after the other, where the options allow
    it. All of their entries are held at once, so that what one lacks is known before a frame is written.
    """
    split, jobs = shot.job.split, windows_of(shot)
    assert split is not None
    parts = {frame: split.parts(frame, shot.frames[0], shot.frames[-1]) for frame in shot.written}
    needed = sorted({number for found in parts.values() for number, _ in found})
    opened: dict[int, tuple[Entry, Callable]] = {}
    with ExitStack() as keep:

        def from_window(at: int) -> Result:
            if at == len(needed):
                return _written(shot, sink, opened, parts, report)
            number = needed[at]
            report.info(f"Window {number + 1} of {len(jobs)}: frames {jobs[number].frames}.")
            part = keep.enter_context(open_shot(jobs[number], report))
            own = tuple(frame for frame in shot.written if number in dict(parts[frame]))
            part = replace(part, written=own, comp=shot.comp)

            def use(entry: Entry, state: str) -> Result:
                opened[number] = entry, fills_of(entry, own, part, report)
                return from_window(at + 1)

            return with_entry(part, cache, cold(options), report, use)

        return from_window(0)


def _written(
    shot: Shot,
    sink: Sink,
    opened: dict[int, tuple[Entry, Callable]],
    parts: dict[int, list[tuple[int, float]]],
    report: Report,
) -> Result:
    def of(frame: int) -> list[Part]:
        return [Part(*opened[number], weight) for number, weight in parts[frame]]

    files, notes = write_frames(shot, of, sink, report)
    for code, text in notes:
        report.warning(code, text)
    first = next(iter(opened.values()))[0]
    entries = [entry.name for entry, _ in opened.values()]
    return Result(files, first.folder, first.record, "fills", {"state": "fills", "entries": entries})
