"""Texts that people read in one line."""

from __future__ import annotations

LONGEST = 300  # characters, unless more is wanted


def visible(text: str) -> str:
    """Return a text in which every character is seen: what moves a cursor, colours or hides is written out.

    Ends of lines and tabs stay.
    """
    return "".join(one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode() for one in text)


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a text on one line, visibly cut if it is too long; lines that a shell would join are joined."""
    flat = visible(" ".join(text.replace("\\\n", " ").split()))
    return flat if len(flat) <= longest else f"{flat[:longest]} … ({len(flat)} characters)"
