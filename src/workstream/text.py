"""Texts that people read in one line."""

from __future__ import annotations

import re

LONGEST = 300  # characters, unless more is wanted


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a text on one line, visibly cut if it is too long; lines that a shell would join are joined."""
    flat = visible(" ".join(text.replace("\\\n", " ").split()))
    return flat if len(flat) <= longest else f"{flat[:longest]} … ({len(flat)} characters)"


# Control characters but tab and newline, marks that turn the direction of writing, and halves of characters.
_UNSEEN = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)
_PICTURES = 0x2400  # where Unicode has a picture of each control character of ASCII


def visible(text: str) -> str:
    """Return a text in which nothing acts that is not seen: control characters are shown instead of obeyed."""
    return _UNSEEN.sub(lambda found: _shown(ord(found[0])), text)


def _shown(code: int) -> str:
    if code == 0x7F:  # noqa: PLR2004 - DEL, whose picture is not where the others are
        return "\u2421"
    return chr(_PICTURES + code) if code < ord(" ") else f"\\u{code:04x}"
