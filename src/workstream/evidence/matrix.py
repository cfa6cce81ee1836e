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
        beside: the other controls of its round.
        hidden: the criteria that these turned red: what this one does to them, nobody saw.
        seconds: how long it took; None if the log breaks off.

    """

    name: str
    sentence: str
    expected: frozenset[str]
    verdicts: tuple[Verdict, ...]
    noticed: frozenset[CriterionTest]
    missing_again: tuple[str, ...]
    unsaid: Mapping[str, str]
    beside: tuple[str, ...]
    hidden: frozenset[str]
    seconds: float | None

    @property
    def red(self) -> frozenset[str]:
        """The criteria that are not proven because the product is broken with this control.

        What was not run, was skipped or passed at the second attempt is not proven either, but for other reasons.
        """
        return _red(self.verdicts) - self.hidden

    @property
    def exact(self) -> bool:
        """Whether the expected criteria turned red, each for its reason, and all others stayed."""
        others = self.expected | self.hidden
        kept = all(verdict.proven for verdict in self.verdicts if verdict.criterion_id not in others)
        return self.red == self.expected and kept and not self.unsaid

    @property
    def agrees(self) -> bool:
        """Whether it did exactly what it must, and all came back later."""
        return self.exact and not self.missing_again


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
    judged = list(zip(_begun(log), rounds(log, document), strict=True))
    # Before and after the controls there is a round on the whole product. If it is not the last, or the log breaks off,
    # the last one may have broken off anywhere: it shows nothing.
    if judged and (log.cut or len(judged) == 1 or judged[-1][0][0].control):
        del judged[-1]
    whole = tuple(verdicts for (first, *_), verdicts in judged if not first.control)
    # Controls that could not be told apart run again: the last time counts.
    rows = {
        broken.control: _row(log, broken, begun, verdicts, [later for _, later in judged[number:]])
        for number, (begun, verdicts) in enumerate(judged, start=1)
        for broken in begun
        if broken.control
    }
    noticed = {test for row in rows.values() for test in row.noticed if test.criterion_id in row.red & row.expected}
    tests = dict.fromkeys(_named(line) for line in log.manifest if line.criterion_id)
    untested = tuple(test for test in tests if every and test not in noticed)
    return Matrix(whole, tuple(rows.values()), untested, planned)


def told_apart(log: Log, document: Document, number: int) -> bool:
    """Return whether each control of a round, which is over, did exactly what it must, with the words that it names.

    Args:
        log: the evidence so far.
        document: the document.
        number: the round's.

    """
    log = placed(log, document)
    for begun, verdicts in zip(_begun(log), rounds(log, document), strict=True):
        if begun[0].number == number:
            return all(_row(log, broken, begun, verdicts, ()).exact for broken in begun)
    return False


def _begun(log: Log) -> list[list[Round]]:
    """Return the lines with which each round began, in order: one for each of its controls."""
    numbers = dict.fromkeys(round_.number for round_ in log.rounds)
    return [[round_ for round_ in log.rounds if round_.number == number] for number in numbers]


def _red(verdicts: Sequence[Verdict]) -> frozenset[str]:
    return frozenset(verdict.criterion_id for verdict in verdicts if verdict.state in _RED)


def _named(line: Manifest) -> CriterionTest:
    return CriterionTest(line.criterion_id, line.test.partition("[")[0])


def _row(
    log: Log,
    broken: Round,
    begun: Sequence[Round],
    verdicts: tuple[Verdict, ...],
    later: Sequence[tuple[Verdict, ...]],
) -> Row:
    expected = frozenset(broken.turns_red)
    again = {verdict.criterion_id for round_ in later for verdict in round_ if verdict.proven}
    failures = [one for one in log.outcomes if one.round == broken.number and one.result is Result.FAILED]
    failed = {outcome.test for outcome in failures if outcome.when == "call"}
    red = {verdict.criterion_id: verdict.tests for verdict in verdicts if verdict.criterion_id in _red(verdicts)}
    others = [control for control in begun if control.control != broken.control]
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
            and not any(holds(outcome.message, words) for outcome in failures if outcome.test in red[criterion_id])
        },
        beside=tuple(control.control for control in others),
        hidden=frozenset(one for control in others for one in control.turns_red if one in red),
        seconds=_seconds(log, broken),
    )


def holds(message: str, words: str) -> bool:
    """Return whether a message holds words, however lines are broken."""
    return " ".join(words.split()) in " ".join(message.split())


def _seconds(log: Log, broken: Round) -> float | None:
    """Return how long a round took."""
    ends = [round_.time for round_ in log.rounds if round_.number == broken.number + 1] or [
        log.end.time if log.end else ""
    ]
    if not ends[0]:
        return None
    return (datetime.fromisoformat(ends[0]) - datetime.fromisoformat(broken.time)).total_seconds()
