"""`workstream next` and `explain`: what is to be done, for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from workstream import errors
from workstream.evidence import records
from workstream.evidence.records import Level, Result
from workstream.reports import guidance

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Run, Story


BROKE = (Result.PASSED, Result.FAILED, Result.PASSED)


@pytest.fixture(autouse=True)
def in_an_empty_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty folder: what was left here is none of these tests'."""
    monkeypatch.chdir(tmp_path)


def said(run: Run, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the object that a command prints."""
    code, out, _ = run(*arguments, "--json")
    return code, json.loads(out)


def leave(told: Story, root: Path) -> None:
    """Leave a document and what a run on it wrote."""
    (root / "WS-900.md").write_bytes(told.document.content)
    told.ended().write(root / "build" / "acceptance" / "WS-900" / "evidence.jsonl")


@pytest.fixture
def mixed(story: type[Story], tmp_path: Path) -> Story:
    """A run that proved one criterion, failed at another, and has no test of two more."""
    (tmp_path / "chart").mkdir()
    told = story("Mail arrives", "Mail is kept", "Mail is read", "Mail is sent").described("chart", "?", "chart")
    told.lines.pop()  # a chart that is another one now would make all of it stale
    told.proved("test_mail.py::test_arrives")
    test = "test_mail.py::test_is_kept"
    told.lines.append(
        records.Manifest(
            test=test, criterion_id="AC2", level=Level.CLUSTER, doc="It is kept.", source_path="test_mail.py",
            source_sha256="",
        )
    )  # fmt: skip
    told.saw(test, 7, command="kubectl get mail").ran(test, *BROKE, message="7 is not 42")
    told.proved("test_mail.py::test_is_read", "AC3")
    told.described("Kubernetes", "v1.34.1")
    leave(told, tmp_path)
    return told


@pytest.mark.usefixtures("mixed")
def test_next_names_what_is_not_proven_the_worst_first_and_one_command(run: Run) -> None:
    """An agent is told why, where, which files matter and what to run; no document has to be named."""
    code, found = said(run, "next")

    assert (code, found["done"], found["sentence"]) == (1, False, "2 of 4 criteria are proven.")
    assert [(one["id"], one["state"]) for one in found["criteria"]] == [("AC2", "failed"), ("AC4", "uncovered")]
    assert found["criteria"][0] == {
        "document": "WS-900.md",
        "id": "AC2",
        "text": "Mail is kept",
        "line": 6,
        "state": "failed",
        "reason": "test_is_kept: 7 is not 42",
        "tests": ["test_mail.py::test_is_kept"],
        "tests_left_out": 0,
        "files": [{"path": "WS-900.md", "what": "document"}, {"path": "test_mail.py", "what": "test"}],
        "command": "pytest --workstream WS-900.md test_mail.py::test_is_kept",
    }
    assert found["command"] == found["criteria"][0]["command"]
    assert found["criteria"][1]["command"] == "pytest --workstream=WS-900.md"
    guidance.Next.model_validate(found)


def test_what_failed_comes_before_what_has_no_test(run: Run, story: type[Story], tmp_path: Path) -> None:
    """The worst is next, wherever it stands in the document."""
    told = story("Mail arrives", "Mail is kept").bind("test_mail.py::test", "AC2").ran("test_mail.py::test", *BROKE)
    leave(told, tmp_path)

    assert [one["id"] for one in said(run, "next")[1]["criteria"]] == ["AC2", "AC1"]


@pytest.mark.usefixtures("mixed")
def test_next_says_the_same_to_people(run: Run) -> None:
    """The sentence, a line for each criterion, and the command."""
    assert run("next", "WS-900.md")[1].splitlines() == [
        "2 of 4 criteria are proven.",
        "WS-900.md:6: AC2 failed: test_is_kept: 7 is not 42",
        "WS-900.md:8: AC4 uncovered: No test of the suite speaks of it.",
        "next: pytest --workstream WS-900.md test_mail.py::test_is_kept",
    ]


def test_next_is_done_when_all_is_proven(run: Run, story: type[Story], tmp_path: Path) -> None:
    """Then there is no command, and the exit code is 0."""
    leave(story("Mail arrives").proved("test_mail.py::test"), tmp_path)
    code, found = said(run, "next")

    assert (code, found["done"], found["command"], found["criteria"]) == (0, True, "", [])


def test_next_is_never_done_with_a_document_without_criteria(run: Run, story: type[Story], tmp_path: Path) -> None:
    """Of nothing nobody can say that all of it is proven."""
    (tmp_path / "WS-900.md").write_bytes(story().document.content)
    code, found = said(run, "next", "WS-900.md")

    assert (code, found["done"], found["command"]) == (1, False, "")
    assert found["sentence"] == "0 of 0 criteria are proven. WS-900 has no criteria: nothing can be proven."


def test_next_begins_with_a_document_that_nobody_ran(run: Run, story: type[Story], tmp_path: Path) -> None:
    """Where there is no evidence, running the suite is next; where there is no document either, that is an error."""
    assert run("next")[0] == errors.UsageError.exit_code
    (tmp_path / "WS-900.md").write_bytes(story("Mail arrives").document.content)
    code, found = said(run, "next", "WS-900.md")

    assert (code, found["command"]) == (1, "pytest --workstream WS-900.md")
    assert [one["state"] for one in found["criteria"]] == ["not-run"]


@pytest.mark.usefixtures("mixed")
def test_next_passes_over_no_evidence_that_is_damaged(run: Run, tmp_path: Path) -> None:
    """A log that cannot be read is an error, and not a suite that was never run."""
    (tmp_path / "build" / "acceptance" / "WS-900" / "evidence.jsonl").write_text("{}\n")
    for command in (("next", "WS-900.md"), ("explain", "AC2", "WS-900.md"), ("next",)):
        assert run(*command)[0] == errors.EvidenceError.exit_code


@pytest.mark.usefixtures("mixed")
def test_explain_tells_one_failure_whole(run: Run) -> None:
    """How each of its tests ended, what it saw and how to see that again, and what was under test."""
    code, found = said(run, "explain", "ac2")
    guidance.Explained.model_validate(found)
    (told,) = found["told"]

    assert (code, found["reason"], found["facts"]) == (1, "test_is_kept: 7 is not 42", {"Kubernetes": "v1.34.1"})
    assert (told["says"], told["path"], told["bodies"]) == ("It is kept.", "test_mail.py", 1)
    assert told["ended"] == [
        {"attempt": 1, "when": "call", "subtest": "", "result": "failed", "message": "7 is not 42"}
    ]
    assert [(one["value"], one["command"], one["level"]) for one in told["seen"]] == [
        ("7", "kubectl get mail", "cluster")
    ]
    assert said(run, "explain", "AC1")[0] == 0
    code, _, err = run("explain", "AC9")
    assert (code, "WS-900 AC1, WS-900 AC2" in err) == (errors.UsageError.exit_code, True)


@pytest.mark.usefixtures("mixed")
def test_explain_says_the_same_to_people(run: Run) -> None:
    """The failure, what was seen and the command, in lines."""
    assert run("explain", "AC2", "WS-900.md")[1].splitlines() == [
        "WS-900.md:6: AC2 failed: Mail is kept",
        "  test_is_kept: 7 is not 42",
        "  test_mail.py::test_is_kept: It is kept.",
        "    call failed (attempt 1): 7 is not 42",
        "    answer (cluster): 7",
        "      again: kubectl get mail",
        "next: pytest --workstream WS-900.md test_mail.py::test_is_kept",
    ]


def test_what_is_explained_is_small_whatever_the_evidence_holds(run: Run, story: type[Story], tmp_path: Path) -> None:
    """Many tests, many observations and megabytes of text fit into a context; failures first, the rest is counted."""
    told = story("Mail arrives " + "soon " * 500)
    for number in range(40):
        test = f"test_mail.py::test_{number}"
        told.bind(test).ran(test, *(BROKE if number > 30 else ()), message="because " * 10_000)
        for _ in range(30):
            told.saw(test, "x" * 20_000, what="y" * 5_000, command="z" * 5_000)
    for number in range(40):
        told.described(f"fact {number}", "v" * 10_000)
    leave(told, tmp_path)
    code, out, _ = run("explain", "AC1", "--json")
    found = json.loads(out)

    assert (code, len(out) < 65_536) == (1, True), len(out)
    assert (len(found["told"]), found["tests_left_out"]) == (5, 35)
    assert all(one["ended"] for one in found["told"])
    assert len(found["facts"]) == 20
    assert {(len(one["seen"]), one["left_out"]) for one in found["told"]} == {(6, 24)}
    assert found["told"][0]["seen"][0]["value"].endswith("… (20000 characters)")


def test_of_a_test_that_failed_very_often_the_last_failures_are_told(
    run: Run, story: type[Story], tmp_path: Path
) -> None:
    """They are nearest to how it ended; a test with a thousand retries does not fill a context."""
    told = story("Mail arrives").bind("test_mail.py::test_it")
    for attempt in range(1, 11):
        told.ran("test_mail.py::test_it", *BROKE, attempt=attempt)
    leave(told, tmp_path)
    (explained,) = said(run, "explain", "AC1")[1]["told"]

    assert [one["attempt"] for one in explained["ended"]] == [5, 6, 7, 8, 9, 10]


def test_a_clone_is_told_what_was_accepted(run: Run, story: type[Story], tmp_path: Path) -> None:
    """Without evidence, the accepted result says what is not proven and which tests speak of it."""
    leave(
        story("Mail arrives", "Mail is kept").proved("test_mail.py::test").bind("test_mail.py::test_2", "AC2"), tmp_path
    )
    assert run("accept", "WS-900.md")[0] == 0
    (tmp_path / "build").rename(tmp_path / "elsewhere")
    code, found = said(run, "explain", "AC2")

    assert (code, found["state"], [one["test"] for one in found["told"]]) == (1, "not-run", ["test_mail.py::test_2"])
    assert said(run, "next")[1]["command"] == "pytest --workstream=WS-900.md"
