"""What the demo clip's layers are drawn with: coordinates, fractal noise, soft edges, running bonds, colour mixing."""

from __future__ import annotations

import cv2
import numpy as np

SUPERSAMPLE = 2  # layer pixels per picture pixel
MARGIN = 0.26  # of the picture height, around every layer: more than the camera ever moves


class Canvas:
    """The coordinates of a layer and its random numbers.

    x, y: (1, w) and (h, 1) float32, in picture heights; 0, 0 is the upper left corner of the picture.
    px: size of one layer pixel in picture heights.  wide: width of the picture in picture heights.
    """

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        margin = MARGIN * height
        rows, columns = round(SUPERSAMPLE * (height + 2 * margin)), round(SUPERSAMPLE * (width + 2 * margin))
        self.px = 1 / (SUPERSAMPLE * height)
        self.wide = width / height
        self.y = ((np.arange(rows, dtype=np.float32) + 0.5) * self.px - MARGIN)[:, None]
        self.x = ((np.arange(columns, dtype=np.float32) + 0.5) * self.px - MARGIN)[None, :]
        self.shape = (rows, columns)
        self.rng = rng

    def noise(self, cell: float, octaves: int = 5, stretch: float = 1.0, gain: float = 0.55) -> np.ndarray:
        """(h, w) float32 fractal noise, about -1..1.  cell: size of the largest blobs; stretch: x over y."""
        total, weight, scale = np.zeros(self.shape, np.float32), 1.0, 0.0
        for _ in range(octaves):
            rows = max(int(self.shape[0] * self.px / cell) + 3, 4)
            columns = max(int(self.shape[1] * self.px / (cell * stretch)) + 3, 4)
            grid = self.rng.standard_normal((rows, columns), np.float32)
            total += weight * cv2.resize(grid, self.shape[::-1], interpolation=cv2.INTER_CUBIC)
            scale += weight * weight
            cell, weight = cell / 2, weight * gain
            if cell < self.px:
                break
        return total / (1.6 * np.float32(np.sqrt(scale)))

    def edge(self, distance: np.ndarray) -> np.ndarray:
        """Coverage 0..1 from a signed distance (positive inside), softened over one picture pixel."""
        return np.clip(distance / (SUPERSAMPLE * self.px) + 0.5, 0, 1)

    def box(self, left: float, top: float, right: float, bottom: float) -> np.ndarray:
        """(h, w) coverage of an upright rectangle."""
        inside_x = self.edge(np.minimum(self.x - left, right - self.x))
        return self.edge(np.minimum(self.y - top, bottom - self.y)) * inside_x


def mix(below: np.ndarray | list[float], above: np.ndarray | list[float], share: np.ndarray) -> np.ndarray:
    """Lays a colour or picture over another one by a (h, w) share."""
    base = np.asarray(below, np.float32)
    return base + (np.asarray(above, np.float32) - base) * share[..., None]


def tint(picture: np.ndarray, factors: list[float], share: np.ndarray) -> np.ndarray:
    """Multiplies the channels by three factors, as far as a (h, w) share goes."""
    return mix(picture, picture * np.array(factors, np.float32), share)


def relief(noise: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Bumps lit from the upper left: how much the noise rises away from the sun over so many layer pixels."""
    return noise - np.roll(noise, (rows, columns), (0, 1))


def with_alpha(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(h, w, 4) premultiplied, from a (h, w, 3) colour and a (h, w) coverage."""
    return np.dstack([np.clip(colour, 0, 1) * alpha[..., None], alpha])


def cells(canvas: Canvas, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A running bond: courses of unit cells, every second one set off by half.

    u, v: (h, w) in cells. Gives the place inside the cell (u, v in 0..1) and two random numbers per cell in 0..1.
    """
    course = np.floor(v).astype(int)
    u = u + 0.5 * (course % 2)
    column = np.floor(u).astype(int)
    table = canvas.rng.random((2, 61, 127), np.float32)
    tone, hue = table[:, course % 61, column % 127]
    return u - column, v - course, tone, hue
