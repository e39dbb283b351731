"""`ilvi doctor`: what this installation is, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from pathlib import Path

import ilvi_core
from ilvi_core import weights
from ilvi_core.cache import cache_folder
from ilvi_core.host.errors import IlviError

PACKAGES = (
    "torch", "torchvision", "numpy", "opencv-python-headless", "av", "OpenImageIO", "OpenEXR", "safetensors", "pyyaml",
    "fileseq", "filelock", "platformdirs", "rich",
)  # fmt: skip
LEAKS = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD")
ENOUGH_BYTES = 2 << 30


def examine() -> tuple[list[str], list[tuple[str, str]]]:
    """Lines that describe the installation, and (problem, remedy) pairs."""
    lines = [f"ILVI {ilvi_core.__version__}, Python {platform.python_version()} ({sys.executable})"]
    lines.append(f"{platform.platform()}, {os.cpu_count()} cores")
    problems: list[tuple[str, str]] = []
    _packages(lines, problems)
    _devices(lines, problems)
    _weights(lines, problems)
    _cache(lines, problems)
    for name in LEAKS:
        if os.environ.get(name):
            lines.append(f"{name}={os.environ[name]}")
            problems.append(
                (f"{name} is set and may bring foreign modules in.", f"Unset {name} for ILVI's own environment.")
            )
    return lines, problems


def _packages(lines: list[str], problems: list[tuple[str, str]]) -> None:
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


def _devices(lines: list[str], problems: list[tuple[str, str]]) -> None:
    try:
        import torch

        from ilvi_core import device
    except Exception:
        return  # said by _packages
    lines.append(f"Devices: {', '.join(device.describe(d) for d in device.available())}")
    chosen = device.choose("auto")
    lines.append(f"--device auto takes {chosen} and computes in {device.number_format('auto', chosen)}")
    driver = _nvidia_driver()
    if driver:
        lines.append(f"NVIDIA driver {driver}, torch built for CUDA {torch.version.cuda}")
        if not torch.cuda.is_available():
            why = "torch is a CPU build" if torch.version.cuda is None else "torch cannot use it"
            problems.append(
                (
                    f"There is an NVIDIA driver ({driver}), but {why}.",
                    "Install a torch build for a CUDA version that the driver supports.",
                )
            )


def _nvidia_driver() -> str:
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r"\b(\d{3}\.[\d.]+)\b", text)
    return found.group(1) if found else "of unknown version"


def _weights(lines: list[str], problems: list[tuple[str, str]]) -> None:
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


def _cache(lines: list[str], problems: list[tuple[str, str]]) -> None:
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
