"""The commands: help that reads, presets, weights, doctor, bench, demo; and the progress line."""

import dataclasses
import io
import json
import os
import subprocess
import sys

import cv2
import pytest
import torch

from ilvi_core import console
from ilvi_core.cli import main
from ilvi_core.host.job import CompSettings, SolveSettings
from ilvi_core.report import duration


@pytest.fixture(autouse=True)
def own_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("ILVI_WEIGHTS", str(tmp_path / "weights"))


def helped(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--help"])
    assert stop.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [(), ("demo",), ("render",), ("presets",), ("weights",), ("weights", "import"), ("bench",), ("doctor",)]
)
def test_every_command_explains_itself(command, capsys):
    text = helped(capsys, *command)
    assert "usage: ilvi" in text
    assert "%%" not in text
    assert "None" not in text.replace("None is needed", "")


def test_renders_help_names_every_option_of_the_readme(capsys):
    text = helped(capsys, "render")
    for option in (
        "--plate", "--matte", "--output", "--frames", "--method", "--preset", "--size", "--device", "--seed", "--set",
        "--save-job", "--matte-channel", "--matte-invert", "--matte-threshold", "--solve-dilate", "--comp-dilate",
        "--comp-feather", "--resume",
    ):  # fmt: skip
        assert option in text


def test_help_is_quick_it_loads_no_torch():
    code = "import sys; from ilvi_core.cli import main\ntry: main(['render', '--help'])\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules, 'cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"


def test_presets_prints_every_setting_with_its_meaning(capsys):
    assert main(["presets"]) == 0
    everything = capsys.readouterr().out
    for name in ("draft:", "production:", "paper:"):
        assert name in everything
    assert main(["presets", "paper"]) == 0
    text = capsys.readouterr().out
    for item in (*dataclasses.fields(SolveSettings), *dataclasses.fields(CompSettings)):
        line = next(line for line in text.splitlines() if line.startswith(f"  {item.name}: "))
        assert "# " in line
    assert "updates_per_batch: 100" in text
    assert "epochs: 20" in text


def test_the_paper_preset_is_the_papers(capsys):
    from ilvi_core.settings import preset

    assert preset("paper")["solve"] == {}
    assert preset("paper")["comp"] == {}
    paper = SolveSettings()
    assert (paper.batch, paper.updates_per_batch, paper.epochs, paper.learning_rate) == (5, 100, 20, 0.01)
    assert paper.size == (384, 192)
    weights = (paper.reconstruction_weight, paper.flow_weight, paper.consistency_weight, paper.perceptual_weight)
    assert weights == (1, 0.1, 1, 0.01)
    assert paper.noise == 0.1
    assert paper.intervals == (1, 3, 5)
    assert paper.perceptual_layers == ("relu1_2", "relu2_2", "relu3_3")
    assert (paper.dip_updates, paper.keep_best_every) == (5000, 100)
    assert (paper.flow_input, paper.precision, paper.patience, paper.guard_weight) == ("plate", "float32", 0, 0)


def test_weights_list_and_import(capsys, tmp_path):
    from torchvision.models import vgg16

    assert main(["weights", "list"]) == 0
    assert "the perceptual loss is off" in capsys.readouterr().out
    torch.manual_seed(0)
    state = {f"features.{k}": v for k, v in vgg16(weights=None).features.state_dict().items()}
    torch.save(state, tmp_path / "mine.pth")
    assert main(["weights", "import", str(tmp_path / "mine.pth")]) == 0
    assert "not one of the files known" in capsys.readouterr().out
    assert main(["weights", "list"]) == 0
    assert "vgg16" in capsys.readouterr().out


