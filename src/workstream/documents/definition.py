"""Which of the statements below `Acceptance Criteria` are the criteria: people write them in several forms."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from workstream.documents import claims
from workstream.documents.identity import placed_below
from workstream.documents.titles import Announcement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.tree import SyntaxTreeNode

    from workstream.documents.model import Box

_SCENARIO = re.compile(r"^\W*(?:scenario|criterion|criteria|given)\b", re.IGNORECASE)
_SENTENCE = 4  # words; what has fewer is the name of a group, unless it numbers itself
# What stands where a box should: `[]`, `[✓]`, `[ x]`, a ballot box, a check mark. A link is none.
_LIKE_A_BOX = re.compile(
    r"^\s*(?:\[(?:\s*[^\w\s\[\]^]{0,2}\s*|\s+[xX]\s*|[xX]\s+|[xX](?=\]\S)|yes|done)\](?![(\[:])|[\u2610-\u2612\u2705\u2713\u2714\u2b1c\u2b1b])"
)
# A proper box in the wrong place: behind the text, or between a name and the text.
_MISPLACED_BOX = re.compile(r"\s\[[ xX]\]\s*$|^\W*[A-Za-z]{1,4}-?\d[\w.]*\W{0,4}\s\[[ xX]\]\s")


@dataclass(frozen=True, slots=True)
class Statement:
    """A list item or a heading.

    Attributes:
        text: what it says.
        line: where it stands, from 0.
        box: its box, if it has one.
        below: what is nested in it, or stands below it.
        groups: the headings, labels and items that it stands below, within the section or above it, from the outermost
            on.

    """

    text: str
    line: int
    box: Box | None = None
    below: Sequence[SyntaxTreeNode] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A list below `Acceptance Criteria`.

    Attributes:
        items: its nodes.
        statements: its items; those with boxes that are nested in one without stand in its place.
        direct: whether no further heading and no label of a group stands between it and the section's beginning.

    """

    items: Sequence[SyntaxTreeNode]
    statements: Sequence[Statement]
    direct: bool

    @property
    def ordered(self) -> bool:
        """Whether its items are numbered."""
        return any(item.parent is not None and item.parent.type == "ordered_list" for item in self.items)

    @property
    def boxed(self) -> list[Statement]:
        """The items with a box."""
        return [statement for statement in self.statements if statement.box is not None]


@dataclass
class Section:
    """What stands below one heading or label that announces acceptance criteria.

    Attributes:
        announcement: how plainly it announces them.
        labelled: whether a label and not a heading does.
        lists: its lists.
        headings: the headings below its own, each with its level and whether a list stands below it.

    """

    announcement: Announcement
    labelled: bool
    lists: list[Listed] = field(default_factory=list)
    headings: list[tuple[int, Statement]] = field(default_factory=list)

    def used(self) -> list[Listed]:
        """Return the lists that hold its criteria.

        What follows a list under a title of its own is something else: who signed, a plan.
        """
        direct = [listed for listed in self.lists if listed.direct]
        if not direct or not self.lists[0].direct:
            return self.lists
        # Below a label, prose may end the list; what follows then is another list.
        direct = ([listed for listed in direct if listed.boxed] or direct[:1]) if self.labelled else direct
        grouped = [listed for listed in self.lists if not listed.direct and listed.boxed]
        return direct if any(listed.boxed for listed in direct) or not grouped else grouped

    def statements(self) -> list[Statement]:
        """Return the criteria: what has boxes; else the lists; else one heading each."""
        used = self.used()
        boxed = [statement for listed in used for statement in listed.boxed]
        if boxed:
            return boxed
        listed = [statement for listed in used for statement in listed.statements]
        headed = self._headed()
        return headed if headed and not self._are_groups(headed, used) else listed

    def _headed(self) -> list[Statement]:
        named = [level for level, statement in self.headings if claims.own_name(statement.text)]
        level = min(named or [level for level, _ in self.headings], default=0)
        return [statement for other, statement in self.headings if other == level]

    @staticmethod
    def _are_groups(headings: Sequence[Statement], lists: Sequence[Listed]) -> bool:
        """Whether headings only name groups of what is listed below them."""
        if any(listed.direct for listed in lists):
            return True
        if any(claims.own_name(statement.text) for listed in lists for statement in listed.statements):
            return True
        if any(map(_is_numbered, headings)):
            return False
        if all(listed.ordered for listed in lists) and lists:
            return True
        if any(map(_is_sentence, headings)):
            return False
        beyond = [heading.line for heading in headings[1:]] + [max((_last(lists), headings[-1].line)) + 1]
        begins = [listed.statements[0].line for listed in lists if listed.statements]
        return all(
            any(heading.line < begin < end for begin in begins) for heading, end in zip(headings, beyond, strict=True)
        )

    def unboxed(self) -> Iterator[int]:
        """Yield the lines of items that have no proper box: beside others that have one, or with something like one."""
        for listed in self.used():
            mixed = bool(listed.boxed)
            yield from (
                statement.line
                for statement in listed.statements
                if statement.box is None
                and (mixed or _LIKE_A_BOX.match(statement.text) or _MISPLACED_BOX.search(statement.text))
            )

    def passed_over(self) -> Iterator[int]:
        """Yield the lines of lists that hold no criteria, and look as if they might."""
        used = set(map(id, self.used()))
        yield from (listed.statements[0].line for listed in self.lists if id(listed) not in used and listed.statements)


