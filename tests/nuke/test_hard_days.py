"""What goes wrong in a compositor's day: retimes, stereo, edits elsewhere, stops at the wrong moment, half a solve."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from kit import (
    FIRST,
    FRAMES,
    LAST,
    PLUGIN,
    busy,
    inpaint,
    make_clip,
    make_node,
    make_read,
    np,
    read_exr,
    scene,
    set_up,
    status,
    write_exr,
)  # fmt: skip
from test_walk import RGB, error_in_hole, long_job, look_at, make_write, pixels, ready, worker_pids

AMBER = 0xC0802AFF
pytestmark = pytest.mark.hard


def stripes(host, node, frame, view="main"):
    """Share of the picture's edge that is not the plate's."""
    shown, plate = (pixels(host.render_image(n, frame, view), *RGB) for n in (node, node.input(0)))
    return float((shown[0] != plate[0]).any(-1).mean())


# -- renders -----------------------------------------------------------------------------------------------------------


def test_a_retimed_node_renders_and_fails_at_the_frames_that_it_is_asked_for(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    inpaint(host, node)
    shifted = nuke.nodes.TimeOffset(inputs=[node])
    shifted["time_offset"].setValue(1 - FIRST)
    write = make_write(nuke, shifted, tmp_path / "out")
    nuke.execute(write, 1, FRAMES, 1, ["main"])
    truth, matte = scene()
    done = read_exr(tmp_path / "out" / "clean.0004.exr")
    assert np.abs(np.stack([done[c] for c in "RGB"], -1) - truth[3])[matte[3] > 0].mean() < 0.06
    with pytest.raises(RuntimeError, match="ILVI_has_not_solved_this_frame"):  # in the GUI, too
        nuke.execute(write, FRAMES + 1, FRAMES + 1, 1, ["main"])
    host.idle()
    assert stripes(host, node, LAST + 1) > 0.2  # and the viewer shows it as before


def test_a_branch_that_is_not_used_fails_no_render(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    switch = nuke.nodes.Switch(inputs=[node.input(0), node])
    write = make_write(nuke, switch, tmp_path / "out")
    nuke.execute(write, FIRST, FIRST, 1, ["main"])
    switch["which"].setValue(1)
    with pytest.raises(RuntimeError, match=f"no solved frame {FIRST}"):
        nuke.execute(write, FIRST, FIRST, 1, ["main"])
    node["disable"].setValue(True)
    nuke.execute(write, FIRST, FIRST, 1, ["main"])


def test_a_plate_that_was_rendered_again_fails_the_render(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    inpaint(host, node)
    write = make_write(nuke, node, tmp_path / "out")
    truth, _ = scene()
    write_exr(clip / f"plate.{LAST}.exr", {c: truth[-1][..., n] for n, c in enumerate("RGB")})
    with pytest.raises(RuntimeError, match="files of the plate changed on disk"):
        nuke.execute(write, FIRST, LAST, 1, ["main"])
    assert node["tile_color"].value() == AMBER


def test_an_export_within_a_render_is_refused_in_words(start, clip, tmp_path):
    host = start()
    nuke, node = set_up(host, clip, solve_in_render=True)
    node.setInput(0, nuke.nodes.Grade(inputs=[node.input(0)]))
    make_write(nuke, node, tmp_path / "out").setName("Write_out")
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"), 1)
    host.quit()
    start(gui=False)
    import nuke

    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    with pytest.raises(RuntimeError, match="Nuke is rendering, and cannot write the plate meanwhile"):
        nuke.execute(nuke.toNode("Write_out"), FIRST, LAST, 1, ["main"])


def test_a_job_waits_while_nuke_renders(nuke_gui, clip, monkeypatch):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    until = time.monotonic() + 3
    monkeypatch.setattr(nuke, "executing", lambda: time.monotonic() < until)
    host.press(node, "inpaint")
    host.pump(lambda: "Waiting for Nuke" in status(node), 20)
    host.pump(lambda: not busy(node), 60)
    assert status(node).startswith(f"{FRAMES} frames")


# -- what has changed --------------------------------------------------------------------------------------------------


def test_a_key_at_another_frame_is_noticed_before_it_is_rendered(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    grade = nuke.nodes.Grade(inputs=[node.input(0)], name="Grade_sky")
    grade["white"].setAnimated()
    grade["white"].setValueAt(1.0, FIRST)
    node.setInput(0, grade)
    nuke.root()["frame"].setValue(FIRST)
    inpaint(host, node)
    host.idle()
    grade["white"].setValueAt(1.0, FIRST + 1)
    grade["white"].setValueAt(3.0, LAST)
    write = make_write(nuke, node, tmp_path / "out")
    with pytest.raises(RuntimeError, match="Grade_sky changed"):
        nuke.execute(write, FIRST, FIRST, 1, ["main"])


def test_an_edit_at_a_frame_that_was_scrubbed_to_is_noticed(nuke_gui, clip):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    inpaint(host, node)
    for frame in (FIRST, FIRST + 4):
        nuke.root()["frame"].setValue(frame)
        host.idle()
    node.input(0)["premultiplied"].setValue(True)
    host.idle()
    assert "Read_plate changed" in status(node)


def test_connections_inside_a_group_above_count(nuke_gui, clip):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    group = nuke.nodes.Group(name="Look")
    with group:
        source = nuke.nodes.Input(name="in", number=0)
        first = nuke.nodes.Grade(name="A", inputs=[source])
        first["white"].setValue(0.5)
        second = nuke.nodes.Grade(name="B", inputs=[first])
        second["add"].setValue(0.1)
        out = nuke.nodes.Output(inputs=[second])
    group.setInput(0, node.input(0))
    node.setInput(0, group)
    inpaint(host, node)
    host.idle()
    with group:
        second.setInput(0, source)
        first.setInput(0, second)
        out.setInput(0, first)
    host.idle()
    assert "connected differently" in status(node)


def test_project_colours_count(nuke_gui, clip):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    inpaint(host, node)
    host.idle()
    nuke.root()["floatLut"].setValue("sRGB")
    host.show_panel(node)
    assert "project's settings changed" in status(node)


def test_a_failed_node_is_still_watched(nuke_gui, clip, tmp_path):
    host = nuke_gui
    _, node = set_up(host, clip)
    inpaint(host, node)
    host.idle()
    host.user_set(node, "worker", "/nowhere/python")
    host.press(node, "inpaint")
    host.pump(lambda: not busy(node), 30)
    assert "/nowhere/python" in status(node)
    node.input(0)["premultiplied"].setValue(True)
    host.idle()
    assert "Read_plate changed" in status(node)
    assert stripes(host, node, FIRST) > 0.2


def test_six_hundred_nodes_above_are_no_trouble(nuke_gui, clip):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    top = node.input(0)
    for _ in range(600):
        top = nuke.nodes.Dot(inputs=[top])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20 * limit)  # of the fake, which asks node by node for the range
    node.setInput(0, top)
    sys.setrecursionlimit(limit)
    from ilvi_nuke import upstream

    assert len(upstream.fingerprint(node, "plate")) > 600


# -- inputs and ranges -------------------------------------------------------------------------------------------------


def test_no_matte_at_all_is_said(nuke_gui, clip, tmp_path):
    host = nuke_gui
    truth, _ = scene()
    for t in range(FRAMES):
        write_exr(tmp_path / "rgb" / f"plate.{FIRST + t}.exr", {c: truth[t][..., n] for n, c in enumerate("RGB")})
    node = make_node(make_read(tmp_path / "rgb", "plate"), None)
    host.press(node, "inpaint")
    assert "No matte is connected, and the plate has no alpha." in status(node)


def test_the_node_has_the_plates_frames_before_and_after(nuke_gui, clip):
    host = nuke_gui
    _, node = set_up(host, clip)
    assert (node.firstFrame(), node.lastFrame()) == (FIRST, LAST)
    inpaint(host, node)
    assert (node.firstFrame(), node.lastFrame()) == (FIRST, LAST)


@pytest.mark.parametrize("folder", ["a 50% b", "it's (1) here"])
def test_odd_names_of_folders_and_files(nuke_gui, tmp_path, folder):
    host = nuke_gui
    _, node = set_up(host, make_clip(tmp_path / folder))
    inpaint(host, node)
    assert error_in_hole(host.render_image(node, FIRST + 3), FIRST + 3) < 0.06


def test_a_cache_folder_has_to_be_a_whole_path(nuke_gui, clip):
    host = nuke_gui
    _, node = set_up(host, clip, cache_dir="somewhere/else")
    host.press(node, "inpaint")
    assert "'cache folder' is 'somewhere/else', expected a whole path" in status(node)


# -- stereo ------------------------------------------------------------------------------------------------------------


def stereo(start, tmp_path, **settings):
    """The right eye is the left one upside down: nobody takes one for the other."""
    host = start(views=("left", "right"))
    import nuke

    truth, matte = scene()
    for t in range(FRAMES):
        spoiled = np.where(matte[t][..., None] > 0, 9.0, truth[t])
        for view, step in (("left", 1), ("right", -1)):
            rgb = {c: spoiled[::step, :, n] for n, c in enumerate("RGB")}
            write_exr(tmp_path / "eyes" / f"plate.{view}.{FIRST + t}.exr", rgb)
            write_exr(tmp_path / "eyes" / f"matte.{view}.{FIRST + t}.exr", {"A": matte[t][::step]})
    reads = [make_read(tmp_path / "eyes", f"{name}.%V") for name in ("plate", "matte")]
    return host, nuke, make_node(*reads, **settings)


def error_of_eye(host, node, view):
    truth, matte = scene()
    got = pixels(host.render_image(node, FIRST + 3, view), *RGB)[:: -1 if view == "left" else 1]
    return float(np.abs(got - truth[3])[matte[3] > 0].mean())


def test_each_eye_gets_its_own(start, tmp_path):
    host, nuke, node = stereo(start, tmp_path)
    host.press(node, "inpaint")
    host.pump(lambda: not busy(node), 120)
    assert status(node).startswith(f"{FRAMES} frames"), status(node)
    assert error_of_eye(host, node, "left") < 0.06
    assert error_of_eye(host, node, "right") < 0.06
    write = make_write(nuke, node, tmp_path / "out", "clean.%V")
    nuke.execute(write, FIRST, LAST, 1, ["left", "right"])


@pytest.mark.slow  # trains for a while
def test_one_eye_alone_leaves_the_other_unsolved(start, tmp_path):
    host, nuke, node = stereo(start, tmp_path, view_choice="current view")
    host.look_at("left")
    host.press(node, "inpaint")
    host.pump(lambda: not busy(node), 120)
    assert f"{FRAMES} of {2 * FRAMES} frames are solved" in status(node)
    assert node["tile_color"].value() == AMBER
    assert error_of_eye(host, node, "left") < 0.06
    assert stripes(host, node, FIRST + 3, "right") > 0.2
    write = make_write(nuke, node, tmp_path / "out", "clean.%V")
    with pytest.raises(RuntimeError, match="no solved frame"):
        nuke.execute(write, FIRST, LAST, 1, ["left", "right"])


# -- stops and deletions -----------------------------------------------------------------------------------------------


def test_stop_while_the_worker_starts_writes_nothing(nuke_gui, clip, tmp_path):
    host = nuke_gui
    nuke, node = set_up(host, clip)
    node.setInput(0, nuke.nodes.Grade(inputs=[node.input(0)]))
    host.press(node, "inpaint")
    host.press(node, "stop")
    host.pump(lambda: not busy(node), 30)
    assert "Stopped" in status(node)
    assert not list((tmp_path / "cache" / "nuke").glob("*"))


def test_a_node_deleted_while_the_worker_is_asked_leaves_no_job(nuke_gui, clip, monkeypatch):
    host = nuke_gui
    nuke, node = set_up(host, clip, method="dip-vid", preset="paper")
    from ilvi_nuke import tasks

    from ilvi_core.host.client import State, WorkerClient

    submit = WorkerClient.submit

    def slowly(self, *args, **more):
        time.sleep(1.0)
        return submit(self, *args, **more)

    monkeypatch.setattr(WorkerClient, "submit", slowly)
    host.press(node, "inpaint")
    task = tasks.of(node)
    host.pump(lambda: bool(task.folders()) and task._left == [], 30)
    nuke.delete(node)
    client = task.client
    host.pump(lambda: client.state is State.BUSY, 20)
    host.pump(lambda: client.state is not State.BUSY, 20)


@pytest.mark.slow  # trains for a while
def test_stop_keeps_what_there_was(nuke_gui, clip):
    host = nuke_gui
    _, node = set_up(host, clip)
    inpaint(host, node)
    before = pixels(host.render_image(node, FIRST + 3), *RGB)
    for knob, value in (("method", "dip-vid"), ("preset", "paper"), ("size", "64x64")):
        node[knob].setValue(value)
    host.press(node, "inpaint")
    host.pump(lambda: "Learning" in status(node), 90)
    host.press(node, "stop")
    host.pump(lambda: not busy(node), 30)
    for knob, value in (("method", "ilvi"), ("preset", "draft"), ("size", "160x96")):
        host.user_set(node, knob, value)
    assert status(node).startswith(f"{FRAMES} frames"), status(node)
    np.testing.assert_array_equal(pixels(host.render_image(node, FIRST + 3), *RGB), before)


def test_a_script_saved_while_it_is_solved_again_opens_with_what_was_solved(start, clip, tmp_path):
    host = start()
    first_session, node = set_up(host, clip)
    inpaint(host, node)
    before = pixels(host.render_image(node, FIRST + 3), *RGB)
    memory = node["ilvi_state"].value()
    host.user_set(node, "comp_feather", 0.0)
    host.press(node, "rerender")
    host.pump(lambda: not busy(node), 60)
    assert (pixels(host.render_image(node, FIRST + 3), *RGB) != before).any()
    node["ilvi_state"].setValue(memory)  # as it is until the job is over
    first_session.scriptSaveAs(str(tmp_path / "shot.nk"), 1)
    host.quit()
    host = start()
    import nuke

    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    (node,) = [n for n in nuke.allNodes("Group") if n.knob("ilvi")]
    host.user_set(node, "comp_feather", 2.0)
    assert status(node).startswith(f"{FRAMES} frames")
    np.testing.assert_array_equal(pixels(host.render_image(node, FIRST + 3), *RGB), before)


def test_a_part_of_the_range_is_not_green(nuke_gui, clip, tmp_path):
    host = nuke_gui
    _, node = set_up(host, clip)
    inpaint(host, node)
    record = json.loads(node["ilvi_state"].value())
    record["views"]["main"]["frames"] = record["views"]["main"]["frames"][:3]
    node["ilvi_state"].setValue(json.dumps(record))
    from ilvi_nuke import status as statuses

    statuses.recheck_files(node)
    statuses.refresh(node)
    assert f"3 of {FRAMES} frames are solved" in status(node)
    assert node["tile_color"].value() == AMBER


@pytest.mark.slow  # trains for a while
def test_stopping_one_node_leaves_the_others_job(nuke_gui, clip):
    host = nuke_gui
    _, first = long_job(host, clip)
    second = make_node(first.input(0), first.input(1), solve_dilate=6)
    host.press(second, "inpaint")
    host.pump(lambda: "Waiting" in status(second), 20)
    from ilvi_nuke import tasks

    task = tasks.of(second)
    task.stop()
    task._insist()
    host.pump(lambda: not busy(second), 30)
    assert busy(first)
    assert len(worker_pids()) == 1
    host.press(first, "stop")
    host.pump(lambda: not busy(first), 30)


def test_nothing_is_cleared_under_a_job(nuke_gui, clip):
    host = nuke_gui
    _, node = set_up(host, clip)
    inpaint(host, node)
    host.answers.append(True)
    host.press(node, "clear")
    host.press(node, "inpaint")
    assert "being cleared" in status(node)
    host.pump(lambda: "Cleared" in status(node), 30)
    inpaint(host, node)
    assert look_at(node) == 2
    assert ready(node, FIRST) == 2


# -- the farm command on its own ---------------------------------------------------------------------------------------


def test_the_farm_command_finds_ilvi_by_itself(start, clip, tmp_path):
    """As `nuke -t farm.py` runs it: the plugin is not loaded before, ilvi_core is nowhere on the path."""
    host = start()
    nuke, _ = set_up(host, clip)
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"), 1)
    host.quit()
    code = f"""
import sys
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in repr(f).lower()]
sys.path[:] = [p for p in sys.path if p not in ("", {str(PLUGIN.parent)!r})]
sys.path.insert(0, {str(PLUGIN.parent / "tests" / "nuke" / "fake_nuke")!r})
import fake_host, runpy
fake_host.start(gui=False)
sys.argv = ["farm.py", {str(tmp_path / "shot.nk")!r}, "--out", {str(tmp_path / "farm")!r}]
runpy.run_path({str(PLUGIN / "ilvi_nuke" / "farm.py")!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["jobs"][0]["frames"] == f"{FIRST}-{LAST}"
