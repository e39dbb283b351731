"""Contact sheets: the right picture in the right cell, labels that are there, and widths that hold."""

from __future__ import annotations

import numpy as np
import pytest

from ilvi_core.sheet import BACKGROUND, GUTTER, contact_sheet


def flat(red: float, green: float, blue: float, height: int = 60, width: int = 100) -> np.ndarray:
    return np.broadcast_to(np.array([red, green, blue], np.float32), (height, width, 3)).copy()


def find(sheet: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Top, left, bottom, right (exclusive) of the one solid rectangle of a colour."""
    rows, columns = np.nonzero((sheet == colour).all(axis=2))
    box = (int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
    assert len(rows) == (box[2] - box[0]) * (box[3] - box[1])
    return box


COLOURS = [[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(255, 255, 0), (0, 255, 255), (255, 0, 255)]]


def grid() -> dict[str, list[np.ndarray]]:
    rows = [[flat(colour[0] / 255, colour[1] / 255, colour[2] / 255) for colour in row] for row in COLOURS]
    return {"plate": rows[0], "truth": rows[1]}


def test_cells_are_where_they_belong() -> None:
    sheet = contact_sheet(grid(), [1001, 1005, 1009])
    assert sheet.dtype == np.uint8
    boxes = [[find(sheet, colour) for colour in row] for row in COLOURS]
    for row in boxes:
        for top, left, bottom, right in row:
            assert (bottom - top, right - left) == (60, 100)  # there is room: nothing is scaled
        assert row[1][1] - row[0][3] == row[2][1] - row[1][3] == GUTTER
        assert len({box[0] for box in row}) == 1
    assert boxes[1][0][0] - boxes[0][0][2] == GUTTER
    assert tuple(sheet[boxes[0][0][0], boxes[0][0][3] + 1]) == BACKGROUND


def test_labels_are_drawn_left_and_above_and_differ() -> None:
    sheet = contact_sheet(grid(), [1001, 1005, 1009])
    boxes = [[find(sheet, colour) for colour in row] for row in COLOURS]
    names = [sheet[row[0][0] : row[0][2], : row[0][1]] for row in boxes]
    numbers = [sheet[: boxes[0][0][0], box[1] : box[3]] for box in boxes[0]]
    for label in names + numbers:
        bright = (label > 150).all(axis=2)
        assert 20 < bright.sum() < 0.3 * bright.size
        inked = np.argwhere(bright)
        assert inked.min(axis=0).min() > 0  # not cut off
        assert (np.array(bright.shape) - 1 - inked.max(axis=0)).min() > 0
        assert abs(inked.mean(axis=0) - np.array(bright.shape) / 2).max() < 8  # centred
    assert not np.array_equal(names[0], names[1])
    assert not np.array_equal(numbers[0], numbers[1])


@pytest.mark.parametrize("max_width", [260, 333, 400, 1920])
def test_width_limit_and_aspect(max_width: int) -> None:
    sheet = contact_sheet(grid(), [1, 2, 3], max_width=max_width)
    assert sheet.shape[1] <= max_width
    top, left, bottom, right = find(sheet, COLOURS[0][1])
    assert bottom - top == pytest.approx((right - left) * 0.6, abs=0.51)
    if max_width < 380:
        assert sheet.shape[1] > max_width - 3  # no width is wasted


def test_shrinking_averages_by_area() -> None:
    """Fine stripes become an even grey; sampling single pixels would leave stripes or solid colour."""
    stripes = np.zeros((400, 800, 3), np.float32)
    stripes[:, ::2] = 1
    sheet = contact_sheet({"plate": [stripes]}, [1], max_width=260)
    cell = sheet[60:120, 120:240].astype(int)
    assert np.abs(cell - 127.5).max() < 30


def test_grey_uint8_float_and_broken_values() -> None:
    matte = np.full((60, 100), 0.5, np.float32)
    matte8 = np.full((60, 100, 1), 128, np.uint8)
    hot = flat(7.0, -3.0, np.nan)
    sheet = contact_sheet({"matte": [matte, matte8, hot]}, [1, 2, 3])
    greys = (sheet == 128).all(axis=2)
    assert greys.sum() == 2 * 60 * 100
    assert find(sheet, (255, 0, 0))[3] == sheet.shape[1] - GUTTER


def test_rows_of_another_size_fill_the_same_columns() -> None:
    small = [flat(1, 0, 1, 30, 50)]
    sheet = contact_sheet({"plate": [flat(1, 0, 0)], "draft": small}, [7])
    assert find(sheet, (255, 0, 255))[1::2] == find(sheet, (255, 0, 0))[1::2]


def test_outline_runs_along_the_matte_on_the_plate_row_only() -> None:
    matte = np.zeros((60, 100), np.float32)
    matte[20:40, 30:70] = 1
    plate = flat(0.2, 0.2, 0.2)
    before = plate.copy()
    rows = {"plate": [plate], "truth": [plate]}
    plain, drawn = contact_sheet(rows, [1]), contact_sheet(rows, [1], outline=[matte])
    assert np.array_equal(plate, before)
    changed = np.argwhere((plain != drawn).any(axis=2))
    origin = np.argwhere((plain == 51).all(axis=2)).min(axis=0)
    where = changed - origin
    assert where.max() < 100
    assert where[:, 0].max() < 60  # not on the second row
    redder = (drawn.astype(int) - plain)[origin[0] : origin[0] + 60, origin[1] : origin[1] + 100, 0]
    # A line one pixel wide centred on the matte's edge, which lies between two pixels: it shows in both.
    assert np.flatnonzero(redder[30] > 40).tolist() == [29, 30, 69, 70]
    assert np.flatnonzero(redder[:, 50] > 40).tolist() == [19, 20, 39, 40]
    inside = drawn[origin[0] + 24 : origin[0] + 36, origin[1] + 34 : origin[1] + 66]
    assert (inside == 51).all()
    edge = drawn[origin[0] + 30, origin[1] + 28 : origin[1] + 33].astype(int)
    assert (edge[:, 0] - edge[:, 1]).max() > 90  # red


def test_errors_say_what_is_wrong() -> None:
    plate, mask = flat(1, 0, 0), np.ones((60, 100), np.float32)
    with pytest.raises(ValueError, match='"plate" has 2 images for 3 frames'):
        contact_sheet({"plate": [plate, plate]}, [1, 2, 3])
    with pytest.raises(ValueError, match="at least one row"):
        contact_sheet({}, [1])
    with pytest.raises(ValueError, match="at least one row"):
        contact_sheet({"plate": []}, [])
    with pytest.raises(ValueError, match=r"shape \(60, 100, 2\)"):
        contact_sheet({"plate": [plate[..., :2]]}, [1])
    with pytest.raises(ValueError, match="mixes sizes"):
        contact_sheet({"plate": [plate, plate[1:]]}, [1, 2])
    with pytest.raises(ValueError, match='on the row "plate"'):
        contact_sheet({"truth": [plate]}, [1], outline=[mask])
    with pytest.raises(ValueError, match="do not fit into 200 px"):
        contact_sheet({"plate": [plate] * 40}, list(range(40)), max_width=200)
