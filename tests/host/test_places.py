"""Where the worker is looked for, and what it gets of the host's environment. Standard library and pytest only."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from ilvi_core.host import places
from ilvi_core.host.errors import InputError
from ilvi_core.host.places import find_worker, host_roots, log_folder, record_path, worker_environment


@pytest.fixture(autouse=True)
def _nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ILVI_PYTHON", "ILVI_RECORD", "ILVI_LOG", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "platform", "linux")


def python(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def write_record(content: object) -> None:
    record_path().parent.mkdir(parents=True, exist_ok=True)
    record_path().write_text(content if isinstance(content, str) else json.dumps(content))


def test_the_first_place_that_is_set_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_setting, in_variable, in_record = (python(tmp_path / name / "python") for name in "abc")
    write_record({"python": in_record, "version": "1"})
    assert find_worker() == in_record
    monkeypatch.setenv("ILVI_PYTHON", in_variable)
    assert find_worker("  ") == in_variable
    assert find_worker(in_setting) == in_setting


def test_a_python_behind_a_link_is_taken_as_named(tmp_path: Path) -> None:
    link = tmp_path / "venv" / "python"
    link.parent.mkdir()
    link.symlink_to(python(tmp_path / "real"))
    assert find_worker(str(link)) == str(link)


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    there = python(tmp_path / "p" / "python")
    assert find_worker("~/p/python") == there


@pytest.mark.parametrize("wrong", ["missing", "folder", "not-executable"])
@pytest.mark.parametrize("place", ["the setting", "ILVI_PYTHON", "the installer's record"])
def test_a_place_that_is_wrong_is_never_passed_over(
    place: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = python(tmp_path / "good")
    bad = tmp_path / "bad"
    if wrong == "folder":
        bad.mkdir()
    elif wrong == "not-executable":
        bad.write_text("x")
        bad.chmod(0o644)
        monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(bad))  # root may execute anything
    write_record({"python": str(bad) if place == "the installer's record" else good})
    if place == "ILVI_PYTHON":
        monkeypatch.setenv("ILVI_PYTHON", str(bad))
    elif place == "the setting":
        monkeypatch.setenv("ILVI_PYTHON", good)
    with pytest.raises(InputError) as caught:
        find_worker(str(bad) if place == "the setting" else "")
    assert place.lower() in caught.value.message.lower()
    assert str(bad) in caught.value.message
    assert caught.value.hint


def test_nothing_anywhere_names_all_places() -> None:
    with pytest.raises(InputError) as caught:
        find_worker()
    assert "setting" in caught.value.message
    assert "ILVI_PYTHON" in caught.value.message
    assert str(record_path()) in caught.value.message
    assert "installer" in caught.value.hint


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"python": 3}', '{"python": " "}', "[" * 100_000])
def test_a_broken_record_is_an_error(content: str) -> None:
    write_record(content)
    with pytest.raises(InputError, match="installer's record"):
        find_worker()


def test_a_record_that_is_a_folder_is_an_error() -> None:
    record_path().mkdir(parents=True)
    with pytest.raises(InputError, match="cannot be read"):
        find_worker()


def test_ilvi_record_names_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ILVI_RECORD", str(tmp_path / "other.json"))
    assert record_path() == tmp_path / "other.json"
    with pytest.raises(InputError, match="ILVI_RECORD"):
        find_worker()
    write_record({"python": python(tmp_path / "p")})
    assert find_worker() == str(tmp_path / "p")


@pytest.mark.parametrize(
    ("platform", "variables", "data", "log"),
    [
        ("linux", {"XDG_DATA_HOME": "/d", "XDG_STATE_HOME": "/s"}, "/d/ilvi", "/s/ilvi/log"),
        ("linux", {"XDG_DATA_HOME": " ", "XDG_STATE_HOME": ""}, "/h/.local/share/ilvi", "/h/.local/state/ilvi/log"),
        ("darwin", {}, "/h/Library/Application Support/ilvi", "/h/Library/Logs/ilvi"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/ilvi/ilvi", "/l/ilvi/ilvi/Logs"),
    ],
)
def test_the_users_folders(
    platform: str, variables: dict[str, str], data: str, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", "/h")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert record_path() == Path(data) / "worker.json"
    assert log_folder() == Path(log)
    monkeypatch.setenv("ILVI_LOG", "/logs")
    assert log_folder() == Path("/logs")


def test_the_folders_are_those_of_platformdirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's side finds them with it; hosts' Pythons do not have it."""
    monkeypatch.undo()
    platformdirs = pytest.importorskip("platformdirs")
    monkeypatch.delenv("ILVI_RECORD", raising=False)
    monkeypatch.delenv("ILVI_LOG", raising=False)
    assert record_path().parent == platformdirs.user_data_path("ilvi")
    assert log_folder() == platformdirs.user_log_path("ilvi")


