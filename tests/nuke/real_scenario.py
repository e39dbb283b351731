"""What a real Nuke is asked to do first: `Nuke -t real_scenario.py CLIP OUT`, with nuke_plugin on NUKE_PATH.

Makes the node, solves from a render, renders from the cache, saves, opens again, fails where it has to. Prints JSON.
"""

from __future__ import annotations

import json
import sys

import nuke

FIRST, LAST = 1001, 1008


def main(clip, out):
    import ilvi_nuke.build

    said = {"version": nuke.NUKE_VERSION_STRING, "unknown knobs": []}
    node = ilvi_nuke.build.make()
    for number, name in enumerate(("plate", "matte")):
        read = nuke.nodes.Read(name="Read_" + name)
        read["file"].setValue(f"{clip}/{name}.####.exr")
        for knob, value in (("first", FIRST), ("last", LAST), ("origfirst", FIRST), ("origlast", LAST)):
            read[knob].setValue(value)
        node.setInput(number, read)
    for knob, value in (("size", "160x96"), ("remainder", "smooth"), ("matte_channel", "alpha")):
        node[knob].setValue(value)
    write = nuke.nodes.Write(inputs=[node], name="Write_out")
    for knob, value in (("file", f"{out}/clean.####.exr"), ("file_type", "exr"), ("raw", True), ("channels", "rgba")):
        write[knob].setValue(value)
    said["unsolved"] = failure(write)
    node["solve_in_render"].setValue(True)
    nuke.execute(write, FIRST, LAST, 1, nuke.views())
    said["status"] = node["status"].value()
    node["solve_in_render"].setValue(False)
    nuke.scriptSaveAs(f"{out}/shot.nk", 1)
    nuke.scriptClear()
    nuke.scriptOpen(f"{out}/shot.nk")
    (node,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi")]
    said["opened"] = node["status"].value()
    nuke.execute(nuke.toNode("Write_out"), FIRST, LAST, 1, nuke.views())
    node["solve_dilate"].setValue(9)
    said["stale"] = failure(nuke.toNode("Write_out"))
    return said


def failure(write):
    try:
        nuke.execute(write, FIRST, LAST, 1, nuke.views())
    except RuntimeError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    print("ILVI " + json.dumps(main(*sys.argv[1:3])))
