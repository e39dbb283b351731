"""Reading and writing picture files with OpenImageIO, under Nuke's names for channels.

https://learn.foundry.com/nuke/11.1/content/reference_guide/image_nodes/read.html; names of channels: a file's R, G, B
and A are rgba.*, "fill.R" is fill.red, others stay (unverified in the particulars). Written: R, G, B, A and full
names.
"""

from __future__ import annotations

import os

import numpy as np
import OpenImageIO as oiio

from .images import Image, decode, encode

LONG = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}
PLAIN = {"rgba.red": "R", "rgba.green": "G", "rgba.blue": "B", "rgba.alpha": "A"}
COMPRESSION = {
    "none": "none",
    "Zip (1 scanline)": "zips",
    "Zip (16 scanlines)": "zip",
    "PIZ Wavelet (32 scanlines)": "piz",
    "RLE": "rle",
    "B44": "b44",
    "B44A": "b44a",
    "DWAA": "dwaa",
    "DWAB": "dwab",
}
LOG = {".dpx": "Cineon", ".cin": "Cineon"}


def nuke_name(name: str, part: str = "") -> str:
    layer, _dot, last = name.rpartition(".")
    layer = layer or part
    if not layer:
        if last == "Z":
            return "depth.Z"
        return f"rgba.{LONG[last]}" if last in LONG else f"other.{last}"
    return f"{layer}.{LONG.get(last, last)}"


def depth_name(form) -> str:
    return {"half": "16-bit half float", "float": "32-bit float", "uint8": "8-bit fixed"}.get(str(form), "16-bit fixed")


def load(path: str, raw: bool, space: str, auto_alpha: bool, premultiplied: bool) -> Image:
    """A file as a picture; RuntimeError as Nuke words it."""
    if not os.path.exists(path):
        raise RuntimeError(f"{path}: No such file or directory")
    opened = oiio.ImageInput.open(path)
    if opened is None:
        raise RuntimeError(f"{path}: {oiio.geterror() or 'cannot be read'}")
    channels, box, part = {}, None, 0
    first = opened.spec()
    while opened.seek_subimage(part, 0):
        spec = opened.spec()
        pixels = opened.read_image(part, 0, 0, spec.nchannels, oiio.FLOAT)
        if pixels is None:
            raise RuntimeError(f"{path}: {opened.geterror() or 'incomplete file'}")
        pixels = np.asarray(pixels, np.float32).reshape(spec.height, spec.width, spec.nchannels)[::-1]
        top = spec.y - spec.full_y
        x = spec.x - spec.full_x
        here = (x, spec.full_height - top - spec.height, x + spec.width, spec.full_height - top)
        prefix = spec.getattribute("oiio:subimagename") or "" if part else ""
        names = list(spec.channelnames)
        for place, name in enumerate(names):
            key = nuke_name(name, prefix)
            value = np.ascontiguousarray(pixels[..., place])
            if names == ["Y"]:
                channels.update(dict.fromkeys(("rgba.red", "rgba.green", "rgba.blue"), value))
                continue
            if box is not None and here != box:
                value = Image({key: value}, here, (1, 1)).get(key, box)
            channels[key] = value
        box = here if box is None else box
        part += 1
    opened.close()
    kind = os.path.splitext(path)[1].lower()
    if not raw:
        space = default_space(kind, first) if space == "default" else space
        alpha = channels.get("rgba.alpha")
        for name in channels:
            if name.rpartition(".")[2] in ("red", "green", "blue") and space != "linear":
                channels[name] = colour(channels[name], space, alpha if premultiplied else None)
    if auto_alpha and "rgba.alpha" not in channels:
        channels["rgba.alpha"] = np.ones_like(next(iter(channels.values())))
    meta = {
        "input/filename": path,
        "input/bitsperchannel": depth_name(first.format),
        "input/mtime": f"{os.path.getmtime(path):.0f}",
        "input/width": first.full_width,
        "input/height": first.full_height,
        "input/filereader": kind[1:],
    }
    for attribute in first.extra_attribs:
        if attribute.name.startswith(("exr/", "nuke/", "ilvi/")):
            key = attribute.name if not attribute.name.startswith("nuke/") else f"exr/{attribute.name}"
            meta[key] = attribute.value
    aspect = first.getattribute("PixelAspectRatio") or 1.0
    return Image(channels, box, (first.full_width, first.full_height), aspect, meta)


def colour(values, space, alpha):
    if alpha is None:
        return decode(values, space)
    solid = np.where(alpha == 0, np.float32(1), alpha)
    return decode(values / solid, space) * np.where(alpha == 0, np.float32(1), alpha)


def default_space(kind: str, spec) -> str:
    if kind in LOG:
        return LOG[kind]
    return "linear" if str(spec.format) in ("half", "float", "double") else "sRGB"


def save(path: str, image: Image, names: list, kind: str, settings: dict, more: dict | None = None) -> None:
    """A picture into a file; `more` are further views, by name, whose channels get the view's name in front."""
    box = image.bbox if image.bbox[2] > image.bbox[0] and image.bbox[3] > image.bbox[1] else (0, 0, 1, 1)
    planes, titles = [], []
    for view, one in [("", image), *(more or {}).items()]:
        for name in names:
            title = PLAIN.get(name, name)
            titles.append(f"{view}.{title}" if view else title)
            planes.append(one.get(name, box)[::-1])
    if kind != "exr":
        box = (0, 0, *image.format)
        planes = [image.get(name, box)[::-1] for name in names]
        if not settings["raw"]:
            space = "sRGB" if settings["colorspace"] == "default" else settings["colorspace"]
            planes = [p if n.endswith("alpha") else encode(p, space) for p, n in zip(planes, names)]
    pixels = np.ascontiguousarray(np.stack(planes, axis=-1)) if planes else np.zeros((1, 1, 1), np.float32)
    form = {"exr": {"16 bit half": "half", "32 bit float": "float"}}.get(kind, {"8 bit": "uint8", "16 bit": "uint16"})
    depth = form.get(settings.get("datatype"), "half" if kind == "exr" else "uint8")
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], depth)
    spec.channelnames = tuple(titles) or ("R",)
    spec.x, spec.y = box[0], image.format[1] - box[3]
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = 0, 0, *image.format
    if kind == "exr":
        spec.attribute("compression", COMPRESSION[settings.get("compression", "Zip (1 scanline)")])
        spec.attribute("PixelAspectRatio", image.aspect)
        spec.attribute("nuke/version", settings["version"])
    out = oiio.ImageOutput.create(path)
    if out is None or not out.open(path, spec):
        raise RuntimeError(f"{path}: {oiio.geterror() if out is None else out.geterror()}")
    if not out.write_image(pixels):
        raise RuntimeError(f"{path}: {out.geterror()}")
    out.close()
