"""How long a person waits, on a real clip: 40 frames of 640x360. Ratios, side by side; run alone (pytest -m slow)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ilvi_core.host.client import WorkerClient
from ilvi_core.host.job import FrameRange, ImageSequence, Job
from ilvi_core.host.protocol import TO_HOST, Frame, Hello, Lookup, Progress, read, write

CLIP = Path(__file__).resolve().parents[2] / "shared" / "data" / "clips" / "bmx-trees"
COMMAND = [sys.executable, "-I", "-m", "ilvi_core.worker"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLIP.is_dir(), reason="the shared clips are not here"),
]


def the_job(**comp):
    """By a method that trains: what the ratio of a re-render to a solve was promised for."""
    plate, matte = ImageSequence(str(CLIP / "frames" / "%05d.jpg")), ImageSequence(str(CLIP / "masks" / "%05d.png"))
    return Job(plate, matte, "", frames=FrameRange(0, 39), solve={"method": "dip-vid-flow"}, comp=comp)


def hit_from_process_start(cache: Path) -> float:
    """Seconds from spawning a worker to the answer of a lookup."""
    began = time.monotonic()
    worker = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "ILVI_CACHE": str(cache)}
    )
    assert worker.stdin
    assert worker.stdout
    worker.stdin.write(write(Hello(1)) + write(Lookup("1", json.loads(the_job().to_json()))))
    worker.stdin.flush()
    while (message := read(worker.stdout.readline(), TO_HOST)).TYPE != "found":
        pass
    took = time.monotonic() - began
    assert message.state == "frames"
    worker.stdin.close()
    worker.wait(10)
    return took


def test_a_solve_its_previews_a_hit_and_a_rerender(tmp_path, capsys):
    cache = tmp_path / "cache"
    with WorkerClient(command=COMMAND, cache=str(cache)) as worker:
        began = time.monotonic()
        worker.start()
        ready = time.monotonic() - began
        run, first_preview, training = worker.submit(the_job()), 0.0, 0.0
        for event in run.events():
            if isinstance(event, Frame) and not event.final and not first_preview:
                first_preview = time.monotonic() - began
            if isinstance(event, Progress) and event.phase == "train" and not training:
                training = time.monotonic() - began
        solve = time.monotonic() - began
        stats = run.wait().stats
        began = time.monotonic()
        worker.submit(the_job()).wait()
        hit = time.monotonic() - began
        began = time.monotonic()
        worker.rerender(the_job(comp_feather=1)).wait()
        rerender = time.monotonic() - began
    began = time.monotonic()
    with WorkerClient(command=COMMAND, cache=str(cache)) as worker:
        worker.rerender(the_job(comp_dilate=2)).wait()
    cold = time.monotonic() - began
    lookup = min(hit_from_process_start(cache) for _ in range(5))
    with capsys.disabled():
        sys.stdout.write(
            f"\nready {ready:.2f} s, first preview {first_preview:.2f} s, training from {training:.1f} s, "
            f"all {solve:.0f} s\n"
            f"phases {stats['phases']}, writing {stats['write_seconds']} s\n"
            f"hit {hit:.2f} s; re-render {rerender:.2f} s, with a new worker {cold:.2f} s: {solve / rerender:.0f} and "
            f"{solve / cold:.0f} times faster than the solve; lookup from process start {lookup:.2f} s\n"
        )
    assert first_preview < 10
    assert solve / cold >= 50
    assert lookup < 0.5
