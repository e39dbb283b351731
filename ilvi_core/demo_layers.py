"""The layers of the demo clip's street, drawn once per clip: noise textures, brickwork, paving, shading."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ilvi_core.demo_canvas import Canvas, cells, mix, relief, tint, with_alpha

HORIZON = 0.44  # of the picture height, from the top
HEDGE_DEPTH, WALL_DEPTH, POST_DEPTH = 0.34, 0.46, 0.60  # parallax, and where on the ground they stand
HAZE = np.array([0.80, 0.79, 0.76], np.float32)


@dataclass(frozen=True)
class Layer:
    """One layer of the scene."""

    rgba: np.ndarray  # (h, w, 4) float32, premultiplied, SUPERSAMPLE times the picture plus MARGIN on every side
    depth: float | None  # parallax: 0 = at infinity, 1 = as near as the bottom of the picture; None = the ground plane


def draw_layers(width: int, height: int, seed: int) -> list[Layer]:
    """The whole street, back to front, for a picture of width x height pixels."""
    painters = (
        (_sky, 0.0),
        (_far_hills, 0.05),
        (_near_hills, 0.13),
        (_ground, None),
        (_hedge, HEDGE_DEPTH),
        (_facade, WALL_DEPTH),
        (_lamp_post, POST_DEPTH),
    )
    layers = []
    for index, (painter, depth) in enumerate(painters):
        canvas = Canvas(width, height, np.random.Generator(np.random.PCG64([seed, index])))
        layers.append(Layer(np.ascontiguousarray(painter(canvas), np.float32), depth))
    return layers


def _sky(canvas: Canvas) -> np.ndarray:
    """A pale horizon, a deeper blue above, broken afternoon clouds lit from the left."""
    height = np.clip(canvas.y / HORIZON, -0.4, 1.0) + np.zeros_like(canvas.x)
    colour = mix([0.29, 0.47, 0.72], [0.86, 0.86, 0.83], np.clip(0.16 + 0.78 * height, 0, 1) ** 1.3)
    body = canvas.noise(0.30, 7, stretch=2.4) + 0.15
    share = np.clip(body * 1.5, 0, 1) ** 1.2 * 0.9
    light = np.clip(0.90 + 0.45 * relief(body, -8, -14), 0.68, 0.99)  # brighter where it thins towards the sun
    cloud = light[..., None] * np.array([1.0, 0.985, 0.96], np.float32)
    return with_alpha(mix(colour, cloud, share), np.ones(canvas.shape, np.float32))


def _hills(canvas: Canvas, crest: float, rough: float, colour: list[float], haze: float) -> np.ndarray:
    """A wooded ridge: a noisy crest line, tree clumps lit from the upper left, haze gathering at its foot."""
    line = canvas.noise(0.55, 3)[0] * rough + canvas.noise(0.025, 3)[1] * rough * 0.10
    below = canvas.y - (crest + line)[None, :]
    clumps = canvas.noise(0.045, 5, stretch=1.5)
    light = 1 + 0.45 * relief(clumps, 3, 4) + 0.18 * clumps + 0.20 * canvas.noise(0.3, 3, stretch=2)
    wood = np.array(colour, np.float32) * light[..., None]
    wood = tint(wood, [1.25, 1.08, 0.7], np.clip(canvas.noise(0.2, 4, stretch=3) * 1.5, 0, 1))
    return with_alpha(mix(wood, HAZE, np.clip(haze + below * 0.9, 0, 0.92)), canvas.edge(below))


def _far_hills(canvas: Canvas) -> np.ndarray:
    return _hills(canvas, HORIZON - 0.13, 0.045, [0.33, 0.41, 0.47], 0.42)


def _near_hills(canvas: Canvas) -> np.ndarray:
    return _hills(canvas, HORIZON - 0.045, 0.035, [0.25, 0.32, 0.20], 0.10)


def _hedge(canvas: Canvas) -> np.ndarray:
    """A clipped hedge along the far side of the pavement, lit on top, dark towards its foot."""
    foot = HORIZON + (1 - HORIZON) * HEDGE_DEPTH
    leaves, clumps = canvas.noise(0.020, 4, gain=0.8), canvas.noise(0.08, 4)
    below = canvas.y - (foot - 0.135 + 0.012 * canvas.noise(0.10, 4))
    top = 0.45 * np.exp(-np.clip(below, 0, 1) / 0.022) - 2.2 * np.clip(below, 0, 0.2)
    light = 0.72 + 0.42 * relief(leaves, 2, 2) + 0.24 * clumps + top
    colour = np.array([0.30, 0.37, 0.17], np.float32) * np.clip(light, 0.12, 1.6)[..., None]
    colour = tint(colour, [1.35, 1.05, 0.75], np.clip(canvas.noise(0.12, 4), 0, 1))
    return with_alpha(colour, canvas.edge(np.minimum(below + 0.010 * leaves, foot - canvas.y + 0.006 * leaves)))


def _ground(canvas: Canvas) -> np.ndarray:
    """Paving stones on the ground plane, in true perspective: a row's depth is 1 / (its height below the horizon)."""
    below = np.maximum(canvas.y - HORIZON, 0.02)
    scale = (1 - HORIZON) / below  # picture heights on the plane per picture height on screen
    plane_x = (canvas.x - canvas.wide / 2) * scale
    plane_z = 1.3 * scale + np.zeros_like(plane_x)
    u, v, tone, hue = cells(canvas, plane_x / 0.26, plane_z / 0.17)
    # Joints keep their width on the plane, but never less than they can be drawn with.
    pixel_x, pixel_z = canvas.px * scale / 0.26, canvas.px * 1.3 * scale / below / 0.17
    near_x, near_z = np.minimum(u, 1 - u), np.minimum(v, 1 - v)
    joint = np.maximum(
        np.clip((0.022 - near_x) / (2 * pixel_x) + 0.5, 0, 1), np.clip((0.032 - near_z) / (2 * pixel_z) + 0.5, 0, 1)
    )
    speckle = _plane_noise(canvas, plane_x, plane_z, 0.006, 2)
    stains = _plane_noise(canvas, plane_x, plane_z, 0.5, 5)
    stone = np.array([0.52, 0.485, 0.44], np.float32) * (0.80 + 0.34 * tone + 0.12 * speckle + 0.10 * stains)[..., None]
    stone = tint(stone, [1.08, 0.95, 0.84], hue)
    stone *= (1 + 0.10 * (np.clip(0.08 - v, 0, 1) - np.clip(v - 0.92, 0, 1)) / 0.08)[..., None]
    colour = mix(stone, stone * 0.38 + np.array([0.03, 0.035, 0.01], np.float32), joint * 0.9)
    base = (1 - HORIZON) * WALL_DEPTH
    colour *= (1 - 0.50 * np.exp(-np.abs(below - base) / 0.018))[..., None]  # the wall keeps the sky off its foot
    colour *= (0.93 + 0.22 * (below - base))[..., None]
    colour = _leaves(canvas, colour)
    return with_alpha(colour, canvas.edge(below - (1 - HORIZON) * 0.27) + 0 * canvas.x)  # it ends behind the hedge


