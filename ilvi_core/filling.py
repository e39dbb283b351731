"""From a trained network to its fills: settled statistics, fixed tiles, and a look while it still learns."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from ilvi_core.network import EncoderDecoder, generate
from ilvi_core.window import Window


@torch.no_grad()
def settle(network: EncoderDecoder, window: Window, size: int) -> None:
    """Settle BatchNorm's statistics over the window, and leave the network in eval mode.

    The mean of the batch statistics over batches of `size` consecutive frames that cover the window; from then on a
    frame's fill depends on weights and frame alone. In float32, as the fills: bfloat16 would band them.
    """
    norms = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
    network.train()
    for tile in tiles(len(window.frames), size):
        generate(network, window.noise[tile.start : tile.stop])
    for norm in norms:
        norm.momentum = 0.1
    network.eval()


def tiles(length: int, size: int) -> list[range]:
    """The window's frames in runs of `size`, at fixed places; the last one ends with the window and may overlap."""
    size = min(size, length)
    starts = [*range(0, length - size, size), length - size]
    return [range(start, start + size) for start in starts]


@torch.no_grad()
def fills(network: EncoderDecoder, window: Window, size: int, wanted: Collection[int]) -> Iterator[tuple[int, Tensor]]:
    """(index, picture (3, h, w), float32 in 0..1) of the wanted frames of the window, by index.

    2D: each from its own noise alone. 3D: from the first of the fixed tiles (of `size` frames) that holds it.
    """
    done: set[int] = set()
    for tile in tiles(len(window.frames), size if network.dims == 3 else 1):
        new = [index for index in tile if index in wanted and index not in done]
        if not new:
            continue
        done.update(new)
        picture, _ = generate(network, window.noise[tile.start : tile.stop])
        for index in new:
            yield index, window.crop(picture)[index - tile.start]


@torch.no_grad()
def peek(network: EncoderDecoder, window: Window, size: int, index: int) -> np.ndarray:
    """A frame as the network would fill it now, in the middle of training, which is not disturbed: (h, w, 3) float32.

    BatchNorm takes the frame's own statistics (of its tile, in 3D): they are settled only at the end.
    """
    place = next(t for t in tiles(len(window.frames), size if network.dims == 3 else 1) if index in t)
    with undisturbed(network):
        picture, _ = generate(network, window.noise[place.start : place.stop])
    return window.crop(picture)[index - place.start].permute(1, 2, 0).float().cpu().numpy()


@contextmanager
def undisturbed(network: EncoderDecoder) -> Iterator[None]:
    """What is generated meanwhile leaves no trace in BatchNorm's running statistics."""
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in network.named_buffers():
                buffer.copy_(buffers[name])