def test_what_leaks_is_dropped_and_all_else_stays() -> None:
    kept = {
        "OCIO": "/c.ocio",
        "PATH": "/bin",
        "HOME": "/h",
        "NUKE_PATH": "/n",
        "LD_PRELOAD": "/x.so",
        "ILVI_CACHE": "/c",
    }
    leaks = dict.fromkeys(places.LEAKS, "/host")
    assert {"PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__", "QT_PLUGIN_PATH"} < set(leaks)
    given = {**kept, **leaks}
    assert worker_environment(given) == kept
    assert set(leaks) < set(given), "the caller's own is left alone"


@pytest.mark.parametrize(
    ("executable", "given", "expected"),
    [
        ("/usr/local/Nuke15.0v4/Nuke15.0", "/usr/local/Nuke15.0v4:/usr/local/lib:/usr/lib", "/usr/local/lib:/usr/lib"),
        ("/usr/local/Nuke15.0v4/Nuke15.0", "/usr/local/Nuke15.0v4/lib:/usr/local/Nuke15.0v4", None),
        ("/usr/local/Nuke15.0v4/Nuke15.0", "/usr/local/Nuke15.0v41/lib", "/usr/local/Nuke15.0v41/lib"),
        ("/usr/local/Nuke15.0v4/Nuke15.0", "/usr/local/x/../Nuke15.0v4/lib:/cuda", "/cuda"),
        ("/opt/hfs20.0/bin/hython", "/opt/hfs20.0/dsolib:/opt/cuda/lib", "/opt/cuda/lib"),
        ("/usr/bin/python3", "/usr/lib:/usr/bin/x:/usr/local/lib", "/usr/lib:/usr/bin/x:/usr/local/lib"),
        ("/usr/local/bin/python3", "/usr/local/lib", "/usr/local/lib"),
        ("/python3", "/lib", "/lib"),
        ("", "/usr/lib", "/usr/lib"),
        ("/opt/host/host", ":", None),
    ],
)
def test_the_hosts_own_library_folders_are_dropped(
    executable: str, given: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        assert worker_environment({name: given, "A": "b"}) == ({name: expected, "A": "b"} if expected else {"A": "b"})


def test_a_host_that_is_started_by_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = python(tmp_path / "Nuke15" / "Nuke15.0")
    link = tmp_path / "bin" / "nuke"
    link.parent.mkdir()
    link.symlink_to(host)
    assert str(tmp_path / "Nuke15") in host_roots(str(link))
    monkeypatch.setattr(sys, "executable", str(link))
    assert worker_environment({"LD_LIBRARY_PATH": f"{tmp_path}/Nuke15/lib:/cuda"}) == {"LD_LIBRARY_PATH": "/cuda"}


def test_a_host_in_the_users_own_folder_does_not_own_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert host_roots("/home/me/bin/host") == []
    assert host_roots("/home/me/host/bin/host") == ["/home/me/host"]


def test_without_a_base_it_is_this_process_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/host")
    monkeypatch.setenv("OCIO", "/c.ocio")
    environment = worker_environment()
    assert "PYTHONHOME" not in environment
    assert environment["OCIO"] == "/c.ocio"
