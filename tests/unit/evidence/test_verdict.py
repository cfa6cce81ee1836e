from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from workstream import documents, evidence
from workstream.evidence import Level, State, records
from workstream.evidence.records import Result

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Story

T = "test_a.py::test_it"
PASSED, FAILED, SKIPPED = Result.PASSED, Result.FAILED, Result.SKIPPED


def only(story: Story, folder: Path) -> evidence.Verdict:
    """Return the one verdict of a story."""
    (verdict,) = evidence.verdicts(story.log(folder), story.document)
    return verdict


def test_what_a_test_saw_and_passed_is_proven(story: type[Story], tmp_path: Path) -> None:
    """A test that passed in all phases and saw something at the level that it takes proves its criterion."""
    verdict = only(story("one").bind(T, doc="It is so.").saw(T).ran(T), tmp_path)
    assert (verdict.state, verdict.reason, verdict.tests) == (State.PROVEN, "It is so.", (T,))
    assert verdict.proven
    assert verdict.criterion_id == "AC1"
    assert [one.value for one in verdict.observations] == [42]


def test_a_criterion_of_which_no_test_speaks_is_uncovered(story: type[Story], tmp_path: Path) -> None:
    """Without a test there is nothing to say."""
    assert only(story("one"), tmp_path).state is State.UNCOVERED


@pytest.mark.parametrize(
    ("results", "state", "reason"),
    [
        ([], "not-run", "test_it is to prove it, and was not run."),
        ([PASSED], "blocked", "The run broke off before the call of test_it ended."),
        ([PASSED, PASSED], "blocked", "The run broke off before the teardown of test_it ended."),
        ([FAILED], "blocked", "What test_it needs was not there: because"),
        ([FAILED, PASSED, PASSED], "blocked", "What test_it needs was not there: because"),
        ([PASSED, FAILED, PASSED], "failed", "test_it: because"),
        ([PASSED, PASSED, FAILED], "failed", "test_it did not clean up: because"),
        ([SKIPPED], "skipped", "test_it was skipped: because"),
        ([PASSED, SKIPPED, PASSED], "skipped", "test_it was skipped: because"),
        ([PASSED, SKIPPED, FAILED], "failed", "test_it did not clean up: because"),
        ([PASSED, Result.UNEXPECTED_PASS, PASSED], "failed", "test_it is marked as expected to fail*"),
        ([PASSED, Result.EXPECTED_FAILURE, PASSED], "failed", "test_it is marked as expected to fail*"),
    ],
)
def test_every_phase_has_its_say(
    story: type[Story], tmp_path: Path, results: list[Result], state: str, reason: str
) -> None:
    """Whatever a test saw: a phase that is missing, failed or was skipped keeps it from proving anything."""
    told = story("one").bind(T).saw(T)
    verdict = only(told.ran(T, *results) if results else told, tmp_path)
    assert verdict.state == state
    assert verdict.reason == reason or (reason.endswith("*") and verdict.reason.startswith(reason[:-1]))


def test_phases_without_a_beginning_prove_nothing(story: type[Story], tmp_path: Path) -> None:
    """A call and a teardown of which no setup is known are no proof."""
    told = story("one").bind(T).saw(T).outcome(T, "call", PASSED).outcome(T, "teardown", PASSED)
    assert only(told, tmp_path).state is State.BLOCKED


@pytest.mark.parametrize("result", [FAILED, SKIPPED, Result.EXPECTED_FAILURE])
def test_every_part_has_its_say(story: type[Story], tmp_path: Path, result: Result) -> None:
    """One subtest that did not pass keeps the test around it from proving anything."""
    told = story("one").bind(T).saw(T)
    told.outcome(T, "call", PASSED, subtest="first").outcome(T, "call", result, subtest="second")
    verdict = only(told.ran(T), tmp_path)
    assert not verdict.proven
    assert verdict.state == ("skipped" if result is SKIPPED else "failed")


def test_parts_alone_are_no_test(story: type[Story], tmp_path: Path) -> None:
    """A subtest that passed is not the call of the test around it."""
    told = story("one").bind(T).saw(T).outcome(T, "setup", PASSED)
    told.outcome(T, "call", PASSED, subtest="first").outcome(T, "teardown", PASSED)
    assert only(told, tmp_path).state is State.BLOCKED


def test_a_dead_process_blocks(story: type[Story], tmp_path: Path) -> None:
    """A process that died while it ran the test blocks the criterion, whatever was written before."""
    verdict = only(story("one").bind(T).saw(T).ran(T).outcome(T, "crash", FAILED, message="killed"), tmp_path)
    assert (verdict.state, verdict.reason) == (State.BLOCKED, "The process that ran test_it died: killed")


