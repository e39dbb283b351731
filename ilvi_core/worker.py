"""The worker: messages on stdin and stdout <-> the pipeline (`python -I -m ilvi_core.worker`)."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import BinaryIO

GRACE = 1.5  # seconds that a job may take to stop once the host is gone
GRACE_ASKED = 20.0  # and when the host has asked for the end and waits for it


def main() -> int:
    """Serve one host until it goes or says so; the exit code is 1 when the session ended with an error."""
    # read when torch loads its OpenMP: threads that wait without end bring two jobs on one machine nearly to a halt
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    incoming, outgoing = take_streams()
    from ilvi_core.cache import Cache, cache_folder, size_limit
    from ilvi_core.host.errors import IlviError
    from ilvi_core.host.protocol import Failure, write
    from ilvi_core.session import Session

    try:
        cache = Cache(cache_folder(), size_limit())
    except IlviError as error:  # what ILVI_CACHE_SIZE says is no size
        outgoing.write(write(Failure("", "input", error.message, error.hint)))
        outgoing.flush()
        return 1
    session = Session(incoming, outgoing, cache, on_end=_leave_soon)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: session.end(asked=True))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the host's terminal is the host's to answer
    return session.run()


def take_streams() -> tuple[BinaryIO, BinaryIO]:
    """The protocol's own two streams; from now on what anybody prints, from C too, goes to stderr."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.stdout is not None:
        sys.stdout.flush()  # what was printed before belongs to the log as well
    sys.stdout = sys.stderr
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(incoming, os.O_BINARY)
        msvcrt.setmode(outgoing, os.O_BINARY)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


def _leave_soon(asked: bool) -> None:
    """The session ends: whatever still runs has this long. Everything on disk is whole at any moment."""
    timer = threading.Timer(GRACE_ASKED if asked else GRACE, os._exit, [1])
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    code = main()
    # not by sys.exit: torch's and the file system's threads may take long to end, and there is nothing left to lose
    sys.stderr.flush()
    os._exit(code)
