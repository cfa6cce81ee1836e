"""Which of the statements below `Acceptance Criteria` are the criteria: people write them in several forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.tree import SyntaxTreeNode

    from workstream.documents.model import Box


@dataclass(frozen=True, slots=True)
class Statement:
    """A list item or a heading.

    Attributes:
        text: what it says.
        line: where it stands, from 0.
        box: its box, if it has one.
        below: what is nested in it, or stands below it.

    """

    text: str
    line: int
    box: Box | None = None
    below: Sequence[SyntaxTreeNode] = ()


@dataclass
class Definition:
    """Collects what stands in the section of the definition.

    Attributes:
        scope: the number of the section; None until there is one.
        labelled: whether a label within the section, and not its heading, announces the criteria.

    """

    scope: int | None = None
    labelled: bool = False
    _lists: list[list[Statement]] = field(default_factory=list)
    _direct: list[list[Statement]] = field(default_factory=list)
    _headings: list[tuple[int, Statement]] = field(default_factory=list)

    def add_list(self, statements: list[Statement], *, direct: bool) -> None:
        """Take the items of a list; direct if no further heading stands between it and the section's."""
        self._lists.append(statements)
        if direct:
            self._direct.append(statements)

    def add_heading(self, level: int, statement: Statement) -> None:
        """Take a heading below the section's own."""
        self._headings.append((level, statement))

    def unboxed(self) -> list[int]:
        """Return the lines of items without a box in lists whose other items have one: criteria, perhaps."""
        mixed = [statements for statements in self._lists if any(statement.box for statement in statements)]
        return [statement.line for statements in mixed for statement in statements if statement.box is None]

    def statements(self) -> list[Statement]:
        """Return the criteria: what has boxes; else the lists; else one heading each."""
        boxed = [statement for statements in self._lists for statement in statements if statement.box is not None]
        if boxed:
            return boxed
        if self._direct:
            # Below a label, prose may end the list; what follows then is another list.
            lists = self._direct[:1] if self.labelled else self._direct
            return [statement for statements in lists for statement in statements]
        level = min((level for level, _ in self._headings), default=0)
        return [statement for other, statement in self._headings if other == level]
