"""The OpenFX plugin in the strict test host: one process of it for each `Host.run`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
BRIDGE = ROOT / "ofx_bridge"
BUNDLE = "Ilvi.ofx.bundle/Contents/Linux-x86-64/Ilvi.ofx"
HEIGHT, WIDTH, FIRST, LAST = 44, 60, 1001, 1005
NUMBERS = range(FIRST, LAST + 1)


def make_frames(folder: Path) -> Path:
    """plate.####.npy (RGBA, HDR and negative values, alpha 1) and matte.####.npy, a square that moves."""
    random = np.random.default_rng(3)
    for t in NUMBERS:
        plate = np.ones((HEIGHT, WIDTH, 4), np.float32)
        plate[..., :3] = random.random((HEIGHT, WIDTH, 3), np.float32) * 1.6 - 0.1
        matte = np.zeros((HEIGHT, WIDTH), np.float32)
        matte[12:28, 10 + t - FIRST : 30 + t - FIRST] = 1
        np.save(folder / f"plate.{t}.npy", plate)
        np.save(folder / f"matte.{t}.npy", matte)
        both = plate.copy()
        both[..., 3] = matte
        np.save(folder / f"both.{t}.npy", both)
    return folder


def build_with(folder: Path, *options: str, source: Path = BRIDGE) -> Path:
    """Configures and builds the plugin and the host there, with gcc unless the options say otherwise."""
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    for command in (
        ["cmake", "-S", str(source), "-B", str(folder), *generator, *options],
        ["cmake", "--build", str(folder), "--parallel", "2"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(done.stdout[-3000:] + done.stderr[-3000:])
    return folder


class Failed(AssertionError):
    """The host ended with an error: a violation, a leak, a crash, or a command that it could not carry out."""


class Host:
    """A build of the test host, frames for it, and a worker."""

    def __init__(self, build: Path, frames: Path, place: Path, python: str) -> None:
        self.build, self.frames, self.place = build, frames, place
        self.out = place / "out"
        self.cache, self.log = place / "cache", place / "messages"
        self.errors, self.pid = "", 0
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ILVI_")},
            "ILVI_PYTHON": python,
            "ILVI_CACHE": str(self.cache),
            "ILVI_LOG": str(place / "log"),
            "ILVI_FAKE_LOG": str(self.log),
            "XDG_DATA_HOME": str(place / "data"),
            "TSAN_OPTIONS": "halt_on_error=1",
        }

    def run(
        self,
        *commands: str,
        before: tuple[str, ...] = (),
        plate: str = "plate",
        depth: str = "float",
        components: str = "rgba",
        context: str = "Filter",
        options: str = "",
        mask: str = "matte",
        fake: str = "",
        exit_code: int = 0,
        leaks: bool = True,
        limit: float = 120,
        **values: object,
    ) -> Answers:
        """Loads the plugin, connects Source and Mask, sets the values, and carries the commands out."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        self.log.write_text("")
        shown = f"first={FIRST} last={LAST}"
        clip = f"clip Source npy={self.frames}/{plate}.%04d.npy {shown} depth={depth} components={components} {options}"
        matte = f"clip Mask npy={self.frames}/{mask}.%04d.npy {shown} depth={depth} components=alpha"
        script = [
            *before,
            f"load {self.build}/{BUNDLE}",
            f"context {context}",
            clip,
            matte if mask else "clip Mask absent",
            "create",
            *(f"set {name} {value}" for name, value in values.items()),
            *commands,
        ]
        with subprocess.Popen(
            [str(self.build / "testhost/ilvi_testhost")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, "ILVI_FAKE": fake, "ASAN_OPTIONS": f"detect_leaks={int(leaks)}"},
        ) as process:
            self.pid = process.pid
            try:
                output, self.errors = process.communicate("\n".join(script), limit)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        if process.returncode != exit_code:
            raise Failed(f"exit code {process.returncode}\n{self.errors[-3000:]}\n{output[-2000:]}")
        return Answers([json.loads(line) for line in output.splitlines()])

    def run_files(self, *commands: str, fake: str = "", limit: float = 120) -> tuple[int, Answers, str]:
        """The commands through run.py, which feeds image files to the host: exit code, answers, stderr."""
        self.log.write_text("")
        done = subprocess.run(
            [sys.executable, str(BRIDGE / "testhost" / "run.py"), str(self.build)],
            input="\n".join([f"load {self.build}/{BUNDLE}", "context Filter", *commands]),
            env={**self.environment, "ILVI_FAKE": fake},
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        return done.returncode, Answers([json.loads(line) for line in done.stdout.splitlines()]), done.stderr

    def render(self, *more: str) -> str:
        """The command that renders the whole clip."""
        return " ".join([f"render first={FIRST} last={LAST} out={self.out}/out.%04d.npy", *more])

    def frame(self, number: int) -> np.ndarray:
        return np.load(self.out / f"out.{number}.npy")

    def plate(self, number: int, name: str = "plate") -> np.ndarray:
        return np.load(self.frames / f"{name}.{number}.npy")

    def hole(self, number: int) -> np.ndarray:
        return np.load(self.frames / f"matte.{number}.npy") > 0

    def scratch(self, pid: int) -> list[Path]:
        """The folders of pixels that a process of the host made and left."""
        places = ("/dev/shm", os.environ.get("TMPDIR", "/tmp"))
        return [path for place in places for path in Path(place).glob(f"ilvi-ofx-{pid}-*")]

    def told(self) -> list[str]:
        """The types of the messages that the worker got."""
        return self.log.read_text().split("\n")[:-1]


class Answers:
    """What the host answered, a command each."""

    def __init__(self, answers: list[dict]) -> None:
        self.all = answers

    def __getitem__(self, index: int) -> dict:
        return self.all[index]

    def events(self, kind: str) -> list[dict]:
        return [event for answer in self.all for event in answer.get("events", []) if event["event"] == kind]

    @property
    def messages(self) -> list[str]:
        return [event["text"] for event in self.events("message")]

    @property
    def status(self) -> str:
        """The last one that the parameter `status` was set to."""
        return ([event["value"] for event in self.events("param") if event["name"] == "status"] or [""])[-1]

    @property
    def renders(self) -> list[str]:
        """The status of every rendered frame, of all commands."""
        return [frame.get("status", frame.get("error")) for answer in self.all for frame in answer.get("frames", [])]


def launcher(path: Path) -> str:
    """An executable that stands for the worker's Python: whatever it is asked to run, it is the fake worker."""
    worker = Path(__file__).resolve().parent / "ofx_worker.py"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{worker}"\n')
    path.chmod(0o755)
    return str(path)


def assert_filled(host: Host, numbers: range = NUMBERS, plate: str = "plate") -> None:
    """The fake worker's fill where the matte is, the source bit for bit elsewhere."""
    from ofx_worker import fill_of

    for t in numbers:
        expected, hole = host.plate(t, plate), host.hole(t)
        expected[hole, :3] = fill_of(t)
        np.testing.assert_array_equal(host.frame(t).view(np.uint32), expected.view(np.uint32), err_msg=f"frame {t}")


def assert_source(host: Host, numbers: range = NUMBERS, plate: str = "plate") -> None:
    """The source within, stripes at the border: the mark of a frame that is not solved."""
    for t in numbers:
        shown, source = host.frame(t), host.plate(t, plate)
        np.testing.assert_array_equal(shown[4:-4, 4:-4], source[4:-4, 4:-4], err_msg=f"frame {t}")
        assert not np.array_equal(shown, source), f"frame {t} has no mark"
