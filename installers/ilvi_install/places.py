"""Where things go on each operating system. Nothing here touches a disk, so that every branch is tested anywhere."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BUNDLE = "Ilvi.ofx.bundle"


@dataclass(frozen=True)
class Machine:
    """What the places depend on. system: as sys.platform; processor: as platform.machine()."""

    system: str
    processor: str
    home: Path
    environ: Mapping[str, str]

    def named(self, variable: str) -> str:
        return self.environ.get(variable, "").strip()


def this_machine() -> Machine:
    return Machine(sys.platform, platform.machine(), Path.home(), os.environ)


def data_folder(machine: Machine) -> Path:
    """This user's folder for ILVI's data, as `ilvi_core.host.places` and platformdirs have it."""
    if machine.system == "win32":
        return Path(machine.named("LOCALAPPDATA") or machine.home / "AppData" / "Local") / "ilvi" / "ilvi"
    if machine.system == "darwin":
        return machine.home / "Library" / "Application Support" / "ilvi"
    return Path(machine.named("XDG_DATA_HOME") or machine.home / ".local" / "share") / "ilvi"


def default_prefix(machine: Machine) -> Path:
    """Where ILVI is installed unless --prefix says otherwise."""
    return data_folder(machine) / "install"


def record_path(machine: Machine) -> Path:
    """The file by which hosts find the worker; `ilvi_core.host.places.record_path` reads the same one."""
    named = machine.named("ILVI_RECORD")
    return Path(named).expanduser() if named else data_folder(machine) / "worker.json"


def weights_folder(machine: Machine) -> Path:
    named = machine.named("ILVI_WEIGHTS")
    return Path(named).expanduser() if named else data_folder(machine) / "weights"


def cache_folder(machine: Machine) -> Path:
    """Where solved clips are kept, as `ilvi_core.cache` and platformdirs have it."""
    named = machine.named("ILVI_CACHE")
    if named:
        return Path(named).expanduser()
    if machine.system == "win32":
        return data_folder(machine) / "Cache"
    if machine.system == "darwin":
        return machine.home / "Library" / "Caches" / "ilvi"
    return Path(machine.named("XDG_CACHE_HOME") or machine.home / ".cache") / "ilvi"


def nuke_init(machine: Machine) -> Path:
    """The file that Nuke runs at its start, this user's own."""
    if machine.system == "win32":  # Nuke takes HOME there too, where somebody has set it
        return Path(machine.named("HOME") or machine.named("USERPROFILE") or machine.home) / ".nuke" / "init.py"
    return machine.home / ".nuke" / "init.py"


def ofx_folder(machine: Machine) -> Path:
    """Where every OpenFX host looks for plugins."""
    if machine.system == "win32":
        programs = machine.named("COMMONPROGRAMFILES") or r"C:\Program Files\Common Files"
        return Path(programs) / "OFX" / "Plugins"
    if machine.system == "darwin":
        return Path("/Library/OFX/Plugins")
    return Path("/usr/OFX/Plugins")


def ofx_architecture(machine: Machine) -> str:
    """The folder inside a bundle that holds the binary for this machine."""
    if machine.system == "win32":
        return "Win64"
    if machine.system == "darwin":
        return "MacOS"
    return "Linux-" + machine.processor.replace("x86_64", "x86-64")


def python_in(environment: Path, system: str) -> Path:
    """The Python of a virtual environment."""
    return environment / "Scripts" / "python.exe" if system == "win32" else environment / "bin" / "python"


def command_in(environment: Path, system: str) -> Path:
    """The command `ilvi` of a virtual environment."""
    return environment / "Scripts" / "ilvi.exe" if system == "win32" else environment / "bin" / "ilvi"
