"""Fills made again from an entry's weights: a frame's fill depends on its network and its number alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import torch

from ilvi_core import device as devices
from ilvi_core import lease, methods
from ilvi_core.entry import Entry, fill_name, weights_name
from ilvi_core.host.checks import make
from ilvi_core.host.errors import Cancelled, IlviError
from ilvi_core.host.job import SolveSettings
from ilvi_core.network import EncoderDecoder, padded_size
from ilvi_core.report import Report
from ilvi_core.schedule import Schedule
from ilvi_core.train import fills
from ilvi_core.window import Window, noise_map
from ilvi_core.work import read_tensors


def infer(entry: Entry, frames: Sequence[int], device: str, report: Report) -> dict[int, np.ndarray]:
    """frame -> (h, w, 3) float32 in 0..1, kept in the entry too where it can be written to. Damaged by broken weights.

    As when it was solved, to the bit on the same kind of device.
    """
    chosen = devices.choose(device)
    devices.set_exact(torch.float32)
    settings = make(SolveSettings, entry.record["solve"])
    made: dict[int, np.ndarray] = {}
    by_window: dict[int, list[int]] = {}
    for frame in frames:
        number = entry.window_of(frame)
        assert number is not None  # the caller has asked `can_fill`
        by_window.setdefault(number, []).append(frame)
    for number, wanted in sorted(by_window.items()):
        first, last = entry.windows()[number]
        network = _network(entry, first, settings, chosen)
        window = _blank_window(entry, range(first, last + 1), settings, chosen)
        size = Schedule(methods.METHODS[settings.method], settings, last - first + 1).size
        for index, fill in fills(network, window, size, {frame - first for frame in wanted}):
            if report.stop():
                raise Cancelled("Stopped.", "Run it again to make the rest.")
            made[first + index] = fill.permute(1, 2, 0).cpu().numpy()
            report.progress("fill", len(made), len(frames))
    _keep(entry, made)
    return made


def _network(entry: Entry, first: int, settings: SolveSettings, device: str) -> EncoderDecoder:
    method = methods.METHODS[settings.method]
    network = EncoderDecoder(method.dims, method.flow)
    network.load_state_dict(read_tensors(entry, weights_name(first)))
    network.to(device).to(memory_format=torch.channels_last if method.dims == 2 else torch.channels_last_3d)
    return network.eval()


def _blank_window(entry: Entry, frames: range, settings: SolveSettings, device: str) -> Window:
    """A window as far as inference needs one: frame numbers, size and noise."""
    width, height = entry.size
    noise = np.stack([noise_map(settings.seed, f, *padded_size(height, width), settings.noise) for f in frames])
    blank = torch.empty(1, 1, 1, 1).expand(len(frames), 3, height, width)
    nothing = torch.empty(0)
    return Window(tuple(frames), blank, nothing, torch.from_numpy(noise).to(device), nothing)


def _keep(entry: Entry, made: dict[int, np.ndarray]) -> None:
    """For the next time; a cache that cannot be written, or where somebody is at the entry, goes without."""
    with suppress(IlviError, OSError):
        held = lease.try_acquire(entry.folder)
        if not isinstance(held, lease.Lease):
            return
        with held:
            current = Entry.open(entry.folder)
            if current is None or not current.solved:
                return
            for frame, fill in made.items():
                buffer = io.BytesIO()
                np.save(buffer, fill.astype(np.float32))
                current.add(fill_name(frame), buffer.getvalue())
            current.write()
