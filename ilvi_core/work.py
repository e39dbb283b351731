"""What a solve keeps while it runs: checkpoint, fills, weights and log, in the entry that it makes."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load, save_file
from torch import Tensor

from ilvi_core.entry import (
    DONORS,
    FILLS,
    FLOW,
    WEIGHTS,
    Damaged,
    Entry,
    OtherWork,
    checksum,
    donor_name,
    fill_name,
    weights_name,
)
from ilvi_core.files import make_folders, publish, publishing, share
from ilvi_core.full_size import FullFrame
from ilvi_core.host.errors import IlviError
from ilvi_core.pictures import Box
from ilvi_core.train import Progress, Trainer

CHECKPOINT = "checkpoint.json"
LOG = "training.jsonl"
SETTINGS = "settings.yaml"
_ANEW = "Run it without --resume."


class MemoryWork:
    """Keeps the fills in memory and no checkpoint: for arrays."""

    flow_folder: Path | None = None

    def __init__(self) -> None:
        self._fills: dict[int, np.ndarray] = {}
        self._boxes: dict[int, Box] = {}
        self._records: list[dict[str, Any]] = []

    def windows_done(self) -> int:
        return 0

    def planned(self, number: int, first: int) -> int | None:
        return None

    def plan(self, first: int, updates: int) -> None:
        """Nothing to plan for: it cannot be stopped and go on."""

    def adopt(self, number: int, frames: tuple[int, ...], other: Entry) -> None:
        """The same window, solved before by another entry."""
        for frame in frames:
            self._fills[frame] = other.fill(frame)

    def put_fill(self, frame: int, fill: np.ndarray) -> None:
        self._fills[frame] = fill

    def fill(self, frame: int) -> np.ndarray:
        return self._fills[frame]

    def put_full(self, frame: int, full: FullFrame) -> None:
        self._fills[frame], self._boxes[frame] = full.fill, full.box

    def box(self, frame: int, region: Box) -> Box:
        """The plate pixels that a fill shows: the region's, where it has no box of its own."""
        return self._boxes.get(frame, region)

    def stage(self, window: int) -> dict[str, np.ndarray] | None:
        return None

    def put_stage(self, window: int, arrays: dict[str, np.ndarray]) -> None:
        """Nothing to keep it in."""

    def finish_hybrid(self, window: int, frames: tuple[int, ...], record: dict[str, Any]) -> None:
        self._records.append(record)

    def records(self) -> list[dict[str, Any]]:
        """What was recorded of each window."""
        return self._records

    def save(self, window: int, trainer: Trainer) -> None:
        """Nothing to save to."""

    def restore(self, window: int, trainer: Trainer) -> bool:
        return False

    def finish_window(self, window: int, trainer: Trainer) -> None:
        """Nothing to save to."""

    def log(self, record: dict[str, Any]) -> None:
        """No log."""


