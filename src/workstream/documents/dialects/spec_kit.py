"""spec-kit: a folder for each feature, with `spec.md` and, perhaps, `tasks.md`."""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workstream.documents import content, titles
from workstream.documents.context import Context
from workstream.documents.dialects import tasks
from workstream.documents.model import Claim, Criterion, Document, Fault, Kind, Position
from workstream.documents.source import below_item, end_of_section, item_text, own_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from markdown_it.tree import SyntaxTreeNode

    from workstream.documents.file import File

NAME = "spec-kit"
FILE = "spec.md"

_PARTS = (tasks.FILE, "plan.md", "research.md", "data-model.md", "quickstart.md")
_FOLDERS = ("checklists", "contracts")
_TITLE = re.compile(r"^\W*feature\s+spec(?:ification)?\b[^:\uff1a]{0,20}[:\uff1a]\s*", re.IGNORECASE)
# "User Story" as people write it who keep the form and change its language.
_USER_STORY = (
    r"user[\s-]?story|\u7528\u6237\u6545\u4e8b|\u7528\u6236\u6545\u4e8b|\u4f7f\u7528\u8005\u6545\u4e8b"
    r"|\u30e6\u30fc\u30b6\u30fc?\u30b9\u30c8\u30fc\u30ea\u30fc|\uc0ac\uc6a9\uc790\s?\uc2a4\ud1a0\ub9ac"
    r"|hist[o\u00f3]ria\s+de\s+usu[a\u00e1]rio|(?:histoire|r[e\u00e9]cit)\s+utilisateur"
)
_STORY = re.compile(
    rf"^\W*(?:(?:primary\s+)?(?:{_USER_STORY})|US(?=[\s-]?\d))[\s:#\u2013-]{{0,3}}(?P<number>\d{{1,4}}[a-z]?(?![\w]))?",
    re.IGNORECASE,
)
_SCENARIOS = re.compile(
    r"scenario|acceptance|\u30b7\u30ca\u30ea\u30aa|\u573a\u666f|\u5834\u666f|escenario|cen[a\u00e1]rio|sc\u00e9nario"
    r"|\uc2dc\ub098\ub9ac\uc624",
    re.IGNORECASE,
)
_SCENARIOS_TITLE = re.compile(r"^\W*acceptance\s+(?:scenarios?|tests?)\W*(?:\([^)]*\)\W*)?$", re.IGNORECASE)
_ORDERED = "ordered_list"
_GIVEN = re.compile(r"^\W*given\b", re.IGNORECASE)
_OF_THE_FORM = re.compile(r"FR|NFR|SC")
_STEP = re.compile(r"^\W*(?P<word>when|then|and|but)\b", re.IGNORECASE)
_PREFIX = r"(?:FR|NFR|SC|AC|UAC|REQ)"
_NUMBER = r"\d{1,5}[a-z]?(?:\.\d{1,3}){0,3}(?:-[a-z]{1,20}){0,3}(?!\w)"  # FR-001, FR-2a, FR-1.2, FR-038-target
_NAME = rf"(?P<name>{_PREFIX}-?(?:[A-Z]{{1,20}}-){{0,2}}{_NUMBER})"
# Behind the name that a statement gives itself stands a colon, a dash, or the end of what makes it bold. Where words or
# a further name follow, the statement speaks of it: `**FR-001** and …`, `**FR-001** - **FR-004**`.
_NAMED = re.compile(
    rf"^\W*{_NAME}(?:\W{{0,6}}[:\uff1a]|\s+[\u2013\u2014-]\s"
    rf"|(?:\s*\([^()]*\))?\s*[*_~`\])]{{1,4}}+(?!\s*(?:and\b|or\b|to\b|through\b|[,&/]|[\u2013-]\W*{_PREFIX}-?\d)))"
)
_ROW = re.compile(rf"^\W*{_NAME}\W*$")
_LISTS = {"bullet_list", _ORDERED}
_TAG = re.compile(r"\[(?:US|User\s+Story|Story)(?P<numbers>[\s#-]?\d[^\[\]]{0,80})\](?!\()", re.IGNORECASE)
_TAGGED = re.compile(r"(?<!\d)0*(?P<number>\d{1,4}[a-z]?)(?!\w)", re.IGNORECASE)
_REFERENCE = re.compile(
    rf"(?<![\w-]){_NAME}"
    rf"(?:\s*(?:through|to|\.{{2,3}}|[\u2013\u2014-])\s*(?:{_PREFIX}-?)?(?P<last>\d{{1,5}})(?![\w.]))?"
)
_COUNTED = re.compile(r"^(?P<before>.*?)(?P<first>\d+)$")
_PHASE = re.compile(
    rf"^(?P<level>#{{1,6}})\s(?:.*?(?:{_USER_STORY})[\s-]{{0,2}}0*(?P<number>\d{{1,4}}[a-z]?)(?!\w))?", re.IGNORECASE
)
_SCENARIO_ID = re.compile(r"^US(\w+)\.")
_RANGE = 200  # criteria that a range names at most


