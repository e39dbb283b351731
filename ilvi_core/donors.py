"""The donors of a clip: for every hole pixel the known pixels elsewhere that show it, fused to one colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from ilvi_core.complete import MODELS, Neighbours, fitted_planes, neighbour_flows, plane_flow, trusted_flow
from ilvi_core.flow import Estimator, dis_flow, sample
from ilvi_core.fuse import UNPROVEN, Candidates, fuse, ring_difference, take
from ilvi_core.matte import grow
from ilvi_core.propagate import Arrivals, DirectFlows, Pair, arrivals_of, chain, clear_masks, disagreement, first_fill
from ilvi_core.remainder import mixed, smooth_error, steadied
from ilvi_core.smooth import smooth_fill

OFFSETS = (1, 2, 3, 4, 6, 8, 11, 15, 20)  # frames, both ways, from which donors are taken directly (study, finding 2)
CHAINS = ("homography", "least-squares")  # models whose chains are donors as they are
PLANES = 3  # homographies between two frames, each a donor: a ground and a wall move apart
STEADIED = 2  # times: flow on the steadied fill is better
RING = 20.0  # px of plate round the hole on which donors are compared with it
FARTHEST = 20.0  # px; a way back that ends farther off is no worse
ARRIVAL_RETURN = 1.0  # px: what an arrival counts as, of which no way back is known


@dataclass(frozen=True)
class Donors:
    """What donors give for the T frames of a clip.

    fill: (T, h, w, 3) float32, 0..1; the plate where it is known, every hole pixel filled.
    covered: (T, h, w) bool, hole pixels that donors gave; the others are smooth.
    confidence: (T, h, w) float32, 0..1; 1 where known, 0 where no donor is.
    source: (T, h, w) int16, frames to the main donor, signed; 0 = none.
    address: (T, h, w, 2) float32, x and y in the main donor's frame, px; the pixel's own where there is none.
    model: the completion that was chosen.
    """

    fill: np.ndarray
    covered: np.ndarray
    confidence: np.ndarray
    source: np.ndarray
    address: np.ndarray
    model: str


Early = Callable[[np.ndarray, np.ndarray], None]  # the first fill (T, h, w, 3) and what of it is covered (T, h, w)


def find_donors(
    plate: np.ndarray,
    known: np.ndarray,
    early: Early = lambda fill, covered: None,
    estimate: Estimator = dis_flow,
    device: str = "cpu",
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Donors:
    """Fill the holes of a clip from its own known pixels.

    plate: (T, h, w, 3) float32 0..1, never looked at in the hole.  known: (T, h, w) bool.  early: called once with
    the transitive fill, as soon as that is there.  estimate: flow between neighbours.  tick(done, total): per frame.
    """
    filled = np.stack([smooth_fill(p, k) for p, k in zip(plate, known, strict=True)])
    if known.all() or len(plate) < 2:
        early(filled, np.zeros_like(known))
        return _nothing_found(filled, known)
    flows = neighbour_flows(filled, known, estimate)
    clear = clear_masks(known)
    arrivals = {name: arrivals_of(flows[name], filled, clear, known) for name in MODELS}
    model = min(MODELS, key=lambda name: disagreement(arrivals[name]))
    first, covered = first_fill(filled, known, arrivals[model])
    early(first, covered)
    scene = Scene(filled, known, clear, flows, arrivals, smooth_error(filled, known), device)
    found = _nothing_found(filled, known, model)
    direct = DirectFlows(first, known, flows[model], OFFSETS)
    for t in range(len(plate)):
        if not known[t].all():
            direct.forget(t)
            _fill_frame(t, found, scene, direct)
        tick(t + 1, len(plate))
    fill = found.fill
    for _ in range(STEADIED):
        near = DirectFlows(fill, known, flows[model], (1,))
        fill = steadied(fill, found.confidence, known, near.flow)
    return replace(found, fill=fill)


@dataclass(frozen=True)
class Scene:
    """What every frame's donors are made of; see `find_donors`. spoiled: the smooth fill's squared error."""

    filled: np.ndarray
    known: np.ndarray
    clear: np.ndarray
    flows: dict[str, Neighbours]
    arrivals: dict[str, list[Pair]]
    spoiled: float
    device: str

    def on_device(self, values: np.ndarray) -> torch.Tensor:
        """A copy there, in order."""
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


def _nothing_found(filled: np.ndarray, known: np.ndarray, model: str = "") -> Donors:
    count, height, width = known.shape
    return Donors(
        filled.copy(),
        np.zeros_like(known),
        known.astype(np.float32),
        np.zeros(known.shape, np.int16),
        np.broadcast_to(_grid(height, width), (count, height, width, 2)).copy(),
        model,
    )


def _grid(height: int, width: int) -> np.ndarray:
    """(h, w, 2) float32: each pixel's own x and y."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)


