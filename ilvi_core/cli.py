"""`ilvi ...`: the commands."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import ilvi_core
from ilvi_core import commands
from ilvi_core.host.errors import Cancelled, IlviError, OutOfMemory
from ilvi_core.host.job import FORMATS, METHOD_NAMES, MOTIONS, PAPER_METHODS, PRESET_NAMES, REMAINDERS, VIEWS
from ilvi_core.printing import print_line

PATTERNS = "a pattern (plate.%%04d.exr, plate.####.exr, plate.@@@@.exr), a folder, one file or a movie"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code: 0 done, 1 failed, 2 bad input, 3 try again elsewhere, 130 cancelled."""
    # read when torch loads its OpenMP: threads that wait without end bring two jobs on one machine nearly to a halt
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    parser = _parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return 2
    progress = getattr(options, "progress", "plain")
    for stream in (sys.stdout, sys.stderr):  # a path that a farm's locale has no letters for is no reason to fail
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return options.run(options) or 0
    except IlviError as error:
        return _say_error(error, progress)
    except MemoryError:
        return _say_error(
            OutOfMemory("This machine ran out of memory.", "Use a smaller --size or fewer frames."), progress
        )
    except KeyboardInterrupt:
        return _say_error(Cancelled("Stopped."), progress)
    except BrokenPipeError:
        return 1
    except Exception as error:
        # A fault of ours: the traceback is for the report, the sentence for the person.
        return _say_error(_fault(error, progress), progress)


def _fault(error: Exception, progress: str) -> IlviError:
    """In words; the traceback goes to a file, or to the log of a farm, whose working folders do not last."""
    log = Path.cwd() / "ilvi-crash.log"
    where = "The details are above; please send them with 'ilvi doctor'."
    try:
        if progress != "plain":
            raise OSError
        log.write_text(traceback.format_exc(), encoding="utf-8")
        where = f"The details are in {log}; please send them with 'ilvi doctor'."
    except OSError:
        traceback.print_exc()
    return IlviError(f"Something failed inside ILVI: {type(error).__name__}: {error}", where)


def _say_error(error: IlviError, progress: str) -> int:
    """A sentence and its hint for people; for a farm, whose log has both streams, its last line. The exit code."""
    if progress == "openjd":
        print_line("openjd_fail: " + str(error).replace("\n", " "), sys.stdout)
        return error.exit_code
    if progress == "json":
        failed = {"type": "failed", "text": error.message, "hint": error.hint, "exit_code": error.exit_code}
        print_line(json.dumps(failed), sys.stdout)
    print_line("\n".join([f"ilvi: {error.message}", *([f"  {error.hint}"] if error.hint else [])]), sys.stderr)
    return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ilvi",
        description="ILVI removes things from shots. It learns from that one clip; nothing else is ever looked at.",
        epilog="'ilvi COMMAND --help' explains a command. Exit codes: 0 done, 1 failed, 2 bad input, "
        "3 try again elsewhere, 130 cancelled.",
    )
    parser.add_argument("--version", action="version", version=f"ilvi {ilvi_core.__version__}")
    sub = parser.add_subparsers(title="commands", metavar="COMMAND")
    _demo(sub)
    _render(sub)
    _solve(sub)
    _rerender(sub)
    _farm(sub)
    _inspect(sub)
    _cache(sub)
    _presets(sub)
    _weights(sub)
    _bench(sub)
    _evaluate(sub)
    doctor = sub.add_parser("doctor", help="versions, devices, worker, plugins, folders, and what is wrong with them")
    doctor.add_argument("--report", metavar="FILE", default="", help="also write it, and more, to one file for support")
    doctor.add_argument("--self-test", action="store_true", help="solve a small clip by the worker that hosts start")
    doctor.set_defaults(run=commands.doctor)
    return parser


