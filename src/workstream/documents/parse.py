"""Reads workstream documents: what was promised, and what was claimed about it.

Positions come from markdown-it's block tokens; text is taken from the file's own lines and never rendered
again, so that a tick can be one byte at a known place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from workstream import errors
from workstream.documents import commands, outline
from workstream.documents.identity import DOCUMENT_ID, normalise
from workstream.documents.model import Box, Claim, Criterion, Document, Kind, Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def _mangled(mark: str) -> str:
    """Return a mark as it looks when its UTF-8 was read as Windows-1252 and written again."""
    return mark.encode().decode("cp1252", "ignore")


_CHECKS = ("\u2705", "\u2714", _mangled("\u2705"), _mangled("\u2714"))
_WARNINGS = ("\u26a0", _mangled("\u26a0"))
_MARKS = re.compile("|".join(map(re.escape, (*_CHECKS, *_WARNINGS, "\ufe0f", _mangled("\ufe0f")))))
_DOUBTS = re.compile(r"not (?:yet )?(?:validated|verified|tested|proven|run)|requires? (?:a )?running", re.IGNORECASE)

_NEWLINE = re.compile(rb"\r\n?|\n")
LABEL = re.compile(r"^\W*(?:acceptance|success)\s+criteria\b[^.]{0,60}$", re.IGNORECASE)
_GOAL = re.compile(r"\bgoals?\b", re.IGNORECASE)
_CONSTRAINTS = re.compile(r"\bconstraints?\b", re.IGNORECASE)
_COMPLETION = re.compile(r"\bcompletion\s+(?:criteria|commands?)\b", re.IGNORECASE)
_STATUS = re.compile(r"\b(?:goals?|ac|acceptance|criteria)\b.*\bstatus\b", re.IGNORECASE)
_REPORT = re.compile(
    r"\b(?:execution report|review results?|goal status|ac status|(?:acceptance|success) criteria status)\b",
    re.IGNORECASE,
)
_BOX = re.compile(r"^(?P<before>\s*\[)(?P<mark>[ xX])\](?=\s|$)")
_MARKER = re.compile(r"^[\s>]*(?:[-*+]|\d{1,9}[.)])[ \t]+")
_REFERENCE = re.compile(r"\bAC[-\s]?(\d{1,3})(?:\s*[-\u2013\u2014]\s*(?:AC[-\s]?)?(\d{1,3}))?", re.IGNORECASE)
_ANNOTATION = re.compile(r"\s+(?:\u2014|\u2013|--?|" + re.escape(_mangled("\u2014")) + r")\s+.*$", re.DOTALL)


def read(path: Path) -> Document:
    """Read a document.

    Raises:
        errors.DocumentError: it cannot be read, or is no workstream document.

    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise errors.DocumentError(f"{path} cannot be read: {error.strerror}.") from error
    return parse(content, path)


def parse(content: bytes, path: Path) -> Document:
    """Read a document's bytes.

    Args:
        content: the file's bytes.
        path: where they were read, for the id and for messages.

    Raises:
        errors.DocumentError: it is no workstream document.

    """
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise errors.DocumentError(f"{path}:{line}: this is a binary file.", instead="Name a Markdown file.")
    source = _Source(content, path)
    reading = _Reading(source)
    reading.read(source.tree())
    criteria = tuple(reading.criteria)
    found = (
        DOCUMENT_ID.search(source.heading) or DOCUMENT_ID.search(source.front_matter) or DOCUMENT_ID.search(path.name)
    )
    if found is None:
        raise errors.DocumentError(
            f"{path}:1: this is no workstream document: neither its heading, nor its front matter, nor its name "
            "holds an id like WS-001-04.",
            instead="Start it with a heading such as `## WS-001-04: External shuffle service`.",
        )
    document_id = found.group().upper()
    title = source.heading.partition(found.group())[2].strip(" :-\u2013\u2014")
    matched = [_match(claim, criteria) for claim in reading.claims]
    # A box that speaks of no criterion is a step or a deliverable, unless it stands among the statuses.
    claims = tuple(one for one in matched if one.criterion_id or one.position.line in reading.status_lines)
    return Document(path, document_id, title, content, criteria, claims)


