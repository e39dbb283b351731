"""What hosts see of this machine's ILVI: the record and its worker, the Nuke plugin, the OpenFX plugin."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import ilvi_core
from ilvi_core.host.client import WorkerClient
from ilvi_core.host.errors import IlviError
from ilvi_core.host.places import LEAKS, LIBRARY_PATHS, find_worker, record_path

Problems = list[tuple[str, str]]  # each with its remedy

BUNDLE = "Ilvi.ofx.bundle"
MARK = "# ILVI's installer"  # at the end of the line that it puts into ~/.nuke/init.py
START_LIMIT = 60.0  # seconds
VARIABLES = ("ILVI_", "NUKE_PATH", "OFX_PLUGIN_PATH", "OCIO", "CUDA_VISIBLE_DEVICES", "HTTP_PROXY", "HTTPS_PROXY")
_SECRET = re.compile(r"//[^/@\s]*@")  # user:password in a proxy's URL


def check_worker(lines: list[str], problems: Problems, hosts: bool) -> None:
    """Whether hosts find a worker, and whether it answers as one of this version.

    hosts: there is a plugin of ILVI's, which needs one; without any, none is missed.
    """
    record = record_path()
    lines.append(f"Record: {record} ({'there' if record.is_file() else 'none'})")
    named = any(os.environ.get(name, "").strip() for name in ("ILVI_PYTHON", "ILVI_RECORD"))
    if not (hosts or named or record.is_file()):
        lines.append(f"Worker: hosts find none; ILVI's installer, or ILVI_PYTHON={sys.executable}, shows them this one")
        return
    try:
        python = find_worker()
    except IlviError as error:
        problems.append((error.message, error.hint))
        return
    lines.append(f"Worker: {python}{_version_noted(record)}")
    with tempfile.TemporaryDirectory(prefix="ilvi-doctor-") as folder:
        try:
            log = Path(folder) / "worker.log"
            with WorkerClient(log=log, name="ilvi doctor", ready_timeout=START_LIMIT) as worker:
                ready = worker.start()
                seconds = worker.ping()
        except IlviError as error:
            problems.append((f"The worker does not answer: {error.message}", error.hint))
            return
    lines.append(f"  answers: ILVI {ready.version}, protocol {ready.protocol}, in {seconds * 1000:.0f} ms")
    if ready.version != ilvi_core.__version__:
        problems.append(
            (
                f"Hosts start a worker of ILVI {ready.version}; this is {ilvi_core.__version__}.",
                "Run the installer with --upgrade, or set ILVI_PYTHON to the one that is meant.",
            )
        )


def check_nuke(lines: list[str], problems: Problems) -> bool:
    """The Nuke plugin by the user's init.py and by NUKE_PATH; whether there is one."""
    found = [(Path(folder), "NUKE_PATH") for folder in _listed("NUKE_PATH") if _is_plugin(Path(folder))]
    init = Path.home() / ".nuke" / "init.py"
    try:
        text = init.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.splitlines():
        named = re.search(r"pluginAddPath\((['\"])(.*?)\1\)", line)
        if not named or line.lstrip().startswith("#"):
            continue
        folder = Path(named.group(2).encode().decode("unicode_escape") if MARK in line else named.group(2))
        if MARK in line and not folder.is_dir():
            problems.append((f"{init} names {folder}, which is gone.", "Run the installer with --nuke again."))
        elif _is_plugin(folder):
            found.append((folder, str(init)))
    for folder, place in found:
        lines.append(f"Nuke plugin: {folder}, by {place}")
        if not any(
            (root / "ilvi_core" / "host" / "client.py").is_file() for root in (folder / "vendor", folder.parent)
        ):
            problems.append((f"The Nuke plugin in {folder} is not whole.", "Run the installer with --nuke again."))
    if not found:
        lines.append("Nuke plugin: none in ~/.nuke/init.py or NUKE_PATH")
    if len(found) > 1:
        problems.append(("Nuke finds more than one ILVI plugin.", "Keep one of them: " + _joined(found)))
    return bool(found)


def check_ofx(lines: list[str], problems: Problems) -> bool:
    """The OpenFX plugin where hosts look for it; whether there is one."""
    places = [Path(folder) for folder in _listed("OFX_PLUGIN_PATH", ":" if sys.platform == "linux" else ";")]
    places.append(_ofx_folder())
    found = [place / BUNDLE for place in places if (place / BUNDLE).is_dir()]
    for bundle in found:
        binaries = sorted(each.parent.name for each in bundle.glob("Contents/*/Ilvi.ofx"))
        lines.append(f"OpenFX plugin: {bundle} ({', '.join(binaries) or 'no binary'})")
        if not binaries:
            problems.append((f"{bundle} is not whole.", "Run the installer with --ofx again."))
    if not found:
        lines.append(f"OpenFX plugin: none in {', '.join(map(str, places))}")
    return bool(found)


def check_environment(lines: list[str], problems: Problems, environment: Mapping[str, str]) -> None:
    """What the environment sets for ILVI, and what leaks into it."""
    for name in sorted(environment):
        if name.upper().startswith(VARIABLES) and environment[name]:
            lines.append(f"{name}={_SECRET.sub('//...@', environment[name])}")
    for name in (*LEAKS, *LIBRARY_PATHS, "LD_PRELOAD"):
        value = environment.get(name)
        if not value:
            continue
        lines.append(f"{name}={value}")
        if name in ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "LD_PRELOAD"):
            problems.append((f"{name} is set and may bring foreign modules in.", f"Unset {name} where 'ilvi' is run."))


def _version_noted(record: Path) -> str:
    try:
        return f", noted as ILVI {json.loads(record.read_text(encoding='utf-8'))['version']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _is_plugin(folder: Path) -> bool:
    return (folder / "ilvi_nuke" / "__init__.py").is_file()


def _listed(name: str, separator: str = os.pathsep) -> list[str]:
    return [part for part in os.environ.get(name, "").split(separator) if part]


def _joined(found: list[tuple[Path, str]]) -> str:
    return ", ".join(f"{folder} ({place})" for folder, place in found)


def _ofx_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("COMMONPROGRAMFILES") or r"C:\Program Files\Common Files") / "OFX" / "Plugins"
    return Path("/Library/OFX/Plugins" if sys.platform == "darwin" else "/usr/OFX/Plugins")
