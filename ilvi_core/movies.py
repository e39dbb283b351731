"""Movies through PyAV: any frame in any order out of one, and every frame in its place into one.

Frames are display-encoded RGB: 8 bits as uint8, more as uint16. A movie always encodes every pixel again, so pixels
outside the matte come back close, not bit for bit; write frames where that matters.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.pictures import DISPLAY, Picture, Sink, Source

MOVIE_OUT = (".mp4", ".mov")
# swscale's flags by number: PyAV 17, the last for Python 3.10, does not name them
FAITHFUL = 0x4 | 0x40000 | 0x2000 | 0x4000  # bicubic, accurate rounding, full chroma in and out
BT709, UNSPECIFIED = 1, 2
HD_HEIGHT = 577  # untagged video up to 576 lines is BT.601, above it BT.709: what players and Nuke assume


class Movie(Source):
    """A movie's frames, numbered from 1 as in Nuke. Going back decodes again from the start."""

    digits, encoding = 4, DISPLAY

    def __init__(self, path: Path, what: str) -> None:
        self.file, self.what = path, what
        self.stem, self.suffix = path.stem + ".", path.suffix
        self._container: Any = None
        self._decoded: Iterator[Any] = iter(())
        self._next = 1
        try:
            self._rewind()
            self._learn()
        except (av.FFmpegError, OSError) as error:
            self.close()
            raise self._unreadable(error) from error
        except IlviError:
            self.close()
            raise

    def path(self, frame: int) -> Path:
        """The movie, whatever the frame."""
        return self.file

    def read(self, frame: int) -> Picture:
        """Decode one frame. InputError where the movie has fewer frames, or breaks off before it."""
        self.check(frame)
        try:
            if frame < self._next or self._container is None:
                self._rewind()
            decoded = self._advance(frame)
        except (av.FFmpegError, OSError) as error:
            raise self._broken(frame, str(error)) from error
        pixels = self._to_rgb(decoded)
        return Picture.from_array(pixels, DISPLAY, f"{self.what} frame {frame} ({self.file})")

    def close(self) -> None:
        """Close the file; a later read opens it again."""
        if self._container is not None:
            self._container.close()
        self._container, self._decoded = None, iter(())

    def _rewind(self) -> None:
        self.close()
        self._container = av.open(str(self.file))
        if not self._container.streams.video:
            raise InputError(f"{self.what} {self.file} has no picture track.", "Choose a movie with pictures.")
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        self._decoded, self._next = self._container.decode(stream), 1

    def _advance(self, frame: int) -> Any:
        while True:
            decoded = next(self._decoded, None)
            if decoded is None or decoded.is_corrupt:
                raise self._broken(frame, "its data ends early")
            self._next += 1
            if self._next > frame:
                return decoded

    def _learn(self) -> None:
        """Size, rate and number of frames; the packets are counted, because headers tell wrong numbers."""
        stream = self._container.streams.video[0]
        self.fps = stream.average_rate or stream.guessed_rate or Fraction(24)
        self.aspect = stream.sample_aspect_ratio
        layout = stream.codec_context.format
        if layout is None:
            raise InputError(f"{self.what} {self.file} is truncated or unreadable.", "Export the movie again.")
        self.has_alpha = any(part.is_alpha for part in layout.components)
        deep = max(part.bits for part in layout.components) > 8
        self.depth = np.dtype(np.uint16 if deep else np.uint8)
        self.primaries, self.transfer = stream.codec_context.color_primaries, stream.codec_context.color_trc
        self.timecode = self._container.metadata.get("timecode") or stream.metadata.get("timecode")
        promised, alone = stream.frames, len(self._container.streams) == 1
        length = self._container.duration
        count, end, broken = self._count(stream)
        # A movie cut short still opens; its header promises more than its packets hold.
        short = promised > count or (alone and length is not None and length / av.time_base - end > 1.5 / self.fps)
        if not count or broken or short:
            of = f" of {promised}" if promised > count else ""
            raise InputError(
                f"{self.what} {self.file} is truncated: {count} frames{of} are readable.", "Export the movie again."
            )
        self.frames = list(range(1, count + 1))
        self._rewind()

    def _count(self, stream: Any) -> tuple[int, float, bool]:
        """(frames, seconds where the last one ends, whether a packet is broken)."""
        if stream.codec_context.name in ("vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d"):
            # These hide reference pictures among their packets; only decoding tells the frames from them.
            count = sum(1 for _ in self._decoded)
            return count, float("inf"), False
        count, end, broken, start = 0, 0.0, False, None
        for packet in self._container.demux(stream):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.is_corrupt:
                broken = True
                continue
            count += 1
            if packet.pts is not None and packet.time_base is not None:
                at = float(packet.pts * packet.time_base)
                start = at if start is None else min(start, at)
                end = max(end, at + float((packet.duration or 0) * packet.time_base))
        return count, end, broken

    def _to_rgb(self, decoded: Any) -> np.ndarray:
        layout = ("rgba64le" if self.has_alpha else "rgb48le") if self.depth == np.uint16 else "rgb24"
        if self.has_alpha and self.depth == np.uint8:
            layout = "rgba"
        matrix = int(decoded.colorspace)
        if matrix in (0, UNSPECIFIED):
            matrix = int(Colorspace.ITU709 if decoded.height >= HD_HEIGHT else Colorspace.ITU601)
        whole = decoded.color_range == ColorRange.JPEG or decoded.format.name.startswith(("yuvj", "rgb", "gbr", "bgr"))
        source_range = ColorRange.JPEG if whole else ColorRange.MPEG
        out = decoded.reformat(
            format=layout,
            src_colorspace=matrix,
            src_color_range=source_range,
            dst_color_range=ColorRange.JPEG,
            interpolation=FAITHFUL,
        )
        turns = round((decoded.rotation or 0) / 90) % 4
        return np.ascontiguousarray(np.rot90(out.to_ndarray(), turns))

    def _broken(self, frame: int, reason: str) -> InputError:
        readable = self._next - 1
        self.close()
        return InputError(
            f"{self.what} {self.file} breaks off at frame {frame}: {readable} of {len(self.frames)} frames are "
            f"readable ({reason}).",
            "Export the movie again or shorten the range.",
        )

    def _unreadable(self, error: Exception) -> InputError:
        reason = getattr(error, "strerror", None) or str(error)
        return InputError(f"{self.what} {self.file} is truncated or unreadable: {reason}.", "Export the movie again.")


