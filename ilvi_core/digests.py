"""Hashes of decoded pixels, for the cache's key, with a memo so that an unchanged file is not decoded again.

The memo believes a file to be unchanged while its size, mtime, ctime and inode are: ctime because a tool may put mtime
back (on Windows ctime is the time of creation and says less). The device is left out: it differs from machine to
machine for the same share. One JSON file for each sequence and layer; losing one costs decoding again, nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenEXR
import OpenImageIO as oiio

from ilvi_core.files import make_folders, publish
from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.matte import alpha_is_the_matte
from ilvi_core.pictures import Picture, Source, alpha_name

MEMO_VERSION = 1  # raise it when decoding gives other pixels than before, or the digests are made otherwise
READERS = f"PyAV {av.__version__}, OpenEXR {OpenEXR.__version__}, OpenImageIO {oiio.__version__}"
RACY_NS = 2_000_000_000  # the coarsest stamps that there are (FAT): younger ones may not show a further change
TRIES = 3
MOST_MEMOS = 512  # files
# Decoding and hashing both let go of the GIL. Each thread holds one decoded frame.
THREADS = min(4, os.cpu_count() or 1)

Stamp = tuple[int, int, int, int]  # bytes, mtime ns, ctime ns, inode
_Entry = tuple[Stamp, "FrameDigest"]
_Hashed = Generator[tuple[list[int], "FrameDigest"], None, None]


@dataclass(frozen=True)
class FrameDigest:
    """What one frame looks like, whatever its file's name, compression and other metadata.

    planes: channel name -> 32 hex digits over dtype, both windows, encoding, bits and every sample's bits.  rgb_names,
    alpha: which planes are the picture.  opaque: there is an alpha, and it is 1 everywhere.  size: display window, px.
    """

    planes: dict[str, str]
    rgb_names: tuple[str, ...]
    alpha: str | None
    opaque: bool
    size: tuple[int, int]


@dataclass(frozen=True)
class _File:
    """One file and what is asked of it. asked: the file's own frame number -> the source's numbers for it."""

    path: str
    asked: dict[int, list[int]]

    def key(self, own: int) -> str:
        return f"{self.path}#{own}"


class Digests:
    """Digests of frames; `folder` keeps the memo between processes (None: this object alone remembers).

    decoded: how many frames were decoded so far. The memo never causes an error: a folder that cannot be read or
    written is done without.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.decoded = 0
        self._memos: dict[str, dict[str, _Entry]] = {}
        self._unsaved: dict[str, dict[str, _Entry]] = {}
        self._lock = threading.Lock()

    def of(self, source: Source, frame: int) -> FrameDigest:
        """The digest of one frame; `flush` saves it. InputError as `all`, which a movie should be given to."""
        return self._find(source, [frame], lambda done, total: None)[frame]

    def all(
        self, source: Source, frames: Sequence[int], tick: Callable[[int, int], None] = lambda done, total: None
    ) -> dict[int, FrameDigest]:
        """The digests of `frames`, in that order; a picture that serves several frames is hashed once.

        tick(done, total): frames, after each picture; whatever it raises ends this, and the memo keeps what is done.
        InputError where a frame is absent, unreadable, or being written.
        """
        try:
            return self._find(source, frames, tick)
        finally:
            self.flush()

    def flush(self) -> None:
        """Save what was learned since the last time, beside what other processes saved; never an error."""
        with self._lock:
            unsaved, self._unsaved = self._unsaved, {}
        if self.folder is None or not unsaved:
            return
        with contextlib.suppress(OSError, IlviError):
            make_folders(self.folder)
            for name, entries in unsaved.items():
                _write_memo(self.folder / name, {**_read_memo(self.folder / name), **entries})
            _prune(self.folder)

    def _find(self, source: Source, frames: Sequence[int], tick: Callable[[int, int], None]) -> dict[int, FrameDigest]:
        name, total = _memo_name(source), len(set(frames))
        found: dict[int, FrameDigest] = {}
        unknown: list[_File] = []
        # A movie still open may be of a file that has been replaced: what is read from here on is what is there now.
        source.close()
        for file in _files(source, frames):
            stamp = _stamp(source, file)
            known = {own: digest for own in file.asked if (digest := self._recall(name, file.key(own), stamp))}
            if len(known) < len(file.asked):
                unknown.append(file)
                continue
            for own, digest in known.items():
                found.update(dict.fromkeys(file.asked[own], digest))
                tick(len(found), total)
        with contextlib.closing(self._hash_files(source, name, unknown)) as hashed:
            for asked, digest in hashed:
                found.update(dict.fromkeys(asked, digest))
                tick(len(found), total)
        return {frame: found[frame] for frame in frames}

    def _hash_files(self, source: Source, name: str, files: list[_File]) -> _Hashed:
        """(frames, their digest) in order; several files are read at once, one file (a movie) by one thread."""
        if len(files) == 1:
            yield from self._hash_file(source, name, files[0])
            return
        pool = ThreadPoolExecutor(THREADS)
        try:
            for future in [pool.submit(lambda file: list(self._hash_file(source, name, file)), f) for f in files]:
                yield from future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _hash_file(self, source: Source, name: str, file: _File) -> _Hashed:
        """(frames, their digest) of one file; all of them once more where it changed meanwhile."""
        for _ in range(TRIES):
            started, stamp = time.time_ns(), _stamp(source, file)
            for own, asked in sorted(file.asked.items()):
                digest = self._recall(name, file.key(own), stamp)
                if digest is None:
                    digest = self._decode(source, asked[0], file, stamp)
                    if digest is None:
                        break
                    if not _racy(stamp, started):
                        self._remember(name, file.key(own), (stamp, digest))
                yield asked, digest
            else:
                return
            source.close()  # neither an open movie nor a kept picture may serve the next try
        raise InputError(
            f"{source.what} {file.path} is being written: it changed {TRIES} times while it was read.",
            "Wait until the render or the copy is finished, then start again.",
        )

    def _decode(self, source: Source, frame: int, file: _File, stamp: Stamp) -> FrameDigest | None:
        """The digest of one frame, None where the file is not what it was at `stamp`."""
        try:
            digest = digest_of(source.read(frame))
        except InputError:
            if _stamp(source, file) == stamp:
                raise
            return None
        with self._lock:
            self.decoded += 1
        return digest if _stamp(source, file) == stamp else None

    def _recall(self, name: str, key: str, stamp: Stamp) -> FrameDigest | None:
        with self._lock:
            if name not in self._memos:
                self._memos[name] = {} if self.folder is None else _read_memo(self.folder / name)
            entry = self._memos[name].get(key)
        return entry[1] if entry is not None and entry[0] == stamp else None

    def _remember(self, name: str, key: str, entry: _Entry) -> None:
        with self._lock:
            self._memos[name][key] = entry
            self._unsaved.setdefault(name, {})[key] = entry