@dataclass(frozen=True, slots=True)
class _Found:
    """What is a criterion.

    Attributes:
        name: its id.
        text: what it says.
        line: where it stands, from 0.
        details: what stands below it.
        group: the heading that it stands below.

    """

    name: str
    text: str
    line: int
    details: str
    group: str


def recognises(file: File) -> bool:
    """Whether a file specifies a feature: by its name, and by scenarios of user stories or requirements with ids."""
    if file.path.name.lower() != FILE or "templates" in file.path.parts:
        return False
    has_stories = any(map(_is_story, file.headings))
    return any(has_stories or _OF_THE_FORM.match(one.name) for one in _Walk(file, []).found())


def _is_story(heading: tuple[int, str]) -> bool:
    """Whether a heading, given with its level, begins a user story."""
    level, text = heading
    return level > 1 and bool(_STORY.match(text))


def read(file: File) -> Document:
    """Return the document; what its tasks claim is read from the file beside it."""
    faults: list[Fault] = []
    walk = _Walk(file, faults)
    found = _criteria(walk)
    heading = next((text for level, text in file.headings if level == 1), "")
    return Document(
        path=file.path,
        id=file.folder.name.upper(),
        title=_TITLE.sub("", heading),
        content=file.content,
        criteria=found,
        claims=tuple(_claims(file.path.with_name(tasks.FILE), found, walk.stories, faults)),
        open_fences=tuple(file.source.open_fences),
        meaning=Context(file.source, file.blocks, heading, found).text,
        dialect=NAME,
        editable=False,
        parts=tuple(_parts(file.path)),
        faults=tuple(faults),
    )


def _parts(path: Path) -> Iterator[Path]:
    """Yield the files that belong to a spec; boxes of its checklists speak of how it is written."""
    yield from (part for name in _PARTS if (part := path.with_name(name)).is_file())
    for folder in _FOLDERS:
        yield from sorted(path.with_name(folder).glob("*.md"))


def criteria(file: File, faults: list[Fault]) -> tuple[Criterion, ...]:
    """Return the scenarios of each user story, and what has an id such as FR-001 or SC-001.

    Args:
        file: the file.
        faults: takes what is wrong with it.

    """
    return _criteria(_Walk(file, faults))


def plain_criteria(file: File) -> tuple[Criterion, ...]:
    """Return what is a criterion whatever else a file looks like: steps alone may stand anywhere."""
    has_stories = any(map(_is_story, file.headings))
    return tuple(one for one in criteria(file, []) if has_stories or not _SCENARIO_ID.match(one.id))


def _criteria(walk: _Walk) -> tuple[Criterion, ...]:
    """Return what is found, each under an id of its own."""
    counts: Counter[str] = Counter()
    found = []
    for one in walk.found():
        counts[one.name] += 1
        name = one.name if counts[one.name] == 1 else f"{one.name}~{counts[one.name]}"
        position = walk.file.source.position(one.line)
        found.append(Criterion(name, Kind.ACCEPTANCE, one.text, position, None, one.details, (one.group,)))
    return tuple(found)


