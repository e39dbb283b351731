"""The inputs as files: those that the worker can read as they are, the others through the node's own Writes."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nuke

from ilvi_core.host.errors import Cancelled, IlviError
from ilvi_nuke import build, state, upstream
from ilvi_nuke.order import Order

FOLDER = "nuke"  # in the cache's folder
PARTIAL, OLD = ".part", ".old"
KEPT_DAYS = 30.0  # an export that was not used for so long is removed
_HALF = ("8-bit fixed", "10-bit fixed", "16-bit half float")


@dataclass(frozen=True)
class Inputs:
    """The files of one view. plate, matte: patterns.  clean: frame -> file."""

    plate: str
    matte: str
    clean: dict[int, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        return {**asdict(self), "clean": {str(frame): path for frame, path in self.clean.items()}}

    @classmethod
    def of(cls, record: dict[str, Any]) -> Inputs:
        return cls(record["plate"], record["matte"], {int(f): path for f, path in record["clean"].items()})

    def there(self, first: int, last: int) -> bool:
        """Whether every file is still on disk."""
        frames = range(first, last + 1)
        sequences = all(
            len(state.on_disk(upstream.percent(p), frames)) == len(frames) for p in (self.plate, self.matte)
        )
        return sequences and all(os.path.isfile(path) for path in self.clean.values())


def export(group: Any, asked: Order, view: str, root: str) -> Inputs:
    """Bring the inputs of one view to files; blocks, with Nuke's own progress bar, while its Writes run.

    root: the cache's folder.  Cancelled when the bar was; IlviError when a Write failed.
    """
    first, last = asked.frames.first, asked.frames.last
    sides = {name: upstream.outer(group, name) for name in build.INPUTS}
    # a pattern that holds all views, or a view's name, is not for the worker
    direct = len(nuke.views()) == 1
    plate = upstream.readable(sides["plate"], first, last) if direct else ""
    # a matte goes as it is only beside a plate that does: else it is brought to the plate's box
    matte = upstream.readable(sides["matte"], first, last) if plate and sides["matte"] is not None else ""
    if sides["matte"] is None and plate:
        matte = plate  # its own alpha
    if plate and matte and not asked.clean:
        return Inputs(plate, matte)
    name = upstream.digest_of(group, asked, view)
    folder = Path(root) / FOLDER / name
    partial = folder.with_name(f"{name}{PARTIAL}-{os.getpid()}-{uuid.uuid4().hex[:6]}")
    partial.mkdir(parents=True)
    clean: dict[int, str] = {}
    try:
        with _full_size(), _matte_from(group, sides["matte"] is not None):
            if not plate:
                _write(group, "write_plate", "rgb", f"{partial.as_posix()}/plate.%04d.exr", first, last, view)
            if not matte:
                _write(
                    group,
                    "write_matte",
                    _matte_channels(sides),
                    f"{partial.as_posix()}/matte.%04d.exr",
                    first,
                    last,
                    view,
                )
            for frame in asked.clean:
                _write(group, "write_clean", "rgb", f"{partial.as_posix()}/clean.%04d.exr", frame, frame, view)
        final = _publish(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    for frame in asked.clean:
        clean[frame] = f"{final}/clean.{frame:04d}.exr"
    return Inputs(plate or f"{final}/plate.%04d.exr", matte or f"{final}/matte.%04d.exr", clean)


def _write(group: Any, name: str, channels: str, path: str, first: int, last: int, view: str) -> None:
    """Render one of the node's Writes: EXR, the values as Nuke has them."""
    write = group.node(name)
    depth = _depth(group, write)
    with state.quietly():
        for knob, value in (
            ("file", path),
            ("file_type", "exr"),  # before the knobs that come with it
            ("raw", True),
            ("channels", channels),
            ("datatype", depth),
            ("compression", "Zip (1 scanline)"),
            ("autocrop", False),
        ):
            write[knob].setValue(value)
    what = name.partition("_")[2]
    try:
        nuke.execute(write, first, last, 1, [view])
    except nuke.CancelledError as error:
        raise Cancelled("Stopped while the inputs were written.", "Press Inpaint to begin again.") from error
    except RuntimeError as error:
        if "cancel" in str(error).lower():
            raise Cancelled("Stopped while the inputs were written.", "Press Inpaint to begin again.") from error
        if "already executing" in str(error).lower():
            raise IlviError(
                f"Nuke is rendering, and cannot write the {what} meanwhile.",
                "Connect plain EXR sequences, which need no writing, or solve before the render.",
            ) from error
        raise IlviError(
            f"Nuke could not render the {what}: {error}.", f"Look at the node above the arrow '{what}'."
        ) from error
    lacking = sorted(set(range(first, last + 1)) - set(state.on_disk(path, range(first, last + 1))))
    if lacking:
        raise IlviError(f"Nuke wrote no {what} for frame {lacking[0]}.", "Check the room on the cache's disk.")


def _matte_channels(sides: dict[str, Any]) -> str:
    """Without the alpha where the input has none: it would be 0 everywhere, and taken for an empty matte."""
    source = sides["matte"] if sides["matte"] is not None else sides["plate"]
    return "rgba" if "rgba.alpha" in source.channels() else "rgb"


def _depth(group: Any, write: Any) -> str:
    """Half where the input has no more than that, unless the panel says otherwise."""
    asked = group["depth"].value()
    bits = write.input(0).metadata("input/bitsperchannel") if asked == "auto" and write.input(0) is not None else None
    return "16 bit half" if asked == "half" or (asked == "auto" and bits in _HALF) else "32 bit float"


@contextlib.contextmanager
def _full_size() -> Iterator[None]:
    """Writes render at the proxy's scale when that is on: off for the while, and as it was in any case."""
    proxy = nuke.root()["proxy"]
    was = bool(proxy.value())
    with state.quietly():
        if was:
            proxy.setValue(False)
        try:
            yield
        finally:
            if was:
                proxy.setValue(True)


@contextlib.contextmanager
def _matte_from(group: Any, connected: bool) -> Iterator[None]:
    """Without a matte it is the plate's alpha."""
    fit = group.node("fit_matte")
    with state.quietly():
        if not connected:
            fit.setInput(1, group.node("plate"))
        try:
            yield
        finally:
            fit.setInput(1, group.node("matte"))


def _publish(partial: Path, folder: Path) -> str:
    """The whole folder under its name at once; what stood there goes away. Its path, with forward slashes."""
    old = folder.with_name(f"{folder.name}{OLD}-{uuid.uuid4().hex[:6]}")
    with contextlib.suppress(OSError):  # on Windows somebody may have a file of it open
        os.replace(folder, old)
    if folder.exists():
        folder = folder.with_name(f"{folder.name}-{uuid.uuid4().hex[:6]}")
    os.replace(partial, folder)
    shutil.rmtree(old, ignore_errors=True)
    touch(str(folder / "plate"))
    return folder.as_posix()


def touch(path: str) -> None:
    """The export that a file belongs to was used now."""
    with contextlib.suppress(OSError):
        os.utime(os.path.dirname(path))


def sweep(root: str) -> None:
    """Remove exports and previews that nobody has used for KEPT_DAYS; only folders of ours, in a folder of ours."""
    oldest = time.time() - KEPT_DAYS * 86400
    with contextlib.suppress(OSError), os.scandir(Path(root) / FOLDER) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                shutil.rmtree(entry.path, ignore_errors=True)
