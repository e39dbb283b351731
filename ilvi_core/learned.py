"""The paper's learning, pointed at what donors left over: one small network for the remainder of a clip.

The loop, the losses and the flow branch are the paper's (train.py, objective.py). Ours are the targets, which are
donors' pixels too, weighted by confidence; the inputs, which are carried along the flow; and the end, which is where
pixels that were held out are predicted best (study, finding 3).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch

from ilvi_core.complete import Neighbours
from ilvi_core.device import number_format
from ilvi_core.filling import tiles, undisturbed
from ilvi_core.flow import Estimator, dis_flow, sample
from ilvi_core.held_out import best_share
from ilvi_core.host.job import SolveSettings
from ilvi_core.methods import METHODS
from ilvi_core.network import generate, padded_size
from ilvi_core.schedule import Schedule
from ilvi_core.smooth import smooth_fill
from ilvi_core.train import Hooks, Trainer
from ilvi_core.warp import pixel_grid
from ilvi_core.window import Window, add_features, add_flows

# the paper's method with half the supplement's channels: a quarter of the work, and less that it can invent
METHOD = dataclasses.replace(METHODS["dip-vid-flow"], name="remainder", share=0.5)
PIXELS = 192 * 96  # of a frame, that the network works at
UPDATES = 200  # where the settings have no limit
NOISES = 4  # channels of noise that is carried along the flow
WAVES = 4  # octaves of position, sine and cosine of x and of y each
LOOK, FIRST_LOOK = 20, 60  # updates between two looks at the held-out pixels; before the first there is but colour
IDLE, PROGRESS = 3, 0.005  # looks without so much less error, relative, after which it ends
KEPT = 0.5  # of the mean of what earlier looks saw: what updates make of the hole flickers, its mean does not
LEAST_WEIGHT = 0.25  # of a working pixel's area, below which it is no target

Box = tuple[slice, slice]


@dataclass(frozen=True)
class Lesson:
    """What is taught. pictures: (T, h, w, 3) float32 0..1, smooth where nothing is a target.  weight: (T, h, w) float32
    0..1, how much each pixel counts as a target.  held: (T, h, w) bool, known pixels that are no targets but tested:
    truth: (T, h, w, 3), what they are.  flows: completed, between neighbours.  numbers: of the T frames, absolute."""

    pictures: np.ndarray
    weight: np.ndarray
    held: np.ndarray
    truth: np.ndarray
    flows: Neighbours
    numbers: tuple[int, ...]


@dataclass
class Learned:
    """picture: (T, h, w, 3) float32, what the network makes of the box; the lesson's pictures elsewhere. updates: done;
    best: the one that was kept; errors: at each look, squared, of the held-out pixels beside the smooth fill's."""

    picture: np.ndarray
    updates: int = 0
    best: int = 0
    errors: list[float] = field(default_factory=list)


