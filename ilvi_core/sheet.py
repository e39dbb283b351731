"""Contact sheets: a row per picture series, a column per frame, labelled, for people to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

BACKGROUND, TEXT, OUTLINE = (30, 30, 32), (218, 218, 214), (235, 45, 40)
GUTTER, PADDING, MIN_CELL = 4, 10, 16
FONT, TEXT_HEIGHT = cv2.FONT_HERSHEY_SIMPLEX, 11  # px: height of a capital letter
OUTLINED_ROW = "plate"

Images = Sequence[np.ndarray] | np.ndarray


def contact_sheet(
    rows: Mapping[str, Images],
    frames: Sequence[int],
    max_width: int = 1920,
    outline: Images | None = None,
) -> np.ndarray:
    """A labelled sheet, (H, W, 3) uint8 RGB, W <= max_width: rows top to bottom, one column for each frame.

    rows: name -> one image per column, (h, w), (h, w, 1) or (h, w, 3); float 0..1 (clipped) or uint8.
    frames: the number printed above each column; it picks nothing, the images are already those to be shown.
    outline: one matte per column; its edge at one half is drawn in red on the row "plate".
    Images are scaled down by area, never up past the widest of them. Raises ValueError for rows that do not fit
    together and for a max_width that leaves no room.
    """
    _check(rows, frames, outline)
    label = max(_text_mask(name).shape[1] for name in rows) + 2 * PADDING
    head = TEXT_HEIGHT + 2 * PADDING
    room = (max_width - label - GUTTER * len(frames)) // len(frames)
    width = min(room, max(images[0].shape[1] for images in rows.values()))
    if room < MIN_CELL:
        raise ValueError(f"{len(frames)} columns do not fit into {max_width} px: show fewer frames")
    heights = {name: max(round(width * images[0].shape[0] / images[0].shape[1]), 1) for name, images in rows.items()}
    size = (head + sum(heights.values()) + GUTTER * len(rows), label + (width + GUTTER) * len(frames))
    sheet = np.full((*size, 3), BACKGROUND, np.uint8)
    lefts = [label + column * (width + GUTTER) for column in range(len(frames))]
    for left, number in zip(lefts, frames):
        _put_text(sheet, str(number), left + width // 2, head // 2, width)
    top = head
    for name, images in rows.items():
        height = heights[name]
        _put_text(sheet, name, label // 2, top + height // 2, label)
        for column, (left, image) in enumerate(zip(lefts, images)):
            cell = _fit(_as_rgb8(image), width, height)
            if outline is not None and name == OUTLINED_ROW:
                _draw_outline(cell, outline[column])
            sheet[top : top + height, left : left + width] = cell
        top += height + GUTTER
    return sheet


def _check(rows: Mapping[str, Images], frames: Sequence[int], outline: Images | None) -> None:
    if not rows or not len(frames):
        raise ValueError("a contact sheet needs at least one row and one frame")
    series = dict(rows) if outline is None else {**rows, "(outline)": outline}
    if outline is not None and OUTLINED_ROW not in rows:
        raise ValueError(f'an outline is drawn on the row "{OUTLINED_ROW}", but the rows are {", ".join(rows)}')
    for name, images in series.items():
        if len(images) != len(frames):
            raise ValueError(f'row "{name}" has {len(images)} images for {len(frames)} frames: give one per column')
        for image in images:
            if image.ndim not in (2, 3) or image.size == 0 or (image.ndim == 3 and image.shape[2] not in (1, 3)):
                raise ValueError(f'row "{name}" has an image of shape {image.shape}, not (h, w) or (h, w, 3)')
            if image.shape[:2] != images[0].shape[:2]:
                raise ValueError(f'row "{name}" mixes sizes: {images[0].shape[:2]} and {image.shape[:2]}')


def _as_rgb8(image: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 from any image a sheet accepts; what is not a number is black."""
    if image.ndim == 2:
        image = image[..., None]
    if image.dtype != np.uint8:
        image = (np.clip(np.nan_to_num(image.astype(np.float32)), 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))


def _fit(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """A copy scaled to a cell: averaged by area when it shrinks, since anything else drops pixels."""
    how = cv2.INTER_AREA if image.shape[1] >= width else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=how).reshape(height, width, *image.shape[2:])


def _draw_outline(cell: np.ndarray, matte: np.ndarray) -> None:
    """Draws the matte's edge into a cell, traced at four times the cell's size so that it is smooth."""
    height, width = cell.shape[:2]
    inside = cv2.resize(_as_rgb8(matte)[..., 0], (4 * width, 4 * height), interpolation=cv2.INTER_LINEAR) >= 128
    contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    # shift = 2: the points are in quarters of a pixel, and the centre of a small pixel lies 1.5 quarters off.
    moved = [np.asarray(np.rint(contour - 1.5), np.int32) for contour in contours]
    cv2.polylines(cell, moved, True, OUTLINE, 1, cv2.LINE_AA, 2)


def _text_mask(text: str) -> np.ndarray:
    """(h, w) float32 0..1: a line of text, drawn four times too large and averaged down, which keeps it clean."""
    scale = cv2.getFontScaleFromHeight(FONT, 4 * TEXT_HEIGHT, 5)
    (width, height), below = cv2.getTextSize(text, FONT, scale, 5)
    large = np.zeros((-(-(height + below + 8) // 4) * 4, -(-(width + 8) // 4) * 4), np.uint8)
    cv2.putText(large, text, (4, height + 4), FONT, scale, 255, 5, cv2.LINE_AA)
    return cv2.resize(large, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _put_text(sheet: np.ndarray, text: str, x: int, y: int, room: int) -> None:
    """Centres a line of text on x, y; shrunk if it is wider than `room` pixels."""
    mask = _text_mask(text)
    if mask.shape[1] > room:
        size = (room, max(round(mask.shape[0] * room / mask.shape[1]), 1))
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    height, width = mask.shape
    ink = np.argwhere(mask.max(axis=1) > 0.5)  # centred by the letters, not by the empty space under them
    middle = int(ink[0, 0] + ink[-1, 0]) // 2 if len(ink) else height // 2
    top, left = max(y - middle, 0), max(x - width // 2, 0)
    window = sheet[top : top + height, left : left + width]
    mask = mask[: window.shape[0], : window.shape[1], None]
    window[:] = np.rint(window * (1 - mask) + np.array(TEXT, np.float32) * mask).astype(np.uint8)
