"""Batches, epochs and learning rate are the supplement's."""

from collections import Counter

import pytest

from ilvi_core.host.job import SolveSettings
from ilvi_core.methods import METHODS
from ilvi_core.schedule import Schedule, all_batches

FLOW, VID, DIP = METHODS["dip-vid-flow"], METHODS["dip-vid"], METHODS["dip"]


def test_flow_batches_are_every_start_interval_and_direction():
    length = 30
    schedule = Schedule(FLOW, SolveSettings(), length)
    expected = {
        (tuple(start + k * t for k in range(5)), t, (back,))
        for t in (1, 3, 5)
        for start in range(length)
        for back in (False, True)
        if start + 4 * t < length
    }
    assert {(b.frames, b.interval, b.directions) for b in schedule.batches} == expected
    assert len(schedule.batches) == len(expected) == 2 * (26 + 18 + 10)
    assert schedule.total == len(expected) * 100 * 20


def test_with_both_directions_in_a_batch_there_are_half_as_many():
    one = Schedule(FLOW, SolveSettings(), 30)
    both = Schedule(FLOW, SolveSettings(directions="both"), 30)
    assert {b.directions for b in both.batches} == {(False, True)}
    assert len(both.batches) == len(one.batches) / 2
    assert both.total == one.total / 2
    assert {(b.frames, b.interval) for b in both.batches} == {(b.frames, b.interval) for b in one.batches}
    # a method without flow has no directions
    assert Schedule(VID, SolveSettings(directions="both"), 30).batches == Schedule(VID, SolveSettings(), 30).batches


def test_the_others_use_consecutive_frames_only():
    schedule = Schedule(VID, SolveSettings(method="dip-vid"), 8)
    assert [b.frames for b in schedule.batches] == [tuple(range(s, s + 5)) for s in range(4)]
    assert schedule.total == 4 * 100 * 20


def test_a_batch_is_updated_m_times_in_a_row_and_an_epoch_visits_each_once():
    settings = SolveSettings(updates_per_batch=7, epochs=3)
    schedule = Schedule(FLOW, settings, 12)
    order = [schedule.at(u) for u in range(schedule.total)]
    visits = [order[n] for n in range(0, len(order), 7)]
    assert all(order[n] == visits[n // 7] for n in range(len(order)))
    count = len(schedule.batches)
    epochs = [visits[e * count : (e + 1) * count] for e in range(3)]
    for epoch in epochs:
        assert Counter(epoch) == Counter(range(count))
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != sorted(epochs[0])


def test_any_update_can_be_asked_for_in_any_order_and_the_seed_decides():
    settings = SolveSettings(updates_per_batch=2, epochs=4)
    first, second = Schedule(FLOW, settings, 12), Schedule(FLOW, settings, 12)
    forwards = [first.at(u) for u in range(first.total)]
    backwards = [second.at(u) for u in reversed(range(second.total))][::-1]
    assert forwards == backwards
    other = Schedule(FLOW, SolveSettings(updates_per_batch=2, epochs=4, seed=1), 12)
    assert [other.at(u) for u in range(other.total)] != forwards


def test_dip_is_one_frame_and_its_own_number_of_updates():
    schedule = Schedule(DIP, SolveSettings(method="dip"), 1)
    assert [b.frames for b in schedule.batches] == [(0,)]
    assert schedule.total == 5000


def test_fewer_frames_than_a_batch_shrink_it_and_intervals_that_do_not_fit_are_left_out():
    schedule = Schedule(FLOW, SolveSettings(), 3)
    assert schedule.size == 3
    assert {b.interval for b in schedule.batches} == {1}
    assert {b.frames for b in schedule.batches} == {(0, 1, 2)}
    assert {b.interval for b in Schedule(FLOW, SolveSettings(), 13).batches} == {1, 3}
    assert Schedule(FLOW, SolveSettings(), 1).batches[0].frames == (0,)


def test_only_asked_intervals_are_used():
    batches = Schedule(FLOW, SolveSettings(intervals=(3,)), 30).batches
    assert {b.interval for b in batches} == {3}


def test_max_updates_limits_every_method():
    assert Schedule(FLOW, SolveSettings(max_updates=50), 30).total == 50
    assert Schedule(DIP, SolveSettings(max_updates=50), 1).total == 50


def test_learning_rate_is_constant_or_a_falling_half_cosine():
    constant = Schedule(VID, SolveSettings(), 8)
    assert {constant.learning_rate(u) for u in (0, 100, constant.total)} == {0.01}
    cosine = Schedule(VID, SolveSettings(rate_schedule="cosine"), 8)
    rates = [cosine.learning_rate(u) for u in range(0, cosine.total + 1, 100)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(0.01)
    assert rates[len(rates) // 2] == pytest.approx(0.00505, rel=0.01)
    assert rates[-1] == pytest.approx(0.0001)


def test_all_batches_leaves_out_what_does_not_fit():
    assert all_batches(4, 5, (1, 3), ((False,),)) == []
