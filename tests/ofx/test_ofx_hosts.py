"""The OpenFX plugin in hosts that break the rules: one case at least for every misbehaviour of the strict host.

The id of a case begins with the section of ofx-abi.md that says which host does so.
"""

import re

import numpy as np
import pytest
from ofx_kit import BRIDGE, FIRST, LAST, NUMBERS, assert_filled, assert_source
from ofx_worker import fill_of

pytestmark = pytest.mark.ofx
PLAYBACK = {"range": "custom", "first": FIRST, "last": LAST, "frames_from": "playback"}
CUSTOM = {"range": "custom", "first": FIRST, "last": LAST}
NO_MASK = {"mask": "", "plate": "both"}
RESOLVE = "host OfxPropName=DaVinciResolve"
CURRENT_FRAME_ONLY = "host OfxImageEffectPropTemporalClipAccess=0"
MASK_LIES = ("null_data", "null_data_ok", *(f"connected_lies={how}" for how in ("fail", "black", "null", "empty")))
tested: set[str] = set()


def case(section, *words, **values):
    """One parameter of a test: what to tell the host before it loads the plugin, and values for the run."""
    tested.update(word.partition("=")[0] for word in words)
    tested.update(word.partition("=")[2] for word in words if "=" in word)
    before = tuple(word if word.startswith("host ") else f"misbehave {word}" for word in words)
    return pytest.param(before, values, id="+".join((section, *words)).replace(" ", "-"))


def cases(*all_of_them):
    return pytest.mark.parametrize(("before", "values"), all_of_them)


def files(host):
    return {"plate_files": f"{host.frames}/plate.####.npy", "matte_files": f"{host.frames}/matte.####.npy"}


def frame(host, number, *more):
    return " ".join([f"render frame={number} out={host.out}/out.%04d.npy", *more])


ANY_WAY = [
    case("1", "no_set_host"),
    case("1", "no_file_path"),
    case("3", "unknown_actions"),
    case("4", "no_message_suite"),
    case("4", "no_mutexes"),
    case("5", "load_twice"),
    case("5", "context_from_host"),
    case("5", "sequence_per_frame"),
    case("5", "concurrent_renders=3"),
    case("5", "render_thread"),
    case("6", "custom_unwritten"),
    case("8", "no_contexts"),
    case("9", "negative_rows"),
    case("9", "padding=20"),
    case("9", "padding=12", "negative_rows", context="General"),
    case("9", "tiles=16"),
    case("9", "offset_bounds=-7,13"),
    case("9", "offset_bounds=100,-200", "negative_rows", "tiles=33"),
    case("9", "random_identifier"),
    case("9", "scale_disagrees"),
    case("10", "new_instance_per_frame"),
    case("10", "ignore_thread_safety", "concurrent_renders=3"),
    case("11", "bare_instance"),
    case("11", "timeline_unsupported"),
    case("11", "serial_threads"),
    case("11", "panicking_stubs=OfxMemorySuite"),
    case("11", "panicking_stubs=OfxMultiThreadSuite"),
    case("11", "no_sequence"),
    case("11", "no_identity"),
    case("11", "double_destroy"),
    *(
        case("11", f"missing_suite={suite}")
        for suite in (
            "OfxMessageSuite",
            "OfxMessageSuite:1",
            "OfxMessageSuite:2",
            "OfxProgressSuite",
            "OfxProgressSuite:1",
            "OfxProgressSuite:2",
            "OfxTimeLineSuite",
            "OfxMultiThreadSuite",
            "OfxMemorySuite",
            "OfxInteractSuite",
            "OfxDialogSuite",
        )
    ),
]


@cases(
    *ANY_WAY,
    case("5", "actions_in_fetch"),
    case("6", "resolve_ranges", **CUSTOM, time_limit=900, solve_dilate=7, comp_feather=3.5),
    case("11", "frame_range_lies", **CUSTOM),
    case("11", "no_frames_needed"),
    case("11", "abort_after=1"),
)
def test_by_button_the_result_is_exact(host, before, values):
    host.run("press inpaint", host.render(), before=before, **values)
    assert_filled(host)
    assert host.told().count("start") == 1