def learn(
    lesson: Lesson,
    box: Box,
    settings: SolveSettings,
    device: str,
    vgg: Any = None,
    estimate: Estimator = dis_flow,
    tick: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Learned:
    """Train on the lesson's box, at a working size of about PIXELS, and keep what predicts the held-out pixels best.

    From `settings` come seed, noise, updates, rates and weights of eq. 2; batches are the paper's, one update each.
    """
    window = _window(lesson, box, settings, device, estimate)
    precision = number_format(settings.precision, device)
    if vgg is not None:
        add_features(window, vgg, precision)
    wanted = dataclasses.replace(
        settings,
        method=METHODS["dip-vid-flow"].name,
        updates_per_batch=1,
        epochs=1_000_000,
        max_updates=settings.max_updates or UPDATES,
        rate_schedule="cosine",
        patience=0,
        weight_average=0.0,
    )
    trainer = Trainer(METHOD, wanted, window, precision, vgg)
    watch = _Watch(lesson, box, window)

    def after(now: Trainer) -> None:
        update, total = now.state.update, now.schedule.total
        if update == total or (update >= FIRST_LOOK and update % LOOK == 0):
            now.state.stopped_early = watch.look(now)

    trainer.run(Hooks(progress=lambda done, total, loss, left: tick(done, total), after=after, stop=stop))
    out = lesson.pictures.copy()
    height, width = out[0][box].shape[:2]
    for t, small in enumerate(watch.best):
        out[t][box] = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return Learned(out.clip(0, 1), trainer.state.update, watch.best_at, watch.errors)


class _Watch:
    """Looks at what the network makes of the box while it learns; keeps the mean that predicts held-out pixels best."""

    def __init__(self, lesson: Lesson, box: Box, window: Window) -> None:
        size = window.size[::-1]
        self._held = _small(lesson.held, box, size) > 0.5
        self._truth = _small(lesson.truth, box, size)
        smooth = window.plate.permute(0, 2, 3, 1).cpu().numpy()
        # where the smooth fill misses, by how much: what the network may add there
        self._missed = [(t - s)[h] for t, s, h in zip(self._truth, smooth, self._held, strict=True)]
        self._mean: np.ndarray | None = None
        self.errors: list[float] = []
        self.best, self.best_at, self._least = smooth, 0, math.inf

    def look(self, trainer: Trainer) -> bool:
        """Generate every frame, fold it into the mean, and measure that; whether it has been enough."""
        now = _generated(trainer)
        self._mean = now if self._mean is None else KEPT * self._mean + (1 - KEPT) * now
        sums = np.zeros((1, 4))
        for picture, held, missed in zip(self._mean, self._held, self._missed, strict=True):
            if held.any():
                more = (picture - smooth_fill(picture, ~held))[held]
                sums += (held.sum(), np.square(missed).sum(), (missed * more).sum(), np.square(more).sum())
        share = best_share(sums)
        error = (sums[0, 1] - 2 * share * sums[0, 2] + share**2 * sums[0, 3]) / max(sums[0, 1], 1e-12)
        self.errors.append(float(error))
        if error < self._least or not self._held.any():
            self.best, self.best_at, self._least = self._mean, trainer.state.update, error
        before = min(self.errors[:-IDLE], default=math.inf)
        return bool(self._held.any()) and min(self.errors[-IDLE:]) > (1 - PROGRESS) * before


@torch.no_grad()
def _generated(trainer: Trainer) -> np.ndarray:
    """(T, h, w, 3) at the working size, with the statistics of the batch, as in training."""
    window = trainer.window
    out = np.empty((len(window.frames), *window.size, 3), np.float32)
    with undisturbed(trainer.network):
        for tile in tiles(len(window.frames), trainer.schedule.size):
            picture, _ = generate(trainer.network, window.noise[tile.start : tile.stop])
            out[tile.start : tile.stop] = window.crop(picture).permute(0, 2, 3, 1).float().cpu().numpy()
    return out


def _window(lesson: Lesson, box: Box, settings: SolveSettings, device: str, estimate: Estimator) -> Window:
    """The lesson's box at the working size, on the device, with flow."""
    height, width = lesson.held[0][box].shape
    scale = min(1.0, math.sqrt(PIXELS / (height * width)))
    size = (max(round(width * scale), 2), max(round(height * scale), 2))
    weight = _small(lesson.weight, box, size)
    colour = _small(lesson.pictures * lesson.weight[..., None], box, size) / np.maximum(weight, 1e-6)[..., None]
    target = weight > LEAST_WEIGHT
    pictures = np.stack([smooth_fill(c, t) for c, t in zip(colour, target, strict=True)])
    inputs = _inputs(lesson, box, size, settings)

    def on_device(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    window = Window(
        lesson.numbers,
        on_device(pictures.transpose(0, 3, 1, 2)),
        # L_r squares its mask: its root makes a target count by its weight
        on_device(np.sqrt(np.where(target, weight, 0))[:, None]),
        on_device(inputs),
        pixel_grid(size[1], size[0], device),
    )
    if len(lesson.numbers) > 1:
        intervals = Schedule(METHOD, settings, len(lesson.numbers)).intervals
        add_flows(window, pictures, target, intervals, settings.flow_margin, estimate)
    return window


def _small(values: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """(T, h, w[, C]) in the box, averaged down to size (width, height), float32."""
    return np.stack([cv2.resize(v[box].astype(np.float32), size, interpolation=cv2.INTER_AREA) for v in values])


def _inputs(lesson: Lesson, box: Box, size: tuple[int, int], settings: SolveSettings) -> np.ndarray:
    """(T, C, H, W) float32 at the padded size: noise carried along the flow, and waves of position."""
    width, height = size
    padded = padded_size(height, width)
    top, left = (padded[0] - height) // 2, (padded[1] - width) // 2
    edges = ((top, padded[0] - height - top), (left, padded[1] - width - left))
    scale = np.array([width, height], np.float32) / np.array(lesson.held[0][box].shape[::-1], np.float32)
    random = np.random.default_rng([settings.seed, lesson.numbers[0] % 2**32])

    def fresh() -> np.ndarray:
        return random.standard_normal((*padded, NOISES), dtype=np.float32)

    noise = [fresh()]
    for t in range(1, len(lesson.numbers)):
        back = cv2.resize(
            (lesson.flows.step(t, -1)[box] * scale).astype(np.float32), size, interpolation=cv2.INTER_AREA
        )
        # beyond the box the flow goes on as at its edge
        back = np.pad(back, (*edges, (0, 0)), mode="edge")
        carried, seen = sample(noise[-1], back), sample(np.ones(padded, np.float32), back) > 0.999
        spread = carried[seen].std() if seen.any() else 1.0  # interpolation has made it weaker
        noise.append(np.where(seen[..., None], carried / max(spread, 1e-3), fresh()))
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in padded)
    waves = [
        np.broadcast_to(wave, padded)
        for k in range(WAVES)
        for of in (np.sin, np.cos)
        for wave in (of(np.pi * 2**k * x)[None, :], of(np.pi * 2**k * y)[:, None])
    ]
    fixed = np.broadcast_to(np.stack(waves), (len(noise), len(waves), *padded))
    varying = np.stack(noise).transpose(0, 3, 1, 2)
    return (np.concatenate([varying, fixed], 1) * np.float32(settings.noise)).astype(np.float32)
