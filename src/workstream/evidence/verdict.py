"""Verdicts: what the evidence says of each criterion. Pure: a log and a document in, verdicts out.

Only `proven` ticks a box. Nothing here knows how the evidence came about.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from workstream.documents import normalise
from workstream.evidence.records import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workstream.documents import Criterion, Document
    from workstream.evidence.log import Log
    from workstream.evidence.records import Manifest, Observation, Outcome


class State(StrEnum):
    """What can be said of a criterion. Of several tests the first in this order speaks for all."""

    FAILED = "failed"
    BLOCKED = "blocked"
    FLAKY = "flaky"
    SKIPPED = "skipped"
    NOT_RUN = "not-run"
    UNPROVEN = "unproven"
    UNCOVERED = "uncovered"
    STALE = "stale"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence says of one criterion.

    Attributes:
        criterion: the criterion.
        state: the verdict itself.
        reason: why, in a sentence; for `proven` what it rests on.
        tests: the node ids of the tests that speak of it.
        observations: what they saw in their last attempt, at whatever level.

    """

    criterion: Criterion
    state: State
    reason: str
    tests: tuple[str, ...] = ()
    observations: tuple[Observation, ...] = ()

    @property
    def criterion_id(self) -> str:
        """The criterion's id."""
        return self.criterion.id

    @property
    def proven(self) -> bool:
        """Whether the box may be ticked."""
        return self.state is State.PROVEN


def text_sha256(criterion: Criterion) -> str:
    """Return the hash of a criterion's normalised text: its identity."""
    return hashlib.sha256(normalise(criterion.text).encode()).hexdigest()


def verdicts(log: Log, document: Document) -> tuple[Verdict, ...]:
    """Return the verdict of every criterion, in the document's order."""
    return tuple(_verdict(log, criterion) for criterion in document.criteria)


def _verdict(log: Log, criterion: Criterion) -> Verdict:
    lines = [line for line in log.manifest if line.criterion_id == criterion.id]
    tests = tuple(dict.fromkeys(line.test for line in lines))
    if log.session.criteria.get(criterion.id) != text_sha256(criterion):
        return Verdict(criterion, State.STALE, "The criterion's text is not the one that was tested.", tests)
    if not lines:
        return Verdict(criterion, State.UNCOVERED, "No test speaks of it.")
    judged = [_judge(log, line) for line in lines]
    state, reason = min(judged, key=lambda one: list(State).index(one[0]))
    seen = tuple(one for one in log.observations if one.test in tests and one.attempt == _last(log.outcomes, one.test))
    return Verdict(criterion, state, reason, tests, seen)


def _last(outcomes: Iterable[Outcome], test: str) -> int:
    return max((outcome.attempt for outcome in outcomes if outcome.test == test), default=1)


def _judge(log: Log, line: Manifest) -> tuple[State, str]:
    """Return what one test says."""
    name = line.test.rpartition("::")[2]
    outcomes = [outcome for outcome in log.outcomes if outcome.test == line.test]
    if not outcomes:
        return State.NOT_RUN, f"{name} was selected to prove it, and never ran."
    last = _last(outcomes, line.test)
    state, reason = _judge_attempt(name, [outcome for outcome in outcomes if outcome.attempt == last])
    if state is not State.PROVEN:
        return state, reason
    if last > 1:
        first = next(o for o in outcomes if o.result is not Result.PASSED)
        return State.FLAKY, f"{name} passed only when it was run again ({last} attempts; first: {first.message})."
    return _judge_observations(name, line, [one for one in log.observations if one.test == line.test])


def _judge_attempt(name: str, outcomes: Sequence[Outcome]) -> tuple[State, str]:
    """Return what one run of a test says, by how its phases and subtests ended."""
    for outcome in outcomes:
        if outcome.when == "crash":
            return State.BLOCKED, f"The process that ran {name} died: {outcome.message}"
        if outcome.result is Result.FAILED:
            return _failure(name, outcome)
    for outcome in outcomes:
        if outcome.result in {Result.EXPECTED_FAILURE, Result.UNEXPECTED_PASS}:
            return State.FAILED, f"{name} is marked as expected to fail: whatever it does proves nothing."
        if outcome.result is Result.SKIPPED:
            part = f" (part {outcome.subtest})" if outcome.subtest else ""
            return State.SKIPPED, f"{name}{part} was skipped: {outcome.message}"
    phases = Counter(outcome.when for outcome in outcomes if not outcome.subtest)
    missing = [when for when in ("setup", "call", "teardown") if not phases[when]]
    if missing:
        return State.BLOCKED, f"The run broke off before the {missing[0]} of {name} ended."
    return State.PROVEN, ""


def _failure(name: str, outcome: Outcome) -> tuple[State, str]:
    if outcome.when == "setup":
        return State.BLOCKED, f"What {name} needs was not there: {outcome.message}"
    if outcome.when == "teardown":
        return State.FAILED, f"{name} did not clean up: {outcome.message}"
    part = f" (part {outcome.subtest})" if outcome.subtest else ""
    return State.FAILED, f"{name}{part}: {outcome.message}"


def _judge_observations(name: str, line: Manifest, seen: Sequence[Observation]) -> tuple[State, str]:
    if not seen:
        return State.UNPROVEN, f"{name} passed, and recorded nothing that it saw."
    enough = [one for one in seen if one.level.reaches(line.level)]
    if not enough:
        return State.UNPROVEN, f"{name} passed, but saw nothing at the level that it takes ({line.level})."
    return State.PROVEN, line.doc or f"{name} passed."
