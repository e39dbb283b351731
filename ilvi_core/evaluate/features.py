"""The features that Fig. 9 compares: the trained encoder's own at stride 32, and VGG16's pool5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ilvi_core.filling import tiles
from ilvi_core.network import EncoderDecoder
from ilvi_core.perceptual import VGGFeatures
from ilvi_core.window import Window

BLOCKS = 5  # encoder blocks passed
STRIDE = 2**BLOCKS  # px: the paper's patch


def near_frames(count: int) -> tuple[list[int], int]:
    """The clip's middle frame, count // 2, and two on each side, by index; and the middle one's place among them.

    They span about a third of the clip; a clip below five frames gives what it has. Raises ValueError for no frame.
    """
    if count < 1:
        raise ValueError(f"a clip of {count} frames has no middle one")
    step, middle = max(1, round(count / 12)), count // 2
    frames = [n for n in range(middle - 2 * step, middle + 2 * step + 1, step) if 0 <= n < count]
    return frames, frames.index(middle)


@torch.no_grad()
def encoder_features(
    network: EncoderDecoder, window: Window, frames: Sequence[int], size: int | None = None
) -> dict[str, Any]:
    """What features.npz holds of the encoder: frames, middle, encoder (F, C, a, b) float16, top, left.

    network: settled (`filling.settle`).  frames: indices in the window, rising; middle is the middle one's place.
    size: frames that a 3D network takes at once (`Schedule.size`), in the tiles of `filling.fills`.
    The feature at (row, column) is that of the padded picture's cell [32*row, 32*row+32) x [32*column, ...): nearest
    upsampling spreads it there. Of the noise it sees 373 px, centred on the cell's upper left corner.
    Raises ValueError for a network in training mode, frames that are not there, and a 3D network without `size`.
    """
    count = len(window.frames)
    if network.training:
        raise ValueError("the network is in training mode: settle it first")
    if len(frames) == 0 or list(frames) != sorted({n for n in frames if 0 <= n < count}):
        raise ValueError(f"expected rising frames in 0..{count - 1}, not {list(frames)}")
    if network.dims == 3 and size is None:
        raise ValueError("a 3D network's features depend on the frames beside: give its tiles' size")
    tall, wide = window.noise.shape[-2:]
    height, width = window.size
    return {
        "frames": np.array(frames),
        "middle": len(frames) // 2,
        "encoder": np.stack([_encoded(network, window.noise, n, size or 1) for n in frames]).astype(np.float16),
        "top": (tall - height) // 2,
        "left": (wide - width) // 2,
    }


def _encoded(network: EncoderDecoder, noise: Tensor, index: int, size: int) -> np.ndarray:
    """(C, a, b) float32 of one frame; in 3D out of the first tile that holds it, as its fill is."""
    if network.dims == 2:
        found = network.encode(noise[index : index + 1])[BLOCKS][0]
    else:
        tile = next(t for t in tiles(len(noise), size) if index in t)
        found = network.encode(noise[tile.start : tile.stop].transpose(0, 1)[None])[BLOCKS][0, :, index - tile.start]
    return found.float().cpu().numpy()


@torch.no_grad()
def vgg_features(vgg: VGGFeatures, frames: np.ndarray) -> np.ndarray:
    """VGG16's pool5, (F, 512, h // 32, w // 32) float16: the cells begin at the frame's upper left corner.

    vgg: with the layer pool5.  frames: (F, h, w, 3) float, 0..1.  Raises ValueError for sides below 32 px.
    """
    if min(frames.shape[1:3]) < 2**BLOCKS:
        raise ValueError(f"pool5 needs frames of at least {2**BLOCKS} px, not {frames.shape[2]}x{frames.shape[1]}")
    found = []
    for frame in frames:
        image = torch.from_numpy(np.ascontiguousarray(frame.transpose(2, 0, 1), np.float32))[None]
        found.append(vgg(image.to(vgg.mean.device))["pool5"][0].float().cpu().numpy())
    return np.stack(found).astype(np.float16)
