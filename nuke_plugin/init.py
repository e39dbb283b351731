"""Nuke reads this at its start, with and without a GUI, because the folder is on NUKE_PATH. Python 3.7 can parse it."""

import os
import sys

import nuke

if sys.version_info < (3, 9):
    nuke.tprint(
        f"ILVI needs Nuke 14 or newer: this one has Python {sys.version_info[0]}.{sys.version_info[1]}, its node needs "
        "3.9; it is not loaded."
    )
else:
    nuke.pluginAddPath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "icons"))
    try:
        import ilvi_nuke.callbacks
    except Exception as error:  # whatever is wrong with this installation, Nuke starts
        nuke.tprint(f"ILVI is not loaded: {error}")
    else:
        ilvi_nuke.callbacks.register()
