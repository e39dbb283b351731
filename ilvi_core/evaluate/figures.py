"""The paper's pictures: a row through time (Fig. 5), stages of training (Fig. 8), what the features track (Fig. 9).

Everything that is returned as a picture is (H, W, 3) uint8, RGB.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from ilvi_core.evaluate.metrics import check_video

CELL = 32  # px: the stride of both feature maps, and the paper's patch
YELLOW, RED, FADED = (
    (255, 221, 0),
    (235, 45, 40),
    128,
)  # of the row, of outlines, of what is unlike: a sky is white itself
LUMA = (0.299, 0.587, 0.114)  # Rec. 601
ALIKE = 1e-6  # a range of similarities below it is rounding, not difference


def time_slice(frames: np.ndarray, row: int, repeat: int = 4) -> np.ndarray:
    """Fig. 5: one row of every frame, time downwards, each `repeat` px high: (T*repeat, w, 3).

    frames: (T, h, w, 3) float, 0..1.  Raises ValueError for other shapes, a row outside 0..h-1 and repeat below 1.
    """
    check_video(frames)
    _check_row(row, frames.shape[1])
    if repeat < 1:
        raise ValueError(f"expected each row at least once, not {repeat} times")
    return np.repeat(_bytes(frames[:, row]), repeat, axis=0)


def slice_row(holes: np.ndarray) -> int:
    """The row that cuts through the hole in the most frames, of these in the most pixels, of these the middle one.

    holes: (T, h, w) bool; without any hole it is the frame's middle row. Raises ValueError for other shapes.
    """
    if holes.ndim != 3 or holes.dtype != bool or not holes.size:
        raise ValueError(f"expected bool holes of (T, h, w), not {holes.dtype} of {holes.shape}")
    pixels = holes.sum(axis=2)
    score = np.count_nonzero(pixels, axis=0) * (holes.size + 1) + pixels.sum(axis=0)
    best = np.flatnonzero(score == score.max())
    return int(best[len(best) // 2])


def row_marked(frame: np.ndarray, row: int) -> np.ndarray:
    """Fig. 5's sample frame: a yellow line, 1 px, on the row of `time_slice`.

    frame: (h, w, 3) float 0..1, or uint8. Raises ValueError for other shapes and a row outside 0..h-1.
    """
    picture = _frame(frame)
    _check_row(row, len(picture))
    picture[row] = YELLOW
    return picture


def outlined(frame: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """A frame with a red curve round the hole, 1 px wide, just outside: nothing of the fill is covered.

    frame: (h, w, 3) float 0..1, or uint8.  hole: (h, w) bool.  Raises ValueError for other shapes.
    """
    picture = _frame(frame)
    if hole.shape != picture.shape[:2] or hole.dtype != bool:
        raise ValueError(f"expected a bool hole of {picture.shape[:2]}, not {hole.dtype} of {hole.shape}")
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    picture[(cv2.dilate(hole.astype(np.uint8), cross) > 0) & ~hole] = RED
    return picture


def flow_scale(flow: np.ndarray) -> float:
    """px that `flow_picture` shows in full brightness: the 99th percentile of the flow's length, at least 1."""
    length = _length(flow)
    length = length[np.isfinite(length)]
    return max(float(np.percentile(length, 99)), 1.0) if length.size else 1.0


def flow_picture(flow: np.ndarray, scale: float | None = None) -> np.ndarray:
    """Fig. 8: hue is the flow's direction (right red, down green-yellow, left cyan, up violet), value its length.

    flow: (h, w, 2) px, x and y.  scale: px that are full brightness and beyond which it stays full; None: `flow_scale`.
    What is not finite is black. Raises ValueError for other shapes and a scale that is not above 0.
    """
    if flow.ndim != 3 or flow.shape[2] != 2 or not flow.size:
        raise ValueError(f"expected flow of (h, w, 2), not {flow.shape}")
    scale = flow_scale(flow) if scale is None else scale
    if not scale > 0:
        raise ValueError(f"expected a scale above 0 px, not {scale}")
    length = _length(flow)
    finite = np.isfinite(length)
    x, y = np.moveaxis(np.where(finite[..., None], flow, 0).astype(np.float32), 2, 0)
    hue = np.degrees(np.arctan2(y, x)) % 360
    value = np.where(finite, np.minimum(length / scale, 1), 0).astype(np.float32)
    return _bytes(cv2.cvtColor(cv2.merge([hue, np.ones_like(hue), value]), cv2.COLOR_HSV2RGB))


