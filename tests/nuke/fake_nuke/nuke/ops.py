"""What each class of node does to pictures.

Their pages: https://learn.foundry.com/nuke/content/reference_guide/ ... . Simplified: whole pixels only, no masks and
no mix but in Keymix and Merge2; what a node of the fake cannot do raises instead of passing through.
"""

from __future__ import annotations

import os

import numpy as np

from . import files, layering
from .core import host
from .expressions import ExpressionError, evaluate, parse
from .images import Image, blank, intersection, smaller, union
from .render import At, root_aspect, root_format
from .tcl import substitute


def plain(at: At) -> Image:
    return at.input(0)


def shifted(core, frame, view):
    """The frame and view at which a node looks at an input."""
    if core.kind == "TimeOffset":
        return lambda place: (frame - core.knobs["time_offset"]._number(0, frame, view), view)
    if core.kind == "FrameHold":
        at = At(core, frame, view)
        first, step = at.number("firstFrame"), at.number("increment")
        held = first + (frame - first) // step * step if step else first
        return lambda place: (float(held), view)
    if core.kind == "OneView":
        return lambda place: (frame, core.knobs["view"]._text or view)
    if core.kind == "JoinViews":
        return lambda place: (frame, view)
    return lambda place: (frame, view)


def sees_frame(core) -> bool:
    """Whether a node looks at the number of the frame itself."""
    if core.kind == "Roto":
        return len(core.knobs["curves"]._text.split()) > 4
    if core.kind == "Expression":
        text = " ".join(str(knob._text) for knob in core.knobs.values() if "expr" in knob._name)
        return any(word in text for word in ("frame", "[", "(t)")) or " t " in f" {text} "
    return False


def time_offset(at: At) -> Image:
    return at.input(0, *shifted(at.core, at.frame, at.view)(0))


# pictures from nothing


def fill(at: At, names, values) -> Image:
    w, h = at.core.knobs["format"].value().size
    pixels = {name: np.full((h, w), value, np.float32) for name, value in zip(names, values)}
    return Image(pixels, (0, 0, w, h), (w, h), at.core.knobs["format"].value().aspect)


def constant(at: At) -> Image:
    return fill(at, layering.RGBA, [at.number("color", place) for place in range(4)])


def checkerboard(at: At) -> Image:
    image = fill(at, layering.RGBA, [0, 0, 0, 1])
    h, w = image.size()
    size = max(1.0, at.number("boxsize"))
    odd = (np.floor(np.arange(h) / size)[:, None] + np.floor(np.arange(w) / size)[None, :]) % 2
    for place in range(3):
        low, high = at.number("color0", place), at.number("color1", place)
        image.channels[layering.RGBA[place]] = np.where(odd, np.float32(high), np.float32(low)).astype(np.float32)
    return image


def roto(at: At) -> Image:
    """The fake's own (unverified): `curves` is "x y r t" or "x y r t dx", a box of ones in alpha moving dx a frame."""
    words = [float(word) for word in at.text("curves").split()]
    image = at.input(0) if at.has(0) else blank(at.core.knobs["format"].value().size)
    if not words:
        return image
    x, y, r, t = words[:4]
    move = words[4] * at.frame if len(words) > 4 else 0.0
    shape = tuple(round(value) for value in (x + move, y, r + move, t))
    box = union(image.bbox, intersection(shape, (0, 0, *image.format)))
    out = image.over(box)
    name = layering.resolve(at.text("output"))[0]
    ones = Image({name: np.ones(image.size(shape), np.float32)}, shape, image.format)
    out.channels[name] = np.maximum(out.get(name), ones.get(name, box))
    return out


# pictures from files


