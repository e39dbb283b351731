"""Messages to and from lines, at the bounds and on whatever bytes. Standard library and pytest only."""

from __future__ import annotations

import dataclasses
import json
import random
from typing import Any

import pytest

from ilvi_core.host import protocol
from ilvi_core.host.errors import Cancelled, DeviceError, IlviError, InputError
from ilvi_core.host.protocol import MAX_LINE, TO_HOST, TO_WORKER, ProtocolError, read, write

SAMPLES = [
    protocol.Hello(1, "Nuke 15"),
    protocol.Lookup("1", {"ilvi_job": 1}, False),
    protocol.Start("1", {"solve": {"size": [1, 2]}}, True, False, False),
    protocol.Rerender("1", {}),
    protocol.Cancel("1"),
    protocol.Clear("1", "abc"),
    protocol.Ping("1"),
    protocol.Shutdown(),
    protocol.Ready(1, "0.1", 7, "3.12", "/cache"),
    protocol.Found("1", "frames", "abc", {"1": "/a.exr"}, True, 1.5),
    protocol.Accepted("1", 2),
    protocol.Started("1", "none", "abc", "cuda"),
    protocol.Progress("1", "train", 3, 10, None, 0.5),
    protocol.Frame("1", -3, "/päth/\udcff.exr", True, "left"),
    protocol.Info("1", "two\nlines \u2028 and \x00"),
    protocol.Warn("1", "reduced", "Smaller."),
    protocol.Failure("", "input", "No.", "Do."),
    protocol.Cancelling("1"),
    protocol.Stopped("1", "Stopped.", "Again."),
    protocol.Finished("1", "abc", 3, {"seconds": {"train": 1.5}, "reduced": None}),
    protocol.Cleared("1", 3, 1 << 40, 1),
    protocol.Pong("1"),
]
KNOWN: dict[str, Any] = {**TO_WORKER, **TO_HOST}


def line_of(size: int) -> bytes:
    """A valid line of exactly that many bytes, its newline included."""
    empty = write(protocol.Info("1", ""))
    return write(protocol.Info("1", "x" * (size - len(empty))))


def test_there_is_a_sample_of_each_message() -> None:
    assert {type(sample) for sample in SAMPLES} == set(KNOWN.values())
    assert not set(TO_WORKER) & set(TO_HOST)


@pytest.mark.parametrize("message", SAMPLES, ids=lambda m: m.TYPE)
def test_each_message_there_and_back(message: Any) -> None:
    line = write(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert read(line, KNOWN) == message


def test_each_side_reads_only_what_is_meant_for_it() -> None:
    for message in SAMPLES:
        other = TO_HOST if message.TYPE in TO_WORKER else TO_WORKER
        with pytest.raises(ProtocolError, match="There is no message"):
            read(write(message), other)


def test_the_longest_line() -> None:
    assert len(line_of(MAX_LINE)) == MAX_LINE
    assert read(line_of(MAX_LINE), TO_HOST).text.startswith("xxx")
    with pytest.raises(ProtocolError, match=str(MAX_LINE)):
        line_of(MAX_LINE + 1)
    too_long = line_of(MAX_LINE).replace(b'"x', b'"xx', 1)
    assert len(too_long) == MAX_LINE + 1
    with pytest.raises(ProtocolError, match="longer"):
        read(too_long, TO_HOST)


def test_unknown_fields_are_ignored_and_missing_ones_take_their_default() -> None:
    line = b'{"type":"accepted","id":"1","since":{"version":[2]}}\n'
    assert read(line, TO_HOST) == protocol.Accepted("1", 0)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        (b"", "cut off after 0"),
        (b'{"type":"pong","id":"1"}', "cut off"),
        (b"\n", "no message"),
        (b"null\n", "no message"),
        (b"[]\n", "no message"),
        (b'"pong"\n', "no message"),
        (b"{}\n", "no message"),
        (b'{"type":1}\n', "no message"),
        (b'{"type":["pong"]}\n', "no message"),
        (b'{"type":"pong","id":"1"}{}\n', "no message"),
        (b"\xff\xfe\x00\n", "no message"),
        (b'\xef\xbb\xbf{"type":"pong","id":"1"}\n', "no message"),
        (b"[" * 100_000 + b"\n", "no message"),
        (b'{"type":"PONG","id":"1"}\n', "no message 'PONG'"),
        (b'{"type":"pong"}\n', "has no 'id'"),
        (b'{"type":"pong","id":1}\n', "expected str"),
        (b'{"type":"pong","id":null}\n', "expected str"),
        (b'{"type":"accepted","id":"1","ahead":true}\n', "expected int"),
        (b'{"type":"accepted","id":"1","ahead":1.0}\n', "expected int"),
        (b'{"type":"frame","id":"1","frame":1,"path":"","final":1}\n', "expected bool"),
        (b'{"type":"progress","id":"1","phase":"","done":0,"total":1,"eta":NaN}\n', "no number"),
        (b'{"type":"progress","id":"1","phase":"","done":0,"total":1,"eta":-Infinity}\n', "no number"),
        (b'{"type":"progress","id":"1","phase":"","done":0,"total":1,"eta":1e999}\n', "expected float"),
        (b'{"type":"progress","id":"1","phase":"","done":0,"total":1,"eta":false}\n', "expected float"),
        (b'{"type":"found","id":"1","state":"","frames":{"1":2}}\n', "expected dict"),
        (b'{"type":"found","id":"1","state":"","frames":[]}\n', "expected dict"),
    ],
)
def test_what_is_no_message_is_refused_in_words(line: bytes, match: str) -> None:
    with pytest.raises(ProtocolError, match=match) as caught:
        read(line, TO_HOST)
    assert len(caught.value.message) < 300
    assert caught.value.hint


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_no_words_for_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write(protocol.Progress("1", "train", 0, 1, value))


