"""nuke.Undo: https://learn.foundry.com/nuke/developers/151/pythondevguide/_autosummary/nuke.Undo.html

Outside of begin()/end() everything done in one turn of the main thread is one undo (unverified).
"""

from __future__ import annotations

from .core import api, guard, host


class Stack:
    def __init__(self) -> None:
        self.undos: list = []  # (name, [(undo, redo)])
        self.redos: list = []
        self.group = None
        self.group_name = ""
        self.born: set = set()  # nodes made in the group
        self.open = 0
        self.off = 0
        self.applying = False

    def record(self, undo, redo, name: str, core=None, made: bool = False) -> None:
        """core: the node that changed; what was made in the same group goes and comes as a whole (unverified)."""
        if self.off or self.applying or host.loading:
            return
        here = core
        while here is not None and self.group is not None:
            if here in self.born:
                return
            here = here.parent
        if made:
            self.born.add(core)
        if self.group is None:
            self.group, self.group_name = [], name
        self.group.append((undo, redo))

    def flush(self) -> None:
        if not self.open:
            self.close()

    def close(self) -> None:
        group, self.group = self.group, None
        self.born.clear()
        if group:
            self.undos.append((self.group_name, group))
            self.redos.clear()

    def play(self, source, target, which: int) -> bool:
        self.close()
        if not source:
            return False
        name, actions = source.pop()
        self.applying = True
        try:
            for pair in reversed(actions) if which == 0 else actions:
                pair[which]()
        finally:
            self.applying = False
        target.append((name, actions))
        host.touch()
        return True


@api
class Undo:
    """All methods are static; an instance is a context manager that begins and ends a group."""

    def __enter__(self):
        Undo.begin()
        return self

    def __exit__(self, kind, error, trace):
        Undo.end()
        return False

    @staticmethod
    def begin(name=None):
        if host.undo.open == 0:
            host.undo.close()
        host.undo.open += 1
        if name is not None:
            Undo.name(name)

    @staticmethod
    def end():
        host.undo.open = max(0, host.undo.open - 1)
        if not host.undo.open:
            host.undo.close()

    @staticmethod
    def new():
        Undo.end()
        Undo.begin()

    @staticmethod
    def name(name):
        if not isinstance(name, str):
            raise TypeError("Undo.name: a string is needed")
        if host.undo.group is None:
            host.undo.group = []
        host.undo.group_name = name

    @staticmethod
    def cancel():
        stack = host.undo
        group, stack.group = stack.group, None
        stack.born.clear()
        stack.open = 0
        stack.applying = True
        try:
            for undo, _redo in reversed(group or []):
                undo()
        finally:
            stack.applying = False

    @staticmethod
    def disable():
        host.undo.off += 1

    @staticmethod
    def enable():
        if not host.undo.off:
            raise RuntimeError("Undo.enable() without disable()")  # unverified
        host.undo.off -= 1

    @staticmethod
    def disabled():
        return host.undo.off > 0

    @staticmethod
    def undo():
        host.undo.play(host.undo.undos, host.undo.redos, 0)

    @staticmethod
    def redo():
        host.undo.play(host.undo.redos, host.undo.undos, 1)

    @staticmethod
    def undoSize():
        return len(host.undo.undos)

    @staticmethod
    def redoSize():
        return len(host.undo.redos)

    @staticmethod
    def undoDescribe(n=0):
        return host.undo.undos[-1 - n][0]

    @staticmethod
    def redoDescribe(n=0):
        return host.undo.redos[-1 - n][0]

    @staticmethod
    def undoTruncate(n=0):
        host.undo.undos = host.undo.undos[len(host.undo.undos) - n :]


@guard
def undo():
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.undo.html (what it gives:
    unverified)
    """
    host.undo.play(host.undo.undos, host.undo.redos, 0)


@guard
def redo():
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.redo.html"""
    host.undo.play(host.undo.redos, host.undo.undos, 1)
