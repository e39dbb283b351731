"""Which part of the plate is learned, at which size and by which curve."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from ilvi_core.color import Curve
from ilvi_core.host.job import SolveSettings
from ilvi_core.pictures import Box

CONTEXT = 8  # px that a region must have round a hole that it was not made for
LEAST_ROOM = 4  # of `size`'s width: a small hole has that share of it round it at least, for flow to be found in
MOST_WASTE = 4.0  # times the area of the region that the hole would get of its own


@dataclass(frozen=True)
class View:
    """region: plate pixels.  size: working width and height.  curve: plate values <-> 0..1."""

    region: Box
    size: tuple[int, int]
    curve: Curve

    def serves(self, own: View, canvas: Box, hole: Box) -> bool:
        """Whether a clip whose own view would be `own` can be learned in this one, as well or nearly so."""
        context = Box(hole.x - CONTEXT, hole.y - CONTEXT, hole.width + 2 * CONTEXT, hole.height + 2 * CONTEXT)
        wanted = intersection(context, canvas)
        return (
            union(self.region, wanted) == self.region
            and union(canvas, self.region) == canvas
            and self.region.width * self.region.height <= MOST_WASTE * own.region.width * own.region.height
            and self.curve.encoding == own.curve.encoding
            and self.curve.low <= own.curve.low
            and self.curve.high >= own.curve.high
        )

    def as_record(self) -> dict[str, Any]:
        """For a manifest."""
        return {"region": self.region._asdict(), "size": list(self.size), "curve": asdict(self.curve)}


def working_region(canvas: Box, hole: Box, settings: SolveSettings, reach: int = 0) -> tuple[Box, tuple[int, int]]:
    """The plate pixels that are learned, and the working size (width, height) for them.

    reach: px, the longest side of the hole in a frame, for the region 'around'.  The paper resizes and crops; here
    the crop has the working size's aspect and always holds the whole hole. Where no such crop fits the canvas the whole
    side is taken and the two scales differ. Never enlarges.
    """
    if settings.region == "around":
        return _around(canvas, hole, settings, reach)
    aspect = settings.size[0] / settings.size[1]
    if settings.region == "hole":
        # the least that is wanted, then the rest that the aspect asks for, as far as the canvas goes
        least_width = min(max(hole.width * (1 + 2 * settings.context), settings.size[0]), canvas.width)
        least_height = min(max(hole.height * (1 + 2 * settings.context), settings.size[1]), canvas.height)
        width = max(least_width, min(least_height * aspect, canvas.width))
        height = max(least_height, min(width / aspect, canvas.height))
    else:
        width = min(canvas.width, canvas.height * aspect)
        height = width / aspect
        width, height = max(width, hole.width), max(height, hole.height)
        if hole.width > canvas.height * aspect or hole.height > canvas.width / aspect:
            width, height = canvas.width, canvas.height
    width, height = min(round(width), canvas.width), min(round(height), canvas.height)
    region = Box(
        _slide(hole.x, hole.width, width, canvas.x, canvas.width, settings.region == "frame"),
        _slide(hole.y, hole.height, height, canvas.y, canvas.height, settings.region == "frame"),
        width,
        height,
    )
    return region, (min(settings.size[0], width), min(settings.size[1], height))


def _around(canvas: Box, hole: Box, settings: SolveSettings, reach: int) -> tuple[Box, tuple[int, int]]:
    """The hole's box with room for donors on every side, of any shape; as many working pixels as `size` has at most."""
    room = math.ceil(max(settings.context * reach, settings.size[0] / LEAST_ROOM))
    wide = Box(hole.x - room, hole.y - room, hole.width + 2 * room, hole.height + 2 * room)
    region = intersection(wide, canvas)
    scale = min(math.sqrt(settings.size[0] * settings.size[1] / (region.width * region.height)), 1.0)
    return region, (max(round(region.width * scale), 1), max(round(region.height * scale), 1))


def _slide(hole: int, hole_side: int, side: int, canvas: int, canvas_side: int, centred: bool) -> int:
    """Where a crop of that side begins: at the canvas's middle (or the hole's), moved until it holds the hole."""
    begin = canvas + (canvas_side - side) // 2 if centred else hole + (hole_side - side) // 2
    begin = min(begin, hole)
    begin = max(begin, hole + hole_side - side)
    return min(max(begin, canvas), canvas + canvas_side - side)


def intersection(a: Box, b: Box) -> Box:
    """What two boxes that meet have in common."""
    x, y = max(a.x, b.x), max(a.y, b.y)
    return Box(x, y, min(a.x + a.width, b.x + b.width) - x, min(a.y + a.height, b.y + b.height) - y)


def union(a: Box, b: Box) -> Box:
    """The smallest box that holds both; an empty one counts for nothing."""
    if a.width == 0 or a.height == 0:
        return b
    if b.width == 0 or b.height == 0:
        return a
    x, y = min(a.x, b.x), min(a.y, b.y)
    return Box(x, y, max(a.x + a.width, b.x + b.width) - x, max(a.y + a.height, b.y + b.height) - y)
