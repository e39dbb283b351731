"""Which picture of the matte belongs to which frame of the plate."""

import cv2
import numpy as np
import pytest

from ilvi_core.images import open_sink, open_source
from ilvi_core.pairing import fit_matte
from ilvi_core.pictures import Picture


@pytest.fixture
def shot(tmp_path):
    """plate.1001.png to plate.1003.png of levels 1, 2, 3, and a movie of them."""
    for n in (1, 2, 3):
        cv2.imwrite(str(tmp_path / f"plate.{1000 + n}.png"), np.full((32, 48), 80 * n, np.uint8))
    source = open_source(str(tmp_path / "plate.####.png"))
    sink = open_sink(str(tmp_path / "movie.mov"), source, source.frames)
    for n in (1, 2, 3):
        sink.write(1000 + n, Picture.from_array(np.full((32, 48, 3), 80 * n, np.uint8)))
    sink.close()
    return tmp_path


def test_a_still_serves_every_frame_and_is_decoded_once(shot, monkeypatch):
    plate = open_source(str(shot / "plate.####.png"))
    still = open_source(str(shot / "plate.1002.png"), "Matte")
    fitted, said = fit_matte(still, plate)
    assert "every frame" in said
    assert fitted.frames == [1001, 1002, 1003]
    first = fitted.read(1001)
    assert fitted.read(1003) is first
    assert first.planes[first.rgb_names[0]][0, 0] == 160
    assert fitted.path(1003) == shot / "plate.1002.png"


def test_a_pattern_that_finds_one_frame_is_no_still(shot):
    (shot / "plate.1002.png").rename(shot / "other.1002.png")
    plate = open_source(str(shot / "plate.####.png"))
    matte = open_source(str(shot / "other.####.png"), "Matte")
    assert fit_matte(matte, plate) == (matte, "")


@pytest.mark.parametrize("movie_is", ["plate", "matte"])
def test_a_movie_and_a_sequence_of_as_many_frames_are_paired_in_order(shot, movie_is):
    movie, frames = open_source(str(shot / "movie.mov")), open_source(str(shot / "plate.####.png"))
    plate, matte = (movie, frames) if movie_is == "plate" else (frames, movie)
    fitted, said = fit_matte(matte, plate)
    assert "in order" in said
    assert fitted.frames == plate.frames
    levels = [float(fitted.read(f).rgb().mean()) * 255 for f in reversed(fitted.frames)]
    assert levels == pytest.approx([240, 160, 80], abs=2)


def test_other_numbers_stay_what_they_are(shot):
    plate = open_source(str(shot / "plate.####.png"))
    (shot / "m").mkdir()
    for n in (1, 2, 3, 4):
        cv2.imwrite(str(shot / "m" / f"m.{n}.png"), np.zeros((32, 48), np.uint8))
    matte = open_source(str(shot / "m"), "Matte")
    assert fit_matte(matte, plate) == (matte, "")
    movie = open_source(str(shot / "movie.mov"))
    assert fit_matte(matte, movie) == (matte, "")  # another count: nothing to go by
