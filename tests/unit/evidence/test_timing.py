"""Where the time of a run went, from its log alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from workstream import errors, evidence
from workstream.evidence import records, timing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Story

MORNING = datetime.fromisoformat("2026-01-02T03:00:00+00:00")


def step(  # noqa: PLR0913 - a step has so many parts
    doing: str, began: float, ended: float, parent: str = "", *, thread: str = "main", waits_for: str = ""
) -> records.Step:
    """Tell of a step; what it did is its id."""
    return records.Step(
        id=doing,
        parent=parent,
        thread=thread,
        subject="wait" if waits_for else "test",
        doing=doing,
        began=(MORNING + timedelta(seconds=began)).isoformat(timespec="milliseconds"),
        seconds=ended - began,
        waits_for=waits_for,
    )


def log(story: type[Story], folder: Path, *steps: records.Step) -> evidence.Log:
    """Tell of a run that did these steps, in the order in which they ended."""
    run = story("one")
    run.lines += steps
    return run.ended().log(folder)


def path(run: evidence.Log) -> list[tuple[str, float, float]]:
    """Return the critical path: what was done, from when to when; nothing for what no step tells of."""
    return [
        (link.span.step.doing if link.span else "", round(link.began, 3), round(link.ended, 3))
        for link in timing.critical_path(timing.spans(run))
    ]


def test_a_step_stands_below_the_one_that_it_is_a_part_of(story: type[Story], tmp_path: Path) -> None:
    """Parts stand in the order in which they began, on the clock of the run."""
    run = log(story, tmp_path, step("a", 2, 9), step("later", 5, 8, "a"), step("first", 3, 4, "a"), step("b", 9, 10))
    told = [(depth, span.step.doing, span.began) for depth, span in timing.flat(timing.spans(run))]
    assert told == [(0, "a", 0), (1, "first", 1), (1, "later", 3), (0, "b", 7)]


def test_a_part_of_what_was_left_out_stands_by_itself(story: type[Story], tmp_path: Path) -> None:
    """A log that was cut off lacks the steps that had not ended: what they consist of is not lost."""
    run = log(story, tmp_path, step("a", 0, 1), step("b", 1, 2, "never ended"))
    assert [span.step.doing for span in timing.spans(run)] == ["a", "b"]


def test_the_critical_path_has_no_gaps(story: type[Story], tmp_path: Path) -> None:
    """What a step did itself, what its parts did, and what no step tells of: together that is all of the time."""
    run = log(story, tmp_path, step("a", 0, 4), step("part", 1, 3, "a"), step("b", 6, 7))
    assert path(run) == [("a", 0, 1), ("part", 1, 3), ("a", 3, 4), ("", 4, 6), ("b", 6, 7)]


def test_a_part_shorter_than_clocks_differ_is_no_piece_of_the_path(story: type[Story], tmp_path: Path) -> None:
    """At the very end of a step it would be a piece of no time, and the path would go no further."""
    run = log(story, tmp_path, step("a", 0, 4), step("short", 3.999, 4, "a"))
    assert path(run) == [("a", 0, 4)]


def test_the_critical_path_goes_to_what_was_waited_for(story: type[Story], tmp_path: Path) -> None:
    """Where the tests only wait it is what they wait for that counts, back to where that was begun; and no further."""
    run = log(
        story,
        tmp_path,
        step("begins it", 0, 2),
        step("waits", 3, 9, waits_for="cluster"),
        step("uses it", 9, 10),
        step("creates", 2, 6, thread="cluster"),
        step("becomes ready", 6, 9, thread="cluster"),
        step("beside", 0, 9.5, thread="image"),
    )
    assert path(run) == [("begins it", 0, 2), ("creates", 2, 6), ("becomes ready", 6, 9), ("uses it", 9, 10)]


def test_a_wait_for_what_tells_nothing_counts_itself(story: type[Story], tmp_path: Path) -> None:
    """The time does not disappear because what was waited for has no steps."""
    run = log(story, tmp_path, step("a", 0, 1), step("waits", 1, 5, waits_for="tools"))
    assert path(run) == [("a", 0, 1), ("waits", 1, 5)]


def test_two_that_wait_for_each_other_end_the_path_all_the_same(story: type[Story], tmp_path: Path) -> None:
    """Clocks may lie, and logs may be edited: the path is followed to its begin, and once."""
    run = log(
        story,
        tmp_path,
        step("a", 0, 5, waits_for="other"),
        step("b", 0, 5, thread="other", waits_for="main"),
    )
    assert sum(ended - began for _, began, ended in path(run)) == pytest.approx(5)


def test_a_log_without_steps_is_no_run_of_no_time(story: type[Story], tmp_path: Path) -> None:
    """Logs of before told of none: that is said."""
    run = log(story, tmp_path)
    with pytest.raises(errors.EvidenceError, match="tells of no steps"):
        timing.spans(run)


@pytest.mark.parametrize(
    "steps",
    [
        (step("a", 0, 1).model_copy(update={"began": "9999-99-99T99:99"}),),
        (step("a", 0, 1).model_copy(update={"began": ""}),),
        (step("a", 0, 1, "a"),),
        (step("a", 0, 1), step("b", 0, 1, "c"), step("c", 0, 1, "b")),
        (step("a", 0, 1), step("a", 0, 1), step("b", 0, 1, "a")),
        (step("", 0, 1),),
        tuple(step(str(number), 0, 1, str(number - 1)) for number in range(2000)),
    ],
    ids=["no month 99", "no time", "of itself", "of each other", "two of one id", "no id", "too deep"],
)
def test_steps_that_no_run_tells_of_are_refused(
    story: type[Story], tmp_path: Path, steps: tuple[records.Step, ...]
) -> None:
    """A log that somebody edited is our own error: never a traceback, never a program that does not end."""
    with pytest.raises(errors.EvidenceError, match="edited this log"):
        timing.spans(log(story, tmp_path, *steps))
