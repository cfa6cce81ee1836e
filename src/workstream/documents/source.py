"""A document's bytes as lines, blocks and boxes, each with its place.

Blocks come from markdown-it; text is taken from the file's own lines and never rendered again, so that a tick can
be one byte at a known place.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from workstream.documents import outline, titles
from workstream.documents.model import Box, Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_NEWLINE = re.compile(rb"\r\n?|\n")
_BOX = re.compile(r"^(?P<before>\s*\[)(?P<mark>[ xX])\](?=\s|$)")
_MARKER = re.compile(r"^[\s>]*(?:[-*+]|\d{1,9}[.)])[ \t]+")
_SECTION = re.compile(r"^#{2,6}[ \t]+\S")  # one # may be a comment of a shell
_SAMPLE = re.compile(r"^\s*(?:markdown|md|text|txt)\b", re.IGNORECASE)
_RECOVERIES = 20  # fences of one document that nobody closed; more, and it is read as Markdown reads it
_FENCED = re.compile(r"[\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s+)*(`{3,}|~{3,})")
_COUNTED = re.compile(r" {0,3}(?:[2-9]|[1-9]\d{1,8})[.)][ \t]+\S")
_BLANK = -1  # the number of an empty line that stands in no file
_MOST_EMPTY = 8
_FRONT_MATTER_LINES = 200
_BOM = b"\xef\xbb\xbf"


class Source:
    """One file.

    Attributes:
        lines: its lines without their ends; lines end where Markdown says, and nowhere else.
        front_matter: the lines of its front matter.
        open_fences: where fences begin that are never closed; known once `blocks` was called.
        references: what the names of links stand for, each with its line (from 0); likewise.

    Args:
        content: the file's bytes.
        path: where they were read, for messages.

    """

    def __init__(self, content: bytes, path: Path) -> None:
        if b"\r" in content:
            ends = [(end.start(), end.end()) for end in _NEWLINE.finditer(content)]
            self._offsets = [0, *(after for _, after in ends)]
            stops = [*(before for before, _ in ends), len(content)]
            raw = [content[start:stop] for start, stop in zip(self._offsets, stops, strict=True)]
        else:
            raw = content.split(b"\n")
            self._offsets = list(itertools.accumulate((len(line) + 1 for line in raw[:-1]), initial=0))
        self.lines = [line.decode("utf-8", "replace") for line in raw]
        self.lines[0] = self.lines[0].removeprefix("\ufeff")
        if content.startswith(_BOM):
            self._offsets[0] = len(_BOM)
        # Front matter would be read as a rule and a heading.
        matter = self._front_matter_lines()
        self.front_matter = self.lines[:matter]
        self.open_fences: list[Position] = []
        self.references: dict[str, int] = {}
        relevant = outline.relevant(self.lines, matter, path)
        self._relevant = set(relevant)
        self._read = list(_parted(self.lines, relevant))
        self._markdown = MarkdownIt("commonmark", {"maxNesting": 50}).enable("table").disable("inline")

    def _front_matter_lines(self) -> int:
        """Return how many lines the front matter takes."""
        if self.lines[0].rstrip() != "---":
            return 0
        for number, line in enumerate(self.lines[1:_FRONT_MATTER_LINES], start=1):
            if line.rstrip() in {"---", "..."}:
                return number + 1
        return 0

    def blocks(self) -> list[SyntaxTreeNode]:
        """Return the blocks of the document.

        A fence that somebody forgot to close would make code of all that follows. It ends at the next section instead.
        """
        blocks: list[SyntaxTreeNode] = []
        start: int | None = 0
        for _ in range(_RECOVERIES):
            if start is None:
                return blocks
            part, start = self._recovered(self._parse(start))
            blocks += part
        return blocks if start is None else [*blocks, *self._parse(start)]

    def _parse(self, start: int) -> Sequence[SyntaxTreeNode]:
        """Return the blocks from a line on, of those that are read; their maps count from the first of these."""
        known: dict[str, dict[str, Any]] = {}
        tokens = self._markdown.parse("\n".join(map(self._text, self._read[start:])), known)
        for label, target in known.get("references", {}).items():
            text = f"[{label}]: {target['href']} {target['title']}".strip()
            self.references.setdefault(text, self._read[start + target["map"][0]])
        for token in tokens:
            if token.map:
                token.map = [line + start for line in token.map]
        return SyntaxTreeNode(tokens).children

    def _text(self, number: int) -> str:
        return "" if number == _BLANK else self.lines[number]

    def _recovered(self, blocks: Sequence[SyntaxTreeNode]) -> tuple[Sequence[SyntaxTreeNode], int | None]:
        """Return the blocks up to a fence that was left open, and where to go on behind it; None if there is none."""
        for number, block in enumerate(blocks):
            if block.type == "fence" and block.map and self._was_left_open(block):
                self.open_fences.append(Position(self.line(block) + 1, 1))
                section = None if _SAMPLE.match(block.info) else self._section(block.map[0] + 1, self._suspect(block))
                if section is not None and block.token is not None:
                    block.token.map = [block.map[0], section]
                    return blocks[: number + 1], section
        return blocks, None

    def _was_left_open(self, fence: SyntaxTreeNode) -> bool:
        return self._suspect(fence) < self._beyond(fence) or not self._is_closed(fence)

    def _is_closed(self, fence: SyntaxTreeNode) -> bool:
        first, beyond = fence.map or (0, 0)
        last = self._text(self._read[beyond - 1]).strip()
        return beyond - 1 > first and set(last) == {fence.markup[0]} and len(last) >= len(fence.markup)

    @staticmethod
    def _beyond(fence: SyntaxTreeNode) -> int:
        return fence.map[1] if fence.map else 0

    def _suspect(self, fence: SyntaxTreeNode) -> int:
        """Return where within a fence of code another one begins: then it was not closed; else the line beyond."""
        opens = re.compile(r" {0,3}" + re.escape(fence.markup) + r"\s*[a-z]+\s*$", re.IGNORECASE)
        first, beyond = fence.map or (0, 0)
        if not fence.info.strip() or _SAMPLE.match(fence.info):
            return beyond  # a sample of Markdown may hold fences
        inner = range(first + 1, beyond)
        return next((number for number in inner if opens.match(self._text(self._read[number]))), beyond)

    def _section(self, first: int, beyond: int) -> int | None:
        """Return where between two lines a section begins, behind an empty line."""
        for number in range(first + 1, beyond):
            before, line = (self._text(self._read[other]) for other in (number - 1, number))
            if not before.strip() and _SECTION.match(line):
                return number
        return None

    def passed_over(self) -> list[int]:
        """Return the lines (from 0) that no block holds because nobody needs to parse them."""
        return [number for number in range(len(self.front_matter), len(self.lines)) if number not in self._relevant]

    def line(self, node: SyntaxTreeNode) -> int:
        """Return the line (from 0) at which a block starts."""
        return self._read[node.map[0]] if node.map else 0

    def code(self, fence: SyntaxTreeNode) -> list[str]:
        """Return the lines within a fence, up to where it ends or should have ended."""
        first, beyond = fence.map or (0, 0)
        return fence.content.split("\n")[: beyond - first - 1]

    def code_line(self, fence: SyntaxTreeNode, number: int) -> int:
        """Return which line of the file (from 0) is one of a fence's lines."""
        return self._read[fence.map[0] + 1 + number] if fence.map else 0

    def position(self, line: int) -> Position:
        """Return the place at which the text of a line (from 0) starts."""
        text = self.lines[line]
        return Position(line + 1, len(text) - len(text.lstrip()) + 1)

    def box(self, line: int) -> Box | None:
        """Return the box with which the list item at a line (from 0) starts."""
        marker = _MARKER.match(self.lines[line])
        rest = self.lines[line][marker.end() :] if marker else ""
        box = _BOX.match(rest)
        if marker is None or box is None:
            return None
        before = self.lines[line][: marker.end() + box.end("before")]
        return Box(self._offsets[line] + len(before.encode()), box["mark"] != " ")


