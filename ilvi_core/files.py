"""Files that appear whole or not at all, in folders that a group may share."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ilvi_core.host.errors import IlviError, InputError

LOCK = "solve.lock"
PARTIAL = ".tmp_"  # how the names of half-written files begin
_SHARED = 0o2070  # the bits of a folder by which a group works in it together


def publish(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. IlviError where that fails."""
    with publishing(path) as partial:
        partial.write_bytes(data)


@contextmanager
def publishing(path: Path, failed: Callable[[Path, OSError], IlviError] | None = None) -> Iterator[Path]:
    """A place to write to, which takes the name `path` at the end, or goes away; it ends in the same extension.

    IlviError where that fails: what `failed` makes of it, else `cannot_write`.
    """
    partial = path.with_name(f"{PARTIAL}{os.getpid()}_{uuid.uuid4().hex[:8]}_{path.name}")
    try:
        yield partial
        share(partial)
        os.replace(partial, path)
    except OSError as error:
        raise (failed or cannot_write)(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def cannot_write(path: Path, error: OSError) -> IlviError:
    """The sentence for a write that failed."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE) and not path.parent.is_dir():
        return IlviError(
            f"The folder {path.parent} was removed while ILVI was working in it.",
            "Run it again; leave folders in use to 'ilvi cache'.",
        )
    return IlviError(
        f"{path} cannot be written: {error.strerror or error}.",
        "Make room or choose another folder, then run it again.",
    )


def make_folders(*folders: Path) -> None:
    """IlviError where one cannot be made. New ones can be written by the group where the folder above can."""
    for folder in folders:
        missing = [f for f in (folder, *folder.parents) if not f.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"The folder {folder} cannot be made: {error.strerror}.",
                "Remove what is in its way, or write elsewhere.",
            ) from None
        for made in reversed(missing):
            share(made)


def share(path: Path) -> None:
    """Let the group write to a new file or folder as it may to the folder above, whatever the umask says."""
    with contextlib.suppress(OSError):
        above, own = path.parent.stat(), path.stat()
        if above.st_mode & 0o020:
            bits = above.st_mode & _SHARED if path.is_dir() else 0o060
            if own.st_mode & bits != bits:
                path.chmod(own.st_mode & 0o7777 | bits)


def free_bytes(folder: Path) -> int:
    """Room on the disk that holds the folder, or will hold it."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """One solve at a time in a folder. InputError while another process is at it."""
    make_folders(folder)
    guard = FileLock(folder / LOCK)
    try:
        guard.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"Another ILVI is solving into {folder}.", "Wait for it, stop it, or write to another place."
        ) from None
    try:
        yield
    finally:
        guard.release()
