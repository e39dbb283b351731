"""The report of an evaluation: its tables, its page, its summary; the page in a real browser too (slow)."""

from __future__ import annotations

import base64
import html.parser
import json
import re
import shutil
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from ilvi_core.evaluate import report, summary, tables
from ilvi_core.evaluate.composed import Composed
from ilvi_core.evaluate.store import FEATURES, STAGES, run_folder, write_arrays, write_fills
from ilvi_core.host.errors import InputError

MEASURED = (
    ("psnr", "PSNR", "dB", "higher"),
    ("ssim", "SSIM", "", "higher"),
    ("psnr_hole", "PSNR in the hole", "dB", "higher"),
    ("ssim_hole", "SSIM in the hole", "", "higher"),
    ("consistency_psnr", "Consistency PSNR", "dB", "higher"),
    ("consistency_ssim", "Consistency SSIM", "", "higher"),
    ("warp", "E_warp", "", "lower"),
    ("warp_hole", "E_warp in the hole", "", "lower"),
    ("seam", "Seam", "", "nearer 1"),
    ("seam_coarse", "Coarse seam", "", "nearer 1"),
    ("fid", "FID", "", "lower"),
    ("fid_frame", "FID a frame", "", "lower"),
    ("psnr_known", "PSNR, known region", "dB", "higher"),
    ("ssim_known", "SSIM, known region", "", "higher"),
)
NO_FID = "FID was not measured: There is not measured-inception in /weights."
HOSTILE = "<script>alert('x')</script> & \"co\""


def method(name: str, kind: str = "ours", label: str | None = None, **varied) -> dict:
    return {
        "id": "-".join([name, *map(str, varied.values())]),
        "label": " ".join([label or name.upper(), *(f"{k}={v}" for k, v in varied.items())]),
        "kind": kind,
        "method": name,
        "about": f"What {name} does.",
        "settings": dict(varied),
        "preset": "draft" if kind == "ours" else "",
        "budget": {"updates": 400} if kind == "ours" else {},
        "varied": varied,
        "family": label or name.upper(),
    }


def clip_record(name: str, complexity: float, half: str, size: tuple[int, int], frames: int) -> dict:
    return {
        "id": name,
        "name": name.split("@")[0],
        "size": list(size),
        "frames": frames,
        "hole": 0.08,
        "hole_largest": 0.11,
        "choices": ["centre crop", "area resize"],
        "complexity": {"total": complexity, "appearance": 0.02, "motion": complexity - 0.02, "described": "the sum"},
        "half": half,
    }


def run_record(clip: str, of: dict, quality: float) -> dict:
    """A run that is done. quality: dB of the whole frame; the rest follows from it."""
    ours = of["kind"] == "ours"
    metrics = {name: round(quality / 40, 4) for name, *_ in MEASURED if "ssim" in name}
    metrics |= {"psnr": quality, "psnr_hole": quality - 10, "consistency_psnr": quality - 5, "warp": 4e-4}
    metrics |= {"warp_hole": 9e-4, "seam": 30 / quality, "seam_coarse": 1.2, "fid": None, "fid_frame": None}
    metrics |= {"psnr_known": quality - 3 if ours else None, "ssim_known": 0.9 if ours else None}
    stages = [
        {
            "updates": n,
            "seconds": n / 6,
            "psnr": quality - 40 / n,
            "psnr_hole": quality - 10 - 60 / n,
            "psnr_known": 25.0,
        }
        for n in (10, 30, 100, 400)
    ]
    return {
        "clip": clip,
        "method": of["id"],
        "status": "done",
        "error": None,
        "metrics": metrics,
        "notes": {"fid": NO_FID} | ({} if ours else {"psnr_known": "a peer generates nothing there"}),
        "seconds": 70.0 + quality if ours else 0.4,
        "phases": {"flow": 3.0, "train": 60.0},
        "peak_bytes": 2**30,
        "updates": 400 if ours else None,
        "networks": 1 if ours else None,
        "device": "cpu",
        "versions": {},
        "commit": None,
        "made": "2026-01-02T03:04:05",
        "warnings": ["the working size is small"] if ours else [],
        "match_edge": ours,
        "stages": stages if ours else [],
    }


