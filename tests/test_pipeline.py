"""Jobs from files to files: what is kept, what is written beside them, stopping and going on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from shots import FRAMES, HEIGHT, QUICK, WIDTH, Listener, job_for, mattes, pictures
from torchvision.models import vgg16
from torchvision.models.optical_flow import raft_small

import ilvi_core
from ilvi_core import weights
from ilvi_core.files import lock
from ilvi_core.host.errors import Cancelled, InputError
from ilvi_core.host.job import FrameRange, ImageSequence, RunOptions
from ilvi_core.images import open_source
from ilvi_core.pipeline import render
from ilvi_core.work import FolderWork


def manifest(result):
    """What the entry says was done."""
    return json.loads((result.folder / "manifest.json").read_text())["record"]


def test_a_job_keeps_the_plate_outside_the_comp_matte_and_fills_inside(shot):
    listener = Listener()
    result = render(job_for(shot), listener)
    assert list(result.frames) == list(range(1001, 1007)) == listener.frames
    for n, path in enumerate(result.frames.values()):
        assert path == shot / "out" / f"clean.{1001 + n}.png"
        done = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]
        near = cv2.dilate(mattes()[n], np.ones((11, 11), np.uint8)) > 0
        assert np.array_equal(done[~near], pictures()[n][~near])
        inside = mattes()[n] == 255
        assert (done[inside] != pictures()[n][inside]).mean() > 0.5
    assert [p for p, *_ in listener.phases if p == "write"]
    assert any("MiB of disk" in text for text in listener.news)  # said before it starts


@pytest.mark.parametrize(("updates", "said"), [(39, False), (40, True)])
def test_how_long_it_takes_is_said_before_it_starts_where_it_is_worth_measuring(shot, updates, said):
    listener = Listener(stop_after=1)
    with pytest.raises(Cancelled):
        render(job_for(shot, solve={**QUICK, "max_updates": updates}), listener)
    assert any("about" in text and "an update" in text for text in listener.news) is said


def test_what_is_left_beside_the_output(shot):
    result = render(job_for(shot))
    assert result.folder == shot / "out" / "clean.1001-1006.ilvi"
    settings = yaml.safe_load((result.folder / "settings.yaml").read_text())
    assert settings["solve"]["method"] == "dip-vid"
    assert settings["solve"]["learning_rate"] == 0.005  # the preset's, resolved
    record = manifest(result)
    assert record["done"]["updates"] == [3]
    assert record["working_size"] == [64, 48]
    assert "No VGG16" not in json.dumps(record)  # dip-vid does not want it
    assert (result.folder / "weights" / "1001.safetensors").exists()
    assert not list(result.folder.glob("*.tmp*")) + list(result.folder.glob(".tmp*"))


def test_steps_write_fewer_frames_and_train_on_all(shot):
    listener = Listener()
    result = render(job_for(shot, frames=FrameRange.parse("1001-1006x2")), listener)
    assert list(result.frames) == [1001, 1003, 1005]
    assert sorted(p.name for p in (shot / "out").glob("*.png")) == [f"clean.{n}.png" for n in (1001, 1003, 1005)]
    assert ("read", 12, 12) in listener.phases  # six frames, twice


def test_missing_weights_are_recorded(shot, monkeypatch, tmp_path):
    monkeypatch.setenv("ILVI_WEIGHTS", str(tmp_path / "none"))
    result = render(job_for(shot, solve={**QUICK, "method": "dip-vid-flow"}))
    record = manifest(result)
    assert "perceptual loss is off" in record["done"]["perceptual"]
    assert record["done"]["flow"] == "dis"


def test_each_loss_term_goes_to_the_log(shot):
    result = render(job_for(shot, solve={**QUICK, "method": "dip-vid-flow", "max_updates": 20, "batch": 2}))
    lines = [json.loads(line) for line in (result.folder / "training.jsonl").read_text().splitlines()]
    assert [line["update"] for line in lines] == [10, 20]
    assert {"window", "reconstruction", "flow", "consistency", "guard", "loss", "learning_rate"} <= set(lines[0])


def test_an_empty_matte_copies_the_plate_and_says_so(shot):
    for path in (shot / "matte").iterdir():
        cv2.imwrite(str(path), np.zeros((HEIGHT, WIDTH), np.uint8))
    listener = Listener()
    result = render(job_for(shot), listener)
    assert [code for code, _ in listener.warnings] == ["empty-matte"]
    for n, path in enumerate(result.frames.values()):
        assert np.array_equal(cv2.imread(str(path))[..., ::-1], pictures()[n])


def test_a_large_hole_is_warned_about_and_the_option_named(shot):
    listener = Listener()
    render(job_for(shot, solve={**QUICK, "matte_invert": True}), listener)
    assert any(code == "large-hole" and "--matte-invert" in text for code, text in listener.warnings)


def test_a_comp_matte_beyond_the_hole_is_cut_and_warned_about(shot):
    listener = Listener()
    render(job_for(shot, solve={**QUICK, "solve_dilate": 0}, comp={"comp_dilate": 6}), listener)
    assert [code for code, _ in listener.warnings] == ["comp-matte-cut"]


def test_few_frames_shrink_the_batch_with_a_word(shot):
    listener = Listener()
    render(job_for(shot, frames=FrameRange(1001, 1002), solve={**QUICK, "batch": 5}), listener)
    assert [code for code, _ in listener.warnings] == ["few-frames"]
    one = Listener()
    render(job_for(shot, frames=FrameRange(1003, 1003), solve={**QUICK, "method": "dip-vid-flow"}), one)
    assert one.frames == [1003]


def test_windows_train_one_network_each(shot):
    result = render(job_for(shot, solve={**QUICK, "window": 3}))
    record = manifest(result)
    assert record["done"]["updates"] == [3, 3]
    assert sorted(p.stem for p in (result.folder / "weights").iterdir()) == ["1001", "1004"]


@pytest.mark.parametrize("method", ["dip-vid", pytest.param("dip", marks=pytest.mark.slow)])
def test_a_stopped_job_goes_on_with_resume_and_gives_the_same_frames(shot, method):
    solve = {**QUICK, "method": method, "max_updates": 12, "dip_updates": 12}
    small = FrameRange(1001, 1003)
    whole = render(job_for(shot, solve=solve, frames=small, output=str(shot / "whole" / "clean.####.png")))
    with pytest.raises(Cancelled):
        render(job_for(shot, solve=solve, frames=small), Listener(stop_after=15 if method == "dip" else 5))
    assert not list((shot / "out").glob("*.png"))
    checkpoint = json.loads((shot / "out" / "clean.1001-1003.ilvi" / "checkpoint.json").read_text())
    assert checkpoint["windows_done"] == (1 if method == "dip" else 0)
    listener = Listener()
    again = render(job_for(shot, solve=solve, frames=small, run=RunOptions(resume=True)), listener)
    assert sum(p == "train" for p, *_ in listener.phases) == (36 - 15 if method == "dip" else 12 - 5)
    for frame, path in whole.frames.items():
        assert path.read_bytes() == again.frames[frame].read_bytes()


def test_resume_of_another_job_is_refused_and_without_a_checkpoint_said(shot):
    listener = Listener()
    render(job_for(shot, run=RunOptions(resume=True)), listener)
    assert any("no checkpoint" in text for text in listener.news)
    with pytest.raises(InputError, match="belongs to other pictures or settings"):
        render(job_for(shot, solve={**QUICK, "seed": 1}, run=RunOptions(resume=True)))


def test_a_finished_job_resumed_only_writes(shot):
    render(job_for(shot))
    listener = Listener()
    render(job_for(shot, run=RunOptions(resume=True)), listener)
    assert not [p for p, *_ in listener.phases if p in ("train", "flow")]
    assert len(listener.frames) == FRAMES


def test_no_room_on_the_disk_is_said_before_anything_is_learned(shot, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Usage(10))
    listener = Listener()
    with pytest.raises(InputError, match="There is no room"):
        render(job_for(shot), listener)
    assert not listener.phases


class _Usage:
    def __init__(self, free):
        self.free = free


def test_a_movie_goes_in_and_out(shot):
    first = render(job_for(shot, output=str(shot / "clean.mov")))
    assert first.frames[1001] == shot / "clean.mov"
    movie = open_source(str(shot / "clean.mov"))
    assert movie.frames == list(range(1, FRAMES + 1))
    again = render(
        job_for(
            shot,
            plate=ImageSequence(str(shot / "clean.mov")),
            frames=FrameRange(1, 1),
            matte=ImageSequence(str(shot / "matte" / "matte.1001.png")),
            output=str(shot / "again"),
        )
    )
    assert again.frames[1].suffix == ".png"


# -- arrays --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_inpaint_takes_and_gives_arrays(dtype):
    plate = pictures()
    if dtype == np.uint16:
        plate = plate.astype(np.uint16) * 257
    elif dtype == np.float32:
        plate = plate.astype(np.float32) / 255 * 4
    before = plate.copy()
    result = ilvi_core.inpaint(plate, mattes(), {**QUICK, "comp_feather": 0, "comp_dilate": 0})
    assert result.dtype == plate.dtype
    assert result.shape == plate.shape
    assert np.array_equal(plate, before)
    assert np.array_equal(result[mattes() == 0], plate[mattes() == 0])
    assert (result[mattes() == 255] != plate[mattes() == 255]).any(-1).mean() > 0.5


def test_inpaint_refuses_what_does_not_fit():
    with pytest.raises(InputError, match="expected \\(T, H, W, 3\\)"):
        ilvi_core.inpaint(pictures(), mattes()[1:])
    with pytest.raises(InputError, match="no setting 'lerning_rate'"):
        ilvi_core.inpaint(pictures(), mattes(), {"lerning_rate": 1})


# -- the command, in a process of its own ----------------------------------------------------------------------------


def ilvi(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "ilvi_core.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


def test_render_by_command_line_and_by_job_file_give_the_same(shot):
    options = [f"--set={k}={v}" for k, v in QUICK.items()]
    base = ["render", "--plate", shot / "plate", "--matte", shot / "matte", "--frames", "1001-1002", *options]
    done = ilvi(*base, "--output", shot / "a" / "c.%04d.png")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stderr + done.stdout  # no control characters in a log
    assert "\r" not in done.stderr
    assert "training: update" in done.stderr
    saved = ilvi(*base, "--output", shot / "b" / "c.%04d.png", "--save-job", shot / "job.json")
    assert saved.returncode == 0
    assert not (shot / "b").exists()
    again = ilvi("render", shot / "job.json")
    assert again.returncode == 0, again.stderr
    for n in (1001, 1002):
        assert (shot / "a" / f"c.{n}.png").read_bytes() == (shot / "b" / f"c.{n}.png").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_leave_a_checkpoint_and_exit_130(shot, number):
    command = [sys.executable, "-m", "ilvi_core.cli", "render", "--plate", shot / "plate", "--matte", shot / "matte"]
    command += [
        "--output",
        shot / "out" / "c.####.png",
        *[f"--set={k}={v}" for k, v in QUICK.items()],
        "--set=max_updates=100000",
    ]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if line.startswith("training"):
                break
        time.sleep(0.5)
        process.send_signal(number)
        asked = time.monotonic()
        rest = process.stderr.read()
        assert process.wait(timeout=20) == 130
        assert time.monotonic() - asked < 10
    finally:
        process.kill()
    assert "go on from here" in rest
    assert "Traceback" not in rest
    (entry,) = Path(os.environ["ILVI_CACHE"]).glob("*.1001-1006.*")
    checkpoint = json.loads((entry / "checkpoint.json").read_text())
    assert (entry / checkpoint["tensors"]).exists()
    assert checkpoint["state"]["update"] > 0


def test_a_frame_of_nothing_but_hole_is_warned_about(shot):
    cv2.imwrite(str(shot / "matte" / "matte.1002.png"), np.full((HEIGHT, WIDTH), 255, np.uint8))
    alone, together = Listener(), Listener()
    small = FrameRange(1001, 1002)
    render(job_for(shot, frames=small, solve={**QUICK, "method": "dip", "dip_updates": 1}), alone)
    said = dict(alone.warnings)["nothing-known"]
    assert said.startswith("Frames 1002 to 1002 (1 in")
    render(job_for(shot, frames=small), together)
    assert "nothing-known" not in [code for code, _ in together.warnings]


def test_an_unfinished_solve_is_set_aside_not_lost(shot):
    solve = {**QUICK, "max_updates": 12}
    for _ in range(2):
        with pytest.raises(Cancelled):
            render(job_for(shot, solve=solve), Listener(stop_after=5))
    listener = Listener()
    render(job_for(shot, solve=solve), listener)
    assert any("clean.1001-1006.ilvi.unfinished-2" in text for text in listener.news)
    for number in (1, 2):
        kept = shot / "out" / f"clean.1001-1006.ilvi.unfinished-{number}"
        checkpoint = json.loads((kept / "checkpoint.json").read_text())
        assert (kept / checkpoint["tensors"]).exists()
    # what is finished is replaced
    render(job_for(shot, solve=solve))
    assert len(list((shot / "out").glob("*.unfinished-*"))) == 2


def test_solved_windows_are_set_aside_too(shot):
    job = job_for(shot, frames=FrameRange(1001, 1003), solve={**QUICK, "method": "dip", "dip_updates": 4})
    with pytest.raises(Cancelled):
        render(job, Listener(stop_after=8))
    render(job)
    kept = shot / "out" / "clean.1001-1003.ilvi.unfinished-1"
    assert len(list((kept / "fill").glob("*.npy"))) == 2


def test_one_solve_at_a_time_in_a_folder(shot):
    with (
        lock(shot / "out" / "clean.1001-1006.ilvi"),
        pytest.raises(InputError, match="Another ILVI is solving"),
    ):
        render(job_for(shot))
    render(job_for(shot))


def test_other_outputs_and_ranges_have_folders_of_their_own(shot):
    first, later = FrameRange(1001, 1002), FrameRange(1003, 1004)
    outputs = ["o/clean_v1.####.png", "o/clean_v2.####.png", "o/a1.mov", "o/a2.mov"]
    folders = {render(job_for(shot, frames=first, output=str(shot / name))).folder for name in outputs}
    folders.add(render(job_for(shot, frames=later, output=str(shot / outputs[0]))).folder)
    assert len(folders) == 5


def test_resume_with_other_weight_files_is_refused_in_words(shot, monkeypatch, tmp_path):
    monkeypatch.setenv("ILVI_WEIGHTS", str(tmp_path / "weights"))
    solve = {**QUICK, "method": "dip-vid-flow", "max_updates": 12}
    with pytest.raises(Cancelled):
        render(job_for(shot, solve=solve), Listener(stop_after=3))
    torch.manual_seed(0)
    state = {f"features.{k}": v for k, v in vgg16(weights=None).features[:16].state_dict().items()}
    torch.save(state, tmp_path / "mine.pth")
    weights.import_file(tmp_path / "mine.pth", "vgg16")
    with pytest.raises(InputError, match="belongs to other"):
        render(job_for(shot, solve=solve, run=RunOptions(resume=True)))


def test_a_still_matte_and_a_movies_mattes_are_paired_and_said(shot):
    listener = Listener()
    still = ImageSequence(str(shot / "matte" / "matte.1003.png"))
    render(job_for(shot, matte=still, output=str(shot / "clean.mov")), listener)
    assert any("serves every frame" in text for text in listener.news)
    listener = Listener()
    # the movie counts 1-6, the mattes 1001-1006
    render(job_for(shot, plate=ImageSequence(str(shot / "clean.mov")), frames=FrameRange(2, 4)), listener)
    assert any("1001-1006 are taken for the plate's 1-6" in text for text in listener.news)
    assert listener.frames == [2, 3, 4]


def test_a_full_disk_under_the_log_does_not_end_the_training(shot, monkeypatch):
    def full(self, record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FolderWork, "log", full)
    listener = Listener()
    render(job_for(shot, solve={**QUICK, "max_updates": 20}), listener)
    assert [code for code, _ in listener.warnings] == ["log"]


def test_mattes_of_zeros_and_ones_are_taken_as_such():
    result = ilvi_core.inpaint(pictures(), (mattes() > 127).astype(np.uint8), QUICK)
    assert (result[mattes() == 255] != pictures()[mattes() == 255]).any(-1).mean() > 0.5


def test_imported_raft_estimates_the_flow_and_is_recorded(shot, monkeypatch, tmp_path):
    """By the real loading path; the weights are random, so nothing is said about quality."""
    monkeypatch.setenv("ILVI_WEIGHTS", str(tmp_path / "weights"))
    torch.manual_seed(0)
    torch.save(raft_small(weights=None).state_dict(), tmp_path / "mine.pth")
    weights.import_file(tmp_path / "mine.pth", "raft_small")
    solve = {**QUICK, "method": "dip-vid-flow", "intervals": "1"}
    result = render(job_for(shot, frames=FrameRange(1001, 1002), solve=solve))
    assert manifest(result)["done"]["flow"] == "raft_small"
    # asked for by name and not there: DIS instead, and that is said
    listener = Listener()
    result = render(job_for(shot, frames=FrameRange(1001, 1002), solve={**solve, "flow": "raft_large"}), listener)
    assert [code for code, _ in listener.warnings if code == "no-weights"]
    record = manifest(result)
    assert record["done"]["flow"] == "dis"
    assert any("RAFT" in note["text"] for note in record["notes"])
