"""The OpenFX plugin, compiled with sanitizers, in a strict host: the ways to get frames, and what comes back."""

import json
from pathlib import Path

import numpy as np
import pytest
from ofx_kit import FIRST, LAST, NUMBERS, assert_filled, assert_source
from ofx_worker import fill_of

pytestmark = pytest.mark.ofx
BUTTON = {"frames_from": "button"}
PLAYBACK = {"range": "custom", "first": FIRST, "last": LAST, "frames_from": "playback"}


def files(host, plate="plate", matte="matte"):
    return {"plate_files": f"{host.frames}/{plate}.####.npy", "matte_files": f"{host.frames}/{matte}.####.npy"}


@pytest.mark.parametrize("context", ["Filter", "General"])
def test_by_button(host, context):
    answers = host.run(host.render(), "press inpaint", host.render(), context=context)
    assert_filled(host)
    assert answers.events("progressStart")
    assert answers.events("progressEnd")
    assert answers.status == "5 frames are done."
    assert host.told().count("start") == 1


def test_before_the_button_it_is_the_source_with_a_mark(host):
    host.run(host.render(), **BUTTON)
    assert_source(host)
    assert "start" not in host.told()


@pytest.mark.parametrize("how", ["black", "fail"])
def test_what_an_unsolved_frame_shows_is_asked_for(host, how):
    answers = host.run(host.render(), unsolved=how, **BUTTON)
    if how == "fail":
        assert answers.renders == ["kOfxStatFailed"] * len(NUMBERS)
        assert "Frame 1001 is not solved" in answers.messages[0]
    else:
        np.testing.assert_array_equal(host.frame(FIRST), np.broadcast_to(np.float32([0, 0, 0, 1]), (44, 60, 4)))


def test_by_playback(host):
    """The last frame of the first pass solves, and is right already; the second pass shows all."""
    host.run(host.render(), **PLAYBACK)
    assert_source(host, range(FIRST, LAST))
    assert_filled(host, range(LAST, LAST + 1))
    host.run(host.render(), host.render(), **PLAYBACK)
    assert_filled(host)


def test_by_files_no_frame_of_the_host_is_needed(host):
    host.run(host.render(), **files(host))
    assert_filled(host)
    assert host.told().count("start") == 1
    host.run(host.render(), plate="both", **files(host))
    assert_filled(host, plate="both")  # what the host gives is kept wherever the matte is 0
    assert "start" not in host.told()


def test_files_are_solved_within_a_time_limit(host):
    answers = host.run(f"render frame={FIRST} out={host.out}/out.%04d.npy", fake="slow=60", time_limit=1, **files(host))
    assert_source(host, range(FIRST, FIRST + 1))
    assert any("longer than the time limit" in text for text in answers.messages)


def test_a_file_offset_shifts_the_frames(host):
    """The time line begins at 1, the files at 1001."""
    for t in NUMBERS:
        Path(host.frames / f"plate.{t - 1000:04d}.npy").write_bytes((host.frames / f"plate.{t}.npy").read_bytes())
    source = f"clip Source npy={host.frames}/plate.%04d.npy first=1 last=5"
    place = f"render first=1 last=5 out={host.out}/out.%04d.npy"
    try:
        host.run(source, place, file_offset=1000, mask="", range="custom", first=FIRST, last=LAST, **files(host))
    finally:
        for t in NUMBERS:
            Path(host.frames / f"plate.{t - 1000:04d}.npy").unlink()
    for t in NUMBERS:
        shown = np.load(host.out / f"out.{t - 1000:04d}.npy")
        assert np.all(shown[host.hole(t), :3] == np.float32(fill_of(t)))


def test_the_mask_comes_first_then_alpha_then_files(host):
    for values in ({"plate": "both", "mask": ""}, {"mask": "", "matte_files": f"{host.frames}/matte.####.npy"}):
        host.run("press inpaint", host.render(), **values)
        assert_filled(host, plate=values.get("plate", "plate"))
    # a Mask that is there counts more than the alpha, which has a hole of its own
    host.run("press inpaint", host.render(), plate="both", mask="both")
    assert_filled(host, plate="both")


def test_without_a_matte_it_says_what_to_connect(host):
    answers = host.run("press inpaint", mask="")
    assert "Connect a matte to Mask" in answers.messages[0]
    assert answers.status == answers.messages[0]


