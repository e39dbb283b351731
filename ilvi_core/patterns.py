"""What a person types for a sequence, and the frames that it means on disk.

fileseq finds and numbers the frames. The pattern itself is taken apart here: fileseq knows a lone `#` as four digits or
`####` as four, but not both, and it stumbles over a `#` elsewhere in the name.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import fileseq
from fileseq.constants import PAD_STYLE_HASH1
from fileseq.utils import pad

from ilvi_core.host.errors import InputError
from ilvi_core.stills import READABLE

MOVIES = (".mp4", ".mov", ".mkv", ".avi", ".mxf", ".webm")
_FIELD = re.compile(r"%0?(\d*)d|#+|@+")
_NUMBERED = re.compile(r"(.*?)(-?\d+)(\.[^.]+)", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """folder / stem + frame number + suffix; digits: the least width, a minus sign counted as C's %04d does."""

    folder: Path
    stem: str
    digits: int
    suffix: str

    def path(self, frame: int) -> Path:
        """The file of a frame."""
        return self.folder / f"{self.stem}{pad(frame, self.digits)}{self.suffix}"

    def __str__(self) -> str:
        return f"{self.stem}{'#' * self.digits if self.digits > 1 else '@'}{self.suffix}"


def parse_pattern(text: str) -> Pattern | None:
    """The pattern in a path's last part (`%04d`, `####`, `@@@@`; a lone `#` is four digits), or None."""
    folder, name = os.path.split(text)
    fields = list(_FIELD.finditer(name))
    if not fields:
        return None
    field = fields[-1]
    mark = field.group(0)
    digits = int(field.group(1) or 1) if mark[0] == "%" else 4 if mark == "#" else len(mark)
    return Pattern(Path(folder or "."), name[: field.start()], digits, name[field.end() :])


def find_frames(pattern: Pattern, what: str) -> list[int]:
    """The frames of a pattern on disk, sorted. InputError, naming what is there instead, where there is none."""
    frames = [
        frame
        for found, numbers in list_sequences(pattern.folder, what, only_readable=False)
        if (found.stem, found.suffix) == (pattern.stem, pattern.suffix)
        for frame in numbers
        if pattern.path(frame).name == found.path(frame).name
    ]
    if not frames:
        raise InputError(f"{what} has no file {pattern.folder / str(pattern)}.", _what_is_there(pattern.folder, what))
    return sorted(set(frames))


def find_one_sequence(folder: Path, what: str) -> Pattern:
    """The one sequence in a folder. InputError where there is none, or several (they are listed)."""
    found = list_sequences(folder, what)
    if not found:
        raise InputError(f"{what} folder {folder} holds no images.", f"Expected {', '.join(READABLE)} frames in it.")
    if len(found) > 1:
        listed = ", ".join(_described(pattern, frames) for pattern, frames in found[:8])
        raise InputError(
            f"{what} folder {folder} holds {len(found)} sequences; expected one.", f"Name one of them: {listed}."
        )
    return found[0][0]


def list_sequences(folder: Path, what: str, only_readable: bool = True) -> list[tuple[Pattern, list[int]]]:
    """Every sequence in a folder with its frames, a file without a number as one of no frames; hidden files are not."""
    try:
        os.listdir(folder)
        sequences = fileseq.findSequencesOnDisk(str(folder), pad_style=PAD_STYLE_HASH1)
    except OSError as error:
        raise InputError(
            f"{what} folder {folder} cannot be listed: {error.strerror}.", "Check the path and that it is mounted."
        ) from error
    found: list[tuple[Pattern, list[int]]] = []
    for sequence in sequences:
        suffix = sequence.extension()
        if only_readable and suffix.lower() not in READABLE:
            continue
        numbers = sequence.frameSet()
        if numbers is None:
            found.append((Pattern(folder, sequence.basename() + suffix, 0, ""), []))
        else:
            frames = [int(frame) for frame in numbers]
            found.append((Pattern(folder, sequence.basename(), sequence.zfill(), suffix), frames))
    return sorted(found, key=lambda one: (one[0].stem, one[0].digits, one[0].suffix))


def still_number(path: Path) -> tuple[str, int, int]:
    """(stem, frame, digits) of a single file: its number where its name ends in digits, else frame 1 and no digits."""
    match = _NUMBERED.fullmatch(path.name)
    if match is None:
        return path.stem, 1, 0
    return match.group(1), int(match.group(2)), len(match.group(2).lstrip("-"))


def _described(pattern: Pattern, frames: list[int]) -> str:
    if not frames:
        return pattern.stem
    return f"{pattern} ({frames[0]}-{frames[-1]})" if len(frames) > 1 else f"{pattern} ({frames[0]})"


def _what_is_there(folder: Path, what: str) -> str:
    found = list_sequences(folder, what)
    if not found:
        return f"The folder {folder} holds no images."
    return f"The folder has {', '.join(_described(*one) for one in found[:6])}."
