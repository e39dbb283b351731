"""Plate values <-> the network's 0..1, exactly reversible and HDR safe.

Display-encoded plates are in 0..1 already and pass through. Encoded floats (log) are stretched to it as they are.
Scene-linear ones go through a curve that is straight near black and logarithmic above, the same for negative values:

    f(x) = sign(x) * log(1 + |x| / 0.02),    y = (f(x) - f(low)) / (f(high) - f(low))

with low and high the clip's own extremes, so that no value is cut and the whole of 0..1 is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOE = 0.02  # linear value up to which the curve is nearly straight: 3.5 stops under middle grey


@dataclass(frozen=True)
class Curve:
    """One clip's curve. `encoding` is 'linear', 'encoded' or 'display'; low < high are plate values."""

    encoding: str = "display"
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def fit(cls, encoding: str, low: float, high: float) -> Curve:
        """For a clip whose finite values lie in low..high; display-encoded ones need no fit.

        encoding: 'linear', 'encoded' (floats that look right as they are), or 'display' (in 0..1, from integers).
        """
        if encoding == "display":
            return cls()
        low, high = min(low, 0.0), max(high, 1.0)  # a dark or flat clip does not get its noise stretched to 0..1
        return cls(encoding, float(low), float(high))

    def encode(self, rgb: np.ndarray) -> np.ndarray:
        """Plate values to 0..1, float32, any shape. Non-finite values count as 0; others are clipped to low..high."""
        with np.errstate(invalid="ignore"):  # a signalling NaN in the plate
            values = np.nan_to_num(np.asarray(rgb, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        if self.encoding == "display":
            return np.clip(values, 0, 1).astype(np.float32)
        if self.encoding == "encoded":
            return np.clip((values - self.low) / (self.high - self.low), 0, 1).astype(np.float32)
        bottom, top = _log(np.array([self.low, self.high]))
        return np.clip((_log(values) - bottom) / (top - bottom), 0, 1).astype(np.float32)

    def decode(self, coded: np.ndarray) -> np.ndarray:
        """0..1 back to plate values, float32, any shape."""
        if self.encoding == "display":
            return np.asarray(coded, np.float32)
        if self.encoding == "encoded":
            return (np.asarray(coded, np.float64) * (self.high - self.low) + self.low).astype(np.float32)
        bottom, top = _log(np.array([self.low, self.high]))
        values = np.asarray(coded, np.float64) * (top - bottom) + bottom
        return (np.sign(values) * TOE * np.expm1(np.abs(values))).astype(np.float32)


def _log(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.log1p(np.abs(values) / TOE)
