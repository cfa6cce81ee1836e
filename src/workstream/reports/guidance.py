"""What is to be done next, and one criterion explained whole: for programs that work on what is not proven yet.

Both are small, whatever the evidence holds: long values are cut, with their length, and what is left out is counted.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from workstream.evidence import State
from workstream.evidence.records import Level, Phase, Result
from workstream.evidence.verdict import of_tests
from workstream.reports import checklist
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.documents import Document
    from workstream.evidence import Log, Verdict
    from workstream.evidence.freshness import Basis

_LONGEST_REASON = 1000
_MOST_TESTS = 5
_MOST_SEEN = 6  # of one test: the last ones, which are nearest to how it ended
_MOST_FILES = 30
_MOST_FACTS = 20
_WHOLE = {State.NOT_RUN, State.STALE, State.UNCOVERED, State.PROVEN}  # a part of the suite says nothing new of these


class _Object(BaseModel):
    model_config = ConfigDict(frozen=True)


class File(_Object):
    """A file that matters.

    Attributes:
        path: from the project's root.
        what: what it is: `document`, `test`, or as the suite described it.

    """

    path: str
    what: str


class Todo(_Object):
    """A criterion that is not proven.

    Attributes:
        document: where the document was read.
        id: the criterion's id.
        text: the statement, on one line.
        line: where it stands in the document, from 1.
        state: the verdict.
        reason: why, in a sentence.
        tests: the node ids of the tests that speak of it, those first that do not prove it; of many not all.
        tests_left_out: how many more there are.
        files: what is to be looked at.
        command: what shows whether it is proven now.

    """

    document: str
    id: str
    text: str
    line: int
    state: State
    reason: str
    tests: tuple[str, ...]
    tests_left_out: int
    files: tuple[File, ...]
    command: str


class Next(_Object):
    """What is to be done next: the object that `workstream next --json` prints.

    Attributes:
        done: whether every criterion is proven, and each document has some.
        sentence: how it stands.
        command: the one command to run next; empty if all is done.
        criteria: what is not proven, the worst first.

    """

    done: bool
    sentence: str
    command: str
    criteria: tuple[Todo, ...]


class Ended(_Object):
    """How one phase of a test was reported to have ended, and what was seen around its function.

    Attributes:
        attempt: the first run of the test is 1.
        when: the phase, `crash` or `collect`.
        subtest: which subtest; empty for the test itself.
        result: as it was reported.
        message: why.

    """

    attempt: int
    when: str
    subtest: str
    result: Result
    message: str


class Seen(_Object):
    """What a test saw in its last attempt.

    Attributes:
        what: what was looked at.
        value: what was seen, as text; if it is long, its beginning and its length.
        level: where.
        when: in which phase.
        time: when, RFC 3339, UTC.
        command: what shows it again.

    """

    what: str
    value: str
    level: Level
    when: Phase
    time: str
    command: str


class Told(_Object):
    """What is known of one test.

    Attributes:
        test: its node id.
        says: its docstring.
        path: its file.
        ended: its phases that did not pass, of all attempts.
        bodies: how often its own function began, over all attempts.
        seen: what it saw last.
        left_out: how many observations came before those.

    """

    test: str
    says: str
    path: str
    ended: tuple[Ended, ...] = ()
    bodies: int = 0
    seen: tuple[Seen, ...] = ()
    left_out: int = 0


class Explained(Todo):
    """One criterion explained: the object that `workstream explain ID --json` prints.

    Attributes:
        told: what is known of its tests, in their order.
        facts: what was under test: versions, digests.

    """

    told: tuple[Told, ...]
    facts: dict[str, str]


def todo(document: Document, verdict: Verdict, basis: Basis, command: str, log: Log | None) -> Todo:
    """Return what is to be done for a criterion.

    Args:
        document: the document.
        verdict: of the criterion, as of now.
        basis: what the verdicts of the document rest on.
        command: what runs the whole suite.
        log: the evidence; None where only an accepted result is at hand.

    """
    states = of_tests(log) if log else {}
    tests = tuple(sorted(verdict.tests, key=lambda test: states.get(test) is State.PROVEN))[:_MOST_TESTS]
    part = shlex.join(["pytest", "--workstream", str(document.path), *tests])
    return Todo(
        document=str(document.path),
        id=verdict.criterion_id,
        text=one_line(verdict.criterion.text, _LONGEST_REASON),
        line=verdict.criterion.position.line,
        state=verdict.state,
        reason=one_line(verdict.reason, _LONGEST_REASON),
        tests=tests,
        tests_left_out=max(0, len(verdict.tests) - _MOST_TESTS),
        files=tuple(_files(document, verdict, basis))[:_MOST_FILES],
        command=command if verdict.state in _WHOLE else part,
    )


def _files(document: Document, verdict: Verdict, basis: Basis) -> Iterator[File]:
    yield File(path=str(document.path), what="document")
    tests = {line.source_path for line in basis.manifest if line.test in verdict.tests and line.source_path}
    yield from (File(path=path, what="test") for path in sorted(tests))
    others = {(line.path, line.name) for line in basis.subjects if line.path}
    yield from (File(path=path, what=name) for path, name in sorted(others))


def following(todos: Sequence[Todo], sentence: str, *, done: bool) -> Next:
    """Return what is to be done next, of all that is not proven; of documents without criteria nobody can say."""
    order = list(State)
    worst = tuple(sorted(todos, key=lambda one: order.index(one.state)))
    return Next(done=done, sentence=sentence, command=worst[0].command if worst else "", criteria=worst)


def explained(one: Todo, log: Log | None, basis: Basis) -> Explained:
    """Return all that is known of a criterion.

    Args:
        one: what is to be done for it.
        log: the evidence; None where only an accepted result is at hand.
        basis: what the verdicts rest on.

    """
    lines = {line.test: line for line in basis.manifest}
    told = [
        _told(test, lines[test].doc, lines[test].source_path, log) for test in dict.fromkeys(one.tests) if test in lines
    ]
    facts = checklist.facts(log) if log else {}
    return Explained(
        **dict(one),
        told=tuple(told),
        facts={
            one_line(name): one_line(value if isinstance(value, str) else json.dumps(value))
            for name, value in [*facts.items()][:_MOST_FACTS]
        },
    )


def _told(test: str, says: str, path: str, log: Log | None) -> Told:
    if log is None:
        return Told(test=test, says=says, path=path)
    outcomes = [one for one in log.outcomes if one.test == test]
    last = max((one.attempt for one in outcomes), default=1)
    seen = [one for one in log.observations if one.test == test and one.attempt == last]
    return Told(
        test=test,
        says=says,
        path=path,
        ended=tuple(
            Ended(
                attempt=one.attempt,
                when=one.when,
                subtest=one.subtest,
                result=one.result,
                message=one_line(one.message, _LONGEST_REASON),
            )
            for one in outcomes
            if one.result is not Result.PASSED
        )[-_MOST_SEEN:],
        bodies=sum(one.bodies for one in log.executions if one.test == test),
        seen=tuple(
            Seen(
                what=one_line(one.what),
                value=checklist.shown(one),
                level=one.level,
                when=one.when,
                time=one.time,
                command=one_line(one.command),
            )
            for one in seen[-_MOST_SEEN:]
        ),
        left_out=max(0, len(seen) - _MOST_SEEN),
    )
