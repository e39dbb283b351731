"""A small shot on disk for tests that run whole jobs, and a report that remembers what it is told."""

from __future__ import annotations

import cv2
import numpy as np

from ilvi_core.host.job import ImageSequence, Job
from ilvi_core.report import Report

WIDTH, HEIGHT, FRAMES = 96, 72, 6
QUICK = {"method": "dip-vid", "max_updates": 3, "size": "64x48", "batch": 2, "precision": "float32"}


class Listener(Report):
    def __init__(self, stop_after=None):
        self.news, self.warnings, self.frames, self.phases = [], [], [], []
        self.previews, self.states = [], []
        self.stop_after = stop_after

    def progress(self, phase, done, total, loss=None, left=None):
        self.phases.append((phase, done, total))

    def info(self, text):
        self.news.append(text)

    def warning(self, code, text):
        self.warnings.append((code, text))

    def started(self, state, entry, device):
        self.states.append(state)

    def frame(self, frame, path, final=True):
        assert path.exists()
        self.frames.append(frame) if final else self.previews.append((frame, path))

    def updates(self):
        """How many updates were trained."""
        return sum(phase == "train" for phase, *_ in self.phases)

    def stop(self):
        return self.stop_after is not None and self.updates() >= self.stop_after


def short_of_memory(monkeypatch, widest, error=None):
    """From now on training at more than `widest` px of width runs out of memory, as CUDA says it or by `error`."""
    import torch

    from ilvi_core import train

    real = train.Trainer._update

    def update(self):
        if self.window.size[1] > widest:
            raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        real(self)

    monkeypatch.setattr(train.Trainer, "_update", update)


def pictures():
    """(T, H, W, 3) uint8: a moving texture."""
    random = np.random.default_rng(1)
    wide = cv2.resize(
        random.integers(0, 256, (9, 20, 3), np.uint8), (WIDTH + 40, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    return np.stack([wide[:, 3 * n : 3 * n + WIDTH] for n in range(FRAMES)])


def mattes():
    """(T, H, W) uint8: a soft-edged disk that walks."""
    out = np.zeros((FRAMES, HEIGHT, WIDTH), np.uint8)
    for n in range(FRAMES):
        cv2.circle(out[n], (30 + 4 * n, 36), 9, 255, -1, cv2.LINE_AA)
    return out


def make_shot(tmp_path):
    """plate.1001.png.., matte.1001.png.. in folders of their own."""
    for name, frames in (("plate", pictures()), ("matte", mattes())):
        (tmp_path / name).mkdir()
        for n, frame in enumerate(frames):
            assert cv2.imwrite(
                str(tmp_path / name / f"{name}.{1001 + n}.png"), frame[..., ::-1] if frame.ndim == 3 else frame
            )
    return tmp_path


def job_for(shot, **changes):
    values = {
        "plate": ImageSequence(str(shot / "plate" / "plate.####.png")),
        "matte": ImageSequence(str(shot / "matte" / "matte.####.png")),
        "output": str(shot / "out" / "clean.####.png"),
        "solve": QUICK,
    }
    return Job(**{**values, **changes})