def _looks_boxed(text: str) -> bool:
    """Whether a statement holds what its author takes for a box."""
    return bool(_LIKE_A_BOX.match(text) or _MISPLACED_BOX.search(text))


def _is_numbered(heading: Statement) -> bool:
    """Whether a heading has a number of its own, as a criterion has."""
    return bool(claims.own_name(heading.text) or _SCENARIO.match(heading.text))


def _is_sentence(heading: Statement) -> bool:
    words = heading.text.split()
    small = sum(word[:1].islower() for word in words[1:])
    return len(words) >= _SENTENCE and small * 2 >= len(words) - 1


def _last(lists: Sequence[Listed]) -> int:
    return max((statement.line for listed in lists for statement in listed.statements), default=0)


@dataclass
class Definition:
    """Collects the sections of a document that announce acceptance criteria, in the document's order."""

    _sections: dict[tuple[int, int], Section] = field(default_factory=dict)

    def section(self, key: tuple[int, int], announcement: Announcement, *, labelled: bool) -> Section:
        """Return the section of a heading, or of a label below it; a new one the first time that it is asked for."""
        return self._sections.setdefault(key, Section(announcement, labelled))

    def resolved(self) -> Resolved:
        """Return which sections define, once all of them are there."""
        sections = [section for section in self._sections.values() if section.lists or section.headings]
        plainest = min((section.announcement for section in sections if section.statements()), default=None)
        others = [section for section in sections if section.announcement is not plainest]
        defining = [section for section in sections if section.announcement is plainest]
        if plainest is not Announcement.PLAIN and any(listed.boxed for one in defining for listed in one.lists):
            others += [one for one in defining if not any(listed.boxed for listed in one.lists)]
            defining = [one for one in defining if any(listed.boxed for listed in one.lists)]
        kept: list[Section] = []
        repeating: list[Section] = []
        seen: set[str] = set()
        for section in defining:
            texts = [statement.text for statement in section.statements()]
            repeats = kept and sum(claims.says_again(text, seen) for text in texts) * 2 > len(texts)
            (repeating if repeats else kept).append(section)
            seen.update(map(claims.statement, texts))
        return Resolved(kept, repeating, others)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the sections of a document that announce acceptance criteria are.

    Attributes:
        defining: those that hold the criteria.
        repeating: those that only say again what others hold: claims about it.
        others: those that say something about criteria.

    """

    defining: Sequence[Section]
    repeating: Sequence[Section]
    others: Sequence[Section]

    def statements(self) -> list[Statement]:
        """Return the criteria; the groups that all of them stand in go without saying.

        Where some stand in no other, these keep the last: it tells them apart from those that do.
        """
        found = [statement for section in self.defining for statement in section.statements()]
        paths = {placed_below(statement.groups) for statement in found}
        if len(paths) <= 1:
            return [replace(statement, groups=()) for statement in found]
        levels = zip(*paths, strict=False)
        shared = sum(1 for _ in itertools.takewhile(lambda names: len(set(names)) == 1, levels))
        return [
            replace(statement, groups=statement.groups[min(shared, len(statement.groups) - 1) :]) for statement in found
        ]

    def unboxed(self) -> list[int]:
        """Return the lines of items without a box as it must be."""
        return [line for section in self.defining for line in section.unboxed()]

    def passed_over(self) -> list[int]:
        """Return the lines of lists of a section with criteria that are taken for something else."""
        boxed = [
            listed.statements[0].line
            for section in self.others
            if self.defining
            for listed in section.lists
            if listed.boxed and section.announcement is not Announcement.ABOUT
        ]
        return [*(line for section in self.defining for line in section.passed_over()), *boxed]
