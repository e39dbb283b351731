"""The whole flow of a job: files in, inpainted files out (`arrays.py` does the same for arrays)."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ilvi_core
from ilvi_core.clip import Clip, Loader, Source, read_matte, windows
from ilvi_core.composite import composite
from ilvi_core.host.errors import Cancelled, InputError
from ilvi_core.host.job import CompSettings, Job, SolveSettings
from ilvi_core.images import Sink, open_sink, open_source
from ilvi_core.images import Source as PictureSource
from ilvi_core.methods import METHODS
from ilvi_core.movies import MovieSink
from ilvi_core.network import parameter_count
from ilvi_core.pairing import fit_matte
from ilvi_core.report import Report
from ilvi_core.settings import as_yaml, resolve
from ilvi_core.solve import Solved, ingredients, solve
from ilvi_core.work import LOCK, FolderWork, lock, publish

SPARE_BYTES = 20 << 20  # log and settings


@dataclass(frozen=True)
class Result:
    """What a job gave. frames: the files written.  record: what was done, as in result.json."""

    frames: dict[int, Path]
    folder: Path | None
    record: dict[str, Any]


def render(job: Job, report: Report | None = None) -> Result:
    """Run a job from its files to its files.

    IlviError of the fitting kind on anything that stops it; whatever was published by then is whole.
    """
    report = report or Report()
    settings, comp = resolve(job)
    plate = open_source(job.plate.path, "Plate", job.plate.layer)
    matte = open_source(job.matte.path, "Matte", job.matte.layer)
    frames, written = _frames(job, plate)
    sink = open_sink(job.output, plate, written, avoid=[matte])
    matte, said = fit_matte(matte, plate)
    if said:
        report.info(said)
    try:
        _say_size_and_room(plate, frames, written, sink, settings, report)
        loader = Loader(plate, matte, frames, settings)
        clip = loader.load(lambda done, total: _tick(report, "read", done, total))
        for code, text in clip.notes:
            report.info(text) if code == "enlarged" else report.warning(code, text)
        folder = work_folder(sink, frames)
        solved, work = None, None
        if clip.empty:
            report.warning(
                "empty-matte",
                f"The matte (its {clip.matte_channel}) is empty in frames {frames[0]}-{frames[-1]}: the plate is "
                f"copied. If it should not be, check --matte-channel and --matte-threshold.",
            )
        else:
            solved, work = _solve(job, clip, settings, comp, written, folder, report)
        files, cut = _write(clip, work, settings, comp, (plate, matte, sink), written, report)
        sink.close()
        if isinstance(sink, MovieSink):  # its frames are there only now
            for frame, path in files.items():
                report.frame(frame, path)
    except BaseException:
        sink.abort()
        raise
    finally:
        plate.close()
        matte.close()
    notes = [*clip.notes, *([] if solved is None else solved.warnings), *cut]
    record = _record(job, settings, comp, clip, solved, notes)
    if solved is not None:
        publish(folder / "result.json", (json.dumps(record, indent=2) + "\n").encode())
    return Result(files, folder if solved is not None else None, record)


def _write(
    clip: Clip,
    work: FolderWork | None,
    settings: SolveSettings,
    comp: CompSettings,
    ends: tuple[PictureSource, PictureSource, Sink],
    written: Sequence[int],
    report: Report,
) -> tuple[dict[int, Path], list[tuple[str, str]]]:
    """Composite and publish every frame; without `work` the plate is copied. The files, and what to tell."""
    plate, matte, sink = ends
    cut, files = 0, {}
    for n, frame in enumerate(written):
        if report.stop():
            raise Cancelled("Stopped while writing.", "Run it again with --resume to write the rest.")
        picture = plate.read(frame)
        if work is not None:
            values = read_matte(matte, frame, picture, clip.matte_channel, settings.matte_invert)
            picture, pixels = composite(picture, values, work.fill(frame), clip.region, clip.curve, settings, comp)
            cut += pixels
        files[frame] = sink.write(frame, picture)
        if not isinstance(sink, MovieSink):
            report.frame(frame, files[frame])
        report.progress("write", n + 1, len(written))
    if not cut:
        return files, []
    text = (
        f"The comp matte reached {cut} pixels beyond the hole and was cut there; "
        f"raise --solve-dilate above --comp-dilate plus --comp-feather."
    )
    report.warning("comp-matte-cut", text)
    return files, [("comp-matte-cut", text)]


def _solve(
    job: Job,
    clip: Clip,
    settings: SolveSettings,
    comp: CompSettings,
    written: Sequence[int],
    folder: Path,
    report: Report,
) -> tuple[Solved, FolderWork]:
    """Solve into the folder beside the output."""
    from ilvi_core import device

    chosen = device.choose(job.run.device)
    with lock(folder):
        if not job.run.resume:
            _set_aside(folder, report)
        made_of = fingerprint(clip, settings, written, ingredients(settings, chosen))
        work = FolderWork(folder, made_of, job.run.resume)
        publish(folder / "settings.yaml", as_yaml(settings, comp).encode())
        if job.run.resume and work.windows_done() == 0 and work.update() == 0:
            report.info("There is no checkpoint to go on from; starting anew.")
        return solve(clip, settings, set(written), chosen, work, report, job.run.checkpoint_every), work


def _set_aside(folder: Path, report: Report) -> None:
    """Make way for a new solve: an unfinished one is kept beside it, a finished one is replaced."""
    begun = list(folder.glob("checkpoint-*.safetensors")) or list(folder.glob("fill/*.npy"))
    if begun and not (folder / "result.json").exists():
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
        return
    for pattern in ("checkpoint*", "fill/*.npy", "weights/*.safetensors", "training.jsonl", "result.json"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def _frames(job: Job, plate: Source) -> tuple[range | list[int], list[int]]:
    """The frames trained on and the frames written."""
    if job.frames is None:
        frames = plate.frames
        if frames != list(range(frames[0], frames[-1] + 1)):
            missing = next(f for f in range(frames[0], frames[-1]) if f not in set(frames))
            raise InputError(
                f"Plate has no frame {missing} (range {frames[0]}-{frames[-1]}).",
                "Render the frame again, or choose a range without gaps with --frames.",
            )
        return frames, list(frames)
    return job.frames.frames(), list(job.frames.written())


def work_folder(sink: Sink, frames: Sequence[int]) -> Path:
    """Where checkpoint, log and settings go: beside the output, named after it and the range."""
    path = sink.path(frames[0])
    pattern = getattr(sink, "pattern", None)
    name = path.stem if pattern is None else pattern.stem.rstrip("._- ")
    return path.parent / f"{name or 'frames'}.{frames[0]}-{frames[-1]}.ilvi"


def _say_size_and_room(
    plate: Source,
    frames: Sequence[int],
    written: Sequence[int],
    sink: Sink,
    settings: SolveSettings,
    report: Report,
) -> None:
    """Before anything is learned: how much will be written, and whether it fits on the disk."""
    if frames[0] not in set(plate.frames):
        return  # the loader says it better
    first = plate.read(frames[0])
    box = first.display_window
    out = len(written) * sum(p.nbytes for p in first.planes.values())
    method = METHODS[settings.method]
    network = 4 * parameter_count(method.dims, method.flow)
    # a checkpoint holds three states of network and Adam, and two lie side by side while one takes the other's place
    networks = 1 if method.single_frame else len(windows(len(frames), settings.window))
    solving = (2 * 9 + networks) * network
    fills = len(written) * settings.size[0] * settings.size[1] * 12
    needed = out + fills + solving + SPARE_BYTES
    folder = sink.path(written[0]).parent
    free = shutil.disk_usage(folder).free
    steps = "" if len(written) == len(frames) else f", {len(written)} of them written"
    report.info(
        f"{len(frames)} frame{'s' * (len(frames) > 1)} ({frames[0]}-{frames[-1]}) of {box.width}x{box.height}{steps}; "
        f"method {settings.method}; at most {needed / 2**20:.0f} MiB of disk for frames, fills and "
        f"checkpoints ({free / 2**20:.0f} MiB free)."
    )
    if free < needed:
        raise InputError(
            f"There is no room in {folder}: {needed / 2**20:.0f} MiB may be needed, {free / 2**20:.0f} MiB are free.",
            "Make room, or write to another disk.",
        )


def _tick(report: Report, phase: str, done: int, total: int) -> None:
    if report.stop():
        raise Cancelled("Stopped.", "Nothing new was learned; a checkpoint of an earlier run is untouched.")
    report.progress(phase, done, total)


def fingerprint(clip: Clip, settings: SolveSettings, written: Sequence[int], made_of: dict[str, str]) -> str:
    """What a checkpoint belongs to: the pixels learned from, the settings, the frames, precision and weight files."""
    digest = hashlib.sha256()
    digest.update(json.dumps([asdict(settings), list(clip.frames), list(written), clip.region, made_of]).encode())
    digest.update(np.ascontiguousarray(clip.plate).data)
    digest.update(np.packbits(clip.known).data)
    return digest.hexdigest()


def _record(
    job: Job,
    settings: SolveSettings,
    comp: CompSettings,
    clip: Clip,
    solved: Solved | None,
    notes: list[tuple[str, str]],
) -> dict[str, Any]:
    """result.json: what was asked, what was done, with what."""
    return {
        "ilvi": ilvi_core.__version__,
        "preset": job.preset,
        "solve": asdict(settings),
        "comp": asdict(comp),
        "frames": [clip.frames[0], clip.frames[-1]],
        "region": clip.region._asdict(),
        "working_size": list(clip.size),
        "matte_channel": clip.matte_channel,
        "hole": {"mean": float(np.mean(clip.coverage)), "most": max(clip.coverage)},
        "curve": asdict(clip.curve),
        "done": None if solved is None else asdict(solved),
        "notes": [{"code": code, "text": text} for code, text in notes],
        "versions": _versions(),
        "machine": platform.node(),
    }


def _versions() -> dict[str, str]:
    import cv2
    import torch

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }
