"""A clip: plate and matte over a frame range, brought to the size that the network works at."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from ilvi_core.color import Curve
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import OURS, SolveSettings
from ilvi_core.images import Box, Picture
from ilvi_core.matte import alpha_is_the_matte, hole_of, place
from ilvi_core.memory import large_array
from ilvi_core.reading import Hints, Source, check_frames, read_clean, read_matte
from ilvi_core.region import View, union, working_region

KEEP_BYTES = 1 << 30  # plates up to this total are kept between the two passes instead of being decoded again
HELD_OUT = 0.05  # of the donor holdout's matte, above which a pixel is no donor
LARGE_HOLE = 0.6  # of the frame; above it the matte is probably the wrong way round


@dataclass(frozen=True)
class Clip:
    """Plate and matte at the working size.

    plate: (T, h, w, 3) float32, 0..1 by `curve`, as the plate is, removed object and all.  known: (T, h, w) bool, M of
    the paper.  region: the plate pixels that those show.  coverage: each frame's share of hole.  matte_channel: the
    channel that was read.  notes: what the user should be told.  donors: (T, h, w) bool, what of it may be copied from;
    None = all that is known.  painted: indices of the frames that a clean plate shows.  boxes: of each frame's hole, in
    plate pixels; empty where there is none.
    """

    frames: tuple[int, ...]
    plate: np.ndarray
    known: np.ndarray
    region: Box
    curve: Curve
    coverage: tuple[float, ...]
    matte_channel: str
    notes: list[tuple[str, str]] = field(default_factory=list)  # code, text
    donors: np.ndarray | None = None
    painted: tuple[int, ...] = ()
    boxes: tuple[Box, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Working width and height, px."""
        return self.plate.shape[2], self.plate.shape[1]

    @property
    def view(self) -> View:
        """Where, how large and by which curve it is learned."""
        return View(self.region, self.size, self.curve)

    @property
    def empty(self) -> bool:
        """Nothing to replace in any frame."""
        return not any(self.coverage)


