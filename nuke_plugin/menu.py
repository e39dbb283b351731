"""Nuke reads this when it has a GUI. Python 3.7 can parse it."""

import sys

if "ilvi_nuke.callbacks" in sys.modules:  # init.py has said why when it is not
    import ilvi_nuke

    ilvi_nuke.add_menu()
