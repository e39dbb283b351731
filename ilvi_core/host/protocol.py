"""The messages between a host and its worker: one JSON object a line, UTF-8; pixels go only as files.

`type` names the message, the other keys are the fields of its dataclass. Unknown fields are ignored, so that one side
may be newer than the other; an unknown type, a field of the wrong kind and a line that is no JSON object are faults of
framing (`ProtocolError`), never skipped. `docs/protocol.md` has recorded sessions.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ilvi_core.host.errors import Cancelled, DeviceError, IlviError, InputError

PROTOCOL = 1
LARGEST = 1e300
MAX_LINE = 1 << 20  # bytes of one message, its newline included
_HINT = "Stop and start the worker; if it happens again, send its log with 'ilvi doctor'."


class ProtocolError(IlviError):
    """The other side sent what cannot be understood; the session ends."""


# -- host -> worker ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hello:
    """The first message of a session."""

    TYPE: ClassVar[str] = "hello"
    protocol: int
    client: str = ""  # who is asking, for the log


@dataclass(frozen=True)
class Lookup:
    """What does the cache hold of this job? Answered with `found`."""

    TYPE: ClassVar[str] = "lookup"
    id: str
    job: dict[str, Any]  # as in a job file
    accept_reduced: bool = True  # an entry that was solved smaller after running out of memory will do


@dataclass(frozen=True)
class Start:
    """Do this job: from the cache where it can be, else solve it."""

    TYPE: ClassVar[str] = "start"
    id: str
    job: dict[str, Any]
    refresh: bool = False  # solve again even when the cache has it
    previews: bool = True
    accept_reduced: bool = True  # out of memory: solve smaller, rather than stop


@dataclass(frozen=True)
class Rerender:
    """New frames of a solved entry by the job's comp settings, range and output; never solves."""

    TYPE: ClassVar[str] = "rerender"
    id: str
    job: dict[str, Any]


@dataclass(frozen=True)
class Cancel:
    """Stop the job of that id, queued or running."""

    TYPE: ClassVar[str] = "cancel"
    id: str


@dataclass(frozen=True)
class Clear:
    """Remove one entry from the cache, or all; those in use are left."""

    TYPE: ClassVar[str] = "clear"
    id: str
    entry: str = ""  # empty: all of them


@dataclass(frozen=True)
class Ping:
    TYPE: ClassVar[str] = "ping"
    id: str


@dataclass(frozen=True)
class Shutdown:
    """Stop what is running, with a checkpoint, and exit."""

    TYPE: ClassVar[str] = "shutdown"


# -- worker -> host ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The answer to `hello`."""

    TYPE: ClassVar[str] = "ready"
    protocol: int
    version: str  # of ILVI
    pid: int
    python: str
    cache: str  # the cache's folder


@dataclass(frozen=True)
class Found:
    """What the cache holds of a job.

    state: "frames" (as asked for; `frames` says where), "fills" (rendered without solving), "weights" (rendered by
    inference, with torch), "partial" (begun: it would go on), "none".
    """

    TYPE: ClassVar[str] = "found"
    id: str
    state: str
    entry: str = ""
    frames: dict[str, str] = field(default_factory=dict)  # number -> file; none where they are very many: see `start`
    reduced: bool = False
    seconds: float = 0.0  # that solving it took


@dataclass(frozen=True)
class Accepted:
    """The job is queued; it is told apart by its id from now on."""

    TYPE: ClassVar[str] = "accepted"
    id: str
    ahead: int = 0  # jobs before it


@dataclass(frozen=True)
class Started:
    """The job's turn has come and its entry is known."""

    TYPE: ClassVar[str] = "started"
    id: str
    state: str  # as in `found`
    entry: str = ""
    device: str = ""  # empty: nothing is solved, no device is used


@dataclass(frozen=True)
class Progress:
    """At most five a second for a job.  phase: read, wait, flow, donors, remainder, features, train, fill, write."""

    TYPE: ClassVar[str] = "progress"
    id: str
    phase: str
    done: int
    total: int
    eta: float | None = None  # seconds to the end of the phase
    loss: float | None = None


@dataclass(frozen=True)
class Frame:
    """A frame is there, whole. A preview (not final) has a file name of its own and is never overwritten."""

    TYPE: ClassVar[str] = "frame"
    id: str
    frame: int
    path: str
    final: bool
    view: str = ""  # the plate's layer, part or view


@dataclass(frozen=True)
class Info:
    """Something worth knowing that is as it should be."""

    TYPE: ClassVar[str] = "info"
    id: str
    text: str


@dataclass(frozen=True)
class Warn:
    """Something the user may want to change.  code: one word for programs."""

    TYPE: ClassVar[str] = "warning"
    id: str
    code: str
    text: str