def test_errors_cross_as_they_were() -> None:
    kinds = {"input": InputError, "device": DeviceError, "protocol": ProtocolError, "failed": IlviError, "x": IlviError}
    for code, kind in kinds.items():
        error = protocol.Failure("1", code, "What.", "Do.").error()
        assert type(error) is kind
        assert (error.message, error.hint) == ("What.", "Do.")
    assert type(protocol.Stopped("1").error()) is Cancelled


def mutated(rng: random.Random) -> bytes:
    """A message with a few things wrong: bytes, values, its end, or nothing."""
    message = rng.choice([sample for sample in SAMPLES if sample.TYPE in TO_HOST])
    line = bytearray(write(message))
    kind = rng.randrange(6)
    if kind == 0:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(60))).replace(b"\n", b"") + b"\n"
    if kind == 1:
        for _ in range(rng.randrange(1, 5)):
            line[rng.randrange(len(line) - 1)] = rng.randrange(256)
    elif kind == 2:
        del line[rng.randrange(len(line)) :]
    elif kind == 3:
        at = rng.randrange(len(line))
        line[at:at] = rng.choice([b"\x00", b"\n", b"[" * 5000, b"9" * 5000, b'"', b"\\u", b"\xed\xa0\x80", bytes(line)])
    elif kind == 4:
        record = json.loads(line)
        name = rng.choice(list(record))
        record[name] = rng.choice([None, True, -1, 1e308, "", [], {}, {"a": [1]}, "999", 10**400])
        if rng.random() < 0.2:
            del record[name]
        return json.dumps(record).encode() + b"\n"
    return bytes(line)


def fuzz_read(seed: int, count: int) -> None:
    rng = random.Random(seed)
    good = 0
    for number in range(count):
        for line in mutated(rng).splitlines(keepends=True):
            try:
                message = read(line, TO_HOST)
            except ProtocolError:
                continue
            except Exception as error:
                raise AssertionError(f"input {number} of seed {seed}: {line[:200]!r}") from error
            good += 1
            assert dataclasses.is_dataclass(message)
            assert read(write(message), TO_HOST) == message
    assert count * 0.1 < good < count * 0.9, "the inputs are neither all right nor all wrong"


def test_whatever_bytes_give_a_message_or_a_protocol_error() -> None:
    fuzz_read(1, 300)


@pytest.mark.slow
def test_whatever_bytes_at_length() -> None:
    fuzz_read(2, 10_000)
