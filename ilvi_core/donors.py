"""The donors of a clip: for every hole pixel the known pixels elsewhere that show it, fused to one colour."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
import torch

from ilvi_core.complete import Neighbours, neighbour_flows, no_motion
from ilvi_core.direct import DirectFlows, neighbour_steps, sources
from ilvi_core.flow import Estimator, at_once, dis_flow, own_places
from ilvi_core.fuse import Candidates, fuse, main_donor, ring_difference
from ilvi_core.gather import (
    MOTIONS,
    Motion,
    Place,
    Scene,
    arrival_error,
    arrived,
    direct_donors,
    nearest_of,
)
from ilvi_core.matte import box_of, grow
from ilvi_core.propagate import arrivals_of, clear_at, clear_masks, disagreement, first_fill, reach
from ilvi_core.remainder import mixed, smooth_error, steadied
from ilvi_core.smooth import smooth_fill

STEADIED = 2  # times: flow on the steadied fill is better
RING = 20.0  # px of plate round the hole on which donors are compared with it
PAINTED_SURE = 0.95  # the least confidence in what an artist painted


@dataclass(frozen=True)
class Donors:
    """What donors give for the T frames of a clip.

    fill: (T, h, w, 3) float32, 0..1; the plate where it is known, every hole pixel filled.
    covered: (T, h, w) bool, hole pixels that donors gave; the others are smooth.
    confidence: (T, h, w) float32, 0..1; 1 where known, 0 where no donor is.
    source: (T, h, w) int16, frames to the main donor, signed; 0 = none.
    address: (T, h, w, 2) float32, x and y in the main donor's frame, px; the pixel's own where there is none.
    ring: (T, h, w) bool, known pixels within RING px of the hole that have a source and an address too: those of the
        nearest hole pixel's main donor, where it knows what is beside the hole.
    model: the completion that was chosen.  flows: by it, between neighbours; None where no flow was needed.
    """

    fill: np.ndarray
    covered: np.ndarray
    confidence: np.ndarray
    source: np.ndarray
    address: np.ndarray
    ring: np.ndarray
    model: str
    flows: Neighbours | None = None


Early = Callable[[np.ndarray, np.ndarray], None]  # the first fill (T, h, w, 3) and what of it is covered (T, h, w)


def find_donors(
    plate: np.ndarray,
    known: np.ndarray,
    early: Early = lambda fill, covered: None,
    estimate: Estimator = dis_flow,
    device: str = "cpu",
    tick: Callable[[int, int], None] = lambda done, total: None,
    *,
    motion: str = "auto",
    painted: Collection[int] = (),
    wanted: Collection[int] | None = None,
    usable: np.ndarray | None = None,
) -> Donors:
    """Fill the holes of a clip from its own known pixels.

    plate: (T, h, w, 3) float32 0..1, never looked at in the hole.  known: (T, h, w) bool.  early: called once with
    the transitive fill, as soon as that is there.  estimate: flow between neighbours.  tick(done, total): per frame.
    motion: a name of MOTIONS.  painted: frames that an artist painted, wholly known: donors that go before all others.
    wanted: frames whose donors are computed, None for all; the others keep the first fill and are context.
    usable: (T, h, w) bool, what may be copied from; None for all that is known.
    """
    assumed, painted = MOTIONS[motion], frozenset(painted)
    filled = np.stack(at_once(lambda t: smooth_fill(plate[t], known[t]), range(len(plate))))
    if known.all() or len(plate) < 2:
        early(filled, np.zeros_like(known))
        return _nothing_found(filled, known)
    flows = neighbour_flows(filled, known, estimate, assumed.models) if assumed.models else _still(assumed, known)
    clear = clear_masks(known if usable is None else known & usable)
    arrivals = {name: arrivals_of(flows[name], filled, clear, known) for name in flows}
    model = min(flows, key=lambda name: disagreement(arrivals[name]))
    first, covered = first_fill(filled, known, arrivals[model])
    early(first, covered)
    scene = Scene(filled, known, clear, assumed, flows, arrivals, smooth_error(filled, known), painted, device)
    found = _nothing_found(first, known, model)
    targets = [t for t in range(len(plate)) if not known[t].all() and (wanted is None or t in wanted)]
    taken = [
        sources(t, len(plate), reach(arrivals[model][t]), painted) if t in targets else [] for t in range(len(plate))
    ]
    direct = DirectFlows(first, known, flows[model], taken, assumed.refined or assumed.planes)
    for t in range(len(plate)):
        if t in targets:
            direct.prepare(t)
            _fill_frame(t, found, scene, direct)
        tick(t + 1, len(plate))
    fill, settled = found.fill, known.copy()
    settled[[t for t in range(len(plate)) if t not in targets]] = True
    for _ in range(STEADIED):
        steps = neighbour_steps(fill, flows[model], targets, assumed.refined)
        fill = steadied(fill, found.confidence, settled, steps)
    return replace(found, fill=fill, flows=flows[model])


def _still(assumed: Motion, known: np.ndarray) -> dict[str, Neighbours]:
    return dict.fromkeys(assumed.chains, no_motion(*known.shape))


def _nothing_found(filled: np.ndarray, known: np.ndarray, model: str = "") -> Donors:
    count, height, width = known.shape
    return Donors(
        filled.copy(),
        np.zeros_like(known),
        known.astype(np.float32),
        np.zeros(known.shape, np.int16),
        np.broadcast_to(own_places(height, width), (count, height, width, 2)).copy(),
        np.zeros_like(known),
        model,
    )


def _place(t: int, known: np.ndarray) -> Place:
    hole = ~known
    zone = grow(hole, RING)
    box = box_of(zone)
    return Place(t, box, hole[box], (zone & ~hole)[box])


def _fill_frame(t: int, found: Donors, scene: Scene, direct: DirectFlows) -> None:
    """Everything of one frame, written into `found`."""
    place = _place(t, scene.known[t])
    candidates, added, error = _candidates(place, scene, direct)
    here = scene.on_device(place.hole)
    frames = candidates.offset + t
    clean = torch.zeros_like(candidates.valid)
    for frame in scene.painted:
        clean |= candidates.valid & (frames == frame)
    fused = fuse(candidates, added, error, here, clean)
    # a hard decision with a soft edge: in the middle donors and smooth fill are wrong by as much
    confidence = 1 / (1 + (fused.wrong / scene.spoiled) ** 2)
    sure = torch.where(clean.any(0)[here], confidence.clamp_min(PAINTED_SURE), confidence).cpu().numpy()
    hole = ~scene.known[t]
    found.confidence[t][hole], found.covered[t][hole] = sure, sure > 0.5
    found.fill[t][hole] = mixed(scene.filled[t], hole, fused.colour.T.cpu().numpy(), sure)
    held = scene.on_device(_held(t, hole, found, direct))
    main = main_donor(fused.weight, frames[:, here], candidates.valid, here, held).cpu().numpy()
    _write_addresses(place, found, scene, candidates, main, sure > 0)


def _candidates(place: Place, scene: Scene, direct: DirectFlows) -> tuple[Candidates, torch.Tensor, torch.Tensor]:
    """All donors of a frame, and of each what is added to its colour and how wrong it is even then."""
    shown, rows = direct_donors(place, scene, direct)
    plate = scene.on_device(scene.filled[place.frame][place.box].transpose(2, 0, 1))
    added, error = ring_difference(shown.colour, shown.valid, plate, scene.on_device(place.ring))
    came: list[tuple[Candidates, torch.Tensor]] = []
    for name, pairs in scene.arrivals.items():
        # the membrane's own chains are no donors; another model's say how wrong its arrivals are
        like = name if name in scene.motion.chains else scene.motion.chains[-1]
        for arrivals, sign in zip(pairs[place.frame], (1, -1), strict=True):
            missed = arrival_error(like, sign, arrivals, place.hole, rows, error)
            came.append((arrived(arrivals, place, scene), missed))
    candidates = Candidates.joined([shown, *(c for c, _ in came)])
    nothing = torch.zeros_like(candidates.colour[len(added) :])
    return candidates, torch.cat([added, nothing]), torch.cat([error, *(e for _, e in came)])


def _held(t: int, hole: np.ndarray, found: Donors, direct: DirectFlows) -> np.ndarray:
    """(N,) int: the frame of the main donor that each hole pixel had in the frame before; -1 where it had none."""
    if not t or t - 1 not in direct.sources[t]:
        return np.full(int(hole.sum()), -1)
    height, width = hole.shape
    places = np.rint((own_places(height, width) + direct.flow(t, t - 1))[hole]).astype(int)
    x, y = places[:, 0].clip(0, width - 1), places[:, 1].clip(0, height - 1)
    before = found.source[t - 1][y, x].astype(int)
    return np.where((before != 0) & ~found.ring[t - 1][y, x], before + t - 1, -1)


def _write_addresses(
    place: Place, found: Donors, scene: Scene, candidates: Candidates, main: np.ndarray, seen: np.ndarray
) -> None:
    """Source and address of the hole and of the ring round it, where each pixel has its nearest hole pixel's donor."""
    t, nearest = place.frame, nearest_of(place.hole)
    of = torch.from_numpy(main[nearest][None]).to(candidates.offset.device)
    address = candidates.address.gather(0, of[..., None].expand(-1, -1, -1, 2))[0].cpu().numpy()
    offset = candidates.offset.gather(0, of)[0].cpu().numpy().astype(np.int16)
    usable = seen[nearest] & (place.hole | place.ring)
    at = usable & place.ring
    ring = np.zeros_like(at)
    ring[at] = clear_at(scene.clear, t + offset[at].astype(int), address[at])
    usable &= place.hole | ring
    found.source[t][place.box] = np.where(usable, offset, 0)
    found.address[t][place.box] = np.where(usable[..., None], address, found.address[t][place.box])
    found.ring[t][place.box] = ring
