"""Fills made again from an entry's weights: a frame's fill depends on its network and its number alone."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import numpy as np
import torch

from ilvi_core import device as devices
from ilvi_core import lease, methods
from ilvi_core.entry import Entry, fill_name, weights_name
from ilvi_core.filling import fills
from ilvi_core.host.checks import make
from ilvi_core.host.errors import Cancelled, IlviError, OutOfMemory
from ilvi_core.host.job import SolveSettings
from ilvi_core.network import EncoderDecoder, padded_size
from ilvi_core.report import Report
from ilvi_core.schedule import Schedule
from ilvi_core.solve import is_out_of_memory
from ilvi_core.window import Window, noise_map
from ilvi_core.work import read_tensors


def infer(entry: Entry, frames: Sequence[int], device: str, report: Report) -> dict[int, np.ndarray]:
    """Put the fills of the frames into the entry, as they were when it was solved: to the bit on the same device.

    What could not be put there (a cache that cannot be written, somebody else at the entry) is returned: frame ->
    (h, w, 3) float32 in 0..1. Damaged by broken weights; OutOfMemory.
    """
    chosen = devices.choose(device)
    devices.set_exact(torch.float32)
    settings = make(SolveSettings, entry.record["solve"])
    by_window: dict[int, list[int]] = {}
    for frame in frames:
        number = entry.window_of(frame)
        assert number is not None  # the caller has asked `can_fill`
        by_window.setdefault(number, []).append(frame)
    made: dict[int, np.ndarray] = {}
    done = 0
    with _keeping(entry) as keep:
        try:
            for number, wanted in sorted(by_window.items()):
                for frame, fill in _fills(entry, number, wanted, settings, chosen):
                    if report.stop():
                        raise Cancelled("Stopped.", "Run it again to make the rest.")
                    if not keep(frame, fill):
                        made[frame] = fill
                    done += 1
                    report.progress("fill", done, len(frames))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemory(
                f"The device {chosen} ran out of memory while the fills were made from the weights.",
                "Use another device (--device cpu), or a machine with more memory.",
            ) from error
    return made


def _fills(
    entry: Entry, number: int, wanted: list[int], settings: SolveSettings, device: str
) -> Iterator[tuple[int, np.ndarray]]:
    """(frame, fill) of the wanted frames of one window."""
    first, last = entry.windows()[number]
    network = _network(entry, first, settings, device)
    window = _blank_window(entry, range(first, last + 1), settings, device)
    size = Schedule(methods.METHODS[settings.method], settings, last - first + 1).size
    for index, fill in fills(network, window, size, {frame - first for frame in wanted}):
        yield first + index, fill.permute(1, 2, 0).cpu().numpy()


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


@contextmanager
def _keeping(entry: Entry) -> Iterator[Callable[[int, np.ndarray], bool]]:
    """A function that puts a fill into the entry for the next time, and says whether it could."""
    held, now = None, None
    with suppress(IlviError, OSError):
        held = lease.try_acquire(entry.folder)
        now = Entry.open(entry.folder)
    if not isinstance(held, lease.Lease):
        yield lambda frame, fill: False
        return
    if now is None or now.manifest.get("finished") != entry.manifest.get("finished"):  # it was solved anew meanwhile
        held.release()
        yield lambda frame, fill: False
        return
    entry.manifest = now.manifest

    def keep(frame: int, fill: np.ndarray) -> bool:
        buffer = io.BytesIO()
        np.save(buffer, fill.astype(np.float32))
        with suppress(IlviError, OSError):
            held.check()
            entry.add(fill_name(frame), buffer.getvalue())
            return True
        return False

    with held:
        try:
            yield keep
        finally:
            with suppress(IlviError, OSError):
                held.check()
                entry.write()
