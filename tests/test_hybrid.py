"""The method ilvi from files to files: donors at the plate's size, hints, AOVs, what is kept and what is done again."""

import json
import shutil

import cv2
import numpy as np
import pytest
from shots import Listener

from ilvi_core import inpaint
from ilvi_core.cli import main
from ilvi_core.entry import Entry
from ilvi_core.host.errors import Cancelled, InputError
from ilvi_core.host.job import FrameRange, ImageSequence, Job, RunOptions
from ilvi_core.images import open_source
from ilvi_core.pictures import Box, Picture
from ilvi_core.pipeline import Options, render
from ilvi_core.stills import write_still

WIDTH, HEIGHT, FRAMES, STEP = 160, 96, 8, 10
SOLVE = {"method": "ilvi", "remainder": "smooth", "size": [160, 96], "solve_dilate": 0, "matte_threshold": 0.0}
HARD = {"comp_dilate": 0, "comp_feather": 0, "match_edge": False}


def scene(scale=1, bright=6.0):
    """(T, H, W, 3) float32, scene-linear: a pan over a texture with highlights, and the matte (T, H, W)."""
    random = np.random.default_rng(3)
    wide = (WIDTH + STEP * FRAMES) * scale
    coarse = random.random((12, 30, 3)).astype(np.float32)
    texture = cv2.resize(coarse, (wide, HEIGHT * scale), interpolation=cv2.INTER_CUBIC).clip(0, 1) * 0.6
    texture += 0.25 * (cv2.GaussianBlur(random.random(texture.shape).astype(np.float32), (0, 0), 1.2) - 0.5)
    for x in range(20 * scale, wide, 37 * scale):
        texture[(x * 7) % (HEIGHT * scale - 8 * scale) :, x : x + 3 * scale][: 6 * scale] = bright
    truth = np.stack(
        [texture[:, STEP * scale * t : STEP * scale * t + WIDTH * scale].clip(0) for t in range(FRAMES)]
    ).astype(np.float32)
    matte = np.zeros(truth.shape[:3], np.float32)
    for t in range(FRAMES):
        x = (60 + 3 * t) * scale
        matte[t, 30 * scale : 62 * scale, x : x + 30 * scale] = 1
    return truth, matte


def on_disk(folder, frames, name, first=1001):
    (folder / name).mkdir(parents=True, exist_ok=True)
    for n, frame in enumerate(frames):
        write_still(folder / name / f"{name}.{first + n}.exr", Picture.from_array(frame.astype(np.float32)))


@pytest.fixture
def shot(tmp_path):
    truth, matte = scene()
    on_disk(tmp_path, np.where(matte[..., None] > 0, 9.0, truth), "plate")
    on_disk(tmp_path, matte, "matte")
    return tmp_path


def job_for(shot, output="out/clean.####.exr", solve=None, comp=None, **changes):
    return Job(
        ImageSequence(str(shot / "plate" / "plate.####.exr")),
        ImageSequence(str(shot / "matte" / "matte.####.exr")),
        str(shot / output) if output else "",
        solve={**SOLVE, **(solve or {})},
        comp={**HARD, **(comp or {})},
        **changes,
    )


def read(result):
    return np.stack([open_source(str(path)).read(frame).rgb() for frame, path in sorted(result.frames.items())])


def error_in(result, truth, matte):
    hole = matte > 0
    return float(np.abs(np.log1p(np.maximum(result, 0)) - np.log1p(truth))[hole].mean())


# -- the fill ----------------------------------------------------------------------------------------------------------


def test_what_is_seen_elsewhere_comes_back_highlights_too(shot, cache):
    truth, matte = scene()
    done = read(render(job_for(shot), Listener(), cache))
    hole = matte > 0
    np.testing.assert_array_equal(done[~hole], truth[~hole])  # to the bit
    assert np.isfinite(done).all()
    assert error_in(done, truth, matte) < 0.03
    assert done[hole & (truth[..., 0] > 5)].mean() > 4  # far above 1


