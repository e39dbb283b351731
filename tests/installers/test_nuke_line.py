"""The line in ~/.nuke/init.py comes and goes without a trace."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from ilvi_install import nuke
from ilvi_install.state import State
from ilvi_install.words import Refused

PLUGIN = Path("/opt/Zoë's tools/ilvi/nuke_plugin")


@pytest.mark.parametrize(
    "before",
    [b"", b"import nuke\n", b"import nuke", b"a\r\nb\r\n", b"a\r\nb", b"\n\n", "# é".encode("latin-1"), b"a\n\nb\n\n"],
)
def test_with_and_without(before):
    after = nuke.with_line(before, PLUGIN)
    assert after.count(nuke.MARK) == 1
    assert after.startswith(before)
    assert nuke.without_line(after) == before
    again = nuke.with_line(after, Path("/elsewhere"))
    assert again.count(nuke.MARK) == 1
    assert b"elsewhere" in again
    assert nuke.without_line(again) == before


def test_what_others_add_later_stays():
    after = nuke.with_line(b"a", PLUGIN) + b"more\n"
    assert nuke.without_line(after) == b"a\nmore\n"
    assert nuke.without_line(b"one\n" + nuke.with_line(b"", PLUGIN) + b"two\n") == b"one\ntwo\n"


@pytest.mark.parametrize("there", [True, False])
def test_the_line_is_guarded(there, tmp_path, monkeypatch):
    added = []
    fake = types.ModuleType("nuke")
    fake.pluginAddPath = added.append
    monkeypatch.setitem(sys.modules, "nuke", fake)
    plugin = tmp_path / "Zoë's \\ plugin"
    if there:
        plugin.mkdir()
    exec(compile(nuke.line_for(plugin), "init.py", "exec"), {})
    assert added == ([str(plugin)] if there else [])


def test_a_link_to_dotfiles_stays_one(tmp_path):
    real = tmp_path / "dotfiles" / "init.py"
    real.parent.mkdir()
    real.write_bytes(b"x = 1\n")
    real.chmod(0o600)
    init = tmp_path / ".nuke" / "init.py"
    init.parent.mkdir()
    init.symlink_to(real)
    state = State(str(tmp_path / "prefix"))
    state.make_folder(state.root)
    nuke.add_line(state, init, PLUGIN)
    assert init.is_symlink()
    assert nuke.MARK in real.read_bytes()
    assert real.stat().st_mode & 0o777 == 0o600
    nuke.remove_line(state)
    assert real.read_bytes() == b"x = 1\n"


def test_a_folder_that_is_not_ours_is_refused(tmp_path):
    nuke.check_folder(None, tmp_path / "new")
    (tmp_path / "gizmos").mkdir()
    nuke.check_folder(None, tmp_path / "gizmos")
    (tmp_path / "gizmos" / "mine.gizmo").touch()
    with pytest.raises(Refused, match="is not empty"):
        nuke.check_folder(None, tmp_path / "gizmos")
    nuke.check_folder(State(str(tmp_path), nuke_folder=str(tmp_path / "gizmos")), tmp_path / "gizmos")
