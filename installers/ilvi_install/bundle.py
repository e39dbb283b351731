"""`make_bundle.py`: wheels with their hashes, the plugins, weight files and the installer, in one zip."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ilvi_install import environment, files, ofx, pythons, torch_build, weights
from ilvi_install.archive import FORMAT, MANIFEST, REQUIREMENTS, WHEELS, family, family_of
from ilvi_install.main import _in_words, _our_fault, _stop
from ilvi_install.places import BUNDLE, Machine, this_machine
from ilvi_install.pythons import Python
from ilvi_install.source import Source, find_source, stage, vendor_plugin
from ilvi_install.steps import Steps, output
from ilvi_install.words import Refused, complain, safe_streams, say, size

GROWTH = 4  # bytes on the disk for each byte of an archive, while it is installed: unpacked, copied, installed
LARGEST = (1 << 32) - 2  # bytes that a zip can have without 64-bit records
STORED = (".whl", ".pth", ".pt", ".safetensors")  # packed already
HERE = Path(__file__).resolve().parent


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code, as install.py's."""
    safe_streams()
    options = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):  # which a shell's background ignores
        signal.signal(number, _stop)
    try:
        make_bundle(options)
    except Refused as error:
        return complain(error)
    except KeyboardInterrupt:
        return complain(Refused("Stopped; no archive was made.", code=130))
    except OSError as error:
        return complain(_in_words(error))
    except Exception as error:
        return complain(_our_fault(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make_bundle.py",
        description="Collects ILVI and all that it needs into one archive, for machines without a network: "
        "`python3 ARCHIVE` or `install.py --offline ARCHIVE` installs it there.",
    )
    add = parser.add_argument
    add("--output", "-o", metavar="FILE", default="", help="default: ilvi-VERSION-PLATFORM-pyVERSION.zip")
    add(
        "--torch",
        metavar="WHICH",
        default="plain",
        help="plain (what pip finds), cpu, cu126, cu128, ..., a folder of wheels, an index's URL",
    )
    add(
        "--python",
        metavar="PYTHON",
        default="",
        help="the Python that collects, and, unless told otherwise, that of the machines",
    )
    add("--python-version", metavar="3.11", default="", help="the machines' Python, when it is another")
    add(
        "--platform",
        metavar="TAG",
        action="append",
        default=[],
        help="the machines', when it is another: manylinux_2_28_x86_64, win_amd64, macosx_14_0_arm64; repeatable",
    )
    add("--source", metavar="PATH", default="", help="a checkout or a wheel of ILVI (default: the one of this file)")
    add("--weights", metavar="FILE", action="append", default=[], help="a weight file to bring along; may be repeated")
    add(
        "--ofx",
        metavar="BUNDLE",
        nargs="?",
        const="build",
        default="",
        help="bring the OpenFX plugin: this Ilvi.ofx.bundle, or one built here",
    )
    return parser


def make_bundle(options: argparse.Namespace) -> Path:
    """Where the archive is. Refused when something cannot be had; then there is none."""
    machine = this_machine()
    source = find_source(options.source, "")
    python = pythons.choose(options.python, None)
    version = _version(options.python_version) or python.version
    platform = _platform(options.platform, python)
    name = f"ilvi-{source.version}-{platform}-py{version[0]}.{version[1]}.zip"
    target = Path(os.path.abspath(os.path.expanduser(options.output or name)))
    if not target.parent.is_dir():
        raise Refused(f"There is no folder {target.parent}.", "Make it, or name another with --output.", 2)
    for file in options.weights:
        if not Path(file).expanduser().is_file():
            raise Refused(f"There is no weight file {file}.", "Give the path of a .pth or .safetensors file.", 2)
    say(f"{source.words}, for Python {version[0]}.{version[1]} on {platform}")
    with tempfile.TemporaryDirectory(prefix=".ilvi-bundle-", dir=target.parent) as folder:
        work = Path(folder)
        content = work / "archive"
        steps = Steps(4 + bool(options.ofx), work, work / "pip.log")
        _wheels(options, source, python, version, content / WHEELS, work, steps)
        with steps.step("The installer, the Nuke plugin, weight files"):
            _installer(content)
            _nuke_plugin(source, content, work)
            _weights(options.weights, content)
        if options.ofx:
            with steps.step("The OpenFX plugin"):
                _openfx(options.ofx, source, machine, content, work, steps)
        manifest = {"format": FORMAT, "version": source.version, "python": f"{version[0]}.{version[1]}"}
        with steps.step(f"Writing {target}"):
            _pack(content, {**manifest, "platform": platform}, work / "new.zip")
            os.replace(work / "new.zip", target)
    say(f"{target}: {size(target.stat().st_size)}. On the other machine: python3 {target.name}")
    return target


def _version(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    found = re.fullmatch(r"3\.(\d+)", text)
    if not found or (3, int(found.group(1))) < pythons.OLDEST:
        raise Refused(f"--python-version {text} is no Python that ILVI runs on.", "Write it as 3.10 to 3.13.", 2)
    return 3, int(found.group(1))


def _platform(tags: list[str], python: Python) -> str:
    return family(tags[0]) if tags else family_of(python)


def _wheels(
    options: argparse.Namespace, source: Source, python: Python, version: tuple[int, int], into: Path, work: Path,
    steps: Steps,
) -> None:  # fmt: skip
    into.mkdir(parents=True)
    pip = python.path
    if not output([pip, "-I", "-m", "pip", "--version"]):
        raise Refused(f"{python.words} has no pip.", "Name another Python with --python.", 2)
    with steps.step("Building ILVI's wheel"):
        if source.wheel:
            shutil.copy(source.wheel, into)
        else:
            staged = stage(source.checkout or Path(), work / "source")
            steps.pip(pip, "wheel", "--no-deps", "--wheel-dir", into, staged, failed="ILVI's wheel could not be built")
    wheel = next(into.glob("ilvi-*.whl"))
    target: list[str | Path] = ["--only-binary", ":all:", "--dest", into]
    if options.platform or options.python_version:
        target += ["--python-version", f"{version[0]}.{version[1]}", "--implementation", "cp"]
        target += ["--abi", f"cp{version[0]}{version[1]}", "--abi", "abi3", "--abi", "none"]
        target += [word for tag in options.platform for word in ("--platform", tag)]
    failed = "The packages could not be collected"
    with steps.step("Collecting torch and what ILVI needs"):
        pinned = _torch(options.torch, target, pip, into, work, steps)
        steps.pip(pip, "download", *target, *pinned, wheel, failed=failed)
    if stray := [path.name for path in into.iterdir() if path.suffix != ".whl"]:
        raise Refused(f"{stray[0]} is no wheel, and could not be installed without a network.")
    lines = [_requirement(path) for path in sorted(into.glob("*.whl"))]
    (into / REQUIREMENTS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _torch(wanted: str, target: list[str | Path], pip: Path, into: Path, work: Path, steps: Steps) -> list[str | Path]:
    """Fetch the build of torch that is wanted; what keeps pip to it in the next step."""
    if wanted == "plain":
        return []
    failed = "torch could not be collected"
    if Path(wanted).is_dir():
        origin: list[str] = ["--no-index", "--no-deps", "--find-links", str(Path(wanted).resolve())]
    elif "://" in wanted or re.fullmatch(r"cpu|cu\d{3}", wanted):
        origin = ["--index-url", wanted if "://" in wanted else torch_build.INDEX + wanted]
    else:
        raise Refused(f"--torch {wanted} is none that is known.", "Use plain, cpu, cu128, a folder, or a URL.", 2)
    steps.pip(pip, "download", *target, *origin, *torch_build.PACKAGES, failed=failed)
    pins = work / "pins.txt"
    wheels = [path for path in into.glob("torch*.whl") if path.name.startswith(("torch-", "torchvision-"))]
    pins.write_text("".join(f"{_name_and_version(path)}\n" for path in wheels), encoding="utf-8")
    return ["--find-links", into, "--constraint", pins]


def _name_and_version(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name}=={version}"


def _requirement(wheel: Path) -> str:
    return f"{_name_and_version(wheel)} --hash=sha256:{files.sha256(wheel)}"


def _installer(content: Path) -> None:
    shutil.copytree(HERE, content / HERE.name, ignore=files.NO_BYTECODE)
    for name in ("install.py", "__main__.py"):  # the second makes `python3 ARCHIVE` an installation
        shutil.copyfile(HERE.parent / "install.py", content / name)
    for name in ("install.sh", "install.bat", "install.command"):
        shutil.copyfile(HERE.parent / name, content / name)


def _nuke_plugin(source: Source, content: Path, work: Path) -> None:
    """Ready for NUKE_PATH: for machines that get nothing else."""
    packages = source.checkout
    if packages is None:
        packages = work / "unpacked"
        with zipfile.ZipFile(next((content / WHEELS).glob("ilvi-*.whl"))) as wheel:
            wheel.extractall(packages)
    vendor_plugin(packages, content / environment.PLUGIN)


def _weights(named: list[str], content: Path) -> None:
    for file in named:
        (content / weights.FOLDER).mkdir(exist_ok=True)
        shutil.copy(Path(file).expanduser(), content / weights.FOLDER)


def _openfx(named: str, source: Source, machine: Machine, content: Path, work: Path, steps: Steps) -> None:
    bundle = ofx.build(source, work, steps) if named == "build" else Path(named).expanduser()
    if not list(bundle.glob(f"Contents/*/{ofx.BINARY}")):
        raise Refused(f"{bundle} is no OpenFX bundle of ILVI's.", f"Name the folder {BUNDLE}.", 2)
    shutil.copytree(bundle, content / BUNDLE)


def _pack(content: Path, manifest: dict[str, object], target: Path) -> None:
    paths = sorted(path for path in content.rglob("*") if path.is_file())
    names = {path: path.relative_to(content).as_posix() for path in paths}
    manifest["files"] = {name: files.sha256(path) for path, name in names.items()}
    manifest["room"] = GROWTH * sum(path.stat().st_size for path in paths)
    # zipfile takes 64-bit records from 2 GiB on, though the format needs them from 4 on; with them, no Python before
    # 3.13 starts an archive
    zipfile.ZIP64_LIMIT = LARGEST  # type: ignore[misc]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
        for path, name in names.items():
            archive.write(path, name, zipfile.ZIP_STORED if path.suffix in STORED else zipfile.ZIP_DEFLATED)
