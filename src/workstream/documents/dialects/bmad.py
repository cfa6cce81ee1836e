"""BMAD: a story in a file, with numbered criteria and tasks that name them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from workstream.documents import claims
from workstream.documents.context import Context
from workstream.documents.model import Claim, Document, Kind, Position
from workstream.documents.reading import Reading
from workstream.documents.source import end_of_section, own_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.tree import SyntaxTreeNode

    from workstream.documents.file import File
    from workstream.documents.model import Criterion

NAME = "bmad"

_STORY = re.compile(
    r"^\W*(?:user\s+)?story\s+(?P<id>(?:[A-Z]{1,8}[.-]?)?\d+[A-Za-z]?(?:[.-]\d+[A-Za-z]?)*)\b", re.IGNORECASE
)
_ACCEPTANCE = re.compile(r"^[^a-z]*acceptance\s+criteria\b", re.IGNORECASE)
_NUMBER = re.compile(r"^\s*\d{1,9}[.)]\s")
_STATUS = re.compile(r"^\W*status\b\W*(?P<state>.*)$", re.IGNORECASE)
_DONE = re.compile(r"^\W*(?:done|completed?)\b(?!\s+with)[^A-Za-z]*$", re.IGNORECASE)


def recognises(file: File) -> bool:
    """Whether a file is a story: by its first heading, and by a heading of acceptance criteria below it."""
    if not file.headings or not _STORY.match(file.headings[0][1]) or "templates" in file.path.parts:
        return False
    return any(_ACCEPTANCE.match(text) for _, text in file.headings[1:])


def read(file: File) -> Document:
    """Return the document; nothing of it is edited."""
    heading = file.headings[0][1] if file.headings else ""
    story = _STORY.match(heading)
    defining = Reading(file.source, heading, nested=False)
    defining.read(_section(file))
    criteria = _numbered(file, [one for one in defining.criteria() if one.kind is Kind.ACCEPTANCE])
    reading = Reading(file.source, heading)
    reading.read(file.blocks)
    ticked = [
        Claim(criterion.id, criterion.text, criterion.position, criterion.box, criterion.box.ticked, doubted=False)
        for criterion in criteria
        if criterion.box is not None
    ]
    criteria = tuple(replace(criterion, box=None) for criterion in criteria)
    claimed = [*ticked, *claims.claims(reading.rows, criteria), *_state(file, criteria)]
    return Document(
        path=file.path,
        id=f"STORY-{story['id']}".upper() if story else file.path.stem.upper(),
        title=heading[story.end() :].strip(" :-\u2013\u2014") if story else heading,
        content=file.content,
        criteria=criteria,
        claims=tuple(sorted(claimed, key=lambda claim: claim.position.line)),
        swallowed_labels=tuple(defining.swallowed),
        open_fences=tuple(file.source.open_fences),
        unboxed=tuple(defining.unboxed()),
        passed_over=tuple(defining.passed_over()),
        meaning=Context(file.source, file.blocks, heading, criteria).text,
        dialect=NAME,
        editable=False,
    )


def _section(file: File) -> Sequence[SyntaxTreeNode]:
    """Return the blocks of the first section that is called `Acceptance Criteria`."""
    for number, block in enumerate(file.blocks):
        if number and block.type == "heading" and _ACCEPTANCE.match(own_text(block)):
            return file.blocks[number : end_of_section(file.blocks, number)]
    return ()


def _numbered(file: File, criteria: Sequence[Criterion]) -> tuple[Criterion, ...]:
    """Return the criteria that are numbered, if any are: bullets beside them say something about them."""
    numbered = [one for one in criteria if _NUMBER.match(file.source.lines[one.position.line - 1])]
    return tuple(
        replace(one, id=f"{Kind.ACCEPTANCE}{count}") for count, one in enumerate(numbered or criteria, start=1)
    )


def _state(file: File, criteria: Sequence[Criterion]) -> Iterator[Claim]:
    """Yield what the state of the story claims: that all is done."""
    awaited = False
    for block in file.blocks:
        text = own_text(block)
        lines = text.split("\n") if block.type in {"heading", "paragraph"} else []
        for offset, line in enumerate(lines):
            status = _STATUS.match(line)
            state = status["state"] if status else line if awaited else ""
            if _DONE.match(state):
                place = Position(file.source.line(block) + offset + 1, 1)
                yield from (Claim(one.id, line, place, None, affirmed=True, doubted=False) for one in criteria)
                return
        awaited = block.type == "heading" and bool(_STATUS.match(text))