@dataclass
class _Walk:
    """Goes through the blocks of a spec, and knows which story it is in."""

    file: File
    faults: list[Fault]

    _heading: tuple[int, str] = (1, "")  # the last, with its level
    _story: str = ""  # the number of the story that is being read
    _title: str = ""  # its heading
    _line: int = 0  # where that stands
    _level: int = 0  # the level of the heading above which the story ends
    _armed: int = 0  # the level of the heading above which scenarios end; 0 where none stand
    _unclear: list[SyntaxTreeNode] = field(default_factory=list)  # its numbered lists that no label makes scenarios
    _counts: dict[str, int] = field(default_factory=dict)  # by story, how many scenarios were found
    _rows: set[str] = field(default_factory=set)

    @property
    def stories(self) -> Iterable[str]:
        """The numbers of the stories that were found."""
        return self._counts

    def found(self) -> Iterator[_Found]:
        """Yield what is a criterion, in the document's order."""
        for number, block in enumerate(self.file.blocks):
            text = own_text(block)
            if block.type == "heading":
                yield from self._enter(block, text)
                if _NAMED.match(text):
                    below = self.file.blocks[number + 1 : end_of_section(self.file.blocks, number)]
                    yield self._named(text, block, below)
            elif block.type == "paragraph":
                yield from self._paragraph(block, text)
            elif block.type == "hr":
                self._armed = 0
            elif block.type == "table":
                yield from self._table(block)
            elif block.type in _LISTS:
                named = list(self._named_items(block))
                yield from named or self._list(block)
        yield from self._leave()

    def _enter(self, heading: SyntaxTreeNode, text: str) -> Iterator[_Found]:
        level, line = int(heading.tag[1:]), self.file.source.line(heading)
        self._heading = (level, text)
        if _is_story(self._heading):
            yield from self._leave()
            story = _STORY.match(text)
            self._begin(story["number"] if story else "", line)
        elif _SCENARIOS_TITLE.match(text):  # as older specs have it: beside the one story, or without any
            if not self._story:
                self._begin("", line)
            self._level, self._armed = min(level, self._level), level
        elif self._story and level > self._level:
            self._armed = level if _SCENARIOS.search(text) else self._armed if level > self._armed else 0
        else:
            yield from self._leave()

    def _begin(self, number: str | None, line: int) -> None:
        """Begin a story, below the last heading; without a number it has that of its place."""
        self._story = (number or str(len(self._counts) + 1)).lower().lstrip("0") or "0"
        if self._story in self._counts:
            self._fault(line, f"user story {self._story} is there twice")
        self._counts.setdefault(self._story, 0)
        self._level, self._title = self._heading
        self._line, self._armed = line, 0

    def _leave(self) -> Iterator[_Found]:
        """End a story; if no label in it has words that announce scenarios, they are what is numbered there."""
        if self._story and not self._counts[self._story]:
            for block in self._unclear:
                yield from self._scenarios(block.children)
            if not self._counts[self._story]:
                self._fault(self._line, f"user story {self._story} has no acceptance scenarios: nobody proves it")
        self._story, self._armed, self._unclear = "", 0, []

    def _fault(self, line: int, message: str) -> None:
        self.faults.append(Fault(self.file.path, self.file.source.position(line), message))

    def _paragraph(self, block: SyntaxTreeNode, text: str) -> Iterator[_Found]:
        last = text.rpartition("\n")[2]
        if _GIVEN.match(text) and self._may_hold_scenarios(block):
            yield self._scenario(text.replace("\n", " "), self.file.source.line(block), "")
        elif titles.is_label(last):
            self._armed = self._level if self._story and _SCENARIOS.search(last) else 0

    def _list(self, block: SyntaxTreeNode) -> Iterator[_Found]:
        """Yield the scenarios of a list: a label announces them, or one of them begins as they do."""
        begins = any(_GIVEN.match(item_text(item)) for item in block.children)
        if self._armed or (begins and self._may_hold_scenarios(block)):
            yield from self._scenarios(block.children)
        elif self._story and block.type == _ORDERED:
            self._unclear.append(block)

    def _may_hold_scenarios(self, block: SyntaxTreeNode) -> bool:
        """Whether a story is being read; where none is called so in words that we know, any heading begins one."""
        if not self._story and not self._has_stories:
            self._begin("", self.file.source.line(block))
        return bool(self._story)

    @functools.cached_property
    def _has_stories(self) -> bool:
        return any(map(_is_story, self.file.headings))

    def _table(self, table: SyntaxTreeNode) -> Iterator[_Found]:
        """Yield a criterion for each row that begins with an id; a further row of the same id is about it."""
        for row in (node for node in table.walk() if node.type == "tr" and node.map):
            name, *cells = (own_text(cell) for cell in row.children)
            match = _ROW.match(name)
            if match and any(cells) and match["name"] not in self._rows:
                self._rows.add(match["name"])
                text, *others = filter(None, cells)
                yield _Found(
                    match["name"], f"{name}: {text}", self.file.source.line(row), " | ".join(others), self._heading[1]
                )

    def _named_items(self, block: SyntaxTreeNode) -> Iterator[_Found]:
        for item in block.children:
            text = item_text(item)
            if _NAMED.match(text):
                yield self._named(text, item, below_item(item))
            else:
                yield from (one for child in item.children if child.type in _LISTS for one in self._named_items(child))

    def _named(self, text: str, node: SyntaxTreeNode, below: Sequence[SyntaxTreeNode]) -> _Found:
        match = _NAMED.match(text)
        name = match["name"] if match else ""
        self._rows.add(name)
        line, details = self.file.source.line(node), content.details(self.file.source, below)
        return _Found(name, text, line, details, "" if text == self._heading[1] else self._heading[1])

    def _scenarios(self, items: Sequence[SyntaxTreeNode]) -> Iterator[_Found]:
        """Yield the scenarios of a list; where its items are the steps of one, they are one."""
        texts = [item_text(item) for item in items]
        said: list[tuple[str, SyntaxTreeNode, list[SyntaxTreeNode]]] = []
        for text, item in zip(texts, items, strict=True):
            if said and _continues(said[-1][0], text):
                before, first, below = said[-1]
                said[-1] = (f"{before} {text}", first, [*below, *below_item(item)])
            else:
                said.append((text, item, below_item(item)))
        for text, item, below in said:
            details = content.details(self.file.source, below)
            yield self._scenario(text, self.file.source.line(item), details)

    def _scenario(self, text: str, line: int, details: str) -> _Found:
        self._counts[self._story] += 1
        return _Found(f"US{self._story}.{self._counts[self._story]}", text, line, details, self._title)


