"""Give a script's ILVI nodes to the farm: `nuke -t .../ilvi_nuke/farm.py SCRIPT.nk --out FOLDER`.

Inputs go out as EXR, each node becomes a job file for `ilvi render`, and a copy of the script is saved whose nodes read
what those jobs will write. No worker is started, no GUI is needed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # Nuke runs this file on its own
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    __import__("ilvi_nuke")  # which makes ilvi_core importable

import nuke

from ilvi_core.host.errors import IlviError, InputError
from ilvi_nuke import build, knobs, state, status
from ilvi_nuke import order as orders
from ilvi_nuke.export import export
from ilvi_nuke.state import Solved, State, point


def main(arguments: list[str]) -> int:
    """The command; its exit code: 0 done, 1 failed, 2 bad input."""
    parser = argparse.ArgumentParser(prog="ilvi_nuke.farm", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("script", help="the Nuke script")
    parser.add_argument("--out", required=True, help="folder for jobs, inputs, frames and the script's copy")
    parser.add_argument("--node", action="append", default=[], help="only this node; repeatable")
    asked = parser.parse_args(arguments)
    try:
        made = give(asked.script, asked.out, asked.node)
    except IlviError as error:
        sys.stderr.write(f"ilvi: {error.message}\n  {error.hint}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(made, indent=2) + "\n")
    return 0


def give(script: str, out: str, names: list[str]) -> dict[str, Any]:
    """Export every node's job. What was made: {"script": the copy, "jobs": [{"node", "view", "job", "frames"}]}."""
    if not Path(script).is_file():
        raise InputError(f"There is no script {script}.", "Check the path.")
    nuke.scriptOpen(script)
    found = knobs.all_of_ours()
    lacking = [name for name in names if name not in {n.fullName() for n in found}]
    if lacking:
        raise InputError(f"The script has no ILVI node '{lacking[0]}'.", f"It has {_listed(found)}.")
    chosen = [n for n in found if not names or n.fullName() in names]
    if not chosen:
        raise InputError(f"{script} has no ILVI node.", "Make one: Nodes > ILVI > ILVI Inpaint.")
    folder = Path(out).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [job for node in chosen for job in _give_node(node, folder)]
    copy = folder / Path(script).name
    if copy.resolve() == Path(script).resolve():
        raise InputError(f"{copy} is the script itself.", "Choose another folder with --out.")
    nuke.scriptSaveAs(copy.as_posix(), 1)
    return {"script": str(copy), "jobs": jobs}


def _give_node(node: Any, folder: Path) -> list[dict[str, Any]]:
    """The jobs of one node, one for each view; the node then reads what they will write."""
    asked, then = orders.read(node), State()
    if not build.fits(node):
        build.lay_out(node)
    status.remember(asked, then)
    status.note_upstream(node, then)
    then.cache, then.done = str(folder), "Given to the farm."
    made = []
    for view in asked.views:
        files = export(node, asked, view, str(folder))
        then.inputs[view] = files.record()
        place = folder / node.fullName() / view
        pattern = f"{place.as_posix()}/result.%04d.exr"
        path = folder / f"{node.fullName()}.{view}.json"
        orders.job(asked, files.plate, files.matte, files.clean, pattern).save(path)
        frames = list(asked.frames.frames())
        point(build.result_of(node, view), pattern, frames)
        build.name_layers(node, view)
        then.views[view] = Solved(pattern, "", frames)
        state.set_ready(node, view, dict.fromkeys(frames, state.FINAL))
        made.append({"node": node.fullName(), "view": view, "job": str(path), "frames": str(asked.frames)})
    state.save(node, then)
    return made


def _listed(nodes: list[Any]) -> str:
    return ", ".join(sorted(n.fullName() for n in nodes)) or "none"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
