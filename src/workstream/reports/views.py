"""What the page shows of tests, values, faults and causes: every run of a test by itself, nothing merged."""

from __future__ import annotations

import difflib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workstream.evidence.records import Result
from workstream.reports.clock import said
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import JsonValue

    from workstream.evidence import Log, Verdict
    from workstream.evidence.records import Event, Execution, Observation, Outcome
    from workstream.reports.clock import Clock

_MOST_CHARACTERS = 20_000  # of a value
_MOST_OF_ALL = 20_000_000  # characters of all values: a browser opens a page of so many at once
_FEW = 400  # characters of a value on a page that is full
_MOST_COMPARED = 2_000  # lines of an object that are compared, before and after


@dataclass(frozen=True, slots=True)
class Shown:
    """A value, as the page shows it.

    Attributes:
        text: the value, or its beginning.
        cut: how many characters it has if not all are shown; else 0.

    """

    text: str
    cut: int = 0


@dataclass(slots=True)
class Room:
    """How much of values a page still takes.

    Attributes:
        left: characters.
        cut: how many values were cut until now.

    """

    left: int = _MOST_OF_ALL
    cut: int = 0

    def shown(self, value: JsonValue) -> Shown:
        """Return a value as the page shows it: cut where it is too long for a page, and said so."""
        text = pretty(value)
        most = min(_MOST_CHARACTERS, max(_FEW, self.left))
        self.left -= min(len(text), most)
        if len(text) <= most:
            return Shown(text)
        self.cut += 1
        return Shown(text[:most], len(text))


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation on the page.

    Attributes:
        number: which observation of the log it is, from 1.
        line: the observation.
        value: what was seen.
        short: the same in one line.

    """

    number: int
    line: Observation
    value: Shown
    short: str

    @property
    def anchor(self) -> str:
        """Where it stands."""
        return f"observation-{self.number}"


@dataclass(slots=True)
class Run:
    """One run of a test.

    Attributes:
        attempt: the first run of a test is 1.
        round: which round of a session with several.
        outcomes: how it was reported to have ended.
        execution: what it did; None if nobody saw it.
        seen: what it saw.

    """

    attempt: int
    round: int = 1
    outcomes: list[Outcome] = field(default_factory=list)
    execution: Execution | None = None
    seen: list[Seen] = field(default_factory=list)

    @property
    def result(self) -> str:
        """How it ended, in a word."""
        results = [outcome.result for outcome in self.outcomes]
        for result in (Result.FAILED, Result.UNEXPECTED_PASS, Result.EXPECTED_FAILURE, Result.SKIPPED):
            if result in results:
                return str(result)
        ended = {outcome.when for outcome in self.outcomes if not outcome.subtest}
        if any(outcome.when == "crash" for outcome in self.outcomes):
            return "crashed"
        return "passed" if {"setup", "call", "teardown"} <= ended else "broken off"

    @property
    def seconds(self) -> str:
        """How long it took."""
        return said(sum(outcome.seconds for outcome in self.outcomes if not outcome.subtest))

    @property
    def complaints(self) -> list[Outcome]:
        """What was said of what did not pass."""
        return [outcome for outcome in self.outcomes if outcome.message and outcome.result is not Result.PASSED]


@dataclass(slots=True)
class Test:
    """A test on the page.

    Attributes:
        number: which one, from 1.
        id: its node id.
        docs: what it says of itself.
        criteria: what it speaks of.
        runs: every run of it, in order.

    """

    number: int
    id: str
    docs: str = ""
    criteria: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        """Where it stands."""
        return f"test-{self.number}"

    @property
    def name(self) -> str:
        """What people call it."""
        return self.id.partition("::")[2] or self.id

    @property
    def module(self) -> str:
        """Where it is defined."""
        return self.id.partition("::")[0]

    @property
    def result(self) -> str:
        """How its last run ended."""
        return self.runs[-1].result if self.runs else "not run"

    @property
    def bad(self) -> bool:
        """Whether a run of it did not pass, or there was none."""
        return not self.runs or any(run.result != "passed" for run in self.runs)

    @property
    def seen(self) -> list[Seen]:
        """What its last run saw."""
        return self.runs[-1].seen if self.runs else []


def tests(log: Log, room: Room) -> tuple[Test, ...]:
    """Return all tests that a log tells of: those with a criterion first, in the order of the log."""
    known: dict[str, Test] = {}
    runs: dict[str, dict[int, Run]] = defaultdict(dict)

    def test(name: str) -> Test:
        return known.setdefault(name, Test(len(known) + 1, name))

    def run(line: Observation | Outcome | Execution) -> Run:
        test(line.test)
        return runs[line.test].setdefault(line.attempt, Run(line.attempt))

    for line in log.manifest:
        about = test(line.test)
        about.docs = about.docs or line.doc
        if line.criterion_id and line.criterion_id not in about.criteria:
            about.criteria.append(line.criterion_id)
    for outcome in log.outcomes:
        if outcome.when != "collect":
            run(outcome).outcomes.append(outcome)
            run(outcome).round = outcome.round
    for execution in log.executions:
        run(execution).execution = execution
        run(execution).round = execution.round
    for number, seen in enumerate(log.observations, start=1):
        run(seen).seen.append(Seen(number, seen, room.shown(seen.value), one_line(pretty_line(seen.value), 90)))
    for one in known.values():
        one.runs = [runs[one.id][attempt] for attempt in sorted(runs[one.id])]
    return tuple(known.values())


@dataclass(frozen=True, slots=True)
class Cause:
    """Why criteria are not proven.

    Attributes:
        what: what was said.
        verdicts: the criteria.
        tests: the tests that it was said of.

    """

    what: str
    verdicts: tuple[Verdict, ...]
    tests: tuple[str, ...]


def causes(log: Log, verdicts: Sequence[Verdict]) -> tuple[Cause, ...]:
    """Return why criteria are not proven: the same words are one cause, the most frequent first."""
    said_of: dict[str, list[str]] = defaultdict(list)
    last: dict[str, int] = {}
    for outcome in log.outcomes:
        last[outcome.test] = max(outcome.attempt, last.get(outcome.test, 1))
    for outcome in log.outcomes:
        if outcome.message and outcome.result is not Result.PASSED and outcome.attempt == last[outcome.test]:
            said_of[outcome.test].append(outcome.message)
    found: dict[str, tuple[str, dict[str, Verdict], dict[str, None]]] = {}
    for verdict in verdicts:
        if verdict.proven:
            continue
        whys = [(message, test) for test in verdict.tests for message in said_of.get(test, ())]
        for message, test in whys or [(verdict.reason, "")]:
            _, criteria, names = found.setdefault(_cause(message), (message, {}, {}))
            criteria[verdict.criterion_id] = verdict
            if test:
                names[test] = None
    ordered = sorted(found.values(), key=lambda one: -len(one[1]))
    return tuple(Cause(what, tuple(criteria.values()), tuple(names)) for what, criteria, names in ordered)


def _cause(message: str) -> str:
    """Return what a message says before pytest adds the values, which differ from case to case."""
    flat = " ".join(message.split())
    return flat.partition(" assert ")[0] or flat


@dataclass(frozen=True, slots=True)
class Change:
    """A fault, or anything else that the suite told, on the page.

    Attributes:
        number: which event of the log it is, from 1.
        event: the event.
        when: when it was, on the run's clock.
        before: the lines of what it was done to, and whether each is another one after.
        after: likewise.
        same: whether nothing of it changed.

    """

    number: int
    event: Event
    when: str
    before: tuple[tuple[str, bool], ...]
    after: tuple[tuple[str, bool], ...]
    same: bool

    @property
    def anchor(self) -> str:
        """Where it stands."""
        return f"event-{self.number}"

    @property
    def looked(self) -> bool:
        """Whether somebody looked, before or after."""
        return self.event.before is not None or self.event.after is not None


def changes(log: Log, clock: Clock, room: Room) -> tuple[Change, ...]:
    """Return the events of a log, in the order in which they began."""
    made = []
    for number, event in enumerate(log.events, start=1):
        began = clock.at(event.began)
        ended = clock.at(event.ended) if event.ended else None
        when = event.began if began is None else f"At {said(began)}"
        if began is not None and ended is not None:
            when = f"{when}, for {said(ended - began)}"
        before, after = (room.shown(value).text.splitlines() for value in (event.before, event.after))
        made.append(Change(number, event, when, *_marked(before, after), event.before == event.after))
    return tuple(sorted(made, key=lambda change: (change.event.began, change.number)))


def _marked(
    before: Sequence[str], after: Sequence[str]
) -> tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]]:
    """Return lines, and whether each is another one on the other side."""
    if max(len(before), len(after)) > _MOST_COMPARED:
        return tuple((line, False) for line in before), tuple((line, False) for line in after)
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    kept_before = {block.a + number for block in blocks for number in range(block.size)}
    kept_after = {block.b + number for block in blocks for number in range(block.size)}
    return (
        tuple((line, number not in kept_before) for number, line in enumerate(before)),
        tuple((line, number not in kept_after) for number, line in enumerate(after)),
    )


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact about what was under test.

    Attributes:
        name: what it is.
        values: what it was, a line each; several if it changed while the run went on.
        files: the hash of each file or folder of that name, by path.

    """

    name: str
    values: tuple[str, ...]
    files: Mapping[str, str]


def facts(log: Log) -> tuple[Fact, ...]:
    """Return the facts of a log, in its order."""
    values: dict[str, list[str]] = {}
    files: dict[str, dict[str, str]] = {}
    for subject in log.subjects:
        values.setdefault(subject.name, [])
        if subject.path:
            files.setdefault(subject.name, {})[subject.path] = pretty(subject.value)
        else:
            values[subject.name] += [line for line in _lines(subject.value) if line not in values[subject.name]]
    return tuple(Fact(name, tuple(lines), files.get(name, {})) for name, lines in values.items())


def _lines(value: JsonValue) -> Iterator[str]:
    """Yield a value line by line: items of a list, entries of a mapping."""
    if isinstance(value, list):
        yield from (pretty_line(item) for item in value)
    elif isinstance(value, dict):
        yield from (f"{key}: {pretty_line(item)}" for key, item in value.items())
    else:
        yield pretty(value)


def pretty(value: JsonValue) -> str:
    """Return a value as people read it."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def pretty_line(value: JsonValue) -> str:
    """Return a value in one line, as short as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
