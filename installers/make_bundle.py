"""Collects everything that ILVI needs into one archive, on a machine with a network, for `install.py --offline`."""

import os
import sys

if sys.version_info < (3, 9):
    sys.stderr.write("make_bundle.py needs Python 3.9 or newer.\n")
    sys.exit(2)

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from ilvi_install.bundle import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
