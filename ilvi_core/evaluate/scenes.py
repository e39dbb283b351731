"""Procedural footage for composed clips, one kind of motion each: what a removal tool meets, with a known truth."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

GRAIN = 0.008  # deviation of the sensor's noise, which is new in every frame
ROOM = 1.6  # times the frame's sides that a backdrop has


def make_scene(kind: str, frames: int, width: int, height: int, seed: int) -> np.ndarray:
    """(T, H, W, 3) float32, 0..1, display-encoded. kind: a name of SCENES. The same arguments give the same pixels."""
    random = np.random.default_rng([seed, *kind.encode()])
    grain = random.standard_normal((frames, height, width, 3), np.float32) * GRAIN
    return (SCENES[kind](frames, width, height, random) + grain).clip(0, 1).astype(np.float32)


def make_matte(frames: int, width: int, height: int, seed: int) -> np.ndarray:
    """(T, H, W) float32, 0 or 1: a standing shape that walks through the frame, swaying."""
    random = np.random.default_rng([seed, 99])
    out = np.zeros((frames, height, width), np.float32)
    begin, end = random.uniform(0.2, 0.4), random.uniform(0.55, 0.85)
    if random.random() < 0.5:
        begin, end = end, begin
    tall, wide = random.uniform(0.22, 0.34) * height, random.uniform(0.06, 0.11) * width
    for t in range(frames):
        share = t / max(frames - 1, 1)
        x = (begin + (end - begin) * share) * width + 0.01 * width * np.sin(t)
        y = 0.55 * height + 0.03 * height * np.sin(0.7 * t)
        cv2.ellipse(out[t], (round(x), round(y)), (round(wide), round(tall)), 4 * np.sin(0.5 * t), 0, 360, 1, -1)
    return out


def _backdrop(width: int, height: int, random: np.random.Generator) -> np.ndarray:
    """(H, W, 3): noise of all sizes, with straight edges and a few shapes over it."""
    size = (round(width * ROOM), round(height * ROOM))
    out: np.ndarray = np.zeros((size[1], size[0], 3), np.float32)
    for octave in (3, 8, 20, 50, 120):
        coarse = random.random((octave, 2 * octave, 3)).astype(np.float32)
        out = out + cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) / octave**0.45
    out = (out - out.min()) / (out.max() - out.min()) * 0.8 + 0.1
    for _ in range(14):
        x, y = int(random.integers(size[0])), int(random.integers(size[1]))
        colour = tuple(map(float, random.uniform(0.1, 0.9, 3)))
        corner = (x + int(random.integers(6, 40)) * width // 256, y + int(random.integers(6, 60)) * height // 128)
        cv2.rectangle(out, (x, y), corner, colour, -1 if random.random() < 0.5 else 2)
    return cv2.GaussianBlur(out, (0, 0), 0.7)


def _view(backdrop: np.ndarray, matrix: np.ndarray, width: int, height: int) -> np.ndarray:
    """The backdrop seen by a camera: matrix (2, 3) from the frame's pixels, about its middle, to the backdrop's."""
    middle = np.array([backdrop.shape[1], backdrop.shape[0]]) / 2
    whole = matrix.astype(np.float64).copy()
    whole[:, 2] += middle - matrix[:, :2] @ (np.array([width, height]) / 2)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(backdrop, whole, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _moved(x: float, y: float, zoom: float = 1.0, roll: float = 0.0) -> np.ndarray:
    c, s = np.cos(roll) / zoom, np.sin(roll) / zoom
    return np.array([[c, -s, x], [s, c, y]])


def _shake(frames: int, random: np.random.Generator) -> np.ndarray:
    """(T, 2) px: a hand that holds the camera."""
    steps = cv2.GaussianBlur(random.standard_normal((frames + 8, 2)), (1, 9), 0, sigmaY=2.0)[4:-4]
    return steps * 1.5


def _pan(frames: int, width: int, height: int, random: np.random.Generator) -> np.ndarray:
    backdrop, shake = _backdrop(width, height, random), _shake(frames, random)
    across = np.linspace(-0.2, 0.2, frames) * width
    return np.stack([_view(backdrop, _moved(across[t] + x, y), width, height) for t, (x, y) in enumerate(shake)])


def _static(frames: int, width: int, height: int, random: np.random.Generator) -> np.ndarray:
    return np.repeat(_view(_backdrop(width, height, random), _moved(0, 0), width, height)[None], frames, 0)


def _zoom(frames: int, width: int, height: int, random: np.random.Generator) -> np.ndarray:
    backdrop = _backdrop(width, height, random)
    return np.stack([_view(backdrop, _moved(0, 0, z), width, height) for z in np.linspace(0.95, 1.35, frames)])


def _roll(frames: int, width: int, height: int, random: np.random.Generator) -> np.ndarray:
    backdrop = _backdrop(width, height, random)
    turns = np.linspace(-0.12, 0.12, frames)
    return np.stack([_view(backdrop, _moved(60 * r, 0, 1.05, r), width, height) for r in turns])


def _parallax(frames: int, width: int, height: int, random: np.random.Generator) -> np.ndarray:
    """A wall far off, a row of things half way, posts in front: each slides at its own speed."""
    shake, slide = _shake(frames, random), np.linspace(-0.5, 0.5, frames) * width
    layers: list[tuple[np.ndarray, np.ndarray | None, float]] = [(_backdrop(width, height, random), None, 0.12)]
    for speed, low, gap, wide in ((0.25, 0.45, 60, 34), (0.4, 0.3, 130, 7)):
        picture = _backdrop(width, height, random) * 0.7
        mask: np.ndarray = np.zeros(picture.shape[:2], np.float32)
        for x in range(0, mask.shape[1], gap * width // 256):
            top = int(mask.shape[0] * (low + random.uniform(0, 0.12)))
            cv2.rectangle(mask, (x, top), (x + wide * width // 256, mask.shape[0]), 1.0, -1)
        layers.append((picture, mask, speed))
    out = []
    for t in range(frames):
        seen: np.ndarray = np.zeros((height, width, 3), np.float32)
        for picture, cover, speed in layers:
            place = _moved(speed * slide[t] + shake[t, 0], shake[t, 1])
            share = 1.0 if cover is None else _view(cover, place, width, height).clip(0, 1)[..., None]
            seen = seen * (1 - share) + _view(picture, place, width, height) * share
        out.append(seen)
    return np.stack(out)


def _water(frames: int, width: int, height: int, random: np.random.Generator) -> np.ndarray:
    """Waves under a still shore, seen by a hand-held camera."""
    shore, shake = _backdrop(width, height, random), _shake(frames, random)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = [(random.uniform(0.05, 0.35, 2), random.uniform(0.2, 0.7), random.uniform(0, 6)) for _ in range(12)]
    line = 0.35 * height
    depth = np.clip((y - line) / 12, 0, 1)[..., None]
    out = []
    for t in range(frames):
        level = sum(np.sin((x + shake[t, 0]) * k[0] + (y + shake[t, 1]) * 2.5 * k[1] + w * t + p) for k, w, p in waves)
        water = np.array([0.22, 0.38, 0.45]) + 0.028 * level[..., None] * np.array([1, 1.1, 1.2])
        seen = _view(shore, _moved(*shake[t]), width, height)
        out.append(seen * (1 - depth) + water * depth)
    return np.stack(out)


def _light(frames: int, width: int, height: int, random: np.random.Generator) -> np.ndarray:
    """A pan on which a cloud's shadow comes and goes."""
    gain = 1 + 0.12 * np.sin(np.linspace(0, 5, frames) + random.uniform(0, 6))
    return _pan(frames, width, height, random) * gain[:, None, None, None]


SCENES: dict[str, Callable[[int, int, int, np.random.Generator], np.ndarray]] = {
    "pan": _pan,
    "static": _static,
    "zoom": _zoom,
    "roll": _roll,
    "parallax": _parallax,
    "water": _water,
    "light": _light,
}
