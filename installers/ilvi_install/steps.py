"""Long steps: shown while they run, and explained when they fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ilvi_install.words import Refused, say, size

DOWNLOADS = "downloads"  # in the scratch folder: what pip has fetched
STILL_SECONDS = 20.0  # of silence, after which a step says that it is still at it
# what would bring foreign modules into the programs that the installer starts, or send pip elsewhere
LEAKS = (
    "PYTHONHOME", "PYTHONPATH", "PYTHONEXECUTABLE", "PYTHONSTARTUP", "PYTHONPLATLIBDIR", "__PYVENV_LAUNCHER__",
    "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN",
)  # fmt: skip
# what pip's log says -> what is wrong, and the remedy
KNOWN = (
    (r"No space left on device|not enough space", "The disk is full", "Make room, and run this again."),
    (r"Permission denied|EACCES|Read-only file system", "Something may not be written", "Choose another --prefix."),
    (r"THESE PACKAGES DO NOT MATCH THE HASHES|do not match the hash", "A file is damaged or was changed",
     "Get the archive again; do not use this one."),
    (r"ProxyError|Tunnel connection failed|407 Proxy", "The proxy refuses the connection",
     "Set HTTPS_PROXY=http://user:password@proxy:port, or pip's own setting `proxy`."),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError", "The index's certificate is not trusted",
     "Give pip your studio's certificate: PIP_CERT=/path/to/ca.pem."),
    (r"NewConnectionError|Name or service not known|ConnectTimeout|getaddrinfo failed|Network is unreachable|"
     r"Connection refused|ReadTimeout|Temporary failure in name resolution|Max retries exceeded",
     "The package index cannot be reached",
     "Check network and proxy (HTTPS_PROXY, PIP_INDEX_URL), or use --offline with an archive from make_bundle.py."),
    (r"Could not find a version that satisfies|No matching distribution", "A package is not there for this Python",
     "Try --python with another version, 3.10 to 3.13; the log names the package."),
)  # fmt: skip


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what leaks, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if name not in LEAKS}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "PIP_USER": "0", "PIP_NO_INPUT": "1", **(extra or {})}


class Steps:
    """Counts the steps of a run. work: the scratch folder; log: where pip writes what it does."""

    def __init__(self, count: int, work: Path, log: Path) -> None:
        self._count, self._work, self._log, self._at = count, work, log, 0

    @contextmanager
    def step(self, words: str) -> Iterator[None]:
        self._at += 1
        say(f"[{self._at}/{self._count}] {words}")
        begun = time.monotonic()
        yield
        seconds = time.monotonic() - begun
        if seconds >= 1:
            say(f"      {seconds:.0f} s")

    def run(self, command: Sequence[str | Path], failed: str, extra: Mapping[str, str] | None = None) -> None:
        """Run a program and pass on what it says. Refused, in the words `failed`, when it does not exit with 0."""
        if follow([str(part) for part in command], clean_environment(extra), self._work) != 0:
            raise Refused(f"{failed}.", "What it says stands above.")

    def pip(self, python: Path, *arguments: str | Path, failed: str, extra: Mapping[str, str] | None = None) -> None:
        """pip of an environment, with a log, without asking, with its own configuration."""
        start = self._log.stat().st_size if self._log.exists() else 0
        verb, *rest = map(str, arguments)
        command = [python, "-I", "-m", "pip", verb, "--disable-pip-version-check", "--log", self._log, *rest]
        # pip unpacks in TMPDIR, and /tmp may be small; what it has fetched waits here for the next try, and no longer
        scratch = {"TMPDIR": str(self._work), "TEMP": str(self._work), "TMP": str(self._work)}
        if "PIP_CACHE_DIR" not in os.environ:
            scratch["PIP_CACHE_DIR"] = str(self._work / DOWNLOADS)
        environment = clean_environment({**scratch, **(extra or {})})
        if follow([str(part) for part in command], environment, self._work) != 0:
            why, hint = self._explain(start)
            raise Refused(f"{failed}{': ' + why if why else ''}.", f"{hint} The log is {self._log}.".strip())

    def _explain(self, start: int) -> tuple[str, str]:
        """What the log says from `start` (bytes) on, in our words."""
        if not self._log.exists():
            return "", ""
        with self._log.open("rb") as file:
            file.seek(start)
            text = file.read().decode(errors="replace")
        for pattern, why, hint in KNOWN:
            if re.search(pattern, text):
                return why[0].lower() + why[1:], hint
        return "", ""


def follow(command: list[str], environment: Mapping[str, str], disk: Path) -> int:
    """Run a program, show its lines indented, and say now and then that it still runs; its exit code.

    disk: a folder on the disk that it fills.  A stop (Ctrl-C) ends the program too.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        encoding="utf-8",
        errors="replace",
    ) as process:
        last = [time.monotonic()]
        over = threading.Event()
        threading.Thread(target=_still, args=(last, over, disk), daemon=True).start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                last[0] = time.monotonic()
                say(f"      {line.rstrip()}")
            return process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            over.set()


def _still(last: list[float], over: threading.Event, disk: Path) -> None:
    begun, free = time.monotonic(), shutil.disk_usage(disk).free
    while not over.wait(1.0):
        if time.monotonic() - last[0] >= STILL_SECONDS:
            last[0] = time.monotonic()
            written = max(0, free - shutil.disk_usage(disk).free)
            say(f"      still at it after {time.monotonic() - begun:.0f} s, {size(written)} written")


def output(command: Sequence[str | Path], seconds: float = 60.0) -> str:
    """What a short program prints; empty when it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            env=clean_environment(),
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
