"""`ilvi render --in-worker`: the job goes to a worker process, as from a host, and comes back the same."""

from __future__ import annotations

import argparse
import os
import queue
import sys
from pathlib import Path
from typing import Any

from ilvi_core.host.client import WorkerClient
from ilvi_core.host.job import Job
from ilvi_core.host.protocol import Failure, Finished, Frame, Info, Progress, Started, Stopped, Warn
from ilvi_core.report import Report

LOOK_EVERY = 0.2  # seconds between two looks at whether to stop


def render_in_worker(job: Job, report: Report, options: argparse.Namespace) -> list[Path]:
    """Run a job in a worker of this Python; the files written. Whatever stopped it there is raised here."""
    command = [sys.executable, "-I", "-m", "ilvi_core.worker"]
    environment = {**os.environ, **({"ILVI_CACHE_SIZE": options.cache_size} if options.cache_size else {})}
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    files: dict[int, Path] = {}
    asked = False
    with WorkerClient(command=command, cache=options.cache_dir, name="ilvi render", environment=environment) as client:
        run = client.submit(
            job, events.put, refresh=options.refresh, previews=False, accept_reduced=options.accept_reduced
        )
        while True:
            if report.stop() and not asked:
                asked = True
                run.cancel()
            try:
                event = events.get(timeout=LOOK_EVERY)
            except queue.Empty:
                continue
            if isinstance(event, (Failure, Stopped)):
                raise event.error()
            if isinstance(event, Finished):
                return [files[frame] for frame in sorted(files)]
            _pass_on(event, report, files)


def _pass_on(event: Any, report: Report, files: dict[int, Path]) -> None:
    if isinstance(event, Progress):
        report.progress(event.phase, event.done, event.total, event.loss, event.eta)
    elif isinstance(event, Info):
        report.info(event.text)
    elif isinstance(event, Warn):
        report.warning(event.code, event.text)
    elif isinstance(event, Started):
        report.started(event.state, event.entry, event.device)
    elif isinstance(event, Frame):
        files[event.frame] = Path(event.path)
        report.frame(event.frame, files[event.frame], event.final)