def _continues(before: str, text: str) -> bool:
    """Whether an item is a further step of the scenario before it: the first `When` below a `Given`."""
    step = _STEP.match(text)
    if step is None or not _GIVEN.match(before):
        return False
    word = step["word"].lower()
    return word in {"and", "but"} or not re.search(rf"\b{word}\b", before, re.IGNORECASE)


@dataclass
class _Said:
    """What tasks say of a story or of a requirement.

    Attributes:
        last: the last task that names it.
        done: whether all of them are ticked.

    """

    last: tasks.Line
    done: bool = True


def _claims(path: Path, found: Sequence[Criterion], stories: Iterable[str], faults: list[Fault]) -> Iterator[Claim]:
    """Yield the claims of tasks: what they name is done once every one of them is ticked."""
    about: dict[str, list[Criterion]] = {story: [] for story in stories}
    for criterion in found:
        story = _SCENARIO_ID.match(criterion.id)
        about.setdefault(story[1] if story else _plain(criterion.id), []).append(criterion)
    prefixes = set(map(_prefix, about))
    said: dict[str, _Said] = {}
    for line, named in _tasks(path, faults):
        references = dict(_references(line.text, prefixes))
        for name, is_named in {**dict.fromkeys(named, True), **references}.items():
            if name in about:
                one = said.setdefault(name, _Said(line))
                one.last, one.done = line, one.done and line.ticked
            elif is_named:
                what = name if name in references else f"user story {name}"
                faults.append(Fault(path, Position(line.number, 1), f"this task names {what}, and there is none"))
    for name, one in said.items():
        words, place = one.last.text.strip(), Position(one.last.number, 1)
        for criterion in about[name]:
            yield Claim(criterion.id, words, place, None, affirmed=one.done, doubted=False, path=path)


def _tasks(path: Path, faults: list[Fault]) -> Iterator[tuple[tasks.Line, list[str]]]:
    """Yield each task with the stories that it is about: those that it names, else that of the heading above it."""
    story, level = "", 0
    for line in tasks.lines(path, faults):
        if line.mark:
            yield line, list(_stories(line.text)) or ([story] if story else [])
        elif heading := _PHASE.match(line.text):
            this = len(heading["level"])
            if heading["number"]:
                story, level = heading["number"].lower(), this
            elif this <= level:
                story, level = "", 0


def _prefix(name: str) -> str:
    """Return what stands before the number of an id; nothing before that of a story."""
    return name[: len(name) - len(name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))]


def _plain(name: str) -> str:
    """Return an id without the zeros in front of its number: `FR-001` and `FR-1` are one."""
    return re.sub(r"(?<![\d.])-?0*(?=\d)", "", name, count=1)


def _stories(text: str) -> Iterator[str]:
    """Yield the numbers of the stories that a task is marked with: `[US1]`, `[US1, US2]`, `[US1+US3]`, `[US1/2]`."""
    for tag in _TAG.finditer(text):
        yield from (match["number"].lower() for match in _TAGGED.finditer(tag["numbers"]))


def _references(text: str, prefixes: Collection[str]) -> Iterator[tuple[str, bool]]:
    """Yield the requirements that a task speaks of, each with whether it stands there: `FR-001 through FR-020`.

    Other prefixes than those of the spec number other things.
    """
    for match in _REFERENCE.finditer(text):
        name = _plain(match["name"])
        if _prefix(name) not in prefixes:
            continue
        counted = _COUNTED.match(name)
        if counted and match["last"]:
            first, last = int(counted["first"]), int(match["last"])
            yield from ((f"{counted['before']}{one}", False) for one in range(first + 1, min(last, first + _RANGE)))
            yield f"{counted['before']}{last}", True
        yield name, True
