"""What donors left over, filled: smooth, by exemplars or by the network, whichever a test without truth finds best."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ilvi_core.complete import Neighbours
from ilvi_core.exemplar import KEYS, carried_exemplars
from ilvi_core.flow import Estimator, dis_flow
from ilvi_core.held_out import LEAST_TRIALS, Trial, Verdict, judged, regions, trials
from ilvi_core.host.errors import Cancelled
from ilvi_core.host.job import SolveSettings
from ilvi_core.learned import Box, Learned, Lesson, learn
from ilvi_core.matte import box_of
from ilvi_core.smooth import smooth_fill

SURE = 0.5  # confidence above which a donor is believed
LEAST_PIXELS, LEAST_PART = 64, 0.002  # of all frames, and of the hole: less remainder is not worth a training
LEAST_CONTEXT = 16  # px
CONTEXT = 0.5  # of the remainder's longer side, that the network sees round it
PRIOR = 0.25  # share of the exemplars where the test cannot tell: right more often than not, little harm where wrong
TEST_KEYS = 1  # key frames that the exemplars are tested with: the others would fare alike, and each takes seconds
SMOOTH, EXEMPLAR, NETWORK = "smooth", "exemplar", "network"
CODES = {SMOOTH: 1, EXEMPLAR: 2, NETWORK: 3}  # in Rest.chosen; 0: donors, or known

Tick = Callable[[int, int], None]
Added = tuple[np.ndarray, list[Verdict]]  # what a filler adds to the smooth fill, (T, h, w, 3); each region's verdict


@dataclass(frozen=True)
class Rest:
    """fill: (T, h, w, 3) float32 0..1; the plate where it is known.  chosen: (T, h, w) uint8, who filled a pixel
    (CODES).  record: for the manifest, numbers and words alone."""

    fill: np.ndarray
    chosen: np.ndarray
    record: dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """What all fillers see. fill: (T, h, w, 3), donors and smooth.  known, rest: (T, h, w) bool.  confidence: (T, h, w)
    float32.  numbered: (T, h, w), the remainder's regions.  tested: their trials; held: (T, h, w) bool, all of those;
    hidden: the fill with them smooth too.  box: where the network looks.  said: for the record."""

    fill: np.ndarray
    known: np.ndarray
    rest: np.ndarray
    confidence: np.ndarray
    flows: Neighbours
    numbers: tuple[int, ...]
    numbered: np.ndarray
    tested: list[Trial]
    held: np.ndarray
    hidden: np.ndarray
    box: Box
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Of the regions."""
        return int(self.numbered.max())


