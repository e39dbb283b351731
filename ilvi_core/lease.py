"""Who works in, and who reads from, a folder that several processes or machines may share over a file system.

A lease is a file lease.GENERATION: who made the highest one and has not released it works in the folder. Taking over
generation n is making n + 1, which only one can; whoever then finds a still higher one acted on an old listing and has
got nothing. The highest is never removed but with the folder, so generations only grow and nobody's file is replaced.

A holder touches its file every BEAT seconds. One that waits takes over when it saw no change at all for STALE seconds
of its own monotonic clock: no two machines' clocks are compared. On one machine a process that is gone is seen at once.
Somebody suspended for longer than STALE finds, waking, that the lease is lost; what it writes until its next `check`
has to be harmless, so files are published whole. A reader makes a use marker first and looks for the entry after that.
"""

from __future__ import annotations

import errno
import math
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ilvi_core.heartbeat import Heart
from ilvi_core.holder import (
    LEASE,
    PARTIAL,
    RELEASED_AT,
    USE,
    Found,
    Owner,
    create,
    generations,
    highest,
    live,
    me,
    others,
    read,
    runs,
    write_new,
)
from ilvi_core.host.errors import Cancelled, IlviError, InputError

BEAT = 2.0  # s between two signs of life
STALE = 20.0  # s without one, after which others take over
POLL = 1.0  # s, the longest pause of one that waits
HEART = Heart()


class CacheReadOnly(InputError):
    """The folder can be read at best: nobody can get a lease on it from here."""


class LeaseLost(IlviError):
    """Somebody else may be working in the folder by now."""


class FolderGone(LeaseLost):
    """The folder, or the lease in it, was removed."""


class Lease:
    """The right to work in a folder; hold it with `with`. generation: grows with every holder of the folder."""

    def __init__(self, folder: Path, generation: int, token: str, beat: float) -> None:
        self.folder, self.generation, self.token, self.beat = folder, generation, token, beat
        self._path = folder / f"{LEASE}{generation}"
        self._lock = threading.Lock()
        self._error: LeaseLost | None = None
        self._released = False
        HEART.add(self)

    @property
    def lost(self) -> bool:
        """Whether the last heartbeat or check found it gone; it does not come back."""
        return self._error is not None

    def check(self) -> None:
        """Look now. LeaseLost where another took over, FolderGone where the folder was removed."""
        with self._lock:
            self._look()
            if self._error is not None:
                raise self._error

    def release(self) -> None:
        """Let others have it at once. A disk that refuses makes them wait, no more."""
        HEART.remove(self)
        with self._lock, suppress(OSError):
            if not self._released:
                self._released = True
                with open(self._path, "r+b", buffering=0) as file:
                    # by one opened file: what is at the path may be another's a moment later
                    if Owner.decode(file.read()).token == self.token:
                        file.seek(RELEASED_AT)
                        file.write(b"1")

    def pulse(self) -> None:
        with self._lock:
            if not self._released:
                self._look()
                if self._error is None:
                    os.utime(self._path)
                else:
                    HEART.remove(self)

    def _look(self) -> None:
        if self._error is not None or self._released:
            return
        try:
            taken = max(generations(self.folder), default=0) > self.generation
            gone = not taken and read(self._path).owner.token != self.token
        except (FileNotFoundError, NotADirectoryError):
            taken, gone = False, True
        except OSError:
            return  # a file server that does not answer now: it is known when it does
        if taken:
            self._error = LeaseLost(
                f"Another process took over the cache folder {self.folder}: this one had stood still for too long.",
                "Start it again: it goes on from what the other one made.",
            )
        elif gone:
            self._error = FolderGone(
                f"The cache folder {self.folder} was removed while it was in use.",
                "Start it again; remove nothing from a cache by hand while something runs.",
            )

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire(
    folder: Path,
    stop: Callable[[], bool] = lambda: False,
    on_wait: Callable[[Owner, float], None] | None = None,
    timeout: float | None = None,
    beat: float = BEAT,
    stale: float = STALE,
    poll: float = POLL,
) -> Lease:
    """Wait for the lease of a folder. on_wait is told who has it and for how many seconds one has waited.

    Cancelled once stop() says so, CacheReadOnly, FolderGone; IlviError after timeout seconds or on a full disk.
    """
    began, pause = time.monotonic(), min(0.1, poll)
    seen: Found | None = None
    seen_at = unchanged = 0.0
    while True:
        if stop():
            raise Cancelled(f"Cancelled while waiting for the cache folder {folder}.")
        looked_at = time.monotonic()
        found, lease = _try(folder, beat)
        if lease is None and seen is not None and found.signature == seen.signature:
            # Time spent looking does not count, nor much of a long pause: a file server that stood still, or a machine
            # that slept, stopped the heartbeats too
            unchanged += min(looked_at - seen_at, stale / 4)
            if unchanged >= stale:
                lease = _claim(folder, found.generation + 1, beat)
        else:
            unchanged = 0.0
        if lease is not None:
            return lease
        seen, seen_at = found, time.monotonic()
        waited = seen_at - began
        if timeout is not None and waited >= timeout:
            raise IlviError(
                f"The cache folder {folder} did not get free within {timeout:g} s: {found.owner} is working in it.",
                "Wait for it, or stop it.",
            )
        if on_wait is not None:
            on_wait(found.owner, waited)
        time.sleep(min(pause, stale / 4, math.inf if timeout is None else timeout - waited))
        pause = min(2 * pause, poll)


