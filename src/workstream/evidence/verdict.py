"""Verdicts: what the evidence says of each criterion. Pure: a log and a document in, verdicts out.

Only `proven` ticks a box. Nothing here knows how the evidence came about.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from workstream.documents import Kind, normalise, placed_below
from workstream.evidence.records import FIXTURES, Level, Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.documents import Criterion, Document
    from workstream.evidence.log import Log
    from workstream.evidence.records import Execution, Manifest, Observation, Outcome, Phase

_PHASES: tuple[Phase, ...] = ("setup", "call", "teardown")
OTHER_CONTEXT = "It was proven, but the document says something else around its criteria now, which gives them meaning."
_SEVERAL = "what takes several attempts proves nothing."


class State(StrEnum):
    """What can be said of a criterion. Of several tests the state that comes first here is the criterion's."""

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
    """Return the hash of all that a criterion promises: of a command as it is written, of a sentence its words.

    Where criteria stand in groups, what they are called belongs to each: "Loads within a second" below `Reports`
    promises something else than below `Start page`, also if both times `Speed` stands between.
    """
    # White space is part of a command: a here-document, or what stands in quotes.
    text = criterion.text if criterion.kind is Kind.COMPLETION else normalise(criterion.text, criterion.kind)
    promised = f"{text}\n{criterion.details}" if criterion.details else text
    placed = "".join(f"\n# {words}" for words in placed_below(criterion.groups))
    return hashlib.sha256(f"{promised}{placed}".encode()).hexdigest()


def context_sha256(document: Document) -> str:
    """Return the hash of what a document says around its criteria: it gives them their meaning."""
    return hashlib.sha256(document.context.encode("utf-8", "surrogatepass")).hexdigest()


def edition_sha256(criteria: Mapping[str, str], context: str) -> str:
    """Return the hash of all that says what the criteria of a document are and mean.

    Args:
        criteria: the hash of each criterion, by its id, as a session records them.
        context: the hash of what stands around them.

    """
    return hashlib.sha256(json.dumps([sorted(criteria.items()), context]).encode()).hexdigest()


# What tests that did not run came to when they last did: the state and why, by the test and the criterion.
Taken = Mapping[tuple[str, str], tuple[State, str]]


def verdicts(log: Log, document: Document, taken: Taken | None = None) -> tuple[Verdict, ...]:
    """Return the verdict of every criterion, in the document's order.

    Args:
        log: the evidence.
        document: the document.
        taken: what is taken over of tests that did not run.

    """
    if log.session.document_id != document.id:
        reason = f"The evidence is of {log.session.document_id}, and says nothing of {document.id}."
        return tuple(Verdict(criterion, State.STALE, reason) for criterion in document.criteria)
    same = log.session.context_sha256 == context_sha256(document)
    told = _Told(log, _tests(log), (*_judge_collection(log), *_judge_selection(log)), taken or {})
    return tuple(_verdict(told, criterion, same_context=same) for criterion in document.criteria)


def of_tests(log: Log) -> dict[str, State]:
    """Return what each test of the suite that speaks of a criterion came to; of what it proves, the worst counts."""
    states: dict[str, State] = {}
    tests = _tests(log)
    for line in log.manifest:
        state, _ = _judge(tests.get(line.test, _Test()), line)
        states[line.test] = min(state, states.get(line.test, state), key=list(State).index)
    return states


def rounds(log: Log, document: Document) -> tuple[tuple[Verdict, ...], ...]:
    """Return the verdicts of every round of a session with several, in order, as if it had been the only one.

    What could not be collected counts in every round.
    """
    numbers = dict.fromkeys(round_.number for round_ in log.rounds)
    return tuple(verdicts(only(log, number), document) for number in numbers)


def only(log: Log, number: int) -> Log:
    """Return a log of several rounds as if one of them had been the only one."""
    outcomes = tuple(outcome for outcome in log.outcomes if outcome.round == number or outcome.when == "collect")
    attempts = {(outcome.test, outcome.attempt) for outcome in outcomes}
    seen = tuple(observation for observation in log.observations if (observation.test, observation.attempt) in attempts)
    executions = tuple(execution for execution in log.executions if execution.round == number)
    return replace(log, outcomes=outcomes, observations=seen, executions=executions)


def judgements(log: Log) -> dict[tuple[str, str], tuple[State, str]]:
    """Return what each test came to, and why, by the test and the criterion that it speaks of."""
    tests = _tests(log)
    return {(line.test, line.criterion_id): _judge(tests.get(line.test, _Test()), line) for line in log.manifest}