@cases(
    *ANY_WAY,
    case("6", "resolve_ranges"),
    case("8+11", "no_temporal_access", CURRENT_FRAME_ONLY),
    case("11", "no_instance_changed"),
    case("11", "no_instance_changed", "new_instance_per_frame", "sequence_per_frame"),
    case("11", "frame_range_lies"),
    case("11", "no_temporal_access"),
    case("11", "no_temporal_access=fail"),
)
def test_by_playback_the_second_pass_is_exact(host, before, values):
    host.run(host.render(), host.render(), before=before, **{**PLAYBACK, **values})
    assert_filled(host)
    assert host.told().count("start") == 1


# What the user gets where a property that the plugin reads is not there: nothing that he would see.
UNSEEN = [
    *(case("11", f"missing_property=host:{name}") for name in ("OfxPropName", "OfxPropAPIVersion")),
    *(
        case("11", f"missing_property=args:{name}")
        for name in (
            "OfxImageEffectPropRenderScale",
            "OfxImageEffectPropRenderWindow",
            "OfxImageEffectPropInteractiveRenderStatus",
            "OfxImageEffectPropRenderQualityDraft",
            "OfxImageEffectPropThumbnailRender",
            "OfxImageEffectPropCudaEnabled",
            "OfxImageEffectPropOpenCLEnabled",
            "OfxImageEffectPropMetalEnabled",
            "OfxImageEffectPropOpenGLEnabled",
            "OfxPropChangeReason",
            "OfxPropType",
        )
    ),
    *(
        case("11", f"missing_property={kind}{name}")
        for name in (
            "OfxImageEffectPropPixelDepth",
            "OfxImageEffectPropComponents",
            "OfxImageEffectPropPreMultiplication",
        )
        for kind in ("image:", "clip:")
    ),
    case("11", "missing_property=OfxImageEffectPropPreMultiplication"),
    case("11", "missing_property=OfxImageEffectPropRenderScale"),
    case("11", "missing_property=image:OfxImageEffectPropRenderScale"),
    case("11", "missing_property=image:OfxImagePropRegionOfDefinition"),
    case("11", "missing_property=image:OfxImagePropRowBytes"),
    case("11", "missing_property=image:OfxImagePropUniqueIdentifier"),
    case("11", "missing_property=clip:OfxImageEffectPropFrameRange", **CUSTOM),
    case("11", "missing_property=clip:OfxImageClipPropConnected", **NO_MASK),
    case("11", "missing_property=clip:kOfxImageClipPropThumbnail", RESOLVE),
]


@cases(*UNSEEN)
def test_without_a_property_the_button_works(host, before, values):
    host.run("press inpaint", host.render(), before=before, frames_from="button", **values)
    assert_filled(host, plate=values.get("plate", "plate"))


@cases(
    *UNSEEN,
    case("11", "missing_property=host:OfxImageEffectPropTemporalClipAccess"),
    case("11", "missing_property=args:OfxPropName"),
)
def test_without_a_property_the_frames_are_played(host, before, values):
    host.run(host.render(), host.render(), before=before, **{**PLAYBACK, **values})
    assert_filled(host, plate=values.get("plate", "plate"))


@cases(case("11", "missing_property=clip:OfxImageClipPropConnected"))
def test_a_mask_of_which_nothing_is_said_is_not_taken(host, before, values):
    answers = host.run("press inpaint", before=before, matte_from="mask", **values)
    assert "Mask is not connected" in answers.messages[0]


@cases(
    case("11", "missing_property=image:OfxImagePropBounds", words="The host gives no image to render into."),
    case("11", "missing_property=image:OfxImagePropData", words="The host gives no image to render into."),
    case("11", "missing_property=OfxImageEffectPropPixelDepth", words="which ILVI does not know"),
    case("11", "missing_property=OfxImageEffectPropComponents", words="which ILVI does not know"),
    case("11", "missing_property=args:OfxPropTime", words="does not say"),
)
def test_without_a_property_that_is_needed_it_says_so(host, before, values):
    answers = host.run(host.render(), before=before)
    assert answers.renders == ["kOfxStatFailed"] * len(NUMBERS)
    assert values["words"] in answers.messages[0]


@cases(
    case("11", "missing_property=image:OfxImageEffectPropPreMultiplication"),
    case("11", "missing_property=clip:OfxImageEffectPropPreMultiplication"),
)
def test_premultiplication_is_known_from_the_clip_or_the_image(host, before, values):
    for t in NUMBERS:
        plate = host.plate(t) * np.float32(0.5)
        np.save(host.frames / f"half.{t}.npy", plate)
    host.run("press inpaint", host.render(), before=before, plate="half", options="premult=pre", **values)
    for t in NUMBERS:
        expected = host.plate(t, "half")
        expected[host.hole(t), :3] = np.float32(fill_of(t)) * np.float32(0.5)
        np.testing.assert_array_equal(host.frame(t), expected)


