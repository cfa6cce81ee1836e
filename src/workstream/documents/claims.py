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
_REFERENCES = 100  # at most so many are read from one row
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
    match = _OWN_NAME.match(text)
    return f"AC{int(match[2][:9])}" if match else ""


def claims(rows: Sequence[Row], criteria: Sequence[Criterion]) -> Iterator[Claim]:
    """Yield what rows claim: one claim for each criterion that a row speaks of.

    A row that speaks of none is a step or a deliverable, unless it stands where only criteria are expected.
    """
    known = Known(criteria)
    for row in rows:
        named = known.by_statement(row) or known.by_name(row)
        for name, remarks in named:
            if name is not None or row.expected:
                affirmed = (row.box.ticked if row.box else False) or marks.affirms(remarks)
                yield Claim(name, row.text, row.position, row.box, affirmed, marks.doubts(remarks))


class Known:
    """The acceptance criteria, by their texts and by the names that people use for them."""

    def __init__(self, criteria: Sequence[Criterion]) -> None:
        self._by_text: dict[Kind, dict[str, str]] = {kind: {} for kind in Kind}
        self._by_name: dict[str, str] = {}
        acceptance = [criterion for criterion in criteria if criterion.kind is Kind.ACCEPTANCE]
        for criterion in criteria:
            if text := _statement(criterion).rstrip(_STOPS):
                self._by_text[criterion.kind].setdefault(text, criterion.id)
        for criterion in acceptance:
            # Where a criterion calls itself AC7, people mean that, and not its place.
            self._by_name.setdefault(own_name(criterion.text) or criterion.id, criterion.id)

    def by_statement(self, row: Row) -> list[tuple[str | None, str]]:
        """Return the criterion whose text a cell holds, and what else the row says."""
        for number, cell in enumerate(row.cells):
            for kind, names in self._by_text.items():
                text = _bare(rendered(cell), kind) if names else ""
                match = next(
                    (
                        (names[statement], end)
                        for end in _ends(text)
                        if (statement := text[:end].rstrip(_STOPS)) in names
                    ),
                    None,
                )
                if match:
                    name, end = match
                    others = " | ".join(row.cells[:number] + row.cells[number + 1 :])
                    leading = cell[: len(cell) - len(marks.without_leading(cell))]
                    return [(name, f"{others} {leading} {text[end:]}")]
        return []

    def restated(self, row: Row) -> bool:
        """Whether a row only repeats what a criterion says, and perhaps how far it is."""
        return any(
            marks.affirms(remarks) or marks.doubts(remarks) or not remarks.strip(f"{_STOPS}|")
            for _, remarks in self.by_statement(row)
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
    separators = itertools.islice(marks.SEPARATOR.finditer(text), _REMARKS)
    yield from reversed([separator.start() for separator in separators])


def _numbers(text: str) -> Iterator[int]:
    """Yield the numbers of the criteria that a text names, ranges included."""
    for match in itertools.islice(_REFERENCE.finditer(text), _REFERENCES):
        first = int(match[1])
        last = int(match[2] or match[3] or first)
        yield from range(first, max(first, last) + 1)
