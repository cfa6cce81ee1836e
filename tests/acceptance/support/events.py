"""Reads Spark's event log: what an application was configured with, and what its tasks really did."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Task:
    """A task that ended well.

    Attributes:
        stage: the id of its stage.
        kind: `ShuffleMapTask` or `ResultTask`.
        executor: the id of the executor that ran it.
        host: the address of that executor.
        written: shuffle bytes written.
        remote: shuffle bytes read from other hosts.
        local: shuffle bytes read from the executor's own host.

    """

    stage: int
    kind: str
    executor: str
    host: str
    written: int
    remote: int
    local: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that completed.

    Attributes:
        id: its id.
        attempt: 0 unless it was run again.
        tasks: how many tasks it has.
        failure: why it failed; empty if it did not.

    """

    id: int
    attempt: int
    tasks: int
    failure: str


@dataclass(frozen=True, slots=True)
class History:
    """What an event log says of one application.

    Attributes:
        properties: the configuration that it ran with.
        hosts: the address of every executor, by the executor's id.
        stages: the stages that completed.
        tasks: the tasks that ended well.
        jobs: how each job ended, `JobSucceeded` or not.

    """

    properties: dict[str, str]
    hosts: dict[str, str]
    stages: tuple[Stage, ...]
    tasks: tuple[Task, ...]
    jobs: tuple[str, ...]

    @property
    def remote_bytes(self) -> int:
        """Shuffle bytes that were read from other hosts."""
        return sum(task.remote for task in self.tasks)

    @property
    def map_tasks(self) -> int:
        """How many map tasks ended well; more than the partitions means that map work was done again."""
        return sum(task.kind == "ShuffleMapTask" for task in self.tasks)

    @property
    def writing_stages(self) -> list[int]:
        """The stages that wrote shuffle bytes; work that is done again has a new stage id."""
        return sorted({task.stage for task in self.tasks if task.written})

    def tasks_by_host(self) -> dict[str, int]:
        """Return how many tasks ran on each host."""
        return dict(Counter(task.host for task in self.tasks))

    def summary(self) -> dict[str, Any]:
        """Return what there is to see, for the evidence."""
        return {
            "stages": [{"id": stage.id, "attempt": stage.attempt, "tasks": stage.tasks} for stage in self.stages],
            "jobs": list(self.jobs),
            "map tasks": self.map_tasks,
            "stages that wrote shuffle bytes": self.writing_stages,
            "shuffle bytes written": sum(task.written for task in self.tasks),
            "shuffle bytes read from other hosts": self.remote_bytes,
            "shuffle bytes read from the own host": sum(task.local for task in self.tasks),
            "tasks by host": self.tasks_by_host(),
            "executors by host": self.hosts,
        }


def parse(lines: Iterable[str]) -> History:
    """Return what the lines of an event log say."""
    events = [json.loads(line) for line in lines if line.strip()]

    def of(name: str) -> list[dict[str, Any]]:
        return [event for event in events if event["Event"] == f"SparkListener{name}"]

    environment = of("EnvironmentUpdate")
    return History(
        properties=dict(environment[0]["Spark Properties"]) if environment else {},
        hosts={event["Executor ID"]: event["Executor Info"]["Host"] for event in of("ExecutorAdded")},
        stages=tuple(_stage(event["Stage Info"]) for event in of("StageCompleted")),
        tasks=tuple(_tasks(of("TaskEnd"))),
        jobs=tuple(event["Job Result"]["Result"] for event in of("JobEnd")),
    )


def _stage(info: dict[str, Any]) -> Stage:
    return Stage(info["Stage ID"], info["Stage Attempt ID"], info["Number of Tasks"], info.get("Failure Reason", ""))


def _tasks(ends: Sequence[dict[str, Any]]) -> Iterable[Task]:
    for end in ends:
        if end["Task End Reason"]["Reason"] != "Success":
            continue
        read = end["Task Metrics"]["Shuffle Read Metrics"]
        yield Task(
            stage=end["Stage ID"],
            kind=end["Task Type"],
            executor=end["Task Info"]["Executor ID"],
            host=end["Task Info"]["Host"],
            written=end["Task Metrics"]["Shuffle Write Metrics"]["Shuffle Bytes Written"],
            remote=read["Remote Bytes Read"],
            local=read["Local Bytes Read"],
        )
