"""`ilvi evaluate`: every run once, with its numbers, whatever happens in between."""

import dataclasses
import json
import shutil
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from ilvi_core import cli, solve
from ilvi_core.demo import make_clip
from ilvi_core.evaluate import measure, ours, run, store, watch
from ilvi_core.evaluate import record as record_file
from ilvi_core.evaluate.composed import compose
from ilvi_core.evaluate.consistency import consistency
from ilvi_core.evaluate.metrics import video_psnr, video_ssim
from ilvi_core.evaluate.run import Evaluation
from ilvi_core.evaluate.seam import seam_visibility
from ilvi_core.evaluate.suite_file import load_suite
from ilvi_core.evaluate.warping import visible_flow, warping_error
from ilvi_core.host.errors import Cancelled, IlviError, InputError
from ilvi_core.report import Report

SUITE = """
about: Two methods of ours and a peer.
clips: {street: "demo:1:3"}
mattes: {ball: "demo:2:3"}
sizes: [64x48]
solve: {patience: 0, precision: float32}
budgets: [{passes: 13}]
methods:
  DIP: {method: dip, budgets: [{passes: 2}]}
  Flow: {method: dip-vid-flow}
  Telea: {peer: telea}
"""


SHORT = SUITE.replace("passes: 13", "passes: 1")


class Asked(Report):
    """Stops at an update of the training, and keeps what it was told."""

    def __init__(self, at=None):
        self.at, self.told, self.warned = at, [], []

    def progress(self, phase, done, total, loss=None, left=None):
        if phase == "train" and self.at is not None and total > 10 and done >= self.at:
            self.at = -1

    def stop(self):
        return self.at == -1

    def info(self, text):
        self.told.append(text)

    def warning(self, code, text):
        self.warned.append(text)


def evaluate(folder, text=SUITE, report=None):
    folder.mkdir(exist_ok=True)
    (folder / "suite.yaml").write_text(text)
    return Evaluation(load_suite(str(folder / "suite.yaml")), folder / "out", "cpu", report or Report())


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """An evaluation that is done; tests that change it copy it."""
    folder = tmp_path_factory.mktemp("evaluation")
    evaluate(folder).run()
    return folder


