"""A procedural shot with its matte and the truth behind it: the demo clip, and what tests and reports are measured on.

A street in the afternoon: sky, two hill lines, a hedge, a brick facade, a lamp post and a paved ground plane, all at
their own depth under one handheld camera that follows a bouncing beach ball. Most of what the ball hides is seen in
another frame, but not all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ilvi_core.demo_canvas import MARGIN, SUPERSAMPLE
from ilvi_core.demo_layers import HORIZON, Layer, draw_layers

SHUTTER = 0.5  # of a frame: the 180 degree shutter of a film camera
SHUTTER_SAMPLES = 5
BALL_AREA = 0.064  # of the picture
LIGHT = np.array([-0.52, -0.62, 0.59], np.float32)  # towards the sun: from the upper left, in front of the wall
WHITE, RED, YELLOW, BLUE = (0.93, 0.91, 0.86), (0.83, 0.13, 0.11), (0.97, 0.74, 0.12), (0.08, 0.36, 0.66)
PANELS = np.array([WHITE, RED, WHITE, YELLOW, WHITE, BLUE], np.float32)
# What a white surface receives from the sun, from the sky above and from the ground beneath.
SUN, SKY, BOUNCE = np.array([[0.80, 0.74, 0.64], [0.27, 0.31, 0.37], [0.17, 0.145, 0.12]], np.float32)


@dataclass(frozen=True)
class DemoClip:
    """A shot, its matte, and what the ball hides.

    plate, truth: (T, H, W, 3) float32, display-encoded, 0..1; equal, bit for bit, where the matte is 0.
    matte: (T, H, W) float32, 0..1, antialiased and motion blurred, tight to the ball.
    """

    plate: np.ndarray
    matte: np.ndarray
    truth: np.ndarray


def make_clip(frames: int = 24, width: int = 384, height: int = 216, seed: int = 0) -> DemoClip:
    """Renders the shot; the whole move is spread over however many frames are asked for.

    The same arguments give the same bytes on the same machine. Raises ValueError for an empty or tiny picture.
    """
    if frames < 1 or width < 32 or height < 32:
        raise ValueError(f"a demo clip needs at least 1 frame of 32x32, not {frames} of {width}x{height}")
    layers = draw_layers(width, height, seed)
    grain_rng = np.random.Generator(np.random.PCG64([seed, 1000]))
    plate = np.empty((frames, height, width, 3), np.float32)
    truth = np.empty_like(plate)
    matte = np.empty((frames, height, width), np.float32)
    for index in range(frames):
        time = index / max(frames - 1, 1)
        behind = _render_background(layers, width, height, camera_at(time, seed))
        # In a clip of few frames the steps are long; blurring over them would leave a smear instead of a ball.
        ball = _render_ball(time, SHUTTER / max(frames - 1, 23), width, height, seed)
        grain = _grain(height, width, grain_rng)
        matte[index] = np.clip(ball[..., 3], 0, 1)
        # One grain field for both: it belongs to the sensor, and keeps plate and truth equal outside the matte.
        truth[index] = np.clip(behind + grain, 0, 1)
        plate[index] = np.clip(behind * (1 - matte[index][..., None]) + ball[..., :3] + grain, 0, 1)
    return DemoClip(plate, matte, truth)


@dataclass(frozen=True)
class Camera:
    """Where the camera is at one moment."""

    track: tuple[float, float]  # how far the nearest ground has moved on screen, x and y, by parallax alone
    shake: tuple[float, float]  # shift of everything: the camera's pan and tilt
    roll: float  # radians
    zoom: float  # 1 = the lens at the start

    def matrix(self, depth: float | None, width: int, height: int) -> np.ndarray:
        """(2, 3) affine from where a layer was drawn to where it is on screen, in output pixels; depth: Layer.depth."""
        slide = np.array(self.track) * height
        parallax = np.eye(3)
        if depth is None:
            # What lies nearer is lower in the picture and slides more: depth grows from 0 at the horizon to 1 at the
            # bottom, linearly in y, which makes it a shear.
            parallax[:2, 1] += slide / ((1 - HORIZON) * height)
            parallax[:2, 2] = -slide * HORIZON / (1 - HORIZON)
        else:
            parallax[:2, 2] = slide * depth
        lens = np.eye(3)
        lens[:2] = cv2.getRotationMatrix2D((width / 2, height / 2), float(np.degrees(self.roll)), self.zoom)
        lens[:2, 2] += np.array(self.shake) * height
        return (lens @ parallax)[:2]


def camera_at(time: float, seed: int = 0) -> Camera:
    """The camera at a time in 0..1: tracking to the right, a slow push in, a hand that is not quite still."""
    phase = np.random.Generator(np.random.PCG64([seed, 2000])).uniform(0, 2 * np.pi, 6)
    eased = time + 0.07 * np.sin(2 * np.pi * time) / (2 * np.pi)
    wobble = [np.sin(2 * np.pi * rate * time + p) for rate, p in zip((1.1, 2.3, 0.9, 2.7, 1.3, 0.6), phase)]
    return Camera(
        track=(-0.28 * (eased - 0.5), 0.03 * wobble[5]),
        shake=(0.006 * wobble[0] + 0.0022 * wobble[1], 0.005 * wobble[2] + 0.002 * wobble[3]),
        roll=0.004 * float(wobble[4]),
        zoom=1.0 + 0.035 * eased,
    )


def _render_background(layers: list[Layer], width: int, height: int, camera: Camera) -> np.ndarray:
    """(H, W, 3) float32: every layer moved for this camera, laid over each other, then averaged down to the picture."""
    size = (width * SUPERSAMPLE, height * SUPERSAMPLE)
    picture = np.zeros((size[1], size[0], 3), np.float32)
    to_super = np.diag([SUPERSAMPLE, SUPERSAMPLE, 1.0])
    from_canvas = np.array(
        [[1 / SUPERSAMPLE, 0, -MARGIN * height], [0, 1 / SUPERSAMPLE, -MARGIN * height], [0, 0, 1]], np.float64
    )
    for layer in layers:
        matrix = np.vstack([camera.matrix(layer.depth, width, height), [0, 0, 1]])
        moved = cv2.warpAffine(layer.rgba, (to_super @ matrix @ from_canvas)[:2], size, flags=cv2.INTER_LINEAR)
        picture *= 1 - moved[..., 3:]
        picture += moved[..., :3]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _ball_path(time: float, width: int, height: int, seed: int) -> tuple[float, float, float]:
    """Centre x, y and radius of the ball on screen, in output pixels: two bounces from left to right."""
    radius = float(np.sqrt(BALL_AREA * width * height / np.pi))
    wander = float(np.random.Generator(np.random.PCG64([seed, 3000])).uniform(-0.02, 0.02))
    hop = (time * 1.6 + 0.30) % 1.0
    x = width * (0.43 + wander + 0.085 * time)
    y = height * 0.90 - radius - height * 0.16 * 4 * hop * (1 - hop)
    return x, y, radius


def _render_ball(time: float, shutter: float, width: int, height: int, seed: int) -> np.ndarray:
    """(H, W, 4) premultiplied float32: the ball averaged over the time in which the shutter is open."""
    total = np.zeros((height * SUPERSAMPLE, width * SUPERSAMPLE, 4), np.float32)
    for sample in range(SHUTTER_SAMPLES):
        moment = time + shutter * ((sample + 0.5) / SHUTTER_SAMPLES - 0.5)
        x, y, radius = (SUPERSAMPLE * value for value in _ball_path(moment, width, height, seed))
        left, top = max(int(x - radius) - 2, 0), max(int(y - radius) - 2, 0)
        right, bottom = int(x + radius) + 3, int(y + radius) + 3
        window = total[top:bottom, left:right]
        rows, columns = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]].astype(np.float32)
        window += _shade_ball((columns + 0.5 - x) / radius, (rows + 0.5 - y) / radius, radius, moment)
    return cv2.resize(total / SHUTTER_SAMPLES, (width, height), interpolation=cv2.INTER_AREA)


def _shade_ball(nx: np.ndarray, ny: np.ndarray, radius: float, time: float) -> np.ndarray:
    """(h, w, 4) premultiplied: a glossy six-panel beach ball of unit radius around the origin of nx, ny.

    radius: in pixels, for the width of the edges.
    """
    distance = np.sqrt(nx * nx + ny * ny)
    alpha = np.clip((1 - distance) * radius + 0.5, 0, 1)
    inside = np.minimum(1.0, 0.999 / np.maximum(distance, 1e-6))
    nx, ny = nx * inside, ny * inside
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0))
    spin = 0.5 + 3.4 * time  # radians: about what rolling this far would give
    u, v = nx * np.cos(spin) + ny * np.sin(spin), -nx * np.sin(spin) + ny * np.cos(spin)
    pole = 0.35 * u + 0.25 * v + 0.90 * nz  # the axis leans towards us, so that the panels meet inside the disc
    side_u, side_v = u - 0.35 * pole, v - 0.25 * pole
    turn = (np.arctan2(side_v, side_u) / (2 * np.pi) * 6) % 6
    nearest = np.rint(turn)
    # Distance to the nearest seam in pixels: panels blend over one pixel, with a thin dark weld along the seam.
    across = (turn - nearest) * (2 * np.pi / 6) * np.sqrt(side_u**2 + side_v**2) * radius
    share = np.clip(across + 0.5, 0, 1)[..., None]
    albedo = PANELS[(nearest.astype(int) - 1) % 6] * (1 - share) + PANELS[nearest.astype(int) % 6] * share
    albedo = albedo * (1 - 0.28 * np.exp(-((across / (0.02 * radius)) ** 2)))[..., None]
    cap = np.clip((np.abs(pole) - 0.975) * radius * 3 + 0.5, 0, 1)[..., None]
    albedo = albedo * (1 - cap) + PANELS[0] * cap
    sun = np.clip(nx * LIGHT[0] + ny * LIGHT[1] + nz * LIGHT[2], 0, 1)[..., None]
    sky, bounce = np.clip(0.5 - 0.5 * ny, 0, 1)[..., None], np.clip(0.5 + 0.5 * ny, 0, 1)[..., None]
    light = sun * SUN + sky * SKY + bounce * BOUNCE
    half = LIGHT + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    gloss = np.clip(nx * half[0] + ny * half[1] + nz * half[2], 0, 1)[..., None]
    rim = (1 - nz)[..., None] ** 4 * sky
    colour = albedo * light + 0.34 * gloss**70 + 0.05 * gloss**9 + 0.16 * rim
    return np.dstack([np.clip(colour, 0, 1) * alpha[..., None], alpha]).astype(np.float32)


def _grain(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) float32 around 0: fine film grain, mostly the same in the three channels."""
    raw = rng.standard_normal((height, width, 4), np.float32)
    soft = cv2.GaussianBlur(raw, (0, 0), 0.55)
    return 0.011 * soft[..., 3:] + 0.006 * soft[..., :3]
