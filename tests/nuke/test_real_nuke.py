"""The first scenarios in a real Nuke, where NUKE_EXECUTABLE names one; and the same script over the fake, always."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from kit import FIRST, FRAMES, LAST, PLUGIN, np, read_exr, scene

SCENARIO = Path(__file__).parent / "real_scenario.py"


def look(said, out):
    assert "no solved frame" in said["unsolved"]
    assert said["status"].startswith(f"{FRAMES} frames ({FIRST}-{LAST})")
    assert said["opened"].startswith(f"{FRAMES} frames")
    assert "out of date: solve dilation was 4, is 9" in said["stale"]
    truth, matte = scene()
    done = read_exr(out / f"clean.{FIRST + 3}.exr")
    got = np.stack([done[c] for c in "RGB"], -1)
    assert np.abs(got - truth[3])[matte[3] > 0].mean() < 0.06


def test_the_scenario_over_the_fake(start, clip, tmp_path):
    start(gui=False)
    out = tmp_path / "out"
    out.mkdir()
    said = runpy.run_path(str(SCENARIO))["main"](clip.as_posix(), out.as_posix())
    look(said, out)


@pytest.mark.nuke
@pytest.mark.skipif("NUKE_EXECUTABLE" not in os.environ, reason="NUKE_EXECUTABLE names no Nuke")
def test_the_scenario_in_nuke(clip, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    environment = {**os.environ, "NUKE_PATH": str(PLUGIN), "ILVI_CACHE": str(tmp_path / "cache")}
    environment.setdefault("ILVI_PYTHON", sys.executable)
    command = [os.environ["NUKE_EXECUTABLE"], "-t", str(SCENARIO), clip.as_posix(), out.as_posix()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ILVI ")]
    look(json.loads(line[5:]), out)
