"""One of our methods on one composed clip: the solve that every job has, watched while it learns."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ilvi_core import device as devices
from ilvi_core import weights
from ilvi_core.clip import Clip, windows
from ilvi_core.color import Curve
from ilvi_core.entry import Damaged, OtherWork, begin, try_open
from ilvi_core.evaluate.composed import Composed
from ilvi_core.evaluate.features import STRIDE, vgg_features
from ilvi_core.evaluate.store import FEATURES, STAGES, read_arrays, result_of, write_arrays
from ilvi_core.evaluate.suite import Variant
from ilvi_core.evaluate.watch import Looker
from ilvi_core.files import publish
from ilvi_core.host.job import SolveSettings
from ilvi_core.hybrid import solver_for
from ilvi_core.methods import METHODS
from ilvi_core.pictures import Box
from ilvi_core.report import Report
from ilvi_core.solve import Solved, Solver, solve
from ilvi_core.train import Trainer
from ilvi_core.work import FolderWork, MemoryWork

WORK = "work"  # checkpoint, flow, weights and looks of a run in progress
PLAN = "plan.json"
ENDLESS = 1_000_000  # epochs, where a budget says when it is enough
TIMED = 5  # updates, to find how many a budget of seconds pays for


@dataclass(frozen=True)
class Trained:
    """fills: (T, h, w, 3) float32 0..1.  seconds: by phase, without what looking cost.  peak: bytes.

    updates: of all networks together.  stages: scores while training, by whether the edge was matched.
    """

    fills: np.ndarray
    seconds: dict[str, float]
    peak: int
    updates: int
    networks: int
    stages: dict[bool, list[dict[str, float]]]
    solved: Solved


def train(clip: Composed, variant: Variant, device: str, run: Path, key: str, report: Report) -> Trained:
    """Solve the clip into the folder `run`, going on from a checkpoint there of the same `key`.

    Writes stages.npz and features.npz.  Cancelled, OutOfMemory and IlviError as from `solve`; what was learned is kept.
    """
    try:
        return _train(clip, variant, device, run, key, report)
    except (Damaged, OtherWork):  # an earlier one was broken: that is no reason to stop
        shutil.rmtree(run / WORK, ignore_errors=True)
        return _train(clip, variant, device, run, key, report)


def _train(clip: Composed, variant: Variant, device: str, run: Path, key: str, report: Report) -> Trained:
    data, folder = as_clip(clip), run / WORK
    entry = try_open(folder)
    if entry is None or entry.manifest.get("evaluates") != key:  # looks and plans of other work must not be taken
        shutil.rmtree(folder, ignore_errors=True)
        entry = begin(folder, {"evaluates": key})
    settings = variant.solve_settings(data.size)
    networks = windows(len(data.frames), 1 if METHODS[variant.method].single_frame else settings.window)
    settings = _within_budget(settings, variant, networks, data, device, folder)
    looker = Looker(folder, len(data.frames))
    try:
        work, kind = FolderWork(entry, key, True), solver_for(settings)
        solved = solve(data, settings, set(data.frames), device, work, report, watch=looker, kind=kind)
    finally:
        looker.close()
    peak = devices.peak_memory(device)
    fills = np.stack([entry.fill(frame) for frame in data.frames])
    stages = {edge: looker.stages(clip, edge) for edge in (False, True)}
    write_arrays(run / STAGES, looker.middle_frame(fills))
    features = read_arrays(folder / FEATURES)
    if features is not None:
        write_arrays(run / FEATURES, {**features, **_vgg(clip, fills, features["frames"].tolist(), device)})
    return Trained(fills, looker.seconds(), peak, looker.updates(), len(networks), stages, solved)


def as_clip(clip: Composed) -> Clip:
    """A composed clip as one that is solved: frames from 1, the whole frame, no curve."""
    count, height, width = clip.holes.shape
    shares = tuple(float(hole.mean()) for hole in clip.holes)
    box = Box(0, 0, width, height)
    return Clip(tuple(range(1, count + 1)), clip.plate, ~clip.holes, box, Curve(), shares, "luminance")


def updates_of(variant: Variant, settings: SolveSettings, networks: Sequence[range], second: float) -> int:
    """The updates of each network that the variant's budget buys, 0 for no budget. second: what an update takes."""
    if not variant.budget:
        return 0
    kind, amount = next(iter(variant.budget.items()))
    length = max(len(run) for run in networks)
    if kind == "updates":
        return int(amount)
    if kind == "passes":
        return max(round(amount * length / min(settings.batch, length)), 1)
    return max(int(amount / len(networks) / second), 1)


def _within_budget(
    settings: SolveSettings, variant: Variant, networks: Sequence[range], data: Clip, device: str, folder: Path
) -> SolveSettings:
    """With as many updates as the budget buys; how many that is stays the same when a run goes on."""
    second, plan = 0.0, folder / PLAN
    if "seconds" in variant.budget:
        if plan.exists():
            second = float(json.loads(plan.read_text(encoding="utf-8"))["seconds_per_update"])
        else:
            second = _seconds_per_update(settings, networks[0], data, device)
            publish(plan, json.dumps({"seconds_per_update": second}).encode())
    updates = updates_of(variant, settings, networks, second)
    if not updates:
        return settings
    return dataclasses.replace(settings, max_updates=updates, dip_updates=updates, epochs=ENDLESS)


def _seconds_per_update(settings: SolveSettings, run: range, data: Clip, device: str) -> float:
    """By a few updates of a network that is thrown away, with all that the settings bring."""
    solver = Solver(data, settings, device, MemoryWork(), Report(), math.inf)
    trainer = Trainer(solver.method, settings, solver.prepare(run), solver.precision, solver.vgg)
    return trainer.time_updates(TIMED)


def _vgg(clip: Composed, fills: np.ndarray, frames: list[int], device: str) -> dict[str, np.ndarray]:
    """VGG16's pool5 of the result's frames, where its weights are there."""
    file = weights.find("vgg16")
    if file is None or min(clip.holes.shape[1:]) < STRIDE:
        return {}
    from ilvi_core.perceptual import load_vgg

    result = result_of(clip, fills, False)[frames]
    with torch.no_grad():
        return {"vgg": vgg_features(load_vgg(file, device, ["pool5"]), result)}
