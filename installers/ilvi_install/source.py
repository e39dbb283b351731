"""What is installed: a checkout, a wheel, or an archive of make_bundle.py."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from ilvi_install import files
from ilvi_install.archive import Archive, is_archive, open_archive
from ilvi_install.words import Refused

HERE = Path(__file__).resolve().parent.parent  # installers/ of a checkout, or an archive
PARTS = ("ilvi_core", "nuke_plugin", "ofx_bridge", "pyproject.toml", "README.md", "LICENSE")  # that a wheel is built of


@dataclass(frozen=True)
class Source:
    """One of: checkout, wheel, archive."""

    version: str
    checkout: Path | None = None
    wheel: Path | None = None
    archive: Archive | None = None

    @property
    def words(self) -> str:
        place = self.checkout or self.wheel or (self.archive and self.archive.path)
        return f"ILVI {self.version} from {place}"


def find_source(named: str, offline: str) -> Source:
    """named: --source; offline: --offline; both empty: what this installer came with."""
    if offline or (not named and is_archive(HERE)):
        archive = open_archive(Path(offline).expanduser() if offline else HERE)
        return Source(archive.version, archive=archive)
    place = Path(named).expanduser() if named else HERE.parent
    wheel = re.fullmatch(r"ilvi-([^-]+)-py3-none-any\.whl", place.name)
    if wheel and place.is_file():
        return Source(wheel.group(1), wheel=place.resolve())
    version = _version(place)
    if not version:
        raise Refused(
            f"There is no ILVI in {place}.", "Run the install.py of a checkout, or name a checkout or wheel.", 2
        )
    return Source(version, checkout=place.resolve())


def stage(checkout: Path, into: Path) -> Path:
    """A copy of what the wheel is built of: setuptools writes into the folder that it builds from."""
    into.mkdir(parents=True)
    for name in PARTS:
        part = checkout / name
        if part.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "build", "*.egg-info")
            shutil.copytree(part, into / name, ignore=ignore)
        elif part.is_file():
            shutil.copyfile(part, into / name)
    return into


def vendor_plugin(packages: Path, into: Path) -> None:
    """The Nuke plugin with the host package inside: it runs alone. packages: what holds nuke_plugin and ilvi_core."""
    if not (packages / "nuke_plugin" / "init.py").is_file():
        raise Refused(f"There is no Nuke plugin in {packages}.", "Use a whole checkout or wheel of ILVI.", 2)
    files.remove(into)
    shutil.copytree(packages / "nuke_plugin", into, ignore=files.NO_BYTECODE)
    core = into / "vendor" / "ilvi_core"
    shutil.copytree(packages / "ilvi_core" / "host", core / "host", ignore=files.NO_BYTECODE)
    shutil.copyfile(packages / "ilvi_core" / "__init__.py", core / "__init__.py")


def _version(place: Path) -> str:
    try:
        text = (place / "ilvi_core" / "__init__.py").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    return found.group(1) if found and (place / "pyproject.toml").is_file() else ""
