"""A criterion's identity is its text: compared without emphasis, code marks, a leading `ACn:` and extra space."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workstream.documents.model import Criterion, Document

DOCUMENT_ID = re.compile(r"\bWS-\d+(?:-\d+)*\b", re.IGNORECASE)

_LEADING_ID = re.compile(r"^\s*(?:\*\*)?\s*(?:AC|G|CC|C)[-\s]?\d+\s*(?:\*\*)?\s*[:.)\u2013\u2014-]\s*(?:\*\*)?\s*")
_MARKS = re.compile(r"[*`]+|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)")
_SPACE = re.compile(r"\s+")


def normalise(text: str) -> str:
    """Return what identifies a criterion: its words."""
    bare = _MARKS.sub("", _LEADING_ID.sub("", text))
    return _SPACE.sub(" ", bare).strip()


def nearest(text: str, document: Document) -> Criterion | None:
    """Return the criterion whose text is most like this one; None if none is alike."""
    by_text = {normalise(criterion.text): criterion for criterion in document.criteria}
    found = difflib.get_close_matches(normalise(text), by_text, n=1, cutoff=0.5)
    return by_text[found[0]] if found else None
