"""What changed since a result was accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workstream.evidence import accepted, freshness
from workstream.evidence.verdict import context_sha256, text_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from workstream.documents import Document
    from workstream.evidence.accepted import Statement


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not what it was.

    Attributes:
        kind: `criterion`, `document`, `file`, `test`, `verdict`, `image` or `fact`.
        name: which one.
        what: what is different, in a few words.

    """

    kind: str
    name: str
    what: str


def since(then: Statement, document: Document, root: Path) -> Iterator[Difference]:
    """Yield what changed in the document, the suite and what it described as input.

    Args:
        then: what was accepted.
        document: the document as it is now.
        root: the folder from which paths start.

    """
    yield from _criteria(then, document)
    if then.details.context_sha256 != context_sha256(document):
        yield Difference("document", document.id, "says something else around its criteria")
    manifest = then.details.manifest
    now = {text_sha256(one): one.id for one in reversed(document.criteria)}
    places = {one.id: now.get(one.sha256, one.id) for one in then.details.criteria}
    for change in freshness.changes(accepted.basis_of(then), root):
        touched = [line.criterion for line in manifest if change.tests is None or line.test in change.tests]
        whom = ", ".join(dict.fromkeys(places[one] for one in touched if one in places)) or "no criterion"
        yield Difference("file", change.path, f"{change.what}: {whom}")


def _criteria(then: Statement, document: Document) -> Iterator[Difference]:
    before = {one.sha256: one for one in then.details.criteria}
    now = {text_sha256(one): one for one in document.criteria}
    gone = {one.id: one for sha256, one in before.items() if sha256 not in now}
    for sha256, criterion in now.items():
        if sha256 in before:
            continue
        old = gone.pop(criterion.id, None)
        if old and old.text == criterion.text:
            what = f"has other details, or stands in another group: {criterion.text!r}"
        else:
            what = f"said {old.text!r}, says {criterion.text!r}" if old else f"is new: {criterion.text!r}"
        yield Difference("criterion", criterion.id, what)
    for old in gone.values():
        yield Difference("criterion", old.id, f"is gone: {old.text!r}")


def between(then: Statement, now: Statement) -> Iterator[Difference]:
    """Yield what a newer run came to that the accepted one did not: verdicts, tests, images, facts."""
    before = {one.sha256: one for one in then.details.criteria}
    for one in now.details.criteria:
        if one.sha256 in before and before[one.sha256].state is not one.state:
            yield Difference("verdict", one.id, f"was {before[one.sha256].state}, is {one.state}: {one.reason}")
    yield from _values("test", _tests(then), _tests(now))
    yield from _values("image", _images(then), _images(now))
    yield from _values("fact", then.details.facts, now.details.facts)


def _tests(statement: Statement) -> dict[str, str]:
    return {line.test: f"{line.state} ({line.level})" for line in statement.details.manifest}


def _images(statement: Statement) -> dict[str, str]:
    return {
        one.name: one.digest.get("sha256", "") for one in statement.subject if one.annotations.get("kind") == "image"
    }


def _values(kind: str, then: Mapping[str, object], now: Mapping[str, object]) -> Iterator[Difference]:
    for name in dict.fromkeys([*then, *now]):
        if name not in now:
            yield Difference(kind, name, "is gone")
        elif name not in then:
            yield Difference(kind, name, f"is new: {now[name]}")
        elif then[name] != now[name]:
            yield Difference(kind, name, f"was {then[name]}, is {now[name]}")
