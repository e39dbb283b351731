"""https://learn.foundry.com/nuke/developers/140/pythondevguide/_modules/nuke_internal/executeInMain.html says what
they do:

a single argument that is no tuple is wrapped; WithResult waits without a limit, prints an exception of the call and
gives None. Called on the main thread it would wait for itself; the fake raises and records instead.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
import traceback

from .core import host


class Job:
    def __init__(self, call, args, kwargs, done) -> None:
        if not callable(call):
            raise TypeError("executeInMainThread: the first argument must be callable")
        self.call = call
        self.args = args if isinstance(args, tuple) else (args,)
        self.kwargs = {} if kwargs is None else kwargs
        self.done = done
        self.result = None


def executeInMainThread(call, args=(), kwargs=None):
    """Any thread may call it; it does not wait."""
    host.queue.put(Job(call, args, kwargs, None))


def executeInMainThreadWithResult(call, args=(), kwargs=None):
    """Another thread than the main one may call it; it waits."""
    if threading.get_ident() == host.main:
        what = "nuke.executeInMainThreadWithResult"
        host.violations.append((what, "main thread", "".join(traceback.format_stack(limit=12))))
        raise RuntimeError(f"{what} called on the main thread: real Nuke freezes here")
    job = Job(call, args, kwargs, threading.Event())
    host.queue.put(job)
    job.done.wait()
    return job.result


def run_one(timeout: float) -> bool:
    """Runs one queued call on the main thread; False if none came in time."""
    try:
        job = host.queue.get(timeout=timeout) if timeout > 0 else host.queue.get_nowait()
    except queue.Empty:
        return False
    try:
        with host.turn():
            job.result = job.call(*job.args, **job.kwargs)
    except Exception as error:  # as Nuke: printed, and that was it
        host.swallowed.append(error)
        sys.stderr.write("[fake nuke] in a call queued for the main thread\n" + traceback.format_exc())
    finally:
        if job.done is not None:
            job.done.set()
    return True


def pump(until, timeout: float) -> None:
    end = time.monotonic() + timeout
    while not until():
        if time.monotonic() > end:
            raise TimeoutError(f"fake_host.pump: the condition did not become true in {timeout} s")
        run_one(0.02)
