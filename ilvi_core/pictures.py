"""One decoded frame with its native bits kept, and the two ends that frames come from and go to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ilvi_core.host.errors import IlviError, InputError

LINEAR, DISPLAY = "linear", "display"
RGB_SUFFIXES = (("R", "G", "B"), ("r", "g", "b"), ("red", "green", "blue"), ("Red", "Green", "Blue"))
GREY_SUFFIXES = ("Y", "y", "L")
ALPHA_SUFFIXES = ("A", "a", "alpha", "Alpha")


class Box(NamedTuple):
    """A rectangle of pixels; x and y are negative in the overscan of an EXR."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded frame.

    planes: channel name -> (h, w) in the file's own dtype, in file order.  encoding: "linear" or "display".
    rgb_names: the three planes (or the one grey plane) that are the picture; empty when the file has none.
    bits: significant bits of an integer sample (10 for a 10-bit DPX held in uint16), 0 for floats.
    origin: what the writer of the same format needs to put everything else back (header, other parts).
    """

    planes: dict[str, np.ndarray]
    data_window: Box
    display_window: Box
    encoding: str
    rgb_names: tuple[str, ...]
    bits: int = 0
    origin: Any = field(default=None, repr=False)
    label: str = "Picture"

    def rgb(self) -> np.ndarray:
        """The picture, (h, w, 3) float32 over the data window: integers as 0..1, floats as they are, grey thrice."""
        names = self._picture_names()
        return np.stack([self.channel(name) for name in (names * 3 if len(names) == 1 else names)], axis=-1)

    def channel(self, name: str) -> np.ndarray:
        """One plane, (h, w) float32, scaled as `rgb` is. InputError where the file has no such channel."""
        if name not in self.planes:
            raise InputError(
                f"{self.label} has no channel {name} (it has {_listed(self.planes)}).", "Choose one of those channels."
            )
        return self._unit(self.planes[name], np.float32)

    def alpha(self) -> np.ndarray | None:
        """The alpha that belongs to the picture's layer, (h, w) float32, or None."""
        name = alpha_name(self.planes, self.rgb_names)
        return None if name is None else self.channel(name)

    def replaced(self, fill: np.ndarray, amount: np.ndarray) -> Picture:
        """This picture with `fill` blended over its rgb planes; where amount is 0 every plane keeps its exact bits.

        fill: (h, w, 3) in the units of `rgb`.  amount: (h, w), 0..1.  Plate values under amount > 0 that are not
        finite count as fully replaced. The result is rounded and clipped to each plane's dtype; other planes are
        the same arrays.
        """
        names, shape = self._picture_names(), (self.data_window.height, self.data_window.width)
        if fill.shape != (*shape, 3) or amount.shape != shape:
            raise ValueError(f"fill {fill.shape} and amount {amount.shape} must cover the data window {shape}")
        touched = amount > 0
        weight = np.minimum(amount[touched].astype(np.float64), 1.0)
        new = fill[touched].astype(np.float64)
        if not np.isfinite(new).all():
            raise IlviError(f"The fill of {self.label} has values that are not finite.", "Solve the range again.")
        if len(names) == 1:
            new = new.mean(axis=-1, keepdims=True)
        planes = dict(self.planes)
        for index, name in enumerate(names):
            plane = planes[name].copy()
            with np.errstate(invalid="ignore"):
                old = self._unit(plane[touched], np.float64)
            old = np.where(np.isfinite(old), old, new[:, index])
            plane[touched] = self._native(old * (1.0 - weight) + new[:, index] * weight, plane.dtype)
            planes[name] = plane
        return replace(self, planes=planes)

    @staticmethod
    def from_array(pixels: np.ndarray, encoding: str = "", label: str = "Picture") -> Picture:
        """A picture from (h, w), (h, w, 3) or (h, w, 4); integers are display-encoded, floats linear unless told."""
        if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)) or not pixels.size:
            raise InputError(
                f"{label} has the shape {pixels.shape}; expected (h, w), (h, w, 3) or (h, w, 4).", "Save it that way."
            )
        if pixels.dtype == np.bool_:
            pixels = pixels.astype(np.uint8) * np.uint8(255)
        if pixels.dtype.name not in ("uint8", "uint16", "float16", "float32", "float64"):
            raise InputError(
                f"{label} holds {pixels.dtype}; expected uint8, uint16, float16 or float32.",
                "Convert it to one of those.",
            )
        names = ("Y",) if pixels.ndim == 2 or pixels.shape[2] == 1 else ("R", "G", "B", "A")[: pixels.shape[2]]
        stack = pixels if pixels.ndim == 3 else pixels[:, :, None]
        planes = {name: np.ascontiguousarray(stack[:, :, i]) for i, name in enumerate(names)}
        box = Box(0, 0, pixels.shape[1], pixels.shape[0])
        integer = pixels.dtype.kind == "u"
        bits = pixels.dtype.itemsize * 8 if integer else 0
        kind = encoding or (DISPLAY if integer else LINEAR)
        return Picture(planes, box, box, kind, names[:3] if len(names) > 1 else names, bits, None, label)

    def _picture_names(self) -> tuple[str, ...]:
        if not self.rgb_names:
            raise InputError(
                f"{self.label} has no R, G and B (it has {_listed(self.planes)}).", "Choose a layer that is a picture."
            )
        return self.rgb_names

    def _unit(self, samples: np.ndarray, dtype: Any) -> np.ndarray:
        """Samples as floats in the units of `rgb`; an unsigned EXR channel holds ids, which stay what they are."""
        if not self._scaled(samples.dtype):
            # An Inf or a NaN passes through here on purpose; numpy warns where a signalling NaN is converted.
            with np.errstate(invalid="ignore", over="ignore"):
                return samples.astype(dtype)
        shift = samples.dtype.itemsize * 8 - self.bits
        return ((samples >> shift).astype(np.float64) / (2**self.bits - 1)).astype(dtype)

    def _native(self, values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
        """Values in the units of `rgb` (float64) rounded and clipped to a plane's dtype."""
        if dtype.kind == "f":
            limit = float(np.finfo(dtype).max)  # a half beyond 65504 would turn into Inf
            return np.clip(values, -limit, limit).astype(dtype)
        if not self._scaled(dtype):
            return np.clip(np.rint(values), 0, np.iinfo(dtype).max).astype(dtype)
        levels = np.clip(np.rint(values * (2**self.bits - 1)), 0, 2**self.bits - 1).astype(dtype)
        return widen(levels, self.bits)

    def _scaled(self, dtype: np.dtype[Any]) -> bool:
        return dtype.kind == "u" and self.encoding == DISPLAY and self.bits > 0


def widen(levels: np.ndarray, bits: int) -> np.ndarray:
    """Levels of `bits` bits spread over the dtype's full range by bit replication, as OpenImageIO does (10 -> 16)."""
    width = levels.dtype.itemsize * 8
    out, shift = levels << (width - bits), 2 * bits - width
    return out if bits == width else out | (levels >> shift)


def picture_names(names: Sequence[str], prefix: str = "") -> tuple[str, ...]:
    """The names that are the picture of a layer: R, G, B, or the grey one, or the only one; () where none is."""
    own = {name[len(prefix) :]: name for name in names if name.startswith(prefix)}
    for trio in RGB_SUFFIXES:
        if all(part in own for part in trio):
            return tuple(own[part] for part in trio)
    grey = next((own[part] for part in GREY_SUFFIXES if part in own), None)
    if grey is not None:
        return (grey,)
    return (next(iter(own.values())),) if len(own) == 1 else ()


def alpha_name(names: Sequence[str] | dict[str, np.ndarray], rgb_names: tuple[str, ...]) -> str | None:
    """The alpha channel in the same layer as the picture, or None."""
    prefix = rgb_names[0].rpartition(".")[0] + "." if rgb_names and "." in rgb_names[0] else ""
    return next((prefix + part for part in ALPHA_SUFFIXES if prefix + part in names), None)


def _listed(names: dict[str, np.ndarray]) -> str:
    return ", ".join(list(names)[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


class Source(ABC):
    """Frames that can be read in any order.

    frames: the numbers there are, sorted.  encoding: "linear" or "display".  fps: frames per second.
    what: "Plate" or "Matte", for messages.  stem, digits, suffix: how its frames are named ("plate.", 4, ".exr").
    depth: the dtype of its samples (float32 stands for every EXR).  has_alpha: whether an alpha belongs to the picture.
    layer: the layer or channel that was asked for, "" = the picture.  Frames in different files may be read by several
    threads at once.
    """

    frames: list[int]
    encoding: str
    fps: Fraction | float
    what: str
    stem: str
    digits: int
    suffix: str
    depth: np.dtype[Any]
    has_alpha: bool
    layer: str = ""

    @abstractmethod
    def read(self, frame: int) -> Picture:
        """Decode one frame. InputError where it is absent, truncated or of a kind that cannot be kept whole."""

    @abstractmethod
    def path(self, frame: int) -> Path:
        """The file that holds a frame."""

    @abstractmethod
    def close(self) -> None:
        """Let go of open files; a later read opens them again."""

    def own(self, frame: int) -> int:
        """The number that the sequence or movie itself has for a frame."""
        return frame

    def check(self, frame: int) -> None:
        """InputError where there is no such frame."""
        if frame not in self.frames:
            span = f"{self.frames[0]}-{self.frames[-1]}"
            raise InputError(
                f"{self.what} has no frame {frame} (range {span}).", "Render the frame again or shorten the range."
            )


class Sink(ABC):
    """Where finished frames go; each is published whole or not at all."""

    @abstractmethod
    def path(self, frame: int) -> Path:
        """The file that holds, or will hold, a frame."""

    @abstractmethod
    def write(self, frame: int, picture: Picture) -> Path:
        """Write one frame and return its file. IlviError where it cannot be written (disk full, no permission)."""

    @abstractmethod
    def close(self) -> None:
        """Finish; a movie appears under its name only now."""

    @abstractmethod
    def abort(self) -> None:
        """Stop and leave no half file; frames already published stay."""


class ArraySource:
    """Frames 0.. of an array, as a source of pictures."""

    def __init__(self, pixels: np.ndarray, what: str, encoding: str = "") -> None:
        self._pixels, self._what = pixels, what
        self.frames = list(range(len(pixels)))
        self.encoding = encoding or Picture.from_array(pixels[0], label=what).encoding

    def read(self, frame: int) -> Picture:
        """One frame; its planes are copies."""
        return Picture.from_array(self._pixels[frame], self.encoding, f"{self._what} frame {frame}")
