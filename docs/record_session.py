"""Runs a real worker through two sessions and writes what was said into docs/protocol.md.

.venv/bin/python docs/record_session.py
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ilvi_core.demo import make_clip
from ilvi_core.host import protocol
from ilvi_core.host.job import ImageSequence, Job
from ilvi_core.showcase import _write

HERE = Path(__file__).resolve().parent
SOLVE = {"method": "dip-vid", "max_updates": 40, "size": [64, 64], "batch": 2, "precision": "float32"}
TYPES = {"int": "whole number", "str": "text", "bool": "true or false", "float | None": "number or null"}


class Wire:
    """A worker's two pipes, and everything that went over them."""

    def __init__(self, cache: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", "ilvi_core.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "ILVI_CACHE": str(cache)},
        )
        self.lines: list[str] = []
        self.began = time.monotonic()
        self._last = ""
        self._skipped = 0

    def say(self, message: Any) -> None:
        line = protocol.write(message)
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()
        self._note(">", line, "")

    def hear(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        message = protocol.read(line, protocol.TO_HOST)
        same = f"{message.TYPE} {getattr(message, 'phase', '')} {getattr(message, 'final', '')}"
        self._note("<", line, same if message.TYPE in ("progress", "frame") else "")
        return message

    def until(self, *kinds: type) -> Any:
        while not isinstance(message := self.hear(), kinds):
            pass
        return message

    def _note(self, way: str, line: bytes, same: str) -> None:
        """A run of alike messages is shown by its first two and a count."""
        if same and same == self._last:
            self._skipped += 1
            if self._skipped > 1:
                return
        else:
            if self._skipped > 1:
                self.lines.append(f"         ... {self._skipped - 1} more like it")
            self._last, self._skipped = same, 0
        self.lines.append(f"{time.monotonic() - self.began:6.2f} {way} {line.decode().rstrip()}")


def record() -> str:
    """Both sessions, as text."""
    with tempfile.TemporaryDirectory(prefix="ilvi-") as place:
        folder = Path(place)
        clip = make_clip(seed=0)
        _write(folder / "plate", clip.plate[:8])
        _write(folder / "matte", clip.matte[:8])
        plate = ImageSequence(str(folder / "plate" / "plate.####.png"))
        matte = ImageSequence(str(folder / "matte" / "matte.####.png"))
        job = json.loads(Job(plate, matte, "", solve=SOLVE).to_json())
        whole = _finished(folder, job)
        stopped = _cancelled(folder, {**job, "solve": {**SOLVE, "max_updates": 100_000, "seed": 1}})
    return PAGE.format(
        limit=protocol.MAX_LINE,
        version=protocol.PROTOCOL,
        to_worker=_table(protocol.TO_WORKER),
        to_host=_table(protocol.TO_HOST),
        whole=whole.replace(place, "/tmp"),
        stopped=stopped.replace(place, "/tmp"),
    )


def _finished(folder: Path, job: dict[str, Any]) -> str:
    wire = Wire(folder / "cache")
    wire.say(protocol.Hello(protocol.PROTOCOL, "a host"))
    wire.until(protocol.Ready)
    wire.say(protocol.Lookup("1", job))
    wire.until(protocol.Found)
    wire.say(protocol.Start("2", job))
    wire.until(protocol.Finished)
    wire.say(protocol.Lookup("3", job))
    wire.until(protocol.Found)
    wire.say(protocol.Rerender("4", {**job, "comp": {"comp_feather": 3}}))
    wire.until(protocol.Finished)
    wire.say(protocol.Shutdown())
    wire.process.wait(30)
    return "\n".join(wire.lines)


def _cancelled(folder: Path, job: dict[str, Any]) -> str:
    wire = Wire(folder / "cache")
    wire.say(protocol.Hello(protocol.PROTOCOL, "a host"))
    wire.until(protocol.Ready)
    wire.say(protocol.Start("1", job))
    while wire.until(protocol.Progress).phase != "train":
        pass
    wire.say(protocol.Cancel("1"))
    wire.until(protocol.Stopped)
    wire.say(protocol.Lookup("2", job))
    wire.until(protocol.Found)
    wire.say(protocol.Shutdown())
    wire.process.wait(30)
    return "\n".join(wire.lines)


def _table(kinds: dict[str, Any]) -> str:
    """Each message, what it is, and its fields with what they default to."""
    lines = ["| message | what it says | fields |", "|---|---|---|"]
    for name, kind in kinds.items():
        fields = []
        for item in dataclasses.fields(kind):
            default = ""
            if item.default is not dataclasses.MISSING:
                default = f" ({json.dumps(item.default)})"
            elif item.default_factory is not dataclasses.MISSING:
                default = " ({})"
            fields.append(f"`{item.name}` {TYPES.get(str(item.type), 'object')}{default}")
        own = "" if (kind.__doc__ or "").startswith(kind.__name__ + "(") else " ".join((kind.__doc__ or "").split())
        lines.append(f"| `{name}` | {own} | {', '.join(fields) or '-'} |")
    return "\n".join(lines)


PAGE = """# The protocol between a host and its worker

*Made by `docs/record_session.py`, which ran the sessions below; the tables come from `ilvi_core/host/protocol.py`.*

A host starts `python -I -m ilvi_core.worker` and speaks to it over stdin and stdout: one JSON object a line, UTF-8, at
most {limit} bytes a line. `type` names the message. Pixels go as files, in any format that ILVI reads and writes (EXR,
.npy, PNG, ...). This is protocol {version}.

- The first message is `hello`; the answer is `ready`, or `error` when the worker does not speak that version.
- Every request has an `id` of the host's choice, which its answers carry. The last one is `found`, `cleared`, `pong`,
  `finished`, `cancelled` or `error`; nothing follows it. An id has 1 to 200 characters and is free again afterwards.
- `started` comes when the entry and the device are known: the first previews may be there before, and where memory
  gets short and the job is solved smaller it comes once more.
- Jobs are queued and done one at a time; lookups, pings and cancels are answered meanwhile.
- A job is what a job file holds (`ilvi render --save-job`). With an empty `output` its frames are kept in the cache, in
  the plate's format or that of the comp setting `format`.
- Unknown fields are ignored. An unknown message, a field of the wrong kind, a line that is no JSON object or too long:
  `error` with an empty `id` and the code `protocol`, and the session ends.
- stdin at its end means that the host is gone: the job stops with a checkpoint and the worker exits within two
  seconds.
- stderr is for people: the log.

## Host to worker

{to_worker}

## Worker to host

{to_host}

## A job from hello to finished, a lookup, and a re-render

`>` is the host, `<` the worker; the numbers are seconds from the worker's start.

```
{whole}
```

## A job that is cancelled

```
{stopped}
```
"""

if __name__ == "__main__":
    (HERE / "protocol.md").write_text(record(), encoding="utf-8")
