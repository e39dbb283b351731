"""Inception's features of frames, kept by the frames' content, and the FID of every run against all true frames."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ilvi_core.evaluate.fid import Extractor, fid_of_features
from ilvi_core.evaluate.store import read_arrays, write_arrays
from ilvi_core.files import make_folders
from ilvi_core.host.errors import InputError

FOLDER = "inception"


class Inception:
    """Features by the content of the frames; nothing at all where weights or library are missing.

    why: the sentence that says so, else "".
    """

    def __init__(self, folder: Path, device: str) -> None:
        self._folder, self.why = folder / FOLDER, ""
        self._extractor: Extractor | None = None
        try:
            self._extractor = Extractor(None, device)
        except InputError as error:
            self.why = str(error)

    def keep(self, frames: np.ndarray) -> str:
        """The name under which the features of (T, h, w, 3) frames are kept; "" without weights."""
        if self._extractor is None:
            return ""
        name = hashlib.sha256(self._extractor.described.encode() + np.ascontiguousarray(frames).tobytes()).hexdigest()
        path = self._folder / f"{name[:24]}.npz"
        if read_arrays(path) is None:
            make_folders(self._folder)
            write_arrays(path, {"features": self._extractor.features(frames)})
        return name[:24]

    def scores(self, name: str, truths: list[str]) -> tuple[dict[str, float | None], str]:
        """fid and fid_frame of a result by its features' name, against those of all true frames; and how."""
        result, every = self._load(name), [self._load(truth) for truth in truths]
        if self._extractor is None or result is None or not every or any(part is None for part in every):
            return {"fid": None, "fid_frame": None}, self.why or "It has not been measured yet."
        truth = np.concatenate([part for part in every if part is not None])
        if len(truth) < 2:
            return {"fid": None, "fid_frame": None}, "One true frame is no distribution."
        found = fid_of_features(result, truth, self._extractor.described)
        return {"fid": found.pooled, "fid_frame": found.a_frame}, found.described

    def _load(self, name: str) -> np.ndarray | None:
        arrays = read_arrays(self._folder / f"{name}.npz") if name else None
        return None if arrays is None else arrays["features"]
