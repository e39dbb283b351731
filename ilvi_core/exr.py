"""EXR through the OpenEXR library: every part, channel, attribute and bit goes back as it came.

OpenImageIO converts a file of mixed half, float and uint channels through one type, and so cannot keep ids above
2**24 or the payloads of NaNs; OpenEXR gives one array per channel in its own type.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from ilvi_core.exr_check import find_damage
from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.pictures import DISPLAY, LINEAR, Box, Picture, alpha_name, picture_names

# Any other kind loses bits (or is not known to keep them): encoding once more would change pixels nobody touched.
LOSSLESS = (
    OpenEXR.NO_COMPRESSION,
    OpenEXR.RLE_COMPRESSION,
    OpenEXR.ZIPS_COMPRESSION,
    OpenEXR.ZIP_COMPRESSION,
    OpenEXR.PIZ_COMPRESSION,
)
ENCODING_ATTRIBUTE, COMPRESSION_ATTRIBUTE = "ilvi:encoding", "ilvi:plateCompression"


@dataclass(frozen=True)
class ExrOrigin:
    """The whole file that a picture came from: its parts, and which of them the picture is."""

    parts: tuple[Any, ...]
    chosen: int


def read_exr(path: Path, label: str, layer: str = "") -> Picture:
    """One EXR file; `layer` is a channel prefix, a part or a view. InputError where it cannot be kept whole.

    label: how messages name the file, e.g. "Plate frame 1003 (/shot/plate.1003.exr)".
    """
    _refuse_unkeepable(_open(path, label, header_only=True), label)
    damage = find_damage(path)
    if damage:
        raise InputError(f"{label} is truncated or unreadable: {damage}.", "Render that frame again.")
    whole = _open(path, label, header_only=False)
    parts = tuple(whole.parts)
    if not parts:
        raise InputError(f"{label} is truncated or unreadable: its pixels do not decode.", "Render that frame again.")
    chosen, rgb_names = _choose(parts, layer, label)
    header = parts[chosen].header
    planes = {name: channel.pixels for name, channel in parts[chosen].channels.items()}
    encoding = DISPLAY if header.get(ENCODING_ATTRIBUTE) == DISPLAY else LINEAR
    return Picture(
        planes,
        _box(header["dataWindow"]),
        _box(header["displayWindow"]),
        encoding,
        rgb_names,
        origin=ExrOrigin(parts, chosen),
        label=label,
    )


def write_exr(path: Path, picture: Picture) -> None:
    """The picture with everything that its origin held; lossy compressions become ZIP, and an attribute says so."""
    if isinstance(picture.origin, ExrOrigin):
        parts = [
            _copied_part(part, picture.planes if index == picture.origin.chosen else None)
            for index, part in enumerate(picture.origin.parts)
        ]
    else:
        parts = [_new_part(picture)]
    try:
        OpenEXR.File(parts).write(str(path))
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        raise IlviError(f"EXR {path} cannot be written: {error}.", "Check the room left on that disk.") from error


def exr_facts(path: Path, label: str, layer: str) -> tuple[Fraction | float | None, str, bool]:
    """What the header alone tells: (frames per second or None, encoding, has alpha)."""
    parts = tuple(_open(path, label, header_only=True).parts)
    names = [[channel.name for channel in part.header["channels"]] for part in parts]
    chosen, rgb_names = _choose_names(names, [part.header for part in parts], layer, label)
    header = parts[chosen].header
    rate = next((part.header[key] for part in parts for key in part.header if key.lower() == "framespersecond"), None)
    encoding = DISPLAY if header.get(ENCODING_ATTRIBUTE) == DISPLAY else LINEAR
    usable = isinstance(rate, Fraction | float) and rate > 0
    return (rate if usable else None), encoding, alpha_name(names[chosen], rgb_names) is not None


def _open(path: Path, label: str, header_only: bool) -> Any:
    try:
        return OpenEXR.File(str(path), separate_channels=True, header_only=header_only)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{label} has a text attribute that is not UTF-8: {error.object!r}.", "Remove that attribute."
        ) from error
    except (RuntimeError, ValueError, TypeError, IndexError, OSError) as error:
        damage = find_damage(path) or str(error)
        raise InputError(f"{label} is truncated or unreadable: {damage}.", "Render that frame again.") from error


def _refuse_unkeepable(opened: Any, label: str) -> None:
    """Say no, in words, to what could not be written back whole."""
    for part in opened.parts:
        header = part.header
        if header.get("type") in (OpenEXR.deepscanline, OpenEXR.deeptile):
            raise InputError(f"{label} holds deep samples; ILVI works on flat images.", "Flatten it (DeepToImage).")
        small = [c.name for c in header["channels"] if (c.xSampling, c.ySampling) != (1, 1)]
        if small:
            raise InputError(
                f"{label} holds channels at reduced size ({', '.join(small)}); expected full size (R, G, B).",
                "Write it again as RGB, not luminance/chroma.",
            )
        tiles = header.get("tiles")
        if tiles is not None and header.get("type") != OpenEXR.scanlineimage and tiles.mode != OpenEXR.ONE_LEVEL:
            raise InputError(f"{label} is a mip-mapped texture; expected one level.", "Write it again as scanlines.")


def _choose(parts: tuple[Any, ...], layer: str, label: str) -> tuple[int, tuple[str, ...]]:
    return _choose_names([list(part.channels) for part in parts], [part.header for part in parts], layer, label)


def _choose_names(names: list[list[str]], headers: list[Any], layer: str, label: str) -> tuple[int, tuple[str, ...]]:
    """(index of the part, names of its picture channels) for a layer: "" takes the first picture there is."""
    if not layer:
        plain = [(i, picture_names(own)) for i, own in enumerate(names)]
        best = [found for found in plain if len(found[1]) == 3] or [found for found in plain if found[1]]
        if best:
            return best[0]
        layered = [(i, picture_names(own, prefix)) for i, own in enumerate(names) for prefix in _prefixes(own)]
        return next((found for found in layered if len(found[1]) == 3), (0, ()))
    for index, own in enumerate(names):
        if layer in own:
            return index, (layer,)
        if picture_names(own, layer + "."):
            return index, picture_names(own, layer + ".")
    chosen = [i for i, header in enumerate(headers) if layer in (header.get("name"), header.get("view"))]
    # In a single-part file the channels of the first view of multiView carry no prefix.
    chosen += [i for i, header in enumerate(headers) if list(header.get("multiView", []))[:1] == [layer]]
    for index in sorted(chosen, key=lambda i: len(picture_names(names[i])) != 3):
        return index, picture_names(names[index])
    known = sorted({p[:-1] for own in names for p in _prefixes(own)} | {str(h["name"]) for h in headers if "name" in h})
    raise InputError(f"{label} has no layer {layer} (it has {', '.join(known) or 'none'}).", "Choose one of those.")


def _prefixes(names: list[str]) -> list[str]:
    return sorted({name.rpartition(".")[0] + "." for name in names if "." in name})


def _box(window: Any) -> Box:
    (x0, y0), (x1, y1) = window
    return Box(int(x0), int(y0), int(x1) - int(x0) + 1, int(y1) - int(y0) + 1)


def _copied_part(part: Any, planes: dict[str, np.ndarray] | None) -> Any:
    """One part as it was, its pixels exchanged for `planes` where there are any; always scanlines."""
    header = {key: value for key, value in part.header.items() if key not in ("channels", "chunkCount", "tiles")}
    if part.header.get("type") == OpenEXR.tiledimage:
        header["type"], header["lineOrder"] = OpenEXR.scanlineimage, OpenEXR.INCREASING_Y
    if header["compression"] not in LOSSLESS:
        header[COMPRESSION_ATTRIBUTE] = header["compression"].name.removesuffix("_COMPRESSION").lower()
        header["compression"] = OpenEXR.ZIP_COMPRESSION
    channels = {
        name: _channel(name, channel.pixels if planes is None else planes[name], bool(channel.pLinear))
        for name, channel in part.channels.items()
    }
    added = {} if planes is None else {name: plane for name, plane in planes.items() if name not in channels}
    channels |= {name: _channel(name, plane) for name, plane in added.items()}
    return OpenEXR.Part(header, channels, header.get("name", ""))


def _new_part(picture: Picture) -> Any:
    """A part for a picture that came from another format: half for 8 bits, float for more, values as they are."""
    convert: Callable[[str, np.ndarray], np.ndarray] = lambda _, plane: plane  # noqa: E731
    if any(plane.dtype.kind == "u" for plane in picture.planes.values()):
        # 8-bit levels / 255 are told apart in half; 16-bit ones only in float.
        wide = np.float16 if picture.bits <= 8 else np.float32
        convert = lambda name, plane: picture.channel(name).astype(wide) if plane.dtype.kind == "u" else plane  # noqa: E731
    elif any(plane.dtype == np.float64 for plane in picture.planes.values()):
        convert = lambda _, plane: plane.astype(np.float32)  # noqa: E731
    (x, y, width, height), full = picture.data_window, picture.display_window
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "dataWindow": (_point(x, y), _point(x + width - 1, y + height - 1)),
        "displayWindow": (_point(full.x, full.y), _point(full.x + full.width - 1, full.y + full.height - 1)),
    }
    if picture.encoding == DISPLAY:
        header[ENCODING_ATTRIBUTE] = DISPLAY
    channels = {name: _channel(name, convert(name, plane)) for name, plane in picture.planes.items()}
    return OpenEXR.Part(header, channels, "")


def _point(x: int, y: int) -> np.ndarray:
    return np.array([x, y], np.int32)


def _channel(name: str, plane: np.ndarray, linear: bool = False) -> Any:
    # OpenEXR 3.5 writes the wrong samples from an array that is not contiguous.
    return OpenEXR.Channel(name, np.ascontiguousarray(plane), 1, 1, linear)
