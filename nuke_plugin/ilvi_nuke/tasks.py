"""Jobs of nodes: started by a button, followed on the main thread, stopped, and let go with their nodes."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nuke

from ilvi_core.host.client import WorkerClient
from ilvi_core.host.errors import Cancelled, IlviError
from ilvi_core.host.job import Job
from ilvi_core.host.protocol import Accepted, Failure, Finished, Frame, Info, Progress, Started, Stopped, Warn
from ilvi_core.host.run import Run
from ilvi_nuke import build, export, faults, knobs, main_thread, order, state, status, upstream
from ilvi_nuke.export import Inputs
from ilvi_nuke.frames import Incoming
from ilvi_nuke.state import State

SOLVE, RERENDER = "solve", "re-render"
WAIT = 0.5  # seconds until Nuke is asked again whether it has finished rendering
PATIENCE = 15.0  # seconds that a job may take to stop before its worker is ended
_PHASES = {
    "read": "reading plate and matte", "wait": "waiting for another job with the same clip", "flow": "measuring motion",
    "donors": "finding donors", "remainder": "filling what no frame shows", "features": "preparing the losses",
    "train": "learning", "fill": "filling", "write": "writing frames",
}  # fmt: skip

_clients: dict[tuple[str, str], WorkerClient] = {}
_tasks: dict[str, Task] = {}  # by the node's id
clearing: set[str] = set()  # ids of nodes whose cache is being cleared


def client_for(node: Any) -> WorkerClient:
    """The worker of these settings; nodes with the same ones share it. It starts with the first request."""
    key = (knobs.path_of(node, "worker"), knobs.path_of(node, "cache_dir"))
    if key not in _clients:
        _clients[key] = WorkerClient(key[0], cache=key[1], name=f"Nuke {nuke.NUKE_VERSION_STRING}")
    return _clients[key]


def of(node: Any) -> Task | None:
    """The job that a node has now."""
    return _tasks.get(state.identity(node))


def running() -> list[Task]:
    return list(_tasks.values())


def start(node: Any, kind: str) -> None:
    """Begin a job for a node. IlviError when it has one, or when its panel asks for nothing that can be done."""
    if of(node) is not None:
        raise IlviError("This node has a job already.", "Wait for it, or press Stop.")
    if state.identity(node) in clearing:
        raise IlviError("This node is being cleared.", "Wait a moment.")
    task = Task(node, kind)
    _tasks[task.id] = task
    task.begin()


def abandon_all() -> None:
    """The script closes: stop every job, and the workers, without waiting for any of them."""
    for task in running():
        task.abandon()
    for client in _clients.values():
        threading.Thread(target=client.close, name="ilvi-close", daemon=True).start()
    _clients.clear()


class Task:
    """One job of one node: worker -> export -> solve or re-render, a view after the other. On the main thread alone."""

    def __init__(self, node: Any, kind: str) -> None:
        self.node, self.kind, self.id = node, kind, state.identity(node)
        self.client = client_for(node)
        self.asked = order.read(node)
        self.begun = time.monotonic()
        self.stopping = False
        self._token = uuid.uuid4().hex[:8]
        self._left = list(self.asked.views)
        self._run: Run | None = None
        self._incoming: Incoming | None = None
        self._notes = list(self.asked.notes)
        self._root = ""
        self._then = state.load(node)
        self._now = State()
        self._inputs: dict[str, Inputs] = {}
        self._panel: Any = nuke.ProgressTask("ILVI") if nuke.GUI else None
        self._mail = main_thread.Mailbox(self._guarded(self._deliver))

    # -- with a GUI: nothing waits -------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the worker aside; the rest follows when it is there."""
        self._say("Starting the worker.")
        main_thread.aside(self.client.start, self._guarded(self._ready))

    def _ready(self, ready: Any, error: BaseException | None) -> None:
        if error is not None:
            raise error
        self._look_whether_to_stop()
        if nuke.executing():  # of two renders at once Nuke refuses the second
            self._say("Waiting for Nuke to finish rendering.")
            timer = threading.Timer(WAIT, main_thread.call, (self._guarded(self._ready), ready, None))
            timer.daemon = True
            timer.start()
            return
        self.prepare(ready.cache)
        self._next_view()

    def _look_whether_to_stop(self) -> None:
        if self._panel is not None and self._panel.isCancelled():
            self.stopping = True
        if self.stopping:
            raise Cancelled("Stopped.", "Press Inpaint to go on.")

    def _next_view(self) -> None:
        self._look_whether_to_stop()
        if not self._left:
            self.finish()
            return
        job, submit = self.open_view(self._left.pop(0))
        main_thread.aside(lambda: submit(job, self._mail.put), self._submitted)

    def _submitted(self, run: Run | None, error: BaseException | None) -> None:
        if run is not None and (self.stopping or _tasks.get(self.id) is not self or not state.alive(self.node)):
            run.cancel()  # the node was stopped, or went away, while the worker was asked

        def keep() -> None:
            self._run = run
            if error is not None:
                raise error

        self._guarded(keep)()

    def _deliver(self, events: list[Any]) -> None:
        if self._panel is not None and self._panel.isCancelled() and not self.stopping:
            self.stop()
        if self.take(events):
            self._next_view()

    def _guarded(self, step: Callable[..., None]) -> Callable[..., None]:
        """A step of the job: what goes wrong in it ends the job, in words on the node if that is still there."""

        def guarded(*args: Any) -> None:
            if _tasks.get(self.id) is not self:
                return
            if not state.alive(self.node):
                self.abandon()
                return
            try:
                step(*args)
            except BaseException as error:
                self.end(error)

        return guarded

    # -- the steps, with a GUI or without ------------------------------------------------------------------------------

    def prepare(self, root: str) -> None:
        """The inputs as files, and the node laid out for its views."""
        self._root = root.replace("\\", "/")
        export.sweep(self._root)
        status.remember(self.asked, self._now)
        self._now.cache = self._root
        status.note_upstream(self.node, self._now)
        for view in self.asked.views:
            self._look_whether_to_stop()
            self._say("Writing plate and matte.")
            self._inputs[view] = self._earlier(view) or export.export(self.node, self.asked, view, self._root)
            export.touch(self._inputs[view].plate)
            self._now.inputs[view] = self._inputs[view].record()
        if not build.fits(self.node):  # now that nothing can come between: what there was is shown again
            with state.quietly():
                build.lay_out(self.node)
            status.recheck_files(self.node)
        build.cover_plate(self.node)

    def _earlier(self, view: str) -> Inputs | None:
        """A re-render reads what was solved, where it is still there and still what is connected."""
        record = self._then.inputs.get(view)
        if self.kind != RERENDER or record is None or upstream.changes(self.node, self._then.upstream):
            return None
        inputs = Inputs.of(record)
        same = self._then.files == self._now.files and inputs.there(self._now.first, self._now.last)
        return inputs if same else None

    def open_view(self, view: str) -> tuple[Job, Callable[..., Run]]:
        """The next view's job, and how the worker is given it."""
        self._incoming = Incoming(self.node, view, self._root, self._token)
        files = self._inputs[view]
        job = order.job(self.asked, files.plate, files.matte, files.clean)
        return job, self.client.rerender if self.kind == RERENDER else self.client.submit

    def take(self, events: list[Any]) -> bool:
        """Show what has come; True when the view is done. Raises what the worker says went wrong."""
        incoming = self._incoming
        assert incoming is not None
        frames = [event for event in events if isinstance(event, Frame)]
        if frames:
            status.mark(self.node, 0)  # these are of what is asked now
            incoming.take(frames)
        for event in events:
            if isinstance(event, Warn) or (isinstance(event, Info) and "enlarged" in event.text):
                self._notes.append(status.in_knobs(event.text))
            elif isinstance(event, (Failure, Stopped)):
                raise event.error()
        last = next((e for e in reversed(events) if isinstance(e, (Accepted, Started, Progress, Finished))), None)
        if isinstance(last, Finished):
            incoming.solved.entry = last.entry
            incoming.end()
            self._now.views[incoming.view] = incoming.solved
            state.save(self.node, self._now)  # a view that is done is done, whatever becomes of the next
            self._incoming = self._run = None
            return True
        if last is not None:
            self._tell(last)
        return False

    def finish(self) -> None:
        """Everything came: remember it in the script."""
        seconds = time.monotonic() - self.begun
        verb = "Re-rendered" if self.kind == RERENDER else "Done"
        self._now.done = f"{verb} {time.strftime('%Y-%m-%d %H:%M')} in {_long(seconds)}."
        if self._notes:
            self._now.done += " " + " ".join(self._notes[:2])
        self._let_go()
        state.save(self.node, self._now)
        status.refresh(self.node)
        status.say(self.node, self.node["status"].value(), bar=" ")

    # -- the end -------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask for the end. Whatever happens, it comes within PATIENCE."""
        if self.stopping:
            return
        self.stopping = True
        self._say("Stopping.")
        if self._run is not None:
            self._run.cancel()
        if nuke.GUI:
            timer = threading.Timer(PATIENCE, main_thread.call, (self._insist,))
            timer.daemon = True
            timer.start()

    def _insist(self) -> None:
        if _tasks.get(self.id) is not self:
            return
        if any(task.client is self.client for task in running() if task is not self):
            self._say("Stopping as soon as the worker hears; it has jobs of other nodes.")
        else:
            threading.Thread(target=self.client.close, name="ilvi-close", daemon=True).start()

    def end(self, error: BaseException) -> None:
        """Over before it was done: in words on the node. Frames that were there stay."""
        incoming = self._incoming
        self._let_go()
        if incoming is not None:
            self._keep_part(incoming)
        words = faults.in_words(error)
        faults.note(f"{self.kind}: {words}")
        if isinstance(error, Cancelled):
            status.refresh(self.node)
            status.say(self.node, status.in_knobs(str(error)), status.PLAIN)
        else:
            status.fail(self.node, words)

    def _keep_part(self, incoming: Incoming) -> None:
        """What a stopped job has given is shown, and known to the script."""
        incoming.end()
        if incoming.solved.frames:
            self._now.views[incoming.view] = incoming.solved
            state.save(self.node, self._now)
        else:
            status.recheck_files(self.node)  # what was there before is there still

    def folders(self) -> set[Path]:
        """Those that the job's inputs are in."""
        return {Path(path).parent for i in self._inputs.values() for path in (i.plate, i.matte)}

    def abandon(self) -> None:
        """The node or its script is gone: stop the job, touch nothing of Nuke's."""
        self.stopping = True
        incoming, run = self._incoming, self._run
        self._let_go()
        if incoming is not None:
            incoming.drop()
        if run is not None:
            run.cancel()

    def _let_go(self) -> None:
        if _tasks.get(self.id) is self:
            del _tasks[self.id]
        self._panel = None  # Nuke takes the bar away with it
        self._incoming = None

    # -- saying --------------------------------------------------------------------------------------------------------

    def _say(self, text: str, bar: str = " ", share: float = 0.0) -> None:
        status.say(self.node, text, status.BUSY, bar)
        if self._panel is not None:
            self._panel.setMessage(text)
            self._panel.setProgress(int(100 * share))

    def _tell(self, event: Accepted | Started | Progress) -> None:
        view = f" ({self._incoming.view})" if self._incoming and len(self.asked.views) > 1 else ""
        if self.stopping:
            return
        if isinstance(event, Accepted):
            ahead = f": {event.ahead} job{'s' * (event.ahead > 1)} before this one" if event.ahead else ""
            self._say(f"Waiting for the worker{ahead}{view}.")
        elif isinstance(event, Started):
            self._say(f"Started on {event.device}{view}." if event.device else f"From the cache{view}.")
        else:
            left = f", {_long(event.eta)} left" if event.eta is not None else ""
            text = f"{_PHASES.get(event.phase, event.phase).capitalize()}: {event.done} of {event.total}{left}{view}."
            self._say(text, status.bar(event.done, event.total), event.done / max(event.total, 1))


def solve_now(node: Any) -> None:
    """A whole job, waited for: for a Nuke without a GUI. Raises what went wrong, after it is shown on the node."""
    task = Task(node, SOLVE)
    _tasks[task.id] = task
    try:
        task.prepare(task.client.start().cache)
        for view in task.asked.views:
            job, submit = task.open_view(view)
            for event in submit(job, None).events():
                task.take([event])
        task.finish()
    except BaseException as error:
        task.end(error)
        raise


def forget(node_id: str) -> None:
    """A node is deleted: its job with it."""
    task = _tasks.get(node_id)
    if task is not None:
        task.abandon()


def _long(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
