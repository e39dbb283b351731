"""Many candidates for a hole pixel become one colour: sampling, colour difference, robust mean, confidence. In torch,
on whatever device the arguments are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

ALL_KNOWN = 0.999  # of a bilinear sample: all but rounding
CAUCHY = 0.04  # RMS difference in 0..1 from which a donor counts less (study, finding 2)
ANNEAL = (
    4.0,
    3.0,
    2.0,
    1.5,
    1.0,
    1.0,
    1.0,
)  # times CAUCHY, a round each: wide first, so that no cluster wins by chance
AGE, RETURN = 8.0, 2.0  # frames and px, over which a weight falls to 1/e (study, finding 2)
FLOOR = 1e-4  # of both: the old and the unsure count where there is nothing else
RING_NOISE = 1e-5  # squared colour error that says nothing: rounding to 8 bits, twice
STEP_LIMIT = 0.1  # of the colour difference that is made good
COARSE = 4  # the difference is diffused at a quarter of the size
UNPROVEN = 0.01  # squared colour error of a donor that shows nothing of the ring
RING_SHARE = 1.5  # of the squared error on the ring, beside the donors' own scatter: what a fused donor is wrong by
SHARE_BLUR = 7  # px: the main donor is chosen for a neighbourhood, so that sources do not alternate
HOLD = 3.0  # times as much another source must count as the one of the frame before, to take its place


@dataclass(frozen=True)
class Candidates:
    """K donors of a frame's box of h x w pixels.

    colour: (K, 3, h, w), 0..1.  valid: (K, h, w) bool, sampled from known pixels.  address: (K, h, w, 2), x, y, px.
    offset: (K, h, w), signed frames.  returned: (K, h, w) px, how far from its start the way there and back ends.
    """

    colour: Tensor
    valid: Tensor
    address: Tensor
    offset: Tensor
    returned: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """All of them, in order."""
        return cls(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def rows(self, wanted: Tensor) -> Candidates:
        """Those of them that are wanted, (K,) bool."""
        return Candidates(*(getattr(self, f.name)[wanted] for f in fields(self)))


@dataclass(frozen=True)
class Fused:
    """Of N hole pixels.

    colour: (3, N), 0..1.  wrong: (N,) the squared error to expect of it; infinite where there is no donor.
    weight: (K, N), how much each donor counts; sums to 1 where there is one.
    """

    colour: Tensor
    wrong: Tensor
    weight: Tensor


def take(picture: Tensor, clear: Tensor, address: Tensor) -> tuple[Tensor, Tensor]:
    """A frame's colours at addresses, cubic, and whether they are known there.

    picture: (3, H, W), 0..1.  clear: (H, W), 1 where a donor may be sampled.  address: (K, h, w, 2), x and y, px.
    Returns (K, 3, h, w) and (K, h, w) bool.
    """
    height, width = clear.shape
    count, h, w = address.shape[:3]
    x, y = address.unbind(-1)
    valid = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    place = torch.stack([x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1], -1)
    place = place.clamp(-1, 1).reshape(1, count * h, w, 2)
    colour = F.grid_sample(picture[None], place, mode="bicubic", padding_mode="border", align_corners=True)
    known = F.grid_sample(clear[None, None], place, mode="bilinear", align_corners=True)
    return (
        colour.clamp(0, 1).reshape(3, count, h, w).transpose(0, 1),
        valid & (known.reshape(count, h, w) > ALL_KNOWN),
    )


def diffuse(values: Tensor, weight: Tensor) -> Tensor:
    """`values` where weight is 1, carried smoothly to where it is 0: push-pull over a pyramid.

    values: (K, C, h, w).  weight: (K, 1, h, w), 0..1.  Nothing anywhere gives 0.
    """
    height, width = values.shape[-2:]
    if max(height, width) <= 2:
        total = weight.sum((-1, -2), keepdim=True)
        return ((values * weight).sum((-1, -2), keepdim=True) / total.clamp_min(1e-9)).expand_as(values)
    edge = (0, width % 2, 0, height % 2)
    share = F.avg_pool2d(F.pad(weight, edge), 2, ceil_mode=True)
    mean = F.avg_pool2d(F.pad(values * weight, edge), 2, ceil_mode=True) / share.clamp_min(1e-9)
    coarse = diffuse(mean, (4 * share).clamp(max=1))
    fine = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
    return values * weight + fine * (1 - weight)


def ring_difference(colour: Tensor, valid: Tensor, plate: Tensor, ring: Tensor) -> tuple[Tensor, Tensor]:
    """What to add to each donor so that it meets the plate round the hole, and how badly it does even then.

    colour: (K, 3, h, w).  valid: (K, h, w) bool.  plate: (3, h, w).  ring: (h, w) bool, known pixels round the hole.
    Returns (K, 3, h, w), the difference on the ring diffused inwards, and (K, h, w), the squared error likewise.
    Nearly a blend in the gradient domain (study, finding 2).
    """
    height, width = ring.shape
    edge = (0, -width % COARSE, 0, -height % COARSE)

    def small(values: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(values, edge), COARSE)

    def large(values: Tensor) -> Tensor:
        return F.interpolate(values, scale_factor=COARSE, mode="bilinear", align_corners=False)[..., :height, :width]

    weight = (ring & valid).to(colour.dtype)[:, None]
    share = small(weight)
    there = (share > 0.2).to(colour.dtype)
    difference = (plate - colour) * weight
    added = large(diffuse(small(difference) / share.clamp_min(1e-6), there).clamp(-STEP_LIMIT, STEP_LIMIT))
    error = ((difference - added) * weight).square().mean(1, keepdim=True)
    error = large(diffuse(small(error) / share.clamp_min(1e-6), there))[:, 0]
    unproven = there.sum((1, 2, 3)) == 0
    return added, torch.where(unproven[:, None, None], UNPROVEN, error)


def fuse(candidates: Candidates, added: Tensor, error: Tensor, hole: Tensor, painted: Tensor | None = None) -> Fused:
    """The robust mean of a frame's donors, and how far they agree.

    added, error: as from `ring_difference`.  hole: (h, w) bool with N pixels.  painted: (K, h, w) bool, donors from
    frames that an artist painted: where one is valid no other counts.
    Iteratively reweighted, Cauchy's weights (study, finding 2). Donors that agree can be wrong together, where the
    scene moves by itself: what they miss on the ring says so.
    """
    valid = candidates.valid[:, hole].to(added.dtype)
    if painted is not None:
        best = valid * painted[:, hole]
        valid = torch.where(best.sum(0) > 0, best, valid)
    colour = (candidates.colour + added)[:, :, hole]
    offset = candidates.offset[:, hole]
    age = torch.exp(-offset.abs() / AGE) + FLOOR
    returned = torch.exp(-candidates.returned[:, hole] / RETURN) + FLOOR
    prior = valid * age * returned / (error[:, hole] + RING_NOISE)
    prior = prior / prior.sum(0).clamp_min(1e-20)
    weight = prior
    for scale in ANNEAL:
        mean = (colour * weight[:, None]).sum(0)
        distance = (colour - mean).square().mean(1)
        weight = prior / (1 + distance / (scale * CAUCHY) ** 2)
        weight = weight / weight.sum(0).clamp_min(1e-20)
    mean = (colour * weight[:, None]).sum(0)
    scatter = (prior * (colour - mean).square().mean(1)).sum(0)
    missed = (weight * error[:, hole]).sum(0)
    wrong = torch.where(valid.sum(0) > 0, scatter + RING_SHARE * missed, torch.inf)
    return Fused(mean.clamp(0, 1), wrong, weight)


def main_donor(weight: Tensor, source: Tensor, valid: Tensor, hole: Tensor, held: Tensor) -> Tensor:
    """(N,) index of the main donor of each hole pixel: of the source that counts most round it, the best donor.

    weight: (K, N), sums to 1.  source: (K, N), the frame of each donor.  valid: (K, h, w) bool.  hole: (h, w) bool.
    held: (N,) the source of the frame before, which stays unless another counts HOLD times as much; -1 = none.
    A neighbourhood decides, and the frame before, so that sources alternate neither in space nor in time.
    """
    height, width = hole.shape

    def round_about(values: Tensor) -> Tensor:
        spread_out = values.new_zeros((len(values), 1, height, width))
        spread_out[:, 0, hole] = values
        return F.avg_pool2d(spread_out, SHARE_BLUR, 1, SHARE_BLUR // 2)[:, 0, hole]

    usable = valid[:, hole]
    frames, of = torch.unique(source, return_inverse=True)
    blank = weight.new_zeros((len(frames), weight.shape[1]))
    share = round_about(blank.scatter_add(0, of, weight * usable))
    there = blank.scatter_add(0, of, usable.to(weight.dtype)) > 0
    share = share * torch.where(frames[:, None] == held, HOLD, 1.0)
    chosen = torch.where(there, share, -1.0).argmax(0)
    return torch.where(usable & (of == chosen), round_about(weight), -1.0).argmax(0)