def fill_rest(
    plate: np.ndarray,
    known: np.ndarray,
    donors_fill: np.ndarray,
    confidence: np.ndarray,
    flows: Neighbours,
    settings: SolveSettings,
    device: str,
    *,
    filler: str = "auto",
    numbers: Sequence[int] | None = None,
    vgg: Any = None,
    estimate: Estimator = dis_flow,
    tick: Tick = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Rest:
    """Fill what of the hole no donor shows, in a fill that is smooth there.

    plate, donors_fill: (T, h, w, 3) float32 0..1.  known: (T, h, w) bool.  confidence: (T, h, w) float32 0..1.
    flows: completed, between neighbours.  filler: smooth, exemplar, network, or auto: by `held_out`'s test, region by
    region.  numbers: of the frames, absolute; noise is drawn from them.  tick(done, total).  Cancelled when stop()
    says so.
    """
    began = time.monotonic()
    hole = ~known
    rest = hole & (confidence <= SURE)
    least = max(LEAST_PIXELS, LEAST_PART * float(hole.sum()))
    if filler == SMOOTH or rest.sum() < least:
        why = "asked for" if filler == SMOOTH else "too little is left for more"
        return _left_smooth(plate, known, donors_fill, rest, why, began)
    numbers = tuple(numbers) if numbers is not None else tuple(range(len(rest)))
    scene = _scene(donors_fill, known, rest, confidence, flows, numbers, filler != EXEMPLAR)
    if filler == "auto" and _testable(scene) < least:
        return _left_smooth(plate, known, donors_fill, rest, "too little is known round it for a test", began)
    found: dict[str, Added] = {}
    if filler in (EXEMPLAR, "auto"):
        found[EXEMPLAR] = _exemplars(scene, filler == EXEMPLAR, device)
        tick(1, 10)
        if stop():
            raise Cancelled("Stopped.", "Nothing new was learned yet.")
    if filler in (NETWORK, "auto"):

        def learned(lesson: Lesson) -> Learned:
            return learn(lesson, scene.box, settings, device, vgg, estimate, lambda n, m: tick(m + 9 * n, 10 * m), stop)

        found[NETWORK] = _network(scene, filler == NETWORK, learned)
    fill, chosen = _joined(scene, found)
    scene.said["regions"] = _regions_record(scene, found)
    tick(1, 1)
    return Rest(np.where(known[..., None], plate, fill), chosen, _record(chosen, hole, "", scene.said, began))


def _left_smooth(
    plate: np.ndarray, known: np.ndarray, donors_fill: np.ndarray, rest: np.ndarray, why: str, began: float
) -> Rest:
    chosen = np.where(rest, np.uint8(CODES[SMOOTH]), np.uint8(0))
    return Rest(np.where(known[..., None], plate, donors_fill), chosen, _record(chosen, ~known, why, {}, began))


def _testable(scene: Scene) -> int:
    """Pixels of the regions that have trials enough."""
    tested = [t.region for t in scene.tested]
    return sum(int((scene.numbered == n).sum()) for n in set(tested) if tested.count(n) >= LEAST_TRIALS)


def _scene(
    fill: np.ndarray,
    known: np.ndarray,
    rest: np.ndarray,
    confidence: np.ndarray,
    flows: Neighbours,
    numbers: tuple[int, ...],
    with_trials: bool,
) -> Scene:
    numbered, box = regions(rest), around(rest, CONTEXT)
    near, held = np.zeros_like(rest), np.zeros_like(rest)
    near[(slice(None), *box)] = True
    tested = trials(numbered, known & near, fill) if with_trials else []
    for trial in tested:
        held |= trial.mask
    hidden = np.stack([smooth_fill(p, ~m) for p, m in zip(fill, held | rest, strict=True)])
    return Scene(fill, known, rest, confidence, flows, numbers, numbered, tested, held, hidden, box)


def around(rest: np.ndarray, context: float) -> Box:
    """The box of the remainder in all frames, with a margin of its longer side. rest: (T, h, w) bool."""
    somewhere = np.asarray(rest.any(0))
    longer = max(at.stop - at.start for at in box_of(somewhere))
    return box_of(somewhere, max(int(context * longer), LEAST_CONTEXT))


_ASKED_FOR = Verdict(0.0, 0.0, 1.0, True)


def _exemplars(scene: Scene, asked: bool, device: str) -> Added:
    """What exemplars add. asked: without a test."""
    verdicts = [_ASKED_FOR] * scene.count
    if not asked:
        missing = scene.rest | scene.held
        added, reached, _ = carried_exemplars(
            scene.hidden, missing, scene.known & ~missing, scene.flows, device, TEST_KEYS
        )
        verdicts = _verdicts(scene, added, [Trial(t.region, t.mask & reached) for t in scene.tested], PRIOR)
        if not any(v.accepted for v in verdicts):
            return np.zeros_like(scene.fill), verdicts
    added, _, keys = carried_exemplars(scene.fill, scene.rest, scene.known, scene.flows, device, KEYS)
    scene.said["key_frames"] = [scene.numbers[k] for k in keys]
    return added, verdicts


def _network(scene: Scene, asked: bool, learn_it: Callable[[Lesson], Learned]) -> Added:
    """What the network adds. asked: without a test."""
    if not scene.tested and not asked:  # it could not be believed
        return np.zeros_like(scene.fill), [Verdict(0.0, 0.0, 0.0, False)] * scene.count
    missing = scene.rest | scene.held
    weight = np.where(missing, 0, np.where(scene.known, 1, scene.confidence)).astype(np.float32)
    learned = learn_it(Lesson(scene.hidden, weight, scene.held, scene.fill, scene.flows, scene.numbers))
    scene.said["updates"] = {
        "done": learned.updates,
        "kept": learned.best,
        "held_out": [round(e, 4) for e in learned.errors],
    }
    added = _beyond_smooth(learned.picture, scene.rest)
    if asked:
        return added, [_ASKED_FOR] * scene.count
    return added, _verdicts(scene, _beyond_smooth(learned.picture, missing), scene.tested)


def _verdicts(scene: Scene, added: np.ndarray, tested: list[Trial], prior: float = 0.0) -> list[Verdict]:
    numbers = range(1, scene.count + 1)
    return [judged(scene.fill, scene.hidden, added, [t for t in tested if t.region == n], prior) for n in numbers]


def _beyond_smooth(picture: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """What a picture has in the missing pixels beyond the membrane through its own values round them: added to another
    membrane it makes a fill without a seam, the colour step spread. (T, h, w, 3), 0 elsewhere."""
    return np.stack([p - smooth_fill(p, ~m) for p, m in zip(picture, missing, strict=True)])


def _joined(scene: Scene, found: dict[str, Added]) -> tuple[np.ndarray, np.ndarray]:
    """The fill with each region's best filler in it, and who that is."""
    fill = scene.fill.copy()
    chosen = np.where(scene.rest, np.uint8(CODES[SMOOTH]), np.uint8(0))
    # towards the donors that are believed an addition fades out
    fade = (1 - scene.confidence / SURE).clip(0, 1)[..., None]
    for region in range(1, scene.count + 1):
        name = best_filler(region, found)
        if name == SMOOTH:
            continue
        added, verdicts = found[name]
        here = scene.numbered == region
        fill[here] += verdicts[region - 1].share * (fade * added)[here]
        chosen[here] = CODES[name]
    return fill.clip(0, 1), chosen


def best_filler(region: int, found: dict[str, Added]) -> str:
    """The accepted one that gains most in the region's trials; smooth where none is."""
    gains = {n: v[region - 1].smooth - v[region - 1].error for n, (_, v) in found.items() if v[region - 1].accepted}
    return max(gains, key=lambda name: gains[name]) if gains else SMOOTH


def _regions_record(scene: Scene, found: dict[str, Added]) -> list[dict[str, Any]]:
    return [
        {
            "pixels": int((scene.numbered == region).sum()),
            "filler": best_filler(region, found),
            **{name: asdict(verdicts[region - 1]) for name, (_, verdicts) in found.items()},
        }
        for region in range(1, scene.count + 1)
    ]


def _record(chosen: np.ndarray, hole: np.ndarray, why: str, said: dict[str, Any], began: float) -> dict[str, Any]:
    """Shares of the hole by filler, which add up to 1, and what was said."""
    total = max(int(hole.sum()), 1)
    shares = {name: float((chosen == code).sum()) / total for name, code in CODES.items()}
    shares = {"donors": float((hole & (chosen == 0)).sum()) / total, **shares}
    return {"shares": shares, "why": why, **said, "seconds": round(time.monotonic() - began, 2)}
