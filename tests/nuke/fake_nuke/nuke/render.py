"""Pictures through the graph: each node's picture at a frame and view, and a hash of everything that it depends on."""

from __future__ import annotations

import hashlib

from .classes import affects_pixels
from .core import host
from .images import Image, blank

KEEP = 500_000_000  # bytes of pictures
PIXELS: dict = {}  # hash -> picture, the oldest first


class RenderError(RuntimeError):
    """What stops a render; its text starts with the name of the node, as Nuke's does."""

    def __init__(self, core, message: str) -> None:
        super().__init__(message if message.startswith(core.full_name()) else f"{core.full_name()}: {message}")
        self.core = core


class At:
    """What an evaluator of a class is given: its node, the frame and the view."""

    def __init__(self, core, frame: float, view: str) -> None:
        self.core, self.frame, self.view = core, frame, view

    def number(self, name: str, index: int = 0) -> float:
        return self.core.knobs[name]._number(index, self.frame, self.view)

    def on(self, name: str) -> bool:
        return bool(self.number(name))

    def choice(self, name: str) -> str:
        return self.core.knobs[name]._out(self.number(name))

    def text(self, name: str) -> str:
        return self.core.knobs[name]._text

    def input(self, index: int = 0, frame=None, view=None) -> Image:
        """The picture of an input; what is not connected is black without channels."""
        other = self.core.input(index)
        if other is None:
            return blank(root_format(), root_aspect())
        return image_of(other, self.frame if frame is None else frame, view or self.view)

    def has(self, index: int) -> bool:
        return self.core.input(index) is not None

    def fail(self, message: str):
        raise RenderError(self.core, message)


def root_format():
    return host.root.knobs["format"].value().size


def root_aspect():
    return host.root.knobs["format"].value().aspect


def off(core, frame, view) -> bool:
    return "disable" in core.knobs and bool(core.knobs["disable"]._number(0, frame, view))


def routes(core, frame, view) -> list:
    """Where a node's picture comes from: (node or None, frame, view) of each that counts."""
    from .ops import shifted

    if core.kind == "Group" and not off(core, frame, view):
        outputs = [child for child in core.children.values() if child.kind == "Output"]
        return [(outputs[0] if outputs else None, frame, view)]
    if core.kind == "Input" and core.parent.kind == "Group":
        place = core.parent.input_nodes().index(core)
        other = core.parent.input(place)
        return [(other if other is not None else core.input(0), frame, view)]
    if off(core, frame, view):
        return [(core.input(0), frame, view)]
    frames = shifted(core, frame, view)
    return [(other, *frames(place)) for place, other in enumerate(core.inputs)]


def digest(core, frame, view, pixels: bool = False) -> str:
    """The same as long as the picture is (opHashes); with pixels another for each Read, which keep their own."""
    frame = float(frame)
    key = (pixels, core.id, frame, view)
    if key in host.images:
        return host.images[key]
    from .ops import sees_frame

    parts = [core.kind, repr(root_format()), str(core.reloads), str(off(core, frame, view))]
    group = core.kind in ("Group", "Input") or off(core, frame, view)
    if not group:
        parts.append(view if "view" in core.knobs or core.kind in ("Read", "JoinViews") else "")
        if core.kind == "Read" or (core.kind == "Write" and core.knobs["reading"].value()):
            parts.append(hash_of_file(At(core, frame, view)))
            parts += [f"read {core.id} {core.fresh}"] if pixels else []
        for name, knob in sorted(core.knobs.items()):
            if affects_pixels(knob) and (core.kind != "Write" or name == "reading") and name not in ("file", "proxy"):
                try:
                    parts.append(f"{name}={knob._hash(frame, view)}")
                except RuntimeError as error:
                    parts.append(f"{name}!{error}")
        if sees_frame(core):
            parts.append(f"frame {frame}")
    for other, other_frame, other_view in routes(core, frame, view):
        parts.append("none" if other is None else digest(other, other_frame, other_view, pixels))
    found = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    host.images[key] = found
    return found


def hash_of_file(at) -> str:
    from .ops import frame_to_read, read_name

    try:
        frame = frame_to_read(at) if at.core.kind == "Read" else at.frame
        return "black" if frame is None else read_name(at, frame)
    except RuntimeError as error:
        return str(error)


def image_of(core, frame, view) -> Image:
    """The picture of a node. Errors carry the node that made them."""
    from .ops import OPS

    frame = float(frame)
    name = digest(core, frame, view, True)
    if name in PIXELS:
        return PIXELS[name]
    at = At(core, frame, view)
    if core.kind in ("Group", "Input") or off(core, frame, view):
        other, other_frame, other_view = routes(core, frame, view)[0]
        image = blank(root_format(), root_aspect()) if other is None else image_of(other, other_frame, other_view)
    else:
        before = host.context_frame, host.context_view
        host.context_frame, host.context_view = frame, view
        try:
            image = OPS[core.kind](at)
        except RenderError:
            raise
        except (RuntimeError, ValueError, IndexError, KeyError) as error:
            raise RenderError(core, str(error)) from error
        finally:
            host.context_frame, host.context_view = before
    PIXELS[name] = image
    arrays = {id(array): array.nbytes for kept in PIXELS.values() for array in kept.channels.values()}
    while len(PIXELS) > 1 and (sum(arrays.values()) > KEEP or len(PIXELS) > 200):
        gone = PIXELS.pop(next(iter(PIXELS)))
        for array in gone.channels.values():
            arrays.pop(id(array), None)
    return image


def info(core, frame, view) -> Image:
    """The picture for its format, box and names; where it fails, an empty one."""
    if core is None:
        return blank(root_format(), root_aspect())
    try:
        return image_of(core, frame, view)
    except RenderError:
        return blank(root_format(), root_aspect())


def span(core) -> tuple:
    """First and last frame: of the Reads above, moved by TimeOffset; else the root's."""
    if core.kind == "Read" and not off(core, host.root.frame(), None):
        return core.knobs["first"].value(), core.knobs["last"].value()
    if core.kind == "FrameHold":
        return span(core.input(0)) if core.input(0) else root_span()
    found = [span(other) for other, _f, _v in routes(core, host.root.frame(), None) if other is not None]
    if not found:
        return root_span()
    moved = core.knobs["time_offset"].value() if core.kind == "TimeOffset" else 0
    return min(one[0] for one in found) + moved, max(one[1] for one in found) + moved


def root_span() -> tuple:
    return host.root.knobs["first_frame"].value(), host.root.knobs["last_frame"].value()
