"""Whole lives of installations, each in one test: every step needs the one before it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from install_kit import (
    INSTALLERS,
    ROOT,
    STUDIO,
    environment,
    proxy,
    pythons,
    run_installer,
    snapshot,
    stub_index,
    wheel,
)

from ilvi_core.host import WorkerClient

pytestmark = [
    pytest.mark.install,
    pytest.mark.skipif(sys.platform != "linux", reason="signals and namespaces of Linux"),
]


@pytest.fixture
def index(tmp_path):
    return stub_index(tmp_path / "index")


@pytest.fixture
def home(tmp_path):
    """A person's folder, with a name as people have them, and things in it that are none of ours."""
    place = tmp_path / "Zoë's home"
    (place / ".nuke").mkdir(parents=True)
    (place / ".nuke" / "init.py").write_bytes("import nuke\r\n# étalonnage".encode("latin-1"))
    (place / ".local" / "share").mkdir(parents=True)
    (place / "ilvi").mkdir()
    (place / "ilvi" / "notes.txt").write_text("mine")
    return place


@pytest.fixture
def studio(tmp_path, index):
    """The environment of a studio: packages come through a proxy from an index of its own."""
    with proxy(tmp_path / "index") as (names, asked):
        yield {**names, "PIP_INDEX_URL": f"{STUDIO}/simple"}
    assert any("torch" in url for url in asked), "pip went past the proxy"


def record_of(home: Path) -> dict[str, str]:
    return json.loads((home / ".local" / "share" / "ilvi" / "worker.json").read_text(encoding="utf-8"))