def _parted(lines: Sequence[str], numbers: Sequence[int]) -> Iterator[int]:
    """Yield the numbers of the lines to parse, with an empty line between a label and the numbered list below it.

    To Markdown, a list that begins at 3 does not end a paragraph, and so the label above it would take it in. Of very
    many empty lines some are left out: they say nothing, and take a parser long.
    """
    fence, before, empty = "", "", 0
    for number in numbers:
        line = lines[number]
        if not line or line.isspace():
            empty += 1
            if empty <= _MOST_EMPTY or fence:
                yield number
            before = ""
            continue
        empty = 0
        mark = _FENCED.match(line)
        if mark and (not fence or (mark[1].startswith(fence) and line.strip(" `~\t>") == "")):
            fence = "" if fence else mark[1]
        elif not fence and before and _COUNTED.match(line) and titles.is_label(before):
            yield _BLANK
        before = "" if fence or mark else line
        yield number


def own_text(node: SyntaxTreeNode) -> str:
    """Return a block's own text, as written."""
    inline = next((child for child in node.children if child.type == "inline"), None)
    return inline.content.strip() if inline else ""


def item_lines(item: SyntaxTreeNode) -> list[str]:
    """Return the lines of a list item's statement, without its box and without what is nested in it."""
    paragraph = next((child for child in item.children if child.type == "paragraph"), None)
    lines = own_text(paragraph).split("\n") if paragraph else []
    return [line.strip() for line in [without_box(lines[0]), *lines[1:]]] if lines else []


def without_box(text: str) -> str:
    """Return a text without the box that it starts with."""
    return _BOX.sub("", text)


def below_item(item: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    """Return what is nested in a list item, or follows its statement: part of what it promises."""
    first = next((child for child in item.children if child.type == "paragraph"), None)
    return [child for child in item.children if child is not first]


def end_of_section(blocks: Sequence[SyntaxTreeNode], number: int) -> int:
    """Return the number of the first block that no longer stands below a heading."""
    level = blocks[number].tag
    beyond = range(number + 1, len(blocks))
    return next(
        (other for other in beyond if blocks[other].type == "heading" and blocks[other].tag <= level), len(blocks)
    )


def item_text(item: SyntaxTreeNode) -> str:
    """Return the statement of a list item on one line."""
    return " ".join(item_lines(item)).strip()