class Loader:
    """Reads a clip in two passes: the first finds the hole and the range of values, the second makes it small.

    prefer: the view of an earlier solve, taken where the hole and the values fit into it.  keep: bytes of plates that
    may be kept between the passes.
    """

    def __init__(
        self,
        plate: Source,
        matte: Source,
        frames: Sequence[int],
        settings: SolveSettings,
        prefer: View | None = None,
        hints: Hints | None = None,
        keep: int = KEEP_BYTES,
    ) -> None:
        self._plate, self._matte, self._frames, self._settings = plate, matte, tuple(frames), settings
        self._prefer, self._hints, self._keep = prefer, hints or Hints(), keep
        self.matte_channel = settings.matte_channel
        self._kept: dict[int, tuple[Picture, np.ndarray]] = {}
        self._kept_bytes = 0
        self._display: tuple[int, int] | None = None

    def _encoding(self) -> str:
        wanted = self._settings.encoding
        return self._plate.encoding if wanted == "auto" else wanted

    def load(self, tick: Callable[[int, int], None] = lambda done, total: None) -> Clip:
        """tick(done, total) after each picture. InputError on whatever the user can mend."""
        check_frames(self._plate, self._matte, self._frames)
        if self.matte_channel == "auto":
            self.matte_channel = self._find_channel(tick)
        total = 2 * len(self._frames)
        survey = _Survey()
        for n, frame in enumerate(self._frames):
            survey.add(frame, *self._read(frame), self.painted(frame))
            tick(n + 1, total)
        canvas = survey.canvas
        if survey.hole_box is None:
            blank = np.zeros((len(self._frames), 0, 0, 3), np.float32)
            return Clip(
                self._frames, blank, blank[..., 0] > 0, canvas, Curve(), tuple(survey.coverage), self.matte_channel
            )
        if min(survey.coverage) >= 1 and not self._hints.clean:
            raise InputError(
                "The matte covers every pixel of every frame; nothing is left to learn from.",
                "Try --matte-invert, or check --matte-channel and --matte-threshold.",
            )
        region, size = working_region(canvas, survey.hole_box, self._settings, survey.reach)
        curve = Curve.fit(self._encoding(), survey.low, survey.high)
        prefer = self._prefer
        if prefer is not None and prefer.serves(View(region, size, curve), canvas, survey.hole_box):
            region, size, curve = prefer.region, prefer.size, prefer.curve
        plate = large_array((len(self._frames), size[1], size[0], 3), self._keep)
        known = np.empty(plate.shape[:3], bool)
        donors = None if self._hints.holdout is None else np.empty_like(known)
        for n, frame in enumerate(self._frames):
            picture, hole = self._read(frame)
            hole = hole & (not self.painted(frame))
            plate[n], known[n] = shrink(picture, hole, region, size, curve)
            if donors is not None:
                _, donors[n] = shrink(picture, hole | self._held_out(frame, picture), region, size, curve)
            tick(len(self._frames) + n + 1, total)
        self._kept.clear()
        if not known.any():
            raise InputError(
                f"At the working size {size[0]}x{size[1]} no pixel round the hole is free of it; nothing is left to "
                f"learn from.",
                "Raise --size or --set context, or lower --solve-dilate.",
            )
        notes = self._notes(survey, region, size)
        painted = tuple(n for n, frame in enumerate(self._frames) if frame in self._hints.clean)
        return Clip(
            self._frames,
            plate,
            known,
            region,
            curve,
            tuple(survey.coverage),
            self.matte_channel,
            notes,
            donors,
            painted,
            tuple(survey.boxes),
        )

    def _find_channel(self, tick: Callable[[int, int], None]) -> str:
        for n, frame in enumerate(self._frames):
            picture = self._matte.read(frame)
            if picture.alpha() is None:
                return "luminance"
            if alpha_is_the_matte(picture):
                return "alpha"
            tick(n + 1, len(self._frames))
        return "luminance"

    def _read(self, frame: int) -> tuple[Picture, np.ndarray]:
        """The plate's picture and its hole over the picture's data window."""
        if frame in self._kept:
            return self._kept[frame]
        picture, hole = self.read(frame)
        size = sum(p.nbytes for p in picture.planes.values()) + hole.nbytes
        if self._kept_bytes + size <= self._keep:
            self._kept[frame] = picture, hole
            self._kept_bytes += size
        return picture, hole

    def read(self, frame: int) -> tuple[Picture, np.ndarray]:
        """The plate's picture, in the hole what a clean plate shows, and its hole (H, W) over the data window."""
        picture = self._plate.read(frame)
        self._check_size(frame, picture)
        hole = self.hole(frame, picture)
        # only the picture itself is learned from: an EXR's other channels and parts would fill the memory
        planes = {name: picture.planes[name] for name in picture.rgb_names}
        picture = dataclasses.replace(picture, planes=planes, origin=None)
        if frame in self._hints.clean:
            clean = read_clean(self._hints.clean[frame], frame, picture)
            lacking = int((hole & ~np.isfinite(clean).all(-1)).sum())
            if lacking:
                raise InputError(
                    f"The clean plate of frame {frame} has no finite value at {lacking} pixels of the hole.",
                    "Write it with the whole frame as its data window.",
                )
            picture = picture.replaced(np.nan_to_num(clean), hole.astype(np.float32))
        return picture, hole

    def painted(self, frame: int) -> bool:
        """Whether a clean plate shows it."""
        return frame in self._hints.clean

    def _held_out(self, frame: int, picture: Picture) -> np.ndarray:
        """(H, W) bool over the picture's data window: what the donor holdout covers."""
        holdout = self._hints.holdout
        assert holdout is not None
        return read_matte(holdout, frame, picture, "auto", False, "donor holdout") > HELD_OUT

    def _check_size(self, frame: int, picture: Picture) -> None:
        size = picture.display_window.width, picture.display_window.height
        if self._display is None:
            self._display = size
        if size != self._display:
            raise InputError(
                f"Plate frame {frame} is {size[0]}x{size[1]}, the frames before it are "
                f"{self._display[0]}x{self._display[1]}.",
                "Render the plate at one size, or choose a range of one size with --frames.",
            )

    def hole(self, frame: int, picture: Picture) -> np.ndarray:
        """(H, W) bool over the plate picture's data window."""
        values = read_matte(self._matte, frame, picture, self.matte_channel, self._settings.matte_invert)
        return hole_of(values, self._settings)

    def _notes(self, survey: _Survey, region: Box, size: tuple[int, int]) -> list[tuple[str, str]]:
        notes = []
        share = max(survey.coverage)
        if share > LARGE_HOLE:
            frame = self._frames[survey.coverage.index(share)]
            inverted = "--matte-invert is set: is it meant?" if self._settings.matte_invert else "Try --matte-invert"
            notes.append(
                (
                    "large-hole",
                    f"The hole covers {share:.0%} of frame {frame}. {inverted} (or check --matte-channel, "
                    f"--matte-threshold and --solve-dilate).",
                )
            )
        scale = max(region.width / size[0], region.height / size[1])
        if scale > 1.01:
            notes.append(
                (
                    "enlarged",
                    f"{'What no frame shows' if self._settings.method == OURS else 'The fill'} is learned at "
                    f"{size[0]}x{size[1]} for {region.width}x{region.height} plate pixels and enlarged {scale:.1f} "
                    f"times; --size sets the working size.",
                )
            )
        return notes


