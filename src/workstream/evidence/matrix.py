"""Whether a suite notices a product that is broken on purpose: controls against criteria. Pure, like verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from workstream.evidence.places import placed
from workstream.evidence.records import Ended, Result, TakenOver
from workstream.evidence.verdict import State, judgements, only, verdicts
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workstream.documents import Document
    from workstream.evidence.log import Log
    from workstream.evidence.records import Manifest, Round
    from workstream.evidence.verdict import Taken, Verdict

_RED = {State.FAILED, State.BLOCKED}
_LONGEST_REASON = 600
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
        sha256: the control's hash.
        began: when its round began; if no test ran on it, when the one did that is taken over.
        seen: when what is taken over was seen; empty if nothing is.
        taken: the tests whose results are taken over.
        ran: how many tests ran on it.

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
    sha256: str = ""
    began: str = ""
    seen: str = ""
    taken: frozenset[str] = frozenset()
    ran: int = 0

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
        why: why not all is taken over, a sentence each; empty if all was to be run, or nothing.

    """

    whole: tuple[tuple[Verdict, ...], ...]
    rows: tuple[Row, ...]
    untested: tuple[CriterionTest, ...]
    planned: int
    why: tuple[str, ...] = ()

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
    begun = _begun(log)
    # Before and after the controls there is a round on the whole product. If it is not the last, or the log breaks off,
    # the last one may have broken off anywhere: it shows nothing.
    if begun and (log.cut or len(begun) == 1 or begun[-1][0].control):
        del begun[-1]
    judged = [[_verdicts(log, document, one) for one in together] for together in begun]
    whole = tuple(of_each[0] for together, of_each in zip(begun, judged, strict=True) if not together[0].control)
    rows = {one.control: _taken_row(log, document, one) for one in log.taken if one.control}
    # Controls that could not be told apart run again: the last time counts.
    for number, (together, of_each) in enumerate(zip(begun, judged, strict=True), start=1):
        later = [one for others in judged[number:] for one in others]
        for broken, seen in zip(together, of_each, strict=True):
            if broken.control:
                rows[broken.control] = _row(log, broken, together, seen, later)
    noticed = {test for row in rows.values() for test in row.noticed if test.criterion_id in row.red & row.expected}
    tests = dict.fromkeys(_named(line) for line in log.manifest if line.criterion_id)
    untested = tuple(test for test in tests if every and test not in noticed)
    return Matrix(whole, tuple(rows[name] for name in sorted(rows)), untested, planned)


def told_apart(log: Log, document: Document, number: int) -> bool:
    """Return whether each control of a round, which is over, did exactly what it must, with the words that it names.

    Args:
        log: the evidence so far.
        document: the document.
        number: the round's.

    """
    log = placed(log, document)
    begun = next(together for together in _begun(log) if together[0].number == number)
    return all(_row(log, broken, begun, _verdicts(log, document, broken), ()).exact for broken in begun)


def _begun(log: Log) -> list[list[Round]]:
    """Return the lines with which each round began, in order: one for each of its controls."""
    numbers = dict.fromkeys(round_.number for round_ in log.rounds)
    return [[round_ for round_ in log.rounds if round_.number == number] for number in numbers]


def _verdicts(log: Log, document: Document, broken: Round) -> tuple[Verdict, ...]:
    """Return the verdicts on the product of a round, of one of its controls; what did not run there is taken over."""
    taken = _taken(log, broken.control)
    return verdicts(only(log, broken.number), document, _states(log, taken) if taken else None)


def _taken(log: Log, control: str) -> TakenOver | None:
    return next((one for one in log.taken if one.control == control), None)


def _states(log: Log, taken: TakenOver) -> Taken:
    """Return what is taken over of each test, by the criterion that it speaks of."""
    proven = State.PROVEN, f"It was seen on {taken.time[:10]}, and nothing changed since."
    others = {(one.test, one.criterion_id): (State(one.state), one.reason) for one in taken.not_proven}
    tests = set(taken.tests)
    keys = [(line.test, line.criterion_id) for line in log.manifest if line.test in tests]
    return {key: others.get(key, proven) for key in keys}


def _red(verdicts: Sequence[Verdict]) -> frozenset[str]:
    return frozenset(verdict.criterion_id for verdict in verdicts if verdict.state in _RED)


def _named(line: Manifest) -> CriterionTest:
    return CriterionTest(line.criterion_id, line.test.partition("[")[0])