@pytest.fixture
def copy(done, tmp_path):
    shutil.copytree(done, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def solves(monkeypatch):
    """The methods that are solved from here on."""
    found = []
    train = run.train
    monkeypatch.setattr(
        run, "train", lambda clip, variant, *rest: found.append(variant.label) or train(clip, variant, *rest)
    )
    for name, peer in run.PEERS.items():
        monkeypatch.setitem(run.PEERS, name, lambda *given, name=name, peer=peer: found.append(name) or peer(*given))
    return found


def results_of(folder):
    return json.loads((folder / "out" / "results.json").read_text())


def test_results_hold_every_run_with_its_numbers_and_where_they_come_from(done):
    results = results_of(done)
    assert results["finished"]
    assert [(r["clip"], r["method"], r["status"]) for r in results["runs"]] == [
        ("street+ball@64x48", name, "done") for name in ("DIP", "Flow", "Telea")
    ]
    names = {column["name"] for column in results["measured"]}
    for record in results["runs"]:
        peer = record["method"] == "Telea"
        assert set(record["metrics"]) == names
        lacking = {name for name, value in record["metrics"].items() if value is None}
        assert lacking == {"fid", "fid_frame", *(("psnr_known", "ssim_known") if peer else ())}
        assert all(record["notes"][name] for name in ("fid", "consistency_psnr", "warp", "seam"))
        assert record["peak_bytes"] > 50e6
        assert 0 < record["seconds"] < 120
        assert {"ilvi", "torch", "numpy", "opencv", "python"} <= record["versions"].keys()
        assert record["device"].startswith("cpu")
    assert [r["updates"] for r in results["runs"]] == [6, 13, None]
    assert [r["networks"] for r in results["runs"]] == [3, 1, None]
    clip = results["clips"][0]
    assert clip["size"] == [64, 48]
    assert clip["frames"] == 3
    assert 0 < clip["hole"] < clip["hole_largest"] < 0.5
    assert clip["half"] == "simple"
    assert results["methods"][1]["budget"] == {"passes": 13}


def test_numbers_are_those_of_the_frames_that_are_kept(done):
    footage = evaluate(done).suite.clips[0]
    clip = compose(footage.pair, footage.size)
    record = results_of(done)["runs"][1]
    fills = store.read_fills(done / "out" / "runs" / footage.id / "Flow", 3)
    result = store.result_of(clip, fills, True)
    assert np.array_equal(result[~clip.holes], clip.truth[~clip.holes])
    assert record["metrics"]["psnr"] == pytest.approx(video_psnr(result, clip.truth))
    assert record["metrics"]["ssim_hole"] == pytest.approx(video_ssim(result, clip.truth, clip.holes))
    assert record["metrics"]["psnr_known"] == pytest.approx(video_psnr(fills, clip.truth, ~clip.holes))
    assert record["metrics"]["psnr_hole"] > 10
    steady = consistency(result, clip.holes, seed=0)
    assert record["metrics"]["consistency_ssim"] == pytest.approx(steady.ssim)
    warp = warping_error(result, clip.holes, *visible_flow(clip.truth))  # along the truth's flow, not the plate's
    assert record["metrics"]["warp_hole"] == pytest.approx(warp.hole)
    assert record["metrics"]["seam"] == pytest.approx(seam_visibility(result, clip.holes).fine)
    assert {"prepare", "flow", "train", "fill"} <= record["phases"].keys()
    assert record["seconds"] == pytest.approx(sum(record["phases"].values()))
    assert any("fewer than a batch" in text for text in record["warnings"])


def test_runs_are_told_apart_by_all_that_their_fills_depend_on(done, monkeypatch):
    evaluation = evaluate(done)
    footage, (dip, flow, telea) = evaluation.suite.clips[0], evaluation.suite.variants
    keys = {v.label: evaluation._key(footage, v) for v in (dip, flow, telea)}
    assert len(set(keys.values())) == 3
    newer = dataclasses.replace(run.METHODS["dip"], version=99)
    with monkeypatch.context() as patch:
        patch.setitem(run.METHODS, "dip", newer)
        assert evaluation._key(footage, dip) != keys["DIP"]
        assert evaluation._key(footage, flow) == keys["Flow"]
    with monkeypatch.context() as patch:
        patch.setattr(run, "weight_hashes", lambda settings: {"vgg16": "another"})
        assert evaluation._key(footage, flow) != keys["Flow"]
    with monkeypatch.context() as patch:
        patch.setattr(run, "PEERS_VERSION", 99)
        assert evaluation._key(footage, telea) != keys["Telea"]
    other = dataclasses.replace(flow, settings={**flow.settings, "flow_weight": 0.5})
    assert evaluation._key(footage, other) != keys["Flow"]
    assert evaluation._key(footage, dataclasses.replace(flow, label="F", id="F", match_edge=False)) == keys["Flow"]


def test_a_second_run_solves_and_measures_nothing(copy, solves, monkeypatch):
    monkeypatch.setattr(run.Evaluation, "_measure", None)
    monkeypatch.setattr(run, "compose", None)  # the clips are not even read
    before = {p: p.stat().st_mtime_ns for p in (copy / "out" / "runs").rglob("*") if p.is_file()}
    report = Asked()
    results = evaluate(copy, report=report).run()
    assert solves == []
    assert report.told == ["3 runs, 0 of them new."]
    assert before == {p: p.stat().st_mtime_ns for p in (copy / "out" / "runs").rglob("*") if p.is_file()}
    assert len(results["runs"]) == 3


def test_another_composite_is_measured_anew_and_solves_nothing(copy, solves):
    before = results_of(copy)["runs"][1]
    after = evaluate(copy, SUITE + "match_edge: false\n").run()["runs"][1]
    assert solves == []
    assert after["metrics"]["psnr_hole"] != before["metrics"]["psnr_hole"]
    assert after["metrics"]["psnr_known"] == before["metrics"]["psnr_known"]
    assert [s["psnr_known"] for s in after["stages"]] == [s["psnr_known"] for s in before["stages"]]
    assert [s["psnr_hole"] for s in after["stages"]] != [s["psnr_hole"] for s in before["stages"]]


def test_another_seed_is_measured_anew_and_until_then_not_shown(copy, solves):
    before = results_of(copy)["runs"][1]["metrics"]
    other = evaluate(copy, SUITE + "seed: 7\n")
    assert other.gather()["runs"] == []
    after = evaluate(copy, SUITE + "seed: 7\n").run()["runs"][1]["metrics"]
    assert solves == []
    assert after["consistency_psnr"] != before["consistency_psnr"]
    assert after["psnr"] == before["psnr"]


def test_numbers_keep_the_commit_and_machine_that_made_them(copy):
    runs = copy / "out" / "runs" / "street+ball@64x48"
    for name, made in (("DIP", "aaa"), ("Flow", "bbb"), ("Telea", "aaa")):
        path = runs / name / "run.json"
        record = json.loads(path.read_text())
        record |= {"commit": made, "machine": {**record["machine"], "cpu": "of " + made}}
        path.write_text(json.dumps(record))
    results = evaluate(copy).run()
    assert results["commit"] == "aaa, bbb"
    assert results["machine"]["cpu"] == "of aaa, of bbb"
    assert results["written"]["commit"] not in ("aaa", "bbb")


def test_only_what_was_changed_is_solved_again(copy, solves):
    text = SUITE.replace("passes: 2}", "passes: 1}")
    evaluate(copy, text).run()
    assert solves == ["DIP"]
    evaluate(copy, text + "  Membrane: {peer: membrane}\n").run()
    assert solves == ["DIP", "membrane"]
    evaluate(copy, text.replace("demo:2:3", "demo:5:3").replace("passes: 13", "passes: 1")).run()
    assert solves[2:] == ["DIP", "Flow", "telea"]  # another matte: all of them


def test_a_changed_file_of_a_clip_is_noticed(tmp_path, solves):
    clip = make_clip(4, 64, 48, 1)
    for n, (truth, matte) in enumerate(zip(clip.truth, clip.matte, strict=True)):
        for name, picture in (("frames", truth), ("mattes", matte[..., None])):
            (tmp_path / name).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / name / f"{n:04}.png"), np.round(picture[..., ::-1] * 255))
    text = SUITE[: SUITE.index("  DIP")].replace('"demo:1:3"', "frames").replace('"demo:2:3"', "mattes")
    text += "  Telea: {peer: telea}\n"
    evaluate(tmp_path, text).run()
    evaluate(tmp_path, text).run()
    assert solves == ["telea"]
    cv2.imwrite(str(tmp_path / "frames" / "0002.png"), np.full((48, 64, 3), 99, np.uint8))
    evaluate(tmp_path, text).run()
    assert solves == ["telea", "telea"]


