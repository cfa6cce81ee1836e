"""Which blocks of a document only say how far the work is: reports, reviews, status tables. They promise nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workstream.documents import claims, marks, titles
from workstream.documents.source import end_of_section, own_text, without_box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from markdown_it.tree import SyntaxTreeNode

    Beside = Callable[[str], str | None]

_ROWS = {"bullet_list", "ordered_list", "table"}
_LOWEST = 6  # the level of the last kind of heading
_STATES = r"status|verdict|done|met|passed|proven|verified|validated|complete[d]?|finished|implemented|ready"
_STATE = re.compile(rf"^\W*(?:{_STATES})\W*$", re.IGNORECASE)
# Heads of columns that say how a criterion stands: its state, what showed it, when, who looked, and notes.
_HOW_IT_STANDS = re.compile(
    rf"^\W*(?:(?:ac|goal|current|final|test|run)\s+)?(?:{_STATES}|state|results?|outcome|progress|pass|ok|checked|tested"
    r"|evidence|proofs?|logs?|output|actual|observed|seen|notes?|comments?|remarks?|(?:last\s+)?(?:dates?|updated?|run)"
    r"|when|who|owners?|assignees?|reviewers?"
    rf"|(?:{_STATES}|checked|tested|reviewed|approved|confirmed|signed|seen|run)\s+(?:by|on|at|in))\W*$",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w")


def marked(
    blocks: Sequence[SyntaxTreeNode],
    beside: Beside = claims.beside_names,
    promises: Callable[[SyntaxTreeNode], bool] = lambda _: False,
    title: str = "",
) -> list[bool]:
    """Return of each block whether it only says how far the work is.

    Args:
        blocks: blocks beside each other.
        beside: what a cell says beside the criterion that it names or repeats.
        promises: whether a criterion begins at a block, or within it.
        title: the heading that is the document's, whatever it says.

    """
    walk = _Walk(blocks, beside, promises, title)
    return [walk.is_bookkeeping(number) for number in range(len(blocks))]


class _Walk:
    """Goes through blocks in order, and remembers which report or status list it is in."""

    def __init__(
        self,
        blocks: Sequence[SyntaxTreeNode],
        beside: Beside,
        promises: Callable[[SyntaxTreeNode], bool],
        title: str,
    ) -> None:
        self._blocks = blocks
        self._beside = beside
        self._promises = promises
        self._title = title
        self._level = _LOWEST  # of a heading that ends a report which only a label begins
        self._until = 0  # the level of a heading that ends the report; 0 if there is none
        self._rows = False  # whether lists and tables are those of a status label

    def is_bookkeeping(self, number: int) -> bool:
        """Whether the next block is."""
        block = self._blocks[number]
        if block.type == "heading":
            return self._heading(number)
        if self._until:
            return True
        if block.type == "paragraph":
            return self._paragraph(block)
        self._rows = self._rows and block.type in _ROWS
        return self._rows or (block.type == "table" and next(rows(block, self._beside), None) is None)

    def _heading(self, number: int) -> bool:
        block, text = self._blocks[number], own_text(self._blocks[number])
        level = int(block.tag[1:])
        if self._until and level > self._until:
            return True
        self._rows = False
        self._level = _LOWEST if text == self._title else level
        section = self._blocks[number : end_of_section(self._blocks, number)]
        begins = text != self._title and titles.is_bookkeeping(text) and not any(map(self._promises, section))
        self._until = level if begins else 0
        return begins

    def _paragraph(self, block: SyntaxTreeNode) -> bool:
        """Take a label; what stands before it in its paragraph is no part of the report."""
        *before, last = own_text(block).split("\n")
        label = last if titles.is_label(last) else ""
        self._rows = titles.is_status(label)
        begins = not self._rows and titles.is_bookkeeping(label)
        self._until = self._level if begins else 0
        return (begins or self._rows) and not before


def rows(
    table: SyntaxTreeNode, beside: Beside = claims.beside_names
) -> Iterator[tuple[SyntaxTreeNode, tuple[str, ...]]]:
    """Yield the rows of a table, each with the cells of it that count.

    Where each row says how a criterion stands, these are the cells that say something else of it, and what names it.

    Args:
        table: the table, with its head.
        beside: what a cell says beside the criterion that it names or repeats; None if it speaks of none.

    """
    written = [(node, tuple(map(own_text, node.children))) for node in table.walk() if node.type == "tr"]
    found = [(node, tuple(map(without_box, cells))) for node, cells in written]
    (_, head), *body = found
    if not _is_status(head, [cells for _, cells in body], beside):
        yield found[0]
        yield from ((node, tuple(map(_allowed, head, cells))) for node, cells in written[1:])
        return
    stated = [tuple(_before_state(cell, beside) for cell in cells) for _, cells in body]
    columns = [number for number, name in enumerate(head) if not _HOW_IT_STANDS.match(name)]
    said = [number for number in columns if any(_counts(cells[number], beside) for cells in stated)]
    kept = [number for number in columns if any(cells[number] for cells in stated)]
    if said:
        yield found[0][0], tuple(head[number] for number in kept)
    for (node, _), cells in zip(body, stated, strict=True):
        if any(_counts(cells[number], beside) for number in said):
            yield node, tuple(cells[number] for number in kept)


def _allowed(name: str, cell: str) -> str:
    """Return a cell; one that is a mark or a box says what holds, unless its column says how far something is."""
    said = without_box(cell)
    if not _WORD.search(name) or _HOW_IT_STANDS.match(name):
        return said
    if not said and cell:
        return "a ticked box" if "x" in cell.lower() else "an open box"
    return " ".join(hex(ord(letter)) for letter in said if letter != marks.EMOJI) if marks.is_mark(said) else said


def _is_status(head: tuple[str, ...], body: Sequence[tuple[str, ...]], beside: Beside) -> bool:
    """Whether every row of a table says how far a criterion is; one that has a head alone has none."""
    states = any(map(_STATE.match, head))
    return bool(body) and all(
        (states or _has_mark(cells)) and any(beside(cell) is not None for cell in cells) for cells in body
    )


def _has_mark(cells: tuple[str, ...]) -> bool:
    return any(marks.affirms(cell) or marks.doubts(cell) for cell in cells)


def _before_state(cell: str, beside: Beside) -> str:
    """Return a cell up to where it says how far something is; a mark before a name is no end."""
    return marks.before_state(cell if beside(cell) is None else marks.without_leading(cell))


def _counts(cell: str, beside: Beside) -> bool:
    """Whether a cell says more than which criterion its row is about."""
    said = beside(cell)
    return bool(_WORD.search(cell if said is None else said))
