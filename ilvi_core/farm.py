"""A job as an Open Job Description bundle (jobtemplate-2023-09), which AWS Deadline Cloud takes as it is.

template.yaml, parameter_values.yaml, asset_references.yaml, job.json. Step Solve: a task for each window, with a GPU;
step Render: chunks of frames from the cache, once all windows are solved.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

from ilvi_core.cache import cache_folder, size_limit
from ilvi_core.files import publish
from ilvi_core.host.errors import InputError
from ilvi_core.host.job import FrameRange, Job, absolute
from ilvi_core.joined import windows_of
from ilvi_core.movies import MovieSink
from ilvi_core.report import Report
from ilvi_core.shot import Shot, open_shot

TEMPLATE, VALUES, ASSETS, JOB = "template.yaml", "parameter_values.yaml", "asset_references.yaml", "job.json"
NOTICE = 60  # s between the notice that a task is to end and its end: enough for a checkpoint
MOST_PARAMETERS = 50  # that a template may have
RENDER_HOURS = 2  # that a chunk may take


@dataclass(frozen=True)
class Plan:
    """How a job becomes tasks. gpu_memory: GiB that a solve's machine must have; 0: no GPU is asked for.

    timeout: hours that a solve may take.  ilvi: how the farm's machines call the command.  name: of the farm's job.
    cache_size: limit of the cache on the farm; "0" is none, so that no window is evicted before it is rendered.
    accept_reduced: out of memory a solve is done smaller.
    """

    frames_per_task: int = 10
    gpu_memory: float = 8.0
    timeout: float = 12.0
    ilvi: str = "ilvi"
    name: str = ""
    cache_size: str = "0"
    accept_reduced: bool = False

    def __post_init__(self) -> None:
        if self.frames_per_task < 1:
            raise InputError(
                f"--frames-per-task is {self.frames_per_task}, expected 1 or more.", "Leave it out for 10."
            )
        size_limit(self.cache_size)
        if not (0 <= self.gpu_memory < 1e5 and 0.02 <= self.timeout < 1e5):
            raise InputError("--gpu-memory and --timeout are amounts.", "Write --gpu-memory 8 --timeout 12.")


def export(job: Job, folder: Path, plan: Plan, cache: str = "") -> list[Path]:
    """Write the bundle; its files. InputError for whatever a task would stop at: files, frames, settings, output."""
    if not job.output:
        raise InputError("The job names no output.", "Give it with --output.")
    with open_shot(job, Report()) as shot:
        sink = shot.sink()
        whole = FrameRange(shot.frames[0], shot.frames[-1], job.frames.step if job.frames else 1)
        job = replace(job, frames=whole)
        shot = replace(shot, job=job)
        windows = len(windows_of(shot))
        values = _values(shot, str(cache_folder(cache)), plan)
        painted = _painted(job)
        chunked = not isinstance(sink, MovieSink)
        template = {
            "specificationVersion": "jobtemplate-2023-09",
            "extensions": ["TASK_CHUNKING"],
            "name": _plain(plan.name or f"ILVI {_stem(job.output)}"),
            "parameterDefinitions": _definitions(values),
            "steps": [_solve(values, windows, plan, painted), _render(values, whole, chunked, painted)],
        }
        if len(values) > MOST_PARAMETERS:
            raise InputError(
                f"The clean plates are in {len(_painted_folders(job))} folders, which are more than a bundle can have.",
                "Put them into one folder.",
            )
        assets = _assets(shot, values)
        files = {
            TEMPLATE: _yaml(template),
            # not Job, whose default is beside the template: a value would be looked for where it is submitted
            VALUES: _yaml({"parameterValues": [{"name": n, "value": v} for n, v in values.items() if n != "Job"]}),
            ASSETS: _yaml({"assetReferences": assets}),
            JOB: job.to_json().encode(),
        }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made: {error.strerror}.", "Choose another with -o.") from None
    for name, data in files.items():
        publish(folder / name, data)
    return [folder / name for name in files]


def run(folder: Path, step: str = "Render", cache: str = "") -> int:
    """Run a bundle's steps here, by `openjd run`; its exit code. InputError where there is no bundle or no openjd."""
    beside = Path(sys.executable).parent / "openjd"
    openjd = str(beside) if beside.exists() else shutil.which("openjd")
    if openjd is None:
        raise InputError("The openjd command is not installed.", "Install it: pip install 'ilvi[farm]'.")
    try:
        listed = yaml.safe_load((folder / VALUES).read_text(encoding="utf-8"))["parameterValues"]
        values = {str(one["name"]): one["value"] for one in listed}
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        raise InputError(f"{folder} is no bundle.", "Make one with 'ilvi farm export JOB -o DIR'.") from None
    values["Job"] = str((folder / JOB).resolve())
    if cache:
        values["CacheDir"] = str(cache_folder(cache))
    own = Path(sys.executable).parent / "ilvi"
    if values.get("Ilvi") == "ilvi" and own.exists():
        values["Ilvi"] = str(own)
    given = [word for name, value in values.items() for word in ("-p", f"{name}={value}")]
    command = [openjd, "run", str(folder / TEMPLATE), "--step", step, "--run-dependencies", *given]
    return _watched(command)


