"""Runs applications as people do: spark-submit in the Master's pod, or in one of their own."""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import event_log, shuffle
from support.places import JOBS
from workstream import errors, limits, processes
from workstream.cluster import waiting

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping

    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder

_CORES = 2  # of an executor; every worker offers as many

# What a test has to say that a user of a larger machine would not: how much of this one an application takes. Java's
# second compiler makes jobs of minutes fast; in ours, of seconds, it takes half of what they cost.
_ONE_COMPILER = "-XX:TieredStopAtLevel=1"
SMALL_MACHINE = {
    "spark.executor.cores": str(_CORES),
    "spark.executor.memory": "640m",
    "spark.executor.extraJavaOptions": _ONE_COMPILER,
    "spark.driver.memory": "640m",
    "spark.driver.extraJavaOptions": _ONE_COMPILER,
}

# Start when every executor is there, and let every task run wherever there is room: else a small job may run on
# one host alone, and nothing of it crosses the network.
_SPREAD = {
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "60s",
    "spark.locality.wait": "0s",
}

# What the jobs in jobs/ count and sum; the expectation is reckoned here and not taken from them.
WORDS, COPIES = 50, 2000
EXPECTED_COUNTS = {f"word-{word}": COPIES for word in range(WORDS)}
NUMBERS, KEYS, REDUCES = 100_000, 50, 4


def expected_sums(keys: int = KEYS) -> dict[str, int]:
    """Return what executor_loss.py must say: the sums of the numbers, by their remainder."""
    return {str(key): sum(range(key, NUMBERS, keys)) for key in range(keys)}


# The Master starts executors anew for ever. One that somebody kills ends with another exit code.
_EXECUTOR_FAILED = "is now EXITED (Command exited with code 1)"
_HOPELESS_FAILURES = 6

_TASK_FINISHED = " INFO TaskSetManager: Finished task "
_EXECUTOR_LOST = " INFO DAGScheduler: Executor lost: "
_FETCH_FAILED = ": FetchFailed("
_ID = re.compile(r"Connected to Spark cluster with app ID (\S+)")

# Of a driver's log, what tells why: not where in Spark, nor how it shut down after.
_COMPLAINT = re.compile(r" ERROR |(?:Exception|Error): |Caused by: ")


@dataclass(frozen=True, slots=True)
class Application:
    """An application that ended well.

    Attributes:
        id: its id.
        said: what it printed: an object of JSON.
        log: the driver's log.
        history: what its event log says.
        command: what ran it.

    """

    id: str
    said: dict[str, Any]
    log: str
    history: event_log.Application
    command: str

    def draw(self, evidence: Recorder) -> None:
        """Let the report's time line show the application, its stages and its executors."""
        for one in self.history.happenings:
            evidence.event(one.lane, one.what, began=one.began, ended=one.ended)


