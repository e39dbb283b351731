"""`ilvi evaluate`: every method of a suite on every clip, each once; what is done is never done again."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import time
import traceback
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ilvi_core import device as devices
from ilvi_core.asked import weight_hashes
from ilvi_core.evaluate import measure
from ilvi_core.evaluate.composed import Composed, compose
from ilvi_core.evaluate.footage import Pages
from ilvi_core.evaluate.inception import Inception
from ilvi_core.evaluate.measure import Measurer
from ilvi_core.evaluate.ours import WORK, train
from ilvi_core.evaluate.peers import PEERS
from ilvi_core.evaluate.peers import VERSION as PEERS_VERSION
from ilvi_core.evaluate.provenance import commit, now, versions
from ilvi_core.evaluate.quiet import Within
from ilvi_core.evaluate.results import DONE, FAILED, Results
from ilvi_core.evaluate.store import read_fills, result_of, run_folder, write_fills
from ilvi_core.evaluate.suite import OURS, Footage, Suite, Variant
from ilvi_core.files import PARTIAL, lock, make_folders, publish
from ilvi_core.host.errors import Cancelled, IlviError
from ilvi_core.host.job import SolveSettings
from ilvi_core.methods import METHODS
from ilvi_core.report import GO_ON, Report, duration

RECORD, FAULT = "run.json", "fault.txt"


class Evaluation:
    """A suite in its folder.  device: as `ilvi render` takes it.  report: told how it goes; asked when to stop."""

    def __init__(self, suite: Suite, folder: Path, device: str, report: Report) -> None:
        self.suite, self.folder, self._report = suite, folder, report
        self._device = devices.choose(device)
        self._inception = Inception(folder, self._device)
        self._results = Results(suite, folder, devices.describe(self._device))
        self._pages = Pages(folder, suite.frames, lambda footage: self.clip(footage.id))
        self._held: tuple[str, Composed, Measurer] | None = None
        self._truths: dict[str, str] = {}  # clip -> the name of its Inception features

    def run(self) -> dict[str, Any]:
        """Do what is not done yet; returns the content of results.json, which is written after every run.

        Cancelled when the report says stop: what is done, and the checkpoint of what is half done, are kept.
        """
        make_folders(self.folder)
        total, number, new = len(self.suite.clips) * len(self.suite.variants), 0, 0
        with lock(self.folder):
            for footage, variant in itertools.product(self.suite.clips, self.suite.variants):
                number += 1
                if self._fits(footage, variant):
                    new += self._one(footage, variant, f"[{number}/{total}] {footage.id}, {variant.label}")
            self._report.info(f"{total} runs, {new} of them new.")
            return self._write()

    def gather(self) -> dict[str, Any]:
        """What is done already, by the suite's methods; nothing is solved or measured."""
        for footage, variant in itertools.product(self.suite.clips, self.suite.variants):
            record = _read(run_folder(self.folder, footage.id, variant.id))
            if not self._fits(footage, variant) or record is None or record["key"] != self._key(footage, variant):
                continue
            if record["metrics"] or record["status"] == FAILED:
                self._results.add(record)
        return self._write()

    def clip(self, name: str) -> Composed:
        """A clip of the suite by its id; the last one is held."""
        if self._held is None or self._held[0] != name:
            footage = next(f for f in self.suite.clips if f.id == name)
            clip = compose(footage.pair, footage.size, self.suite.frames)
            self._held = name, clip, Measurer(clip, self.suite.seed)
        return self._held[1]

    def _fits(self, footage: Footage, variant: Variant) -> bool:
        """Windows longer than the clip would be the whole clip again: they are left out, and that is recorded."""
        about = self._pages.page(footage)["about"]
        self._results.describe(about)
        frames, window = about["frames"], variant.varied.get("window", 0)
        if window > frames:
            self._results.leave_out(footage, variant, f"the clip has {frames} frames, fewer than a window of {window}")
        return window <= frames

    def _one(self, footage: Footage, variant: Variant, place: str) -> bool:
        """One run, unless it is done; whether anything was new about it."""
        if self._report.stop():
            raise Cancelled("Stopped.", GO_ON)
        run, key = run_folder(self.folder, footage.id, variant.id), self._key(footage, variant)
        record, frames = _read(run), self._pages.page(footage)["about"]["frames"]
        known = _is_done(record, key, run, frames)
        if not known:
            record = self._take_over(run, key, frames, variant)
            known = record is not None
        if not known or record is None:
            self._report.info(f"{place} ...")
            record = self._solve(footage, variant, self.clip(footage.id), run, key)
        measured = f"{measure.VERSION} {self.suite.seed} {self._inception.why or 'fid'}"
        fresh = record["status"] == DONE and record.get("measured") != measured
        if fresh:
            self._measure(record, self.clip(footage.id), run)
            record["measured"] = measured
            _publish(run, record)
        self._results.add(record)
        if not known or fresh:
            self._write()
            self._say(record, place)
        return not known

    def _take_over(self, run: Path, key: str, frames: int, variant: Variant) -> dict[str, Any] | None:
        """The same work under another name, copied; None where there is none."""
        for other in sorted(run.parent.glob(f"*/{RECORD}")) if run.parent.is_dir() else []:
            record = _read(other.parent)
            if record is not None and other.parent != run and _is_done(record, key, other.parent, frames):
                make_folders(run)
                _clean(run)
                for path in [*other.parent.glob("*.png"), *other.parent.glob("*.npz")]:
                    shutil.copyfile(path, run / path.name)
                record |= {"method": variant.id}
                _publish(run, record)
                return record
        return None

    def _solve(self, footage: Footage, variant: Variant, clip: Composed, run: Path, key: str) -> dict[str, Any]:
        """The run's record, without its metrics; a failure is a record too, and is tried again the next time."""
        record: dict[str, Any] = {"clip": footage.id, "method": variant.id, "key": key, "error": None, "metrics": {}}
        record |= {"notes": {}, "match_edge": variant.match_edge, "device": devices.describe(self._device)}
        record |= {"versions": versions(), "commit": commit(), "warnings": [], "stages": [], "networks": None}
        within = Within(self._report)
        devices.reset_peak(self._device)
        began = time.monotonic()
        try:
            _clean(run)
            fills = self._fill(variant, clip, run, key, record, within)
            write_fills(run, fills)
            record["status"] = DONE
        except Cancelled:
            raise
        except Exception as error:  # one broken run must not cost a night's others
            if not isinstance(error, (IlviError, MemoryError)):
                make_folders(run)
                publish(run / FAULT, traceback.format_exc().encode())
            said = (
                str(error) if isinstance(error, IlviError) else f"{type(error).__name__}: {error} (see {run / FAULT})"
            )
            record |= {"status": FAILED, "error": said, "seconds": time.monotonic() - began, "phases": {}}
            record.setdefault("updates", None)
        record |= {"peak_bytes": devices.peak_memory(self._device), "warnings": within.warnings, "made": now()}
        _publish(run, record)
        if record["status"] == DONE:
            shutil.rmtree(run / WORK, ignore_errors=True)
        return record

    def _fill(
        self, variant: Variant, clip: Composed, run: Path, key: str, record: dict[str, Any], within: Report
    ) -> np.ndarray:
        if variant.kind == OURS:
            trained = train(clip, variant, self._device, run, key, within)
            record |= {"phases": trained.seconds, "seconds": sum(trained.seconds.values())}
            record |= {"updates": trained.updates, "networks": trained.networks, "stages": trained.stages}
            record |= {"flow": trained.solved.flow, "perceptual": trained.solved.perceptual}
            record["precision"] = trained.solved.precision
            return trained.fills
        began = time.monotonic()
        fills = PEERS[variant.method](clip.plate, clip.holes)
        record |= {"seconds": time.monotonic() - began, "phases": {}, "updates": None}
        return fills

    def _measure(self, record: dict[str, Any], clip: Composed, run: Path) -> None:
        assert self._held is not None  # by `clip`
        fills = read_fills(run, len(clip.truth))
        result = result_of(clip, fills, record["match_edge"])
        ours = record["networks"] is not None
        record["metrics"], record["notes"] = self._held[2].measure(result, fills if ours else None)
        record["inception"] = self._inception.keep(result)

    def _write(self) -> dict[str, Any]:
        if not self._inception.why:
            for footage in self.suite.clips:
                if footage.id not in self._truths:
                    self._truths[footage.id] = self._inception.keep(self.clip(footage.id).truth)
        truths = list(self._truths.values())
        return self._results.write(lambda name: self._inception.scores(name, truths))

    def _say(self, record: dict[str, Any], place: str) -> None:
        if record["status"] == FAILED:
            self._report.warning("failed", f"{place}: {record['error']}")
            return
        metrics = record["metrics"]
        self._report.info(
            f"{place}: {metrics['psnr_hole']:.2f} dB in the hole, {metrics['psnr']:.2f} dB whole, "
            f"{duration(record['seconds'])}"
        )

    def _key(self, footage: Footage, variant: Variant) -> str:
        """What the fills depend on: pixels, method and its version, settings, weight files, budget."""
        pixels = self._pages.page(footage)["pixels"]
        parts: dict[str, Any] = {"pixels": pixels, "kind": variant.kind, "method": variant.method}
        if variant.kind == OURS:
            settings = variant.solve_settings(footage.size)
            parts |= {"settings": _unusual(settings), "budget": variant.budget, "weights": weight_hashes(settings)}
            parts |= {"version": METHODS[variant.method].version, "edge": variant.match_edge}
        else:
            parts["version"] = PEERS_VERSION
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _unusual(settings: SolveSettings) -> dict[str, Any]:
    """The settings that are not the defaults: one that a later ILVI adds leaves the keys of older runs as they are."""
    return {f.name: value for f in fields(settings) if (value := getattr(settings, f.name)) != f.default}


def _read(run: Path) -> dict[str, Any] | None:
    """A run's record; None where there is none, or none that can be read: then it is run again."""
    try:
        record = json.loads((run / RECORD).read_text(encoding="utf-8"))
        return record if {"key", "status", "clip", "method"} <= record.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _publish(run: Path, record: dict[str, Any]) -> None:
    make_folders(run)
    publish(run / RECORD, (json.dumps(record, indent=1) + "\n").encode())


def _is_done(record: dict[str, Any] | None, key: str, run: Path, frames: int) -> bool:
    """Whether a run's record is of this work, and its fills are there."""
    if record is None or record["key"] != key or record["status"] != DONE:
        return False
    return all((run / f"fill.{number:04}.png").is_file() for number in range(1, frames + 1))


def _clean(run: Path) -> None:
    """Take away what an earlier run left here; what was learned stays: its checkpoint knows what it is of."""
    for path in [*run.glob("*.png"), *run.glob("*.npz"), *run.glob(f"{PARTIAL}*"), run / FAULT, run / RECORD]:
        path.unlink(missing_ok=True)