def _command(sub: argparse._SubParsersAction, name: str, help_text: str, more: str = "") -> argparse.ArgumentParser:
    text = help_text[0].upper() + help_text[1:] + "."
    return sub.add_parser(
        name, help=help_text, description=f"{text} {more}".strip(), formatter_class=argparse.RawTextHelpFormatter
    )


def _demo(sub: argparse._SubParsersAction) -> None:
    demo = _command(sub, "demo", "make a clip, inpaint it, and show how well that went")
    demo.add_argument("output", nargs="?", default="ilvi-demo", metavar="FOLDER", help="where to (default: ilvi-demo)")
    demo.add_argument("--method", choices=METHOD_NAMES, help="which method (default: the preset's)")
    demo.add_argument("--seed", type=int, default=0, help="of the clip and of the training (default: 0)")
    demo.add_argument(
        "--updates",
        type=int,
        help="updates of each network (default: the preset's; of the paper's methods as many as fit two minutes)",
    )
    _device(demo)
    demo.set_defaults(run=commands.demo)


def _render(sub: argparse._SubParsersAction) -> None:
    render = _command(
        sub,
        "render",
        "remove what a matte covers from a plate",
        "Give either a JOB file or --plate, --matte and --output. What was solved before comes from the cache.\n\n"
        "  ilvi render --plate plate.####.exr --matte roto.####.exr --output clean.####.exr\n"
        "  ilvi render shot010.json",
    )
    run = _job_options(render)
    run.add_argument("--resume", action="store_true", help="with --no-cache: go on from where it was stopped")
    run.add_argument("--save-job", metavar="FILE", help="write the job file and do nothing else")
    run.add_argument("--in-worker", action="store_true", help="run it in a worker process, as hosts do")
    _progress(run)
    cache = render.add_argument_group("cache")
    cache.add_argument("--no-cache", action="store_true", help="keep everything beside the output instead")
    cache.add_argument(
        "--from-cache",
        action="store_true",
        help="never solve; --frames then names what is written of the job's range\n"
        "(a farm's chunk: --frames=1001-1010, --frames=1001-1019:2)",
    )
    _solving_again(cache)
    _cache_place(cache)
    render.set_defaults(run=commands.render)


def _solve(sub: argparse._SubParsersAction) -> None:
    solve = _command(
        sub,
        "solve",
        "solve a job, or one window of it, into the cache; writes no frames",
        "Give the job as for 'ilvi render'. Then 'ilvi render JOB --from-cache' writes frames, on any machine.\n\n"
        "  ilvi solve shot010.json\n"
        "  ilvi solve shot010.json --split 100+16 --window 2",
    )
    run = _job_options(solve)
    run.add_argument(
        "--window", type=int, default=0, metavar="N", help="of a split job: this one alone, 1 is the first"
    )
    _progress(run)
    cache = solve.add_argument_group("cache")
    _solving_again(cache)
    _cache_place(cache)
    solve.set_defaults(run=commands.solve, resume=False)


def _farm(sub: argparse._SubParsersAction) -> None:
    farm = _command(sub, "farm", "give a job to a render farm (docs/farm.md)")
    actions = farm.add_subparsers(title="actions", metavar="ACTION", required=True)
    about = "write a job as an Open Job Description bundle: solve its windows, then render its frames in chunks"
    export = actions.add_parser(
        "export",
        help=about,
        description=about,
        formatter_class=argparse.RawTextHelpFormatter,
        conflict_handler="resolve",
    )
    _job_options(export)
    export.add_argument("-o", dest="bundle", required=True, metavar="DIR", help="the bundle's folder")
    tasks = export.add_argument_group("tasks")
    tasks.add_argument("--name", default="", help="of the farm's job (default: by the output)")
    tasks.add_argument("--frames-per-task", type=int, default=10, metavar="N", help="of a render task (default: 10)")
    tasks.add_argument(
        "--gpu-memory", type=float, default=8.0, metavar="GIB", help="of a solve's machine; 0: no GPU (8)"
    )
    tasks.add_argument(
        "--timeout", type=float, default=12.0, metavar="H", help="hours that a solve may take (default: 12)"
    )
    tasks.add_argument("--accept-reduced", action="store_true", help="out of memory: solve smaller, not exit code 3")
    tasks.add_argument(
        "--ilvi", default="ilvi", metavar="COMMAND", help="how the farm's machines call it (default: ilvi)"
    )
    _cache_place(export.add_argument_group("cache"), "none, so that nothing is evicted before it is rendered")
    export.set_defaults(run=commands.farm_export, resume=False)
    about = "run a bundle on this machine, through the openjd libraries (pip install 'ilvi[farm]')"
    run = actions.add_parser("run", help=about, description=about)
    run.add_argument("bundle", metavar="DIR", help="made by 'ilvi farm export'")
    run.add_argument("--step", default="Render", choices=("Solve", "Render"), help="up to which step (default: Render)")
    run.add_argument("--cache-dir", default="", metavar="DIR", help="another cache than the bundle's")
    run.set_defaults(run=commands.farm_run)


