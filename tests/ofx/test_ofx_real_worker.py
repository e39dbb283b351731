"""The OpenFX plugin in the test host with the real worker: its frames are those of `ilvi render`, bit for bit."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from ofx_kit import FIRST, LAST, NUMBERS

pytestmark = pytest.mark.ofx
SMALL = {"size": "60x44", "remainder": "smooth"}  # the working size: seconds on one core


@pytest.fixture(scope="module")
def expected(frames, tmp_path_factory):
    """What `ilvi render` gives of the same frames and settings."""
    place = tmp_path_factory.mktemp("expected")
    job = {
        "ilvi_job": 1,
        "plate": {"path": f"{frames}/plate.####.npy"},
        "matte": {"path": f"{frames}/matte.####.npy"},
        "output": f"{place}/out.####.npy",
        "solve": {"size": [60, 44], "remainder": "smooth", "encoding": "linear"},
        "comp": {"comp_dilate": 1, "comp_feather": 2, "match_edge": True},
    }
    (place / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-m", "ilvi_core.cli", "render", str(place / "job.json"), "--quiet"]
    subprocess.run(command, check=True, env={**os.environ, "ILVI_CACHE": str(place / "cache")})
    return {frame: np.load(place / f"out.{frame}.npy") for frame in NUMBERS}


def assert_expected(host, expected):
    for frame, picture in expected.items():
        np.testing.assert_array_equal(host.frame(frame), picture, err_msg=f"frame {frame}")


def test_by_button(real_host, expected):
    answers = real_host.run("press inpaint", real_host.render(), **SMALL)
    assert_expected(real_host, expected)
    assert answers.status == "5 frames are done."


def test_by_playback(real_host, expected):
    values = {"range": "custom", "first": FIRST, "last": LAST, "frames_from": "playback"}
    real_host.run(real_host.render(), real_host.render(), context="General", **SMALL, **values)
    assert_expected(real_host, expected)


def test_by_files_then_again_then_cleared(real_host, expected):
    values = {f"{name}_files": f"{real_host.frames}/{name}.####.npy" for name in ("plate", "matte")}
    real_host.run(real_host.render(), **SMALL, **values)
    assert_expected(real_host, expected)
    answers = real_host.run(real_host.render(), "set view confidence", real_host.render(), **SMALL, **values)
    assert answers.messages == []
    for t in NUMBERS:
        shown = real_host.frame(t)[..., 0]
        assert shown.min() >= 0
        assert shown.max() <= 1
        assert np.all(shown[~real_host.hole(t)][:40] == 1)
    answers = real_host.run("press inpaint", "press clear", **SMALL)
    assert answers.status == "Not solved."


def test_a_wrong_working_size_is_said_in_words(real_host):
    answers = real_host.run("press inpaint", size="large")
    assert "Write it as 768x384" in answers.messages[0]


def test_a_cache_that_cannot_be_written_is_said_in_words(real_host):
    answers = real_host.run("press inpaint", **SMALL, cache_dir="/proc/nowhere", frames_from="button")
    assert "/proc/nowhere" in answers.messages[0]
