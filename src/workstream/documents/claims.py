"""Finds which criteria a claim speaks of, and what it says about them."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workstream.documents import marks
from workstream.documents.identity import HYPHENS, normalise, without_name
from workstream.documents.model import Claim, Kind
from workstream.documents.rendering import rendered

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from workstream.documents.model import Box, Criterion, Position

_PREFIXES = "UAC|NFR|REQ|FR|SC"  # besides AC, in capitals alone, and only where the document numbers so
_NUMBER = r"\d{1,3}(?:\.\d{1,3})*[a-z]?(?!\w)"
_ENDS = r"\s*(?:$|[^\w\s]|(?:and|or|to|through)\s)"
_REFERENCE = re.compile(
    rf"\b(?P<prefix>(?i:ACs?)|{_PREFIXES})"
    rf"(?:[-\s_]{{0,2}}(?P<first>{_NUMBER})|\s?[:#]\s*#?\s?(?P<listed>{_NUMBER})(?={_ENDS}))"
)
_CRITERION = re.compile(r"\bACs?(?:[-\s_]{0,2}|\s?[:#]\s*#?\s?)\d", re.IGNORECASE)
# What goes on counting: `AC1, 2 and 3`, `AC1-AC3`, `AC1 to 3`; not the numbers of a sentence: `AC1, 2 boxes`.
_NEXT = re.compile(
    rf"\s*(?:(?P<range>\bto\b|\bthrough\b|\.\.\.?|\u2026|{marks.DASH})|[,;/&+]|\band\b|\bor\b)\s*(?:and\s+|&\s*)?"
    rf"(?:(?P<prefix>(?i:ACs?)|{_PREFIXES})[-\s_]{{0,2}}|#)?(?P<number>{_NUMBER})(?P<end>{_ENDS})?"
)
_STARTS_WITH_REFERENCE = re.compile(r"^\W{0,20}(?i:ACs?)[-\s]?\d|^\W{0,20}(?:" + _PREFIXES + r")[-\s]?\d")
_OWN_NAME = re.compile(
    rf"^\W*(?P<prefix>(?i:AC)|{_PREFIXES})[-\s_]?(?P<number>\d{{1,9}}(?:[.{HYPHENS}]\d{{1,3}})*[a-z]?)"
    rf"(?!\w|-[a-z-]{{1,40}}\W{{0,4}}:)"  # `FR-001-size:` is another name
)
_HYPHEN = re.compile(f"[{HYPHENS}]")
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
    """Whether a text names an acceptance criterion by its id, `AC7`."""
    return bool(_CRITERION.search(text))


def beside_names(text: str) -> str | None:
    """Return what a text says beside the criteria that it names; None if it names none."""
    if not refers(text):
        return None
    others, beyond = [], 0
    for match in _REFERENCE.finditer(text):
        if match.start() >= beyond:
            others.append(text[beyond : match.start()])
            beyond = match.end()
            while (following := _NEXT.match(text, beyond)) and (following["prefix"] or following["end"] is not None):
                beyond = following.end("number")
    return " ".join([*others, text[beyond:]])


def may_refer(text: str) -> bool:
    """Whether a text names something that may be a criterion, `SC-002`."""
    return bool(_REFERENCE.search(text))


def begins_with_reference(text: str) -> bool:
    """Whether a text is about the criterion that it names."""
    return bool(_STARTS_WITH_REFERENCE.match(text))


def own_name(text: str) -> str:
    """Return the id that a statement gives itself, `AC7`, `AC2.1`, `SC-002`; empty if it gives none."""
    match = _OWN_NAME.match(text)
    return _name(match["prefix"], match["number"]) if match else ""


def _name(prefix: str, number: str) -> str:
    """Return a name in one way of writing: without zeros in front, with dots between its parts."""
    first, *others = _HYPHEN.sub(".", number).split(".")
    digits = first.rstrip("abcdefghijklmnopqrstuvwxyz")
    return ".".join([f"{prefix.upper().removesuffix('S')}{int(digits)}{first[len(digits) :]}", *others])


def claims(rows: Sequence[Row], criteria: Sequence[Criterion]) -> Iterator[Claim]:
    """Yield what rows claim: one claim for each criterion that a row speaks of.

    A row that speaks of none is a step or a deliverable, unless it stands where only criteria are expected.
    """
    known = Known(criteria)
    for row in rows:
        stated = known.by_statement(row)
        for name, remarks in stated or known.by_name(row):
            if name is not None or row.expected:
                affirmed = (row.box.ticked if row.box else False) or marks.claims_met(remarks)
                doubted = marks.doubts(remarks, named=not stated)
                yield Claim(name, row.text, row.position, row.box, affirmed, doubted)


class Known:
    """The acceptance criteria, by their texts and by the names that people use for them."""

    def __init__(self, criteria: Sequence[Criterion]) -> None:
        self._by_text: dict[Kind, dict[str, str]] = {kind: {} for kind in Kind}
        for criterion in criteria:
            if text := _statement(criterion).rstrip(_STOPS):
                self._by_text[criterion.kind].setdefault(text, criterion.id)
        self._by_name = _names([criterion for criterion in criteria if criterion.kind is Kind.ACCEPTANCE])

    def by_statement(self, row: Row) -> list[tuple[str | None, str]]:
        """Return the criterion whose text a cell holds, and what else the row says."""
        for number, cell in enumerate(row.cells):
            if stated := self._stated(cell):
                name, before, behind = stated
                others = " | ".join(row.cells[:number] + row.cells[number + 1 :])
                return [(name, f"{others} | {before} | {behind}")]
        return []

    def _stated(self, text: str) -> tuple[str, str, str] | None:
        """Return the criterion that a text repeats, and what stands before its statement and behind it."""
        for kind, names in self._by_text.items():
            seen = rendered(text) if names else ""
            bare = _bare(seen, kind)
            for end in _ends(bare):
                if (statement := bare[:end].rstrip(_STOPS)) in names:
                    return names[statement], seen[: len(seen) - len(bare)], bare[end:]
        return None

    def beside(self, text: str) -> str | None:
        """Return what a text says beside the criterion that it repeats or names; None if it speaks of none."""
        stated = self._stated(text)
        return stated[2] if stated else beside_names(text)

    def restated(self, row: Row) -> bool:
        """Whether a row only repeats what a criterion says, and perhaps how far it is."""
        if len(row.cells) > 1:
            cells = tuple(map(marks.before_state, row.cells))
            return bool(self.by_statement(row)) and not any(map(self._says_more, cells))
        return any(
            marks.affirms(remarks) or marks.doubts(remarks) or not remarks.strip(f"{_STOPS}|")
            for _, remarks in self.by_statement(row)
        )

    def _says_more(self, text: str) -> bool:
        said = self.beside(text)
        return any(map(str.isalnum, text if said is None else said))

    def by_name(self, row: Row) -> list[tuple[str | None, str]]:
        """Return the criteria that a row names, ranges included; None for those that are not there."""
        text = " | ".join(row.cells)
        names: dict[str | None, None] = {}
        for name in _references(text):
            known = self._called(name)
            # Other prefixes number other things too; that a document does not have them says nothing.
            missing: list[str | None] = [None] if name.startswith("AC") else []
            names.update(dict.fromkeys(known or missing))
        return [(name, text) for name in names] or [(None, text)]

    def _called(self, name: str) -> list[str]:
        """Return the criteria of a name; of `AC2`, where there is none, those that are parts of it: `AC2.1`, `AC2a`."""
        if name in self._by_name:
            return self._by_name[name]
        part = re.compile(re.escape(name) + r"(?:\.|[a-z]$)")
        return [one for other, ids in self._by_name.items() if part.match(other) for one in ids]


def _names(acceptance: Sequence[Criterion]) -> dict[str, list[str]]:
    """Return by each name the criteria that people mean with it.

    Where a criterion calls itself AC7, or a group that it stands in, people mean that, and not its place.
    """
    names: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for criterion in acceptance:
        own = dict.fromkeys(filter(None, map(own_name, (criterion.text, *criterion.groups))))
        for name in own:
            names.setdefault(name, []).append(criterion.id)
        if not own:
            places[criterion.id] = criterion.id
    return names | {place: [one] for place, one in places.items() if place not in names}


def statement(text: str) -> str:
    """Return what an acceptance criterion says, as it is looked for in other texts."""
    return _bare(normalise(text), Kind.ACCEPTANCE).rstrip(_STOPS)


def says_again(text: str, statements: Collection[str]) -> bool:
    """Whether a text is one of these statements, and perhaps a remark about it."""
    bare = _bare(rendered(text), Kind.ACCEPTANCE)
    return any(bare[:end].rstrip(_STOPS) in statements for end in _ends(bare))


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


def _references(text: str) -> Iterator[str]:
    """Yield the names of the criteria that a text names, ranges and enumerations included."""
    beyond = count = 0
    for match in _REFERENCE.finditer(text):
        if match.start() < beyond:
            continue
        prefix, last = match["prefix"], match["first"] or match["listed"]
        yield _name(prefix, last)
        beyond = match.end()
        while count < _REFERENCES and (following := _NEXT.match(text, beyond)):
            count += 1
            number, prefix = following["number"], following["prefix"] or prefix
            if not following["prefix"] and following["end"] is None:
                break
            if following["range"] and last.isdigit() and number.isdigit():
                yield from (
                    _name(prefix, str(one)) for one in range(int(last) + 1, min(int(number), int(last) + _REFERENCES))
                )
            yield _name(prefix, number)
            last, beyond = number, following.end("number")
        if count >= _REFERENCES:
            return
        count += 1
