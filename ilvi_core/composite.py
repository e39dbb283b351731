"""Fill + plate -> result. Where the comp matte is 0 the plate is kept bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ilvi_core.aov import confidence_of, with_layers
from ilvi_core.clip import shrink
from ilvi_core.color import Curve
from ilvi_core.grain import regrained
from ilvi_core.host.job import CompSettings, SolveSettings
from ilvi_core.images import Box, Picture
from ilvi_core.matte import comp_matte_of, hole_of, place
from ilvi_core.smooth import smooth_fill

OVERLAY = 0.5  # how much of the plate the red hides
EDGE_BLUR = 2.0  # working px; the colour step at the edge is averaged so that single grains do not streak inwards


@dataclass(frozen=True)
class Extra:
    """What else a frame's composite can be made of.

    clean: (H, W, 3) plate values over the data window, what a clean plate shows; it is the fill then, as it is.
    donors: as `Entry.donors`.  frame: its number, the seed of its grain.
    """

    clean: np.ndarray | None = None
    donors: dict[str, np.ndarray] | None = None
    frame: int = 0


def composite(
    picture: Picture,
    matte: np.ndarray,
    fill: np.ndarray,
    region: Box,
    curve: Curve,
    solve: SolveSettings,
    comp: CompSettings,
    extra: Extra = Extra(),  # frozen
) -> tuple[Picture, int]:
    """One result frame, and how many pixels of the comp matte had to be cut to stay in the hole.

    picture: the plate's frame.  matte: (H, W) 0..1 over its data window.  fill: (h, w, 3) float32 in the network's
    0..1, what was generated for `region`.
    """
    hole = hole_of(matte, solve)
    soft, cut = comp_matte_of(matte, hole, comp, solve.matte_threshold)
    if extra.clean is not None:
        large = extra.clean
    else:
        if comp.match_edge or comp.regrain:
            small, known = shrink(picture, hole, region, (fill.shape[1], fill.shape[0]), curve)
            fill = match_edge(fill, small, known) if comp.match_edge else fill
            fill = regrained(fill, small, known, extra.frame) if comp.regrain else fill
        coded = np.clip(enlarge(fill, region.width, region.height), 0, 1)
        large = place(curve.decode(coded), region, picture.data_window)
    grey = confidence_of(hole, region, picture.data_window, extra.donors) if comp.view == "confidence" else soft
    done = shown(picture, large, grey, comp.view)
    return (with_layers(done, large, soft, hole, region, extra.donors) if comp.aov else done), cut


def shown(picture: Picture, fill: np.ndarray, amount: np.ndarray, view: str) -> Picture:
    """What CompSettings.view asks to see.

    fill: (H, W, 3) in plate values.  amount: (H, W), the comp matte; for the view confidence, that.
    """
    everywhere = np.ones(amount.shape, np.float32)
    if view == "fill":
        return picture.replaced(fill, everywhere)
    if view in ("matte", "confidence"):
        return picture.replaced(np.repeat(amount[..., None], 3, axis=-1), everywhere)
    if view == "overlay":
        red = np.broadcast_to(np.array([1, 0, 0], np.float32), fill.shape)
        return picture.replaced(red, amount * OVERLAY)
    return picture.replaced(fill, amount)


def match_edge(fill: np.ndarray, plate: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The fill with the colour step at the hole's edge spread over it: a membrane of (plate - fill) is added.

    fill, plate: (h, w, 3) in 0..1.  known: (h, w) bool.
    """
    if known.all() or not known.any():
        return fill
    weight = known.astype(np.float32)
    step = cv2.GaussianBlur((plate - fill) * weight[..., None], (0, 0), EDGE_BLUR)
    step /= np.maximum(cv2.GaussianBlur(weight, (0, 0), EDGE_BLUR), 1e-3)[..., None]
    return fill + smooth_fill(step, known)


def enlarge(fill: np.ndarray, width: int, height: int) -> np.ndarray:
    """(h, w, 3) at the region's size; as it is where that is its own size."""
    if fill.shape[1::-1] == (width, height):
        return fill
    return cv2.resize(fill, (width, height), interpolation=cv2.INTER_CUBIC)
