"""A compositor's day with the node: the fake Nuke, real EXR files and the real worker, issue 6 sentence by sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from kit import (
    FIRST,
    FRAMES,
    HEIGHT,
    LAST,
    PLUGIN,
    ROOT,
    WIDTH,
    busy,
    forget_plugin,
    inpaint,
    make_node,
    make_read,
    np,
    oiio,
    read_exr,
    scene,
    set_up,
    status,
    stop_workers,
    write_exr,
)  # fmt: skip


def worker_pids():
    """Of this process's workers that are alive."""
    from ilvi_core.host import client

    sessions = [c._session for c in list(client._clients) if c._session is not None]
    return [s.process.pid for s in sessions if not s.over and Path(f"/proc/{s.process.pid}").exists()]


def pixels(image, *names):
    return np.stack([image.channels[name] for name in names], -1)


RGB = ("rgba.red", "rgba.green", "rgba.blue")


def error_in_hole(image, frame):
    truth, matte = scene()
    t = frame - FIRST
    got = pixels(image, *RGB)[::-1]  # Nuke's first row is the lowest
    return float(np.abs(got - truth[t])[matte[t] > 0].mean())


# -- 1, 2: menu, node, panel -------------------------------------------------------------------------------------------


def test_the_menu_makes_a_node_below_the_selected_one(nuke_gui, clip):
    import nuke

    menu = nuke.menu("Nodes").findItem("ILVI")
    command = menu.findItem("ILVI Inpaint")
    assert command is not None
    read = make_read(clip, "plate")
    read.setSelected(True)
    command.invoke()
    (node,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi")]
    assert node.input(0) is read
    assert [n.name() for n in sorted(node.nodes(), key=lambda n: n.name()) if n.Class() == "Input"] == [
        "clean_plate",
        "matte",
        "plate",
    ]
    assert status(node).startswith("Not solved yet")
    assert worker_pids() == []  # making it starts nothing
    icon = PLUGIN / "icons" / "ilvi.png"
    assert icon.read_bytes().startswith(b"\x89PNG")


def test_every_knob_has_a_tooltip_and_a_default(nuke_gui, clip):
    from ilvi_nuke import knob_table

    _, node = set_up(nuke_gui, clip)
    for knob in knob_table.TABLE:
        made = node.knob(knob.name)
        assert made is not None, knob.name
        if knob.kind != knob_table.TAB:
            assert len(made.tooltip()) > 10, knob.name
    assert node["method"].value() == "ilvi"
    assert node["preset"].value() == "draft"


def test_the_readme_page_has_the_knobs(start):
    start()
    from ilvi_nuke import knob_table

    page = (ROOT / "docs" / "nuke.md").read_text(encoding="utf-8")
    assert knob_table.as_markdown() in page, "python tests/nuke/knob_page.py writes it"


# -- 3: Inpaint --------------------------------------------------------------------------------------------------------


def test_inpaint_streams_previews_then_results_and_passes_the_rest(cold, nuke_gui, clip):
    host = nuke_gui
    _, node = set_up(host, clip)
    before = host.render_image(node, FIRST + 2)
    plain = host.render_image(node.input(0), FIRST + 2)
    changed = (pixels(before, *RGB) != pixels(plain, *RGB)).any(-1)
    assert 0.005 < changed.mean() < 0.2  # not solved: stripes at the edge, the rest is the plate
    host.press(node, "inpaint")
    seen, early, begun = set(), {}, time.monotonic()

    def watch():
        seen.add(look_at(node))
        if look_at(node) == 1 and not early:
            early.update({f: host.render_image(node, f) for f in range(FIRST, LAST + 1) if ready(node, f) == 1})
        return not busy(node)

    host.pump(watch, 90)
    for frame, image in early.items():
        assert error_in_hole(image, frame) < 0.3  # the plate has 9.0 there: a fill is shown, the first of all
        assert (pixels(image, *RGB)[0] == [1, 0.6000000238418579, 0]).all(-1).any()  # with amber stripes
        looked(host, image, "preview")
    assert early
    refreshes = [moment for moment in host.viewer_refreshes if moment > begun]
    assert {1, 2} <= seen  # previews, then results
    assert status(node).startswith(f"{FRAMES} frames ({FIRST}-{LAST}). Done")
    _, matte = scene()
    for frame in (FIRST, FIRST + 3, LAST):
        image, plate = host.render_image(node, frame), host.render_image(node.input(0), frame)
        assert error_in_hole(image, frame) < 0.06
        assert image.bbox == plate.bbox
        assert image.format == plate.format
        assert set(image.channels) == set(plate.channels)
        outside = matte[frame - FIRST][::-1] == 0
        grown = np.zeros_like(outside)
        grown[4:-4, 4:-4] = True  # the comp matte reaches 3 px beyond the matte
        near = dilated(~outside, 4)
        np.testing.assert_array_equal(pixels(image, *RGB)[~near], pixels(plate, *RGB)[~near])
        for name in ("rgba.alpha", "depth.Z"):
            np.testing.assert_array_equal(image.channels[name], plate.channels[name])
    gaps = [b - a for a, b in zip(refreshes, refreshes[1:])]
    assert len(gaps) >= 2
    assert min(gaps) > 0.15  # at most every 0.2 s while frames come


def ready(node, frame):
    from ilvi_nuke import state

    return state.ready_at(node, "main", frame)


def look_at(node):
    return max(ready(node, frame) for frame in range(FIRST, LAST + 1))


def looked(host, image, name):
    """Keep a picture for the eye where ILVI_LOOK names a folder."""
    if "ILVI_LOOK" in os.environ:
        host.save_png(image, f"{os.environ['ILVI_LOOK']}/{name.replace(' ', '_').replace('/', '')}.png")


def dilated(mask, reach):
    out = mask.copy()
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            out |= np.roll(np.roll(mask, dy, 0), dx, 1)
    return out


def test_plain_reads_are_read_in_place_and_others_are_exported(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    inpaint(host, node)
    inputs = json.loads(node["ilvi_state"].value())["inputs"]["main"]
    assert inputs["plate"] == f"{clip.as_posix()}/plate.####.exr"
    assert not list((tmp_path / "cache" / "nuke").glob("*/plate.*"))
    grade = nuke.nodes.Grade(inputs=[node.input(0)])
    grade["white"].setValue(0.5)
    node.setInput(0, grade)
    inpaint(host, node)
    inputs = json.loads(node["ilvi_state"].value())["inputs"]["main"]
    assert inputs["plate"].startswith((tmp_path / "cache" / "nuke").as_posix())
    image = host.render_image(node, FIRST + 3)
    truth, matte = scene()
    got = pixels(image, *RGB)[::-1]
    assert np.abs(got - 0.5 * truth[3])[matte[3] > 0].mean() < 0.05
    assert (clip / f"plate.{FIRST}.exr").exists()


def test_half_goes_out_as_half_and_float_as_float(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    dot = nuke.nodes.Grade(inputs=[node.input(0)])
    node.setInput(0, dot)
    from ilvi_nuke import export, order

    folder = tmp_path / "cache"
    for asked, expected in (("auto", "half"), ("float", "float"), ("half", "half")):
        node["depth"].setValue(asked)
        inputs = export.export(node, order.read(node), "main", str(folder))
        assert depth_of(inputs.plate % FIRST) == expected
    assert not list((folder / "nuke").glob("*.part*"))


def test_what_is_not_replaced_keeps_the_bits_that_an_export_has_not(nuke_gui, clip):
    """Values that half floats do not have, exported as half: outside the comp matte they are the plate's own."""
    host = nuke_gui
    nuke, node = set_up(host, clip)
    node.setInput(0, nuke.nodes.Grade(inputs=[node.input(0)]))
    node.input(0)["white"].setValue(0.337)
    node["depth"].setValue("half")
    inpaint(host, node)
    image, plate = host.render_image(node, FIRST + 3), host.render_image(node.input(0), FIRST + 3)
    near = dilated(scene()[1][3][::-1] > 0, 4)
    np.testing.assert_array_equal(pixels(image, *RGB)[~near], pixels(plate, *RGB)[~near])
    assert (pixels(plate, *RGB).astype(np.float16) != pixels(plate, *RGB)).mean() > 0.5


def depth_of(path):
    image = oiio.ImageInput.open(path)
    kind = str(image.spec().format)
    image.close()
    return kind


def test_the_box_and_hdr_values_survive_an_export(nuke_gui, clip, tmp_path):
    """A plate with overscan: the data window goes out and comes back, and the matte is brought to it."""
    host = nuke_gui
    import nuke

    folder = tmp_path / "over"
    truth, matte = scene()
    for t in range(FRAMES):
        rgb = {c: np.where(matte[t] > 0, 9.0, truth[t][..., n]) for n, c in enumerate("RGB")}
        write_exr(folder / f"plate.{FIRST + t}.exr", rgb, "float", (-10, -6, WIDTH - 20, HEIGHT - 12))
        write_exr(folder / f"matte.{FIRST + t}.exr", {"A": matte[t]}, "half", (-10, -6, WIDTH - 20, HEIGHT - 12))
    grade = nuke.nodes.Grade(inputs=[make_read(folder, "plate")])
    node = make_node(grade, make_read(folder, "matte"))
    inpaint(host, node)
    image, plate = host.render_image(node, FIRST + 3), host.render_image(grade, FIRST + 3)
    assert image.bbox == plate.bbox == (-10, -6, WIDTH - 10, HEIGHT - 6)
    assert image.format == plate.format
    assert error_in_hole(image, FIRST + 3) < 0.06
    assert pixels(image, *RGB).max() > 5


def test_the_matte_falls_back_to_the_plates_alpha(nuke_gui, clip, tmp_path):
    host = nuke_gui
    import nuke

    read, matte = make_read(clip, "plate"), make_read(clip, "matte")
    both = nuke.nodes.Copy(inputs=[read, matte])
    both["from0"].setValue("rgba.alpha")
    both["to0"].setValue("rgba.alpha")
    node = make_node(both, None)
    inpaint(host, node)
    assert error_in_hole(host.render_image(node, FIRST + 3), FIRST + 3) < 0.06


def test_a_matte_without_alpha_is_read_by_its_luminance(nuke_gui, clip, tmp_path):
    """As most rotos on disk are: grey, and their alpha is 0 in Nuke."""
    host = nuke_gui
    import nuke

    _, matte = scene()
    for t in range(FRAMES):
        write_png(tmp_path / "grey" / f"matte.{FIRST + t}.png", matte[t])
    read = make_read(tmp_path / "grey", "matte", file=(tmp_path / "grey" / "matte.####.png").as_posix())
    node = make_node(make_read(clip, "plate"), read, matte_channel="auto")
    inpaint(host, node)
    assert "empty" not in status(node)
    assert error_in_hole(host.render_image(node, FIRST + 3), FIRST + 3) < 0.06
    assert nuke.root()["proxy"].value() is False


def write_png(path, grey):
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = oiio.ImageSpec(grey.shape[1], grey.shape[0], 1, "uint8")
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert out.write_image(np.ascontiguousarray((grey * 255).astype(np.uint8)[..., None])), out.geterror()
    out.close()


def test_an_empty_matte_is_said_in_the_panels_words(nuke_gui, clip):
    host = nuke_gui
    import nuke

    node = make_node(make_read(clip, "plate"), nuke.nodes.Constant(), matte_channel="alpha")
    host.press(node, "inpaint")
    host.pump(lambda: not busy(node), 60)
    assert "The matte is empty" in status(node)
    assert "'matte from'" in status(node)
    assert "--" not in status(node)


def test_a_clean_plate_is_kept_at_its_frame(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    truth, _ = scene()
    painted = 0.25 + 0 * truth[4]
    write_exr(tmp_path / "clean" / "clean.exr", {c: painted[..., n] for n, c in enumerate("RGB")})
    read = nuke.nodes.Read(file=(tmp_path / "clean" / "clean.exr").as_posix())
    node.setInput(2, read)
    node["clean_frames"].setValue(str(FIRST + 4))
    inpaint(host, node)
    got = pixels(host.render_image(node, FIRST + 4), *RGB)[::-1]
    assert np.abs(got[40:52, 78:92] - 0.25).max() < 2e-3
    node["clean_frames"].setValue("nineteen")
    host.press(node, "inpaint")
    assert "expected frame numbers" in status(node)
    assert node["tile_color"].value() == 0xB03A3AFF


def test_proxy_mode_is_off_while_inputs_go_out_and_on_again(nuke_gui, clip):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    node.setInput(0, nuke.nodes.Grade(inputs=[node.input(0)]))
    nuke.root()["proxy"].setValue(True)
    inpaint(host, node)
    assert nuke.root()["proxy"].value() is True
    plate = json.loads(node["ilvi_state"].value())["inputs"]["main"]["plate"] % FIRST
    assert read_exr(plate)["R"].shape == (HEIGHT, WIDTH)
    # and after an export that fails, too
    node.setInput(0, nuke.nodes.Read(file="/nowhere/plate.####.exr", first=FIRST, last=LAST))
    host.press(node, "inpaint")
    host.pump(lambda: not busy(node), 60)
    assert nuke.root()["proxy"].value() is True
    assert "plate" in status(node)
    assert "Traceback" not in status(node)


def test_every_look_of_the_view_knob(nuke_gui, clip, tmp_path):
    host = nuke_gui
    _, node = set_up(host, clip)
    inpaint(host, node)
    at, matte = FIRST + 3, scene()[1]
    hole = matte[3][::-1] > 0
    plate = pixels(host.render_image(node.input(0), at), *RGB)
    looks = {}
    for name in node["view"].values():
        node["view"].setValue(name)
        looks[name] = pixels(host.render_image(node, at), *RGB)
        looked(host, host.render_image(node, at), name)
    assert np.abs(looks["fill only"][hole] - looks["result"][hole]).max() < 1e-3
    assert (looks["fill only"][~dilated(hole, 5)] == 0).all()
    assert (looks["matte overlay"][hole][:, 0] >= 0.5).all()
    assert set(np.unique(looks["confidence"][~dilated(hole, 8)])) == {1.0}
    assert (looks["confidence"][hole] <= 1).all()
    left, right = looks["before / after"][:, : WIDTH // 2], looks["before / after"][:, WIDTH // 2 :]
    np.testing.assert_array_equal(left, plate[:, : WIDTH // 2])
    np.testing.assert_array_equal(right, looks["result"][:, WIDTH // 2 :])
    assert worker_starts(host) == 1


def worker_starts(host):
    from ilvi_nuke import tasks

    return len(tasks._clients)


def test_layers_go_along_when_asked(nuke_gui, clip):
    host = nuke_gui
    _, node = set_up(host, clip)
    inpaint(host, node)
    assert not [name for name in host.render_image(node, FIRST).channels if name.startswith("ilvi")]
    node["layers"].setValue(True)
    image, matte = host.render_image(node, FIRST + 3), scene()[1]
    hole = matte[3][::-1] > 0
    ours = {n for n in image.channels if n.startswith("ilvi")}
    assert ours == {"ilvi.fill", "ilvi.confidence", "ilvi.source"} | {
        f"ilvi_fill.{c}" for c in ("red", "green", "blue")
    }
    assert (image.channels["ilvi.fill"][hole] == 1).all()
    assert (image.channels["ilvi.source"][hole] != 0).mean() > 0.9
    assert (image.channels["ilvi.source"][~dilated(hole, 8)] == 0).all()


def test_a_write_below_the_node_gives_the_result(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    inpaint(host, node)
    write = make_write(nuke, node, tmp_path / "out")
    nuke.execute(write, FIRST, LAST, 1, ["main"])
    truth, matte = scene()
    done = read_exr(tmp_path / "out" / f"clean.{FIRST + 3}.exr")
    got = np.stack([done[c] for c in "RGB"], -1)
    assert np.abs(got - truth[3])[matte[3] > 0].mean() < 0.06


def make_write(nuke, node, folder, name="clean"):
    folder.mkdir(exist_ok=True)
    write = nuke.nodes.Write(inputs=[node])
    for knob, value in (
        ("file", f"{folder.as_posix()}/{name}.####.exr"),
        ("file_type", "exr"),
        ("raw", True),
        ("channels", "rgba"),
        ("datatype", "32 bit float"),
    ):
        write[knob].setValue(value)
    return write


# -- 3: stop, delete, rename, copy, undo, close, quit during a job -----------------------------------------------------


def long_job(host, clip):
    """A node whose job takes minutes, in its training."""
    nuke, node = set_up(host, clip, method="dip-vid")
    node["preset"].setValue("paper")
    node["size"].setValue("64x64")
    host.press(node, "inpaint")
    host.pump(lambda: "Learning" in status(node), 90)
    return nuke, node


@pytest.mark.hard
def test_stop_really_stops_and_inpaint_goes_on(nuke_gui, clip):
    host = nuke_gui
    _, node = long_job(host, clip)
    assert "▱" in node["progress"].value()
    host.press(node, "stop")
    begun = time.monotonic()
    host.pump(lambda: not busy(node), 30)
    assert time.monotonic() - begun < 15
    assert "Stopped. Press Inpaint to go on from here." in status(node)
    assert host.progress_tasks[-1]["gone"]
    host.press(node, "inpaint")
    host.pump(lambda: "Learning" in status(node), 60)  # the worker is as good as before
    host.press(node, "stop")
    host.pump(lambda: not busy(node), 30)


@pytest.mark.slow  # trains for a while
def test_cancel_of_nukes_progress_bar_stops_too(nuke_gui, clip):
    host = nuke_gui
    _, node = long_job(host, clip)
    host.progress_tasks[-1]["cancel"] = True
    host.pump(lambda: not busy(node), 30)
    assert "Stopped" in status(node)


def test_cancelling_the_export_leaves_nothing_half_written(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    node.setInput(0, nuke.nodes.Grade(inputs=[node.input(0)]))
    host.cancel_after(3)
    host.press(node, "inpaint")
    host.pump(lambda: not busy(node), 60)
    assert "Stopped while the inputs were written" in status(node)
    left = [p for p in (tmp_path / "cache" / "nuke").glob("*") if p.is_dir()]
    assert left == []


@pytest.mark.parametrize("act", ["delete", pytest.param("undo", marks=pytest.mark.slow), "close"])
@pytest.mark.hard
def test_a_node_that_goes_away_takes_its_job_along(act, nuke_gui, clip):
    host = nuke_gui
    nuke, node = long_job(host, clip)
    (pid,) = worker_pids()
    from ilvi_nuke import tasks

    if act == "delete":
        nuke.delete(node)
    elif act == "undo":
        while node_is_there(nuke):
            nuke.undo()
    else:
        nuke.scriptClose()
    host.pump(lambda: not tasks.running(), 10)
    host.pump(lambda: is_idle(pid), 30)
    host.pump_once()
    if act == "delete":
        nuke.undo()  # it is back, and does nothing by itself
        (again,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi")]
        assert tasks.of(again) is None
        assert "Not solved" in status(again)


def node_is_there(nuke):
    return any(n.knob("ilvi") for n in nuke.allNodes("Group"))


def is_idle(pid):
    """The worker is gone, or has no job."""
    from ilvi_core.host import client
    from ilvi_core.host.client import State

    return all(c.state is not State.BUSY for c in list(client._clients) if c._session is not None)


@pytest.mark.hard
def test_renaming_and_copying_during_a_job(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = long_job(host, clip)
    node.setName("Remove_ball")
    for other in nuke.selectedNodes():
        other.setSelected(False)
    node.setSelected(True)
    nuke.nodeCopy(str(tmp_path / "clip.nk"))
    nuke.nodePaste(str(tmp_path / "clip.nk"))
    (copy,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi") and n.name() != "Remove_ball"]
    assert copy["ilvi_id"].value() != node["ilvi_id"].value()
    assert not busy(copy)
    assert "Not solved" in status(copy)
    assert "Learning" in status(node)
    nuke.delete(copy)
    assert busy(node)  # not its job
    host.press(node, "stop")
    host.pump(lambda: not busy(node), 30)


@pytest.mark.hard
def test_quitting_during_a_job_leaves_no_process(nuke_gui, clip):
    host = nuke_gui
    long_job(host, clip)
    (pid,) = worker_pids()
    begun = time.monotonic()
    host.quit()
    assert time.monotonic() - begun < 2  # the host is not held up
    while Path(f"/proc/{pid}").exists() and time.monotonic() - begun < 30:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()
    verify = [os.environ["ILVI_PYTHON"], "-m", "ilvi_core.cli", "cache", "verify"]
    done = subprocess.run(verify, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.hard
def test_a_killed_worker_is_told_in_words_and_the_next_job_has_a_new_one(nuke_gui, clip):
    host = nuke_gui
    _, node = long_job(host, clip)
    (pid,) = worker_pids()
    os.kill(pid, 9)
    host.pump(lambda: not busy(node), 30)
    assert "worker" in status(node)
    assert "Press Inpaint" in status(node)
    assert node["tile_color"].value() == 0xB03A3AFF
    node["preset"].setValue("draft")
    node["method"].setValue("ilvi")
    node["size"].setValue("160x96")
    inpaint(host, node)


def test_no_worker_is_said_in_words(nuke_gui, clip, monkeypatch):
    host = nuke_gui
    _, node = set_up(host, clip, worker="/nowhere/python")
    host.press(node, "inpaint")
    host.pump(lambda: not busy(node), 30)
    assert "/nowhere/python" in status(node)
    assert node["tile_color"].value() == 0xB03A3AFF
    assert host.tracebacks == []


# -- 4: state in the script --------------------------------------------------------------------------------------------


def test_a_script_that_is_opened_again_has_its_frames_and_starts_nothing(start, clip, tmp_path):
    host = start()
    nuke, node = set_up(host, clip)
    inpaint(host, node)
    before = pixels(host.render_image(node, FIRST + 3), *RGB)
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"), 1)
    host.quit()
    stop_workers()
    host = start()
    import nuke

    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    (node,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi")]
    np.testing.assert_array_equal(pixels(host.render_image(node, FIRST + 3), *RGB), before)
    assert status(node).startswith(f"{FRAMES} frames")
    assert worker_pids() == []
    host.show_panel(node)
    host.idle()
    assert status(node).startswith(f"{FRAMES} frames")  # nothing has changed
    assert worker_pids() == []
    # another day: the cache was cleared meanwhile
    nuke.scriptSave(str(tmp_path / "shot.nk"))
    for path in (tmp_path / "cache").rglob("frames/*/*.exr"):
        path.unlink()
    nuke.scriptClear()
    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    (node,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi")]
    assert "no longer in the cache" in status(node)
    host.press(node, "rerender")
    host.pump(lambda: not busy(node), 60)
    assert "Re-rendered" in status(node)
    np.testing.assert_array_equal(pixels(host.render_image(node, FIRST + 3), *RGB), before)


def test_what_changed_upstream_is_said_and_shown(nuke_gui, clip):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    node.setInput(0, nuke.nodes.Grade(inputs=[node.input(0)], name="Grade_sky"))
    inpaint(host, node)
    clean = pixels(host.render_image(node, FIRST), *RGB)
    host.idle()
    node.input(0)["white"].setValue(0.7)
    host.idle()
    assert "Out of date: plate: Grade_sky changed" in status(node)
    assert node["tile_color"].value() == 0xC0802AFF
    marked = pixels(host.render_image(node, FIRST), *RGB)
    assert (marked != clean).any(-1).mean() > 0.005
    node.input(0)["white"].setValue(1.0)
    host.idle()
    assert status(node).startswith(f"{FRAMES} frames")
    # cosmetics and names change nothing
    node.input(0)["label"].setValue("the sky")
    node.input(0).setXYpos(500, 500)
    node.input(0).setName("Grade_heaven")
    host.idle()
    assert status(node).startswith(f"{FRAMES} frames")
    # range and settings
    host.user_set(node, "last", LAST)
    host.user_set(node, "first", FIRST - 3)
    host.user_set(node, "range", "custom")
    assert f"the range was {FIRST}-{LAST}" in status(node)
    host.user_set(node, "range", "input")
    host.user_set(node, "solve_dilate", 9)
    assert "solve dilation was 4, is 9" in status(node)
    host.user_set(node, "solve_dilate", 4)
    host.user_set(node, "comp_feather", 3.0)
    assert "comp feather was 2.0, is 3.0" in status(node)
    assert "Press Re-render from cache" in status(node)
    host.user_set(node, "comp_feather", 2.0)
    # an input is connected
    node.setInput(2, nuke.nodes.Constant())
    host.user_set(node, "handles", 0)
    assert "clean plate was connected" in status(node)


def test_a_look_at_the_script_costs_no_walk_while_nothing_changes(nuke_gui, clip, monkeypatch):
    """updateUI comes with every frame that the artist scrubs over."""
    host = nuke_gui
    nuke, node = set_up(host, clip)
    inpaint(host, node)
    from ilvi_nuke import upstream

    host.idle()
    walks = []
    fingerprint = upstream.fingerprint
    monkeypatch.setattr(upstream, "fingerprint", lambda *a: walks.append(a) or fingerprint(*a))
    for frame in (FIRST, FIRST + 1, FIRST + 1, FIRST, FIRST + 2):
        nuke.root()["frame"].setValue(frame)
        host.idle()
        host.idle()
    assert walks == []
    node.input(0)["premultiplied"].setValue(True)
    host.idle()
    assert walks
    assert "Read_plate changed" in status(node)


@pytest.mark.hard
def test_a_script_saved_in_the_middle_of_a_job_shows_no_preview_that_is_gone(start, clip, tmp_path):
    host = start()
    nuke, node = long_job(host, clip)
    assert look_at(node) == 1
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"), 1)
    host.quit()
    host = start()
    import nuke

    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    (node,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi")]
    assert look_at(node) == 0
    assert status(node).startswith("Not solved yet")
    assert "▱" not in node["progress"].value()
    assert node["tile_color"].value() == 0


@pytest.mark.parametrize(
    ("path", "frame", "pattern"),
    [
        ("/a/b.1001.exr", 1001, "/a/b.%04d.exr"),
        ("/a/b-0007.exr", 7, "/a/b-%04d.exr"),
        ("/a/b.-007.exr", -7, "/a/b.%04d.exr"),
        ("C:\\a\\b.7.exr", 7, "C:/a/b.%01d.exr"),
        ("/a/b.exr", 7, "/a/b.exr"),
    ],
)
def test_patterns_of_files(path, frame, pattern, nuke_gui):
    from ilvi_nuke import state

    assert state.pattern_of(path, frame) == pattern
    if "%" in pattern:
        assert pattern % frame == path.replace("\\", "/")


def test_check_notices_files_that_were_rendered_again(nuke_gui, clip):
    host = nuke_gui
    _, node = set_up(host, clip)
    inpaint(host, node)
    host.press(node, "check")
    host.pump(lambda: "Asking" not in status(node), 30)
    assert "Up to date. The cache has every frame." in status(node)
    os.utime(clip / f"plate.{FIRST}.exr", (1, 1))
    host.press(node, "check")
    assert "files of the plate changed on disk" in status(node)


def test_rerender_takes_comp_settings_alone(nuke_gui, clip):
    host = nuke_gui
    _, node = set_up(host, clip)
    inpaint(host, node)
    hard = host.render_image(node, FIRST + 3)
    host.user_set(node, "comp_dilate", 0)
    host.user_set(node, "comp_feather", 0.0)
    host.press(node, "rerender")
    host.pump(lambda: not busy(node), 60)
    assert "Re-rendered" in status(node), status(node)
    node["layers"].setValue(True)
    image, matte = host.render_image(node, FIRST + 3), scene()[1]
    hole = matte[3][::-1] > 0
    np.testing.assert_array_equal(image.channels["ilvi.fill"], hole.astype(np.float32))
    assert (pixels(image, *RGB) != pixels(hard, *RGB)).any()


def test_copies_share_the_cache_and_not_the_state(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    inpaint(host, node)
    for other in nuke.selectedNodes():
        other.setSelected(False)
    node.setSelected(True)
    nuke.nodeCopy(str(tmp_path / "clip.nk"))
    nuke.nodePaste(str(tmp_path / "clip.nk"))
    (copy,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi") and n.name() != node.name()]
    copy.setInput(0, node.input(0))
    copy.setInput(1, node.input(1))
    host.user_set(copy, "view", "result")
    a, b = (pixels(host.render_image(n, FIRST + 3), *RGB) for n in (node, copy))
    np.testing.assert_array_equal(a, b)
    host.user_set(copy, "solve_dilate", 7)
    assert "Out of date" in status(copy)
    assert "Out of date" not in status(node)
    host.user_set(copy, "solve_dilate", 4)
    begun = time.monotonic()
    inpaint(host, copy)
    assert time.monotonic() - begun < 5  # known by its pixels: nothing is solved


def test_clear_asks_and_leaves_the_artists_files(cold, nuke_gui, clip, tmp_path):
    host = nuke_gui
    _, node = set_up(host, clip)
    inpaint(host, node)
    host.answers.append(False)
    host.press(node, "clear")
    host.pump_once()
    assert status(node).startswith(f"{FRAMES} frames")
    host.answers.append(True)
    host.press(node, "clear")
    host.pump(lambda: "Cleared" in status(node), 30)
    assert len(list(clip.glob("*.exr"))) == 2 * FRAMES
    assert not list((tmp_path / "cache").glob("*/manifest.json"))


@pytest.mark.hard
def test_two_nodes_wait_for_each_other_in_one_worker(nuke_gui, clip):
    host = nuke_gui
    nuke, first = set_up(host, clip)
    for n in nuke.selectedNodes():
        n.setSelected(False)
    second = make_node(first.input(0), first.input(1), solve_dilate=6)
    host.press(first, "inpaint")
    host.press(second, "inpaint")
    host.press(second, "inpaint")
    assert "has a job already" in status(second)
    host.pump(lambda: not busy(first) and not busy(second), 120)
    assert len(worker_pids()) == 1
    assert status(first).startswith(f"{FRAMES} frames")
    assert status(second).startswith(f"{FRAMES} frames")


def test_each_view_of_a_stereo_script(start, clip, tmp_path):
    host = start(views=("left", "right"))
    nuke, node = set_up(host, clip)
    node.setInput(0, nuke.nodes.Grade(inputs=[node.input(0)]))
    host.press(node, "inpaint")
    host.pump(lambda: not busy(node), 120)
    assert status(node).startswith(f"{FRAMES} frames"), status(node)
    for view in ("left", "right"):
        assert error_in_hole(host.render_image(node, FIRST + 3, view), FIRST + 3) < 0.06


# -- 5: the farm -------------------------------------------------------------------------------------------------------


def saved_script(start, clip, tmp_path, **settings):
    host = start()
    nuke, node = set_up(host, clip, **settings)
    inpaint(host, node)
    make_write(nuke, node, tmp_path / "out").setName("Write_out")
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"), 1)
    host.quit()
    stop_workers()


def test_a_terminal_render_reads_the_cache(start, clip, tmp_path):
    saved_script(start, clip, tmp_path)
    host = start(gui=False)
    import nuke

    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    nuke.execute(nuke.toNode("Write_out"), FIRST, LAST, 1, ["main"])
    truth, matte = scene()
    done = read_exr(tmp_path / "out" / f"clean.{FIRST + 5}.exr")
    got = np.stack([done[c] for c in "RGB"], -1)
    assert np.abs(got - truth[5])[matte[5] > 0].mean() < 0.06
    assert worker_pids() == []
    assert host.messages == []


def test_a_frame_that_is_not_there_fails_the_render_in_words(start, clip, tmp_path):
    saved_script(start, clip, tmp_path)
    (lost,) = (tmp_path / "cache").rglob(f"frames/*/plate.{FIRST + 5}.exr")
    lost.unlink()
    start(gui=False)
    import nuke

    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    write = nuke.toNode("Write_out")
    with pytest.raises(RuntimeError, match=f"no solved frame {FIRST + 5}"):
        nuke.execute(write, FIRST, LAST, 1, ["main"])
    (node,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi")]
    node["missing"].setValue("show the plate")
    nuke.execute(write, FIRST, LAST, 1, ["main"])
    plate, out = read_exr(clip / f"plate.{FIRST + 5}.exr"), read_exr(tmp_path / "out" / f"clean.{FIRST + 5}.exr")
    np.testing.assert_array_equal(out["R"], plate["R"])  # without stripes
    assert worker_pids() == []


def test_a_render_without_the_plugin_fails_at_the_same_frame(start, clip, tmp_path):
    """Nuke's own Assert, where only the script has come."""
    saved_script(start, clip, tmp_path)
    forget_plugin()
    import fake_host

    fake_host.start(gui=False)
    import nuke

    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    write = nuke.toNode("Write_out")
    nuke.execute(write, FIRST, LAST, 1, ["main"])
    with pytest.raises(RuntimeError, match="ILVI_has_not_solved_this_frame_press_Inpaint"):
        nuke.execute(write, FIRST, LAST + 1, 1, ["main"])
    assert "ilvi_nuke" not in sys.modules


def test_the_native_guard_says_why_where_nuke_can(start, clip, tmp_path):
    host = start(version=(17, 0))
    nuke, node = set_up(host, clip)
    inpaint(host, node)
    make_write(nuke, node, tmp_path / "out").setName("Write_out")
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"), 1)
    host.quit()
    forget_plugin()
    import fake_host

    fake_host.start(gui=False, version=(17, 0))
    import nuke

    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    with pytest.raises(RuntimeError, match="ILVI has not solved this frame"):
        nuke.execute(nuke.toNode("Write_out"), LAST + 1, LAST + 1, 1, ["main"])


@pytest.mark.parametrize("now", [FIRST - 5, FIRST + 3, LAST + 5])
def test_nothing_is_said_to_be_solved_but_what_is(now, nuke_gui, clip):
    """Wherever the time line stands while frames come in."""
    host = nuke_gui
    from ilvi_nuke import state

    nuke, node = set_up(host, clip)
    nuke.root()["frame"].setValue(now)
    inpaint(host, node)
    inpaint(host, node)
    ready = [frame for frame in range(FIRST - 9, LAST + 9) if state.ready_at(node, "main", frame)]
    assert ready == list(range(FIRST, LAST + 1))


def test_a_stale_node_fails_the_render_in_gui_and_terminal(start, clip, tmp_path):
    saved_script(start, clip, tmp_path)
    for gui in (True, False):
        host = start(gui=gui)
        import nuke

        nuke.scriptOpen(str(tmp_path / "shot.nk"))
        (node,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi")]
        node["solve_dilate"].setValue(11)
        with pytest.raises(RuntimeError, match="out of date: solve dilation was 4, is 11"):
            nuke.execute(nuke.toNode("Write_out"), FIRST, LAST, 1, ["main"])
        host.quit()


def test_a_render_solves_only_when_the_knob_says_so(cold, start, clip, tmp_path):
    host = start()
    nuke, node = set_up(host, clip)
    make_write(nuke, node, tmp_path / "out").setName("Write_out")
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"), 1)
    host.quit()
    start(gui=False)
    import nuke

    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    (node,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi")]
    write = nuke.toNode("Write_out")
    with pytest.raises(RuntimeError, match="no solved frame"):
        nuke.execute(write, FIRST, LAST, 1, ["main"])
    assert worker_pids() == []
    node["solve_in_render"].setValue(True)
    nuke.execute(write, FIRST, LAST, 1, ["main"])
    truth, matte = scene()
    done = read_exr(tmp_path / "out" / f"clean.{FIRST + 5}.exr")
    got = np.stack([done[c] for c in "RGB"], -1)
    assert np.abs(got - truth[5])[matte[5] > 0].mean() < 0.06


def test_the_farm_command_exports_jobs_without_a_gui(start, clip, tmp_path, capsys):
    host = start()
    nuke, node = set_up(host, clip)
    node.setInput(0, nuke.nodes.Grade(inputs=[node.input(0)]))
    make_write(nuke, node, tmp_path / "out").setName("Write_out")
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"), 1)
    host.quit()
    start(gui=False)
    from ilvi_nuke import farm

    capsys.readouterr()
    assert farm.main([str(tmp_path / "shot.nk"), "--out", str(tmp_path / "farm")]) == 0
    made = json.loads(capsys.readouterr().out)
    assert worker_pids() == []
    (job,) = made["jobs"]
    assert job["frames"] == f"{FIRST}-{LAST}"
    # the copy of the script renders once the job has
    start(gui=False)
    import nuke

    nuke.scriptOpen(made["script"])
    with pytest.raises(RuntimeError, match="no solved frame"):
        nuke.execute(nuke.toNode("Write_out"), FIRST, LAST, 1, ["main"])
    worker = os.environ["ILVI_PYTHON"]
    subprocess.run([worker, "-m", "ilvi_core.cli", "render", job["job"], "--quiet"], check=True, cwd=ROOT)
    start(gui=False)
    nuke.scriptOpen(made["script"])
    nuke.execute(nuke.toNode("Write_out"), FIRST, LAST, 1, ["main"])
    truth, matte = scene()
    done = read_exr(tmp_path / "out" / f"clean.{FIRST + 5}.exr")
    got = np.stack([done[c] for c in "RGB"], -1)
    assert np.abs(got - truth[5])[matte[5] > 0].mean() < 0.06
    assert farm.main([str(tmp_path / "none.nk"), "--out", str(tmp_path / "farm")]) == 2
    assert farm.main([str(tmp_path / "shot.nk"), "--out", str(tmp_path / "farm"), "--node", "Nobody"]) == 2


# -- 6: threads and callbacks ------------------------------------------------------------------------------------------


def test_loading_registers_by_class_and_imports_nothing_heavy(start):
    """In a process of its own: what `import nuke` of the fake brings along must not count."""
    code = f"""
import sys, types
calls = []
nuke = types.ModuleType("nuke")
class Layer:
    def __init__(self, name, channels): pass
nuke.Layer = Layer
nuke.GUI = False
nuke.pluginAddPath = lambda path: None
nuke.tprint = print
names = "OnCreate OnDestroy KnobChanged OnScriptLoad OnScriptClose BeforeRender BeforeFrameRender AfterRender"
for name in names.split():
    setattr(nuke, "add" + name, lambda call, nodeClass, name=name: calls.append((name, nodeClass)))
sys.modules["nuke"] = nuke
sys.path.insert(0, {str(PLUGIN)!r})
path = {str(PLUGIN / "init.py")!r}
before = list(sys.path)
exec(compile(open(path).read(), path, "exec"), {{"__file__": path}})
assert sys.path == before, sys.path
assert sorted(set(c for _, c in calls)) == ["Group", "Root", "Write"], calls
print([m for m in ("torch", "numpy", "cv2", "PySide2") if m in sys.modules], threading_count())
""".replace("threading_count()", "__import__('threading').active_count()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[]", "1"]


def test_events_from_the_workers_thread_never_touch_nuke(nuke_gui, clip):
    """The fake refuses every call from another thread and remembers it: `start` looks at the end."""
    host = nuke_gui
    _, node = set_up(host, clip)
    host.press(node, "inpaint")
    assert threading.current_thread() is threading.main_thread()
    host.pump(lambda: not busy(node), 90)
    assert host.violations == []
