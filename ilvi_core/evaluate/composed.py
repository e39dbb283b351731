"""The paper's composed data (section 4.1): clips whose truth is known, with holes cut by other clips' mattes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import cv2
import numpy as np

from ilvi_core.demo import make_clip
from ilvi_core.evaluate.scenes import SCENES, make_matte, make_scene
from ilvi_core.host.errors import InputError
from ilvi_core.images import DISPLAY, open_source
from ilvi_core.matte import matte_values
from ilvi_core.pictures import ArraySource, Source

DEMO, SCENE, DEMO_FRAMES = "demo:", "scene:", 24


@dataclass(frozen=True)
class Pair:
    """A clip by its frames, and the matte that is laid over it.

    Paths as `ilvi render` takes them, or what needs no data: `demo:SEED` or `demo:SEED:FRAMES`, the demo's clip;
    `scene:KIND:SEED:FRAMES`, one kind of motion, and for the matte `scene:SEED:FRAMES`.
    """

    name: str
    frames: str
    matte: str


@dataclass(frozen=True)
class Composed:
    """truth: (T, h, w, 3) float32, 0..1.  holes: (T, h, w) bool.  choices: how it was made, in words."""

    name: str
    truth: np.ndarray
    holes: np.ndarray
    choices: tuple[str, ...]

    @property
    def plate(self) -> np.ndarray:
        """The truth with the holes blanked: nothing of it can be learned there."""
        return np.where(self.holes[..., None], np.float32(0.5), self.truth)


def draw_pairs(backgrounds: dict[str, str], mattes: dict[str, str], count: int, seed: int) -> list[Pair]:
    """`count` pairs of a background and another clip's matte, none twice. Both: name -> path.

    Every background comes as often as every other, or once more. InputError when there are not that many pairs.
    """
    random = np.random.default_rng(seed)
    names, left = list(backgrounds), {b: [m for m in mattes if m != b] for b in backgrounds}
    if count < 1 or count > sum(map(len, left.values())):
        raise InputError(
            f"{count} pairs are asked for; {len(backgrounds)} clips and {len(mattes)} mattes make "
            f"{sum(map(len, left.values()))}.",
            "Ask for fewer, or name more clips.",
        )
    pairs: list[Pair] = []
    while len(pairs) < count:
        for index in random.permutation(len(names)):
            name = names[index]
            if left[name] and len(pairs) < count:
                matte = left[name].pop(int(random.integers(len(left[name]))))
                pairs.append(Pair(f"{name}+{matte}", backgrounds[name], mattes[matte]))
    return pairs


def compose(pair: Pair, size: tuple[int, int], count: int = 0) -> Composed:
    """Read a pair and bring it to the working size. count: frames, from the first; 0: as many as both have.

    size: width, height, px. InputError where a clip cannot be read, is scene-linear, or its matte is empty or whole.
    """
    frames = _open(pair.frames, f"Clip {pair.name}", size, "truth")
    mattes = _open(pair.matte, f"Matte of {pair.name}", size, "matte")
    if frames.encoding != DISPLAY:
        raise InputError(f"Clip {pair.name} is scene-linear.", "The measures are of display values: convert it first.")
    length = min(len(frames.frames), len(mattes.frames))
    length = min(length, count) if count else length
    for source, what in ((frames, f"Clip {pair.name}"), (mattes, f"The matte of {pair.name}")):
        first = source.frames[0]
        if source.frames[:length] != list(range(first, first + length)):
            missing = next(n for n in range(first, first + length) if n not in source.frames)
            raise InputError(f"{what} has no frame {missing}.", "Render it again; a gap would pass for a jump.")
    truth = np.stack([_resized(crop(frames.read(f).rgb(), size), size) for f in frames.frames[:length]])
    holes = np.stack([_hole(mattes, f, size) for f in mattes.frames[:length]])
    if not holes.any() or holes.all():
        raise InputError(f"The matte of {pair.name} covers {holes.mean():.0%}.", "Choose another matte for it.")
    choices = [
        f"centre crop to the aspect of {size[0]}x{size[1]}, area resize",
        "a working pixel is hole when any pixel in it is matte (above .5); in the plate it is grey (.5)",
        f"frames 1 to {length} of {len(frames.frames)}, mattes 1 to {length} of {len(mattes.frames)}, in order",
    ]
    return Composed(pair.name, np.clip(truth, 0, 1), holes, tuple(choices))


def _open(text: str, what: str, size: tuple[int, int], part: str) -> Source | ArraySource:
    """A source of pictures by its path; of the demo's clip its `part`, twice as large as it is needed."""
    if text.startswith(SCENE):
        return _scene(text, what, size, part)
    if not text.startswith(DEMO):
        return open_source(text, what)
    found = re.fullmatch(r"demo:(\d{1,9})(?::(\d{1,4}))?", text)
    if not found or found[2] == "0":
        raise InputError(f"{what} is '{text}'.", "Write it as demo:SEED or demo:SEED:FRAMES, such as demo:3:24.")
    clip = make_clip(int(found[2] or DEMO_FRAMES), 2 * size[0], 2 * size[1], int(found[1]))
    return ArraySource(getattr(clip, part), what, DISPLAY)


def _scene(text: str, what: str, size: tuple[int, int], part: str) -> ArraySource:
    found = re.fullmatch(r"scene:(?:([a-z]+):)?(\d{1,9})(?::(\d{1,4}))?", text)
    if not found or found[3] == "0" or (part == "truth" and found[1] not in SCENES) or (part == "matte" and found[1]):
        raise InputError(
            f"{what} is '{text}'.",
            f"Write a clip as scene:KIND:SEED:FRAMES (KIND: {', '.join(SCENES)}), a matte as scene:SEED:FRAMES.",
        )
    count, seed = int(found[3] or DEMO_FRAMES), int(found[2])
    if part == "matte":
        return ArraySource(make_matte(count, *size, seed), what, DISPLAY)
    return ArraySource(make_scene(found[1], count, 2 * size[0], 2 * size[1], seed), what, DISPLAY)


def crop(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The largest part in the middle that has the aspect of `size` (width, height). (H, W) or (H, W, C)."""
    height, width = picture.shape[:2]
    aspect = size[0] / size[1]
    wanted = (min(width, round(height * aspect)), min(height, round(width / aspect)))
    left, top = (width - wanted[0]) // 2, (height - wanted[1]) // 2
    return picture[top : top + wanted[1], left : left + wanted[0]]


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Averaged down; a picture that is smaller than the size is refused, for its truth would be made up."""
    if picture.shape[1] < size[0] or picture.shape[0] < size[1]:
        raise InputError(
            f"A clip of {picture.shape[1]}x{picture.shape[0]} (cropped) is smaller than {size[0]}x{size[1]}.",
            "Use a smaller size.",
        )
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _hole(mattes: Source | ArraySource, frame: int, size: tuple[int, int]) -> np.ndarray:
    """(h, w) bool: every working pixel that the matte touches."""
    values = matte_values(mattes.read(frame), "luminance", False)
    touched = (crop(values, size) > 0.5).astype(np.float32)
    if touched.shape[1] < size[0] or touched.shape[0] < size[1]:
        return cv2.resize(touched, size, interpolation=cv2.INTER_NEAREST) > 0
    return cv2.resize(touched, size, interpolation=cv2.INTER_AREA) > 1e-6
