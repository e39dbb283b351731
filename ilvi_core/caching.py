"""A job through the cache: found there, or solved into it, by this process or by another one."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeVar

from ilvi_core import lease
from ilvi_core.asked import Asked, ask
from ilvi_core.beside import beside_output
from ilvi_core.cache import Cache
from ilvi_core.entry import (
    AGAIN,
    MANIFEST,
    PREVIEWS,
    Damaged,
    Entry,
    begin,
    clear,
    from_weights,
    replace,
    try_open,
)
from ilvi_core.finish import Options, Result, finish, look_at
from ilvi_core.host.errors import Cancelled, IlviError, InputError
from ilvi_core.pictures import Sink
from ilvi_core.report import Report
from ilvi_core.shot import Shot
from ilvi_core.solving import Changed, How, Solving, now
from ilvi_core.writing import Missing

MOST_TRIES = 10  # at a cache in which others are at work
DAMAGE = "cache-damaged"
Made = TypeVar("Made")


def through_cache(shot: Shot, sink: Sink | None, cache: Cache, options: Options, report: Report) -> Result:
    """Find the entry, or solve it; then its frames."""

    def frames(entry: Entry, state: str) -> Result:
        return finish(shot, sink, entry, state, options, report)

    try:
        return with_entry(shot, cache, options, report, frames)
    except lease.CacheReadOnly as error:
        if sink is None:
            raise
        report.warning("cache-read-only", f"{error.message} The solve is kept beside the output instead.")
        return beside_output(shot, sink, options, report, instead=True)


def with_entry(shot: Shot, cache: Cache, options: Options, report: Report, use: Callable[[Entry, str], Made]) -> Made:
    """`use` of a shot's entry and its state, the entry being found or solved and not evicted meanwhile.

    What is found damaged on the way, by `use` too, is set aside and done again. CacheReadOnly where it has to be solved
    and cannot be kept.
    """
    refresh, unusable = options.refresh, set[Path]()
    for times in range(MOST_TRIES):
        time.sleep(0.1 * times)  # others may be at what was in the way
        asked = ask_cache(shot, cache, report)
        try:
            with ExitStack() as keep:
                entry = None
                if not refresh:
                    entry = cache.take(asked, shot.written, options.accept_reduced, keep, unusable)
                if entry is not None:
                    state = look_at(entry, shot).state
                    report.started(state, entry.name, "")
                    report.info(f"Solved before: it comes from the cache (entry {entry.name}).")
                elif options.solve:
                    entry, state = _solve_into(cache, asked, shot, options, refresh, report, keep)
                else:
                    raise nothing_solved(cache, "this job")
                refresh = False
                return use(entry, state)
        except Damaged as error:
            trouble: IlviError = error
            if not put_right(cache, error, report):
                unusable.add(error.folder)
        except (Missing, Changed) as error:
            trouble = error
            report.info(f"{error.message} It is looked at again.")
    raise trouble


def nothing_solved(cache: Cache, what: str) -> InputError:
    """For who must not solve it."""
    return InputError(
        f"The cache {cache.root} has no solve of {what}.",
        "Give plate, matte, range and solve settings as they were when it was solved, or solve it first, with "
        "'ilvi render' or 'ilvi solve'.",
    )


def _solve_into(
    cache: Cache, asked: Asked, shot: Shot, options: Options, refresh: bool, report: Report, keep: ExitStack
) -> tuple[Entry, str]:
    """The entry solved by this process, or by another one that was at it, and what there was of it before.

    Until `keep` is closed it is this process's. What was solved is there until what takes its place is solved too.
    """
    folder = cache.folder_for(asked)
    held = keep.enter_context(cache.hold(folder, report.stop, _Waiting(report)))
    if try_open(folder) is None and _is_solved(folder / AGAIN):
        replace(folder, folder / AGAIN)  # it was interrupted
    entry = Entry.open(folder)
    if entry is not None and entry.solved and not refresh and _is_enough(entry, shot, options):
        report.started("fills", entry.name, "")
        return entry, "fills"  # another process solved it while this one waited
    into = folder / AGAIN if entry is not None and entry.solved else folder
    begun = entry if into == folder else try_open(into)
    resume = begun is not None and not begun.solved and (options.accept_reduced or not begun.reduced)
    near = None if refresh or not options.warm else cache.nearest(asked)
    if near is not None:
        keep.enter_context(cache.using(near))
    how = How(
        asked=asked,
        near=near,
        name=folder.name,
        resume=resume,
        accept_reduced=options.accept_reduced,
        previews=folder / PREVIEWS if options.previews else None,
        guard=held.check,
        unchanged=lambda: ask_cache(shot, cache, Report()).key == asked.key,
        make_room=lambda needed: _make_room(cache, [folder, *([near.folder] if near else [])], needed),
    )
    target = begun if resume and begun is not None else _begin(into, asked, shot)
    Solving(shot, target, how, report).run()
    if into != folder:
        replace(folder, into)
    done = Entry.open(folder)
    assert done is not None
    keep.enter_context(cache.using(done))
    with suppress(IlviError, OSError):  # the job is done; others make room another time
        cache.evict([folder])
    return done, "partial" if resume else "none"


def _is_enough(entry: Entry, shot: Shot, options: Options) -> bool:
    return entry.can_fill(shot.written) and (options.accept_reduced or not entry.reduced)


def _begin(folder: Path, asked: Asked, shot: Shot) -> Entry:
    """A new entry to solve into, known to everybody as begun."""
    if folder.exists():
        clear(folder)
    return begin(
        folder,
        {
            "key": asked.key,
            "family": asked.family,
            "pixels": {str(frame): list(pair) for frame, pair in asked.pixels().items()},
            "asked": {"plate": shot.job.plate.path, "matte": shot.job.matte.path, "preset": shot.job.preset},
            "frames": [asked.frames[0], asked.frames[-1]],
            "begun": now(),
        },
    )


def ask_cache(shot: Shot, cache: Cache, report: Report) -> Asked:
    """What a shot asks for, by the cache's memo of pixels."""

    def tick(done: int, total: int) -> None:
        if report.stop():
            raise Cancelled("Stopped.", "Nothing was solved yet.")
        report.progress("read", done, total)

    return ask(shot.plate, shot.matte, shot.frames, shot.settings, cache.digests(), tick, shot.hints)


