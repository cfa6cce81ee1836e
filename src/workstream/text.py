"""Texts that people read in one line."""

from __future__ import annotations

import re

# All but tab and line feed: C0 and C1 controls, and the marks that change the direction in which a line is read.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
LONGEST = 300  # characters, unless more is wanted


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a text on one line, visibly cut if it is too long; lines that a shell would join are joined."""
    flat = " ".join(text.replace("\\\n", " ").split())
    return flat if len(flat) <= longest else f"{flat[:longest]} … ({len(flat)} characters)"


def visible(text: str) -> str:
    """Return a text in which what moves a terminal's cursor, colours it or turns words around is spelled out."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)
