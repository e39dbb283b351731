"""results.json: every clip, every method, every number, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ilvi_core.evaluate.complexity import halves
from ilvi_core.evaluate.measure import COLUMNS
from ilvi_core.evaluate.provenance import commit, machine, now, versions
from ilvi_core.evaluate.suite import PEER, Footage, Suite, Variant
from ilvi_core.files import publish

FILE = "results.json"
DONE, FAILED = "done", "failed"
Scores = Callable[[str], tuple[dict[str, float | None], str]]


class Results:
    """Gathers what is known of an evaluation and writes it down."""

    def __init__(self, suite: Suite, folder: Path, device: str) -> None:
        self._suite, self._folder, self._device = suite, folder, device
        self._clips: dict[str, dict[str, Any]] = {}
        self._runs: dict[tuple[str, str], dict[str, Any]] = {}
        self._left_out: dict[tuple[str, str], str] = {}

    def describe(self, about: dict[str, Any]) -> None:
        """What is to be said of a clip (`footage.Pages`)."""
        self._clips[about["id"]] = about

    def add(self, record: dict[str, Any]) -> None:
        """A run's record, done or failed."""
        self._runs[record["clip"], record["method"]] = record

    def leave_out(self, footage: Footage, variant: Variant, why: str) -> None:
        """A run that there will not be."""
        self._left_out[footage.id, variant.id] = why

    def write(self, scores: Scores) -> dict[str, Any]:
        """Publish and return it. scores: FID and how it was measured, by the name of a run's Inception features."""
        suite = self._suite
        hard, _ = halves({name: about["complexity"]["total"] for name, about in self._clips.items()})
        order = {(f.id, v.id): n for n, (f, v) in enumerate((f, v) for f in suite.clips for v in suite.variants)}
        runs = [dict(self._runs[pair]) for pair in sorted(self._runs, key=lambda pair: order[pair])]
        for run in runs:
            run.pop("looks", None)
            run.setdefault("stages", [])
            run.setdefault("match_edge", False)
            if run["status"] == DONE:
                found, described = scores(run.pop("inception", ""))
                run["metrics"] = {**run["metrics"], **found}
                run["notes"] = {**run["notes"], "fid": described}
        content = {
            "suite": {
                "name": suite.name,
                "about": suite.about,
                "seed": suite.seed,
                "row": suite.row,
                "players": suite.players,
            },
            "written": {"made": now(), "commit": commit(), "versions": versions(), "machine": machine(self._device)},
            "finished": len(runs) + len(self._left_out) == len(order),
            "made": max((run["made"] for run in runs), default=now()),
            "seconds": sum({run["clip"] + run["key"]: run["seconds"] for run in runs}.values()),  # shared work once
            "machine": {name: _all([run["machine"][name] for run in runs]) for name in ("device", "cpu", "platform")},
            "versions": {name: _all([run["versions"].get(name, "") for run in runs]) for name in versions()},
            "commit": _all([run["commit"] or "unknown" for run in runs]),
            "clips": [
                {**self._clips[f.id], "half": "complex" if f.id in hard else "simple"}
                for f in suite.clips
                if f.id in self._clips
            ],
            "methods": [_method(asdict(variant)) for variant in suite.variants],
            "measured": [asdict(column) for column in COLUMNS],
            "runs": runs,
            "left_out": [{"clip": c, "method": m, "why": why} for (c, m), why in self._left_out.items()],
        }
        publish(self._folder / FILE, (json.dumps(content, indent=1) + "\n").encode())
        return content


def _all(values: list[str]) -> str:
    """Each once: an evaluation may have gone on with another ILVI, or elsewhere."""
    return ", ".join(dict.fromkeys(values))


def _method(variant: dict[str, Any]) -> dict[str, Any]:
    if variant["kind"] == PEER:
        variant["preset"] = ""
    variant.pop("match_edge")
    return variant
