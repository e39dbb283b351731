"""Donors at the plate's size: whose detail comes through, where none does, and how much is held in memory."""

import cv2
import numpy as np
import pytest

from ilvi_core.color import Curve
from ilvi_core.full_plates import FullPlates
from ilvi_core.full_size import SolvedFrame, at_full_size
from ilvi_core.pictures import Box, Picture

SCALE, HEIGHT, WIDTH = 4, 96, 160  # working size 24 x 40


def plates(pictures, hole, limit=1 << 30, curve=None, reads=None):
    """Frames 0, 1, ...; the hole is in frame 0 alone."""

    def read(frame):
        if reads is not None:
            reads.append(frame)
        here = hole if frame == 0 else np.zeros_like(hole)
        return Picture.from_array(pictures[frame], "display"), here

    return FullPlates(read, (), Box(0, 0, WIDTH, HEIGHT), curve or Curve(), limit)


def a_hole():
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[32:64, 40:120] = True
    return hole


def solved(fill, source, shift=(0.0, 0.0)):
    """Every working pixel's donor at its own place, moved by `shift` working px."""
    h, w = source.shape
    own = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).astype(np.float32)
    address = np.where((source != 0)[..., None], own + np.float32(shift), own).astype(np.float32)
    return SolvedFrame(fill.astype(np.float32), (source != 0).astype(np.float32), source.astype(np.int16), address)


def small(picture):
    return cv2.resize(picture, (WIDTH // SCALE, HEIGHT // SCALE), interpolation=cv2.INTER_AREA)


def noise(seed=0):
    random = np.random.default_rng(seed)
    return cv2.GaussianBlur(random.random((HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 1.0)


def whole(full):
    out = np.full((HEIGHT, WIDTH, 3), np.nan, np.float32)
    x, y, width, height = full.box
    out[y : y + height, x : x + width] = full.fill
    return out


def test_the_donors_detail_comes_with_the_solves_colours():
    truth, hole = noise(), a_hole()
    pictures = [np.where(hole[..., None], np.float32(0.9), truth), truth * np.float32(0.8)]
    source = np.ones((HEIGHT // SCALE, WIDTH // SCALE), int)
    done = whole(at_full_size(0, solved(small(truth), source), plates(pictures, hole)))
    enlarged = cv2.resize(small(truth), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    error, blurred = (np.abs(p - truth)[hole].mean() for p in (done, enlarged))
    assert error < 0.5 * blurred
    np.testing.assert_array_equal(done[28:32, 40:120], truth[28:32, 40:120])  # what is known is the plate


def test_a_wrong_address_is_mended_on_the_ring():
    """Half a working pixel off, which is two of the plate's: registered, it is nearly as sharp as if it were right."""
    truth, hole = noise(), a_hole()
    pictures = [np.where(hole[..., None], np.float32(0.5), truth), truth]
    source = np.ones((HEIGHT // SCALE, WIDTH // SCALE), int)
    right, off = (
        whole(at_full_size(0, solved(small(truth), source, (x, 0)), plates(pictures, hole))) for x in (0.0, 0.5)
    )
    enlarged = cv2.resize(small(truth), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    wrong, least, most = (np.abs(p - truth)[hole].mean() for p in (off, right, enlarged))
    assert wrong < least + 0.4 * (most - least)


def test_the_border_of_two_sources_is_no_detail():
    """Two flat donors of other brightness: the step between them must not get into the fill."""
    hole = a_hole()
    flat = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    pictures = [np.where(hole[..., None], np.float32(0.9), flat), flat - np.float32(0.2), flat + np.float32(0.2)]
    source = np.ones((HEIGHT // SCALE, WIDTH // SCALE), int)
    source[:, WIDTH // SCALE // 2 :] = 2
    source[10, 14] = 2  # and an island
    done = whole(at_full_size(0, solved(small(flat), source), plates(pictures, hole)))
    np.testing.assert_allclose(done[hole], 0.5, atol=0.01)


def test_without_a_donor_the_fill_is_enlarged_and_said_to_be_generated():
    truth, hole = noise(), a_hole()
    pictures = [np.where(hole[..., None], np.float32(0.9), truth)]
    full = at_full_size(
        0, solved(small(truth), np.zeros((HEIGHT // SCALE, WIDTH // SCALE), int)), plates(pictures, hole)
    )
    inside = np.s_[full.box.y : full.box.y + full.box.height, full.box.x : full.box.x + full.box.width]
    assert (full.confidence[hole[inside]] == 0).all()
    assert (full.confidence[~hole[inside]] == 1).all()
    assert (full.source == 0).all()
    assert full.fill[hole[inside]].max() < 0.85


def test_an_edge_of_high_dynamic_range_does_not_ring():
    hole = a_hole()
    donor = np.full((HEIGHT, WIDTH, 3), 0.1, np.float32)
    donor[:, 81:] = 50.0
    pictures = [np.where(hole[..., None], np.float32(0), donor), donor]
    curve = Curve.fit("linear", 0.0, 50.0)

    def read(frame):
        return Picture.from_array(pictures[frame], "linear"), hole if frame == 0 else np.zeros_like(hole)

    source = np.ones((HEIGHT // SCALE, WIDTH // SCALE), int)
    work = solved(small(curve.encode(donor)), source, (0.1, 0))
    full = at_full_size(0, work, FullPlates(read, (), Box(0, 0, WIDTH, HEIGHT), curve, 1 << 30))
    values = curve.decode(whole(full))[hole]
    assert values.min() > 0.05
    assert values.max() < 60


@pytest.mark.parametrize(("limit", "kept"), [(1 << 30, True), (1, False)])
def test_plates_are_held_up_to_a_limit(limit, kept):
    truth, hole, reads = noise(), a_hole(), []
    held = plates([truth] * 3, hole, limit, reads=reads)
    for frame in (0, 1, 2, 0, 1, 2):
        held.get(frame)
    assert reads == ([0, 1, 2] if kept else [0, 1, 2, 0, 1, 2])
