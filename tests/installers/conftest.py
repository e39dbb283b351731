"""The installer's package is found where install.py finds it: beside it."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent.parent / "installers"):
    sys.path.insert(0, str(folder))
