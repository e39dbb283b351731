"""The worker's messages on their way out: order, the pace of progress, and what cannot be sent."""

import os
import threading
import time

import pytest
from workers import Heard, soon

from ilvi_core.host.protocol import (
    MAX_LINE,
    TO_HOST,
    Accepted,
    Failure,
    Finished,
    Found,
    Frame,
    Info,
    Pong,
    Progress,
    Warn,
    read,
)
from ilvi_core.outbox import Outbox


class Pipe:
    """An outbox whose other end is read into `heard`."""

    def __init__(self):
        there, back = os.pipe()
        self.heard, self.gone = Heard(), []
        self.reading, self.writing = os.fdopen(there, "rb"), os.fdopen(back, "wb")
        self.box = Outbox(self.writing, lambda: self.gone.append(time.monotonic()))
        self._thread = threading.Thread(target=self._read, daemon=True)

    def open(self):
        self._thread.start()
        return self

    def _read(self):
        for line in self.reading:
            self.heard(read(line, TO_HOST))

    def close(self):
        """Everything that came."""
        self.box.close(10.0)
        self.writing.close()
        self._thread.join(10.0)
        self.reading.close()
        return [message for _, message in self.heard.said]


@pytest.fixture
def pipe():
    return Pipe().open()


def progress(done, job="a", phase="train"):
    return Progress(job, phase, done, 1000)


def test_a_burst_of_progress_becomes_five_a_second_and_the_newest_is_not_lost(pipe):
    until, done = time.monotonic() + 1.1, 0
    while time.monotonic() < until:
        done += 1
        pipe.box.send(progress(done))
        pipe.box.send(progress(done, "b"))
        time.sleep(0.001)
    pipe.heard.until(lambda m: m.done == done and m.id == "a")
    pipe.heard.until(lambda m: m.done == done and m.id == "b")
    for job in "ab":
        times = [when for when, message in pipe.heard.said if message.id == job]
        numbers = [message.done for _, message in pipe.heard.said if message.id == job]
        assert numbers == sorted(set(numbers))
        assert numbers[0] < 50  # the first one goes at once
        assert 3 <= len(times) <= 5 * (times[-1] - times[0]) + 2
    pipe.close()


def test_everything_else_goes_at_once_and_in_order(pipe):
    sent = []
    for n in range(200):
        for message in (Info("a", str(n)), Frame("a", n, f"/{n}.exr", False), Warn("a", "x", str(n))):
            pipe.box.send(message)
            sent.append(message)
        pipe.box.send(progress(n))
    came = pipe.close()
    assert [message for message in came if not isinstance(message, Progress)] == sent


def test_nothing_of_a_job_comes_after_its_end(pipe):
    for n in range(20):
        job = f"job {n}"
        pipe.box.send(Accepted(job))
        pipe.box.send(progress(1, job))
        pipe.box.send(progress(2, job))  # this one has to wait
        pipe.box.send(Finished(job))
    time.sleep(0.6)  # what waits would go out by then
    last = {}
    for message in pipe.close():
        assert last.get(message.id) != "finished"
        last[message.id] = message.TYPE
    assert set(last.values()) == {"finished"}


def test_an_id_that_is_used_again_has_progress_again(pipe):
    for n in range(3):
        pipe.box.send(progress(n))
        pipe.box.send(Finished("a"))
    assert [m.done for m in pipe.close() if isinstance(m, Progress)] == [0, 1, 2]


def test_an_answer_that_is_too_long_becomes_a_failure_in_words(pipe, capsys):
    long = {str(n): "/x" * 50 for n in range(MAX_LINE // 100)}
    pipe.box.send(Found("f", "frames", "e", long))
    pipe.box.send(Finished("a", stats=long))
    pipe.box.send(Pong("b"))
    found, failure, pong = pipe.close()
    assert found == Found("f", "frames", "e", {})  # `start` announces them one by one
    assert isinstance(failure, Failure)
    assert (failure.id, failure.code) == ("a", "failed")
    assert "exceeds" in failure.text
    assert pong == Pong("b")
    assert "cannot be sent" in capsys.readouterr().err


@pytest.mark.parametrize("stats", [{"seconds": float("nan")}, {"what": object()}])
def test_an_answer_that_is_no_json_does_not_end_the_session(pipe, stats):
    pipe.box.send(Finished("a", stats=stats))
    pipe.box.send(Pong("b"))
    failure, pong = pipe.close()
    assert isinstance(failure, Failure)
    assert failure.id == "a"
    assert pong == Pong("b")
    assert not pipe.gone


def test_what_is_no_answer_and_cannot_be_sent_is_left_out(pipe):
    """A failure in its place would end a job that goes on."""
    pipe.box.send(Info("a", "x" * MAX_LINE))
    pipe.box.send(Finished("a"))
    assert pipe.close() == [Finished("a")]


def test_a_host_that_does_not_read_holds_up_nobody():
    pipe = Pipe()
    began = time.monotonic()
    for n in range(5000):
        pipe.box.send(Info("a", "x" * 200))
        pipe.box.send(progress(n))
    assert time.monotonic() - began < 2.0
    assert pipe.box._queue.qsize() < 5100  # of the progress only the newest
    pipe.box.close(0.1)  # the pipe is full: it is not waited for longer than that
    pipe.open()
    pipe.heard.until(lambda message: len(pipe.heard.of(Info)) == 5000)


def test_a_host_that_is_gone_is_noticed_once():
    pipe = Pipe()
    pipe.reading.close()
    for _ in range(10):
        pipe.box.send(Pong("a"))
    assert soon(lambda: pipe.gone, 5.0)
    pipe.box.send(Pong("a"))
    time.sleep(0.05)
    assert len(pipe.gone) == 1