def ask(python: str, code: str, home: Path) -> str:
    done = subprocess.run([python, "-I", "-c", code], env=environment(home), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def stop_in_the_middle(number: int, arguments: list[str], home: Path, prefix: Path, studio: dict[str, str]) -> int:
    """Start an installation, and send it a signal while pip is at work; the exit code."""
    process = subprocess.Popen(
        [sys.executable, str(INSTALLERS / "install.py"), *arguments],
        env=environment(home, **studio), stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 120
    while not (prefix / "install.log").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    os.killpg(process.pid, number)
    return process.wait(60)


def test_a_life_online(tmp_path, home, studio):
    prefix = home / "ilvi" / "my tools"
    options = ["--prefix", str(prefix), "--torch", f"{STUDIO}/simple", "--nuke"]
    before = snapshot(home)

    done = run_installer(*options, "--dry-run", home=home, **studio)
    assert done.returncode == 0, done.stdout
    assert snapshot(home) == before, "--dry-run touched something"

    assert stop_in_the_middle(signal.SIGINT, options, home, prefix, studio) == 130
    assert list((prefix / "versions").iterdir()) == []
    (prefix / "install.log").unlink()
    assert stop_in_the_middle(signal.SIGKILL, options, home, prefix, studio) == -signal.SIGKILL
    assert len(list((prefix / "versions").iterdir())) == 1, "an unfinished one"
    assert not (home / ".local" / "share" / "ilvi").exists()

    done = run_installer(*options, home=home, **studio)
    assert done.returncode == 0, done.stdout
    assert "What an interrupted run has left is removed." in done.stdout
    assert "The result is as it must be" in done.stdout
    assert "Nothing is wrong." in done.stdout
    assert "Traceback" not in done.stdout
    assert len(list((prefix / "versions").iterdir())) == 1
    assert not (prefix / "work").exists()

    first = record_of(home)["python"]
    assert first.startswith(str(prefix / "versions"))
    assert ask(sys.executable, f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
               "from ilvi_core.host import find_worker; print(find_worker())", home) == first  # fmt: skip
    where = ask(first, "import ilvi_core, importlib.metadata as m; print(ilvi_core.__file__, m.version('torch'))", home)
    assert where.startswith(str(prefix)), "ILVI is run from the installed environment"
    assert (prefix / "current" / "bin" / "ilvi").exists()
    init = (home / ".nuke" / "init.py").read_bytes()
    assert init.startswith("import nuke\r\n# étalonnage\r\n".encode("latin-1"))

    done = run_installer(*options, "--no-self-test", home=home, **studio)  # again: no harm
    assert done.returncode == 0, done.stdout
    assert record_of(home)["python"] == first
    assert (home / ".nuke" / "init.py").read_bytes() == init

    # an upgrade that fails leaves the old one as it is, and at work
    parts = ("ilvi_core/__init__.py", "ilvi_core/host/__init__.py", "nuke_plugin/init.py")
    broken = wheel(tmp_path, "ilvi", "9.9.9", dict.fromkeys(parts, b""))
    del options[-1]
    done = run_installer(*options, "--upgrade", "--source", broken, home=home, **studio)
    assert done.returncode == 1, done.stdout
    assert "The self-test failed" in done.stdout
    assert record_of(home)["python"] == first
    assert len(list((prefix / "versions").iterdir())) == 1

    log = tmp_path / "worker.log"
    with WorkerClient(first, log=log, environment=environment(home)) as worker:
        ready = worker.start()
        done = run_installer(*options, "--upgrade", home=home, **studio)
        assert done.returncode == 0, done.stdout
        second = record_of(home)["python"]
        assert second != first
        assert str(Path(second).parent.parent).encode() not in init
        assert ascii(str(Path(second).parent.parent)).strip("'\"").encode() in (home / ".nuke" / "init.py").read_bytes()
        worker.ping()
        assert worker.start().pid == ready.pid, "the worker that ran through the upgrade is hurt"
        done = run_installer("--uninstall", "--prefix", prefix, home=home)
        assert (done.returncode, "Close the hosts" in done.stdout) == (1, True), done.stdout

    name = Path(first).parent.parent.name
    done = run_installer("--use", name, "--prefix", prefix, home=home)
    assert done.returncode == 0, done.stdout
    assert record_of(home)["python"] == first
    done = run_installer("--list", "--prefix", prefix, home=home)
    assert f"* {name}" in done.stdout
    assert Path(second).parent.parent.name in done.stdout

    done = run_installer("--uninstall", "--prefix", prefix, home=home)
    assert done.returncode == 0, done.stdout
    assert snapshot(home) == before


def weight_file(folder: Path) -> Path:
    """One that ILVI takes: RAFT (small), not trained."""
    import torch
    from torchvision.models.optical_flow import raft_small

    torch.save(raft_small(weights=None).state_dict(), folder / "raft.pth")
    return folder / "raft.pth"


def without_network(command: list[str]) -> list[str]:
    """The command in a network namespace of its own, where this machine allows that."""
    allowed = shutil.which("unshare") and subprocess.run(["unshare", "-n", "true"], check=False).returncode == 0
    return ["unshare", "-n", *command] if allowed else command


def test_a_life_offline(tmp_path, home, index):
    bundle = tmp_path / "Ilvi.ofx.bundle"
    (bundle / "Contents" / "Linux-x86-64").mkdir(parents=True)
    (bundle / "Contents" / "Linux-x86-64" / "Ilvi.ofx").write_bytes(b"stands for the binary")
    archive = tmp_path / "ilvi offline.zip"
    oldest = pythons().get("3.9", sys.executable)  # of the installer; the worker's is ours
    checkout = snapshot(INSTALLERS, ROOT / "nuke_plugin")
    done = run_installer(
        "--output", archive, "--ofx", bundle, "--weights", weight_file(tmp_path), "--torch", index,
        "--python", sys.executable, home=home, python=oldest, script=INSTALLERS / "make_bundle.py", PIP_INDEX_URL=index,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert snapshot(INSTALLERS, ROOT / "nuke_plugin") == checkout
    shutil.rmtree(home / ".cache", ignore_errors=True)  # pip's own
    with zipfile.ZipFile(archive) as content:
        requirements = content.read("wheels/requirements.txt").decode()
        assert "nuke_plugin/vendor/ilvi_core/host/client.py" in content.namelist()
    assert all("--hash=sha256:" in line for line in requirements.splitlines())
    assert requirements.startswith(("ilvi==", "av==", "fileseq=="))

    before = snapshot(home)
    plugin, plugins = home / "tools" / "nuke", home / "OFX"
    command = [
        oldest, str(archive), "--python", sys.executable, "--nuke", str(plugin), "--ofx-dir", str(plugins),
    ]  # fmt: skip
    done = subprocess.run(
        without_network(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=home, check=False,
        # a machine without a network, whose pip is set up for one: none of that may count
        env=environment(home, PIP_INDEX_URL="http://127.0.0.1:9/simple", HTTPS_PROXY="http://127.0.0.1:9"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "The result is as it must be" in done.stdout
    assert "raft_small: raft_small-" in done.stdout
    assert (plugin / "vendor" / "ilvi_core" / "host" / "client.py").is_file()
    assert (plugin / "icons" / "ilvi.png").is_file()
    assert (plugins / "Ilvi.ofx.bundle" / "Contents" / "Linux-x86-64" / "Ilvi.ofx").is_file()
    assert record_of(home)["python"].startswith(str(home / ".local" / "share" / "ilvi" / "install"))

    (home / ".cache" / "ilvi" / "entries").mkdir(parents=True)  # what was solved is not the installer's to remove
    (home / ".cache" / "ilvi" / "entries" / "fill").write_bytes(b"hours of work")
    done = run_installer("--uninstall", home=home)
    assert done.returncode == 0, done.stdout
    assert (home / ".cache" / "ilvi" / "entries" / "fill").is_file()
    shutil.rmtree(home / ".cache")
    assert snapshot(home) == before


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cmake") is None, reason="no CMake here")
def test_the_openfx_plugin_is_built_from_source(home, index):
    """And goes when everything goes."""
    before = snapshot(home)
    plugins = home / "OFX"
    done = run_installer("--torch", index, "--ofx-dir", plugins, "--no-self-test", home=home, PIP_INDEX_URL=index)
    assert done.returncode == 0, done.stdout
    assert list(plugins.glob("Ilvi.ofx.bundle/Contents/*/Ilvi.ofx"))
    assert run_installer("--uninstall", home=home).returncode == 0
    assert snapshot(home) == before


@pytest.mark.slow
def test_the_wheel_alone_passes_the_demo(tmp_path, home, index):
    """`pip wheel .`, `pip install` of it in a fresh environment, `ilvi demo`."""
    extra = environment(home, PIP_INDEX_URL=index)
    from ilvi_install.source import stage

    stage(ROOT, tmp_path / "source")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, tmp_path / "source"],
                   env=extra, check=True)  # fmt: skip
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], env=extra, check=True)
    subprocess.run([tmp_path / "fresh" / "bin" / "pip", "install", "-q", next(tmp_path.glob("ilvi-*.whl"))],
                   env=extra, check=True)  # fmt: skip
    done = subprocess.run([tmp_path / "fresh" / "bin" / "ilvi", "demo", tmp_path / "demo"], env=extra, cwd=tmp_path,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "demo" / "sheet.png").is_file()


@pytest.mark.slow
def test_a_full_installation_from_the_real_index(tmp_path):
    """Gigabytes, minutes: torch as pip finds it here."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    if "PIP_CONFIG_FILE" not in kept:
        kept["PIP_CONFIG_FILE"] = str(Path.home() / ".config" / "pip" / "pip.conf")
    before = snapshot(home)
    begun = time.monotonic()
    done = run_installer(home=home, **kept)
    assert done.returncode == 0, done.stdout
    there = sum(path.stat().st_size for path in home.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"installed in {time.monotonic() - begun:.0f} s, {there} bytes")  # noqa: T201
    assert "The result is as it must be" in done.stdout
    assert run_installer("--uninstall", home=home).returncode == 0
    assert snapshot(home) == before


def test_other_pythons_make_the_environment(tmp_path, home):
    """The installer on 3.9 takes a newer Python for the worker, and says which."""
    old = pythons().get("3.9")
    if old is None:
        pytest.skip("no Python 3.9 here")
    done = run_installer("--dry-run", "--torch", "plain", home=home, python=old)
    assert done.returncode == 0, done.stdout
    assert "by Python 3.1" in done.stdout
