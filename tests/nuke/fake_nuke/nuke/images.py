"""Pictures as Nuke keeps them: float32 channels over a bounding box, the origin at the bottom left.

https://learn.foundry.com/nuke/developers/160/pythondevguide/image_data.html
"""

from __future__ import annotations

import numpy as np


class Image:
    """channels: name -> array (h, w) over bbox (x, y, r, t); row 0 of an array is the BOTTOM one, y of the bbox."""

    def __init__(self, channels, bbox, format, aspect=1.0, meta=None) -> None:
        self.channels: dict = dict(channels)
        self.bbox = tuple(int(value) for value in bbox)
        self.format = tuple(int(value) for value in format)
        self.aspect = float(aspect)
        self.meta: dict = dict(meta or {})

    def size(self, box=None):
        x, y, r, t = self.bbox if box is None else box
        return max(0, t - y), max(0, r - x)

    def get(self, name: str, box=None) -> np.ndarray:
        """A channel over a box (default: the bounding box), zero where there is nothing."""
        box = self.bbox if box is None else tuple(box)
        if box == self.bbox and name in self.channels:
            return self.channels[name]
        out = np.zeros(self.size(box), np.float32)
        if name in self.channels:
            x, y = max(box[0], self.bbox[0]), max(box[1], self.bbox[1])
            r, t = min(box[2], self.bbox[2]), min(box[3], self.bbox[3])
            if r > x and t > y:
                part = self.channels[name][y - self.bbox[1] : t - self.bbox[1], x - self.bbox[0] : r - self.bbox[0]]
                out[y - box[1] : t - box[1], x - box[0] : r - box[0]] = part
        return out

    def full(self, name: str) -> np.ndarray:
        """A channel over the whole format, the TOP row first, as files and the tests' arrays have it."""
        return self.get(name, (0, 0, *self.format))[::-1]

    def top_down(self, name: str) -> np.ndarray:
        """A channel over the bounding box, the top row first."""
        return self.channels[name][::-1]

    def over(self, box) -> Image:
        """The same picture over another bounding box."""
        return self.but(channels={name: self.get(name, box) for name in self.channels}, bbox=box)

    def but(self, **changes) -> Image:
        parts = {"channels": self.channels, "bbox": self.bbox, "format": self.format, "aspect": self.aspect}
        return Image(**{**parts, "meta": self.meta, **changes})


def union(*boxes):
    real = [box for box in boxes if box[2] > box[0] and box[3] > box[1]]
    if not real:
        return boxes[0]
    return (
        min(box[0] for box in real),
        min(box[1] for box in real),
        max(box[2] for box in real),
        max(box[3] for box in real),
    )


def intersection(a, b):
    x, y, r, t = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (x, y, r, t) if r > x and t > y else (a[0], a[1], a[0], a[1])


def blank(format, aspect=1.0, names=()) -> Image:
    """Black over a whole format; without channels there is no bounding box either."""
    w, h = format
    box = (0, 0, w, h) if names else (0, 0, 0, 0)
    return Image({name: np.zeros((h, w), np.float32) for name in names}, box, format, aspect)


def smaller(image: Image, scale: float) -> Image:
    """An image at a proxy scale: pixels picked, not filtered."""
    w, h = (max(1, round(value * scale)) for value in image.format)
    x, y, r, t = (round(value * scale) for value in image.bbox)
    rows = np.clip(((np.arange(y, t) + 0.5) / scale - image.bbox[1]).astype(int), 0, max(0, image.size()[0] - 1))
    cols = np.clip(((np.arange(x, r) + 0.5) / scale - image.bbox[0]).astype(int), 0, max(0, image.size()[1] - 1))
    picked = {name: pixels[rows][:, cols] for name, pixels in image.channels.items()} if image.size()[0] else {}
    return image.but(channels=picked, bbox=(x, y, r, t), format=(w, h))


def decode(values: np.ndarray, space: str) -> np.ndarray:
    """From a file's values to linear ones; the standard curves."""
    v = values.astype(np.float32)
    if space == "linear":
        return v
    if space == "sRGB":
        return np.where(v <= 0.04045, v / 12.92, ((np.maximum(v, 0) + 0.055) / 1.055) ** 2.4).astype(np.float32)
    if space == "rec709":
        return np.where(v < 0.081, v / 4.5, ((np.maximum(v, 0) + 0.099) / 1.099) ** (1 / 0.45)).astype(np.float32)
    if space.startswith("Gamma"):
        return (np.maximum(v, 0) ** float(space[5:])).astype(np.float32)
    raise RuntimeError(f"the fake does not convert {space!r}")


def encode(values: np.ndarray, space: str) -> np.ndarray:
    v = values.astype(np.float32)
    if space == "linear":
        return v
    if space == "sRGB":
        return np.where(v <= 0.0031308, v * 12.92, 1.055 * np.maximum(v, 0) ** (1 / 2.4) - 0.055).astype(np.float32)
    if space == "rec709":
        return np.where(v < 0.018, v * 4.5, 1.099 * np.maximum(v, 0) ** 0.45 - 0.099).astype(np.float32)
    if space.startswith("Gamma"):
        return (np.maximum(v, 0) ** (1 / float(space[5:]))).astype(np.float32)
    raise RuntimeError(f"the fake does not convert {space!r}")
