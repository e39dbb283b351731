"""Where `ilvi_core.host` is: beside this plugin in a checkout, inside it where an installer has put it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

PLUGIN = Path(__file__).resolve().parent.parent
VENDORED = "vendor"


def root() -> Path:
    """The folder that holds ilvi_core. ImportError when the plugin is incomplete."""
    for folder in (PLUGIN / VENDORED, PLUGIN.parent):
        if (folder / "ilvi_core" / "host" / "client.py").is_file():
            return folder
    raise ImportError(
        f"there is no ilvi_core in {PLUGIN / VENDORED} or {PLUGIN.parent}. Install the plugin again, or keep it in its "
        f"checkout."
    )


def load() -> None:
    """Make `ilvi_core` importable without leaving its folder on sys.path: a checkout holds much else."""
    if "ilvi_core" in sys.modules:
        return
    folder = str(root())
    sys.path.insert(0, folder)
    try:
        importlib.import_module("ilvi_core")
    finally:
        sys.path.remove(folder)
