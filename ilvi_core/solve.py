"""From a clip to its fills: the windows, their flow, their training."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from ilvi_core import device as devices
from ilvi_core import flow, methods, weights, window
from ilvi_core.clip import Clip, windows
from ilvi_core.host.errors import Cancelled, DeviceError
from ilvi_core.host.job import SolveSettings
from ilvi_core.methods import Method
from ilvi_core.report import Report
from ilvi_core.schedule import Schedule
from ilvi_core.train import Hooks, Trainer, fills
from ilvi_core.window import Window
from ilvi_core.work import FolderWork, MemoryWork

TRIAL_UPDATES = 3  # on a throw-away network, to say beforehand how long it takes; the first one is slower


@dataclass
class Solved:
    """What was done, for the result's record."""

    device: str
    precision: str
    flow: str = ""
    perceptual: str = ""
    updates: list[int] = field(default_factory=list)  # of each window
    recoveries: int = 0
    seconds: dict[str, float] = field(default_factory=dict)  # by phase
    warnings: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the time this takes to the phase's."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.monotonic() - began


def solve(
    clip: Clip,
    settings: SolveSettings,
    wanted: Collection[int],
    device: str,
    work: FolderWork | MemoryWork,
    report: Report,
    save_every: float = 60.0,
) -> Solved:
    """Train every window of the clip and put the fills of the `wanted` frames into `work`.

    Cancelled with a checkpoint when the report says stop; DeviceError when the device runs out of memory.
    """
    try:
        solver = Solver(clip, settings, device, work, report, save_every)
        runs = solver.windows()
        if 0 < work.windows_done() <= len(runs):
            report.info(f"{work.windows_done()} of {len(runs)} windows were solved before.")
        for number in range(work.windows_done(), len(runs)):
            solver.solve_window(number, runs[number], wanted)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        other = "or --device cpu" if device != "cpu" else "or a machine with more memory"
        raise DeviceError(
            f"The device {device} ran out of memory at the working size {clip.size[0]}x{clip.size[1]}.",
            f"Use a smaller --size, fewer frames for each network (--set window=40), {other}.",
        ) from error
    return solver.solved


def is_out_of_memory(error: BaseException) -> bool:
    """torch has an exception of its own for CUDA and a plain RuntimeError for the CPU."""
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(w in str(error).lower() for w in words)


def ingredients(settings: SolveSettings, device: str) -> dict[str, str]:
    """What a solve is made of beyond its settings: number format, and the weight files that take part."""
    method = methods.METHODS[settings.method]
    made_of = {"precision": str(devices.number_format(settings.precision, device))}
    if method.flow:
        kinds = ("raft_large", "raft_small") if settings.flow == "auto" else (settings.flow,)
        found = next((file for kind in kinds if kind != "dis" and (file := weights.find(kind))), None)
        made_of["flow"] = found.sha256 if found else "dis"
    if methods.PERCEPTUAL in method.terms and settings.perceptual_weight > 0:
        vgg = weights.find("vgg16")
        made_of["vgg16"] = vgg.sha256 if vgg else ""
    return made_of


