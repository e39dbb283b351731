"""One solved clip on disk: its manifest, weights, flow, fills and frames. Nothing here needs torch.

manifest.json               what was asked, what was done, and every file with its size and SHA-256
weights/FIRST.safetensors   each window's network       fill/FRAME.npy   (h, w, 3) float32, uncomposited
donors/FRAME.npz            (ilvi) confidence, source and address of a fill's pixels
flow/HASH.npy               estimated flow              frames/HASH/     composited frames, and frames.json
checkpoint.json, ...        of a solve in progress      settings.yaml, training.jsonl    for people
again/                      the same, solved once more; takes its place when it is done
"""

from __future__ import annotations

import getpass
import hashlib
import io
import json
import os
import platform
import shutil
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ilvi_core import npy
from ilvi_core.color import Curve
from ilvi_core.files import PARTIAL, make_folders, publish
from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.pictures import Box
from ilvi_core.region import View

MANIFEST = "manifest.json"
VERSION = 1
_AGAIN = "Solve it again, with --refresh (beside an output: without --resume)."
SOLVING, SOLVED = "solving", "solved"
LEASES = ".tmp_lease_"  # half-made leases of those that wait for this entry; theirs to remove
FILLS, WEIGHTS, FLOW, FRAMES, PREVIEWS, AGAIN = "fill", "weights", "flow", "frames", "previews", "again"
DONORS = "donors"


class Damaged(IlviError):
    """Something in the entry in `folder` is not what was put there."""

    def __init__(self, message: str, hint: str, folder: Path) -> None:
        super().__init__(message, hint)
        self.folder = folder


class OtherWork(InputError):
    """A checkpoint is of another job."""


