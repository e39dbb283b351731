"""The NVIDIA driver beside torch's build: whether one fits the other, and what to do when not."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Driver:
    """version: such as 550.54.  cuda: the newest CUDA that it runs, (0, 0) when it does not say."""

    version: str
    cuda: tuple[int, int] = (0, 0)
    cards: tuple[str, ...] = ()


def find_driver() -> Driver | None:
    """By nvidia-smi, else by the kernel's own word; None: there is none."""
    text = _smi()
    version = re.search(r"Driver Version:\s*(\d[\d.]*)", text)
    if version:
        cuda = re.search(r"CUDA[ \w]*Version:\s*(\d+)\.(\d+)", text)
        names = _smi("--query-gpu=name,memory.total", "--format=csv,noheader").splitlines()
        newest = (int(cuda.group(1)), int(cuda.group(2))) if cuda else (0, 0)
        return Driver(version.group(1), newest, tuple(filter(None, map(str.strip, names))))
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"\b(\d{3}\.[\d.]+)\b", text)
    return Driver(found.group(1) if found else "of unknown version")


def mismatch(driver: Driver, built_for: str | None, usable: bool) -> tuple[str, str] | None:
    """(problem, remedy) when torch does not use the cards though there is a driver.

    built_for: torch.version.cuda, None for a CPU build.  usable: torch.cuda.is_available().
    """
    if usable:
        return None
    if built_for is None:
        return (
            f"There is an NVIDIA driver ({driver.version}), but torch is a CPU build.",
            "Run the installer with --upgrade --torch cuda.",
        )
    needed = tuple(int(part) for part in re.findall(r"\d+", built_for)[:2])
    if driver.cuda != (0, 0) and needed[:1] > driver.cuda[:1]:
        return (
            f"torch is built for CUDA {built_for}, and the NVIDIA driver {driver.version} runs CUDA "
            f"{driver.cuda[0]}.{driver.cuda[1]} at most.",
            "Update the driver, or run the installer with --upgrade: it takes the torch build that fits.",
        )
    return (
        f"There is an NVIDIA driver ({driver.version}), but torch (for CUDA {built_for}) cannot use it.",
        "See whether nvidia-smi works and CUDA_VISIBLE_DEVICES is right; restart after an update of the driver.",
    )


def unknown_card(capability: tuple[int, int], built: list[str]) -> bool:
    """Whether torch has no code for a card. built: torch.cuda.get_arch_list(), such as sm_86 and compute_90."""
    numbers = [(name.partition("_")[0], int(found)) for name in built for found in re.findall(r"_(\d+)", name)]
    ours = capability[0] * 10 + capability[1]
    native = any(kind == "sm" and number // 10 == capability[0] and number <= ours for kind, number in numbers)
    return bool(numbers) and not native and not any(kind == "compute" and number <= ours for kind, number in numbers)


def _smi(*options: str) -> str:
    try:
        done = subprocess.run(
            ["nvidia-smi", *options], capture_output=True, text=True, errors="replace", timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""
