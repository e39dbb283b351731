"""What goes wrong with the worker, seen from inside a host: an error in words, and the host lives."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from ofx_kit import FIRST, LAST, assert_filled, assert_source

pytestmark = pytest.mark.ofx


BUTTON = {"frames_from": "button"}


def files(host):
    return {"plate_files": f"{host.frames}/plate.####.npy", "matte_files": f"{host.frames}/matte.####.npy"}


@pytest.mark.parametrize(
    ("fake", "words"),
    [
        ("die", "Perhaps the machine ran out of memory"),
        ("die-in-lookup", "Perhaps the machine ran out of memory"),
        ("exit", "ended with exit code 3"),
        ("early-death", "no module named torch"),
        ("refuse", "This worker speaks protocol 2."),
        ("wrong-version", "speaks protocol 2, this plugin protocol 1"),
        ("garbage", "A line is no message: 'Loading the model 100%'"),
        ("cut", "The worker ended"),
        ("endless-line", "A message is longer than"),
        ("fail=at 50%n", "It failed at 100%: at 50%n. Do it %s better."),
        ("lose-frame", "The result has no frame 1005"),
        ("gone-file", "cannot be read"),
        ("cut-file", "it is cut off"),
    ],
)
def test_a_fault_of_the_worker_is_an_error_in_words(host, fake, words):
    """Said by the render, every % of it a plain one for the host's printf; the next worker does its work."""
    answers = host.run(f"render frame={LAST} out={host.out}/out.%04d.npy", fake=fake, **files(host))
    assert answers.renders == ["kOfxStatFailed"]
    assert words in " ".join(answers.messages), answers.messages
    if fake != "cut-file":  # which is in the cache as it is, and lasts
        host.run(host.render(), **files(host))
        assert_filled(host)


@pytest.mark.parametrize("fake", ["die", "exit", "early-death", "garbage", "fail=disk"])
def test_by_button_it_is_said_on_the_effect_too(host, fake):
    answers = host.run("press inpaint", host.render(), fake=fake, **BUTTON)
    assert answers.messages == [answers.status]
    assert_source(host)


def test_a_host_goes_on_after_the_worker_died(host):
    """In one process: the second press starts another worker, which must die too and be said again."""
    answers = host.run("press inpaint", "press inpaint", host.render(), fake="die", **BUTTON)
    assert len(answers.messages) == 2
    assert host.told().count("hello") == 2


def test_warnings_of_the_worker_are_shown(host):
    answers = host.run("press inpaint", host.render(), fake="warn")
    assert answers.status == "5 frames are done. Solved smaller: 50%."
    assert_filled(host)


@pytest.mark.parametrize("fake", ["flood", "many-frames", "slow=0.4"])
def test_what_a_worker_may_do_is_borne(host, fake):
    host.run("press inpaint", host.render(), fake=fake)
    assert_filled(host)
    host.run("press inpaint", host.render(), fake=fake)
    assert_filled(host)


def test_a_worker_that_is_not_there_is_said_in_words(host):
    host.environment["ILVI_PYTHON"] = "/nowhere/python"
    answers = host.run("press inpaint", f"render frame={FIRST}", "destroy", "unload", unsolved="fail")
    assert "/nowhere/python" in answers.messages[0]


def test_no_installation_is_said_in_words(host):
    del host.environment["ILVI_PYTHON"]
    answers = host.run("press inpaint")
    assert "Run ILVI's installer" in answers.messages[0]


def test_the_worker_parameter_counts_more_than_the_environment(host):
    python = host.environment["ILVI_PYTHON"]
    host.environment["ILVI_PYTHON"] = "/nowhere/python"
    host.run("press inpaint", host.render(), worker=python)
    assert_filled(host)


def test_the_worker_starts_lazily_and_once(host):
    host.run("describe", host.render(), "copy second", "copy third", "destroy", "unload", **BUTTON)
    assert host.told() == []
    host.run("press inpaint", "copy second", "press rerender", "copy third", "press rerender")
    assert host.told().count("hello") == 1


@pytest.mark.parametrize("ending", ["unload", "exit", "exit now", "exit kill", "unload keep"])
def test_the_worker_ends_with_the_host_however_it_ends(host, ending):
    code = -9 if ending == "exit kill" else 0
    host.run("press inpaint", ending, exit_code=code, leaks=ending != "exit now")
    until = time.monotonic() + 5
    while host.told()[-1] not in ("end of input", "shutdown") and time.monotonic() < until:
        time.sleep(0.05)
    assert host.told()[-1] in ("end of input", "shutdown")


@pytest.mark.parametrize("ending", ["unload", "exit", "exit now"])
def test_a_worker_that_will_not_end_does_not_hold_up_the_host(host, ending):
    begun = time.monotonic()
    host.run("press inpaint", ending, fake="stubborn", leaks=ending != "exit now")
    assert time.monotonic() - begun < 8


def test_unloaded_and_loaded_again_it_works(host):
    host.run("press inpaint", "destroy", "unload")
    host.run(
        "press inpaint",
        "destroy",
        "unload",
        f"load {host.build}/Ilvi.ofx.bundle/Contents/Linux-x86-64/Ilvi.ofx",
        "context Filter",
        "press inpaint",
        host.render(),
    )
    assert_filled(host)


def test_the_host_s_own_folders_do_not_reach_the_worker(host, tmp_path):
    """PYTHONHOME and the like of a host with a Python of its own would break the worker's."""
    host.environment.update(PYTHONHOME="/nowhere", PYTHONPATH="/nowhere", PYTHONSTARTUP="/nowhere")
    host.run("press inpaint", host.render())
    assert_filled(host)


@pytest.mark.slow
def test_a_worker_that_is_not_ready_in_time_is_given_up(host):
    answers = host.run("press inpaint", fake="no-ready")
    assert "was not ready within 30 s" in answers.messages[0]


@pytest.mark.slow
def test_a_worker_that_hangs_is_given_up(host):
    answers = host.run("press inpaint", fake="mute", limit=200)
    assert "has not answered for 120 s" in answers.messages[0]


def test_many_processes_at_once_share_the_cache(host, build, frames, tmp_path):
    """Six command-line renders of one job, as a farm's tasks do."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from ofx_kit import *;"
        "place = Path(sys.argv[5]); place.mkdir();"
        "host = Host(Path(sys.argv[2]), Path(sys.argv[3]), place, sys.argv[4]);"
        "host.environment['ILVI_CACHE'] = sys.argv[6];"
        "named = {f'{name}_files': f'{host.frames}/{name}.####.npy' for name in ('plate', 'matte')};"
        "answers = host.run(host.render(), **named);"
        "assert not answers.messages, answers.messages; assert_filled(host)"
    )
    here = os.path.dirname(__file__)
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                code,
                here,
                build,
                frames,
                host.environment["ILVI_PYTHON"],
                tmp_path / f"process{i}",
                host.cache,
            ]
        )
        for i in range(4)
    ]
    assert [process.wait(120) for process in running] == [0] * 4
    assert np.load(next(host.cache.rglob("plate.1001.npy"))).shape == (44, 60, 4)
