"""Players of the report: a clip's frames as sprite sheets that the page's script draws from."""

from __future__ import annotations

import base64
import math
from typing import Any

import cv2
import numpy as np

from ilvi_core.evaluate.composed import Composed

JPEG = [cv2.IMWRITE_JPEG_QUALITY, 88, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
BLOCK = 16  # px: cells of a sprite sheet are whole JPEG blocks, so that no frame bleeds into the next
HATCH = (0.47, 0.53)  # the two greys of a blanked hole


def player_of(record: dict[str, Any], clip: Composed) -> dict[str, Any]:
    """What the page's script plays: sprite sheets and, for each frame, the hole's outline in px."""
    count, height, width = clip.holes.shape
    return {
        "id": record["id"],
        "size": [width, height],
        "cell": [-(-width // BLOCK) * BLOCK, -(-height // BLOCK) * BLOCK],
        "across": _across(count),
        "frames": count,
        "plate": sprites(hatched(clip)),
        "truth": sprites(clip.truth),
        "outline": [_outline(hole) for hole in clip.holes],
        "results": {},
    }


def sprites(frames: np.ndarray) -> str:
    """All frames, (T, h, w, 3) float 0..1, in one JPEG as a data URI; row by row, `_across` of them in each."""
    count, height, width = frames.shape[:3]
    rows, across = -(-count // _across(count)), _across(count)
    spare = ((0, rows * across - count), (0, -height % BLOCK), (0, -width % BLOCK), (0, 0))
    padded = np.pad(np.round(np.clip(frames, 0, 1) * 255).astype(np.uint8), spare, mode="edge")
    _, high, wide, _ = padded.shape
    sheet = padded.reshape(rows, across, high, wide, 3).swapaxes(1, 2).reshape(rows * high, across * wide, 3)
    return data_uri(sheet)


def hatched(clip: Composed) -> np.ndarray:
    """The plate with the holes grey and hatched, so that they cannot be taken for grey things."""
    y, x = np.indices(clip.holes.shape[1:])
    grey = np.where((x + y) % 8 < 2, *HATCH).astype(np.float32)
    return np.where(clip.holes[..., None], grey[None, ..., None], clip.truth)


def _across(count: int) -> int:
    return math.ceil(math.sqrt(count))


def _outline(hole: np.ndarray) -> list[Any]:
    """Closed curves round the hole as x, y, x, y ..., traced at twice the size."""
    large = np.kron(hole, np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    return [contour.ravel().tolist() for contour in contours if len(contour) > 2]


def data_uri(picture: np.ndarray, kind: str = ".jpg") -> str:
    """A (H, W, 3) uint8 picture as a data URI."""
    data = cv2.imencode(kind, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), JPEG if kind == ".jpg" else [])[1]
    return f"data:image/{'jpeg' if kind == '.jpg' else 'png'};base64,{base64.b64encode(data.tobytes()).decode()}"
