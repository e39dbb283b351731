"""A job: one clip, what to learn from it, how to composite, where to run. The same file serves every front end."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ilvi_core.host.checks import make, normalise, one_of, within
from ilvi_core.host.errors import InputError
from ilvi_core.host.split import Split

JOB_VERSION = 1
LONGEST_RANGE = 100_000  # frames; beyond it somebody has typed a wrong number
OURS = "ilvi"  # the method that is not the paper's
PAPER_METHODS = ("dip", "dip-vid", "dip-vid-3dcn", "dip-vid-flow")
METHOD_NAMES = (OURS, *PAPER_METHODS)
PRESET_NAMES = ("draft", "production", "paper")
FLOW_INTERVALS = (1, 3, 5)  # the ranges of the flow branch, in the order of its channels
VIEWS = ("result", "fill", "matte", "overlay", "confidence")
FORMATS = ("auto", "exr", "npy", "png", "tif", "dpx")
ENCODINGS = ("auto", "linear", "encoded")
MOTIONS = ("auto", "static", "planar", "free")
REMAINDERS = ("auto", "smooth", "exemplar", "network")
PERCEPTUAL_LAYERS = ("relu1_2", "relu2_2", "relu3_3")
_SAVE_AGAIN = "Save the job again with --save-job."
_RANGE = re.compile(r"\s*(-?\d{1,18})(?:\s*-\s*(-?\d{1,18}))?(?:\s*[xX:]\s*(\d{1,18}))?\s*", re.ASCII)


@dataclass(frozen=True)
class FrameRange:
    """Frames first..last, both included; every `step`-th is written, training sees them all."""

    first: int
    last: int
    step: int = 1

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InputError(
                f"Frame range {self.first}-{self.last} is reversed.",
                f"Write the lower frame first: {self.last}-{self.first}.",
            )
        if self.step < 1:
            raise InputError(f"Frame step is {self.step}, expected 1 or more.", "Write a range such as 1001-1060x2.")
        if self.last - self.first >= LONGEST_RANGE:
            raise InputError(
                f"Frame range {self} has {self.last - self.first + 1} frames; at most {LONGEST_RANGE} are taken.",
                "Check the range for a digit too many.",
            )

    @classmethod
    def parse(cls, text: str) -> FrameRange:
        """From `1001-1060`, `1001-1060x2` (or `:2`, OpenJD's way) or `1001`; frames may be negative.

        Also from a list of those, as a farm's chunk is written (`9,11` or `9-13:2,15`), whose frames are evenly spaced.
        """
        if "," in text and all(map(_RANGE.fullmatch, text.split(","))):
            return cls._of([frame for part in text.split(",") for frame in cls.parse(part).written()], text)
        found = _RANGE.fullmatch(text)
        if not found:
            raise InputError(f"'{text}' is not a frame range.", "Write it as 1001-1060, 1001-1060x2 or 1001.")
        first, last, step = found.groups()
        return cls(int(first), int(last if last is not None else first), int(step) if step is not None else 1)

    @classmethod
    def _of(cls, frames: list[int], text: str) -> FrameRange:
        step = frames[1] - frames[0]
        if step < 1 or any(b - a != step for a, b in zip(frames, frames[1:])):
            raise InputError(f"The frames {text} are not evenly spaced.", "Name ranges one by one, as 1001-1060x2.")
        return cls(frames[0], frames[-1], step)

    def openjd(self) -> str:
        """As Open Job Description writes it: `1001-1059:2`."""
        last = self.written()[-1]
        span = str(self.first) if self.first == last else f"{self.first}-{last}"
        return span if self.step == 1 or self.first == last else f"{span}:{self.step}"

    def frames(self) -> range:
        """Every frame: what is trained on."""
        return range(self.first, self.last + 1)

    def written(self) -> range:
        """The frames that are written."""
        return range(self.first, self.last + 1, self.step)

    def __str__(self) -> str:
        span = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return span if self.step == 1 else f"{span}x{self.step}"


@dataclass(frozen=True)
class ImageSequence:
    """Where pictures are: a frame pattern (`%04d`, `####`, `@@@@`), a folder, one file or a movie."""

    path: str
    layer: str = ""  # which layer of a many-layered file; empty: its main picture

    def __post_init__(self) -> None:
        normalise(self)


@dataclass(frozen=True)
class SolveSettings:
    """What is learned: a change of any of these trains again. The defaults are the paper's values."""

    method: str = "dip-vid-flow"  # ilvi (ours), or the paper's: dip, dip-vid, dip-vid-3dcn, dip-vid-flow
    seed: int = 0  # of noise, initialisation and batch order
    # the clip
    encoding: str = "auto"  # of the plate's values: by its file (auto), scene-linear (linear), or encoded (sRGB, log)
    # the hole
    matte_channel: str = "auto"  # auto: alpha unless it is constant 1, else luminance; or luminance, alpha, R, G, ...
    matte_invert: bool = False  # the matte is 1 where the plate is to be kept
    matte_threshold: float = 0.0  # a pixel whose matte is above this belongs to the hole
    solve_dilate: int = 0  # px at plate size by which the hole is larger than the matte
    # what the network sees
    size: tuple[int, int] = (384, 192)  # working width and height, px
    region: str = "frame"  # frame: the largest crop of that aspect; hole: close round it; around: any shape round it
    context: float = 0.5  # margin on each side: 'hole' as a fraction of its box, 'around' of its longer side in a frame
    window: int = 0  # frames that are solved together; 0: the whole range (ilvi: up to 64)
    # ilvi: known pixels of other frames first, learning for what no frame shows
    motion: str = "auto"  # of the background: auto, static (the camera stands), planar, or free (nothing is assumed)
    remainder: str = "auto"  # what no frame shows: smooth, exemplar, network, or auto, which tries them without truth
    noise: float = 0.1  # the input noise is uniform between 0 and this
    initialisation: str = "lecun"  # of the weights: lecun, he (wider, for LeakyReLU) or uniform (PyTorch's default)
    # the schedule (N, M, E of the supplement's section 3)
    batch: int = 5  # N, frames
    updates_per_batch: int = 100  # M, on each batch before the next one
    epochs: int = 20  # E; each goes through all possible batches once
    max_updates: int = 0  # stop after so many for each network; 0: no such limit
    intervals: tuple[int, ...] = FLOW_INTERVALS  # frame distances of batches and flow (dip-vid-flow; the others use 1)
    directions: str = "one"  # of flow in an update: one (forward or backward) or both (half as many batches)
    dip_updates: int = 5000  # dip: updates for each frame
    keep_best_every: int = 100  # dip: the best of the states after every so many updates is the result
    learning_rate: float = 0.01  # Adam
    rate_schedule: str = "constant"  # or cosine: down to nothing at the last update
    weight_average: float = 0.0  # decay of the weights' moving average, then the result (but for dip's best); 0: none
    patience: int = 0  # stop after so many updates without 1% less L_r; 0: never
    # the losses (eq. 2)
    reconstruction_weight: float = 1.0  # of L_r, eq. 3
    flow_weight: float = 0.1  # of L_f, eq. 4
    consistency_weight: float = 1.0  # of L_c, eq. 5
    perceptual_weight: float = 0.01  # of L_p, eq. 6
    loss_average: str = "mask"  # each term is the mean over its mask's pixels, or over the whole frame's: mask, frame
    guard_weight: float = 0.0  # ours: a pull of the hole to its smooth fill, fading to 0, against inventing
    perceptual_layers: tuple[str, ...] = PERCEPTUAL_LAYERS  # K of eq. 6
    consistency_gradient: str = "both"  # which of L_c's two frames learns from it: both, warped or reference
    # the flow that L_f is taught
    flow: str = "auto"  # auto: RAFT when its weights are there, else DIS; dis, raft_large, raft_small
    flow_input: str = "plate"  # plate: as it is, removed object and all; filled: the hole smoothly filled first
    flow_margin: int = 0  # working px round the hole in which the flow is not believed
    precision: str = "float32"  # or auto: bfloat16 where the device is faster at it; or bfloat16

    def __post_init__(self) -> None:
        normalise(self)
        one_of(self, "method", METHOD_NAMES)
        one_of(self, "encoding", ENCODINGS)
        one_of(self, "region", ("frame", "hole", "around"))
        one_of(self, "motion", MOTIONS)
        one_of(self, "remainder", REMAINDERS)
        one_of(self, "initialisation", ("lecun", "he", "uniform"))
        one_of(self, "directions", ("one", "both"))
        one_of(self, "rate_schedule", ("constant", "cosine"))
        one_of(self, "loss_average", ("mask", "frame"))
        one_of(self, "consistency_gradient", ("both", "warped", "reference"))
        one_of(self, "flow", ("auto", "dis", "raft_large", "raft_small"))
        one_of(self, "flow_input", ("plate", "filled"))
        one_of(self, "precision", ("float32", "auto", "bfloat16"))
        if len(self.size) != 2:
            raise InputError(f"size is {list(self.size)}, expected width and height.", "Write it as 384x192.")
        for side in self.size:
            within("size", side, 16, 8192)
        for interval in self.intervals:
            if interval not in FLOW_INTERVALS:
                raise InputError(
                    f"intervals holds {interval}; the flow branch has 1, 3 and 5 only.", "Use a subset of 1,3,5."
                )
        if not self.intervals or len(set(self.intervals)) != len(self.intervals):
            raise InputError("intervals must name each interval once, and at least one.", "Use a subset of 1,3,5.")
        if not self.perceptual_layers:
            raise InputError("perceptual_layers is empty.", "For no perceptual loss set perceptual_weight=0.")
        for layer in self.perceptual_layers:
            if layer not in PERCEPTUAL_LAYERS:
                raise InputError(f"perceptual_layers holds '{layer}'.", f"There are {', '.join(PERCEPTUAL_LAYERS)}.")
        for name, low, high in _SOLVE_LIMITS:
            within(name, getattr(self, name), low, high)


_SOLVE_LIMITS = (
    ("seed", 0, 2**31 - 1),
    ("matte_threshold", 0.0, 0.999),
    ("solve_dilate", 0, 1024),
    ("context", 0.0, 100.0),
    ("window", 0, LONGEST_RANGE),
    ("noise", 1e-6, 1e3),
    ("batch", 1, 256),
    ("updates_per_batch", 1, 1_000_000),
    ("epochs", 1, 1_000_000),
    ("max_updates", 0, 1_000_000_000),
    ("dip_updates", 1, 10_000_000),
    ("keep_best_every", 0, 10_000_000),
    ("learning_rate", 1e-8, 10.0),
    ("weight_average", 0.0, 0.999999),
    ("patience", 0, 10_000_000),
    ("reconstruction_weight", 0.0, 1e6),
    ("flow_weight", 0.0, 1e6),
    ("consistency_weight", 0.0, 1e6),
    ("perceptual_weight", 0.0, 1e6),
    ("guard_weight", 0.0, 1e6),
    ("flow_margin", 0, 1024),
)


@dataclass(frozen=True)
class CompSettings:
    """How the fill meets the plate: a change of these never trains again."""

    comp_dilate: int = 0  # px at plate size by which the comp matte is larger than the matte
    comp_feather: float = 0.0  # px of falling edge outside it; both stay inside the hole
    match_edge: bool = False  # spread the colour step at the comp matte's edge smoothly over the fill
    regrain: bool = False  # ilvi: give what was generated the plate's own grain
    aov: bool = False  # EXR: also write the layers fill, comp (the comp matte), confidence, source and stmap
    view: str = "result"  # or fill: it alone; matte, confidence: those, as grey; overlay: the plate, the comp matte red
    format: str = "auto"  # of frames that have no name of their own: the plate's, or exr, npy, png, tif, dpx

    def __post_init__(self) -> None:
        normalise(self)
        one_of(self, "view", VIEWS)
        one_of(self, "format", FORMATS)
        within("comp_dilate", self.comp_dilate, 0, 1024)
        within("comp_feather", self.comp_feather, 0.0, 1024.0)


@dataclass(frozen=True)
class RunOptions:
    """Where and how it runs; changes neither what is learned nor the composite."""

    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps
    resume: bool = False  # go on from the checkpoint beside the output
    checkpoint_every: float = 60.0  # seconds between checkpoints
    memory: float = 0.0  # GiB that may be used; 0: half of the machine's

    def __post_init__(self) -> None:
        normalise(self)
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device, re.ASCII):
            raise InputError(f"'{self.device}' is not a device.", "Use auto, cpu, cuda, cuda:1 or mps.")
        within("checkpoint_every", self.checkpoint_every, 0.0, 86400.0)
        within("memory", self.memory, 0.0, 1e6)


