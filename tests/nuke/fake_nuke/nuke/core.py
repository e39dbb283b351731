"""What every part of the fake shares: the state of the host, the thread rule, turns of the main thread.

The thread rule follows https://learn.foundry.com/nuke/developers/160/pythondevguide/threading.html: only the main
thread may use Nuke's Python; others go through executeInMainThread. Real Nuke is undefined there; the fake raises and
records.
"""

from __future__ import annotations

import functools
import inspect
import queue
import sys
import threading
import time
import traceback
from contextlib import contextmanager

GUARDED = ("__init__", "__getitem__", "__enter__", "__exit__", "__len__", "__getattr__")


class Host:
    """The one running (fake) Nuke. Tests steer it through fake_host, plugins never see it."""

    def __init__(self) -> None:
        self.running = False
        self.generation = 0
        self.undo = None
        self.root = None
        self.main = None
        self.queue: queue.Queue = queue.Queue()
        self.callbacks: dict = {}
        self.paths: list = []
        self.added_to_sys: list = []
        self.clear(True, (15, 1), ("main",))

    def clear(self, gui, version, views) -> None:
        while True:  # whoever waits for an answer from the last host gets None
            try:
                job = self.queue.get_nowait()
            except queue.Empty:
                break
            if job.done is not None:
                job.done.set()
        for path in self.added_to_sys:
            if path in sys.path:
                sys.path.remove(path)
        self.added_to_sys = []
        self.generation += 1
        self.gui, self.version, self.start_views = gui, tuple(version), tuple(views)
        self.queue = queue.Queue()
        self.violations: list = []
        self.swallowed: list = []
        self.tracebacks: list = []
        self.messages: list = []
        self.printed: list = []
        self.answers: list = []
        self.progress_tasks: list = []
        self.viewer_refreshes: list = []
        self.panels: list = []
        self.depth = self.turns = 0
        self.dirty = False
        self.modified = False
        self.loading = 0
        self.executing = False
        self.cancel_after = None
        self.viewed = None  # the view that the Viewer shows
        self.context_frame = self.context_view = None
        self.nodes_now: list = []  # thisNode() of callbacks, the innermost last
        self.knobs_now: list = []
        self.groups: list = []  # cores; [0] is Root
        self.layers: dict = {}
        self.formats: dict = {}
        self.menus: dict = {}
        self.callbacks = {}
        self.paths = []
        self.images: dict = {}
        self.clock = 0
        self.next_id = 0

    # threads

    def check(self, what: str) -> None:
        if threading.get_ident() != self.main:
            trace = "".join(traceback.format_stack(limit=12))
            self.violations.append((what, threading.current_thread().name, trace))
            raise RuntimeError(f"{what} called outside of the main thread ({threading.current_thread().name})")
        if not self.running:
            raise RuntimeError(f"{what}: no Nuke is running")

    # turns: what Nuke does between two looks at its event queue

    @contextmanager
    def turn(self):
        self.turns += 1
        try:
            yield
        finally:
            self.turns -= 1
            if not self.turns and not self.depth:
                self.end_turn()

    def end_turn(self) -> None:
        if self.undo is not None:
            self.undo.flush()
        if self.dirty:
            self.dirty = False
            if self.gui:
                self.viewer_refreshes.append(time.monotonic())

    def touch(self) -> None:
        """Something that a Viewer would have to look at again changed."""
        self.dirty = True

    def shown_error(self, what: str) -> None:
        """An exception that Nuke prints to its Script Editor and goes on."""
        text = traceback.format_exc()
        self.tracebacks.append(f"{what}\n{text}")
        sys.stderr.write(f"[fake nuke] {what}\n{text}")

    def number(self) -> int:
        self.next_id += 1
        return self.next_id


host = Host()


def guard(fn):
    """Makes a function or method part of the API: main thread only, and a turn of its own outside of any other."""

    @functools.wraps(fn)
    def inner(*args, **kwargs):
        host.check(f"nuke.{fn.__qualname__}")
        host.depth += 1
        try:
            return fn(*args, **kwargs)
        finally:
            host.depth -= 1
            if not host.depth and not host.turns:
                host.end_turn()

    return inner


def api(cls):
    """Guards every public method of a class."""
    for key, value in list(vars(cls).items()):
        if key.startswith("_") and key not in GUARDED:
            continue
        if inspect.isfunction(value):
            setattr(cls, key, guard(value))
        elif isinstance(value, staticmethod):
            setattr(cls, key, staticmethod(guard(value.__func__)))
    return cls


def need(value, kinds, what: str):
    """A value of the type that the real function parses, or the TypeError that it would give."""
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds and int not in kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{what} must be {names}, not {type(value).__name__}")
    return value
