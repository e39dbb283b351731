"""What a solve leaves behind while it runs and when it is done: checkpoint, fills, weights, log."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from safetensors.torch import load_file, save_file
from torch import Tensor

from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.train import Progress, Trainer

CHECKPOINT = "checkpoint.json"
LOG = "training.jsonl"
LOCK = "solve.lock"


class MemoryWork:
    """Keeps the fills in memory and no checkpoint: for arrays."""

    def __init__(self) -> None:
        self._fills: dict[int, np.ndarray] = {}

    def windows_done(self) -> int:
        return 0

    def put_fill(self, frame: int, fill: np.ndarray) -> None:
        self._fills[frame] = fill

    def fill(self, frame: int) -> np.ndarray:
        return self._fills[frame]

    def save(self, window: int, trainer: Trainer) -> None:
        """Nothing to save to."""

    def restore(self, window: int, trainer: Trainer) -> bool:
        return False

    def finish_window(self, window: int, trainer: Trainer) -> None:
        """Nothing to save to."""

    def log(self, record: dict[str, Any]) -> None:
        """No log."""


class FolderWork:
    """The same in a folder beside the output; every file appears whole or not at all.

    checkpoint.json names the tensors' file and holds the fingerprint of what was asked; a checkpoint of anything else
    is refused. fill/FRAME.npy: (h, w, 3) float32.  weights/FIRST.safetensors: each window's network.
    """

    def __init__(self, folder: Path, fingerprint: str, resume: bool) -> None:
        self.folder, self._fingerprint = folder, fingerprint
        self._record: dict[str, Any] = {"fingerprint": fingerprint, "windows_done": 0}
        make_folders(folder / "fill", folder / "weights")
        self._previous = self._read() if resume else None
        if self._previous is not None:
            self._record = self._previous
        self._trim_log()

    def windows_done(self) -> int:
        """How many windows, from the first, have their fills."""
        return int(self._record["windows_done"])

    def update(self) -> int:
        """The update of the window in progress that the checkpoint is at."""
        return int(self._record.get("state", {}).get("update", 0))

    def put_fill(self, frame: int, fill: np.ndarray) -> None:
        buffer = io.BytesIO()
        np.save(buffer, fill.astype(np.float32))
        publish(self.folder / "fill" / f"{frame}.npy", buffer.getvalue())

    def fill(self, frame: int) -> np.ndarray:
        path = self.folder / "fill" / f"{frame}.npy"
        try:
            return np.load(path)
        except (OSError, ValueError) as error:
            raise IlviError(f"The fill of frame {frame} cannot be read: {error}.", "Run it without --resume.") from None

    def save(self, window: int, trainer: Trainer) -> None:
        """A checkpoint of a training in progress: the tensors under a new name, then the JSON that names them."""
        name = f"checkpoint-{window}-{trainer.state.update}.safetensors"
        self._publish_tensors(self.folder / name, trainer.tensors())
        self._write({"window": window, "tensors": name, "state": _plain(dataclasses.asdict(trainer.state))})

    def restore(self, window: int, trainer: Trainer) -> bool:
        """Put a trainer where the checkpoint was; False when there is none of this window."""
        if self._previous is None or self._previous.get("window") != window:
            return False
        try:
            tensors = load_file(self.folder / self._previous["tensors"])
        except Exception as error:
            raise IlviError(
                f"The checkpoint {self._previous['tensors']} cannot be read: {error}.", "Run it without --resume."
            ) from None
        try:
            state: dict[str, Any] = {k: math.inf if v is None else v for k, v in self._previous["state"].items()}
            trainer.load(tensors, Progress(**state))
        except (KeyError, TypeError, RuntimeError) as error:
            raise IlviError(
                f"The checkpoint {self._previous['tensors']} is of another ILVI: {error}.", "Run it without --resume."
            ) from None
        return True

    def finish_window(self, window: int, trainer: Trainer) -> None:
        """The window's fills are all put: keep its weights and count it as done.

        A network of one frame is not kept: its fill is all that it can give, and a clip has many.
        """
        if len(trainer.window.frames) > 1:
            weights = {k: v.detach().cpu().contiguous() for k, v in trainer.network.state_dict().items()}
            self._publish_tensors(self.folder / "weights" / f"{trainer.window.frames[0]}.safetensors", weights)
        self._write({"windows_done": window + 1})

    def log(self, record: dict[str, Any]) -> None:
        """One line of training.jsonl."""
        with open(self.folder / LOG, "a", encoding="utf-8") as file:
            file.write(json.dumps(_plain(record)) + "\n")

    def _write(self, entries: dict[str, Any]) -> None:
        done = entries.get("windows_done", self._record["windows_done"])
        self._record = {"fingerprint": self._fingerprint, **entries, "windows_done": done}
        publish(self.folder / CHECKPOINT, (json.dumps(self._record, indent=2) + "\n").encode())
        for old in self.folder.glob("checkpoint-*.safetensors"):
            if old.name != entries.get("tensors"):
                old.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any] | None:
        try:
            record = json.loads((self.folder / CHECKPOINT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise IlviError(
                f"{self.folder / CHECKPOINT} cannot be read: {error}.", "Run it without --resume."
            ) from None
        if record.get("fingerprint") != self._fingerprint:
            raise InputError(
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

    def _publish_tensors(self, path: Path, tensors: dict[str, Tensor]) -> None:
        partial = path.with_name(f".tmp_{os.getpid()}_{path.name}")
        try:
            save_file({k: v.clone() if v.dim() == 0 else v for k, v in tensors.items()}, partial)
            os.replace(partial, path)
        except Exception as error:
            partial.unlink(missing_ok=True)
            raise IlviError(
                f"{path} cannot be written: {error}.",
                "See that its folder is there and has room, then go on with --resume.",
            ) from None


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity and no NaN: null stands for them."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}


def publish(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. IlviError where that fails."""
    partial = path.with_name(f".tmp_{os.getpid()}_{path.name}")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise IlviError(
            f"{path} cannot be written: {error.strerror}.", "Make room, or choose another folder."
        ) from None


def make_folders(*folders: Path) -> None:
    """IlviError where one cannot be made."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"The folder {folder} cannot be made: {error.strerror}.",
                "Remove what is in its way, or write elsewhere.",
            ) from None


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """One solve at a time in a folder. InputError while another process is at it."""
    make_folders(folder)
    guard = FileLock(folder / LOCK)
    try:
        guard.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"Another ILVI is solving into {folder}.", "Wait for it, stop it, or write to another place."
        ) from None
    try:
        yield
    finally:
        guard.release()
