"""ILVI in Nuke: the node, its buttons, its callbacks. Standard library, `nuke` and `ilvi_core.host` alone."""

from __future__ import annotations

from typing import Any

from ilvi_nuke import core

core.load()

MENU = "ILVI"
COMMAND = "ILVI Inpaint"


def create() -> Any:
    """A new node below the selected one, as the menu makes it."""
    from ilvi_nuke import build

    return build.create()


def press(button: str) -> None:
    """What a button of the current node does; errors are shown on the node, in words."""
    from ilvi_nuke import buttons

    buttons.press(button)


def add_menu() -> None:
    """Nodes > ILVI > ILVI Inpaint."""
    import nuke

    menu = nuke.menu("Nodes").addMenu(MENU, icon="ilvi.png")
    menu.addCommand(COMMAND, "import ilvi_nuke; ilvi_nuke.create()", icon="ilvi.png")
