"""The donors of one frame: what its sources show along refined flow, chains and planes, and what arrives."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from ilvi_core.complete import Neighbours, fine_planes, layered, trusted_flow
from ilvi_core.direct import DirectFlows
from ilvi_core.flow import own_places
from ilvi_core.fuse import UNPROVEN, Candidates, take
from ilvi_core.propagate import Arrivals, Pair, chain, sample_at

FARTHEST = 20.0  # px; a way back that ends farther off is no worse
ARRIVAL_RETURN = 1.0  # px: what an arrival counts as, of which no way back is known

Box = tuple[slice, slice]


@dataclass(frozen=True)
class Motion:
    """What is taken for the camera's and the scene's motion.

    models: the completions of `complete`, of which the best is chosen.  chains: those whose chains are donors as they
    are.  refined: DIS between distant frames is a donor too.  planes: homographies between two frames, each a donor:
    a ground and a wall move apart.
    """

    models: tuple[str, ...]
    chains: tuple[str, ...]
    refined: bool
    planes: bool


MOTIONS = {
    "auto": Motion(("layers", "least-squares", "membrane"), ("layers", "least-squares"), True, True),
    "static": Motion((), ("static",), False, False),
    "planar": Motion(("homography", "layers"), ("homography", "layers"), False, True),
    "free": Motion(("least-squares", "membrane"), ("least-squares",), True, False),
}


@dataclass(frozen=True)
class Scene:
    """What every frame's donors are made of; see `find_donors`. spoiled: the smooth fill's squared error."""

    filled: np.ndarray
    known: np.ndarray
    clear: np.ndarray
    motion: Motion
    flows: dict[str, Neighbours]
    arrivals: dict[str, list[Pair]]
    spoiled: float
    painted: frozenset[int]
    device: str

    def on_device(self, values: np.ndarray) -> torch.Tensor:
        """A copy there, in order."""
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


@dataclass(frozen=True)
class Place:
    """Where the donors of frame `frame` are wanted: `box` of it, and its hole and the ring round that in the box."""

    frame: int
    box: Box
    hole: np.ndarray
    ring: np.ndarray


def direct_donors(place: Place, scene: Scene, direct: DirectFlows) -> tuple[Candidates, dict[tuple[str, int], int]]:
    """The donors from each source: DIS, the chains, the planes; and which row each chain is, by model and offset."""
    t, motion = place.frame, scene.motion
    height, width = scene.known.shape[1:]
    grid = own_places(height, width)[place.box]
    offsets = [s - t for s in direct.sources[t]]
    chains = {name: chain(t, scene.flows[name], offsets, len(scene.known)) for name in motion.chains}
    here, fixed = scene.on_device(place.hole), len(motion.chains) + motion.refined
    parts: list[Candidates] = []
    rows: dict[tuple[str, int], int] = {}
    count = 0
    for offset in offsets:
        there, back = direct.flow(t, t + offset), direct.flow(t + offset, t)
        ways = [there] if motion.refined else []
        rows |= {(name, offset): count + len(ways) + n for n, name in enumerate(motion.chains)}
        ways.extend(chains[name][offset] for name in motion.chains)
        if motion.planes:
            trusted = trusted_flow(there, back, direct.near[t], direct.near[t + offset])
            planes = fine_planes(there, trusted)
            ways.extend(planes)
            if len(planes) > 1:
                ways.append(layered(np.stack(planes), there, trusted))
        moved = np.stack([w[place.box] for w in ways])
        address = grid + moved
        returned = np.linalg.norm(moved + sample_at(back, address), axis=-1).clip(0, FARTHEST)
        picture = scene.on_device(scene.filled[t + offset].transpose(2, 0, 1))
        there_at = scene.on_device(address)
        colour, valid = take(picture, scene.on_device(scene.clear[t + offset]), there_at)
        distance = torch.full(valid.shape, float(offset), device=scene.device)
        found = Candidates(colour, valid, there_at, distance, scene.on_device(returned))
        used = (valid & here).flatten(1).any(1)
        used[:fixed] = True
        parts.append(found.rows(used))
        count += len(parts[-1].valid)
    return Candidates.joined(parts), rows


def arrived(arrivals: Arrivals, place: Place, scene: Scene) -> Candidates:
    """Arrivals as one donor; beside the hole its address goes on as at the nearest hole pixel, but it is not valid."""
    hole, grid = place.hole, own_places(*scene.known.shape[1:])[place.box]
    nearest = nearest_of(hole)
    offset = arrivals.offset.astype(np.float32)[nearest]
    address = grid + (arrivals.address - grid[hole])[nearest]
    colour = np.zeros((*hole.shape, 3), np.float32)
    colour[hole] = arrivals.colour
    returned = np.full(hole.shape, ARRIVAL_RETURN, np.float32)
    maps = (colour.transpose(2, 0, 1), hole & (offset != 0), address, offset, returned)
    return Candidates(*(scene.on_device(m[None]) for m in maps))


def nearest_of(mask: np.ndarray) -> np.ndarray:
    """(h, w) int: of each pixel the nearest one of the mask, by its number row by row."""
    _, label = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    number = np.zeros(int(label.max()) + 1, np.int64)
    number[label[mask]] = np.arange(int(mask.sum()))
    return number[label]


def arrival_error(
    model: str, sign: int, arrivals: Arrivals, hole: np.ndarray, rows: dict[tuple[str, int], int], error: torch.Tensor
) -> torch.Tensor:
    """(1, h, w): what a chain of about an arrival's length misses on the ring, for an arrival shows nothing of it.

    sign: the arrivals' direction.  hole: (h, w) bool.  rows: by model and offset, rows of `error` (K, h, w).
    """
    offsets = sorted(o for name, o in rows if name == model and o * sign > 0)
    if not offsets:  # at the clip's end nothing arrives from beyond it
        return torch.full_like(error[:1], UNPROVEN)
    nearest = np.zeros(hole.shape, np.int64)
    away = np.abs(arrivals.offset[:, None].astype(np.int64) - np.array(offsets))
    nearest[hole] = np.array([rows[model, o] for o in offsets])[away.argmin(1)]
    return error.gather(0, torch.from_numpy(nearest[None]).to(error.device))
