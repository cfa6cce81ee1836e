"""Whether a suite notices a product that is broken on purpose: controls against criteria. Pure, like verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from workstream.evidence.places import placed
from workstream.evidence.records import Result
from workstream.evidence.verdict import State, rounds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workstream.documents import Document
    from workstream.evidence.log import Log
    from workstream.evidence.records import Manifest, Round
    from workstream.evidence.verdict import Verdict

_RED = {State.FAILED, State.BLOCKED}
_WHOLE_ROUNDS = 2  # before the first control, and after the last


@dataclass(frozen=True, slots=True)
class CriterionTest:
    """What is asserted of a criterion: one test, whatever its parameters.

    Attributes:
        criterion_id: the criterion that it speaks of.
        test: its node id, without parameters.

    """

    criterion_id: str
    test: str


@dataclass(frozen=True, slots=True)
class Row:
    """One control.

    Attributes:
        name: its name.
        sentence: what it breaks.
        expected: the criteria that must not be proven on it.
        verdicts: the verdict of every criterion on the broken product.
        noticed: the tests that failed themselves. One that is blocked notices nothing: what it needs was not there, and
            what it asserts was never asked.
        missing_again: the criteria that it was to turn red, and that were not proven in any later round.
        unsaid: of the criteria that turned red, the words that the control names and no failing test of them said.
        seconds: how long it took; None if the log breaks off.

    """

    name: str
    sentence: str
    expected: frozenset[str]
    verdicts: tuple[Verdict, ...]
    noticed: frozenset[CriterionTest]
    missing_again: tuple[str, ...]
    unsaid: Mapping[str, str]
    seconds: float | None

    @property
    def red(self) -> frozenset[str]:
        """The criteria that are not proven because the product is broken.

        What was not run, was skipped or passed at the second attempt is not proven either, but for other reasons.
        """
        return frozenset(verdict.criterion_id for verdict in self.verdicts if verdict.state in _RED)

    @property
    def agrees(self) -> bool:
        """Whether the expected criteria turned red, each for its reason, and came back later, and all others stayed."""
        kept = all(verdict.proven for verdict in self.verdicts if verdict.criterion_id not in self.expected)
        return self.red == self.expected and kept and not self.missing_again and not self.unsaid


@dataclass(frozen=True, slots=True)
class Matrix:
    """What the controls of a session showed.

    Attributes:
        whole: the verdicts on the product as it is, before the first control and after the last.
        rows: the controls, in the order in which they ran.
        untested: tests that no control made fail, so that nobody knows whether they can. Empty if not all controls were
            to run.
        planned: how many controls there were to be.

    """

    whole: tuple[tuple[Verdict, ...], ...]
    rows: tuple[Row, ...]
    untested: tuple[CriterionTest, ...]
    planned: int

    @property
    def agrees(self) -> bool:
        """Whether the suite notices all that it should, and nothing else."""
        whole = len(self.whole) == _WHOLE_ROUNDS and all(
            verdict.proven for verdicts in self.whole for verdict in verdicts
        )
        every = len(self.rows) == self.planned and all(row.agrees for row in self.rows)
        return whole and every and not self.untested


def matrix(log: Log, document: Document, planned: int, *, every: bool) -> Matrix:
    """Return what the controls of a session showed.

    Args:
        log: its evidence.
        document: the document.
        planned: how many controls there were to be.
        every: whether these are all controls that there are.

    """
    log = placed(log, document)
    # Before and after the controls there is a round on the whole product. If not all of them began, or the log breaks
    # off, the last one may have broken off anywhere: it shows nothing.
    complete = len(log.rounds) - int(log.cut or len(log.rounds) < planned + _WHOLE_ROUNDS)
    judged = list(zip(log.rounds, rounds(log, document), strict=True))[:complete]
    whole = tuple(verdicts for round_, verdicts in judged if not round_.control)
    rows = tuple(
        _row(log, broken, verdicts, [later for _, later in judged[number:]])
        for number, (broken, verdicts) in enumerate(judged, start=1)
        if broken.control
    )
    noticed = {test for row in rows for test in row.noticed if test.criterion_id in row.red & row.expected}
    tests = dict.fromkeys(_named(line) for line in log.manifest if line.criterion_id)
    untested = tuple(test for test in tests if every and test not in noticed)
    return Matrix(whole, rows, untested, planned)


def _named(line: Manifest) -> CriterionTest:
    return CriterionTest(line.criterion_id, line.test.partition("[")[0])


def _row(log: Log, broken: Round, verdicts: tuple[Verdict, ...], later: Sequence[tuple[Verdict, ...]]) -> Row:
    expected = frozenset(broken.turns_red)
    again = {verdict.criterion_id for round_ in later for verdict in round_ if verdict.proven}
    failures = [one for one in log.outcomes if one.round == broken.number and one.result is Result.FAILED]
    failed = {outcome.test for outcome in failures if outcome.when == "call"}
    red = {verdict.criterion_id: verdict.tests for verdict in verdicts if verdict.state in _RED}
    return Row(
        name=broken.control,
        sentence=broken.sentence,
        expected=expected,
        verdicts=verdicts,
        noticed=frozenset(_named(line) for line in log.manifest if line.test in failed),
        missing_again=tuple(verdict.criterion_id for verdict in verdicts if verdict.criterion_id in expected - again),
        unsaid={
            criterion_id: words
            for criterion_id, words in broken.says.items()
            if criterion_id in red
            and not any(_holds(outcome.message, words) for outcome in failures if outcome.test in red[criterion_id])
        },
        seconds=_seconds(log, broken),
    )


def _holds(message: str, words: str) -> bool:
    """Whether a message holds words, however lines are broken."""
    return " ".join(words.split()) in " ".join(message.split())


def _seconds(log: Log, broken: Round) -> float | None:
    """Return how long a round took."""
    ends = [round_.time for round_ in log.rounds if round_.number == broken.number + 1] or [
        log.end.time if log.end else ""
    ]
    if not ends[0]:
        return None
    return (datetime.fromisoformat(ends[0]) - datetime.fromisoformat(broken.time)).total_seconds()
