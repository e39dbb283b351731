"""The OpenFX plugin by clang with the address and undefined sanitizers, and by gcc with that of threads."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ofx_kit import ROOT, build_with

pytestmark = [pytest.mark.slow, pytest.mark.ofx]
BUILDS = {
    "clang": (
        "clang++",
        "-DCMAKE_BUILD_TYPE=Debug",
        "-DCMAKE_CXX_FLAGS_DEBUG=-g1",
        "-DILVI_SANITIZE=address,undefined",
    ),
    "threads": ("g++", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DILVI_SANITIZE=thread"),
}
# every way to get frames, every fault, and of the hosts what has to do with threads and with stopping
TESTS = {
    "test_ofx_frames.py": "",
    "test_ofx_faults.py": "",
    "test_ofx_hosts.py": "concurrent or at_the_same_time or render_thread or cancel or abort or test_as_in or instance",
}


@pytest.mark.parametrize("name", BUILDS)
def test_another_build_passes_the_tests(name, tmp_path):
    compiler, *options = BUILDS[name]
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    # ILVI_OFX_BUILD keeps this one beside the usual one
    kept = os.environ.get("ILVI_OFX_BUILD")
    folder = Path(f"{kept}-{name}") if kept else tmp_path / "build"
    build_with(folder, f"-DCMAKE_CXX_COMPILER={compiler}", *options)
    for file, words in TESTS.items():
        command = [sys.executable, "-m", "pytest", "-m", "ofx and not slow", f"tests/ofx/{file}", "-k", words]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "ILVI_OFX_BUILT": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-5000:]
