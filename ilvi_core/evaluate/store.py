"""Where an evaluation keeps what a run made: fills as 16-bit PNG, stages of training and features as .npz."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ilvi_core.composite import match_edge
from ilvi_core.evaluate.composed import Composed
from ilvi_core.files import make_folders, publish
from ilvi_core.images import open_source
from ilvi_core.pictures import Picture
from ilvi_core.stills import write_still

RUNS, STAGES, FEATURES = "runs", "stages.npz", "features.npz"
RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))}  # Windows'


def run_folder(folder: Path, clip: str, method: str) -> Path:
    """The folder of one method's run on one clip."""
    return folder / RUNS / clip / method


def slug(text: str) -> str:
    """A name that is a folder's on every system: letters, digits and `.@=+_-`, at most 100 of them.

    Where that loses more than blanks, a hash of the whole name is put behind it, so that two names stay two.
    """
    plain = re.sub(r"\s+", "-", text.strip()).strip("-.")
    name = re.sub(r"[^A-Za-z0-9.@=+_-]+", "-", plain).strip("-.")[:100]
    if name == plain and name and name.upper().split(".")[0] not in RESERVED:
        return name
    return f"{name or 'name'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def write_fills(run: Path, fills: np.ndarray) -> None:
    """(T, h, w, 3) float 0..1 as fill.0001.png ..., 16 bits; each whole or not at all."""
    make_folders(run)
    for number, fill in enumerate(fills, 1):
        codes = np.round(np.clip(fill, 0, 1) * 65535).astype(np.uint16)
        write_still(run / f"fill.{number:04}.png", Picture.from_array(codes))


def read_fills(run: Path, count: int) -> np.ndarray:
    """(count, h, w, 3) float32, 0..1. InputError when one is missing or cannot be read."""
    source = open_source(str(run / "fill.####.png"), f"Fills in {run}")
    return np.stack([source.read(number).rgb() for number in range(1, count + 1)]).astype(np.float32)


def result_of(clip: Composed, fills: np.ndarray, edge: bool) -> np.ndarray:
    """The composed frames, (T, h, w, 3) float32 0..1: the fill in the hole, the truth elsewhere, no soft edge.

    edge: spread the colour step at the hole's edge over the fill first, as `CompSettings.match_edge` does.
    """
    if edge:
        fills = np.stack([match_edge(f, p, ~h) for f, p, h in zip(fills, clip.plate, clip.holes, strict=True)])
    return np.where(clip.holes[..., None], np.clip(fills, 0, 1), clip.truth).astype(np.float32)


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """A compressed .npz, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    publish(path, buffer.getvalue())


def read_stages(run: Path) -> dict[str, np.ndarray] | None:
    """frame, updates, seconds, pictures, and flow where the method has it; None where there are none."""
    return read_arrays(run / STAGES)


def read_features(run: Path) -> dict[str, np.ndarray] | None:
    """frames, middle, encoder, top, left, and vgg where its weights were there; None where there are none."""
    return read_arrays(run / FEATURES)


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """An .npz's arrays; None where it is not there or cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, BadZipFile):
        return None
