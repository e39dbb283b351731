# ruff: noqa: F401
"""A strict fake of Nuke's Python module for the tests: https://learn.foundry.com/nuke/developers/160/pythondevguide/

What is not here raises. It is steered by the module fake_host beside it; until fake_host.start() nothing can be
called.
"""

from __future__ import annotations

import sys as _sys

from .callbacks import FUNCTIONS as _callbacks
from .core import host as _host
from .curves import AnimationCurve, AnimationKey
from .execute import CancelledError, execute, executing
from .flags import (
    ALWAYS_SAVE,
    CONSTANT,
    DISABLED,
    DO_NOT_WRITE,
    ENDLINE,
    EXPRESSIONS,
    HIDDEN_INPUTS,
    INPUTS,
    INVISIBLE,
    KNOB_CHANGED_RECURSIVE,
    LINEAR,
    LINKINPUTS,
    NO_ANIMATION,
    NO_UNDO,
    READ_ONLY,
    SMOOTH,
    STARTLINE,
    TABBEGINCLOSEDGROUP,
    TABBEGINGROUP,
    TABENDGROUP,
    TO_SCRIPT,
    TO_VALUE,
    WRITE_ALL,
    WRITE_NON_DEFAULT_ONLY,
    WRITE_USER_KNOB_DEFS,
)
from .knobs import (
    AColor_Knob,
    Array_Knob,
    BBox_Knob,
    Boolean_Knob,
    ColorChip_Knob,
    Disable_Knob,
    Double_Knob,
    Enumeration_Knob,
    Int_Knob,
    Knob,
    XY_Knob,
)
from .layering import Layer, channels, layers
from .nodes import FrameRange, Group, Node, Root
from .script import nodeCopy, nodePaste, scriptClear, scriptClose, scriptOpen, scriptSave, scriptSaveAs
from .textknobs import (
    Channel_Knob,
    ChannelMask_Knob,
    EvalString_Knob,
    File_Knob,
    Format,
    Format_Knob,
    Multiline_Eval_String_Knob,
    PyScript_Knob,
    PythonKnob,
    Script_Knob,
    String_Knob,
    Tab_Knob,
    Text_Knob,
)
from .threads import executeInMainThread, executeInMainThreadWithResult
from .ui import (
    Menu,
    MenuItem,
    ProgressTask,
    ViewerWindow,
    activeViewer,
    addFormat,
    allNodes,
    ask,
    createNode,
    debug,
    delete,
    error,
    frame,
    menu,
    message,
    pluginAddPath,
    pluginPath,
    root,
    selectedNode,
    selectedNodes,
    thisGroup,
    thisKnob,
    thisNode,
    thisParent,
    thisView,
    toNode,
    tprint,
    views,
    warning,
)
from .ui import Nodes as _Nodes
from .undo import Undo, redo, undo

nodes = _Nodes()
globals().update(_callbacks)
GUI = False
NUKE_VERSION_MAJOR = NUKE_VERSION_MINOR = NUKE_VERSION_RELEASE = 0
NUKE_VERSION_STRING = ""
env: dict = {}


class _Environment(dict):
    """nuke.env: .../_autosummary/nuke.GlobalsEnvironment.html; only these keys."""

    def __setitem__(self, key, value):
        if key != "threads":
            raise RuntimeError(f"nuke.env[{key!r}] cannot be set")
        super().__setitem__(key, value)


def _started() -> None:
    """Sets what depends on how the host was started; called by fake_host.start()."""
    module = globals()
    major, minor = _host.version
    module.update(GUI=_host.gui, NUKE_VERSION_MAJOR=major, NUKE_VERSION_MINOR=minor, NUKE_VERSION_RELEASE=1)
    module["NUKE_VERSION_STRING"] = f"{major}.{minor}v1"
    module["env"] = _Environment(
        {
            "gui": _host.gui,
            "threads": 4,
            "NukeVersionMajor": major,
            "NukeVersionMinor": minor,
            "NukeVersionRelease": 1,
            "NukeVersionString": f"{major}.{minor}v1",
        }
    )


def __getattr__(name: str):
    raise AttributeError(f"the fake has no nuke.{name}")


# the parts of the fake are no members of nuke
for _part in [name for name in _sys.modules if name.startswith(__name__ + ".")]:
    _value = globals().get(_part.rpartition(".")[2])
    if _value is _sys.modules[_part]:
        del globals()[_part.rpartition(".")[2]]
del _part, _value, annotations