@dataclass(frozen=True, slots=True)
class Submitter:
    """Submits applications to a release.

    Attributes:
        cluster: where the release lives.
        release: the release.
        pod: the pod that drivers run in, as kubectl names it; the Master's if empty.
        properties: what its applications are told besides.

    """

    cluster: Cluster
    release: Release
    pod: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)

    def allocating_dynamically(self) -> Submitter:
        """Return one whose applications begin with an executor on every worker, and give back what is idle.

        A small application would wait for executors that come later, and a test for those that go later.
        """
        return replace(
            self,
            properties={
                "spark.dynamicAllocation.enabled": "true",
                "spark.dynamicAllocation.initialExecutors": str(self.cores // _CORES),
                "spark.dynamicAllocation.executorIdleTimeout": "5s",
            },
        )

    def run(self, job: str, *arguments: str) -> Application:
        """Run one of our jobs to its end.

        Raises:
            errors.ProgramFailedError: it failed; the error ends with the driver's log.

        """
        with self.running(job, *arguments) as running:
            return running.ended()

    def run_python(self, script: str, *arguments: str) -> tuple[str, str]:
        """Run a Python program of the image to its end; return what it printed, and the command.

        Raises:
            errors.ProgramFailedError: it failed; the error ends with the driver's log.

        """
        with self._running(self._submit(script, *arguments)) as running:
            return running.await_end(), running.command

    def run_here(self, job: str, *arguments: str) -> tuple[dict[str, str], str]:
        """Run one of our programs that is no application, where drivers run; return what it said, and the command.

        Raises:
            errors.ProgramFailedError: it failed; the error ends with its log.

        """
        command = ["spark-submit", self._copied(job), *arguments]
        with self._running(command) as running:
            (line,) = [line for line in running.await_end().splitlines() if line.startswith("{")]
            return json.loads(line), running.command

    def stop_drivers(self) -> None:
        """End the drivers that still run: each outlives the kubectl that started it, and holds all cores."""
        command = ("pkill", "--signal", "KILL", "--full", "deploy.SparkSubmit")
        self.cluster.execute(self.release.namespace, self.place, *command, accept=(0, 1))

    def running(self, job: str, *arguments: str) -> AbstractContextManager[Running]:
        """Give one of our jobs that runs; it is stopped in the end if it still does."""
        return self._running(self._prepare(job, *arguments))

    @contextmanager
    def _running(self, command: list[str]) -> Iterator[Running]:
        namespace = ["--namespace", self.release.namespace]
        kubectl = ["kubectl", "--context", self.cluster.context, *namespace, "exec", self.place, "--", *command]
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            with out.open("wb") as stdout, err.open("wb") as stderr:
                process = processes.start(
                    kubectl, environment=self.cluster.environment, stdout=stdout.fileno(), stderr=stderr.fileno()
                )
            running = Running(self, process, out, err, shlex.join(kubectl))
            try:
                yield running
            finally:
                if process.poll() is None:
                    processes.stop(process)
                    self.stop_drivers()

    @property
    def place(self) -> str:
        """The pod that drivers run in, as kubectl names it."""
        return self.pod or f"deploy/{self.release.name}-master"

    @property
    def cores(self) -> int:
        """How many cores a job takes: so many that an executor of it runs on every worker."""
        return _CORES * len(shuffle.pods(self.cluster, self.release, "worker"))

    @property
    def spread(self) -> dict[str, str]:
        """What lets a small application use every node."""
        return {"spark.cores.max": str(self.cores), **_SPREAD}

    def _submit(self, script: str, *arguments: str) -> list[str]:
        settings = {**SMALL_MACHINE, **self.spread, **self.properties}
        options = [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
        master = f"spark://{self.release.name}-master:7077"
        return ["spark-submit", "--master", master, *options, script, *arguments]

    def _prepare(self, job: str, *arguments: str) -> list[str]:
        """Copy a job to where drivers run; return the command that runs it."""
        return self._submit(self._copied(job), *arguments)

    def _copied(self, job: str) -> str:
        path = f"/tmp/{job}"
        copy = ["--namespace", self.release.namespace, "exec", "--stdin", self.place, "--", "tee", path]
        self.cluster.kubectl(*copy, stdin=(JOBS / job).read_bytes())
        return path


@dataclass(frozen=True, slots=True)
class Running:
    """A job that runs, or that ended just now.

    Attributes:
        submitter: who submitted it.
        process: kubectl.
        out: the file that holds what it prints.
        err: the file that holds the driver's log.
        command: what runs it.

    """

    submitter: Submitter
    process: subprocess.Popen[bytes]
    out: Path
    err: Path
    command: str

    def paused_at(self, pipe: str, times: int = 1) -> None:
        """Wait until the job says that it waits at a named pipe, for so many times: then a part of it is done.

        Raises:
            errors.ProgramFailedError: it ended, or has no hope of getting there.

        """
        said = f"paused at {pipe}\n"
        self._until(lambda: self._read(self.out).count(said) >= times, f"the job pauses at {pipe}")

    def finished_tasks(self) -> int:
        """Return how many tasks the driver has seen finish until now."""
        return self._read(self.err).count(_TASK_FINISHED)

    @property
    def application_id(self) -> str:
        """The application's id, once the Master gave it one."""
        (found,) = _ID.findall(self._read(self.err))
        return str(found)

    def failed_fetches(self) -> int:
        """Return how many tasks the driver has seen fail until now because a fetch was given up."""
        return self._read(self.err).count(_FETCH_FAILED)

    def lost_executors(self) -> int:
        """Return how many executors the driver knows to be gone by now, some seconds after they went."""
        return self._read(self.err).count(_EXECUTOR_LOST)

    def until_finished(self, count: int) -> None:
        """Wait until the driver has seen so many tasks finish.

        Raises:
            errors.ProgramFailedError: it ended, or has no hope of getting there.

        """
        self._until(lambda: self.finished_tasks() >= count, f"{count} tasks are finished")

    def until(self, condition: Callable[[], bool], limit: limits.Limit, what: str) -> None:
        """Wait for what is to happen while the job runs: once its driver is dead, much looks as if it had.

        Raises:
            errors.ProgramFailedError: it ended, or has no hope.

        """
        self._until(lambda: condition() and self.process.poll() is None, what, limit)

    def go_on(self, pipe: str) -> None:
        """Let the job go on: write to its pipe.

        Raises:
            errors.ProgramFailedError: it ended, and nobody reads what is written.

        """
        if self.process.poll() is not None:
            raise self._failed(f"ended with exit code {self.process.returncode} at {pipe}", self._complaints())
        by = self.submitter
        by.cluster.execute(by.release.namespace, by.place, "sh", "-c", f"echo > {pipe}")

    def await_failure(self) -> str:
        """Wait for the end of a job that cannot end well; return its driver's log, or nothing if it ended well."""
        waiting.until(
            lambda: self.process.poll() is not None,
            limits.JOB,
            what="the job ends",
            last_seen=lambda: processes.tail(self._read(self.err)),
        )
        return self._read(self.err) if self.process.returncode else ""

    @property
    def said(self) -> str:
        """What it printed until now."""
        return self._read(self.out)

    def await_end(self, limit: limits.Limit = limits.JOB) -> str:
        """Wait for the job's end; return what it printed.

        Raises:
            errors.ProgramFailedError: it failed, or has no hope of ending well.

        """
        self._until(lambda: self.process.poll() == 0, "the job ends well", limit)
        return self._read(self.out)

    def ended(self) -> Application:
        """Wait for the job's end; return what is known of it.

        Raises:
            errors.ProgramFailedError: it failed, or has no hope of ending well.

        """
        (line,) = [line for line in self.await_end().splitlines() if line.startswith("{")]
        said: dict[str, Any] = json.loads(line)
        by, application_id = self.submitter, said["application"]
        path = f"/opt/spark/events/{application_id}"
        text = by.cluster.execute(by.release.namespace, by.place, "cat", path).stdout
        return Application(application_id, said, self._read(self.err), event_log.read(text), self.command)

    def _until(self, condition: Callable[[], bool], what: str, limit: limits.Limit = limits.JOB) -> None:
        def looked() -> bool:
            ended = self.process.poll() is not None  # before the condition looks at what it wrote last
            if condition():
                return True
            if ended:
                raise self._failed(f"ended with exit code {self.process.returncode}", self._complaints())
            if self._read(self.err).count(_EXECUTOR_FAILED) >= _HOPELESS_FAILURES:
                said = shuffle.last_errors(self.submitter.cluster, self.submitter.release)
                raise self._failed(f"has no hope, {_HOPELESS_FAILURES} executors ended by themselves", said)
            return False

        waiting.until(looked, limit, what=what, last_seen=lambda: processes.tail(self._read(self.err)))

    @staticmethod
    def _read(file: Path) -> str:
        return file.read_text(encoding="utf-8", errors="replace")

    def _complaints(self) -> list[str]:
        """Return what the driver complained of last; if of nothing, its last words."""
        log = self._read(self.err).splitlines()
        return ([line for line in log if _COMPLAINT.search(line)] or log)[-5:]

    def _failed(self, how: str, said: list[str]) -> errors.ProgramFailedError:
        return errors.ProgramFailedError(
            "\n    ".join([f"The job {how}:", *said]),
            returncode=self.process.returncode or 0,
            stdout=self._read(self.out),
            stderr=self._read(self.err),
            more=self.command,
        )
