"""Who is at work in an environment: its files must stay while a worker may still load some."""

from __future__ import annotations

import os
from pathlib import Path

from ilvi_install.steps import output


def users_of(folder: Path, system: str) -> list[int]:
    """The processes whose program lies in the folder. On Windows none is known: there a file in use cannot go."""
    inside = (str(folder) + os.sep, os.path.realpath(folder) + os.sep)
    found = []
    for process, program in _processes(system):
        if program.startswith(inside) and process != os.getpid():
            found.append(process)
    return sorted(found)


def _processes(system: str) -> list[tuple[int, str]]:
    """(process, its command) for each."""
    if system == "win32":
        return []
    if system == "linux":
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                found.append((int(entry.name), os.fsdecode((entry / "cmdline").read_bytes().split(b"\0")[0])))
            except OSError:
                continue  # it ended meanwhile
        return found
    lines = [line.strip().partition(" ") for line in output(["ps", "-axwwo", "pid=,command="]).splitlines()]
    return [(int(process), command.lstrip()) for process, _, command in lines if process.isdigit()]
