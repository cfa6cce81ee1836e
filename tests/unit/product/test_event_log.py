"""What the acceptance suite reads from Spark's event log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support import event_log

START = 1_767_323_045_000  # 2026-01-02T03:04:05Z


def line(kind: str, more: dict[str, Any], seconds: float | None = None) -> dict[str, Any]:
    """Return an event, some seconds after the application began."""
    when = {} if seconds is None else {"Timestamp": START + int(1000 * seconds)}
    return {"Event": f"SparkListener{kind}", **when, **more}


def stage(number: int, times: dict[str, int]) -> dict[str, Any]:
    """Return the completion of a stage; one that was skipped has no times."""
    info = {"Stage ID": number, "Stage Name": "collect", "Number of Tasks": 4}
    return line("StageCompleted", {"Stage Info": info | times})


LINES = [
    line("ApplicationStart", {"App ID": "app-1"}, 0),
    line("EnvironmentUpdate", {"Spark Properties": {}}),
    line("ExecutorAdded", {"Executor ID": "0", "Executor Info": {"Host": "10.0.0.1"}}, 1),
    line("ExecutorAdded", {"Executor ID": "1", "Executor Info": {"Host": "10.0.0.2"}}, 2),
    stage(0, {"Submission Time": START + 3000, "Completion Time": START + 4000}),
    stage(1, {}),
    line("ExecutorRemoved", {"Executor ID": "0", "Removed Reason": "Command exited with code 137"}, 5),
]
END = line("ApplicationEnd", {}, 9)


def told(*lines: dict[str, Any]) -> list[tuple[str, str, float, float]]:
    """Return what a log of these lines tells of when things were, in seconds after the application began."""
    application = event_log.read("".join(f"{json.dumps(one)}\n" for one in lines))
    return [
        (one.lane, one.what, one.began.timestamp() - START / 1000, one.ended.timestamp() - START / 1000)
        for one in application.happenings
    ]


def test_it_says_when_the_application_its_executors_and_its_stages_were() -> None:
    """An executor that was lost ends where it was, and says why; a stage that was skipped was at no time."""
    assert told(*LINES, END) == [
        ("Spark applications", "app-1", 0, 9),
        ("Spark executors", "executor 0 on 10.0.0.1: Command exited with code 137", 1, 5),
        ("Spark executors", "executor 1 on 10.0.0.2", 2, 9),
        ("Spark stages", "stage 0: 4 tasks, collect", 3, 4),
    ]


def test_an_application_that_never_said_that_it_ended_lasts_as_long_as_it_spoke() -> None:
    """So that what it did is drawn all the same."""
    assert told(*LINES)[0] == ("Spark applications", "app-1", 0, 5)


def test_a_log_without_a_start_is_none() -> None:
    """Nothing is read from what is no event log of one application."""
    with pytest.raises(ValueError, match="starts it once"):
        told(*LINES[1:])
