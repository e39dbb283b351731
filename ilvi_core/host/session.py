"""One life of a worker, from its spawning to its end: four threads round its pipes, and the requests that are open.

The reader takes stdout apart and hands each message to its run; the drain keeps stderr; the writer alone touches stdin,
so that a worker that does not read holds up nobody else; the keeper watches over the process, and stops it. Each is a
daemon, and whatever happens, every open run is told its end.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ilvi_core.host.errors import Cancelled, DeviceError, IlviError, InputError
from ilvi_core.host.pipes import CutOff, Outbox, drain, messages
from ilvi_core.host.process import KILL_WAIT, WorkerProcess
from ilvi_core.host.protocol import (
    PROTOCOL,
    Cancel,
    Failure,
    Hello,
    Ping,
    ProtocolError,
    Ready,
    Shutdown,
    Stopped,
    write,
)
from ilvi_core.host.requests import Requests
from ilvi_core.host.run import JOB_EVENTS, Run
from ilvi_core.host.worker_log import WorkerLog

TICK = 0.2  # seconds between the keeper's looks
PING_EVERY = 15.0  # seconds of silence between two pings while a request is open
EXIT_WAIT = 0.8  # seconds in which a worker that closed a pipe is expected to be gone
LAST_WORDS = 0.5  # seconds in which each pipe of a gone worker is read to its end
FAULT_GRACES = (0.0, 2.0, 2.0)  # seconds, for a worker that broke the rules: it is not asked
_RESTART = "Restart the worker and try again."


class Session:
    """A running worker.

    ids: of its requests.  name: who asks, for its log.  silence: seconds without any answer, to pings neither, after
    which it counts as hung.
    """

    def __init__(
        self, process: WorkerProcess, log: WorkerLog, ids: itertools.count[int], name: str, silence: float
    ) -> None:
        self.process = process
        self.log = log
        self.ready: Ready | None = None
        self.error: IlviError | None = None  # why it ended; None also when it was closed
        self._ids = ids
        self._silence = silence
        self._requests = Requests()
        self._lock = threading.Lock()
        self._outbox = Outbox()
        self._greeted = threading.Event()  # ready, or over
        self._gone = threading.Event()  # over, and the process is gone
        self._wake = threading.Event()  # for the keeper: there is something to do
        self._graces: Sequence[float] | None = None  # of the ladder, once somebody closes
        self._abandoned: Sequence[float] | None = None  # the same, once nobody is left who could
        self._cut: CutOff | None = None
        self._heard = self._heard_of_job = False  # since the last tick
        self._silent = self._quiet = 0.0  # seconds; counted in ticks, for a machine that slept was not silent
        targets = (self._read, self._drain, self._write, self._keep)
        self._reader, self._drainer, *others = (
            threading.Thread(target=target, name=f"ilvi{target.__name__}", daemon=True) for target in targets
        )
        self._outbox.send(write(Hello(PROTOCOL, name)))
        for thread in (self._reader, self._drainer, *others):
            thread.start()

    # -- for the client ------------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether no request is taken any more."""
        return self._requests.closed

    @property
    def busy(self) -> bool:
        return self._requests.busy

    def await_ready(self, seconds: float) -> Ready:
        """The worker's greeting. IlviError when it does not come, or the worker ends instead."""
        if not self._greeted.wait(seconds):
            self._end(self._with_log(IlviError(f"The worker was not ready within {seconds:g} s.")))
        if self.ready and not self.over:
            return self.ready
        raise self._ended()

    def request(
        self,
        make: Callable[[str], Any],
        kinds: tuple[type, ...],
        on_event: Callable[[Any], None] | None = None,
        owner: Any = None,
    ) -> Run:
        """Send the message that `make` gives for a new id. `kinds` are the messages that may answer it."""
        run = Run(str(next(self._ids)), kinds, self, on_event, owner)
        line = write(make(run.id))
        if not self._requests.add(run.id, run):
            raise self._ended()
        try:
            self._outbox.send(line)
        except IlviError:
            self._requests.remove(run.id)
            raise
        return run

    def give_up(self, run: Run) -> None:
        """Nobody waits for that answer any more: the worker need not go on looking for it."""
        if self._requests.give_up(run.id):
            self._outbox.offer(Cancel(run.id))

    def close(self, graces: Sequence[float], wait: bool = True) -> None:
        """Shut the worker down by the ladder (`WorkerProcess.stop`). From any thread, any number of times."""
        with self._lock:
            first = self._graces is None
            self._graces = self._graces or graces
        if first and not self.over:
            self._outbox.offer(Shutdown())  # a worker that does not read: the ladder's other steps remain
        self._wake.set()
        if wait:
            self.await_gone(sum(graces))

    def abandon(self, graces: Sequence[float]) -> None:
        """Have the keeper close it. Takes no lock: for __del__, which may run in the middle of anything."""
        self._abandoned = graces

    def await_gone(self, seconds: float) -> bool:
        """Whether the worker's process is gone, waiting for it so long and as long as a kill may take."""
        return self._gone.wait(seconds + KILL_WAIT + 2 * LAST_WORDS + 1.0)

    # -- for runs ------------------------------------------------------------------------------------------------------

    def quiet(self) -> float:
        return self._quiet

    def refuse_in_callback(self) -> None:
        if threading.current_thread() is self._reader:
            raise IlviError("A callback waits for the worker, which cannot answer before it returns.", "Do not wait.")

    def cancel(self, run: Run) -> None:
        if self._requests.holds(run):
            self._outbox.send(write(Cancel(run.id)))

    def note(self, text: str) -> None:
        self.log.note(text)

    # -- the threads ---------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """stdout: each line a message. The first fault ends the session."""
        try:
            for message in messages(self.process.stdout):
                self._take(message)
                if self.over:
                    break
        except CutOff as error:
            self._cut = error  # the keeper sees how the worker ended
        except IlviError as error:
            self._end(self._with_log(error))
        except Exception as error:  # a fault of ours must not leave runs without an end
            self.note(traceback.format_exc())
            self._end(self._with_log(IlviError(f"Reading from the worker failed: {error}.")))
        finally:
            self._wake.set()

    def _take(self, message: Any) -> None:
        self._heard = True
        if isinstance(message, Ready):
            self._greet(message)
        elif isinstance(message, Failure) and not message.id:
            raise message.error()
        elif self.ready is None:
            raise ProtocolError(f"The worker sent '{message.TYPE}' before it was ready.")
        else:
            run = self._requests.take(message)
            if isinstance(message, JOB_EVENTS):
                self._heard_of_job = True
            if run and run.store(message):
                run.tell(message)

    def _greet(self, ready: Ready) -> None:
        if ready.protocol != PROTOCOL:
            raise ProtocolError(
                f"The worker (ILVI {ready.version}) speaks protocol {ready.protocol}, this host protocol {PROTOCOL}.",
                "Install the same version of ILVI in the host and for the worker.",
            )
        if self.ready:
            raise ProtocolError("The worker sent 'ready' twice.")
        self.ready = ready
        self._greeted.set()

    def _drain(self) -> None:
        drain(self.process.stderr, self.log)

    def _write(self) -> None:
        if not self._outbox.write_to(self.process.stdin):
            self._wake.set()

    def _keep(self) -> None:
        """The process: its silence, its end, its stopping."""
        try:
            while not self._wake.wait(TICK) and self.process.running():
                if self._abandoned:
                    self.close(self._abandoned, wait=False)
                self._watch()
            if self._graces is None and not self.over:
                self._end(self._sudden_end())
            self.process.stop(self._graces or FAULT_GRACES, self._outbox.close)
            if not self.over:
                self._read_last_words()
        finally:
            self._end(None)
            self._outbox.close()
            self._gone.set()

    def _watch(self) -> None:
        """One tick. While something is asked, a silent worker is pinged, and one that does not answer is hung."""
        self._silent = 0.0 if self._heard or not self._requests else self._silent + TICK
        self._quiet = 0.0 if self._heard_of_job or not self.busy else self._quiet + TICK
        self._heard = self._heard_of_job = False
        if self._silent > self._silence:
            self._end(self._with_log(IlviError(f"The worker has not answered for {self._silence:g} s.")))
        elif self.ready and self._silent % PING_EVERY >= PING_EVERY - TICK:
            ping = str(next(self._ids))
            self._requests.add(ping, None)
            self._outbox.offer(Ping(ping))

    # -- the end -------------------------------------------------------------------------------------------------------

    def _sudden_end(self) -> IlviError | None:
        """Nobody asked for it: the process or one of its pipes ended. None when there is nothing to complain of."""
        if self.process.wait(EXIT_WAIT):
            self.process.kill()  # children that it left behind, which hold its pipes open
            self._read_last_words()
        if self.process.exit_code in (None, 0) and self._cut:
            return self._with_log(self._cut)
        if self.process.exit_code == 0 and self.ready and not self._requests:
            return None
        return self._with_log(IlviError(f"The worker {self.process.ending()}."))

    def _read_last_words(self) -> None:
        self._reader.join(LAST_WORDS)
        self._drainer.join(LAST_WORDS)

    def _end(self, error: IlviError | None) -> None:
        """Every open run ends, with that error or (None) as stopped. Only the first call counts."""
        with self._lock:
            if self.over:
                return
            self.error = error
            runs = self._requests.close()
        ends = [(run, _last_event(run.id, error)) for run in runs]
        ends = [(run, event) for run, event in ends if run.store(event)]
        self._greeted.set()
        self._wake.set()
        if threading.current_thread() is self._reader:
            _tell(ends)
        elif ends:
            # a callback may hang, and the caller has a process to stop; at the interpreter's end no thread starts
            with contextlib.suppress(RuntimeError):
                threading.Thread(target=_tell, args=(ends,), name="ilvi_tell", daemon=True).start()

    def _ended(self) -> IlviError:
        """Why nothing can be asked any more; a new exception, for each thread that raises it."""
        if self.error is None:
            return Cancelled("The worker was closed.", "Start it again.")
        return type(self.error)(self.error.message, self.error.hint)

    def _with_log(self, error: IlviError) -> IlviError:
        """The same error, its hint ending in the end of the log."""
        hint = error.hint or _RESTART
        if self.process.exit_code == -9:
            hint = f"Perhaps the machine ran out of memory. {hint}"
        end = self.log.end()
        where = f" ({self.log.path})" if self.log.path else ""
        return type(error)(error.message, f"{hint} The end of its log{where}:\n{end}" if end else hint)


def _last_event(id: str, error: IlviError | None) -> Any:
    if error is None or isinstance(error, Cancelled):
        return Stopped(id, "The worker was closed.", "What was learned is kept; start the job again to go on.")
    codes = {ProtocolError: "protocol", InputError: "input", DeviceError: "device", IlviError: "failed"}
    code = next(code for kind, code in codes.items() if isinstance(error, kind))
    return Failure(id, code, error.message, error.hint)


def _tell(ends: Iterable[tuple[Run, Any]]) -> None:
    for run, event in ends:
        run.tell(event)
