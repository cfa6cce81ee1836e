"""Kiro, cc-sdd, spec-workflow: a folder for each spec, with `requirements.md` and, perhaps, `tasks.md`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workstream.documents import content, titles
from workstream.documents.context import Context
from workstream.documents.dialects import tasks
from workstream.documents.model import Claim, Criterion, Document, Fault, Kind, Position
from workstream.documents.source import below_item, item_text, own_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from markdown_it.tree import SyntaxTreeNode

    from workstream.documents.file import File

NAME = "kiro"
FILE = "requirements.md"

_PARTS = (tasks.FILE, "design.md", "research.md")
_REQUIREMENT = re.compile(r"^\W*(?:requirement|req)\b\W{0,3}(?P<number>\d{1,4})\b", re.IGNORECASE)
_NUMBERED = re.compile(r"^\W*(?P<number>\d{1,4})[.:)]?\s+\S")
_OWN = re.compile(r"^\W{0,4}(?P<requirement>\d{1,4})\.(?P<number>\d{1,4})\W{0,4}\s+(?=\S)")
_MARKER = re.compile(r"^[\s>]*(?P<number>\d{1,9})[.)]\s")
_LISTS = {"bullet_list", "ordered_list"}
_NAMES = re.compile(r"^[\W_]*requirements?[\W_]*:[\W_]*(?P<names>.*?)[\s_*]*$", re.IGNORECASE)
_NAME = re.compile(
    r"^[\W_]*(?:req(?:uirement)?s?\.?\s*)?(?P<first>\d{1,4}(?:\.\d{1,4})?)"
    r"(?:\s*[\u2013-]\s*(?P<last>\d{1,4}(?:\.\d{1,4})?))?[\W_]*$",
    re.IGNORECASE,
)
_RANGE = 200  # criteria that a range names at most


def recognises(file: File) -> bool:
    """Whether a file holds the requirements of a spec: by its name, and by requirements with criteria below them."""
    if file.path.name.lower() != FILE or "templates" in file.path.parts:
        return False
    return any(_REQUIREMENT.match(text) for _, text in file.headings) and bool(_criteria(file, []))


def read(file: File) -> Document:
    """Return the document; what its tasks claim is read from the file beside it."""
    faults: list[Fault] = []
    criteria = _criteria(file, faults)
    title = next((text for level, text in file.headings if level == 1), "")
    return Document(
        path=file.path,
        id=file.folder.name.upper(),
        title=title,
        content=file.content,
        criteria=criteria,
        claims=tuple(_claims(file.path.with_name(tasks.FILE), criteria, faults)),
        open_fences=tuple(file.source.open_fences),
        meaning=Context(file.source, file.blocks, title, criteria).text,
        dialect=NAME,
        editable=False,
        parts=tuple(part for name in _PARTS if (part := file.path.with_name(name)).is_file()),
        faults=tuple(faults),
    )


def _criteria(file: File, faults: list[Fault]) -> tuple[Criterion, ...]:
    """Return each item below every `Acceptance Criteria`, numbered by its requirement and its place there."""
    found: dict[str, Criterion] = {}
    beyond: dict[str, int] = {}  # by requirement, the number behind the last that was given away
    for requirement, group, item in _items(file):
        line, text = file.source.line(item), item_text(item)
        own, marker = _OWN.match(text), _MARKER.match(file.source.lines[line])
        number = own["number"] if own else marker["number"] if marker else ""
        name = f"{own['requirement'] if own else requirement}.{int(number) if number else 1}"
        while name in found:
            requirement_of, _, last = name.partition(".")
            if number:
                faults.append(Fault(file.path, file.source.position(line), f"{name} is there twice"))
                number = ""
            following = max(int(last) + 1, beyond.get(requirement_of, 0))
            beyond[requirement_of] = following + 1
            name = f"{requirement_of}.{following}"
        details = content.details(file.source, below_item(item))
        words = text[own.end() :] if own else text
        found[name] = Criterion(name, Kind.ACCEPTANCE, words, file.source.position(line), None, details, (group,))
    return tuple(found.values())


def _items(file: File) -> Iterator[tuple[int, str, SyntaxTreeNode]]:
    """Yield the items of criteria, each with the number and the heading of its requirement."""
    number, group, armed = 0, "", False
    for block in file.blocks:
        text = own_text(block)
        if block.type == "heading":
            armed = titles.is_acceptance_label(text)
            named = _REQUIREMENT.match(text) or (None if armed else _NUMBERED.match(text))
            if named:
                number, group = int(named["number"]), text
        elif block.type == "paragraph":
            last = text.split("\n")[-1]
            armed = titles.is_acceptance_label(last) or (armed and not titles.is_label(last))
        elif block.type == "hr":
            armed = False
        elif armed and block.type in _LISTS:
            yield from ((number, group, item) for item in block.children)


def _claims(path: Path, criteria: Sequence[Criterion], faults: list[Fault]) -> Iterator[Claim]:
    """Yield what each task claims of the criteria that it names."""
    known = {criterion.id: criterion for criterion in criteria}
    task = None
    for line in tasks.lines(path, faults):
        if line.mark:
            task = line
        elif task and (names := _NAMES.match(line.text)):
            for name in dict.fromkeys(_named(names["names"], known)):
                if name not in known:
                    message = f"this task names requirement {name}, and there is none"
                    faults.append(Fault(path, Position(line.number, 1), message))
                    continue
                said, place = line.text.strip(), Position(task.number, 1)
                yield Claim(name, said, place, None, affirmed=task.ticked, doubted=False, path=path)


def _named(text: str, known: dict[str, Criterion]) -> Iterator[str]:
    """Yield the criteria that a task names; `2` is all of requirement 2, `1.1-1.3` what is between, too."""
    for part in re.split(r",|;|&|\band\b", text):
        name = _NAME.match(part)
        if not name:
            continue
        first, last = name["first"], name["last"] or name["first"]
        if "." in first and "." in last and first.partition(".")[0] == last.partition(".")[0]:
            requirement, _, begin = first.partition(".")
            end = int(last.partition(".")[2])
            yield from (f"{int(requirement)}.{one}" for one in range(int(begin), min(end, int(begin) + _RANGE) + 1))
        else:
            ends = [int(one.partition(".")[0]) for one in (first, last)]
            for requirement_number in range(ends[0], min(ends[1], ends[0] + _RANGE) + 1):
                all_of = [one for one in known if one.partition(".")[0] == str(requirement_number)]
                yield from all_of or [str(requirement_number)]
