"""Pixels cross between host and worker at a gigabyte a second at least, on a machine that does nothing else."""

import statistics

import pytest
from throughput import measure

pytestmark = [pytest.mark.slow, pytest.mark.ofx]


def test_a_gigabyte_a_second_over_and_back(tmp_path):
    over, back = measure(tmp_path, rounds=3)
    assert statistics.median(over) >= 1.0
    assert statistics.median(back) >= 1.0
