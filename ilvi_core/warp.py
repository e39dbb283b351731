"""Backward warping in torch, differentiable in the picture and in the flow."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def pixel_grid(height: int, width: int, device: torch.device | str = "cpu") -> Tensor:
    """(1, 2, H, W): each pixel's own x and y. Made once; every warp of that size uses it."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device, dtype=torch.float32),
        torch.arange(width, device=device, dtype=torch.float32),
        indexing="ij",
    )
    return torch.stack((x, y))[None]


def warp(picture: Tensor, flow: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """picture_j brought to frame i: out(x) = picture_j(x + flow_ij(x)), bilinear, `align_corners=True`.

    picture: (N, C, H, W).  flow: (N, 2, H, W), pixels, from i to j.  grid: `pixel_grid(H, W)`.
    Returns the warped picture (edge pixels repeated outside) and the in-bounds mask (N, 1, H, W), 1 = sampled inside.
    """
    height, width = picture.shape[-2:]
    x, y = (grid + flow).unbind(1)
    inside = ((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)).to(picture.dtype)[:, None]
    place = torch.stack((x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1), dim=-1)
    # clamped here, not by padding_mode="border", which MPS does not have
    warped = F.grid_sample(picture, place.clamp(-1, 1), mode="bilinear", align_corners=True)
    return warped, inside
