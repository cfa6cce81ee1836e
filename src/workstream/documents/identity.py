"""A criterion's identity is its text: compared without emphasis, code marks, a leading `ACn:` and extra space."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workstream.documents.model import Criterion, Document

# Not the beginning of a longer one: `WS-001-04_mail.md` is WS-001-04, and `WS-001-04x` is nobody's.
DOCUMENT_ID = re.compile(r"(?<![A-Za-z0-9])WS-\d+(?:-\d+)*(?![A-Za-z0-9]|-\d)", re.IGNORECASE)

_OWN_NAME = re.compile(r"^(?:AC|G|CC|C)[-\s]?\d+\s*(?::|[.)\u2013\u2014-](?=\s|$))\s*", re.IGNORECASE)
_MARKS = re.compile(r"[*`]+|(?<!\w)_++(?=\w)|(?<=[^\W_])_++(?!\w)")
_SPACE = re.compile(r"\s+")
_LONGEST = 500  # characters that are compared to find what somebody may have meant


def normalise(text: str) -> str:
    """Return what identifies a criterion: its words."""
    bare = _SPACE.sub(" ", _MARKS.sub("", text)).strip()
    return _OWN_NAME.sub("", bare, count=1).strip()


def nearest(text: str, document: Document) -> Criterion | None:
    """Return the criterion whose text is most like this one; None if none is alike."""
    by_text = {normalise(criterion.text)[:_LONGEST]: criterion for criterion in document.criteria}
    found = difflib.get_close_matches(normalise(text)[:_LONGEST], by_text, n=1, cutoff=0.5)
    return by_text[found[0]] if found else None


def identified(text: str, document: Document) -> tuple[Criterion, ...]:
    """Return the criteria whose text this is."""
    wanted = normalise(text)
    return tuple(criterion for criterion in document.criteria if normalise(criterion.text) == wanted)
