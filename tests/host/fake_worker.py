"""A worker that learns nothing: it speaks the protocol strictly, and breaks the rule that its first argument names.

Standard library alone, and nothing of ILVI: what is written here is what goes over the pipes. A message that is not
exactly as the protocol has it ends it with exit code 70 and a line on stderr.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

FIELDS = {
    "hello": {"protocol": int, "client": str},
    "lookup": {"id": str, "job": dict, "accept_reduced": bool},
    "start": {"id": str, "job": dict, "refresh": bool, "previews": bool, "accept_reduced": bool},
    "rerender": {"id": str, "job": dict},
    "cancel": {"id": str},
    "clear": {"id": str, "entry": str},
    "ping": {"id": str},
    "shutdown": {},
}
JOB = {"ilvi_job", "plate", "matte", "output", "frames", "preset", "solve", "comp", "run"}
MAX_LINE = 1 << 20
MODE = sys.argv[1] if len(sys.argv) > 1 else ""
ARGUMENT = sys.argv[2] if len(sys.argv) > 2 else ""
inbox: queue.Queue = queue.Queue()


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def leave(code: int) -> None:
    # at once: an interpreter that takes itself down aborts when a thread of it still reads stdin
    os._exit(code)


def refuse(why: str) -> None:
    say(f"fake worker: {why}")
    leave(70)


def receive() -> None:
    """The reading thread: each message into the inbox, None at the end."""
    while True:
        line = sys.stdin.buffer.readline(MAX_LINE + 1)
        if not line:
            inbox.put(None)
            return
        if len(line) > MAX_LINE or not line.endswith(b"\n"):
            refuse(f"a line of {len(line)} bytes")
        try:
            message = json.loads(line)
        except ValueError:
            refuse(f"no JSON: {line[:80]!r}")
        if not isinstance(message, dict) or message.get("type") not in FIELDS:
            refuse(f"unknown message: {line[:80]!r}")
        fields = FIELDS[message["type"]]
        if set(message) - {"type"} != set(fields):
            refuse(f"fields of {line[:80]!r}")
        if not all(type(message[name]) is kind for name, kind in fields.items()):
            refuse(f"kinds in {line[:80]!r}")
        if "job" in message and set(message["job"]) != JOB:
            refuse(f"no job: {line[:80]!r}")
        last = (MODE, message["type"]) in (("deaf", "hello"), ("close-input", "start"))
        if last and MODE == "close-input":
            os.close(0)  # before anything is answered, so that the host cannot write meanwhile
        inbox.put(message)
        if last:
            return


def raw(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def send(type: str, **fields) -> None:
    raw(json.dumps({"type": type, **fields}).encode() + b"\n")


def greet() -> None:
    hello = inbox.get()
    if hello is None:
        leave(0)
    if hello["type"] != "hello" or hello["protocol"] != 1:
        refuse(f"expected hello, got {hello}")
    if MODE == "slow-ready":
        time.sleep(float(ARGUMENT))
    if MODE == "no-ready":
        return
    if MODE == "die-before-ready":
        say("no module named torch")
        leave(3)
    if MODE == "refuse":
        send("error", id="", code="protocol", text="This worker speaks protocol 2.", hint="Install the same.")
        leave(1)
    send(
        "ready",
        protocol=2 if MODE == "wrong-version" else 1,
        version="9.9",
        pid=os.getpid(),
        python=sys.version.split()[0],
        cache=os.environ.get("ILVI_CACHE", ""),
    )


def line_of(id: str, size: int) -> bytes:
    """An info message of exactly that many bytes, its newline included."""
    empty = json.dumps({"type": "info", "id": id, "text": ""}).encode() + b"\n"
    return empty.replace(b'"text": ""', b'"text": "' + b"x" * (size - len(empty)) + b'"')


def misbehave(id: str) -> None:
    """What a job of this mode does between its start and its end."""
    if MODE in ("die", "die-cut"):
        raw(b'{"type": "info", "id": "1", "te' if MODE == "die-cut" else b"")
        say("last words")
        os.kill(os.getpid(), signal.SIGKILL)
    elif MODE == "exit":
        say("last words")
        leave(int(ARGUMENT))
    elif MODE == "close-output":
        os.close(1)
        time.sleep(60)
    elif MODE == "cut":
        raw(b'{"type": "info", "id": "1", "te')
        leave(0)
    elif MODE == "long-line":
        raw(line_of(id, MAX_LINE + int(ARGUMENT)))
    elif MODE == "endless-line":
        while True:
            raw(b"x" * 65536)
    elif MODE == "raw":
        raw(bytes.fromhex(ARGUMENT))
    elif MODE == "stranger":
        send("info", id="999", text="for nobody")
    elif MODE == "wrong-answer":
        send("pong", id=id)
    elif MODE == "flood":
        for _ in range(50):
            sys.stderr.buffer.write((b"x" * 99 + b"\n") * 10486 if ARGUMENT == "lines" else b"x" * (1 << 20))
        sys.stderr.flush()
    elif MODE in ("grandchild", "detached"):
        code = "import time; time.sleep(60)"
        child = subprocess.Popen([sys.executable, "-c", code], start_new_session=MODE == "detached")
        say(f"grandchild {child.pid}")
        say("last words")
        os.kill(os.getpid(), signal.SIGKILL)
    elif MODE == "many":
        for done in range(int(ARGUMENT)):
            send("progress", id=id, phase="train", done=done, total=int(ARGUMENT), eta=None, loss=None)
    elif MODE == "quiet":
        hold(id, words=False)
    elif MODE == "mute":
        time.sleep(60)


def hold(id: str, words: bool = True) -> bool:
    """Work on a job until it is cancelled (True) or the host says or shows that it is to end."""
    done = 0
    while True:
        if words:
            send("progress", id=id, phase="train", done=done, total=1000, eta=1.5, loss=0.25)
            done += 1
        try:
            message = inbox.get(timeout=0.05)
        except queue.Empty:
            continue
        if message is not None and message["type"] == "cancel" and message["id"] == id:
            send("cancelling", id=id)
            send("cancelled", id=id, text="Stopped.", hint="")
            return True
        if message is None or message["type"] == "shutdown":
            stop(message, id)
        else:
            answer(message)


def job(id: str, message: dict) -> None:
    send("accepted", id=id, ahead=0)
    send("started", id=id, state="none", entry="abc", device="cpu", from_the_future=1)
    if MODE in ("hold", "stubborn", "no-shutdown", "no-end", "close-input"):
        hold(id)
        return
    misbehave(id)
    send("progress", id=id, phase="train", done=1, total=2, eta=1.5, loss=0.25)
    send("frame", id=id, frame=1, path="/x/a.1.exr", final=False, view="")
    send("warning", id=id, code="reduced", text="Solved smaller.")
    if MODE == "fail":
        send("error", id=id, code=ARGUMENT, text="It failed.", hint="Do it better.")
        return
    send("frame", id=id, frame=1, path="/x/b.1.exr", final=True, view="")
    stats = {"environment": dict(os.environ), "isolated": sys.flags.isolated, "message": message}
    send("finished", id=id, entry="abc", frames=1, stats=stats)
    if MODE == "late":
        send("info", id=id, text="one more thing")


def answer(message: dict) -> None:
    kind, id = message["type"], message.get("id", "")
    if MODE == "slow-answer" and kind == "lookup":
        time.sleep(float(ARGUMENT))
    if kind == "hello":
        refuse("hello twice")
    elif kind == "lookup":
        send("found", id=id, state="frames", entry="abc", frames={"1": "/x/1.exr"}, reduced=False, seconds=2.5)
    elif kind == "clear":
        send("cleared", id=id, entries=1, bytes=1 << 40, in_use=0)
    elif kind == "ping":
        send("pong", id=id)
    elif kind in ("start", "rerender"):
        job(id, message)
    # a cancel that comes after the job's end has crossed it on the way


def stop(message: object, id: str = "") -> None:
    """The host is done (a message: shutdown) or gone (None)."""
    if MODE == "stubborn" or (MODE == "no-end" and message is None):
        time.sleep(60)
    if MODE in ("no-shutdown", "no-end") and message is not None:
        stop(inbox.get())
    if id:
        send("cancelled", id=id, text="Stopped by the host.", hint="Start it again.")
    say("stopped by the end of its input" if message is None else "stopped by shutdown")
    leave(0)


def main() -> None:
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if MODE == "early-death":
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=receive, daemon=True).start()
    greet()
    while True:
        message = inbox.get()
        if message is None or message["type"] == "shutdown":
            stop(message)
        else:
            answer(message)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        leave(1)
