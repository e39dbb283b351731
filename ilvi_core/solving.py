"""From a shot to its solved entry: warm where another one helps, smaller where memory is short."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import ilvi_core
from ilvi_core.asked import Asked
from ilvi_core.clip import KEEP_BYTES, Clip, Loader, windows
from ilvi_core.entry import SOLVED, Entry, clear, owner, sweep_partials
from ilvi_core.files import free_bytes, publish
from ilvi_core.full_plates import FullPlates
from ilvi_core.full_size import RIM
from ilvi_core.host.errors import Cancelled, IlviError, InputError, OutOfMemory
from ilvi_core.host.job import OURS, SolveSettings
from ilvi_core.memory import allowed, free_memory
from ilvi_core.methods import METHODS
from ilvi_core.previews import Previews
from ilvi_core.region import View
from ilvi_core.report import Report
from ilvi_core.settings import as_yaml
from ilvi_core.shot import Shot
from ilvi_core.warm import Warm

if TYPE_CHECKING:
    from ilvi_core.solve import Solved

SPARE_BYTES = 20 << 20  # log and settings
KEPT_SHARE = 4  # of the memory that a job may use, the part in which decoded plates are kept: one of so many
FILL_BYTES = 12 + 11  # of a pixel: its colour; confidence, source and address
SMALLER = 0.7  # of each side, when memory was not enough
MOST_TIMES_SMALLER = 4
SMALLEST = 32  # px of the shorter side


class Changed(IlviError):
    """What was hashed is not what was read."""


@dataclass(frozen=True)
class How:
    """How an entry is solved.  asked: None without a cache.  near: a solved entry to start warm from.

    name: the entry's, for the user.  resume: go on from a checkpoint of the same.  accept_reduced: out of memory, solve
    smaller.  previews: the folder for them; None: none are made.  guard: raises when the entry is no longer ours.
    unchanged: whether plate and matte are still what was asked.  make_room: called with the bytes it may grow by.
    """

    asked: Asked | None = None
    near: Entry | None = None
    name: str = ""
    resume: bool = False
    accept_reduced: bool = False
    previews: Path | None = None
    unchanged: Callable[[], bool] = lambda: True
    guard: Callable[[], None] = lambda: None
    make_room: Callable[[int], None] = lambda needed: None


class Solving:
    """One shot solved into one entry. `entry` is begun, by this process, and its lease or lock is held."""

    def __init__(self, shot: Shot, entry: Entry, how: How, report: Report) -> None:
        self.shot, self.entry, self.how, self.report = shot, entry, how, report
        self.notes: list[tuple[str, str]] = []
        self._resume = how.resume

    def run(self) -> None:
        """Solve it, smaller when that is accepted and needed; afterwards the manifest says that it is solved."""
        began = time.monotonic()
        sweep_partials(self.entry.folder)
        if self.how.previews is not None:
            shutil.rmtree(self.how.previews, ignore_errors=True)
        size = self._size_begun()
        for times in range(MOST_TIMES_SMALLER + 1):
            try:
                self._solve(size)
                break
            except OutOfMemory as error:
                smaller = (round(size[0] * SMALLER), round(size[1] * SMALLER))
                if not self.how.accept_reduced or times == MOST_TIMES_SMALLER or min(smaller) < SMALLEST:
                    raise
                sentence = f"{error.message} It is solved at {smaller[0]}x{smaller[1]} instead."
            # here the exception is gone, and with it the frames that held what filled the memory
            free_memory()
            self._note("reduced", sentence)
            self._forget_work()
            size = smaller
        self._done(time.monotonic() - began)

    def _forget_work(self) -> None:
        """What was begun at another size is of no use."""
        self.how.guard()
        kept = {
            k: v
            for k, v in self.entry.manifest.items()
            if k not in ("view", "files", "boxes", "records", "windows", "updates", "warm")
        }
        self.entry.manifest = kept
        clear(self.entry.folder)
        self.entry.write()
        self._resume = False

    def _size_begun(self) -> tuple[int, int]:
        """The working size: as asked, or as an interrupted solve had to reduce it."""
        reduced = self.entry.manifest.get("reduced") if self._resume else None
        return (int(reduced["used"][0]), int(reduced["used"][1])) if reduced else self.shot.settings.size

    def _solve(self, size: tuple[int, int]) -> None:
        shot, how, manifest = self.shot, self.how, self.entry.manifest
        settings = shot.sized(size)
        if size != shot.settings.size:
            manifest["reduced"] = {"asked": list(shot.settings.size), "used": list(size)}
        near = how.near if size == shot.settings.size else None
        memory = allowed(shot.job.run.memory)
        keep = min(KEEP_BYTES, memory // KEPT_SHARE)
        loader = Loader(shot.plate, shot.matte, shot.frames, settings, self._prefer(near), shot.hints, keep)
        clip = loader.load(self._tick)
        if not how.unchanged():
            raise Changed("The plate or the matte changed while it was read.", "Run it again when they are written.")
        for code, text in clip.notes:
            self._note(code, text, news=code == "enlarged")
        manifest["view"] = {**clip.view.as_record(), "matte_channel": clip.matte_channel}
        manifest["empty"] = clip.empty
        self.how.guard()
        self.entry.write()
        if clip.empty:
            self.report.started("none", self.how.name, "")
            manifest["record"] = _record(shot, settings, clip, None, self.notes)
            return
        previews = Previews(self.shot, clip, how.previews, self.report) if how.previews else None
        if previews is not None:
            previews.begin()  # before torch is loaded: that takes seconds
        self._say_size_and_room(clip)
        painted = [frame for frame in clip.frames if loader.painted(frame)]
        plates = FullPlates(loader.read, painted, clip.region, clip.curve, memory // KEPT_SHARE)
        self._train(clip, settings, near, previews, plates)

    def _train(
        self, clip: Clip, settings: SolveSettings, near: Entry | None, previews: Previews | None, plates: FullPlates
    ) -> None:
        """Everything that needs torch."""
        from_near = None
        if near is not None and self.how.asked is not None:
            from_near = Warm.of(near, self.how.asked, near.view == clip.view)
        from ilvi_core import device
        from ilvi_core.hybrid import solver_for
        from ilvi_core.solve import ingredients, solve
        from ilvi_core.work import SETTINGS, FolderWork

        chosen = device.choose(self.shot.job.run.device)
        # in a cache the key says what a checkpoint belongs to, wherever it goes on; beside an output it must be told
        made_of = {} if self.how.asked else ingredients(settings, chosen)
        mark = fingerprint(clip, settings, self.shot.written if not self.how.asked else clip.frames, made_of)
        work = FolderWork(self.entry, mark, self._resume, self.how.guard)
        self.report.started("partial" if work.begun() else "none", self.how.name, device.describe(chosen))
        publish(self.entry.folder / SETTINGS, as_yaml(settings, self.shot.comp).encode())
        if self.shot.job.run.resume and self.how.asked is None and not work.begun():
            self.report.info("There is no checkpoint to go on from; starting anew.")
        if from_near is not None and not work.begun():
            self.entry.manifest["warm"] = self._say_warm(from_near)
        every = self.shot.job.run.checkpoint_every
        # a network of one frame is not kept, and ilvi has none, so in a cache the fill is: other steps of the range may
        # be asked for
        whole = self.how.asked is not None and (METHODS[settings.method].single_frame or settings.method == OURS)
        wanted = set(clip.frames if whole else self.shot.written)
        kind = solver_for(settings, plates, None if previews is None else previews.first)
        solved = solve(clip, settings, wanted, chosen, work, self.report, every, from_near, previews, kind=kind)
        self.entry.manifest["record"] = _record(self.shot, settings, clip, solved, self.notes)

    def _say_warm(self, warm: Warm) -> dict[str, Any]:
        same, count = len(warm.same), len(self.shot.frames)
        self.report.info(
            f"Starting from {warm.entry.name}, which has {same} of {count} frames as they are"
            f"{'' if warm.same_view else ', in another working region'}."
        )
        return {"entry": warm.entry.name, "same_frames": same, "same_view": warm.same_view}

    def _prefer(self, near: Entry | None) -> View | None:
        """The view that an interrupted solve had, so that it can go on; else that of the entry that it starts from."""
        begun = self.entry.manifest.get("view") if self._resume else None
        return self.entry.view if begun else near.view if near is not None else None

    def _done(self, seconds: float) -> None:
        """Say in the manifest that everything is there."""
        manifest = self.entry.manifest
        manifest.update(state=SOLVED, seconds=round(seconds, 3), finished=now(), owner=owner())
        self.how.guard()
        self.entry.write()

    def _note(self, code: str, text: str, news: bool = False) -> None:
        self.notes.append((code, text))
        self.report.info(text) if news else self.report.warning(code, text)

    def _tick(self, done: int, total: int) -> None:
        if self.report.stop():
            raise Cancelled("Stopped.", "Nothing new was learned; a checkpoint of an earlier run is untouched.")
        self.report.progress("read", done, total)

    def _say_size_and_room(self, clip: Clip) -> None:
        """Before anything is learned: how much the entry may take, and whether there is room."""
        shot, settings = self.shot, self.shot.settings
        method = METHODS[settings.method]
        network = 0
        if method.name != OURS:  # which keeps none
            from ilvi_core.network import parameter_count

            network = 4 * parameter_count(method.dims, method.flow)
        # a checkpoint holds three states of network and Adam; two lie side by side while one takes the other's place
        networks = 1 if method.single_frame else len(windows(len(clip.frames), settings.window))
        pixels = clip.size[0] * clip.size[1]
        pairs = 2 * len(settings.intervals) * len(clip.frames) if method.flow else 0
        fills = len(shot.written) * pixels * 12
        if method.name == OURS:  # a fill and its donors at the plate's size, and the working size's half way
            boxes = sum((box.width + 2 * RIM) * (box.height + 2 * RIM) for box in clip.boxes)
            fills = boxes * FILL_BYTES + len(clip.frames) * pixels * 2 * FILL_BYTES
        needed = (2 * 9 + networks) * network + fills + pairs * pixels * 4 + SPARE_BYTES
        self.how.make_room(needed)
        free = free_bytes(self.entry.folder)
        steps = "" if len(shot.written) == len(shot.frames) else f", {len(shot.written)} of them written"
        self.report.info(
            f"{len(clip.frames)} frame{'s' * (len(clip.frames) > 1)} ({clip.frames[0]}-{clip.frames[-1]}){steps}; "
            f"method {settings.method}; at most {needed / 2**20:.0f} MiB of disk for fills, flow and checkpoints "
            f"({free / 2**20:.0f} MiB free)."
        )
        if free < needed:
            raise InputError(
                f"There is no room in {self.entry.folder.parent}: {needed / 2**20:.0f} MiB may be needed, "
                f"{free / 2**20:.0f} MiB are free.",
                "Make room, or use another disk.",
            )


def fingerprint(clip: Clip, settings: SolveSettings, written: Sequence[int], made_of: dict[str, str]) -> str:
    """What a checkpoint belongs to: the pixels learned from, the settings, the frames, precision and weight files."""
    digest = hashlib.sha256()
    digest.update(json.dumps([asdict(settings), list(clip.frames), list(written), clip.region, made_of]).encode())
    digest.update(np.ascontiguousarray(clip.plate).data)
    digest.update(np.packbits(clip.known).data)
    if clip.donors is not None:
        digest.update(np.packbits(clip.donors).data)
    return digest.hexdigest()


def now() -> str:
    """The time for people, UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _record(
    shot: Shot, settings: SolveSettings, clip: Clip, solved: Solved | None, notes: list[tuple[str, str]]
) -> dict[str, Any]:
    """What was done, with what."""
    return {
        "ilvi": ilvi_core.__version__,
        "preset": shot.job.preset,
        "solve": asdict(settings),
        "working_size": list(clip.size),
        "region": clip.region._asdict(),
        "hole": {"mean": float(np.mean(clip.coverage)), "most": max(clip.coverage)},
        "done": None if solved is None else asdict(solved),
        "notes": [
            {"code": code, "text": text} for code, text in [*notes, *([] if solved is None else solved.warnings)]
        ],
        "versions": _versions(solved is not None),
        "machine": platform.node(),
    }


def _versions(solved: bool) -> dict[str, str]:
    import cv2

    versions = {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__}
    if solved:
        import torch

        versions["torch"] = torch.__version__
    return versions
