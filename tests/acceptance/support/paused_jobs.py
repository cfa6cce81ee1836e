"""Jobs that pause between map and reduce, while something is done to the cluster; and what they say in the end."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from support.applications import KEYS, NUMBERS, REDUCES, Submitter
from workstream import limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.applications import Application, Running
    from workstream.evidence import Recorder


class Reduces(NamedTuple):
    """The reduce tasks of such a job.

    Attributes:
        tasks: how many there are.
        lasting: how many seconds each takes at least.

    """

    tasks: int = REDUCES
    lasting: float = 0


FEW = Reduces()
_PIPE = "/tmp/between-map-and-reduce"
_LOST_FILES = "Shuffle files lost for executor"


def map_work(application: Application) -> dict[str, Any]:
    """Return what tells whether map work was done again: a right answer does not."""
    writing = application.history.writing
    return {
        "map tasks that ran": sum(stage.tasks for stage in writing),
        "stages that wrote shuffle bytes": len({stage.id for stage in writing}),
        "driver held shuffle files for lost": _LOST_FILES in application.log,
    }


def done_once(job: Running) -> dict[str, Any]:
    """Return what `map_work` is of a job whose map work was done once."""
    return {
        "map tasks that ran": job.submitter.cores,
        "stages that wrote shuffle bytes": 1,
        "driver held shuffle files for lost": False,
    }


@contextmanager
def pausing(submitter: Submitter, reduces: Reduces = FEW) -> Iterator[Running]:
    """Give a job that did its map work and waits at a pipe."""
    # A map task for every core, so that every node has map work to lose.
    numbers = (NUMBERS, max(KEYS, reduces.tasks), submitter.cores, *reduces)
    with at_pipe(submitter, "executor_loss.py", *map(str, numbers)) as job:
        yield job


@contextmanager
def at_pipe(submitter: Submitter, name: str, *arguments: str) -> Iterator[Running]:
    """Give a job that waits at a pipe, which is told the pipe and for how many seconds behind its arguments."""
    submitter.cluster.execute(submitter.release.namespace, submitter.place, "rm", "--force", _PIPE)
    with submitter.running(name, *arguments, _PIPE, str(int(limits.PAUSE.seconds))) as job:
        job.paused_at(_PIPE)
        yield job


def go_on(job: Running) -> None:
    """Let a job that waits at the pipe go on."""
    job.go_on(_PIPE)


def go_on_to_the_next_pause(job: Running) -> None:
    """Let a job go on that waits at the pipe for the first time, until it waits for the second."""
    job.go_on(_PIPE)
    job.paused_at(_PIPE, 2)


def finish(job: Running, evidence: Recorder) -> Application:
    """Let a job go on to its end, and record what it did."""
    go_on(job)
    return end(job, evidence)


def end(job: Running, evidence: Recorder) -> Application:
    """Wait for a job's end, and record what it did."""
    began = time.monotonic()
    application = job.ended()
    application.draw(evidence)
    evidence.record("sums", application.said["sums"], command=application.command)
    evidence.record("map work", map_work(application))
    evidence.record("stages that ran, in order", application.history.stages)
    evidence.record("executors lost, and why", application.history.lost_executors)
    failed = [line for line in application.log.splitlines() if "FetchFailed(" in line]
    evidence.record("fetches that failed, in the driver's words (the first ones)", failed[:3])
    evidence.record("seconds from the fault's end to the job's", round(time.monotonic() - began, 1))
    return application
