"""From a solved entry to finished frames. Without torch, as long as the fills are there."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ilvi_core.aov import NAMES as AOV_NAMES
from ilvi_core.aov import with_layers
from ilvi_core.composite import Extra, composite, shown
from ilvi_core.entry import Damaged, Entry, donor_name, fill_name
from ilvi_core.files import free_bytes
from ilvi_core.host.errors import Cancelled, IlviError, InputError
from ilvi_core.host.job import CompSettings
from ilvi_core.kept import KeptFrames
from ilvi_core.movies import Movie, MovieSink
from ilvi_core.pairing import whole
from ilvi_core.pictures import Picture, Sink
from ilvi_core.reading import read_clean, read_matte
from ilvi_core.report import Report
from ilvi_core.shot import Shot

MOST_THREADS = 4  # frames in memory at once
Fills = Callable[[int], np.ndarray]
Made = TypeVar("Made")


@dataclass(frozen=True)
class Part:
    """What a frame is made from: an entry, its fills, and how much of it that is; a frame's weights add up to 1."""

    entry: Entry
    fill: Fills
    weight: float = 1.0


class Missing(IlviError):
    """An entry has lost, meanwhile, what it had when it was found."""


def fills_of(entry: Entry, frames: Sequence[int], shot: Shot, report: Report) -> Fills:
    """The fills of the frames; those that are not kept are made by inference from the weights, which needs torch.

    All files are checked first, so that damage is known before anything is written. Damaged, or Missing.
    """
    if entry.empty:
        return entry.fill
    donors = [donor_name(f) for f in frames if _wants_donors(shot) and entry.has_box(f)]
    if bad := entry.damage([*(fill_name(f) for f in frames if entry.has_fill(f)), *donors]):
        text = f"{entry.folder / bad[0]} is absent or not what was put there."
        raise Damaged(text, "Solve it again, with --refresh.", entry.folder)
    lacking = [f for f in frames if not entry.has_fill(f)]
    if not lacking:
        return entry.fill
    if not entry.can_fill(lacking):
        raise Missing(f"The entry {entry.name} has lost the weights of frame {lacking[0]}.")
    from ilvi_core.infer import infer

    made = infer(entry, lacking, shot.job.run.device, report)
    return lambda frame: made[frame] if frame in made else entry.fill(frame)


def _untouched(picture: Picture, comp: CompSettings) -> Picture:
    """A frame of a clip without a hole, as CompSettings ask to see it."""
    nothing = np.zeros((*picture.rgb().shape[:2], 3), np.float32)
    amount = nothing[..., 0] + (comp.view == "confidence")
    done = picture if comp.view == "result" else shown(picture, nothing, amount, comp.view)
    if not comp.aov:
        return done
    return with_layers(done, nothing, nothing[..., 0], nothing[..., 0] > 0, picture.data_window, None)


def _wants_donors(shot: Shot) -> bool:
    return shot.comp.aov or shot.comp.view == "confidence"


def write_frames(
    shot: Shot,
    parts: Callable[[int], Sequence[Part]],
    sink: Sink,
    report: Report,
    kept: KeptFrames | None = None,
    there: dict[int, Path] | None = None,
) -> tuple[dict[int, Path], list[tuple[str, str]]]:
    """Composite and publish every frame that is not `there` already. The files, and what to tell.

    parts: of a frame; where it has two, one is faded into the other.  kept: lists each published frame.
    """
    there = there or {}
    cut, files, total = 0, {}, len(shot.written)

    def make(frame: int) -> tuple[Path, int, list[Any]]:
        stamps = [] if kept is None else kept.stamps(frame)
        plate = shot.plate.read(frame)
        made = [(_composited(shot, part, frame, plate), part.weight) for part in parts(frame)]
        (picture, pixels), _ = made[0]
        for (other, more), weight in made[1:]:
            picture, pixels = faded(picture, other, weight), max(pixels, more)
        return sink.write(frame, picture), pixels, stamps

    lacking = [frame for frame in shot.written if frame not in there]
    with closing(side_by_side(make, lacking, _threads(shot, sink))) as made:
        for n, frame in enumerate(shot.written):
            if report.stop():
                raise Cancelled("Stopped while writing.", "Run it again to write the rest.")
            if frame in there:
                files[frame] = there[frame]
            else:
                files[frame], pixels, stamps = next(made)
                cut += pixels
                if kept is not None:
                    kept.put(frame, files[frame], stamps)
            if not isinstance(sink, MovieSink):
                report.frame(frame, files[frame])
            report.progress("write", n + 1, total)
    sink.close()
    if not cut:
        return files, []
    text = (
        f"The comp matte reached {cut} pixels beyond the hole and was cut there; "
        f"keep --comp-dilate plus --comp-feather under --solve-dilate, or raise that and solve again."
    )
    return files, [("comp-matte-cut", text)]