def test_what_passed_only_when_it_was_run_again_is_flaky(story: type[Story], tmp_path: Path) -> None:
    """An earlier attempt that did not pass is not forgotten, and its reason is told."""
    told = story("one").bind(T).ran(T, PASSED, FAILED, attempt=1, message="too slow")
    verdict = only(told.saw(T, attempt=2).ran(T, attempt=2), tmp_path)
    assert verdict.state is State.FLAKY
    assert "too slow" in verdict.reason


def test_what_broke_off_and_passed_later_is_flaky(story: type[Story], tmp_path: Path) -> None:
    """An earlier attempt of which only the beginning is known counts like one that failed."""
    told = story("one").bind(T).ran(T, PASSED, attempt=1)
    assert only(told.saw(T, attempt=2).ran(T, attempt=2), tmp_path).state is State.FLAKY


def test_what_failed_in_its_last_attempt_has_failed(story: type[Story], tmp_path: Path) -> None:
    """The last attempt decides between failed and flaky."""
    told = story("one").bind(T).ran(T, PASSED, FAILED, attempt=1).ran(T, PASSED, FAILED, PASSED, attempt=2)
    assert only(told, tmp_path).state is State.FAILED


def test_what_passed_twice_is_flaky(story: type[Story], tmp_path: Path) -> None:
    """A test that was run twice in one session may have been run until it passed, whatever was reported."""
    told = story("one").bind(T).saw(T, 1).ran(T).saw(T, 2, attempt=2).ran(T, attempt=2)
    verdict = only(told, tmp_path)
    assert (verdict.state, verdict.reason[:40]) == (State.FLAKY, "test_it was run 2 times in one session: ")
    assert [one.value for one in verdict.observations] == [2]


def test_a_function_that_ran_twice_is_flaky(story: type[Story], tmp_path: Path) -> None:
    """Somebody below the reports ran it again: a decorator, or a hook."""
    verdict = only(story("one").bind(T).saw(T).ran(T, bodies=2), tmp_path)
    assert (verdict.state, verdict.reason[:41]) == (State.FLAKY, "The function of test_it ran 2 times in on")


def test_a_run_that_was_never_reported_counts(story: type[Story], tmp_path: Path) -> None:
    """A retry that logs only its last attempt is one all the same."""
    told = story("one").bind(T).did(T, {"setup": "", "call": "AssertionError", "teardown": ""})
    verdict = only(told.saw(T, attempt=2).ran(T, attempt=2), tmp_path)
    assert (verdict.state, "nothing of it was reported" in verdict.reason) == (State.FLAKY, True)


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
def test_a_report_that_hides_an_exception_was_changed(story: type[Story], tmp_path: Path, when: str) -> None:
    """What was seen around the test counts, not what was made of it."""
    told = story("one").bind(T).saw(T)
    for phase in ("setup", "call", "teardown"):
        told.outcome(T, phase, PASSED)
    ended = {"setup": "", "call": "", "teardown": "", when: "AssertionError: no"}
    verdict = only(told.did(T, ended), tmp_path)
    assert verdict.state is State.FAILED
    assert verdict.reason.startswith(f"The report was changed: the {when} of test_it ended with AssertionError: no")


@pytest.mark.parametrize(
    ("did", "said"),
    [
        (None, "nobody saw it run"),
        ({"ended": {"setup": "", "teardown": ""}}, "never began"),
        ({"ended": {"setup": "", "call": "", "teardown": ""}, "bodies": 0}, "its function never ran"),
        ({"ended": {"setup": "", "call": "", "teardown": ""}, "parts": ("AssertionError: no",)}, "a part of test_it"),
    ],
    ids=["unseen", "no call", "no function", "part"],
)
def test_a_pass_that_nobody_saw_is_none(
    story: type[Story], tmp_path: Path, did: dict[str, Any] | None, said: str
) -> None:
    """A report alone is somebody's word."""
    told = story("one").bind(T).saw(T)
    for phase in ("setup", "call", "teardown"):
        told.outcome(T, phase, PASSED)
    verdict = only(told if did is None else told.did(T, **did), tmp_path)
    assert (verdict.state, said in verdict.reason) == (State.FAILED, True)


@pytest.mark.parametrize("when", ["setup", "teardown"])
def test_what_is_recorded_around_a_test_proves_nothing(story: type[Story], tmp_path: Path, when: str) -> None:
    """An empty function between fixtures that record asserts nothing."""
    verdict = only(story("one").bind(T).saw(T, when=when).ran(T), tmp_path)
    assert (verdict.state, "while its own function ran" in verdict.reason) == (State.UNPROVEN, True)


