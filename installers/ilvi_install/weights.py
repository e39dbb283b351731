"""Weight files of an archive: into the user's folder at the installation, out of it at the removal."""

from __future__ import annotations

from pathlib import Path

from ilvi_install import files
from ilvi_install.environment import RUN
from ilvi_install.source import Source
from ilvi_install.state import State
from ilvi_install.steps import Steps
from ilvi_install.words import say

FOLDER = "weights"


def bring(state: State, source: Source, python: Path, target: Path, steps: Steps) -> None:
    """Import every weight file of the archive; ILVI itself checks what they are."""
    if not source.archive or not source.archive.has(FOLDER):
        return
    with steps.step(f"Importing weight files into {target}"):
        unpacked = source.archive.unpack(FOLDER, state.work, lambda name: say(f"      {name}"))
        state.make_folder(target)
        before = set(_index(target))
        for file in sorted(unpacked.iterdir()):
            steps.run([python, "-I", "-c", RUN, "weights", "import", file], f"{file.name} could not be imported")
        state.weights += [str(target / name) for name in sorted(set(_index(target)) - before)]
        state.save()


def take_out(state: State) -> None:
    """Remove what `bring` has imported."""
    for path in map(Path, state.weights):
        index_path = path.parent / "index.json"
        index = files.read_json(index_path) or {}
        index.get("files", {}).pop(path.name, None)
        files.remove(path)
        if index.get("files"):
            files.write_json(index_path, index)
        else:
            files.remove(index_path)
            files.remove(path.parent / "checked.json")


def _index(folder: Path) -> dict[str, object]:
    found = files.read_json(folder / "index.json") or {}
    return dict(found.get("files", {}))