def test_a_lost_or_broken_file_is_made_again(copy, solves):
    runs = copy / "out" / "runs" / "street+ball@64x48"
    (runs / "DIP" / "fill.0003.png").unlink()
    (runs / "Telea" / "run.json").write_text("{")
    evaluate(copy).run()
    assert solves == ["DIP", "telea"]


def test_a_run_that_another_row_has_done_is_taken_over(copy, solves):
    results = evaluate(copy, SUITE + "  Same: {method: dip, budgets: [{passes: 2}], vary: {seed: [0, 1]}}\n").run()
    assert solves == ["Same seed=1"]  # nought is what DIP has
    dip, _, _, same, _ = results["runs"]
    assert same["method"] == "Same-seed=0"
    assert same["metrics"] == dip["metrics"]
    assert same["seconds"] == dip["seconds"]
    assert results["seconds"] == pytest.approx(sum(r["seconds"] for r in results["runs"]) - dip["seconds"])
    runs = copy / "out" / "runs" / "street+ball@64x48"
    for name in ("fill.0002.png", "stages.npz", "features.npz"):
        assert (runs / "Same-seed=0" / name).read_bytes() == (runs / "DIP" / name).read_bytes()


def test_damaged_fills_are_solved_again_when_they_are_needed(copy, solves):
    path = copy / "out" / "runs" / "street+ball@64x48" / "Telea" / "fill.0002.png"
    path.write_bytes(path.read_bytes()[:99])
    results = evaluate(copy, SUITE + "seed: 7\n").run()
    assert solves == ["telea"]
    assert [r["status"] for r in results["runs"]] == ["done"] * 3


