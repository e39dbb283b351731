"""One still file in or out: EXR, .npy, and what OpenImageIO reads (DPX, TIFF, PNG, JPEG, TGA)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from ilvi_core import npy
from ilvi_core.exr import exr_facts, read_exr, write_exr
from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.pictures import DISPLAY, LINEAR, Box, Picture, alpha_name, picture_names

WRITABLE = (".exr", ".dpx", ".tif", ".tiff", ".png", ".npy")
READABLE = (*WRITABLE, ".jpg", ".jpeg", ".tga")
AGAIN = "Render that frame again."


def read_still(path: Path, label: str, layer: str = "") -> Picture:
    """One frame with its native bits. label: how messages name it. InputError where it cannot be read whole."""
    suffix = path.suffix.lower()
    if suffix == ".exr":
        return read_exr(path, label, layer)
    if suffix == ".npy":
        return _with_layer(Picture.from_array(_load_npy(path, label), label=label), layer)
    spec, pixels = _read_oiio(path, label)
    names = list(spec.channelnames)
    if len(set(names)) < len(names):
        raise InputError(f"{label} has channels of the same name ({', '.join(names)}).", "Give them different names.")
    integer = pixels.dtype.kind == "u"
    picture = Picture(
        {name: np.ascontiguousarray(pixels[:, :, i]) for i, name in enumerate(names)},
        Box(spec.x, spec.y, spec.width, spec.height),
        Box(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
        DISPLAY if integer else LINEAR,
        picture_names(names) or tuple(names[:3] if len(names) > 2 else names[:1]),
        _bits(spec, pixels.dtype),
        spec,
        label,
    )
    return _with_layer(picture, layer)


def write_still(path: Path, picture: Picture) -> None:
    """The picture as a file of the format that `path` names. IlviError where it does not arrive whole.

    A .npy holds the rgb (and alpha) planes of the data window only: (h, w), (h, w, 3) or (h, w, 4).
    """
    suffix = path.suffix.lower()
    if suffix == ".exr":
        write_exr(path, picture)
    elif suffix == ".npy":
        names = [*picture.rgb_names, *([a] if (a := alpha_name(picture.planes, picture.rgb_names)) else [])]
        planes = [picture.planes[name] for name in dict.fromkeys(names)]
        with path.open("wb") as file:
            np.save(file, planes[0] if len(planes) == 1 else np.stack(planes, axis=-1))
    else:
        _write_oiio(path, picture)


def still_facts(path: Path, label: str, layer: str) -> tuple[Fraction | float | None, str, np.dtype[Any], bool]:
    """What a file's header tells: (frames per second or None, encoding, dtype, has alpha)."""
    suffix = path.suffix.lower()
    if suffix == ".exr":
        rate, encoding, has_alpha = exr_facts(path, label, layer)
        return rate, encoding, np.dtype(np.float32), has_alpha  # the kind; each channel has its own width
    if suffix == ".npy":
        pixels = _load_npy(path, label)
        return None, LINEAR if pixels.dtype.kind == "f" else DISPLAY, pixels.dtype, pixels.shape[2:] == (4,)
    image = _open_oiio(path, label)
    spec = image.spec()
    image.close()
    dtype = np.dtype(str(spec.format).replace("float", "float32") if str(spec.format) != "half" else "float16")
    rate = spec.get_float_attribute("dpx:FrameRate") or spec.get_float_attribute("dpx:TemporalFrameRate")
    names = list(spec.channelnames)
    has_alpha = alpha_name(names, picture_names(names)) is not None
    usable = rate if 1 <= rate < 1000 else None
    return usable, DISPLAY if dtype.kind == "u" else LINEAR, dtype, has_alpha


def _with_layer(picture: Picture, layer: str) -> Picture:
    """These formats have no layers, but one of their channels can be named."""
    if not layer:
        return picture
    picture.channel(layer)
    return Picture(**{**vars(picture), "rgb_names": (layer,)})


def _load_npy(path: Path, label: str) -> np.ndarray:
    try:
        return npy.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{label} is truncated or unreadable: {error}.", AGAIN) from error


def _open_oiio(path: Path, label: str) -> Any:
    config = oiio.ImageSpec()
    # Colours stay as they are stored: multiplying by alpha and dividing again would change their bits.
    config.attribute("oiio:UnassociatedAlpha", 1)
    image = oiio.ImageInput.open(str(path), config)
    if image is None:
        raise InputError(f"{label} is truncated or unreadable: {_text(oiio.geterror())}.", AGAIN)
    return image


