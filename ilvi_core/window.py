"""One window's data on the device: everything that an update needs, put there once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ilvi_core.flow import Estimator, interval_flows
from ilvi_core.host.job import SolveSettings
from ilvi_core.network import padded_size
from ilvi_core.smooth import smooth_fill
from ilvi_core.warp import pixel_grid


@dataclass(frozen=True)
class DeviceFlow:
    """The flow of every frame at one interval and direction; frames without a partner have zeros and an empty mask.

    target: (T, 2, h, w), flow / scale.  scale: px, the 99th percentile of the believed flow's length, at least 1.
    believed: (T, 1, h, w), O . M^f.  reliable: (T, 1, h, w), M^f.
    """

    target: Tensor
    believed: Tensor
    reliable: Tensor
    scale: float


@dataclass
class Window:
    """frames: absolute numbers of the T frames.  plate: (T, 3, h, w) in 0..1, the hole smoothly filled.

    known: (T, 1, h, w), the paper's M.  noise: (T, 1, H, W), the inputs N_i at the padded size, multiples of 64.
    flows: by (interval, backward).  grid: `pixel_grid(h, w)`.  features: by layer, VGG16's of the filled plate.
    """

    frames: tuple[int, ...]
    plate: Tensor
    known: Tensor
    noise: Tensor
    grid: Tensor
    flows: dict[tuple[int, bool], DeviceFlow] = field(default_factory=dict)
    features: dict[str, Tensor] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Working height and width."""
        return self.plate.shape[2], self.plate.shape[3]

    def crop(self, padded: Tensor) -> Tensor:
        """The working picture in the middle of the network's padded one. (..., H, W) -> (..., h, w)."""
        height, width = self.size
        top, left = (padded.shape[-2] - height) // 2, (padded.shape[-1] - width) // 2
        return padded[..., top : top + height, left : left + width]


def noise_map(seed: int, frame: int, height: int, width: int, amplitude: float) -> np.ndarray:
    """N_i: (1, H, W) float32, uniform in 0..amplitude, from the seed and the absolute frame number alone."""
    random = np.random.default_rng([seed, frame % 2**32])
    return random.random((1, height, width), np.float32) * np.float32(amplitude)


def build(frames: Sequence[int], plate: np.ndarray, known: np.ndarray, settings: SolveSettings, device: str) -> Window:
    """The window without flow and features.

    plate: (T, h, w, 3) float32 0..1.  known: (T, h, w) bool.
    """
    filled = np.stack([smooth_fill(p, k) for p, k in zip(plate, known, strict=True)])
    height, width = plate.shape[1:3]
    padded = padded_size(height, width)
    noise = np.stack([noise_map(settings.seed, f, *padded, settings.noise) for f in frames])

    def on_device(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    return Window(
        tuple(frames),
        on_device(filled.transpose(0, 3, 1, 2)),
        on_device(known[:, None].astype(np.float32)),
        on_device(noise),
        pixel_grid(height, width, device),
    )


def add_flows(
    window: Window,
    pictures: np.ndarray,
    known: np.ndarray,
    intervals: Sequence[int],
    margin: int,
    estimate: Estimator,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Estimate the flow at these intervals and put it on the window's device. pictures: (T, h, w, 3), known: (T, h, w).

    margin: px round the hole in which it is not believed.  tick(done, total): after each pair of frames.
    """
    count = len(pictures)
    intervals = [t for t in intervals if t < count]
    total = sum(count - t for t in intervals)
    done = 0

    def one_more() -> None:
        nonlocal done
        done += 1
        tick(done, total)

    for interval in intervals:
        pair = interval_flows(pictures, known, interval, margin, estimate, one_more)
        for backward, flow in zip((False, True), pair, strict=True):
            window.flows[interval, backward] = _on_device(
                window, flow.flow, flow.believed, flow.reliable, interval if backward else 0
            )


@torch.no_grad()
def add_features(
    window: Window,
    vgg: Callable[[Tensor], dict[str, Tensor]],
    dtype: torch.dtype,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """VGG16's features of every frame of the filled plate, once: (T, C_k, H_k, W_k) for each layer, in `dtype`."""
    count = len(window.frames)
    for index in range(count):
        for layer, feature in vgg(window.plate[index : index + 1]).items():
            if layer not in window.features:
                # filled frame by frame, so that no second copy of all of them is ever there
                window.features[layer] = torch.empty((count, *feature.shape[1:]), dtype=dtype, device=feature.device)
            window.features[layer][index] = feature[0]
        tick(index + 1, count)


def _on_device(window: Window, flow: np.ndarray, believed: np.ndarray, reliable: np.ndarray, first: int) -> DeviceFlow:
    count, device = len(window.frames), window.plate.device
    length = np.sqrt(np.square(flow).sum(-1))[believed]
    scale = max(float(np.percentile(length, 99)), 1.0) if length.size else 1.0
    place = slice(first, first + len(flow))

    def spread(array: np.ndarray) -> Tensor:
        out = torch.zeros((count, *array.shape[1:]), device=device)
        out[place] = torch.from_numpy(array).to(device, torch.float32)
        return out

    return DeviceFlow(
        spread(flow.transpose(0, 3, 1, 2) / scale), spread(believed[:, None]), spread(reliable[:, None]), scale
    )