def _solving_again(cache: argparse._ArgumentGroup) -> None:
    cache.add_argument("--refresh", action="store_true", help="solve again, from nothing, even when the cache has it")
    cache.add_argument(
        "--accept-reduced", action="store_true", help="out of memory: solve smaller, instead of exit code 3"
    )


def _progress(run: argparse._ArgumentGroup) -> None:
    run.add_argument(
        "--progress",
        choices=("plain", "json", "openjd"),
        default="plain",
        help="for people (default), as JSON lines, or as Open Job Description reads it",
    )


def _rerender(sub: argparse._SubParsersAction) -> None:
    rerender = _command(
        sub,
        "rerender",
        "new frames of a solved job, with other comp settings, range or output; never solves",
        "Give the job as for 'ilvi render', and what is to change.\n\n"
        "  ilvi rerender shot010.json --comp-feather 4 --output soft.####.exr",
    )
    _progress(_job_options(rerender))
    _cache_place(rerender.add_argument_group("cache"))
    rerender.set_defaults(run=commands.rerender, resume=False)


def _inspect(sub: argparse._SubParsersAction) -> None:
    inspect = _command(
        sub,
        "inspect",
        "how much of the hole other frames show, how much is generated, which frames are worst",
        "Give the job as for 'ilvi render', or an entry's name. A job that is not solved yet gets a quick look.\n\n"
        "  ilvi inspect --plate plate.####.exr --matte roto.####.exr",
    )
    run = _job_options(inspect)
    run.add_argument("--json", action="store_true", help="for programs")
    _cache_place(inspect.add_argument_group("cache"))
    inspect.set_defaults(run=commands.inspect, resume=False)