def _read_oiio(path: Path, label: str) -> tuple[Any, np.ndarray]:
    """(spec, pixels (h, w, c) in the file's own dtype). InputError for more than one image in the file."""
    image = _open_oiio(path, label)
    try:
        spec = image.spec()
        pixels = image.read_image(0, 0, 0, spec.nchannels, spec.format)
        if pixels is None or image.has_error:
            raise InputError(f"{label} is truncated or unreadable: {_text(image.geterror())}.", AGAIN)
        if image.seek_subimage(1, 0):
            raise InputError(f"{label} holds more than one image; expected one.", "Write its pages as separate files.")
        image.geterror()
    finally:
        image.close()
    if pixels.dtype.kind not in "uf":
        raise InputError(f"{label} holds {pixels.dtype} samples; expected unsigned or float.", "Convert it.")
    return spec, pixels.reshape(spec.height, spec.width, spec.nchannels)


def _bits(spec: Any, dtype: np.dtype[Any]) -> int:
    """Significant bits of an integer sample; 1-, 2- and 4-bit files were spread over 8 by the reader."""
    if dtype.kind != "u":
        return 0
    stored = spec.get_int_attribute("oiio:BitsPerSample")
    return stored if dtype.itemsize * 4 < stored < dtype.itemsize * 8 else dtype.itemsize * 8


def _write_oiio(path: Path, picture: Picture) -> None:
    pixels = np.ascontiguousarray(np.stack(list(picture.planes.values()), axis=-1))
    spec = _spec_for(picture, pixels, path.suffix.lower())
    image = oiio.ImageOutput.create(str(path))
    if image is None:
        raise IlviError(f"{path} cannot be written: {_text(oiio.geterror())}.", "Choose .png, .tif or .exr.")
    done = image.open(str(path), spec) and image.write_image(pixels)
    trouble = image.geterror()
    done = image.close() and done
    trouble = trouble or image.geterror()
    # OpenImageIO 3.2 returns True for a PNG that met a full disk, and reports an error for a TIFF that is whole:
    # only reading it again tells.
    if not done or not _arrived(path, pixels):
        raise IlviError(
            f"{path} cannot be written: {_text(trouble)}.", "Check the room left on that disk, or choose .exr."
        )


def _spec_for(picture: Picture, pixels: np.ndarray, suffix: str) -> Any:
    """The plate's own header where the format is the same, else a plain one."""
    height, width, count = pixels.shape
    kind = {"float32": "float", "float16": "half", "float64": "double"}.get(pixels.dtype.name, pixels.dtype.name)
    if kind == "half":
        oiio.attribute("tiff:half", 1)
    spec = oiio.ImageSpec(picture.origin) if isinstance(picture.origin, oiio.ImageSpec) else None
    if spec is None:
        spec = oiio.ImageSpec(width, height, count, kind)
        spec.channelnames = tuple(picture.planes)
        alpha = alpha_name(picture.planes, picture.rgb_names)
        spec.alpha_channel = list(picture.planes).index(alpha) if alpha else -1
    spec.format = oiio.TypeDesc(kind)
    stored = picture.bits if suffix == ".dpx" else pixels.dtype.itemsize * 8
    spec.attribute("oiio:BitsPerSample", stored)
    spec.attribute("png:compressionLevel", 3)  # half the time of 6 for a few percent of size
    spec.attribute("oiio:UnassociatedAlpha", 1 if spec.alpha_channel >= 0 and _unassociated(picture, suffix) else 0)
    return spec


def _unassociated(picture: Picture, suffix: str) -> bool:
    """PNG stores colours not multiplied by alpha; a TIFF says which of the two it holds, and keeps saying so."""
    if not isinstance(picture.origin, oiio.ImageSpec) or suffix == ".png":
        return True
    return bool(picture.origin.get_int_attribute("oiio:UnassociatedAlpha"))


def _arrived(path: Path, pixels: np.ndarray) -> bool:
    try:
        _, found = _read_oiio(path, "")
    except InputError:
        return False
    return found.dtype == pixels.dtype and found.shape == pixels.shape and found.tobytes() == pixels.tobytes()


def _text(error: str) -> str:
    return " ".join(error.split()).rstrip(".")[:300] or "it holds no whole image"
