"""A job with its files opened: settings resolved, plate and matte paired, the frames known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ilvi_core.entry import Entry
from ilvi_core.files import make_folders
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import OURS, CompSettings, Job, SolveSettings
from ilvi_core.images import open_sink, open_source
from ilvi_core.kept import KeptFrames
from ilvi_core.pairing import fit_matte
from ilvi_core.pictures import Sink, Source
from ilvi_core.reading import Hints, check_frames
from ilvi_core.report import Report
from ilvi_core.settings import resolve


@dataclass(frozen=True)
class Shot:
    """frames: those trained on.  written: those of them that are written.  hints: opened too."""

    job: Job
    settings: SolveSettings
    comp: CompSettings
    plate: Source
    matte: Source
    frames: tuple[int, ...]
    written: tuple[int, ...]
    hints: Hints = field(default_factory=Hints)

    def sized(self, size: tuple[int, int]) -> SolveSettings:
        """The settings at another working size."""
        return replace(self.settings, size=size)

    @property
    def suffix(self) -> str:
        """The extension of frames that are named by us."""
        if self.comp.format == "auto":
            return ".exr" if self.comp.aov else ""
        return "." + self.comp.format

    def sink(self) -> Sink:
        """Where the job's frames go, when it names an output. InputError for whatever can be refused beforehand."""
        hints = [*self.hints.clean.values(), *([self.hints.holdout] if self.hints.holdout else [])]
        sink = open_sink(self.job.output, self.plate, self.written, [self.matte, *hints], self.suffix)
        if self.comp.aov and sink.path(self.written[0]).suffix.lower() != ".exr":
            raise InputError("AOVs are layers of EXR files, and the output is none.", "Name it .exr.")
        return sink

    def kept(self, entry: Entry) -> KeptFrames:
        """Where they are when it names none: in the entry."""
        return KeptFrames(entry, self.comp, self.plate, self.matte, self.job.plate.layer)

    def sink_in(self, folder: Path) -> Sink:
        """Frames named as the plate's, in a folder of ours."""
        make_folders(folder)
        return open_sink(f"{folder}/", self.plate, self.written, [self.matte], self.suffix)


@contextmanager
def open_shot(job: Job, report: Report) -> Iterator[Shot]:
    """Open a job's files; InputError where that fails or a frame is missing."""
    settings, comp = resolve(job)
    plate = open_source(job.plate.path, "Plate", job.plate.layer)
    matte = open_source(job.matte.path, "Matte", job.matte.layer)
    try:
        frames, written = _frames(job, plate)
        matte, said = fit_matte(matte, plate)
        if said:
            report.info(said)
        check_frames(plate, matte, frames)
        hints = _hints(job, settings, plate, frames)
        yield Shot(job, settings, comp, plate, matte, frames, written, hints)
    finally:
        plate.close()
        matte.close()


def _hints(job: Job, settings: SolveSettings, plate: Source, frames: tuple[int, ...]) -> Hints:
    """Clean plates and donor holdout, opened."""
    if not job.clean_plates and job.holdout is None:
        return Hints()
    if settings.method != OURS:
        raise InputError(
            f"The method {settings.method} knows no clean plates and no donor holdout.", f"Use --method {OURS}."
        )
    clean = {frame: open_source(path, f"Clean plate of frame {frame}:") for frame, path in job.clean_plates.items()}
    for frame, source in clean.items():
        if frame not in frames:
            raise InputError(
                f"There is a clean plate of frame {frame}, which is not in the range {frames[0]}-{frames[-1]}.",
                "Give its frame as the plate numbers it, or another range.",
            )
        if len(source.frames) != 1:
            raise InputError(f"The clean plate of frame {frame} is not one picture.", "Give one file for each frame.")
    if job.holdout is None:
        return Hints(clean)
    holdout, _ = fit_matte(open_source(job.holdout.path, "Donor holdout", job.holdout.layer), plate)
    missing = next((frame for frame in frames if frame not in set(holdout.frames)), None)
    if missing is not None:
        raise InputError(f"Donor holdout has no frame {missing}.", "Render it for the whole range of the plate.")
    return Hints(clean, holdout)


def _frames(job: Job, plate: Source) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The frames trained on and the frames written."""
    if job.frames is not None:
        return tuple(job.frames.frames()), tuple(job.frames.written())
    frames = tuple(plate.frames)
    if frames != tuple(range(frames[0], frames[-1] + 1)):
        missing = next(f for f in range(frames[0], frames[-1]) if f not in set(frames))
        raise InputError(
            f"Plate has no frame {missing} (range {frames[0]}-{frames[-1]}).",
            "Render the frame again, or choose a range without gaps with --frames.",
        )
    return frames, frames
