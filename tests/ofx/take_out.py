# ruff: noqa: T201
"""Proof that the tests of the OpenFX plugin are honest: each defence is taken out of it, and its tests must fail.

python tests/ofx/take_out.py [WORD ...] [--folder FOLDER]

WORD: a misbehaviour of the strict host, all without it. FOLDER: keeps the copy of ofx_bridge and its build. A line for
every entry; exit code 1 if a plugin without a defence passed its tests, or the defence is no longer where it was.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))
from ofx_kit import BRIDGE, ROOT, build_with

TESTS = "tests/ofx/test_ofx_hosts.py"
# one file a unit: only what a mutation changes is compiled again
OPTIONS = ("-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-g1", "-DILVI_SANITIZE=address,undefined")


class Entry(NamedTuple):
    word: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]  # all of them must fail


ENTRIES = [
    # suites
    Entry(
        "missing_suite",
        "suites.cpp",
        "    if (!found.property || !found.effect || !found.parameter) return kOfxStatErrMissingHostFeature;\n",
        "",
        (
            "test_without_a_suite_that_is_needed_it_does_not_load[OfxPropertySuite]",
            "test_without_a_suite_that_is_needed_it_does_not_load[OfxImageEffectSuite]",
            "test_without_a_suite_that_is_needed_it_does_not_load[OfxParameterSuite]",
        ),
    ),
    Entry(
        "missing_suite",
        "suites.cpp",
        "    else if (found.progress && found.progress->progressStart)\n",
        "    else\n",
        ("test_by_button_the_result_is_exact[11+missing_suite=OfxProgressSuite]",),
    ),
    Entry(
        "missing_suite",
        "suites.cpp",
        "    if (!found.progress2) found.progress = fetch<OfxProgressSuiteV1>(kOfxProgressSuite, 1);\n",
        "",
        ("test_either_progress_suite_shows_and_cancels[11+missing_suite=OfxProgressSuite:2]",),
    ),
    Entry(
        "missing_suite",
        "suites.cpp",
        '    if (!found.message && !starts_with(facts.name, "DaVinciResolve"))\n',
        "    if (false)\n",
        ("test_messages_arrive[11+missing_suite=OfxMessageSuite:1]",),
    ),
    Entry(
        "no_message_suite",
        "suites.cpp",
        "    else if (found.message2 && found.message2->message)\n",
        "    else\n",
        ("test_without_messages_the_words_are_on_the_effect[4+no_message_suite]",),
    ),
    Entry(
        "message_v2_broken",
        "suites.cpp",
        "    else if (found.message2 && found.message2->message)\n",
        "    else if (found.message2)\n",
        ("test_without_messages_the_words_are_on_the_effect[4+message_v2_broken+missing_suite=OfxMessageSuite:1]",),
    ),
    Entry(
        "message_v2_broken",
        "suites.cpp",
        ' && !starts_with(facts.name, "DaVinciResolve"))\n',
        ")\n",
        (
            "test_without_messages_the_words_are_on_the_effect"
            "[11+missing_suite=OfxMessageSuite:1+host-OfxPropName=DaVinciResolve]",
        ),
    ),
    Entry(
        "message_v2_aborts",
        "suites.cpp",
        '    if (!found.message && !starts_with(facts.name, "DaVinciResolve"))\n',
        '    if (!starts_with(facts.name, "DaVinciResolve"))\n',
        ("test_messages_arrive[11+message_v2_aborts]", "test_as_in_openfx_runner[8+host-openfx-runner]"),
    ),
    # properties
    Entry(
        "missing_property",
        "properties.cpp",
        "    if (!suite || suite->propGetInt(object, name, index, &value) != kOfxStatOK) return std::nullopt;\n",
        "    if (!suite) return std::nullopt;\n    suite->propGetInt(object, name, index, &value);\n",
        ("test_without_a_property_the_button_works[11+missing_property=image:OfxImagePropRowBytes]",),
    ),
    Entry(
        "missing_property",
        "images.cpp",
        "row_bytes.value_or(static_cast<int>(packed))",
        "row_bytes.value_or(0)",
        ("test_without_a_property_the_button_works[11+missing_property=image:OfxImagePropRowBytes]",),
    ),
    Entry(
        "missing_property",
        "images.cpp",
        "kOfxImagePropRegionOfDefinition).value_or(bounds_);\n    if (empty(whole_)) whole_ = bounds_;\n",
        "kOfxImagePropRegionOfDefinition).value_or(OfxRectI{0, 0, 0, 0});\n",
        ("test_without_a_property_the_button_works[11+missing_property=image:OfxImagePropRegionOfDefinition]",),
    ),
    Entry(
        "missing_property",
        "images.cpp",
        '    if (depth.empty()) depth = get_string(clip, kOfxImageEffectPropPixelDepth).value_or("");\n',
        "",
        ("test_without_a_property_the_button_works[11+missing_property=image:OfxImageEffectPropPixelDepth]",),
    ),
    Entry(
        "missing_property",
        "images.cpp",
        '    if (components.empty()) components = get_string(clip, kOfxImageEffectPropComponents).value_or("");\n',
        "",
        ("test_without_a_property_the_button_works[11+missing_property=image:OfxImageEffectPropComponents]",),
    ),
    Entry(
        "missing_property",
        "images.cpp",
        '    if (alpha.empty()) alpha = get_string(clip, kOfxImageEffectPropPreMultiplication).value_or("");\n',
        "",
        (
            "test_premultiplication_is_known_from_the_clip_or_the_image"
            "[11+missing_property=image:OfxImageEffectPropPreMultiplication]",
        ),
    ),
    Entry(
        "missing_property",
        "images.cpp",
        "value_or(always ? 1 : 0)",
        "value_or(always ? 0 : 0)",
        ("test_without_a_property_the_button_works[11+missing_property=clip:OfxImageClipPropConnected]",),
    ),
    Entry(
        "missing_property",
        "images.cpp",
        "value_or(always ? 1 : 0)",
        "value_or(always ? 1 : 1)",
        ("test_a_mask_of_which_nothing_is_said_is_not_taken[11+missing_property=clip:OfxImageClipPropConnected]",),
    ),
    Entry(
        "missing_property",
        "images.cpp",
        "    if (!first || !last || ",
        "    if (!first || !last) return std::pair(0, 0);\n    if (",
        ("test_without_a_clip_s_frame_range_it_says_what_to_set", "test_as_in_mlt[8+host-mlt]"),
    ),
    Entry(
        "missing_property",
        "render.cpp",
        "kOfxImageEffectPropRenderScale, i).value_or(sides[i])",
        "kOfxImageEffectPropRenderScale, i).value_or(0 * sides[i])",
        ("test_without_a_property_the_frames_are_played[11+missing_property=args:OfxImageEffectPropRenderScale]",),
    ),
    Entry(
        "missing_property",
        "actions.cpp",
        "scale_(get_double(in, kOfxImageEffectPropRenderScale).value_or(1))",
        "scale_(get_double(in, kOfxImageEffectPropRenderScale).value_or(0))",
        ("test_without_a_property_the_button_works[11+missing_property=args:OfxImageEffectPropRenderScale]",),
    ),
    Entry(
        "missing_property",
        "render.cpp",
        "asked.value_or(output_.bounds())",
        "asked.value_or(OfxRectI{0, 0, 0, 0})",
        ("test_without_a_property_the_button_works[11+missing_property=args:OfxImageEffectPropRenderWindow]",),
    ),
    Entry(
        "missing_property",
        "actions.cpp",
        "kOfxPropChangeReason).value_or(kOfxChangeUserEdited)",
        'kOfxPropChangeReason).value_or("")',
        ("test_without_a_property_the_button_works[11+missing_property=args:OfxPropChangeReason]",),
    ),
    Entry(
        "missing_property",
        "actions.cpp",
        "kOfxPropType).value_or(kOfxTypeParameter)",
        'kOfxPropType).value_or("")',
        ("test_without_a_property_the_button_works[11+missing_property=args:OfxPropType]",),
    ),
    Entry(
        "missing_property",
        "suites.cpp",
        "kOfxImageEffectPropTemporalClipAccess).value_or(0)",
        "kOfxImageEffectPropTemporalClipAccess).value_or(1)",
        (
            "test_without_a_property_the_frames_are_played"
            "[11+missing_property=host:OfxImageEffectPropTemporalClipAccess]",
        ),
    ),
    Entry(
        "missing_property",
        "render.cpp",
        "    if (!output_) {\n",
        "    if (false) {\n",
        (
            "test_without_a_property_that_is_needed_it_says_so[11+missing_property=image:OfxImagePropBounds]",
            "test_without_a_property_that_is_needed_it_says_so[11+missing_property=image:OfxImagePropData]",
        ),
    ),
    Entry(
        "missing_property",
        "images.cpp",
        "    if (!format_.known())\n",
        "    if (false)\n",
        (
            "test_without_a_property_that_is_needed_it_says_so[11+missing_property=OfxImageEffectPropPixelDepth]",
            "test_without_a_property_that_is_needed_it_says_so[11+missing_property=OfxImageEffectPropComponents]",
        ),
    ),
    Entry(
        "resolve_ranges",
        "parameters.cpp",
        "    set(made, kOfxParamPropMin, static_cast<Number>(row.low));\n"
        "    set(made, kOfxParamPropMax, static_cast<Number>(row.high));\n",
        "",
        (
            "test_by_button_the_result_is_exact[6+resolve_ranges]",
            "test_by_playback_the_second_pass_is_exact[6+resolve_ranges]",
        ),
    ),
    # actions
    Entry(
        "no_set_host",
        "plugin.cpp",
        "                        take_host,\n                        main_entry};\n\n}  // namespace\n\n"
        'State &state() { return *the_state; }\n\n}  // namespace ilvi\n\nextern "C" {\n\n'
        "int OfxGetNumberOfPlugins(void) { return 1; }\n\n"
        "OfxPlugin *OfxGetPlugin(int nth) { return nth == 0 ? &ilvi::the_plugin : nullptr; }\n\n"
        "OfxStatus OfxSetHost(const OfxHost *) { return kOfxStatOK; }\n",
        "                        [](OfxHost *) {},\n                        main_entry};\n\n}  // namespace\n\n"
        'State &state() { return *the_state; }\n\n}  // namespace ilvi\n\nextern "C" {\n\n'
        "int OfxGetNumberOfPlugins(void) { return 1; }\n\n"
        "OfxPlugin *OfxGetPlugin(int nth) { return nth == 0 ? &ilvi::the_plugin : nullptr; }\n\n"
        "OfxStatus OfxSetHost(const OfxHost *host) {\n"
        "    ilvi::take_host(const_cast<OfxHost *>(host));\n    return kOfxStatOK;\n}\n",
        (
            "test_by_button_the_result_is_exact[1+no_set_host]",
            "test_by_playback_the_second_pass_is_exact[1+no_set_host]",
        ),
    ),
    Entry(
        "load_twice",
        "plugin.cpp",
        "    if (the_state) the_state->worker.close(LEAVING);\n",
        "    the_state->worker.close(LEAVING);\n",
        ("test_by_button_the_result_is_exact[5+load_twice]", "test_by_playback_the_second_pass_is_exact[5+load_twice]"),
    ),
    Entry(
        "no_instance_changed",
        "render.cpp",
        '    if (from != "auto") return from == "playback";\n',
        "    return false;\n",
        (
            "test_by_playback_the_second_pass_is_exact[11+no_instance_changed]",
            "test_as_in_mlt[8+host-mlt]",
        ),
    ),
    Entry(
        "concurrent_renders",
        "jobs.cpp",
        "    if (found != all_.end()) {\n        const std::shared_ptr<Work> &work = found->second;\n",
        "    if (found != all_.end() && settled(found->second->progress().stage)) {\n"
        "        const std::shared_ptr<Work> &work = found->second;\n",
        ("test_renders_at_the_same_time_wait_for_one_job[5+concurrent_renders=3]",),
    ),
    Entry(
        "ignore_thread_safety",
        "jobs.cpp",
        "    if (found != all_.end()) {\n        const std::shared_ptr<Work> &work = found->second;\n",
        "    if (found != all_.end() && settled(found->second->progress().stage)) {\n"
        "        const std::shared_ptr<Work> &work = found->second;\n",
        ("test_renders_at_the_same_time_wait_for_one_job[10+ignore_thread_safety+concurrent_renders=3]",),
    ),
    Entry(
        "abort_after",
        "render.cpp",
        "        if (aborted()) return Waiting::give_up;\n",
        "",
        ("test_an_abort_ends_the_render_and_its_solve[5+abort_after=30]",),
    ),
    Entry(
        "abort_after_seconds",
        "render.cpp",
        "        if (aborted()) return Waiting::give_up;\n",
        "        if (aborted()) return Waiting::leave;\n",
        ("test_an_abort_ends_the_render_and_its_solve[5+abort_after_seconds=0.4]",),
    ),
    Entry(
        "progress_cancel_after",
        "actions.cpp",
        "        return wanted ? Waiting::on : Waiting::give_up;\n",
        "        return wanted ? Waiting::on : Waiting::leave;\n",
        (
            "test_cancel_stops_the_job_and_the_next_press_goes_on[4+progress_cancel_after=30]",
            "test_either_progress_suite_shows_and_cancels[11+missing_suite=OfxProgressSuite:1]",
        ),
    ),
    Entry(
        "progress_cancel_after",
        "actions.cpp",
        "        if (!bar.update(GATHERING * part)) throw Stopped(",
        "        bar.update(GATHERING * part);\n        if (false) throw Stopped(",
        ("test_cancel_while_the_frames_are_fetched_starts_nothing[4+progress_cancel_after=2]",),
    ),
    Entry(
        "thumbnails",
        "render.cpp",
        'get_string(in_, kOfxImageEffectPropThumbnailRender) == "true" || ',
        "",
        ("test_thumbnails_and_drafts_begin_no_solve_and_show_what_is_solved[9+thumbnails]",),
    ),
    Entry(
        "thumbnails",
        "render.cpp",
        " || is_thumbnail(instance_, SOURCE) ||",
        " ||",
        (
            "test_thumbnails_and_drafts_begin_no_solve_and_show_what_is_solved"
            "[9+thumbnails+missing_property=args:OfxImageEffectPropThumbnailRender+host-OfxPropName=DaVinciResolve]",
        ),
    ),
    Entry(
        "drafts",
        "render.cpp",
        "           is_set(in_, kOfxImageEffectPropRenderQualityDraft);\n",
        "           false;\n",
        ("test_thumbnails_and_drafts_begin_no_solve_and_show_what_is_solved[9+drafts]",),
    ),
    Entry(
        "unknown_actions",
        "plugin.cpp",
        "    return kOfxStatReplyDefault;   // hosts have actions of their own\n",
        "    return kOfxStatErrUnsupported;\n",
        (
            "test_by_button_the_result_is_exact[3+unknown_actions]",
            "test_by_playback_the_second_pass_is_exact[3+unknown_actions]",
        ),
    ),
    # clips
    Entry(
        "null_data",
        "images.cpp",
        "    if (!data_ || !bounds || empty(*bounds)) return false;\n",
        "    if (!bounds || empty(*bounds)) return false;\n    if (!data_) data_ = this;\n",
        (
            "test_a_connected_mask_without_pixels_counts_as_none[8+null_data=Mask]",
            "test_a_source_without_pixels_is_said_in_words[8+null_data=Source]",
        ),
    ),
    Entry(
        "null_data_ok",
        "images.cpp",
        "    if (!data_ || !bounds || empty(*bounds)) return false;\n",
        "    if (!bounds || empty(*bounds)) return false;\n    if (!data_) data_ = this;\n",
        (
            "test_a_connected_mask_without_pixels_counts_as_none[8+null_data_ok=Mask]",
            "test_a_source_without_pixels_is_said_in_words[8+null_data_ok=Source]",
        ),
    ),
    Entry(
        "connected_lies",
        "images.cpp",
        "    if (!data_ || !bounds || empty(*bounds)) return false;\n",
        "    if (!data_ || !bounds) return false;\n",
        ("test_a_mask_that_is_asked_for_and_is_not_there_is_said_in_words[8+connected_lies=empty]",),
    ),
    Entry(
        "connected_lies",
        "collection.cpp",
        "    if (mask && *mask)\n",
        "    if (mask)\n",
        (
            "test_a_mask_that_is_asked_for_and_is_not_there_is_said_in_words[8+connected_lies=fail]",
            "test_a_mask_that_is_asked_for_and_is_not_there_is_said_in_words[8+connected_lies=null]",
        ),
    ),
    Entry(
        "connected_lies",
        "collection.cpp",
        '        from = masks && mask_says ? "mask" :',
        '        from = masks ? "mask" :',
        (
            "test_a_mask_that_is_not_there_leaves_the_alpha_to_be_the_matte[playback-8+connected_lies=black]",
            "test_a_mask_that_is_not_there_leaves_files_to_be_the_matte[playback-8+connected_lies=black]",
        ),
    ),
    Entry(
        "no_temporal_access",
        "actions.cpp",
        "collection = host_facts().temporal ? gather(bar) : played();",
        "collection = (host_facts().temporal || true) ? gather(bar) : played();",
        (
            "test_a_host_that_gives_the_current_frame_only_is_played_before_the_press"
            "[8+11+no_temporal_access+host-OfxImageEffectPropTemporalClipAccess=0]",
            "test_as_in_openfx_runner[8+host-openfx-runner]",
        ),
    ),
    Entry(
        "no_temporal_access",
        "records.cpp",
        "    return !digest || !known || known == digest;\n",
        "    static_cast<void>(digest);\n    static_cast<void>(known);\n    return true;\n",
        ("test_a_host_that_lies_about_other_frames_is_told_of[11+no_temporal_access]",),
    ),
    Entry(
        "no_temporal_access",
        "actions.cpp",
        '        if (!source) throw Fault("The host gives no picture of " + name',
        '        if (false) throw Fault("The host gives no picture of " + name',
        ("test_a_host_that_has_no_other_frames_is_told_of[11+no_temporal_access=fail]",),
    ),
    Entry(
        "frame_range_lies",
        "actions.cpp",
        "    if (digests.size() > 1 && std::count(",
        "    if (digests.size() > 1000 && std::count(",
        ("test_a_range_that_is_a_lie_is_told_of[11+frame_range_lies]",),
    ),
    # pixels
    Entry(
        "negative_rows",
        "images.cpp",
        "    if (std::labs(row_bytes_) < packed && height() > 1)\n",
        "    if (row_bytes_ < packed && height() > 1)\n",
        (
            "test_by_button_the_result_is_exact[9+negative_rows]",
            "test_by_playback_the_second_pass_is_exact[9+negative_rows]",
            "test_as_in_mlt[8+host-mlt]",
        ),
    ),
    Entry(
        "padding",
        "images.cpp",
        "static_cast<std::ptrdiff_t>(y - bounds_.y1) * row_bytes_;\n",
        "static_cast<std::ptrdiff_t>(y - bounds_.y1) * static_cast<long>(format_.pixel_bytes()) * width();\n",
        (
            "test_by_button_the_result_is_exact[9+padding=20]",
            "test_by_button_the_result_is_exact[9+padding=12+negative_rows]",
            "test_by_playback_the_second_pass_is_exact[9+padding=20]",
        ),
    ),
    Entry(
        "tiles",
        "actions.cpp",
        "        for (int i = 0; i < 4; ++i) set(out, name.c_str(), sides[i], i);\n",
        "        static_cast<void>(sides);\n        static_cast<void>(out);\n",
        ("test_by_playback_the_second_pass_is_exact[9+tiles=16]", "test_as_in_hosts_of_nodes[8+host-natron+tiles=16]"),
    ),
    Entry(
        "offset_bounds",
        "images.cpp",
        "static_cast<std::ptrdiff_t>(y - bounds_.y1) * row_bytes_;\n",
        "static_cast<std::ptrdiff_t>(y) * row_bytes_;\n",
        (
            "test_by_button_the_result_is_exact[9+offset_bounds=-7,13]",
            "test_by_playback_the_second_pass_is_exact[9+offset_bounds=-7,13]",
        ),
    ),
    Entry(
        "offset_bounds",
        "compose.cpp",
        "places(window.x1, window.x2, shown.box.x1, shown.box.x2, result.width(), false);\n",
        "places(window.x1, window.x2, 0, shown.box.x2 - shown.box.x1, result.width(), false);\n",
        ("test_by_button_the_result_is_exact[9+offset_bounds=-7,13]",),
    ),
    Entry(
        "bounds_differ",
        "compose.cpp",
        "        part_ = source ? common(window, source.bounds()) : OfxRectI{0, 0, 0, 0};\n",
        "        part_ = source ? window : OfxRectI{0, 0, 0, 0};\n",
        (
            "test_where_the_bounds_are_smaller_the_rest_is_transparent_black[9+bounds_differ=5]",
            "test_a_part_of_a_picture_is_not_gathered_by_playback[9+bounds_differ=5]",
        ),
    ),
    Entry(
        "bounds_differ",
        "render.cpp",
        "return !is_proxy() && (!source_ || source_.complete());",
        "return !is_proxy();",
        ("test_a_part_of_a_picture_is_not_gathered_by_playback[9+bounds_differ=5]",),
    ),
    Entry(
        "scale_disagrees",
        "render.cpp",
        "        if (std::abs(get_double(in_, kOfxImageEffectPropRenderScale, i).value_or(sides[i]) - 1) ",
        "        if (std::abs(sides[i] - 1) ",
        ("test_by_playback_the_second_pass_is_exact[9+scale_disagrees]",),
    ),
    Entry(
        "any_format",
        "images.cpp",
        "    if (name == kOfxBitDepthHalf) return Depth::half;\n",
        "    if (name == kOfxBitDepthHalf && host_facts().half) return Depth::half;\n",
        ("test_a_depth_that_was_not_listed_is_taken_all_the_same[9+any_format+host-OfxPropAPIVersion=1,2]",),
    ),
    Entry(
        "progress_cancel_after",
        "jobs.cpp",
        "        given_up = given_up_;\n",
        "        given_up = false;\n",
        ("test_cancel_before_the_worker_has_answered_starts_nothing[4+progress_cancel_after=6]",),
    ),
    Entry(
        "abort_after",
        "jobs.cpp",
        "        work->given_up_ = true;\n",
        "",
        ("test_an_abort_before_the_worker_has_answered_starts_nothing[5+abort_after=1]",),
    ),
    Entry(
        "no_instance_changed",
        "render.cpp",
        " || (known && !is_awaited())) return known;\n",
        " || (known && (true || is_awaited()))) return known;\n",
        (
            "test_without_a_button_a_change_of_one_frame_is_solved_by_playback[11+no_instance_changed]",
            "test_a_host_that_lies_about_other_frames_is_played_as_it_was_told[11+no_temporal_access]",
        ),
    ),
    Entry(
        "connected_lies",
        "records.cpp",
        "    if (mask && *mask && !is_black(*mask)) value",
        "    if (mask && *mask && (true || is_black(*mask))) value",
        ("test_a_mask_that_is_not_there_leaves_the_alpha_to_be_the_matte[button-8+connected_lies=black]",),
    ),
    Entry(
        "missing_property",
        "render.cpp",
        "    if (!get_double(in, kOfxPropTime)) {\n",
        "    if (false) {\n",
        ("test_without_a_property_that_is_needed_it_says_so[11+missing_property=args:OfxPropTime]",),
    ),
]

# What nothing in the plugin has to be there for.
NOT_NEEDED = {
    "panicking_stubs": "the memory and the thread suite are never fetched",
    "bare_instance": "no property of an instance is read",
    "no_file_path": "the plugin's path is not read",
    "timeline_unsupported": "the time line suite is never fetched",
    "no_mutexes": "the thread suite is never fetched",
    "serial_threads": "the thread suite is never fetched",
    "custom_unwritten": "there are no parameters of type Custom",
    "context_from_host": "the arguments of DescribeInContext are not read",
    "no_contexts": "the contexts that a host says it has are not read",
    "no_sequence": "nothing is done at the beginning or the end of a sequence",
    "sequence_per_frame": "nothing is done at the beginning or the end of a sequence",
    "no_identity": "IsIdentity is not answered",
    "no_frames_needed": "a render fetches no frame but its own",
    "actions_in_fetch": "no lock is held while the host is called, and GetClipPreferences needs none",
    "new_instance_per_frame": "nothing is kept in an instance",
    "double_destroy": "nothing is kept in an instance",
    "render_thread": "nothing is kept for a thread",
    "random_identifier": "the identifier is not read: pixels are hashed",
}


def known() -> list[str]:
    """The misbehaviours of the host, from its source."""
    text = (BRIDGE / "testhost/misbehaviour.cpp").read_text()
    return re.findall(r'"(\w+)"', re.sub(r"//.*", "", text[text.index("names = {") : text.index("return names")]))


def wrong_tables() -> list[str]:
    """What is not as it should be in the tables above, without running anything."""
    words = {entry.word for entry in ENTRIES} | set(NOT_NEEDED)
    wrong = [f"{word}: no entry" for word in sorted(set(known()) - words)]
    wrong += [f"{word}: no such misbehaviour" for word in sorted(words - set(known()))]
    for entry in ENTRIES:
        if (BRIDGE / "plugin" / entry.file).read_text().count(entry.old) != 1:
            wrong.append(f"{entry.word}: not once in {entry.file}: {entry.old.strip()}")
    return wrong


def failed(build: Path, names: list[str]) -> set[str]:
    """Those of the tests that fail on a build."""
    ids = [f"{TESTS}::{name}" for name in names]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-m",
        "ofx",
        "-p",
        "no:cacheprovider",
        "-rfE",
        "--tb=no",
        *ids,
    ]
    environment = {**os.environ, "ILVI_OFX_BUILT": str(build)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout + done.stderr)
    lines = {line.partition(" - ")[0] for line in done.stdout.splitlines()}
    return {name for name in names if {f"FAILED {TESTS}::{name}", f"ERROR {TESTS}::{name}"} & lines}


def survives(entry: Entry, source: Path, build: Path) -> str:
    """Why an entry is no proof; empty: its tests fail without the defence."""
    path = source / "plugin" / entry.file
    whole = path.read_text()
    path.write_text(whole.replace(entry.old, entry.new))
    try:
        built = subprocess.run(["cmake", "--build", str(build)], capture_output=True, text=True, check=False)
        if built.returncode:
            return f"does not compile:\n{built.stdout[-2000:]}"
        passed = set(entry.tests) - failed(build, list(entry.tests))
    finally:
        path.write_text(whole)
    return f"survived {', '.join(sorted(passed))}" if passed else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    wrong = wrong_tables()
    if wrong:
        print("\n".join(wrong))
        return 1
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="ilvi-take-out-"))
    try:
        source = folder / "ofx_bridge"
        shutil.copytree(BRIDGE, source, dirs_exist_ok=True)
        build = build_with(folder / "build", *OPTIONS, source=source)
        entries = [entry for entry in ENTRIES if not arguments.words or entry.word in arguments.words]
        names = sorted({name for entry in entries for name in entry.tests})
        for name in sorted(failed(build, names)):
            print(f"{name} fails with all defences in place")
            wrong.append(name)
        for entry in entries:
            why = survives(entry, source, build)
            print(f"{entry.word} ({entry.file}): {why or 'fails without its defence, as it should'}", flush=True)
            if why:
                wrong.append(why)
    finally:
        if not arguments.folder:
            shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
