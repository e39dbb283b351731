"""The node classes and their knobs.

Names, kinds, defaults and menus as a scan of Nuke 17.0v3 lists them (github.com/kirkjr2/nuke-python-reference,
data/nodes/ X.json, read for: Read, Write, Copy, Expression, Keymix, Remove, FrameHold, JoinViews, Assert); the others
by their pages under https://learn.foundry.com/nuke/content/reference_guide/ (unverified). A knob that the fake does
not act on is not there.
"""

from __future__ import annotations

import re

from . import knobs as k
from . import textknobs as t

SPACES = "default|linear|sRGB|rec709|Cineon|Gamma1.8|Gamma2.2|Gamma2.4|Gamma2.6"
BBOX = "union|B\tB side|A\tA side"
COMMON = """name:name
selected:selected
xpos:position
ypos:position
label:multi
tile_color:chip
gl_color:chip
note_font:font=Verdana
note_font_size:double=11
note_font_color:chip
hide_input:bool
icon:file
autolabel:python
onCreate:python
onDestroy:python
knobChanged:python
updateUI:python"""
OPTIONAL = "disable:disable\npostage_stamp:bool\nbookmark:bool\ncached:bool"
FILE = f"""file:file
proxy:file
colorspace:enum={SPACES}
premultiplied:bool
raw:bool
frame_mode:enum=expression|start at|offset
frame:string"""
# class: (most inputs or None for a Group, disable and the like, knobs)
SPECS = {
    "Input": (1, False, "number:int"),
    "Output": (1, False, ""),
    "Group": (None, True, ""),
    "Dot": (1, False, ""),
    "NoOp": (1, True, ""),
    "Viewer": (10, False, ""),
    "Read": (
        0,
        True,
        FILE
        + """
file_type:enum= |cin|dpx|exr|jpeg|png|tiff
first:int=1
last:int=1
origfirst:int=1
origlast:int=1
before:enum=hold|loop|bounce|black
after:enum=hold|loop|bounce|black
on_error:enum=error|black|checkerboard|nearest frame
auto_alpha:bool
localizationPolicy:enum=on|fromAutoLocalizePath\tfrom auto-localize path|onDemand\ton demand|off;1
reload:script""",
    ),
    "Write": (
        1,
        True,
        FILE.replace("premultiplied:bool\n", "")
        + """
channels:mask=rgb
file_type:enum= |exr|jpeg|png|tiff
create_directories:bool
views:views
use_limit:bool
first:int=1
last:int=1
reading:bool
on_error:enum=error|black|checkerboard|read input
render_order:double=1
beforeRender:python
beforeFrameRender:python
afterFrameRender:python
afterRender:python
reload:script
Render:pyscript""",
    ),
    "Constant": (0, True, "channels:mask=rgb\ncolor:acolor\nformat:format\nfirst:int=1\nlast:int=1"),
    "CheckerBoard2": (0, True, "format:format\nboxsize:double=64\ncolor0:acolor=0.1\ncolor1:acolor=0.5"),
    "Grade": (2, True, "channels:mask=rgb\nwhite:acolor=1\nmultiply:acolor=1\nadd:acolor=0"),
    "Transform": (2, True, "translate:xy"),
    "TimeOffset": (1, True, "time_offset:int"),
    "FrameHold": (1, True, "firstFrame:double=1\nincrement:double=0"),
    "Crop": (2, True, "box:bbox\ncrop:bool=1\nintersect:bool\nreformat:bool"),
    "Roto": (2, True, "curves:string\noutput:chan=alpha\nformat:format"),
    "Copy": (
        3,
        True,
        "from0:chan=rgba.alpha\nto0:chan=rgba.alpha\nfrom1:chan=none\nto1:chan=none\nfrom2:chan=none\nto2:chan=none\n"
        f"from3:chan=none\nto3:chan=none\nchannels:mask=none\nbbox:enum={BBOX}\nmetainput:enum=B|A|All",
    ),
    "Switch": (10, True, "which:double"),
    "Merge2": (3, True, "operation:enum=over\nbbox:enum=union|intersection|A|B\nmix:double=1"),
    "Keymix": (
        3,
        True,
        f"channels:mask=all\nmaskChannel:chan=rgba.alpha\ninvertMask:bool\nmix:double=1\nbbox:enum={BBOX}",
    ),
    "Expression": (
        2,
        True,
        "\n".join(f"temp_name{i}:string\ntemp_expr{i}:string" for i in range(4))
        + "\nchannel0:mask=rgba.red\nexpr0:expr\nchannel1:mask=rgba.green\nexpr1:expr"
        + "\nchannel2:mask=rgba.blue\nexpr2:expr\nchannel3:mask=rgba.alpha\nexpr3:expr",
    ),
    "Remove": (
        1,
        True,
        "operation:enum=remove|keep\nchannels:mask=all\nchannels2:mask=none\nchannels3:mask=none\nchannels4:mask=none",
    ),
    "Assert": (1, True, "expression:double=1"),
    "JoinViews": (None, False, "viewassoc:string"),
    "OneView": (1, True, "view:string"),
}
ROOT = """name:string
first_frame:int=1
last_frame:int=100
frame:int=1
lock_range:bool
fps:double=24
format:format
proxy:bool
proxy_scale:double=0.5
project_directory:file
views:views
colorManagement:enum=Nuke|OCIO
floatLut:enum=linear|sRGB|rec709
workingSpaceLUT:enum=linear
label:multi
autolabel:python
onCreate:python
knobChanged:python
updateUI:python
onScriptLoad:python
onScriptSave:python
onScriptClose:python"""
EXR = """datatype:enum=16 bit half|32 bit float
compression:enum=none|Zip (1 scanline)|Zip (16 scanlines)|PIZ Wavelet (32 scanlines)|RLE|B44|B44A|DWAA|DWAB;1
autocrop:bool
metadata:enum=no metadata|default metadata|default metadata and exr/*|all metadata except input/*|all metadata;1"""
BY_TYPE = {"exr": EXR, "png": "datatype:enum=8 bit|16 bit", "tiff": "datatype:enum=8 bit|16 bit"}
# knobs that no picture depends on
COSMETIC = frozenset(
    re.findall(
        r"\w+",
        """name selected xpos ypos label tile_color gl_color note_font note_font_size note_font_color hide_input
        icon autolabel onCreate onDestroy knobChanged updateUI postage_stamp bookmark cached beforeRender
        afterRender beforeFrameRender afterFrameRender render_order lock_range last_frame first_frame
        onScriptLoad onScriptSave onScriptClose project_directory""",
    )
)


