"""Donors at the plate's own size: the solve's colours, with the detail of each pixel's main donor sampled once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from ilvi_core.flow import SMALLEST, dis_of, grey, own_places
from ilvi_core.full_plates import FullPlate, FullPlates, rgb_of, slices
from ilvi_core.matte import box_of, grow
from ilvi_core.pictures import Box
from ilvi_core.propagate import ALL_KNOWN, sample_at, within
from ilvi_core.smooth import smooth_fill

RIM = 32  # plate px of known plate round the hole that a fill holds: the composite matches its edge to them
SAME_SIZE = 1.01  # plate px to a working px, up to which there is nothing to add
FARTHEST = 2.0  # working px that the refinement may move a donor by; more is another thing that it found
CLOSE = 3.0  # working px round the hole in which DIS sees both sides of its edge
AREA = 0.29  # of a working pixel: the deviation of a box of that width, which area resizing averages over
CROSS = np.ones((3, 3), np.uint8)
JUMP = 1.0  # working px by which neighbours' ways to one source differ at most, if they are of one surface
LEAST_SHARE = 0.25  # of a pixel's neighbourhood that is of its own source: with less no detail, with twice that all
EDGE = 5  # px, the window of known pixels that stand for one in the hole beside them
SOURCE_MARGIN = 4  # px of a source that are converted round what is sampled


@dataclass(frozen=True)
class SolvedFrame:
    """One frame as it was solved, at the working size.

    fill: (h, w, 3) float32, 0..1.  confidence: (h, w), 0..1.  source: (h, w) int16, frames to the main donor.
    address: (h, w, 2) float32, working px in that frame.
    """

    fill: np.ndarray
    confidence: np.ndarray
    source: np.ndarray
    address: np.ndarray


@dataclass(frozen=True)
class FullFrame:
    """One frame's fill over a box of the plate.

    box: plate px.  fill: (H, W, 3) float32, 0..1 by the clip's curve; the plate where it is known.  confidence: (H, W)
    float32, 0 = generated.  source: (H, W) int16, signed frames to the main donor, 0 = none.  address: (H, W, 2)
    float32, x and y in the donor's frame, px from the plate's origin of coordinates.
    """

    box: Box
    fill: np.ndarray
    confidence: np.ndarray
    source: np.ndarray
    address: np.ndarray


def at_full_size(frame: int, solved: SolvedFrame, plates: FullPlates) -> FullFrame:
    """A frame's fill at the plate's size.

    The colours are the solve's, enlarged: they are steady and agree with the plate. What they have not, detail, is that
    of the main donor, sampled once, in plate values, where its enlarged address and a refinement on the ring round the
    hole say (study, finding 5).
    """
    plate, region = plates.get(frame), plates.region
    box = _box_of(plate.hole, RIM)
    grid = Grid.of(box, solved.fill.shape[1::-1], (region.width, region.height))
    coded = plates.curve.encode(rgb_of(plate.picture, box))
    known = plate.known[slices(box)]
    where = Box(region.x + box.x, region.y + box.y, box.width, box.height)
    own, origin = _pixels_of(box), np.array([region.x, region.y], np.float32)
    if not plate.hole.any() or known.all():
        whole = np.ones(known.shape, np.float32)
        return FullFrame(where, coded, whole, np.zeros(known.shape, np.int16), own + origin)
    fill = grid.enlarged(solved.fill)
    confidence = grid.enlarged(solved.confidence).clip(0, 1)
    source, address = grid.addresses(solved)
    if grid.scale > SAME_SIZE:
        donor, valid = _donors(frame, source, address, plates)
        donor, valid, address = _refined(frame, source, address, donor, valid, coded, known, grid, plates)
        detail = _detail(source, donor, valid, grid) * (1 - grid.enlarged(_torn(solved), cv2.INTER_LINEAR))[..., None]
        fill = fill + detail * (confidence * grid.softened(valid))[..., None]
    fill = np.where(known[..., None], coded, fill.clip(0, 1))
    source = np.where(known, 0, source).astype(np.int16)
    address = np.where((source == 0)[..., None], own, address)
    confidence = np.where(known, 1, np.where(source == 0, 0, confidence)).astype(np.float32)
    return FullFrame(where, fill.astype(np.float32), confidence, source, (address + origin).astype(np.float32))


@dataclass(frozen=True)
class Grid:
    """How a box of region px lies on the working grid. scale_x, scale_y: region px to a working px."""

    box: Box
    scale_x: float
    scale_y: float

    @classmethod
    def of(cls, box: Box, working: tuple[int, ...], region: tuple[int, int]) -> Grid:
        return cls(box, region[0] / working[0], region[1] / working[1])

    @property
    def scale(self) -> float:
        return max(self.scale_x, self.scale_y)

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y of each pixel of the box on the working grid, (H, W) float32; pixel centres meet, corners too."""
        x = (np.arange(self.box.width, dtype=np.float32) + self.box.x + 0.5) / self.scale_x - 0.5
        y = (np.arange(self.box.height, dtype=np.float32) + self.box.y + 0.5) / self.scale_y - 0.5
        xs, ys = np.meshgrid(x, y)
        return np.ascontiguousarray(xs, np.float32), np.ascontiguousarray(ys, np.float32)

    def enlarged(self, values: np.ndarray, how: int = cv2.INTER_CUBIC) -> np.ndarray:
        """Working values (h, w[, C]) over the box."""
        return cv2.remap(values.astype(np.float32), *self.places(), how, borderMode=cv2.BORDER_REPLICATE)

    def addresses(self, solved: SolvedFrame) -> tuple[np.ndarray, np.ndarray]:
        """Source (H, W) and address (H, W, 2) in region px: the nearest working pixel's source, the way to it smoothly
        from working pixels of that source alone."""
        source = self.enlarged(solved.source, cv2.INTER_NEAREST).round().astype(np.int16)
        h, w = solved.source.shape
        way = solved.address - own_places(h, w)
        address = _pixels_of(self.box)
        scale = np.array([self.scale_x, self.scale_y], np.float32)
        x, y = self.places()
        for offset in np.unique(source[source != 0]):
            at = source == offset
            points = np.stack([x[at], y[at]], -1)
            same = (solved.source == offset).astype(np.float32)
            share = sample_at(same, points)[:, None]
            address[at] += sample_at(way * same[..., None], points) / np.maximum(share, 1e-3) * scale
        return source, address

    def blurred(self, picture: np.ndarray) -> np.ndarray:
        """(H, W[, 3]) as it would look when it were shrunk to the working grid and enlarged again."""
        left, top = math.floor(self.box.x / self.scale_x), math.floor(self.box.y / self.scale_y)
        wide = math.ceil((self.box.x + self.box.width) / self.scale_x) - left
        high = math.ceil((self.box.y + self.box.height) / self.scale_y) - top
        soft = cv2.GaussianBlur(picture, (0, 0), max(AREA * self.scale_x, 0.3), sigmaY=max(AREA * self.scale_y, 0.3))
        x = (np.arange(wide, dtype=np.float32) + left + 0.5) * self.scale_x - 0.5 - self.box.x
        y = (np.arange(high, dtype=np.float32) + top + 0.5) * self.scale_y - 0.5 - self.box.y
        xs, ys = (np.ascontiguousarray(v, np.float32) for v in np.meshgrid(x, y))
        small = cv2.remap(soft, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        xs, ys = self.places()
        return cv2.remap(small, xs - left, ys - top, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)

    def softened(self, valid: np.ndarray) -> np.ndarray:
        """(H, W) 0..1: 0 where not valid, rising to 1 within a working pixel or two, so that detail has no edge."""
        return cv2.GaussianBlur((~grow(~valid, self.scale)).astype(np.float32), (0, 0), max(self.scale / 2, 0.5))


def _torn(solved: SolvedFrame) -> np.ndarray:
    """(h, w) float32: 1 where neighbours have the same source and yet addresses that jump: between two layers there is
    no address, and what lies half way is no detail."""
    h, w = solved.source.shape
    way = solved.address - own_places(h, w)
    torn: np.ndarray = np.zeros((h, w), np.float32)
    for here, there in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        jump = np.abs(way[here] - way[there]).max(-1) > JUMP
        jump &= (solved.source[here] == solved.source[there]) & (solved.source[here] != 0)
        torn[here] = np.maximum(torn[here], jump)
        torn[there] = np.maximum(torn[there], jump)
    return torn


def _detail(source: np.ndarray, donor: np.ndarray, valid: np.ndarray, grid: Grid) -> np.ndarray:
    """(H, W, 3): what donors have beyond what the working size could show, each source by itself: across the border of
    two of them there is a step in colour, which is no detail."""
    out = np.zeros_like(donor)
    rim = math.ceil(2 * grid.scale)
    for offset in np.unique(source[valid]):
        at = valid & (source == offset)
        box = _box_of(at, rim)
        here, share = at[slices(box)], at[slices(box)].astype(np.float32)
        part = donor[slices(box)]
        own = Grid(Box(grid.box.x + box.x, grid.box.y + box.y, box.width, box.height), grid.scale_x, grid.scale_y)
        of_own = own.blurred(share)[..., None]
        soft = own.blurred(part * share[..., None]) / np.maximum(of_own, 1e-3)
        out[slices(box)][here] = ((part - soft) * (of_own / LEAST_SHARE - 1).clip(0, 1))[here]
    return out


def _donors(frame: int, source: np.ndarray, address: np.ndarray, plates: FullPlates) -> tuple[np.ndarray, np.ndarray]:
    """Each pixel's main donor, (H, W, 3) in 0..1 by the curve, and where it could be sampled from known pixels."""
    out, valid = np.zeros((*source.shape, 3), np.float32), np.zeros(source.shape, bool)
    for offset in np.unique(source[source != 0]):
        at = source == offset
        points = address[at]
        plate = plates.get(frame + int(offset))
        values, seen = _sampled(plate, points)
        out[at], valid[at] = plates.curve.encode(values), seen
    return out, valid


def _sampled(plate: FullPlate, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Plate values (N, 3) at points (N, 2) in region px, and whether all that they are made of is known.

    Cubic, but never beyond the values of the pixels round it: an edge of high dynamic range would ring.
    """
    height, width = plate.known.shape
    low = np.floor(points.min(0)).astype(int) - SOURCE_MARGIN
    high = np.ceil(points.max(0)).astype(int) + SOURCE_MARGIN + 1
    x0, y0 = int(np.clip(low[0], 0, width - 1)), int(np.clip(low[1], 0, height - 1))
    x1, y1 = int(np.clip(high[0], x0 + 1, width)), int(np.clip(high[1], y0 + 1, height))
    box = Box(x0, y0, x1 - x0, y1 - y0)
    rgb, known = rgb_of(plate.picture, box), plate.known[slices(box)]
    rgb = _to_the_edge(rgb, known)
    local = (points - (x0, y0)).astype(np.float32)
    seen = within(points, height, width) & (sample_at(known.astype(np.float32), local) > ALL_KNOWN)
    values = sample_at(rgb, local, cv2.INTER_CUBIC)
    nearest = local.round().astype(np.float32)
    least = sample_at(cv2.erode(rgb, CROSS), nearest, cv2.INTER_NEAREST)
    return np.clip(values, least, sample_at(cv2.dilate(rgb, CROSS), nearest, cv2.INTER_NEAREST)), seen


def _to_the_edge(rgb: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(h, w, 3), in unknown pixels the mean of known ones nearby: the outer taps of a cubic sample reach there."""
    if known.all():
        return rgb
    share = known.astype(np.float32)
    rgb = np.where(known[..., None], rgb, 0).astype(np.float32)
    mean = cv2.blur(rgb, (EDGE, EDGE)) / np.maximum(cv2.blur(share, (EDGE, EDGE)), 1e-3)[..., None]
    return np.where(known[..., None], rgb, mean)


def _refined(
    frame: int,
    source: np.ndarray,
    address: np.ndarray,
    donor: np.ndarray,
    valid: np.ndarray,
    coded: np.ndarray,
    known: np.ndarray,
    grid: Grid,
    plates: FullPlates,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Donor, validity and address once more, moved so that on the ring the donor lies on the plate.

    The flow between plate and donor on the ring is diffused into the hole. Kept where it makes the ring better.
    """
    ring = known & valid & (source != 0)
    clear = ring & ~grow(~known, CLOSE)
    if min(source.shape) < SMALLEST or not clear.any():
        return donor, valid, address
    both = np.where(known[..., None], coded, donor)
    theirs = np.where(valid[..., None], donor, coded)
    flow = dis_of(grey(both), grey(theirs))  # at half the size: what is looked for is a shift of a pixel or a few
    believed = clear & (np.abs(flow).max(-1) < FARTHEST * grid.scale)
    if not believed.any():
        return donor, valid, address
    moved = address + smooth_fill(flow, believed) * (source != 0)[..., None]
    again, seen = _donors(frame, source, moved.astype(np.float32), plates)
    compared = ring & seen
    before, after = (np.square(d - coded)[compared].mean() for d in (donor, again))
    return (again, seen, moved) if after < before else (donor, valid, address)


def _box_of(mask: np.ndarray, rim: int) -> Box:
    """The box of a mask with a rim, inside the frame; a corner of the frame where the mask is empty."""
    height, width = mask.shape
    if not mask.any():
        return Box(0, 0, min(rim, width), min(rim, height))
    rows, columns = box_of(mask, rim)
    return Box(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)


def _pixels_of(box: Box) -> np.ndarray:
    """(H, W, 2) float32: x and y of a box's pixels."""
    x = np.arange(box.x, box.x + box.width, dtype=np.float32)
    return np.stack(np.meshgrid(x, np.arange(box.y, box.y + box.height, dtype=np.float32)), -1)
