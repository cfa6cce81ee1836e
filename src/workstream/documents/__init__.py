"""What was promised: workstream documents, their criteria, and the claims made about them."""

from __future__ import annotations

from workstream.documents.dependencies import Ordered, ordered
from workstream.documents.dialects import NAMES as DIALECTS
from workstream.documents.identity import identified, nearest, normalise, placed_below
from workstream.documents.model import Box, Claim, Criterion, Document, Kind, Position
from workstream.documents.parse import parse, read
from workstream.documents.search import Found, names_one, search

__all__ = [
    "DIALECTS",
    "Box",
    "Claim",
    "Criterion",
    "Document",
    "Found",
    "Kind",
    "Ordered",
    "Position",
    "identified",
    "names_one",
    "nearest",
    "normalise",
    "ordered",
    "parse",
    "placed_below",
    "read",
    "search",
]
