"""What each command does; engine modules are imported when one runs, so that `--help` is quick."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ilvi_core.host.errors import InputError
from ilvi_core.host.job import (
    PRESET_NAMES,
    CompSettings,
    FrameRange,
    ImageSequence,
    Job,
    RunOptions,
    SolveSettings,
)
from ilvi_core.host.split import Split

if TYPE_CHECKING:
    from ilvi_core.cache import Cache
    from ilvi_core.console import Stoppable


def render(options: argparse.Namespace) -> int:
    """`ilvi render`."""
    job = _job(options)
    if options.save_job:
        job.save(options.save_job)
        print(options.save_job)
        return 0
    if options.in_worker and options.no_cache:
        raise InputError("The worker always goes through the cache.", "Leave out --no-cache or --in-worker.")
    if options.from_cache and (options.no_cache or options.refresh or options.in_worker):
        raise InputError(
            "--from-cache solves nothing.", "Leave out --no-cache, --refresh and --in-worker, or --from-cache."
        )
    from ilvi_core.pipeline import Options
    from ilvi_core.pipeline import render as run

    with _reporting(options) as report:
        if options.in_worker:
            from ilvi_core.in_worker import render_in_worker

            files = render_in_worker(job, report, options)
        else:
            reduced = options.accept_reduced or options.from_cache
            through = Options(options.refresh, reduced, solve=not options.from_cache)
            only = FrameRange.parse(options.frames) if options.from_cache and options.frames else None
            files = list(run(job, report, _cache(options), through, only).frames.values())
    _say_files(files, options.quiet or options.progress != "plain")
    return 0


def solve(options: argparse.Namespace) -> int:
    """`ilvi solve`."""
    job = _job(options, output=False)
    from ilvi_core.pipeline import Options
    from ilvi_core.pipeline import solve as run

    options.no_cache = False
    through = Options(options.refresh, options.accept_reduced)
    with _reporting(options) as report:
        done = run(job, report, _cache(options), through, options.window)
    if not options.quiet and options.progress == "plain":
        print("\n".join(result.folder.name for result in done if result.folder is not None))
    return 0


def farm_export(options: argparse.Namespace) -> int:
    """`ilvi farm export`."""
    from ilvi_core.farm import Plan, export

    job = _job(options)
    plan = Plan(
        options.frames_per_task,
        options.gpu_memory,
        options.timeout,
        options.ilvi,
        options.name,
        options.cache_size or "0",
        options.accept_reduced,
    )
    for path in export(job, Path(options.bundle), plan, options.cache_dir):
        print(path)
    return 0


def farm_run(options: argparse.Namespace) -> int:
    """`ilvi farm run`."""
    from ilvi_core.farm import run

    return run(Path(options.bundle), options.step, options.cache_dir)


@contextmanager
def _reporting(options: argparse.Namespace) -> Iterator[Stoppable]:
    """A report of the kind that is asked for, while signals ask the job to stop."""
    from ilvi_core.machine import report_for

    report = report_for(options.progress, options.quiet)
    with report.stopping_on_signals():
        yield report


def rerender(options: argparse.Namespace) -> int:
    """`ilvi rerender`."""
    job = _job(options)
    from ilvi_core.pipeline import Options, render

    options.no_cache = False
    with _reporting(options) as report:
        result = render(job, report, _cache(options), Options(accept_reduced=True, solve=False))
    _say_files(list(result.frames.values()), options.quiet or options.progress != "plain")
    return 0


def inspect(options: argparse.Namespace) -> int:
    """`ilvi inspect`."""
    from ilvi_core.console import ConsoleReport
    from ilvi_core.inspection import in_words, of_entry, of_shot
    from ilvi_core.pipeline import find_entries
    from ilvi_core.shot import open_shot

    options.no_cache = False
    cache, report = _cache(options), ConsoleReport(quiet=options.quiet)
    assert cache is not None
    if options.job and not Path(options.job).exists():
        found = [of_entry(cache.entry(options.job))]
    else:
        with report.stopping_on_signals(), open_shot(_job(options, output=False), report) as shot:
            found = [of_entry(entry) for entry in find_entries(shot, cache, report)] or [of_shot(shot, report)]
    if options.json:
        records = [one.as_record() for one in found]
        print(json.dumps(records if len(records) > 1 else records[0], indent=2))
    else:
        print("\n\n".join("\n".join(in_words(one)) for one in found))
    return 0


def _say_files(files: list[Path], quiet: bool) -> None:
    if files and not quiet:
        print(f"{files[0]}" if files[0] == files[-1] else f"{files[0]} ... {files[-1]} ({len(files)} frames)")


def cache(action: str, options: argparse.Namespace) -> int:
    """`ilvi cache ACTION`."""
    from ilvi_core import cache_commands

    act = {"list": cache_commands.list_entries}.get(action) or getattr(cache_commands, action)
    return act(options)


def _cache(options: argparse.Namespace) -> Cache | None:
    """The cache that the options name, or None where they want none."""
    if options.no_cache:
        return None
    from ilvi_core.cache import Cache, cache_folder, size_limit

    return Cache(cache_folder(options.cache_dir), size_limit(options.cache_size))


def _job(options: argparse.Namespace, output: bool = True) -> Job:
    """The job asked for: from a file, with what the command line adds, or from the command line alone."""
    solve, comp = _asked(options)
    if options.job:
        job = Job.load(options.job)
        plate = ImageSequence(options.plate or job.plate.path, options.plate_layer or job.plate.layer)
        matte = ImageSequence(options.matte or job.matte.path, options.matte_layer or job.matte.layer)
        job = dataclasses.replace(job, plate=plate, matte=matte)
        changes: dict[str, Any] = {"solve": {**job.solve, **solve}, "comp": {**job.comp, **comp}}
        if options.output:
            changes["output"] = options.output
        if options.preset:
            changes["preset"] = options.preset
        if options.frames and not _of_the_cache(options):
            changes["frames"] = FrameRange.parse(options.frames)
        if options.split:
            changes["split"] = Split.parse(options.split)
        if options.donor_holdout:
            changes["holdout"] = ImageSequence(options.donor_holdout, job.holdout.layer if job.holdout else "")
        changes["clean_plates"] = {**job.clean_plates, **_clean_plates(options)}
        run = dataclasses.replace(job.run, resume=options.resume or job.run.resume)
        if options.device:
            run = dataclasses.replace(run, device=options.device)
        if options.memory:
            run = dataclasses.replace(run, memory=_gib(options.memory))
        return dataclasses.replace(job, run=run, **changes)
    for name in ("plate", "matte", *(["output"] if output else [])):
        if not getattr(options, name):
            raise InputError(f"--{name} is missing.", "Give --plate, --matte and --output, or a job file.")
    return Job(
        plate=ImageSequence(options.plate, options.plate_layer),
        matte=ImageSequence(options.matte, options.matte_layer),
        output=options.output or "",
        frames=FrameRange.parse(options.frames) if options.frames and not _of_the_cache(options) else None,
        preset=options.preset or "draft",
        solve=solve,
        comp=comp,
        run=RunOptions(
            device=options.device or "auto",
            resume=options.resume,
            memory=_gib(options.memory) if options.memory else RunOptions.memory,
        ),
        holdout=ImageSequence(options.donor_holdout) if options.donor_holdout else None,
        clean_plates=_clean_plates(options),
        split=Split.parse(options.split) if options.split else None,
    )


def _of_the_cache(options: argparse.Namespace) -> bool:
    """Whether --frames names what is written of the job's range, not the range."""
    return bool(getattr(options, "from_cache", False))


