"""The whole flow of a job: files in, cache asked, solved where it must be, files out (`arrays.py` is for arrays)."""

from __future__ import annotations

from dataclasses import replace

from ilvi_core.beside import beside_output
from ilvi_core.cache import Cache
from ilvi_core.caching import ask_cache, through_cache
from ilvi_core.entry import Entry, try_open
from ilvi_core.finish import Look, Options, Result, look_at
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import FrameRange, Job
from ilvi_core.joined import cold, is_split, join_windows, restricted, windows_of
from ilvi_core.report import Report
from ilvi_core.shot import Shot, open_shot
from ilvi_core.writing import check_room

__all__ = ["Look", "Options", "Result", "find_entries", "look", "render", "solve"]


def look(job: Job, cache: Cache, accept_reduced: bool = True, report: Report | None = None) -> Look:
    """What the cache holds of a job; neither torch nor a device is needed."""
    report = report or Report()
    with open_shot(job, report) as shot:
        if is_split(shot):
            return _look_at_windows(shot, cache, accept_reduced, report)
        asked = ask_cache(shot, cache, report)
        entry = cache.find(asked, shot.written, accept_reduced)
        if entry is not None:
            cache.touch(entry.folder)
            return look_at(entry, shot)
        begun = try_open(cache.folder_for(asked))
        return Look("partial", begun) if begun is not None and not begun.solved else Look("none")


def _look_at_windows(shot: Shot, cache: Cache, accept_reduced: bool, report: Report) -> Look:
    """Of a split shot: whether all windows are solved; the entry is the first one's."""
    found = [cache.find(ask_cache(part, cache, report), part.written, accept_reduced) for part in windows_of(shot)]
    entries = [entry for entry in found if entry is not None]
    if len(entries) == len(found):
        return Look("fills", entries[0])
    return Look("partial" if entries else "none")


def find_entries(shot: Shot, cache: Cache, report: Report) -> list[Entry]:
    """The solved entries of a shot, reduced or not: of a split one each window's; none where one is lacking."""
    found = [cache.find(ask_cache(part, cache, report), part.written, True) for part in windows_of(shot)]
    return [entry for entry in found if entry is not None] if None not in found else []


def render(
    job: Job,
    report: Report | None = None,
    cache: Cache | None = None,
    options: Options | None = None,
    only: FrameRange | None = None,
) -> Result:
    """Run a job from its files to its files; without a cache the entry is made beside the output.

    only: the frames of the job's range that are written.  IlviError of the fitting kind on anything that stops it;
    whatever was published by then is whole.
    """
    report, options = report or Report(), options or Options()
    with open_shot(job, report) as shot:
        if only is not None:
            shot = restricted(shot, only)
        sink = shot.sink() if job.output or cache is None else None
        try:
            if sink is not None:
                check_room(shot, sink, report)
            if is_split(shot):
                if cache is None or sink is None:
                    raise InputError(
                        "A clip that is split needs the cache, and an output.", "Name an output, without --no-cache."
                    )
                return join_windows(shot, sink, cache, options, report)
            if cache is not None:
                return through_cache(shot, sink, cache, options, report)
            assert sink is not None
            return beside_output(shot, sink, options, report)
        except BaseException:
            if sink is not None:
                sink.abort()
            raise


def solve(
    job: Job, report: Report | None = None, cache: Cache | None = None, options: Options | None = None, window: int = 0
) -> list[Result]:
    """Solve a job into the cache and write no frame: all its windows one after the other, or the one of that number.

    window: 1 is the first; 0: all.  A job that is not split has one window, the whole clip.
    """
    report, options = report or Report(), options or Options()
    if cache is None:
        raise InputError("What is solved for later has to be in a cache.", "Leave out --no-cache.")
    done = []
    with open_shot(job, report) as shot:
        windows = windows_of(shot)
        if not 0 <= window <= len(windows):
            raise InputError(f"There is no window {window}: the clip has {len(windows)}.", "Count from 1.")
        through = replace(options, frames=False)
        if len(windows) > 1:
            through = cold(through)
        for number in [window] if window else range(1, len(windows) + 1):
            part = windows[number - 1]
            if len(windows) > 1:
                report.window(number, len(windows), str(part.job.frames))
            done.append(through_cache(part, None, cache, through, report))
    return done
