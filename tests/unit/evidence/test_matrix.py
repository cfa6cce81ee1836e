"""What the controls of a session showed, from its log alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import evidence
from workstream.evidence.records import Result

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Story

T = "test_a.py::test_it"
OTHER = "test_a.py::test_other"
PASSED, FAILED = Result.PASSED, Result.FAILED


def told(story: type[Story], results: list[Result]) -> Story:
    """Tell of rounds: whole, then as many controls as fit, then whole; how the one test ended in each."""
    found = story("one").bind(T)
    for number, result in enumerate(results, start=1):
        broken = 1 < number < len(results)
        more = {"control": f"c{number}", "sentence": "It is broken.", "turns_red": ("AC1",)} if broken else {}
        found.began(number, time=f"2026-01-02T03:{number:02}:00.000+00:00", **more)
        found.saw(T, attempt=number).ran(T, PASSED, result, PASSED, attempt=number, round=number)
    return found.ended()


def test_a_criterion_that_does_not_come_back_is_told(story: type[Story], tmp_path: Path) -> None:
    """What was proven in the control's own round, or before, is no sign that it came back."""
    run = told(story, [PASSED, FAILED, PASSED, FAILED])
    matrix = evidence.matrix(run.log(tmp_path), run.document, 2, every=True)
    assert [row.missing_again for row in matrix.rows] == [(), ("AC1",)]
    assert not matrix.agrees


def test_what_was_seen_follows_the_text_of_a_criterion(story: type[Story], tmp_path: Path) -> None:
    """Where another criterion was put above it since, it is that one which the control was to turn red."""
    run = told(story, [PASSED, FAILED, PASSED])
    log, moved = run.log(tmp_path), story("new", "one").document
    (row,) = evidence.matrix(log, moved, 1, every=True).rows
    assert row.expected == row.red == {"AC2"}
    assert {test.criterion_id for test in row.noticed} == {"AC2"}
    assert row.missing_again == ()

    (row,) = evidence.matrix(log, story("new").document, 1, every=True).rows
    assert row.expected == set()


def test_words_that_a_test_must_say_follow_the_text_of_a_criterion(story: type[Story], tmp_path: Path) -> None:
    """They belong to the criterion, and not to its place."""
    run = story("one").bind(T)
    for number, control in enumerate(["", "c", ""], start=1):
        more = {"control": control, "turns_red": ("AC1",), "says": {"AC1": "no word of this"}} if control else {}
        run.began(number, **more)
        run.saw(T, attempt=number).ran(T, PASSED, FAILED if control else PASSED, PASSED, attempt=number, round=number)
    log = run.ended().log(tmp_path)
    (row,) = evidence.matrix(log, story("new", "one").document, 1, every=True).rows
    assert row.unsaid == {"AC2": "no word of this"}


def test_two_criteria_of_one_text_keep_their_places(story: type[Story], tmp_path: Path) -> None:
    """Both turn red, and both were to."""
    run = story("one", "one").bind(T).bind(T, "AC2")
    for number, control in enumerate(["", "c", ""], start=1):
        more = {"control": control, "turns_red": ("AC1", "AC2")} if control else {}
        run.began(number, **more)
        run.saw(T, attempt=number).ran(T, PASSED, FAILED if control else PASSED, PASSED, attempt=number, round=number)
    assert evidence.matrix(run.ended().log(tmp_path), run.document, 1, every=True).agrees


def test_every_row_says_how_long_it_took(story: type[Story], tmp_path: Path) -> None:
    """From where its round begins to where the next one does."""
    run = told(story, [PASSED, FAILED, FAILED, PASSED])
    matrix = evidence.matrix(run.log(tmp_path), run.document, 2, every=True)
    assert [row.seconds for row in matrix.rows] == [60, 60]
    assert matrix.agrees


@pytest.mark.parametrize("ending", [[PASSED, Result.SKIPPED], None], ids=["skipped", "not run"])
def test_a_criterion_that_was_to_keep_its_proof_keeps_it(
    story: type[Story], tmp_path: Path, ending: list[Result] | None
) -> None:
    """One that nobody asked on the broken product did not turn red, and is no sign that the suite notices this only."""
    run = story("one", "two").bind(T).bind(OTHER, "AC2")
    for number, control in enumerate(["", "c", ""], start=1):
        more = {"control": control, "sentence": "It is broken.", "turns_red": ("AC1",)} if control else {}
        run.began(number, **more)
        run.saw(T, attempt=number).ran(T, PASSED, FAILED if control else PASSED, PASSED, attempt=number, round=number)
        if not control:
            run.saw(OTHER, attempt=number).ran(OTHER, attempt=number, round=number)
        elif ending is not None:
            run.ran(OTHER, *ending, attempt=number, round=number)
    matrix = evidence.matrix(run.ended().log(tmp_path), run.document, 1, every=False)
    (row,) = matrix.rows
    assert row.red == row.expected == {"AC1"}
    assert row.missing_again == ()
    assert not row.agrees
    assert not matrix.agrees
