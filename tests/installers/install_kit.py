"""What the installer's tests share: the installer as a program, a home of its own, and an index of stub wheels.

The stubs stand for the third-party wheels (torch and what is beside it: 6 GB). Each has a name and a version; torch's
has a .pth file too, which shows the environment this test's own packages without their metadata, so that pip takes
nothing for installed. Everything else is real: environments, pip, ILVI's wheel, record, worker, the self-test's solve.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
INSTALLERS = ROOT / "installers"
STUDIO = "http://packages.studio.invalid"  # no name server knows it: only the proxy does
STUBBED = (
    "torch", "torchvision", "numpy", "av", "opencv-python-headless", "pyyaml", "OpenImageIO", "OpenEXR", "fileseq",
    "filelock", "platformdirs", "rich", "safetensors", "setuptools",
)  # fmt: skip


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def wheel(folder: Path, name: str, version: str, files: dict[str, bytes], requires: tuple[str, ...] = ()) -> Path:
    """A pure wheel of these files."""
    stem = f"{normal(name).replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        lines.append(f"{path},sha256={digest},{len(data)}")
    content[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, data in content.items():
            archive.writestr(path, data)
    return target


def stub_index(folder: Path) -> str:
    """A simple index of stubs in a folder; its URL."""
    packages = shown_packages(folder / "packages")
    simple = folder / "simple"
    for name in STUBBED:
        version = importlib.metadata.version(name).partition("+")[0]
        files = {"stubs.pth": f"{packages}\n".encode()} if name == "torch" else {}
        if name == "setuptools":  # builds ILVI's wheel, where pip looks at no .pth: the real one
            files = real_files(name, f"{name}-{version}.dist-info")
        made = wheel(simple / normal(name), name, version, files)
        (made.parent / "index.html").write_text(f'<a href="{made.name}">{made.name}</a>', encoding="utf-8")
    return simple.as_uri()


@contextlib.contextmanager
def proxy(folder: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """A proxy, and behind it the index of `folder` as STUDIO: (environment that names it, what it was asked for)."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)  # the whole URL: a proxy is asked so
            found = folder / self.path.replace(STUDIO, "", 1).lstrip("/")
            found = found / "index.html" if found.is_dir() else found
            self.send_response(200 if self.path.startswith(STUDIO) and found.is_file() else 404)
            self.send_header("Content-Type", "text/html" if found.suffix == ".html" else "application/octet-stream")
            self.end_headers()
            if found.is_file():
                self.wfile.write(found.read_bytes())

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        host = STUDIO.removeprefix("http://")
        yield {"HTTP_PROXY": url, "http_proxy": url, "NO_PROXY": "", "no_proxy": "", "PIP_TRUSTED_HOST": host}, asked
        server.shutdown()


def shown_packages(folder: Path) -> Path:
    """A folder of links to this environment's packages, without metadata, pip and ILVI."""
    folder.mkdir(parents=True)
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if path.suffix not in (".dist-info", ".pth", ".egg-link") and not path.name.startswith(("ilvi", "pip", "__")):
            (folder / path.name).symlink_to(path)
    return folder


def real_files(name: str, info: str) -> dict[str, bytes]:
    """The files of an installed package, and of its metadata (in `info`) the entry points."""
    found = {}
    for path in importlib.metadata.files(name) or []:
        where = Path(str(path.locate()))
        if not path.parts[0].endswith(".dist-info") and not str(path).startswith("..") and path.suffix != ".pyc":
            found[path.as_posix()] = where.read_bytes()
        elif path.name == "entry_points.txt" and len(path.parts) == 2:
            found[f"{info}/{path.name}"] = where.read_bytes()
    return found


def environment(home: Path, **more: str) -> dict[str, str]:
    """Of a person with that home, and nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ILVI_", "XDG_", "PIP_", "NUKE"))}
    kept.pop("PYTHONPATH", None)
    return {
        **kept, "HOME": str(home), "PIP_CONFIG_FILE": os.devnull, "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8",
        "RUSTUP_HOME": str(Path.home() / ".rustup"),  # pip asks rustc's version, and rustup writes into HOME
        **more,
    }  # fmt: skip


def run_installer(
    *arguments: object, home: Path, python: str = sys.executable, script: Path = INSTALLERS / "install.py", **more: str
) -> subprocess.CompletedProcess[str]:
    """install.py, as a person starts it."""
    return subprocess.run(
        [python, str(script), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        cwd=home,
        env=environment(home, **more),
        timeout=900,
        check=False,
    )


def snapshot(*folders: Path) -> dict[str, object]:
    """Every file's bytes, every link's target, every folder: what there is, byte for byte."""
    found: dict[str, object] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_symlink():
                found[str(path)] = os.readlink(path)
            elif path.is_dir():
                found[str(path)] = "folder"
            else:
                found[str(path)] = (path.read_bytes(), path.stat().st_mode)
    return found


def pythons() -> dict[str, str]:
    """The other interpreters of this machine: version -> program."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for path in sorted(folder.glob("*/bin/python")):
        found[".".join(path.parent.parent.name.split(".")[:2])] = str(path)
    return found
