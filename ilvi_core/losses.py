"""The paper's loss terms (section 3.1), one function each.

Where the paper writes a squared norm, these are means over the pixels that the mask lets through: the weights of eq. 2
then mean the same for a small hole as for a large one, and for a small frame as for a large one. With
the average `frame` they are means over all pixels, those that the mask shuts out counting 0: the paper's norms up to
a constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ilvi_core.warp import warp


def masked_mean_square(difference: Tensor, mask: Tensor, average: str = "mask") -> Tensor:
    """|| mask . difference ||^2 over channels x sum of mask^2; 0 where the mask is empty.

    difference: (N, C, H, W).  mask: (N, 1, H, W), 0..1.  average: mask, or frame: over N x C x H x W instead.
    """
    weight = mask * mask
    total = (weight * difference * difference).sum()
    if average == "frame":
        return total / difference.numel()
    return total / (weight.sum() * difference.shape[1]).clamp(min=1.0)


def reconstruction_loss(image: Tensor, target: Tensor, known: Tensor, average: str = "mask") -> Tensor:
    """L_r, eq. 3: the generated picture must be the plate where it is known.

    image, target: (N, 3, H, W) in 0..1.  known: (N, 1, H, W), the paper's M.
    """
    return masked_mean_square(image - target, known, average)


def flow_loss(flow: Tensor, target: Tensor, believed: Tensor, average: str = "mask") -> Tensor:
    """L_f, eq. 4: the generated flow must be the estimated one where that can be believed.

    flow, target: (N, 2, H, W), in units of the interval's flow scale (its 99th percentile, see window.py): a fast
    pan and a locked-off camera then weigh the same against L_r.  believed: (N, 1, H, W), O . M^f.
    """
    return masked_mean_square(flow - target, believed, average)


def consistency_loss(
    image_i: Tensor,
    image_j: Tensor,
    flow_ij: Tensor,
    reliable: Tensor,
    grid: Tensor,
    gradient: str = "both",
    average: str = "mask",
) -> Tensor:
    """L_c, eq. 5: the neighbour warped along the generated flow must agree where M^f does not hold.

    image_i, image_j: (N, 3, H, W) in 0..1.  flow_ij: (N, 2, H, W), pixels, from i to j.
    reliable: (N, 1, H, W), the paper's M^f; 1 = known in both frames.  grid: `warp.pixel_grid(H, W)`.
    gradient: which picture learns from it: both, warped (image_j only) or reference (image_i only); the flow always
    does. Pixels whose flow leaves the frame are left out: there is nothing there to agree with.
    """
    if gradient == "warped":
        image_i = image_i.detach()
    elif gradient == "reference":
        image_j = image_j.detach()
    warped, inside = warp(image_j, flow_ij, grid)
    return masked_mean_square(warped - image_i, (1 - reliable) * inside, average)


def perceptual_loss(
    features: Mapping[str, Tensor], targets: Mapping[str, Tensor], known: Tensor, average: str = "mask"
) -> Tensor:
    """L_p, eq. 6: features of the generated picture must be the plate's where it is known, summed over the layers.

    features, targets: layer name -> (N, C_k, H_k, W_k).  known: (N, 1, H, W); resized to each layer by area (the
    paper says "resized"), so that a cell counts by how much of it is known.
    """
    total = known.new_zeros(())
    for layer, feature in features.items():
        mask = F.interpolate(known, size=feature.shape[-2:], mode="area")
        total = total + masked_mean_square(feature.float() - targets[layer].float(), mask, average)
    return total


def guard_loss(image: Tensor, smooth: Tensor, known: Tensor, average: str = "mask") -> Tensor:
    """Not the paper's: a pull of what is generated in the hole towards the membrane fill, against inventing.

    A network that sees a bright sky may put a piece of it into any hole. image, smooth: (N, 3, H, W) in 0..1.
    known: (N, 1, H, W).
    """
    return masked_mean_square(image - smooth, 1 - known, average)


def mean_terms(found: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each term over the directions of flow of a batch."""
    return {name: torch.stack([terms[name] for terms in found]).mean() for name in found[0]}


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """L, eq. 2."""
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()
