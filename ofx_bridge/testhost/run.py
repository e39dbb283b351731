"""Runs the test host over image sequences (EXR, PNG, JPEG, ...): they become .npy for it, and its frames files again.

python ofx_bridge/testhost/run.py BUILD [SCRIPT]

The script is the host's own (README.md), with two words more: `clip NAME files=PATTERN first=1 last=8` instead of
`npy=`, where depth and components are the files' unless they are given, and `out=PATTERN` of `render` may end in .exr
(half, float where the depth is float) or .png (8 bit, 16 where the depth is more). A pattern has one %04d or the like.
Needs numpy and OpenImageIO. Exit code: the host's; 2 where a file cannot be read or written.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

DEPTHS = {"uint8": "byte", "uint16": "short", "half": "half"}
KINDS = {1: "alpha", 3: "rgb", 4: "rgba"}
NUMBER = re.compile(r"%0?\d*d")


class Unusable(Exception):
    """A file that cannot be read or written, or a word of the script that says no file, in words."""


def read(path: str) -> tuple[np.ndarray, str]:
    """The picture as float32 (height, width[, channels]), rows from the top, and its depth in the host's words."""
    as_stored = oiio.ImageSpec()
    as_stored.attribute("oiio:UnassociatedAlpha", 1)  # multiplying by alpha and dividing again would change bits
    file = oiio.ImageInput.open(path, as_stored)
    if not file:
        raise Unusable(f"{path} cannot be read: {oiio.geterror()}")
    spec = file.spec()
    pixels = file.read_image(0, 0, 0, min(spec.nchannels, 4), "float")
    trouble = file.geterror()
    file.close()
    if pixels is None or trouble:
        raise Unusable(f"{path} cannot be read: {trouble}")
    picture = np.asarray(pixels, np.float32).reshape(spec.height, spec.width, -1)
    if picture.shape[2] == 2:  # grey and alpha
        picture = picture[..., [0, 0, 0, 1]]
    picture = picture[..., 0] if picture.shape[2] == 1 else picture
    return np.ascontiguousarray(picture), DEPTHS.get(str(spec.format), "float")


def write(path: str, picture: np.ndarray, depth: str) -> None:
    """A frame of the host's as an .exr or .png."""
    if path.endswith(".exr"):
        kind = "float" if depth == "float" else "half"
    else:
        kind = "uint8" if depth == "byte" else "uint16"
    pixels = np.ascontiguousarray(picture.reshape(*picture.shape[:2], -1))
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    spec.attribute("oiio:UnassociatedAlpha", 1)
    file = oiio.ImageOutput.create(path)
    if not file or not file.open(path, spec) or not file.write_image(pixels) or not file.close():
        raise Unusable(f"{path} cannot be written: {file.geterror() if file else oiio.geterror()}")


def numbered(pattern: str, frame: int) -> str:
    """The pattern's file of that frame."""
    found = NUMBER.findall(pattern)
    if len(found) != 1:
        raise Unusable(f"{pattern} has no frame number: expected one %04d or the like.")
    return NUMBER.sub(found[0] % frame, pattern)


def split(line: str) -> list[str]:
    """The words of a line as the host takes it apart: only "double quotes" keep them together."""
    words = shlex.shlex(line, posix=True)
    words.whitespace_split, words.commenters, words.quotes, words.escape = True, "", '"', ""
    try:
        return list(words)
    except ValueError as error:
        raise Unusable(f"{line}: {error}.") from error


def joined(words: list[str]) -> str:
    return " ".join(f'"{word}"' if re.search(r"\s", word) else word for word in words)


class Translation:
    """The script for the host, and the frames that are to become files afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clips = 0
        self.outputs: list[tuple[Path, str, str]] = []  # folder of .npy, wanted pattern, depth
        self.depth = "float"  # of Source, and so of Output

    def line(self, line: str) -> str:
        """A line of the script as the host knows it."""
        if line.split()[:1] == ["clip"]:
            return self.clip(split(line))
        if line.split()[:1] == ["render"]:
            return self.render(split(line))
        return line

    def clip(self, words: list[str]) -> str:
        plain = [word for word in words if "=" not in word]
        options = dict(word.split("=", 1) for word in words if "=" in word)
        name = plain[1] if len(plain) > 1 else ""
        if "files" in options:
            files = options.pop("files")
            try:
                first = int(options.setdefault("first", "1"))
                last = int(options.setdefault("last", str(first)))
            except ValueError as error:
                raise Unusable(f"{joined(words)}: {error}.") from error
            place = self.folder / f"clip{self.clips}"
            place.mkdir()
            self.clips += 1
            for frame in range(first, last + 1):
                picture, depth = read(numbered(files, frame))
                np.save(place / f"{frame:06d}.npy", picture)
                options.setdefault("depth", depth)
                options.setdefault("components", KINDS[1 if picture.ndim == 2 else picture.shape[2]])
            options["npy"] = f"{place}/%06d.npy"
        if name == "Source":
            self.depth = options.get("depth", "float")
        return joined([*plain, *(f"{name}={value}" for name, value in options.items())])

    def render(self, words: list[str]) -> str:
        options = dict(word.split("=", 1) for word in words if "=" in word)
        wanted = options.get("out", "")
        if wanted and not wanted.endswith(".npy"):
            if not wanted.endswith((".exr", ".png")):
                raise Unusable(f"{wanted} is no .exr, .png or .npy.")
            numbered(wanted, 0)
            place = self.folder / f"out{len(self.outputs)}"
            place.mkdir()
            self.outputs.append((place, wanted, self.depth))
            words = [f"out={place}/%06d.npy" if word.startswith("out=") else word for word in words]
        return joined(words)

    def write_outputs(self) -> None:
        for place, wanted, depth in self.outputs:
            for path in sorted(place.iterdir()):
                target = numbered(wanted, int(path.stem))
                try:
                    Path(target).parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise Unusable(f"{target} cannot be written: {error}") from error
                write(target, np.load(path), depth)


def host_in(build: Path) -> Path:
    """The host's program: CMake puts it into a folder of its own, unless it was built alone."""
    places = (build / "testhost" / "ilvi_testhost", build / "ilvi_testhost")
    for place in places:
        if place.exists():
            return place
    raise Unusable(f"{build} has no ilvi_testhost: build it there with CMake.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("build", type=Path, help="the folder in which CMake built")
    parser.add_argument("script", type=argparse.FileType(), nargs="?", default=sys.stdin)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ilvi-testhost-") as folder:
        translation = Translation(Path(folder))
        try:
            host = host_in(given.build)
            script = "\n".join(translation.line(line.rstrip("\n")) for line in given.script)
            done = subprocess.run([host], input=script, text=True, check=False)
            translation.write_outputs()
        except Unusable as error:
            sys.stderr.write(f"{error}\n")
            return 2
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
