"""Nuke's side: one guarded line in ~/.nuke/init.py, or a folder for NUKE_PATH."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from ilvi_install import files
from ilvi_install.state import State
from ilvi_install.words import Refused

MARK = b"# ILVI's installer"
BREAK_BEFORE = b" (and the line break before)"


def line_for(plugin: Path) -> bytes:
    """A line of Python that does nothing without the folder; in ASCII, for the file may have any encoding."""
    path = ascii(str(plugin))
    return f"import os, nuke; os.path.isdir({path}) and nuke.pluginAddPath({path})  ".encode() + MARK


def with_line(before: bytes, plugin: Path) -> bytes:
    """The file with our line at its end, and no other of ours."""
    kept = without_line(before)
    newline = b"\r\n" if b"\r\n" in kept else b"\n"
    if kept and not kept.endswith((b"\n", b"\r")):
        return kept + newline + line_for(plugin) + BREAK_BEFORE + newline
    return kept + line_for(plugin) + newline


def without_line(content: bytes) -> bytes:
    """The file as it was before `with_line`, byte for byte; other lines may have changed since."""
    pattern = rb"(\r?\n|\A|(?<=\n))[^\r\n]*" + re.escape(MARK) + rb"(" + re.escape(BREAK_BEFORE) + rb")?\r?\n?"
    found = re.search(pattern, content)
    if not found:
        return content
    after = content[found.end() :]
    if found.group(2) and not after:
        return content[: found.start()]
    return content[: found.start()] + found.group(1) + after


def add_line(state: State, init: Path, plugin: Path) -> None:
    """Let Nuke find the plugin. A link (dotfiles) stays one: the file behind it is written."""
    target = Path(os.path.realpath(init))
    state.nuke_init, state.nuke_init_made = str(target), state.nuke_init_made or not target.exists()
    state.make_folder(target.parent)
    state.save()
    before = target.read_bytes() if target.exists() else b""
    after = with_line(before, plugin)
    if after != before:
        files.write_whole(target, after)


def remove_line(state: State) -> None:
    init = Path(state.nuke_init)
    if not init.is_file():
        return
    before = init.read_bytes()
    after = without_line(before)
    if not after and state.nuke_init_made:
        init.unlink()
    elif after != before:
        files.write_whole(init, after)


def check_folder(state: State | None, folder: Path) -> None:
    """Refused when the folder for NUKE_PATH holds something that is not ours."""
    ours = state is not None and state.nuke_folder == str(folder)
    if not ours and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is not empty, and ILVI's installer did not make it.", "Name a new folder.", 2)


def put_folder(state: State, plugin: Path, folder: Path) -> None:
    """A copy of the plugin as a folder for NUKE_PATH."""
    state.make_folder(folder.parent)
    state.nuke_folder = str(folder)
    state.save()
    new = folder.with_name(f".{folder.name}.new")
    files.remove(new)
    shutil.copytree(plugin, new, ignore=files.NO_BYTECODE)
    files.replace_folder(new, folder)
