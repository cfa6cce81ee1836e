"""Backlog.md: a task in a file, with front matter, and its criteria between two comments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workstream.documents.context import Context
from workstream.documents.ids import DOCUMENT_ID
from workstream.documents.model import Claim, Criterion, Document, Fault, Kind, Position
from workstream.documents.rendering import rendered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.documents.file import File

NAME = "backlog"

_ID = re.compile(r"^[A-Za-z][A-Za-z0-9_]*-\d+(?:\.\d+)*$")
_KEYS = {"assignee", "created_date", "updated_date", "dependencies", "labels", "ordinal"}
_MARK = re.compile(r"^\s*<!--\s*(?P<block>AC|DOD):(?P<side>BEGIN|END)\s*-->\s*$")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_HEADING = re.compile(r"^(?P<level>#{1,6})\s+(?P<title>.*?)\s*#*$")
_ITEM = re.compile(r"^(?P<indent>\s*)[-*+]\s+\[[ xX]\]\s+(?P<text>.*)$")
_MORE = re.compile(r"^\s+(?:[-*+]\s+|\d+[.)]\s+)?(?:\[[ xX]\]\s+)?(?P<text>\S.*)$")
_DONE = re.compile(r"^(?:done|completed?|closed|finished)$", re.IGNORECASE)
_TITLES = {"acceptance criteria": "AC", "definition of done": "DOD"}


def recognises(file: File) -> bool:
    """Whether a file is a task of Backlog.md: by its front matter, and its comments or further keys of its own."""
    matter = file.front_matter
    name = matter.get("id", ("", 0))[0]
    if not _ID.match(name):
        return False
    if any((mark := _MARK.match(line)) and mark["block"] == "AC" for line in file.source.lines):
        return True
    return {"title", "status"} <= set(matter) and bool(_KEYS & set(matter)) and not DOCUMENT_ID.fullmatch(name)


def read(file: File) -> Document:
    """Return the document."""
    faults: list[Fault] = []
    lines = _lines(file, faults)
    criteria = tuple(_criteria(file, lines["AC"], Kind.ACCEPTANCE))
    title = file.front_matter.get("title", ("", 0))[0]
    return Document(
        path=file.path,
        id=file.front_matter.get("id", (file.path.stem, 0))[0].upper(),
        title=title,
        content=file.content,
        criteria=criteria,
        claims=tuple(_claims(file, criteria)),
        meaning=Context(file.source, file.blocks, "", criteria).text,
        dialect=NAME,
        done=tuple(_criteria(file, lines["DOD"], Kind.DONE)),
        faults=tuple(faults),
    )


def _lines(file: File, faults: list[Fault]) -> dict[str, list[int]]:
    """Return the lines (from 0) of each block: between its comments; where there are none, below its heading."""
    marked: dict[str, list[int]] = {"AC": [], "DOD": []}
    headed: dict[str, list[int]] = {"AC": [], "DOD": []}
    has_marks: set[str] = set()
    opened: tuple[str, int] | None = None
    section = ""
    for number, line in _outside_code(file):
        heading, mark = _HEADING.match(line), _MARK.match(line)
        if mark:
            has_marks.add(mark["block"])
            if mark["side"] == "BEGIN" and opened:
                faults.append(_unbalanced(file, opened[1]))
                return {"AC": [], "DOD": []}  # nobody knows what belongs to which
            if mark["side"] == "END" and (opened is None or opened[0] != mark["block"]):
                faults.append(_unbalanced(file, number))
                return {"AC": [], "DOD": []}
            opened = (mark["block"], number) if mark["side"] == "BEGIN" else None
        elif opened:
            marked[opened[0]].append(number)
        elif heading:
            level = len(heading["level"])
            section = _TITLES.get(heading["title"].lower(), "") if level == 2 else section if level > 2 else ""  # noqa: PLR2004
        elif section:
            headed[section].append(number)
    if opened:
        faults.append(_unbalanced(file, opened[1]))
        return {"AC": [], "DOD": []}
    return {block: marked[block] if block in has_marks else headed[block] for block in marked}


def _outside_code(file: File) -> Iterator[tuple[int, str]]:
    fence = ""
    for number in range(len(file.source.front_matter), len(file.source.lines)):
        line = file.source.lines[number]
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence:
            yield number, line


def _unbalanced(file: File, number: int) -> Fault:
    line = file.source.lines[number].strip()
    message = f"{line} has no other half: nobody knows which criteria it holds, and none is read"
    return Fault(file.path, Position(number + 1, 1), message)


def _criteria(file: File, numbers: Sequence[int], kind: Kind) -> Iterator[Criterion]:
    """Yield a criterion for each line with a box; what is indented below it belongs to it."""
    items = [(number, match) for number in numbers if (match := _ITEM.match(file.source.lines[number]))]
    least = min((len(match["indent"]) for _, match in items), default=0)
    begins = [(number, match) for number, match in items if len(match["indent"]) == least]
    ends = [number for number, _ in begins[1:]] + [max(numbers, default=0) + 1]
    within = set(numbers)
    for count, ((number, match), end) in enumerate(zip(begins, ends, strict=False), start=1):
        below = (_MORE.match(file.source.lines[other]) for other in range(number + 1, end) if other in within)
        details = sorted(rendered(more["text"]) for more in below if more)
        position, box = file.source.position(number), file.source.box(number)
        yield Criterion(f"{kind}{count}", kind, match["text"].strip(), position, box, "\n".join(details))


def _claims(file: File, criteria: Sequence[Criterion]) -> Iterator[Claim]:
    """Yield what the state of the task claims: that all is done."""
    state, number = file.front_matter.get("status", ("", 0))
    if _DONE.match(state):
        for criterion in criteria:
            yield Claim(criterion.id, f"status: {state}", Position(number + 1, 1), None, affirmed=True, doubted=False)