def test_a_large_plate_gets_its_donors_at_its_own_size(tmp_path, cache):
    """Solved at a quarter of each side: what is seen elsewhere is nearly as sharp as the plate all the same."""
    truth, matte = scene(4, bright=1.0)
    on_disk(tmp_path, np.where(matte[..., None] > 0, 0.5, truth), "plate")
    on_disk(tmp_path, matte, "matte")
    listener = Listener()
    done = read(render(job_for(tmp_path), listener, cache))
    small = cv2.resize(truth[3], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(small, truth.shape[2:0:-1], interpolation=cv2.INTER_CUBIC)
    blurred = np.abs(enlarged - truth[3])[matte[3] > 0].mean()  # the best that an enlarged fill can be
    assert np.abs(done[3] - truth[3])[matte[3] > 0].mean() < 0.6 * blurred
    assert any("is learned at" in text and "enlarged" in text for text in listener.news)


def test_arrays_go_the_same_way():
    truth, matte = scene()
    plate = np.where(matte[..., None] > 0, 9.0, truth).astype(np.float32)
    done = inpaint(plate, matte, {**SOLVE, **HARD})
    np.testing.assert_array_equal(done[matte == 0], plate[matte == 0])
    assert error_in(done, truth, matte) < 0.03


def test_windows_see_beyond_their_ends(shot, cache):
    """Two windows of four frames: what the first one needs from the second is there."""
    truth, matte = scene()
    done = read(render(job_for(shot, solve={"window": 4}), Listener(), cache))
    assert error_in(done, truth, matte) < 0.03


@pytest.mark.parametrize("remainder", ["auto", "exemplar"])
def test_one_frame_is_filled_from_itself(remainder):
    truth, matte = scene()
    plate = np.where(matte[..., None] > 0, 9.0, truth).astype(np.float32)[:1]
    done = inpaint(plate, matte[:1], {**SOLVE, **HARD, "remainder": remainder})
    np.testing.assert_array_equal(done[matte[:1] == 0], plate[matte[:1] == 0])
    assert np.isfinite(done).all()
    assert done[matte[:1] > 0].max() < 7.0  # of the object that is removed nothing is left


# -- hints -------------------------------------------------------------------------------------------------------------


def test_a_clean_plate_is_respected_exactly_and_carried_to_other_frames(shot, cache):
    """A camera that stands still, an object that stands too: nothing is seen anywhere but in the painted frame."""
    truth, matte = scene()
    still, hidden = np.repeat(truth[:1], FRAMES, 0), np.repeat(matte[:1], FRAMES, 0)
    on_disk(shot, np.where(hidden[..., None] > 0, 9.0, still), "plate")
    on_disk(shot, hidden, "matte")
    on_disk(shot, still[:1], "clean")
    without = read(render(job_for(shot), Listener(), cache))
    painted = {1004: str(shot / "clean" / "clean.1001.exr")}
    done = read(render(job_for(shot, clean_plates=painted), Listener(), cache))
    np.testing.assert_array_equal(done[3], still[3])
    assert error_in(done, still, hidden) < 0.01 < error_in(without, still, hidden)
    # another clean plate is another job
    on_disk(shot, still[:1] * 0.5, "clean")
    darker = read(render(job_for(shot, clean_plates=painted), Listener(), cache))
    np.testing.assert_array_equal(darker[3][hidden[3] > 0], (still[3] * np.float32(0.5))[hidden[3] > 0])


def test_what_is_held_out_is_no_donor(shot, cache):
    """A red thing crosses behind: held out, nothing of it gets into the hole."""
    truth, matte = scene()
    plate, held = np.where(matte[..., None] > 0, 9.0, truth), np.zeros_like(matte)
    for t in range(FRAMES):
        if t not in (2, 3):  # in most frames it stands where the hole of these two is
            x = 60 + 3 * 2 + STEP * (2 - t)
            held[t, 30:62, max(x - 8, 0) : max(x + 40, 0)] = 1
    plate = np.where((held[..., None] > 0) & (matte[..., None] == 0), np.float32([4.0, 0, 0]), plate)
    on_disk(shot, plate, "plate")
    on_disk(shot, held, "held")
    holdout = ImageSequence(str(shot / "held" / "held.####.exr"))
    free = read(render(job_for(shot), Listener(), cache))
    kept = read(render(job_for(shot, holdout=holdout), Listener(), cache))

    def red(done):
        hole = matte[2] > 0
        return float((done[2][hole][:, 0] - done[2][hole][:, 1] > 1.5).mean())

    assert red(free) > 0.2
    assert red(kept) < 0.02
    # held-out pixels are plate all the same
    np.testing.assert_array_equal(kept[matte == 0], plate.astype(np.float32)[matte == 0])


def test_a_clean_plate_that_does_not_cover_the_hole_is_refused(shot, cache):
    picture = scene()[0][0]
    picture[40, 80] = np.nan
    on_disk(shot, [picture], "clean")
    painted = {1004: str(shot / "clean" / "clean.1001.exr")}
    with pytest.raises(InputError, match="no finite value at 1 pixels of the hole"):
        render(job_for(shot, clean_plates=painted), Listener(), cache)


def test_the_output_may_not_overwrite_a_clean_plate(shot, cache):
    on_disk(shot, scene()[0][:8], "clean")
    painted = {1004: str(shot / "clean" / "clean.1004.exr")}
    with pytest.raises(InputError, match="would overwrite"):
        render(job_for(shot, clean_plates=painted, output="clean/clean.####.exr"), Listener(), cache)


def test_everything_painted_is_nothing_to_inspect(shot, cache, capsys):
    on_disk(shot, scene()[0], "clean")
    painted = {1001 + t: str(shot / "clean" / f"clean.{1001 + t}.exr") for t in range(FRAMES)}
    job = job_for(shot, clean_plates=painted)
    job.save(shot / "job.json")
    render(job, Listener(), cache)
    assert main(["inspect", str(shot / "job.json"), "--quiet", "--cache-dir", str(cache.root)]) == 0
    assert "Every hole is painted" in capsys.readouterr().out


def test_everything_held_out_is_said_and_filled_from_beside_the_hole(shot, cache):
    on_disk(shot, np.ones_like(scene()[1]), "held")
    listener = Listener()
    done = read(render(job_for(shot, holdout=ImageSequence(str(shot / "held" / "held.####.exr"))), listener, cache))
    assert any(code == "no-donors" for code, _ in listener.warnings)
    truth, matte = scene()
    inside = done[matte > 0]
    assert inside.max() < 7.0
    assert abs(np.median(inside) - np.median(truth[matte > 0])) < 0.1  # smooth, not black


def test_hints_that_cannot_be_used_are_refused_in_a_sentence(shot, cache):
    on_disk(shot, scene()[0][:1], "clean")
    on_disk(shot, scene()[1][:2], "few")
    clean = str(shot / "clean" / "clean.1001.exr")
    cases = [
        (job_for(shot, clean_plates={7: clean}), "not in the range 1001-1008"),
        (job_for(shot, clean_plates={1004: str(shot / "none.exr")}), "does not exist"),
        (job_for(shot, clean_plates={1004: clean}, solve={"method": "dip-vid"}), "knows no clean plates"),
        (job_for(shot, holdout=ImageSequence(str(shot / "few" / "few.####.exr"))), "has no frame|2 frames"),
        (job_for(shot, comp={"aov": True}, output="out/clean.####.png"), "scene-linear|EXR"),
    ]
    for job, said in cases:
        with pytest.raises(InputError, match=said):
            render(job, Listener(), cache)
    write_still(shot / "small.exr", Picture.from_array(np.zeros((8, 8, 3), np.float32)))
    with pytest.raises(InputError, match="clean plate's frame 1004 is 8x8"):
        render(job_for(shot, clean_plates={1004: str(shot / "small.exr")}), Listener(), cache)


def test_a_job_file_keeps_the_hints(shot):
    job = job_for(
        shot,
        clean_plates={1004: str(shot / "clean.exr")},
        holdout=ImageSequence(str(shot / "held.####.exr")),
        run=RunOptions(memory=8),
    )
    again = Job.from_json(job.to_json())
    assert (again.clean_plates, again.holdout, again.run.memory) == (job.clean_plates, job.holdout, 8.0)
    assert "clean_plates" not in json.loads(job_for(shot).to_json())  # an older ILVI reads a job without hints


# -- AOVs and inspect --------------------------------------------------------------------------------------------------


def test_aovs_say_where_each_pixel_comes_from(shot, cache):
    truth, matte = scene()
    result = render(job_for(shot, comp={"aov": True}), Listener(), cache)
    picture = open_source(str(result.frames[1004])).read(1004)
    hole = matte[3] > 0
    source, confidence = picture.planes["source.Y"], picture.planes["confidence.Y"]
    assert (source[~hole] == 0).all()
    assert (confidence[~hole] == 1).all()
    assert (source[hole] != 0).mean() > 0.95
    assert ((confidence >= 0) & (confidence <= 1)).all()
    # Nuke's STMap on the source frame gives the fill, nearly: there several donors are fused
    u, v = picture.planes["stmap.U"], picture.planes["stmap.V"]
    x, y = u * WIDTH - 0.5, (1 - v) * HEIGHT - 0.5
    close = []
    for offset in np.unique(source[hole]):
        at = hole & (source == offset)
        where = np.float32(x[at])[None], np.float32(y[at])[None]
        taken = cv2.remap(truth[3 + int(offset)], *where, cv2.INTER_LINEAR)[0]
        close.append(np.abs(taken - truth[3][at]).mean(-1))
    assert np.median(np.concatenate(close)) < 0.05
    np.testing.assert_allclose(x[~hole], np.nonzero(~hole)[1], atol=1e-3)  # its own place
    # the layers come beside the plate, whose own channels are as ever
    plain = render(job_for(shot, output="plain/clean.####.exr"), Listener(), cache)
    np.testing.assert_array_equal(picture.rgb(), open_source(str(plain.frames[1004])).read(1004).rgb())
    fill = np.stack([picture.planes[f"fill.{c}"] for c in "RGB"], -1)
    np.testing.assert_allclose(fill[hole], picture.rgb()[hole], rtol=1e-5)
    # the plate with the fill over it by the comp matte is the result
    soft = render(
        job_for(
            shot, comp={"aov": True, "comp_dilate": 1, "comp_feather": 3, "match_edge": True}, solve={"solve_dilate": 6}
        ),
        Listener(),
        cache,
    )
    picture = open_source(str(soft.frames[1004])).read(1004)
    amount = picture.planes["comp.A"][..., None]
    plate = open_source(str(shot / "plate" / "plate.1004.exr")).read(1004).rgb()
    fill = np.stack([picture.planes[f"fill.{c}"] for c in "RGB"], -1)
    assert (amount[hole] == 1).all()
    assert ((amount > 0) & (amount < 1)).any()
    np.testing.assert_allclose(plate * (1 - amount) + fill * amount, picture.rgb(), rtol=1e-4, atol=1e-5)


def test_confidence_is_a_view_in_every_format(shot, cache):
    solve = {"method": "dip-vid", "max_updates": 1, "size": [64, 64]}
    both = [
        render(job_for(shot, f"{view}/c.####.{kind}", solve, comp), Listener(), cache).frames[1004]
        for view, kind, comp in (("a", "exr", {"aov": True}), ("b", "npy", {"view": "confidence"}))
    ]
    layer = open_source(str(both[0])).read(1004).planes["confidence.Y"]
    np.testing.assert_array_equal(np.load(both[1])[..., 0], layer)
    assert set(np.unique(layer)) == {0.0, 1.0}


def test_a_clip_without_a_hole_shows_that_in_every_view(shot, cache):
    for path in (shot / "matte").iterdir():
        write_still(path, Picture.from_array(np.zeros((HEIGHT, WIDTH, 3), np.float32)))
    plate = open_source(str(shot / "plate" / "plate.1004.exr")).read(1004).rgb()
    expected = {"result": plate, "overlay": plate, "fill": 0 * plate, "matte": 0 * plate, "confidence": 0 * plate + 1}
    for view, picture in expected.items():
        done = render(job_for(shot, output=f"{view}/c.####.exr", comp={"view": view}), Listener(), cache).frames[1004]
        np.testing.assert_array_equal(open_source(str(done)).read(1004).rgb(), picture)


def test_aovs_of_a_method_without_donors(shot, cache):
    asked = job_for(shot, comp={"aov": True}, solve={"method": "dip-vid", "max_updates": 1, "size": [64, 64]})
    picture = open_source(str(render(asked, Listener(), cache).frames[1004])).read(1004)
    hole = scene()[1][3] > 0
    grown = cv2.dilate(hole.astype(np.uint8), np.ones((31, 31), np.uint8)) > 0
    assert (picture.planes["confidence.Y"][hole] == 0).all()
    assert (picture.planes["confidence.Y"][~grown] == 1).all()
    assert not picture.planes["source.Y"].any()
    assert (picture.planes["comp.A"][hole] == 1).all()
    assert picture.planes["fill.G"][hole].any()


def test_the_encoding_of_the_plate_can_be_told(shot, cache):
    """Which changes what is learned from, and so the entry, and the fill stays in the plate's values."""
    plain = render(job_for(shot), Listener(), cache)
    told = render(job_for(shot, solve={"encoding": "encoded"}), Listener(), cache)
    assert plain.folder != told.folder
    hole = scene()[1][3] > 0
    a, b = (open_source(str(r.frames[1004])).read(1004).rgb() for r in (plain, told))
    np.testing.assert_allclose(a[hole], b[hole], rtol=0.1, atol=0.02)
    assert Entry.open(told.folder).curve.encoding == "encoded"
    assert Entry.open(plain.folder).curve.encoding == "linear"


def test_inspect_says_how_hard_a_clip_is(shot, cache, capsys, monkeypatch):
    monkeypatch.setenv("ILVI_CACHE", str(cache.root))
    job = job_for(shot)
    job.save(shot / "job.json")
    assert main(["inspect", str(shot / "job.json"), "--quiet"]) == 0
    quick = capsys.readouterr().out
    assert "quick look" in quick
    entry = render(job, Listener(), cache).folder.name
    assert main(["inspect", str(shot / "job.json"), "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["solved"] is True
    assert found["seen"] > 0.9
    assert found["seen"] + found["generated"] == pytest.approx(1, abs=1e-4)
    assert set(map(int, found["by_frame"])) == set(range(1001, 1009))
    assert main(["inspect", entry]) == 0
    assert "seen in other frames" in capsys.readouterr().out


def test_inspect_says_in_words_when_nothing_is_seen(shot, cache, capsys):
    truth, matte = scene()
    still, hidden = np.repeat(truth[:1], FRAMES, 0), np.repeat(matte[:1], FRAMES, 0)
    on_disk(shot, still, "plate")
    on_disk(shot, hidden, "matte")
    job = job_for(shot)
    job.save(shot / "job.json")
    assert main(["inspect", str(shot / "job.json"), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "100% of the hole is seen in no frame" in said
    assert "--clean-plate 1001=FILE" in said


# -- what is kept ------------------------------------------------------------------------------------------------------


class Stopping(Listener):
    """Asks to stop when a phase has come so far."""

    def __init__(self, phase, done):
        super().__init__()
        self.at = phase, done

    def stop(self):
        return any(phase == self.at[0] and done >= self.at[1] for phase, done, _ in self.phases)


def test_stopped_half_way_it_goes_on_with_what_donors_gave(shot, cache):
    job = job_for(shot)
    whole = read(render(job_for(shot, output="other/c.####.exr", run=RunOptions(memory=1)), Listener(), cache))
    shutil.rmtree(cache.list()[0].folder)
    with pytest.raises(Cancelled):
        render(job, Stopping("fill", 2), cache)
    listener = Listener()
    again = read(render(job, listener, cache))
    assert listener.states == ["partial"]
    assert not any(phase == "donors" for phase, *_ in listener.phases)
    np.testing.assert_array_equal(again, whole)


def test_the_record_has_every_window_whoever_solved_it(shot, cache):
    job = job_for(shot, solve={"window": 4})
    with pytest.raises(Cancelled):
        render(job, Stopping("fill", 5), cache)
    result = render(job, Listener(), cache)
    assert len(result.record["done"]["hole"]) == FRAMES
    assert [r["frames"] for r in result.record["done"]["remainder"]] == [[1001, 1004], [1005, 1008]]


def test_frames_between_those_written_are_there_without_solving_again(shot, cache):
    render(job_for(shot, frames=FrameRange(1001, 1008, 2)), Listener(), cache)
    listener = Listener()
    render(job_for(shot, output="all/c.####.exr", frames=FrameRange(1001, 1008)), listener, cache)
    assert listener.states == ["fills"]


def test_a_fill_covers_the_hole_alone_and_a_slim_entry_keeps_it(shot, cache):
    render(job_for(shot), Listener(), cache)
    entry = Entry.open(cache.list()[0].folder)
    box = entry.box(1004)
    assert isinstance(box, Box)
    assert box.width < WIDTH
    assert entry.fill(1004).shape == (box.height, box.width, 3)
    entry.slim()
    assert entry.has_fill(1004)  # no weights could make it again
    listener = Listener()
    render(job_for(shot, output="again/c.####.exr", comp={"view": "fill"}), listener, cache)
    assert listener.states == ["fills"]


def test_every_frame_has_a_preview_from_the_first_fill(shot, cache):
    listener = Listener()
    render(job_for(shot), listener, cache, Options(previews=True))
    assert {frame for frame, _ in listener.previews} == set(range(1001, 1009))


def test_regrained_is_another_composite_of_the_same_solve(shot, cache):
    _, matte = scene()
    plain = read(render(job_for(shot), Listener(), cache))
    listener = Listener()
    done = read(render(job_for(shot, output="grain/c.####.exr", comp={"regrain": True}), listener, cache))
    assert listener.states == ["fills"]
    np.testing.assert_array_equal(done[matte == 0], plain[matte == 0])
    assert (done[matte > 0] != plain[matte > 0]).any()


def test_a_frame_without_a_hole_is_the_plate(shot, cache):
    _, matte = scene()
    matte[5] = 0
    on_disk(shot, matte, "matte")
    done = read(render(job_for(shot), Listener(), cache))
    np.testing.assert_array_equal(done[5], open_source(str(shot / "plate" / "plate.1006.exr")).read(1006).rgb())


# -- the command line --------------------------------------------------------------------------------------------------


def test_hints_on_the_command_line(shot, capsys):
    plain = ["--plate", str(shot / "plate"), "--matte", str(shot / "matte"), "--output", str(shot / "out/")]
    saved = str(shot / "job.json")
    options = ["--clean-plate", "1004=a.exr", "--clean-plate", "1006=b.exr", "--donor-holdout", "held.####.exr"]
    more = ["--motion", "planar", "--remainder", "smooth", "--memory", "1500M", "--aov", "--save-job", saved]
    assert main(["render", *plain, *options, *more]) == 0
    job = Job.load(saved)
    assert sorted(job.clean_plates) == [1004, 1006]
    assert job.clean_plates[1004].endswith("a.exr")
    assert job.holdout.path.endswith("held.####.exr")
    assert (job.solve["motion"], job.solve["remainder"], job.comp["aov"]) == ("planar", "smooth", True)
    assert job.run.memory == pytest.approx(1500 / 1024)
    for wrong in (["--clean-plate", "x=a.exr"], ["--clean-plate", "1004"], ["--memory", "lots"]):
        assert main(["render", *plain, *wrong]) == 2
    assert main(["render", *plain, "--preset", "paper", "--method", "ilvi"]) == 2
    assert "not in it" in capsys.readouterr().err