def _is_solved(folder: Path) -> bool:
    entry = try_open(folder)
    return entry is not None and entry.solved


def put_right(cache: Cache, error: Damaged, report: Report) -> bool:
    """After damage: fills that can be made from whole weights are dropped, else the entry is set aside.

    Others may have been quicker, or be solving it anew: all is looked at again, with the entry's lease. False where
    nothing can be done, because this user may not write there.
    """
    folder = error.folder
    own = folder.parent if folder.name == AGAIN else folder
    try:
        held = lease.try_acquire(own)
    except lease.CacheReadOnly:
        return False
    except lease.LeaseLost:
        return True
    if not isinstance(held, lease.Lease):
        return True
    with held:
        try:
            entry = Entry.open(folder)
        except Damaged:
            entry = None
            bad = [MANIFEST]
        else:
            if entry is None:
                return True
            bad = entry.damage()
        if not bad and entry is not None and entry.solved:
            return True
        if entry is not None and from_weights(entry, bad):
            cache.set_aside_files(entry, bad)
            report.warning(DAMAGE, f"{error.message} {len(bad)} fills are made again from the weights.")
            return True
        place = cache.set_aside(folder, own.name)
        report.warning(DAMAGE, f"{error.message} The entry is kept in {place} and solved again.")
    return True


class _Waiting:
    """Says once whom it waits for, and goes on showing that it waits."""

    def __init__(self, report: Report) -> None:
        self._report, self._said = report, ""

    def __call__(self, owner: lease.Owner, waited: float) -> None:
        who = f"Process {owner.pid} on {owner.host}"
        if who != self._said:
            self._said = who
            self._report.info(f"{who} is solving the same; waiting for it.")
        self._report.progress("wait", 0, 1)


def _make_room(cache: Cache, keep: list[Path], needed: int) -> None:
    """Before an entry grows: leave room for it under the cache's limit, but never for more than half of that."""
    if cache.limit:
        with suppress(IlviError, OSError):
            cache.evict(keep, max(cache.limit - needed, cache.limit // 2, 1))