def _watched(command: list[str]) -> int:
    """Run openjd in a session of its own and tell it once to stop when this process is told: it tells its task, which
    has its notice to write a checkpoint. Only after that is anything killed."""
    told: list[float] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if not told:
            told.append(time.monotonic())
            running.send_signal(signal.SIGINT)

    running = subprocess.Popen(command, start_new_session=True)
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                code = running.wait(1)
                return 130 if told else code
            if told and time.monotonic() - told[0] > NOTICE + 30:
                running.kill()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _values(shot: Shot, cache: str, plan: Plan) -> dict[str, Any]:
    """The parameters and what they are for this job; folders are paths that a farm may map, names are not."""
    job = shot.job
    values: dict[str, Any] = {"Job": JOB, "Ilvi": plan.ilvi, "CacheDir": cache}
    named = [("Plate", job.plate.path), ("Matte", job.matte.path), ("Output", job.output)]
    if job.holdout is not None:
        named.append(("Holdout", job.holdout.path))
    for name, path in named:
        whole = Path(absolute(path))
        is_folder = path.endswith(("/", "\\")) or whole.is_dir()
        values[f"{name}Dir"] = str(whole if is_folder else whole.parent)
        values[f"{name}Name"] = "" if is_folder else whole.name
    for n, painted in enumerate(_painted_folders(job)):
        values[f"CleanPlates{n + 1}Dir"] = painted
    values["CacheSize"] = plan.cache_size
    assert job.frames is not None
    values["Frames"] = job.frames.openjd()
    values["FramesPerTask"] = plan.frames_per_task
    return values


