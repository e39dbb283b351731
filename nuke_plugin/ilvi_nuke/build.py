"""The node: a Group of Nuke's own nodes, so that a script renders from the cache where ILVI is not installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nuke

from ilvi_nuke import knob_table, knobs, state

NAME = "ILVI_Inpaint"
INPUTS = ("plate", "matte", "clean_plate")  # the arrows' labels, in the order of the group's inputs
# layer -> its channels, as nuke.Layer wants them. ilvi_result and what a result's file brings stay inside the group
LAYERS = {
    "ilvi": ("fill", "confidence", "source"),
    "ilvi_fill": ("red", "green", "blue"),
    "ilvi_result": ("red", "green", "blue"),
    "fill": ("red", "green", "blue"),
    "comp": ("alpha",),
    "confidence": ("Y",),
    "source": ("Y",),
}
BRANDS = {"none": (1, 0, 1), "preview": (1, 0.6, 0), "stale": (1, 0.25, 0)}  # colours of the marks
COLOURS = ("red", "green", "blue")
# a frame that fails because of these nodes fails with their names
STALE_GUARD, READY_GUARD = "ILVI_result_is_out_of_date_press_Inpaint", "ILVI_has_not_solved_this_frame_press_Inpaint"
_LOCALIZATION_OFF, _ERROR_BLACK = 3, 1


def create() -> Any:
    """A new node, its plate connected to the selected node, which is where the artist wants it."""
    selected = nuke.selectedNodes()
    nuke.Undo.begin("Create " + NAME)  # of so many steps, one for the artist
    try:
        node = make()
        if len(selected) == 1:
            below = selected[0]
            node.setInput(0, below)
            cover_plate(node)
            node.setXYpos(below.xpos(), below.ypos() + 60)
            below.setSelected(False)
        node.setSelected(True)
    finally:
        nuke.Undo.end()
    node.showControlPanel()
    return node


def make() -> Any:
    """The node, unconnected. In a Nuke without a GUI too."""
    define_layers()
    group = nuke.nodes.Group(name=f"{NAME}1")
    knobs.add_all(group)
    state.renew(group)
    with group:
        for number, name in enumerate(INPUTS):
            nuke.nodes.Input(name=name, number=number)
        _exports(group)
    lay_out(group)
    return group


def define_layers() -> None:
    """Nuke knows our layers before a script that uses them is read."""
    for layer, channels in LAYERS.items():
        nuke.Layer(layer, [f"{layer}.{channel}" for channel in channels])


def lay_out(group: Any) -> None:
    """Everything between inputs and output, for the script's views; what stood there before is replaced."""
    views = tuple(state.views())
    for view in set(views_of(group)) - set(views):
        group.removeKnob(group[knobs.ready_name(view)])
    for view in views:
        knobs.add_ready(group, view)
    keep = {*INPUTS, *_EXPORTS}
    with group:
        for node in group.nodes():
            if node.name() not in keep:
                nuke.delete(node)
        shown = [_one_view(group, view) for view in views]
        if len(shown) == 1:
            last = shown[0]
        else:
            last = nuke.nodes.JoinViews(name="views", inputs=shown)
            if (
                last.knob("viewassoc") is not None
            ):  # which input is which view, where they are not in the script's order
                last["viewassoc"].setValue("\n".join(views))
        last = _stale_mark(last)
        guard = _guard(STALE_GUARD, last, f"!parent.{knobs.STALE}", "what ILVI solved is out of date; press Inpaint")
        nuke.nodes.Output(inputs=[guard])


def views_of(group: Any) -> tuple[str, ...]:
    """The views that the node is laid out for."""
    prefix = knobs.ready_name("")
    return tuple(name[len(prefix) :] for name in group.knobs() if name.startswith(prefix))


def fits(group: Any) -> bool:
    """Whether the node is laid out for the views that the script has now."""
    return set(views_of(group)) == set(state.views())


def cover_plate(group: Any) -> None:
    """Reads without files have the plate's range: else the node would have frames that the plate has not."""
    plate = group.input(0)
    if plate is None:
        return
    span = {"first": int(plate.firstFrame()), "last": int(plate.lastFrame())}
    reads = [read for view in views_of(group) for read in (result_of(group, view), preview_of(group, view))]
    with state.quietly():
        for read in (r for r in reads if not r["file"].value()):
            for name, value in span.items():
                for knob in (name, f"orig{name}"):
                    if read[knob].value() != value:
                        read[knob].setValue(value)


