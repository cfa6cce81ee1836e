"""Reads Spark's event log: what an application was told, and what its stages did.

The format is Spark's own (`org.apache.spark.util.JsonProtocol`, 3.5): one JSON object a line. Bytes and stages come
from here and never from an exit code: a job whose service was never asked succeeds just as well.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Stage:
    """One attempt of a stage that ran tasks.

    Attributes:
        id: the stage's id; a map stage that is done again by a later job has a new one.
        attempt: 0 unless the stage itself was tried again.
        tasks: how many tasks of it succeeded.
        failed_tasks: how many did not.
        hosts: the hosts whose executors ran those that succeeded.
        bytes_written: shuffle bytes that they wrote.
        bytes_read_local: shuffle bytes that they read from their own host's disk.
        bytes_read_remote: shuffle bytes that they read over the network.

    """

    id: int
    attempt: int
    tasks: int
    failed_tasks: int
    hosts: frozenset[str]
    bytes_written: int
    bytes_read_local: int
    bytes_read_remote: int


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that took some time: the application itself, a stage or an executor of it.

    Attributes:
        lane: which of these: `Spark applications`, `Spark stages`, `Spark executors`.
        what: a name for it.
        began: when, by the driver's clock.
        ended: likewise.

    """

    lane: str
    what: str
    began: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Application:
    """What the event log says of one application.

    Attributes:
        id: its id.
        properties: the Spark properties that it ran with.
        executors: the host of every executor that it ever had, by the executor's id.
        lost_executors: why an executor was lost, by its id.
        stages: its stages that ran tasks, by id and attempt.
        ended: whether it said that it ended.
        happenings: when all of that was.

    """

    id: str
    properties: Mapping[str, str]
    executors: Mapping[str, str]
    lost_executors: Mapping[str, str]
    stages: tuple[Stage, ...]
    ended: bool
    happenings: tuple[Happening, ...]

    @property
    def writing(self) -> tuple[Stage, ...]:
        """The stages that wrote shuffle bytes: map stages."""
        return tuple(stage for stage in self.stages if stage.bytes_written)

    @property
    def bytes_read_remote(self) -> int:
        """Shuffle bytes that went over the network."""
        return sum(stage.bytes_read_remote for stage in self.stages)


def read(text: str) -> Application:
    """Read the event log of one application.

    Raises:
        ValueError: it is none: a line is no JSON object, or the application has no start.

    """
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in text.splitlines():
        event = json.loads(line)
        events[event["Event"]].append(event)
    started = events["SparkListenerApplicationStart"]
    if len(started) != 1:
        message = f"an event log of one application starts it once, not {len(started)} times"
        raise ValueError(message)
    return Application(
        id=started[0]["App ID"],
        properties=events["SparkListenerEnvironmentUpdate"][0]["Spark Properties"],
        executors={
            event["Executor ID"]: event["Executor Info"]["Host"] for event in events["SparkListenerExecutorAdded"]
        },
        lost_executors={
            event["Executor ID"]: event["Removed Reason"] for event in events["SparkListenerExecutorRemoved"]
        },
        stages=_stages(events["SparkListenerTaskEnd"]),
        ended=bool(events["SparkListenerApplicationEnd"]),
        happenings=tuple(_happenings(started[0], events)),
    )


def _happenings(started: dict[str, Any], events: Mapping[str, list[dict[str, Any]]]) -> Iterator[Happening]:
    """Yield when an application, its executors and its stages were; what never ended lasted as long as it did."""
    name, last = started["App ID"], _last(started, events)
    yield Happening("Spark applications", name, _time(started["Timestamp"]), last)
    removed = {event["Executor ID"]: event for event in events["SparkListenerExecutorRemoved"]}
    for event in events["SparkListenerExecutorAdded"]:
        number, lost = event["Executor ID"], removed.get(event["Executor ID"])
        why = f": {lost['Removed Reason']}" if lost else ""
        what = f"executor {number} on {event['Executor Info']['Host']}{why}"
        yield Happening("Spark executors", what, _time(event["Timestamp"]), _time(lost["Timestamp"]) if lost else last)
    for stage in (event["Stage Info"] for event in events["SparkListenerStageCompleted"]):
        if "Submission Time" in stage and "Completion Time" in stage:  # a stage that was skipped has neither
            what = f"stage {stage['Stage ID']}: {stage['Number of Tasks']} tasks, {stage['Stage Name']}"
            yield Happening("Spark stages", what, _time(stage["Submission Time"]), _time(stage["Completion Time"]))


def _last(started: dict[str, Any], events: Mapping[str, list[dict[str, Any]]]) -> datetime:
    """Return when an application ended; of one that did not say so, when it last said anything."""
    kinds = ("SparkListenerApplicationEnd", "SparkListenerExecutorRemoved", "SparkListenerExecutorAdded")
    said = [event["Timestamp"] for kind in kinds for event in events[kind]]
    return _time(max([started["Timestamp"], *said]))


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _stages(ends: Iterable[dict[str, Any]]) -> tuple[Stage, ...]:
    by_stage: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for end in ends:
        by_stage[end["Stage ID"], end["Stage Attempt ID"]].append(end)
    return tuple(_stage(*key, by_stage[key]) for key in sorted(by_stage))


def _stage(number: int, attempt: int, ends: list[dict[str, Any]]) -> Stage:
    good = [end for end in ends if end["Task End Reason"]["Reason"] == "Success"]
    metrics = [end["Task Metrics"] for end in good]
    reads = [one["Shuffle Read Metrics"] for one in metrics]
    return Stage(
        id=number,
        attempt=attempt,
        tasks=len(good),
        failed_tasks=len(ends) - len(good),
        hosts=frozenset(end["Task Info"]["Host"] for end in good),
        bytes_written=sum(one["Shuffle Write Metrics"]["Shuffle Bytes Written"] for one in metrics),
        bytes_read_local=sum(one["Local Bytes Read"] for one in reads),
        bytes_read_remote=sum(one["Remote Bytes Read"] for one in reads),
    )