class Solver:
    """The parts that all windows of one clip share."""

    def __init__(
        self,
        clip: Clip,
        settings: SolveSettings,
        device: str,
        work: FolderWork | MemoryWork,
        report: Report,
        save_every: float,
    ) -> None:
        self.clip, self.settings, self.device, self.work, self.report = clip, settings, device, work, report
        self.method: Method = methods.METHODS[settings.method]
        self.precision = devices.number_format(settings.precision, device)
        devices.set_exact(self.precision)
        self.solved = Solved(devices.describe(device), str(self.precision).removeprefix("torch."))
        self._save_every = save_every
        self._estimate: flow.Estimator | None = None
        self._vgg: Any = None
        self._estimated = False
        self._log_failed = False
        length = 1 if self.method.single_frame else settings.window
        self._count = len(windows(len(clip.frames), length))
        if self.method.flow:
            self._estimate, self.solved.flow, said = flow.estimator(settings.flow, device)
            if said:
                self._warn("no-weights", said)
        if methods.PERCEPTUAL in self.method.terms and settings.perceptual_weight > 0:
            self._load_vgg()

    def _load_vgg(self) -> None:
        file = weights.find("vgg16")
        if file is None:
            self.solved.perceptual = weights.missing_sentence("vgg16")
            self.report.info(self.solved.perceptual)
            return
        from ilvi_core.perceptual import load_vgg

        self._vgg = load_vgg(file, self.device, self.settings.perceptual_layers)
        self.solved.perceptual = f"{file.file_name} (sha256 {file.sha256})"

    def _warn(self, code: str, text: str) -> None:
        self.solved.warnings.append((code, text))
        self.report.warning(code, text)

    def windows(self) -> list[range]:
        """Each network's frames, as indices into the clip; says so where a batch or an interval does not fit."""
        length = 1 if self.method.single_frame else self.settings.window
        runs = windows(len(self.clip.frames), length)
        shortest = min(len(run) for run in runs)
        if not self.method.single_frame:
            if shortest < self.settings.batch:
                self._warn(
                    "few-frames",
                    f"A window has {shortest} frame{'s' * (shortest > 1)}, fewer than a batch of "
                    f"{self.settings.batch}: the batch is {shortest}.",
                )
            used = Schedule(self.method, self.settings, shortest).intervals
            dropped = [t for t in self.settings.intervals if t not in used]
            if self.method.flow and dropped:
                self.report.info(
                    f"No batch of {min(self.settings.batch, shortest)} frames at interval "
                    f"{' or '.join(map(str, dropped))} fits {shortest} frames; used: {', '.join(map(str, used))}."
                )
        unseen = [self.clip.frames[i] for run in runs for i in run if not self.clip.known[run.start : run.stop].any()]
        if unseen:
            self._warn(
                "nothing-known",
                f"Frames {unseen[0]} to {unseen[-1]} ({len(unseen)} in all) are hole alone in their window: there is "
                f"nothing to learn them from. Give a longer window, or check the matte there.",
            )
        return runs

    def solve_window(self, number: int, run: range, wanted: Collection[int]) -> None:
        """Flow, features, training and fills of one window."""
        data = self.prepare(run)
        trainer = Trainer(self.method, self.settings, data, self.precision, self._vgg)
        if self.work.restore(number, trainer):
            self.report.info(f"Going on from update {trainer.state.update} of {trainer.schedule.total}.")
        self._say_how_long(number, data, trainer)
        hooks = Hooks(
            progress=lambda done, total, loss, left: self._progress(number, done, total, loss, left),
            log=lambda record: self._log({"window": number, **record}),
            warning=self._warn,
            stop=self.report.stop,
            save=lambda t: self.work.save(number, t),
            save_every=self._save_every,
        )
        with self.solved.timed("train"):
            trainer.run(hooks)
        self.solved.updates.append(trainer.state.update)
        self.solved.recoveries += trainer.state.recoveries
        with self.solved.timed("fill"):
            places = {index for index, frame in enumerate(data.frames) if frame in wanted}
            for index, fill in fills(trainer.network, data, trainer.schedule.size, places):
                self.work.put_fill(data.frames[index], fill.permute(1, 2, 0).cpu().numpy())
        self.work.finish_window(number, trainer)

    def prepare(self, run: range) -> Window:
        """The window's data on the device, with flow and features where the method uses them."""
        part = slice(run.start, run.stop)
        plate, known = self.clip.plate[part], self.clip.known[part]
        with self.solved.timed("prepare"):
            data = window.build(self.clip.frames[part], plate, known, self.settings, self.device)
        if self._estimate is not None and len(run) > 1 and min(self.clip.size) < flow.SMALLEST:
            self.report.info(f"Under {flow.SMALLEST} pixels there is no optical flow: the picture alone is learned.")
        elif self._estimate is not None and len(run) > 1:
            with self.solved.timed("flow"):
                filled = data.plate.permute(0, 2, 3, 1).cpu().numpy()
                pictures = filled if self.settings.flow_input == "filled" else plate
                intervals = Schedule(self.method, self.settings, len(run)).intervals
                tick = self._tick("flow")
                margin = self.settings.flow_margin
                window.add_flows(data, pictures, known, intervals, margin, self._estimate, tick)
        if self._vgg is not None:
            with self.solved.timed("features"):
                # a clip's features are large: where the rest is bfloat16, so are they
                window.add_features(data, self._vgg, self.precision, self._tick("features"))
        return data

    def _tick(self, phase: str) -> Callable[[int, int], None]:
        """For the phases before training: says how far they are, and stops when asked to."""

        def tick(done: int, total: int) -> None:
            self._stop_if_asked()
            self.report.progress(phase, done, total)

        return tick

    def _stop_if_asked(self) -> None:
        if self.report.stop():
            kept = self.work.windows_done() > 0
            raise Cancelled(
                "Stopped.", "Run it again with --resume to go on." if kept else "Nothing new was learned yet."
            )

    def _log(self, record: dict[str, Any]) -> None:
        """A full disk must not end a training for the sake of its log."""
        try:
            self.work.log(record)
        except OSError as error:
            if not self._log_failed:
                self._warn("log", f"The training log cannot be written: {error.strerror}. Training goes on.")
            self._log_failed = True

    def _progress(self, number: int, done: int, total: int, loss: float, left: float | None) -> None:
        """As if all windows were one training; their lengths differ by a frame at most."""
        count = self._count
        if left is not None and done < total:
            left += left / (total - done) * total * (count - number - 1)
        self.report.progress("train", number * total + done, count * total, loss, left)

    def _say_how_long(self, number: int, data: Window, trainer: Trainer) -> None:
        """Before the first network is trained: an estimate, from a few updates of a network that is thrown away."""
        if self._estimated:
            return
        self._estimated = True
        trial = Trainer(self.method, self.settings, data, self.precision, self._vgg)
        updates, count = trial.schedule.total, self._count - number
        took = trial.time_updates(TRIAL_UPDATES, self.report.stop)
        what = f"{count} networks, {updates} updates each" if count > 1 else f"{updates} updates"
        where = f"{self.solved.device} in {self.solved.precision}"
        self.report.info(
            f"Training {what} at {self.clip.size[0]}x{self.clip.size[1]} on {where}: about "
            f"{duration(took * (updates * count - trainer.state.update))} ({took:.3g} s an update)."
        )


def duration(seconds: float) -> str:
    """'40 s', '3 min', '2 h 10 min'."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
