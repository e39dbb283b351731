"""What the tests of the OpenFX plugin share: a build of it, and frames."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from ofx_kit import Host, build_with, launcher, make_frames

# few units and short debug information: half of the time
SANITIZED = (
    "-DCMAKE_BUILD_TYPE=Debug",
    "-DCMAKE_CXX_FLAGS_DEBUG=-g1",
    "-DCMAKE_UNITY_BUILD=ON",
    "-DILVI_SANITIZE=address,undefined",
)


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """The plugin and the host by gcc with the address and undefined sanitizers; ILVI_OFX_BUILD keeps it there.

    ILVI_OFX_BUILT names a build that is taken as it is (take_out.py).
    """
    if os.environ.get("ILVI_OFX_BUILT"):
        return Path(os.environ["ILVI_OFX_BUILT"])
    missing = [tool for tool in ("cmake", "g++") if shutil.which(tool) is None]
    if not Path("/usr/include/nlohmann/json.hpp").exists():
        missing.append("nlohmann-json3-dev")
    if missing and not os.environ.get("ILVI_OFX_BUILD"):
        pytest.skip(f"{' and '.join(missing)} is not installed")
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = tmp_path_factory.getbasetemp().parent
    else:
        shared = tmp_path_factory.getbasetemp()
    folder = Path(os.environ.get("ILVI_OFX_BUILD", "") or shared / "ofx-build")
    with FileLock(str(folder) + ".lock"):
        return build_with(folder, *SANITIZED)


@pytest.fixture(scope="session")
def frames(tmp_path_factory):
    return make_frames(tmp_path_factory.mktemp("frames"))


@pytest.fixture
def host(build, frames, tmp_path):
    """With the fake worker."""
    return Host(build, frames, tmp_path, launcher(tmp_path / "python"))


@pytest.fixture
def real_host(build, frames, tmp_path):
    """With the real worker, of this very Python."""
    return Host(build, frames, tmp_path, sys.executable)