def test_imported_vgg_takes_part_in_training(capsys, tmp_path):
    """L_p by the real loading path; the weights are random, so nothing is said about quality."""
    import numpy as np
    from torchvision.models import vgg16

    import ilvi_core
    from ilvi_core import weights

    torch.manual_seed(0)
    state = {f"features.{k}": v for k, v in vgg16(weights=None).features[:16].state_dict().items()}
    torch.save(state, tmp_path / "mine.pth")
    weights.import_file(tmp_path / "mine.pth", "vgg16")
    random = np.random.default_rng(0)
    plate = random.integers(0, 256, (3, 40, 48, 3), np.uint8)
    matte = np.zeros((3, 40, 48), np.uint8)
    matte[:, 10:20, 10:20] = 255
    from ilvi_core import train

    logs = []
    original = train.Trainer._read

    def listen(self, hooks):
        original(self, dataclasses.replace(hooks, log=logs.append))

    train.Trainer._read = listen
    try:
        ilvi_core.inpaint(
            plate,
            matte,
            {
                "method": "dip-vid-flow",
                "size": "48x40",
                "batch": 2,
                "max_updates": 10,
                "intervals": "1",
                "precision": "float32",
            },
        )
    finally:
        train.Trainer._read = original
    assert logs[0]["perceptual"] > 0
    named = {"reconstruction": 1, "flow": 0.01, "consistency": 1, "perceptual": 0.01, "guard": 0.03}
    assert logs[0]["loss"] == pytest.approx(sum(w * logs[0][n] for n, w in named.items()), rel=0.02)  # the guard fades


def test_doctor_describes_and_names_problems_with_remedies(capsys, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/somewhere")
    assert main(["doctor"]) == 1
    text = capsys.readouterr().out
    for word in ("ILVI", "Python", "torch", "Devices: cpu", "Weights:", "Cache:"):
        assert word in text
    assert "Problem: PYTHONHOME is set" in text
    assert "Unset PYTHONHOME" in text


def test_bench_prints_a_table_and_json(capsys):
    arguments = ["bench", "--size", "64x48", "--window", "4", "--updates", "1", "--precision", "float32"]
    assert main([*arguments, "--method", "dip-vid-flow", "--method", "dip-vid"]) == 0
    text = capsys.readouterr().out
    assert text.count("updates/s") == 2
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)[0]
    assert result["updates_per_second"] * result["seconds_per_update"] == pytest.approx(1)
    assert {"prepare", "flow", "updates", "fill"} <= set(result["seconds"])
    assert result["peak_bytes"] > 0


def test_demo_leaves_frames_movie_sheet_and_scores(capsys, tmp_path):
    place = tmp_path / "demo"
    assert main(["demo", str(place), "--updates", "2", "--method", "dip-vid"]) == 0
    said = capsys.readouterr()
    assert "PSNR" in said.out
    assert "SSIM" in said.out
    assert len(list((place / "result").glob("*.png"))) == 24
    assert cv2.imread(str(place / "sheet.png")).shape[1] > 800
    movie = cv2.VideoCapture(str(place / "result.mp4"))
    assert int(movie.get(cv2.CAP_PROP_FRAME_COUNT)) == 24
    assert (place / "job.json").exists()
    # an unwritable place is a sentence, not a traceback
    (tmp_path / "file").write_text("x")
    assert main(["demo", str(tmp_path / "file" / "demo"), "--updates", "2"]) == 2


# -- the progress line -----------------------------------------------------------------------------------------


def test_a_log_gets_plain_lines_now_and_then(monkeypatch):
    stream = io.StringIO()
    clock = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    report = console.ConsoleReport(stream)
    for update in range(1, 101):
        clock[0] += 0.5
        report.progress("train", update, 100, 0.01234, (100 - update) * 0.5)
    report.warning("diverged", "Something.")
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("training: update 1 of 100, loss 0.01234, 50 s left")
    assert lines[-2] == "training: update 100 of 100, loss 0.01234"
    assert len(lines) == 1 + 4 + 1 + 1  # the first, one every ten seconds, the last, the warning
    assert not set("\r\x1b\b") & set(stream.getvalue())


def test_a_terminal_gets_a_live_line():
    import pty

    main_end, other = pty.openpty()
    code = (
        "import time\nfrom ilvi_core.console import ConsoleReport\nr = ConsoleReport()\n"
        "with r.stopping_on_signals():\n"
        "    for n in range(1, 11):\n        r.progress('train', n, 10, 0.5, 1.0)\n        time.sleep(0.1)\n"
        "    r.info('news')\n"
    )
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen([sys.executable, "-c", code], stderr=other, stdout=other, env=environment)
    os.close(other)
    seen = b""
    while True:
        try:
            part = os.read(main_end, 4096)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(main_end)
    assert process.wait(timeout=30) == 0
    assert b"training: update 10 of 10" in seen
    assert b"\r" in seen
    assert b"news" in seen


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (60, "60 s"), (100, "2 min"), (3000, "50 min"), (7900, "2 h 12 min")]
)
def test_durations_are_said_as_people_do(seconds, text):
    assert duration(seconds) == text
