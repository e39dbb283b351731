"""The cache: solved clips by what was asked, shared by processes, users and machines, and kept under a size.

ROOT/FAMILY.FIRST-LAST.KEY/     an entry (entry.py)     ROOT/aside/    what was found damaged
ROOT/memo/                      hashes of pixels by the stamps of their files (digests.py)
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Container, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ilvi_core import lease
from ilvi_core.asked import Asked
from ilvi_core.digests import Digests
from ilvi_core.entry import SOLVED, Damaged, Entry, folder_bytes
from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.shelf import ASIDE, TRASH, USED, Shelf

DEFAULT_LIMIT = 50 << 30  # bytes
MEMO = "memo"
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


class Cache(Shelf):
    """A shelf that can be asked what was solved, and that is kept under a size. limit: bytes, 0 is none."""

    def __init__(self, root: Path, limit: int = DEFAULT_LIMIT) -> None:
        super().__init__(root)
        self.limit = limit

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


def _used(folder: Path) -> float:
    for path in (folder / USED, folder):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0
