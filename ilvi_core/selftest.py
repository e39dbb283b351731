"""`ilvi doctor --self-test`: a small clip, solved by the worker that hosts would start."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ilvi_core.demo import make_clip
from ilvi_core.host.client import WorkerClient
from ilvi_core.host.errors import IlviError
from ilvi_core.host.job import FrameRange, ImageSequence, Job
from ilvi_core.host.places import find_worker
from ilvi_core.host.protocol import Frame, Started
from ilvi_core.images import open_source
from ilvi_core.pictures import Picture
from ilvi_core.stills import write_still

FRAMES, WIDTH, HEIGHT = 5, 96, 64
START_LIMIT, SILENCE_LIMIT = 120.0, 600.0  # seconds: a new installation's first start is slow


def self_test(tell: Callable[[str], None]) -> None:
    """Solve, and look whether what came back can be right. IlviError says what is wrong; the cache is not touched.

    tell: gets a line for each thing that works.
    """
    begun = time.monotonic()
    tell(f"The worker: {find_worker()}")
    with tempfile.TemporaryDirectory(prefix="ilvi-self-test-") as folder:
        place = Path(folder)
        job = _job(place)
        with WorkerClient(
            cache=str(place / "cache"), log=place / "worker.log", name="ilvi doctor", ready_timeout=START_LIMIT
        ) as worker:
            ready = worker.start()
            tell(f"It answers: ILVI {ready.version}, protocol {ready.protocol}")
            run = worker.submit(job)
            frames = set()
            for event in run.events(timeout=SILENCE_LIMIT):
                if isinstance(event, Started):
                    tell(f"It solves {FRAMES} frames of {WIDTH}x{HEIGHT} on {event.device}")
                if isinstance(event, Frame) and event.final:
                    frames.add(event.frame)
            run.wait(0)  # IlviError when it failed
        _check(place, frames)
    tell(f"The result is as it must be; {time.monotonic() - begun:.0f} s in all")


def _job(place: Path) -> Job:
    clip = make_clip(FRAMES, WIDTH, HEIGHT)
    for name, pictures in (("plate", clip.plate), ("matte", clip.matte)):
        (place / name).mkdir()
        for number, picture in enumerate(pictures, 1):
            codes = np.round(picture * 255).astype(np.uint8)
            write_still(place / name / f"{name}.{number:04d}.png", Picture.from_array(codes))
    return Job(
        ImageSequence(str(place / "plate" / "plate.####.png")),
        ImageSequence(str(place / "matte" / "matte.####.png")),
        output=str(place / "result" / "result.####.png"),
        frames=FrameRange(1, FRAMES),
        comp={"comp_dilate": 0, "comp_feather": 0},
    )


def _check(place: Path, frames: set[int]) -> None:
    """IlviError unless every frame is there, new inside the matte and the plate's own outside."""
    again = "Install ILVI again; when that does not help, send what 'ilvi doctor --report FILE' writes."
    wanted = set(range(1, FRAMES + 1))
    if frames != wanted:
        raise IlviError(f"The worker gave {len(frames & wanted)} of {FRAMES} frames.", again)
    plate, matte, result = (open_source(str(place / n / f"{n}.####.png")) for n in ("plate", "matte", "result"))
    for number in sorted(wanted):
        before, after = plate.read(number).rgb(), result.read(number).rgb()
        roto = matte.read(number).rgb()[..., 0]
        if not np.array_equal(before[roto == 0], after[roto == 0]):
            raise IlviError(f"Frame {number} differs from the plate outside the matte.", again)
        if np.array_equal(before[roto == 1], after[roto == 1]):
            raise IlviError(f"Frame {number} was not filled.", again)