@dataclass(frozen=True)
class Failure:
    """A request ended with an error; with an empty id, the session did.  code: failed, input, device or protocol."""

    TYPE: ClassVar[str] = "error"
    id: str
    code: str
    text: str
    hint: str = ""

    def error(self) -> IlviError:
        """As the exception that it was in the worker."""
        kinds: dict[str, type[IlviError]] = {"input": InputError, "device": DeviceError, "protocol": ProtocolError}
        return kinds.get(self.code, IlviError)(self.text, self.hint)


@dataclass(frozen=True)
class Cancelling:
    """The cancel is understood; the job stops within one update."""

    TYPE: ClassVar[str] = "cancelling"
    id: str


@dataclass(frozen=True)
class Stopped:
    """The job is stopped; what was learned is kept and the next start goes on from there."""

    TYPE: ClassVar[str] = "cancelled"
    id: str
    text: str = ""
    hint: str = ""

    def error(self) -> IlviError:
        """As the exception that it was in the worker."""
        return Cancelled(self.text or "Stopped.", self.hint)


@dataclass(frozen=True)
class Finished:
    """The job is done: every frame was announced."""

    TYPE: ClassVar[str] = "finished"
    id: str
    entry: str = ""
    frames: int = 0
    stats: dict[str, Any] = field(default_factory=dict)  # state, seconds by phase, device, updates, reduced, ...


@dataclass(frozen=True)
class Cleared:
    TYPE: ClassVar[str] = "cleared"
    id: str
    entries: int
    bytes: int
    in_use: int = 0  # entries that were left


@dataclass(frozen=True)
class Pong:
    TYPE: ClassVar[str] = "pong"
    id: str


TO_WORKER = {m.TYPE: m for m in (Hello, Lookup, Start, Rerender, Cancel, Clear, Ping, Shutdown)}
TO_HOST = {
    m.TYPE: m
    for m in (
        Ready, Found, Accepted, Started, Progress, Frame, Info, Warn, Failure, Cancelling, Stopped, Finished, Cleared,
        Pong,
    )
}  # fmt: skip
ENDS = (Found, Failure, Stopped, Finished, Cleared, Pong)  # after one of these a request gets no other message

_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (int, float),
    "float | None": (int, float, type(None)),
    "dict[str, Any]": (dict,),
    "dict[str, str]": (dict,),
}


def write(message: Any) -> bytes:
    """One message as a line. ProtocolError when it would be longer than MAX_LINE."""
    record = {"type": message.TYPE, **dataclasses.asdict(message)}
    # escaped to ASCII: a path that is no UTF-8 on disk comes as lone surrogates, which only an escape can carry
    data = json.dumps(record, separators=(",", ":"), allow_nan=False).encode("ascii")
    if len(data) >= MAX_LINE:
        raise ProtocolError(f"A message '{message.TYPE}' of {len(data) + 1} bytes exceeds {MAX_LINE}.", "Ask for less.")
    return data + b"\n"


def read(line: bytes, known: dict[str, Any]) -> Any:
    """The message in a line (with its newline), one of `known`. ProtocolError says what is wrong with it."""
    if len(line) > MAX_LINE:
        raise ProtocolError(f"A message is longer than {MAX_LINE} bytes.", _HINT)
    if not line.endswith(b"\n"):
        raise ProtocolError(f"A message was cut off after {len(line)} bytes.", _HINT)
    try:
        record = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"A line is no message: {_shown(line)} ({str(error)[:80]}).", _HINT) from None
    if not isinstance(record, dict) or not isinstance(record.get("type"), str):
        raise ProtocolError(f"A line is no message: {_shown(line)}.", _HINT)
    kind = known.get(record["type"])
    if kind is None:
        raise ProtocolError(f"There is no message {record['type'][:40]!a} (protocol {PROTOCOL}).", _HINT)
    values = {}
    for item in dataclasses.fields(kind):
        if item.name in record:
            values[item.name] = _checked(record["type"], item.name, str(item.type), record[item.name])
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise ProtocolError(f"A message '{record['type']}' has no '{item.name}'.", _HINT)
    return kind(**values)


def _checked(message: str, name: str, kind: str, value: Any) -> Any:
    right = isinstance(value, _KINDS[kind]) and (kind == "bool" or not isinstance(value, bool))
    if right and kind == "dict[str, str]":
        right = all(isinstance(part, str) for part in value.values())
    if right and kind.startswith("float") and value is not None:
        right = -LARGEST <= value <= LARGEST  # 1e999 is JSON, and so are 400 digits
    if not right:
        shown = repr(value)
        raise ProtocolError(f"A message '{message}' has {shown[:60]} as its {name}, expected {kind}.", _HINT)
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number in JSON")


def _shown(line: bytes) -> str:
    text = ascii(line[:60].decode("utf-8", "replace").rstrip("\n"))
    return text + ("..." if len(line) > 60 else "")
