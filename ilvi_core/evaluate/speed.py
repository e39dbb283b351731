"""Seconds and memory of the default job on this machine: `python -m ilvi_core.evaluate.speed --help`.

Each case is a whole job, files to files, in a process of its own with an empty cache: docs/benchmarks.md is made of it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ilvi_core.cache import Cache
from ilvi_core.evaluate.composed import crop
from ilvi_core.evaluate.scenes import make_matte, make_scene
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import ImageSequence, Job, RunOptions
from ilvi_core.images import Picture, open_source
from ilvi_core.pipeline import Options, render
from ilvi_core.report import Report
from ilvi_core.stills import write_still

CASES = ("small", "hd", "4k")


class _Clock(Report):
    """When the first previews came."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.previews: dict[int, list[float]] = {}

    def frame(self, frame: int, path: Path, final: bool = True) -> None:
        if not final:
            self.previews.setdefault(frame, []).append(time.monotonic() - self.began)


def main() -> None:
    """Run the cases and print a table."""
    parser = argparse.ArgumentParser(description="Time the default job: 384x192, 1080p, 4K.")
    parser.add_argument("--data", default="", help="the folder with gt_drive_soapbox and car-roundabout_hd")
    parser.add_argument("--case", action="append", choices=CASES, help="repeatable (default: all)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--memory", type=float, default=8.0, help="GiB that a job may use (default: 8)")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_run(Path(options.one))))
        return
    for case in options.case or CASES:
        with tempfile.TemporaryDirectory(prefix="ilvi-speed-") as folder:
            job = _job(case, Path(folder), options)
            job.save(Path(folder) / "job.json")
            words = [sys.executable, "-m", "ilvi_core.evaluate.speed", "--one", str(Path(folder) / "job.json")]
            done = subprocess.run(words, stdout=subprocess.PIPE, check=True, env={**os.environ, "ILVI_CACHE": folder})
            print(_line(case, json.loads(done.stdout.splitlines()[-1])), flush=True)


def _job(case: str, folder: Path, options: argparse.Namespace) -> Job:
    """The case's plate and matte on disk, and the job with its defaults."""
    if case == "small":
        _reduced(Path(options.data) / "gt_drive_soapbox", folder)
    elif case == "4k":
        _made(folder)
    else:
        folder = Path(options.data) / "car-roundabout_hd"
    plate, matte = ("frames", "masks") if case == "hd" else ("plate", "matte")
    run = RunOptions(device=options.device, memory=options.memory)
    return Job(ImageSequence(str(folder / plate)), ImageSequence(str(folder / matte)), "", run=run)


def _reduced(clip: Path, folder: Path) -> None:
    """A clip at 384x192: cropped in the middle, averaged."""
    for part, name, how in (("frames", "plate", cv2.INTER_AREA), ("masks", "matte", cv2.INTER_AREA)):
        if not (clip / part).is_dir():
            raise InputError(f"There is no {clip / part}.", "Name the folder with --data.")
        source = open_source(str(clip / part), name.title())
        (folder / name).mkdir()
        for frame in source.frames:
            small = cv2.resize(crop(source.read(frame).rgb(), (384, 192)), (384, 192), interpolation=how)
            _write(folder / name / f"{name}.{frame:04}.png", small)


def _made(folder: Path) -> None:
    """Twelve frames of 4096x2160, scene-linear EXR: a pan, and something large that walks."""
    truth = make_scene("pan", 12, 1024, 540, 1)
    matte = make_matte(12, 1024, 540, 1)
    for name, frames in (("plate", truth), ("matte", matte)):
        (folder / name).mkdir()
        for n, frame in enumerate(frames):
            large = cv2.resize(frame, (4096, 2160), interpolation=cv2.INTER_CUBIC).astype(np.float16)
            write_still(folder / name / f"{name}.{1001 + n}.exr", Picture.from_array(large))


def _write(path: Path, picture: np.ndarray) -> None:
    write_still(path, Picture.from_array(np.round(picture.clip(0, 1) * 255).astype(np.uint8)))


def _run(path: Path) -> dict[str, Any]:
    """In the process of its own."""
    clock = _Clock()
    result = render(Job.load(path), clock, Cache(Path(os.environ["ILVI_CACHE"]) / "cache"), Options(previews=True))
    firsts = [times[-1] if len(times) == 1 else times[1] for times in clock.previews.values()]
    return {
        "seconds": time.monotonic() - clock.began,
        "first": min((times[0] for times in clock.previews.values()), default=0.0),
        "firsts": max(firsts, default=0.0),
        "phases": result.stats["phases"],
        "device": result.stats["device"],
        "frames": len(result.frames),
        "peak": _peak(),
    }


def _peak() -> int:
    """Bytes of memory that this process had at most, mapped files among them."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def _line(case: str, done: dict[str, Any]) -> str:
    phases = ", ".join(f"{name} {seconds:.1f}" for name, seconds in done["phases"].items())
    return (
        f"| {case} | {done['frames']} | {done['first']:.1f} | {done['firsts']:.1f} | {done['seconds']:.1f} | "
        f"{done['peak'] / 2**30:.2f} | {phases} | {done['device']} |"
    )


if __name__ == "__main__":
    main()
