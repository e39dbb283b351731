"""One request to the worker, from its first answer to its last."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ilvi_core.host.errors import IlviError
from ilvi_core.host.protocol import (
    ENDS,
    Accepted,
    Cancelling,
    Failure,
    Finished,
    Frame,
    Info,
    Progress,
    Started,
    Stopped,
    Warn,
)

JOB_EVENTS = (Accepted, Started, Progress, Frame, Info, Warn, Failure, Cancelling, Stopped, Finished)
BACKLOG = 1000  # unread events from which on a progress takes the place of the one before it
QUIET_JOBS = 600.0  # seconds without a word of any job after which no more is waited, though the worker answers pings


class Link(Protocol):
    """What a run needs of the session that it is in."""

    def quiet(self) -> float:
        """Seconds since the worker last said something about a job."""

    def refuse_in_callback(self) -> None:
        """IlviError when this thread is the one that reads: nothing would come while it waits."""

    def cancel(self, run: Run) -> None: ...

    def note(self, text: str) -> None:
        """A line for the log."""


class Run:
    """A job that the worker was given. Follow it with `events` or `wait`, or by a callback; stop it with `cancel`.

    on_event: called with each event on the reading thread (an end that the worker did not send itself may come on
    another). It must be quick, and may start requests but not wait for one.
    """

    def __init__(
        self,
        id: str,
        kinds: tuple[type, ...],
        link: Link,
        on_event: Callable[[Any], None] | None = None,
        owner: Any = None,
    ) -> None:
        self.id = id
        self.kinds = kinds  # the messages that may answer it
        self.result: Any = None  # the last event, once there is one
        self.owner = owner  # kept alive, and its worker with it, as long as this is
        self._link = link
        self._on_event = on_event
        self._unread: deque[Any] = deque()
        self._change = threading.Condition()
        self._pid = os.getpid()

    @property
    def done(self) -> bool:
        return self.result is not None

    def events(self, timeout: float | None = None) -> Iterator[Any]:
        """Each event once, up to the last one: Finished, Stopped or Failure.

        timeout: seconds between two events, beyond it IlviError; None: as long as the worker works on any job, up to
        QUIET_JOBS. The run goes on after such an error.
        """
        while True:
            self._await(lambda: bool(self._unread) or self.done, timeout)
            with self._change:
                if not self._unread:
                    return
                event = self._unread.popleft()
            yield event
            if isinstance(event, ENDS):
                return

    def wait(self, timeout: float | None = None) -> Any:
        """The last event. Raises what the worker raised, Cancelled when it was stopped.

        timeout: seconds, beyond it IlviError, and the run goes on; None: as `events`.
        """
        self._await(lambda: self.done, timeout)
        if isinstance(self.result, (Failure, Stopped)):
            raise self.result.error()
        return self.result

    def cancel(self) -> None:
        """Ask the worker to stop it; the last event tells when it has. Nothing happens when it is done."""
        self._link.cancel(self)

    def store(self, event: Any) -> bool:
        """Take an event in; False when the run had ended before. For the session."""
        with self._change:
            if self.done:
                return False
            last = self._unread[-1] if self._unread else None
            if len(self._unread) >= BACKLOG and isinstance(event, Progress) and isinstance(last, Progress):
                self._unread.pop()  # nobody reads, and the newer says all that the older did
            self._unread.append(event)
            if isinstance(event, ENDS):
                self.result = event
            self._change.notify_all()
        return True

    def tell(self, event: Any) -> None:
        """Call the callback. For the session."""
        if self._on_event:
            try:
                self._on_event(event)
            except BaseException:  # whatever it is, SystemExit too: the thread has other runs to serve
                self._link.note(f"A callback failed on {event}.\n{traceback.format_exc()}")

    def _await(self, there: Callable[[], bool], timeout: float | None) -> None:
        if self._pid != os.getpid():
            raise IlviError("The job belongs to the process that this one was forked from.", "Follow it there.")
        until = None if timeout is None else time.monotonic() + timeout
        with self._change:
            while not there():
                self._link.refuse_in_callback()
                left = 1.0 if until is None else until - time.monotonic()
                if left <= 0 or (until is None and self._link.quiet() > QUIET_JOBS):
                    limit = QUIET_JOBS if timeout is None else timeout
                    raise IlviError(
                        f"The worker did not answer request {self.id} within {limit:g} s.",
                        "Wait longer, cancel the job, or restart the worker.",
                    )
                self._change.wait(min(left, 1.0))