def _verdict(told: _Told, criterion: Criterion, *, same_context: bool) -> Verdict:
    # A criterion is its text: its id is only the place where it stood when the tests ran.
    sha256 = text_sha256(criterion)
    ids = {identifier for identifier, tested in told.log.session.criteria.items() if tested == sha256}
    if not ids:
        return Verdict(criterion, State.STALE, "No criterion had this text when the tests ran.")
    lines = [line for line in told.log.manifest if line.criterion_id in ids]
    tests = tuple(dict.fromkeys(line.test for line in lines))
    judged = [*(told.judge(line) for line in lines), *told.of_all]
    if not lines and not any(state is not State.PROVEN for state, _ in judged):
        return Verdict(criterion, State.UNCOVERED, "No test of the suite speaks of it.")
    places = sorted(place for test in tests for place in told.tests.get(test, _Test()).seen_last())
    seen = tuple(told.log.observations[place] for place in places)
    state, reason = _worst(judged)
    if state is State.PROVEN and not same_context:
        state, reason = State.STALE, OTHER_CONTEXT
    return Verdict(criterion, state, reason, tests, seen)


def _worst(judged: Sequence[tuple[State, str]]) -> tuple[State, str]:
    """Return the state that comes first in `State`, and why; if all are proven, everything that this rests on."""
    state, reason = min(judged, key=lambda judgement: list(State).index(judgement[0]))
    if state is State.PROVEN:
        return state, " ".join(dict.fromkeys(sentence for _, sentence in judged))
    others = sum(other is not State.PROVEN for other, _ in judged) - 1
    return state, f"{reason} (And {others} more.)" if others else reason


def _judge_collection(log: Log) -> Iterator[tuple[State, str]]:
    """Yield a judgement for each module that could not be read: its tests might speak of any criterion."""
    for outcome in log.outcomes:
        if outcome.when == "collect" and outcome.result is Result.FAILED:
            yield (
                State.BLOCKED,
                f"{outcome.test} could not be collected, so what it tests is unknown: {outcome.message}",
            )
        elif outcome.when == "collect":
            yield State.SKIPPED, f"{outcome.test} was skipped whole, so its tests are unknown: {outcome.message}"


