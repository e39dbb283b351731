"""Plates at their own size, a few at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np

from ilvi_core.color import Curve
from ilvi_core.matte import place
from ilvi_core.pictures import Box, Picture


@dataclass(frozen=True)
class FullPlate:
    """The region of one plate.

    picture: its data window is the region.  hole: (H, W) bool.  known: (H, W) bool, what can be copied from; a clean
    plate's hole too.
    """

    picture: Picture
    hole: np.ndarray
    known: np.ndarray

    @property
    def bytes(self) -> int:
        return sum(plane.nbytes for plane in self.picture.planes.values()) + self.hole.nbytes + self.known.nbytes


class FullPlates:
    """The region of whole plates, decoded when they are asked for and kept up to `limit` bytes.

    read: as `Loader.read`.  painted: the frames that a clean plate shows.
    """

    def __init__(
        self,
        read: Callable[[int], tuple[Picture, np.ndarray]],
        painted: Collection[int],
        region: Box,
        curve: Curve,
        limit: int,
    ) -> None:
        self._read, self._painted, self._limit = read, painted, limit
        self.region, self.curve = region, curve
        self._kept: OrderedDict[int, FullPlate] = OrderedDict()

    def get(self, frame: int) -> FullPlate:
        """One plate's region."""
        if frame not in self._kept:
            self._kept[frame] = self._decoded(frame)
            while sum(plate.bytes for plate in self._kept.values()) > self._limit and len(self._kept) > 1:
                self._kept.popitem(last=False)
        self._kept.move_to_end(frame)
        return self._kept[frame]

    def _decoded(self, frame: int) -> FullPlate:
        picture, hole = self._read(frame)
        at, region = picture.data_window, self.region
        planes = {name: np.ascontiguousarray(place(plane, at, region)) for name, plane in picture.planes.items()}
        cut = replace(picture, planes=planes, data_window=region)
        there = place(np.ones(hole.shape, bool), at, region)
        hole = place(hole, at, region)
        known = there & np.isfinite(cut.rgb()).all(-1)
        return FullPlate(cut, hole, known if frame in self._painted else known & ~hole)


def slices(box: Box) -> tuple[slice, slice]:
    """Rows and columns of a box."""
    return slice(box.y, box.y + box.height), slice(box.x, box.x + box.width)


def rgb_of(picture: Picture, box: Box) -> np.ndarray:
    """(H, W, 3) float32 in plate values of a box of the picture's own pixels."""
    planes = {name: plane[slices(box)] for name, plane in picture.planes.items()}
    return replace(picture, planes=planes, data_window=box).rgb()