class Entry:
    """An entry's folder and its manifest, read once; `write` publishes a changed one."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest

    @classmethod
    def open(cls, folder: Path) -> Entry | None:
        """The entry in a folder; None where there is none. Damaged when its manifest cannot be understood."""
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            if manifest["version"] != VERSION:
                raise ValueError(f"version {manifest['version']}, expected {VERSION}")
            entry = cls(folder, manifest)
            for size, sum_ in entry.files.values():
                _ = int(size), str(sum_)
            if entry.solved and not entry.empty:
                _ = entry.view, entry.matte_channel
            return entry
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise IlviError(f"The manifest of {folder} cannot be read: {error.strerror}.", "Try it again.") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damaged(f"The manifest of {folder} cannot be read: {error}.", _AGAIN, folder) from None

    # -- what the manifest says --------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def solved(self) -> bool:
        return self.manifest["state"] == SOLVED

    @property
    def empty(self) -> bool:
        """The matte was empty: the plate is copied and there are no fills."""
        return bool(self.manifest.get("empty"))

    @property
    def reduced(self) -> bool:
        """Solved smaller than asked, after running out of memory."""
        return bool(self.manifest.get("reduced"))

    @property
    def seconds(self) -> float:
        """What solving it took."""
        return float(self.manifest.get("seconds", 0.0))

    @property
    def pixels(self) -> dict[int, tuple[str, str]]:
        """frame -> hashes of plate and matte, as in `Asked.pixels`."""
        return {int(frame): (pair[0], pair[1]) for frame, pair in self.manifest.get("pixels", {}).items()}

    @property
    def record(self) -> dict[str, Any]:
        """What was done: settings, region, device, notes, versions."""
        return self.manifest.get("record", {})

    @property
    def region(self) -> Box:
        """The plate pixels that the fills show."""
        return Box(**self.manifest["view"]["region"])

    @property
    def size(self) -> tuple[int, int]:
        """Working width and height."""
        width, height = self.manifest["view"]["size"]
        return int(width), int(height)

    @property
    def view(self) -> View:
        """Where, how large and by which curve it was learned."""
        return View(self.region, self.size, self.curve)

    @property
    def curve(self) -> Curve:
        return Curve(**self.manifest["view"]["curve"])

    @property
    def matte_channel(self) -> str:
        return str(self.manifest["view"]["matte_channel"])

    @property
    def files(self) -> dict[str, list[Any]]:
        """Name inside the folder -> [size, SHA-256] of everything that rendering needs; the manifest's own."""
        files: dict[str, list[Any]] = self.manifest.setdefault("files", {})
        return files

    def windows(self) -> list[tuple[int, int]]:
        """First and last frame of each network's window."""
        return [(int(first), int(last)) for first, last, *_ in self.manifest.get("windows", [])]

    # -- files -------------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Publish the manifest. IlviError where the disk refuses."""
        publish(self.folder / MANIFEST, (json.dumps(self.manifest, indent=1) + "\n").encode())

    def read(self, name: str) -> bytes:
        """A listed file, whole. Damaged when it is absent or not what was put there."""
        size, sum_ = self.files[name]
        try:
            data = (self.folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise Damaged(f"{self.folder / name} is not there.", _AGAIN, self.folder) from None
        except OSError as error:  # a file server that is away says nothing about what is on it
            raise IlviError(f"{self.folder / name} cannot be read: {error.strerror}.", "Try it again.") from None
        if len(data) != size or checksum(data) != sum_:
            raise Damaged(f"{self.folder / name} is not what was put there.", _AGAIN, self.folder)
        return data

    def has_fill(self, frame: int) -> bool:
        """Whether its fill is there, not pruned."""
        return fill_name(frame) in self.files

    def fill(self, frame: int) -> np.ndarray:
        """(h, w, 3) float32 in the network's 0..1. Damaged when it is not what was put there."""
        try:
            return npy.load(io.BytesIO(self.read(fill_name(frame))))
        except ValueError as error:
            raise Damaged(f"The fill of frame {frame} cannot be read: {error}.", _AGAIN, self.folder) from None

    def has_box(self, frame: int) -> bool:
        """Whether its fill is at the plate's size, over a box of its own."""
        return str(frame) in self.manifest.get("boxes", {})

    def box(self, frame: int) -> Box:
        """The plate pixels that a frame's fill shows."""
        return Box(*self.manifest["boxes"][str(frame)]) if self.has_box(frame) else self.region

    def donors(self, frame: int) -> dict[str, np.ndarray] | None:
        """confidence (h, w) 0..1, source (h, w) and address (h, w, 2) over its box; None where there are none.

        Damaged when they are not what was put there.
        """
        if donor_name(frame) not in self.files:
            return None
        try:
            found = npy.load_named(io.BytesIO(self.read(donor_name(frame))), ("confidence", "source", "address"))
        except (ValueError, KeyError, zipfile.BadZipFile) as error:
            raise Damaged(f"The donors of frame {frame} cannot be read: {error}.", _AGAIN, self.folder) from None
        return {**found, "confidence": found["confidence"].astype(np.float32) / 255}

    def window_of(self, frame: int) -> int | None:
        """The number of the window whose network fills a frame, where its weights are kept."""
        for number, (first, last) in enumerate(self.windows()):
            if first <= frame <= last and weights_name(first) in self.files:
                return number
        return None

    def can_fill(self, frames: Iterable[int]) -> bool:
        """Whether every one of these has its fill or weights to make it from."""
        return self.empty or all(self.has_fill(f) or self.window_of(f) is not None for f in frames)

    def damage(self, names: Collection[str] | None = None) -> list[str]:
        """The listed files (all, or those named) that are absent or not what was put there."""
        bad = []
        for name in self.files if names is None else names:
            try:
                self.read(name)
            except Damaged:
                bad.append(name)
        return bad

    def drop(self, names: Collection[str]) -> None:
        """Take files out of the manifest, then off the disk: in this order no reader finds one listed and absent."""
        gone = set(names)
        self.manifest["files"] = {name: known for name, known in self.files.items() if name not in gone}
        self.write()
        for name in gone:
            (self.folder / name).unlink(missing_ok=True)

    def add(self, name: str, data: bytes) -> None:
        """Publish a file and list it; `write` makes the listing known."""
        publish(self.folder / name, data)
        self.files[name] = [len(data), checksum(data)]

    def bytes(self) -> int:
        """Everything in the folder."""
        return folder_bytes(self.folder)

    def slim(self) -> int:
        """Drop what can be made again without solving: frames, previews, flow, and fills that have weights.

        Bytes that were freed.
        """
        before = self.bytes()
        self.drop([n for n in self.files if n.startswith(FILLS + "/") and self._from_weights(n)])
        for part in (FRAMES, PREVIEWS, FLOW):
            shutil.rmtree(self.folder / part, ignore_errors=True)
        return before - self.bytes()

    def _from_weights(self, name: str) -> bool:
        return self.window_of(int(Path(name).stem)) is not None


def begin(folder: Path, manifest: dict[str, Any]) -> Entry:
    """A new entry, being solved by this process."""
    make_folders(folder)
    entry = Entry(folder, {"version": VERSION, "state": SOLVING, "owner": owner(), **manifest})
    entry.write()
    return entry


def from_weights(entry: Entry, bad: Collection[str]) -> bool:
    """Whether everything bad is fills that the weights, all of them whole, can make again."""
    networks = {weights_name(first) for first, _ in entry.windows()}
    return entry.solved and bool(networks) and networks <= set(entry.files) and not networks & set(bad)


def try_open(folder: Path) -> Entry | None:
    """The entry in a folder; None also where it is damaged."""
    try:
        return Entry.open(folder)
    except Damaged:
        return None


def clear(folder: Path) -> None:
    """Remove an entry's content, so that it can be solved again; leases and use markers stay."""
    (folder / MANIFEST).unlink(missing_ok=True)
    for part in (FILLS, DONORS, WEIGHTS, FLOW, FRAMES, PREVIEWS):
        shutil.rmtree(folder / part, ignore_errors=True)
    for pattern in ("checkpoint*", "training.jsonl", "settings.yaml"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def replace(folder: Path, by: Path) -> None:
    """Let the solved entry in `by`, a folder inside `folder`, take its place; interrupted, it can be done again.

    The frames that a host may be showing stay, but are listed no more.
    """
    (folder / MANIFEST).unlink(missing_ok=True)
    for index in (folder / FRAMES).glob("*/*.json"):
        index.unlink(missing_ok=True)
    for part in (FILLS, DONORS, WEIGHTS, FLOW):
        if (by / part).is_dir():
            shutil.rmtree(folder / part, ignore_errors=True)
            os.replace(by / part, folder / part)
    for path in by.iterdir():
        if path.is_file() and path.name != MANIFEST:
            os.replace(path, folder / path.name)
    os.replace(by / MANIFEST, folder / MANIFEST)  # last: only now it is an entry again
    shutil.rmtree(by, ignore_errors=True)


def owner() -> dict[str, Any]:
    """Who this process is."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else ""
    return {"host": platform.node(), "pid": os.getpid(), "user": user}


def fill_name(frame: int) -> str:
    return f"{FILLS}/{frame}.npy"


def donor_name(frame: int) -> str:
    return f"{DONORS}/{frame}.npz"


def weights_name(first: int) -> str:
    return f"{WEIGHTS}/{first}.safetensors"


def checksum(data: bytes) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(data).hexdigest()


def folder_bytes(folder: Path) -> int:
    """The sizes of all files under a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def sweep_partials(folder: Path) -> None:
    """Remove what a killed process left half-written; only its solver, or nobody, may be at the entry."""
    for path in folder.rglob(PARTIAL + "*"):
        if path.parent != folder or not path.name.startswith(LEASES):
            path.unlink(missing_ok=True)
