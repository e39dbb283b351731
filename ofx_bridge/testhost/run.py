"""Runs the test host over image sequences (EXR, PNG, JPEG, ...): they become .npy for it, and its frames files again.

python ofx_bridge/testhost/run.py BUILD [SCRIPT]

The script is the host's own (README.md), with two words more: `clip NAME files=PATTERN first=1 last=8` instead of
`npy=`, where the depth is the files' unless `depth=` is given, and `out=PATTERN` of `render` may end in .exr (half,
float where the depth is float), .png (8 bit, 16 where the depth is more) or .npy. A pattern has one %04d or the like.
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


class Unusable(Exception):
    """A file that cannot be read or written, in words."""


def read(path: str) -> tuple[np.ndarray, str]:
    """The picture as float32 (height, width[, channels]), rows from the top, and its depth in the host's words."""
    file = oiio.ImageInput.open(path)
    if not file:
        raise Unusable(f"{path} cannot be read: {oiio.geterror()}")
    spec = file.spec()
    pixels = file.read_image(0, 0, 0, min(spec.nchannels, 4), "float")
    file.close()
    if pixels is None:
        raise Unusable(f"{path} cannot be read: {file.geterror()}")
    picture = np.asarray(pixels, np.float32).reshape(spec.height, spec.width, -1)
    picture = picture[..., 0] if picture.shape[2] < 3 else picture
    return np.ascontiguousarray(picture), DEPTHS.get(str(spec.format), "float")


def write(path: str, picture: np.ndarray, depth: str) -> None:
    if path.endswith(".npy"):
        np.save(path, picture)
        return
    exr = path.endswith(".exr")
    kind = ("float" if depth == "float" else "half") if exr else ("uint8" if depth == "byte" else "uint16")
    pixels = np.ascontiguousarray(picture.reshape(*picture.shape[:2], -1))
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    file = oiio.ImageOutput.create(path)
    if not file or not file.open(path, spec) or not file.write_image(pixels) or not file.close():
        raise Unusable(f"{path} cannot be written: {file.geterror() if file else oiio.geterror()}")


class Translation:
    """The script for the host, and the frames that are to become files afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outputs: list[tuple[str, str, str]] = []  # .npy pattern, wanted pattern, depth
        self.depth = "float"

    def line(self, line: str) -> str:
        words = shlex.split(line, comments=True)
        if not words or words[0] not in ("clip", "render"):
            return line
        options = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        if words[0] == "clip" and "files" in options:
            return self.clip(words, options)
        if words[0] == "render" and not options.get("out", ".npy").endswith(".npy"):
            pattern = f"{self.folder}/out{len(self.outputs)}.%06d.npy"
            self.outputs.append((pattern, options["out"], self.depth))
            return " ".join(f"out={pattern}" if word.startswith("out=") else shlex.quote(word) for word in words)
        return line

    def clip(self, words: list[str], options: dict[str, str]) -> str:
        pattern = f"{self.folder}/{words[1]}.%06d.npy"
        depth, kind = "float", "rgba"
        for frame in range(int(options["first"]), int(options["last"]) + 1):
            picture, depth = read(options["files"] % frame)
            np.save(pattern % frame, picture)
            kind = {1: "alpha", 3: "rgb", 4: "rgba"}[1 if picture.ndim == 2 else picture.shape[2]]
        options = {"depth": depth, "components": kind, **options}
        if words[1] == "Source":
            self.depth = options["depth"]
        options["npy"] = pattern
        del options["files"]
        return " ".join([*words[:2], *(f"{name}={value}" for name, value in options.items())])

    def write_outputs(self) -> None:
        for pattern, wanted, depth in self.outputs:
            before, after = re.split(r"%0\d+d", Path(pattern).name)
            for path in sorted(self.folder.glob(f"{before}*{after}")):
                number = int(path.name[len(before) : -len(after)])
                Path(wanted).parent.mkdir(parents=True, exist_ok=True)
                write(wanted % number, np.load(path), depth)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("build", type=Path, help="the folder in which CMake built")
    parser.add_argument("script", type=argparse.FileType(), nargs="?", default=sys.stdin)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        translation = Translation(Path(folder))
        try:
            script = "\n".join(translation.line(line.rstrip("\n")) for line in given.script)
            done = subprocess.run([given.build / "ilvi_testhost"], input=script, text=True, check=False)
            translation.write_outputs()
        except Unusable as error:
            sys.stderr.write(f"{error}\n")
            return 2
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