def test_without_a_clip_s_frame_range_it_says_what_to_set(host):
    bad = ("misbehave missing_property=clip:OfxImageEffectPropFrameRange",)
    answers = host.run("press inpaint", host.render(), before=bad)
    assert "does not say which frames the source has. Choose the range 'custom'" in answers.messages[0]
    assert answers.renders == ["kOfxStatFailed"] * len(NUMBERS)
    answers = host.run("press inpaint", host.render(), before=bad, frames_from="button")
    assert answers.renders == ["kOfxStatOK"] * len(NUMBERS)
    assert_source(host)


def test_every_property_that_the_plugin_reads_is_missing_in_a_case():
    header = (BRIDGE / "include/ilvi_ofx/ofx_names.h").read_text()
    names = dict(re.findall(r'char (kOfx\w+)\[\] = "(\w+)"', header))
    read = set()
    for path in (BRIDGE / "plugin").glob("*.cpp"):
        written = re.compile(r"\bset\([^;]*;")
        read |= set(re.findall(r"\bkOfx(?:\w+Prop|Prop)[A-Z]\w+", written.sub("", path.read_text())))
    read = {names[one] for one in read if one in names and not one.endswith("Prefix") and "ParamProp" not in one}
    assert len(read) > 20
    assert read - {one.rpartition(":")[2] for one in tested} == set()


@pytest.mark.parametrize("suite", ["OfxPropertySuite", "OfxImageEffectSuite", "OfxParameterSuite"])
def test_without_a_suite_that_is_needed_it_does_not_load(host, suite):
    """With the status that stands for it: there is no other way to say anything."""
    answers = host.run(before=(f"misbehave missing_suite={suite}",), exit_code=2)
    assert answers[1]["status"] == "kOfxStatErrMissingHostFeature"
    assert "describe" not in answers[1]


def test_every_suite_is_missing_in_a_case():
    text = (BRIDGE / "testhost/host.cpp").read_text()
    suites = set(re.findall(r"\{k(Ofx\w+Suite), \d\}", text))
    needed = {"OfxPropertySuite", "OfxImageEffectSuite", "OfxParameterSuite"}
    assert suites - needed == {one.partition(":")[0] for one in tested if re.fullmatch(r"Ofx\w+Suite(:\d)?", one)}


@cases(
    case("4", "message_v2_broken"),
    case("4", "message_v2_broken", RESOLVE),
    case("11", "message_v2_aborts"),
    case("11", "missing_suite=OfxMessageSuite:1"),
    case("11", "missing_suite=OfxMessageSuite:2"),
)
def test_messages_arrive(host, before, values):
    """Once in a message, once on the effect."""
    answers = host.run("press inpaint", before=before, mask="", **values)
    assert "Connect a matte to Mask" in answers.messages[0]
    assert answers.status == answers.messages[0]


@cases(
    case("4", "no_message_suite"),
    case("4", "message_v2_broken", "missing_suite=OfxMessageSuite:1"),
    case("4", "message_v2_broken", "missing_suite=OfxMessageSuite:1", RESOLVE),
    case("11", "missing_suite=OfxMessageSuite:1", RESOLVE),
)
def test_without_messages_the_words_are_on_the_effect(host, before, values):
    answers = host.run("press inpaint", host.render(), before=before, mask="", frames_from="button", **values)
    assert answers.messages == []
    assert "Connect a matte to Mask" in answers.status
    assert_source(host)


@cases(case("11", "missing_suite=OfxProgressSuite:2"), case("11", "missing_suite=OfxProgressSuite:1"))
def test_either_progress_suite_shows_and_cancels(host, before, values):
    before += ("misbehave progress_cancel_after=30",)
    answers = host.run("press inpaint", "wait 0.3", before=before, fake="slow=60", limit=20, **values)
    assert answers.status.startswith("Stopped.")
    assert answers.events("progressUpdate")
    assert "cancel" in host.told()


