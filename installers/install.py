"""Installs ILVI: its worker's environment, the record by which hosts find it, the Nuke plugin, the OpenFX plugin.

`python3 install.py --help` says how. Any Python can read this file, even 2.7, so that an old one is told in a sentence.
"""

import os
import sys

if sys.version_info < (3, 9):
    sys.stderr.write(
        "ILVI's installer needs Python 3.9 or newer, and this one is %d.%d.\n"  # noqa: UP031
        "  Run it with another, such as: python3.12 %s\n" % (sys.version_info[0], sys.version_info[1], sys.argv[0])
    )
    sys.exit(2)

sys.dont_write_bytecode = True  # a checkout or an archive that others share stays as it is
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from ilvi_install.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
