"""Constants. The bits of the knob flags are those of DD::Image::Knob, as Python's `nuke.INVISIBLE == 0x400`.

https://learn.foundry.com/nuke/developers/105/ndkdevguide/knobs-and-handles/knobflags.html gives names and meaning (in
order of the bits); the numbers themselves are unverified. HIDDEN (what setVisible(False) saves) is not in Python.
"""

from __future__ import annotations

DISABLED = 0x80
NO_ANIMATION = 0x100
DO_NOT_WRITE = 0x200
INVISIBLE = 0x400
STARTLINE = 0x1000
ENDLINE = 0x2000
KNOB_CHANGED_RECURSIVE = 0x8000000
NO_UNDO = 0x80000
ALWAYS_SAVE = 0x100000
READ_ONLY = 0x10000000

# the names that addUserKnob of a script uses
KNOB_FLAGS = {
    "DISABLED": DISABLED,
    "NO_ANIMATION": NO_ANIMATION,
    "DO_NOT_WRITE": DO_NOT_WRITE,
    "INVISIBLE": INVISIBLE,
    "STARTLINE": STARTLINE,
    "ENDLINE": ENDLINE,
    "KNOB_CHANGED_RECURSIVE": KNOB_CHANGED_RECURSIVE,
    "NO_UNDO": NO_UNDO,
    "ALWAYS_SAVE": ALWAYS_SAVE,
    "READ_ONLY": READ_ONLY,
}
ALL_FLAGS = 0
for _bit in KNOB_FLAGS.values():
    ALL_FLAGS |= _bit

# https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.Tab_Knob.html (numbers unverified)
TABBEGINGROUP = 1
TABBEGINCLOSEDGROUP = 2
TABENDGROUP = -1

# Node.dependencies: .../132/pythondevguide/_autosummary/nuke.Node.html (numbers unverified)
EXPRESSIONS = 1
LINKINPUTS = 2
INPUTS = 4
HIDDEN_INPUTS = 8

# Node.writeKnobs: the same page (numbers unverified)
TO_SCRIPT = 1
TO_VALUE = 2
WRITE_NON_DEFAULT_ONLY = 4
WRITE_USER_KNOB_DEFS = 8
WRITE_ALL = 16

# AnimationKey.interpolation, Knob types (numbers unverified):
# https://learn.foundry.com/nuke/developers/90/pythonreference/nuke.AnimationKey-class.html
HORIZONTAL = 0
CONSTANT = 1
LINEAR = 2
SMOOTH = 3
USER_SET_SLOPE = 32
