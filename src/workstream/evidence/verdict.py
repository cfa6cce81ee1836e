"""Verdicts: what the evidence says of each criterion. Pure: a log and a document in, verdicts out.

Only `proven` ticks a box. Nothing here knows how the evidence came about.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from workstream.documents import Kind, normalise
from workstream.evidence.records import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
    """Return the hash of all that a criterion promises: of a command as it is written, of a sentence its words."""
    # White space is part of a command: a here-document, or what stands in quotes.
    text = criterion.text if criterion.kind is Kind.COMPLETION else normalise(criterion.text, criterion.kind)
    promised = f"{text}\n{criterion.details}" if criterion.details else text
    return hashlib.sha256(promised.encode()).hexdigest()


def verdicts(log: Log, document: Document) -> tuple[Verdict, ...]:
    """Return the verdict of every criterion, in the document's order."""
    if log.session.document_id != document.id:
        reason = f"The evidence is of {log.session.document_id}, and says nothing of {document.id}."
        return tuple(Verdict(criterion, State.STALE, reason) for criterion in document.criteria)
    return tuple(_verdict(log, criterion) for criterion in document.criteria)


def rounds(log: Log, document: Document) -> tuple[tuple[Verdict, ...], ...]:
    """Return the verdicts of every round of a session with several, as if it had been the only one.

    What could not be collected counts in every round.
    """
    return tuple(verdicts(_only(log, one.number), document) for one in log.rounds)


def _only(log: Log, number: int) -> Log:
    outcomes = tuple(one for one in log.outcomes if one.round == number or one.when == "collect")
    attempts = {(one.test, one.attempt) for one in outcomes}
    seen = tuple(one for one in log.observations if (one.test, one.attempt) in attempts)
    return replace(log, outcomes=outcomes, observations=seen)


def _verdict(log: Log, criterion: Criterion) -> Verdict:
    # A criterion is its text: its id is only the place where it stood when the tests ran.
    sha256 = text_sha256(criterion)
    ids = {identifier for identifier, tested in log.session.criteria.items() if tested == sha256}
    if not ids:
        return Verdict(criterion, State.STALE, "No criterion had this text when the tests ran.")
    lines = [line for line in log.manifest if line.criterion_id in ids]
    tests = tuple(dict.fromkeys(line.test for line in lines))
    judged = [*(_judge(log, line) for line in lines), *_judge_collection(log)]
    if not judged:
        return Verdict(criterion, State.UNCOVERED, "None of the tests that were collected speaks of it.")
    last = {test: _last(log.outcomes, test) for test in tests}
    seen = tuple(one for one in log.observations if one.attempt == last.get(one.test))
    return Verdict(criterion, *_worst(judged), tests, seen)


def _worst(judged: Sequence[tuple[State, str]]) -> tuple[State, str]:
    """Return the state that speaks for all, and why; all that a proven criterion rests on."""
    state, reason = min(judged, key=lambda one: list(State).index(one[0]))
    if state is State.PROVEN:
        return state, " ".join(dict.fromkeys(sentence for _, sentence in judged))
    others = sum(other is not State.PROVEN for other, _ in judged) - 1
    return state, f"{reason} (And {others} more.)" if others else reason


def _judge_collection(log: Log) -> Iterator[tuple[State, str]]:
    """Yield what modules say that could not be read: their tests might speak of any criterion."""
    for outcome in log.outcomes:
        if outcome.when == "collect" and outcome.result is Result.FAILED:
            yield (
                State.BLOCKED,
                f"{outcome.test} could not be collected, so what it tests is unknown: {outcome.message}",
            )
        elif outcome.when == "collect":
            yield State.SKIPPED, f"{outcome.test} was skipped whole, so its tests are unknown: {outcome.message}"


def _last(outcomes: Iterable[Outcome], test: str) -> int:
    return max((outcome.attempt for outcome in outcomes if outcome.test == test), default=1)


def _judge(log: Log, line: Manifest) -> tuple[State, str]:
    """Return what one test says."""
    name = line.test.partition("::")[2] or line.test
    attempts = defaultdict(list)
    for outcome in log.outcomes:
        if outcome.test == line.test:
            attempts[outcome.attempt].append(outcome)
    if not attempts:
        return State.NOT_RUN, f"{name} is to prove it, and was not run."
    seen = defaultdict(list)
    for observation in log.observations:
        if observation.test == line.test:
            seen[observation.attempt].append(observation)
    *earlier, (state, reason) = [
        _judge_attempt(name, line, attempts[number], seen[number]) for number in sorted(attempts)
    ]
    if state is not State.PROVEN:
        return state, reason
    for state_before, reason_before in earlier:
        if state_before is not State.PROVEN:
            return State.FLAKY, f"{name} passed only when it was run again. Before: {reason_before}"
    return state, reason


def _judge_attempt(
    name: str, line: Manifest, outcomes: Sequence[Outcome], seen: Sequence[Observation]
) -> tuple[State, str]:
    """Return what one run of a test says: by how its phases and subtests ended, then by what it saw."""
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
    return _judge_observations(name, line, seen)


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
