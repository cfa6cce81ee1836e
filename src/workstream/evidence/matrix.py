"""Whether a suite notices: controls, deliberately broken products, against criteria. Pure, like verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from workstream.evidence.verdict import rounds

if TYPE_CHECKING:
    from workstream.documents import Document
    from workstream.evidence.log import Log
    from workstream.evidence.records import Round
    from workstream.evidence.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """One control.

    Attributes:
        name: its name.
        sentence: what it breaks.
        expected: the criteria that must not be proven on it.
        verdicts: the verdict of every criterion on the broken product.
        missing_again: the criteria that it took the proof from, and that were not proven on the product made whole.
        seconds: how long both rounds took; None if the log breaks off.

    """

    name: str
    sentence: str
    expected: frozenset[str]
    verdicts: tuple[Verdict, ...]
    missing_again: tuple[Verdict, ...]
    seconds: float | None

    @property
    def red(self) -> frozenset[str]:
        """The criteria that were not proven on the broken product."""
        return frozenset(one.criterion_id for one in self.verdicts if not one.proven)

    @property
    def agrees(self) -> bool:
        """Whether exactly the criteria turned red that were to, and came back."""
        return self.red == self.expected and not self.missing_again


@dataclass(frozen=True, slots=True)
class Matrix:
    """What the controls of a session showed.

    Attributes:
        whole: the verdicts on the product as it is, before the first control.
        rows: the controls, in the order in which they ran.
        untested: criteria that no control turned red: nobody knows whether their tests can fail.
        planned: how many controls there were to be.

    """

    whole: tuple[Verdict, ...]
    rows: tuple[Row, ...]
    untested: tuple[str, ...]
    planned: int

    @property
    def agrees(self) -> bool:
        """Whether the suite notices all that it should, and nothing else."""
        whole = bool(self.whole) and all(one.proven for one in self.whole)
        every = len(self.rows) == self.planned and all(row.agrees for row in self.rows)
        return whole and every and not self.untested


def matrix(log: Log, document: Document, planned: int) -> Matrix:
    """Return what the controls of a session showed.

    Args:
        log: its evidence.
        document: the document.
        planned: how many controls there were to be.

    """
    verdicts = dict(zip((one.number for one in log.rounds), rounds(log, document), strict=True))
    # A round that is the last one of a log without its end may have broken off anywhere: it shows nothing.
    known = log.rounds if not log.cut else log.rounds[:-1]
    restored = {one.restores: one for one in known if one.restores}
    rows = tuple(
        _row(log, broken, verdicts[broken.number], restored[broken.control], verdicts[restored[broken.control].number])
        for broken in known
        if broken.control in restored
    )
    whole = verdicts[1] if known else ()
    reddened = frozenset[str]().union(*(row.red & row.expected for row in rows))
    untested = tuple(one.id for one in document.criteria if one.id not in reddened)
    return Matrix(whole, rows, untested, planned)


def _row(log: Log, broken: Round, verdicts: tuple[Verdict, ...], restored: Round, again: tuple[Verdict, ...]) -> Row:
    expected = frozenset(broken.turns_red)
    return Row(
        name=broken.control,
        sentence=broken.sentence,
        expected=expected,
        verdicts=verdicts,
        missing_again=tuple(one for one in again if one.criterion_id in expected and not one.proven),
        seconds=_seconds(log, broken, restored),
    )


def _seconds(log: Log, first: Round, last: Round) -> float | None:
    """Return how long two rounds took that follow each other."""
    ends = [one.time for one in log.rounds if one.number == last.number + 1] or [log.end.time if log.end else ""]
    if not ends[0]:
        return None
    return (datetime.fromisoformat(ends[0]) - datetime.fromisoformat(first.time)).total_seconds()
