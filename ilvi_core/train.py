"""The internal learning loop (section 3.2): one network, one window, from scratch; all methods share it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ilvi_core import methods
from ilvi_core.average import WeightAverage
from ilvi_core.device import synchronise
from ilvi_core.filling import settle
from ilvi_core.host.errors import Cancelled, IlviError
from ilvi_core.host.job import SolveSettings
from ilvi_core.losses import weighted_sum
from ilvi_core.methods import Method
from ilvi_core.network import EncoderDecoder, generate
from ilvi_core.objective import Objective
from ilvi_core.report import GO_ON
from ilvi_core.schedule import Schedule
from ilvi_core.window import Window

READ_EVERY = 10  # updates between two looks at the losses; each look makes a GPU wait
REMEMBER_EVERY = 100  # updates between two states that a diverged training can go back to
TIMED = 5  # updates before anything is said of the time left: the first ones are slow
MOST_RECOVERIES = 8
DIVERGED = 10.0  # times the best L_r so far, and above DIVERGED_FLOOR
DIVERGED_FLOOR = 0.1  # grey noise against a picture has an L_r of about this

Snapshot = dict[str, Tensor]


@dataclass
class Progress:
    """What of a training's state is numbers, not tensors; goes into the checkpoint's JSON."""

    update: int = 0  # updates done
    rate_factor: float = 1.0  # the learning rate's, halved after each divergence
    recoveries: int = 0
    lowest: float = float("inf")  # the lowest L_r read
    smooth: float = float("inf")  # L_r, smoothed over readings
    steady: float = float("inf")  # the smooth L_r that counted as progress last
    steady_at: int = 0  # the update when it did
    best_loss: float = float("inf")  # of the states kept by `keep_best_every`
    best_at: int = -1
    seconds: float = 0.0
    stopped_early: bool = False


@dataclass(frozen=True)
class Hooks:
    """What the loop calls; all optional.

    progress(done, total, loss, seconds left or None), after each update.  log(record), at each reading.
    warning(code, text).  stop(), asked before each update.  save(trainer), when a checkpoint is due.  after(trainer),
    after each update: previews.
    """

    progress: Callable[[int, int, float, float | None], None] = lambda done, total, loss, left: None
    log: Callable[[dict[str, Any]], None] = lambda record: None
    warning: Callable[[str, str], None] = lambda code, text: None
    stop: Callable[[], bool] = lambda: False
    save: Callable[[Trainer], None] = lambda trainer: None
    after: Callable[[Trainer], None] = lambda trainer: None
    save_every: float = field(default=60.0)  # seconds


class Trainer:
    """Trains one network on one window; `run` can be left and entered again at any update."""

    def __init__(
        self, method: Method, settings: SolveSettings, window: Window, precision: torch.dtype, vgg: Any = None
    ) -> None:
        self.window, self.settings, self.method = window, settings, method
        self.device = window.plate.device
        self.schedule = Schedule(method, settings, len(window.frames))
        self.objective = Objective(method, settings, window, vgg)
        self.network = new_network(
            method, settings.seed, window.frames[0], settings.initialisation, window.noise.shape[1]
        ).to(self.device)
        self.network.to(memory_format=torch.channels_last if method.dims == 2 else torch.channels_last_3d)
        fused = self.device.type in ("cuda", "cpu")
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate, fused=fused)
        self.autocast = None if precision == torch.float32 else precision
        self._batches = torch.tensor([b.frames for b in self.schedule.batches], device=self.device)
        self._names = [*self.objective.weights, "loss"]
        self._meter = torch.zeros(2, len(self._names), device=self.device)  # sums, counts
        self.state = Progress()
        self.paused = 0.0  # seconds of this run that whoever looks on took: they are not training
        self._best: Snapshot | None = None
        self._good: Snapshot | None = None  # the state to go back to, proven by the losses after it
        self._candidate: Snapshot | None = None  # the next such one, not proven yet
        self._average = WeightAverage(self.network, settings.weight_average) if self._averages() else None

    # -- the loop ---------------------------------------------------------------------------------------------

    def run(self, hooks: Hooks) -> None:
        """Go on to the end of the schedule. Cancelled (after a last `save`) when asked to stop."""
        self.network.train()
        if self._good is None:
            self._good = self._state()
        saved = resumed = time.monotonic()
        before, first, self.paused = self.state.seconds, self.state.update, 0.0
        while self.state.update < self.schedule.total and not self.state.stopped_early:
            if hooks.stop():
                hooks.save(self)
                raise Cancelled("Stopped.", GO_ON)
            self._update()
            now = time.monotonic()
            self.state.seconds = before + now - resumed - self.paused
            if self.state.update % READ_EVERY == 0:
                self._read(hooks)
            timed = self.state.update - first
            took = now - resumed - self.paused
            left = took / timed * (self.schedule.total - self.state.update) if timed >= TIMED else None
            hooks.progress(self.state.update, self.schedule.total, self.state.smooth, left)
            hooks.after(self)
            if self.state.update % READ_EVERY == 0 and now - saved > hooks.save_every:
                hooks.save(self)
                saved = time.monotonic()
        self._finish(hooks)
        self.state.seconds = before + time.monotonic() - resumed - self.paused

    def _finish(self, hooks: Hooks) -> None:
        """The last, partial reading; the best state (dip) or the averaged weights; the settled statistics."""
        if self._meter[1].any():
            self._read(hooks)
        if not all(bool(torch.isfinite(p).all()) for p in self.network.parameters()):
            self._recover(hooks)  # the very last step broke it: no reading has seen that
        if self._keeps_best():
            self._choose_best()
        if self._average is not None:
            self._average.apply()
        settle(self.network, self.window, self.schedule.size)

    def _update(self) -> None:
        """One forward pass, one back-propagation, one step of Adam."""
        state = self.state
        index = self.schedule.at(state.update)
        batch, frames = self.schedule.batches[index], self._batches[index]
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate(state.update) * state.rate_factor
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None):
            picture, flow = generate(self.network, self.window.noise.index_select(0, frames))
            picture, flow = self.window.crop(picture), None if flow is None else self.window.crop(flow)
            terms = self.objective.terms(batch, frames, picture, flow)
        loss = weighted_sum(terms, self.objective.weights_at(state.update / self.schedule.total))
        self._measure(terms, loss)
        if self._is_kept(state.update):
            self._keep_if_best(float(terms[methods.RECONSTRUCTION].detach()))
        loss.backward()
        self.optimizer.step()
        if self._average is not None:
            self._average.add()
        state.update += 1

    def _measure(self, terms: dict[str, Tensor], loss: Tensor) -> None:
        """Add the terms to the meter on the device; nothing waits for them."""
        with torch.no_grad():
            for column, name in enumerate(self._names):
                value = loss if name == "loss" else terms.get(name)
                if value is not None:
                    self._meter[0, column] += value.detach()
                    self._meter[1, column] += 1

    def time_updates(self, count: int, stop: Callable[[], bool] = lambda: False) -> float:
        """Seconds an update takes, by doing `count` of them after a slower first one; for a trial network only."""
        self.network.train()
        began = time.monotonic()
        for n in range(count + 1):
            if stop():
                raise Cancelled("Stopped.", "Nothing new was learned yet.")
            self._update()
            if n == 0:
                synchronise(self.device)
                began = time.monotonic()
        synchronise(self.device)
        return (time.monotonic() - began) / count

    # -- reading, divergence, early stop ----------------------------------------------------------------------

    def _read(self, hooks: Hooks) -> None:
        """Look at the mean losses since the last reading: log them, recover from divergence, stop when it is enough."""
        state = self.state
        sums, counts = self._meter.tolist()
        self._meter.zero_()
        means = {name: s / c for name, s, c in zip(self._names, sums, counts, strict=True) if c}
        current = means[methods.RECONSTRUCTION]
        diverged = not all(abs(v) < float("inf") for v in means.values()) or current > max(
            DIVERGED * state.lowest, DIVERGED_FLOOR
        )
        record = {"update": state.update, **means, "learning_rate": self.optimizer.param_groups[0]["lr"]}
        hooks.log({**record, "diverged": True} if diverged else record)
        if diverged:
            self._recover(hooks)
            return
        if self._candidate is not None:
            self._good, self._candidate = self._candidate, None
        if state.update % REMEMBER_EVERY == 0:
            self._candidate = self._state()
        state.lowest = min(state.lowest, current)
        state.smooth = current if state.smooth == float("inf") else 0.8 * state.smooth + 0.2 * current
        if state.smooth < 0.99 * state.steady:
            state.steady, state.steady_at = state.smooth, state.update
        elif self.settings.patience and state.update - state.steady_at >= self.settings.patience:
            state.stopped_early = True

    def _recover(self, hooks: Hooks) -> None:
        """Go back to the last good state and halve the learning rate; the schedule goes on from where it is."""
        state = self.state
        state.recoveries += 1
        if state.recoveries > MOST_RECOVERIES:
            raise IlviError(
                f"Training diverged {state.recoveries} times on frames {self.window.frames[0]}-"
                f"{self.window.frames[-1]}, the last time at update {state.update}.",
                "Lower the learning rate (--set learning_rate=0.003), or try --set precision=float32.",
            )
        assert self._good is not None
        self._restore(self._good)
        self._candidate = None
        state.rate_factor *= 0.5
        state.steady_at = state.update
        hooks.warning(
            "diverged",
            f"Training diverged at update {state.update}; the last good state is restored and the learning rate "
            f"lowered to {state.rate_factor:g} of what was set.",
        )

    # -- the best of the states (dip) -------------------------------------------------------------------------

    def _keeps_best(self) -> bool:
        return self.method.single_frame and self.settings.keep_best_every > 0

    def _averages(self) -> bool:
        """Not where the best state is chosen, by losses of those very weights: an average has none to compare."""
        return self.settings.weight_average > 0 and not self._keeps_best()

    def _is_kept(self, update: int) -> bool:
        return self._keeps_best() and update > 0 and update % self.settings.keep_best_every == 0

    def _keep_if_best(self, loss: float) -> None:
        """`loss` is L_r of the present weights, before the step that follows."""
        if loss < self.state.best_loss:
            self.state.best_loss, self.state.best_at = loss, self.state.update
            self._best = _clone(self.network.state_dict())

    @torch.no_grad()
    def _choose_best(self) -> None:
        frames = self._batches[0]
        with torch.autocast(self.device.type, self.autocast, enabled=self.autocast is not None):
            picture, _ = generate(self.network, self.window.noise.index_select(0, frames))
        terms = self.objective.terms(self.schedule.batches[0], frames, self.window.crop(picture), None)
        self._keep_if_best(float(terms[methods.RECONSTRUCTION].detach()))
        if self._best is not None:
            self.network.load_state_dict(self._best)

    # -- state ------------------------------------------------------------------------------------------------

    def _state(self) -> Snapshot:
        """Network, optimiser and averaged weights, copied, on the device: what training can go back to."""
        state = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        for n, moments in self.optimizer.state_dict()["state"].items():
            state.update({f"adam.{n}.{k}": v for k, v in moments.items()})
        if self._average is not None:
            state.update({f"average.{n}": v for n, v in enumerate(self._average.sums)})
        return _clone(state)

    def _restore(self, state: Snapshot) -> None:
        self.network.load_state_dict({k[8:]: v for k, v in state.items() if k.startswith("network.")})
        parameters = list(self.network.parameters())
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in state.items():
            if key.startswith("adam."):
                _, number, name = key.split(".")
                like = parameters[int(number)]
                # the fused step walks moments and weights side by side in memory: they must be laid out alike
                same = torch.empty_like(like).copy_(value) if value.shape == like.shape else value.clone()
                moments.setdefault(int(number), {})[name] = same
        optimizer = self.optimizer.state_dict()
        optimizer["state"] = moments
        self.optimizer.load_state_dict(optimizer)
        if self._average is not None:
            for n, kept in enumerate(self._average.sums):
                kept.copy_(state[f"average.{n}"])

    def begin_from(self, weights: Snapshot) -> None:
        """Start with a network that has learned something like this window, instead of a fresh one."""
        self.network.load_state_dict(weights)

    def tensors(self) -> Snapshot:
        """All tensors of a checkpoint, on the CPU."""
        state = {**self._state(), "meter": self._meter}
        for name, kept in (("best", self._best), ("good", self._good), ("candidate", self._candidate)):
            state.update({f"{name}.{k}": v for k, v in (kept or {}).items()})
        return {k: v.detach().to("cpu", copy=True).contiguous() for k, v in state.items()}

    def load(self, tensors: Snapshot, state: Progress) -> None:
        """Go on from a checkpoint's tensors and numbers."""
        on_device = {k: v.to(self.device) for k, v in tensors.items()}
        self._restore(on_device)
        self._meter.copy_(on_device["meter"])
        kept = [
            {k.removeprefix(name): v for k, v in on_device.items() if k.startswith(name)} or None
            for name in ("best.", "good.", "candidate.")
        ]
        self._best, self._good, self._candidate = kept
        self.state = state


def _clone(state: dict[str, Tensor]) -> Snapshot:
    return {k: v.detach().clone() for k, v in state.items()}


def new_network(
    method: Method, seed: int, frame: int, initialisation: str = "lecun", inputs: int = 1
) -> EncoderDecoder:
    """A fresh network, the same on every device: drawn on the CPU from the seed and the window's first frame."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed((seed * 1_000_003 + frame) % 2**63)
        return EncoderDecoder(method.dims, method.flow, initialisation, inputs, method.share)