@cases(case("4", "progress_cancel_after=30"))
def test_cancel_stops_the_job_and_the_next_press_goes_on(host, before, values):
    button = {"frames_from": "button", **values}
    answers = host.run("press inpaint", "wait 0.3", host.render(), before=before, fake="slow=60", limit=20, **button)
    assert answers.status.startswith("Stopped.")
    assert "cancel" in host.told()
    assert_source(host)
    host.run("press inpaint", host.render())
    assert_filled(host)


@cases(case("4", "progress_cancel_after=2"))
def test_cancel_while_the_frames_are_fetched_starts_nothing(host, before, values):
    answers = host.run("press inpaint", host.render(), before=before, frames_from="button", **values)
    assert answers.status == "Stopped. Nothing was solved yet."
    assert host.told() == []
    assert_source(host)


@cases(case("4", "progress_cancel_after=6"))
def test_cancel_before_the_worker_has_answered_starts_nothing(host, before, values):
    """The first one after the frames were fetched."""
    answers = host.run("press inpaint", "wait 1.5", before=before, fake="slow=60", limit=20, **values)
    assert answers.status.startswith("Stopped.")
    assert host.told()[0] == "hello"
    assert "start" not in host.told()


@cases(
    *(case("8", lie, **NO_MASK) for lie in MASK_LIES),
    *(case("8", lie, RESOLVE, **NO_MASK) for lie in ("connected_lies=black", "connected_lies=null")),
    case("8", "null_data_ok", "missing_property=clip:OfxImageClipPropConnected", **NO_MASK),
)
@pytest.mark.parametrize("way", ["button", "playback"])
def test_a_mask_that_is_not_there_leaves_the_alpha_to_be_the_matte(host, before, values, way):
    if way == "button":
        host.run("press inpaint", host.render(), before=before, **values)
    else:
        host.run(host.render(), host.render(), before=before, **PLAYBACK, **values)
    assert_filled(host, plate="both")
    assert host.told().count("start") == 1


@cases(*(case("8", lie, mask="") for lie in MASK_LIES))
@pytest.mark.parametrize("way", ["button", "playback"])
def test_a_mask_that_is_not_there_leaves_files_to_be_the_matte(host, before, values, way):
    matte = {"matte_files": f"{host.frames}/matte.####.npy"}
    if way == "button":
        host.run("press inpaint", host.render(), before=before, **values, **matte)
    else:
        host.run(host.render(), host.render(), before=before, **PLAYBACK, **values, **matte)
    assert_filled(host)


@cases(case("8", "null_data", mask=""), case("8", "connected_lies=fail", mask=""), case("8", "null_data_ok", mask=""))
def test_with_no_matte_anywhere_it_says_what_to_connect(host, before, values):
    answers = host.run("press inpaint", host.render(), before=before, frames_from="button", **values)
    assert "Connect a matte to Mask" in answers.messages[0]
    assert_source(host)
    answers = host.run(host.render(), before=before, **values)
    assert "Connect a matte to Mask" in answers.messages[0]
    assert answers.renders == ["kOfxStatOK"] * (len(NUMBERS) - 1) + ["kOfxStatFailed"]


@cases(*(case("8", lie, mask="") for lie in MASK_LIES if lie != "connected_lies=black"))
def test_a_mask_that_is_asked_for_and_is_not_there_is_said_in_words(host, before, values):
    answers = host.run("press inpaint", before=before, matte_from="mask", **values)
    assert "Mask is not connected, or has no picture in some frame" in answers.messages[0]
    assert "start" not in host.told()


@cases(case("8", "null_data=Mask", plate="both"), case("8", "null_data_ok=Mask", plate="both"))
def test_a_connected_mask_without_pixels_counts_as_none(host, before, values):
    host.run("press inpaint", host.render(), before=before, **values)
    assert_filled(host, plate="both")


@cases(case("8", "null_data=Source"), case("8", "null_data_ok=Source"))
def test_a_source_without_pixels_is_said_in_words(host, before, values):
    answers = host.run("press inpaint", host.render(), before=before, **values)
    assert "The host gives no picture of frame 1001. Connect Source" in answers.messages[0]
    assert answers.renders == ["kOfxStatOK"] * len(NUMBERS)
    assert not np.any(host.frame(FIRST)[4:-4, 4:-4])


@cases(case("8", "null_data=Source"))
def test_a_source_without_pixels_takes_nothing_from_files(host, before, values):
    host.run(host.render(), before=before, **values, **files(host))
    assert_filled(host)


