"""What the installer has made, noted before it is made, so that an interrupted run can be finished or undone."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import IO, Any

from ilvi_install import files
from ilvi_install.words import Refused

FORMAT = 1


@dataclass
class State:
    """One prefix. Paths are text, as they stand in install.json."""

    prefix: str
    building: str = ""  # the version that is being made; not empty at the start of a run: that one was interrupted
    versions: list[str] = field(default_factory=list)  # whole ones, oldest first
    current: str = ""
    record: str = ""
    record_before: str | None = None  # what stood there: another installation's
    folders: list[str] = field(default_factory=list)  # that were made, outermost first
    nuke_init: str = ""  # the file with our line
    nuke_init_made: bool = False
    nuke_folder: str = ""  # for NUKE_PATH
    ofx_bundle: str = ""
    weights: list[str] = field(default_factory=list)  # files that were imported
    format: int = FORMAT

    @property
    def root(self) -> Path:
        return Path(self.prefix)

    @property
    def path(self) -> Path:
        return self.root / "install.json"

    @property
    def work(self) -> Path:
        """Scratch: what is in it belongs to the run that is under way."""
        return self.root / "work"

    def version(self, name: str) -> Path:
        return self.root / "versions" / name

    def save(self) -> None:
        files.write_json(self.path, asdict(self))

    def make_folder(self, folder: Path) -> None:
        """Make it and its parents, and note those that were not there."""
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
            if str(each) not in self.folders:
                self.folders.append(str(each))
        if missing and self.root.is_dir():
            self.save()


def load(prefix: Path) -> State | None:
    """None: nothing is installed there. Refused when its note is damaged or of a newer installer."""
    found = files.read_json(prefix / "install.json")
    if found is None:
        return None
    known = {each.name for each in fields(State)}
    if not isinstance(found, dict) or found.get("format") != FORMAT or set(found) - known or "prefix" not in found:
        raise Refused(
            f"{prefix / 'install.json'} was written by another version of the installer.",
            "Use that one, or another --prefix.",
            2,
        )
    return State(**{**found, "prefix": str(prefix)})


class Lock:
    """One installer at a time in a prefix. The system lets go of it when this process ends, however it does."""

    def __init__(self, path: Path) -> None:
        self._file: IO[Any] = path.open("a+")
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            raise Refused(
                f"Another installer is at work in {path.parent}.", "Wait until it is done, and run this one again."
            ) from None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


def _lock(file: IO[Any]) -> None:
    if os.name == "nt":
        import msvcrt

        windows: Any = msvcrt
        file.seek(0)
        windows.locking(file.fileno(), windows.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
