# ruff: noqa: T201
"""How fast pixels cross between host and worker: `python tests/ofx/throughput.py [--rounds 5] [--folder FOLDER]`.

1920x1080 float RGBA with a float matte, a release build of the plugin in the test host, and the fake worker. Seconds
are those inside the plugin's Render, without the host's own for the images. Over: a frame is known by its pixels
(source and mask), written for the worker, and shown with its mark. Back: it is known by its pixels, and the result is
read, compared with the source, and written into the host's image. GB/s: of the source's pixels alone.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import numpy as np
from ofx_kit import Host, build_with, launcher

WIDTH, HEIGHT, COUNT = 1920, 1080, 8
GIGABYTES = WIDTH * HEIGHT * 16 / 1e9


def make_frames(folder: Path) -> None:
    random = np.random.default_rng(0)
    for t in range(1, COUNT + 1):
        plate = np.ones((HEIGHT, WIDTH, 4), np.float32)
        plate[..., :3] = random.random((HEIGHT, WIDTH, 3), np.float32)
        matte = np.zeros((HEIGHT, WIDTH), np.float32)
        matte[300:600, 400 + 10 * t : 900 + 10 * t] = 1
        np.save(folder / f"plate.{t}.npy", plate)
        np.save(folder / f"matte.{t}.npy", matte)


def measure(folder: Path, rounds: int = 5) -> tuple[list[float], list[float]]:
    """GB/s of every frame: over to the worker, and back from it. folder: keeps build and frames."""
    build = build_with(folder / "build", "-DCMAKE_BUILD_TYPE=Release")
    make_frames(folder)
    host = Host(build, folder, folder, launcher(folder / "python"))
    span = f"first=1 last={COUNT}"
    source = f"clip Source npy={folder}/plate.%d.npy {span} depth=float components=rgba"
    mask = f"clip Mask npy={folder}/matte.%d.npy {span} depth=float components=alpha"
    commands = [source, mask, "set range custom", "set first 1", f"set last {COUNT}", "set frames_from playback"]
    for seed in range(rounds):  # another seed is another result: all frames are gathered again
        commands += [f"set seed {seed}", f"render {span}", f"render {span}"]
    code, answers, errors = host.run_files(*commands, limit=60 * rounds)
    if code:
        raise AssertionError(errors)
    passes = [answer["frames"] for answer in answers.all if answer["command"] == "render"]
    speeds = [[GIGABYTES / (frame["seconds"] - frame["host_seconds"]) for frame in frames] for frames in passes]
    over = [speed for frames in speeds[::2] for speed in frames[:-1]]  # the last one waits for the worker
    return over, [speed for frames in speeds[1::2] for speed in frames]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keeps the build there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name, speeds in zip(("over", "back"), measure(folder, given.rounds)):
            low, high = min(speeds), max(speeds)
            print(f"{name}: median {statistics.median(speeds):.2f} GB/s, {low:.2f} to {high:.2f}, {len(speeds)} frames")
    return 0


if __name__ == "__main__":
    sys.exit(main())
