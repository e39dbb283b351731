"""The library's front door: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ilvi_core import device as devices
from ilvi_core.clip import KEEP_BYTES, Loader
from ilvi_core.composite import composite
from ilvi_core.full_plates import FullPlates
from ilvi_core.host.checks import make
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import CompSettings, SolveSettings
from ilvi_core.hybrid import solver_for
from ilvi_core.pictures import ArraySource
from ilvi_core.reading import read_matte
from ilvi_core.report import Report
from ilvi_core.settings import laid_over, split
from ilvi_core.solve import solve
from ilvi_core.work import MemoryWork


def inpaint(
    plate: np.ndarray,
    matte: np.ndarray,
    settings: str | Mapping[str, Any] | SolveSettings = "draft",
    comp: CompSettings | None = None,
    *,
    encoding: str = "",
    device: str = "auto",
    report: Report | None = None,
) -> np.ndarray:
    """The plate with what the matte covers removed: a new array of the plate's shape and dtype.

    plate: (T, H, W, 3) or (T, H, W); uint8 and uint16 are display-encoded, floats scene-linear unless `encoding` is
    "display".  matte: (T, H, W), bool, uint8 or float 0..1; 1 = replace.  settings: a preset's name, or names and
    values over one ({"preset": "draft", "method": "dip-vid", "comp_feather": 4}), or SolveSettings.  comp: with
    SolveSettings, how the fill meets the plate.  Where the comp matte is 0 the result has the plate's exact bits.
    InputError when shapes or settings do not fit.
    """
    report = report or Report()
    solve_settings, comp_settings = _array_settings(settings, comp)
    plate, matte = np.asarray(plate), np.asarray(matte)
    if plate.ndim not in (3, 4) or matte.shape != plate.shape[:3] or not plate.size:
        raise InputError(
            f"The plate has the shape {plate.shape}, the matte {matte.shape}; expected (T, H, W, 3) and (T, H, W).",
            "Give one matte for each frame, of the frame's size.",
        )
    if matte.dtype.kind in "iu" and int(matte.max()) <= 1:
        matte = matte.astype(bool)  # 0 and 1, not levels of 255
    source, mattes = ArraySource(plate, "Plate", encoding), ArraySource(matte, "Matte", "display")
    loader = Loader(source, mattes, source.frames, solve_settings)
    clip = loader.load()
    for code, text in clip.notes:
        report.info(text) if code == "enlarged" else report.warning(code, text)
    if clip.empty:
        report.warning("empty-matte", "The matte is empty: the plate is copied.")
        return plate.copy()
    work = MemoryWork()
    plates = FullPlates(loader.read, (), clip.region, clip.curve, KEEP_BYTES)
    kind = solver_for(solve_settings, plates)
    solve(clip, solve_settings, set(source.frames), devices.choose(device), work, report, kind=kind)
    result = plate.copy()
    for frame in source.frames:
        picture = source.read(frame)
        values = read_matte(mattes, frame, picture, clip.matte_channel, solve_settings.matte_invert)
        box = work.box(frame, clip.region)
        done, _ = composite(picture, values, work.fill(frame), box, clip.curve, solve_settings, comp_settings)
        for channel, name in enumerate(done.rgb_names):
            target = result[frame] if plate.ndim == 3 else result[frame][..., channel]
            target[...] = done.planes[name]
    return result


def _array_settings(
    settings: str | Mapping[str, Any] | SolveSettings, comp: CompSettings | None
) -> tuple[SolveSettings, CompSettings]:
    if isinstance(settings, SolveSettings):
        return settings, comp or CompSettings()
    asked = {"preset": settings} if isinstance(settings, str) else dict(settings)
    name = asked.pop("preset", "draft")
    own_solve, own_comp = split(asked)
    all_solve, all_comp = laid_over(name, own_solve, own_comp)
    if comp is not None and own_comp:
        raise InputError(f"{', '.join(own_comp)} is given beside comp.", "Give the comp settings in one place.")
    return make(SolveSettings, all_solve), comp or make(CompSettings, all_comp)
