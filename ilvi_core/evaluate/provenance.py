"""Where a number comes from: versions, machine, commit."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import subprocess
from pathlib import Path

import ilvi_core

PACKAGES = {"torch": "torch", "numpy": "numpy", "opencv": "opencv-python-headless"}


def versions() -> dict[str, str]:
    """ILVI's, Python's, and those of the packages that numbers depend on."""
    found = {"ilvi": ilvi_core.__version__, "python": platform.python_version()}
    for name, package in PACKAGES.items():
        try:
            found[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # another build of it, such as opencv-python
            found[name] = str(getattr(__import__({"opencv": "cv2"}.get(name, name)), "__version__", "unknown"))
    return found


def commit() -> str | None:
    """The commit of the checkout that runs, '-changed' after it where files differ; None where there is no checkout."""
    root = Path(ilvi_core.__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        name = _git(root, "rev-parse", "--short=12", "HEAD")
        return name + ("-changed" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def now() -> str:
    """This moment, ISO 8601, with the time zone."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def machine(device: str) -> dict[str, str]:
    """device: in words.  cpu, platform: names."""
    return {"device": device, "cpu": _cpu(), "platform": platform.platform()}


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
