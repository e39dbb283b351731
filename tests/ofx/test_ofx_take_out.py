"""Every defence of the OpenFX plugin is needed: without it, the tests that are named for it fail."""

import subprocess
import sys
from pathlib import Path

import pytest
from take_out import wrong_tables

pytestmark = pytest.mark.ofx


def test_the_tables_fit_the_plugin():
    assert wrong_tables() == []


@pytest.mark.slow
def test_no_defence_can_be_taken_out_unseen():
    command = [sys.executable, str(Path(__file__).with_name("take_out.py"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
