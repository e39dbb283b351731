"""nuke.execute: https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.execute.html

Views left out are ALL views. One render at a time. A cancel is an error whose text has "ancelled" in it.
"""

from __future__ import annotations

import os

import numpy as np

from . import files, layering
from .callbacks import fire
from .core import guard, host, need
from .images import smaller
from .render import RenderError, image_of


class CancelledError(RuntimeError):
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.CancelledError.html (base:
    unverified)
    """


@guard
def execute(nameOrNode, start=None, end=None, incr=None, views=None, continueOnError=False):
    """Renders a Write for frames start to end. Frame range objects are not offered."""
    from .nodes import Node, view_names

    if isinstance(nameOrNode, str):
        from .ui import to_node

        node = to_node(nameOrNode)
        if node is None:
            raise RuntimeError(f"there is no node {nameOrNode!r}")
    else:
        node = need(nameOrNode, Node, "nuke.execute: the node")
    core = node._c
    if core.kind != "Write":
        raise RuntimeError(f"{core.full_name()} is not executable")
    first = host.root.knobs["first_frame"].value() if start is None else need(start, int, "nuke.execute: start")
    last = host.root.knobs["last_frame"].value() if end is None else need(end, int, "nuke.execute: end")
    step = 1 if incr is None else need(incr, int, "nuke.execute: incr")
    wanted = view_names() if views is None else list(need(views, (list, tuple), "nuke.execute: views"))
    for view in wanted:
        if view not in view_names():
            raise RuntimeError(f"there is no view {view!r}")
    if host.executing:
        raise RuntimeError("I'm already executing something else")
    if not core.knobs["file"].value():
        raise RuntimeError(f"{core.full_name()}: No filename specified")  # unverified wording
    host.executing = True
    host.images.clear()
    try:
        fire("BeforeRender", core, strict=True)
        render_frames(core, range(first, last + 1, step), wanted, bool(continueOnError))
        fire("AfterRender", core, strict=True)
    finally:
        host.executing = False
        host.cancel_after = None
        host.context_frame = host.context_view = None
        host.images.clear()


def render_frames(core, frames, wanted: list, keep_going: bool) -> None:
    limits = core.knobs["use_limit"].value()
    for count, frame in enumerate(frames):
        if host.cancel_after is not None and count >= host.cancel_after:
            raise CancelledError("Cancelled")
        if limits and not core.knobs["first"].value() <= frame <= core.knobs["last"].value():
            continue
        host.context_frame, host.context_view = float(frame), wanted[0]
        try:
            fire("BeforeFrameRender", core, strict=True)
            write_frame(core, frame, wanted)
        except RenderError:
            if not keep_going:
                raise
        else:
            fire("AfterFrameRender", core, strict=True)
        finally:
            host.context_frame = host.context_view = None


def write_frame(core, frame: int, wanted: list) -> None:
    """One file for each view where the name has %V, else one for all of them."""
    knobs = core.knobs
    proxy = bool(host.root.knobs["proxy"]._values[0])
    name = knobs["proxy"] if proxy and knobs["proxy"].value() else knobs["file"]
    pictures = {}
    for view in wanted:
        source = core.input(0)
        if source is None:
            raise RenderError(core, "there is no input")
        image = image_of(source, float(frame), view)
        if proxy:
            image = smaller(image, host.root.knobs["proxy_scale"].value())
        pictures.setdefault(name._at(frame, view), []).append((view, image))
    for path, group in pictures.items():
        image, more = group[0][1], dict(group[1:])
        put(core, path, image, more)


def put(core, path: str, image, more: dict) -> None:
    knobs = core.knobs
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        if not knobs["create_directories"].value():
            raise RenderError(core, f"{path}: Unable to open file: No such file or directory")
        os.makedirs(folder, exist_ok=True)
    kind = knobs["file_type"].value().strip() or os.path.splitext(path)[1][1:].lower()
    if kind not in ("exr", "png", "tiff", "tif"):
        raise RenderError(core, f"the fake does not write {kind!r}")
    names = [name for name in layering.resolve(knobs["channels"]._text, image.channels) if name in image.channels]
    if not names:
        raise RenderError(core, "there are no channels to write")  # unverified
    settings = {"raw": knobs["raw"].value(), "colorspace": knobs["colorspace"].value()}
    settings["version"] = f"{host.version[0]}.{host.version[1]}v1"
    for name in core.placeholders:
        settings[name] = knobs[name].value()
    if settings.get("autocrop"):
        image = cropped(image, names)
    if settings["colorspace"] not in ("default", "linear") and kind == "exr" and not settings["raw"]:
        raise RenderError(core, "the fake writes EXR linear only")
    files.save(path, image, names, kind, settings, more)


def cropped(image, names: list):
    """https://learn.foundry.com/nuke/content/reference_guide/image_nodes/write.html: to where it is not 0."""
    filled = np.zeros(image.size(), bool)
    for name in names:
        filled |= image.channels[name] != 0
    rows, cols = np.nonzero(filled.any(axis=1))[0], np.nonzero(filled.any(axis=0))[0]
    if not len(rows):
        return image.over((image.bbox[0], image.bbox[1], image.bbox[0] + 1, image.bbox[1] + 1))
    x, y = image.bbox[:2]
    return image.over((x + cols[0], y + rows[0], x + cols[-1] + 1, y + rows[-1] + 1))


@guard
def executing():
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.executing.html"""
    return host.executing
