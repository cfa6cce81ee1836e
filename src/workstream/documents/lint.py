"""Finds what makes a document hard to prove: every problem with its place, a code, and what to do.

`docs/reference/lint-codes.md` explains each code with an example and its remedy.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workstream.documents.claims import own_name
from workstream.documents.identity import normalise
from workstream.documents.ids import same
from workstream.documents.model import Kind, Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from workstream.documents.model import Criterion, Document

CODES = {
    "WS001": "no acceptance criteria",
    "WS002": "criterion without a clear statement",
    "WS003": "two criteria with the same text",
    "WS004": "two criteria with the same id",
    "WS005": "ids differ between file name, heading and front matter",
    "WS006": "code fence that is not closed",
    "WS007": "label swallowed by the list before it",
    "WS008": "completion command that cannot work as written",
    "WS009": "completion command that needs a terminal",
    "WS010": "item without a box among criteria with boxes",
    "WS011": "two documents with the same id",
    "WS012": "list of criteria that is passed over",
    "WS013": "bytes that are no UTF-8",
    "WS014": "something that the document's form does not allow",
}

_SHORTEST = 2  # words of a statement that can be true or false
_SHORTEST_WITHOUT_SPACES = 4  # characters, likewise
# Chinese and Japanese characters, and the letters of Thai, Lao, Burmese, Khmer and Tibetan.
_WITHOUT_SPACES = re.compile(
    "[\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]"
)
_VAGUE = re.compile(r"^(?:it )?(?:works?|done|ok|tbd|todo|see above|n/?a|\.\.\.|…)\.?$", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"(?<![<\w])<[a-zA-Z][\w -]*>(?!>)|\bTODO\b|\bFIXME\b")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a document.

    Attributes:
        position: where it is.
        code: which kind it is, a key of `CODES`.
        message: what is wrong, and what to do.
        path: the file in which it is, if it is not the document's own.

    """

    position: Position
    code: str
    message: str
    path: Path | None = None


def lint(document: Document) -> tuple[Problem, ...]:
    """Return the problems of a document, in the order in which they stand there."""
    problems = [
        *_criteria(document),
        *_ids(document),
        *_damage(document),
        *_unboxed(document),
        *_passed_over(document),
        *_commands(document),
        *(Problem(fault.position, "WS014", fault.message, fault.path) for fault in document.faults),
    ]
    return tuple(sorted(problems, key=lambda problem: (problem.position.line, problem.position.column, problem.code)))


def _criteria(document: Document) -> Iterator[Problem]:
    criteria = [criterion for criterion in document.criteria if criterion.kind is Kind.ACCEPTANCE]
    if not criteria and not document.faults:
        yield Problem(Position(1, 1), "WS001", "there are no acceptance criteria: list them as `- [ ]` boxes below "
                      "`**Acceptance Criteria:**`")  # fmt: skip
    seen: dict[str, str] = {}
    names: dict[str, str] = {}
    for criterion in criteria:
        text = normalise(criterion.text, criterion.kind)
        if _is_short(text) or _VAGUE.match(text):
            yield Problem(
                criterion.position, "WS002", f"{criterion.id} says nothing that can be true or false: {text!r}"
            )
        if text and text in seen:
            yield Problem(criterion.position, "WS003", f"{criterion.id} says the same as {seen[text]}")
        seen.setdefault(text, criterion.id)
        yield from _own_id(criterion, names)


def _is_short(text: str) -> bool:
    """Whether a text has too few words; a language that is written without spaces has characters instead."""
    return len(text.split()) < _SHORTEST and len(_WITHOUT_SPACES.findall(text)) < _SHORTEST_WITHOUT_SPACES


def _own_id(criterion: Criterion, names: dict[str, str]) -> Iterator[Problem]:
    name = own_name(criterion.text)
    if name in names:
        yield Problem(criterion.position, "WS004", f"{criterion.id} calls itself {name}, and so does {names[name]}")
    if name:
        names.setdefault(name, criterion.id)


def _ids(document: Document) -> Iterator[Problem]:
    places: dict[str, list[str]] = defaultdict(list)
    for place, name in document.ids:
        places[next((other for other in places if same(other, name)), name)].append(place)
    if len(places) > 1:
        listed = "; ".join(f"{name} in {' and '.join(where)}" for name, where in places.items())
        yield Problem(Position(1, 1), "WS005", f"the document has several ids: {listed}")


def _damage(document: Document) -> Iterator[Problem]:
    for position in document.open_fences:
        yield Problem(position, "WS006", "this fence is not closed: to Markdown, what follows is code, criteria too")
    if place := _undecoded(document.content):
        yield Problem(place, "WS013", "here stands a byte that is no UTF-8: save the document as UTF-8, so that tests "
                      "can name what it says")  # fmt: skip
    for position in document.swallowed_labels:
        yield Problem(position, "WS007", "put a blank line before this label: Markdown takes it for a part of the "
                      "list item above, and the criteria for more items of that list")  # fmt: skip


def _undecoded(content: bytes) -> Position | None:
    """Return where the first byte stands that is no UTF-8; None if all of it is."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        return Position(len(before), len(before[-1].decode("utf-8", "replace")) + 1)
    return None


def _unboxed(document: Document) -> Iterator[Problem]:
    criteria = {criterion.position for criterion in document.criteria}
    for position in document.unboxed:
        if position in criteria:
            message = "this is no box as in `- [ ] `: nobody can tick it"
        else:
            message = (
                "this item has no box as in `- [ ] `, and the others of its list do: it is no criterion, and nobody "
                "proves it"
            )
        yield Problem(position, "WS010", message)


def _passed_over(document: Document) -> Iterator[Problem]:
    for position in document.passed_over:
        yield Problem(position, "WS012", "this stands below criteria, under a title of its own, behind a rule, in a "
                      "quote or in a table, and is taken for something else: nobody proves what it says")  # fmt: skip


def same_ids(documents: Iterable[Document]) -> Iterator[tuple[Document, Problem]]:
    """Yield the documents of which another one before them has the id."""
    seen: dict[str, Document] = {}
    for document in documents:
        other = seen.setdefault(document.id, document)
        if other is not document:
            message = f"{other.path} is {document.id} too: evidence of one would tick the boxes of the other"
            yield document, Problem(Position(1, 1), "WS011", message)


def _commands(document: Document) -> Iterator[Problem]:
    for criterion in document.criteria:
        if criterion.kind is not Kind.COMPLETION:
            continue
        text = " ".join(criterion.text.replace("\\\n", " ").split())
        if re.search(r"\bsubmit\b.*\.jar\b", text) and "--class" not in text:
            yield Problem(criterion.position, "WS008", f"{criterion.id} submits a jar without --class: nobody knows "
                          "what to run, unless the jar's manifest names a main class")  # fmt: skip
        if _PLACEHOLDER.search(text):
            yield Problem(criterion.position, "WS008", f"{criterion.id} holds a placeholder that somebody must fill in")
        if re.search(r"\b(?:exec|run)\b.*\s-(?:it|ti|t)\b|\s--tty\b", text):
            yield Problem(
                criterion.position, "WS009", f"{criterion.id} asks for a terminal (-it): it fails where there is none"
            )
