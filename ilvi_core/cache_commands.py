"""`ilvi cache ...`: what is kept, whether it is whole, and making room."""

from __future__ import annotations

import argparse
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from ilvi_core import lease
from ilvi_core.cache import Cache, Listed, cache_folder, size_limit
from ilvi_core.entry import Damaged, Entry, folder_bytes, from_weights
from ilvi_core.host.errors import InputError
from ilvi_core.kept import drop_damaged
from ilvi_core.shelf import ASIDE

DAY = 86400.0


def the_cache(options: argparse.Namespace) -> Cache:
    """The cache that the options name."""
    return Cache(cache_folder(options.cache_dir), size_limit(options.cache_size))


def path(options: argparse.Namespace) -> int:
    """`ilvi cache path`."""
    print(the_cache(options).root)
    return 0


def list_entries(options: argparse.Namespace) -> int:
    """`ilvi cache list`: the least recently used first, as they would be evicted."""
    cache = the_cache(options)
    listed = cache.list()
    if options.json:
        print(json.dumps([_as_record(item) for item in listed], indent=2))
        return 0
    for item in listed:
        used = datetime.fromtimestamp(item.used).strftime("%Y-%m-%d %H:%M")
        plate = item.entry.manifest.get("asked", {}).get("plate", "") if item.entry else ""
        print(f"{item.folder.name}  {item.state:10} {_size(item.bytes):>9}  {used}  {plate}")
    limit = f"limit {_size(cache.limit)}" if cache.limit else "no limit"
    print(f"{len(listed)} entries, {_size(sum(item.bytes for item in listed))} in {cache.root} ({limit})")
    if aside := folder_bytes(cache.root / ASIDE):
        print(f"{_size(aside)} set aside as damaged in {cache.root / ASIDE}; 'ilvi cache prune' removes it")
    return 0


def show(options: argparse.Namespace) -> int:
    """`ilvi cache show NAME`: what was asked, what was done, what is there."""
    entry = the_cache(options).entry(options.name)
    if options.json:
        print(json.dumps(entry.manifest, indent=2))
        return 0
    manifest, record = entry.manifest, entry.record
    owner = manifest.get("owner", {})
    owned = lease.owner(entry.folder)
    state = manifest["state"] if entry.solved or owned else "unfinished: the next run goes on"
    first, last = manifest.get("frames", ["?", "?"])
    kinds = [name.split("/")[0] for name in entry.files]
    lines: dict[str, Any] = {
        "entry": entry.folder,
        "state": state + (", reduced" if entry.reduced else "") + (", empty matte" if entry.empty else ""),
        "frames": f"{first}-{last}",
        "plate": manifest.get("asked", {}).get("plate", ""),
        "matte": manifest.get("asked", {}).get("matte", ""),
        "method": record.get("solve", {}).get("method", ""),
        "working size": "x".join(map(str, record.get("working_size", []))),
        "solved in": f"{entry.seconds:.1f} s" if entry.solved else "",
        "device": (record.get("done") or {}).get("device", ""),
        "begun, finished": f"{manifest.get('begun', '')}  {manifest.get('finished', '')}",
        "owner": f"{owner.get('user', '')}, process {owner.get('pid', '')} on {owner.get('host', '')}",
        "at it now": owned or "nobody",
        "warm start": manifest.get("warm") or "no",
        "reduced": manifest.get("reduced") or "no",
        "there": f"{kinds.count('weights')} networks, {kinds.count('fill')} fills, {_size(entry.bytes())} in all",
        "versions": ", ".join(f"{k} {v}" for k, v in record.get("versions", {}).items()),
    }
    for key, value in lines.items():
        print(f"{key:16} {value}")
    for note in record.get("notes", []):
        print(f"{'note':16} {note['text']}")
    return 0


def verify(options: argparse.Namespace) -> int:
    """`ilvi cache verify [NAME]`: read every byte; what is damaged is set aside. 1 when anything was."""
    cache = the_cache(options)
    folders = [cache.folder(options.name)] if options.name else cache.folders()
    wrong = checked = 0
    for folder in folders:
        with cache.alone(folder) as held:
            if held is None:
                print(f"{folder.name}  is in use; left alone")
                continue
            checked += 1
            wrong += _verify(cache, folder)
    print(f"{checked} entries checked, {wrong} damaged.")
    return 1 if wrong else 0


def _verify(cache: Cache, folder: Path) -> bool:
    """Whether anything in an entry was damaged; its lease is held."""
    entry = None
    try:
        entry = Entry.open(folder)
        bad, frames = ([], []) if entry is None else (entry.damage(), drop_damaged(entry))
    except Damaged:
        bad, frames = ["manifest.json"], []
    if frames:
        print(f"{folder.name}  damaged: {_few(frames)}\n  removed; rendered again when they are asked for")
    if bad and entry is not None and from_weights(entry, bad):
        cache.set_aside_files(entry, bad)
        print(f"{folder.name}  damaged: {_few(bad)}\n  set aside; made again from the weights when they are asked for")
    elif bad:
        print(f"{folder.name}  damaged: {_few(bad)}")
        print(f"  set aside in {cache.set_aside(folder)}; it is solved again when it is asked for")
    return bool(bad or frames)


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")


def prune(options: argparse.Namespace) -> int:
    """`ilvi cache prune`: under the limit, without old entries, or slim."""
    cache = the_cache(options)
    freed, entries = cache.clear_aside(), 0
    for item in cache.list():
        old = options.older_than is not None and time.time() - item.used > options.older_than * DAY
        if old and cache.remove(item.folder):
            freed, entries = freed + item.bytes, entries + 1
        elif options.slim and item.entry is not None and item.entry.solved:
            freed += cache.slim(item.entry)
    done = cache.evict()
    print(
        f"{_size(freed + done.bytes)} freed: {entries + done.entries} entries removed"
        + (f", {done.in_use} in use and left." if done.in_use else ".")
    )
    return 0


def clear(options: argparse.Namespace) -> int:
    """`ilvi cache clear NAME ... | --all`: remove entries; those in use are left, and the exit code is 1."""
    cache = the_cache(options)
    if bool(options.names) == options.all:
        raise InputError("Nothing was named to clear.", "Name entries (see 'ilvi cache list'), or give --all.")
    folders = cache.folders() if options.all else [cache.folder(name) for name in options.names]
    freed = sum(item.bytes for item in cache.list() if item.folder in folders)
    left = [folder for folder in folders if not cache.remove(folder)]
    freed -= sum(item.bytes for item in cache.list() if item.folder in left)
    if options.all:
        freed += cache.clear_aside()
    print(f"{len(folders) - len(left)} entries removed, {_size(freed)} freed.")
    for folder in left:
        print(f"{folder.name} is in use and was left.")
    return 1 if left else 0


def _as_record(item: Listed) -> dict[str, Any]:
    asked = item.entry.manifest.get("asked", {}) if item.entry else {}
    return {"name": item.folder.name, "state": item.state, "bytes": item.bytes, "used": item.used, **asked}


def _size(count: int) -> str:
    """In the unit that shows it best."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
