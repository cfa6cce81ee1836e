"""What documents say that they depend on, and the order that follows from it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from workstream import errors
from workstream.documents import ids, titles
from workstream.documents.source import end_of_section, own_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markdown_it.tree import SyntaxTreeNode

    from workstream.documents.file import File
    from workstream.documents.model import Document

_WORDS = r"^[^a-z]*(?:dependenc(?:y|ies)|depends\s+on|blocked\s+by)\b"
_TITLE = re.compile(_WORDS + r"(?:\W*$|\W*\(|\s*[:\u2013\u2014-])", re.IGNORECASE)
_LABEL = re.compile(_WORDS + r"[^\w:]*:", re.IGNORECASE)
# Lines of such a section that speak of the other direction.
_OTHER_WAY = re.compile(
    r"^[^a-z]*(?:(?:un)?blocks|enables|required\s+by|needed\s+by|used\s+by|followed\s+by|dependents?|downstream)\b",
    re.IGNORECASE,
)
_KEY = re.compile(r"^(?:dependenc(?:y|ies)|depends[-_]on|blocked[-_]by)\s*:(?P<value>.*)$", re.IGNORECASE)
_LISTED = re.compile(r"^\s*-\s+(?P<value>.*)$")
_NAME = re.compile(r"[^\s,\[\]\"'#]+")
_ID = re.compile(r"^(?=.*\d)[A-Z][\w.]*(?:-[\w.]+)+$")
_LONGEST = 2000  # characters of a line; what is longer is no list of documents


@dataclass(frozen=True, slots=True)
class Stated:
    """What a document says that it depends on.

    Attributes:
        names: the ids of documents in it, in its order.
        words: all that it says of that: names of documents of other forms stand in it.

    """

    names: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class Ordered:
    """Documents in an order in which each stands behind those that it depends on.

    Attributes:
        documents: the documents.
        needs: by the id of each the ids that it depends on; those too that are none of these documents.

    """

    documents: tuple[Document, ...]
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def stated(file: File) -> Stated:
    """Return what a document says that it depends on: in its front matter, and below a heading or a label."""
    listed = [
        name.group().upper() for value in _front_matter(file.source.front_matter) for name in _NAME.finditer(value)
    ]
    lines = [line for line in _lines(file) if not _OTHER_WAY.match(line)]
    pattern = ids.pattern(file.settings.ids)
    named = [match.group() for line in lines for match in pattern.finditer(ids.plain(line[:_LONGEST]))]
    names = [*filter(_ID.match, listed), *(name.upper() for name in named)]
    return Stated(tuple(dict.fromkeys(names)), "\n".join([*listed, *lines]))


def _front_matter(lines: Sequence[str]) -> Iterator[str]:
    """Yield the values of the keys that name documents, those too that stand in lines of their own."""
    within = False
    for line in lines:
        key, item = _KEY.match(line), _LISTED.match(line)
        if key:
            yield key["value"]
        elif within and item:
            yield item["value"]
        within = bool(key) or (within and bool(item))


def _lines(file: File) -> Iterator[str]:
    """Yield the lines of sections and labels, up to the report."""
    beyond, listed = 0, False
    for number, block in enumerate(file.blocks):
        text = own_text(block)
        if block.type == "heading" and titles.begins_report(text):
            return
        if block.type == "heading" and number >= beyond and _TITLE.match(text):
            yield _behind(text)
            beyond = end_of_section(file.blocks, number)
        elif number < beyond or (listed and block.type in {"bullet_list", "ordered_list"}):
            yield from _text(block)
        else:
            labels = [line for line in _text(block) if _LABEL.match(line)]
            yield from map(_behind, labels)
        last = text.split("\n")[-1]
        listed = block.type == "paragraph" and bool(_LABEL.match(last)) and not re.search(r"\w", _behind(last))


def _behind(line: str) -> str:
    """Return what a title or a label says behind its words."""
    return re.sub(_WORDS, "", line, flags=re.IGNORECASE)


def _text(block: SyntaxTreeNode) -> Iterator[str]:
    """Yield the lines of a block that are no code."""
    for node in block.walk():
        if node.type == "inline":
            yield from node.content.split("\n")


def ordered(documents: Sequence[Document]) -> Ordered:
    """Return documents in the order of their dependencies; where those say nothing, they keep theirs.

    Raises:
        errors.DependencyError: two documents have one id, or documents depend on each other in a circle.

    """
    _require_ids(documents)
    needs = {document.id: tuple(_needed(document, documents)) for document in documents}
    sorter = TopologicalSorter({one: [name for name in names if name in needs] for one, names in needs.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " depends on ".join(reversed(error.args[1]))
        raise errors.DependencyError(
            f"Documents depend on each other in a circle: {circle}.",
            instead="Take one of these out of the section Dependency of the document that does not need the other.",
        ) from error
    places = {document.id: place for place, document in enumerate(documents)}
    order: list[int] = []
    while sorter.is_active():
        ready = sorter.get_ready()
        order += sorted(places[name] for name in ready)
        sorter.done(*ready)
    return Ordered(tuple(documents[place] for place in order), needs)


def _require_ids(documents: Sequence[Document]) -> None:
    by_id: dict[str, list[Document]] = {}
    for document in documents:
        by_id.setdefault(document.id, []).append(document)
    shared = {one: found for one, found in by_id.items() if len(found) > 1}
    if shared:
        raise errors.DependencyError(
            "\n".join(f"{one} is the id of {' and of '.join(str(d.path) for d in ds)}." for one, ds in shared.items()),
            instead="Evidence and markers name a document by its id: give each one of its own, or leave one away.",
        )


def _needed(document: Document, documents: Sequence[Document]) -> Iterator[str]:
    """Yield the ids that a document depends on: those that it names, and the names of other documents in its words."""
    found = [*document.dependencies]
    found += [other.id for other in documents if _names(document.dependency_words, other.id)]
    yield from (name for name in dict.fromkeys(found) if not ids.same(name, document.id))


def _names(words: str, document_id: str) -> bool:
    """Whether words name a document; one whose id is a plain word only where it is written as the id is."""
    flags = re.IGNORECASE if any(map(str.isdigit, document_id)) else re.NOFLAG
    name = re.escape(document_id).replace(r"\-", r"[\s-]")
    return bool(re.search(rf"(?<![\w-]){name}(?![\w-]|\.\d)", ids.plain(words), flags))
