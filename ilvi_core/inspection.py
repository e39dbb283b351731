"""`ilvi inspect`: how much of a clip's hole other frames show, which frames are worst, and what it means, in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ilvi_core.clip import Clip, Loader
from ilvi_core.donors import find_donors
from ilvi_core.entry import Entry
from ilvi_core.host.errors import Cancelled, InputError
from ilvi_core.host.job import OURS
from ilvi_core.report import Report
from ilvi_core.shot import Shot

WORST = 5  # frames that are named
EASY, HARD, VERY_HARD = 0.05, 0.2, 0.5  # of the hole that no frame shows
FIRST_FRAMES = 64  # that are looked at in a clip that is not solved: minutes are for solving


@dataclass(frozen=True)
class Findings:
    """frames: how many have a hole.  coverage, most: the hole's share of the frame, mean and largest (at `most_at`).

    seen: of all hole pixels, the share that other frames show.  by_frame: the same for each frame.  remainder: of all
    hole pixels, the share that each filler filled.  solved: False = a quick look along the flow, before anything else.
    """

    frames: int
    coverage: float
    most: float
    most_at: int
    seen: float
    by_frame: dict[int, float]
    remainder: dict[str, float]
    solved: bool

    @property
    def worst(self) -> list[int]:
        """The frames of which least is seen, the worst first."""
        return sorted(self.by_frame, key=lambda frame: (self.by_frame[frame], frame))[:WORST]

    def as_record(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "generated": round(1 - self.seen, 4), "worst": self.worst}


def of_entry(entry: Entry) -> Findings:
    """What the solve recorded. InputError for a method that looks for no donors."""
    record = entry.record
    method = record.get("solve", {}).get("method", "")
    if entry.empty:
        raise InputError("The matte is empty: there is nothing to inspect.", "Check --matte-channel.")
    if method != OURS:
        raise InputError(
            f"The entry {entry.name} was solved by {method}, which generates the whole hole.",
            f"Inspect a solve by --method {OURS}.",
        )
    hole = {int(frame): found for frame, found in record["done"]["hole"].items()}
    total = sum(found["pixels"] for found in hole.values())
    seen = sum(found["pixels"] * found["seen"] for found in hole.values()) / total if total else 1.0
    fillers: dict[str, float] = {}
    for window in record["done"]["remainder"]:
        for name, share in window["shares"].items():
            fillers[name] = fillers.get(name, 0.0) + share * window["hole"] / max(total, 1)
    most_at = max(hole, key=lambda frame: hole[frame]["pixels"], default=0)
    return Findings(
        len(hole),
        record["hole"]["mean"],
        record["hole"]["most"],
        most_at,
        seen,
        {frame: found["seen"] for frame, found in hole.items()},
        fillers,
        True,
    )


def of_shot(shot: Shot, report: Report) -> Findings:
    """A quick look at a shot that is not solved: what the first fill reaches, in at most FIRST_FRAMES frames."""

    def tick(done: int, total: int) -> None:
        if report.stop():
            raise Cancelled("Stopped.", "Nothing was solved.")
        report.progress("read", done, total)

    clip = Loader(shot.plate, shot.matte, shot.frames[:FIRST_FRAMES], shot.settings, None, shot.hints).load(tick)
    if clip.empty:
        raise InputError("The matte is empty: there is nothing to inspect.", "Check --matte-channel.")
    usable = clip.known if clip.donors is None else clip.known & clip.donors
    found: list[np.ndarray] = []

    def early(fill: np.ndarray, covered: np.ndarray) -> None:
        found.append(covered)

    find_donors(clip.plate, usable, early, motion=shot.settings.motion, painted=clip.painted, wanted=())
    return _findings(clip, found[0])


def _findings(clip: Clip, covered: np.ndarray) -> Findings:
    holes = {n: ~known for n, known in enumerate(clip.known) if not known.all()}
    by_frame = {clip.frames[n]: round(float(covered[n][hole].mean()), 4) for n, hole in holes.items()}
    total = sum(int(hole.sum()) for hole in holes.values())
    seen = sum(int(covered[n][hole].sum()) for n, hole in holes.items()) / total if total else 1.0
    most = int(np.argmax(clip.coverage))
    mean = float(np.mean(clip.coverage))
    return Findings(len(holes), mean, clip.coverage[most], clip.frames[most], seen, by_frame, {}, False)


def in_words(found: Findings) -> list[str]:
    """For people, a line each."""
    lines = [
        f"Hole: {found.coverage:.1%} of the frame in the mean, {found.most:.1%} at most (frame {found.most_at}); "
        f"{found.frames} frames have one.",
        f"Of the hole, {found.seen:.0%} is seen in other frames, {1 - found.seen:.0%} has to be generated.",
    ]
    if found.remainder:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in sorted(found.remainder.items()) if share >= 0.005)
        lines.append(f"What filled it: {shares}.")
    named = ", ".join(f"{frame} ({found.by_frame[frame]:.0%} seen)" for frame in found.worst)
    if named:
        lines.append(f"Worst frames: {named}.")
    lines.append(_verdict(found))
    if not found.solved:
        lines.append("It is not solved yet: this is a quick look, along the flow alone.")
    return lines


def _verdict(found: Findings) -> str:
    unseen = 1 - found.seen
    if not found.by_frame:
        return "Every hole is painted: there is nothing to find."
    if unseen < EASY:
        return "An easy clip: nearly everything behind the object is seen in some frame."
    advice = f"A painted frame helps most where least is seen: --clean-plate {found.worst[0]}=FILE."
    if unseen < HARD:
        return f"{unseen:.0%} of the hole is seen in no frame and is generated. {advice}"
    kind = "A very hard clip" if unseen >= VERY_HARD else "A hard clip"
    return f"{kind}: {unseen:.0%} of the hole is seen in no frame. {advice}"