def _plane_noise(canvas: Canvas, x: np.ndarray, z: np.ndarray, cell: float, octaves: int) -> np.ndarray:
    """(h, w) noise that lies on the ground plane; the finest octave is about one layer pixel at the bottom."""
    texture = canvas.noise(max(cell, 2 * canvas.px), octaves)
    map_x = np.asarray(x / canvas.px + canvas.shape[1] / 2, np.float32)
    map_y = np.asarray(z / canvas.px, np.float32)
    return cv2.remap(texture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def _leaves(canvas: Canvas, ground: np.ndarray) -> np.ndarray:
    """The ground with autumn leaves flat on it, each with a soft dark edge beneath."""
    paint, shade = np.zeros((*canvas.shape, 4), np.uint8), np.zeros(canvas.shape, np.uint8)
    uniform, per_px = canvas.rng.uniform, 16 / canvas.px  # cv2 takes centres and sizes in sixteenths (shift = 4)
    for _ in range(260):
        x, near = uniform(canvas.x.min(), canvas.x.max()), uniform(0.28, 1.3)
        y = HORIZON + (1 - HORIZON) * near
        centre = (round((x - canvas.x[0, 0]) * per_px), round((y - canvas.y[0, 0]) * per_px))
        length = uniform(0.008, 0.017) * near * per_px
        axes = (max(round(length), 16), max(round(length * uniform(0.25, 0.5)), 10))
        hue = np.array([205, 125 * uniform(0.6, 1.3), 40]) * uniform(0.55, 1.1)
        angle = uniform(-35, 35)
        cv2.ellipse(shade, (centre[0] + 12, centre[1] + 18), axes, angle, 0, 360, 255, -1, cv2.LINE_AA, 4)
        cv2.ellipse(paint, centre, axes, angle, 0, 360, (*hue.clip(0, 255).tolist(), 255), -1, cv2.LINE_AA, 4)
    ground = ground * (1 - 0.5 * cv2.GaussianBlur(shade, (0, 0), 1.0).astype(np.float32)[..., None] / 255)
    leaf = paint.astype(np.float32) / 255  # premultiplied: drawn over black
    return ground * (1 - leaf[..., 3:]) + leaf[..., :3] * (0.85 + 0.25 * canvas.noise(0.01, 2))[..., None]


def _bricks(canvas: Canvas) -> np.ndarray:
    """(h, w, 3) weathered brickwork: every brick its own tone, lit upper edges, recessed mortar, rain streaks."""
    long, tall = 0.072, 0.028
    u, v, tone, hue = cells(canvas, canvas.x / long + 0 * canvas.y, canvas.y / tall + 0 * canvas.x)
    near = np.minimum(np.minimum(u, 1 - u) * long, np.minimum(v, 1 - v) * tall) + 0.0006 * canvas.noise(0.01, 2)
    face = canvas.edge(near - 0.0026)
    rough = canvas.noise(0.008, 3, gain=0.8)
    brick = np.array([0.60, 0.355, 0.27], np.float32) * (0.80 + 0.36 * tone + 0.12 * rough)[..., None]
    brick = tint(brick, [0.90, 1.18, 1.30], np.clip(hue * 1.7 - 0.7, 0, 1))
    brick *= (1 + 0.16 * np.clip((0.3 - v) / 0.3, 0, 1) - 0.24 * np.clip((v - 0.75) / 0.25, 0, 1))[..., None]
    mortar = np.array([0.60, 0.56, 0.50], np.float32) * (0.80 + 0.12 * rough)[..., None]
    dirt = 0.13 * canvas.noise(0.5, 5) + 0.07 * canvas.noise(0.35, 4, stretch=0.12)
    return mix(mortar, brick, face) * (1 + dirt)[..., None]


def _facade(canvas: Canvas) -> np.ndarray:
    """A brick building that ends in a stone corner, with sash windows and a plinth; it stands on the ground plane."""
    foot, corner = HORIZON + (1 - HORIZON) * WALL_DEPTH, 0.69 * canvas.wide
    colour = _bricks(canvas)
    for left in np.arange(-0.20, corner - 0.30, 0.42):
        colour = _window(canvas, colour, float(left), 0.125, 0.21, 0.33)
    stone = np.array([0.70, 0.655, 0.58], np.float32) * (1 + 0.10 * canvas.noise(0.05, 5))[..., None]
    block = (np.floor(canvas.y / 0.056) % 2) * 0.022
    quoin = canvas.edge(canvas.x - (corner - 0.050 - block))
    bed = 1 - 0.45 * np.exp(-(((canvas.y / 0.056) % 1 * 0.056 / 0.003) ** 2))
    colour = mix(colour, stone * bed[..., None], quoin)
    shadow = canvas.box(-9, foot - 0.062, 9, foot - 0.056)
    colour = mix(colour, stone * 0.86, canvas.box(-9, foot - 0.074, 9, foot + 1))
    colour = mix(colour, colour * 0.55, shadow)
    colour *= (1 - 0.35 * np.exp(-np.abs(foot - canvas.y) / 0.022))[..., None]
    colour *= (1.06 - 0.10 * canvas.x / canvas.wide)[..., None]
    return with_alpha(colour, canvas.edge(np.minimum(corner - canvas.x, foot - canvas.y)))


def _window(canvas: Canvas, wall: np.ndarray, left: float, top: float, wide: float, tall: float) -> np.ndarray:
    """The wall with a sash window: lintel, recess in shadow, painted frame, glass that mirrors the sky, sill."""
    right, bottom = left + wide, top + tall
    wall = mix(wall, wall * 0.72, canvas.box(left + 0.01, bottom + 0.02, right + 0.02, bottom + 0.06) * 0.8)
    wall = mix(wall, [0.69, 0.65, 0.575], canvas.box(left - 0.025, top - 0.042, right + 0.025, top) * 0.93)
    wall = mix(wall, [0.22, 0.17, 0.145], canvas.box(left, top, right, bottom))
    wall = mix(wall, [0.83, 0.81, 0.76], canvas.box(left + 0.010, top + 0.012, right, bottom))
    slope = np.clip((canvas.y - top) / tall, 0, 1) + 0.25 * canvas.noise(0.12, 3, stretch=1.6)
    glass = mix([0.47, 0.56, 0.62], [0.11, 0.13, 0.14], np.clip(slope * 1.15, 0, 1))
    middle, half = (left + right + 0.01) / 2, (top + bottom) / 2
    for pane_left, pane_right in ((left + 0.026, middle - 0.006), (middle + 0.006, right - 0.016)):
        for pane_top, pane_bottom in ((top + 0.028, half - 0.009), (half + 0.009, bottom - 0.018)):
            wall = mix(wall, glass, canvas.box(pane_left, pane_top, pane_right, pane_bottom))
    wall = mix(wall, wall * 0.5, canvas.box(left, top, right, top + 0.022) * 0.7)
    wall = mix(wall, [0.74, 0.70, 0.62], canvas.box(left - 0.018, bottom, right + 0.018, bottom + 0.010))
    return mix(wall, [0.50, 0.465, 0.405], canvas.box(left - 0.018, bottom + 0.010, right + 0.018, bottom + 0.020))


def _lamp_post(canvas: Canvas) -> np.ndarray:
    """An iron post in front of the hedge, rounded by its shading; its lantern is above the picture."""
    foot, axis = HORIZON + (1 - HORIZON) * POST_DEPTH, 0.80 * canvas.wide
    thick = 0.0105 + 0.006 * canvas.edge(canvas.y - (foot - 0.13)) + 0.006 * canvas.edge(canvas.y - (foot - 0.022))
    thick = thick + 0.005 * np.exp(-(((canvas.y - foot + 0.30) / 0.006) ** 2))
    across = (canvas.x - axis) / thick
    light = 0.16 + 0.42 * np.exp(-(((across + 0.42) / 0.30) ** 2)) + 0.08 * np.exp(-(((across - 0.85) / 0.2) ** 2))
    iron = np.array([0.50, 0.56, 0.54], np.float32) * (light * (1 + 0.14 * canvas.noise(0.02, 4)))[..., None]
    return with_alpha(iron, canvas.edge(np.minimum(thick - np.abs(canvas.x - axis), foot - canvas.y)))
