"""`ilvi bench`: updates a second, seconds a phase and peak memory, on a clip of noise of the wanted size."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from ilvi_core import device as devices
from ilvi_core import methods, weights, window
from ilvi_core.device import synchronise
from ilvi_core.filling import fills, settle
from ilvi_core.flow import dis_flow
from ilvi_core.host.checks import make, within
from ilvi_core.host.job import SolveSettings
from ilvi_core.network import forward_flops
from ilvi_core.schedule import Schedule
from ilvi_core.train import Trainer


def measure(
    method: str, size: str, frames: int, precision: str, updates: int, device: str, random_vgg: bool
) -> dict[str, Any]:
    """One method's numbers: seconds by phase, an update's seconds and operations, bytes."""
    settings = make(SolveSettings, {"method": method, "size": size, "precision": precision, "flow_input": "filled"})
    within("window", frames, 1, 100_000)
    within("updates", updates, 1, 1_000_000)
    kind = methods.METHODS[method]
    if kind.single_frame:
        frames = 1
    chosen = devices.choose(device)
    number_format = devices.number_format(settings.precision, chosen)
    devices.set_exact(number_format)
    if chosen.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(chosen)
    seconds: dict[str, float] = {}
    began = time.monotonic()

    def lap(phase: str) -> None:
        nonlocal began
        synchronise(torch.device(chosen))
        now = time.monotonic()
        seconds[phase], began = now - began, now

    plate, known = _noise_clip(frames, settings.size)
    data = window.build(range(frames), plate, known, settings, chosen)
    lap("prepare")
    if kind.flow:
        pictures = data.plate.permute(0, 2, 3, 1).cpu().numpy()
        intervals = Schedule(kind, settings, frames).intervals
        window.add_flows(data, pictures, known, intervals, settings.flow_margin, dis_flow)
        lap("flow")
    vgg = _vgg(chosen, random_vgg) if methods.PERCEPTUAL in kind.terms else None
    if vgg is not None:
        window.add_features(data, vgg, number_format)
        lap("features")
    trainer = Trainer(kind, settings, data, number_format, vgg)
    lap("network")
    update = trainer.time_updates(updates)
    lap("updates")
    settle(trainer.network, data, trainer.schedule.size)
    for _ in fills(trainer.network, data, trainer.schedule.size, range(frames)):
        pass
    lap("fill")
    flops = _flops(trainer, vgg)
    return {
        "method": method,
        "size": list(settings.size),
        "window": frames,
        "batch": trainer.schedule.size,
        "device": devices.describe(chosen),
        "precision": str(number_format).removeprefix("torch."),
        "perceptual": vgg is not None,
        "seconds_per_update": update,
        "updates_per_second": 1 / update,
        "gflop_per_update": flops / 1e9,
        "gflop_per_second": flops / update / 1e9,
        "seconds": seconds,
        "peak_bytes": devices.peak_memory(chosen),
        "torch": torch.__version__,
    }


def seconds_per_update(method: str, size: tuple[int, int], frames: int, device: str) -> float:
    """What an update of the draft preset costs here; a few seconds' work."""
    return float(
        measure(method, f"{size[0]}x{size[1]}", min(frames, 8), "auto", 3, device, False)["seconds_per_update"]
    )


def table(results: list[dict[str, Any]]) -> str:
    """The numbers for people."""
    lines = []
    for r in results:
        phases = ", ".join(f"{phase} {took:.2f} s" for phase, took in r["seconds"].items())
        lines += [
            f"{r['method']}  {r['size'][0]}x{r['size'][1]}, window {r['window']}, batch {r['batch']}, "
            f"{r['precision']}, L_p {'on' if r['perceptual'] else 'off'}  on {r['device']}, torch {r['torch']}",
            f"  {r['updates_per_second']:.2f} updates/s ({r['seconds_per_update']:.4f} s each), "
            f"{r['gflop_per_update']:.0f} GFLOP each, {r['gflop_per_second']:.0f} GFLOP/s, "
            f"peak {r['peak_bytes'] / 2**20:.0f} MiB",
            f"  {phases}",
        ]
    return "\n".join(lines)


def _noise_clip(frames: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    plate = random.random((frames, size[1], size[0], 3), np.float32)
    known = np.ones(plate.shape[:3], bool)
    known[:, size[1] // 3 : size[1] // 2, size[0] // 3 : size[0] // 2] = False
    return plate, known


def _vgg(device: str, random: bool) -> Any:
    """VGG16 from its weights; with `random`, of random weights where there are none (they cost the same)."""
    from ilvi_core.perceptual import VGGFeatures, load_vgg

    file = weights.find("vgg16")
    if file is not None:
        return load_vgg(file, device)
    if not random:
        return None
    from torchvision.models import vgg16

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = {f"features.{k}": v for k, v in vgg16(weights=None).features[:16].state_dict().items()}
    return VGGFeatures(state).to(device)


def _flops(trainer: Trainer, vgg: Any) -> float:
    """Operations of an update by count: forward once, backward twice; VGG16 is frozen, so its backward costs once."""
    count = trainer.schedule.size
    height, width = trainer.window.noise.shape[-2:]
    total = 3 * forward_flops(trainer.network, count, height, width)
    if vgg is not None:
        height, width = trainer.window.size
        # VGG16 to relu3_3: 3-64-64 | 128-128 | 256-256-256, halved at each bar
        full = 9 * (3 * 64 + 64 * 64) + 9 * (64 * 128 + 128 * 128) / 4 + 9 * (128 * 256 + 2 * 256 * 256) / 16
        total += 2 * 2 * full * height * width * count
    return total
