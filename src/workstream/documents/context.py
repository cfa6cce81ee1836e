"""What gives the criteria of a document their meaning: definitions, constraints, steps, tables, code, the title."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import TYPE_CHECKING

from workstream.documents import bookkeeping, claims, marks, titles
from workstream.documents.content import headings, parts, placed
from workstream.documents.identity import without_name
from workstream.documents.model import Kind, Position
from workstream.documents.rendering import collapsed, rendered
from workstream.documents.source import end_of_section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.tree import SyntaxTreeNode

    from workstream.documents.content import Part
    from workstream.documents.model import Criterion
    from workstream.documents.source import Source

_MARKS = re.compile(f"{marks.CHECKS.pattern}|{marks.WARNINGS.pattern}|[\u2610\u2b1c\ufe0f]")
_TICKS = re.compile(r"(?m)^(\s*(?:[-*+]|\d{1,9}[.)])\s+\[)[xX](?=\]\s)")
_NOWHERE = Position(1, 1)


class Context:
    """The parts of one document that stand around its criteria.

    They are collected when the document is read, and made comparable when somebody asks for them.

    Args:
        source: the file.
        blocks: its blocks.
        title: the heading that holds the document's id.
        criteria: its criteria.

    """

    def __init__(
        self, source: Source, blocks: Sequence[SyntaxTreeNode], title: str, criteria: Sequence[Criterion]
    ) -> None:
        self._known = claims.Known(criteria)
        self._constraints = _lines(criteria, Kind.CONSTRAINT)
        self._own = _lines(criteria, Kind.ACCEPTANCE, Kind.GOAL)
        self._commands = {
            criterion.position.line - 1 + number
            for criterion in criteria
            if criterion.kind is Kind.COMPLETION
            for number in range(criterion.text.count("\n") + 1)
        }
        defined = self._own | self._constraints | self._commands
        is_report = bookkeeping.marked(
            blocks, self._known.beside, lambda block: any(source.line(node) in defined for node in block.walk()), title
        )
        reports = list(_spans(source, blocks, is_report))
        self._parts = tuple(self._around(source, blocks, is_report))
        self._references = tuple(
            text for text, line in source.references.items() if not any(line in span for span in reports)
        )
        passed_over = source.passed_over()
        reported = set().union(*reports) if passed_over else set()
        self._passed_over = tuple(source.lines[number] for number in passed_over if number not in reported)

    def text(self) -> str:
        """Return what is compared: each part on a line, sorted."""
        return self._text

    @functools.cached_property
    def _text(self) -> str:
        compared = [*map(self._compared, self._parts), *self._references]
        if self._passed_over:
            compared.append(_digest(self._passed_over))
        return "\n".join(sorted(filter(None, compared)))

    def _around(self, source: Source, blocks: Sequence[SyntaxTreeNode], is_report: Sequence[bool]) -> Iterator[Part]:
        """Yield the parts outside reports and criteria; a heading that is a criterion has what stands below it."""
        beyond, leave_out = 0, self._own | self._commands
        for number, (block, above) in enumerate(zip(blocks, headings(blocks), strict=True)):
            if number < beyond or is_report[number]:
                continue
            if block.type == "heading" and source.line(block) in self._own:
                beyond = end_of_section(blocks, number)
            else:
                yield from parts(source, block, leave_out, self._known.beside, (above,))

    def _compared(self, part: Part) -> str:
        """Return what is compared of a part; nothing if it only says how far a criterion is."""
        below = [_said(_stateless(text)) for text in part.below]
        if part.code:
            return placed(below, "\n".join(part.cells))
        constrains = part.line in self._constraints
        row = claims.Row("", part.cells, _NOWHERE, None, expected=False)
        if not constrains and self._known.restated(row):
            return ""
        about = len(part.cells) > 1 and self._known.by_statement(row)
        text = " | ".join(_said(marks.before_state(cell) if about else _stateless(cell)) for cell in part.cells)
        text = collapsed(text)
        return placed(below, without_name(text, Kind.CONSTRAINT) if constrains else text) if text else ""


def _lines(criteria: Sequence[Criterion], *kinds: Kind) -> set[int]:
    return {criterion.position.line - 1 for criterion in criteria if criterion.kind in kinds}


def _said(text: str) -> str:
    """Return what is seen of a text, without what says how far something is."""
    return collapsed(rendered(_MARKS.sub(" ", text)))


def _stateless(text: str) -> str:
    """Return a text without its lines that only say how far the work is."""
    return "\n".join(line for line in text.split("\n") if not titles.is_state(line))


def _spans(source: Source, blocks: Sequence[SyntaxTreeNode], is_report: Sequence[bool]) -> Iterator[range]:
    """Yield the lines of reports."""
    begins = [*map(source.line, blocks), len(source.lines)]
    for number, reported in enumerate(is_report):
        if reported:
            yield range(begins[number], begins[number + 1])


def _digest(lines: Sequence[str]) -> str:
    """Return what is compared of lines that nobody parsed: their words, in any order."""
    text = _TICKS.sub(r"\1 ", "\n".join(lines) + "\n")
    words = sorted(filter(None, map(collapsed, text.split("\n"))))
    return f"{len(words)} lines: " + hashlib.sha256("\n".join(words).encode()).hexdigest()