class _NameKnob(t.String_Knob):
    """Setting the name of a node renames it."""

    def Class(self):
        return "String_Knob"

    def setValue(self, val, view=None):
        self._alive()
        return self._core.rename(val, True)


class _ViewsKnob(t.String_Knob):
    """Names of views, one after the other (unverified: MultiView_Knob)."""

    def Class(self):
        return "MultiView_Knob"


class _PositionKnob(k.Int_Knob):
    def Class(self):
        return "Int_Knob"


class _SelectedKnob(k.Boolean_Knob):
    def Class(self):
        return "Boolean_Knob"


MAKERS = {
    "name": _NameKnob,
    "views": _ViewsKnob,
    "position": _PositionKnob,
    "selected": _SelectedKnob,
    "string": t.String_Knob,
    "expr": t.EvalString_Knob,
    "multi": t.Multiline_Eval_String_Knob,
    "python": t.PythonKnob,
    "font": t._Font_Knob,
    "file": t.File_Knob,
    "script": t.Script_Knob,
    "pyscript": t.PyScript_Knob,
    "chan": t.Channel_Knob,
    "mask": t.ChannelMask_Knob,
    "format": t.Format_Knob,
    "int": k.Int_Knob,
    "double": k.Double_Knob,
    "bool": k.Boolean_Knob,
    "disable": k.Disable_Knob,
    "chip": k.ColorChip_Knob,
    "xy": k.XY_Knob,
    "bbox": k.BBox_Knob,
    "acolor": k.AColor_Knob,
}


def make_knobs(spec: str) -> list:
    """The knobs of lines like `first:int=1`, `bbox:enum=union|B<TAB>B side;number of the default`."""
    made = []
    for line in spec.split("\n"):
        if not line:
            continue
        name, _colon, rest = line.partition(":")
        kind, _equals, default = rest.partition("=")
        if kind == "enum":
            items, _semicolon, start = default.partition(";")
            knob = k.Enumeration_Knob(name, None, items.split("|"))
            knob._values[0] = float(start or 0)
        else:
            knob = MAKERS[kind](name, None)
            if default and isinstance(knob, k.Array_Knob):
                knob._values = [float(default)] * len(knob._values)
            elif default:
                knob._text = default
        knob._default_text = knob._script()
        made.append(knob)
    return made


USER_KNOBS = {
    cls._code: cls
    for cls in (
        t.Tab_Knob,
        t.String_Knob,
        t.File_Knob,
        k.Int_Knob,
        k.Enumeration_Knob,
        k.Boolean_Knob,
        k.Double_Knob,
        t.Channel_Knob,
        t.ChannelMask_Knob,
        k.XY_Knob,
        k.BBox_Knob,
        k.AColor_Knob,
        t.PyScript_Knob,
        t.Text_Knob,
        t.Format_Knob,
        k.ColorChip_Knob,
        t.Multiline_Eval_String_Knob,
    )
}


def affects_pixels(knob) -> bool:
    """Whether a Viewer below a node would look again when this knob changes (which hidden ones do: unverified)."""
    from . import flags

    if knob._core is not None and not knob._user and knob._name in COSMETIC:
        return False
    if isinstance(knob, (t.Text_Knob, t.Tab_Knob, t.Script_Knob, k.ColorChip_Knob, t.PythonKnob)):
        return False
    hidden = knob._flags & flags.INVISIBLE or not knob._seen
    return not (knob._user and isinstance(knob, t.String_Knob) and not isinstance(knob, t.File_Knob) and hidden)