def try_acquire(folder: Path, beat: float = BEAT) -> Lease | Owner:
    """The lease if it is free or its holder is known to be gone, else who has it. Errors as of `acquire`."""
    found, lease = _try(folder, beat)
    return found.owner if lease is None else lease


def owner(folder: Path, stale: float = STALE) -> Owner | None:
    """Who works in a folder now, as far as one look can tell; it may touch the folder's own time."""
    try:
        found = highest(folder)
    except OSError:
        return None
    return found.owner if found.generation and live(found, folder, stale) else None


class Use:
    """Keeps a folder from being evicted while one reads from it; hold it with `with`. Nothing where it cannot write."""

    def __init__(self, folder: Path, beat: float) -> None:
        self.beat = beat
        self._owner = me()
        self._path = folder / f"{USE}{self._owner.token}"
        self._lock = threading.Lock()
        self._ended = False
        if self._mark():
            HEART.add(self)

    def end(self) -> None:
        HEART.remove(self)
        with self._lock, suppress(OSError):
            self._ended = True
            self._path.unlink()

    def pulse(self) -> None:
        with self._lock:
            if not self._ended:
                try:
                    os.utime(self._path)
                except FileNotFoundError:  # swept while this process was suspended
                    self._mark()

    def _mark(self) -> bool:
        for data in (self._owner.encode(), b""):  # on a full disk an empty one, which still has an age
            with suppress(OSError):
                write_new(self._path, data)
                return True
        return False

    def __enter__(self) -> Use:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def use(folder: Path, beat: float = BEAT) -> Use:
    """Mark a folder as being read from, from now until the marker's end."""
    return Use(folder, beat)


def in_use(folder: Path, mine: Lease | None = None, stale: float = STALE) -> bool:
    """Whether somebody works in or reads from a folder; mine: an evictor's own lease on it, which does not count.

    It may touch the folder's own time. A folder that cannot be looked into is in use.
    """
    try:
        found = highest(folder)
        if found.generation and (mine is None or found.owner.token != mine.token) and live(found, folder, stale):
            return True
        return any(live(marker, folder, stale) for _, marker in others(folder, USE))
    except FileNotFoundError:
        return False
    except OSError:
        return True


def sweep(folder: Path, stale: float = STALE) -> None:
    """Remove what processes that are gone have left: use markers, and leases that they were about to make."""
    with suppress(OSError):
        for path, found in [*others(folder, USE), *others(folder, PARTIAL)]:
            if not live(found, folder, stale):
                with suppress(OSError):
                    path.unlink()


def _try(folder: Path, beat: float) -> tuple[Found, Lease | None]:
    """Who has the lease, and the lease where it can be had without waiting."""
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise _refused(folder, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    try:
        found = highest(folder)
    except OSError as error:
        raise _refused(folder, error) from None
    free = not found.generation or found.owner.released or runs(found.owner) is False
    return found, _claim(folder, found.generation + 1, beat) if free else None


def _claim(folder: Path, generation: int, beat: float) -> Lease | None:
    """Make a generation's file; None where another was quicker."""
    own = me()
    try:
        if not create(folder / f"{LEASE}{generation}", own):
            return None
        there = generations(folder)
    except OSError as error:
        raise _refused(folder, error) from None
    behind = max(there, default=0) > generation  # this one judged by an old listing
    for other in [generation] if behind else [n for n in there if n < generation]:
        with suppress(OSError):
            (folder / f"{LEASE}{other}").unlink()
    return None if behind else Lease(folder, generation, own.token, beat)


def _refused(folder: Path, error: OSError) -> IlviError:
    why = error.strerror or str(error)
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return FolderGone(f"The cache folder {folder} is not there.", "Start it again, or choose another cache folder.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return CacheReadOnly(
            f"The cache folder {folder} cannot be written to: {why}.",
            "Get the right to write to it, or choose another cache folder.",
        )
    return IlviError(
        f"The cache folder {folder} cannot be worked in: {why}.", "Make room, or choose another cache folder."
    )
