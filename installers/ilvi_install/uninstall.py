"""`--uninstall`: everything goes that the installer made, and nothing else."""

from __future__ import annotations

from pathlib import Path

from ilvi_install import files, nuke, weights
from ilvi_install.environment import RUN, restore_record
from ilvi_install.places import Machine, cache_folder, python_in
from ilvi_install.running import users_of
from ilvi_install.state import Lock, State, load
from ilvi_install.steps import clean_environment, follow
from ilvi_install.words import Refused, say

BOOKKEEPING = {"memo", "aside", ".trash"}  # of a cache without entries, see ilvi_core.cache


def uninstall(machine: Machine, prefix: Path, dry: bool, with_cache: bool, force: bool) -> int:
    """Can be interrupted and run again. Refused while a worker runs there, unless forced."""
    state = load(prefix)
    if state is None:
        say(f"Nothing of ILVI is installed in {prefix}.")
        return 0
    users = users_of(prefix, machine.system)
    if users and not force:
        raise Refused(
            f"A program of ILVI's works in {prefix} (process {', '.join(map(str, users))}).",
            "Close the hosts that use it, or add --force.",
        )
    for line in _plan(state, machine, with_cache):
        say(("Would remove " if dry else "Removing ") + line)
    if dry:
        return 0
    lock = Lock(prefix / "install.lock")
    try:
        _remove(state, machine, with_cache)
    finally:
        lock.close()
    files.remove(prefix / "install.lock")
    files.remove(state.path)
    kept = _remove_folders(state.folders)
    for folder in kept:
        say(f"{folder} is kept: something else is in it.")
    solved = cache_folder(machine)
    say("ILVI is uninstalled." + (f" What it solved is kept in {solved}." if solved.is_dir() else ""))
    return 0


def _plan(state: State, machine: Machine, with_cache: bool) -> list[str]:
    lines = [f"{state.prefix}: {', '.join(state.versions) or 'an unfinished version'}"]
    lines += [f"the record {state.record}"] if state.record else []
    lines += [f"the line in {state.nuke_init}"] if state.nuke_init else []
    lines += [path for path in (state.nuke_folder, state.ofx_bundle, *state.weights) if path]
    return [*lines, *([f"the cache {cache_folder(machine)}"] if with_cache else [])]


def _remove(state: State, machine: Machine, with_cache: bool) -> None:
    if with_cache:
        _clear_cache(state, machine)
    if state.nuke_init:
        nuke.remove_line(state)
    if state.nuke_folder:
        files.remove(Path(state.nuke_folder))
    if state.ofx_bundle:
        files.remove(Path(state.ofx_bundle))
    weights.take_out(state)
    if state.record:
        restore_record(state)
    for name in ("current", "versions", "work", "install.log"):
        files.remove(state.root / name)


def _clear_cache(state: State, machine: Machine) -> None:
    """By ILVI itself, which leaves what others are using; then what is empty or its own bookkeeping."""
    folder = cache_folder(machine)
    python = python_in(state.version(state.current), machine.system)
    if not state.current or not python.exists() or not folder.is_dir():
        return
    command = [str(python), "-I", "-c", RUN, "cache", "clear", "--all"]
    if follow(command, clean_environment(), state.root) != 0:
        raise Refused(f"The cache {folder} could not be cleared.", "Remove that folder by hand.")
    if {each.name for each in folder.iterdir()} <= BOOKKEEPING:
        files.remove(folder)


def _remove_folders(made: list[str]) -> list[Path]:
    """Remove the folders that were made, where they are empty; those that are not."""
    kept = []
    for folder in map(Path, reversed(made)):
        if not folder.is_dir():
            continue
        if any(folder.iterdir()):
            kept.append(folder)
        else:
            folder.rmdir()
    return kept