def _job_options(render: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """What describes a job; returns the group of options on how it runs."""
    render.add_argument("job", nargs="?", metavar="JOB", help="a job file, made with --save-job")
    files = render.add_argument_group("pictures")
    files.add_argument("--plate", metavar="P", help=f"the plate: {PATTERNS}")
    files.add_argument("--matte", metavar="M", help="the matte, 1 = replace this pixel; in the same ways")
    files.add_argument("--output", metavar="O", help="the result; in the same ways (.mp4 or .mov for a movie)")
    files.add_argument("--frames", metavar="A-B[xS]", help="the range; xS writes every S-th frame, all are trained on")
    files.add_argument("--plate-layer", default="", metavar="L", help="the plate's layer, part or view")
    files.add_argument("--matte-layer", default="", metavar="L", help="the matte's layer, part or view")
    _matte(render)
    solve = render.add_argument_group("solving")
    solve.add_argument("--method", choices=METHOD_NAMES, help="which method (default: the preset's)")
    solve.add_argument(
        "--preset", choices=PRESET_NAMES, help="draft (default), production or paper; see 'ilvi presets'"
    )
    solve.add_argument("--motion", choices=MOTIONS, help="ilvi: what the background does (default: auto)")
    solve.add_argument("--remainder", choices=REMAINDERS, help="ilvi: what fills what no frame shows (default: auto)")
    solve.add_argument(
        "--clean-plate",
        action="append",
        default=[],
        metavar="FRAME=FILE",
        help="ilvi: a picture of a frame without the object (a clean plate, a painted key frame); repeatable; "
        "a negative frame is written --clean-plate=-5=FILE",
    )
    solve.add_argument("--donor-holdout", metavar="P", help="ilvi: a matte of pixels that are not to be copied from")
    solve.add_argument("--size", metavar="WxH", help="the network's working size; the output keeps the plate's")
    solve.add_argument("--seed", metavar="N", help="of noise, initialisation and batch order")
    solve.add_argument(
        "--set", action="append", default=[], metavar="K=V", help="any other setting; 'ilvi presets' lists them"
    )
    run = render.add_argument_group("running")
    _device(run)
    run.add_argument(
        "--split",
        default="",
        metavar="N[+K]",
        help="solve a long clip in windows of up to N frames, of which two share K (default: 16)",
    )
    run.add_argument("--memory", metavar="SIZE", help="how much may be used, e.g. 8G (default: half of the machine's)")
    run.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    return run


def _matte(render: argparse.ArgumentParser) -> None:
    matte = render.add_argument_group("matte")
    matte.add_argument(
        "--matte-channel",
        metavar="C",
        help="auto (alpha unless it is constant 1, else luminance), luminance,\nalpha, R, G, B or any channel's name",
    )
    matte.add_argument("--matte-invert", action="store_true", help="the matte is 1 where the plate is to be kept")
    matte.add_argument("--matte-threshold", metavar="T", help="a pixel whose matte is above T (0..1) is solved for")
    matte.add_argument("--solve-dilate", metavar="PX", help="grow the hole that is solved for")
    matte.add_argument("--comp-dilate", metavar="PX", help="grow the matte that the result is composited with")
    matte.add_argument("--comp-feather", metavar="PX", help="soften its edge outwards; it never leaves the hole")
    matte.add_argument("--view", choices=VIEWS, help="what is written: the result, the fill, the comp matte, both seen")
    matte.add_argument(
        "--aov", action="store_true", help="EXR: also the layers fill, comp, confidence, source and stmap"
    )
    matte.add_argument("--format", choices=FORMATS, help="of frames for which only a folder is named")


def _device(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--device", default=None, metavar="D", help="auto (default), cpu, cuda, cuda:1 or mps")


def _cache_place(parser: argparse._ActionsContainer, size: str = "$ILVI_CACHE_SIZE or 50G") -> None:
    parser.add_argument(
        "--cache-dir", default="", metavar="DIR", help="the cache (default: $ILVI_CACHE or the user's cache folder)"
    )
    parser.add_argument("--cache-size", default="", metavar="SIZE", help=f"its limit, e.g. 200G (default: {size})")


def _cache(sub: argparse._SubParsersAction) -> None:
    cache = _command(sub, "cache", "what was solved and is kept: list, show, verify, prune, clear, path")
    actions = cache.add_subparsers(title="actions", metavar="ACTION", required=True)
    about = {
        "list": "the entries, the least recently used first",
        "show": "what an entry is and what is in it",
        "verify": "read every byte; what is damaged is set aside and solved again when asked for",
        "prune": "make room: bring the cache under its limit, the least recently used first",
        "clear": "remove entries; those in use are left",
        "path": "where it is",
    }
    made = {name: actions.add_parser(name, help=text, description=text) for name, text in about.items()}
    for name, parser in made.items():
        _cache_place(parser)
        parser.set_defaults(run=lambda options, name=name: commands.cache(name, options))
    for name in ("list", "show"):
        made[name].add_argument("--json", action="store_true", help="for programs")
    made["show"].add_argument("name", help="an entry's name, or how it begins")
    made["verify"].add_argument("name", nargs="?", default="", help="one entry (default: all)")
    made["prune"].add_argument("--older-than", type=float, metavar="DAYS", help="remove what was not used for so long")
    made["prune"].add_argument(
        "--slim", action="store_true", help="of every entry keep only what a new solve would be needed for"
    )
    made["clear"].add_argument("names", nargs="*", metavar="NAME", help="entries, or how their names begin")
    made["clear"].add_argument("--all", action="store_true", help="everything")


def _presets(sub: argparse._SubParsersAction) -> None:
    presets = _command(sub, "presets", "print the presets, or one of them with every setting (ilvi presets paper)")
    presets.add_argument("name", nargs="?", choices=PRESET_NAMES, help="one of them, with all its values")
    presets.set_defaults(run=commands.presets)


def _weights(sub: argparse._SubParsersAction) -> None:
    weights = _command(
        sub,
        "weights",
        "list, import or download the weight files that ILVI can use",
        "None is needed: without VGG16 the perceptual loss is off, without RAFT the flow is OpenCV's DIS.",
    )
    actions = weights.add_subparsers(title="actions", metavar="ACTION", required=True)
    actions.add_parser("list", help="what is there").set_defaults(run=commands.weights_list)
    bring = actions.add_parser("import", help="copy a weight file in, checked")
    bring.add_argument("file", help="a .pth or .safetensors file of VGG16 or RAFT as torchvision has them")
    bring.add_argument("--kind", default="", choices=("", "vgg16", "raft_large", "raft_small"), help="what it is")
    bring.set_defaults(run=commands.weights_import)
    fetch = actions.add_parser("download", help="the only command that uses the network")
    fetch.add_argument("kind", choices=("vgg16", "raft_large", "raft_small"))
    fetch.set_defaults(run=commands.weights_download)


def _bench(sub: argparse._SubParsersAction) -> None:
    bench = _command(sub, "bench", "measure updates per second, seconds per phase and peak memory on this machine")
    bench.add_argument("--size", default="384x192", metavar="WxH", help="working size (default: 384x192)")
    bench.add_argument("--window", type=int, default=24, metavar="N", help="frames (default: 24)")
    bench.add_argument("--method", action="append", choices=PAPER_METHODS, help="repeatable (default: dip-vid-flow)")
    bench.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    bench.add_argument("--updates", type=int, default=20, metavar="N", help="timed updates (default: 20)")
    bench.add_argument(
        "--random-vgg", action="store_true", help="time L_p too, with random VGG16 weights where there are no real ones"
    )
    bench.add_argument("--json", action="store_true", help="print JSON instead of a table")
    _device(bench)
    bench.set_defaults(run=commands.bench)


def _evaluate(sub: argparse._SubParsersAction) -> None:
    evaluate = _command(
        sub,
        "evaluate",
        "run methods on clips whose truth is known, and measure them: the paper's tables and figures",
        "A suite is a YAML file that names clips, mattes, methods, sizes and budgets (docs/evaluate.md), or one that\n"
        "comes with ILVI. What is done is never done again: the same command goes on after a stop, or after more was\n"
        "added.\n\n"
        "  ilvi evaluate procedural -o evaluation\n"
        "  ilvi evaluate my-suite.yaml -o evaluation --data /clips",
    )
    evaluate.add_argument("suite", nargs="?", metavar="SUITE", help="a YAML file or the name of a suite of ILVI's")
    evaluate.add_argument("-o", "--output", metavar="DIR", help="where runs, results.json and report.html go")
    evaluate.add_argument("--data", default="", metavar="DIR", help="the folder that the suite's paths start from")
    evaluate.add_argument("--list", action="store_true", help="the suites that come with ILVI")
    evaluate.add_argument(
        "--report-only", action="store_true", help="write results.json and report.html of what is done, run nothing"
    )
    evaluate.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    _device(evaluate)
    evaluate.set_defaults(run=commands.evaluate)


if __name__ == "__main__":
    raise SystemExit(main())