class _Source:
    """A file's bytes as lines with offsets."""

    def __init__(self, content: bytes, path: Path) -> None:
        self.offsets = [0, *(found.end() for found in _NEWLINE.finditer(content))]
        ends = [*(found.start() for found in _NEWLINE.finditer(content)), len(content)]
        raw = [content[start:end] for start, end in zip(self.offsets, ends, strict=True)]
        self.lines = [line.decode("utf-8", "replace") for line in raw]
        self.lines[0] = self.lines[0].removeprefix("\ufeff")
        self._bom = 3 if content.startswith(b"\xef\xbb\xbf") else 0
        # Front matter would be read as a rule and a heading.
        self._matter = self._front_matter_lines()
        self._read = outline.relevant(self.lines, self._matter, path)

    def line(self, node: SyntaxTreeNode) -> int:
        """Return the line (from 0) at which a block starts."""
        return self._read[node.map[0]] if node.map else 0

    def _front_matter_lines(self) -> int:
        """Return how many lines the front matter takes."""
        if self.lines[0].rstrip() != "---":
            return 0
        for number, line in enumerate(self.lines[1:200], start=1):
            if line.rstrip() in {"---", "..."}:
                return number + 1
        return 0

    @property
    def front_matter(self) -> str:
        return "\n".join(self.lines[: self._matter])

    @cached_property
    def heading(self) -> str:
        """The first heading that holds an id, else the first heading."""
        headings = [line.lstrip("# ") for line in self.lines[self._matter :] if line.lstrip().startswith("#")]
        return next((line for line in headings if DOCUMENT_ID.search(line)), headings[0] if headings else "")

    def tree(self) -> SyntaxTreeNode:
        """Return the block structure; the text of a block is left as it is."""
        text = "\n".join(self.lines[number] for number in self._read)
        markdown = MarkdownIt("commonmark", {"maxNesting": 50}).enable("table").disable("inline")
        return SyntaxTreeNode(markdown.parse(text))

    def box(self, line: int) -> Box | None:
        """Return the box with which the list item at a line (from 0) starts."""
        marker = _MARKER.match(self.lines[line])
        rest = self.lines[line][marker.end() :] if marker else ""
        found = _BOX.match(rest)
        if marker is None or found is None:
            return None
        before = self.lines[line][: marker.end() + found.end("before")]
        bom = self._bom if line == 0 else 0
        return Box(self.offsets[line] + bom + len(before.encode()), found["mark"] != " ")


