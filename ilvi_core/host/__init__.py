"""What runs inside hosts, and the contract with the worker: standard library only, Python 3.9 and newer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ilvi_core.host.client import State, WorkerClient
    from ilvi_core.host.errors import Cancelled, DeviceError, IlviError, InputError
    from ilvi_core.host.job import FrameRange, ImageSequence, Job
    from ilvi_core.host.places import find_worker
    from ilvi_core.host.protocol import ProtocolError
    from ilvi_core.host.run import Run

__all__ = [
    "Cancelled", "DeviceError", "FrameRange", "IlviError", "ImageSequence", "InputError", "Job", "ProtocolError", "Run",
    "State", "WorkerClient", "find_worker",
]  # fmt: skip

# Loaded when first asked for: hosts import this package at their start, and most sessions never use it.
_MODULES = {
    "client": ("State", "WorkerClient"),
    "errors": ("Cancelled", "DeviceError", "IlviError", "InputError"),
    "job": ("FrameRange", "ImageSequence", "Job"),
    "places": ("find_worker",),
    "protocol": ("ProtocolError",),
    "run": ("Run",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"ilvi_core.host.{module}"), name)
    raise AttributeError(f"module 'ilvi_core.host' has no attribute {name!r}")
