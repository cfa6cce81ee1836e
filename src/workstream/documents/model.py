"""What a workstream document holds, as values. `parse` makes them; nothing changes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Kind(StrEnum):
    """What sort of statement a criterion is; the value is the prefix of its id."""

    ACCEPTANCE = "AC"
    GOAL = "G"
    CONSTRAINT = "C"
    COMPLETION = "CC"
    DONE = "DOD"  # what people check when all else is done; no criterion, and nothing proves it


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a document; both count from 1, the column in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Box:
    """A task-list box.

    Attributes:
        offset: where the one byte between the brackets stands in the file, in bytes from its start.
        ticked: whether that byte is an `x` or `X`.

    """

    offset: int
    ticked: bool


@dataclass(frozen=True, slots=True)
class Criterion:
    """One statement of the document that can be proven.

    Attributes:
        id: its place in the document: `AC1`, `G2`, `C1`, `CC3`; in other forms what those number with: `1.2`, `US1.2`,
            `FR-001`.
        kind: what sort of statement it is.
        text: the statement as written, continuation lines joined by one space.
        position: where it starts.
        box: its box; None for goals, constraints, completion commands and criteria in prose.
        details: what is nested in the statement, follows it in the same item or stands below it, if it is a heading:
            promised too. One part a line, as it is seen; code as it is written; the parts sorted, unless they are
            the steps of a scenario; without boxes.
        groups: the headings, labels and items that it stands below, from the outermost on, without those that all
            criteria stand below: `Story 2`.

    """

    id: str
    kind: Kind
    text: str
    position: Position
    box: Box | None = None
    details: str = ""
    groups: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """Where it stands, in one line; empty if that goes without saying."""
        return " / ".join(self.groups)


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody wrote about a criterion: a tick, a row of an execution report. Never evidence.

    Attributes:
        criterion_id: the criterion it speaks of; None where no criterion of the definition matches.
        text: the claim as written.
        position: where it starts.
        box: its box, if it has one.
        affirmed: whether it says that the criterion is met (a tick, a check mark).
        doubted: whether it also says that this was not validated (a warning sign, "not validated").
        path: the file in which it stands, if it is not the document's own.

    """

    criterion_id: str | None
    text: str
    position: Position
    box: Box | None
    affirmed: bool
    doubted: bool
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something of a document that its form does not allow.

    Attributes:
        path: the file in which it stands.
        position: where.
        message: what is wrong.

    """

    path: Path
    position: Position
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """One workstream document.

    Attributes:
        path: where it was read.
        id: its id, `WS-001-04`.
        title: what follows the id in its heading.
        content: the file's bytes, as read.
        criteria: the definition, in document order (acceptance, goals, constraints, completion commands
            keep the order in which they stand).
        claims: everything that speaks of the criteria elsewhere, in document order.
        ids: the ids that it gives itself, each with its place: heading, front matter, file name.
        swallowed_labels: labels of acceptance criteria that Markdown takes for a part of the list above.
        open_fences: code fences that are never closed, or in which another one begins.
        unboxed: items of lists of criteria that have no box as it must be, where others have one, or where they have
            something like one that no tool can tick.
        passed_over: lists below `Acceptance Criteria` that are taken for something else; nobody proves what they say.
        dialect: the name of its form.
        editable: whether its boxes may be ticked; where not, what is claimed is only compared with evidence.
        done: what it asks for beside its criteria, a definition of done: no test proves it, and no evidence ticks it.
        parts: further files that belong to it.
        faults: what is wrong with it in the way of its own form: comments without their other half, tasks that name
            requirements that are none.
        dependencies: the ids of the documents that it says it depends on.
        dependency_words: all that it says of that; documents of other forms may be named in it, too.
        meaning: works out `context` when it is asked for.

    """

    path: Path
    id: str
    title: str
    content: bytes
    criteria: tuple[Criterion, ...]
    claims: tuple[Claim, ...]
    ids: tuple[tuple[str, str], ...] = ()
    swallowed_labels: tuple[Position, ...] = ()
    open_fences: tuple[Position, ...] = ()
    unboxed: tuple[Position, ...] = ()
    passed_over: tuple[Position, ...] = ()
    dialect: str = ""
    editable: bool = True
    done: tuple[Criterion, ...] = ()
    parts: tuple[Path, ...] = ()
    faults: tuple[Fault, ...] = ()
    dependencies: tuple[str, ...] = ()
    dependency_words: str = ""
    meaning: Callable[[], str] = field(default=str, repr=False, compare=False)

    @property
    def context(self) -> str:
        """What gives the criteria their meaning and is none of them: one part a line, sorted.

        It stays the same after a tick, a report, a new order or other line breaks; any other word changes it.
        """
        return self.meaning()

    @property
    def lines(self) -> list[str]:
        """The document's lines without their ends, as Markdown counts them; `str.splitlines` finds more."""
        text = self.content.decode("utf-8", "replace").removeprefix("\ufeff")
        return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
