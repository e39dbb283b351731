"""Jobs through the cache: hits, what is done again and what is not, damage, room, two at once."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from shots import QUICK, Listener, job_for, mattes

from ilvi_core.cache import Cache
from ilvi_core.entry import Entry
from ilvi_core.host.errors import Cancelled, InputError
from ilvi_core.host.job import FrameRange, RunOptions
from ilvi_core.pipeline import Options, look, render


def run(cache, job, **options):
    """The result, and what was said."""
    listener = Listener(stop_after=options.pop("stop_after", None))
    return render(job, listener, cache, Options(**options)), listener


def bytes_of(result):
    return {frame: path.read_bytes() for frame, path in result.frames.items()}


def entries(cache):
    return [Entry.open(folder) for folder in cache.folders()]


def change_matte(shot, frame, move=3):
    """One frame's matte is drawn a little elsewhere."""
    picture = np.roll(mattes()[frame - 1001], move, axis=1)
    assert cv2.imwrite(str(shot / "matte" / f"matte.{frame}.png"), picture)


# -- hits --------------------------------------------------------------------------------------------------------------


def test_the_same_job_is_solved_once(shot, cache):
    first, said = run(cache, job_for(shot))
    assert said.updates() == 3
    assert said.states == ["none"]
    assert first.folder.parent == cache.root
    again, said = run(cache, job_for(shot, output=str(shot / "again" / "c.####.png")))
    assert said.updates() == 0
    assert said.states == ["fills"]
    assert any("Solved before" in text for text in said.news)
    assert list(bytes_of(first).values()) == list(bytes_of(again).values())
    assert not list((shot / "out").glob("*.ilvi"))  # nothing is left beside the output


def test_without_an_output_the_frames_are_kept_in_the_entry_and_found_again(shot, cache):
    job = job_for(shot, output="")
    first, _ = run(cache, job)
    assert all(path.is_relative_to(first.folder / "frames") for path in first.frames.values())
    found = look(job, cache)
    assert found.state == "frames"
    assert found.frames == first.frames
    before = {path: path.stat().st_mtime_ns for path in first.frames.values()}
    again, said = run(cache, job)
    assert said.frames == list(range(1001, 1007))
    assert {path: path.stat().st_mtime_ns for path in again.frames.values()} == before


def test_lookup_says_what_is_there(shot, cache):
    job = job_for(shot)
    assert look(job, cache).state == "none"
    with pytest.raises(Cancelled):
        run(cache, job, stop_after=2)
    assert look(job, cache).state == "partial"
    run(cache, job)
    assert look(job, cache).state == "fills"
    cache.slim(entries(cache)[0])
    assert look(job, cache).state == "weights"


