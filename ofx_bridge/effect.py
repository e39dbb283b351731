"""The effect for hosts with an embedded Python: what it is called, its clips and parameters, and its frames.

The host describes it to its users (`describe`, `clips`, `parameters`), gives it frames by a function, presses its
buttons by calling methods, and asks for frames with `render`. Standard library and `ilvi_core.host` alone.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ilvi_core.host.client import WorkerClient
from ilvi_core.host.errors import Cancelled, IlviError, InputError
from ilvi_core.host.job import FrameRange, ImageSequence, Job
from ilvi_core.host.parameters import COMP, PARAMETERS, RUN, Parameter, check, job_parts
from ilvi_core.host.protocol import Failure, Finished, Frame, Progress, Stopped
from ofx_bridge import npy
from ofx_bridge.table import BLACK, FAIL, ROWS

IDENTIFIER, LABEL, GROUPING = "com.ilvi.inpaint", "ILVI Inpaint", "ILVI"
SOURCE, MASK, OUTPUT = "Source", "Mask", "Output"
OWN = {"view": COMP, "unsolved": RUN}  # rows of the table beside what every front end has, and the job's part of each
MARK_WIDTH = 0.025  # of the picture's width, of the stripes round a frame that is not solved


@dataclass(frozen=True)
class Clip:
    """An input or the output. components: the kinds of pixels that it takes, the best first."""

    name: str
    components: tuple[str, ...]
    optional: bool = False
    mask: bool = False
    temporal: bool = True


@dataclass(frozen=True)
class Image:
    """Pixels: float32, `channels` of them interleaved (4: RGBA, not premultiplied; 1: a matte), the top row first."""

    width: int
    height: int
    channels: int
    data: Any  # bytes-like

    def __post_init__(self) -> None:
        size = memoryview(self.data).nbytes
        if size != self.width * self.height * self.channels * 4:
            raise InputError(
                f"An image of {self.width}x{self.height} with {self.channels} channels has {size} bytes.",
                f"Give float32: {self.width * self.height * self.channels * 4} bytes.",
            )


Fetch = Callable[[str, int], "Image | None"]  # clip and frame -> its picture, or None where there is none
OnProgress = Callable[[str, int, int], bool]  # phase, done, total -> whether to go on


def describe() -> dict[str, Any]:
    """What a host shows of the effect, under OpenFX's own words."""
    return {
        "identifier": IDENTIFIER,
        "label": LABEL,
        "grouping": GROUPING,
        "contexts": ("OfxImageEffectContextFilter", "OfxImageEffectContextGeneral"),
        "depths": ("OfxBitDepthFloat",),
        "tiles": False,
        "temporal": True,
    }


def clips() -> tuple[Clip, ...]:
    """Source, an optional matte, and the output. Without a matte the source's alpha is it."""
    return (
        Clip(SOURCE, ("RGBA",)),
        Clip(MASK, ("Alpha", "RGBA"), optional=True, mask=True),
        Clip(OUTPUT, ("RGBA",), temporal=False),
    )


def parameters() -> tuple[Parameter, ...]:
    """What an artist can set, in order. `view` and `unsolved` are the effect's own; buttons are methods of it."""
    own = (
        Parameter(row.name, row.kind, row.label, row.hint, row.default, OWN[row.name], row.choices)
        for row in ROWS
        if row.name in OWN
    )
    return (*own, *PARAMETERS.values())


