"""OpenSpec: a folder for each capability, and one for each change to some of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workstream import errors
from workstream.documents import content
from workstream.documents.context import Context
from workstream.documents.dialects import spec_kit, tasks
from workstream.documents.file import File
from workstream.documents.identity import normalise
from workstream.documents.model import Claim, Criterion, Document, Fault, Kind, Position
from workstream.documents.source import end_of_section, own_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NAME = "openspec"
FILE = "spec.md"

_ROOT = "openspec"
_CHANGES = "changes"
_ARCHIVE = "archive"
_SPECS = "specs"
_PARTS = ("proposal.md", "design.md", tasks.FILE)
# In English, and in the words of its Chinese edition and of Japanese specs.
_SECTION = re.compile(
    r"^\W*(?:(?:added|modified|removed|renamed)\s+requirements?\b"
    r"|(?:\u65b0\u589e|\u4fee\u6539|\u79fb\u9664|\u5220\u9664|\u91cd\u547d\u540d)\u9700\u6c42"
    r"|(?:\u8ffd\u52a0|\u5909\u66f4|\u524a\u9664|\u540d\u79f0\u5909\u66f4)(?:\u3055\u308c\u305f)?\u8981\u4ef6)",
    re.IGNORECASE,
)
_GONE = re.compile(
    r"removed|renamed|\u79fb\u9664|\u5220\u9664|\u91cd\u547d\u540d|\u524a\u9664|\u540d\u79f0\u5909\u66f4", re.IGNORECASE
)
_REQUIREMENT = re.compile(r"^\W*(?:requirement|\u9700\u6c42|\u8981\u4ef6)\s*[:\uff1a]\s*(?P<name>.*)$", re.IGNORECASE)
_SCENARIO = re.compile(
    r"^\W*(?:scenario|\u573a\u666f|\u30b7\u30ca\u30ea\u30aa)\s*[:\uff1a]\s*(?P<name>.*)$", re.IGNORECASE
)
_LARGEST = 8 * 1024 * 1024  # bytes of an archived change to one capability


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a spec stands.

    Attributes:
        root: the folder `openspec`.
        change: the folders of the change below `changes` that it belongs to; none if it says what is true now.
        capability: its folders below `specs`.
        archived: whether its change is done and over.

    """

    root: Path
    change: tuple[str, ...]
    capability: tuple[str, ...]
    archived: bool

    @property
    def id(self) -> str:
        """The capability, behind the change if there is one: two changes to one capability are two documents."""
        return "--".join([*self.change, *self.capability]).upper()

    @property
    def folder(self) -> Path:
        """The folder that holds the tasks of its change, or whatever else belongs to its capability."""
        if not self.change:
            return self.root.joinpath(_SPECS, *self.capability)
        return self.root.joinpath(_CHANGES, *([_ARCHIVE] if self.archived else []), *self.change)


def _place(folder: Path) -> _Place:
    """Return where a spec in a folder stands; outside of `openspec`, the folder is the capability."""
    parts = folder.parts
    if _ROOT in parts:
        begin = len(parts) - parts[::-1].index(_ROOT)
        within = parts[begin:]
        root = folder.parents[len(within) - 1] if within else folder
        if within[:1] == (_SPECS,) and within[1:]:
            return _Place(root, (), within[1:], archived=False)
        archived = within[:2] == (_CHANGES, _ARCHIVE)
        change = within[2:] if archived else within[1:]
        if within[:1] == (_CHANGES,) and _SPECS in change[1:-1]:
            specs = change.index(_SPECS, 1)
            return _Place(root, change[:specs], change[specs + 1 :], archived=archived)
    return _Place(folder, (), (folder.name,), archived=False)


def recognises(file: File) -> bool:
    """Whether a file holds requirements that are to be met: by its name, and by headings `Requirement: …`.

    What is archived is history: later changes may have changed it again, and what became of it stands in the spec of
    its capability.
    """
    if file.path.name.lower() != FILE or "templates" in file.path.parts or is_archived(file):
        return False
    return any(True for _ in _found(file, []))


def is_archived(file: File) -> bool:
    """Whether a file belongs to a change that is archived."""
    return file.path.name.lower() == FILE and _place(file.folder).archived


def read(file: File) -> Document:
    """Return the document; what is claimed of it is read from the changes that it came from, or belongs to."""
    faults: list[Fault] = []
    found = criteria(file, faults)
    faults += [
        Fault(file.path, one.position, f"{one.id} is written as in spec-kit, and this is OpenSpec: nobody proves it")
        for one in spec_kit.plain_criteria(file)
    ]
    place = _place(file.folder)
    heading = next((text for level, text in file.headings if level == 1), "")
    claims = _of_change(place, found, faults) if place.change else _of_archive(place, found, faults)
    return Document(
        path=file.path,
        id=place.id,
        title=heading or " ".join(place.capability),
        content=file.content,
        criteria=found,
        claims=tuple(claims),
        open_fences=tuple(file.source.open_fences),
        meaning=Context(file.source, file.blocks, heading, found).text,
        dialect=NAME,
        editable=False,
        parts=tuple(part for name in _PARTS if (part := place.folder / name).is_file()),
        faults=tuple(faults),
    )