def result_of(group: Any, view: str) -> Any:
    return group.node(f"result_{view}")


def preview_of(group: Any, view: str) -> Any:
    return group.node(f"preview_{view}")


# -- what goes out -----------------------------------------------------------------------------------------------------

_EXPORTS = ("fit_matte", "write_plate", "write_matte", "write_clean")


def _exports(group: Any) -> None:
    """The Write nodes through which inputs go to the worker. The matte is brought to the plate's format and box."""
    plate, matte, clean = (group.node(name) for name in INPUTS)
    fit = nuke.nodes.Copy(name="fit_matte", inputs=[plate, matte])
    for index, channel in enumerate(("red", "green", "blue", "alpha")):
        fit[f"from{index}"].setValue(f"rgba.{channel}")
        fit[f"to{index}"].setValue(f"rgba.{channel}")
    _keep_box(fit)
    for name, source in (("write_plate", plate), ("write_matte", fit), ("write_clean", clean)):
        nuke.nodes.Write(name=name, inputs=[source])


# -- what comes back ---------------------------------------------------------------------------------------------------


def _one_view(group: Any, view: str) -> Any:
    """plate -> (marked | preview | what the `view` knob shows of the result), by what there is of the frame."""
    plate = group.node("plate")
    result, preview = _read(f"result_{view}"), _read(f"preview_{view}")
    marked = nuke.nodes.Switch(name=f"marked_{view}", inputs=[_marked(plate, "none", view), plate])
    marked["which"].setExpression("parent.missing")
    early = _copied(f"early_{view}", plate, preview, {f"rgba.{c}": f"rgba.{c}" for c in COLOURS})
    early = _marked(early, "preview", view)
    whole = _copied(f"take_result_{view}", plate, result, {f"rgba.{c}": f"ilvi_result.{c}" for c in COLOURS})
    whole = _copied(f"take_fill_{view}", whole, result, {})
    whole = _copied(f"take_layers_{view}", whole, result, {})
    pick = nuke.nodes.Switch(name=f"pick_{view}", inputs=[marked, early, _looks(whole, view)])
    ready = f"parent.{knobs.ready_name(view)}"
    pick["which"].setExpression(
        f"parent.missing && ({ready} < {state.FINAL} || parent.{knobs.STALE}) ? {state.NONE} : {ready}"
    )
    return _guard(
        f"{READY_GUARD}_{view}", pick, f"{ready} == {state.FINAL}", "ILVI has not solved this frame; press Inpaint"
    )


def _guard(name: str, source: Any, condition: str, sentence: str) -> Any:
    """A render fails here, natively, where the condition does not hold and the panel does not let the plate pass."""
    guard = nuke.nodes.Assert(name=name, inputs=[source])
    guard["expression"].setExpression(f"parent.missing || ($gui && !parent.{knobs.ARMED}) || {condition}")
    if guard.knob("message") is not None:  # newer Nukes say it; older ones say the node's name
        guard["message"].setValue(sentence)
    return guard


def _read(name: str) -> Any:
    """A Read of frames that are in the plate's own values already."""
    read = nuke.nodes.Read(name=name)
    read["raw"].setValue(True)
    read["localizationPolicy"].setValue(_LOCALIZATION_OFF)
    read["on_error"].setValue(_ERROR_BLACK if name.startswith("preview") else 0)
    return read


def _copied(name: str, below: Any, above: Any, channels: dict[str, str]) -> Any:
    """B with channels of A; B's format and box stay."""
    copy = nuke.nodes.Copy(name=name, inputs=[below, above])
    set_copied(copy, channels)
    _keep_box(copy)
    return copy


def _keep_box(copy: Any) -> None:
    """The box of B, whatever this Nuke calls that choice."""
    knob = copy["bbox"]
    names = [choice.partition("\t")[0] for choice in knob.values()]  # a choice may be "name<tab>label"
    knob.setValue(next(name for name in names if name.startswith("B")))


def set_copied(copy: Any, channels: dict[str, str]) -> None:
    """Which channels a Copy takes, and as what: at most four."""
    pairs = [*channels.items(), *[("none", "none")] * 4][:4]
    for index, (taken, given) in enumerate(pairs):
        copy[f"from{index}"].setValue(taken)
        copy[f"to{index}"].setValue(given)


