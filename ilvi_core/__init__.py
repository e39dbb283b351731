"""ILVI removes things from shots by training a small network on that one clip.

Importing this package is cheap: neither torch nor numpy is loaded until something is inpainted.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ilvi_core.arrays import inpaint as inpaint

__version__ = "0.1.0"
__all__ = ["__version__", "inpaint"]


def __getattr__(name: str) -> Any:
    if name == "inpaint":
        # as `ilvi` does, before torch loads its OpenMP: threads that wait without end bring a busy machine to a halt
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
        from ilvi_core.arrays import inpaint

        return inpaint
    raise AttributeError(f"module 'ilvi_core' has no attribute {name!r}")
