"""Fixtures over the fake Nuke; see kit.py."""

from __future__ import annotations

import shutil

import pytest

pytest.importorskip("numpy", reason="the fake Nuke computes pixels with numpy")
pytest.importorskip("OpenImageIO", reason="the fake Nuke reads and writes EXR with OpenImageIO")

from kit import inpaint, launch, live_in, make_clip, set_up, stop_workers  # it needs both


def pytest_configure(config):
    """On a host's Python these tests run without ILVI's settings (`-c /dev/null`)."""
    for marker in ("slow: takes minutes", "hard: rarer cases", "nuke: needs a Nuke, named by NUKE_EXECUTABLE"):
        config.addinivalue_line("markers", marker)


@pytest.fixture(scope="session")
def solved_cache(tmp_path_factory):
    """A cache that knows the clip with `QUICK` settings: a solve takes seconds, and most tests are not about it."""
    folder = tmp_path_factory.mktemp("solved")
    with pytest.MonkeyPatch.context() as patch:
        live_in(folder, patch)
        host = launch()
        _, node = set_up(host, make_clip(folder / "shot"))
        inpaint(host, node)
        host.quit()
        stop_workers()
    return folder / "cache"


@pytest.fixture
def cold(tmp_path, monkeypatch):
    """An empty cache."""
    live_in(tmp_path, monkeypatch)


@pytest.fixture
def start(request, tmp_path, monkeypatch):
    """start(gui=True, ...) begins a session of Nuke. Its cache knows the clip, unless the test asks for `cold`."""
    import fake_host

    live_in(tmp_path, monkeypatch)
    if "cold" not in request.fixturenames:
        shutil.copytree(request.getfixturevalue("solved_cache"), tmp_path / "cache")
    yield launch
    if fake_host.host.running:
        fake_host.quit()
    stop_workers()
    assert fake_host.violations == []
    assert fake_host.swallowed == []
    assert fake_host.tracebacks == []
    log = tmp_path / "log" / "nuke.log"
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    assert "Traceback" not in text, text


@pytest.fixture
def nuke_gui(start):
    return start()


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "shot")