def flow_wheel(size: int = 96) -> np.ndarray:
    """The legend of `flow_picture`, (size, size, 3): a disc whose colour at a place is that of the flow towards it.

    Its rim is full brightness; black outside. Raises ValueError for a size below 2.
    """
    if size < 2:
        raise ValueError(f"expected a wheel of at least 2 px, not {size}")
    along = (np.arange(size) - (size - 1) / 2) / (size / 2)
    flow = np.stack(np.meshgrid(along, along), axis=-1)
    flow[_length(flow) > 1] = np.nan
    return flow_picture(flow, 1.0)


def stage_strip(
    stages: Mapping[str, np.ndarray], hole: np.ndarray
) -> list[tuple[int, float, np.ndarray, np.ndarray | None]]:
    """Fig. 8: for each stage updates, seconds, the frame with its hole outlined, and its flow (None without flow).

    stages: as in stages.npz.  hole: (h, w) bool, of that frame.  All flow is at the last stage's `flow_scale`.
    """
    flows = stages.get("flow")
    scale = None if flows is None else flow_scale(flows[-1])
    return [
        (int(updates), float(seconds), outlined(picture, hole), None if flows is None else flow_picture(flow, scale))
        for updates, seconds, picture, flow in zip(
            stages["updates"],
            stages["seconds"],
            stages["pictures"],
            [None] * len(stages["updates"]) if flows is None else flows,
            strict=True,
        )
    ]


def reference_patch(features: Mapping[str, np.ndarray], holes: np.ndarray, frames: np.ndarray) -> tuple[int, int]:
    """Fig. 9's reference: row and column, in the encoder's grid, of a cell of the middle frame.

    The cell with the most detail (variance of luma) of those that lie wholly in the working picture and clear of the
    hole; where there is none, of those with the largest part in the picture, then with the least hole.
    features: as in features.npz.  holes: (T, h, w) bool.  frames: (T, h, w, 3) float, 0..1.
    Raises ValueError for other shapes and features of a frame that is not there.
    """
    check_video(frames, holes)
    middle = _numbers(features, frames)[int(features["middle"])]
    luma, hole = frames[middle].astype(np.float64) @ LUMA, holes[middle]
    scores = {}
    for place in np.ndindex(*features["encoder"].shape[2:]):
        part = _box(place, _corner(features, "encoder"), hole.shape)
        detail = float(luma[part].var()) if hole[part].size else 0.0
        scores[place[0], place[1]] = (hole[part].size, -np.count_nonzero(hole[part]), detail)
    return max(scores, key=lambda place: scores[place])


def similarity(features: Mapping[str, np.ndarray], key: str, patch: tuple[int, int]) -> np.ndarray:
    """(F, a, b) float64, -1..1: the cosine similarity of every cell's feature vector with the reference's.

    key: encoder or vgg.  patch: row and column in the encoder's grid, in the middle frame; in VGG16's grid it is the
    cell that holds that one's centre.  A vector that is zero or not finite is like nothing: 0.
    Raises ValueError for features that are not there and a patch outside the grid.
    """
    if key not in ("encoder", "vgg") or key not in features:
        raise ValueError(f"there are no features of {key!r}, only {sorted({'encoder', 'vgg'} & set(features))}")
    grid = features["encoder"].shape[2:]
    if not all(0 <= n < count for n, count in zip(patch, grid, strict=True)):
        raise ValueError(f"the patch {patch} lies outside the encoder's grid of {grid}")
    vectors = features[key].astype(np.float64)
    vectors = np.where(np.isfinite(vectors).all(axis=1, keepdims=True), vectors, 0)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(length > 0, length, 1)
    row, column = _same_place(features, key, patch)
    return np.einsum("fcab,c->fab", vectors, vectors[int(features["middle"]), :, row, column])


