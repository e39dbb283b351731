"""A folder of entries: who may work in one, read from it, move it away. What is in them is `cache.py`'s to know."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ilvi_core import lease
from ilvi_core.entry import Entry, folder_bytes
from ilvi_core.files import make_folders, share
from ilvi_core.host.errors import IlviError, InputError

TRIES = 5  # to make an entry that others clear away
ASIDE, TRASH = "aside", ".trash"
USED = "used"  # its modification time is when the entry was last asked for
_NAME = re.compile(r"[0-9a-f]{12}\.-?\d+--?\d+\.[0-9a-f]{20}")


class Shelf:
    """One such folder. Made when something is first put there; a missing or read-only one can still be looked at."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, name: str) -> Path:
        """The folder of the entry of that name, or of the only one that begins so. InputError where there is none."""
        found = [f for f in self.folders() if f.name.startswith(name) or f.name.endswith("." + name)] if name else []
        if len(found) != 1:
            what = "no entry" if not found else f"{len(found)} entries"
            raise InputError(f"The cache {self.root} has {what} '{name}'.", "See 'ilvi cache list' for their names.")
        return found[0]

    def folders(self) -> list[Path]:
        """Every entry's folder, by name."""
        try:
            return sorted(f for f in self.root.iterdir() if _NAME.fullmatch(f.name) and f.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(
                f"The cache {self.root} cannot be read: {error.strerror}.", "Set ILVI_CACHE to another folder."
            ) from None

    def hold(
        self, folder: Path, stop: Callable[[], bool], on_wait: Callable[[lease.Owner, float], None]
    ) -> lease.Lease:
        """The right to work in an entry; waits while another process has it. See `lease.acquire`."""
        self._make_root()
        for times in range(TRIES):
            try:
                make_folders(folder)
            except InputError as error:
                if not os.access(self.root, os.W_OK) or _read_only(self.root):
                    raise lease.CacheReadOnly(error.message, error.hint) from None
                raise
            try:
                held = lease.acquire(folder, stop, on_wait)
            except lease.FolderGone:  # somebody cleared the cache of what was not yet in it
                if times + 1 == TRIES:
                    raise
                continue
            lease.sweep(folder)
            return held
        raise AssertionError("the last try returns or raises")

    def _make_root(self) -> None:
        if self.root.is_dir():
            return
        try:
            make_folders(self.root)
        except InputError as error:
            raise lease.CacheReadOnly(error.message, "Set ILVI_CACHE to a folder of yours.") from None

    @contextmanager
    def using(self, entry: Entry) -> Iterator[None]:
        """While this lasts the entry is not evicted; it counts as used now."""
        self.touch(entry.folder)
        with lease.use(entry.folder):
            yield

    def touch(self, folder: Path) -> None:
        """Count the entry as used now. A read-only cache forgets."""
        path = folder / USED
        with contextlib.suppress(OSError):
            if path.exists():
                os.utime(path)
            else:
                path.touch()
                share(path)

    def set_aside(self, folder: Path, name: str = "") -> Path:
        """Move a damaged entry out of the way; nothing of it is found again. name: what it goes by there."""
        make_folders(self.root / ASIDE)
        number = 1
        while True:
            place = self.root / ASIDE / f"{name or folder.name}.{number}"
            if not place.exists():
                break
            number += 1
        try:
            folder.rename(place)
        except FileNotFoundError:
            pass  # somebody else was quicker
        except OSError as error:
            raise InputError(
                f"The damaged entry {folder} cannot be moved: {error.strerror}.", "Remove it, or mend its permissions."
            ) from None
        return place

    def set_aside_files(self, entry: Entry, names: Iterable[str]) -> None:
        """Move single damaged files of an entry out of the way, and list them no more."""
        names = list(names)
        place = self.root / ASIDE / f"{entry.name}.files"
        make_folders(place)
        for name in names:
            with contextlib.suppress(OSError):
                os.replace(entry.folder / name, place / name.replace("/", "-"))
        entry.drop(names)

    def slim(self, entry: Entry) -> int:
        """Drop what can be made again without solving. Bytes freed; 0 when somebody is at the entry."""
        with self.alone(entry.folder) as held:
            return entry.slim() if held else 0

    def remove(self, folder: Path) -> bool:
        """Remove an entry. False when somebody is at it."""
        with self.alone(folder) as held:
            if held is None:
                return False
            gone = self.root / TRASH / f"{folder.name}.{uuid.uuid4().hex[:8]}"
            try:
                make_folders(self.root / TRASH)
                folder.rename(gone)  # at once: nobody meets half an entry
            except FileNotFoundError:
                return False  # another one is clearing up at the same time
            except OSError as error:
                raise InputError(
                    f"The entry {folder} cannot be removed: {error.strerror}.", "Mend its permissions."
                ) from None
            if lease.in_use(gone, held):  # somebody came in between
                gone.rename(folder)
                return False
        shutil.rmtree(gone, ignore_errors=True)
        with contextlib.suppress(OSError):
            (self.root / TRASH).rmdir()
        return True

    def clear_aside(self) -> int:
        """Remove what was set aside as damaged, and the rests of interrupted removals. Bytes freed."""
        freed = 0
        for part in (self.root / ASIDE, self.root / TRASH):
            freed += folder_bytes(part)
            shutil.rmtree(part, ignore_errors=True)
            freed -= folder_bytes(part)
        return freed

    @contextmanager
    def alone(self, folder: Path) -> Iterator[lease.Lease | None]:
        """The lease of an entry that nobody solves in nor reads from; None where there is none to be had."""
        held: lease.Lease | object | None = None
        with contextlib.suppress(IlviError):  # gone meanwhile, or another user's
            held = None if lease.in_use(folder) else lease.try_acquire(folder)
        if not isinstance(held, lease.Lease):
            yield None
            return
        try:
            yield None if lease.in_use(folder, held) else held
        finally:
            held.release()


def _read_only(folder: Path) -> bool:
    """Whether the disk itself refuses (root may write everywhere else)."""
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except (OSError, AttributeError):
        return False