def frame_to_read(at: At):
    """The frame of the file that a Read shows at a frame of the script; None is black."""
    first, last = int(at.number("first")), int(at.number("last"))
    frame, text = at.frame, at.text("frame").strip()
    mode = at.choice("frame_mode")
    if text and mode == "offset":
        frame += float(text)
    elif text and mode == "start at":
        frame = frame - float(text) + first
    elif text:
        frame = float(evaluate(parse(text), lambda name: at.frame))
    frame = int(np.floor(frame))
    side = "before" if frame < first else "after" if frame > last else ""
    if not side:
        return frame
    how, count = at.choice(side), last - first + 1
    if how == "black":
        return None
    if how == "hold":
        return first if side == "before" else last
    if how == "loop":
        return first + (frame - first) % count
    turn = (frame - first) % max(1, 2 * (count - 1))
    return first + (turn if turn < count else 2 * (count - 1) - turn)


def read_name(at: At, frame: int) -> str:
    name = "file"
    if at.on_proxy() and at.text("proxy"):
        name = "proxy"
    return at.core.knobs[name]._at(frame, at.view)


def on_proxy(self) -> bool:
    return bool(host.root.knobs["proxy"]._values[0])


At.on_proxy = on_proxy


def load(at: At, path: str) -> Image:
    raw, space = at.on("raw"), at.choice("colorspace")
    image = files.load(path, raw, space, at.on("auto_alpha"), at.on("premultiplied"))
    for name in image.channels:  # a file's layers are the script's from now on
        layering.add(name.rpartition(".")[0], [name])
    return image