@cases(case("8+11", "no_temporal_access", CURRENT_FRAME_ONLY))
def test_a_host_that_gives_the_current_frame_only_is_played_before_the_press(host, before, values):
    answers = host.run("press inpaint", host.render(), before=before, **CUSTOM, **values)
    assert "This host gives the current frame only, and none is there. Set first and last, play" in answers.messages[0]
    some = f"render first={FIRST} last={FIRST + 2}"
    answers = host.run(some, "press inpaint", before=before, solve_dilate=5, **CUSTOM, **values)
    assert "3 of 5 frames are there" in answers.messages[0]
    host.run(host.render(), "press inpaint", host.render(), before=before, solve_dilate=6, **CUSTOM, **values)
    assert_filled(host)


@cases(case("11", "no_temporal_access"))
def test_a_host_that_lies_about_other_frames_is_told_of(host, before, values):
    """It gives the present frame five times: no frame but that one is shown the result."""
    answers = host.run("press inpaint", host.render(), before=before, **values)
    assert "All of them were the same picture: if they should not be, set 'frames from' to playback" in answers.status
    assert_filled(host, range(FIRST, FIRST + 1))
    assert_source(host, range(FIRST + 1, LAST + 1))


@cases(case("11", "no_temporal_access"))
def test_a_host_that_lies_about_other_frames_is_played_as_it_was_told(host, before, values):
    told = ("press inpaint", "set frames_from playback", host.render(), host.render(), host.render())
    host.run(*told, before=before, **CUSTOM, **values)
    assert_filled(host)


@cases(case("11", "no_temporal_access=fail"))
def test_a_host_that_has_no_other_frames_is_told_of(host, before, values):
    answers = host.run("press inpaint", host.render(), before=before, **values)
    assert "The host gives no picture of frame 1002" in answers.messages[0]
    assert_source(host, range(FIRST, LAST))
    assert_filled(host, range(LAST, LAST + 1))


@cases(case("11", "frame_range_lies"))
def test_a_range_that_is_a_lie_is_told_of(host, before, values):
    answers = host.run("press inpaint", host.render(), before=before, **values)
    assert answers.status.startswith("2 frames are done. All of them were the same picture")
    assert_source(host)


@cases(case("11", "no_instance_changed"), case("11", "no_instance_changed", "new_instance_per_frame"))
def test_without_a_button_files_are_solved_by_the_render(host, before, values):
    host.run(host.render(), before=before, **values, **files(host))
    assert_filled(host)
    assert host.told().count("start") == 1


@cases(case("5", "concurrent_renders=3"), case("10", "ignore_thread_safety", "concurrent_renders=3"))
def test_renders_at_the_same_time_wait_for_one_job(host, before, values):
    host.run(host.render(), before=before, fake="slow=0.4", **values, **files(host))
    assert_filled(host)
    assert host.told().count("start") == 1


@cases(case("11", "no_instance_changed"), case("8", "host mlt"))
def test_without_a_button_a_change_of_one_frame_is_solved_by_playback(host, before, values):
    for t in NUMBERS:
        np.save(host.frames / f"changed.{t}.npy", host.plate(t) + np.float32(t == FIRST + 2))
    host.run(host.render(), host.render(), before=before, **PLAYBACK, **values)
    assert_filled(host)
    host.run(host.render(), host.render(), host.render(), before=before, plate="changed", **PLAYBACK, **values)
    assert_filled(host, plate="changed")


@cases(case("5", "abort_after=30"), case("5", "abort_after_seconds=0.4"))
def test_an_abort_ends_the_render_and_its_solve(host, before, values):
    answers = host.run(frame(host, FIRST), "wait 0.3", before=before, fake="slow=60", limit=20, **values, **files(host))
    rendered = answers[-2]["frames"][0]
    assert rendered["aborted"]
    assert rendered["status"] == "kOfxStatOK"
    assert rendered["seconds"] < 10
    assert "cancel" in host.told()
    host.run(host.render(), **files(host))
    assert_filled(host)


@cases(case("5", "abort_after=1"))
def test_an_abort_before_the_worker_has_answered_starts_nothing(host, before, values):
    answers = host.run(frame(host, FIRST), "wait 1.5", before=before, fake="slow=60", limit=20, **values, **files(host))
    assert answers[-2]["frames"][0]["aborted"]
    assert host.told()[0] == "hello"
    assert "start" not in host.told()


