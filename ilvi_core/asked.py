"""What a job asks for, as hashes of pixels, settings, method and weight files: by these the cache knows it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ilvi_core import weights
from ilvi_core.digests import Digests, FrameDigest
from ilvi_core.entry import VERSION
from ilvi_core.host.job import SolveSettings
from ilvi_core.images import Source as PictureSource
from ilvi_core.methods import METHODS, PERCEPTUAL
from ilvi_core.reading import Hints, check_frames

# settings that only a method with flow looks at
_OF_FLOW = {"flow_weight", "flow_input", "flow_margin", "consistency_weight", "consistency_gradient", "intervals"}
_OF_FLOW |= {"perceptual_weight", "perceptual_layers", "directions"}


@dataclass(frozen=True)
class Asked:
    """family: settings, method and weight files, whatever the clip.  key: those and the pixels of every frame.

    frames: the frames trained on.  plate, matte: for each of them the hash of the pixels that are learned from.
    matte_channel: the channel that the matte is read from.
    """

    family: str
    key: str
    frames: tuple[int, ...]
    plate: tuple[str, ...]
    matte: tuple[str, ...]
    matte_channel: str

    def pixels(self) -> dict[int, tuple[str, str]]:
        """frame -> (plate, matte)."""
        return {f: (p, m) for f, p, m in zip(self.frames, self.plate, self.matte, strict=True)}


def ask(
    plate: PictureSource,
    matte: PictureSource,
    frames: Sequence[int],
    settings: SolveSettings,
    digests: Digests,
    tick: Callable[[int, int], None] = lambda done, total: None,
    hints: Hints | None = None,
) -> Asked:
    """Hash what is asked. InputError where a frame is missing or cannot be read.

    A clean plate is part of its frame's plate, a donor holdout of its frame's matte.
    """
    check_frames(plate, matte, frames)
    count = len(frames)
    plates = digests.all(plate, frames, lambda done, total: tick(done, 2 * count))
    mattes = digests.all(matte, frames, lambda done, total: tick(count + done, 2 * count))
    clean = {f: digests.all(s, s.frames)[s.frames[0]] for f, s in hints.clean.items()} if hints else {}
    held = digests.all(hints.holdout, frames) if hints and hints.holdout else {}
    digests.flush()
    channel = _channel([mattes[f] for f in frames], settings.matte_channel)
    plate_hashes = tuple(
        _hash([*_picture(plates[f]), *(["clean", *_picture(clean[f])] if f in clean else [])]) for f in frames
    )
    matte_hashes = tuple(
        _hash([channel, *_planes(mattes[f], channel), *(["holdout", *_all(held[f])] if held else [])]) for f in frames
    )
    family = family_of(settings)
    key = _hash([family, list(frames), plate_hashes, matte_hashes])
    return Asked(family, key, tuple(frames), plate_hashes, matte_hashes, channel)


def family_of(settings: SolveSettings) -> str:
    """Everything that decides what is learned but the clip."""
    method = METHODS[settings.method]
    # the matte's channel is in its pixels' hash, as it was found; the estimator of flow is among the weights
    unused = {"matte_channel", "flow"} | (set() if method.flow else _OF_FLOW)
    values = {name: value for name, value in unusual(settings).items() if name not in unused}
    return _hash([VERSION, values, method.version, weight_hashes(settings)])


def unusual(settings: SolveSettings) -> dict[str, Any]:
    """The settings that are not the defaults: one that a later ILVI adds leaves the keys made before as they are.

    So a default that is changed has to raise the methods' `version`, or the old value would pass for the new one.
    """
    return {f.name: value for f in fields(settings) if (value := getattr(settings, f.name)) != f.default}


def weight_hashes(settings: SolveSettings) -> dict[str, str]:
    """The weight files that take part in such a solve: what for -> SHA-256."""
    method, files = METHODS[settings.method], {}
    if method.flow:
        kinds = ("raft_large", "raft_small") if settings.flow == "auto" else (settings.flow,)
        found = next((file for kind in kinds if kind != "dis" and (file := weights.find(kind))), None)
        files["flow"] = found.sha256 if found else "dis"
    if PERCEPTUAL in method.terms and settings.perceptual_weight > 0:
        vgg = weights.find("vgg16")
        files["vgg16"] = vgg.sha256 if vgg else ""
    return files


def _picture(digest: FrameDigest) -> list[str]:
    return [digest.planes[name] for name in digest.rgb_names]


def _all(digest: FrameDigest) -> list[str]:
    return [*map(str, sorted(digest.planes.items()))]


def _channel(mattes: list[FrameDigest], wanted: str) -> str:
    """As the clip's loader finds it: alpha as soon as one of them says anything, luminance where one is lacking."""
    if wanted != "auto":
        return wanted
    for matte in mattes:
        if matte.alpha is None:
            return "luminance"
        if not matte.opaque:
            return "alpha"
    return "luminance"


def _planes(matte: FrameDigest, channel: str) -> list[str]:
    """The hashes of what a channel is read from; an absent one is refused, in words, by the clip's loader."""
    if channel == "luminance":
        names: Sequence[str] = matte.rgb_names
    elif channel == "alpha":
        names = [matte.alpha] if matte.alpha else []
    else:
        names = [channel] if channel in matte.planes else []
    return [matte.planes[name] for name in names]


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
