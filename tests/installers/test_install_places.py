"""Where things go on Linux, macOS and Windows: by path logic alone, for only Linux is here."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from ilvi_install import places
from ilvi_install.archive import family
from ilvi_install.places import Machine
from ilvi_install.words import Refused

from ilvi_core.host import places as host_places


def machine(system: str, processor: str = "x86_64", **environ: str) -> Machine:
    return Machine(system, processor, Path("/home/zoë"), environ)


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("variables", [{}, {"XDG_DATA_HOME": "/x", "LOCALAPPDATA": "/y"}, {"ILVI_RECORD": "/r/w.json"}])
def test_the_record_is_where_hosts_look(system, variables, monkeypatch):
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "ILVI_RECORD"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(Path, "home", lambda: Path("/home/zoë"))
    assert places.record_path(machine(system, **variables)) == host_places.record_path()


@pytest.mark.parametrize(
    ("system", "prefix", "cache", "ofx", "nuke"),
    [
        ("linux", "/home/zoë/.local/share/ilvi/install", "/home/zoë/.cache/ilvi", "/usr/OFX/Plugins", "/home/zoë"),
        (
            "darwin", "/home/zoë/Library/Application Support/ilvi/install", "/home/zoë/Library/Caches/ilvi",
            "/Library/OFX/Plugins", "/home/zoë",
        ),
        ("win32", "/local/ilvi/ilvi/install", "/local/ilvi/ilvi/Cache", "/common/OFX/Plugins", "/profile"),
    ],
)  # fmt: skip
def test_the_folders_of_each_system(system, prefix, cache, ofx, nuke):
    here = machine(system, LOCALAPPDATA="/local", COMMONPROGRAMFILES="/common", USERPROFILE="/profile")
    assert places.default_prefix(here).as_posix() == prefix
    assert places.cache_folder(here).as_posix() == cache
    assert places.ofx_folder(here).as_posix() == ofx
    assert places.nuke_init(here).as_posix() == f"{nuke}/.nuke/init.py"


@pytest.mark.skipif(sys.platform != "linux", reason="platformdirs answers for its own system")
def test_linux_is_as_platformdirs_has_it():
    import platformdirs

    here = Machine("linux", "x86_64", Path.home(), os.environ)
    assert places.data_folder(here) == platformdirs.user_data_path("ilvi")


def test_windows_without_variables_and_with_home():
    assert places.default_prefix(machine("win32")).as_posix() == "/home/zoë/AppData/Local/ilvi/ilvi/install"
    assert places.nuke_init(machine("win32", HOME="/h", USERPROFILE="/u")) == Path("/h/.nuke/init.py")


def test_the_programs_of_an_environment():
    assert places.python_in(Path("/v"), "linux") == Path("/v/bin/python")
    assert places.python_in(Path("/v"), "win32") == Path("/v/Scripts/python.exe")
    assert places.command_in(Path("/v"), "win32") == Path("/v/Scripts/ilvi.exe")


@pytest.mark.parametrize(
    ("system", "processor", "folder"),
    [
        ("linux", "x86_64", "Linux-x86-64"),
        ("linux", "aarch64", "Linux-aarch64"),
        ("win32", "AMD64", "Win64"),
        ("darwin", "arm64", "MacOS"),
    ],
)
def test_the_architecture_of_a_bundle(system, processor, folder):
    assert places.ofx_architecture(machine(system, processor)) == folder


@pytest.mark.parametrize(
    ("tag", "wanted"),
    [
        ("linux-x86_64", "linux-x86_64"),
        ("manylinux_2_28_x86_64", "linux-x86_64"),
        ("manylinux2014_aarch64", "linux-aarch64"),
        ("win_amd64", "win-amd64"),
        ("win-amd64", "win-amd64"),
        ("macosx-14.0-arm64", "macosx-arm64"),
        ("macosx_11_0_arm64", "macosx-arm64"),
    ],
)
def test_an_archive_says_what_it_is_for(tag, wanted):
    assert family(tag) == wanted


@pytest.mark.parametrize("tag", ["beos-x86_64", "linux-sparc", ""])
def test_a_platform_that_is_none(tag):
    with pytest.raises(Refused):
        family(tag)


def test_every_variable_is_in_the_table():
    """docs/install.md names each ILVI_... that any part reads."""
    root = Path(__file__).resolve().parent.parent.parent
    reads = re.compile(r"""(?:environ\b[^\n]*?|getenv|variable|named)\(?\[?\(?["'](ILVI_[A-Z_]+)["']""")
    found = set()
    for folder in ("ilvi_core", "nuke_plugin", "ofx_bridge", "installers"):
        for path in (root / folder).rglob("*"):
            if path.suffix in (".py", ".cpp", ".h", ".sh") and "build" not in path.parts:
                found |= set(reads.findall(path.read_text(encoding="utf-8")))
    assert {"ILVI_PYTHON", "ILVI_RECORD", "ILVI_CACHE", "ILVI_LOG", "ILVI_OFFLINE", "ILVI_WEIGHTS"} <= found
    table = (root / "docs" / "install.md").read_text(encoding="utf-8")
    assert [name for name in sorted(found) if f"`{name}`" not in table] == []
