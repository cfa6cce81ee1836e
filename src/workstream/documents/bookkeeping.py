"""Which blocks of a document only say how far the work is: reports, reviews, status tables. They promise nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workstream.documents import claims, marks, titles
from workstream.documents.source import end_of_section, own_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markdown_it.tree import SyntaxTreeNode

_ROWS = {"bullet_list", "ordered_list", "table"}
_LOWEST = 6  # the level of the last kind of heading
_STATE = re.compile(r"^\W*(?:status|verdict|done|met|passed|proven|verified|validated)\W*$", re.IGNORECASE)


def marked(
    blocks: Sequence[SyntaxTreeNode],
    speaks: Callable[[tuple[str, ...]], bool] = lambda cells: claims.refers(" | ".join(cells)),
    promises: Callable[[SyntaxTreeNode], bool] = lambda _: False,
    title: str = "",
) -> list[bool]:
    """Return of each block whether it only says how far the work is.

    Args:
        blocks: blocks beside each other.
        speaks: whether the cells of a row speak of a criterion.
        promises: whether a criterion begins at a block, or within it.
        title: the heading that is the document's, whatever it says.

    """
    walk = _Walk(blocks, speaks, promises, title)
    return [walk.is_bookkeeping(number) for number in range(len(blocks))]


class _Walk:
    """Goes through blocks in order, and remembers which report or status list it is in."""

    def __init__(
        self,
        blocks: Sequence[SyntaxTreeNode],
        speaks: Callable[[tuple[str, ...]], bool],
        promises: Callable[[SyntaxTreeNode], bool],
        title: str,
    ) -> None:
        self._blocks = blocks
        self._speaks = speaks
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
        return self._rows or (block.type == "table" and self._is_status(block))

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

    def _is_status(self, table: SyntaxTreeNode) -> bool:
        """Whether every row of a table says how far a criterion is."""
        rows = [tuple(own_text(cell) for cell in node.children) for node in table.walk() if node.type == "tr"]
        if len(rows) < 2:  # noqa: PLR2004 - its head alone
            return False
        states = any(map(_STATE.match, rows[0]))
        return all((states or _has_mark(cells)) and self._speaks(cells) for cells in rows[1:])


def _has_mark(cells: tuple[str, ...]) -> bool:
    return any(marks.affirms(cell) or marks.doubts(cell) for cell in cells)
