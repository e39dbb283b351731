"""The whole flow of a job: files in, cache asked, solved where it must be, files out (`arrays.py` is for arrays)."""

from __future__ import annotations

from ilvi_core.beside import beside_output
from ilvi_core.cache import Cache
from ilvi_core.caching import ask_cache, through_cache
from ilvi_core.entry import Entry, try_open
from ilvi_core.finish import Look, Options, Result, look_at
from ilvi_core.host.job import Job
from ilvi_core.report import Report
from ilvi_core.shot import Shot, open_shot
from ilvi_core.writing import check_room

__all__ = ["Look", "Options", "Result", "find_entry", "look", "render"]


def look(job: Job, cache: Cache, accept_reduced: bool = True, report: Report | None = None) -> Look:
    """What the cache holds of a job; neither torch nor a device is needed."""
    report = report or Report()
    with open_shot(job, report) as shot:
        asked = ask_cache(shot, cache, report)
        entry = cache.find(asked, shot.written, accept_reduced)
        if entry is not None:
            cache.touch(entry.folder)
            return look_at(entry, shot)
        begun = try_open(cache.folder_for(asked))
        return Look("partial", begun) if begun is not None and not begun.solved else Look("none")


def find_entry(shot: Shot, cache: Cache, report: Report) -> Entry | None:
    """The solved entry of a shot, reduced or not; None where there is none."""
    return cache.find(ask_cache(shot, cache, report), shot.written, True)


def render(
    job: Job, report: Report | None = None, cache: Cache | None = None, options: Options | None = None
) -> Result:
    """Run a job from its files to its files; without a cache the entry is made beside the output.

    IlviError of the fitting kind on anything that stops it; whatever was published by then is whole.
    """
    report, options = report or Report(), options or Options()
    with open_shot(job, report) as shot:
        sink = shot.sink() if job.output or cache is None else None
        try:
            if sink is not None:
                check_room(shot, sink, report)
            if cache is not None:
                return through_cache(shot, sink, cache, options, report)
            assert sink is not None
            return beside_output(shot, sink, options, report)
        except BaseException:
            if sink is not None:
                sink.abort()
            raise
