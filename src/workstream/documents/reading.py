"""Walks a document's blocks and collects what was promised, and what was claimed about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workstream.documents import claims, commands, content, marks, titles
from workstream.documents.definition import Definition, Listed, Resolved, Statement
from workstream.documents.definition import Section as DefiningSection
from workstream.documents.identity import placed_below
from workstream.documents.model import Box, Criterion, Kind, Position
from workstream.documents.source import Source, below_item, end_of_section, item_lines, item_text, own_text, without_box
from workstream.documents.titles import Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.tree import SyntaxTreeNode

_LOWEST_LEVEL = 6  # of a heading
_LOWEST_TITLE = 2  # a heading of a lower level that holds the id is one of the document's sections
_KINDS = {Section.CONSTRAINTS: Kind.CONSTRAINT, Section.GOAL: Kind.GOAL}
_LISTS = {"bullet_list", "ordered_list"}


@dataclass
class _Heading:
    """A heading above what is being read.

    Attributes:
        text: what it says.
        number: which of the headings it is, from 1.
        section: what it announces.

    """

    text: str
    number: int
    section: Section | None


@dataclass
class Reading:
    """Walks the blocks of a document and collects what it promises and what it claims.

    Args:
        source: the file.
        title: the heading that holds the document's id: whatever else it says, it announces no criteria.
        nested: whether items with boxes are criteria that stand in one without.

    """

    source: Source
    title: str
    nested: bool = True
    rows: list[claims.Row] = field(default_factory=list)
    swallowed: list[Position] = field(default_factory=list)

    # Where the walk is: the headings above, by level, and the last label within their section.
    _headings: dict[int, _Heading] = field(default_factory=dict)
    _count: int = 0
    _label: str = ""
    _label_is_fresh: bool = False  # nothing stands below it yet
    _label_has_groups: bool = False
    _group: str = ""  # the label of a group below a label
    _labels: int = 0  # how many labels announced acceptance criteria
    _in_report: bool = False  # what is below makes claims
    _report_level: int = 0  # of the heading of the report that is being read: what is below promises nothing
    _definition: Definition = field(default_factory=Definition)
    _resolved: Resolved = field(default_factory=lambda: Resolved((), (), ()))
    _others: dict[Kind, list[Statement]] = field(default_factory=dict)
    _commands_in: int | None = None
    _is_cut: bool = False  # a rule has ended a list of criteria, and nothing but lists has followed
    _cut_off: list[int] = field(default_factory=list)  # where boxes stand that look like criteria, and are none

    def criteria(self) -> tuple[Criterion, ...]:
        """Return the criteria that were found, in the order of the document."""
        criteria = [
            self._criterion(kind, number, statement)
            for kind, statements in {Kind.ACCEPTANCE: self._resolved.statements(), **self._others}.items()
            for number, statement in enumerate(statements, start=1)
        ]
        return tuple(sorted(criteria, key=lambda criterion: criterion.position.line))

    def _criterion(self, kind: Kind, number: int, statement: Statement) -> Criterion:
        return Criterion(
            f"{kind}{number}",
            kind,
            statement.text,
            self.source.position(statement.line),
            statement.box,
            content.details(self.source, statement.below),
            statement.groups,
        )

    def unboxed(self) -> Iterator[Position]:
        """Yield where items stand whose box is none, or that have none where others do."""
        return map(self.source.position, self._resolved.unboxed())

    def passed_over(self) -> Iterator[Position]:
        """Yield where lists stand below `Acceptance Criteria` that are taken for something else."""
        return map(self.source.position, [*self._resolved.passed_over(), *self._cut_off])

    def read(self, blocks: Sequence[SyntaxTreeNode]) -> None:
        """Walk the top-level blocks."""
        for number, block in enumerate(blocks):
            if block.type not in {"heading", "paragraph", "hr"}:
                self._label_is_fresh = False
            if block.type not in {*_LISTS, "hr"}:
                self._is_cut = False
            if block.type == "heading":
                self._enter(block, blocks[number + 1 : end_of_section(blocks, number)])
            elif block.type == "paragraph":
                self._paragraph(block)
                self._named_label(blocks, number)
            elif block.type in _LISTS:
                self._list(block)
            elif block.type == "fence":
                self._fence(block)
            elif block.type in {"table", "blockquote"}:
                self._without_criteria(block)
            elif block.type == "hr":
                self._is_cut |= titles.section(self._label) is Section.ACCEPTANCE
                self._label = ""
        self._resolve()

    def _named_label(self, blocks: Sequence[SyntaxTreeNode], number: int) -> None:
        """Take a label that numbers itself, `**AC1: Letters leave**`, for what a heading would be."""
        scope, text = self._scope(), own_text(blocks[number])
        if (
            scope is None
            or self._report_level
            or "\n" in text
            or not titles.is_label(text)
            or not claims.own_name(text)
        ):
            return
        beyond = number + 1
        while (
            beyond < len(blocks) and blocks[beyond].type != "heading" and not claims.own_name(own_text(blocks[beyond]))
        ):
            beyond += 1
        below = blocks[number + 1 : beyond]
        statement = Statement(text, self.source.line(blocks[number]), below=below, groups=self._path(scope))
        self._section_of(scope).headings.append((_LOWEST_LEVEL + 1, statement))

    def _resolve(self) -> None:
        """Say which lists define, now that all were seen, and take the others for what they may claim."""
        self._resolved = self._definition.resolved()
        for section in self._resolved.repeating:
            for listed in section.lists:
                self._claim_items(listed.items, expected=True)
        used = {id(listed) for section in self._resolved.defining for listed in section.used()}
        for section in (*self._resolved.defining, *self._resolved.others):
            for listed in section.lists:
                if id(listed) not in used:
                    self._claim_items(listed.items)
        self.rows.sort(key=lambda row: row.position.line)

    def _enter(self, heading: SyntaxTreeNode, below: Sequence[SyntaxTreeNode]) -> None:
        level, text = int(heading.tag[1:]), own_text(heading)
        self._count += 1
        self._headings = {above: title for above, title in self._headings.items() if above < level}
        is_title = text == self.title and level <= _LOWEST_TITLE
        section = None if is_title else titles.section(text)
        if self._report_level and level <= self._report_level:
            self._report_level = 0
        scope = self._scope()
        if scope is not None and not self._report_level and section is None and not is_title:
            statement = Statement(text, self.source.line(heading), below=below, groups=self._path(scope))
            self._section_of(scope).headings.append((level, statement))
        self._headings[level] = _Heading(text, self._count, section)
        self._label, self._label_has_groups, self._group = "", False, ""
        if not is_title and titles.begins_report(text):
            self._in_report = True
            self._report_level = self._report_level or level
        self._claim_line(text, self.source.line(heading))

    def _section_of(self, scope: _Heading) -> DefiningSection:
        return self._definition.section((scope.number, 0), titles.announcement(scope.text), labelled=False)

    def _scope(self) -> _Heading | None:
        """Return the heading `Acceptance Criteria` that what is being read belongs to."""
        announced = self._announced()
        return announced if announced and announced.section is Section.ACCEPTANCE else None

    def _announced(self) -> _Heading | None:
        """Return the nearest heading that says what stands below it."""
        announcing = [heading for heading in self._headings.values() if heading.section is not None]
        return announcing[-1] if announcing else None

    @property
    def _section(self) -> Section | None:
        """What the next list is a list of: its label says it, else the nearest heading that says something."""
        announced = self._announced()
        return titles.section(self._label) or (announced.section if announced else None)

    @property
    def _number(self) -> int:
        """The number of the nearest heading."""
        return max((heading.number for heading in self._headings.values()), default=0)

    def _paragraph(self, block: SyntaxTreeNode) -> None:
        lines = own_text(block).split("\n")
        label = next(filter(titles.is_acceptance_label, lines), lines[-1] if titles.is_label(lines[-1]) else "")
        if label:
            self._take_label(label)
        for number, line in enumerate(lines):
            self._claim_line(line, self.source.line(block) + number)

    def _take_label(self, label: str) -> None:
        """Take a label; one that stands directly below `Acceptance Criteria:` names a group of them."""
        known = titles.section(label)
        is_group = known is None and titles.section(self._label) is Section.ACCEPTANCE
        self._label_has_groups = is_group and (self._label_has_groups or self._label_is_fresh)
        self._group = label if self._label_has_groups else ""
        if not self._label_has_groups:
            self._label, self._label_is_fresh = label, True
            self._labels += known is Section.ACCEPTANCE
        if titles.begins_report(label):
            self._in_report = True
            self._report_level = self._report_level or max(self._headings, default=_LOWEST_LEVEL)

    def _claim_line(self, text: str, line: int) -> None:
        """Take a line of a report that is about a criterion that it names."""
        if self._in_report and claims.begins_with_reference(text) and marks.claims_met(text):
            self._row(text, (text,), line)

    def _list(self, block: SyntaxTreeNode) -> None:
        items = list(block.children)
        if self._is_cut and self._section is None and any(map(self._box, items)):
            self._cut_off.append(self.source.line(block))
        if self._report_level:
            self._claim_items(items)
            return
        number, label, nested = self._swallowed(items)
        if number is None:
            self._items(items)
            return
        self._items(items[: number + 1], cut=label)
        self._label, self._label_has_groups, self._group = label, False, ""
        self._labels += 1
        self._items(nested or items[number + 1 :])

    def _swallowed(self, items: Sequence[SyntaxTreeNode]) -> tuple[int | None, str, Sequence[SyntaxTreeNode]]:
        """Return which item took in a label, the label, and the items nested below it if it is an item itself."""
        for number, item in enumerate(items):
            for paragraph in (node for node in item.walk() if node.type == "paragraph"):
                for offset, line in enumerate(own_text(paragraph).split("\n")):
                    if not titles.is_acceptance_label(line) or not titles.is_label(line):
                        continue
                    lists = [child for child in item.children if child.type in _LISTS]
                    if offset:
                        self.swallowed.append(Position(self.source.line(paragraph) + offset + 1, 1))
                        return number, line, ()
                    if lists and paragraph.parent is item:
                        return number, line, lists[0].children
        return None, "", ()

    def _items(self, items: Sequence[SyntaxTreeNode], cut: str = "") -> None:
        """Take the items of a list as what its label or heading announces; of the last, the text up to a label."""
        section = self._section
        below = self._announced()
        if section is Section.GOAL and below and below.number != self._number and not self._label:
            section = None  # a further heading stands between
        if self._in_report and section in _KINDS and self._others.get(_KINDS[section]):
            section = None  # behind a report, what says it again is a claim
        if section is Section.ACCEPTANCE:
            self._define(items)
        elif section is Section.CONSTRAINTS:
            self._add(Kind.CONSTRAINT, items, cut)
        elif section is Section.GOAL:
            self._add(Kind.GOAL, [item for item in items if self._box(item) is None], cut)
        else:
            self._claim_items(items)
        for node in (node for item in items for node in item.walk() if node.type == "fence"):
            self._fence(node)

    def _add(self, kind: Kind, items: Sequence[SyntaxTreeNode], cut: str) -> None:
        statements = self._others.setdefault(kind, [])
        for item in items:
            lines = item_lines(item)
            if cut and cut in lines:
                lines = lines[: lines.index(cut)]
            if lines:
                below = () if cut else below_item(item)
                statements.append(Statement(" ".join(lines), self.source.line(item), below=below))

    def _define(self, items: Sequence[SyntaxTreeNode]) -> None:
        """Take a list of a section that announces acceptance criteria."""
        scope = self._scope()
        if scope is None and any(
            titles.is_example(heading.text) for heading in self._headings.values() if heading.text != self.title
        ):
            self._claim_items(items)
            return
        if scope is None:
            key, announcement = (self._number, self._labels), titles.announcement(self._label)
            section = self._definition.section(key, announcement, labelled=True)
        else:
            section = self._section_of(scope)
        below = max(self._headings.values(), key=lambda heading: heading.number, default=None)
        label = self._group or (self._label if titles.section(self._label) is None else "")
        statements = tuple(self._statements(items, self._path(scope, label)))
        section.lists.append(Listed(items, statements, direct=not label and (scope is None or scope is below)))

    def _path(self, scope: _Heading | None, label: str = "") -> tuple[str, ...]:
        """Return the groups in which criteria stand: all headings but the document's and their own, then a label.

        What only says how far the work is, `Done`, is no group.
        """
        headings = (heading.text for heading in self._headings.values() if heading is not scope)
        groups = [text for text in headings if text != self.title]
        return tuple(group for group in (*groups, label) if placed_below([group]))

    def _statements(self, items: Sequence[SyntaxTreeNode], groups: tuple[str, ...]) -> Iterator[Statement]:
        """Yield the statements of a list; where an item without a box holds items with one, it names their group."""
        for item in items:
            box = self._box(item)
            nested = [child for child in item.children if child.type in _LISTS] if box is None and self.nested else []
            if any(self._box(node) for child in nested for node in child.walk() if node.type == "list_item"):
                text = item_text(item)
                below = (*groups, text) if placed_below([text]) else groups
                for child in nested:
                    yield from self._statements(child.children, below)
            else:
                yield Statement(item_text(item), self.source.line(item), box, below_item(item), groups)

    def _box(self, item: SyntaxTreeNode) -> Box | None:
        return self.source.box(self.source.line(item))

    def _fence(self, block: SyntaxTreeNode) -> None:
        """Take the commands of the fenced blocks of the first section that is to hold them."""
        announced = self._announced()
        if titles.section(self._label) is Section.COMPLETION:
            place = self._number
        elif announced and announced.section is Section.COMPLETION and not titles.shows_output(self._label):
            place = announced.number
        else:
            return
        if self._report_level or not commands.are_commands(block.info) or self._commands_in not in {None, place}:
            return
        self._commands_in = place
        for command in commands.split(self.source.code(block)):
            line = self.source.code_line(block, command.line)
            self._others.setdefault(Kind.COMPLETION, []).append(Statement(command.text, line))

    def _without_criteria(self, block: SyntaxTreeNode) -> None:
        """Take a quote or a table, which holds no criteria; a box among criteria there is told."""
        rows = [row for row in block.walk() if row.type == "tr" and row.map]
        boxes = [row for row in rows if any(own_text(cell) != without_box(own_text(cell)) for cell in row.children)]
        boxes += [item for item in block.walk() if item.type == "list_item" and self._box(item)]
        if boxes and self._section is Section.ACCEPTANCE and not self._report_level:
            self._cut_off.append(self.source.line(boxes[0]))
        for row in rows:
            cells = tuple(own_text(cell) for cell in row.children)
            self._row(" | ".join(cells), cells, self.source.line(row))

    def _claim_items(self, items: Sequence[SyntaxTreeNode], *, expected: bool = False) -> None:
        """Take items, and what is nested in them, as rows that may be about criteria."""
        for item in (node for top in items for node in top.walk() if node.type == "list_item"):
            text = item_text(item)
            self._row(text, (text,), self.source.line(item), self._box(item), expected=expected)

    def _row(
        self, text: str, cells: tuple[str, ...], line: int, box: Box | None = None, *, expected: bool = False
    ) -> None:
        refers = claims.refers(text)
        if box is None and not claims.may_refer(text) and not any(map(marks.claims_met, cells)):
            return
        status = any(
            titles.is_status(title) for title in (self._label, *(title.text for title in self._headings.values()))
        )
        about = expected or (status and (box is not None or refers)) or (self._in_report and refers)
        self.rows.append(claims.Row(text, cells, self.source.position(line), box, about))
