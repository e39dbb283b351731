"""A job as an Open Job Description bundle, checked and run by the real openjd."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from shots import FRAMES, QUICK, job_for, make_shot

from ilvi_core.farm import Plan, export
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import FrameRange, ImageSequence
from ilvi_core.host.split import Split
from ilvi_core.images import read_still

ILVI = [sys.executable, "-m", "ilvi_core.cli"]
BESIDE = Path(sys.executable).parent / "openjd"
OPENJD = str(BESIDE) if BESIDE.exists() else shutil.which("openjd")
DOCS = Path(__file__).resolve().parent.parent / "docs" / "farm"
needs_openjd = pytest.mark.skipif(OPENJD is None, reason="openjd is not installed (pip install 'ilvi[farm]')")


@pytest.fixture
def job(tmp_path):
    """Six frames in two windows, which share one."""
    return job_for(make_shot(tmp_path), split=Split(4, 1))


def exported(job, tmp_path, **plan):
    """The template, and the values of its parameters."""
    export(job, tmp_path / "bundle", Plan(**plan), str(tmp_path / "farm cache"))
    template = yaml.safe_load((tmp_path / "bundle" / "template.yaml").read_text())
    listed = yaml.safe_load((tmp_path / "bundle" / "parameter_values.yaml").read_text())["parameterValues"]
    return template, {one["name"]: one["value"] for one in listed}


def args_of(template, step):
    return template["steps"][step]["script"]["actions"]["onRun"]["args"]


def test_a_bundle_has_its_windows_chunks_needs_and_assets(job, tmp_path):
    template, values = exported(job, tmp_path, frames_per_task=3, gpu_memory=12)
    solve, render = template["steps"]
    assert solve["parameterSpace"]["taskParameterDefinitions"][0]["range"] == "1-2"
    assert {"name": "amount.worker.gpu.memory", "min": 12 * 1024} in solve["hostRequirements"]["amounts"]
    assert "hostRequirements" not in render
    assert render["dependencies"] == [{"dependsOn": "Solve"}]
    for step in (solve, render):
        assert step["script"]["actions"]["onRun"]["cancelation"]["mode"] == "NOTIFY_THEN_TERMINATE"
    assert values["Frames"] == "1001-1006"
    assert values["FramesPerTask"] == 3
    assets = yaml.safe_load((tmp_path / "bundle" / "asset_references.yaml").read_text())["assetReferences"]
    assert len(assets["inputs"]["filenames"]) == 2 * FRAMES
    assert all(Path(name).is_file() for name in assets["inputs"]["filenames"])
    assert assets["outputs"]["directories"] == [str(tmp_path / "out")]
    # paths that a farm maps are parameters of the kind PATH, and nowhere else in the template
    assert str(tmp_path) not in json.dumps(template)


def test_a_stepped_range_is_chunked_by_count(job, tmp_path):
    from dataclasses import replace

    template, values = exported(replace(job, frames=FrameRange(1001, 1006, 2)), tmp_path)
    assert values["Frames"] == "1001-1005:2"
    chunks = template["steps"][1]["parameterSpace"]["taskParameterDefinitions"][0]["chunks"]
    assert chunks["rangeConstraint"] == "NONCONTIGUOUS"


def test_hints_go_along_as_paths(tmp_path):
    shot = make_shot(tmp_path)
    clean = f"{shot}/plate/plate.1003.png"
    job = job_for(
        shot,
        solve={"method": "ilvi"},
        clean_plates={1003: clean},
        holdout=ImageSequence(f"{shot}/matte/matte.####.png"),
    )
    template, values = exported(job, tmp_path)
    assert values["CleanPlates1Dir"] == f"{shot}/plate"
    for step in (0, 1):
        assert "--clean-plate=1003={{Param.CleanPlates1Dir}}/plate.1003.png" in args_of(template, step)
        assert "--donor-holdout" in args_of(template, step)


def test_a_holdout_keeps_its_layer(tmp_path):
    """The bundle names its path again, which must not make another mask of it."""
    from ilvi_core import cli, commands

    job = job_for(make_shot(tmp_path), solve={"method": "ilvi"}, holdout=ImageSequence("held.####.exr", "R"))
    job.save(tmp_path / "job.json")
    options = cli._parser().parse_args(
        ["solve", str(tmp_path / "job.json"), "--donor-holdout", "/mapped/held.####.exr"]
    )
    assert commands._job(options).holdout == ImageSequence("/mapped/held.####.exr", "R")


def test_what_deadline_reads_of_a_bundle(job, tmp_path):
    """A value for Job would be looked for where it is submitted; IN of a folder would take all that is in it along."""
    template, values = exported(job, tmp_path)
    assert "Job" not in values
    kinds = {one["name"]: one for one in template["parameterDefinitions"]}
    assert kinds["Job"]["default"] == "job.json"
    flows = {name: one["dataFlow"] for name, one in kinds.items() if one.get("objectType") == "DIRECTORY"}
    assert {name for name, flow in flows.items() if flow != "NONE"} == {"OutputDir"}


@needs_openjd
def test_many_clean_plates_and_odd_names_make_a_bundle_that_openjd_takes(tmp_path):
    from dataclasses import replace

    shot = make_shot(tmp_path)
    clean = {1001 + n: f"{shot}/plate/plate.{1001 + n}.png" for n in range(FRAMES)}
    job = job_for(shot, solve={"method": "ilvi"}, clean_plates=clean, output=f"{tmp_path}/o {{{{x/d%e {{{{y.####.png")
    exported(job, tmp_path, name="ILVI {{Param.Nothing}} 100%")
    command = [OPENJD, "check", tmp_path / "bundle" / "template.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.raises(InputError, match="braces"):
        exported(replace(job, clean_plates={1001: _copied(clean[1001], f"{tmp_path}/a{{{{b.png")}), tmp_path)


def _copied(path, to):
    shutil.copy(path, to)
    return to


@pytest.mark.parametrize(
    ("output", "name"), [("dead_end.%04d.exr", "dead_end"), ("a.####.png", "a"), ("x/clean.mov", "clean")]
)
def test_a_bundle_is_called_after_its_output(job, tmp_path, output, name):
    from dataclasses import replace

    template, _ = exported(replace(job, output=f"{tmp_path}/{output}"), tmp_path)
    assert template["name"] == f"ILVI {name}"


def test_a_movie_is_written_by_one_task(job, tmp_path):
    from dataclasses import replace

    template, _ = exported(replace(job, output=str(tmp_path / "out" / "clean.mov")), tmp_path)
    assert "parameterSpace" not in template["steps"][1]
    assert not any(word.startswith("--frames") for word in args_of(template, 1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"output": ""}, "names no output"),
        ({"frames": FrameRange(1001, 1009)}, "has no frame 1007"),
        ({"matte": ImageSequence("/nowhere/matte.####.png")}, "/nowhere"),
    ],
)
def test_what_a_task_would_stop_at_stops_the_export(job, tmp_path, change, words):
    from dataclasses import replace

    with pytest.raises(InputError, match=words):
        exported(replace(job, **change), tmp_path)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    "plan",
    [{"frames_per_task": 0}, {"gpu_memory": -1}, {"timeout": 0}, {"timeout": float("inf")}, {"cache_size": "much"}],
)
def test_a_plan_that_cannot_be_is_refused(plan):
    with pytest.raises(InputError):
        Plan(**plan)


@needs_openjd
@pytest.mark.parametrize("frames", ["1001-1006", "1002-1002", "1001-1006x2"])
def test_openjd_takes_the_template(job, tmp_path, frames):
    from dataclasses import replace

    exported(replace(job, frames=FrameRange.parse(frames)), tmp_path)
    command = [OPENJD, "check", tmp_path / "bundle" / "template.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def ilvi(*words, **changes):
    environment = {**os.environ, **changes}
    return subprocess.run([*ILVI, *map(str, words)], capture_output=True, text=True, env=environment, check=False)


@pytest.mark.farm
def test_progress_for_programs(job, tmp_path):
    """solve, then a chunk: lines of JSON; what is lacking is the last line, and the exit code counts."""
    job.save(tmp_path / "job.json")
    cache = ("--cache-dir", tmp_path / "cache")
    done = ilvi("render", tmp_path / "job.json", "--from-cache", "--frames=1001-1002", "--progress", "json", *cache)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2
    assert lines[-1]["type"] == "failed"
    assert lines[-1]["exit_code"] == 2
    assert "has no solve of window 1 of 2" in lines[-1]["text"]
    done = ilvi("solve", tmp_path / "job.json", "--window", 1, "--progress", "json", *cache)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    percents = [line["percent"] for line in lines if line["type"] == "progress"]
    assert percents == sorted(percents)
    done = ilvi("render", tmp_path / "job.json", "--from-cache", "--frames=1001-1001", "--progress", "json", *cache)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["frame"] for line in lines if line["type"] == "frame"] == [1001]


@pytest.mark.farm
def test_progress_as_open_job_description_reads_it(job, tmp_path):
    job.save(tmp_path / "job.json")
    words = ("solve", tmp_path / "job.json", "--window", 2, "--progress", "openjd", "--cache-dir", tmp_path / "cache")
    done = ilvi(*words)
    assert done.returncode == 0, done.stderr
    progress = [float(found) for found in re.findall(r"^openjd_progress: ([\d.]+)$", done.stdout, re.MULTILINE)]
    assert progress == sorted(progress)
    assert 0 <= progress[0] <= progress[-1] <= 100
    assert "openjd_status: training" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    done = ilvi("render", tmp_path / "job.json", "--from-cache", "--progress", "openjd", "--cache-dir", tmp_path / "no")
    assert done.returncode == 2
    assert done.stdout.splitlines()[-1].startswith("openjd_fail: The cache ")


@needs_openjd
@pytest.mark.parametrize("name", ["venv", "conda", "rez"])
def test_openjd_takes_the_environments_of_the_docs(name):
    done = subprocess.run([OPENJD, "check", DOCS / f"{name}.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# -- the real openjd: half a minute each -------------------------------------------------------------------------------


EXPORT = ("--gpu-memory", 0)


def places(tmp_path):
    return "--cache-dir", tmp_path / "farm cache", "-o", tmp_path / "bundle"


def run_bundle(tmp_path, *words, **changes):
    return ilvi("farm", "run", tmp_path / "bundle", *words, **changes)


def assert_same_frames(a, b, count=FRAMES):
    names = sorted(path.name for path in Path(b).iterdir())
    assert len(names) == count
    for name in names:
        one, other = read_still(Path(a) / name, name), read_still(Path(b) / name, name)
        for plane in other.planes:
            np.testing.assert_array_equal(one.planes[plane], other.planes[plane])


@needs_openjd
@pytest.mark.farm
def test_a_bundle_runs_window_by_window_then_chunk_by_chunk(job, tmp_path):
    """Frames are those of a plain `ilvi render` of the same job."""
    job.save(tmp_path / "job.json")
    words = (
        "--gpu-memory",
        0,
        "--frames-per-task",
        4,
        "--cache-dir",
        tmp_path / "farm cache",
        "-o",
        tmp_path / "bundle",
    )
    assert ilvi("farm", "export", tmp_path / "job.json", *words).returncode == 0
    done = run_bundle(tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    last_solve = done.stdout.rindex("openjd_status: training")
    assert done.stdout.index("openjd_status: writing") > last_solve
    assert len(list((tmp_path / "farm cache").glob("*/manifest.json"))) == 2
    plain = ("--output", f"{tmp_path}/plain/clean.####.png", "--cache-dir", tmp_path / "another", "--quiet")
    assert ilvi("render", tmp_path / "job.json", *plain).returncode == 0
    assert_same_frames(tmp_path / "out", tmp_path / "plain")


@needs_openjd
@pytest.mark.slow
@pytest.mark.farm
@pytest.mark.parametrize("frames", ["-3--1", "1-6x2", "4"])
def test_negative_stepped_and_single_frames(tmp_path, frames):
    shot = make_shot(tmp_path)
    number = {"-3--1": -1004, "1-6x2": -1000, "4": -1000}[frames]
    for name in ("plate", "matte"):
        for path in sorted((shot / name).iterdir()):
            frame = int(path.name.split(".")[1]) + number
            path.rename(path.with_name(f"{name}.{frame:04d}.png"))
    job_for(shot, frames=FrameRange.parse(frames)).save(tmp_path / "job.json")
    words = (
        "--gpu-memory",
        0,
        "--frames-per-task",
        2,
        "--cache-dir",
        tmp_path / "farm cache",
        "-o",
        tmp_path / "bundle",
    )
    done = ilvi("farm", "export", tmp_path / "job.json", *words)
    assert done.returncode == 0, done.stderr
    done = run_bundle(tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    written = sorted(int(path.name.split(".")[1]) for path in (tmp_path / "out").iterdir())
    assert written == list(FrameRange.parse(frames).written())


@needs_openjd
@pytest.mark.farm
def test_a_queue_environment_brings_the_command(job, tmp_path):
    """The template's own `ilvi`, found on the PATH that docs/farm/venv.yaml makes."""
    prefix = tmp_path / "opt ilvi"
    (prefix / "bin").mkdir(parents=True)
    ilvi_script(prefix / "bin")
    _, values = exported(job, tmp_path)
    values.update(Job=str(tmp_path / "bundle" / "job.json"), IlviPrefix=str(prefix))
    given = [word for name, value in values.items() for word in ("-p", f"{name}={value}")]
    template = str(tmp_path / "bundle" / "template.yaml")
    command = [OPENJD, "run", template, "--step", "Solve", "--environment", str(DOCS / "venv.yaml"), *given]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert len(list((tmp_path / "farm cache").glob("*/manifest.json"))) == 2


