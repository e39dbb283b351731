"""The training loop: resume, divergence, the best of the states, settled statistics, early stop."""

import dataclasses

import numpy as np
import pytest
import torch

from ilvi_core import losses, methods, train, window
from ilvi_core.entry import Entry, begin
from ilvi_core.filling import fills, settle, tiles
from ilvi_core.flow import dis_flow
from ilvi_core.host.errors import Cancelled, IlviError
from ilvi_core.host.job import PAPER_METHODS, SolveSettings
from ilvi_core.network import generate
from ilvi_core.train import Hooks, Trainer
from ilvi_core.work import FolderWork

SIZE = (48, 40)
BASE = {
    "size": SIZE,
    "batch": 2,
    "updates_per_batch": 2,
    "epochs": 50,
    "max_updates": 24,
    "intervals": (1, 3),
    "flow_input": "filled",
}


def make(method="dip-vid-flow", frames=5, first=1001, **changes):
    settings = SolveSettings(method=method, **{**BASE, **changes})
    random = np.random.default_rng(3)
    coarse = random.random((SIZE[1] // 8, SIZE[0] // 8, 3), np.float32)
    picture = np.kron(coarse, np.ones((8, 8, 1), np.float32))
    plate = np.stack([np.roll(picture, 2 * n, 1) for n in range(frames)])
    known = np.ones(plate.shape[:3], bool)
    known[:, 12:24, 16:30] = False
    data = window.build(range(first, first + frames), plate, known, settings, "cpu")
    if methods.METHODS[method].flow and frames > 1:
        window.add_flows(data, plate, known, settings.intervals, settings.flow_margin, dis_flow)
    return settings, data


def trainer_for(method="dip-vid-flow", **changes):
    settings, data = make(method, **changes)
    return Trainer(methods.METHODS[method], settings, data, torch.float32)


def stopping_after(updates):
    """Hooks that stop a run after so many updates."""
    count = [0]

    def stop():
        count[0] += 1
        return count[0] > updates

    return Hooks(stop=stop)


@pytest.mark.parametrize(
    ("method", "frames", "more", "stop_at"),
    [
        ("dip-vid-flow", 5, {}, 13),  # between two readings of the losses
        pytest.param("dip-vid-flow", 5, {}, 10, marks=pytest.mark.slow),  # at one
        pytest.param("dip-vid", 4, {}, 13, marks=pytest.mark.slow),
        pytest.param("dip-vid", 4, {}, 10, marks=pytest.mark.slow),
        pytest.param("dip-vid-3dcn", 3, {}, 10, marks=pytest.mark.slow),
        pytest.param("dip-vid-3dcn", 3, {}, 13, marks=pytest.mark.slow),
        ("dip", 1, {}, 10),
        pytest.param("dip", 1, {}, 13, marks=pytest.mark.slow),
        pytest.param("dip", 1, {"keep_best_every": 0, "weight_average": 0.9}, 13, marks=pytest.mark.slow),
    ],
)
def test_resume_gives_bit_for_bit_what_an_uninterrupted_run_gives(tmp_path, method, frames, more, stop_at):
    changes = {"frames": frames, "keep_best_every": 8, "dip_updates": 24, **more}
    whole = trainer_for(method, **changes)
    logged = []
    whole.run(Hooks(log=logged.append))

    half = trainer_for(method, **changes)
    work = FolderWork(begin(tmp_path / "work", {}), "print", resume=False)
    again = []
    hooks = dataclasses.replace(
        stopping_after(stop_at),
        save=lambda t: work.save(0, t),
        log=lambda r: (work.log({"window": 0, **r}), again.append(r)),
    )
    with pytest.raises(Cancelled):
        half.run(hooks)
    assert half.state.update == stop_at

    rest = trainer_for(method, **changes)
    resumed = FolderWork(Entry.open(tmp_path / "work"), "print", resume=True)
    assert resumed.restore(0, rest)
    assert rest.state.update == stop_at
    rest.run(Hooks(log=again.append))
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, rest.network.state_dict()[name]), name
    assert again == logged


def test_training_learns_the_known_region():
    trainer = trainer_for("dip-vid", max_updates=60, learning_rate=0.005, rate_schedule="cosine")
    logs = []
    trainer.run(Hooks(log=logs.append))
    assert logs[-1]["reconstruction"] < 0.8 * logs[0]["reconstruction"]


SLOW_3D = pytest.param("dip-vid-3dcn", marks=pytest.mark.slow)  # an update in 3D takes as long as several in 2D


@pytest.mark.parametrize("method", [SLOW_3D if m == "dip-vid-3dcn" else m for m in PAPER_METHODS])
def test_each_method_minimises_its_own_terms(method):
    frames = {"dip": 1, "dip-vid-3dcn": 2}.get(method, 4)
    trainer = trainer_for(method, frames=frames, dip_updates=10, max_updates=10)
    logs = []
    trainer.run(Hooks(log=logs.append))
    named = {"reconstruction", "flow", "consistency"} if method == "dip-vid-flow" else {"reconstruction"}
    assert set(logs[0]) == {"update", "loss", "learning_rate", *named}
    weights = {"reconstruction": 1, "flow": 0.1, "consistency": 1}
    assert logs[0]["loss"] == pytest.approx(sum(weights[n] * logs[0][n] for n in named), rel=1e-5)


def test_stop_ends_within_one_update():
    trainer = trainer_for("dip-vid")
    saved = []
    with pytest.raises(Cancelled):
        trainer.run(dataclasses.replace(stopping_after(3), save=lambda t: saved.append(t.state.update)))
    assert trainer.state.update == 3
    assert saved == [3]


def test_divergence_restores_the_last_good_state_and_lowers_the_rate():
    trainer = trainer_for("dip-vid", max_updates=60)
    warnings, broken = [], []

    def progress(done, total, loss, left):
        if done == 35:  # between two readings the weights turn to NaN
            with torch.no_grad():
                next(trainer.network.parameters()).fill_(float("nan"))
            broken.append(done)

    logs = []
    trainer.run(Hooks(progress=progress, warning=lambda code, text: warnings.append((code, text)), log=logs.append))
    assert broken == [35]
    assert [code for code, _ in warnings] == ["diverged"]
    assert "restored" in warnings[0][1]
    assert trainer.state.update == 60
    assert trainer.state.rate_factor == 0.5
    assert logs[3]["diverged"]
    assert logs[4]["learning_rate"] == pytest.approx(0.005)
    assert all(torch.isfinite(v).all() for v in trainer.network.state_dict().values())
    assert np.isfinite(logs[-1]["loss"])


def test_a_training_that_always_diverges_ends_with_a_sentence(monkeypatch):
    monkeypatch.setattr(train, "READ_EVERY", 2)
    trainer = trainer_for("dip-vid", max_updates=2000)

    def progress(done, total, loss, left):
        with torch.no_grad():
            next(trainer.network.parameters()).fill_(float("nan"))

    with pytest.raises(IlviError, match=r"diverged 9 times on frames 1001-1005") as caught:
        trainer.run(Hooks(progress=progress))
    assert "learning_rate" in caught.value.hint


@pytest.mark.parametrize("average", [0, 0.9])
def test_dip_takes_the_best_of_its_states_and_no_average(average):
    changes = {"keep_best_every": 5, "weight_average": average}
    trainer = trainer_for("dip", frames=1, dip_updates=30, max_updates=0, **changes)
    seen = {}

    def progress(done, total, loss, left):
        if done % 5 == 0 and done < total:
            seen[done] = {k: v.clone() for k, v in trainer.network.state_dict().items()}
        if done == 15:  # everything after this is spoilt
            trainer.schedule.learning_rate = lambda update: 3.0

    trainer.run(Hooks(progress=progress))
    best = trainer.state.best_at
    assert 0 < best <= 15
    weights = [k for k in seen[best] if "running" not in k and "tracked" not in k]
    assert all(torch.equal(trainer.network.state_dict()[k], seen[best][k]) for k in weights)


@pytest.mark.slow  # three trainings
def test_patience_stops_when_nothing_improves_and_zero_never_does(monkeypatch):
    monkeypatch.setattr(train, "READ_EVERY", 2)
    trainer = trainer_for("dip-vid", max_updates=60, patience=6)
    trainer.schedule.learning_rate = lambda update: 0.0
    trainer.run(Hooks())
    assert trainer.state.stopped_early
    assert trainer.state.update < 40
    endless = trainer_for("dip-vid", max_updates=40)
    endless.schedule.learning_rate = lambda update: 0.0
    endless.run(Hooks())
    assert endless.state.update == 40


@pytest.mark.parametrize("method", ["dip-vid", SLOW_3D])
def test_a_fill_depends_on_weights_and_frame_alone(method):
    trainer = trainer_for(method, frames=5, max_updates=2)
    trainer.run(Hooks())
    assert not trainer.network.training
    whole = dict(fills(trainer.network, trainer.window, 2, range(5)))
    part = dict(fills(trainer.network, trainer.window, 2, [4, 2]))
    assert sorted(part) == [2, 4]
    assert torch.equal(part[2], whole[2])
    assert torch.equal(part[4], whole[4])
    assert not torch.equal(whole[0], whole[1])
    assert whole[0].shape == (3, SIZE[1], SIZE[0])
    # whatever the frames outside its own tile hold, the fill is the same: no batch statistics are left in it
    trainer.window.noise[0] = 7.0
    spoilt = dict(fills(trainer.network, trainer.window, 2, range(5)))
    assert not torch.equal(spoilt[0], whole[0])
    assert torch.equal(spoilt[4], whole[4])
    if method == "dip-vid":
        assert torch.equal(spoilt[1], whole[1])


def test_fills_are_finer_than_bfloat16():
    settings, data = make("dip-vid", frames=3, max_updates=2)
    trainer = Trainer(methods.METHODS["dip-vid"], settings, data, torch.bfloat16)
    trainer.run(Hooks())
    picture = dict(fills(trainer.network, data, 2, [1]))[1]
    assert picture.dtype == torch.float32
    assert len(torch.unique(picture[0])) > 0.8 * picture[0].numel()  # bfloat16 has some 250 values there


def break_at(trainer, update):
    """A progress hook after which the weights are NaN from that update on."""

    def progress(done, total, loss, left):
        if done == update:
            with torch.no_grad():
                next(trainer.network.parameters()).fill_(float("nan"))

    return progress


@pytest.mark.slow
def test_divergence_after_a_resume_recovers_as_without_one(tmp_path):
    changes = {"max_updates": 40, "weight_average": 0.9}  # the average goes back with the weights it is of
    whole = trainer_for("dip-vid", **changes)
    whole.run(Hooks(progress=break_at(whole, 22)))
    half = trainer_for("dip-vid", **changes)
    work = FolderWork(begin(tmp_path / "work", {}), "print", resume=False)
    hooks = dataclasses.replace(stopping_after(24), save=lambda t: work.save(0, t), progress=break_at(half, 22))
    with pytest.raises(Cancelled):
        half.run(hooks)
    rest = trainer_for("dip-vid", **changes)
    assert FolderWork(Entry.open(tmp_path / "work"), "print", resume=True).restore(0, rest)
    rest.run(Hooks())
    assert rest.state.recoveries == whole.state.recoveries == 1
    for name, value in whole.network.state_dict().items():
        assert torch.isfinite(value).all()
        assert torch.equal(value, rest.network.state_dict()[name]), name


@pytest.mark.parametrize(("broken_at", "average"), [(21, 0), pytest.param(23, 0, marks=pytest.mark.slow), (21, 0.9)])
def test_divergence_in_the_last_updates_is_noticed_too(broken_at, average):
    trainer = trainer_for("dip-vid", max_updates=24 if broken_at == 21 else 23, weight_average=average)
    warnings = []
    trainer.run(Hooks(progress=break_at(trainer, broken_at), warning=lambda code, text: warnings.append(code)))
    assert warnings == ["diverged"]
    assert all(torch.isfinite(v).all() for v in trainer.network.state_dict().values())


@pytest.mark.parametrize(
    ("method", "more", "broken"),
    [
        ("dip-vid", {}, False),
        pytest.param("dip", {"frames": 1, "keep_best_every": 0}, True, marks=pytest.mark.slow),
    ],
)
def test_the_result_is_the_bias_corrected_average_of_the_weights(monkeypatch, method, more, broken):
    """Of those that a divergence did not undo: the state after update 10 is proven at 20, and gone back to at 30."""
    monkeypatch.setattr(train, "REMEMBER_EVERY", 10)
    decay, total = 0.9, 34 if broken else 12
    trainer = trainer_for(method, max_updates=total, dip_updates=total, weight_average=decay, **more)
    breaks = break_at(trainer, 22 if broken else -1)
    seen = {}

    def progress(done, total, loss, left):
        seen[done] = [p.detach().double().clone() for p in trainer.network.parameters()]
        breaks(done, total, loss, left)

    warnings, settled = [], []
    monkeypatch.setattr(train, "settle", lambda network, *rest: settled.append(next(network.parameters()).clone()))
    trainer.run(Hooks(progress=progress, warning=lambda code, text: warnings.append(code)))
    assert warnings == ["diverged"] * broken
    counted = [*range(1, 11), *range(31, total + 1)] if broken else range(1, total + 1)
    sums, ones = [torch.zeros_like(p) for p in seen[1]], 0.0
    for update in counted:
        sums = [decay * s + (1 - decay) * p for s, p in zip(sums, seen[update], strict=True)]
        ones = decay * ones + (1 - decay)
    assert 0.7 < ones < 1
    parameters = list(trainer.network.parameters())
    for found, s, last in zip(parameters, sums, seen[total], strict=True):
        torch.testing.assert_close(found.double(), s / ones, rtol=1e-4, atol=1e-6)
        assert not torch.equal(found.double(), last)
    assert torch.equal(settled[0], parameters[0])  # the statistics are the averaged network's


def test_without_an_average_none_is_kept():
    assert not [name for name in trainer_for("dip-vid").tensors() if "average" in name]
    kept = [name for name in trainer_for("dip-vid", weight_average=0.9).tensors() if "average" in name]
    assert len(kept) == 1 + len(list(trainer_for("dip-vid").network.parameters()))


def test_a_run_shorter_than_a_reading_is_logged():
    trainer = trainer_for("dip-vid", max_updates=3)
    logs = []
    trainer.run(Hooks(log=logs.append))
    assert [record["update"] for record in logs] == [3]


def test_noise_is_of_seed_and_absolute_frame_within_its_bounds():
    noise = window.noise_map(5, 1001, 64, 64, 0.1)
    assert np.array_equal(noise, window.noise_map(5, 1001, 64, 64, 0.1))
    for other in (window.noise_map(5, 1002, 64, 64, 0.1), window.noise_map(6, 1001, 64, 64, 0.1)):
        assert not np.array_equal(noise, other)
    assert noise.dtype == np.float32
    assert 0 <= noise.min() < 0.005
    assert 0.095 < noise.max() <= 0.1
    assert noise.mean() == pytest.approx(0.05, abs=0.002)
    assert window.noise_map(0, -3, 4, 4, 0.1).shape == (1, 4, 4)  # negative frames too
    # the same frame in another window gets the same noise
    _, early = make(frames=3, first=10)
    _, late = make(frames=3, first=12)
    assert torch.equal(early.noise[2], late.noise[0])


def test_settled_statistics_are_the_means_of_the_batches():
    trainer = trainer_for("dip-vid", frames=4)
    network = trainer.network
    settle(network, trainer.window, 2)
    assert not network.training
    first = network.encoder[0][0]
    batches = [first[0](trainer.window.noise[a:b]) for a, b in ((0, 2), (2, 4))]
    expected = torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0)
    torch.testing.assert_close(first[1].running_mean, expected)
    before = first[1].running_mean.clone()
    generate(network, trainer.window.noise[:1])
    assert torch.equal(first[1].running_mean, before)  # inference leaves them alone


