"""What is known of a suite's clips without reading them again: a page for each in the evaluation's folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ilvi_core import demo, demo_canvas, demo_layers
from ilvi_core.evaluate.complexity import Complexity, complexity
from ilvi_core.evaluate.composed import DEMO, Composed
from ilvi_core.evaluate.suite import Footage
from ilvi_core.files import make_folders, publish
from ilvi_core.host.errors import InputError

FOLDER = "clips"
VERSION = 1  # raised when a clip comes out differently, or more is said of it


class Pages:
    """A clip's page, made when its files are new or changed. compose: reads the clip."""

    def __init__(self, folder: Path, frames: int, compose: Callable[[Footage], Composed]) -> None:
        self._folder, self._frames, self._compose = folder / FOLDER, frames, compose
        self._pages: dict[str, dict[str, Any]] = {}

    def page(self, footage: Footage) -> dict[str, Any]:
        """pixels: a hash of truth and holes.  about: the clip's record in results.json, but for its half."""
        if footage.id not in self._pages:
            stamp = self._stamp(footage)
            page = _read(self._folder / f"{footage.id}.json")
            if page is None or page["stamp"] != stamp:
                page = {"stamp": stamp, **_describe(footage, self._compose(footage))}
                make_folders(self._folder)
                publish(self._folder / f"{footage.id}.json", (json.dumps(page, indent=1) + "\n").encode())
            self._pages[footage.id] = page
        return self._pages[footage.id]

    def _stamp(self, footage: Footage) -> str:
        """Changes when a file of the clip does: names, sizes and times of what lies where it is."""
        parts: list[Any] = [VERSION, self._frames, footage.size]
        for text in (footage.pair.frames, footage.pair.matte):
            parts.append(text)
            path = Path(text)
            if text.startswith(DEMO):
                parts += [Path(str(module.__file__)).read_bytes() for module in (demo, demo_layers, demo_canvas)]
            else:
                folder = path if path.is_dir() else path.parent
                try:
                    files = [path] if path.is_file() else sorted(folder.iterdir()) if folder.is_dir() else []
                    parts += [(file.name, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files]
                except OSError as error:
                    raise InputError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def _describe(footage: Footage, clip: Composed) -> dict[str, Any]:
    shares = clip.holes.mean(axis=(1, 2))
    hard = complexity(clip.truth) if len(clip.truth) > 1 else Complexity(0.0, 0.0, "one frame: no motion")
    about = {
        "id": footage.id,
        "name": footage.pair.name,
        "size": list(footage.size),
        "frames": len(clip.truth),
        "hole": float(shares.mean()),
        "hole_largest": float(shares.max()),
        "choices": list(clip.choices),
        "complexity": {"total": hard.total, **asdict(hard)},
    }
    pixels = hashlib.sha256(np.ascontiguousarray(clip.truth).tobytes() + clip.holes.tobytes()).hexdigest()
    return {"pixels": pixels, "about": about}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        page = json.loads(path.read_text(encoding="utf-8"))
        return page if {"stamp", "pixels", "about"} <= page.keys() else None
    except (OSError, ValueError, AttributeError):
        return None