def test_a_failing_measure_is_a_failed_run(tmp_path, monkeypatch):
    text = SUITE[: SUITE.index("  DIP")] + "  Telea: {peer: telea}\n"
    measured = measure.Measurer.measure
    monkeypatch.setattr(measure.Measurer, "measure", lambda *given: 1 / 0)
    (record,) = evaluate(tmp_path, text).run()["runs"]
    assert record["status"] == "failed"
    assert "ZeroDivisionError" in record["error"]
    monkeypatch.setattr(measure.Measurer, "measure", measured)
    assert evaluate(tmp_path, text).run()["runs"][0]["status"] == "done"


def test_clips_that_cannot_be_read_are_all_named_before_anything_is_run(tmp_path, solves):
    text = SUITE.replace("clips: {", "clips: {gone: nowhere, lost: nothing, ")
    with pytest.raises(InputError) as caught:
        evaluate(tmp_path, text).run()
    assert solves == []
    assert "nowhere" in caught.value.message
    assert "nothing" in caught.value.message
    assert "--data DIR" in caught.value.hint


def test_the_report_so_far_does_without_a_clip_that_is_gone(copy, solves):
    report = Asked()
    results = evaluate(copy, SUITE.replace("clips: {", "clips: {gone: nowhere, "), report).gather()
    assert len(results["runs"]) == 3
    assert not results["finished"]
    assert any("gone+ball" in text for text in report.warned)


def test_a_new_measure_measures_again_and_solves_nothing(copy, solves, monkeypatch):
    monkeypatch.setattr(measure, "VERSION", 999)
    monkeypatch.setattr(measure.Measurer, "measure", lambda *given: ({"psnr": 1.0, "psnr_hole": 2.0}, {}))
    results = evaluate(copy).run()
    assert solves == []
    assert [r["metrics"]["psnr"] for r in results["runs"]] == [1.0] * 3


def test_a_stopped_run_goes_on_to_the_same_result(done, tmp_path, solves):
    with pytest.raises(Cancelled):
        evaluate(tmp_path, report=Asked(at=12)).run()
    assert solves == ["DIP", "Flow"]
    partial = results_of(tmp_path)
    assert not partial["finished"]
    assert [r["method"] for r in partial["runs"]] == ["DIP"]
    evaluate(tmp_path).run()
    assert solves == ["DIP", "Flow", "Flow", "telea"]
    for name in ("fill.0001.png", "fill.0003.png"):
        path = f"out/runs/street+ball@64x48/Flow/{name}"
        assert (tmp_path / path).read_bytes() == (done / path).read_bytes()
    here, there = results_of(tmp_path)["runs"][1], results_of(done)["runs"][1]
    assert [s["updates"] for s in here["stages"]] == [s["updates"] for s in there["stages"]]
    assert [s["psnr_hole"] for s in here["stages"]] == [s["psnr_hole"] for s in there["stages"]]
    assert not (tmp_path / "out/runs/street+ball@64x48/Flow" / ours.WORK).exists()


@pytest.mark.slow
def test_looks_of_other_work_are_not_taken(tmp_path):
    with pytest.raises(Cancelled):
        evaluate(tmp_path, report=Asked(at=12)).run()
    work = tmp_path / "out/runs/street+ball@64x48/Flow" / ours.WORK
    assert list((work / "looks").iterdir())
    for path in work.glob("checkpoint*"):
        path.unlink()  # killed before the first one
    record = evaluate(tmp_path, SUITE.replace("passes: 13", "passes: 9")).run()["runs"][1]
    assert record["updates"] == 9
    assert record["stages"] == []


def test_seconds_are_of_every_process_that_was_at_it(tmp_path):
    for spent in (3.0, 4.0):
        looker = watch.Looker(tmp_path, 6)
        looker.begun(solve.Solved("cpu", "float32", seconds={"flow": spent, "train": 100.0}))
        looker.close()
    (tmp_path / "looks" / "end-1.json").write_text('{"frames": [1, 6], "updates": 5, "seconds": 9.0}')
    assert watch.Looker(tmp_path, 6).seconds() == {"flow": 7.0, "train": 9.0}


