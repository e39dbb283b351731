"""Which device and which number format a job runs on."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

import torch

from ilvi_core.host.errors import InputError


def choose(name: str) -> str:
    """The torch device for auto, cpu, cuda, cuda:N or mps. InputError names what there is instead."""
    there = available()
    if name == "auto":
        return "cuda:0" if "cuda:0" in there else "mps" if "mps" in there and mps_can_train() else "cpu"
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in there:
        raise InputError(
            f"Device {name} is not available; this machine has {', '.join(there)}.",
            "Use --device auto, or see 'ilvi doctor' for what is wrong with the driver.",
        )
    return wanted


def available() -> list[str]:
    """cpu, then every CUDA device, then mps."""
    cuda = [f"cuda:{n}" for n in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def mps_can_train() -> bool:
    """Whether this torch has what an update needs on a Mac's GPU: the warp's backward pass came late."""
    try:
        picture = torch.ones(1, 1, 2, 2, device="mps", requires_grad=True)
        torch.nn.functional.grid_sample(
            picture, torch.zeros(1, 2, 2, 2, device="mps"), align_corners=True
        ).sum().backward()
    except (NotImplementedError, RuntimeError):
        return False
    return True


def describe(device: str) -> str:
    """The device in words, for the log and the result's record."""
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        return f"{device} ({properties.name}, {properties.total_memory / 2**30:.0f} GiB)"
    return f"{device} ({torch.get_num_threads()} threads)" if device == "cpu" else device


def number_format(precision: str, device: str) -> torch.dtype:
    """float32 or bfloat16 for the convolutions. 'auto': bfloat16 where the device multiplies it faster."""
    if precision == "float32":
        return torch.float32
    if precision == "bfloat16":
        return torch.bfloat16
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if device == "cpu" and cpu_has_bfloat16() else torch.float32


@functools.cache
def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX); emulated, it is slower than float32."""
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(probe and probe())


def set_exact(precision: torch.dtype) -> None:
    """On CUDA, float32 means float32: without this cuDNN would round convolutions to TF32."""
    torch.backends.cudnn.allow_tf32 = precision != torch.float32
    torch.backends.cuda.matmul.allow_tf32 = precision != torch.float32
    torch.backends.cudnn.benchmark = True


def reset_peak(device: str) -> None:
    """Let `peak_memory` count from now on; on the CPU only Linux can, elsewhere it counts from the start."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory(device: str) -> int:
    """Bytes: the most that the device's allocator (or, on the CPU, this process) has held since `reset_peak`."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    try:
        import resource
        import sys
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
