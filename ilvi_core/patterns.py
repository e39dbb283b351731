"""What a person types for a sequence, and the frames that it means on disk.

fileseq is not used here: it reads `####` as sixteen digits under the rule that makes `#` four.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ilvi_core.host.errors import InputError
from ilvi_core.stills import READABLE

MOVIES = (".mp4", ".mov", ".mkv", ".avi", ".mxf", ".webm")
_FIELD = re.compile(r"%0?(\d*)d|#+|@+")
_NUMBERED = re.compile(r"(.*?)(-?\d+)(\.[^.]+)", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """folder / stem + frame number + suffix; digits: the number's least width, its minus sign not counted."""

    folder: Path
    stem: str
    digits: int
    suffix: str

    def path(self, frame: int) -> Path:
        """The file of a frame."""
        sign = "-" if frame < 0 else ""
        return self.folder / f"{self.stem}{sign}{abs(frame):0{self.digits}d}{self.suffix}"

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
    frames = []
    for name in _names(pattern.folder, what):
        if name.startswith(pattern.stem) and name.endswith(pattern.suffix):
            number = name[len(pattern.stem) : len(name) - len(pattern.suffix)]
            if re.fullmatch(r"-?[0-9]+", number) and pattern.path(int(number)).name == name:
                frames.append(int(number))
    if not frames:
        raise InputError(f"{what} has no file {pattern.folder / str(pattern)}.", _what_is_there(pattern.folder, what))
    return sorted(frames)


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


def list_sequences(folder: Path, what: str) -> list[tuple[Pattern, list[int]]]:
    """Every sequence of images in a folder with its frames; hidden files and other files are passed over."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in sorted(_names(folder, what)):
        if name.startswith(".") or Path(name).suffix.lower() not in READABLE:
            continue
        match = _NUMBERED.fullmatch(name)
        if match is None:
            groups[(name, "")] = []
        else:
            groups.setdefault((match.group(1), match.group(3)), []).append(match.group(2))
    found = []
    for (stem, suffix), numbers in groups.items():
        widths = {len(number.lstrip("-")) for number in numbers if number.lstrip("-").startswith("0")}
        least = min((len(number.lstrip("-")) for number in numbers), default=0)
        # Two widths of padding ("01" beside "0001") are two sequences in one name.
        for digits in sorted({*widths, least} if len(widths) > 1 else {*(widths or {least})}):
            pattern = Pattern(folder, stem, digits, suffix)
            frames = sorted({int(n) for n in numbers if pattern.path(int(n)).name == f"{stem}{n}{suffix}"})
            found.append((pattern, frames))
    return found


def still_number(path: Path) -> tuple[str, int, int]:
    """(stem, frame, digits) of a single file: its number where its name ends in digits, else frame 1 and no digits."""
    match = _NUMBERED.fullmatch(path.name)
    if match is None:
        return path.stem, 1, 0
    return match.group(1), int(match.group(2)), len(match.group(2).lstrip("-"))


def _names(folder: Path, what: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise InputError(
            f"{what} folder {folder} cannot be listed: {error.strerror}.", "Check the path and that it is mounted."
        ) from error


def _described(pattern: Pattern, frames: list[int]) -> str:
    if not frames:
        return pattern.stem
    return f"{pattern} ({frames[0]}-{frames[-1]})" if len(frames) > 1 else f"{pattern} ({frames[0]})"


def _what_is_there(folder: Path, what: str) -> str:
    found = list_sequences(folder, what)
    if not found:
        return f"The folder {folder} holds no images."
    return f"The folder has {', '.join(_described(*one) for one in found[:6])}."