@pytest.mark.parametrize("components", ["rgba", "rgb", "alpha"])
@pytest.mark.parametrize("depth", ["byte", "short", "half", "float"])
def test_pixels_that_no_matte_covers_come_back_bit_for_bit(host, depth, components):
    host.run(host.render(), depth=depth, components=components)
    before = {t: host.frame(t) for t in NUMBERS}
    host.run("press inpaint", host.render(), depth=depth, components=components)
    inner = np.zeros((44, 60), bool)
    inner[4:-4, 4:-4] = True  # within the mark of what was not solved
    for t in NUMBERS:
        kept = inner & ~host.hole(t)
        np.testing.assert_array_equal(host.frame(t)[kept].view(np.uint32), before[t][kept].view(np.uint32))
        filled = host.frame(t)[host.hole(t)]
        colour = filled[..., :3] if filled.ndim == 2 else filled
        np.testing.assert_allclose(colour, fill_of(t), atol={"byte": 1 / 500, "short": 1 / 1e5}.get(depth, 1e-3))


def test_premultiplied_colour_is_divided_for_the_worker_and_multiplied_again(host):
    for t in NUMBERS:
        plate = host.plate(t)
        plate[..., 3] = 0.5
        plate[..., :3] *= 0.5
        np.save(host.frames / f"half.{t}.npy", plate)
    host.run("press inpaint", host.render(), plate="half", options="premult=pre")
    for t in NUMBERS:
        expected = host.plate(t, "half")
        expected[host.hole(t), :3] = np.float32(fill_of(t)) * np.float32(0.5)
        np.testing.assert_array_equal(host.frame(t), expected)


@pytest.mark.parametrize("options", ["par=2", "field=lower", "premult=opaque"])
def test_pixel_aspect_and_fields_change_nothing(host, options):
    host.run("press inpaint", host.render(), options=options)
    assert_filled(host)


def test_proxies_show_the_result_smaller_and_start_nothing(host):
    answers = host.run("press inpaint", host.render("scale=0.5"))
    assert answers.renders == ["kOfxStatOK"] * len(NUMBERS)
    for t in NUMBERS:
        shown = host.frame(t)
        assert shown.shape[:2] == (22, 30)
        assert np.all(shown[8:12, 8:13, :3] == np.float32(fill_of(t)))  # well within the hole
    host.run(host.render("scale=0.5"), host.render("scale=0.5"), **PLAYBACK)
    assert "start" not in host.told()


def test_a_window_is_rendered_alone_where_a_host_asks_for_it(host):
    host.run(
        "press inpaint", "misbehave tiles=64", f"render frame={FIRST} window=5,10,40,30 out={host.out}/out.%04d.npy"
    )
    expected = host.plate(FIRST)
    expected[host.hole(FIRST), :3] = fill_of(FIRST)
    np.testing.assert_array_equal(host.frame(FIRST), expected[44 - 30 : 44 - 10, 5:40])


@pytest.mark.parametrize("view", ["fill", "overlay", "matte", "confidence"])
def test_views_are_rendered_from_the_cache(host, view):
    answers = host.run("press inpaint", f"set view {view}", host.render())
    assert host.told().count("start") == 1
    assert answers.renders == ["kOfxStatOK"] * len(NUMBERS)
    for t in NUMBERS:
        shown, hole = host.frame(t)[..., :3], host.hole(t)
        if view == "fill":
            assert np.all(shown[hole] == np.float32(fill_of(t)))
        elif view == "matte":
            np.testing.assert_array_equal(shown[..., 0], hole.astype(np.float32))
        elif view == "confidence":
            np.testing.assert_array_equal(shown[..., 0], np.where(hole, 0.5, 1).astype(np.float32))
        else:
            np.testing.assert_array_equal(shown[~hole], host.plate(t)[~hole][:, :3])
            assert np.all(shown[hole] != host.plate(t)[hole][:, :3])


def test_another_setting_is_not_solved_and_the_old_one_still_is(host):
    host.run("press inpaint", "set comp_feather 7", host.render(), **BUTTON)
    assert_source(host)
    host.run("press inpaint", "set comp_feather 7", "set comp_feather 2", host.render())
    assert_filled(host)
    host.run("press inpaint", "set comp_feather 7", "press rerender", host.render())
    assert_filled(host)
    assert host.told().count("rerender") == 1
    assert "start" not in host.told()


