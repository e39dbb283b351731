"""The worker's process: how it is spawned, how its end is told, how it is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from ilvi_core.host.errors import InputError

_POLL = 0.01  # seconds between looks at a process that is expected to end
KILL_WAIT = 2.0  # seconds that a killed process has to be gone; one that hangs in a driver may not be


class WorkerProcess:
    """One process with pipes at stdin, stdout and stderr, leader of its own process group."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        extra: dict[str, Any] = {}
        if sys.platform == "win32":
            extra["creationflags"] = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        else:
            # Away from the host's terminal and its Ctrl-C, and to be stopped with all its children. No PDEATHSIG:
            # it fires when the spawning *thread* ends. That the host is gone the worker sees at the end of its stdin.
            extra["start_new_session"] = True
        pipe = subprocess.PIPE
        try:
            self._popen = subprocess.Popen(
                list(command), stdin=pipe, stdout=pipe, stderr=pipe, env=dict(environment), bufsize=0, **extra
            )
        except (OSError, ValueError) as error:  # ValueError: a null byte in the command
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise InputError(
                f"The worker {command[0]} cannot be started: {reason}.",
                "Run ILVI's installer, or set ILVI_PYTHON to the Python that has ILVI.",
            ) from None
        self.pid = self._popen.pid
        self.stdin, self.stdout, self.stderr = map(_pipe, (self._popen.stdin, self._popen.stdout, self._popen.stderr))

    def running(self) -> bool:
        return self._popen.poll() is None

    def wait(self, seconds: float) -> bool:
        """Whether it has ended, waiting at most so long. From any thread."""
        # Popen.wait would hold the lock that poll needs in the other threads
        until = time.monotonic() + seconds
        while self.running():
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL)
        return True

    @property
    def exit_code(self) -> int | None:
        """None: it runs; below 0 (POSIX): the signal that ended it."""
        return self._popen.returncode

    def ending(self) -> str:
        """How it ended, as part of a sentence."""
        code = self.exit_code
        if code is None:
            return "closed its pipes"
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            return f"was ended by signal {-code} ({signal.Signals(-code).name})"
        except ValueError:
            return f"was ended by signal {-code}"

    def stop(self, graces: Sequence[float], close_input: Callable[[], None]) -> None:
        """The ladder: let it end by itself, close its input, terminate it, kill it.

        graces: seconds for the first three steps.  Afterwards the process is gone, and all of its group (POSIX), unless
        even the kill did not help.
        """
        for step, grace in zip((None, close_input, self.terminate), graces):
            if step:
                step()
            if self.wait(grace):
                break
        self.kill()  # also when it is gone: children that it left behind
        self.wait(KILL_WAIT)

    def terminate(self) -> None:
        """Ask the process and its group to end. On Windows, which cannot ask, it ends at once."""
        if sys.platform == "win32":
            self._popen.terminate()
        else:
            self._signal_group(signal.SIGTERM)

    def kill(self) -> None:
        if sys.platform == "win32":
            self._popen.kill()
        else:
            self._signal_group(signal.SIGKILL)

    def forget(self) -> None:
        """In a forked child: close this copy of the pipes, so that it does not keep the parent's worker alive."""
        self._popen.returncode = 0  # nothing to wait for: it is no child of ours
        for pipe in (self.stdin, self.stdout, self.stderr):
            with contextlib.suppress(OSError):
                pipe.close()

    def _signal_group(self, number: int) -> None:
        # the group is there as long as one of its processes is, the leader or a child that it left behind
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # each was asked for
    return pipe
