"""Open what a person names: frames to read, or a place for frames to go. Sequences here, movies in `movies`."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from ilvi_core.files import publishing
from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.movies import MOVIE_OUT, Movie, MovieSink
from ilvi_core.patterns import MOVIES, Pattern, find_frames, find_one_sequence, parse_pattern, still_number
from ilvi_core.pictures import DISPLAY, LINEAR, Box, Picture, Sink, Source
from ilvi_core.stills import READABLE, WRITABLE, read_still, still_facts, write_still

__all__ = ["DISPLAY", "LINEAR", "Box", "Picture", "Sink", "Source", "open_sink", "open_source"]

DEFAULT_FPS = 24
NEVER_WRITTEN = (".jpg", ".jpeg", ".tga", ".gif", ".bmp", ".webp", ".psd", ".hdr", ".heic", ".jp2", ".cin")


class ImageSequence(Source):
    """Numbered files, or one still."""

    def __init__(self, pattern: Pattern, frames: list[int], what: str, layer: str, still: Path | None = None) -> None:
        self.pattern, self.frames, self.what, self.layer, self.still = pattern, frames, what, layer, still
        self.stem, self.digits, self.suffix = pattern.stem, pattern.digits, pattern.suffix
        first = frames[0]
        rate, self.encoding, self.depth, self.has_alpha = still_facts(self.path(first), self._label(first), layer)
        self.fps: Fraction | float = rate or DEFAULT_FPS

    def path(self, frame: int) -> Path:
        """The file of a frame."""
        return self.still or self.pattern.path(frame)

    def read(self, frame: int) -> Picture:
        """Decode one frame. InputError where it is absent, truncated, or cannot be kept whole."""
        self.check(frame)
        return read_still(self.path(frame), self._label(frame), self.layer)

    def close(self) -> None:
        """Nothing stays open between reads."""

    def _label(self, frame: int) -> str:
        return f"{self.what} frame {frame} ({self.path(frame)})"


class SequenceSink(Sink):
    """Files that appear whole: each is written under a hidden name in the same folder, then renamed."""

    def __init__(self, pattern: Pattern, still: Path | None = None) -> None:
        self.pattern, self.still = pattern, still

    def path(self, frame: int) -> Path:
        """The file of a frame."""
        return self.still or self.pattern.path(frame)

    def write(self, frame: int, picture: Picture) -> Path:
        """Publish one frame, over an older one of that name; several threads may, each its own frame.

        IlviError where it cannot be written whole.
        """
        final = self.path(frame)
        with publishing(final, _write_error) as temporary:
            write_still(temporary, picture)
        return final

    def close(self) -> None:
        """Nothing is left to do: every frame is published already."""

    def abort(self) -> None:
        """Nothing is left behind: a half file goes with the write that failed."""


def open_source(text: str, what: str = "Plate", layer: str = "") -> Source:
    """Frames to read: a pattern, a folder with one sequence in it, one still, or a movie.

    what: "Plate" or "Matte", for messages.  layer: a channel prefix, part or view of an EXR, or one channel.
    """
    if not text.strip():
        raise InputError(f"{what} has no path.", "Choose a file, a folder or a pattern such as plate.####.exr.")
    path = Path(text).expanduser()
    suffix = path.suffix.lower()
    if path.is_dir():
        pattern = find_one_sequence(path, what)
        if pattern.suffix:
            return ImageSequence(pattern, find_frames(pattern, what), what, layer)
        path = path / pattern.stem
        suffix = path.suffix.lower()
    if path.is_file() and suffix in MOVIES:
        if layer:
            raise InputError(f"{what} {path} is a movie, which has no layer {layer}.", "Leave the layer empty.")
        return Movie(path, what)
    if path.is_file():
        _check_readable(path, what)
        stem, frame, digits = still_number(path)
        return ImageSequence(Pattern(path.parent, stem, digits, path.suffix), [frame], what, layer, still=path)
    found = parse_pattern(str(path))
    if found is None:
        raise InputError(f"{what} {path} does not exist.", "Check the path; a sequence is written plate.####.exr.")
    _check_readable(Path("x" + found.suffix), what)
    return ImageSequence(found, find_frames(found, what), what, layer)


def open_sink(text: str, source: Source, frames: Sequence[int], avoid: Sequence[Source] = (), suffix: str = "") -> Sink:
    """A place for the finished `frames` of `source`; everything that can be refused is refused here.

    text: a pattern, a folder (files named as the plate's), one file, or a movie.  avoid: other inputs (the matte)
    that must not be overwritten.  suffix: for a folder, instead of the plate's own. InputError for a format that would
    change untouched pixels, a folder that cannot be written, and an output that is an input.
    """
    if not text.strip():
        raise InputError("Output has no path.", "Choose a folder or a pattern such as out/clean.####.exr.")
    if not frames:
        raise InputError("Output has no frames to write.", "Choose a range that is not empty.")
    path = Path(text).expanduser()
    if path.suffix.lower() in MOVIES and not path.is_dir():
        _check_movie(path, source)
        _check_paths([path], (source, *avoid))
        _prove_writable(path.parent)
        return MovieSink(path, source, list(frames))
    sink = _still_sink(path, text, source, frames, suffix)
    _check_format(sink.pattern.suffix, source)
    _check_paths([sink.path(frame) for frame in frames], (source, *avoid))
    _prove_writable(sink.path(frames[0]).parent)
    return sink


def _still_sink(path: Path, text: str, source: Source, frames: Sequence[int], wanted: str) -> SequenceSink:
    pattern = None if path.is_dir() else parse_pattern(str(path))
    if pattern is not None:
        return SequenceSink(pattern)
    suffix = path.suffix.lower()
    if path.is_dir() or text.endswith(("/", os.sep)) or suffix not in (*WRITABLE, *NEVER_WRITTEN):
        suffix = wanted or (source.suffix if source.suffix.lower() in WRITABLE else ".png")
        if source.digits == 0 and source.frames == [1]:
            return SequenceSink(Pattern(path, source.stem, 0, suffix), path / (source.stem + suffix))
        return SequenceSink(Pattern(path, source.stem, source.digits, suffix))
    if len(frames) != 1:
        raise InputError(
            f"Output {path} is one file, but there are {len(frames)} frames to write.",
            f"Name it {path.stem}.####{path.suffix}, or give a folder.",
        )
    return SequenceSink(Pattern(path.parent, path.stem, 0, path.suffix), path)


def _check_readable(path: Path, what: str) -> None:
    if path.suffix.lower() not in (*READABLE, *MOVIES):
        raise InputError(
            f"{what} has the extension {path.suffix or '(none)'}, which ILVI does not read.",
            f"Use {', '.join((*READABLE, *MOVIES))}.",
        )


def _check_format(suffix: str, source: Source) -> None:
    """Refuse a format that would change or drop what the plate holds."""
    kind, own = suffix.lower(), source.suffix.lower()
    if kind not in WRITABLE:
        raise InputError(
            f"Output has the extension {suffix or '(none)'}, which ILVI does not write (expected "
            f"{', '.join(WRITABLE)}).",
            "Write .exr for a float plate, .png for any other; a lossy format would change untouched pixels.",
        )
    is_float = source.depth.kind == "f" or source.encoding == LINEAR
    if kind == own or kind in (".exr", ".npy") or {kind, own} == {".tif", ".tiff"}:
        return
    if is_float:
        raise InputError(
            f"Output {kind} cannot hold what the {own} plate holds (scene-linear values, channels, windows).",
            "Write .exr.",
        )


def _check_movie(path: Path, source: Source) -> None:
    if path.suffix.lower() not in MOVIE_OUT:
        raise InputError(f"Output {path.name} is a kind of movie that ILVI does not write.", "Use .mov or .mp4.")
    if source.depth.kind == "f" or source.encoding == LINEAR:
        raise InputError(f"Output {path.name} is a movie, but the plate is scene-linear.", "Write .exr frames.")
    if path.suffix.lower() == ".mp4" and source.has_alpha:
        raise InputError(f"Output {path.name} cannot hold the plate's alpha.", "Write .mov (ProRes 4444) or .png.")


def _check_paths(outputs: list[Path], inputs: tuple[Source, ...]) -> None:
    """No output may be an input, by whatever name: links are followed."""
    taken = {os.path.realpath(source.path(frame)): source for source in inputs for frame in source.frames}
    files = {_identity(name): source for name, source in taken.items()}
    for path in outputs:
        source = taken.get(os.path.realpath(path)) or (files.get(_identity(str(path))) if path.exists() else None)
        if source is not None:
            raise InputError(f"Output {path} would overwrite the {source.what.lower()}.", "Choose another folder.")
        if path.is_dir():
            raise InputError(f"Output {path} is a folder; expected a file of that name.", "Choose another name.")


def _identity(name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _prove_writable(folder: Path) -> None:
    """Make the folder and write one file in it, so that a solve is not lost at its end."""
    probe = folder / f".tmp_{os.getpid()}_probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"ilvi")
    except OSError as error:
        raise InputError(
            f"Output folder {folder} cannot be written: {error.strerror}.", "Choose another folder or its permissions."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def _write_error(path: Path, error: OSError) -> IlviError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    hint = "Make room on that disk; the finished frames are kept." if full else "Check the folder's permissions."
    return IlviError(f"{path} cannot be written: {error.strerror or error}.", hint)
