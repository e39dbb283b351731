"""Composited frames that are kept in a cache entry, for jobs that name no output of their own."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ilvi_core.entry import FRAMES, Entry, checksum
from ilvi_core.files import publish
from ilvi_core.host.job import CompSettings
from ilvi_core.pictures import Source

INDEX = "frames.json"
COMPOSITE_VERSION = 1  # raised when the same fill and settings give another frame
SAVE_EVERY = 1.0  # seconds between two writings of the index; a frame it does not list is rendered again


class KeptFrames:
    """The frames of one entry by one set of comp settings; a frame counts while plate, matte and its file are as then.

    The whole of a plate's file goes into a frame (other channels, metadata), so its stamp must be the same, not only
    the pixels that were learned from.
    """

    def __init__(self, entry: Entry, comp: CompSettings, plate: Source, matte: Source, layer: str = "") -> None:
        name = json.dumps([COMPOSITE_VERSION, asdict(comp), layer, plate.suffix], sort_keys=True)
        self.folder = entry.folder / FRAMES / hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
        self._sources = plate, matte
        self._index = self._read()
        self._saved = time.monotonic()

    def valid(self, frames: Iterable[int]) -> dict[int, Path]:
        """Those of the frames that are there, whole, and still what would be rendered."""
        found = {}
        for frame in frames:
            known = self._index.get(str(frame))
            if known and known.get("from") == self.stamps(frame) and self._whole(known):
                found[frame] = self.folder / known["file"]
        return found

    def forget(self, frames: Iterable[int]) -> None:
        """List these no more, before they are rendered anew under the same names."""
        listed = [str(frame) for frame in frames if str(frame) in self._index]
        for frame in listed:
            del self._index[frame]
        if listed:
            self.save()

    def put(self, frame: int, path: Path, stamps: list[Any]) -> None:
        """List a frame that was published in `folder`.  stamps: taken before plate and matte were read."""
        stat = path.stat()
        self._index[str(frame)] = {
            "file": path.name,
            "size": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
            "sha256": checksum(path.read_bytes()),
            "from": stamps,
        }
        if time.monotonic() - self._saved > SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Publish the index. IlviError where the disk refuses."""
        self._saved = time.monotonic()
        publish(self.folder / INDEX, json.dumps({"version": 1, "frames": self._index}, indent=1).encode())

    def _whole(self, known: dict[str, Any]) -> bool:
        """By its stamp; where that differs (a copied cache, or a damaged file) by its checksum."""
        path = self.folder / str(known["file"])
        try:
            stat = path.stat()
            if stat.st_size != known["size"]:
                return False
            return stat.st_mtime_ns == known["mtime_ns"] or checksum(path.read_bytes()) == known["sha256"]
        except OSError:
            return False

    def stamps(self, frame: int) -> list[Any]:
        """What tells whether the files behind a frame have changed."""
        stamps: list[Any] = []
        for source in self._sources:
            path = source.path(frame)
            stat = os.stat(path)
            stamps += [str(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        return stamps

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            index = json.loads((self.folder / INDEX).read_text(encoding="utf-8"))
            return {str(frame): dict(known) for frame, known in index["frames"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # none yet, or damaged: they are rendered again


def drop_damaged(entry: Entry) -> list[str]:
    """Read every byte of an entry's kept frames; those that are not what was put there are removed. Their names."""
    bad = []
    for index in sorted((entry.folder / FRAMES).glob(f"*/{INDEX}")):
        try:
            listed = dict(json.loads(index.read_text(encoding="utf-8"))["frames"])
            wrong = [frame for frame, known in listed.items() if not _is(index.parent / str(known["file"]), known)]
        except (ValueError, KeyError, TypeError, AttributeError):
            bad.append(str(index.relative_to(entry.folder)))
            index.unlink(missing_ok=True)
            continue
        if wrong:
            kept = {frame: known for frame, known in listed.items() if frame not in wrong}
            publish(index, json.dumps({"version": 1, "frames": kept}, indent=1).encode())
        for frame in wrong:
            path = index.parent / str(listed[frame]["file"])
            bad.append(str(path.relative_to(entry.folder)))
            path.unlink(missing_ok=True)
    return bad


def _is(path: Path, known: dict[str, Any]) -> bool:
    return path.is_file() and checksum(path.read_bytes()) == known["sha256"]
