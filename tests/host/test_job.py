"""Jobs: what they take, what they refuse and how they say it. Standard library and pytest only, Python 3.9 too."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from ilvi_core.host.errors import InputError
from ilvi_core.host.job import (
    LONGEST_RANGE,
    CompSettings,
    FrameRange,
    ImageSequence,
    Job,
    RunOptions,
    SolveSettings,
)


def a_job(**changes: object) -> Job:
    values = {"plate": ImageSequence("plate.####.exr"), "matte": ImageSequence("matte.mov", "mask"), "output": "out"}
    return Job(**{**values, **changes})  # type: ignore[arg-type]


def refused(text: str) -> InputError:
    """The error of a job file; it is one sentence and a hint."""
    with pytest.raises(InputError) as caught:
        Job.from_json(text, "x.json")
    message, hint = caught.value.message, caught.value.hint
    assert "\n" not in message
    assert message.endswith((".", "?"))
    assert hint.endswith(".")
    return caught.value


# --- frame ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1001-1060", (1001, 1060, 1)),
        ("1001-1060x2", (1001, 1060, 2)),
        ("1001-1060X2", (1001, 1060, 2)),
        ("1001-1060:2", (1001, 1060, 2)),
        (" 1001 - 1060 x 2 ", (1001, 1060, 2)),
        ("7", (7, 7, 1)),
        ("-5", (-5, -5, 1)),
        ("-5--2", (-5, -2, 1)),
        ("-5-2", (-5, 2, 1)),
        ("-5--2x3", (-5, -2, 3)),
        ("0001-0010", (1, 10, 1)),
    ],
)
def test_frame_range_parse(text: str, expected: tuple[int, int, int]) -> None:
    found = FrameRange.parse(text)
    assert (found.first, found.last, found.step) == expected
    assert FrameRange.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-", "a", "1001-", "1001x", "x2", "1-2-3", "1001..1060", "1-10x-1", "1,,3", "1.5-2", "1-10xx2"),
        *("[1, 3]", "1-10 20", "1\n2", "\u0661-\u0662", "9" * 5000),
    ],
)
def test_frame_range_garbage(text: str) -> None:
    with pytest.raises(InputError, match="is not a frame range") as caught:
        FrameRange.parse(text)
    assert "1001-1060x2" in caught.value.hint


def test_frame_range_reversed_absurd_and_step_0() -> None:
    with pytest.raises(InputError, match="1060-1001 is reversed") as caught:
        FrameRange.parse("1060-1001")
    assert "1001-1060" in caught.value.hint
    with pytest.raises(InputError, match="reversed"):
        FrameRange.parse("-2--5")
    with pytest.raises(InputError, match=f"has {LONGEST_RANGE + 1} frames"):
        FrameRange(1, LONGEST_RANGE + 1)
    assert len(FrameRange(1, LONGEST_RANGE).frames()) == LONGEST_RANGE
    with pytest.raises(InputError, match="step is 0"):
        FrameRange.parse("1-10x0")


def test_frame_range_trains_on_all_and_writes_some() -> None:
    found = FrameRange(-2, 5, 3)
    assert list(found.frames()) == [-2, -1, 0, 1, 2, 3, 4, 5]
    assert list(found.written()) == [-2, 1, 4]
    assert str(FrameRange(4, 4)) == "4"


# --- job files


def test_round_trip() -> None:
    job = a_job(
        frames=FrameRange(-5, 20, 2),
        preset="paper",
        solve={"method": "dip", "size": [64, 48], "noise": "0.2"},
        comp={"comp_feather": 1.5},
        run=RunOptions(device="cuda:1", resume=True, checkpoint_every=5.0),
    )
    text = job.to_json()
    again = Job.from_json(text)
    assert again.to_json() == text
    here = os.path.abspath
    plate, matte = ImageSequence(here("plate.####.exr")), ImageSequence(here("matte.mov"), "mask")
    assert again == dataclasses.replace(job, plate=plate, matte=matte, output=here("out"))
    whole_range = Job.from_json(a_job().to_json())
    assert whole_range.frames is None


def test_paths_are_absolute_and_mean_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    record = json.loads(a_job(plate=ImageSequence("~/plate"), output="out.png/").to_json())
    assert record["plate"]["path"] == str(tmp_path / "plate")
    assert record["output"] == os.path.join(os.path.abspath("out.png"), "")  # still a folder
    # an empty path must not quietly become the current folder
    assert json.loads(a_job(output="").to_json())["output"] == ""


def test_a_job_file_of_little() -> None:
    job = Job.from_json('{"ilvi_job": 1, "plate": {"path": "p"}, "matte": {"path": "m"}, "output": "o"}')
    assert (job.frames, job.preset, job.solve, job.comp, job.run) == (None, "draft", {}, {}, RunOptions())
    assert job.plate.layer == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ilvi_job": 2}, "x.json is a job of version 2; this ILVI reads version 1."),
        ({"ilvi_job": "1"}, "x.json is a job of version 1; this ILVI reads version 1."),
        ({"colour": 1}, "x.json has an unknown entry 'colour'."),
        ({"plate": None}, "x.json has 'None' as its plate, expected path and layer."),
        ({"matte": "m.exr"}, "x.json has 'm.exr' as its matte, expected path and layer."),
        ({"plate": {"layer": "rgba"}}, "'path' is missing."),
        ({"plate": {"path": 5}}, "path is '5', expected text."),
        ({"plate": {"path": "p", "leyer": ""}}, "There is no setting 'leyer'. Did you mean 'layer'?"),
        ({"output": 5}, "output is '5', expected text."),
        ({"frames": "9-1"}, "Frame range 9-1 is reversed."),
        ({"frames": [1, 2]}, "'[1, 2]' is not a frame range."),
        ({"preset": "drafty"}, "There is no preset 'drafty'."),
        ({"preset": ["draft"]}, "There is no preset '['draft']'."),
        ({"solve": {"learning_rat": 1}}, "There is no setting 'learning_rat'. Did you mean 'learning_rate'?"),
        ({"solve": {"seed": 1.5}}, "seed is '1.5', expected a whole number."),
        ({"solve": None}, "'None' is no set of settings."),
        ({"comp": {"comp_fether": 1}}, "There is no setting 'comp_fether'. Did you mean 'comp_feather'?"),
        ({"comp": {"solve_dilate": 1}}, "There is no setting 'solve_dilate'. Did you mean 'comp_dilate'?"),
        ({"run": {"device": "gpu"}}, "'gpu' is not a device."),
        ({"run": {"device": "cuda:0\n"}}, "'cuda:0\n' is not a device."),
        ({"run": None}, "'None' is no set of settings."),
    ],
)
def test_job_file_refused(change: dict[str, object], message: str) -> None:
    record = {**json.loads(a_job().to_json()), **change}
    if "\n" in message:
        with pytest.raises(InputError) as caught:
            Job.from_json(json.dumps(record), "x.json")
        assert caught.value.message == message
    else:
        assert refused(json.dumps(record)).message == message


@pytest.mark.parametrize("entry", ["plate", "matte", "output"])
def test_job_file_with_an_entry_missing(entry: str) -> None:
    record = json.loads(a_job().to_json())
    del record[entry]
    assert refused(json.dumps(record)).message == f"x.json has no '{entry}'."


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "{}", '{"plate": {}}', "[" * 100_000])
def test_not_a_job_file(text: str) -> None:
    assert refused(text).message.startswith("x.json is not a job file")


def test_load(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "job.json"
    a_job().save(path)
    assert Job.load(path).to_json() == a_job().to_json()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as Notepad leaves it
    assert Job.load(path).to_json() == a_job().to_json()
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Job.load(tmp_path / "nowhere.json")
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match="cannot be read: it is not text"):
        Job.load(path)
    with pytest.raises(InputError, match="cannot be read"):
        Job.load(tmp_path)


def test_save_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "job.json"
    a_job(preset="paper").save(path)
    before = path.read_text()
    real = Path.write_text

    def disk_full(self: Path, data: str, **options: str) -> int:
        real(self, data[:20], **options)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", disk_full)
        with pytest.raises(InputError, match="cannot be written: No space left on device"):
            a_job().save(path)
    assert path.read_text() == before
    assert os.listdir(tmp_path) == ["job.json"]

    def refuse(source: object, target: object) -> None:
        assert path.read_text() == before  # the old one is whole until the new one is
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse)
        with pytest.raises(InputError, match="cannot be written: Permission denied"):
            a_job().save(path)
    assert path.read_text() == before
    assert os.listdir(tmp_path) == ["job.json"]
    a_job().save(path)
    assert Job.load(path).preset == "draft"
    assert os.listdir(tmp_path) == ["job.json"]


def test_save_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file" / "job.json", tmp_path):
        with pytest.raises(InputError, match="cannot be written") as caught:
            a_job().save(target)
        assert caught.value.hint == "Choose another place."
    assert os.listdir(tmp_path) == ["file"]


# --- settings


def test_defaults_are_the_paper_s() -> None:
    s = SolveSettings()
    assert (s.batch, s.updates_per_batch, s.epochs, s.learning_rate, s.size) == (5, 100, 20, 0.01, (384, 192))
    weights = (s.reconstruction_weight, s.flow_weight, s.consistency_weight, s.perceptual_weight)
    assert weights == (1, 0.1, 1, 0.01)
    assert (s.noise, s.intervals, s.dip_updates, s.keep_best_every) == (0.1, (1, 3, 5), 5000, 100)
    assert s.perceptual_layers == ("relu1_2", "relu2_2", "relu3_3")
    assert (s.method, s.precision, s.flow_input) == ("dip-vid-flow", "float32", "plate")
    assert (s.initialisation, s.directions, s.loss_average, s.weight_average) == ("lecun", "one", "mask", 0)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("method", "dipvid", "method is 'dipvid'."),
        ("region", "", "region is ''."),
        ("precision", "half", "precision is 'half'."),
        ("seed", -1, "seed is -1, expected 0 to 2147483647."),
        ("noise", 0, "noise is 0.0, expected 1e-06 to 1000."),
        ("noise", float("nan"), "noise is 'nan', expected a number."),
        ("noise", 10**400, f"noise is '{10**400}', expected a number."),
        ("batch", 0, "batch is 0, expected 1 to 256."),
        ("batch", True, "batch is 'True', expected a whole number."),
        ("batch", None, "batch is 'None', expected a whole number."),
        ("epochs", "", "epochs is '', expected a whole number."),
        ("matte_invert", "maybe", "matte_invert is 'maybe', expected true or false."),
        ("matte_invert", 1, "matte_invert is '1', expected true or false."),
        ("matte_channel", 3, "matte_channel is '3', expected text."),
        ("matte_threshold", 1, "matte_threshold is 1.0, expected 0 to 0.999."),
        ("weight_average", 1, "weight_average is 1.0, expected 0 to 0.999999."),
        ("directions", "forward", "directions is 'forward'."),
        ("initialisation", "xavier", "initialisation is 'xavier'."),
        ("loss_average", "sum", "loss_average is 'sum'."),
        ("size", "384", "size is [384], expected width and height."),
        ("size", "384xtall", "size is '384xtall', expected whole numbers, comma between."),
        ("size", 384, "size is '384', expected whole numbers, comma between."),
        ("size", (15, 384), "size is 15, expected 16 to 8192."),
        ("intervals", (1, 2), "intervals holds 2; the flow branch has 1, 3 and 5 only."),
        ("intervals", (), "intervals must name each interval once, and at least one."),
        ("intervals", "1,1", "intervals must name each interval once, and at least one."),
        ("perceptual_layers", "relu9_9", "perceptual_layers holds 'relu9_9'."),
    ],
)
def test_solve_settings_refuse(name: str, value: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        SolveSettings(**{name: value})  # type: ignore[arg-type]
    assert caught.value.message == message
    assert caught.value.hint.endswith(".")


def test_every_number_has_limits() -> None:
    for kind in (SolveSettings, CompSettings, RunOptions):
        for item in dataclasses.fields(kind):
            if item.type in ("int", "float"):
                for value in (-1, 1e18):
                    with pytest.raises(InputError, match=f"^{item.name} is .*, expected "):
                        kind(**{item.name: value})


def test_devices() -> None:
    for name in ("auto", "cpu", "cuda", "cuda:1", "mps"):
        assert RunOptions(device=name).device == name
    for name in ("", "CPU", "cuda:", "cuda:x", "cuda1", " cpu"):
        with pytest.raises(InputError, match="is not a device"):
            RunOptions(device=name)


def test_a_job_checks_its_settings() -> None:
    with pytest.raises(InputError, match="Did you mean 'perceptual_weight'"):
        a_job(solve={"perceptual_wieght": 1})
    with pytest.raises(InputError, match="comp_dilate is -1"):
        a_job(comp={"comp_dilate": -1})


@pytest.mark.parametrize(("name", "value"), [("view", "both"), ("format", "jpg")])
def test_what_is_shown_and_in_which_format_is_one_of_a_few(name, value):
    with pytest.raises(InputError, match=f"{name} is '{value}'"):
        CompSettings(**{name: value})
