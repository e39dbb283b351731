"""The cache: solved clips by what was asked, shared by processes, users and machines, and kept under a size.

ROOT/FAMILY.FIRST-LAST.KEY/     an entry (entry.py)     ROOT/aside/    what was found damaged
ROOT/memo/                      hashes of pixels by the stamps of their files (digests.py)
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ilvi_core import lease
from ilvi_core.asked import Asked
from ilvi_core.digests import Digests
from ilvi_core.entry import SOLVED, Damaged, Entry, folder_bytes
from ilvi_core.files import make_folders, share
from ilvi_core.host.errors import IlviError, InputError

DEFAULT_LIMIT = 50 << 30  # bytes
TRIES = 5  # to make an entry that others clear away
ASIDE, MEMO, TRASH = "aside", "memo", ".trash"
USED = "used"  # its modification time is when the entry was last asked for
_NAME = re.compile(r"[0-9a-f]{12}\.-?\d+--?\d+\.[0-9a-f]{20}")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class Listed:
    """One line of a listing. state: solved, reduced, solving (somebody is at it), unfinished, damaged."""

    folder: Path
    state: str
    bytes: int
    used: float  # seconds since 1970
    entry: Entry | None = None


@dataclass(frozen=True)
class Freed:
    """What an eviction did."""

    entries: int = 0  # removed whole
    slimmed: int = 0  # kept without what can be made again
    bytes: int = 0
    in_use: int = 0  # left because somebody is at them


def cache_folder(named: str = "") -> Path:
    """The folder named, or $ILVI_CACHE, or this user's cache folder."""
    named = named or os.environ.get("ILVI_CACHE", "")
    return Path(os.path.abspath(os.path.expanduser(named))) if named else platformdirs.user_cache_path("ilvi")