def read(at: At) -> Image:
    """https://learn.foundry.com/nuke/11.1/content/reference_guide/image_nodes/read.html"""
    if not at.text("file"):
        return blank(root_format(), root_aspect())  # unverified: real Nuke says that no file is given
    frame = frame_to_read(at)
    error = at.choice("on_error")
    if frame is None:
        frame, error = int(at.number("first")), "black"
        empty = True
    else:
        empty = False
    path = read_name(at, frame)
    if os.path.exists(path) and not empty:
        image = load(at, path)
        image.meta["input/frame"] = frame
        return image
    if error == "error":
        raise RuntimeError(f"{path}: No such file or directory")
    near = nearest(at, frame)
    if error == "nearest frame":
        if near is None:
            raise RuntimeError(f"{path}: No such file or directory")
        return load(at, near)
    like = load(at, near) if near is not None else blank(root_format(), root_aspect(), layering.RGBA)
    names = list(like.channels)
    image = blank(like.format, like.aspect, names)
    if error == "checkerboard":
        h, w = image.size()
        board = ((np.arange(h) // 16)[:, None] + (np.arange(w) // 16)[None, :]) % 2
        image.channels = {name: (0.25 + 0.5 * board).astype(np.float32) for name in names}
    return image


def nearest(at: At, frame: int):
    first, last = int(at.number("origfirst")), int(at.number("origlast"))
    first, last = min(first, int(at.number("first"))), max(last, int(at.number("last")))
    for other in sorted(range(first, last + 1), key=lambda one: (abs(one - frame), one)):
        path = read_name(at, other)
        if os.path.exists(path):
            return path
    return None


def write(at: At) -> Image:
    """Passes its input on, or with `reading` shows its file."""
    if not at.on("reading"):
        return at.input(0)
    path = read_name(at, int(at.frame))
    if os.path.exists(path):
        return files.load(path, at.on("raw"), at.choice("colorspace"), False, False)
    how = at.choice("on_error")
    if how == "error":
        raise RuntimeError(f"{path}: No such file or directory")
    return at.input(0) if how == "read input" else blank(root_format(), root_aspect(), layering.RGBA)


# pictures from pictures


def grade(at: At) -> Image:
    image = at.input(0)
    out = dict(image.channels)
    for name in layering.resolve(at.text("channels"), out):
        if name in out:
            place = layering.RGBA.index(name) if name in layering.RGBA else 0
            gain = np.float32(at.number("white", place) * at.number("multiply", place))
            out[name] = out[name] * gain + np.float32(at.number("add", place))
    return image.but(channels=out)


def transform(at: At) -> Image:
    image = at.input(0)
    dx, dy = at.number("translate", 0), at.number("translate", 1)
    if dx != int(dx) or dy != int(dy):
        raise RuntimeError("the fake moves by whole pixels only")
    x, y, r, t = image.bbox
    return image.but(bbox=(x + dx, y + dy, r + dx, t + dy))


def crop(at: At) -> Image:
    image = at.input(0)
    box = tuple(round(at.number("box", place)) for place in range(4))
    wanted = intersection(box, image.bbox) if at.on("intersect") or not at.on("crop") else box
    image = image.over(wanted)
    if at.on("reformat"):
        x, y, r, t = wanted
        image = image.but(
            bbox=(x - box[0], y - box[1], r - box[0], t - box[1]), format=(box[2] - box[0], box[3] - box[1])
        )
    return image


def box_of(at: At, a: Image, b: Image):
    how = at.choice("bbox")
    if how == "intersection":
        return intersection(a.bbox, b.bbox)
    return {"A": a.bbox, "B": b.bbox}.get(how) or union(b.bbox, a.bbox)


def copy(at: At) -> Image:
    """Input 0 is B, 1 is A; channels of A that it has not are black."""
    b, a = at.input(0), at.input(1)
    if at.has(2):
        at.fail("the fake's Copy has no mask")
    box = box_of(at, a, b)
    out = b.over(box)
    for name in layering.resolve(at.text("channels"), a.channels):
        if name in a.channels:
            out.channels[name] = a.get(name, box)
    for place in range(4):
        source, target = layering.resolve(at.text(f"from{place}")), layering.resolve(at.text(f"to{place}"))
        if source and target:
            out.channels[target[0]] = a.get(source[0], box)
    kind = at.choice("metainput")
    out.meta = {"B": b.meta, "A": a.meta, "All": {**b.meta, **a.meta}}[kind]
    return out


def switch(at: At) -> Image:
    """https://learn.foundry.com/nuke/content/reference_guide/merge_nodes/switch.html (rounding: down, unverified)"""
    return at.input(max(0, min(int(np.floor(at.number("which"))), max(0, len(at.core.inputs) - 1))))


def merge(at: At) -> Image:
    """over: A + B (1 - a)."""
    b, a = at.input(0), at.input(1)
    if at.has(2) or at.number("mix") != 1:
        at.fail("the fake's Merge2 has neither mask nor mix")
    box = box_of(at, a, b)
    out, alpha = b.over(box), a.get("rgba.alpha", box)
    for name in dict.fromkeys([*b.channels, *layering.RGBA]):
        if name in layering.RGBA:
            out.channels[name] = a.get(name, box) + b.get(name, box) * (1 - alpha)
    return out


def keymix(at: At) -> Image:
    """B where the mask (input 2) is 0, A where it is 1, exactly."""
    b, a = at.input(0), at.input(1)
    box = box_of(at, a, b)
    mask = np.ones(b.size(box), np.float32)
    if at.has(2):
        mask = at.input(2).get(layering.resolve(at.text("maskChannel"))[0], box)
    if at.on("invertMask"):
        mask = 1 - mask
    mask = mask * np.float32(at.number("mix"))
    out = b.over(box)
    for name in layering.resolve(at.text("channels"), dict.fromkeys([*b.channels, *a.channels])):
        low, high = b.get(name, box), a.get(name, box)
        mixed = low + (high - low) * mask
        out.channels[name] = np.where(mask == 1, high, np.where(mask == 0, low, mixed)).astype(np.float32)
    return out


def remove(at: At) -> Image:
    image = at.input(0)
    named = set()
    for knob in ("channels", "channels2", "channels3", "channels4"):
        named.update(layering.resolve(at.text(knob), image.channels))
    keep = at.choice("operation") == "keep"
    return image.but(channels={name: v for name, v in image.channels.items() if (name in named) == keep})


def check(at: At) -> Image:
    """Assert: an error where the knob is 0. Nuke 17 has a knob message too; of earlier ones it is not known."""
    if not at.number("expression"):
        told = at.text("message") if host.version[0] >= 17 else ""
        at.fail(told or "Assert: the expression is not true")
    return at.input(0)


def join(at: At) -> Image:
    """The input of the view: by the order of the views, or of the names in viewassoc (the knob: unverified)."""
    from .nodes import view_names

    order = at.text("viewassoc").split("\n") if at.text("viewassoc") else view_names()
    if at.view not in order:
        return blank(root_format(), root_aspect())
    return at.input(order.index(at.view))


def one_view(at: At) -> Image:
    return at.input(0, None, at.text("view") or at.view)


def expression(at: At) -> Image:
    """https://learn.foundry.com/nuke/content/reference_guide/color_nodes/expression.html

    A blank field is zero by that page and "unchanged" by what users do; the fake refuses to guess: with a blank
    expression the channels of that row must be "none" (or not be in the picture).
    """
    image = at.input(0) if at.has(0) else blank(root_format(), root_aspect(), ("rgba.red",))
    if not at.has(0):
        image.channels = {}
    if at.has(1):
        at.fail("the fake's Expression has no mask")
    h, w = image.size()
    x0, y0 = image.bbox[:2]
    temps: dict = {}
    number = np.float32
    short = {"r": 0, "g": 1, "b": 2, "a": 3}

    def lookup(name, args=None):
        if args is not None:
            raise ExpressionError(f"the fake's Expression has no {name}(...)")
        if name in temps:
            return temps[name]
        if name == "x":
            return np.broadcast_to(np.arange(x0, x0 + w, dtype=np.float32), (h, w))
        if name == "y":
            return np.broadcast_to(np.arange(y0, y0 + h, dtype=np.float32)[:, None], (h, w))
        if name in ("width", "height"):
            return number(image.format[name == "height"])
        if name in ("frame", "t"):
            return number(at.frame)
        if name in short or name in ("red", "green", "blue", "alpha"):
            place = short.get(name, ["red", "green", "blue", "alpha"].index(name) if name not in short else 0)
            return image.get(layering.RGBA[place])
        if name in image.channels or layering.known(name):
            return image.get(name)
        from .lookup import find_knob

        if name == "$gui":
            return number(host.gui)
        knob, field = find_knob(at.core, name)
        return number(knob._number(field or 0, at.frame, at.view))

    def run(text):
        value = evaluate(parse(substitute(text, at.core, at.frame, at.view)), lookup, number)
        return np.ascontiguousarray(np.broadcast_to(np.asarray(value, np.float32), (h, w)))

    for place in range(4):
        name = at.text(f"temp_name{place}")
        if name:
            temps[name] = run(at.text(f"temp_expr{place}"))
    out = dict(image.channels)
    for place in range(4):
        text, targets = at.text(f"expr{place}"), layering.resolve(at.text(f"channel{place}"), image.channels)
        if not text.strip():
            if [name for name in targets if name in image.channels]:
                at.fail(f"expr{place} is blank while channel{place} is {at.text(f'channel{place}')!r}: ambiguous")
            continue
        value = run(text)
        out.update(dict.fromkeys(targets, value))
    return image.but(channels=out)


OPS = {
    "Input": plain,
    "Output": plain,
    "Dot": plain,
    "NoOp": plain,
    "Viewer": plain,
    "Read": read,
    "Write": write,
    "Constant": constant,
    "CheckerBoard2": checkerboard,
    "Grade": grade,
    "Transform": transform,
    "TimeOffset": time_offset,
    "FrameHold": time_offset,
    "Crop": crop,
    "Roto": roto,
    "Copy": copy,
    "Switch": switch,
    "Merge2": merge,
    "Keymix": keymix,
    "Expression": expression,
    "Remove": remove,
    "Assert": check,
    "JoinViews": join,
    "OneView": one_view,
}
__all__ = ["OPS", "frame_to_read", "read_name", "sees_frame", "shifted", "smaller"]
