"""https://learn.foundry.com/nuke/developers/160/pythondevguide/callbacks.html: nuke.add...(call, args, kwargs,
nodeClass).

First the knob of that name, then what was added for the class, then for "*", each in the order of adding; autolabels
the other way round. An exception is printed and that is all (unverified), but for the ...Render ones: it stops the
render.
"""

from __future__ import annotations

from .core import guard, host, need

EVENTS = {
    "OnCreate": ("onCreate", "*"),
    "OnUserCreate": ("", "*"),
    "OnDestroy": ("onDestroy", "*"),
    "KnobChanged": ("knobChanged", "*"),
    "UpdateUI": ("updateUI", "*"),
    "Autolabel": ("autolabel", "*"),
    "OnScriptLoad": ("onScriptLoad", "Root"),
    "OnScriptSave": ("onScriptSave", "Root"),
    "OnScriptClose": ("onScriptClose", "Root"),
    "BeforeRender": ("beforeRender", "Write"),
    "AfterRender": ("afterRender", "Write"),
    "BeforeFrameRender": ("beforeFrameRender", "Write"),
    "AfterFrameRender": ("afterFrameRender", "Write"),
}


def register(event: str, node_class: str):
    """The pair nuke.addX and nuke.removeX of an event."""

    def add(call, args=(), kwargs=None, nodeClass=node_class):
        if not callable(call):
            raise TypeError(f"nuke.add{event}: the first argument must be callable")
        need(nodeClass, str, f"nuke.add{event}: nodeClass")
        entry = (call, tuple(args) if isinstance(args, (tuple, list)) else (args,), dict(kwargs or {}), nodeClass)
        entries = host.callbacks.setdefault(event, [])
        if entry not in entries:
            entries.append(entry)

    def remove(call, args=(), kwargs=None, nodeClass=node_class):
        entry = (call, tuple(args) if isinstance(args, (tuple, list)) else (args,), dict(kwargs or {}), nodeClass)
        entries = host.callbacks.get(event, [])
        if entry in entries:
            entries.remove(entry)

    add.__name__ = add.__qualname__ = f"add{event}"
    remove.__name__ = remove.__qualname__ = f"remove{event}"
    address = f"https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.add{event}.html"
    add.__doc__ = remove.__doc__ = address
    return guard(add), guard(remove)


FUNCTIONS = {}
for _event, (_knob, _class) in EVENTS.items():
    FUNCTIONS[f"add{_event}"], FUNCTIONS[f"remove{_event}"] = register(_event, _class)


def fire(event: str, core, knob=None, strict: bool = False, last: bool = False):
    """Runs what waits for an event at a node. strict: exceptions go on to the caller. last: the first answer that is
    not None ends it, the latest added asked first (addAutolabel).
    """
    import nuke

    calls = []
    knob_name = EVENTS[event][0]
    if knob_name in core.knobs and core.knobs[knob_name]._text and event != "Autolabel":
        code = core.knobs[knob_name]._text
        calls.append(lambda: exec(compile(code, f"<{core.full_name()}.{knob_name}>", "exec"), {"nuke": nuke}))
    if event == "Autolabel" and core.knobs["autolabel"]._text:
        label = core.knobs["autolabel"]._text
        calls.append(lambda: eval(label, {"nuke": nuke}))
    entries = host.callbacks.get(event, [])
    ordered = [one for one in entries if one[3] == core.kind] + [one for one in entries if one[3] == "*"]
    for call, args, kwargs, _class in reversed(ordered) if last else ordered:
        calls.append(lambda call=call, args=args, kwargs=kwargs: call(*args, **kwargs))
    group = core if core.parent is None else core.parent
    host.nodes_now.append(core)
    host.groups.append(group)
    if knob is not None:
        host.knobs_now.append(knob)
    host.turns += 1  # what callbacks do belongs to the turn that they run in
    try:
        for run in calls:
            try:
                answer = run()
            except Exception:
                if strict:
                    raise
                host.shown_error(f"in {event} of {core.full_name()}")
            else:
                if last and answer is not None:
                    return answer
    finally:
        host.turns -= 1
        if knob is not None:
            host.knobs_now.pop()
        host.groups.pop()
        host.nodes_now.pop()
    return None


class Pseudo:
    """What thisKnob() is for showPanel, hidePanel and inputChange: it has a name, and is no knob of the node."""

    def __init__(self, name, core) -> None:
        self._name, self._core = name, core

    def name(self):
        return self._name

    def node(self):
        return self._core.wrapper


CHANGING: list = []


def knob_changed(core, knob) -> None:
    """knobChanged "They are not called recursively": .../160/pythondevguide/callbacks.html"""
    if core in CHANGING:
        return
    CHANGING.append(core)
    try:
        fire("KnobChanged", core, knob)
    finally:
        CHANGING.remove(core)