def _definitions(values: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, value in values.items():
        if name.endswith("Dir"):
            # the inputs' files are listed as assets: a farm that copies is not to take whole folders, or the cache
            flow = "OUT" if name == "OutputDir" else "NONE"
            found.append({"name": name, "type": "PATH", "objectType": "DIRECTORY", "dataFlow": flow})
        elif name == "Job":
            found.append({"name": name, "type": "PATH", "objectType": "FILE", "dataFlow": "IN", "default": JOB})
        elif name == "FramesPerTask":
            found.append({"name": name, "type": "INT", "default": value})
        else:
            found.append({"name": name, "type": "STRING", "default": value})
    return found


def _solve(values: dict[str, Any], windows: int, plan: Plan, painted: list[str]) -> dict[str, Any]:
    step: dict[str, Any] = {"name": "Solve", "description": "Each window of the clip, into the cache."}
    if plan.gpu_memory:
        memory = {"name": "amount.worker.gpu.memory", "min": int(plan.gpu_memory * 1024)}  # MiB
        step["hostRequirements"] = {"amounts": [{"name": "amount.worker.gpu", "min": 1}, memory]}
    space = [{"name": "Window", "type": "INT", "range": f"1-{windows}"}]
    step["parameterSpace"] = {"taskParameterDefinitions": space}
    args = ["solve", *_inputs(values, painted), "--window", "{{Task.Param.Window}}"]
    args += ["--accept-reduced"] * plan.accept_reduced
    step["script"] = {"actions": {"onRun": _action(args, plan.timeout)}}
    return step


def _render(values: dict[str, Any], frames: FrameRange, chunked: bool, painted: list[str]) -> dict[str, Any]:
    """chunked: False where the output is one file, which one task has to write."""
    step: dict[str, Any] = {
        "name": "Render",
        "description": "Frames from what is solved; no training, no GPU.",
        "dependencies": [{"dependsOn": "Solve"}],
    }
    args = ["render", *_inputs(values, painted), "--output", _path("Output"), "--from-cache", "--device", "auto"]
    if chunked:
        # islands of a stepped range would be a task for each frame
        constraint = "CONTIGUOUS" if frames.step == 1 else "NONCONTIGUOUS"
        chunks = {"defaultTaskCount": "{{Param.FramesPerTask}}", "rangeConstraint": constraint}
        frame = {"name": "Frame", "type": "CHUNK[INT]", "range": "{{Param.Frames}}", "chunks": chunks}
        step["parameterSpace"] = {"taskParameterDefinitions": [frame]}
        args.append("--frames={{Task.Param.Frame}}")  # one word: a frame may be negative
    step["script"] = {"actions": {"onRun": _action(args, RENDER_HOURS)}}
    return step


def _inputs(values: dict[str, Any], painted: list[str]) -> list[str]:
    """What both steps are told, whatever the paths are on their machine. painted: the options of clean plates."""
    args = ["{{Param.Job}}", "--plate", _path("Plate"), "--matte", _path("Matte"), "--cache-dir", "{{Param.CacheDir}}"]
    args += ["--cache-size", "{{Param.CacheSize}}"]
    if "HoldoutDir" in values:
        args += ["--donor-holdout", _path("Holdout")]
    args += painted
    return [*args, "--progress", "openjd"]


def _path(name: str) -> str:
    return f"{{{{Param.{name}Dir}}}}/{{{{Param.{name}Name}}}}"


def _action(args: list[str], hours: float) -> dict[str, Any]:
    cancel = {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": NOTICE}
    return {"command": "{{Param.Ilvi}}", "args": args, "timeout": int(hours * 3600), "cancelation": cancel}


def _assets(shot: Shot, values: dict[str, Any]) -> dict[str, Any]:
    """What a farm that copies files has to bring and take."""
    files = {str(source.path(frame)) for source in (shot.plate, shot.matte) for frame in shot.frames}
    if shot.hints.holdout is not None:
        files |= {str(shot.hints.holdout.path(frame)) for frame in shot.frames}
    files |= set(shot.job.clean_plates.values())
    return {
        "inputs": {"filenames": sorted(str(Path(path).absolute()) for path in files), "directories": []},
        "outputs": {"directories": [values["OutputDir"]]},
        "referencedPaths": [values["CacheDir"]],
    }


def _plain(name: str) -> str:
    """A name of a job: at most 128 characters, none that controls, no parameter."""
    return "".join(c for c in name if c.isprintable()).replace("{{", "{").replace("}}", "}")[:128] or "ILVI"


def _stem(output: str) -> str:
    """What a sequence or a movie is called: clean.####.exr -> clean."""
    return re.sub(r"(%0?\d*d|[#@]+)$", "", Path(output).stem).rstrip("._-") or "clip"


def _painted_folders(job: Job) -> list[str]:
    return sorted({str(Path(absolute(path)).parent) for path in job.clean_plates.values()})


def _painted(job: Job) -> list[str]:
    """The options of the clean plates: their folders are parameters."""
    folders, options = _painted_folders(job), []
    for frame, path in sorted(job.clean_plates.items()):
        whole = Path(absolute(path))
        number = folders.index(str(whole.parent)) + 1
        if "{{" in whole.name or "}}" in whole.name:
            raise InputError(f"The name of {whole} has braces that a farm takes for a parameter.", "Rename it.")
        options.append(f"--clean-plate={frame}={{{{Param.CleanPlates{number}Dir}}}}/{whole.name}")
    return options


def _yaml(record: dict[str, Any]) -> bytes:
    return yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=120).encode()