def similarity_maps(
    features: Mapping[str, np.ndarray], key: str, frames: np.ndarray, patch: tuple[int, int]
) -> list[tuple[int, np.ndarray]]:
    """Fig. 9: for each frame of the features its index and itself, faded to grey where it is unlike the reference.

    Opacity is `similarity`, from the least to the greatest that is seen in any of the frames; 0 where no cell is, full
    where all are alike. Each cell is a square: between cells nothing is known. The reference has a red frame.
    features: as in features.npz.  key, patch, errors: as for `similarity`.  frames: (T, h, w, 3) float, 0..1.
    """
    check_video(frames)
    numbers = _numbers(features, frames)
    corner = _corner(features, key)
    opacity = _opacity(_over_pixels(similarity(features, key, patch), corner, frames.shape[1:3]))
    found = []
    for place, (number, alpha) in enumerate(zip(numbers, opacity[..., None], strict=True)):
        picture = _bytes(frames[number] * alpha + np.float32(FADED / 255) * (1 - alpha))
        if place == int(features["middle"]):
            _frame_cell(picture, _box(_same_place(features, key, patch), corner, frames.shape[1:3]))
        found.append((number, picture))
    return found


def _corner(features: Mapping[str, np.ndarray], key: str) -> tuple[int, int]:
    """(top, left) px: where the working picture begins in the picture that the grid covers."""
    return (int(features["top"]), int(features["left"])) if key == "encoder" else (0, 0)


def _box(cell: tuple[int, ...], corner: tuple[int, int], size: tuple[int, ...]) -> tuple[slice, slice]:
    """The part of a working picture of `size` (h, w) that lies in a cell; empty when none does."""
    spans = [
        slice(*np.clip((CELL * n - begin, CELL * (n + 1) - begin), 0, length).tolist())
        for n, begin, length in zip(cell, corner, size, strict=True)
    ]
    return spans[0], spans[1]


def _same_place(features: Mapping[str, np.ndarray], key: str, patch: tuple[int, int]) -> tuple[int, int]:
    """The cell of the grid of `key` that holds the centre of the encoder's cell `patch`, or lies nearest to it."""
    found = [
        min(max((CELL * n + CELL // 2 - from_corner + to_corner) // CELL, 0), count - 1)
        for n, from_corner, to_corner, count in zip(
            patch, _corner(features, "encoder"), _corner(features, key), features[key].shape[2:], strict=True
        )
    ]
    return found[0], found[1]


def _over_pixels(cells: np.ndarray, corner: tuple[int, int], size: tuple[int, ...]) -> np.ndarray:
    """(F, a, b) -> (F, h, w): each pixel has its cell's value, NaN where the grid ends before the picture does."""
    spread = np.full((len(cells), *size), np.nan)
    rows, columns = ((np.arange(n) + begin) // CELL for n, begin in zip(size, corner, strict=True))
    rows, columns = rows[rows < cells.shape[1]], columns[columns < cells.shape[2]]
    spread[:, : len(rows), : len(columns)] = cells[:, rows[:, None], columns]
    return spread


def _opacity(values: np.ndarray) -> np.ndarray:
    """From the lowest to the highest of all: 0..1, float32; NaN: 0."""
    there = np.isfinite(values)
    low, high = values[there].min(), values[there].max()
    if high - low < ALIKE:
        return there.astype(np.float32)
    return np.where(there, (values - low) / (high - low), 0).astype(np.float32)


def _frame_cell(picture: np.ndarray, box: tuple[slice, slice]) -> None:
    rows, columns = box
    cv2.rectangle(picture, (columns.start, rows.start), (columns.stop - 1, rows.stop - 1), RED, 1)


def _numbers(features: Mapping[str, np.ndarray], frames: np.ndarray) -> list[int]:
    """The features' frames. ValueError when one of them is not there."""
    numbers = [int(n) for n in features["frames"]]
    if not numbers or min(numbers) < 0 or max(numbers) >= len(frames):
        raise ValueError(f"the features are of frames {numbers}, the clip has {len(frames)}")
    return numbers


def _length(flow: np.ndarray) -> np.ndarray:
    """(..., 2) -> (...), float64: a float16 flow's square would overflow."""
    return np.hypot(flow[..., 0], flow[..., 1], dtype=np.float64)


def _check_row(row: int, height: int) -> None:
    if not 0 <= row < height:
        raise ValueError(f"row {row} lies outside a frame of {height} rows")


def _frame(frame: np.ndarray) -> np.ndarray:
    """A copy as uint8. ValueError unless it is (h, w, 3)."""
    if frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
        raise ValueError(f"expected a frame of (h, w, 3), not {frame.shape}")
    return frame.copy() if frame.dtype == np.uint8 else _bytes(frame)


def _bytes(values: np.ndarray) -> np.ndarray:
    """Float 0..1 as uint8, clipped; what is not a number is black."""
    return np.round(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.uint8)