@dataclass
class _Reading:
    """Walks the blocks of a document and collects what it promises and what it claims."""

    source: _Source
    criteria: list[Criterion] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    status_lines: set[int] = field(default_factory=set)  # where a claim speaks of a criterion, even of an unknown one

    # Where the walk is: the headings above, by level, and what the next list is a list of.
    _headings: dict[int, str] = field(default_factory=dict)
    _label: str = ""
    _in_report: bool = False
    _defined: bool = False
    _by_heading: bool = False
    _definition_headings: dict[int, str] = field(default_factory=dict)

    def read(self, tree: SyntaxTreeNode) -> None:
        """Walk the top-level blocks."""
        blocks = list(tree.children)
        for number, block in enumerate(blocks):
            if block.type == "heading":
                self._enter(block)
                self._criterion_heading(block, blocks[number + 1 :])
            elif block.type == "paragraph":
                self._label = _text(block)
            elif block.type in {"bullet_list", "ordered_list"}:
                self._list(block)
            elif block.type == "fence":
                self._fence(block)
            elif block.type == "table":
                self._table(block)

    def _enter(self, heading: SyntaxTreeNode) -> None:
        level = int(heading.tag[1:])
        self._headings = {above: text for above, text in self._headings.items() if above < level}
        self._headings[level] = _text(heading)
        self._label = ""
        self._in_report = self._in_report or bool(_REPORT.search(_text(heading)))

    def _under(self, pattern: re.Pattern[str]) -> bool:
        return any(pattern.search(text) for text in self._headings.values())

    def _labelled(self) -> bool:
        """Whether the next list is one of acceptance criteria."""
        return bool(LABEL.match(self._label)) or any(LABEL.match(text) for text in self._headings.values())

    def _criterion_heading(self, heading: SyntaxTreeNode, following: Sequence[SyntaxTreeNode]) -> None:
        """Take a heading below `Acceptance Criteria` as a criterion if nothing below it has a box."""
        level = int(heading.tag[1:])
        above = [text for other, text in self._headings.items() if other < level]
        if self._in_report or not any(LABEL.match(text) for text in above):
            return
        for block in following:
            if block.type == "heading" and int(block.tag[1:]) <= level:
                break
            if block.type in {"bullet_list", "ordered_list"} and any(self._box(item) for item in block.children):
                return
        if self._defined and not self._by_heading:
            return
        self._by_heading = True
        self._defined = True
        self._add(Kind.ACCEPTANCE, _text(heading), self.source.line(heading), None)

    def _box(self, item: SyntaxTreeNode) -> Box | None:
        return self.source.box(self.source.line(item))

    def _list(self, block: SyntaxTreeNode) -> None:
        if self._in_report:
            self._claim_items(block.children)
        elif self._labelled():
            self._definition(block.children)
        elif self._under(_CONSTRAINTS) or _CONSTRAINTS.search(self._label):
            for item in block.children:
                self._add(Kind.CONSTRAINT, self._item_text(item), self.source.line(item), None)
        elif self._under(_GOAL):
            self._goals(block)
        else:
            self._claim_items(block.children)
        self._label = ""

    def _goals(self, block: SyntaxTreeNode) -> None:
        """Take goal bullets, up to a label that the list swallowed: what follows that are criteria."""
        for number, item in enumerate(block.children):
            text, swallowed = self._before_label(item)
            if self._box(item) is None and not self._defined:
                self._add(Kind.GOAL, text, self.source.line(item), None)
            if swallowed:
                self._definition(block.children[number + 1 :])
                return

    def _before_label(self, item: SyntaxTreeNode) -> tuple[str, bool]:
        """Return an item's text up to a swallowed label, and whether there was one."""
        lines = self._item_lines(item)
        for number, line in enumerate(lines):
            if number and LABEL.match(line):
                return " ".join(lines[:number]), True
        return " ".join(lines), False

    def _definition(self, items: Sequence[SyntaxTreeNode]) -> None:
        if self._by_heading or (self._defined and not self._continues):
            self._claim_items(items)
            return
        boxed = any(self._box(item) for item in items)
        for item in items:
            if boxed and self._box(item) is None:
                continue
            self._add(Kind.ACCEPTANCE, self._item_text(item), self.source.line(item), self._box(item))
        self._defined = self._defined or bool(items)
        self._definition_headings = dict(self._headings)

    @property
    def _continues(self) -> bool:
        """Whether this list stands in the same section as the definition: then it goes on with it."""
        return self._headings == self._definition_headings

    def _fence(self, block: SyntaxTreeNode) -> None:
        wanted = self._under(_COMPLETION) or bool(_COMPLETION.search(self._label))
        if self._in_report or not wanted or any(one.kind is Kind.COMPLETION for one in self.criteria):
            return
        first = self.source.line(block) + 1
        for command in commands.split(block.content.splitlines()):
            self._add(Kind.COMPLETION, command.text, first + command.line, None)

    def _table(self, block: SyntaxTreeNode) -> None:
        for row in block.walk():
            if row.type == "tr" and row.map:
                text = self.source.lines[self.source.line(row)].strip().strip("|")
                if _REFERENCE.search(text) and affirms(text):
                    self._claim(text, self.source.line(row), None)

    def _claim_items(self, items: Sequence[SyntaxTreeNode]) -> None:
        for item in items:
            box, text = self._box(item), self._item_text(item)
            if box is not None or _REFERENCE.search(text):
                self._claim(text, self.source.line(item), box)

    def _claim(self, text: str, line: int, box: Box | None) -> None:
        doubted = doubts(text)
        affirmed = (box.ticked if box else False) or affirms(text)
        if self._under(_STATUS):
            self.status_lines.add(line + 1)
        self.claims.append(Claim(None, text, self._position(line), box, affirmed, doubted))

    def _item_lines(self, item: SyntaxTreeNode) -> list[str]:
        paragraph = next((child for child in item.children if child.type == "paragraph"), None)
        lines = _text(paragraph).splitlines() if paragraph else []
        if lines and self._box(item) is not None:
            lines[0] = _BOX.sub("", lines[0])
        return [line.strip() for line in lines]

    def _item_text(self, item: SyntaxTreeNode) -> str:
        return " ".join(self._item_lines(item)).strip()

    def _position(self, line: int) -> Position:
        text = self.source.lines[line]
        return Position(line + 1, len(text) - len(text.lstrip()) + 1)

    def _add(self, kind: Kind, text: str, line: int, box: Box | None) -> None:
        number = sum(one.kind is kind for one in self.criteria) + 1
        self.criteria.append(Criterion(f"{kind}{number}", kind, text, self._position(line), box))


def _match(claim: Claim, criteria: Sequence[Criterion]) -> Claim:
    """Return a claim with the id of the criterion that it speaks of, if there is one."""
    text = normalise(_MARKS.sub("", _ANNOTATION.sub("", claim.text)))
    for criterion in criteria:
        if text and normalise(criterion.text) == text:
            return replace(claim, criterion_id=criterion.id)
    numbers = list(_numbers(claim.text))
    known = {criterion.id for criterion in criteria}
    if numbers and f"AC{numbers[0]}" in known:
        return replace(claim, criterion_id=f"AC{numbers[0]}")
    return replace(claim, criterion_id=None)


def _numbers(text: str) -> Iterator[int]:
    """Yield the numbers of the acceptance criteria that a text names, ranges included."""
    for found in _REFERENCE.finditer(text):
        first = int(found[1])
        yield from range(first, int(found[2] or first) + 1)


def affirms(text: str) -> bool:
    """Whether a text holds a check mark, also a mangled one."""
    return any(mark in text for mark in _CHECKS)


def doubts(text: str) -> bool:
    """Whether a text says that something was not validated, or warns."""
    return bool(_DOUBTS.search(text)) or any(mark in text for mark in _WARNINGS)


def _text(node: SyntaxTreeNode) -> str:
    """Return a block's own text, as written, without the marks around a whole line."""
    inline = next((child for child in node.children if child.type == "inline"), None)
    return inline.content.strip() if inline else ""
