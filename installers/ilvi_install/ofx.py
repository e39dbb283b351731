"""The OpenFX plugin: taken from an archive, or built where there is a compiler, and put where hosts look for it."""

from __future__ import annotations

import shutil
from pathlib import Path

from ilvi_install import files
from ilvi_install.places import BUNDLE, Machine, ofx_architecture
from ilvi_install.source import Source
from ilvi_install.state import State
from ilvi_install.steps import Steps
from ilvi_install.words import Refused, say

BINARY = "Ilvi.ofx"


def check_place(state: State | None, folder: Path) -> None:
    """Refused when there is a bundle that the installer did not put there."""
    target = folder / BUNDLE
    if target.exists() and not (state and state.ofx_bundle == str(target)):
        raise Refused(f"{target} is there, and this installation did not make it.", "Remove it, or use --ofx-dir.", 2)


def can_build() -> str:
    """What is missing for building, in words; empty: nothing."""
    missing = [] if shutil.which("cmake") else ["CMake"]
    if not any(map(shutil.which, ("c++", "g++", "clang++", "cl"))):
        missing.append("a C++ compiler")
    return " and ".join(missing)


def get_bundle(source: Source, machine: Machine, work: Path, steps: Steps) -> Path:
    """The bundle, under `work`. Refused, with what to do, when there is none and none can be built."""
    if source.archive and source.archive.has(BUNDLE):
        found = source.archive.unpack(BUNDLE, work, lambda name: say(f"      {name}"))
    else:
        found = build(source, work, steps)
    architecture = ofx_architecture(machine)
    if not (found / "Contents" / architecture / BINARY).is_file():
        there = ", ".join(sorted(each.parent.name for each in found.glob(f"Contents/*/{BINARY}"))) or "nothing"
        raise Refused(f"The OpenFX plugin at hand is for {there}, and this machine is {architecture}.", code=2)
    return found


def build(source: Source, work: Path, steps: Steps) -> Path:
    """Compile the bundle of a checkout by CMake; the checkout stays as it is."""
    if not source.checkout:
        raise Refused(
            "There is no packed OpenFX plugin, and no source to build it from.",
            "Use an archive that make_bundle.py --ofx made, or a checkout.",
            2,
        )
    missing = can_build()
    if missing:
        raise Refused(
            f"There is no packed OpenFX plugin, and building it needs {missing}.",
            "Install that (docs/openfx.md, Build), or use an archive that has the plugin.",
            2,
        )
    folder = work / "ofx-build"
    failed = "The OpenFX plugin could not be built"
    places: list[str | Path] = ["-S", source.checkout / "ofx_bridge", "-B", folder]
    steps.run(["cmake", *places, "-DCMAKE_BUILD_TYPE=Release", "-DILVI_TESTHOST=OFF"], failed)
    steps.run(["cmake", "--build", folder, "--config", "Release", "--parallel", "2"], failed)
    return folder / BUNDLE


def put_bundle(state: State, bundle: Path, folder: Path) -> None:
    """Into the hosts' folder; the one of an earlier version goes, hosts that have it open keep what they have."""
    target = folder / BUNDLE
    state.make_folder(folder)
    state.ofx_bundle = str(target)
    state.save()
    new = folder / f".{BUNDLE}.new"  # no host takes this for a bundle
    files.remove(new)
    shutil.copytree(bundle, new)
    try:
        files.replace_folder(new, target)
    except OSError as error:
        files.remove(new)
        raise Refused(
            f"{target} cannot be replaced: {error.strerror}.", "Close the programs that use it, and run this again."
        ) from None
