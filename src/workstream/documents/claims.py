"""Finds which criteria a claim speaks of, and what it says about them."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workstream.documents import marks
from workstream.documents.identity import normalise, without_name
from workstream.documents.model import Claim, Kind
from workstream.documents.rendering import rendered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.documents.model import Box, Criterion, Position

_REFERENCE = re.compile(rf"\bAC[-\s]?(\d{{1,3}})(?!\d)(?:\s*{marks.DASH}\s*(?:AC[-\s]?)(\d{{1,3}})(?!\d)"
                        rf"|{marks.DASH}(\d{{1,3}})(?![\d.]))?", re.IGNORECASE)  # fmt: skip
_STARTS_WITH_REFERENCE = re.compile(r"^\W{0,20}AC[-\s]?\d", re.IGNORECASE)
_OWN_NAME = re.compile(r"^\W*(AC)[-\s]?(\d+)\b", re.IGNORECASE)
_STOPS = " .;:,"
_REFERENCES = 100  # that one row is read for
_REMARKS = 20  # places at which a statement may end and a remark begin


@dataclass(frozen=True, slots=True)
class Row:
    """Something that may be a claim.

    Attributes:
        text: as written.
        cells: the parts of it that may be a statement: the cells of a table's row; else the text itself.
        position: where it stands.
        box: its box, if it has one.
        expected: whether it stands where every row is about a criterion.

    """

    text: str
    cells: tuple[str, ...]
    position: Position
    box: Box | None
    expected: bool


def refers(text: str) -> bool:
    """Whether a text names a criterion by its id."""
    return bool(_REFERENCE.search(text))


def begins_with_reference(text: str) -> bool:
    """Whether a text is about the criterion that it names."""
    return bool(_STARTS_WITH_REFERENCE.match(text))


def own_name(text: str) -> str:
    """Return the id that a statement gives itself, `AC7`; empty if it gives none."""
    found = _OWN_NAME.match(text)
    return f"AC{int(found[2][:9])}" if found else ""


def claims(rows: Sequence[Row], criteria: Sequence[Criterion]) -> Iterator[Claim]:
    """Yield what rows claim: one claim for each criterion that a row speaks of.

    A row that speaks of none is a step or a deliverable, unless it stands where only criteria are expected.
    """
    known = Known(criteria)
    for row in rows:
        found = known.by_statement(row) or known.by_name(row)
        for name, said in found:
            if name is not None or row.expected:
                affirmed = (row.box.ticked if row.box else False) or marks.affirms(said)
                yield Claim(name, row.text, row.position, row.box, affirmed, marks.doubts(said))


class Known:
    """The acceptance criteria, by their texts and by the names that people use for them."""

    def __init__(self, criteria: Sequence[Criterion]) -> None:
        self._by_text: dict[Kind, dict[str, str]] = {kind: {} for kind in Kind}
        self._by_name: dict[str, str] = {}
        acceptance = [one for one in criteria if one.kind is Kind.ACCEPTANCE]
        for one in criteria:
            if text := _statement(one).rstrip(_STOPS):
                self._by_text[one.kind].setdefault(text, one.id)
        for one in acceptance:
            # Where a criterion calls itself AC7, people mean that, and not its place.
            self._by_name.setdefault(own_name(one.text) or one.id, one.id)

    def by_statement(self, row: Row) -> list[tuple[str | None, str]]:
        """Return the criterion whose text a cell holds, and what else the row says."""
        for number, cell in enumerate(row.cells):
            for kind, names in self._by_text.items():
                text = _bare(rendered(cell), kind) if names else ""
                found = next(
                    ((names[said], end) for end in _ends(text) if (said := text[:end].rstrip(_STOPS)) in names), None
                )
                if found:
                    name, end = found
                    others = " | ".join(row.cells[:number] + row.cells[number + 1 :])
                    leading = cell[: len(cell) - len(marks.without_leading(cell))]
                    return [(name, f"{others} {leading} {text[end:]}")]
        return []

    def restated(self, row: Row) -> bool:
        """Whether a row says nothing but what a criterion says, and how it stands with it."""
        return any(
            marks.affirms(said) or marks.doubts(said) or not said.strip(f"{_STOPS}|")
            for _, said in self.by_statement(row)
        )

    def by_name(self, row: Row) -> list[tuple[str | None, str]]:
        """Return the criteria that a row names, ranges included; None for those that are not there."""
        text = " | ".join(row.cells)
        names = dict.fromkeys(self._by_name.get(f"AC{number}") for number in _numbers(text))
        return [(name, text) for name in names] or [(None, text)]


def _statement(criterion: Criterion) -> str:
    identity = normalise(criterion.text, criterion.kind)
    return _bare(identity, criterion.kind)


def _bare(words: str, kind: Kind) -> str:
    """Return words without the name and the marks before them, whichever comes first."""
    return without_name(marks.without_leading(without_name(words, kind)), kind)


def _ends(text: str) -> Iterator[int]:
    """Yield where a statement may end, the last place first."""
    yield len(text)
    found = itertools.islice(marks.SEPARATOR.finditer(text), _REMARKS)
    yield from reversed([one.start() for one in found])


def _numbers(text: str) -> Iterator[int]:
    """Yield the numbers of the criteria that a text names, ranges included."""
    for found in itertools.islice(_REFERENCE.finditer(text), _REFERENCES):
        first = int(found[1])
        last = int(found[2] or found[3] or first)
        yield from range(first, max(first, last) + 1)
