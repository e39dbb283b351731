"""Files and folders, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from ilvi_install.words import Refused

NO_BYTECODE = shutil.ignore_patterns("__pycache__", "*.pyc")


def write_whole(path: Path, content: bytes) -> None:
    """All of the content or what was there before; the mode of what was there is kept."""
    temporary = path.with_name(f".{path.name}.ilvi-{os.getpid()}")
    try:
        temporary.write_bytes(content)
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_json(path: Path, value: Any) -> None:
    write_whole(path, (json.dumps(value, indent=1) + "\n").encode())


def read_json(path: Path) -> Any:
    """None when there is no such file. Refused when it is no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise Refused(f"{path} is damaged.", "Remove it, and run the installer again.") from None


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def remove(path: Path) -> None:
    """A file, a link or a whole folder; nothing when it is not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def replace_folder(new: Path, target: Path) -> None:
    """Put the folder `new` in the place of `target`. A program that has the old one open keeps what it has."""
    old = target.with_name(f".{target.name}.old")
    remove(old)
    if target.exists():
        os.replace(target, old)
    try:
        os.replace(new, target)
    except OSError:
        if old.exists():
            os.replace(old, target)
        raise
    remove(old)


def point_link(link: Path, target: str) -> bool:
    """Make or change a symbolic link in one step; False where this user may not (Windows)."""
    temporary = link.with_name(f".{link.name}.ilvi")
    remove(temporary)
    try:
        os.symlink(target, temporary, target_is_directory=True)
        os.replace(temporary, link)
    except OSError:
        remove(temporary)
        return False
    return True


def existing_parent(path: Path) -> Path:
    """The nearest folder above (or at) the path that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
