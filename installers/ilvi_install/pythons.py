"""Which Python the worker's environment is made from."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ilvi_install.steps import output
from ilvi_install.words import Refused

OLDEST = (3, 10)
NEWEST = (3, 13)  # that ILVI is tested with; newer ones are taken when nothing else is there
_ASK = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"


@dataclass(frozen=True)
class Python:
    path: Path
    version: tuple[int, int]

    @property
    def words(self) -> str:
        return f"Python {self.version[0]}.{self.version[1]} ({self.path})"


def choose(named: str, needed: tuple[int, int] | None, ask: Callable[[list[str]], str] = output) -> Python:
    """named: by --python, else this one, else what PATH has.  needed: the one version that an archive is for.

    Refused when none fits.
    """
    if named:
        found = _look([str(Path(named).expanduser()) if Path(named).expanduser().exists() else named], ask)
        if found is None:
            raise Refused(f"--python {named} is no Python that runs.", "Give the path of a Python 3.10 or newer.", 2)
        if not _fits(found, needed):
            raise Refused(f"{found.words} does not fit: {_wanted(needed)} is needed.", "Name another with --python.", 2)
        return found
    here = Python(Path(sys.executable), sys.version_info[:2])
    if _fits(here, needed):
        return here
    for command in _candidates(needed):
        found = _look(command, ask)
        if found and _fits(found, needed):
            return found
    raise Refused(
        f"ILVI's worker needs {_wanted(needed)}, and there is none beside this Python {here.version[0]}."
        f"{here.version[1]}.",
        "Install one (python.org, or your system's packages), or name one with --python.",
        2,
    )


def _fits(python: Python, needed: tuple[int, int] | None) -> bool:
    return python.version == needed if needed else python.version >= OLDEST


def _wanted(needed: tuple[int, int] | None) -> str:
    return f"Python {needed[0]}.{needed[1]}" if needed else "Python 3.10 or newer"


def _candidates(needed: tuple[int, int] | None) -> list[list[str]]:
    minors = [needed[1]] if needed else range(NEWEST[1], OLDEST[1] - 1, -1)
    commands = [[f"python3.{minor}"] for minor in minors] + [["python3"], ["python"]]
    if shutil.which("py"):
        commands = [["py", f"-3.{minor}"] for minor in minors] + commands
    return commands


def _look(command: list[str], ask: Callable[[list[str]], str]) -> Python | None:
    words = ask([*command, "-I", "-c", _ASK]).splitlines()
    if not words:
        return None
    version, _, path = words[-1].partition(" ")
    major, _, minor = version.partition(".")
    return Python(Path(path), (int(major), int(minor)))
