"""The layers that say what a fill is made of, for whoever composites it: fill, comp, confidence, source, stmap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ilvi_core.host.errors import InputError
from ilvi_core.matte import place
from ilvi_core.pictures import Box, Picture

NAMES = ("fill.R", "fill.G", "fill.B", "comp.A", "confidence.Y", "source.Y", "stmap.U", "stmap.V")


def confidence_of(hole: np.ndarray, box: Box, at: Box, donors: dict[str, np.ndarray] | None) -> np.ndarray:
    """(H, W) float32 over the data window `at`: 1 = known or seen in another frame, 0 = generated."""
    confidence = (~hole).astype(np.float32)
    if donors is not None:
        inside = place(np.ones((box.height, box.width), bool), box, at)
        confidence[inside] = place(donors["confidence"].astype(np.float32), box, at)[inside]
    return confidence


def with_layers(
    picture: Picture,
    fill: np.ndarray,
    amount: np.ndarray,
    hole: np.ndarray,
    box: Box,
    donors: dict[str, np.ndarray] | None,
) -> Picture:
    """The picture with the layers beside its own channels; float32.

    fill: (H, W, 3) in plate values over the picture's data window, 0 outside the box.  amount: (H, W), the comp matte.
    hole: (H, W) bool.  box, donors: as an entry has them.  confidence: 1 = known, 0 = generated.  source: signed frames
    to the main donor, 0 = none.  stmap: where in that frame, as Nuke's STMap reads it: 0..1 over the format, V upwards.
    InputError where the plate has such channels.
    """
    taken = [name for name in NAMES if name in picture.planes]
    if taken:
        raise InputError(
            f"{picture.label} has a channel {taken[0]} already, where an AOV would go.",
            "Render without --aov, or rename the plate's layer.",
        )
    at, full = picture.data_window, picture.display_window
    x, y = np.meshgrid(np.arange(at.x, at.x + at.width), np.arange(at.y, at.y + at.height))
    address = np.stack([x, y], -1).astype(np.float32)
    confidence, source = confidence_of(hole, box, at, donors), np.zeros(x.shape, np.float32)
    if donors is not None:
        inside = place(np.ones((box.height, box.width), bool), box, at)
        source[inside] = place(donors["source"].astype(np.float32), box, at)[inside]
        address[inside] = place(donors["address"], box, at)[inside]
    u = (address[..., 0] - full.x + 0.5) / full.width
    v = 1 - (address[..., 1] - full.y + 0.5) / full.height
    layers = (*np.moveaxis(fill.astype(np.float32), -1, 0), amount, confidence, source, u, v)
    made = {name: np.ascontiguousarray(plane, np.float32) for name, plane in zip(NAMES, layers, strict=True)}
    return replace(picture, planes={**picture.planes, **made})