def evaluation(clips: list[dict], methods: list[dict], runs: list[dict], **suite) -> dict:
    return {
        "suite": {"name": "small", "about": "A made-up suite.", "seed": 3, "row": None, "players": 1, **suite},
        "finished": len(runs) == len(clips) * len(methods),
        "made": "2026-01-02T03:04:05",
        "seconds": sum(run["seconds"] for run in runs),
        "machine": {"device": "cpu", "cpu": "Some CPU", "platform": "Linux"},
        "versions": {"ilvi": "0.5", "python": "3.11", "torch": "2.9", "numpy": "2", "opencv": "4"},
        "commit": "0123456789abcdef0123",
        "clips": clips,
        "methods": methods,
        "measured": [
            dict(zip(("name", "title", "unit", "better"), m)) | {"described": f"How {m[0]} is"} for m in MEASURED
        ],
        "runs": runs,
        "left_out": [],
    }


def failed(run: dict, sentence: str) -> dict:
    return run | {"status": "failed", "error": sentence, "metrics": {}, "notes": {}, "stages": []}


def composed(name: str, size: tuple[int, int], count: int, seed: int) -> Composed:
    """A texture that moves to the left under a square hole that moves to the right."""
    width, height = size
    random = np.random.default_rng(seed)
    texture = cv2.resize(random.random((6, 2 + (width + 2 * count) // 8, 3), np.float32), (width + 2 * count, height))
    texture = np.clip(texture + 0.06 * random.standard_normal(texture.shape).astype(np.float32), 0, 1)
    holes = np.zeros((count, height, width), bool)
    for t in range(count):
        holes[t, height // 4 : height * 3 // 4, width // 4 + t : width // 2 + t] = True
    truth = np.stack([texture[:, 2 * t : 2 * t + width] for t in range(count)])
    return Composed(name, truth, holes, ("centre crop", "area resize"))


COMMAND = "ilvi evaluate small -o out"


class Folder:
    """An evaluation's folder with what its runs left, and the clips they were made of."""

    def __init__(self, at: Path, results: dict) -> None:
        self.at, self.results = at, results
        self.clips = {
            c["id"]: composed(c["id"], tuple(c["size"]), c["frames"], seed) for seed, c in enumerate(results["clips"])
        }
        kinds = {m["id"]: m for m in results["methods"]}
        for number, run in enumerate(results["runs"]):
            if run["status"] == "done":
                self._leave(run, kinds[run["method"]], number)

    def load(self, clip: str) -> Composed:
        return self.clips[clip]

    def write(self) -> str:
        return report.write_report(self.at, self.results, self.load, COMMAND).read_text(encoding="utf-8")

    def _leave(self, run: dict, of: dict, number: int) -> None:
        clip, random = self.clips[run["clip"]], np.random.default_rng(number)
        where = run_folder(self.at, run["clip"], run["method"])
        blurred = np.stack([cv2.GaussianBlur(f, (0, 0), 2 + number % 4) for f in clip.truth])
        write_fills(where, blurred)
        if of["kind"] != "ours":
            return
        count, height, width = clip.holes.shape
        middle, rows, columns = count // 2, -(-height // 64) * 2, -(-width // 64) * 2
        stages = {
            "frame": np.array(middle),
            "updates": np.array([10, 30, 100, 400]),
            "seconds": np.array([2.0, 5.0, 17.0, 66.0]),
            "pictures": np.stack(
                [(cv2.GaussianBlur(clip.truth[middle], (0, 0), s) * 255).astype(np.uint8) for s in (12, 6, 3, 1)]
            ),
        }
        if of["method"].endswith("flow"):
            wave = np.stack(np.meshgrid(np.linspace(-3, 1, width), np.linspace(0, 1, height)), axis=-1)
            stages["flow"] = np.stack([wave * n for n in (0.2, 0.6, 0.9, 1)]).astype(np.float16)
        write_arrays(where / STAGES, stages)
        near = [t for t in range(middle - 2, middle + 3) if 0 <= t < count]
        features = {
            "frames": np.array(near),
            "middle": np.array(near.index(middle)),
            "encoder": random.random((len(near), 8, rows, columns)).astype(np.float16),
            "top": np.array((rows * 32 - height) // 2),
            "left": np.array((columns * 32 - width) // 2),
        }
        if of["method"].endswith("flow") and height >= 32 and width >= 32:
            features["vgg"] = random.random((len(near), 8, height // 32, width // 32)).astype(np.float16)
        write_arrays(where / FEATURES, features)


SIZE, FRAMES = (64, 48), 9
CLIPS = [
    clip_record("walk+tennis@64x48", 0.30, "complex", SIZE, FRAMES),
    clip_record("bus@64x48", 0.1, "simple", SIZE, FRAMES),
]
METHODS = [method("dip"), method("dip-vid-flow"), method("telea", "peer")]
QUALITY = {
    ("dip", 0): 25.0,
    ("dip", 1): 27.0,
    ("dip-vid-flow", 0): 31.0,
    ("dip-vid-flow", 1): 34.0,
    ("telea", 0): 30.0,
    ("telea", 1): 28.0,
}


def runs_of(clips: list[dict], methods: list[dict], quality: dict) -> list[dict]:
    return [run_record(clips[c]["id"], next(m for m in methods if m["id"] == of), q) for (of, c), q in quality.items()]


@pytest.fixture
def small(tmp_path) -> Folder:
    return Folder(tmp_path, evaluation(CLIPS, METHODS, runs_of(CLIPS, METHODS, QUALITY)))


class Page(html.parser.HTMLParser):
    """Every tag with its attributes, and the text that is read, without scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._silent = ""
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._silent = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag):
        self._silent = ""

    def handle_data(self, data):
        if not self._silent:
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def texts(table: tables.Table) -> list[list[str]]:
    return [[row.label, *(f"*{c.text}*" if c.best else c.text for c in row.cells)] for row in table.rows]


def results_of(quality: dict) -> dict:
    return evaluation(CLIPS, METHODS, runs_of(CLIPS, METHODS, quality))


# Tables


def test_table_1_means_over_clips():
    table = tables.table_1(results_of(QUALITY))
    assert [c.name for c in table.columns] == ["fid", "consistency_psnr", "consistency_ssim", "psnr", "ssim"]
    assert texts(table) == [
        ["DIP", "not measured", "21.00", "0.650", "26.00", "0.650"],
        ["DIP-VID-FLOW", "not measured", "*27.50*", "*0.812*", "*32.50*", "*0.812*"],
        ["TELEA", "not measured", "24.00", "0.725", "29.00", "0.725"],
    ]
    assert table.notes == (NO_FID,)


def test_table_2_divides_by_complexity():
    table = tables.table_2(results_of(QUALITY))
    assert [title for title, _ in table.groups] == ["All", "Complex", "Simple"]
    assert texts(table)[1] == ["DIP-VID-FLOW", "*32.50*", "*0.812*", "*31.00*", "*0.775*", "*34.00*", "*0.850*"]
    assert texts(table)[2][1::2] == ["29.00", "30.00", "28.00"]


def test_a_half_without_clips_is_empty_and_says_nothing_wrong():
    results = evaluation(CLIPS[1:], METHODS, runs_of(CLIPS[1:], METHODS, {("dip", 0): 25.0}))
    (row,) = tables.table_2(results).rows
    assert [cell.text for cell in row.cells] == ["25.00", "0.625", "–", "–", "25.00", "0.625"]
    assert not any(cell.best for cell in row.cells), "the only one is not the best of anything"


def test_what_the_paper_reports_is_the_papers():
    like = tables.table_1(results_of(QUALITY))
    reported = texts(tables.reported(tables.REPORTED_1, like))
    assert reported[0] == ["DIP", "22.3", "18.8", "0.532", "25.2", "0.926"]
    assert reported[3] == ["DIP-Vid-Flow", "10.4", "28.1", "0.895", "32.1", "0.969"]
    second = texts(tables.reported(tables.REPORTED_2, tables.table_2(results_of(QUALITY))))
    assert second[3] == ["Huang et al.", "32.3", "0.971", "31.6", "0.968", "33.0", "0.974"]
    assert [len(row) for row in second] == [7] * 5


def test_a_method_of_fewer_clips_says_so_and_is_not_best():
    quality = {key: value for key, value in QUALITY.items() if key != ("dip-vid-flow", 0)}
    table = tables.table_1(results_of(quality))
    assert [row.note for row in table.rows] == ["", "1 of 2 clips", ""]
    assert [line[4] for line in texts(table)] == ["26.00", "34.00", "*29.00*"]
    assert tables.UNEVEN in table.notes


def test_failed_runs_do_not_count():
    results = results_of(QUALITY)
    results["runs"][0] = failed(results["runs"][0], "No memory.")
    assert texts(tables.table_1(results))[0][4] == "27.00"
    assert tables.table_1(results).rows[0].note == "1 of 2 clips"


def test_a_value_missing_on_a_clip_has_a_note():
    results = results_of(QUALITY)
    results["runs"][0]["metrics"]["warp_hole"] = None
    results["runs"][0]["notes"]["warp_hole"] = "nothing visible in the hole"
    table = tables.full_table(results)
    assert "E_warp in the hole: measured on 1 of 2 clips. nothing visible in the hole" in table.notes


def test_the_full_table_has_every_measure_and_its_cost():
    table = tables.full_table(results_of(QUALITY))
    line = dict(zip([c.name for c in table.columns], texts(table)[1][1:], strict=True))
    assert list(line) == [name for name, *_ in MEASURED] + ["seconds", "updates", "peak_bytes"]
    assert (line["warp"], line["seam_coarse"]) == ("4.00", "1.20"), "in 1e-4; where all are equal nothing is best"
    assert line["seam"] == "0.93"
    assert (line["updates"], line["peak_bytes"], line["seconds"]) == ("400", "1.00", "102")
    peer = dict(zip(line, texts(table)[2][1:], strict=True))
    assert (peer["psnr_known"], peer["updates"], peer["seconds"], peer["seam"]) == ("–", "–", "0.40", "*1.04*")


@pytest.mark.parametrize(
    ("better", "ordered"),
    [("higher", [3.0, 2.0, 1.0]), ("lower", [0.1, 0.2, 3.0]), ("nearer 1", [0.9, 1.2, 0.5, 2.5, 0.0])],
)
def test_rank(better, ordered):
    sorted_by_value = sorted(ordered)
    assert sorted(sorted_by_value, key=lambda value: tables.rank(better, value)) == ordered


def test_ordering_is_over_common_clips():
    quality = {key: value for key, value in QUALITY.items() if key != ("telea", 1)}
    ordered, clips = tables.ordering(results_of(quality), "psnr_hole")
    assert clips == [CLIPS[0]["id"]]
    assert ordered == [("DIP-VID-FLOW", 21.0), ("TELEA", 20.0), ("DIP", 15.0)]


# The page


def test_the_page_stands_alone(small):
    text = small.write()
    page = Page(text)
    assert "http://" not in text
    assert "https://" not in text
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), f"{tag} {name}={value[:80]}"
    assert "@import" not in text
    assert "url(" not in text.split("<svg")[0].split("<body")[0]
    assert all(image["alt"] for image in page.all("img"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids)), "ids clash"
    assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text)) <= set(ids), "points at nothing"
    assert not list(small.at.glob(".tmp_*"))


def test_the_page_has_the_numbers_and_marks_what_is_reported(small):
    page = Page(small.write())
    assert page.text.count("Reported, other data.") == 2
    assert page.text.count("Not comparable in absolute terms") == 2
    for number in ("32.50", "0.812", "not measured", "22.3", "33.0", "0.974"):
        assert number in page.text
    assert NO_FID in page.text
    assert "Players for 1 of 2 clips." in page.text
    assert "6 done, 0 failed, 0 missing, of 6" in page.text
    assert "unfinished" not in page.text
    assert "no method that is done varies its window" in page.text
    assert "VGG16, pool5" in page.text
    assert "How psnr_hole is" in page.text
    assert "the working size is small (4 runs)" in page.text


def test_hostile_names_are_text(tmp_path):
    clips = [{**CLIPS[0], "name": HOSTILE, "choices": [HOSTILE], "half": HOSTILE}, CLIPS[1]]
    methods = [method("dip", label=HOSTILE), method("dip-vid-flow", label="$\\alpha_1", window=5), METHODS[2]]
    methods += [method("dip", label=HOSTILE, noise=HOSTILE)]
    methods[3]["id"] = "odd"
    quality = {("dip", 0): 25.0, ("dip-vid-flow-5", 0): 30.0, ("telea", 1): 28.0, ("odd", 0): 28.0, ("odd", 1): 20.0}
    runs = runs_of(clips, methods, quality)
    runs[1]["warnings"] = [HOSTILE]
    runs[2] = failed(runs[2], HOSTILE)
    results = evaluation(clips, methods, runs, name=HOSTILE, about=HOSTILE)
    results["machine"]["cpu"] = HOSTILE
    text = Folder(tmp_path, results).write()
    assert "<script>alert" not in text
    assert Page(text).text.count("<script>alert('x')</script>") >= 8
    assert "$\\alpha_1" in Page(text).text
    assert [s.get("type") for s in Page(text).all("script")] == ["application/json", None]


def test_unfinished_and_failed_are_said_at_the_top(tmp_path):
    runs = runs_of(CLIPS, METHODS, dict(list(QUALITY.items())[:4]))
    runs[0] = failed(runs[0], "The device has no memory left. Use a smaller size.")
    text = Page(Folder(tmp_path, evaluation(CLIPS, METHODS, runs)).write()).text
    top = text.split("See for yourself")[0]
    assert "This evaluation is unfinished. 2 of 6 runs have not been made." in top
    assert "1 run failed. walk+tennis@64x48, DIP: The device has no memory left. Use a smaller size." in top


def test_nothing_done_is_still_a_page(tmp_path):
    page = Page(Folder(tmp_path, evaluation(CLIPS, METHODS, [])).write())
    assert "No run is done." in page.text
    assert COMMAND in page.text
    assert page.text.count("No chart:") == 4
    assert "There is no player" in page.text


def test_a_lost_fill_is_said_and_the_rest_shown(small):
    shutil.rmtree(run_folder(small.at, CLIPS[0]["id"], "dip"))
    page = Page(small.write())
    assert "Not everything could be shown. walk+tennis@64x48, DIP cannot be shown" in page.text
    assert "no reason" not in page.text


def test_a_clip_that_cannot_be_read_is_said(small):
    def load(clip: str) -> Composed:
        raise InputError("The clip is gone.", "Bring it back.")

    page = Page(report.write_report(small.at, small.results, load, COMMAND).read_text(encoding="utf-8"))
    assert "walk+tennis@64x48 cannot be shown: The clip is gone. Bring it back." in page.text


def test_figures_of_windows_and_settings(tmp_path):
    methods = [method("dip-vid", window=k) for k in (1, 5, 25)] + [method("dip"), method("dip", learning_rate=0.1)]
    quality = {(m["id"], c): 25.0 + n for n, m in enumerate(methods) for c in (0, 1)}
    text = Folder(tmp_path, evaluation(CLIPS, methods, runs_of(CLIPS, methods, quality))).write()
    chart = text.split('id="windows"')[1].split("</svg>")[0]
    for tick in (1, 5, 25):
        assert f">{tick}</text>" in chart
    settings = Page(text.split('id="settings"')[1].split("</section>")[0])
    assert "learning_rate=0.1" in settings.text
    assert "as it is" in settings.text
    assert "4 methods that only vary a setting are left out." in Page(text).text


def test_a_player_has_every_frame_whole(small):
    small.write()
    page = (small.at / "report.html").read_text(encoding="utf-8")
    player = json.loads(page.split('id="player-data">')[1].split("</script>")[0])
    (clip,) = player["clips"]
    assert clip["start"] == "dip-vid-flow"
    assert set(clip["results"]) == {"dip", "dip-vid-flow", "telea"}
    assert clip["results"]["dip"]["note"] == "15.00 dB in the hole · 25.00 dB whole frame"
    data = np.frombuffer(base64.b64decode(clip["truth"].split(",")[1]), np.uint8)
    sheet = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1] / 255
    (width, height), (wide, high) = clip["size"], clip["cell"]
    for t, frame in enumerate(small.clips[clip["id"]].truth):
        top, left = t // clip["across"] * high, t % clip["across"] * wide
        assert (
            np.abs(sheet[top : top + height, left : left + width] - frame).mean() < 0.04
        )  # its noise is what JPEG drops; another frame is 0.07 off
    assert len(clip["outline"]) == FRAMES
    x, y = np.array(clip["outline"][0][0]).reshape(-1, 2).T / 2
    assert (x.min(), x.max(), y.min(), y.max()) == (16, 31.5, 12, 35.5)


def test_no_players_are_asked_for(tmp_path):
    results = evaluation(CLIPS, METHODS, runs_of(CLIPS, METHODS, QUALITY), players=0)
    page = Page(Folder(tmp_path, results).write())
    assert "Players for 0 of 2 clips." in page.text
    assert "the suite asks for none" in page.text


@pytest.mark.parametrize("library", ["jinja2", "matplotlib"])
def test_a_missing_library_is_said(small, monkeypatch, library):
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        InputError, match=rf"{library} is not installed\. Install it with: pip install 'ilvi\[evaluate\]'"
    ):
        report.check_libraries()
    with pytest.raises(InputError, match="is not installed"):
        small.write()


def test_what_was_left_out_is_not_missing(small):
    results = {**small.results, "runs": small.results["runs"][:-1], "finished": True}
    results["left_out"] = [{"clip": CLIPS[1]["id"], "method": "telea", "why": "the clip is too short"}]
    small.results = results
    page = Page(small.write())
    assert "5 done, 0 failed, 0 missing, of 5; 1 left out" in page.text
    assert "bus@64x48, TELEA: the clip is too short" in page.text
    assert "unfinished" not in page.text


def test_how_a_run_measured_is_told_with_the_measure(small):
    small.results["runs"][0]["notes"]["warp"] = "7 of 8 pairs"
    assert "How warp is. On walk+tennis@64x48: 7 of 8 pairs." in Page(small.write()).text


# The summary


def test_the_summary(small):
    summary.write_summary(small.at, small.results, small.load, COMMAND)
    text = (small.at / "summary.md").read_text(encoding="utf-8")
    assert "By PSNR in the hole, the mean over 2 clips: DIP-VID-FLOW (22.50 dB) &gt; " not in text
    assert (
        "By PSNR in the hole, the mean over 2 clips: DIP-VID-FLOW (22.50 dB) > TELEA (19.00 dB) > DIP (16.00 dB)."
        in text
    )
    assert "| DIP-VID-FLOW | **22.50** | **0.812** | **32.50** |" in text
    assert "not measured" in text
    assert "    ilvi evaluate small -o out" in text
    assert "Device: cpu (Some CPU, Linux)" in text
    assert "![Frames 3, 4, 6, 7 of walk+tennis@64x48" in text
    sheet = cv2.imread(str(small.at / "summary.png"))
    assert sheet.shape[1] > 4 * SIZE[0]
    assert sheet.shape[0] > 5 * SIZE[1]


def test_the_summary_of_what_is_not_whole(tmp_path):
    runs = runs_of(CLIPS, METHODS, {("dip", 1): 25.0, ("telea", 0): 22.0})
    runs[0] = failed(runs[0], "Bad | luck.")
    folder = Folder(tmp_path, evaluation(CLIPS, METHODS, runs))
    summary.write_summary(folder.at, folder.results, folder.load, "x")
    text = (folder.at / "summary.md").read_text(encoding="utf-8")
    assert "**Unfinished:** 4 of 6 runs have not been made." in text
    assert "- bus@64x48, DIP: Bad \\| luck." in text
    assert "TELEA (1 of 2 clips)" in text


# The page in a browser


def browser(folder: Path):
    """Headless Chromium that logs its console and every request it tries."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not there")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"user-data-dir={folder}",
        "window-size=1366,768",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


def picture_of(driver, canvas: str) -> bytes:
    return base64.b64decode(
        driver.execute_script(f"return document.getElementById('{canvas}').toDataURL()").split(",")[1]
    )


def full_page(driver, path: Path) -> None:
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
    path.write_bytes(base64.b64decode(shot["data"]))


@pytest.mark.slow
def test_the_page_in_chromium(small, tmp_path_factory):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import Select, WebDriverWait

    small.write()
    place = tmp_path_factory.mktemp("browser")
    driver = browser(place / "profile")
    try:
        driver.get("about:blank")
        driver.get_log("performance")  # the browser's own start page
        driver.get((small.at / "report.html").as_uri())
        blank = picture_of(driver, "result")
        WebDriverWait(driver, 20).until(lambda d: picture_of(d, "truth") != blank)
        time.sleep(0.3)
        first = picture_of(driver, "result")
        slider = driver.find_element(By.ID, "frame")
        said = driver.find_element(By.ID, "frame-text")
        assert said.text == "frame 5 of 9"
        slider.send_keys(Keys.ARROW_RIGHT)
        assert said.text == "frame 6 of 9"
        second = picture_of(driver, "result")
        assert second != first
        driver.find_element(By.ID, "player").send_keys(Keys.ARROW_RIGHT)
        assert said.text == "frame 7 of 9"
        driver.find_element(By.ID, "player").send_keys(Keys.HOME)
        assert said.text == "frame 1 of 9"
        Select(driver.find_element(By.ID, "method")).select_by_visible_text("TELEA")
        WebDriverWait(driver, 20).until(lambda d: "20.00 dB in the hole" in d.find_element(By.ID, "score").text)
        plain = picture_of(driver, "plate")
        driver.find_element(By.ID, "outline").click()
        assert picture_of(driver, "plate") != plain
        driver.find_element(By.ID, "play").click()
        WebDriverWait(driver, 20).until(lambda d: said.text not in ("frame 1 of 9", "frame 2 of 9"))
        driver.find_element(By.ID, "play").click()
        stopped = said.text
        time.sleep(0.4)
        assert said.text == stopped
        assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"), (
            "wider than the window"
        )
        full_page(driver, place / "light.png")
        driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        )
        full_page(driver, place / "dark.png")
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        pdf = base64.b64decode(driver.print_page())
        assert pdf.startswith(b"%PDF")
        assert len(pdf) > 20_000
        assert driver.get_log("browser") == []
        tried = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        urls = [m["params"]["request"]["url"] for m in tried if m["method"] == "Network.requestWillBeSent"]
        assert [url for url in urls if not url.startswith(("data:", "file:"))] == []
        assert len([url for url in urls if url.startswith("file:")]) == 1
    finally:
        driver.quit()
    for name in ("light.png", "dark.png"):
        assert cv2.imread(str(place / name)).shape[1] >= 1300
