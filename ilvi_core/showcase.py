"""`ilvi demo`: a clip of our own making, inpainted by the same path as any job, and measured against its truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ilvi_core.demo import DemoClip, make_clip
from ilvi_core.evaluate.metrics import video_psnr, video_ssim
from ilvi_core.host.checks import within
from ilvi_core.host.errors import Cancelled, InputError
from ilvi_core.host.job import OURS, ImageSequence, Job, RunOptions
from ilvi_core.images import Picture, open_sink, open_source
from ilvi_core.pipeline import render
from ilvi_core.report import Report
from ilvi_core.sheet import contact_sheet
from ilvi_core.smooth import smooth_fill
from ilvi_core.stills import write_still

FIRST = 1001
TRAINING_SECONDS = 80.0  # of the two minutes that a demo may take
FEWEST, MOST = 60, 900  # updates
SIZE = (128, 128)  # of the paper's methods: more updates of a smaller network look better than the reverse in this time


def run_demo(folder: str, report: Report, method: str | None, seed: int, updates: int | None, device: str) -> str:
    """Everything into `folder`; returns the lines to print last."""
    place = Path(folder)
    within("seed", seed, 0, 2**31 - 1)
    if updates is not None:
        within("updates", updates, 1, 1_000_000)
    report.info(f"Making a clip of 24 frames (seed {seed}) in {place}.")
    clip = make_clip(seed=seed)
    _write(place / "plate", clip.plate)
    _write(place / "matte", clip.matte)
    _write(place / "truth", clip.truth)
    chosen = method or OURS
    solve: dict[str, Any] = {"method": chosen, "seed": seed}
    said = "The paper's own methods are there too: --method dip-vid-flow learns the whole clip."
    if chosen != OURS:
        said = f"{updates} updates: a rough look; --updates 2000 trains longer."
        if updates is None:
            updates = _affordable(chosen, device)
            said = f"{updates} updates, as many as fit two minutes on this machine now: a rough look."
        solve["size"] = list(SIZE)
    if updates is not None:
        solve["max_updates"] = updates
    job = Job(
        plate=ImageSequence(str(place / "plate" / "plate.####.png")),
        matte=ImageSequence(str(place / "matte" / "matte.####.png")),
        output=str(place / "result" / "result.####.png"),
        preset="draft",
        solve=solve,
        run=RunOptions(device=device),
    )
    job.save(place / "job.json")
    try:
        result = render(job, report)
    except Cancelled:
        raise Cancelled("Stopped.", f"Go on with: ilvi render {place / 'job.json'} --no-cache --resume") from None
    written = open_source(job.output)
    frames = [written.read(number).rgb() for number in result.frames]
    _movie(place, frames)
    columns = [round(i * (len(frames) - 1) / 3) for i in range(4)]
    sheet = contact_sheet(
        {
            "plate": [clip.plate[i] for i in columns],
            "matte": [clip.matte[i] for i in columns],
            "result": [frames[i] for i in columns],
            "truth": [clip.truth[i] for i in columns],
        },
        [FIRST + i for i in columns],
    )
    write_still(place / "sheet.png", Picture.from_array(sheet))
    return "\n".join(
        [
            *scores(clip, frames),
            said,
            f"Frames, movie and contact sheet are in {place}: see {place / 'sheet.png'}",
        ]
    )


def scores(clip: DemoClip, frames: list[np.ndarray]) -> list[str]:
    """PSNR and SSIM in the hole against the truth, beside what a mere smooth fill reaches."""
    holes = [m > 0 for m in clip.matte]
    smooth = [smooth_fill(p, ~h) for p, h in zip(clip.plate, holes, strict=True)]
    lines = []
    for name, pictures in (("result", frames), ("smooth fill, for comparison", smooth)):
        psnr, ssim = video_psnr(pictures, clip.truth, holes), video_ssim(pictures, clip.truth, holes)
        lines.append(f"In the hole, against the truth: PSNR {psnr:.2f} dB, SSIM {ssim:.3f} ({name})")
    return lines


def _affordable(method: str, device: str) -> int:
    """How many updates fit the time, from a few on this machine; the same number every time is not worth a wait."""
    from ilvi_core.bench import seconds_per_update
    from ilvi_core.methods import METHODS

    networks = 24 if METHODS[method].single_frame else 1
    took = seconds_per_update(method, SIZE, 24, device)
    return int(np.clip(TRAINING_SECONDS / took / networks, FEWEST // networks + 1, MOST))


def _write(folder: Path, frames: np.ndarray) -> None:
    """8-bit PNGs FOLDER/NAME.1001.png ..."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for n, frame in enumerate(frames):
            picture = np.round(np.clip(frame, 0, 1) * 255).astype(np.uint8)
            write_still(folder / f"{folder.name}.{FIRST + n}.png", Picture.from_array(picture))
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written: {error.strerror}.", "Name another folder: ilvi demo FOLDER."
        ) from None


def _movie(place: Path, frames: list[np.ndarray]) -> None:
    source = open_source(str(place / "plate" / "plate.####.png"))
    sink = open_sink(str(place / "result.mp4"), source, source.frames)
    try:
        for number, frame in zip(source.frames, frames, strict=True):
            sink.write(number, Picture.from_array(np.round(frame * 255).astype(np.uint8)))
        sink.close()
    except BaseException:
        sink.abort()
        raise
