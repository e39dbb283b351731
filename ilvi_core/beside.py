"""Without a cache: the entry is a folder beside the output."""

from __future__ import annotations

from pathlib import Path

from ilvi_core.entry import PREVIEWS, Damaged, Entry, OtherWork, begin, clear, try_open
from ilvi_core.files import LOCK, lock
from ilvi_core.finish import Options, Result, finish
from ilvi_core.host.errors import Cancelled, InputError
from ilvi_core.pictures import Sink
from ilvi_core.report import GO_ON, Report
from ilvi_core.shot import Shot
from ilvi_core.solving import How, Solving, now


def beside_output(shot: Shot, sink: Sink, options: Options, report: Report, instead: bool = False) -> Result:
    """No cache: the entry is a folder beside the output, and goes on only when told to.

    instead: of a cache that cannot be written; then it goes on where it can, as a cache does.
    """
    if not options.solve:
        raise InputError("Without a cache there is no entry to render from.", "Leave out --no-cache.")
    folder = beside(sink, shot.frames)
    with lock(folder):
        resume = instead or shot.job.run.resume
        try:
            state = _solve_beside(shot, folder, resume, options, report)
        except (OtherWork, Damaged):
            if not instead:
                raise
            state = _solve_beside(shot, folder, False, options, report)
        entry = Entry.open(folder)
        assert entry is not None
        return finish(shot, sink, entry, state, options, report)


def _solve_beside(shot: Shot, folder: Path, resume: bool, options: Options, report: Report) -> str:
    """Solve into a folder that is ours; what there was of it before."""
    entry = try_open(folder) if resume else None
    if not resume:
        _set_unfinished_aside(folder, report)
    state = "none" if entry is None else "fills" if entry.solved else "partial"
    entry = begin(folder, {"begun": now()}) if entry is None else entry
    # a finished one is gone through again too: its checkpoint says whether it is of the same pictures
    previews = folder / PREVIEWS if options.previews else None
    how = How(name=folder.name, resume=resume, accept_reduced=options.accept_reduced, previews=previews)
    try:
        Solving(shot, entry, how, report).run()
    except Cancelled as error:
        hint = "Run it again with --resume to go on from here." if error.hint == GO_ON else error.hint
        raise Cancelled(error.message, hint) from None
    return state


def beside(sink: Sink, frames: tuple[int, ...]) -> Path:
    """Where checkpoint, log and settings go without a cache: beside the output, named after it and the range."""
    path = sink.path(frames[0])
    pattern = getattr(sink, "pattern", None)
    name = path.stem if pattern is None else pattern.stem.rstrip("._- ")
    return path.parent / f"{name or 'frames'}.{frames[0]}-{frames[-1]}.ilvi"


def _set_unfinished_aside(folder: Path, report: Report) -> None:
    """Make way for a new solve: an unfinished one is kept beside it, a finished one is replaced."""
    begun = [*folder.glob("checkpoint-*.safetensors"), *folder.glob("checkpoint-*.npz")] or list(
        folder.glob("fill/*.npy")
    )
    entry = try_open(folder)
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
