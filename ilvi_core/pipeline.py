"""The whole flow of a job: files in, cache asked, solved where it must be, files out (`arrays.py` is for arrays)."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ilvi_core import lease
from ilvi_core.asked import Asked, ask
from ilvi_core.cache import Cache
from ilvi_core.entry import Damaged, Entry, begin, clear, weights_name
from ilvi_core.files import LOCK, lock
from ilvi_core.host.errors import Cancelled, InputError
from ilvi_core.host.job import Job
from ilvi_core.movies import MovieSink
from ilvi_core.pictures import Sink
from ilvi_core.report import GO_ON, Report
from ilvi_core.shot import Shot, open_shot
from ilvi_core.solving import How, Solving, now
from ilvi_core.writing import Missing, check_room, fills_of, write_frames

NOTHING = "The matte is empty in frames {first}-{last}: the plate is copied. If it should not be, check " + (
    "--matte-channel and --matte-threshold."
)


@dataclass(frozen=True)
class Options:
    """How a job goes through the cache.

    refresh: solve again, cold, even when the cache has it.  accept_reduced: out of memory, solve smaller; and take an
    entry that was.  previews: make them.  solve: False never solves, and InputError says what is lacking.
    """

    refresh: bool = False
    accept_reduced: bool = False
    previews: bool = False
    solve: bool = True


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
    (begun: it would go on), none.  seconds: that solving it took.
    """

    state: str
    entry: Entry | None = None
    frames: dict[int, Path] = field(default_factory=dict)


def look(job: Job, cache: Cache, accept_reduced: bool = True, report: Report | None = None) -> Look:
    """What the cache holds of a job; neither torch nor a device is needed."""
    report = report or Report()
    with open_shot(job, report) as shot:
        asked = _ask(shot, cache, report)
        entry = cache.find(asked, shot.written, accept_reduced)
        if entry is not None:
            cache.touch(entry.folder)
            return _look_at(entry, shot)
        begun = _try_open(cache.folder_for(asked))
        return Look("partial", begun) if begun is not None and not begun.solved else Look("none")


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
                return _through_cache(shot, sink, cache, options, report)
            assert sink is not None
            return _beside_output(shot, sink, options, report)
        except BaseException:
            if sink is not None:
                sink.abort()
            raise


def _through_cache(shot: Shot, sink: Sink | None, cache: Cache, options: Options, report: Report) -> Result:
    """Find the entry, or solve it; then its frames. What is found damaged on the way is set aside and done again."""
    asked = _ask(shot, cache, report)
    refresh = options.refresh
    while True:
        with ExitStack() as stack:
            entry = None if refresh else cache.find(asked, shot.written, options.accept_reduced)
            state = "none"
            if entry is not None:
                stack.enter_context(cache.using(entry))
                state = _look_at(entry, shot).state
                report.started(state, entry.name, "")
            elif not options.solve:
                raise InputError(
                    f"The cache {cache.root} has no solve of this job.", "Solve it first, with 'ilvi render'."
                )
            else:
                try:
                    entry, held, state = _solve_into(cache, asked, shot, options, refresh, report)
                except lease.CacheReadOnly as error:
                    if sink is None:
                        raise
                    report.warning("cache-read-only", f"{error.message} The solve is kept beside the output instead.")
                    return _beside_output(shot, sink, options, report, resume=True)
                stack.enter_context(held)
                stack.enter_context(cache.using(entry))
            refresh = False
            try:
                return _write(shot, sink, entry, state, options, report)
            except Damaged as error:
                _put_right(cache, entry, error, report)
            except Missing as error:
                # it was pruned or removed between finding and reading
                report.info(f"{error.message} It is made again.")


def _solve_into(
    cache: Cache, asked: Asked, shot: Shot, options: Options, refresh: bool, report: Report
) -> tuple[Entry, lease.Lease, str]:
    """The entry solved by this process, or by another one that was at it; its lease; what there was before."""
    folder = cache.folder_for(asked)
    held = cache.hold(folder, report.stop, _Waiting(report))
    try:
        entry = _opened(cache, folder, report)
        if not folder.is_dir():  # a damaged one was set aside, and the lease with it
            held.release()
            return _solve_into(cache, asked, shot, options, refresh, report)
        taken = entry is not None and (options.accept_reduced or not entry.reduced)
        if entry is not None and taken and entry.solved and entry.can_fill(shot.written) and not refresh:
            report.started("fills", entry.name, "")
            return entry, held, "fills"  # another process solved it while this one waited
        resume = entry is not None and taken and not entry.solved and not refresh
        near = None if refresh else cache.nearest(asked)
        how = How(
            asked=asked,
            near=near,
            resume=resume,
            accept_reduced=options.accept_reduced,
            previews=options.previews,
            guard=held.check,
            make_room=lambda needed: _make_room(cache, [folder, *([near.folder] if near else [])], needed),
        )
        with ExitStack() as stack:
            if near is not None:
                stack.enter_context(cache.using(near))
            entry = _begun(folder, asked, shot, entry if resume else None)
            try:
                Solving(shot, entry, how, report).run()
            except Damaged as error:
                _put_right(cache, near if near and near.damage() else entry, error, report)
                held.release()
                return _solve_into(cache, asked, shot, options, refresh, report)
        cache.evict([folder])
        return entry, held, "partial" if resume else "none"
    except BaseException:
        held.release()
        raise


