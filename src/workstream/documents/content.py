"""The text within blocks, part by part: what is nested in a criterion, and what stands around the criteria."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workstream.documents import bookkeeping, claims
from workstream.documents.rendering import collapsed, rendered
from workstream.documents.source import own_text, without_box

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from markdown_it.tree import SyntaxTreeNode

    from workstream.documents.source import Source

_BELOW = " > "
_TICK = re.compile(r"(?<!\S)\[[xX]\](?=\s|$)")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NUMBER = re.compile(r"^\s*(?:\d{1,3}(?:\.\d{1,3})*[.):]|\d{1,3}(?:\.\d{1,3})+)\s+(?=\S)")
_LISTED_BOX = re.compile(r"^(?P<before>\s*(?:[-*+]|\d{1,9}[.)])\s+\[)[xX](?=\](?:\s|$))")


@dataclass(frozen=True, slots=True)
class Part:
    """A paragraph, a heading, the row of a table, or a block of code.

    Attributes:
        cells: its text as written, without a box; of a row the text of each cell.
        line: where it stands, from 0.
        code: whether it is code, of which the order of lines and their beginnings are part.
        below: the texts that it stands below: the nearest heading, and the items of lists that it is nested in.

    """

    cells: tuple[str, ...]
    line: int
    code: bool = False
    below: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is compared of it: of code each line, of anything else what is seen of it, on one line."""
        return placed(
            map(rendered, self.below), "\n".join(self.cells) if self.code else " | ".join(map(rendered, self.cells))
        )


def placed(below: Iterable[str], text: str) -> str:
    """Return a text behind those that it stands below: what is allowed to one is not allowed to another."""
    return _BELOW.join([*filter(None, below), text]) if text else ""


def details(source: Source, blocks: Sequence[SyntaxTreeNode], *, ordered: bool = False) -> str:
    """Return what blocks below a statement promise.

    Args:
        source: the file.
        blocks: the blocks.
        ordered: whether the order of bullets and paragraphs is a part of it, as that of steps is.

    """
    kept = zip(blocks, headings(blocks), bookkeeping.marked(blocks), strict=True)
    promised = (
        part for block, above, is_report in kept if not is_report for part in parts(source, block, below=(above,))
    )
    texts = filter(None, (part.text for part in promised))
    return "\n".join(texts if ordered else sorted(texts))


def headings(blocks: Iterable[SyntaxTreeNode]) -> Iterator[str]:
    """Yield of each block the text of the heading above it, whatever its level; of a heading, nothing."""
    above = ""
    for block in blocks:
        if block.type == "heading":
            above = _NUMBER.sub("", own_text(block))
            yield ""
        else:
            yield above


def parts(
    source: Source,
    block: SyntaxTreeNode,
    leave_out: Collection[int] = (),
    beside: bookkeeping.Beside = claims.beside_names,
    below: tuple[str, ...] = (),
) -> Iterator[Part]:
    """Yield the parts of a block.

    Args:
        source: the file.
        block: the block.
        leave_out: the lines at which items, and lines of code, begin that are left out.
        beside: what the cell of a table says beside the criterion that it names or repeats.
        below: see `Part`.

    """
    line = source.line(block)
    if block.type == "list_item" and line in leave_out:
        return
    if block.type in {"fence", "code_block"}:
        yield from _code(source, block, leave_out, below)
    elif block.type == "html_block":
        yield Part((collapsed(_COMMENT.sub(" ", block.content)),), line, code=True, below=below)
    elif block.type == "heading":
        yield Part((_NUMBER.sub("", own_text(block)),), line, below=below)
    elif block.type == "table":
        for row, cells in bookkeeping.rows(block, beside):
            yield Part(tuple(map(_unticked, cells)), source.line(row), below=below)
    elif block.type == "paragraph":
        yield Part((_unticked(own_text(block)),), line, below=below)
    else:
        for child in block.children:
            yield from parts(source, child, leave_out, beside, below)
            if block.type == "list_item" and child.type == "paragraph":
                below = (*below, _unticked(own_text(child)))


def _code(source: Source, block: SyntaxTreeNode, leave_out: Collection[int], below: tuple[str, ...]) -> Iterator[Part]:
    """Yield a block of code, if any line is left of it; its empty lines are no part, nor are boxes of samples."""
    fenced = block.type == "fence"
    lines = source.code(block) if fenced else block.content.split("\n")
    kept = tuple(
        _LISTED_BOX.sub(r"\g<before> ", line.rstrip())
        for number, line in enumerate(lines)
        if line.strip() and not (fenced and source.code_line(block, number) in leave_out)
    )
    if kept:
        yield Part(kept, source.line(block), code=True, below=below)


def _unticked(text: str) -> str:
    return _TICK.sub("[ ]", without_box(text))
