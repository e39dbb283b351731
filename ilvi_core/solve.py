"""From a clip to its fills: the windows, their flow, their training."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from ilvi_core import device as devices
from ilvi_core import flow, methods, weights, window
from ilvi_core.asked import weight_hashes
from ilvi_core.clip import Clip, windows
from ilvi_core.entry import FLOW
from ilvi_core.filling import fills, peek
from ilvi_core.flowstore import StoredFlow
from ilvi_core.host.errors import Cancelled, OutOfMemory
from ilvi_core.host.job import SolveSettings
from ilvi_core.methods import Method
from ilvi_core.report import GO_ON, Report, duration
from ilvi_core.schedule import Schedule
from ilvi_core.train import Hooks, Trainer
from ilvi_core.warm import Warm
from ilvi_core.window import Window
from ilvi_core.work import FolderWork, MemoryWork, read_tensors

# done (0..1), the window's frames, and a function from an index into them to its present fill (h, w, 3) in 0..1
Preview = Callable[[float, tuple[int, ...], Callable[[int], np.ndarray]], None]
WORTH_A_TRIAL = 40  # updates: fewer are done before anybody has read the estimate
TRIAL_UPDATES = 3  # on a throw-away network, to say beforehand how long it takes; the first one is slower


class Watch(Protocol):
    """Looks into the networks while they are trained; the time that takes it adds to `Trainer.paused`."""

    def begun(self, solved: Solved) -> None:
        """Before the first network. solved: filled in as the work goes on."""

    def after(self, trainer: Trainer) -> None:
        """After each update."""

    def trained(self, trainer: Trainer) -> None:
        """A network is trained and settled."""


@dataclass
class Solved:
    """What was done, for the result's record."""

    device: str
    precision: str
    flow: str = ""
    flow_pairs: dict[str, int] = field(default_factory=dict)  # estimated, and reused from a cache entry
    perceptual: str = ""
    updates: list[int] = field(default_factory=list)  # of each window
    recoveries: int = 0
    seconds: dict[str, float] = field(default_factory=dict)  # by phase
    warnings: list[tuple[str, str]] = field(default_factory=list)
    hole: dict[str, dict[str, float]] = field(default_factory=dict)  # ilvi: by frame, its pixels and how well seen
    remainder: list[dict[str, Any]] = field(default_factory=list)  # ilvi: of each window, what filled it

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
    warm: Warm | None = None,
    preview: Preview | None = None,
    watch: Watch | None = None,
    kind: Callable[..., Solver] | None = None,
) -> Solved:
    """Train every window of the clip and put the fills of the `wanted` frames into `work`.

    warm: an entry to start from.  preview: called after each update.  watch: instead of it, for measuring.  kind: what
    solves a window, `Solver` or what `hybrid.solver_for` gives.  Cancelled with a checkpoint when the report says
    stop; OutOfMemory when the device has too little.
    """
    try:
        solver = (kind or Solver)(clip, settings, device, work, report, save_every, warm, preview, watch)
        runs = solver.windows()
        if 0 < work.windows_done() <= len(runs):
            report.info(f"{work.windows_done()} of {len(runs)} windows were solved before.")
        for number in range(work.windows_done(), len(runs)):
            solver.solve_window(number, runs[number], wanted)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        other = "or --device cpu" if device != "cpu" else "or a machine with more memory"
        raise OutOfMemory(
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
    return {"precision": str(devices.number_format(settings.precision, device)), **weight_hashes(settings)}


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
        warm: Warm | None = None,
        preview: Preview | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.clip, self.settings, self.device, self.work, self.report = clip, settings, device, work, report
        self._warm, self._preview, self._watch = warm, preview, watch
        self.method: Method = methods.METHODS[settings.method]
        self.precision = devices.number_format(settings.precision, device)
        devices.set_exact(self.precision)
        self.solved = Solved(devices.describe(device), str(self.precision).removeprefix("torch."))
        self._save_every = save_every
        self._estimate: flow.Estimator | None = None
        self.vgg: Any = None
        self._estimated = False
        self._log_failed = False
        length = 1 if self.method.single_frame else settings.window
        self._count = len(windows(len(clip.frames), length))
        if self.method.flow:
            self._estimate, self.solved.flow, said = flow.estimator(settings.flow, device)
            if said:
                self._warn("no-weights", said)
            self._estimate = self._stored(self._estimate)
        if watch is not None:
            watch.begun(self.solved)
        if methods.PERCEPTUAL in self.method.terms and settings.perceptual_weight > 0:
            self._load_vgg()

    def _stored(self, estimate: flow.Estimator) -> StoredFlow:
        """Flow is taken from the entry, or from the one that this solve starts from, where they have it."""
        others = [] if self._warm is None else [self._warm.entry.folder / FLOW]
        name = weight_hashes(self.settings)["flow"] if self.solved.flow != "dis" else "dis"
        return StoredFlow(estimate, name, self.work.flow_folder, others, lambda text: self._warn("flow", text))

    def _load_vgg(self) -> None:
        file = weights.find("vgg16")
        if file is None:
            self.solved.perceptual = weights.missing_sentence("vgg16")
            self.report.info(self.solved.perceptual)
            return
        from ilvi_core.perceptual import load_vgg

        self.vgg = load_vgg(file, self.device, self.settings.perceptual_layers)
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
        self._warn_unseen(runs)
        return runs

    def _warn_unseen(self, runs: Sequence[range]) -> None:
        """Where a whole run is hole."""
        blank = {i for run in runs for i in run if not self.clip.known[run.start : run.stop].any()}
        unseen = [self.clip.frames[i] for i in sorted(blank)]  # runs may overlap
        if unseen:
            self._warn(
                "nothing-known",
                f"Frames {unseen[0]} to {unseen[-1]} ({len(unseen)} in all) are hole alone in their window: there is "
                f"nothing to learn them from. Give a longer window, or check the matte there.",
            )

    def solve_window(self, number: int, run: range, wanted: Collection[int]) -> None:
        """Flow, features, training and fills of one window."""
        frames = self.clip.frames[run.start : run.stop]
        if self._warm is not None and self._warm.has_window(frames, [f for f in frames if f in wanted]):
            self.work.adopt(number, frames, self._warm.entry)
            self.solved.updates.append(0)
            return
        data = self.prepare(run)
        settings, start = self._warmed(number, frames)
        trainer = Trainer(self.method, settings, data, self.precision, self.vgg)
        if self.work.restore(number, trainer):
            self.report.info(f"Going on from update {trainer.state.update} of {trainer.schedule.total}.")
        elif start:
            trainer.begin_from(read_tensors(self._warm.entry, start))  # type: ignore[union-attr]
        self._say_how_long(data, settings, trainer, self._count - number)
        hooks = Hooks(
            progress=lambda done, total, loss, left: self._progress(number, done, total, loss, left),
            log=lambda record: self._log({"window": number, **record}),
            warning=self._warn,
            stop=self.report.stop,
            save=lambda t: self.work.save(number, t),
            save_every=self._save_every,
            after=self._after(data, number),
        )
        with self.solved.timed("train"):
            trainer.run(hooks)
        if self._watch is not None:
            self._watch.trained(trainer)
        self.solved.updates.append(trainer.state.update)
        self.solved.recoveries += trainer.state.recoveries
        with self.solved.timed("fill"):
            places = {index for index, frame in enumerate(data.frames) if frame in wanted}
            for index, fill in fills(trainer.network, data, trainer.schedule.size, places):
                self._stop_if_asked()
                self.work.put_fill(data.frames[index], fill.permute(1, 2, 0).cpu().numpy())
        self.work.finish_window(number, trainer)
        self._count_flow()

    def _count_flow(self) -> None:
        if isinstance(self._estimate, StoredFlow):
            self.solved.flow_pairs = {"estimated": self._estimate.estimated, "reused": self._estimate.reused}

    def _warmed(self, number: int, frames: tuple[int, ...]) -> tuple[SolveSettings, str]:
        """The window's settings, with the fewer updates that a warm start needs, and the weights it starts from."""
        start = self._warm.weights_for(frames) if self._warm is not None else ""
        updates = self.work.planned(number, frames[0])
        if updates is None:
            updates = Schedule(self.method, self.settings, len(frames)).total
            if start and self._warm is not None:
                updates = max(round(updates * self._warm.share(frames)), 1)
            self.work.plan(frames[0], updates)
        return dataclasses.replace(self.settings, max_updates=updates), start

    def _after(self, data: Window, number: int) -> Callable[[Trainer], None]:
        """What previews are made of, for whoever makes them."""
        if self._preview is None:
            return (lambda trainer: None) if self._watch is None else self._watch.after
        preview, count = self._preview, self._count

        def after(trainer: Trainer) -> None:
            done = (number + trainer.state.update / trainer.schedule.total) / count
            preview(done, data.frames, lambda index: peek(trainer.network, data, trainer.schedule.size, index))

        return after

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
        if self.vgg is not None:
            with self.solved.timed("features"):
                # a clip's features are large: where the rest is bfloat16, so are they
                window.add_features(data, self.vgg, self.precision, self._tick("features"))
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
            raise Cancelled("Stopped.", GO_ON if kept else "Nothing new was learned yet.")

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

    def _say_how_long(self, data: Window, settings: SolveSettings, trainer: Trainer, count: int) -> None:
        """Before the first network is trained: an estimate, from a few updates of a network that is thrown away."""
        if self._estimated:
            return
        self._estimated = True
        if trainer.schedule.total * count < WORTH_A_TRIAL:
            return
        trial = Trainer(self.method, settings, data, self.precision, self.vgg)
        updates = trial.schedule.total
        took = trial.time_updates(TRIAL_UPDATES, self.report.stop)
        what = f"{count} networks, {updates} updates each" if count > 1 else f"{updates} updates"
        where = f"{self.solved.device} in {self.solved.precision}"
        self.report.info(
            f"Training {what} at {self.clip.size[0]}x{self.clip.size[1]} on {where}: about "
            f"{duration(took * (updates * count - trainer.state.update))} ({took:.3g} s an update)."
        )
