"""Which build of torch fits this machine, and where pip is to take it from."""

from __future__ import annotations

import re
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ilvi_install.places import Machine
from ilvi_install.words import Refused

INDEX = "https://download.pytorch.org/whl/"
PACKAGES = ("torch>=2.6", "torchvision>=0.21")
CPU_BYTES, CUDA_BYTES = 3 << 30, 10 << 30  # room for environment and downloads together
CONNECT_SECONDS = 5.0
# CUDA of the wheels -> the oldest driver that runs them (NVIDIA's release notes: minor version compatibility)
CUDA_BUILDS = (("cu130", 580, 580), ("cu128", 570, 570), ("cu126", 525, 528), ("cu118", 450, 452))
TURING, BLACKWELL = 7.5, 10.0  # CUDA 13 is for the first and newer; before 12.8 there was nothing for the second


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA card. capability: its compute capability, the least of all cards; 0: unknown."""

    driver: str
    capability: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class TorchBuild:
    """words: for the person.  pip: what is given to `pip install` before ILVI; none: ILVI's own dependency takes it."""

    words: str
    pip: tuple[str, ...] = ()
    room: int = CPU_BYTES  # bytes
    warning: str = field(default="")


def find_gpu(machine: Machine, run: Callable[[list[str]], str] | None = None) -> Gpu | None:
    """The NVIDIA cards of this machine by nvidia-smi, or by the kernel's own word; None: there is none."""
    ask = run or _output
    windows = Path(machine.named("SYSTEMROOT") or r"C:\Windows") / "System32" / "nvidia-smi.exe"
    for command in ("nvidia-smi", *([str(windows)] if machine.system == "win32" else [])):
        text = ask([command, "--query-gpu=driver_version,compute_cap,name", "--format=csv,noheader"])
        cards = [re.match(r"\s*(\d+[\d.]*)\s*,\s*([^,]*),\s*(.*)", line) for line in text.splitlines()]
        found = [card.groups() for card in cards if card]
        if found:
            least = min(_number(capability) for _, capability, _ in found)
            return Gpu(found[0][0], least, found[0][2].strip())
    if machine.system == "linux":
        version = re.search(r"\b(\d{3}\.[\d.]+)\b", ask(["cat", "/proc/driver/nvidia/version"]))
        if version:
            return Gpu(version.group(1))
    return None


def cuda_build(gpu: Gpu, system: str) -> str:
    """The newest of torch's CUDA builds that driver and card can run, such as cu128; empty: none."""
    major = int(re.match(r"\d*", gpu.driver).group() or 0)  # type: ignore[union-attr]
    for tag, linux, windows in CUDA_BUILDS:
        if major < (windows if system == "win32" else linux):
            continue
        if tag == "cu130" and 0 < gpu.capability < TURING:
            continue
        if tag in ("cu126", "cu118") and gpu.capability >= BLACKWELL:
            return ""
        return "cu126" if tag == "cu128" and 0 < gpu.capability < TURING else tag
    return ""


def choose(
    wanted: str, machine: Machine, gpu: Gpu | None, own_index: bool, reachable: Callable[[str], bool]
) -> TorchBuild:
    """wanted: auto, cpu, cuda, plain, a folder or a wheel, an index's URL.  own_index: pip is set up to use another."""
    if "://" in wanted:
        return TorchBuild(f"torch from {wanted}", ("--index-url", wanted, *PACKAGES))
    if wanted not in ("auto", "cpu", "cuda", "plain"):
        return _from_files(Path(wanted).expanduser())
    if wanted == "plain":
        return _plain(machine, "torch as pip finds it")
    if machine.system == "darwin":
        return _plain(machine, "torch with Apple's MPS")
    if wanted == "auto" and own_index:
        return _plain(machine, "torch from the index that pip is set up for")
    if wanted == "cuda" and gpu is None:
        raise Refused("There is no NVIDIA driver on this machine.", "Install one, or use --torch cpu.", 2)
    tag = cuda_build(gpu, machine.system) if gpu and wanted != "cpu" else "cpu"
    if not tag:
        assert gpu is not None
        words = f"The NVIDIA driver {gpu.driver} is too old for torch's CUDA builds with this card"
        if wanted == "cuda":
            raise Refused(f"{words}.", "Update the driver, or use --torch cpu.", 2)
        cpu = choose("cpu", machine, None, own_index, reachable)
        return TorchBuild(cpu.words, cpu.pip, cpu.room, f"{words}: ILVI will work on the CPU. Update the driver.")
    return _from_index(tag, wanted, machine, gpu, reachable)


def _from_index(
    tag: str, wanted: str, machine: Machine, gpu: Gpu | None, reachable: Callable[[str], bool]
) -> TorchBuild:
    url = INDEX + tag
    if tag == "cpu":
        words, room = "torch for the CPU", CPU_BYTES
    else:
        assert gpu is not None
        words = f"torch for CUDA {tag[2:-1]}.{tag[-1]} (driver {gpu.driver}{', ' + gpu.name if gpu.name else ''})"
        room = CUDA_BYTES
    if reachable(url):
        return TorchBuild(f"{words} from {url}", ("--index-url", url, *PACKAGES), room)
    if wanted == "cpu":
        raise Refused(
            f"{url} cannot be reached, so there is no CPU build of torch.",
            "Name an index or a folder of wheels with --torch, or take what pip's own index has with --torch plain.",
        )
    return _plain(machine, f"torch as pip finds it ({url} cannot be reached)")


def _plain(machine: Machine, words: str) -> TorchBuild:
    """PyPI's torch: for Linux on x86 with CUDA, elsewhere without."""
    with_cuda = machine.system == "linux" and machine.processor in ("x86_64", "AMD64")
    return TorchBuild(words, (), CUDA_BYTES if with_cuda else CPU_BYTES)


def _from_files(path: Path) -> TorchBuild:
    if path.is_dir():
        if not list(path.glob("torch-*.whl")):
            raise Refused(f"There is no wheel of torch in {path}.", "Name a folder that has one.", 2)
        # no index: a newer torch there would win; what these wheels need comes with ILVI's other packages
        files = ("--no-index", "--no-deps", "--find-links", str(path.resolve()))
        return TorchBuild(f"torch from {path}", (*files, *PACKAGES))
    if path.is_file() and path.suffix == ".whl":
        return TorchBuild(f"torch from {path}", (str(path.resolve()),))
    raise Refused(
        f"--torch {path} names no folder and no wheel.", "Use auto, cpu, cuda, plain, a folder, a wheel or a URL.", 2
    )


def is_reachable(url: str) -> bool:
    """Whether the index answers, through the proxy that the environment names."""
    request = urllib.request.Request(f"{url}/torch/", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS, context=ssl.create_default_context()):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 400
    except (OSError, ValueError):
        return False


def _number(text: str) -> float:
    found = re.match(r"\s*(\d+(?:\.\d+)?)", text)
    return float(found.group(1)) if found else 0.0


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""
