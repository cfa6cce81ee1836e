"""Runs applications as people do: spark-submit in the master's pod."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import event_log
from support.places import JOBS
from workstream import errors, limits, processes
from workstream.cluster import waiting

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release

CORES = 4

# Start when every executor is there, and let every task run wherever there is room: else a small job may run on
# one host alone, and nothing of it crosses the network.
SPREAD = {
    "spark.cores.max": str(CORES),
    "spark.executor.cores": "2",
    "spark.executor.memory": "640m",
    "spark.driver.memory": "640m",
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "60s",
    "spark.locality.wait": "0s",
}

# What the jobs in jobs/ count and sum; the expectation is reckoned here and not taken from them.
WORDS, COPIES = 50, 2000
EXPECTED_COUNTS = {f"word-{word}": COPIES for word in range(WORDS)}
NUMBERS, KEYS, MAPS, REDUCES = 100_000, 50, 4, 4
EXPECTED_SUMS = {str(key): sum(range(key, NUMBERS, KEYS)) for key in range(KEYS)}


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


@dataclass(frozen=True, slots=True)
class Submitter:
    """Submits applications to a release.

    Attributes:
        cluster: where the release lives.
        release: the release.

    """

    cluster: Cluster
    release: Release

    def run(self, job: str, *arguments: str) -> Application:
        """Run one of our jobs to its end.

        Raises:
            errors.ProgramFailedError: it failed; the error ends with the driver's log.

        """
        ended = self._execute(self._prepare(job, *arguments))
        return self._application(ended.stdout, ended.stderr, ended.line)

    def run_python(self, script: str, *arguments: str) -> processes.Completed:
        """Run a Python program of the image to its end."""
        return self._execute(self._submit(script, *arguments))

    def _execute(self, command: list[str]) -> processes.Completed:
        try:
            return self.cluster.execute(self.release.namespace, self.master, *command, limit=limits.JOB)
        except errors.WorkstreamError:
            self.stop_drivers()
            raise

    def stop_drivers(self) -> None:
        """End what still runs in the master's pod: it outlives the kubectl that started it, and holds all cores."""
        command = ("pkill", "--signal", "KILL", "--full", "deploy.SparkSubmit")
        self.cluster.execute(self.release.namespace, self.master, *command, accept=(0, 1))

    @contextmanager
    def running(self, job: str, *arguments: str) -> Iterator[Running]:
        """Give a job that runs; it is stopped in the end if it still does."""
        command = self._prepare(job, *arguments)
        namespace = ["--namespace", self.release.namespace]
        kubectl = ["kubectl", "--context", self.cluster.context, *namespace, "exec", self.master, "--", *command]
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            with out.open("wb") as stdout, err.open("wb") as stderr:
                process = processes.start(
                    kubectl, environment=self.cluster.environment, stdout=stdout.fileno(), stderr=stderr.fileno()
                )
            running = Running(self, process, out, err, " ".join(kubectl))
            try:
                yield running
            finally:
                if process.poll() is None:
                    processes.stop(process)
                    self.stop_drivers()

    @property
    def master(self) -> str:
        """The master, as kubectl names it."""
        return f"deploy/{self.release.name}-master"

    def _submit(self, script: str, *arguments: str) -> list[str]:
        options = [part for key, value in SPREAD.items() for part in ("--conf", f"{key}={value}")]
        master = f"spark://{self.release.name}-master:7077"
        return ["spark-submit", "--master", master, *options, script, *arguments]

    def _prepare(self, job: str, *arguments: str) -> list[str]:
        """Copy a job into the master's pod; return the command that runs it."""
        path = f"/tmp/{job}"
        copy = ["--namespace", self.release.namespace, "exec", "--stdin", self.master, "--", "tee", path]
        self.cluster.kubectl(*copy, stdin=(JOBS / job).read_bytes())
        return self._submit(path, *arguments)

    def _application(self, stdout: str, stderr: str, command: str) -> Application:
        (line,) = [line for line in stdout.splitlines() if line.startswith("{")]
        said: dict[str, Any] = json.loads(line)
        application_id = said["application"]
        path = f"/opt/spark/events/{application_id}"
        text = self.cluster.execute(self.release.namespace, self.master, "cat", path).stdout
        return Application(application_id, said, stderr, event_log.read(text), command)


@dataclass(frozen=True, slots=True)
class Running:
    """A job that runs.

    Attributes:
        submitter: who submitted it.
        process: kubectl.
        out: the file that holds what it printed.
        err: the file that holds the driver's log.
        command: what runs it.

    """

    submitter: Submitter
    process: subprocess.Popen[bytes]
    out: Path
    err: Path
    command: str

    def paused_at(self, pipe: str) -> None:
        """Wait until the job says that it waits at a named pipe: then its first half is done."""

        def paused() -> bool:
            if self.process.poll() is not None:
                raise self._failed()
            return f"paused at {pipe}\n" in self.out.read_text(encoding="utf-8", errors="replace")

        waiting.until(paused, limits.JOB, what=f"the job pauses at {pipe}", last_seen=self._tail)

    def go_on(self, pipe: str) -> None:
        """Let the job go on: write to its pipe."""
        place = self.submitter
        place.cluster.execute(place.release.namespace, place.master, "sh", "-c", f"echo > {pipe}")

    def ended(self) -> Application:
        """Wait for the job's end.

        Raises:
            errors.ProgramFailedError: it failed.

        """
        ended = waiting.until(
            lambda: self.process.poll() is not None, limits.JOB, what="the job ends", last_seen=self._tail
        )
        assert ended
        if self.process.returncode != 0:
            raise self._failed()
        out, err = (path.read_text(encoding="utf-8", errors="replace") for path in (self.out, self.err))
        return self.submitter._application(out, err, self.command)  # noqa: SLF001 - one thing in two classes

    def _tail(self) -> str:
        return processes.tail(self.err.read_text(encoding="utf-8", errors="replace"))

    def _failed(self) -> errors.ProgramFailedError:
        out, err = (path.read_text(encoding="utf-8", errors="replace") for path in (self.out, self.err))
        code = self.process.returncode
        return errors.ProgramFailedError(
            f"{self.command}\nended with exit code {code}. It said last:\n{self._tail()}",
            returncode=code,
            stdout=out,
            stderr=err,
        )