@needs_openjd
@pytest.mark.farm
def test_mapped_paths_odd_names_and_negative_stepped_frames(tmp_path):
    """On a machine that has the folders elsewhere: the bundle knows the old ones, openjd maps them."""
    old, new = tmp_path / "old", tmp_path / "neu é % {x}"
    old.mkdir()
    make_shot(old)
    for name in ("plate", "matte"):
        for path in sorted((old / name).iterdir()):
            path.rename(path.with_name(f"{name}.{int(path.name.split('.')[1]) - 1004:04d}.png"))
    job_for(old, frames=FrameRange(-3, 2, 3)).save(tmp_path / "job.json")
    assert (
        ilvi("farm", "export", tmp_path / "job.json", *EXPORT, "--frames-per-task", 1, *places(tmp_path)).returncode
        == 0
    )
    old.rename(new)
    rules = {"version": "pathmapping-1.0", "path_mapping_rules": [
        {"source_path_format": "POSIX", "source_path": str(old), "destination_path": str(new)}]}  # fmt: skip
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    values = yaml.safe_load((tmp_path / "bundle" / "parameter_values.yaml").read_text())["parameterValues"]
    given = [word for one in values for word in ("-p", f"{one['name']}={one['value']}")]
    given += ["-p", f"Job={tmp_path}/bundle/job.json", "-p", f"Ilvi={ilvi_script(tmp_path)}"]
    command = [OPENJD, "run", str(tmp_path / "bundle" / "template.yaml"), "--step", "Render", "--run-dependencies"]
    rules_of = ["--path-mapping-rules", f"file://{tmp_path}/rules.json"]
    done = subprocess.run([*command, *rules_of, *given], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert sorted(path.name for path in (new / "out").iterdir()) == ["clean.-003.png", "clean.0000.png"]


def ilvi_script(folder):
    """A command by the name of ilvi, of this very Python."""
    path = folder / "ilvi"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ilvi_core.cli "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.farm
def test_a_log_that_closes_does_not_end_a_solve(tmp_path):
    """An agent that dies takes the other end of the pipe along; what was learned is kept all the same."""
    job_for(make_shot(tmp_path), solve={**QUICK, "max_updates": 40}).save(tmp_path / "job.json")
    words = ["solve", str(tmp_path / "job.json"), "--progress", "openjd", "--cache-dir", str(tmp_path / "cache")]
    running = subprocess.Popen([*ILVI, *words], stdout=subprocess.PIPE, text=True)
    for line in running.stdout:
        if "training" in line:
            break
    running.stdout.close()
    assert running.wait(120) == 0
    assert ilvi("render", tmp_path / "job.json", "--from-cache", "--cache-dir", tmp_path / "cache").returncode == 0


@pytest.mark.parametrize(
    ("fault", "code"), [(MemoryError(), 3), (RuntimeError("broken"), 1), (KeyboardInterrupt(), 130)]
)
def test_whatever_happens_the_reason_is_the_last_line(job, tmp_path, monkeypatch, capsys, fault, code):
    from ilvi_core import cli, pipeline

    job.save(tmp_path / "job.json")

    def broken(*given, **named):
        raise fault

    monkeypatch.setattr(pipeline, "solve", broken)
    for kind, start in (("openjd", "openjd_fail: "), ("json", '{"type": "failed"')):
        assert cli.main(["solve", str(tmp_path / "job.json"), "--progress", kind]) == code
        assert capsys.readouterr().out.splitlines()[-1].startswith(start)


@pytest.mark.farm
def test_a_locale_without_the_letters_of_a_path_is_no_fault(job, tmp_path):
    job.save(tmp_path / "job.json")
    words = ("render", tmp_path / "job.json", "--from-cache", "--progress", "openjd", "--cache-dir", tmp_path / "日本")
    done = ilvi(*words, PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert done.returncode == 2, done.stderr
    assert done.stdout.splitlines()[-1].startswith("openjd_fail: The cache ")


@needs_openjd
@pytest.mark.farm
def test_when_a_solve_fails_nothing_is_rendered_and_the_reason_is_the_last_word(job, tmp_path):
    job.save(tmp_path / "job.json")
    words = ("--gpu-memory", 0, "--cache-dir", tmp_path / "farm cache", "-o", tmp_path / "bundle")
    assert ilvi("farm", "export", tmp_path / "job.json", *words).returncode == 0
    (tmp_path / "plate" / "plate.1003.png").write_bytes(b"no picture")
    done = run_bundle(tmp_path)
    assert done.returncode != 0
    assert "Running" in done.stdout
    assert "openjd_status: writing" not in done.stdout
    assert not list((tmp_path / "out").glob("*"))
    log = done.stdout[: done.stdout.index("exited with code: 2")]
    assert "openjd_fail: Plate frame 1003" in log.splitlines()[-2]


@needs_openjd
@pytest.mark.slow
@pytest.mark.farm
def test_interrupted_it_leaves_a_checkpoint_and_the_next_run_goes_on(tmp_path):
    job = job_for(make_shot(tmp_path), solve={**QUICK, "max_updates": 40})
    job.save(tmp_path / "job.json")
    cache = tmp_path / "farm cache"
    words = ("--gpu-memory", 0, "--cache-dir", cache, "-o", tmp_path / "bundle")
    assert ilvi("farm", "export", tmp_path / "job.json", *words).returncode == 0
    command = [*map(str, ILVI), "farm", "run", str(tmp_path / "bundle")]
    log = tmp_path / "log"
    with open(log, "w") as file:
        running = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
        until = time.monotonic() + 60
        while not re.search(r"training (\d|1\d) of 40", log.read_text()) and time.monotonic() < until:
            time.sleep(0.1)
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(90) != 0
    assert list(cache.glob("*/checkpoint*")), log.read_text()[-3000:]
    assert "openjd_fail: Stopped." in log.read_text()
    done = run_bundle(tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Going on from update" in done.stdout
    plain = ("--output", f"{tmp_path}/plain/clean.####.png", "--cache-dir", tmp_path / "another", "--quiet")
    assert ilvi("render", tmp_path / "job.json", *plain).returncode == 0
    assert_same_frames(tmp_path / "out", tmp_path / "plain")


@pytest.mark.farm
def test_two_tasks_on_one_entry_solve_it_once(job, tmp_path):
    """As where a farm starts a task twice: one solves, the other waits and has it."""
    job.save(tmp_path / "job.json")
    words = ["solve", str(tmp_path / "job.json"), "--window", "1", "--cache-dir", str(tmp_path / "cache")]
    running = [subprocess.Popen([*ILVI, *words], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert sum("Training 3 updates" in text or "training: update 3 of 3" in text for text in said) == 1
    assert len(list((tmp_path / "cache").glob("*/manifest.json"))) == 1


@pytest.mark.farm
def test_a_worker_that_is_preempted_leaves_a_checkpoint_in_time(tmp_path):
    """SIGTERM, as a farm's notice: it exits with 130 within seconds, and the requeued task goes on."""
    job_for(make_shot(tmp_path), solve={**QUICK, "max_updates": 40}).save(tmp_path / "job.json")
    words = ["solve", str(tmp_path / "job.json"), "--progress", "openjd", "--cache-dir", str(tmp_path / "cache")]
    running = subprocess.Popen([*ILVI, *words], stdout=subprocess.PIPE, text=True)
    for line in running.stdout:
        if re.search(r"training (\d|1\d) of 40", line):
            break
    begun = time.monotonic()
    running.terminate()
    rest = running.communicate(timeout=60)[0]
    assert running.returncode == 130
    assert time.monotonic() - begun < 15
    assert rest.splitlines()[-1].startswith("openjd_fail: Stopped.")
    done = ilvi(*words)
    assert done.returncode == 0
    assert "Going on from update" in done.stdout


@pytest.mark.farm
@pytest.mark.skipif(not sys.platform.startswith("linux") or os.geteuid() != 0, reason="mounts, which root may")
def test_with_a_home_that_cannot_be_written(job, tmp_path):
    from dataclasses import replace

    replace(job, split=None).save(tmp_path / "job.json")
    home = tmp_path / "home"
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "none", home], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        given = {"HOME": str(home), "XDG_CACHE_HOME": "", "ILVI_CACHE": ""}
        done = ilvi("render", tmp_path / "job.json", **given)
    finally:
        subprocess.run(["umount", home], check=True)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("clean.*.png"))) == FRAMES