def wire_layers(group: Any, view: str) -> None:
    """Take the layers under the names that this Nuke gives them: they are known once a file can be read."""
    name_layers(group, view, result_of(group, view).channels())


def name_layers(group: Any, view: str, there: Sequence[str] = ()) -> None:
    """As `wire_layers`, from a list of channels; without one, by the names that a result's channels ought to have."""

    def named(layer: str, *wanted: str) -> str:
        own = [channel for channel in there if channel.split(".")[0] == layer] or [f"{layer}.{wanted[0]}"]
        return next((f"{layer}.{name}" for name in wanted if f"{layer}.{name}" in own), own[0])

    fill = {named("fill", c, c[0].upper()): f"ilvi_fill.{c}" for c in COLOURS}
    layers = {
        named("comp", "alpha", "A"): "ilvi.fill",
        named("confidence", "Y"): "ilvi.confidence",
        named("source", "Y"): "ilvi.source",
    }
    with state.quietly():
        set_copied(group.node(f"take_fill_{view}"), fill)
        set_copied(group.node(f"take_layers_{view}"), layers)


def _looks(whole: Any, view: str) -> Any:
    """What the `view` knob offers, in its order. Where the comp matte is 0 the plate's own values go through."""
    short = {"red": "r", "green": "g", "blue": "b"}
    result = {c: f"(ilvi.fill > 0 ? ilvi_result.{c} : {short[c]})" for c in COLOURS}
    expressions = {
        knob_table.RESULT: result,
        knob_table.FILL: {c: f"(ilvi.fill > 0 ? ilvi_fill.{c} : 0)" for c in COLOURS},
        knob_table.OVERLAY: {
            "red": "r * (1 - 0.5 * ilvi.fill) + 0.5 * ilvi.fill",
            "green": "g * (1 - 0.5 * ilvi.fill)",
            "blue": "b * (1 - 0.5 * ilvi.fill)",
        },
        knob_table.CONFIDENCE: dict.fromkeys(COLOURS, "ilvi.confidence"),
        knob_table.WIPE: {c: f"(x < parent.wipe * width ? {short[c]} : {result[c]})" for c in COLOURS},
    }
    looks = [_expression(f"show_{n}_{view}", whole, expressions[name]) for n, name in enumerate(knob_table.VIEWS)]
    switch = nuke.nodes.Switch(name=f"view_{view}", inputs=looks)
    switch["which"].setExpression("parent.view")
    inner = _without(switch, "ilvi_result", f"drop_result_{view}")
    for layer in ("ilvi", "ilvi_fill"):
        inner = _without(inner, layer, f"drop_{layer}_{view}")
        inner["disable"].setExpression("parent.layers")
    return inner


def _without(source: Any, layer: str, name: str) -> Any:
    remove = nuke.nodes.Remove(name=name, inputs=[source])
    remove["operation"].setValue("remove")
    remove["channels"].setValue(layer)
    return remove


def _marked(source: Any, brand: str, view: str) -> Any:
    """A band of stripes round the picture: nobody takes it for a result."""
    edge = 0.025 if brand == "none" else 0.012
    band = f"(x < width * {edge} || x > width * {1 - edge} || y < width * {edge} || y > height - width * {edge})"
    stripes = f"({band} && fmod(x + y, width * 0.02) < width * 0.01)"
    short = {"red": "r", "green": "g", "blue": "b"}
    parts = dict(zip(COLOURS, BRANDS[brand])).items()
    return _expression(f"mark_{brand}_{view}", source, {c: f"({stripes} ? {v} : {short[c]})" for c, v in parts})


def _stale_mark(last: Any) -> Any:
    """Frames of something that has changed since."""
    mark = _marked(last, "stale", "all")
    shown = nuke.nodes.Switch(name="stale_or_not", inputs=[last, mark])
    shown["which"].setExpression(f"parent.{knobs.STALE} && !parent.missing")
    return shown


def _expression(name: str, source: Any, colours: dict[str, str]) -> Any:
    node = nuke.nodes.Expression(name=name, inputs=[source])
    for index in range(4):
        node[f"channel{index}"].setValue(f"rgba.{COLOURS[index]}" if index < 3 else "none")
        node[f"expr{index}"].setValue(colours[COLOURS[index]] if index < 3 else "")
    return node
