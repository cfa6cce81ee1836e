"""Several parts of one suite, taken together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import errors, evidence
from workstream.evidence import records

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Story

A, B = "test_a.py::test", "test_b.py::test"


@pytest.fixture
def parts(story: type[Story]) -> tuple[Story, Story]:
    """Two runs of a suite with a test for each of two criteria: one of them ran the first, the other the second."""
    first, second = (story("one", "two").bind(A).bind(B, "AC2").described("chart", "abc", "chart") for _ in range(2))
    first.lines[1] = records.Selection(options={"command line": "-k a"}, test_paths=(".",), left_out=(B,))
    second.lines[1] = records.Selection(options={"command line": "-k b"}, test_paths=(".",), left_out=(A,))
    first.saw(A).ran(A).ended()
    second.saw(B).ran(B).ended()
    return first, second


def together(parts: tuple[Story, ...], folder: Path) -> evidence.Log:
    """Return the parts as one log."""
    return evidence.combined(
        [evidence.read(part.write(folder / f"{number}.jsonl")) for number, part in enumerate(parts)]
    )


def test_each_part_alone_proves_its_own(parts: tuple[Story, Story], tmp_path: Path) -> None:
    """What the other one is to prove was not run."""
    assert parts[0].states(tmp_path) == ["proven", "not-run"]
    assert parts[1].states(tmp_path) == ["not-run", "proven"]


def test_parts_together_are_the_whole(parts: tuple[Story, Story], tmp_path: Path) -> None:
    """Nothing is left out by both, and everything is proven."""
    log = together(parts, tmp_path)
    assert [str(one.state) for one in evidence.verdicts(log, parts[0].document)] == ["proven", "proven"]
    assert log.selection is not None
    assert not log.selection.partial
    assert not log.cut


def test_one_log_alone_stays_what_it_is(parts: tuple[Story, Story], tmp_path: Path) -> None:
    """There is nothing to take together."""
    assert together(parts[:1], tmp_path) == evidence.read(tmp_path / "0.jsonl")


def test_what_ran_in_both_was_run_twice(parts: tuple[Story, Story], tmp_path: Path) -> None:
    """A part that failed is not forgotten because a later one passed."""
    first, second = parts
    first.bind(B, "AC2").ran(B, records.Result.PASSED, records.Result.FAILED, records.Result.PASSED)
    log = together((first, second), tmp_path)
    assert [str(one.state) for one in evidence.verdicts(log, first.document)] == ["proven", "flaky"]


def test_a_part_that_breaks_off_cuts_the_whole(parts: tuple[Story, Story], tmp_path: Path) -> None:
    """The end of one is not the end of both."""
    del parts[0].lines[-1]
    assert together(parts, tmp_path).cut


def test_what_one_does_not_know_both_do_not_know(parts: tuple[Story, Story], tmp_path: Path) -> None:
    """A suite that could not be read whole may hold more, whatever another run found."""
    parts[0].lines[1] = records.Selection(options={}, test_paths=(".",), unknown=("test_c.py cannot be read",))
    log = together(parts, tmp_path)
    assert log.selection is not None
    assert log.selection.unknown == ("test_c.py cannot be read",)


@pytest.mark.parametrize("change", ["input", "tests", "criterion", "context", "harness", "rounds"])
def test_nothing_may_have_changed_between_them(
    parts: tuple[Story, Story], story: type[Story], tmp_path: Path, change: str
) -> None:
    """Of a product, a suite or a document that changed in between nobody knows which one was proven."""
    first, second = parts
    session = second.lines[0]
    assert isinstance(session, records.Session)
    match change:
        case "input":
            second.described("chart", "def", "chart")
        case "tests":
            second.bind("test_c.py::test")
        case "criterion":
            other = story("one", "three").lines[0]
            assert isinstance(other, records.Session)
            second.lines[0] = session.model_copy(update={"criteria": other.criteria})
        case "rounds":
            second.began(1)
        case _:
            name = {"context": "context_sha256", "harness": "harness"}[change]
            second.lines[0] = session.model_copy(update={name: "another"})
    with pytest.raises(errors.EvidenceError, match="cannot be taken together with"):
        together((first, second), tmp_path)


@pytest.mark.parametrize("name", ["conftest.py", "tests/conftest.py"])
@pytest.mark.parametrize("later", [True, False])
def test_no_conftest_file_may_have_come_or_gone_between_them(
    story: type[Story], tmp_path: Path, name: str, *, later: bool
) -> None:
    """Each run tells all that its tests read: one that a single run knows was not there for the other."""
    parts = (suite(story), suite(story))
    parts[later].described(records.SUITE, "abc", name)
    with pytest.raises(errors.EvidenceError, match=f"{name} was there for one of them alone"):
        together(parts, tmp_path)


def test_a_helper_that_one_of_them_imported_is_no_change(story: type[Story], tmp_path: Path) -> None:
    """What a test imports while it runs, only its run tells; and what a conftest file elsewhere says, no test reads."""
    parts = (suite(story), suite(story))
    for part in parts:
        part.described(records.SUITE, "abc", "tests/conftest.py")
    parts[0].described(records.SUITE, "abc", "tests/help.py")
    parts[1].described(records.SUITE, "abc", "tests/late.py").described(records.SUITE, "abc", "more/conftest.py")
    assert {subject.path for subject in together(parts, tmp_path).subjects} > {"tests/help.py", "tests/late.py"}


def suite(story: type[Story]) -> Story:
    """Return the beginning of a run on a suite that has its test in a folder."""
    told = story("one")
    told.lines.append(
        records.Manifest(test=A, criterion_id="AC1", level=records.Level.CLUSTER, source_path="tests/test_a.py")
    )
    return told


def test_what_is_drawn_of_the_parts_stands_together(parts: tuple[Story, Story], tmp_path: Path) -> None:
    """Events and connections of both, with the attempts numbered on; and every look at the cluster."""
    for part in parts:
        part.lines.append(records.Sight(time="2026-01-02T03:04:05+00:00"))
        part.lines.append(records.Event(test=A, attempt=1, lane="jobs", what="it", began="2026-01-02T03:04:05+00:00"))
        part.lines.append(records.Link(test=A, attempt=1, time="", source="a", target="b", port=1))
    log = together(parts, tmp_path)
    assert len(log.sights) == 2
    assert [event.attempt for event in log.events] == [1, 2]
    assert [link.attempt for link in log.links] == [1, 2]