def _composited(shot: Shot, part: Part, frame: int, plate: Picture) -> tuple[Picture, int]:
    """A frame by one entry, and how many pixels of its comp matte were cut."""
    entry = part.entry
    if entry.empty:
        return _untouched(plate, shot.comp), 0
    values = read_matte(shot.matte, frame, plate, entry.matte_channel, shot.settings.matte_invert)
    view = (entry.box(frame), entry.curve, shot.settings, shot.comp)
    source = shot.hints.clean.get(frame)
    clean = None if source is None else np.nan_to_num(read_clean(source, frame, plate))
    extra = Extra(clean, entry.donors(frame) if _wants_donors(shot) else None, frame)
    return composite(plate, values, part.fill(frame), *view, extra)


def faded(one: Picture, other: Picture, weight: float) -> Picture:
    """One picture with `weight` of the other; pixels in which both are the same keep their exact bits.

    AOVs that are no amounts (`source`, `stmap`) are those of the heavier one.
    """
    a, b = one.rgb(), other.rgb()
    differs = ~((a == b) | (np.isnan(a) & np.isnan(b))).all(-1)
    done = one.replaced(b, np.where(differs, weight, 0).astype(np.float32))
    layers = {}
    for name in AOV_NAMES:
        if name not in one.planes or name not in other.planes:
            continue
        amounts = name.startswith(("fill.", "comp.", "confidence."))
        heavier = other.planes[name] if weight > 0.5 else one.planes[name]
        mixed = one.planes[name] * np.float32(1 - weight) + other.planes[name] * np.float32(weight)
        layers[name] = mixed if amounts else heavier
    return replace(done, planes={**done.planes, **layers})


def side_by_side(make: Callable[[int], Made], frames: Sequence[int], threads: int) -> Generator[Made, None, None]:
    """`make` of every frame, in order; at most `threads` at once, and no more than that ahead of who asks."""
    if threads == 1:
        yield from map(make, frames)
        return
    with ThreadPoolExecutor(threads) as pool:
        begun: deque[Future[Made]] = deque()
        try:
            for frame in frames:
                begun.append(pool.submit(make, frame))
                if len(begun) > threads:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _threads(shot: Shot, sink: Sink) -> int:
    """A movie is read and written in order; files of their own can be side by side."""
    if any(isinstance(end, (Movie, MovieSink)) for end in (whole(shot.plate), whole(shot.matte), sink)):
        return 1
    return min(MOST_THREADS, os.cpu_count() or 1)


def check_room(shot: Shot, sink: Sink, report: Report) -> None:
    """Whether the output's disk has room for the frames, before anything is learned. InputError where it has not."""
    first = shot.plate.read(shot.written[0])
    box = first.display_window
    needed = len(shot.written) * sum(p.nbytes for p in first.planes.values())
    folder = sink.path(shot.written[0]).parent
    free = free_bytes(folder)
    report.info(
        f"{len(shot.written)} frame{'s' * (len(shot.written) > 1)} of {box.width}x{box.height} to write; at most "
        f"{needed / 2**20:.0f} MiB of disk ({free / 2**20:.0f} MiB free)."
    )
    if free < needed:
        raise InputError(
            f"There is no room in {folder}: {needed / 2**20:.0f} MiB may be needed, {free / 2**20:.0f} MiB are free.",
            "Make room, or write to another disk.",
        )