def digest_of(picture: Picture) -> FrameDigest:
    """The digest of a decoded frame.

    Both windows count as they are, origin too: the plate's are where its fill is put back.
    """
    data, display = picture.data_window, picture.display_window
    windows = ",".join(str(side) for side in (*data, *display))
    planes = {}
    for name, plane in picture.planes.items():
        # the same samples in another byte order are the same pixels; a swap leaves a NaN's payload alone
        samples = np.ascontiguousarray(plane, plane.dtype.newbyteorder("<"))
        head = f"{plane.dtype.name} {plane.shape[0]}x{plane.shape[1]} {windows} {picture.encoding} {picture.bits}\n"
        made = hashlib.blake2b(head.encode(), digest_size=16)
        made.update(samples.reshape(-1).view(np.uint8))
        planes[name] = made.hexdigest()
    alpha = alpha_name(picture.planes, picture.rgb_names)
    opaque = alpha is not None and not alpha_is_the_matte(picture)
    return FrameDigest(planes, tuple(picture.rgb_names), alpha, opaque, (display.width, display.height))


def _files(source: Source, frames: Sequence[int]) -> list[_File]:
    there = set(source.frames)
    files: dict[str, _File] = {}
    for frame in dict.fromkeys(frames):
        if frame not in there:
            source.check(frame)
        path = os.path.abspath(source.path(frame))
        files.setdefault(path, _File(path, {})).asked.setdefault(source.own(frame), []).append(frame)
    return list(files.values())


def _memo_name(source: Source) -> str:
    folder = os.path.dirname(os.path.abspath(source.path(source.frames[0])))
    what = json.dumps([MEMO_VERSION, READERS, folder, source.stem, source.digits, source.suffix, source.layer])
    return f"digests-{hashlib.blake2b(what.encode(), digest_size=16).hexdigest()}.json"


def _stamp(source: Source, file: _File) -> Stamp:
    try:
        found = os.stat(file.path)
    except OSError as error:
        frame = min(min(asked) for asked in file.asked.values())
        raise InputError(
            f"{source.what} frame {frame} ({file.path}) cannot be read: {error.strerror}.",
            "Render the frame again or shorten the range.",
        ) from error
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _racy(stamp: Stamp, now: int) -> bool:
    """Whether the file may change again without another stamp. now: ns, when the stamp was taken."""
    _, mtime, ctime, _ = stamp
    # nobody can set ctime: one ahead of our clock is from a clock that we cannot compare with
    return abs(now - mtime) < RACY_NS or now - ctime < RACY_NS


def _read_memo(path: Path) -> dict[str, _Entry]:
    """The entries of a memo file; {} for one that is absent, damaged or not ours."""
    try:
        memo = json.loads(path.read_text("utf-8"))
        if memo["version"] != MEMO_VERSION:
            return {}
        return {key: _parsed(*entry) for key, entry in memo["frames"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _parsed(stamp: Any, digest: Any) -> _Entry:
    """One entry as `_write_memo` wrote it. ValueError, or what the wrong type raises, where it is another thing."""
    planes, names, alpha, opaque, size = (digest[key] for key in FrameDigest.__dataclass_fields__)
    numbers = [*stamp, *size]
    pictured = {*names, *([] if alpha is None else [alpha])}
    hexes = all(isinstance(one, str) and len(one) == 32 for one in planes.values())
    if [type(one) for one in (*numbers, opaque)] != [int] * 6 + [bool] or not hexes or not pictured <= set(planes):
        raise ValueError("no frame's digest")
    return tuple(stamp), FrameDigest(planes, tuple(names), alpha, opaque, tuple(size))


def _write_memo(path: Path, entries: dict[str, _Entry]) -> None:
    frames = {key: (stamp, vars(digest)) for key, (stamp, digest) in entries.items()}
    publish(path, json.dumps({"version": MEMO_VERSION, "frames": frames}).encode())


def _prune(folder: Path) -> None:
    """Keep the memo files that were written last (and drop what a killed process left half-written)."""
    written = sorted(folder.glob("*digests-*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in written[MOST_MEMOS:]:
        path.unlink(missing_ok=True)