class Effect:
    """One instance of the effect in a host's project. Not for several threads at once but `render`.

    fetch: gives the host's frames.  values: of the parameters, as `set` takes them.  solved: what `saved` gave earlier.
    """

    def __init__(
        self,
        fetch: Fetch,
        values: Mapping[str, Any] | None = None,
        solved: Mapping[str, Any] | None = None,
        client: WorkerClient | None = None,
    ) -> None:
        self._fetch = fetch
        self._table = {p.name: p for p in parameters()}
        self.values = {p.name: p.default for p in self._table.values()}
        for name, value in (values or {}).items():
            self.set(name, value)
        self._client = client
        self._folder: Path | None = None
        self._files: dict[int, str] = {int(f): path for f, path in (solved or {}).get("frames", {}).items()}
        self._entry = str((solved or {}).get("entry", ""))
        self._range: FrameRange | None = None
        self._run: Any = None
        _effects.add(self)

    def set(self, name: str, value: Any) -> None:
        """Set a parameter. InputError where there is none of that name, or the value is not one of its."""
        parameter = self._table.get(name)
        if parameter is None:
            raise InputError(f"There is no parameter '{name}'.", f"There are {', '.join(self._table)}.")
        self.values[name] = check(parameter, value)

    def saved(self) -> dict[str, Any]:
        """What the host's project should keep beside the parameters: where the frames are."""
        return {"entry": self._entry, "frames": {str(frame): path for frame, path in self._files.items()}}

    # -- buttons -------------------------------------------------------------------------------------------------------

    def inpaint(self, first: int, last: int, on_progress: OnProgress = lambda phase, done, total: True) -> None:
        """Get the frames from the host, solve them, know the results. Blocks; Cancelled when on_progress says so."""
        frames = FrameRange(first, last)
        self._gather(frames, on_progress)
        self._follow(self._worker().submit(self._job(frames)), on_progress)
        self._range = frames

    def rerender(self, on_progress: OnProgress = lambda phase, done, total: True) -> None:
        """New frames by the present view and composite settings; never solves. IlviError before `inpaint`."""
        if self._range is None or self._folder is None:
            raise IlviError("There is nothing to render again.", "Press Inpaint first.")
        self._follow(self._worker().rerender(self._job(self._range)), on_progress)

    def stop(self) -> None:
        """Ask the running job to end; from any thread."""
        if self._run is not None:
            self._run.cancel()

    def clear(self) -> None:
        """Forget the results, and remove them from the cache."""
        entry, self._entry, self._files = self._entry, "", {}
        if entry:
            self._worker().clear(entry)

    def close(self) -> None:
        """The instance goes away: its private frames too. The cache keeps what was solved."""
        self.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    # -- rendering -----------------------------------------------------------------------------------------------------

    def render(self, time: int, window: tuple[int, int, int, int] | None = None) -> Image:
        """One frame, or the part x1, y1, x2, y2 (rows from the top) of it. Starts nothing; may fail as `unsolved` says.

        Where nothing was replaced it has the source's own values.
        """
        source = self._source(time)
        path = self._files.get(time)
        if path is not None and os.path.isfile(path):
            image = self._result(path, source)
        elif self.values["unsolved"] == FAIL:
            raise IlviError(f"Frame {time} is not solved.", "Press Inpaint for a range with it.")
        elif self.values["unsolved"] == BLACK:
            image = Image(source.width, source.height, 4, bytes(memoryview(source.data).nbytes))
        else:
            image = _marked(source)
        return image if window is None else _part(image, window)

    def _result(self, path: str, source: Image) -> Image:
        shape, data = npy.read(path)
        if shape[:2] != (source.height, source.width):
            raise IlviError(
                f"The result is {shape[1]}x{shape[0]}, the source {source.width}x{source.height}.", "Press Inpaint."
            )
        return Image(shape[1], shape[0], shape[2], data)

    def _source(self, time: int) -> Image:
        source = self._fetch(SOURCE, time)
        if source is None:
            raise InputError(f"The host has no frame {time} of the source.", "Check the range.")
        if source.channels != 4:
            raise InputError(f"The source has {source.channels} channels.", "Give it as RGBA.")
        return source

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _worker(self) -> WorkerClient:
        if self._client is None:
            self._client = WorkerClient(str(self.values["worker"]), cache=str(self.values["cache_dir"]), name=LABEL)
        return self._client

    def _gather(self, frames: FrameRange, on_progress: OnProgress) -> None:
        """The host's frames as files in a folder of our own."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="ilvi-effect-", dir=_scratch()))
        total = frames.last - frames.first + 1
        for n, frame in enumerate(frames.frames()):
            if not on_progress("gather", n, total):
                raise Cancelled("Stopped.", "Nothing was solved yet.")
            source = self._source(frame)
            mask = self._fetch(MASK, frame)
            npy.write(self._folder / f"plate.{frame:04d}.npy", (source.height, source.width, 4), source.data)
            alpha = _alpha_of(source) if mask is None else mask if mask.channels == 1 else _alpha_of(mask)
            npy.write(self._folder / f"matte.{frame:04d}.npy", (alpha.height, alpha.width), alpha.data)

    def _job(self, frames: FrameRange) -> Job:
        preset, solve, comp, run = job_parts(self.values)
        comp.update(view=self.values["view"], format="npy")
        solve["matte_channel"] = "luminance"
        plate, matte = (ImageSequence(f"{self._folder}/{name}.####.npy") for name in ("plate", "matte"))
        return Job(plate, matte, "", frames, preset, solve, comp, run)

    def _follow(self, run: Any, on_progress: OnProgress) -> None:
        self._run, files = run, {}
        try:
            for event in run.events():
                if isinstance(event, Frame) and event.final:
                    files[event.frame] = event.path
                elif isinstance(event, Progress) and not on_progress(event.phase, event.done, event.total):
                    run.cancel()
                elif isinstance(event, (Failure, Stopped)):
                    raise event.error()
                elif isinstance(event, Finished):
                    self._files, self._entry = files, event.entry
        finally:
            self._run = None


def _alpha_of(image: Image) -> Image:
    floats = memoryview(image.data).cast("B").cast("f")
    return Image(image.width, image.height, 1, bytes(floats[image.channels - 1 :: image.channels]))


def _part(image: Image, window: tuple[int, int, int, int]) -> Image:
    x1, y1, x2, y2 = window
    if not (0 <= x1 < x2 <= image.width and 0 <= y1 < y2 <= image.height):
        raise InputError(f"The window {window} is outside of {image.width}x{image.height}.", "Ask for a part of it.")
    pixel, data = image.channels * 4, memoryview(image.data).cast("B")
    rows = (data[(y * image.width + x1) * pixel : (y * image.width + x2) * pixel] for y in range(y1, y2))
    return Image(x2 - x1, y2 - y1, image.channels, b"".join(rows))


def _marked(source: Image) -> Image:
    """The source with a striped border: nobody takes it for a result."""
    data = bytearray(memoryview(source.data).cast("B"))
    floats = memoryview(data).cast("f")
    edge = max(int(source.width * MARK_WIDTH), 1)
    for y in range(source.height):
        border = y < edge or y >= source.height - edge
        columns = range(source.width) if border else [*range(edge), *range(source.width - edge, source.width)]
        for x in columns:
            if (x + y) % (2 * edge) < edge:
                at = (y * source.width + x) * 4
                floats[at], floats[at + 1], floats[at + 2] = 1.0, 0.0, 1.0
    floats.release()
    return Image(source.width, source.height, 4, bytes(data))


def _scratch() -> str | None:
    """Memory that looks like a disk where there is one; else the temporary folder."""
    return "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else None


_effects: weakref.WeakSet[Effect] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for effect in list(_effects):
        with contextlib.suppress(Exception):
            effect.close()
