"""A criterion's identity is its words, as a reader sees them, without the name that it gives itself (`AC7:`)."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from workstream.documents import marks, titles
from workstream.documents.model import Kind
from workstream.documents.rendering import collapsed, rendered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workstream.documents.model import Criterion, Document

# What people and tools number criteria with. A closed list: `UTF-8: …` and `HTTP-2: …` begin with words.
_PREFIXES = "UAC|NFR|REQ|AC|FR|SC"
HYPHENS = r"\-\u2010\u2011\u2013"
_LONGEST = 500  # characters that are compared to find what somebody may have meant
_END = r"\s*(?:[:\uff1a]|\)|[.\u2013\u2014-](?=\s|$))\s*"


def _named(prefix: str) -> str:
    """Return a pattern of the names that begin with a prefix: `AC1:`, `AC-2.1 -`, `AC 3)`, `[AC4]`, `(AC5):`."""
    name = rf"(?:{prefix})[\s_{HYPHENS}]?\d{{1,5}}(?:[.{HYPHENS}]\d{{1,3}})*[a-z]?"
    return rf"(?:{name}{_END}|\[{name}\](?:{_END}|\s+)|\({name}\)(?:{_END}|\s+))"


_NUMBER = rf"#\d{{1,5}}(?:\.\d{{1,3}})*(?:{_END}|\s+)"
_NAMES = {
    Kind.ACCEPTANCE: re.compile(rf"(?=\S)(?:{_NUMBER})?(?:{_named(f'(?i:AC)|{_PREFIXES}')})?"),
    Kind.GOAL: re.compile(_named("G"), re.IGNORECASE),
    Kind.CONSTRAINT: re.compile(_named("C"), re.IGNORECASE),
}


def normalise(text: str, kind: Kind = Kind.ACCEPTANCE) -> str:
    """Return what identifies a criterion of a kind: its words; of a command, or where no words are seen, the text."""
    if kind is Kind.COMPLETION:
        return collapsed(text)
    return without_name(rendered(text) or collapsed(text), kind)


def placed_below(groups: Iterable[str]) -> tuple[str, ...]:
    """Return what the groups of a criterion add to its meaning: the words of each that is no state."""
    seen = (collapsed(rendered(marks.CHECKS.sub(" ", marks.WARNINGS.sub(" ", group)))) for group in groups)
    return tuple(words for words in seen if words and not titles.is_bare_state(words))


def without_name(words: str, kind: Kind) -> str:
    """Return words without the name that a criterion of a kind may give itself; a name alone is kept."""
    name = _NAMES[kind].match(words) if kind in _NAMES else None
    return words[name.end() :] or words if name else words


def identified(text: str, document: Document) -> tuple[Criterion, ...]:
    """Return the criteria whose text this is; none, one, or those that say the same.

    The text may be written as in the document, or as a reader sees it there, without a mark.
    """
    written = tuple(
        criterion
        for criterion in document.criteria
        if normalise(text, criterion.kind) == normalise(criterion.text, criterion.kind)
    )
    return written or tuple(
        criterion
        for criterion in document.criteria
        if without_name(collapsed(text), criterion.kind) == normalise(criterion.text, criterion.kind)
    )


def nearest(text: str, document: Document) -> Criterion | None:
    """Return the criterion whose text is most like this one; None if none is alike."""
    by_text = {normalise(criterion.text, criterion.kind)[:_LONGEST]: criterion for criterion in document.criteria}
    alike = difflib.get_close_matches(normalise(text)[:_LONGEST], by_text, n=1, cutoff=0.5)
    return by_text[alike[0]] if alike else None
