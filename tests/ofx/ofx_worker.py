"""A worker for the OpenFX plugin that learns nothing: strict with what it is told, quick, and wicked on demand.

It fills the matte with one value a frame (`fill_of`), composites as the real one does, and keeps its results in
$ILVI_CACHE, so that another process finds them. A message that is not exactly as the protocol has it, or a job that
ILVI would refuse, ends it with exit code 70 and a line on stderr. ILVI_FAKE names what it does wrong, ILVI_FAKE_LOG a
file that gets a line for every message. Run by the launcher that `conftest.launcher` writes.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from ilvi_core.host.job import Job

REQUIRED = {
    "hello": {"protocol": int, "client": str},
    "lookup": {"id": str, "job": dict},
    "start": {"id": str, "job": dict},
    "rerender": {"id": str, "job": dict},
    "cancel": {"id": str},
    "clear": {"id": str, "entry": str},
    "ping": {"id": str},
    "shutdown": {},
}
OPTIONAL = {"lookup": {"accept_reduced": bool}, "start": {"refresh": bool, "previews": bool, "accept_reduced": bool}}
MODE, _, ARGUMENT = os.environ.get("ILVI_FAKE", "").partition("=")
CACHE = Path(os.environ.get("ILVI_CACHE", "/nowhere"))
LOG = os.environ.get("ILVI_FAKE_LOG", "")
inbox: queue.Queue = queue.Queue()


def fill_of(frame: int) -> float:
    """What the fake worker fills a frame's hole with."""
    return 0.25 + (frame % 100) / 256


def leave(code: int) -> None:
    os._exit(code)


def refuse(why: str) -> None:
    sys.stderr.write(f"fake worker: {why}\n")
    sys.stderr.flush()
    leave(70)


def note(text: str) -> None:
    if LOG:
        with open(LOG, "a") as file:
            file.write(text + "\n")


def receive() -> None:
    for line in sys.stdin.buffer:
        message = json.loads(line)
        kind = message.pop("type", None)
        if kind not in REQUIRED:
            refuse(f"unknown message {line[:80]!r}")
        allowed = {**REQUIRED[kind], **OPTIONAL.get(kind, {})}
        if set(REQUIRED[kind]) - set(message) or set(message) - set(allowed):
            refuse(f"fields of {line[:200]!r}")
        if not all(type(value) is allowed[name] for name, value in message.items()):
            refuse(f"kinds in {line[:200]!r}")
        note(kind)
        inbox.put((kind, message))
    note("end of input")
    inbox.put((None, {}))