class MovieSink(Sink):
    """A movie that appears under its name at `close`, with every frame in it: H.264 (.mp4) or ProRes (.mov).

    .mp4: yuv420p, yuv444p where the size is odd.  .mov: ProRes 422 HQ, or 4444 where the plate has alpha, 10 bits.
    BT.709 matrix, video range, tagged. Sound is not written. A frame that comes before its turn waits in memory.
    """

    def __init__(self, path: Path, source: Source, frames: list[int]) -> None:
        self.file, self.source, self.order = path, source, frames
        self._temporary = path.with_name(f".tmp_{os.getpid()}_{path.name}")
        self._waiting: dict[int, Picture] = {}
        self._done = 0
        self._container: Any = None
        self._stream: Any = None

    def path(self, frame: int) -> Path:
        """The movie, whatever the frame."""
        return self.file

    def write(self, frame: int, picture: Picture) -> Path:
        """Encode one frame when its turn has come. IlviError where it cannot be written; no half file is left."""
        if frame not in self.order[self._done :]:
            raise IlviError(f"Frame {frame} has no place in {self.file}.", "Write each frame of the range once.")
        self._waiting[frame] = picture
        with self._whole_or_nothing():
            while self._done < len(self.order) and self.order[self._done] in self._waiting:
                self._encode(self._waiting.pop(self.order[self._done]))
                self._done += 1
        return self.file

    def close(self) -> None:
        """Publish the movie. IlviError where frames are missing."""
        if self._done < len(self.order):
            missing = self.order[self._done]
            self.abort()
            raise IlviError(f"{self.file} lacks frame {missing}; no movie was written.", "Render the whole range.")
        with self._whole_or_nothing():
            if self._container is not None:
                self._container.mux(self._stream.encode(None))
                self._container.close()
                self._container = None
                os.replace(self._temporary, self.file)

    def abort(self) -> None:
        """Stop and remove the half movie."""
        if self._container is not None:
            with contextlib.suppress(av.FFmpegError, OSError):
                self._container.close()
            self._container = None
        with contextlib.suppress(OSError):
            self._temporary.unlink()

    @contextlib.contextmanager
    def _whole_or_nothing(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            self.abort()
            reason = getattr(error, "strerror", None) or str(error)
            raise IlviError(f"{self.file} cannot be written: {reason}.", "Check the room left on that disk.") from error
        except BaseException:
            self.abort()
            raise

    def _encode(self, picture: Picture) -> None:
        pixels = self._pixels(picture)
        if self._container is None:
            self._start(pixels)
        height, width = pixels.shape[:2]
        if (width, height) != (self._stream.width, self._stream.height):
            raise IlviError(
                f"{picture.label} is {width} x {height}, the movie {self._stream.width} x {self._stream.height}.",
                "Write frames instead of a movie.",
            )
        layout = {(3, 1): "rgb24", (4, 1): "rgba", (3, 2): "rgb48le", (4, 2): "rgba64le"}
        frame = av.VideoFrame.from_ndarray(pixels, format=layout[(pixels.shape[2], pixels.dtype.itemsize)])
        frame = frame.reformat(
            format=self._stream.pix_fmt,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=FAITHFUL,
        )
        frame.pts, frame.time_base = self._done, 1 / Fraction(self._stream.codec_context.framerate)
        self._container.mux(self._stream.encode(frame))

    def _pixels(self, picture: Picture) -> np.ndarray:
        """(h, w, 3 or 4) as uint8, or uint16 for ProRes."""
        alpha = picture.alpha() if self.source.has_alpha else None
        values = picture.rgb() if alpha is None else np.dstack([picture.rgb(), alpha])
        levels = 255 if self.file.suffix.lower() == ".mp4" else 65535
        return np.rint(np.clip(values, 0, 1) * levels).astype(np.uint8 if levels == 255 else np.uint16)

    def _start(self, pixels: np.ndarray) -> None:
        height, width, count = pixels.shape
        rate = Fraction(self.source.fps).limit_denominator(100000)
        self._container = av.open(str(self._temporary), "w")
        if self.file.suffix.lower() == ".mp4":
            stream = self._container.add_stream("libx264", rate=rate)
            stream.options = {"crf": "12", "preset": "medium"}
            # Half-size colour needs an even size, and nothing is cropped or padded: odd sizes keep full colour.
            stream.pix_fmt = "yuv420p" if width % 2 == 0 and height % 2 == 0 else "yuv444p"
        else:
            stream = self._container.add_stream("prores_ks", rate=rate)
            stream.options = {"profile": "4" if count == 4 else "3", "vendor": "apl0"}
            stream.pix_fmt = "yuva444p10le" if count == 4 else "yuv422p10le"
        stream.width, stream.height = width, height
        context = stream.codec_context
        context.time_base = 1 / rate
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        # The values are the plate's own, so its primaries and transfer are passed on.
        context.color_primaries, context.color_trc = _tags(self.source)
        if getattr(self.source, "aspect", None):
            context.sample_aspect_ratio = self.source.aspect  # type: ignore[attr-defined]
        if getattr(self.source, "timecode", None) and self.order[0] == 1:
            self._container.metadata["timecode"] = self.source.timecode  # type: ignore[attr-defined]
        self._stream = stream


def _tags(source: Source) -> tuple[int, int]:
    """(primaries, transfer) of a movie plate, BT.709 where it has none."""
    found = (int(getattr(source, name, 0) or 0) for name in ("primaries", "transfer"))
    primaries, transfer = (BT709 if tag in (0, UNSPECIFIED) else tag for tag in found)
    return primaries, transfer
