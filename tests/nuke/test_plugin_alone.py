"""The plugin's own folder: an old Python, an incomplete installation, and the vendored host package."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kit import PLUGIN, ROOT

FAKE = """
import sys, types
nuke = types.ModuleType("nuke")
said = []
nuke.tprint = said.append
nuke.pluginAddPath = lambda path: None
nuke.GUI = False
sys.modules["nuke"] = nuke
path = {path!r}
exec(compile(open(path).read(), path, "exec"), {{"__file__": path}})
print(said)
"""


@pytest.mark.parametrize("name", ["init.py", "menu.py"])
def test_python_3_7_can_parse_what_nuke_13_reads(name):
    ast.parse((PLUGIN / name).read_text(encoding="utf-8"), feature_version=(3, 7))


def old_python():
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return next(iter(sorted(folder.glob("3.7.*/bin/python"))), None)


@pytest.mark.skipif(old_python() is None, reason="there is no Python 3.7 here")
def test_nuke_13_is_told_in_one_sentence():
    code = FAKE.format(path=str(PLUGIN / "init.py"))
    done = subprocess.run([str(old_python()), "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ILVI needs Nuke 14 or newer: this one has Python 3.7" in done.stdout
    menu = PLUGIN / "menu.py"
    done = subprocess.run([str(old_python()), str(menu)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_incomplete_installation_does_not_keep_nuke_from_starting(tmp_path):
    shutil.copytree(PLUGIN, tmp_path / "alone" / "nuke_plugin")
    code = FAKE.format(path=str(tmp_path / "alone" / "nuke_plugin" / "init.py"))
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'alone' / 'nuke_plugin')!r})\n" + code
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ILVI is not loaded: there is no ilvi_core in" in done.stdout
    assert done.stdout.count("Traceback") == 0


def vendored(folder):
    """As the installer puts it there: the plugin with the host package inside, and nothing beside it."""
    shutil.copytree(PLUGIN, folder / "nuke_plugin", ignore=shutil.ignore_patterns("__pycache__"))
    core = folder / "nuke_plugin" / "vendor" / "ilvi_core"
    shutil.copytree(ROOT / "ilvi_core" / "host", core / "host", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "ilvi_core" / "__init__.py", core / "__init__.py")
    return folder / "nuke_plugin"


def test_a_vendored_plugin_runs_alone(tmp_path):
    """A job through it, in a process that cannot see the checkout."""
    plugin = vendored(tmp_path)
    test = Path(__file__).parent / "test_walk.py::test_a_write_below_the_node_gives_the_result"
    environment = {
        **os.environ,
        "ILVI_TEST_PLUGIN": str(plugin),
        "ILVI_TEST_WORKER": os.environ.get("ILVI_TEST_WORKER", sys.executable),
    }
    code = f"""
import sys
sys.path[:] = [p for p in sys.path if p not in ("", {str(ROOT)!r})]
import pytest
sys.path.insert(0, {str(Path(__file__).parent)!r})
options = ["-q", "-c", "/dev/null", "--rootdir", {str(tmp_path)!r}, "-p", "no:cacheprovider", "-p", "no:xdist"]
code = pytest.main([*options, {str(test)!r}])
assert sys.modules["ilvi_core"].__file__.startswith({str(plugin / "vendor")!r})
sys.exit(code)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
