"""One pure-Python wheel has all of it: presets, suites, templates, the Nuke plugin, the Python effect."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest
from ilvi_install.source import stage
from install_kit import ROOT, environment, stub_index

pytestmark = pytest.mark.install


def test_the_wheel_has_every_file(tmp_path):
    stage(ROOT, tmp_path / "source")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(tmp_path / "source")]
    subprocess.run(command, env=environment(tmp_path, PIP_INDEX_URL=stub_index(tmp_path / "index")), check=True)
    (wheel,) = tmp_path.glob("ilvi-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as content:
        names = {name for name in content.namelist() if ".dist-info/" not in name}
    wanted = set()
    for pattern in (
        "ilvi_core/**/*.py", "ilvi_core/presets/*.yaml", "ilvi_core/evaluate/suites/*.yaml", "ilvi_core/evaluate/*.j2",
        "nuke_plugin/**/*.py", "nuke_plugin/icons/*.png", "nuke_plugin/README.md", "ofx_bridge/*.py",
    ):  # fmt: skip
        found = {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)}
        assert found, pattern
        wanted |= found
    assert names == wanted
