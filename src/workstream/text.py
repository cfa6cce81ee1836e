"""Texts that people read in one line."""

from __future__ import annotations

LONGEST = 300  # characters, unless more is wanted


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a text on one line, visibly cut if it is too long; lines that a shell would join are joined."""
    flat = " ".join(text.replace("\\\n", " ").split())
    return flat if len(flat) <= longest else f"{flat[:longest]} … ({len(flat)} characters)"
