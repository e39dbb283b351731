"""The file by which a process holds something in a folder: who it is, whether it lives, and how such a file is made."""

from __future__ import annotations

import dataclasses
import functools
import getpass
import json
import math
import os
import socket
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

LEASE, USE, PARTIAL = "lease.", "use.", ".tmp_lease_"  # the files' names begin with it
# Where in a holder's JSON its "released" stands, 0 or 1: changing that one byte needs no room on the disk, and a reader
# sees the one or the other
RELEASED_AT = len('{"released": ')


@dataclasses.dataclass(frozen=True)
class Owner:
    """Who holds a lease or a use marker; empty where the file cannot be read."""

    token: str = ""
    host: str = ""
    machine: str = ""  # see `machine`
    pid: int = 0
    start: str = ""  # when the process started, in the kernel's count: a process number is used again
    user: str = ""
    began: float = 0.0  # s, that machine's wall clock: for people, never compared
    released: bool = False

    def __str__(self) -> str:
        return f"{self.user or 'somebody'} on {self.host} (process {self.pid})" if self.pid else "another process"

    def encode(self) -> bytes:
        entries = {**dataclasses.asdict(self), "released": int(self.released)}
        return json.dumps({"released": entries.pop("released"), **entries}).encode()

    @classmethod
    def decode(cls, data: bytes) -> Owner:
        """Unknown entries are ignored; an empty one of what is no such file."""
        kinds: dict[str, type | tuple[type, ...]] = {"released": int, "pid": int, "began": (int, float)}
        try:
            found = json.loads(data)
            entries = {field.name: found[field.name] for field in dataclasses.fields(cls)}
        except (ValueError, TypeError, KeyError):
            return cls()
        if any(not isinstance(value, kinds.get(name, str)) for name, value in entries.items()):
            return cls()
        return cls(**{**entries, "released": bool(entries["released"])})


def me() -> Owner:
    """This process, with a token that nobody else has."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user that the machine has no name for
        user = ""
    start = (_process(os.getpid()) or ("", ""))[1]
    return Owner(uuid.uuid4().hex, socket.gethostname(), machine(), os.getpid(), start, user, time.time())


@functools.cache
def machine() -> str:
    """The same for two processes just when a process number means the same to both; empty where that is unknown."""
    if sys.platform == "linux":
        try:
            if os.readlink("/proc/self") != str(os.getpid()):
                return ""  # the /proc of another process namespace
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
                parts = [socket.gethostname(), file.read().strip(), os.readlink("/proc/self/ns/pid")]
        except OSError:
            return ""
        with suppress(OSError):  # the count of `start` is the time namespace's; older kernels have none
            parts.append(os.readlink("/proc/self/ns/time"))
        return " ".join(parts)
    return f"{socket.gethostname()} {uuid.getnode():x}" if sys.platform == "darwin" else ""


def runs(owner: Owner) -> bool | None:
    """Whether a holder's process is there; None where that cannot be known from here."""
    if not owner.machine or owner.machine != machine() or owner.pid <= 0 or os.name != "posix":
        return None  # on Windows os.kill would end it
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    found = _process(owner.pid)
    if found is None or not owner.start:
        return None  # /proc may hide other users' processes
    return found == ("alive", owner.start)


def _process(pid: int) -> tuple[str, str] | None:
    """("alive" or "dead", start) from Linux's /proc; dead is one that ended and that its parent has not seen yet."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().decode("ascii", "replace").rpartition(")")[2].split()
        state, threads, start = fields[0], int(fields[17]), fields[19]
    except (OSError, ValueError, IndexError):
        return None
    return ("dead" if state in "ZX" and threads <= 1 else "alive"), start


class Found(NamedTuple):
    owner: Owner
    modified: float  # s, the file server's clock
    signature: tuple[int, ...]  # changes with every sign of life
    generation: int = 0


def read(path: Path) -> Found:
    """Opened anew each time: that is when a file server is asked whether a file has changed. OSError."""
    try:
        with open(path, "rb") as file:
            data, stat = file.read(), os.fstat(file.fileno())
    except PermissionError:
        data, stat = b"", os.stat(path)
    signature = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return Found(Owner.decode(data), stat.st_mtime, signature)


def generations(folder: Path) -> list[int]:
    """The numbers of the lease files. OSError."""
    numbers = [name[len(LEASE) :] for name in os.listdir(folder) if name.startswith(LEASE)]
    return [int(n) for n in numbers if n.isdecimal() and n == str(int(n))]


def highest(folder: Path) -> Found:
    """The lease that counts; generation 0 where there is none. OSError."""
    generation = 0
    for _ in range(3):
        generation = max(generations(folder), default=0)
        if not generation:
            return Found(Owner(), 0.0, ())
        with suppress(FileNotFoundError):  # taken over between the listing and the reading
            return read(folder / f"{LEASE}{generation}")._replace(generation=generation)
    return Found(Owner(), math.inf, (generation,), generation)  # an old listing that a file server's client keeps


def others(folder: Path, prefix: str) -> list[tuple[Path, Found]]:
    found = []
    for path in (folder / name for name in os.listdir(folder) if name.startswith(prefix)):
        with suppress(FileNotFoundError):
            found.append((path, read(path)))
    return found


def live(found: Found, folder: Path, stale: float) -> bool:
    """By its process on this machine; of another's by its age, on the file server's clock. In doubt it lives."""
    there = False if found.owner.released else runs(found.owner)
    if there is not None:
        return there
    try:
        os.utime(folder)
        return os.stat(folder).st_mtime - found.modified < stale
    except OSError:
        return True


def create(path: Path, own: Owner) -> bool:
    """Make a file that has all its content from the first moment; False where it is there already. OSError."""
    partial = path.with_name(f"{PARTIAL}{own.token}")
    try:
        write_new(partial, own.encode())
        try:
            os.link(partial, path)
            return True
        except FileExistsError:
            # a request that was sent twice, because its first answer got lost, finds its own file
            with suppress(FileNotFoundError):
                return read(path).owner.token == own.token
            return False
        except (OSError, AttributeError):
            pass  # a file system without hard links
        try:
            write_new(path, own.encode())
            return True
        except FileExistsError:
            return False
    finally:
        with suppress(OSError):
            partial.unlink()


def write_new(path: Path, data: bytes) -> None:
    """A new file, open to those who may use its folder, whatever the umask says; none where it fails. OSError."""
    file = open(path, "xb")  # noqa: SIM115
    try:
        with file:
            with suppress(OSError):
                folder = os.stat(path.parent)
                os.chmod(path, 0o600 | folder.st_mode & 0o066)
                if os.name == "posix" and os.fstat(file.fileno()).st_gid != folder.st_gid:
                    os.chown(path, -1, folder.st_gid)
            file.write(data)
    except OSError:
        path.unlink(missing_ok=True)
        raise