def test_an_export_with_other_metadata_is_a_hit_and_another_pixel_is_not(shot, cache):
    run(cache, job_for(shot))
    for frame in range(1001, 1007):
        path = shot / "plate" / f"plate.{frame}.png"
        cv2.imwrite(str(path), cv2.imread(str(path)), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert look(job_for(shot), cache).state == "fills"
    path = shot / "plate" / "plate.1003.png"
    picture = cv2.imread(str(path))
    picture[0, 0, 0] ^= 1
    cv2.imwrite(str(path), picture)
    assert look(job_for(shot), cache).state == "none"


def test_solve_settings_are_part_of_what_is_asked_and_comp_settings_are_not(shot, cache):
    run(cache, job_for(shot))
    assert look(job_for(shot, comp={"comp_feather": 1}), cache).state == "fills"
    assert look(job_for(shot, run=RunOptions(device="cpu", checkpoint_every=5)), cache).state == "fills"
    assert look(job_for(shot, solve={**QUICK, "seed": 1}), cache).state == "none"


def test_a_range_inside_a_solved_one_is_a_hit(shot, cache):
    whole, _ = run(cache, job_for(shot))
    job = job_for(shot, frames=FrameRange(1002, 1004), output=str(shot / "part" / "c.####.png"))
    part, said = run(cache, job)
    assert said.updates() == 0
    assert part.folder == whole.folder
    assert bytes_of(part) == {frame: bytes_of(whole)[frame] for frame in (1002, 1003, 1004)}


def test_other_steps_of_a_solved_range_are_filled_by_inference(shot, cache):
    whole, _ = run(Cache(shot / "other cache"), job_for(shot, output=str(shot / "whole" / "c.####.png")))
    run(cache, job_for(shot, frames=FrameRange(1001, 1006, 2)))
    rest, said = run(cache, job_for(shot))
    assert said.updates() == 0
    assert said.states == ["weights"]
    assert bytes_of(rest) == bytes_of(whole)


# -- what depends on what ----------------------------------------------------------------------------------------------


def test_an_overlapping_range_starts_warm_and_estimates_only_new_flow(shot, cache):
    solve = {**QUICK, "method": "dip-vid-flow", "intervals": "1", "max_updates": 8}
    run(cache, job_for(shot, solve=solve, frames=FrameRange(1001, 1004)))
    result, said = run(cache, job_for(shot, solve=solve, frames=FrameRange(1002, 1005)))
    manifest = Entry.open(result.folder).manifest
    assert manifest["warm"]["same_frames"] == 3
    assert any("Starting from" in text for text in said.news)
    # one frame of four is new: half of the updates; the flow of 1002-1003 and 1003-1004 is there
    assert said.updates() == 4
    assert manifest["record"]["done"]["flow_pairs"] == {"estimated": 2, "reused": 4}


def test_one_changed_matte_leaves_other_windows_as_they_are(shot, cache):
    solve = {**QUICK, "window": 3, "max_updates": 8}
    first, _ = run(cache, job_for(shot, solve=solve))
    change_matte(shot, 1005)
    result, said = run(cache, job_for(shot, solve=solve))
    assert result.folder != first.folder
    assert said.updates() == 5  # of eight, and of the second window alone: a third of it is new
    for frame in (1001, 1002, 1003):
        name = f"fill/{frame}.npy"
        assert (first.folder / name).read_bytes() == (result.folder / name).read_bytes()
    assert (first.folder / "fill/1005.npy").read_bytes() != (result.folder / "fill/1005.npy").read_bytes()


def test_refresh_solves_again_cold_and_gives_the_same(shot, cache):
    first, _ = run(cache, job_for(shot))
    before = bytes_of(first)
    again, said = run(cache, job_for(shot), refresh=True)
    assert said.updates() == 3
    assert bytes_of(again) == before


def test_a_stopped_solve_goes_on_by_itself_and_gives_the_same(shot, cache):
    solve = {**QUICK, "max_updates": 12}
    whole, _ = run(Cache(shot / "other cache"), job_for(shot, solve=solve, output=str(shot / "w" / "c.####.png")))
    with pytest.raises(Cancelled):
        run(cache, job_for(shot, solve=solve), stop_after=5)
    result, said = run(cache, job_for(shot, solve=solve))
    assert said.updates() == 12 - 5
    assert said.states == ["partial"]
    assert bytes_of(result) == bytes_of(whole)


# -- re-render ---------------------------------------------------------------------------------------------------------


def test_rerender_never_solves(shot, cache):
    with pytest.raises(InputError, match="no solve of this job"):
        run(cache, job_for(shot), solve=False)
    run(cache, job_for(shot))
    result, said = run(cache, job_for(shot, comp={"comp_feather": 0, "view": "matte"}), solve=False)
    assert said.updates() == 0
    assert cv2.imread(str(result.frames[1001]))[0, 0].max() == 0
    assert cv2.imread(str(result.frames[1001]))[36, 30].min() == 255


def test_pruned_fills_come_back_from_the_weights_bit_for_bit(shot, cache):
    first, _ = run(cache, job_for(shot))
    before = bytes_of(first)
    assert cache.slim(entries(cache)[0]) > 0
    assert not list((first.folder / "fill").glob("*.npy"))
    again, said = run(cache, job_for(shot), solve=False)
    assert said.updates() == 0
    assert bytes_of(again) == before
    assert len(list((first.folder / "fill").glob("*.npy"))) == 6  # kept for the next time


def test_a_hit_and_a_rerender_import_no_torch(shot, cache):
    run(cache, job_for(shot, output=""))
    job_for(shot, output="").save(shot / "job.json")
    code = (
        "import sys; from pathlib import Path; from ilvi_core.host.job import Job;"
        "from ilvi_core.pipeline import *; from ilvi_core.cache import Cache;"
        f"cache = Cache(Path({str(cache.root)!r})); job = Job.load({str(shot / 'job.json')!r});"
        "assert look(job, cache).state == 'frames';"
        "render(job, None, cache); import dataclasses;"
        "render(dataclasses.replace(job, comp={'comp_feather': 1}), None, cache, Options(solve=False));"
        "print([n for n in ('torch', 'safetensors') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_other_steps_of_single_frame_networks_are_there_too(shot, cache):
    solve = {**QUICK, "method": "dip", "dip_updates": 2}
    run(cache, job_for(shot, solve=solve, frames=FrameRange(1001, 1003, 2)))
    result, said = run(cache, job_for(shot, solve=solve, frames=FrameRange(1001, 1003)))
    assert said.updates() == 0
    assert list(result.frames) == [1001, 1002, 1003]


def test_an_entry_that_cannot_give_a_frame_any_more_is_solved_again(shot, cache):
    first, _ = run(cache, job_for(shot))
    entry = Entry.open(first.folder)
    entry.drop(["fill/1002.npy", "weights/1001.safetensors"])
    assert look(job_for(shot), cache).state == "none"
    _, said = run(cache, job_for(shot))
    assert said.updates() == 3
