"""The remainder: exemplars continue what is seen, the test without truth is honest, the record adds up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from ilvi_core.complete import Neighbours
from ilvi_core.exemplar import carried_exemplars, exemplar_fill
from ilvi_core.held_out import CAUTION, Trial, Verdict, judged, regions, shifted, trials
from ilvi_core.host.errors import Cancelled
from ilvi_core.host.job import SolveSettings
from ilvi_core.learned import Lesson, learn
from ilvi_core.losses import reconstruction_loss
from ilvi_core.rest import CODES, LEAST_PIXELS, Rest, around, fill_rest
from ilvi_core.smooth import smooth_fill

HEIGHT, WIDTH = 64, 96
SETTINGS = SolveSettings(seed=3, max_updates=2, guard_weight=0.1, learning_rate=0.005, batch=2, intervals=(1,))


def stripes(shift: int = 0, period: int = 8) -> np.ndarray:
    """(h, w, 3): upright stripes under a slow ramp, moved to the left by `shift` px."""
    x = (np.arange(WIDTH) + shift) % period < period // 2
    rows = np.linspace(0.0, 0.1, HEIGHT, dtype=np.float32)[:, None]
    return np.repeat((0.25 + 0.5 * x[None, :] + rows)[..., None], 3, 2).astype(np.float32)


def pan(count: int, step: int) -> tuple[np.ndarray, np.ndarray, Neighbours]:
    """Stripes that a camera pans over, what nobody sees of them (it moves along), and the flow."""
    truth = np.stack([stripes(step * t) for t in range(count)])
    rest = np.zeros((count, HEIGHT, WIDTH), bool)
    for t in range(count):
        rest[t, 24:40, 40 - step * t : 58 - step * t] = True
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    flow[..., 0] = -step
    return truth, rest, Neighbours([flow] * (count - 1), [-flow] * (count - 1))


def smoothed(truth: np.ndarray, rest: np.ndarray) -> np.ndarray:
    return np.stack([smooth_fill(p, ~r) for p, r in zip(truth, rest, strict=True)])


def solved(filler: str, count: int = 3, settings: SolveSettings = SETTINGS) -> tuple[Rest, np.ndarray, np.ndarray]:
    truth, rest, flows = pan(count, 2)
    plate = np.where(rest[..., None], np.float32(np.nan), truth)
    confidence = np.where(rest, 0, 1).astype(np.float32)
    return (
        fill_rest(plate, ~rest, smoothed(truth, rest), confidence, flows, settings, "cpu", filler=filler),
        truth,
        rest,
    )


# -- exemplars ------------------------------------------------------------------------------------------------


def test_exemplars_continue_stripes_where_the_smooth_fill_blurs_them() -> None:
    truth, rest, _ = pan(1, 0)
    found = exemplar_fill(np.where(rest[0][..., None], np.float32(np.nan), truth[0]), rest[0], ~rest[0])
    error, blurred = (np.square(p - truth[0])[rest[0]].mean() for p in (found, smooth_fill(truth[0], ~rest[0])))
    assert error < 0.05 * blurred
    np.testing.assert_array_equal(found[~rest[0]], truth[0][~rest[0]])


def test_exemplars_take_nothing_from_what_is_not_usable() -> None:
    truth, rest, _ = pan(1, 0)
    usable = ~rest[0].copy()
    usable[:, 70:] = False
    other = truth[0].copy()
    other[:, 70:] = 1.0
    first = exemplar_fill(truth[0], rest[0], usable)
    # the start is smooth and sees all that is known; what is copied is not
    np.testing.assert_allclose(exemplar_fill(other, rest[0], usable)[rest[0]], first[rest[0]], atol=2e-3)


def test_with_nothing_to_take_the_fill_stays_smooth() -> None:
    truth, rest, _ = pan(1, 0)
    found = exemplar_fill(truth[0], rest[0], np.zeros_like(rest[0]))
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[~rest[0]], truth[0][~rest[0]])


def test_a_key_frame_is_carried_over_a_pan() -> None:
    truth, rest, flows = pan(5, 3)
    smooth = smoothed(truth, rest)
    added, reached, keys = carried_exemplars(smooth, rest, ~rest, flows)
    assert len(keys) == 1
    assert reached[rest].mean() > 0.99
    assert not added[~rest].any()
    fill = smooth + added
    for t in range(1, 5):  # the same piece of the world in every frame, 3 px further on
        now, before = fill[t, 26:38, 42 - 3 * t : 56 - 3 * t], fill[0, 26:38, 42:56]
        assert np.abs(now - before).mean() < 0.02
    assert np.square(fill - truth)[rest].mean() < 0.1 * np.square(smooth - truth)[rest].mean()


# -- the test without truth -----------------------------------------------------------------------------------


def test_regions_are_followed_through_time() -> None:
    _, rest, _ = pan(4, 2)
    rest[:, 5:15, 80:90] = True
    rest[0, 60, 5] = True  # a speck, judged with the other small ones
    found = regions(rest)
    assert found.max() == 3
    assert (found > 0).tolist() == rest.tolist()
    assert len(np.unique(found[:, 24:40][rest[:, 24:40]])) == 1


def test_trials_lie_on_what_is_known_and_apart() -> None:
    truth, rest, _ = pan(4, 2)
    known = ~rest
    known[:, :, :10] = False
    found = trials(regions(rest), known, truth)
    assert found
    total = np.zeros(rest.shape, int)
    for trial in found:
        assert trial.region == 1
        assert known[trial.mask].all()
        total += trial.mask
    assert total.max() == 1


def test_shifting_brings_nothing_in_from_the_other_side() -> None:
    mask = np.ones((1, 4, 5), bool)
    assert shifted(mask, 2, -1).sum() == 3 * 3
    assert shifted(mask, 2, -1)[0, :3, 2:].all()


def trial_of(seed: int) -> tuple[np.ndarray, np.ndarray, list[Trial]]:
    """Truth, its smooth fill, and three trials in 4 frames."""
    random = np.random.default_rng(seed)
    truth = random.random((4, 20, 60, 3), np.float32)
    masks = [np.zeros((4, 20, 60), bool) for _ in range(3)]
    for n, mask in enumerate(masks):
        mask[:, 5:12, 4 + 18 * n : 14 + 18 * n] = True
    return truth, smoothed(truth, masks[0] | masks[1] | masks[2]), [Trial(1, m) for m in masks]


def test_a_filler_that_is_right_is_accepted_and_one_that_invents_is_not() -> None:
    truth, smooth, tested = trial_of(0)
    right = judged(truth, smooth, truth - smooth, tested)
    assert right.accepted
    assert right.share == pytest.approx(CAUTION)
    assert right.error == pytest.approx((1 - CAUTION) ** 2 * right.smooth)
    invented = np.random.default_rng(1).random(truth.shape, np.float32) - smooth
    refused = judged(truth, smooth, invented, tested)
    assert not refused.accepted
    assert refused.share == 0


def test_what_holds_in_one_place_alone_is_refused() -> None:
    truth, smooth, tested = trial_of(0)
    added = np.where(tested[0].mask[..., None], smooth - truth, truth - smooth)
    assert not judged(truth, smooth, added, tested).accepted


def test_with_few_trials_nothing_is_accepted() -> None:
    truth, smooth, tested = trial_of(0)
    for few in (tested[:2], []):
        assert not judged(truth, smooth, truth - smooth, few).accepted


# -- the network ----------------------------------------------------------------------------------------------


def test_a_weight_of_zero_takes_no_part_and_half_counts_half() -> None:
    image = torch.zeros(1, 3, 2, 2)
    target = torch.tensor([[1.0, 0.0], [0.0, 5.0]]).expand(1, 3, 2, 2)
    weight = torch.tensor([[0.5, 1.0], [1.0, 0.0]])[None, None]
    assert reconstruction_loss(image, target, weight.sqrt()) == pytest.approx(0.5 / 2.5)


def test_held_out_pixels_are_not_learned_from() -> None:
    truth, rest, flows = pan(3, 2)
    held = shifted(rest, -30, 0)
    weight = (~rest & ~held).astype(np.float32)
    out = []
    for value in (0.0, 1.0):
        pictures = np.where((weight > 0)[..., None], truth, np.float32(value))
        lesson = Lesson(pictures, weight, np.zeros_like(held), truth, flows, (5, 6, 7))
        learned = learn(lesson, (slice(0, HEIGHT), slice(0, WIDTH)), SETTINGS, "cpu")
        assert learned.updates == 2
        out.append(learned.picture)
    np.testing.assert_array_equal(*out)


# -- all together ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filler", ["smooth", "exemplar", "network", "auto"])
def test_the_record_adds_up_and_the_known_stays_as_it_is(filler: str) -> None:
    ticks: list[float] = []
    truth, rest, flows = pan(3, 2)
    confidence = np.where(rest, 0.2, 1).astype(np.float32)
    found = fill_rest(
        truth, ~rest, smoothed(truth, rest), confidence, flows, SETTINGS, "cpu",
        filler=filler, tick=lambda done, total: ticks.append(done / total),
    )  # fmt: skip
    np.testing.assert_array_equal(found.fill[~rest], truth[~rest])
    assert np.isfinite(found.fill).all()
    assert 0 <= found.fill.min() <= found.fill.max() <= 1
    assert sum(found.record["shares"].values()) == pytest.approx(1)
    assert not found.chosen[~rest].any()
    assert ticks == sorted(ticks)
    names = {code: name for name, code in CODES.items()}
    for code in np.unique(found.chosen[rest]):
        assert found.record["shares"][names[code]] == pytest.approx((found.chosen[rest] == code).mean())
    if filler in CODES:
        assert found.record["shares"][filler] == 1


def test_auto_takes_the_exemplars_for_stripes() -> None:
    found, truth, rest = solved("auto")
    assert found.record["regions"][0]["filler"] == "exemplar"
    assert np.square(found.fill - truth)[rest].mean() < 0.5 * np.square(smoothed(truth, rest) - truth)[rest].mean()


def test_the_same_again_is_the_same() -> None:
    first, second = solved("network")[0], solved("network")[0]
    np.testing.assert_array_equal(first.fill, second.fill)


def test_a_tiny_remainder_is_left_smooth() -> None:
    truth, rest, flows = pan(2, 2)
    small = np.zeros_like(rest)
    small[:, 30:34, 50:57] = True
    assert small.sum() < LEAST_PIXELS
    fill = smoothed(truth, small)
    found = fill_rest(truth, ~small, fill, (~small).astype(np.float32), flows, SETTINGS, "cpu")
    np.testing.assert_array_equal(found.fill, fill)
    assert found.record["shares"]["smooth"] == 1
    assert "too little" in found.record["why"]


def test_without_room_for_a_test_nothing_is_trained() -> None:
    truth, _, flows = pan(2, 2)
    rest = np.zeros((2, HEIGHT, WIDTH), bool)
    rest[:, 4:60, 10:86] = True
    fill = smoothed(truth, rest)
    found = fill_rest(truth, ~rest, fill, (~rest).astype(np.float32), flows, SETTINGS, "cpu")
    np.testing.assert_array_equal(found.fill, fill)
    assert "for a test" in found.record["why"]
    assert "updates" not in found.record


def test_one_frame_is_enough() -> None:
    found, truth, rest = solved("network", count=1)
    np.testing.assert_array_equal(found.fill[~rest], truth[~rest])


def test_donors_fade_into_the_fill() -> None:
    truth, rest, flows = pan(2, 2)
    confidence = np.where(rest, 0.5, 1).astype(np.float32)  # as good as believed: nothing may change
    fill = smoothed(truth, rest)
    found = fill_rest(truth, ~rest, fill, confidence, flows, SETTINGS, "cpu", filler="exemplar")
    np.testing.assert_array_equal(found.fill, fill)


def test_it_stops_when_it_is_asked_to() -> None:
    truth, rest, flows = pan(2, 2)
    settings = dataclasses.replace(SETTINGS, max_updates=1000)
    with pytest.raises(Cancelled):
        fill_rest(
            truth, ~rest, smoothed(truth, rest), (~rest).astype(np.float32), flows, settings, "cpu", stop=lambda: True
        )


def test_the_box_has_context_and_stays_in_the_frame() -> None:
    _, rest, _ = pan(2, 2)
    rows, columns = around(rest, 0.5)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (8, 56, 22, 74)


def test_where_the_test_cannot_tell_the_prior_decides_unless_it_does_harm():
    random = np.random.default_rng(0)
    plate = random.random((1, 32, 32, 3)).astype(np.float32)
    smooth, mask = np.full_like(plate, 0.5), np.ones((1, 32, 32), bool)
    right, wrong = (plate - smooth) * 0.5, (smooth - plate) * 0.5
    assert judged(plate, smooth, right, [], prior=0.25) == Verdict(0.0, 0.0, 0.25, True)
    assert not judged(plate, smooth, right, [], prior=0.0).accepted
    one = [Trial(1, mask)]
    assert judged(plate, smooth, right, one, prior=0.25).share == 0.25
    assert not judged(plate, smooth, wrong, one, prior=0.25).accepted
    assert not judged(plate, smooth, right, one).accepted  # without a prior one trial is no test