def raw(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def send(type: str, **fields) -> None:
    raw(json.dumps({"type": type, **fields}).encode() + b"\n")


def frame_path(pattern: str, frame: int) -> Path:
    return Path(pattern.replace("####", f"{frame:04d}").replace("%04d", f"{frame:04d}"))


class Clip:
    """A job's frames, and where its results go."""

    def __init__(self, job: dict) -> None:
        self.job = Job.from_json(json.dumps(job))  # refuses what ILVI would refuse
        if job["output"] or job["comp"].get("format") != "npy":
            refuse("the plugin reads .npy from the cache, and nothing else")
        pattern = job["plate"]["path"]
        if job["frames"] is None:
            name = Path(pattern).name.partition("####")
            there = sorted(Path(pattern).parent.glob(name[0] + "[0-9]" * 4 + name[2]))
            self.frames = [int(path.name[len(name[0]) : len(name[0]) + 4]) for path in there]
        else:
            first, _, last = job["frames"].partition("-")
            self.frames = list(range(int(first), int(last or first) + 1))
        self.plates = {t: np.load(frame_path(pattern, t)) for t in self.frames}
        mattes = {t: np.load(frame_path(job["matte"]["path"], t)) for t in self.frames}
        alpha = job["solve"]["matte_channel"] == "alpha"
        self.mattes = {t: matte[..., 3] if alpha else matte.reshape(matte.shape[:2]) for t, matte in mattes.items()}
        if job["solve"]["matte_invert"]:
            self.mattes = {t: 1 - matte for t, matte in self.mattes.items()}
        pixels = hashlib.sha256()
        for t in self.frames:
            pixels.update(self.plates[t].tobytes() + self.mattes[t].tobytes())
        pixels.update(json.dumps([self.frames, job["solve"], job["preset"]]).encode())
        self.entry = "fake." + pixels.hexdigest()[:16]
        look = hashlib.sha256(json.dumps(job["comp"], sort_keys=True).encode()).hexdigest()[:8]
        self.view = job["comp"]["view"]
        self.home = CACHE / self.entry
        self.place = self.home / look

    def path(self, frame: int) -> Path:
        return self.place / f"plate.{frame:04d}.npy"

    def state(self) -> str:
        if all(self.path(t).exists() for t in self.frames):
            return "frames"
        return "fills" if (self.home / "solved").exists() else "none"

    def write(self, frame: int) -> None:
        plate, matte = self.plates[frame], self.mattes[frame]
        colour, hole = plate[..., :3], matte > 0
        fill = np.where(hole[..., None], np.float32(fill_of(frame)), colour).astype(np.float32)
        grey = {"matte": matte, "confidence": np.where(hole, np.float32(0.5), np.float32(1))}
        if self.view in grey:
            shown = np.repeat(grey[self.view][..., None], 3, axis=2)
        elif self.view == "overlay":
            shown = np.where(hole[..., None], colour * np.float32([0.5, 0.5, 0.5]) + np.float32([0.5, 0, 0]), colour)
        else:
            shown = fill
        picture = np.dstack([shown, np.ones_like(matte)]).astype(np.float32)
        self.place.mkdir(parents=True, exist_ok=True)
        part = self.place / f"part.{os.getpid()}"
        with open(part, "wb") as file:
            np.save(file, picture)
        part.rename(self.path(frame))


def found(id: str, job: dict) -> None:
    if MODE == "die-in-lookup":
        os.kill(os.getpid(), signal.SIGKILL)
    clip = Clip(job)
    state = clip.state()
    paths = {str(t): str(clip.path(t)) for t in clip.frames} if state == "frames" else {}
    if MODE == "many-frames":  # as the real one does where a message would get too long
        paths = {}
    entry = "" if state == "none" else clip.entry
    send("found", id=id, state=state, entry=entry, frames=paths, reduced=False, seconds=0.0)


def cancelled(id: str) -> bool:
    """Looks into the inbox for what ends a job."""
    waiting = []
    try:
        while True:
            kind, message = inbox.get_nowait()
            if kind == "cancel" and message["id"] == id:
                send("cancelling", id=id)
                send("cancelled", id=id, text="Stopped.", hint="Run it again to go on from here.")
                return True
            if kind in ("shutdown", None):
                send("cancelled", id=id, text="Stopped.", hint="")
                leave(0)
            if kind == "ping" and MODE != "mute":
                send("pong", id=message["id"])
            elif kind == "lookup":
                found(message["id"], message["job"])
            else:
                waiting.append((kind, message))
    except queue.Empty:
        for one in waiting:
            inbox.put(one)
    return False


def work(id: str, job: dict, solve: bool) -> None:
    clip = Clip(job)
    send("accepted", id=id, ahead=0)
    state = clip.state()
    if not solve and state == "none":
        send("error", id=id, code="input", text="Nothing is solved.", hint="Start it.")
        return
    send("started", id=id, state=state, entry=clip.entry, device="cpu")
    send("progress", id=id, phase="train", done=1, total=4, eta=1.5, loss=0.25)
    if MODE == "die":
        sys.stderr.write("last words\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if MODE == "exit":
        sys.stderr.write("last words\n")
        leave(3)
    if MODE == "garbage":
        raw(b"Loading the model 100%\n")
    if MODE == "cut":
        raw(b'{"type": "info", "id": "1", "te')
        leave(0)
    if MODE == "endless-line":
        while True:
            raw(b"x" * 65536)
    if MODE == "flood":
        for _ in range(20):
            sys.stderr.write(("x" * 99 + "\n") * 10000)
    if MODE == "fail":
        send("error", id=id, code="failed", text=f"It failed at 100%: {ARGUMENT}.", hint="Do it %s better.")
        return
    if MODE == "mute":
        while True:
            time.sleep(60)
    until = time.monotonic() + (float(ARGUMENT) if MODE == "slow" else 0)
    while time.monotonic() < until:
        send("progress", id=id, phase="train", done=2, total=4, eta=1.5, loss=0.25)
        time.sleep(0.05)
        if cancelled(id):
            return
    if MODE == "warn":
        send("warning", id=id, code="reduced", text="Solved smaller: 50%.")
    for t in clip.frames:
        clip.write(t)
        if MODE == "lose-frame" and t == clip.frames[-1]:
            continue
        path = clip.path(t)
        if MODE == "gone-file" and t == clip.frames[-1]:
            path.unlink()
        if MODE == "cut-file" and t == clip.frames[-1]:
            path.write_bytes(path.read_bytes()[:-100])
        send("frame", id=id, frame=t, path=str(path), final=True, view="")
    (clip.home / "solved").touch()
    send("finished", id=id, entry=clip.entry, frames=len(clip.frames), stats={})


def clear(id: str, entry: str) -> None:
    if not entry:
        refuse("a clear of the whole cache, which nobody asked for")
    home = CACHE / entry
    files = [path for path in home.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    for path in files:
        path.unlink()
    send("cleared", id=id, entries=1, bytes=size, in_use=0)


def main() -> None:
    threading.Thread(target=receive, daemon=True).start()
    if MODE == "early-death":
        sys.stderr.write("no module named torch\n")
        leave(3)
    kind, message = inbox.get()
    if kind is None:
        leave(0)
    if kind != "hello" or message["protocol"] != 1:
        refuse(f"expected hello, got {kind}")
    if MODE == "no-ready":
        time.sleep(600)
    if MODE == "refuse":
        send("error", id="", code="protocol", text="This worker speaks protocol 2.", hint="Install the same.")
        leave(1)
    version = 2 if MODE == "wrong-version" else 1
    send("ready", protocol=version, version="9.9", pid=os.getpid(), python="3", cache=str(CACHE))
    while True:
        kind, message = inbox.get()
        if kind in ("shutdown", None):
            if MODE == "stubborn":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                time.sleep(60)
            leave(0)
        if kind == "lookup":
            found(message["id"], message["job"])
        elif kind in ("start", "rerender"):
            work(message["id"], message["job"], kind == "start")
        elif kind == "clear":
            clear(message["id"], message["entry"])
        elif kind == "ping":
            send("pong", id=message["id"])
        elif kind == "hello":
            refuse("hello twice")


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        leave(1)