class FolderWork:
    """The same in an entry; every file appears whole or not at all.

    checkpoint.json names the tensors' file and holds the fingerprint of what was asked; a checkpoint of anything else
    is refused.  guard: called before anything is written; raises when the entry is not this process's any more.
    """

    def __init__(self, entry: Entry, fingerprint: str, resume: bool, guard: Callable[[], None] = lambda: None) -> None:
        self.entry, self.folder, self._fingerprint, self._guard = entry, entry.folder, fingerprint, guard
        self.flow_folder: Path | None = self.folder / FLOW
        self._record: dict[str, Any] = {"fingerprint": fingerprint, "windows_done": 0}
        make_folders(*(self.folder / part for part in (FILLS, DONORS, WEIGHTS, FLOW)))
        self._previous = self._read() if resume else None
        if self._previous is not None:
            self._record = self._previous
        else:
            entry.manifest.pop("updates", None)
        self._trim_log()

    def windows_done(self) -> int:
        """How many windows, from the first, have their fills."""
        return int(self._record["windows_done"])

    def update(self) -> int:
        """The update of the window in progress that the checkpoint is at."""
        return int(self._record.get("state", {}).get("update", 0))

    def begun(self) -> bool:
        """Whether there is something to go on from."""
        return self.windows_done() > 0 or self.update() > 0 or "stage" in self._record

    def planned(self, number: int, first: int) -> int | None:
        """How many updates a window was given that a checkpoint goes on with; None for one that begins anew."""
        if self._previous is None or self._previous.get("window") != number:
            return None
        return self.entry.manifest.get("updates", {}).get(str(first))

    def plan(self, first: int, updates: int) -> None:
        """Remember it: a warm start has fewer, and must have as many when it goes on."""
        self.entry.manifest.setdefault("updates", {})[str(first)] = updates
        self._guard()
        self.entry.write()

    def put_fill(self, frame: int, fill: np.ndarray) -> None:
        buffer = io.BytesIO()
        np.save(buffer, fill.astype(np.float32))
        self._guard()
        self.entry.add(fill_name(frame), buffer.getvalue())

    def put_full(self, frame: int, full: FullFrame) -> None:
        """A fill with a box of its own, and where its pixels come from."""
        self.put_fill(frame, full.fill)
        buffer = io.BytesIO()
        confidence = np.round(full.confidence * 255).astype(np.uint8)
        np.savez(buffer, confidence=confidence, source=full.source, address=full.address)
        self.entry.add(donor_name(frame), buffer.getvalue())
        self.entry.manifest.setdefault("boxes", {})[str(frame)] = list(full.box)

    def stage(self, window: int) -> dict[str, np.ndarray] | None:
        """What `put_stage` kept of this window when the solve was stopped."""
        if self._previous is None or self._previous.get("window") != window or "stage" not in self._previous:
            return None
        try:
            data = (self.folder / self._previous["stage"]).read_bytes()
            if checksum(data) != self._previous["sha256"]:
                raise ValueError
            with np.load(io.BytesIO(data)) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError):
            return None  # it is minutes of work: made again sooner than explained

    def put_stage(self, window: int, arrays: dict[str, np.ndarray]) -> None:
        """Keep a window's work half way."""
        self._guard()
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]  # its stub takes allow_pickle for one of them
        name = f"checkpoint-{window}.npz"
        publish(self.folder / name, buffer.getvalue())
        self._write({"window": window, "stage": name, "sha256": checksum(buffer.getvalue())})

    def finish_hybrid(self, window: int, frames: tuple[int, ...], record: dict[str, Any]) -> None:
        """A window of the method ilvi has its fills; it has no weights from which they could be made again."""
        self._guard()
        self.entry.manifest.setdefault("records", {})[str(frames[0])] = record
        self._finish(window, frames)

    def records(self) -> list[dict[str, Any]]:
        """What was recorded of each window that is done, in order."""
        found = self.entry.manifest.get("records", {})
        return [found[first] for first in sorted(found, key=int)]

    def save(self, window: int, trainer: Trainer) -> None:
        """A checkpoint of a training in progress: the tensors under a new name, then the JSON that names them."""
        self._guard()
        name = f"checkpoint-{window}-{trainer.state.update}.safetensors"
        publish_tensors(self.folder / name, trainer.tensors())
        sum_ = checksum((self.folder / name).read_bytes())
        state = _plain(dataclasses.asdict(trainer.state))
        self._write({"window": window, "tensors": name, "sha256": sum_, "state": state})

    def restore(self, window: int, trainer: Trainer) -> bool:
        """Put a trainer where the checkpoint was; False when there is none of this window."""
        if self._previous is None or self._previous.get("window") != window:
            return False
        name = self._previous["tensors"]
        try:
            data = (self.folder / name).read_bytes()
            if checksum(data) != self._previous["sha256"]:
                raise ValueError("it is not what was put there")
            tensors = load(data)
        except Exception as error:  # safetensors' own error has no base but Exception
            raise Damaged(f"The checkpoint {name} cannot be read: {error}.", _ANEW, self.folder) from None
        try:
            state: dict[str, Any] = {k: math.inf if v is None else v for k, v in self._previous["state"].items()}
            trainer.load(tensors, Progress(**state))
        except (KeyError, TypeError, RuntimeError) as error:
            raise Damaged(f"The checkpoint {name} is of another ILVI: {error}.", _ANEW, self.folder) from None
        return True

    def finish_window(self, window: int, trainer: Trainer) -> None:
        """The window's fills are all put: keep its weights and count it as done.

        A network of one frame is not kept: its fill is all that it can give, and a clip has many.
        """
        self._guard()
        frames = trainer.window.frames
        if len(frames) > 1:
            weights = {k: v.detach().cpu().contiguous() for k, v in trainer.network.state_dict().items()}
            path = self.folder / weights_name(frames[0])
            publish_tensors(path, weights)
            self.entry.add(weights_name(frames[0]), path.read_bytes())
        self._finish(window, frames)

    def adopt(self, number: int, frames: tuple[int, ...], other: Entry) -> None:
        """The same window, solved before by another entry: its fills and weights, checked."""
        self._guard()
        record = other.manifest.get("records", {}).get(str(frames[0]))
        if record is not None:
            self.entry.manifest.setdefault("records", {})[str(frames[0])] = record
        boxes = self.entry.manifest.setdefault("boxes", {})
        boxes.update({str(f): list(other.box(f)) for f in frames if other.has_box(f)})
        for name in (weights_name(frames[0]), *map(fill_name, frames), *map(donor_name, frames)):
            if name in other.files:
                self.entry.add(name, other.read(name))
        self._finish(number, frames)

    def _finish(self, window: int, frames: tuple[int, ...]) -> None:
        ends = [frames[0], frames[-1]]
        before = [w for w in self.entry.manifest.get("windows", []) if w != ends]
        self.entry.manifest["windows"] = [*before, ends]
        self.entry.write()  # first the listing: a window counts as done when all of it is known
        self._write({"windows_done": window + 1})

    def log(self, record: dict[str, Any]) -> None:
        """One line of training.jsonl."""
        path = self.folder / LOG
        new = not path.exists()
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(_plain(record)) + "\n")
        if new:
            share(path)

    def _write(self, entries: dict[str, Any]) -> None:
        done = entries.get("windows_done", self._record["windows_done"])
        self._record = {"fingerprint": self._fingerprint, **entries, "windows_done": done}
        publish(self.folder / CHECKPOINT, (json.dumps(self._record, indent=2) + "\n").encode())
        for old in (*self.folder.glob("checkpoint-*.safetensors"), *self.folder.glob("checkpoint-*.npz")):
            if old.name not in (entries.get("tensors"), entries.get("stage")):
                old.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        try:
            record = dict(json.loads((self.folder / CHECKPOINT).read_text(encoding="utf-8")))
            _ = int(record["windows_done"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Damaged(f"{self.folder / CHECKPOINT} cannot be read: {error}.", _ANEW, self.folder) from None
        if record.get("fingerprint") != self._fingerprint:
            raise OtherWork(
                f"The checkpoint in {self.folder} belongs to other pictures or settings.",
                "Give the same plate, matte, range and settings, or run it without --resume.",
            )
        return record

    def _trim_log(self) -> None:
        """Drop the lines after the checkpoint: they are about to be made again."""
        path = self.folder / LOG
        if not path.exists():
            return
        window = self._record.get("window", self._record["windows_done"])
        update = self._record.get("state", {}).get("update", 0)
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue  # the line that was being written when it was killed
            if self._previous and (record["window"], record["update"]) <= (window, update):
                kept.append(line + "\n")
        publish(path, "".join(kept).encode())


def publish_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """A .safetensors file, whole or not at all. IlviError where that fails."""
    try:
        with publishing(path) as partial:
            save_file({k: v.clone() if v.dim() == 0 else v for k, v in tensors.items()}, partial)
    except IlviError:
        raise
    except Exception as error:  # safetensors has an error of its own for a full disk
        raise IlviError(
            f"{path} cannot be written: {error}.", "See that its folder is there and has room, then run it again."
        ) from None


def read_tensors(entry: Entry, name: str) -> dict[str, Tensor]:
    """The tensors of a listed file. Damaged when it is not what was put there."""
    return load(entry.read(name))


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity and no NaN: null stands for them."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}