def test_a_failed_run_costs_no_other_one_and_is_tried_again(tmp_path, monkeypatch):
    train = run.train

    def fail(clip, variant, *rest):
        if variant.label == "DIP":
            raise IlviError("It broke.", "Mend it.")
        if variant.label == "Flow":
            raise ZeroDivisionError("by a mistake of ours")
        return train(clip, variant, *rest)

    monkeypatch.setattr(run, "train", fail)
    report = Asked()
    results = evaluate(tmp_path, SHORT, report).run()
    assert [r["status"] for r in results["runs"]] == ["failed", "failed", "done"]
    assert results["runs"][0]["error"] == "It broke. Mend it."
    assert "ZeroDivisionError" in results["runs"][1]["error"]
    assert "ZeroDivisionError" in (tmp_path / "out/runs/street+ball@64x48/Flow" / record_file.FAULT).read_text()
    assert len(report.warned) == 2
    assert results["finished"]
    monkeypatch.setattr(run, "train", train)
    assert [r["status"] for r in evaluate(tmp_path, SHORT).run()["runs"]] == ["done"] * 3
    assert not (tmp_path / "out/runs/street+ball@64x48/Flow" / record_file.FAULT).exists()


def test_windows_longer_than_the_clip_are_left_out_and_named(tmp_path):
    text = SHORT.replace("Flow: {method: dip-vid-flow}", "Flow: {method: dip-vid, vary: {window: [2, 25]}}")
    results = evaluate(tmp_path, text.replace("  DIP: {method: dip, budgets: [{passes: 2}]}\n", "")).run()
    assert [r["method"] for r in results["runs"]] == ["Flow-window=2", "Telea"]
    assert results["runs"][0]["networks"] == 2
    assert results["left_out"] == [
        {
            "clip": "street+ball@64x48",
            "method": "Flow-window=25",
            "why": "the clip has 3 frames, fewer than a window of 25",
        }
    ]
    assert results["finished"]


def test_stages_and_features_are_those_of_the_middle_frame(done):
    folder = done / "out" / "runs" / "street+ball@64x48"
    stages = store.read_stages(folder / "Flow")
    assert int(stages["frame"]) == 1
    assert stages["updates"].tolist() == [10, 13]  # at 1/32, 1/16, ... of the updates, but never before ten of them
    assert stages["pictures"].shape == (2, 48, 64, 3)
    assert stages["flow"].shape == (2, 48, 64, 2)
    assert np.isfinite(stages["flow"]).all()
    fill = store.read_fills(folder / "Flow", 3)[1]
    assert np.abs(stages["pictures"][-1] / 255 - fill).max() < 1 / 255
    assert np.abs(stages["pictures"][0] / 255 - fill).mean() > 0.003
    features = store.read_features(folder / "Flow")
    assert features["frames"].tolist() == [0, 1, 2]
    assert features["encoder"].shape[2:] == (4, 4)  # of the padded 128x128
    alone = store.read_features(folder / "DIP")
    assert alone["frames"].tolist() == [1]
    assert "flow" not in store.read_stages(folder / "DIP")
    assert store.read_stages(folder / "Telea") is None


@pytest.mark.slow
def test_looking_does_not_change_what_is_learned(done, tmp_path, monkeypatch):
    monkeypatch.setattr(watch.Looker, "after", lambda *given: None)
    evaluate(tmp_path).run()
    path = "out/runs/street+ball@64x48/Flow/fill.0002.png"
    assert (tmp_path / path).read_bytes() == (done / path).read_bytes()
    assert results_of(tmp_path)["runs"][1]["stages"] == []


@pytest.mark.slow
def test_the_time_that_looking_takes_is_not_the_methods(tmp_path, monkeypatch):
    """A clock that an hour is added to at each look."""
    hours, glimpse = [], watch.glimpse
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + 3600 * len(hours))
    monkeypatch.setattr("ilvi_core.train.time", clock)
    monkeypatch.setattr("ilvi_core.solve.time", clock)
    monkeypatch.setattr(watch, "time", clock)
    monkeypatch.setattr(watch, "glimpse", lambda trainer: hours.append(1) or glimpse(trainer))
    record = evaluate(tmp_path).run()["runs"][1]
    assert len(hours) > 2
    assert len(record["stages"]) == 1
    assert record["phases"]["train"] < 600
    assert record["seconds"] < 600
    assert record["stages"][-1]["seconds"] < 600


