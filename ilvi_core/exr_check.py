"""Is an EXR file whole? Told from its chunk tables, without decoding a pixel.

OpenEXR prints one line per missing chunk (thousands) and returns a file without parts; this gives one sentence.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

MAGIC = 20000630
TILED, DEEP, MULTI_PART = 0x200, 0x800, 0x1000
LINES_PER_CHUNK = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256, 10: 256, 11: 32}
MAX_HEADER = 64 << 20


def find_damage(path: Path) -> str:
    """A sentence part on what is wrong with the file, or "" when all of its chunks are there."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _check(file, size)
    except OSError as error:
        return error.strerror or str(error)
    except (struct.error, IndexError, ValueError):
        return "its header ends early"


def _check(file: BinaryIO, size: int) -> str:
    magic, version = struct.unpack("<iI", file.read(8))
    if magic != MAGIC:
        return "it is no EXR file"
    multi = bool(version & MULTI_PART)
    headers = [_header(file)]
    while multi:
        following = _header(file)
        if not following:
            break
        headers.append(following)
    counts = [_chunks(header, bool(version & TILED)) for header in headers]
    if any(count is None for count in counts):
        return ""  # deep, mip-mapped or unknown: left to OpenEXR
    last = 0
    for count in counts:
        table = struct.unpack(f"<{count}Q", file.read(8 * (count or 0)))
        missing = sum(offset == 0 or offset >= size for offset in table)
        if missing:
            return f"{missing} of its {count} blocks are missing"
        last = max(last, max(table, default=0))
    return _check_last(file, size, last, headers, multi, version)


def _check_last(
    file: BinaryIO, size: int, offset: int, headers: list[dict[str, tuple[str, bytes]]], multi: bool, version: int
) -> str:
    """The last chunk must lie wholly inside the file."""
    file.seek(offset)
    number = struct.unpack("<i", file.read(4))[0] if multi else 0
    tiled = headers[number].get("type", ("", b""))[1] == b"tiledimage" if multi else bool(version & TILED)
    length = struct.unpack("<4ii" if tiled else "<ii", file.read(20 if tiled else 8))[-1]
    return "" if file.tell() + length <= size else "its last block ends early"


def _header(file: BinaryIO) -> dict[str, tuple[str, bytes]]:
    """Attribute name -> (type, bytes); empty at the end of a multi-part list."""
    found = {}
    while name := _word(file):
        kind = _word(file)
        (length,) = struct.unpack("<i", file.read(4))
        if not 0 <= length <= MAX_HEADER:
            raise ValueError(length)
        found[name] = (kind, file.read(length))
    return found


def _word(file: BinaryIO) -> str:
    letters = bytearray()
    while (letter := file.read(1)) != b"\0":
        if not letter or len(letters) > 255:
            raise ValueError("no end of the name")
        letters += letter
    return letters.decode("utf-8", "replace")


def _chunks(header: dict[str, tuple[str, bytes]], tiled_file: bool) -> int | None:
    """How many chunks a part has; None where this check does not know."""
    kind = header.get("type", ("string", b"tiledimage" if tiled_file else b"scanlineimage"))[1]
    if "chunkCount" in header:
        return int(struct.unpack("<i", header["chunkCount"][1])[0])
    x0, y0, x1, y1 = struct.unpack("<4i", header["dataWindow"][1])
    if kind == b"scanlineimage":
        lines = LINES_PER_CHUNK.get(header["compression"][1][0])
        return None if lines is None else -(-(y1 - y0 + 1) // lines)
    if kind == b"tiledimage":
        across, down, mode = struct.unpack("<IIB", header["tiles"][1])
        return None if mode & 15 else -(-(x1 - x0 + 1) // across) * -(-(y1 - y0 + 1) // down)
    return None