@dataclass(frozen=True)
class Job:
    """One request. `solve` and `comp` hold only what was asked beyond the preset; the worker resolves the rest."""

    plate: ImageSequence
    matte: ImageSequence
    output: str  # a pattern, a folder, a file or a movie; empty: the frames are kept in the cache
    frames: FrameRange | None = None  # none: every frame that the plate has
    preset: str = "draft"
    solve: dict[str, Any] = field(default_factory=dict)
    comp: dict[str, Any] = field(default_factory=dict)
    run: RunOptions = RunOptions()
    holdout: ImageSequence | None = None  # a matte of pixels that are not to be used as donors (ilvi)
    clean_plates: dict[int, str] = field(
        default_factory=dict
    )  # frame -> a file that shows it without the object (ilvi)
    split: Split | None = None  # into windows that are solved by themselves; none: the clip as a whole

    def __post_init__(self) -> None:
        if not isinstance(self.output, str):
            raise InputError(f"output is '{self.output}', expected text.", "Give a folder or a file pattern.")
        if self.preset not in PRESET_NAMES:
            raise InputError(f"There is no preset '{self.preset}'.", f"There are {', '.join(PRESET_NAMES)}.")
        make(SolveSettings, self.solve)
        make(CompSettings, self.comp)
        object.__setattr__(self, "clean_plates", _clean_plates(self.clean_plates))

    def to_json(self) -> str:
        """The job file's text, paths made absolute so that it can be sent anywhere."""
        plate, matte = (dataclasses.replace(s, path=absolute(s.path)) for s in (self.plate, self.matte))
        record = {
            "ilvi_job": JOB_VERSION,
            "plate": dataclasses.asdict(plate),
            "matte": dataclasses.asdict(matte),
            "output": absolute(self.output),
            "frames": str(self.frames) if self.frames else None,
            "preset": self.preset,
            "solve": self.solve,
            "comp": self.comp,
            "run": dataclasses.asdict(self.run),
        }
        # an ILVI of before reads every job that does not ask for these
        if self.holdout is not None:
            holdout = dataclasses.replace(self.holdout, path=absolute(self.holdout.path))
            record["holdout"] = dataclasses.asdict(holdout)
        if self.clean_plates:
            record["clean_plates"] = {str(frame): absolute(path) for frame, path in self.clean_plates.items()}
        if self.split is not None:
            record["split"] = str(self.split)
        return json.dumps(record, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, name: str = "job") -> Job:
        """From a job file's text. InputError on anything unknown, missing or of another version."""
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{name} is not a job file: {error}.", "Make one with 'ilvi render ... --save-job FILE'."
            ) from None
        if not isinstance(record, dict) or "ilvi_job" not in record:
            raise InputError(f"{name} is not a job file.", "Make one with 'ilvi render ... --save-job FILE'.")
        version = record.pop("ilvi_job")
        if version != JOB_VERSION:
            raise InputError(
                f"{name} is a job of version {version}; this ILVI reads version {JOB_VERSION}.",
                "Save the job again with this version, or use the ILVI that made it.",
            )
        names = {f.name for f in dataclasses.fields(cls)}
        for key in record:
            if key not in names:
                raise InputError(f"{name} has an unknown entry '{key}'.", f"Known are {', '.join(sorted(names))}.")
        for key in ("plate", "matte", "output"):
            if key not in record:
                raise InputError(f"{name} has no '{key}'.", _SAVE_AGAIN)
        for key in ("plate", "matte", *(["holdout"] if record.get("holdout") is not None else [])):
            if not isinstance(record[key], dict):
                raise InputError(f"{name} has '{record[key]}' as its {key}, expected path and layer.", _SAVE_AGAIN)
            record[key] = make(ImageSequence, record[key])
        if record.get("frames") is not None:
            record["frames"] = FrameRange.parse(str(record["frames"]))
        if record.get("split") is not None:
            record["split"] = Split.parse(str(record["split"]))
        record["run"] = make(RunOptions, record.get("run", {}))
        return cls(**record)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the job file, whole or not at all."""
        target = Path(path)
        partial = target.with_name(f".tmp_{os.getpid()}_{target.name}")
        text = self.to_json()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, target)
        except OSError as error:
            raise InputError(
                f"The job file {target} cannot be written: {error.strerror}.", "Choose another place."
            ) from None
        finally:
            with contextlib.suppress(OSError):  # gone already when all went well
                partial.unlink()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Job:
        try:
            text = Path(path).read_text(encoding="utf-8-sig")  # Windows editors put a mark in front
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise InputError(f"The job file {path} cannot be read: {reason}.", "Check the path.") from None
        return cls.from_json(text, str(path))


def _clean_plates(given: Any) -> dict[int, str]:
    """With whole numbers as frames, as JSON cannot have them."""
    if not isinstance(given, dict) or not all(isinstance(path, str) and path.strip() for path in given.values()):
        raise InputError(f"clean_plates is '{given}', expected frames and files.", "Write --clean-plate FRAME=FILE.")
    try:
        return {int(frame): path for frame, path in given.items()}
    except (TypeError, ValueError):
        raise InputError(
            f"clean_plates names the frame '{next(iter(given))}', expected a whole number.",
            "Write --clean-plate FRAME=FILE.",
        ) from None


def absolute(path: str) -> str:
    """The path from the root, its closing slash (a folder is meant) kept; an empty one stays empty, to be refused."""
    if not path.strip():
        return path
    whole = os.path.abspath(os.path.expanduser(path))
    return os.path.join(whole, "") if path.endswith(("/", os.sep)) else whole
