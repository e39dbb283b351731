"""The panel's buttons. Each ends at once; whatever goes wrong is words on the node."""

from __future__ import annotations

import shutil
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nuke

from ilvi_core.host.errors import IlviError
from ilvi_nuke import build, core, export, faults, frames, main_thread, order, state, status, tasks
from ilvi_nuke.export import Inputs
from ilvi_nuke.state import State


def press(button: str) -> None:
    """What the button of the current node does."""
    node = nuke.thisNode()
    try:
        _BUTTONS[button](node)
    except Exception as error:
        status.fail(node, faults.in_words(error))


def inpaint(node: Any) -> None:
    tasks.start(node, tasks.SOLVE)


def rerender(node: Any) -> None:
    tasks.start(node, tasks.RERENDER)


def stop(node: Any) -> None:
    task = tasks.of(node)
    if task is None:
        status.refresh(node)
    else:
        task.stop()


def check(node: Any) -> None:
    """Compare with what was solved; when nothing differs, ask the cache what it has."""
    if tasks.of(node) is not None:
        raise IlviError("This node has a job.", "Wait for it, or press Stop.")
    status.recheck_files(node)
    found = status.refresh(node, thorough=True)
    then = state.load(node)
    if found or not then.inputs:
        return
    asked, client = order.read(node), tasks.client_for(node)
    jobs = {}
    for view in asked.views:
        files = Inputs.of(then.inputs[view])
        if not files.there(then.first, then.last):
            status.say(
                node, "The inputs that were solved are gone. Press Inpaint: the cache knows them again.", status.STALE
            )
            return
        jobs[view] = order.job(asked, files.plate, files.matte, files.clean)
    status.say(node, "Asking the cache.", status.BUSY)
    main_thread.aside(
        lambda: {view: client.lookup(job) for view, job in jobs.items()},
        lambda answer, error: _looked_up(node, answer, error),
    )


def _looked_up(node: Any, answer: dict[str, Any] | None, error: BaseException | None) -> None:
    if not state.alive(node) or tasks.of(node) is not None:
        return
    if error is not None or answer is None:
        status.fail(node, faults.in_words(error or IlviError("The worker gave no answer.")))
        return
    then = state.load(node)
    for view, found in answer.items():
        if found.frames:
            files = {int(frame): path for frame, path in found.frames.items()}
            then.views[view] = frames.show(node, view, files, found.entry)
    state.save(node, then)
    worst = next((f.state for f in answer.values() if f.state != "frames"), "frames")
    status.refresh(node)
    said = {
        "frames": "The cache has every frame.",
        "fills": "The cache has the solve, without these frames. Press Re-render from cache.",
        "weights": "The cache has what was learned. Press Re-render from cache.",
        "partial": "The cache has a part of the solve. Press Inpaint to go on.",
        "none": "The cache has nothing of this. Press Inpaint.",
    }[worst]
    status.say(node, f"Up to date. {said}", status.READY if worst == "frames" else status.STALE)


def clear(node: Any) -> None:
    """Remove the node's entries and exports, after asking."""
    if tasks.of(node) is not None:
        raise IlviError("This node has a job.", "Press Stop first.")
    then = state.load(node)
    entries = sorted({solved.entry for solved in then.views.values() if solved.entry})
    if not entries:
        raise IlviError("Nothing was solved for this node.", "There is nothing to clear.")
    if not nuke.ask("Remove what was solved for this node from the cache? Other nodes with the same clip lose it too."):
        return
    folders = {Path(path).parent for inputs in then.inputs.values() for path in (inputs["plate"], inputs["matte"])}
    if any(folders & task.folders() for task in tasks.running()):
        raise IlviError("Another node works on the same clip.", "Wait for it, or stop it first.")
    client = tasks.client_for(node)
    tasks.clearing.add(state.identity(node))
    main_thread.aside(
        lambda: [client.clear(entry) for entry in entries],
        lambda answer, error: _cleared(node, then, answer, error),
    )


def _cleared(node: Any, then: State, answer: Any, error: BaseException | None) -> None:
    tasks.clearing.clear()
    if not state.alive(node):
        return
    if error is not None:
        status.fail(node, faults.in_words(error))
        return
    left = sum(cleared.in_use for cleared in answer)
    if left:
        status.say(node, "Somebody is using the entry; it was left.", status.STALE)
        return
    folder = Path(then.cache) / export.FOLDER
    for inputs in then.inputs.values():
        for path in (inputs["plate"], inputs["matte"]):
            if Path(path).parent.parent == folder:  # an export of ours, never the artist's own files
                shutil.rmtree(Path(path).parent, ignore_errors=True)
    for view in then.views:
        state.set_ready(node, view, {})
        with state.quietly():
            build.result_of(node, view)["file"].setValue("")
    state.save(node, State())
    status.refresh(node)
    freed = sum(cleared.bytes for cleared in answer) / 2**20
    status.say(node, f"Cleared: {freed:.0f} MiB. Press Inpaint to solve it again.", status.PLAIN)


def open_log(node: Any) -> None:
    log = tasks.client_for(node).log_path or faults.log_path()
    if not Path(log).is_file():
        raise IlviError("There is no log yet.", "It begins with the first job.")
    webbrowser.open(Path(log).absolute().as_uri())


def open_cache(node: Any) -> None:
    then = state.load(node)
    solved = [Path(view.pattern).parent for view in then.views.values() if view.pattern]
    folders = [folder for folder in [*solved, Path(then.cache)] if str(folder) != "." and folder.is_dir()]
    if not folders:
        raise IlviError("This node has no frames yet.", "Press Inpaint first.")
    webbrowser.open(folders[0].absolute().as_uri())


def help_page(node: Any) -> None:
    for page in (core.PLUGIN / "nuke.md", core.PLUGIN.parent / "docs" / "nuke.md"):
        if page.is_file():
            webbrowser.open(page.as_uri())
            return
    raise IlviError("The page is not installed.", "It is docs/nuke.md of ILVI.")


_BUTTONS: dict[str, Callable[[Any], None]] = {
    "inpaint": inpaint,
    "stop": stop,
    "check": check,
    "rerender": rerender,
    "clear": clear,
    "open_log": open_log,
    "open_cache": open_cache,
    "help_page": help_page,
}
