"""Float32 arrays as .npy files, with the standard library alone: hosts have no numpy."""

from __future__ import annotations

import ast
import contextlib
import mmap
import os
import struct
from pathlib import Path

from ilvi_core.host.errors import IlviError

MAGIC = b"\x93NUMPY"


def write(path: str | os.PathLike[str], shape: tuple[int, ...], data: bytes | bytearray | memoryview) -> None:
    """A C-ordered little-endian float32 array, whole or not at all. IlviError where there is no room."""
    count = 4
    for side in shape:
        count *= side
    view = memoryview(data).cast("B")
    if len(view) != count:
        raise ValueError(f"{len(view)} bytes are no float32 array of shape {shape}")
    header = repr({"descr": "<f4", "fortran_order": False, "shape": tuple(shape)})
    padded = header + " " * (-(len(header) + 11) % 64) + "\n"
    target = Path(path)
    partial = target.with_name(f".tmp_{target.name}")
    try:
        with open(partial, "wb") as file:
            file.write(MAGIC + b"\x01\x00" + struct.pack("<H", len(padded)) + padded.encode("ascii"))
            file.write(view)
        os.replace(partial, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise IlviError(f"{target} cannot be written: {error.strerror}.", "Make room on that disk.") from error


def read(path: str | os.PathLike[str]) -> tuple[tuple[int, ...], memoryview]:
    """Shape and bytes of a float32 file, mapped. IlviError when it is another kind of file, or cut."""
    try:
        with open(path, "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise IlviError(f"{path} cannot be read: {error}.", "Press Re-render, or Inpaint.") from error
    try:
        if mapped[:6] != MAGIC:
            raise ValueError("it is no .npy file")
        wide = mapped[6] > 1
        (length,) = struct.unpack_from("<I" if wide else "<H", mapped, 8)
        start = (12 if wide else 10) + length
        header = ast.literal_eval(mapped[start - length : start].decode("latin-1"))
        if header["descr"] != "<f4" or header["fortran_order"]:
            raise ValueError(f"it holds {header['descr']}, expected float32")
        shape = tuple(int(side) for side in header["shape"])
        count = 4
        for side in shape:
            count *= side
        if len(mapped) - start < count:
            raise ValueError("it is cut")
    except (ValueError, KeyError, SyntaxError, struct.error) as error:
        raise IlviError(f"{path} cannot be read: {error}.", "Press Re-render, or Inpaint.") from error
    return shape, memoryview(mapped)[start : start + count]