@pytest.mark.parametrize(
    ("length", "size", "expected"),
    [
        (10, 5, [(0, 5), (5, 10)]),
        (12, 5, [(0, 5), (5, 10), (7, 12)]),
        (3, 5, [(0, 3)]),
        (5, 5, [(0, 5)]),
        (1, 5, [(0, 1)]),
    ],
)
def test_tiles_cover_the_window_at_fixed_places(length, size, expected):
    assert [(t.start, t.stop) for t in tiles(length, size)] == expected


def test_networks_of_one_seed_and_frame_are_the_same_and_leave_torchs_own_dice_alone():
    method = methods.METHODS["dip-vid"]
    torch.manual_seed(9)
    expected = torch.rand(1)
    torch.manual_seed(9)
    one, two, other = (train.new_network(method, 0, frame) for frame in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(next(one.parameters()), next(two.parameters()))
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_the_network_begins_as_the_setting_says():
    first = {
        chosen: trainer_for("dip-vid", initialisation=chosen).network.picture for chosen in ("lecun", "he", "uniform")
    }
    torch.testing.assert_close(first["he"].weight, first["lecun"].weight * (2 / 1.04) ** 0.5)
    assert not first["lecun"].bias.any()
    assert first["uniform"].bias.all()


def test_flow_pairs_reach_the_frames_that_they_start_from():
    _, data = make(frames=5)
    forward, backward = data.flows[1, False], data.flows[1, True]
    assert not forward.believed[4].any()  # the last frame has no next one
    assert not backward.believed[0].any()
    # the picture moves 2 px to the right a frame: forward flow is (2, 0), backward (-2, 0)
    inner = np.s_[2, 0, 4:10, 8:40]
    assert float((forward.target[inner] * forward.scale).median()) == pytest.approx(2, abs=0.3)
    assert float((backward.target[inner] * backward.scale).median()) == pytest.approx(-2, abs=0.3)


@pytest.mark.parametrize("directions", [(False,), (True,), (False, True)])
def test_only_the_batchs_own_flow_channels_learn(directions):
    settings, data = make(frames=5, directions="both" if len(directions) == 2 else "one")
    trainer = Trainer(methods.METHODS["dip-vid-flow"], settings, data, torch.float32)
    index = next(n for n, b in enumerate(trainer.schedule.batches) if (b.interval, b.directions) == (3, directions))
    batch, frames = trainer.schedule.batches[index], trainer._batches[index]
    picture, flow = generate(trainer.network, data.noise[list(batch.frames)])
    flow = data.crop(flow)
    flow.retain_grad()
    terms = trainer.objective.terms(batch, frames, data.crop(picture), flow)
    sum(terms.values()).backward()
    learned = {c for c in range(12) if bool(flow.grad[:, c].any())}
    assert learned == {c for backward in directions for c in ((8, 9) if backward else (2, 3))}
    # forward flow starts from all frames but the last of the batch, backward from all but the first
    with_gradient = [bool(flow.grad[n].any()) for n in range(2)]
    assert with_gradient == [False in directions, True in directions]


def test_of_both_directions_flow_and_consistency_are_the_mean():
    trainer = trainer_for(directions="both")
    batch, frames = trainer.schedule.batches[0], trainer._batches[0]
    with torch.no_grad():
        picture, flow = (trainer.window.crop(x) for x in generate(trainer.network, trainer.window.noise[frames]))
        both, forward, backward = (
            trainer.objective.terms(dataclasses.replace(batch, directions=ways), frames, picture, flow)
            for ways in ((False, True), (False,), (True,))
        )
    assert set(both) == {"reconstruction", "flow", "consistency"}
    assert both["reconstruction"] == forward["reconstruction"]
    for name in ("flow", "consistency"):
        assert 0 < forward[name] != backward[name] > 0
        assert float(both[name]) == pytest.approx(float(forward[name] + backward[name]) / 2, rel=1e-6)


def test_every_term_is_averaged_as_the_setting_says(monkeypatch):
    asked = []
    true = losses.masked_mean_square

    def spy(difference, mask, average="mask"):
        asked.append(average)
        return true(difference, mask, average)

    monkeypatch.setattr(losses, "masked_mean_square", spy)
    for chosen in ("mask", "frame"):
        asked.clear()
        settings, data = make(loss_average=chosen, guard_weight=0.5)
        window.add_features(data, vgg := lambda picture: {"relu1_2": picture}, torch.float32)
        Trainer(methods.METHODS["dip-vid-flow"], settings, data, torch.float32, vgg)._update()
        assert asked == [chosen] * 5  # L_r, L_f, L_c, L_p and the guard


def test_the_guard_fades_to_nothing():
    trainer = trainer_for("dip-vid", guard_weight=0.5)
    assert [trainer.objective.weights_at(d)["guard"] for d in (0, 0.5, 1)] == [0.5, 0.25, 0]
    assert trainer.objective.weights_at(1)["reconstruction"] == 1
    logs = []
    trainer.run(Hooks(log=logs.append))
    # the mean over a reading of ten of 24 updates: the guard's weight falls from .5 by .5 / 24 each
    mean_weight = 0.5 * (1 - 4.5 / 24)
    assert logs[0]["loss"] == pytest.approx(logs[0]["reconstruction"] + mean_weight * logs[0]["guard"], rel=0.02)
    plain = trainer_for("dip-vid")
    assert "guard" not in plain.objective.weights_at(0)