def _begun(folder: Path, asked: Asked, shot: Shot, unfinished: Entry | None) -> Entry:
    """The entry to solve into, known to everybody as begun."""
    if unfinished is not None:
        return unfinished
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


def _beside_output(shot: Shot, sink: Sink, options: Options, report: Report, resume: bool = False) -> Result:
    """No cache: the entry is a folder beside the output, and goes on only when told to."""
    if not options.solve:
        raise InputError("Without a cache there is no entry to render from.", "Leave out --no-cache.")
    folder = beside(sink, shot.frames)
    with lock(folder):
        resume = resume or shot.job.run.resume
        entry = _try_open(folder) if resume else None
        if not resume:
            _set_unfinished_aside(folder, report)
        state = "none" if entry is None else "fills" if entry.solved else "partial"
        entry = begin(folder, {"begun": now()}) if entry is None else entry
        # a finished one is gone through again too: its checkpoint says whether it is of the same pictures
        how = How(resume=resume, accept_reduced=options.accept_reduced, previews=options.previews)
        try:
            Solving(shot, entry, how, report).run()
        except Cancelled as error:
            hint = "Run it again with --resume to go on from here." if error.hint == GO_ON else error.hint
            raise Cancelled(error.message, hint) from None
        return _write(shot, sink, entry, state, options, report)


def _write(shot: Shot, sink: Sink | None, entry: Entry, state: str, options: Options, report: Report) -> Result:
    """Every frame of the job, composited from the entry."""
    began = time.monotonic()
    if entry.empty:
        report.warning("empty-matte", NOTHING.format(first=shot.frames[0], last=shot.frames[-1]))
    if sink is not None:
        fills = fills_of(entry, shot.written, shot, report)
        frames, notes = write_frames(shot, entry, fills, sink, report)
    else:
        kept = shot.kept(entry)
        there = {} if options.refresh else kept.valid(shot.written)
        lacking = [frame for frame in shot.written if frame not in there]
        fills = fills_of(entry, lacking, shot, report)
        frames, notes = write_frames(shot, entry, fills, shot.sink_in(kept.folder), report, there, kept.put)
        kept.save()
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


def _look_at(entry: Entry, shot: Shot) -> Look:
    if not shot.job.output:
        frames = shot.kept(entry).valid(shot.written)
        if len(frames) == len(shot.written):
            return Look("frames", entry, frames)
    there = entry.empty or all(entry.has_fill(frame) for frame in shot.written)
    return Look("fills" if there else "weights", entry)


def _ask(shot: Shot, cache: Cache, report: Report) -> Asked:
    def tick(done: int, total: int) -> None:
        if report.stop():
            raise Cancelled("Stopped.", "Nothing was solved yet.")
        report.progress("read", done, total)

    return ask(shot.plate, shot.matte, shot.frames, shot.settings, cache.digests(), tick)


def _try_open(folder: Path) -> Entry | None:
    try:
        return Entry.open(folder)
    except Damaged:
        return None


def _opened(cache: Cache, folder: Path, report: Report) -> Entry | None:
    """What is in an entry's folder, whose lease is held; a manifest that cannot be read is set aside."""
    try:
        return Entry.open(folder)
    except Damaged as error:
        place = cache.set_aside(folder)
        report.warning("cache-damaged", f"{error.message} The entry is kept in {place} and solved again.")
        return None


def _put_right(cache: Cache, entry: Entry, error: Damaged, report: Report) -> None:
    """After damage: fills that can be made from whole weights are dropped, else the entry is set aside."""
    bad = entry.damage()
    networks = [weights_name(first) for first, _ in entry.windows()]
    if bad and not set(bad) & set(networks) and all(name in entry.files for name in networks):
        cache.set_aside_files(entry, bad)
        report.warning("cache-damaged", f"{error.message} {len(bad)} fills are made again from the weights.")
        return
    place = cache.set_aside(entry.folder)
    report.warning("cache-damaged", f"{error.message} The entry is kept in {place} and solved again.")


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
    """Before an entry grows: leave room for it under the cache's limit."""
    if cache.limit:
        cache.evict(keep, max(cache.limit - needed, 0) or 1)


def beside(sink: Sink, frames: tuple[int, ...]) -> Path:
    """Where checkpoint, log and settings go without a cache: beside the output, named after it and the range."""
    path = sink.path(frames[0])
    pattern = getattr(sink, "pattern", None)
    name = path.stem if pattern is None else pattern.stem.rstrip("._- ")
    return path.parent / f"{name or 'frames'}.{frames[0]}-{frames[-1]}.ilvi"


def _set_unfinished_aside(folder: Path, report: Report) -> None:
    """Make way for a new solve: an unfinished one is kept beside it, a finished one is replaced."""
    begun = list(folder.glob("checkpoint-*.safetensors")) or list(folder.glob("fill/*.npy"))
    entry = _try_open(folder)
    if begun and (entry is None or not entry.solved):
        number = 1
        while (kept := folder.with_name(f"{folder.name}.unfinished-{number}")).exists():
            number += 1
        kept.mkdir()
        for path in folder.iterdir():
            if path.name != LOCK:
                path.rename(kept / path.name)
        report.info(
            f"An unfinished solve was there; it is kept in {kept}. To go on with it instead, put its files back into "
            f"{folder} and add --resume."
        )
    else:
        clear(folder)
