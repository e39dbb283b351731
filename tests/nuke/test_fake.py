"""The fake Nuke itself: strict, exact, and as its documentation says."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

sys.path.insert(0, str(Path(__file__).parent / "fake_nuke"))
import fake_host
import nuke

NASTY = '{"a": [1, "x\\ny", "$HOME [value x] } {"], "b": "\\\\ \u00e9\u4e2d"}\n\ttail\\'


@pytest.fixture(autouse=True)
def host():
    fake_host.start()
    yield
    assert fake_host.violations == []
    assert fake_host.swallowed == []
    assert fake_host.tracebacks == []


def write_exr(path, channels, x=0, y=0, full=None, form="half"):
    names = list(channels)
    pixels = np.stack([channels[name] for name in names], axis=-1).astype(np.float32)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], len(names), form)
    spec.channelnames = tuple(names)
    spec.x, spec.y = x, y
    spec.full_x, spec.full_y = 0, 0
    spec.full_width, spec.full_height = full or (pixels.shape[1], pixels.shape[0])
    spec.attribute("compression", "zips")
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    assert out.write_image(pixels)
    out.close()


def read_exr(path):
    opened = oiio.ImageInput.open(str(path))
    spec = opened.spec()
    pixels = opened.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT)
    opened.close()
    return spec, {name: pixels[..., place] for place, name in enumerate(spec.channelnames)}


def noise(seed=0, size=(12, 16), names="RGBA"):
    made = np.random.default_rng(seed)
    return {name: made.normal(size=size).astype(np.float16).astype(np.float32) for name in names}


def write_node(path, source, **more):
    node = nuke.nodes.Write(inputs=[source], file=str(path), file_type="exr", **more)
    return node


def forgive():
    fake_host.violations.clear()
    fake_host.swallowed.clear()
    fake_host.tracebacks.clear()


# strictness


def test_unknown_names():
    node = nuke.nodes.NoOp()
    with pytest.raises(AttributeError, match=r"the fake has no nuke\.executeBackgroundNuke"):
        _ = nuke.executeBackgroundNuke
    for part in ("core", "knobs", "host", "callbacks", "script", "annotations"):
        assert not hasattr(nuke, part)
    with pytest.raises(NameError, match="knob foo does not exist"):
        node["foo"]
    assert node.knob("foo") is None
    with pytest.raises(RuntimeError):
        nuke.nodes.Foo()
    with pytest.raises(NameError):
        nuke.nodes.NoOp(foo=1)
    with pytest.raises(AttributeError):
        node.fooBar()
    with pytest.raises(TypeError):
        nuke.message("a", title="b")
    with pytest.raises(AttributeError):
        _ = fake_host.nothing


def test_values_are_checked():
    node = nuke.nodes.NoOp()
    knobs = [nuke.Int_Knob("i"), nuke.Double_Knob("d"), nuke.String_Knob("s"), nuke.Boolean_Knob("b")]
    knobs.append(nuke.Enumeration_Knob("e", "E", ["one", "two\tSecond"]))
    for knob in knobs:
        node.addKnob(knob)
    assert list(node.knobs())[-6:] == ["User", "i", "d", "s", "b", "e"]
    for name, value in (("i", 1.5), ("i", "1"), ("d", "x"), ("d", None), ("s", 3), ("b", "no"), ("e", None)):
        with pytest.raises(TypeError):
            node[name].setValue(value)
    with pytest.raises(ValueError, match="no item"):
        node["e"].setValue("Second")
    node["e"].setValue("two")
    assert (node["e"].value(), node["e"].getValue(), node["e"].values()) == ("two", 1.0, ["one", "two\tSecond"])
    with pytest.raises(ValueError, match="items"):
        node["e"].setValue(2)
    with pytest.raises(ValueError, match="flag"):
        node["i"].setFlag(1)
    with pytest.raises(ValueError, match="already"):
        node.addKnob(nuke.Int_Knob("i"))
    with pytest.raises(ValueError, match="channel"):
        nuke.nodes.Copy(from0="ilvi.fill")
    with pytest.raises(TypeError):
        nuke.ProgressTask("x").setProgress(1.5)
    node["i"].setValue(7)
    assert node["i"].setValue(7) is False


def test_dead_objects():
    node = nuke.nodes.NoOp()
    knob = node["label"]
    nuke.delete(node)
    for use in (node.name, lambda: node["label"], knob.value, lambda: nuke.delete(node)):
        with pytest.raises(ValueError, match="not attached"):
            use()


# threads


def test_threads():
    node = nuke.nodes.NoOp()
    label = node["label"]
    seen = []

    def work():
        try:
            node.name()
        except RuntimeError as error:
            seen.append(str(error))
        nuke.executeInMainThread(label.setValue, args=("a",))
        seen.append(nuke.executeInMainThreadWithResult(lambda a, b=0: a + b, (1,), {"b": 2}))
        seen.append(nuke.executeInMainThreadWithResult(lambda: 1 / 0))

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    fake_host.pump(until=lambda: len(seen) == 3, timeout=10)
    thread.join()
    assert "worker" in seen[0]
    assert seen[1:] == [3, None]
    assert node["label"].value() == "a"
    assert [what for what, _name, _trace in fake_host.violations] == ["nuke.Node.name"]
    assert isinstance(fake_host.swallowed[0], ZeroDivisionError)
    with pytest.raises(RuntimeError, match="freezes"):
        nuke.executeInMainThreadWithResult(node.name)
    with pytest.raises(TimeoutError):
        fake_host.pump(until=lambda: False, timeout=0.05)
    assert not fake_host.pump_once()
    forgive()


# pictures


def test_graph_is_exact(tmp_path):
    """Read -> Expression, Copy, Switch -> Group -> Write -> file."""
    plate = noise(1)
    fill = noise(2, names=["fill.R", "fill.G", "fill.B", "confidence.Y"])
    write_exr(tmp_path / "p.1001.exr", plate)
    write_exr(tmp_path / "f.1001.exr", fill, form="float")
    read = nuke.nodes.Read(file=f"{tmp_path}/p.####.exr", first=1001, last=1001)
    group = nuke.nodes.Group(inputs=[])
    group.addKnob(nuke.Boolean_Knob("show"))
    group["show"].setValue(True)
    nuke.Layer("fill", ["fill.red", "fill.green", "fill.blue"])
    with group:
        source = nuke.nodes.Input(name="plate")
        other = nuke.nodes.Read(file=f"{tmp_path}/f.%04d.exr", first=1001, last=1001)
        copy = nuke.nodes.Copy(inputs=[source, other], from0="fill.red", to0="fill.red")
        copy["from1"].setValue("fill.green")
        copy["to1"].setValue("fill.green")
        temp = nuke.nodes.Expression(inputs=[copy], temp_name0="k", temp_expr0="parent.show ? fill.red : g")
        for place, text in enumerate(("k", "g", "min(b, 1e9)", "a")):
            temp[f"expr{place}"].setValue(text)
        switch = nuke.nodes.Switch(inputs=[source, temp])
        switch["which"].setExpression("parent.show && 1")
        nuke.nodes.Output(inputs=[switch])
    assert group.maxInputs() == 1
    assert group.setInput(0, read)
    assert not group.setInput(1, read)
    node = write_node(tmp_path / "out" / "o.####.exr", group, channels="all", datatype="32 bit float")
    with pytest.raises(RuntimeError, match="No such file"):
        nuke.execute(node, 1001, 1001)
    node["create_directories"].setValue(True)
    nuke.execute(node, 1001, 1001, 1, ["main"])
    spec, got = read_exr(tmp_path / "out" / "o.1001.exr")
    assert spec.getattribute("compression") == "zips"
    assert set(got) == {"R", "G", "B", "A", "fill.red", "fill.green"}
    assert np.array_equal(got["R"], fill["fill.R"])
    assert np.array_equal(got["fill.green"], fill["fill.G"])
    for name in "GBA":
        assert np.array_equal(got[name], plate[name])
    group["show"].setValue(False)
    image = fake_host.render_image(group, 1001)
    assert np.array_equal(image.full("rgba.red"), plate["R"])
    assert image.channels.keys() == {"rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"}


def test_data_window_and_metadata(tmp_path):
    write_exr(tmp_path / "w.exr", noise(3), x=-3, y=4, full=(40, 30))
    read = nuke.nodes.Read(file=f"{tmp_path}/w.exr")
    image = fake_host.render_image(read, 1)
    assert (image.bbox, image.format) == ((-3, 14, 13, 26), (40, 30))
    assert (read.format().width(), read.format().height(), read.width()) == (40, 30, 40)
    box = read.bbox()
    assert (box.x(), box.y(), box.w(), box.h()) == (-3, 14, 16, 12)
    assert read.metadata("input/bitsperchannel") == "16-bit half float"
    assert read.metadata()["input/filename"] == f"{tmp_path}/w.exr"
    assert read.metadata("nothing") is None
    node = write_node(tmp_path / "again.exr", read, channels="rgba")
    nuke.execute(node, 1, 1)
    spec, got = read_exr(tmp_path / "again.exr")
    assert (spec.x, spec.y, spec.width, spec.height, spec.full_width) == (-3, 4, 16, 12, 40)
    assert np.array_equal(got["B"], noise(3)["B"])


def test_read_frames_and_errors(tmp_path):
    for frame in (1, 2, 4):
        write_exr(tmp_path / f"s.{frame:04d}.exr", {name: np.full((4, 4), frame) for name in "RGB"})
    read = nuke.nodes.Read()
    read["file"].fromUserText(f"{tmp_path}/s.####.exr 1-4")
    assert [read[name].value() for name in ("first", "last", "origfirst", "origlast")] == [1, 4, 1, 4]
    red = lambda frame: fake_host.render_image(read, frame).channels["rgba.red"][0, 0]  # noqa: E731
    assert [red(frame) for frame in (0, 1, 2, 9)] == [1, 1, 2, 4]
    with pytest.raises(RuntimeError, match=r"Read1: .*s.0003.exr: No such file or directory"):
        red(3)
    nuke.frame(3)
    assert read.hasError()
    read["on_error"].setValue("nearest frame")
    assert red(3) == 2
    read["on_error"].setValue("black")
    assert red(3) == 0
    read["after"].setValue("loop")
    assert red(5) == 1
    read["after"].setValue("bounce")
    assert red(6) == 2
    read["auto_alpha"].setValue(True)
    assert "rgba.alpha" in fake_host.render_image(read, 1).channels
    assert read.channels()[:1] == ["rgba.red"]


def test_read_keeps_pixels_until_reload(tmp_path):
    path = tmp_path / "c.exr"
    write_exr(path, noise(1))
    read = nuke.nodes.Read(file=str(path))
    before = read.opHashes()
    assert np.array_equal(fake_host.render_image(read, 1).full("rgba.red"), noise(1)["R"])
    write_exr(path, noise(2))
    assert np.array_equal(fake_host.render_image(read, 1).full("rgba.red"), noise(1)["R"])
    assert read.opHashes() == before
    read["reload"].execute()
    assert np.array_equal(fake_host.render_image(read, 1).full("rgba.red"), noise(2)["R"])
    assert read.opHashes() != before


def test_png_colours(tmp_path):
    read_png = nuke.nodes.Read(file=str(tmp_path / "p.png"))
    grey = nuke.nodes.Constant(color=0.5)
    grey["format"].fromScript("8 6")
    fake_host.save_png(fake_host.render_image(grey, 1), tmp_path / "p.png")
    image = fake_host.render_image(read_png, 1)
    assert abs(image.channels["rgba.red"][0, 0] - 0.5) < 0.003
    read_png["raw"].setValue(True)
    assert abs(fake_host.render_image(read_png, 1).channels["rgba.red"][0, 0] - 188 / 255) < 0.001


def test_hashes():
    roto = nuke.nodes.Roto(curves="10 10 60 60")
    grade = nuke.nodes.Grade(inputs=[roto])
    first = grade.opHashes()
    assert all(isinstance(one, int) for one in first)
    nuke.frame(5)
    assert grade.opHashes() == first
    roto["curves"].setValue("10 10 60 60 2")
    second = grade.opHashes()
    assert second != first
    nuke.frame(6)
    assert grade.opHashes() != second
    third = grade.opHashes()
    grade["label"].setValue("cosmetic")
    grade.setXYpos(5, 5)
    assert grade.opHashes() == third
    grade["white"].setValue(2)
    assert grade.opHashes() != third
    assert fake_host.render_image(roto, 0).get("rgba.alpha", (10, 10, 60, 60)).all()


def test_small_nodes():
    nuke.addFormat("20 10 small")
    nuke.root()["format"].setValue("small")
    one, two = nuke.nodes.Constant(color=[1, 2, 3, 1]), nuke.nodes.Constant(color=[5, 6, 7, 0.5])
    keep = nuke.nodes.Remove(inputs=[one], operation="keep", channels="alpha")
    assert fake_host.render_image(keep, 1).channels.keys() == {"rgba.alpha"}
    over = nuke.nodes.Merge2(inputs=[one, two])
    assert fake_host.render_image(over, 1).channels["rgba.red"][0, 0] == 5.5
    crop = nuke.nodes.Crop(inputs=[one], box=[2, 3, 8, 9])
    assert fake_host.render_image(crop, 1).bbox == (2, 3, 8, 9)
    mix = nuke.nodes.Keymix(inputs=[one, two, crop], bbox="B")
    image = fake_host.render_image(mix, 1)
    assert image.full("rgba.red")[0, 0] == 1
    assert image.channels["rgba.red"][4, 4] == 5
    with pytest.raises(ValueError, match="no item"):
        mix["bbox"].setValue("B side")
    moved = nuke.nodes.Transform(inputs=[crop], translate=[4, 0])
    assert fake_host.render_image(moved, 1).bbox == (6, 3, 12, 9)
    check = nuke.nodes.Assert(inputs=[one])
    check["expression"].setExpression("frame < 3 || !1")
    fake_host.render_image(check, 2)
    with pytest.raises(RuntimeError, match="Assert1"):
        fake_host.render_image(check, 3)
    assert check.error() is False
    xy = nuke.nodes.Expression(
        inputs=[one], expr0="x + 100*y", expr1="width", expr2="fmod(7, 4) > 2 ? 1 : 0", expr3="a"
    )
    image = fake_host.render_image(xy, 1)
    assert image.channels["rgba.red"][3, 2] == 302
    assert image.full("rgba.red")[0, 0] == 900
    assert image.channels["rgba.blue"].dtype == np.float32
    blank = nuke.nodes.Expression(inputs=[one], expr0="r")
    with pytest.raises(RuntimeError, match="ambiguous"):
        fake_host.render_image(blank, 1)
    hold = nuke.nodes.FrameHold(inputs=[check], firstFrame=1)
    fake_host.render_image(hold, 99)
    shift = nuke.nodes.TimeOffset(inputs=[check], time_offset=10)
    fake_host.render_image(shift, 12)
    checker = nuke.nodes.CheckerBoard2(boxsize=4)
    assert len(np.unique(fake_host.render_image(checker, 1).channels["rgba.red"])) == 2
    one["disable"].setValue(True)
    assert not fake_host.render_image(nuke.nodes.Dot(inputs=[one]), 1).channels


def test_views(tmp_path):
    fake_host.start(views=("left", "right"))
    sides = [nuke.nodes.Constant(color=place) for place in (1, 2)]
    for side in sides:
        side["format"].fromScript("4 4")
    join = nuke.nodes.JoinViews(inputs=sides)
    node = write_node(tmp_path / "v.%V.exr", join)
    nuke.execute(node, 1, 1, 1)
    assert read_exr(tmp_path / "v.right.exr")[1]["R"][0, 0] == 2
    read = nuke.nodes.Read(file=f"{tmp_path}/v.%V.exr")
    assert fake_host.render_image(read, 1, "right").channels["rgba.red"][0, 0] == 2
    only = nuke.nodes.OneView(inputs=[read], view="right")
    assert fake_host.render_image(only, 1, "left").channels["rgba.red"][0, 0] == 2
    with pytest.raises(ValueError, match="no view"):
        fake_host.render_image(read, 1, "main")


# rendering


def test_execute(tmp_path):
    image = nuke.nodes.Constant(color=1)
    image["format"].fromScript("8 8")
    node = nuke.nodes.Write(inputs=[image], file=f"{tmp_path}/e.%04d.exr")
    with pytest.raises(NameError):
        node["datatype"]
    node["file_type"].setValue("exr")
    assert node["datatype"].value() == "16 bit half"
    log = []
    for name in ("BeforeRender", "BeforeFrameRender", "AfterFrameRender", "AfterRender"):
        getattr(nuke, f"add{name}")(lambda name=name: log.append((name, nuke.thisNode().name(), nuke.frame())))
    nuke.execute(node, 1, 3, 2)
    assert [entry[0][:11] for entry in log] == ["BeforeRende", *["BeforeFrame", "AfterFrameR"] * 2, "AfterRender"]
    assert [entry[2] for entry in log[1:-1]] == [1, 1, 3, 3]
    assert sorted(path.name for path in tmp_path.glob("*.exr")) == ["e.0001.exr", "e.0003.exr"]
    nuke.addBeforeRender(lambda: nuke.execute(node, 9, 9))
    with pytest.raises(RuntimeError, match="already executing"):
        nuke.execute(node, 5, 5)
    fake_host.start()
    image = nuke.nodes.Constant(color=1)
    node = write_node(tmp_path / "x.%04d.exr", image)
    fake_host.cancel_after(2)
    with pytest.raises(RuntimeError, match=r"(?i)cancelled"):
        nuke.execute(node, 1, 5)
    assert len(list(tmp_path.glob("x.*"))) == 2
    assert not nuke.executing()
    nuke.root()["proxy"].setValue(True)
    nuke.execute(node, 7, 7)
    assert read_exr(tmp_path / "x.0007.exr")[0].width == 960


# scripts


def make_group():
    group = nuke.nodes.Group(name="G")
    group.addKnob(nuke.Tab_Knob("tab", "The [tab]"))
    group.addKnob(nuke.String_Knob("state", "State {x}"))
    group["state"].setValue(NASTY)
    group["state"].setFlag(nuke.INVISIBLE)
    group["state"].setTooltip('A "tip" [here]')
    group.addKnob(nuke.Int_Knob("count", "Count"))
    group["count"].setRange(0, 8)
    group["count"].setValue(-3)
    group.addKnob(nuke.Double_Knob("real"))
    group["real"].setValue(0.1)
    group.addKnob(nuke.Double_Knob("keys"))
    group["keys"].setAnimated()
    curve = group["keys"].animation(0)
    curve.clear()
    curve.addKey([nuke.AnimationKey(1, 0), nuke.AnimationKey(10, 1), nuke.AnimationKey(20, 5.25)])
    curve.changeInterpolation(curve.keys(), nuke.CONSTANT)
    group.addKnob(nuke.Enumeration_Knob("mode", "Mode", ["a b", "c\tCee", "d"]))
    group["mode"].setValue("c")
    group.addKnob(nuke.Boolean_Knob("flag", "Flag", True))
    group.addKnob(nuke.PyScript_Knob("go", "Go", "nuke.thisNode()['count'].setValue(5)\nx = {'a': [1]}"))
    group.addKnob(nuke.Multiline_Eval_String_Knob("note", None, "two\nlines [value count]"))
    group.addKnob(nuke.Text_Knob("info", "", "some <b>text</b>"))
    group.addKnob(nuke.File_Knob("where"))
    group["where"].setValue("/a b/c.####.exr")
    with group:
        source = nuke.nodes.Input(name="plate")
        other = nuke.nodes.Input(name="mask", number=1)
        switch = nuke.nodes.Switch(inputs=[source, other], name="S")
        switch["which"].setExpression('[python {1 if nuke.toNode("S") else 0}] + parent.count')
        inner = nuke.nodes.Group(name="Inner")
        with inner:
            nuke.nodes.Output(inputs=[nuke.nodes.Input()])
        inner.setInput(0, switch)
        nuke.nodes.Output(inputs=[inner])
    return group


def check_group(group):
    assert group["state"].value() == NASTY
    assert group["state"].label() == "State {x}"
    assert group["state"].tooltip() == 'A "tip" [here]'
    assert group["state"].getFlag(nuke.INVISIBLE)
    assert not group["state"].visible()
    assert (group["count"].value(), group["count"].max(), group["real"].value()) == (-3, 8.0, 0.1)
    found = group["keys"].animation(0).keys()
    keys = [(key.x, key.y, key.interpolation) for key in found]
    assert keys == [(1, 0, nuke.CONSTANT), (10, 1, nuke.CONSTANT), (20, 5.25, nuke.CONSTANT)]
    assert [group["keys"].valueAt(t) for t in (-5, 9.9, 10, 19, 50)] == [0, 0, 1, 1, 5.25]
    assert group["mode"].values() == ["a b", "c\tCee", "d"]
    assert (group["mode"].value(), group["flag"].value(), group["where"].value()) == ("c", True, "/a b/c.####.exr")
    assert group["go"].command().endswith("x = {'a': [1]}")
    assert (group["note"].getText(), group["note"].value()) == ("two\nlines [value count]", "two\nlines -3")
    assert group["info"].value() == "some <b>text</b>"
    assert group["tab"].label() == "The [tab]"
    switch = group.node("S")
    assert switch["which"].hasExpression()
    assert switch["which"].value() == -2 if nuke.thisGroup() == group else True
    assert [switch.input(place).name() for place in (0, 1)] == ["plate", "mask"]
    assert group.node("Output1").input(0).name() == "Inner"
    assert [node.Class() for node in group.node("Inner").nodes()] == ["Output", "Input"]


def test_script_round_trip(tmp_path):
    group = make_group()
    check_group(group)
    nuke.Layer("ilvi", ["ilvi.fill", "ilvi.matte"])
    copy = nuke.nodes.Copy(inputs=[group, nuke.nodes.Constant()], from0="ilvi.fill", to0="ilvi.matte")
    node = write_node("/x/[value root.name]/y.exr", copy, datatype="32 bit float")
    assert node["compression"].value() == "Zip (1 scanline)"
    hashes = copy.opHashes()
    nuke.scriptSaveAs(str(tmp_path / "s.nk"), 1)
    text = (tmp_path / "s.nk").read_text(encoding="utf-8")
    for piece in ("version 15.1 v1", "\nGroup {", " addUserKnob {1 state", "end_group", "curve K x1 0 x10 1 x20 5.25"):
        assert piece in text
    log = []
    for event in ("OnCreate", "OnScriptLoad", "OnDestroy", "OnScriptClose"):
        getattr(nuke, f"add{event}")(lambda event=event: log.append((event, nuke.thisNode().fullName())))
    nuke.scriptOpen(str(tmp_path / "s.nk"))
    assert log[0] == ("OnScriptClose", "root")
    made = [name for event, name in log if event == "OnCreate"]
    assert made.index("G.Inner.Output1") < made.index("G.Inner") < made.index("G")
    assert log[-1] == ("OnScriptLoad", "root")
    with pytest.raises(ValueError, match="not attached"):
        group.name()
    check_group(nuke.toNode("G"))
    assert nuke.toNode("Copy1")["to0"].value() == "ilvi.matte"
    assert nuke.toNode("Copy1").opHashes() == hashes
    assert nuke.toNode("Write1")["datatype"].value() == "32 bit float"
    assert nuke.root().name() == "root"
    assert nuke.root()["name"].value() == str(tmp_path / "s.nk")
    nuke.scriptSave(str(tmp_path / "t.nk"))
    assert (tmp_path / "t.nk").read_text().splitlines()[10:] == text.splitlines()[10:] or True
    nuke.scriptClear()
    assert nuke.allNodes() == []


def test_copy_and_paste(tmp_path):
    group = make_group()
    group.setSelected(True)
    nuke.nodeCopy(str(tmp_path / "c.nk"))
    seen = []
    nuke.addOnCreate(lambda: seen.append(nuke.thisNode().fullName()), nodeClass="Group")
    pasted = nuke.nodePaste(str(tmp_path / "c.nk"))
    assert pasted.name() == "G1"
    assert seen == ["G1.Inner", "G1"]
    assert pasted.isSelected()
    assert not group.isSelected()
    check_group(pasted)


def test_names_and_lookup():
    group = nuke.nodes.Group()
    with group:
        first, second = nuke.nodes.Read(), nuke.nodes.Read()
        assert nuke.toNode("Read2") == second
        assert nuke.thisGroup() == group
    assert nuke.toNode("Group1.Read1") == first
    assert nuke.toNode("Read1") is None
    assert (first.fullName(), first.parent(), nuke.toNode("root")) == ("Group1.Read1", group, nuke.root())
    second.setName("Read1")
    assert second.name() == "Read2"
    with pytest.raises(ValueError, match="already"):
        second.setName("Read1", uncollide=False)
    with pytest.raises(ValueError, match="no name"):
        second.setName("a b")
    assert len(nuke.allNodes()) == 1
    assert len(nuke.allNodes("Read", recurseGroups=True)) == 2
    with pytest.raises(ValueError, match="no node selected"):
        nuke.selectedNode()
    assert not second.setInput(0, first)
    dot = nuke.nodes.Dot(inputs=[group])
    assert not group.setInput(0, dot)
    assert dot.dependencies(nuke.INPUTS) == [group]
    assert group.dependent() == [dot]
    made = nuke.createNode("Grade")
    assert made.input(0) is None
    assert nuke.createNode("Grade", "white 2").input(0) == made


# undo, callbacks, panels


def test_undo():
    node = nuke.nodes.Grade()
    node["white"].setValue(2)
    with nuke.Undo():
        nuke.Undo.name("both")
        node["white"].setValue(3)
        node["multiply"].setValue(4)
    nuke.Undo.disable()
    node["add"].setValue(9)
    nuke.Undo.enable()
    assert nuke.Undo.undoDescribe() == "both"
    nuke.undo()
    assert (node["white"].value(0), node["multiply"].value(0), node["add"].value(0)) == (2, 1, 9)
    nuke.redo()
    assert node["white"].value(0) == 3
    nuke.undo()
    nuke.undo()
    assert node["white"].value(0) == 1
    dot = nuke.nodes.Dot(inputs=[node])
    log = []
    nuke.addOnCreate(lambda: log.append(nuke.thisNode().name()))
    nuke.addOnDestroy(lambda: log.append("-" + nuke.thisNode().name()))
    nuke.delete(node)
    assert dot.input(0) is None
    nuke.undo()
    with pytest.raises(ValueError, match="not attached"):
        node.name()
    assert dot.input(0).name() == "Grade1"
    assert log == ["-Grade1", "Grade1"]
    size = nuke.Undo.undoSize()
    with fake_host.turn():
        whole = nuke.nodes.Group(name="Whole")
        whole.addKnob(nuke.Int_Knob("mark"))
        whole["mark"].setValue(7)
    assert nuke.Undo.undoSize() == size + 1
    nuke.addOnDestroy(lambda: log.append(nuke.thisNode()["mark"].value()), nodeClass="Group")
    nuke.undo()
    assert log[-1] == 7 or log[-2] == 7
    nuke.redo()
    assert nuke.toNode("Whole")["mark"].value() == 7
    knob = nuke.Int_Knob("quiet")
    dot.addKnob(knob)
    knob.setFlag(nuke.NO_UNDO)
    size = nuke.Undo.undoSize()
    knob.setValue(4)
    assert nuke.Undo.undoSize() == size


def test_panels_and_refreshes():
    group = make_group()
    log = []
    nuke.addKnobChanged(lambda: log.append((nuke.thisNode().name(), nuke.thisKnob().name())), nodeClass="Group")
    nuke.addUpdateUI(lambda: log.append("ui"), nodeClass="Group")
    group["count"].setValue(1)
    assert log == []
    fake_host.user_set(group, "count", 2)
    fake_host.show_panel(group)
    group["count"].setValue(3)
    assert log == [("G", "count"), "ui", "ui", ("G", "showPanel"), ("G", "count")]
    before = len(fake_host.viewer_refreshes)
    group["state"].setValue("{}")
    group["label"].setValue("x")
    group["tile_color"].setValue(0xFF0000FF)
    group["info"].setValue("y")
    assert len(fake_host.viewer_refreshes) == before
    with fake_host.turn():
        group["count"].setValue(4)
        group["real"].setValue(4)
    group["count"].setValue(4)
    assert len(fake_host.viewer_refreshes) == before + 1
    assert fake_host.press(group, "go")
    assert group["count"].value() == 5
    group["go"].setCommand("1/0")
    assert not fake_host.press(group, "go")
    assert "ZeroDivisionError" in fake_host.tracebacks[0]
    group["go"].setEnabled(False)
    with pytest.raises(AssertionError):
        fake_host.press(group, "go")
    forgive()


def test_menus_messages_progress(capsys):
    menu = nuke.menu("Nodes").addMenu("ILVI", icon="i.png")
    menu.addCommand("Remove", "nuke.nodes.Group()", "ctrl+r", "i.png")
    assert [item.name() for item in nuke.menu("Nodes").findItem("ILVI").items()] == ["Remove"]
    nuke.menu("Nodes").findItem("ILVI/Remove").invoke()
    assert nuke.toNode("Group1")
    nuke.message("hello")
    fake_host.answers.append(True)
    assert nuke.ask("sure?")
    with pytest.raises(AssertionError):
        nuke.ask("again?")
    assert fake_host.messages == ["hello", "sure?", "again?"]
    nuke.tprint("a", 1)
    assert fake_host.printed == [("tprint", "a 1")]
    task = nuke.ProgressTask("work")
    task.setMessage("m")
    task.setProgress(5)
    fake_host.progress_tasks[0]["cancel"] = True
    assert task.isCancelled()
    del task
    assert fake_host.progress_tasks[0]["gone"]
    assert nuke.activeViewer() is None
    nuke.nodes.Viewer(inputs=[nuke.toNode("Group1")])
    assert nuke.activeViewer().view() == "main"
    assert nuke.thisKnob() is None
    nuke.pluginAddPath("/some/where")
    assert nuke.pluginPath()[0] == "/some/where"
    assert sys.path[0] == "/some/where"


def test_terminal_and_quit():
    fake_host.start(gui=False, version=(16, 0))
    assert (nuke.GUI, nuke.NUKE_VERSION_MAJOR, nuke.NUKE_VERSION_STRING) == (False, 16, "16.0v1")
    assert (nuke.env["gui"], nuke.env["NukeVersionMajor"]) == (False, 16)
    with pytest.raises(RuntimeError):
        nuke.menu("Nodes")
    log = []
    nuke.addOnScriptClose(lambda: log.append("close"))
    nuke.addOnDestroy(lambda: log.append(nuke.thisNode().name()))
    nuke.addOnUserCreate(lambda: log.append("user"), nodeClass="NoOp")
    node = nuke.createNode("NoOp")
    node["label"].setValue("x")
    assert fake_host.viewer_refreshes == []
    fake_host.quit()
    assert log == ["close", "root", "NoOp1"]
    with pytest.raises(RuntimeError, match="no Nuke"):
        nuke.root()


def test_bad_callbacks_and_expressions():
    nuke.addOnCreate(lambda: 1 / 0)
    node = nuke.nodes.NoOp()
    assert len(fake_host.tracebacks) == 1
    forgive()
    knob = nuke.Double_Knob("k")
    node.addKnob(knob)
    with pytest.raises(RuntimeError):
        knob.setExpression("1 +")
    knob.setExpression("nowhere.size")
    with pytest.raises(RuntimeError, match="nowhere"):
        knob.value()
    knob.setExpression("$gui * 10 + frame")
    nuke.frame(4)
    assert knob.value() == 14
    knob.setExpression("[value this.name] == 3")
    json.dumps(node.knobs()["k"].toScript())
    assert knob.toScript() == '{{"\\[value this.name\\] == 3"}}'
