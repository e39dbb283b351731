"""`ilvi evaluate`: every method of a suite on every clip, each once; what is done is never done again."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from ilvi_core import device as devices
from ilvi_core.asked import unusual, weight_hashes
from ilvi_core.evaluate import measure
from ilvi_core.evaluate.composed import Composed, compose
from ilvi_core.evaluate.footage import Pages
from ilvi_core.evaluate.inception import Inception
from ilvi_core.evaluate.measure import Measurer
from ilvi_core.evaluate.ours import WORK, train
from ilvi_core.evaluate.peers import PEERS
from ilvi_core.evaluate.peers import VERSION as PEERS_VERSION
from ilvi_core.evaluate.provenance import commit, machine, now, versions
from ilvi_core.evaluate.quiet import Within
from ilvi_core.evaluate.record import RECORD, clean, is_done, publish_record, read_record, said_of
from ilvi_core.evaluate.results import DONE, FAILED, Results
from ilvi_core.evaluate.store import RUNS, read_fills, result_of, run_folder, write_fills
from ilvi_core.evaluate.suite import OURS, Footage, Suite, Variant
from ilvi_core.files import lock, make_folders, publish
from ilvi_core.host.errors import Cancelled, IlviError, InputError
from ilvi_core.methods import METHODS
from ilvi_core.report import GO_ON, Report, duration


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
        InputError, before anything is run, that names every clip that cannot be read.
        """
        make_folders(self.folder)
        total, number, new = len(self.suite.clips) * len(self.suite.variants), 0, 0
        with lock(self.folder):
            self._read_clips()
            for footage, variant in itertools.product(self.suite.clips, self.suite.variants):
                number += 1
                if self._fits(footage, variant):
                    new += self._one(footage, variant, f"[{number}/{total}] {footage.id}, {variant.label}")
            self._report.info(f"{total} runs, {new} of them new.")
            return self._write()

    def gather(self) -> dict[str, Any]:
        """What is done already, as this suite asks for it; nothing is solved or measured.

        InputError where there is no evaluation.
        """
        if not (self.folder / RUNS).is_dir():
            raise InputError(f"There is no evaluation in {self.folder}.", "Leave out --report-only to make one.")
        for footage, variant in itertools.product(self.suite.clips, self.suite.variants):
            try:
                fits = self._fits(footage, variant)
            except InputError as error:
                self._report.warning("clip", f"{footage.id} is left out: {error}")
                continue
            record = read_record(run_folder(self.folder, footage.id, variant.id))
            if not fits or record is None or record["key"] != self._key(footage, variant):
                continue
            if record.get("measured") == self._measured(variant) or record["status"] == FAILED:
                self._results.add(record)
        return self._write()

    def _read_clips(self) -> None:
        wrong = []
        for footage in self.suite.clips:
            if self._report.stop():
                raise Cancelled("Stopped.", GO_ON)
            try:
                self._pages.page(footage)
            except InputError as error:
                wrong.append(error)
        if wrong:
            said = list(dict.fromkeys(error.message for error in wrong))
            hint = "Mend the suite's paths, or name the folder that they start from: --data DIR."
            raise InputError(" ".join(said), " ".join([*dict.fromkeys(e.hint for e in wrong), hint]))

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
        """One run, unless it is done; whether it was solved anew."""
        if self._report.stop():
            raise Cancelled("Stopped.", GO_ON)
        run, key = run_folder(self.folder, footage.id, variant.id), self._key(footage, variant)
        record, frames = read_record(run), self._pages.page(footage)["about"]["frames"]
        if not is_done(record, key, run, frames):
            record = self._take_over(run, key, frames, variant)
        new = changed = record is None
        if record is None:
            self._report.info(f"{place} ...")
            record = self._solve(footage, variant, run, key)
        if record["status"] == DONE and record.get("measured") != self._measured(variant):
            record, again = self._measure(record, footage, variant, run, key)
            new, changed = new or again, True
        self._results.add(record)
        if changed:
            self._write()
            self._say(record, place)
        return new

    def _take_over(self, run: Path, key: str, frames: int, variant: Variant) -> dict[str, Any] | None:
        """The same work under another name, copied; None where there is none."""
        for other in sorted(run.parent.glob(f"*/{RECORD}")) if run.parent.is_dir() else []:
            record = read_record(other.parent)
            if record is not None and other.parent != run and is_done(record, key, other.parent, frames):
                make_folders(run)
                clean(run)
                for path in [*other.parent.glob("*.png"), *other.parent.glob("*.npz")]:
                    publish(run / path.name, path.read_bytes())
                record |= {"method": variant.id}
                record.pop("measured", None)  # it may be composited in another way
                publish_record(run, record)
                return record
        return None

    def _solve(self, footage: Footage, variant: Variant, run: Path, key: str) -> dict[str, Any]:
        """The run's record, without its metrics; a failure is a record too, and is tried again the next time."""
        described = devices.describe(self._device)
        record: dict[str, Any] = {"clip": footage.id, "method": variant.id, "key": key, "error": None, "metrics": {}}
        record |= {"notes": {}, "device": described, "machine": machine(described), "versions": versions()}
        record |= {"commit": commit(), "looks": {}, "networks": None, "updates": None, "phases": {}, "seconds": 0.0}
        within = Within(self._report)
        try:
            clean(run)
            clip = self.clip(footage.id)
            devices.reset_peak(self._device)
            write_fills(run, self._fill(variant, clip, run, key, record, within))
            record["status"] = DONE
        except Cancelled:
            raise
        except Exception as error:  # one broken run must not cost a night's others
            record |= {"status": FAILED, "error": said_of(error, run)}
        record.setdefault("peak_bytes", devices.peak_memory(self._device))
        record |= {"warnings": within.warnings, "said": within.said, "made": now()}
        publish_record(run, record)
        if record["status"] == DONE:
            shutil.rmtree(run / WORK, ignore_errors=True)
        return record

    def _fill(
        self, variant: Variant, clip: Composed, run: Path, key: str, record: dict[str, Any], within: Report
    ) -> np.ndarray:
        if variant.kind == OURS:
            trained = train(clip, variant, self._device, run, key, within)
            record |= {"phases": trained.seconds, "seconds": sum(trained.seconds.values()), "peak_bytes": trained.peak}
            record |= {"updates": trained.updates, "networks": trained.networks}
            record["looks"] = {"plain": trained.stages[False], "matched": trained.stages[True]}
            record |= {"flow": trained.solved.flow, "perceptual": trained.solved.perceptual}
            record["precision"] = trained.solved.precision
            return trained.fills
        began = time.monotonic()
        fills = PEERS[variant.method](clip.plate, clip.holes)
        record["seconds"] = time.monotonic() - began
        return fills

    def _measure(
        self, record: dict[str, Any], footage: Footage, variant: Variant, run: Path, key: str
    ) -> tuple[dict[str, Any], bool]:
        """The record with its numbers, and whether damaged fills had to be made again for that."""
        again = False
        clip = self.clip(footage.id)
        try:
            fills = read_fills(run, len(clip.truth))
        except (IlviError, ValueError):
            record, again = self._solve(footage, variant, run, key), True
            if record["status"] == FAILED:
                return record, again
            fills = read_fills(run, len(clip.truth))
        assert self._held is not None  # by `clip`
        ours = variant.kind == OURS
        try:
            result = result_of(clip, fills, variant.match_edge)
            record["metrics"], record["notes"] = self._held[2].measure(result, fills if ours else None)
            record["inception"] = self._inception.keep(result)
        except Exception as error:  # as in `_solve`
            record |= {"status": FAILED, "error": said_of(error, run)}
        record["match_edge"] = variant.match_edge
        record["stages"] = record.get("looks", {}).get("matched" if variant.match_edge else "plain", [])
        record["measured"] = self._measured(variant)
        publish_record(run, record)
        return record, again

    def _measured(self, variant: Variant) -> str:
        """What the numbers depend on, beside the fills."""
        fid = "no fid" if self._inception.why else "fid"
        return f"{measure.VERSION}, seed {self.suite.seed}, edge {variant.match_edge}, {fid}"

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
            parts |= {"settings": unusual(settings), "budget": variant.budget, "weights": weight_hashes(settings)}
            parts["version"] = METHODS[variant.method].version
        else:
            parts["version"] = PEERS_VERSION
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
