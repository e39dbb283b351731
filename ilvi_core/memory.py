"""Giving memory back."""

from __future__ import annotations

import gc
import sys


def free_memory() -> None:
    """Let go of what nothing refers to any more, on the device too; torch is not loaded for it."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