def test_a_saved_project_renders_at_once_without_a_worker(host):
    host.run("press inpaint", f"save {host.place}/project")
    values = json.loads((host.place / "project").read_text())
    assert "fake." in json.dumps(values)
    host.run(f"restore {host.place}/project", host.render())
    assert_filled(host)
    assert host.told() == []


def test_a_changed_picture_is_not_shown_the_old_result(host):
    changed = f"clip Source npy={host.frames}/both.%04d.npy first={FIRST} last={LAST}"
    answers = host.run("press inpaint", changed, host.render(), **BUTTON)
    assert_source(host, plate="both")
    assert answers.renders == ["kOfxStatOK"] * len(NUMBERS)


def test_clear_forgets_the_entry_and_that_one_alone(host):
    both = ("press inpaint", "set method dip", "press inpaint")
    host.run(*both, "press clear", host.render(), "set method ilvi", host.render(), **BUTTON)
    assert_filled(host)
    entries = [any(path.rglob("*.npy")) for path in host.cache.iterdir()]
    assert sorted(entries) == [False, True]
    assert host.told().count("clear") == 1


def test_copies_share_the_result(host):
    host.run("press inpaint", "copy second", host.render(), "destroy main", host.render())
    assert_filled(host)
    assert host.told().count("start") == 1


def test_two_effects_do_not_see_each_other(host):
    """The state is known by what was asked for, never by the instance."""
    other = ("set method dip", "set frames_from button")
    host.run("press inpaint", "create second", *other, host.render())
    assert_source(host)
    host.run("press inpaint", "create second", *other, "press inpaint", host.render(), "select main", host.render())
    assert_filled(host)


def test_stop_stops_and_says_so(host):
    answers = host.run(host.render(), "press stop", fake="slow=60", time_limit=0.5, **files(host))
    assert answers.status == "Stopped. What was learned is kept."
    assert host.told().count("cancel") >= 1


@pytest.mark.parametrize("after", [6, 7, 8, 9, 12])
def test_cancel_in_the_progress_bar_stops_whenever_it_comes(host, after):
    """From before the worker is there until it is at work; never is a solve left running that nobody waits for."""
    cancel = f"misbehave progress_cancel_after={after}"
    answers = host.run("press inpaint", "wait 0.5", before=(cancel,), fake="slow=60")
    assert answers.status.startswith("Stopped.")
    assert "start" not in host.told() or "cancel" in host.told()
    host.run("press inpaint", host.render())
    assert_filled(host)


def test_abort_of_a_render_stops_its_solve(host):
    answers = host.run(
        f"render frame={FIRST} out={host.out}/out.%04d.npy",
        "wait 1",
        before=("misbehave abort_after_seconds=0.5",),
        fake="slow=60",
        **files(host),
    )
    assert answers[-2]["frames"][0]["aborted"]
    assert "cancel" in host.told()


@pytest.mark.parametrize("word", ["thumbnail=1", "draft=1", "interactive=1"])
def test_thumbnails_drafts_and_parked_renders_start_no_solve(host, word):
    host.run(host.render(word), host.render(word), **files(host))
    assert_source(host)
    host.run(host.render(word), host.render(word), **{**PLAYBACK, "frames_from": "auto"})
    assert "start" not in host.told()


def test_pixels_are_gone_when_the_host_ends(host):
    never_whole = {**PLAYBACK, "last": LAST + 1}
    host.run(host.render(), "exit now", leaks=False, **never_whole)  # a host that frees nothing itself
    assert host.scratch(host.pid) == []
    host.run(host.render(), **never_whole)
    assert host.scratch(host.pid) == []


def test_pixels_of_a_host_that_crashed_are_removed_by_the_next(host):
    never_whole = {**PLAYBACK, "last": LAST + 1}
    host.run(host.render(), "exit kill", exit_code=-9, **never_whole)
    crashed = host.pid
    assert len(host.scratch(crashed)) == 1
    host.run(host.render(), **never_whole)
    assert host.scratch(crashed) == []


def test_a_result_that_is_gone_from_the_cache_is_not_an_error(host):
    host.run("press inpaint", f"save {host.place}/project", **BUTTON)
    for path in host.cache.rglob("*.npy"):
        path.unlink()
    answers = host.run(f"restore {host.place}/project", host.render())
    assert answers.renders == ["kOfxStatOK"] * len(NUMBERS)
    assert_source(host)