def _fill_frame(t: int, found: Donors, scene: Scene, direct: DirectFlows) -> None:
    """Everything of one frame, written into `found`."""
    hole = ~scene.known[t]
    zone = grow(hole, RING)
    box = _box(zone)
    here, ring = scene.on_device(hole[box]), scene.on_device((zone & ~hole)[box])
    plate = scene.on_device(scene.filled[t][box].transpose(2, 0, 1))
    shown, rows = _direct_donors(t, box, scene, direct)
    added, error = ring_difference(shown.colour, shown.valid, plate, ring)
    arrived = [
        (_arrived(a, hole[box], box, scene), arrival_error(_chain_of(name), sign, a, hole[box], rows, error))
        for name, pairs in scene.arrivals.items()
        for a, sign in zip(pairs[t], (1, -1), strict=True)
    ]
    candidates = Candidates.joined([shown, *(c for c, _ in arrived)])
    error = torch.cat([error, *(e for _, e in arrived)])
    added = torch.cat([added, torch.zeros_like(candidates.colour[len(added) :])])
    fused = fuse(candidates, added, error, here)
    main = fused.main[None]
    address = candidates.address[:, here].gather(0, main[..., None].expand(-1, -1, 2))[0].cpu().numpy()
    offset = candidates.offset[:, here].gather(0, main)[0].cpu().numpy()
    # a hard decision with a soft edge: in the middle donors and smooth fill are wrong by as much
    confidence = (1 / (1 + (fused.wrong / scene.spoiled) ** 2)).cpu().numpy()
    covered, seen = confidence > 0.5, confidence > 0
    found.confidence[t][hole] = confidence
    found.covered[t][hole] = covered
    found.source[t][hole] = np.where(seen, offset, 0)
    found.address[t][hole] = np.where(seen[:, None], address, _grid(*hole.shape)[hole])
    found.fill[t][hole] = mixed(scene.filled[t], hole, fused.colour.T.cpu().numpy(), confidence)


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _direct_donors(
    t: int, box: tuple[slice, slice], scene: Scene, direct: DirectFlows
) -> tuple[Candidates, dict[tuple[str, int], int]]:
    """The donors of a frame's box at each offset: DIS, the chains, the planes; and which row each chain is."""
    height, width = scene.known.shape[1:]
    grid = _grid(height, width)[box]
    chains = {name: chain(t, scene.flows[name], direct.offsets(t), len(scene.known)) for name in CHAINS}
    parts: list[Candidates] = []
    rows: dict[tuple[str, int], int] = {}
    count = 0
    for offset in direct.offsets(t):
        there, back = direct.flow(t, offset), direct.flow(t + offset, -offset)
        ways = [there, *(chains[name][offset] for name in CHAINS)]
        rows |= {(name, offset): count + 1 + n for n, name in enumerate(CHAINS)}
        trusted = trusted_flow(there, back, direct.near[t], direct.near[t + offset])
        ways.extend(plane_flow(p, height, width) for p in fitted_planes(there, trusted, PLANES))
        count += len(ways)
        returned = np.stack([np.linalg.norm((w + sample(back, w))[box], axis=-1) for w in ways]).clip(0, FARTHEST)
        address = scene.on_device(np.stack([grid + w[box] for w in ways]))
        picture = scene.on_device(scene.filled[t + offset].transpose(2, 0, 1))
        colour, valid = take(picture, scene.on_device(scene.clear[t + offset]), address)
        distance = torch.full(valid.shape, float(offset), device=scene.device)
        parts.append(Candidates(colour, valid, address, distance, scene.on_device(returned)))
    return Candidates.joined(parts), rows


def _arrived(arrivals: Arrivals, hole: np.ndarray, box: tuple[slice, slice], scene: Scene) -> Candidates:
    """Arrivals as one donor of a frame's box."""
    colour, offset = np.zeros((*hole.shape, 3), np.float32), np.zeros(hole.shape, np.float32)
    address = _grid(*scene.known.shape[1:])[box].copy()
    colour[hole], address[hole], offset[hole] = arrivals.colour, arrivals.address, arrivals.offset
    returned = np.full(hole.shape, ARRIVAL_RETURN, np.float32)
    maps = (colour.transpose(2, 0, 1), offset != 0, address, offset, returned)
    return Candidates(*(scene.on_device(m[None]) for m in maps))


def _chain_of(model: str) -> str:
    """Whose chains say how wrong a model's arrivals are; the membrane's own are no donors."""
    return model if model in CHAINS else CHAINS[-1]


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
