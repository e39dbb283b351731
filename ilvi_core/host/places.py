"""Where things are, seen from inside a host: the worker's Python, the installer's record, logs, and its environment."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ilvi_core.host.errors import InputError

# what would make the worker's Python load the host's modules or take the host's installation for its own
LEAKS = (
    "PYTHONHOME", "PYTHONPATH", "PYTHONEXECUTABLE", "PYTHONSTARTUP", "VIRTUAL_ENV", "QT_PLUGIN_PATH",
    "__PYVENV_LAUNCHER__",
)  # fmt: skip
LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
# folders in which many programs live together: a host that is installed right there owns nothing of them
SHARED = ("/", "/usr", "/usr/local", "/opt", "/opt/local", "/opt/homebrew", "/snap", "/home")


def find_worker(setting: str = "") -> str:
    """The path of the worker's Python: the setting, else ILVI_PYTHON, else the installer's record.

    The first of them that is set counts: when it is wrong, that is an InputError, and no other is tried.
    """
    if setting.strip():
        return _executable(setting, "the setting", "Correct the setting.")
    named = os.environ.get("ILVI_PYTHON", "")
    if named.strip():
        return _executable(named, "ILVI_PYTHON", "Correct ILVI_PYTHON or unset it.")
    record = record_path()
    python = _recorded(record)
    if python:
        return _executable(python, f"the installer's record {record}", "Run ILVI's installer again.")
    raise InputError(
        f"ILVI's worker is not installed: no setting and no ILVI_PYTHON names its Python, and there is no {record}.",
        "Run ILVI's installer, or set ILVI_PYTHON to the Python that has ILVI.",
    )


def record_path() -> Path:
    """The file in which the installer notes where the worker is: {"python": path, ...}. ILVI_RECORD names another."""
    named = os.environ.get("ILVI_RECORD", "")
    return Path(named).expanduser() if named.strip() else _user_folder("data") / "worker.json"


def log_folder() -> Path:
    """Where workers' logs are written: ILVI_LOG, or the user's log folder."""
    named = os.environ.get("ILVI_LOG", "")
    return Path(named).expanduser() if named.strip() else _user_folder("log")


def worker_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the worker gets of the environment (base; None: this process's): all but what leaks the host into it."""
    environment = dict(os.environ if base is None else base)
    for name in LEAKS:
        environment.pop(name, None)
    roots = host_roots(sys.executable)
    for name in LIBRARY_PATHS:
        if name in environment:
            kept = [part for part in environment.pop(name).split(":") if not _inside(part, roots)]
            if any(kept):
                environment[name] = ":".join(kept)
    return environment


def host_roots(executable: str | None) -> list[str]:
    """The folders that are the installation of the program `executable` (as named, and behind links) and nothing else.

    /usr/local/Nuke15.0v4/Nuke15.0 -> /usr/local/Nuke15.0v4; /opt/hfs20/bin/hython -> /opt/hfs20; /usr/bin/python3 ->
    none, for /usr is everybody's.
    """
    if not executable:  # some hosts that embed Python leave it empty
        return []
    roots = []
    for path in (os.path.abspath(executable), os.path.realpath(executable)):
        root = os.path.dirname(path)
        if os.path.basename(root) in ("bin", "MacOS"):
            root = os.path.dirname(root)
        if root not in SHARED and root != os.path.expanduser("~") and root not in roots:
            roots.append(root)
    return roots


def _inside(folder: str, roots: list[str]) -> bool:
    if not folder:
        return False
    places = {os.path.abspath(folder), os.path.realpath(folder)}
    return any(place == root or place.startswith(root + os.sep) for place in places for root in roots)


def _executable(named: str, place: str, hint: str) -> str:
    path = os.path.abspath(os.path.expanduser(named.strip()))  # not behind its links: a venv's python is one
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise InputError(f"{place[0].upper()}{place[1:]} names {path}, expected the Python of ILVI's worker.", hint)
    return path


def _recorded(record: Path) -> str:
    """What the record names; empty when there is none. InputError when it cannot be read."""
    again = "Run ILVI's installer again."
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if os.environ.get("ILVI_RECORD", "").strip():
            raise InputError(f"ILVI_RECORD names {record}, which is not there.", "Correct it or unset it.") from None
        return ""
    except OSError as error:
        raise InputError(f"The installer's record {record} cannot be read: {error.strerror}.", again) from None
    except (ValueError, RecursionError):
        raise InputError(f"The installer's record {record} is not JSON.", again) from None
    python = found.get("python") if isinstance(found, dict) else None
    if not isinstance(python, str) or not python.strip():
        raise InputError(f"The installer's record {record} names no Python.", again)
    return python


def _user_folder(kind: str) -> Path:
    """The user's folder of that kind (data or log), where platformdirs, which the worker uses, puts it for 'ilvi'."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "ilvi" / "ilvi"
        return base / "Logs" if kind == "log" else base
    if sys.platform == "darwin":
        return home / "Library" / ("Logs" if kind == "log" else "Application Support") / "ilvi"
    if kind == "log":
        return Path(os.environ.get("XDG_STATE_HOME", "").strip() or home / ".local" / "state") / "ilvi" / "log"
    return Path(os.environ.get("XDG_DATA_HOME", "").strip() or home / ".local" / "share") / "ilvi"
