"""An archive of make_bundle.py: a zip, or the folder it was unpacked into; every file is checked by its SHA-256."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ilvi_install.pythons import Python
from ilvi_install.steps import output
from ilvi_install.words import Refused

MANIFEST = "manifest.json"
WHEELS = "wheels"
REQUIREMENTS = "requirements.txt"
FORMAT = 1
_AGAIN = "Copy it again, or make it again with make_bundle.py."


@dataclass(frozen=True)
class Archive:
    """python: the version that its wheels are for.  files: path inside -> SHA-256."""

    path: Path
    version: str
    python: tuple[int, int]
    platform: str
    files: dict[str, str]
    room: int  # bytes that installing it takes, about

    def has(self, folder: str) -> bool:
        return any(name.startswith(f"{folder}/") for name in self.files)

    def unpack(self, folder: str, into: Path, tell: Callable[[str], None]) -> Path:
        """Copy a folder of the archive into `into`; where it is then. Refused when a file is not what it was."""
        names = [name for name in self.files if name.startswith(f"{folder}/")]
        if self.path.is_dir():
            for name in names:
                with (self.path / name).open("rb") as source:
                    self._copy(name, source, into, tell)
            return into / folder
        try:
            with zipfile.ZipFile(self.path) as archive:
                for name in names:
                    with archive.open(name) as source:
                        self._copy(name, source, into, tell)
        except (zipfile.BadZipFile, KeyError, EOFError):
            raise Refused(f"{self.path} is damaged.", _AGAIN) from None
        return into / folder

    def _copy(self, name: str, source: IO[bytes], into: Path, tell: Callable[[str], None]) -> None:
        target = into.joinpath(*name.split("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        tell(name)
        digest = hashlib.sha256()
        with target.open("wb") as out:
            for block in iter(lambda: source.read(1 << 20), b""):
                digest.update(block)
                out.write(block)
        if digest.hexdigest() != self.files[name]:
            raise Refused(f"{name} in {self.path} is damaged: its SHA-256 is not the one that was noted.", _AGAIN)
        if name.endswith((".ofx", ".sh")):
            target.chmod(0o755)


def is_archive(path: Path) -> bool:
    """Whether the folder or zip has a manifest of ours."""
    if path.is_dir():
        return (path / MANIFEST).is_file()
    return path.is_file() and zipfile.is_zipfile(path) and MANIFEST in zipfile.ZipFile(path).namelist()


def family(tag: str) -> str:
    """System and processor of a platform tag: linux-x86_64 of manylinux_2_28_x86_64, macosx-arm64, win-amd64."""
    system = re.match(r"[a-z]*?(linux|win|macosx)", tag)
    processor = re.search(r"(x86_64|amd64|arm64|aarch64)$", tag.replace("-", "_"))
    if not system or not processor:
        raise Refused(f"The platform {tag} is none that ILVI runs on.", "Such as: manylinux_2_28_x86_64.", 2)
    return f"{system.group(1)}-{processor.group(1)}"


def family_of(python: Python) -> str:
    """The same for this machine, as a Python of it says."""
    ask = "import platform, sysconfig; print(sysconfig.get_platform(), platform.machine())"
    tag, _, processor = output([python.path, "-I", "-c", ask]).partition(" ")
    return family(tag.replace("universal2", processor))  # which runs as what the machine is


def open_archive(path: Path) -> Archive:
    """Refused for what is no archive of ours, or of another format."""
    if not path.exists():
        raise Refused(f"There is no archive {path}.", "Make one with make_bundle.py on a machine with a network.", 2)
    if not is_archive(path):
        raise Refused(f"{path} is no archive of make_bundle.py, or it is damaged.", _AGAIN, 2)
    try:
        if path.is_dir():
            text = (path / MANIFEST).read_text(encoding="utf-8")
        else:
            with zipfile.ZipFile(path) as archive:
                text = archive.read(MANIFEST).decode()
        found: dict[str, Any] = json.load(io.StringIO(text))
        if found["format"] != FORMAT:
            raise Refused(f"{path} was made by another version of make_bundle.py.", "Use its own install.py.", 2)
        for name in found["files"]:
            if name.startswith("/") or ".." in name.split("/") or "\\" in name:
                raise ValueError(name)
        major, minor = found["python"].split(".")
        python = (int(major), int(minor))
        return Archive(path, found["version"], python, found["platform"], found["files"], int(found["room"]))
    except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
        raise Refused(f"{path} is damaged: its {MANIFEST} cannot be read.", _AGAIN, 2) from None
