"""`ilvi doctor`: what it finds, each problem with its remedy, and the one file for support."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ilvi_core import cli, driver, installation
from ilvi_core.driver import Driver, find_driver, mismatch, unknown_card

ROOT = Path(__file__).resolve().parent.parent
SMI = """
| NVIDIA-SMI 550.54.14              Driver Version: 550.54.14      CUDA Version: 12.4     |
"""


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    """A person's home with nothing of ILVI's in it."""
    for name in ("ILVI_PYTHON", "ILVI_RECORD", "ILVI_LOG", "XDG_DATA_HOME", "NUKE_PATH", "OFX_PLUGIN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ILVI_LOG", str(tmp_path / "log"))


def found(check, *arguments, **more):
    lines, problems = [], []
    check(lines, problems, *arguments, **more)
    assert all(problem and remedy for problem, remedy in problems), "each problem has its remedy"
    return "\n".join(lines), "\n".join(problem for problem, _ in problems)


def test_what_the_driver_says(monkeypatch):
    monkeypatch.setattr(driver, "_smi", lambda *options: "RTX 6000, 49140 MiB\n" if options else SMI)
    assert find_driver() == Driver("550.54.14", (12, 4), ("RTX 6000, 49140 MiB",))
    newer = SMI.replace("CUDA Version: 12.4", "CUDA UMD Version: 13.1")
    monkeypatch.setattr(driver, "_smi", lambda *options: "" if options else newer)
    assert find_driver() == Driver("550.54.14", (13, 1))


@pytest.mark.parametrize(
    ("built_for", "usable", "said"),
    [
        ("13.0", True, None),
        (None, False, "torch is a CPU build"),
        ("13.0", False, "built for CUDA 13.0, and the NVIDIA driver 550.54 runs CUDA 12.4 at most"),
        ("12.8", False, "cannot use it"),  # a driver of the same major version runs it: something else is wrong
    ],
)
def test_torch_beside_the_driver(built_for, usable, said):
    wrong = mismatch(Driver("550.54", (12, 4)), built_for, usable)
    assert wrong is None if said is None else said in wrong[0]


def test_cards_that_torch_has_no_code_for():
    built = ["sm_75", "sm_80", "sm_86", "sm_90", "compute_90"]
    assert not unknown_card((8, 9), built)  # sm_86 runs on it
    assert not unknown_card((12, 0), built)  # compiled when it starts, from compute_90
    assert unknown_card((6, 1), built)
    assert not unknown_card((6, 1), [])


def test_without_a_record_nothing_is_missed_until_a_plugin_is_there():
    said, wrong = found(installation.check_worker, hosts=False)
    assert "hosts find none" in said
    assert wrong == ""
    _, wrong = found(installation.check_worker, hosts=True)
    assert "ILVI's worker is not installed" in wrong


def test_the_recorded_worker_is_asked(tmp_path, monkeypatch):
    record = tmp_path / "worker.json"
    record.write_text(json.dumps({"python": sys.executable, "version": "0.0.9"}))
    monkeypatch.setenv("ILVI_RECORD", str(record))
    monkeypatch.setenv("ILVI_PYTHON", "")
    said, wrong = found(installation.check_worker, hosts=True)
    assert "noted as ILVI 0.0.9" in said
    assert "answers: ILVI" in said
    assert wrong == ""
    record.write_text(json.dumps({"python": str(tmp_path / "gone")}))
    _, wrong = found(installation.check_worker, hosts=True)
    assert "gone" in wrong


def test_a_worker_that_ends_at_once(tmp_path, monkeypatch):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("ILVI_PYTHON", str(broken))
    _, wrong = found(installation.check_worker, hosts=True)
    assert "The worker does not answer" in wrong


def test_nuke_by_its_line_and_by_nuke_path(tmp_path, monkeypatch):
    said, wrong = found(installation.check_nuke)
    assert "none in" in said
    plugin = ROOT / "nuke_plugin"
    init = tmp_path / ".nuke" / "init.py"
    init.parent.mkdir()
    gone = ascii(str(tmp_path / "Zoë" / "gone"))
    line = "import os, nuke; os.path.isdir({0}) and nuke.pluginAddPath({0})  # ILVI's installer\n"
    init.write_text(line.format(gone))
    _, wrong = found(installation.check_nuke)
    assert f"names {tmp_path / 'Zoë' / 'gone'}, which is gone" in wrong
    init.write_text(line.format(repr(str(plugin))))
    said, wrong = found(installation.check_nuke)
    assert str(plugin) in said
    assert wrong == ""
    monkeypatch.setenv("NUKE_PATH", str(plugin))
    _, wrong = found(installation.check_nuke)
    assert "more than one" in wrong


def test_the_openfx_plugin(tmp_path, monkeypatch):
    monkeypatch.setenv("OFX_PLUGIN_PATH", str(tmp_path))
    (tmp_path / installation.BUNDLE / "Contents").mkdir(parents=True)
    _, wrong = found(installation.check_ofx)
    assert "is not whole" in wrong
    (tmp_path / installation.BUNDLE / "Contents" / "Win64").mkdir()
    (tmp_path / installation.BUNDLE / "Contents" / "Win64" / "Ilvi.ofx").touch()
    said, wrong = found(installation.check_ofx)
    assert "(Win64)" in said
    assert wrong == ""


def test_leaks_and_secrets():
    environment = {"PYTHONHOME": "/nuke", "HTTPS_PROXY": "http://ann:secret@proxy:8080", "ILVI_CACHE": "/c"}
    said, wrong = found(installation.check_environment, environment)
    assert "PYTHONHOME is set" in wrong
    assert "secret" not in said
    assert "proxy:8080" in said
    assert "ILVI_CACHE=/c" in said


def test_the_report_is_one_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "worker-7.log").write_text("".join(f"line {n}\n" for n in range(100)))
    report = tmp_path / "a ticket.txt"
    code = cli.main(["doctor", "--report", str(report)])
    said = capsys.readouterr().out
    text = report.read_text(encoding="utf-8")
    assert code == (0 if "Nothing is wrong." in said else 1)
    for part in ("ILVI 0.", "NVIDIA driver", "Cache:", "Weights:", "Nuke plugin:", "OpenFX plugin:", "Record:"):
        assert part in text
    assert "Packages:" in text
    assert "line 99" in text
    assert "line 3\n" not in text
    assert cli.main(["doctor", "--report", str(tmp_path / "no" / "folder")]) == 2


def test_the_self_test_solves_through_the_worker(tmp_path, monkeypatch):
    monkeypatch.setenv("ILVI_PYTHON", sys.executable)
    command = [sys.executable, "-m", "ilvi_core.cli", "doctor", "--self-test"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "The result is as it must be" in done.stdout
    monkeypatch.setenv("ILVI_PYTHON", "/nowhere/python")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