def test_where_nobody_knows_what_the_suite_holds_nothing_is_proven(story: type[Story], tmp_path: Path) -> None:
    """A test that was not found may speak of any criterion; one that failed has failed."""
    told = story("one", "two", "three").proved(T).bind(T + "3", "AC3").ran(T + "3", PASSED, FAILED, PASSED)
    told.lines[1] = records.Selection(options={}, test_paths=(".",), unknown=("test_b.py cannot be read",))
    assert told.states(tmp_path) == ["not-run", "not-run", "failed"]
    assert "test_b.py cannot be read" in evidence.verdicts(told.log(tmp_path), told.document)[0].reason


def test_without_a_selection_nothing_is_proven(story: type[Story], tmp_path: Path) -> None:
    """A log that does not say what the run left out may have left out anything."""
    told = story("one").proved(T)
    del told.lines[1]
    assert only(told, tmp_path).state is State.BLOCKED


@pytest.mark.parametrize("needed", list(Level))
@pytest.mark.parametrize("seen", list(Level))
def test_a_level_is_reached_or_not(story: type[Story], tmp_path: Path, needed: Level, seen: Level) -> None:
    """What was seen nearer to the world proves what needs less, and never the other way round."""
    order = [Level.STATIC, Level.IMAGE, Level.CLUSTER]
    verdict = only(story("one").bind(T, level=needed).saw(T, level=seen).ran(T), tmp_path)
    assert verdict.state == (State.PROVEN if order.index(seen) >= order.index(needed) else State.UNPROVEN)


def test_a_test_that_recorded_nothing_proves_nothing(story: type[Story], tmp_path: Path) -> None:
    """A pass alone is somebody's word."""
    verdict = only(story("one").bind(T).ran(T), tmp_path)
    assert (verdict.state, verdict.reason) == (State.UNPROVEN, "test_it passed, and recorded nothing that it saw.")


def test_what_another_test_saw_does_not_count(story: type[Story], tmp_path: Path) -> None:
    """Each test proves with what it saw itself."""
    told = story("one").bind(T).ran(T).saw("test_a.py::test_other").ran("test_a.py::test_other")
    assert only(told, tmp_path).state is State.UNPROVEN


@pytest.mark.parametrize(
    ("other", "state"),
    [
        ([PASSED, FAILED, PASSED], "failed"),
        ([FAILED], "blocked"),
        ([SKIPPED], "skipped"),
        ([], "not-run"),
    ],
)
def test_all_tests_of_a_criterion_must_prove_it(
    story: type[Story], tmp_path: Path, other: list[Result], state: str
) -> None:
    """One test that does not prove it is enough."""
    told = story("one").proved(T).bind("test_a.py::test_other")
    assert only(told.ran("test_a.py::test_other", *other) if other else told, tmp_path).state == state


def test_the_worst_speaks_for_all(story: type[Story], tmp_path: Path) -> None:
    """Of several tests that do not prove a criterion the most telling gives the reason, and how many more there are."""
    told = story("one").proved(T)
    for name, results in {"a": [SKIPPED], "b": [PASSED, FAILED, PASSED], "c": [FAILED]}.items():
        told.bind(f"test_a.py::{name}").ran(f"test_a.py::{name}", *results)
    verdict = only(told, tmp_path)
    assert (verdict.state, verdict.reason) == (State.FAILED, "b: because (And 2 more.)")


def test_the_worst_speaks_for_all_however_little_it_says(story: type[Story], tmp_path: Path) -> None:
    """What was skipped is no proof, and its reason is not mixed with those of what passed."""
    told = story("one").proved(T).bind("test_a.py::a").ran("test_a.py::a", SKIPPED).bind("test_a.py::b")
    verdict = only(told, tmp_path)
    assert (verdict.state, verdict.reason) == (State.SKIPPED, "a was skipped: because (And 1 more.)")


def test_a_proven_criterion_rests_on_all_its_tests(story: type[Story], tmp_path: Path) -> None:
    """The reason of a proof is what each of its tests says of itself."""
    told = story("one")
    for name in ("a", "b"):
        told.bind(f"test_a.py::{name}", doc=f"{name} is so.").saw(f"test_a.py::{name}").ran(f"test_a.py::{name}")
    assert only(told, tmp_path).reason == "a is so. b is so."


def test_evidence_of_another_text_is_stale(story: type[Story], tmp_path: Path) -> None:
    """A criterion whose words changed since is not the one that was proven."""
    log = story("one", "two").proved(T, "AC1").proved(T + "2", "AC2").log(tmp_path)
    changed = story("one", "two three").document
    assert [str(one.state) for one in evidence.verdicts(log, changed)] == ["proven", "stale"]


