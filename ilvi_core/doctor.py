"""`ilvi doctor`: what this installation is, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

import ilvi_core
from ilvi_core import driver, weights
from ilvi_core.cache import cache_folder
from ilvi_core.host.errors import IlviError, InputError
from ilvi_core.host.places import log_folder
from ilvi_core.installation import Problems, check_environment, check_nuke, check_ofx, check_worker

PACKAGES = (
    "torch", "torchvision", "numpy", "opencv-python-headless", "av", "OpenImageIO", "OpenEXR", "safetensors", "pyyaml",
    "fileseq", "filelock", "platformdirs", "rich",
)  # fmt: skip
ENOUGH_BYTES = 2 << 30
LOGS, LOG_LINES = 3, 60  # that a report has


def examine(environment: Mapping[str, str] = os.environ) -> tuple[list[str], Problems]:
    """Lines that describe the installation, and (problem, remedy) pairs. environment: as `ilvi` was given it."""
    lines = [f"ILVI {ilvi_core.__version__}, Python {platform.python_version()} ({sys.executable})"]
    lines.append(f"{platform.platform()}, {os.cpu_count()} cores")
    problems: Problems = []
    check_environment(lines, problems, environment)
    _packages(lines, problems)
    _devices(lines, problems)
    _weights(lines, problems)
    _cache(lines, problems)
    plugins = [check_nuke(lines, problems), check_ofx(lines, problems)]
    check_worker(lines, problems, hosts=any(plugins))
    return lines, problems


def in_words(lines: list[str], problems: Problems) -> str:
    """What `examine` has found, as text; each problem with its remedy."""
    said = [f"Problem: {problem}\n  {remedy}" for problem, remedy in problems]
    return "\n".join([*lines, *said, "Nothing is wrong." if not problems else f"{len(problems)} to look at."])


def write_report(path: str, text: str) -> None:
    """All that a support ticket needs, in one file: what was found, every package, the ends of the last logs."""
    installed = sorted({f"{each.name} {each.version}" for each in importlib.metadata.distributions()})
    parts = [f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC", text, "Packages:", *installed]
    for log in _last_logs():
        ending = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        parts += [f"The end of {log}:", *ending]
    try:
        Path(path).expanduser().write_text("\n".join(parts) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"The report {path} cannot be written: {error.strerror}.", "Name another file.") from None


def _last_logs() -> list[Path]:
    try:
        logs = [log for log in log_folder().glob("*.log") if log.is_file()]
    except OSError:
        return []
    return sorted(logs, key=lambda log: log.stat().st_mtime)[-LOGS:]


def _packages(lines: list[str], problems: Problems) -> None:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            problems.append((f"The package {name} is not installed.", f"pip install {name}"))
    lines.append(", ".join(found))
    for module in ("torch", "torchvision", "cv2", "av", "OpenImageIO", "OpenEXR"):
        try:
            __import__(module)
        except Exception as error:
            problems.append(
                (f"{module} does not import: {error}", "Install it again; torch and torchvision must fit each other.")
            )


def _devices(lines: list[str], problems: Problems) -> None:
    try:
        import torch

        from ilvi_core import device
    except Exception:
        return  # said by _packages
    lines.append(f"Devices: {', '.join(device.describe(d) for d in device.available())}")
    chosen = device.choose("auto")
    lines.append(f"--device auto takes {chosen} and computes in {device.number_format('auto', chosen)}")
    found = driver.find_driver()
    if found is None:
        lines.append(f"NVIDIA driver: none; torch is {_built(torch.version.cuda)}")
        return
    runs = f", runs CUDA {found.cuda[0]}.{found.cuda[1]} at most" if found.cuda != (0, 0) else ""
    lines.append(f"NVIDIA driver: {found.version}{runs}; torch is {_built(torch.version.cuda)}")
    lines += [f"  {card}" for card in found.cards]
    usable = torch.cuda.is_available()
    if wrong := driver.mismatch(found, torch.version.cuda, usable):
        problems.append(wrong)
    for index in range(torch.cuda.device_count() if usable else 0):
        if driver.unknown_card(torch.cuda.get_device_capability(index), torch.cuda.get_arch_list()):
            problems.append(
                (
                    f"This torch has no code for {torch.cuda.get_device_name(index)}.",
                    "Run the installer with --upgrade: it takes the torch build that fits; or use --device cpu.",
                )
            )


def _built(cuda: str | None) -> str:
    return f"built for CUDA {cuda}" if cuda else "a build without CUDA"


def _weights(lines: list[str], problems: Problems) -> None:
    lines.append(f"Weights: {weights.weights_folder()}")
    try:
        for file in weights.list_weights():
            lines.append(f"  {file.kind}: {file.file_name}{f' ({file.damage})' if file.damage else ''}")
            if file.damage:
                problems.append(
                    (f"{file.file_name}: {file.damage}", "Import it again with 'ilvi weights import FILE'.")
                )
        for kind in ("vgg16", "raft_large", "raft_small"):
            if weights.find(kind) is None:
                lines.append(f"  {weights.missing_sentence(kind)}")
    except IlviError as error:
        problems.append((error.message, error.hint))


def _cache(lines: list[str], problems: Problems) -> None:
    folder = cache_folder()
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    lines.append(f"Cache: {folder} ({free / 2**30:.0f} GiB free)")
    if not os.access(there, os.W_OK):
        problems.append((f"The cache folder {folder} cannot be written.", "Set ILVI_CACHE to a folder of yours."))
    if free < ENOUGH_BYTES:
        problems.append((f"Only {free / 2**20:.0f} MiB are free for {folder}.", "Make room, or set ILVI_CACHE."))
