"""One training at the working size against the truth, for experiments: `python -m ilvi_core.evaluate.trial --help`.

The frames are the truth; where the matte (of the same or another clip) lies they are blanked. Prints PSNR of the whole
frame and in the hole for the smooth fill, for the settled network, for the network by batch statistics, and for the
settled one with its edge matched: what docs/experiments.md is made of.
"""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np

from ilvi_core import device as devices
from ilvi_core import window
from ilvi_core.composite import match_edge
from ilvi_core.evaluate.metrics import video_psnr
from ilvi_core.evaluate.watch import glimpse
from ilvi_core.filling import fills
from ilvi_core.flow import dis_flow
from ilvi_core.host.checks import make
from ilvi_core.host.job import SolveSettings
from ilvi_core.images import open_source
from ilvi_core.methods import METHODS
from ilvi_core.schedule import Schedule
from ilvi_core.settings import parse_set, preset
from ilvi_core.train import Hooks, Trainer


def main() -> None:
    """Run one trial from the command line."""
    parser = argparse.ArgumentParser(description="Train once against the truth and print PSNR.")
    parser.add_argument("frames", help="the truth: a folder or pattern")
    parser.add_argument("matte", help="the matte: a folder or pattern")
    parser.add_argument("--count", type=int, default=24, help="frames taken, from the first")
    parser.add_argument("--preset", default="draft")
    parser.add_argument("--set", action="append", default=[], metavar="K=V")
    options = parser.parse_args()
    settings = make(SolveSettings, {**preset(options.preset)["solve"], **parse_set(options.set)})
    print(trial(options.frames, options.matte, options.count, settings))


def trial(frames: str, matte: str, count: int, settings: SolveSettings) -> str:
    """One line of results."""
    truth, known = _load(frames, matte, count, settings)
    plate = truth * known[..., None]
    data = window.build(range(len(truth)), plate, known, settings, "cpu")
    filled = data.plate.permute(0, 2, 3, 1).numpy()
    method = METHODS[settings.method]
    if method.flow:
        pictures = filled if settings.flow_input == "filled" else plate
        intervals = Schedule(method, settings, len(truth)).intervals
        window.add_flows(data, pictures, known, intervals, settings.flow_margin, dis_flow)
    trainer = Trainer(method, settings, data, devices.number_format(settings.precision, "cpu"))
    began = time.monotonic()
    trainer.run(Hooks())
    took = time.monotonic() - began
    size = trainer.schedule.size
    settled = np.stack([f.permute(1, 2, 0) for _, f in fills(trainer.network, data, size, range(len(truth)))])
    matched = np.stack([match_edge(f, p, k) for f, p, k in zip(settled, plate, known, strict=True)])

    def score(fill: np.ndarray) -> str:
        composed = np.where(known[..., None], truth, np.clip(fill, 0, 1))
        return f"{video_psnr(composed, truth):.2f}/{video_psnr(composed, truth, ~known):.2f}"

    return (
        f"{settings.method}, {trainer.state.update} updates in {took:.0f} s; full/hole dB: smooth {score(filled)}, "
        f"settled {score(settled)}, batch statistics {score(_by_batch(trainer))}, matched {score(matched)}; "
        f"known region {video_psnr(settled, truth, known):.2f}"
    )


def _by_batch(trainer: Trainer) -> np.ndarray:
    """The fills with BatchNorm's statistics taken from each batch, as in training."""
    trainer.network.train()
    pictures, _ = glimpse(trainer)
    trainer.network.eval()
    return pictures


def _load(frames: str, matte: str, count: int, settings: SolveSettings) -> tuple[np.ndarray, np.ndarray]:
    """Truth (T, h, w, 3) and known (T, h, w) at the working size; a pixel touched by the matte at all is hole."""
    truths, holes = open_source(frames), open_source(matte, "Matte")
    pairs = list(zip(truths.frames, holes.frames, strict=False))[:count]
    truth = [cv2.resize(truths.read(f).rgb(), settings.size, interpolation=cv2.INTER_AREA) for f, _ in pairs]
    hole = [
        cv2.resize((holes.read(m).rgb()[..., 0] > 0.5).astype(np.float32), settings.size, interpolation=cv2.INTER_AREA)
        for _, m in pairs
    ]
    return np.stack(truth), np.stack(hole) == 0


if __name__ == "__main__":
    main()
