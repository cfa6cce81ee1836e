"""The marks with which people claim and doubt, also as they look when they were decoded wrongly."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def _forms(*marks: str) -> Iterator[str]:
    """Yield marks as they are, and as they look when their UTF-8 was read as Windows-1252 or Latin-1."""
    for mark in marks:
        raw = mark.encode()
        yield mark
        yield raw.decode("cp1252", "ignore")  # what Windows-1252 does not define is dropped …
        yield "".join(_best_fit(byte) for byte in raw)  # … or becomes a control character
        yield raw.decode("latin-1")


def _best_fit(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


def _any_of(*marks: str) -> str:
    """Return a pattern; the longest first, since a mangled mark can begin as another one does."""
    return "|".join(map(re.escape, sorted(set(_forms(*marks)), key=len, reverse=True)))


_CHECK = _any_of("\u2705", "\u2714", "\u2611")
_WARNING = _any_of("\u26a0", "\u274c", "\u2717", "\u2718", "\u23f3")
_DASH = _any_of("\u2014", "\u2013")

CHECKS = re.compile(_CHECK)
WARNINGS = re.compile(_WARNING)
DASH = f"(?:{_DASH}|-)"

_OUTER = f"(?:{_CHECK}|{_WARNING}|{_any_of(chr(0xFE0F))}|\\s)"
_LEADING = re.compile(f"{_OUTER}+")
# Where a statement may end and a remark about it begin.
SEPARATOR = re.compile(
    f"\\s+(?:{_DASH}|--?)(?=\\s|$)|\\s*(?:{_CHECK}|{_WARNING})|[:;,.]?\\s*[(\\[]|[:;,.](?=\\s|$)|\\s\\|"
)
_NEVER = r"(?:\bnot|\bnever|n't)\s+(?:(?:yet|been|be|fully|actually)\s+)*"
_DOUBTS = re.compile(
    _NEVER + r"(?:validated|verified|tested|proven|proved|checked|executed|run)\b"
    r"|\bun(?:validated|verified|tested|proven)\b"
    r"|\brequires?\s+(?:an?\s+)?(?:\w{1,20}\s+)?running\b",
    re.IGNORECASE,
)


def affirms(text: str) -> bool:
    """Whether a text holds a check mark, also a mangled one."""
    return bool(CHECKS.search(text))


def doubts(text: str) -> bool:
    """Whether a text says that something was not validated, or warns."""
    return bool(WARNINGS.search(text) or _DOUBTS.search(text))


def without_leading(text: str) -> str:
    """Return a text without the marks at its start."""
    leading = _LEADING.match(text)
    return text[leading.end() :] if leading else text
