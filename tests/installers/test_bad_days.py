"""What goes wrong before anything is made: a sentence, a hint, an exit code, and nothing touched."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from ilvi_install import archive, environment, files, pythons, state
from ilvi_install.install import check_room
from ilvi_install.places import Machine
from ilvi_install.pythons import Python
from ilvi_install.running import _processes, users_of
from ilvi_install.state import Lock, State
from ilvi_install.steps import KNOWN
from ilvi_install.words import Refused
from install_kit import INSTALLERS, run_installer, snapshot
from install_kit import pythons as interpreters

import ilvi_core


def refused(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    assert done.returncode == code, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7", "3.8"])
def test_an_old_python_is_told_in_a_sentence(version, tmp_path):
    python = interpreters().get(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    said = refused(run_installer(home=tmp_path, python=python))
    assert f"needs Python 3.9 or newer, and this one is {version}" in said


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.11", "3.12", "3.13"])
def test_the_dry_run_on_each_python(version, tmp_path):
    python = interpreters().get(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    before = snapshot(INSTALLERS)
    done = run_installer("--dry-run", "--torch", "plain", "--nuke", home=tmp_path, python=python)
    assert done.returncode == 0, done.stdout
    assert f"Record:  {tmp_path}/.local/share/ilvi/worker.json" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert snapshot(INSTALLERS) == before


@pytest.mark.skipif(sys.platform == "win32", reason="a shell")
def test_no_python_at_all(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "dirname").symlink_to(shutil.which("dirname"))
    done = subprocess.run(
        ["/bin/sh", str(INSTALLERS / "install.sh")],
        env={"PATH": str(tools)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "There is no Python 3.9 or newer" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a shell")
def test_the_wrapper_passes_everything_on(tmp_path):
    done = subprocess.run(
        ["/bin/sh", str(INSTALLERS / "install.sh"), "--list", "--prefix", str(tmp_path / "a b")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == f"Nothing of ILVI is installed in {tmp_path / 'a b'}.\n"


def test_no_rights_and_wrong_places(tmp_path):
    (tmp_path / "file").touch()
    said = refused(run_installer("--prefix", tmp_path / "file" / "x", "--torch", "plain", home=tmp_path))
    assert "is a file" in said or "Not a directory" in said
    if Path("/sys/kernel").is_dir():  # nobody can make a folder there, root neither
        assert "may not write" in refused(run_installer("--prefix", "/sys/ilvi", "--torch", "plain", home=tmp_path))


def test_a_folder_that_holds_something_else(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "shot.nk").touch()
    said = refused(run_installer("--prefix", tmp_path, "--torch", "plain", "--dry-run", home=tmp_path))
    assert "is not empty" in said
    assert "Nothing of ILVI" in run_installer("--uninstall", "--prefix", tmp_path, home=tmp_path).stdout
    assert (tmp_path / "work" / "shot.nk").exists()


def test_no_room(tmp_path):
    with pytest.raises(Refused, match=r"about 10\.0 GiB .* and 5\.0 GiB are free"):
        check_room(5 << 30, 10 << 30, tmp_path)
    check_room(10 << 30, 10 << 30, tmp_path)


def test_offline_is_meant(tmp_path):
    said = refused(run_installer(home=tmp_path, ILVI_OFFLINE="1"))
    assert "nothing is downloaded" in said


def test_a_worker_needs_a_newer_python():
    with pytest.raises(Refused, match="is no Python that runs"):
        pythons.choose("/nowhere/python", None)
    with pytest.raises(Refused, match=r"does not fit: Python 3\.10 or newer"):
        pythons.choose("python", None, lambda command: "3.9 /usr/bin/python")
    with pytest.raises(Refused, match=r"needs Python 3\.99"):
        pythons.choose("", (3, 99), lambda command: "")
    found = pythons.choose("", (3, 99), lambda command: "3.99 /x y/python" if command[0] == "python3.99" else "")
    assert found == Python(Path("/x y/python"), (3, 99))


def small_archive(folder: Path, **change: object) -> Path:
    """An archive with one wheel that is none."""
    content = b"not really a wheel"
    digest = files.hashlib.sha256(content).hexdigest()
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    platform = archive.family_of(Python(Path(sys.executable), sys.version_info[:2]))
    manifest = {
        "format": 1, "version": "0.1.0", "python": version, "platform": platform, "room": 1000,
        "files": {"wheels/a.whl": digest}, **change,
    }  # fmt: skip
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("manifest.json", json.dumps(manifest))
        target.writestr("wheels/a.whl", content)
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"platform": "win-amd64" if sys.platform != "win32" else "linux-x86_64"}, "The archive is for"),
        ({"python": "3.99"}, "needs Python 3.99"),
        ({"format": 99}, "another version of make_bundle.py"),
        ({"files": {"../../evil": "00"}}, "is damaged"),
        ({"room": 1 << 60}, "are free"),
    ],
)
def test_an_archive_that_does_not_fit(change, said, tmp_path):
    (tmp_path / "home").mkdir()
    path = small_archive(tmp_path, **change)
    assert said in refused(run_installer("--offline", path, home=tmp_path / "home"))
    assert list((tmp_path / "home").iterdir()) == []


def test_an_archive_that_is_none(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK nothing")
    assert "is no archive" in refused(run_installer("--offline", tmp_path / "x.zip", home=tmp_path))
    assert "There is no archive" in refused(run_installer("--offline", tmp_path / "y.zip", home=tmp_path))


def test_a_changed_file_in_an_archive_is_found(tmp_path):
    path = small_archive(tmp_path)
    found = archive.open_archive(path)
    assert (found.unpack("wheels", tmp_path / "out", print) / "a.whl").is_file()
    changed = archive.Archive(**{**vars(found), "files": {"wheels/a.whl": "0" * 64}})
    with pytest.raises(Refused, match="is damaged: its SHA-256"):
        changed.unpack("wheels", tmp_path / "out", print)


def test_two_installers_at_once(tmp_path):
    first = Lock(tmp_path / "lock")
    with pytest.raises(Refused, match="Another installer is at work"):
        Lock(tmp_path / "lock")
    first.close()
    Lock(tmp_path / "lock").close()


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99, "prefix": ""}', '{"format": 1, "prefix": "", "new": 1}'])
def test_a_note_of_another_installer(text, tmp_path):
    (tmp_path / "install.json").write_text(text)
    with pytest.raises(Refused):
        state.load(tmp_path)


def test_two_prefixes_share_one_record(tmp_path):
    """The newer takes the record over; when it goes, the older has it again."""
    record = tmp_path / "data" / "worker.json"
    both = []
    for name in ("old", "new"):
        each = State(str(tmp_path / name))
        each.make_folder(each.root)
        python = each.version("1") / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()
        environment.write_record(each, record, "1", "0.1.0", "linux")
        both.append(each)
    assert environment.is_ours(both[1], record)
    environment.restore_record(both[0])  # not his any more: he leaves it
    assert environment.is_ours(both[1], record)
    environment.restore_record(both[1])
    assert environment.is_ours(both[0], record)
    environment.restore_record(both[0])
    assert not record.exists()


def test_an_unfinished_version_is_rolled_back(tmp_path):
    note = State(str(tmp_path), building="0.1.0-x")
    note.version("0.1.0-x").mkdir(parents=True)
    (note.work / "downloads").mkdir(parents=True)
    (note.work / "source").mkdir()
    note.save()
    again = state.load(tmp_path)
    assert environment.roll_back(again)
    assert not note.version("0.1.0-x").exists()
    assert [path.name for path in note.work.iterdir()] == ["downloads"], "what was fetched is kept for the next try"


@pytest.mark.skipif(sys.platform != "linux", reason="a program is copied")
def test_old_versions_go_when_nobody_works_in_them(tmp_path):
    note = State(str(tmp_path), versions=["1", "2", "3", "4"], current="4")
    for name in note.versions:
        (note.version(name) / "bin").mkdir(parents=True)
    worker = note.version("1") / "bin" / "worker"
    shutil.copy(shutil.which("sleep"), worker)
    here = Machine("linux", "x86_64", tmp_path, {})
    with subprocess.Popen([str(worker), "60"]) as process:
        try:
            until = time.monotonic() + 10
            while users_of(note.version("1"), "linux") != [process.pid]:  # a new process has no name at first
                assert time.monotonic() < until
            assert (process.pid, f"{worker} 60") in _processes("darwin"), "by ps, as on macOS"
            environment.prune(note, here)
            assert note.versions == ["1", "3", "4"], "in use; removed; the one before; the current one"
        finally:
            process.kill()
    environment.prune(note, here)
    assert note.versions == ["3", "4"]
    assert sorted(path.name for path in (tmp_path / "versions").iterdir()) == ["3", "4"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "full"),
        ("Max retries exceeded with url: /simple/torch/ (Caused by NewConnectionError", "cannot be reached"),
        ("Max retries exceeded (Caused by ProxyError('Cannot connect to proxy.'", "proxy"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "damaged"),
        ("ERROR: No matching distribution found for torch>=2.6", "not there for this Python"),
    ],
)
def test_pips_words_become_ours(line, said):
    why = next(why for pattern, why, _ in KNOWN if re.search(pattern, line))
    assert said in why


def test_an_index_that_is_not_there(tmp_path):
    """A proxy and an index at a closed port: one sentence, the log's name, and what was begun is rolled back."""
    done = run_installer(
        "--prefix", tmp_path / "p", "--torch", "plain", home=tmp_path, PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_RETRIES="1", NO_PROXY="127.0.0.1",
    )  # fmt: skip
    said = refused(done, 1) if "are free" not in done.stdout else pytest.skip("no room here")
    assert "package index cannot be reached" in said
    assert list((tmp_path / "p" / "versions").iterdir()) == []


def test_the_rez_package_is_of_this_version():
    found = re.search(r'^version = "(.*)"', (INSTALLERS / "rez" / "package.py").read_text(), re.MULTILINE)
    assert found.group(1) == ilvi_core.__version__


def test_the_installer_needs_the_standard_library_alone():
    foreign = "[m for m in sys.modules if m.partition('.')[0] in ('ilvi_core', 'numpy', 'torch', 'pip')]"
    code = f"import sys; sys.path.insert(0, {str(INSTALLERS)!r})\nimport ilvi_install.main, ilvi_install.bundle"
    command = [sys.executable, "-I", "-B", "-c", f"{code}\nprint({foreign})"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