def _clean_plates(options: argparse.Namespace) -> dict[int, str]:
    """From `--clean-plate FRAME=FILE`."""
    found: dict[int, str] = {}
    for item in options.clean_plate:
        frame, equals, path = item.partition("=")
        try:
            found[int(frame)] = path
        except ValueError:
            equals = ""
        if not equals or not path:
            raise InputError(f"'--clean-plate {item}' names no frame and file.", "Write --clean-plate 1012=clean.exr.")
    return found


def _gib(text: str) -> float:
    """From 8G, 500M or a plain number of GiB."""
    units = {"T": 1024.0, "G": 1.0, "M": 1 / 1024}
    plain = text.strip().upper().removesuffix("IB").removesuffix("B")
    unit = units.get(plain[-1:], 0.0)
    try:
        value = float(plain[:-1] if unit else plain) * (unit or 1.0)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise InputError(f"'--memory {text}' is no amount of memory.", "Write --memory 8G.")
    return value


def _asked(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings named on the command line, each brought to its type."""
    from ilvi_core.settings import parse_set, split

    values: dict[str, Any] = parse_set(options.set)
    for name in ("method", "motion", "remainder", "size", "seed", "matte_channel", "matte_threshold", "solve_dilate"):
        if getattr(options, name) is not None:
            values[name] = getattr(options, name)
    for name in ("comp_dilate", "comp_feather", "view", "format"):
        if getattr(options, name) is not None:
            values[name] = getattr(options, name)
    for name in ("matte_invert", "aov"):
        if getattr(options, name):
            values[name] = True
    solve, comp = split(values)
    typed_solve, typed_comp = SolveSettings(**solve), CompSettings(**comp)
    return (
        {name: getattr(typed_solve, name) for name in solve},
        {name: getattr(typed_comp, name) for name in comp},
    )


def demo(options: argparse.Namespace) -> int:
    """`ilvi demo`."""
    from ilvi_core.console import ConsoleReport
    from ilvi_core.showcase import run_demo

    report = ConsoleReport()
    with report.stopping_on_signals():
        print(run_demo(options.output, report, options.method, options.seed, options.updates, options.device or "auto"))
    return 0


def presets(options: argparse.Namespace) -> int:
    """`ilvi presets`: what each changes, or one of them whole, with the meaning of every setting."""
    from ilvi_core.settings import describe, preset

    if options.name:
        print(describe(options.name))
        return 0
    for name in PRESET_NAMES:
        record = preset(name)
        print(f"{name}: {record['about'].strip()}")
        for key, value in {**record["solve"], **record["comp"]}.items():
            print(f"    {key} = {value}")
        ours = record.get("ilvi", {"solve": {}, "comp": {}})
        for key, value in {**ours["solve"], **ours["comp"]}.items():
            print(f"    {key} = {value}  (with the method ilvi)")
        print()
    print("Everything a preset does not name has the paper's value; 'ilvi presets paper' prints them all.")
    return 0


def weights_list(options: argparse.Namespace) -> int:
    """`ilvi weights list`."""
    from ilvi_core import weights

    print(f"Folder: {weights.weights_folder()}")
    for file in weights.list_weights():
        state = f"damaged: {file.damage}" if file.damage else "known" if file.known else "unknown to us"
        print(f"  {file.kind:11} {file.file_name}  {file.size / 2**20:.0f} MiB  sha256 {file.sha256[:16]}  {state}")
    for kind in ("vgg16", "raft_large", "raft_small"):
        sentence = weights.missing_sentence(kind)
        if sentence:
            print(f"  {kind:11} {sentence}")
    return 0


def weights_import(options: argparse.Namespace) -> int:
    """`ilvi weights import FILE`."""
    from ilvi_core import weights

    file = weights.import_file(options.file, options.kind)
    print(f"Imported {file.kind} as {file.path}" + ("" if file.known else " (not one of the files known by hash)"))
    return 0


def weights_download(options: argparse.Namespace) -> int:
    """`ilvi weights download KIND`."""
    from ilvi_core import weights

    print(f"Downloaded {weights.download(options.kind).path}")
    return 0


def bench(options: argparse.Namespace) -> int:
    """`ilvi bench`."""
    from ilvi_core.bench import measure, table

    results = [
        measure(
            method,
            options.size,
            options.window,
            options.precision,
            options.updates,
            options.device or "auto",
            options.random_vgg,
        )
        for method in options.method or ["dip-vid-flow"]
    ]
    print(json.dumps(results, indent=2) if options.json else table(results))
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """`ilvi evaluate`: 1 when a run failed."""
    from ilvi_core.evaluate.suite_file import built_in, load_suite

    if options.list:
        for name, about in built_in().items():
            print(f"{name}: {about}")
        return 0
    for name, given in (("SUITE", options.suite), ("-o DIR", options.output)):
        if not given:
            raise InputError(f"{name} is missing.", "Write: ilvi evaluate SUITE -o DIR; --list shows suites.")
    suite = load_suite(options.suite, options.data)
    from ilvi_core.console import ConsoleReport
    from ilvi_core.evaluate.report import check_libraries, write_report
    from ilvi_core.evaluate.run import Evaluation
    from ilvi_core.evaluate.summary import write_summary

    check_libraries()  # before hours of work, not after
    folder, report = Path(options.output), ConsoleReport(quiet=options.quiet)
    with report.stopping_on_signals():
        evaluation = Evaluation(suite, folder, options.device or "auto", report)
        results = evaluation.gather() if options.report_only else evaluation.run()
        command = _evaluate_command(options)
        page = write_report(folder, results, evaluation.clip, command)
        write_summary(folder, results, evaluation.clip, command)
    failed = [run for run in results["runs"] if run["status"] == "failed"]
    for run in failed:
        print(f"Failed: {run['method']} on {run['clip']}: {run['error']}")
    print(page)
    return 1 if failed else 0


def _evaluate_command(options: argparse.Namespace) -> str:
    """As it can be typed again."""
    words = ["ilvi", "evaluate", options.suite, "-o", options.output]
    return shlex.join([*words, *(["--data", options.data] if options.data else [])])


def doctor(options: argparse.Namespace) -> int:
    """`ilvi doctor`: 0 when nothing is wrong, 1 when something is."""
    if options.self_test:
        from ilvi_core.selftest import self_test

        self_test(lambda line: print(line, flush=True))
        return 0
    environment = dict(os.environ)  # before the packages are loaded, which change it
    from ilvi_core.doctor import examine, in_words, write_report

    lines, problems = examine(environment)
    text = in_words(lines, problems)
    print(text, flush=True)
    if options.report:
        write_report(options.report, text)
        print(f"The report is in {options.report}")
    return 1 if problems else 0