class _Survey:
    """What the first pass finds out."""

    def __init__(self) -> None:
        self.canvas = Box(0, 0, 0, 0)
        self.hole_box: Box | None = None
        self.boxes: list[Box] = []
        self.reach = 0  # px, the longest side of one frame's hole
        self.coverage: list[float] = []
        self.low, self.high = math.inf, -math.inf

    def add(self, frame: int, picture: Picture, hole: np.ndarray, painted: bool) -> None:
        at = picture.data_window
        self.canvas = union(self.canvas, at)
        self.coverage.append(float(hole.mean()))
        if hole.any():
            rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
            box = Box(
                at.x + int(columns[0]),
                at.y + int(rows[0]),
                int(columns[-1] - columns[0]) + 1,
                int(rows[-1] - rows[0]) + 1,
            )
            self.hole_box = box if self.hole_box is None else union(self.hole_box, box)
            self.reach = max(self.reach, box.width, box.height)
            self.boxes.append(box)
        else:
            self.boxes.append(Box(0, 0, 0, 0))
        values = picture.rgb()[~hole | painted]
        values = values[np.isfinite(values)]
        if values.size:
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))


def shrink(
    picture: Picture, hole: np.ndarray, region: Box, size: tuple[int, int], curve: Curve
) -> tuple[np.ndarray, np.ndarray]:
    """The region of one frame at the working size: (h, w, 3) float32 0..1, and known (h, w) bool.

    A working pixel is known only if every plate pixel in it is: none of the hole, of the space outside the data window
    or of a non-finite value leaks into what is learned from.
    """
    rgb = picture.rgb()
    unknown = hole | ~np.isfinite(rgb).all(-1)
    coded = place(curve.encode(rgb), picture.data_window, region)
    unknown = place(unknown, picture.data_window, region, outside=True)
    small = cv2.resize(coded, size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(unknown.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return small, share < 1e-6


def windows(length: int, window: int) -> list[range]:
    """A range of `length` frames cut into runs of at most `window` (0: one run), as equal as they can be."""
    count = 1 if window == 0 else math.ceil(length / window)
    return [range(length * n // count, length * (n + 1) // count) for n in range(count)]