@pytest.mark.slow
def test_a_budget_of_seconds_buys_updates_once(tmp_path, monkeypatch):
    monkeypatch.setattr(ours.Trainer, "time_updates", lambda *given: 0.7)
    text = SUITE.replace("budgets: [{passes: 13}]", "budgets: [{seconds: 10}]")
    with pytest.raises(Cancelled):
        evaluate(tmp_path, text, Asked(at=12)).run()
    monkeypatch.setattr(ours.Trainer, "time_updates", None)  # a run that goes on keeps what it was given
    assert [r["updates"] for r in evaluate(tmp_path, text).run()["runs"]] == [6, 14, None]


def test_two_cannot_write_one_evaluation(copy):
    from ilvi_core.files import lock

    with lock(copy / "out"), pytest.raises(InputError, match="Another ILVI"):
        evaluate(copy).run()


def test_the_command(copy, capsys, solves, monkeypatch):
    monkeypatch.chdir(copy)
    assert cli.main(["evaluate", "suite.yaml", "-o", "out", "--device", "cpu"]) == 0
    assert solves == []
    shown = capsys.readouterr()
    assert shown.out.strip().endswith("report.html")
    assert "3 runs, 0 of them new" in shown.err
    page = (copy / "out" / "report.html").read_text()
    assert "Reported, other data" in page
    assert "ilvi evaluate suite.yaml -o out" in (copy / "out" / "summary.md").read_text()
    assert cli.main(["evaluate", "--list"]) == 0
    assert "procedural: " in capsys.readouterr().out
    assert cli.main(["evaluate", "suite.yaml"]) == 2
    assert "-o DIR is missing" in capsys.readouterr().err


def test_the_report_of_what_is_done_so_far(copy, capsys, solves):
    shutil.rmtree(copy / "out" / "runs" / "street+ball@64x48" / "Flow")
    assert cli.main(["evaluate", str(copy / "suite.yaml"), "-o", str(copy / "out"), "--report-only"]) == 0
    assert solves == []
    results = results_of(copy)
    assert not results["finished"]
    assert [r["method"] for r in results["runs"]] == ["DIP", "Telea"]


def test_a_failure_is_the_commands_exit_code(tmp_path, capsys, monkeypatch):
    def fail(*given):
        raise IlviError("It broke.", "Mend it.")

    monkeypatch.setitem(run.PEERS, "telea", fail)
    text = SUITE[: SUITE.index("  DIP")] + "  Telea: {peer: telea}\n"
    (tmp_path / "suite.yaml").write_text(text)
    assert cli.main(["evaluate", str(tmp_path / "suite.yaml"), "-o", str(tmp_path / "out")]) == 1
    assert "Failed: Telea on street+ball@64x48: It broke. Mend it." in capsys.readouterr().out


def test_fid_of_the_results_against_all_true_frames(copy, monkeypatch):
    """With weights of our making it is a number, of the right sets; torch-fidelity itself is tested elsewhere."""

    class Made:
        described = "made"

        def __init__(self, path, device):
            pass

        def features(self, frames):
            return frames.reshape(len(frames), -1)[:, :: 48 * 64].astype(np.float64)

    from ilvi_core.evaluate import inception
    from ilvi_core.evaluate.fid import fid_of_features

    monkeypatch.setattr(inception, "Extractor", Made)
    results = evaluate(copy).run()
    footage = load_suite(str(copy / "suite.yaml")).clips[0]
    clip = compose(footage.pair, footage.size)
    fills = store.read_fills(copy / "out" / "runs" / footage.id / "Flow", 3)
    made = Made(None, None)
    wanted = fid_of_features(made.features(store.result_of(clip, fills, True)), made.features(clip.truth), "made")
    assert results["runs"][1]["metrics"]["fid"] == pytest.approx(wanted.pooled)
    assert results["runs"][1]["metrics"]["fid_frame"] == pytest.approx(wanted.a_frame)