def test_a_criterion_may_move(story: type[Story], tmp_path: Path) -> None:
    """A new criterion above the others takes their ids, not their proofs."""
    log = story("one", "two").proved(T, "AC1").ran(T + "2").bind(T + "2", "AC2").log(tmp_path)
    moved = story("zero", "one", "two").document
    assert [str(one.state) for one in evidence.verdicts(log, moved)] == ["stale", "proven", "unproven"]


@pytest.mark.parametrize("text", ["**one**", "`one`", "AC7: one", " one "])
def test_marks_and_ids_are_no_change(story: type[Story], tmp_path: Path, text: str) -> None:
    """Emphasis, code marks and an id before the text make no other criterion."""
    log = story("one").proved(T).log(tmp_path)
    assert [one.proven for one in evidence.verdicts(log, story(text).document)] == [True]


def test_a_tick_is_no_change(story: type[Story], tmp_path: Path) -> None:
    """Ticking a box makes nothing stale."""
    told = story("one").proved(T)
    ticked = documents.parse(told.document.content.replace(b"[ ]", b"[x]"), told.document.path)
    assert [one.proven for one in evidence.verdicts(told.log(tmp_path), ticked)] == [True]


def test_evidence_of_another_document_says_nothing(story: type[Story], tmp_path: Path) -> None:
    """A document with the same words and another id is not the one that was tested."""
    told = story("one").proved(T)
    other = replace(told.document, id="WS-901")
    (verdict,) = evidence.verdicts(told.log(tmp_path), other)
    assert (verdict.state, verdict.tests) == (State.STALE, ())
    assert "WS-900" in verdict.reason
    assert "WS-901" in verdict.reason


@pytest.mark.parametrize(("result", "state"), [(FAILED, "blocked"), (SKIPPED, "skipped")])
def test_a_module_that_was_not_read_could_speak_of_anything(
    story: type[Story], tmp_path: Path, result: Result, state: str
) -> None:
    """Nothing is proven, and nothing is merely uncovered, while a module's tests are unknown."""
    told = story("one", "two", "three").proved(T).bind(T + "3", "AC3").saw(T + "3").ran(T + "3", PASSED, FAILED, PASSED)
    told.outcome("test_b.py", "collect", result, message="no such module")
    assert told.states(tmp_path) == [state, state, "failed"]


def test_verdicts_stand_in_the_order_of_the_document(story: type[Story], tmp_path: Path) -> None:
    """Whatever ran first."""
    told = story("one", "two", "three").proved(T + "3", "AC3").proved(T + "1", "AC1")
    assert told.states(tmp_path) == ["proven", "uncovered", "proven"]


def test_a_name_with_colons_is_told_whole(story: type[Story], tmp_path: Path) -> None:
    """The reason names a test as pytest does, without its file."""
    verdict = only(story("one").bind("a/test_a.py::TestIt::test_it[a::b]"), tmp_path)
    assert verdict.reason.startswith("TestIt::test_it[a::b] ")


def test_a_clock_that_goes_backwards_changes_nothing(story: type[Story], tmp_path: Path) -> None:
    """Times are told, never compared."""
    told = story("one").bind(T).saw(T, time="2030-01-01T00:00:00+00:00").saw(T, time="1970-01-01T00:00:00+00:00")
    assert only(told.ran(T).ended(), tmp_path).proven


def test_a_criterion_that_was_not_proven_in_every_round_is_flaky(story: type[Story], tmp_path: Path) -> None:
    """Of a repeated session every round has its own verdicts, and a single bad one costs the box."""
    told = story("one", "two").bind(T).bind("test_b.py::test", "AC2")
    for number, result in ((1, PASSED), (2, FAILED), (3, PASSED)):
        told.began(number).saw(T, attempt=number).ran(T, PASSED, result, PASSED, attempt=number, round=number)
        told.saw("test_b.py::test", attempt=number).ran("test_b.py::test", attempt=number, round=number)
    log = told.log(tmp_path)

    assert [[one.state for one in found] for found in evidence.rounds(log, told.document)] == [
        ["proven", "proven"],
        ["failed", "proven"],
        ["proven", "proven"],
    ]
    assert [one.state for one in evidence.verdicts(log, told.document)] == ["flaky", "proven"]


def test_what_was_seen_in_one_attempt_does_not_speak_for_another(story: type[Story], tmp_path: Path) -> None:
    """A test that saw something the first time and nothing the second proves nothing."""
    told = story("one").bind(T).saw(T, attempt=1).ran(T, attempt=1).ran(T, attempt=2)
    assert only(told, tmp_path).state is State.UNPROVEN