def _judge_selection(log: Log) -> Iterator[tuple[State, str]]:
    """Yield why it is not known which tests speak of a criterion: the run may have left some of them out."""
    if log.selection is None:
        yield State.BLOCKED, "The run broke off before it was known what the suite holds."
        return
    for sentence in log.selection.unknown:
        yield State.NOT_RUN, f"What the suite holds is not known, so a test of it may not have been run: {sentence}"


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a test.

    Attributes:
        round: in which round of a session with several.
        outcomes: how it was reported to have ended.
        execution: what it did; None if nobody saw it.
        seen: what it saw.

    """

    round: int
    outcomes: tuple[Outcome, ...]
    execution: Execution | None
    seen: tuple[Observation, ...]


@dataclass(slots=True)
class _Test:
    """What a log tells of one test.

    Attributes:
        reported: how its runs were reported to have ended, by attempt.
        did: what they did, likewise.
        saw: what they saw, likewise, each with its place in the log.

    """

    reported: dict[int, list[Outcome]] = field(default_factory=lambda: defaultdict(list))
    did: dict[int, Execution] = field(default_factory=dict)
    saw: dict[int, list[tuple[int, Observation]]] = field(default_factory=lambda: defaultdict(list))

    def runs(self) -> list[_Run]:
        """Return its runs, in order; those too that were never reported."""
        return [
            _Run(
                round=self.did[number].round if number in self.did else self.reported[number][0].round,
                outcomes=tuple(self.reported.get(number, ())),
                execution=self.did.get(number),
                seen=tuple(seen for _, seen in self.saw.get(number, ())),
            )
            for number in sorted({*self.reported, *self.did})
        ]

    def seen_last(self) -> list[int]:
        """Return the places of what it saw in the last run that was reported; in its first if none was."""
        return [place for place, _ in self.saw.get(max(self.reported, default=1), ())]


@dataclass(frozen=True, slots=True)
class _Told:
    """What a log tells, read once, however many criteria there are.

    Attributes:
        log: the log.
        tests: what it tells of each test, by node id.
        of_all: judgements that hold for every criterion.
        taken: what is taken over of tests that did not run.

    """

    log: Log
    tests: Mapping[str, _Test]
    of_all: tuple[tuple[State, str], ...]
    taken: Taken

    def judge(self, line: Manifest) -> tuple[State, str]:
        """Return what a test says of a criterion: now, if it ran, else what is taken over."""
        if line.test not in self.tests and (line.test, line.criterion_id) in self.taken:
            return self.taken[line.test, line.criterion_id]
        return _judge(self.tests.get(line.test, _Test()), line)


def _tests(log: Log) -> Mapping[str, _Test]:
    """Return what a log tells of each test, by node id."""
    tests: dict[str, _Test] = defaultdict(_Test)
    for outcome in log.outcomes:
        tests[outcome.test].reported[outcome.attempt].append(outcome)
    for place, observation in enumerate(log.observations):
        tests[observation.test].saw[observation.attempt].append((place, observation))
    for execution in log.executions:
        tests[execution.test].did[execution.attempt] = execution
    return tests


def _judge(test: _Test, line: Manifest) -> tuple[State, str]:
    """Return what one test says."""
    name = line.test.partition("::")[2] or line.test
    runs = test.runs()
    if not runs:
        return State.NOT_RUN, f"{name} is to prove it, and was not run."
    *earlier, (state, reason) = [_judge_run(name, line, run) for run in runs]
    if state is not State.PROVEN:
        return state, reason
    for state_before, reason_before in earlier:
        if state_before is not State.PROVEN:
            return State.FLAKY, f"{name} passed only when it was run again. Before: {reason_before}"
    most = max(Counter(run.round for run in runs).values())
    if most > 1:
        return State.FLAKY, f"{name} was run {most} times in one session: {_SEVERAL}"
    return state, reason


def _judge_run(name: str, line: Manifest, run: _Run) -> tuple[State, str]:
    """Return what one run of a test says: by how it was reported to end, by what it did, then by what it saw."""
    return (
        _judge_reports(name, run.outcomes)
        or _judge_execution(name, run.execution)
        or _judge_observations(name, line, run.seen)
    )


def _judge_reports(name: str, outcomes: Sequence[Outcome]) -> tuple[State, str] | None:
    """Return what the reports of a run say; None if it passed in every phase."""
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
    reported = {outcome.when for outcome in outcomes if not outcome.subtest}
    missing = [when for when in _PHASES if when not in reported]
    if missing and outcomes:
        return State.BLOCKED, f"The run broke off before the {missing[0]} of {name} ended."
    return (State.FAILED, f"{name} was run, and nothing of it was reported.") if missing else None


def _judge_execution(name: str, execution: Execution | None) -> tuple[State, str] | None:
    """Return what speaks against a test that is reported to have passed: what was seen around its function."""
    if execution is None:
        return State.FAILED, f"{name} was reported to have passed, and nobody saw it run."
    if execution.bodies > 1:
        before = f" One of them ended with {execution.ended['call']}." if execution.ended.get("call") else ""
        times = f"The function of {name} ran {execution.bodies} times in one session"
        return State.FLAKY, f"{times}: {_SEVERAL}{before}"
    for when in _PHASES:
        if execution.ended.get(when, "nothing: it never began"):
            return State.FAILED, _changed(f"the {when} of {name}", execution.ended.get(when, "nothing: it never began"))
    if execution.parts:
        return State.FAILED, _changed(f"a part of {name}", execution.parts[0])
    if not execution.bodies:
        return State.FAILED, f"{name} was reported to have passed, and its function never ran, or nobody awaited it."
    return None


def _changed(what: str, message: str) -> str:
    return f"The report was changed: {what} ended with {message}, and was reported to have passed."


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
    in_body = [observation for observation in seen if observation.when == "call"]
    if not in_body:
        return State.UNPROVEN, f"{name} passed, and recorded nothing while its own function ran, only before or after."
    if not any(observation.level.reaches(line.level) for observation in in_body):
        nearest = max(in_body, key=lambda observation: list(Level).index(observation.level)).level
        problem = f"{name} passed, but saw nothing at the level that it takes ({line.level}), only at level {nearest}"
        why = f"its fixtures do not ask for `{FIXTURES[line.level]}`; or allow less with workstream_levels"
        return State.UNPROVEN, f"{problem}: {why}."
    return State.PROVEN, line.doc or f"{name} passed."
