"""A job with its files opened: settings resolved, plate and matte paired, the frames known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ilvi_core.clip import check_frames
from ilvi_core.entry import Entry
from ilvi_core.files import make_folders
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import CompSettings, Job, SolveSettings
from ilvi_core.images import open_sink, open_source
from ilvi_core.kept import KeptFrames
from ilvi_core.pairing import fit_matte
from ilvi_core.pictures import Sink, Source
from ilvi_core.report import Report
from ilvi_core.settings import resolve


@dataclass(frozen=True)
class Shot:
    """frames: those trained on.  written: those of them that are written."""

    job: Job
    settings: SolveSettings
    comp: CompSettings
    plate: Source
    matte: Source
    frames: tuple[int, ...]
    written: tuple[int, ...]

    def sized(self, size: tuple[int, int]) -> SolveSettings:
        """The settings at another working size."""
        return replace(self.settings, size=size)

    @property
    def suffix(self) -> str:
        """The extension of frames that are named by us."""
        return "" if self.comp.format == "auto" else "." + self.comp.format

    def sink(self) -> Sink:
        """Where the job's frames go, when it names an output. InputError for whatever can be refused beforehand."""
        return open_sink(self.job.output, self.plate, self.written, [self.matte], self.suffix)

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
        yield Shot(job, settings, comp, plate, matte, frames, written)
    finally:
        plate.close()
        matte.close()


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