def _taken_row(log: Log, document: Document, taken: TakenOver) -> Row:
    """Return the row of a control on which no test runs: all is as it was."""
    return Row(
        name=taken.control,
        sentence=taken.sentence,
        expected=frozenset(taken.turns_red),
        verdicts=verdicts(only(log, 0), document, _states(log, taken)),
        noticed=_noticed(log, taken.noticed),
        missing_again=(),
        unsaid={},
        beside=taken.beside,
        hidden=frozenset(taken.hidden),
        seconds=taken.seconds,
        sha256=taken.sha256,
        began=taken.time,
        seen=taken.time,
        taken=frozenset(taken.tests),
    )


def _row(
    log: Log,
    broken: Round,
    begun: Sequence[Round],
    verdicts: tuple[Verdict, ...],
    later: Sequence[tuple[Verdict, ...]],
) -> Row:
    expected = frozenset(broken.turns_red)
    taken = _taken(log, broken.control)
    again = {verdict.criterion_id for round_ in later for verdict in round_ if verdict.proven}
    outcomes = [one for one in log.outcomes if one.round == broken.number]
    ran = {outcome.test for outcome in outcomes}
    failures = [one for one in outcomes if one.result is Result.FAILED]
    failed = {outcome.test for outcome in failures if outcome.when == "call"}
    red = {verdict.criterion_id: verdict.tests for verdict in verdicts if verdict.criterion_id in _red(verdicts)}
    others = [control for control in begun if control.control != broken.control]
    return Row(
        name=broken.control,
        sentence=broken.sentence,
        expected=expected,
        verdicts=verdicts,
        noticed=_noticed(log, [*failed, *(taken.noticed if taken else ())]),
        missing_again=tuple(verdict.criterion_id for verdict in verdicts if verdict.criterion_id in expected - again),
        unsaid={
            criterion_id: words
            for criterion_id, words in broken.says.items()
            # Of what no test runs of, the words were said when it was accepted.
            if criterion_id in red
            and not ran.isdisjoint(red[criterion_id])
            and not any(holds(outcome.message, words) for outcome in failures if outcome.test in red[criterion_id])
        },
        beside=tuple(control.control for control in others),
        hidden=frozenset(one for control in others for one in control.turns_red if one in red)
        | frozenset(taken.hidden if taken else ()),
        seconds=_seconds(log, broken),
        sha256=broken.sha256,
        began=broken.time,
        seen=taken.time if taken else "",
        taken=frozenset(taken.tests if taken else ()) - ran,
        ran=len(ran),
    )


def _noticed(log: Log, failed: Sequence[str]) -> frozenset[CriterionTest]:
    tests = set(failed)
    return frozenset(_named(line) for line in log.manifest if line.test in tests)


def kept(log: Log, document: Document, matrix: Matrix) -> tuple[TakenOver, ...]:
    """Return what every test came to on each product, as it is kept to be taken over later; the whole product first.

    Args:
        log: the evidence of a session in which every control did what it must.
        document: the document.
        matrix: what it showed.

    """
    log = placed(log, document)
    tests = tuple(dict.fromkeys(line.test for line in log.manifest))
    last = {broken.control: broken for together in _begun(log) for broken in together}
    whole = TakenOver(time=log.session.time, tests=tests, renderings=_renderings(log, ""))
    return whole, *(_kept(log, row, last.get(row.name), tests) for row in matrix.rows)


def _renderings(log: Log, control: str) -> tuple[str, ...]:
    """Return what Helm renders with the values of a control, or of none.

    Nothing if it was something else each time, or nobody saw it.
    """
    seen = {one.sha256 for one in log.rendered if one.control == control}
    seen = seen or {one.renderings for one in log.taken if one.control == control}
    return next(iter(seen)) if len(seen) == 1 else ()


def _kept(log: Log, row: Row, broken: Round | None, tests: tuple[str, ...]) -> TakenOver:
    taken = _taken(log, row.name)
    states = dict(_states(log, taken)) if taken else {}
    noticed = set(taken.noticed) & row.taken if taken else set()
    if broken is not None:
        part = only(log, broken.number)
        ran = {outcome.test for outcome in part.outcomes}
        states |= {key: state for key, state in judgements(part).items() if key[0] in ran}
        noticed |= {one.test for one in part.outcomes if one.result is Result.FAILED and one.when == "call"}
    return TakenOver(
        control=row.name,
        sentence=row.sentence,
        turns_red=tuple(sorted(row.expected)),
        sha256=row.sha256,
        time=row.began,
        seconds=row.seconds,
        tests=tests,
        not_proven=tuple(
            Ended(test=test, criterion_id=one, state=state, reason=one_line(reason, _LONGEST_REASON))
            for (test, one), (state, reason) in sorted(states.items())
            if state is not State.PROVEN
        ),
        noticed=tuple(sorted(noticed)),
        beside=row.beside,
        hidden=tuple(sorted(row.hidden)),
        renderings=_renderings(log, row.name),
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