@dataclass
class _Requirement:
    """A requirement that is being read.

    Attributes:
        number: which of the document's it is, from 1.
        name: what it is called.
        level: of its heading.
        block: which block its heading is.
        scenarios: how many scenarios were found below it.

    """

    number: int
    name: str
    level: int
    block: int
    scenarios: int = 0


def criteria(file: File, faults: list[Fault]) -> tuple[Criterion, ...]:
    """Return each scenario, and each requirement that has none; nothing of what a change takes away.

    Args:
        file: the file.
        faults: takes what is wrong with it.

    """
    return tuple(_found(file, faults))


def _found(file: File, faults: list[Fault]) -> Iterator[Criterion]:
    requirement: _Requirement | None = None
    count, gone = 0, 0  # `gone`: the level of the heading below which nothing is to be met
    for number, block in enumerate(file.blocks):
        if block.type != "heading":
            continue
        level, text = int(block.tag[1:]), own_text(block)
        named, scenario = _REQUIREMENT.match(text), _SCENARIO.match(text)
        if requirement and (named or (level <= requirement.level and not scenario)):
            yield from _alone(file, requirement, faults)
            requirement = None
        if gone and level > gone:
            continue
        gone = 0
        if section := _SECTION.match(text):
            gone = level if _GONE.search(section.group()) else 0
        elif named:
            count += 1
            requirement = _Requirement(count, named["name"].strip(), level, number)
        elif scenario and requirement:
            requirement.scenarios += 1
            yield _scenario(file, requirement, scenario["name"].strip(), number)
        elif scenario:
            faults.append(Fault(file.path, file.source.position(file.source.line(block)), "this scenario stands below "
                                "no requirement: it is no criterion, and nobody proves it"))  # fmt: skip
    if requirement:
        yield from _alone(file, requirement, faults)


def _scenario(file: File, requirement: _Requirement, name: str, number: int) -> Criterion:
    """Return the criterion of a scenario: its names, and, in their order, the steps below it."""
    place = f"{requirement.number}.{requirement.scenarios}"
    text = f"{requirement.name}: {name or f'scenario {requirement.scenarios}'}"
    return _criterion(file, place, text, number, requirement.name)


def _alone(file: File, requirement: _Requirement, faults: list[Fault]) -> Iterator[Criterion]:
    """Yield a requirement that has no scenario, and say so: what it promises is to be proven all the same."""
    if not requirement.scenarios:
        one = _criterion(file, str(requirement.number), requirement.name, requirement.block, "")
        faults.append(Fault(file.path, one.position, "this requirement has no scenario as in `#### Scenario: Rain`: "
                            "all of it is one criterion"))  # fmt: skip
        yield one


def _criterion(file: File, name: str, text: str, number: int, group: str) -> Criterion:
    below = file.blocks[number + 1 : end_of_section(file.blocks, number)]
    details = content.details(file.source, below, ordered=True)
    position = file.source.position(file.source.line(file.blocks[number]))
    return Criterion(name, Kind.ACCEPTANCE, text, position, None, details, (group,))


def _of_change(place: _Place, found: Sequence[Criterion], faults: list[Fault]) -> Iterator[Claim]:
    """Yield what a change claims once all of its tasks are ticked: they do not say which requirement they are about."""
    path = place.folder / tasks.FILE
    listed = [line for line in tasks.lines(path, faults) if line.mark]
    if listed and all(line.ticked for line in listed):
        said, position = f"all {len(listed)} tasks are ticked", Position(listed[-1].number, 1)
        yield from (Claim(one.id, said, position, None, affirmed=True, doubted=False, path=path) for one in found)


def _of_archive(place: _Place, found: Sequence[Criterion], faults: list[Fault]) -> Iterator[Claim]:
    """Yield what archived changes claim: that what they brought, and still stands, is done."""
    known = {normalise(one.text): one.id for one in found}
    claims: dict[str, Claim] = {}
    for path in _archived(place, faults):
        if (file := _file(path, faults)) is not None:
            for one in criteria(file, []):
                if (name := known.get(normalise(one.text))) is not None:
                    claims[name] = Claim(name, one.text, one.position, None, affirmed=True, doubted=False, path=path)
    yield from claims.values()


def _archived(place: _Place, faults: list[Fault]) -> Iterator[Path]:
    """Yield the changes to a capability that are archived, in the order of their names, which begin with a date."""
    folder = place.root / _CHANGES / _ARCHIVE
    try:
        changes = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        faults.append(Fault(folder, Position(1, 1), f"cannot be read: {error.strerror}"))
        return
    yield from (change.joinpath(_SPECS, *place.capability, FILE) for change in changes)


def _file(path: Path, faults: list[Fault]) -> File | None:
    """Return an archived change to a capability; None if it does not touch it, or cannot be read."""
    try:
        if path.stat().st_size > _LARGEST:
            faults.append(Fault(path, Position(1, 1), "this is too large to be a spec, and is not read"))
            return None
        file = File(path, path.read_bytes())
        _ = file.blocks
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, errors.DocumentError) as error:
        faults.append(Fault(path, Position(1, 1), f"cannot be read: {getattr(error, 'strerror', error)}"))
        return None
    return file
