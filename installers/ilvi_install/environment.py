"""One version of ILVI: its virtual environment, made beside the others and tried before it counts."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path

from ilvi_install import files
from ilvi_install.archive import REQUIREMENTS, WHEELS
from ilvi_install.places import Machine, python_in
from ilvi_install.pythons import Python
from ilvi_install.running import users_of
from ilvi_install.source import Source, stage, vendor_plugin
from ilvi_install.state import State
from ilvi_install.steps import DOWNLOADS, Steps, output
from ilvi_install.torch_build import TorchBuild
from ilvi_install.words import Refused, say

PLUGIN = "nuke_plugin"  # in a version's folder: the Nuke plugin, able to run alone
KEEP = 2  # versions: the current one, and the one before it, which running hosts may still use
RUN = "import sys; from ilvi_core.cli import main; sys.exit(main())"


def make(state: State, name: str, python: Python, torch: TorchBuild, source: Source, steps: Steps, system: str) -> None:
    """A whole environment in versions/NAME, without the switch to it."""
    folder = state.version(name)
    state.building = name
    state.save()
    with steps.step(f"Making an environment of {python.words}"):
        _virtual_environment(folder, python, steps)
    inner = python_in(folder, system)
    if source.archive:
        _from_archive(state, inner, source, steps)
    else:
        _from_index(state, inner, torch, source, steps)
    packages = output([inner, "-I", "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"])
    if not packages:
        raise Refused(f"The new environment's Python {inner} does not run.", "Try another with --python.")
    vendor_plugin(Path(packages), folder / PLUGIN)


def _virtual_environment(folder: Path, python: Python, steps: Steps) -> None:
    if not output([python.path, "-I", "-c", "import ensurepip, venv; print(1)"]):
        raise Refused(
            f"{python.words} cannot make environments: its module venv or ensurepip is missing.",
            "On Debian and Ubuntu: apt install python3-venv. Or name another Python with --python.",
        )
    steps.run([python.path, "-I", "-m", "venv", folder], "The environment could not be made")


def _from_archive(state: State, inner: Path, source: Source, steps: Steps) -> None:
    assert source.archive
    archive = source.archive
    with steps.step(f"Unpacking and checking {archive.path}"):
        wheels = archive.unpack(WHEELS, state.work, lambda name: say(f"      {name}"))
    with steps.step("Installing torch, ILVI and what they need, without a network"):
        # nothing of this machine's pip counts: no index, no folder, no file of another origin
        extra = {name: "" for name in os.environ if name.startswith("PIP_")}
        extra |= {"PIP_CONFIG_FILE": os.devnull, "PIP_USER": "0", "PIP_NO_INPUT": "1"}
        steps.pip(
            inner, "install", "--no-index", "--require-hashes", "--only-binary", ":all:", "--find-links", wheels,
            "-r", wheels / REQUIREMENTS, failed="The packages of the archive could not be installed", extra=extra,
        )  # fmt: skip


def _from_index(state: State, inner: Path, torch: TorchBuild, source: Source, steps: Steps) -> None:
    if torch.pip:
        with steps.step(f"Installing {torch.words}"):
            steps.pip(inner, "install", *torch.pip, failed="torch could not be installed")
    with steps.step("Installing ILVI and what it needs" + ("" if torch.pip else f": {torch.words}")):
        what = source.wheel or stage(source.checkout or Path(), state.work / "source")
        steps.pip(inner, "install", what, failed="ILVI could not be installed")


def try_out(state: State, name: str, system: str, steps: Steps, folder: Path) -> None:
    """The self-test of a version that is not the current one yet: a small solve through its worker.

    folder: scratch.  Refused when it fails.
    """
    python = python_in(state.version(name), system)
    record = folder / "record.json"
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(record, {"python": str(python)})
    environment = {
        "ILVI_RECORD": str(record), "ILVI_PYTHON": "", "ILVI_LOG": str(folder / "log"), "TMPDIR": str(folder),
    }  # fmt: skip
    steps.run([python, "-I", "-c", RUN, "doctor", "--self-test"], "The self-test failed", environment)


def write_record(state: State, record: Path, name: str, version: str, system: str) -> None:
    """The switch: from here on hosts start the worker of this version. One rename."""
    if state.record and state.record != str(record):
        restore_record(state)
        state.record_before = None
    if record.exists() and not is_ours(state, record):
        state.record_before = record.read_text(encoding="utf-8", errors="surrogateescape")
    state.make_folder(record.parent)
    state.record = str(record)
    state.building, state.current = "", name
    if name not in state.versions:
        state.versions.append(name)
    state.save()
    python = python_in(state.version(name), system)
    files.write_json(record, {"python": str(python), "version": version, "prefix": state.prefix})
    link = Path(state.prefix) / "current"
    if not files.point_link(link, os.path.join("versions", name)):
        say(f"      {link} could not be made (links need a right on Windows); use {python} by its own path.")


def restore_record(state: State) -> None:
    """Take our record away, and put back what another installation had there."""
    record = Path(state.record)
    if not is_ours(state, record):
        return
    before = state.record_before
    if before is not None and os.path.isfile(_python_of(before)):
        files.write_whole(record, before.encode("utf-8", "surrogateescape"))
    else:
        files.remove(record)


def is_ours(state: State, record: Path) -> bool:
    """Whether the record names a Python of this prefix."""
    with contextlib.suppress(OSError):
        return Path(state.prefix) in Path(_python_of(record.read_text(encoding="utf-8", errors="replace"))).parents
    return False


def _python_of(record: str) -> str:
    try:
        return str(json.loads(record)["python"])
    except (ValueError, KeyError, TypeError):
        return ""


def roll_back(state: State) -> bool:
    """Remove what an interrupted run has left; what pip had fetched is kept for the next try. Whether there was any."""
    there = bool(state.building) or state.work.exists()
    if state.building:
        files.remove(state.version(state.building))
        state.building = ""
        state.save()
    if state.work.exists():
        for each in state.work.iterdir():
            if each.name != DOWNLOADS:
                files.remove(each)
    return there


def prune(state: State, machine: Machine) -> None:
    """Remove versions older than the one before the current, unless a worker runs in them."""
    others = [name for name in state.versions if name != state.current]
    for name in others[: max(0, len(others) - KEEP + 1)]:
        folder = state.version(name)
        users = users_of(folder, machine.system)
        if users:
            say(f"      {name} is kept: process {users[0]} works in it; the next --upgrade removes it.")
            continue
        trash = state.work / "old" / name
        trash.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.replace(folder, trash)
        except OSError:
            continue  # in use (Windows); it is tried again at the next upgrade
        state.versions.remove(name)
        state.save()
        shutil.rmtree(trash, ignore_errors=True)


def is_whole(state: State, name: str, system: str) -> str:
    """The version of ILVI in an environment; empty when it does not run."""
    python = python_in(state.version(name), system)
    if not name or not python.exists() or not (state.version(name) / PLUGIN).is_dir():
        return ""
    return output([python, "-I", "-c", "import torch, cv2, ilvi_core.cli; print(ilvi_core.__version__)"])


def free_name(state: State, version: str, stamp: str) -> str:
    """A folder name for a new version that none has."""
    name, number = f"{version}-{stamp}", 2
    while state.version(name).exists():
        name, number = f"{version}-{stamp}-{number}", number + 1
    return name