def size_limit(text: str = "") -> int:
    """Bytes from '20G' (or $ILVI_CACHE_SIZE, or 50G); 0 is no limit. InputError for anything else."""
    text = text or os.environ.get("ILVI_CACHE_SIZE", "")
    if not text.strip():
        return DEFAULT_LIMIT
    found = re.fullmatch(r"\s*(\d{1,18}(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE | re.ASCII)
    if not found:
        raise InputError(f"The cache size '{text}' is no size.", "Write it as 500M, 20G or 1T; 0 is no limit.")
    return int(float(found.group(1)) * _UNITS[found.group(2).upper()])


class Cache:
    """One cache folder. Made when something is first put there; a missing or read-only one can still be asked."""

    def __init__(self, root: Path, limit: int = DEFAULT_LIMIT) -> None:
        self.root, self.limit = root, limit

    def digests(self) -> Digests:
        """The memo of pixel hashes; without a folder to write to it forgets."""
        return Digests(self.root / MEMO)

    # -- looking -----------------------------------------------------------------------------------------------

    def folder_for(self, asked: Asked) -> Path:
        """Where the entry of exactly this lies, or would lie."""
        return self.root / f"{asked.family[:12]}.{asked.frames[0]}-{asked.frames[-1]}.{asked.key[:20]}"

    def take(
        self, asked: Asked, written: Iterable[int], accept_reduced: bool, keep: ExitStack, skip: Container[Path] = ()
    ) -> Entry | None:
        """As `find`, and from now until `keep` is closed the entry is not evicted. skip: folders not to look at."""
        written = list(written)
        while (entry := self.find(asked, written, accept_reduced, skip)) is not None:
            with ExitStack() as using:
                using.enter_context(self.using(entry))
                # only what is still there once the marker is, is safe
                if (again := self.find(asked, written, accept_reduced, skip)) and again.folder == entry.folder:
                    keep.push(using.pop_all())
                    return again
        return None

    def find(
        self, asked: Asked, written: Iterable[int], accept_reduced: bool = True, skip: Container[Path] = ()
    ) -> Entry | None:
        """A solved entry that holds all that is asked, and can give the written frames: that very one, or a longer."""
        written = list(written)
        own = self.folder_for(asked)
        for folder in (own, *(f for f in self._relatives(asked) if f != own)):
            entry = None if folder in skip else self._solved(folder)
            if (
                entry is not None
                and (accept_reduced or not entry.reduced)
                and asked.pixels().items() <= entry.pixels.items()
                and entry.can_fill(written)
            ):
                return entry
        return None

    def nearest(self, asked: Asked) -> Entry | None:
        """A solved entry of the same settings with the most frames in common, to start warm from; None without any.

        A frame whose plate is the same counts, and counts again when its matte is.
        """
        wanted, best, most = asked.pixels(), None, 0
        own = self.folder_for(asked)
        for folder in self._relatives(asked):
            entry = self._solved(folder) if folder != own else None
            if entry is None or entry.empty or entry.reduced:
                continue
            common = [(wanted[f], pair) for f, pair in entry.pixels.items() if f in wanted]
            score = sum((ours[0] == theirs[0]) * (1 + (ours[1] == theirs[1])) for ours, theirs in common)
            if score > most:
                most, best = score, entry
        return best

    def _relatives(self, asked: Asked) -> list[Path]:
        try:
            return sorted(self.root.glob(f"{asked.family[:12]}.*"))
        except OSError:
            return []

    def _solved(self, folder: Path) -> Entry | None:
        try:
            entry = Entry.open(folder)
        except IlviError:
            return None  # whoever has its lease sets it aside; a file server that is away has nothing for us
        return entry if entry and entry.solved else None

    def entry(self, name: str) -> Entry:
        """The entry of that name, see `folder`. InputError where nothing is in it yet."""
        folder = self.folder(name)
        entry = Entry.open(folder)
        if entry is None:
            raise InputError(f"The entry {folder.name} holds nothing yet.", "Wait for its solve to begin.")
        return entry

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

    def list(self) -> list[Listed]:
        """Every entry, the least recently used one first."""
        return sorted((self._listed(folder) for folder in self.folders()), key=lambda item: item.used)

    def _listed(self, folder: Path) -> Listed:
        try:
            entry = Entry.open(folder)
            if entry is not None and entry.solved:
                state = "reduced" if entry.reduced else SOLVED
            else:
                state = "solving" if lease.owner(folder) else "unfinished"
        except Damaged:
            entry, state = None, "damaged"
        return Listed(folder, state, folder_bytes(folder), _used(folder), entry)

    # -- working -----------------------------------------------------------------------------------------------

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

    # -- keeping it small --------------------------------------------------------------------------------------

    def evict(self, keep: Iterable[Path] = (), limit: int | None = None) -> Freed:
        """Bring the cache under its limit: damaged leftovers, then what can be made again, then whole entries.

        The least recently used goes first; entries in use and those in `keep` are safe.
        """
        limit = self.limit if limit is None else limit
        if limit == 0:
            return Freed()
        listed, kept = self.list(), set(keep)
        leftovers = folder_bytes(self.root / ASIDE) + folder_bytes(self.root / TRASH)
        excess = sum(item.bytes for item in listed) + leftovers - limit
        entries = slimmed = freed = in_use = 0
        if excess > 0:
            freed += self.clear_aside()
        candidates = [item for item in listed if item.folder not in kept]
        for item in candidates:
            if freed < excess and item.entry is not None and item.state in ("solved", "reduced"):
                gained = self.slim(item.entry)
                freed, slimmed = freed + gained, slimmed + (gained > 0)
        for item in candidates:
            if freed < excess:
                size = folder_bytes(item.folder)
                if self.remove(item.folder):
                    freed, entries = freed + size, entries + 1
                else:
                    in_use += 1
        return Freed(entries, slimmed, freed, in_use)

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


def _used(folder: Path) -> float:
    for path in (folder / USED, folder):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0


def _read_only(folder: Path) -> bool:
    """Whether the disk itself refuses (root may write everywhere else)."""
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except (OSError, AttributeError):
        return False
