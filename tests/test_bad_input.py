"""Everything a person can get wrong: one sentence, one hint, exit code 2, nothing half-written."""

import json

import cv2
import numpy as np
import pytest
import torch

from ilvi_core.cli import main

FRAMES = range(1001, 1005)
QUICK = ["--set", "method=dip-vid", "--set", "max_updates=1", "--size", "64x48"]


@pytest.fixture
def shot(tmp_path, monkeypatch):
    """Four good frames; the test spoils something."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name in ("plate", "matte"):
        (tmp_path / name).mkdir()
    for frame in FRAMES:
        matte = np.zeros((48, 64), np.uint8)
        matte[10:20, 20:30] = 255
        cv2.imwrite(str(tmp_path / "plate" / f"p.{frame}.png"), random.integers(0, 256, (48, 64, 3), np.uint8))
        cv2.imwrite(str(tmp_path / "matte" / f"m.{frame}.png"), matte)
    return tmp_path


def paint_mattes(shot, matte, frames=FRAMES):
    for frame in frames:
        cv2.imwrite(str(shot / "matte" / f"m.{frame}.png"), matte)


def write_job(shot, **changes):
    record = {"ilvi_job": 1, "plate": {"path": "plate"}, "matte": {"path": "matte"}, "output": "out", **changes}
    (shot / "job.json").write_text(json.dumps({k: v for k, v in record.items() if v is not None}))


def truncate(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def no_spoiling(shot):
    pass


BASE = ["render", "--plate", "plate", "--matte", "matte", "--output", "out", *QUICK]
CASES = {
    "missing plate frame": (lambda s: (s / "plate/p.1003.png").unlink(), BASE, "Plate has no frame 1003"),
    "missing plate frame in an asked range": (
        lambda s: (s / "plate/p.1003.png").unlink(),
        [*BASE, "--frames", "1001-1004"],
        "Plate has no frame 1003 (range 1001-1004",
    ),
    "missing matte frame": (lambda s: (s / "matte/m.1002.png").unlink(), BASE, "Matte has no frame 1002"),
    "matte of another size": (
        lambda s: paint_mattes(s, np.full((40, 64), 255, np.uint8)),
        BASE,
        "is 64x40, the plate's is 64x48",
    ),
    "matte that covers everything": (
        lambda s: paint_mattes(s, np.full((48, 64), 255, np.uint8)),
        BASE,
        "covers every pixel",
    ),
    "truncated plate": (lambda s: truncate(s / "plate/p.1002.png"), BASE, "truncated or unreadable"),
    "truncated matte": (lambda s: truncate(s / "matte/m.1002.png"), BASE, "truncated or unreadable"),
    "a file that is no picture": (
        lambda s: (s / "plate/p.1002.png").write_text("hello"),
        BASE,
        "truncated or unreadable",
    ),
    "pattern that matches nothing": (no_spoiling, [*BASE, "--plate", "plate/q.####.png"], "q."),
    "folder that does not exist": (no_spoiling, [*BASE, "--plate", "nowhere"], "nowhere"),
    "empty folder": (lambda s: (s / "empty").mkdir(), [*BASE, "--plate", "empty"], "empty"),
    "reversed range": (no_spoiling, [*BASE, "--frames", "1004-1001"], "is reversed"),
    "absurd range": (no_spoiling, [*BASE, "--frames", "1-10000000"], "at most 100000"),
    "range that is no range": (no_spoiling, [*BASE, "--frames", "all"], "'all' is not a frame range"),
    "range beyond the plate": (no_spoiling, [*BASE, "--frames", "1001-1010"], "Plate has no frame 1005"),
    "output below a file": (no_spoiling, [*BASE, "--output", "plate/p.1001.png/out/"], "cannot be written"),
    "output is the plate": (no_spoiling, [*BASE, "--output", "plate/p.####.png"], "would overwrite the plate"),
    "output is the matte": (no_spoiling, [*BASE, "--output", "matte/m.####.png"], "would overwrite the matte"),
    "one output file for many frames": (no_spoiling, [*BASE, "--output", "out.png"], "one file"),
    "output of a kind that changes the plate": (no_spoiling, [*BASE, "--output", "out/c.####.jpg"], ".jpg"),
    "unknown setting": (no_spoiling, [*BASE, "--set", "learning_rat=1"], "Did you mean 'learning_rate'?"),
    "setting without a value": (no_spoiling, [*BASE, "--set", "learning_rate"], "is no setting"),
    "wrong value": (no_spoiling, [*BASE, "--set", "learning_rate=fast"], "expected a number"),
    "value out of range": (no_spoiling, [*BASE, "--set", "batch=0"], "batch is 0"),
    "wrong size": (no_spoiling, [*BASE, "--size", "big"], "size is 'big'"),
    "wrong seed": (no_spoiling, [*BASE, "--seed", "x"], "seed is 'x'"),
    "unknown device": (no_spoiling, [*BASE, "--device", "tpu"], "'tpu' is not a device"),
    "unavailable device": (no_spoiling, [*BASE, "--device", "cuda:77"], "cuda:77 is not available"),
    "no such matte channel": (no_spoiling, [*BASE, "--matte-channel", "roto"], "no channel roto"),
    "no alpha": (no_spoiling, [*BASE, "--matte-channel", "alpha"], "no alpha"),
    "no matte given": (no_spoiling, ["render", "--plate", "plate", "--output", "out"], "--matte is missing"),
    "job that is no job": (lambda s: (s / "job.json").write_text("hello"), ["render", "job.json"], "not a job file"),
    "job of another version": (
        lambda s: write_job(s, ilvi_job=99),
        ["render", "job.json"],
        "version 99",
    ),
    "job with an unknown entry": (lambda s: write_job(s, colour="red"), ["render", "job.json"], "'colour'"),
    "job with an unknown setting": (
        lambda s: write_job(s, solve={"windw": 3}),
        ["render", "job.json"],
        "Did you mean 'window'?",
    ),
    "job without an output": (lambda s: write_job(s, output=None), ["render", "job.json"], "no 'output'"),
    "a plate of two sizes": (
        lambda s: cv2.imwrite(str(s / "plate/p.1003.png"), np.zeros((50, 64, 3), np.uint8)),
        BASE,
        "1003 is 64x50",
    ),
    "a matte pattern with one frame": (
        lambda s: [(s / f"matte/m.{n}.png").unlink() for n in (1002, 1003, 1004)],
        [*BASE, "--matte", "matte/m.####.png"],
        "Matte has no frame 1002",
    ),
    "a file where the work folder goes": (
        lambda s: ((s / "out").mkdir(), (s / "out/p.1001-1004.ilvi").write_text("x")),
        [*BASE, "--no-cache"],
        "cannot be made",
    ),
    "a file where the cache goes": (
        lambda s: (s / "cache").write_text("x"),
        ["cache", "list", "--cache-dir", "cache/of/mine"],
        "cannot be read",
    ),
    "a cache size that is none": (no_spoiling, [*BASE, "--cache-size", "much"], "is no size"),
    "an entry that is not there": (no_spoiling, ["cache", "show", "nothing", "--cache-dir", "c"], "no entry"),
    "nothing to clear": (no_spoiling, ["cache", "clear", "--cache-dir", "c"], "Nothing was named"),
    "a rerender of what was never solved": (no_spoiling, ["rerender", *BASE[1:], "--cache-dir", "c"], "no solve of"),
    "no cache in a worker": (no_spoiling, [*BASE, "--no-cache", "--in-worker"], "always goes through"),
    "no perceptual layers": (no_spoiling, [*BASE, "--set", "perceptual_layers="], "perceptual_layers"),
    "bench without frames": (no_spoiling, ["bench", "--window", "0"], "window is 0"),
    "demo without updates": (no_spoiling, ["demo", "d", "--updates", "0"], "updates is 0"),
    "demo with a negative seed": (no_spoiling, ["demo", "d", "--seed", "-1"], "seed is -1"),
    "no such job": (no_spoiling, ["render", "nothing.json"], "nothing.json"),
    "weights that are none": (
        lambda s: (s / "vgg16-397923af.pth").write_text("hello"),
        ["weights", "import", "vgg16-397923af.pth"],
        "vgg16-397923af.pth",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_sentence_and_a_hint(case, shot, capsys, monkeypatch):
    spoil, arguments, expected = CASES[case]
    monkeypatch.setenv("ILVI_WEIGHTS", str(shot / "weights"))
    spoil(shot)
    before = {p: p.read_bytes() for name in ("plate", "matte") for p in (shot / name).iterdir()}
    assert main(arguments) == 2
    said = capsys.readouterr()
    lines = said.err.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("ilvi: "))
    assert expected in lines[start]
    assert len(lines) == start + 2, "one sentence and one hint"
    assert lines[start].rstrip().endswith((".", "?"))
    assert lines[start + 1].startswith("  ")
    assert "Traceback" not in said.err
    assert not list(shot.glob("out/*.png")) + list(shot.glob("out/.tmp*")) + list(shot.glob("ilvi-crash.log"))
    for path, data in before.items():
        assert path.read_bytes() == data


@pytest.mark.parametrize(
    "arguments",
    [["render", "--method", "magic"], ["render", "--preset", "best"], ["paint"], ["render", "--frames"], []],
)
def test_words_that_no_command_knows_exit_2(arguments, capsys):
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert "usage" in (said.err + said.out)


def test_a_truncated_exr_is_noticed(shot, capsys):
    from ilvi_core.images import open_sink, open_source
    from ilvi_core.pictures import Picture

    source = open_source("plate")
    sink = open_sink("exr/p.####.exr", source, list(FRAMES))
    for frame in FRAMES:
        sink.write(frame, Picture.from_array(np.random.default_rng(frame).random((48, 64, 3), np.float32)))
    truncate(shot / "exr" / "p.1002.exr")
    assert main([*BASE, "--plate", "exr"]) == 2
    assert "1002" in capsys.readouterr().err
    assert not list(shot.glob("out/*.exr"))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9e9 bytes"),
        MemoryError(),
    ],
)
@pytest.mark.parametrize(
    ("place", "method"),
    [
        ("solve.Solver.prepare", "dip-vid"),
        ("solve.fills", "dip-vid"),
        ("hybrid.Hybrid.solve_window", "ilvi"),
    ],
)
def test_out_of_memory_is_exit_code_3(place, method, error, shot, capsys, monkeypatch):
    def starve(*args):
        raise error

    monkeypatch.setattr(f"ilvi_core.{place}", starve)
    assert main([*BASE, "--method", method]) == 3
    said = capsys.readouterr().err
    assert "ran out of memory" in said
    assert "--size" in said


def test_a_fault_of_ours_leaves_a_log_and_no_traceback(shot, capsys, monkeypatch):
    from ilvi_core import solve

    monkeypatch.setattr(solve, "fills", lambda *args: 1 / 0)
    assert main(BASE) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "ZeroDivisionError" in (shot / "ilvi-crash.log").read_text()


def test_a_full_disk_while_writing_is_one_sentence_and_leaves_no_half_frame(shot, capsys, monkeypatch):
    import errno

    from ilvi_core import images

    def full(path, picture):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(images, "write_still", full)
    assert main(BASE) == 1
    said = capsys.readouterr().err
    assert "cannot be written: No space left" in said
    assert not [p for p in (shot / "out").iterdir() if p.is_file()]