@cases(
    case("9", "thumbnails"),
    case("9", "thumbnails", RESOLVE),
    case("9", "thumbnails", "missing_property=args:OfxImageEffectPropThumbnailRender", RESOLVE),
    case("9", "drafts"),
)
def test_thumbnails_and_drafts_begin_no_solve_and_show_what_is_solved(host, before, values):
    host.run(host.render(), host.render(), before=before, **values, **files(host))
    assert_source(host)
    host.run(host.render(), host.render(), before=before, **PLAYBACK, **values)
    assert_source(host)
    assert "start" not in host.told()
    host.run("press inpaint", host.render(), before=before, **values)
    assert_filled(host)


@cases(case("9", "bounds_differ=5"), case("9", "bounds_differ=5", "negative_rows", "padding=8"))
def test_where_the_bounds_are_smaller_the_rest_is_transparent_black(host, before, values):
    host.run("press inpaint", host.render(), before=before, **values)
    inner = np.zeros((44, 60), bool)
    inner[5:-5, 5:-5] = True
    for t in NUMBERS:
        expected = host.plate(t)
        expected[host.hole(t), :3] = fill_of(t)
        expected[~inner] = 0
        np.testing.assert_array_equal(host.frame(t), expected)


@cases(case("9", "bounds_differ=5"))
def test_a_part_of_a_picture_is_not_gathered_by_playback(host, before, values):
    answers = host.run(host.render(), host.render(), before=before, **PLAYBACK, **values)
    assert answers.renders == ["kOfxStatOK"] * 2 * len(NUMBERS)
    assert host.told() == []


@cases(case("9", "any_format", "host OfxPropAPIVersion=1,2", depth="half"))
def test_a_depth_that_was_not_listed_is_taken_all_the_same(host, before, values):
    host.run("press inpaint", host.render(), before=before, **values)
    for t in NUMBERS:
        expected = host.plate(t)
        expected[host.hole(t), :3] = fill_of(t)
        np.testing.assert_array_equal(host.frame(t), expected.astype(np.float16).astype(np.float32))


@cases(case("8", "host mlt"))
def test_as_in_mlt(host, before, values):
    """No button, no other frames, no clip's range: playback, with each way to a matte."""
    ways = ({"plate": "both"}, {"matte_files": f"{host.frames}/matte.####.npy"})
    for way in ways:
        host.run(host.render(), host.render(), before=before, mask="", **PLAYBACK, **way, **values)
        assert_filled(host, plate=way.get("plate", "plate"))
    host.run(host.render(), before=before, mask="", **files(host))
    assert_filled(host)
    answers = host.run(host.render(), before=before, mask="", seed=1)
    assert "does not say which frames there are. Choose the range 'custom'" in answers.messages[0]


@cases(case("8", "host openfx-runner"))
def test_as_in_openfx_runner(host, before, values):
    host.run(host.render(), host.render(), before=before, **NO_MASK, **PLAYBACK, **values)
    assert_filled(host, plate="both")
    host.run(host.render(), "press inpaint", host.render(), before=before, seed=1, **NO_MASK, **CUSTOM, **values)
    assert_filled(host, plate="both")
    host.run(host.render(), before=before, mask="", **files(host))
    assert_filled(host)


@cases(case("8", "host resolve"))
@pytest.mark.parametrize("depth", ["float", "short"])
def test_as_in_resolve(host, before, values, depth):
    matte = {"matte_files": f"{host.frames}/matte.####.npy"}
    host.run("press inpaint", host.render(), before=before, depth=depth, **NO_MASK, **values)
    if depth == "float":
        assert_filled(host, plate="both")
    host.run("press inpaint", host.render(), before=before, mask="", **matte, **values)
    assert_filled(host)


@cases(
    case("8", "host fusion", context="General"),
    case("8", "host nuke", "tiles=16", context="General"),
    case("8", "host natron", "tiles=16", context="General"),
)
def test_as_in_hosts_of_nodes(host, before, values):
    host.run("press inpaint", host.render(), before=before, **values)
    assert_filled(host)
    host.run(host.render(), host.render(), before=before, seed=1, **PLAYBACK, **values)
    assert_filled(host)


def test_no_misbehaviour_is_left_out():
    text = (BRIDGE / "testhost/misbehaviour.cpp").read_text()
    known = re.findall(r'"(\w+)"', re.sub(r"//.*", "", text[text.index("names = {") : text.index("return names")]))
    assert len(known) > 40
    assert set(known) - tested == set()
