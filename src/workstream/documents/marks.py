"""The marks with which people claim and doubt, also as they look when they were decoded wrongly."""

from __future__ import annotations

import itertools
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


_CHECK = _any_of("\u2705", "\u2713", "\u2714", "\u2611")
_WARNING = _any_of("\u26a0", "\u274c", "\u2717", "\u2718", "\u23f3")
_DASH = _any_of("\u2014", "\u2013")

CHECKS = re.compile(_CHECK)
WARNINGS = re.compile(_WARNING)
DASH = f"(?:{_DASH}|-)"

EMOJI = chr(0xFE0F)  # asks that the mark before it is drawn in colours
_OUTER = f"(?:{_CHECK}|{_WARNING}|{_any_of(EMOJI)}|\\s)"
_LEADING = re.compile(f"{_OUTER}+")
# Where a statement may end and a remark about it begin.
SEPARATOR = re.compile(
    f"\\s+(?:{_DASH}|--?)(?=\\s|$)|\\s*(?:{_CHECK}|{_WARNING})|[:;,.]?\\s*[(\\[]|[:;,.](?=\\s|$)|\\s\\|"
)
_MET = (
    r"(?:pass(?:es|ed)?|met|done|completed?|ok|verified|validated|tested|proven|proved|satisfied|fulfilled|achieved"
    r"|implemented|100\s?%)"
)
_NEVER = r"(?:\b(?:not|never|cannot|unable\s+to)|n't)\s+(?:(?:yet|been|be|fully|actually|really|all)\s+)*"
_DOUBTS = re.compile(
    _NEVER + rf"(?:{_MET}|checked|executed|run|validate|verify|test|prove|check|execute|confirm(?:ed)?|measured?)\b"
    r"|\bun(?:validated|verified|tested|proven|confirmed|checked|met)\b"
    r"|\brequires?\s+(?:an?\s+)?(?:\w{1,20}\s+)?running\b"
    r"|\bneeds?\s+(?:\w{1,20}\s+)?(?:validation|verification|testing|to\s+be\s+\w+ed)\b"
    r"|\b(?:to|must|should)\s+be\s+(?:validated|verified|tested|checked|confirmed|proven)\b"
    r"|\bwithout\s+(?:running|testing|verifying|a\s+(?:real\s+|live\s+)?(?:cluster|run|test))\b"
    r"|\bin\s+theory\b|\b(?:expected|supposed|believed|likely)\s+to\s+\w+|\bshould\s+(?:work|pass|hold)\b",
    re.IGNORECASE,
)
_UNMET = (
    r"(?:pending|simulat(?:ed|ion)|mock(?:ed)?|stub(?:bed)?|skipped|deferred|postponed|blocked|assumed|partial(?:ly)?|tbd"
    r"|to\s?do|wip|in\s+progress|by\s+inspection|dry[-\s]run|theoretical(?:ly)?|manual(?:ly)?)"
)
_SAYS_UNMET = re.compile(rf"^[\W_]*{_UNMET}\b|(?<!\d\s)\b{_UNMET}[\W_]*$", re.IGNORECASE)
_UNMET_ALONE = re.compile(
    rf"^[\W_]*(?:is\s+|still\s+)?(?:{_UNMET}|failed|fails?|missing|open|none|no|n/a|unknown)[\W_]*$", re.IGNORECASE
)
# A word that says so stands alone, or aloud, behind what it is about; within a sentence it is one of its words.
_SAYS_MET = re.compile(
    rf"^[\W_]*(?:(?:is|are|was|all|fully)\s+)*{_MET}[\W_]*$|^[\W_]*(?-i:PASS(?:ED)?|MET|DONE|COMPLETED?|VERIFIED)\b",
    re.IGNORECASE,
)
_STATE_ALONE = re.compile(
    rf"^[\W_]*(?:is\s+|still\s+)?(?:{_UNMET}|{_MET}|failed|fails?|missing|open|none|no|yes|n/a|unknown)[\W_]*$"
    rf"|^[\W_]*(?:could\s+|was\s+)?(?:{_NEVER}|un(?:validated|verified|tested|proven|confirmed|checked|met)\b)"
    r"|^[\W_]*(?-i:PASS(?:ED)?|MET|DONE|COMPLETED?|VERIFIED|FAIL(?:ED)?)\b",
    re.IGNORECASE,
)
_TICKED = re.compile(r"(?<!\S)\[[xX]\](?!\S)")
_BETWEEN = re.compile(rf"[|:;,()\[\]]|\s(?:{_DASH}|--?)\s|{_CHECK}")
_PIECES = 50


def affirms(text: str) -> bool:
    """Whether a text holds a check mark, also a mangled one."""
    return bool(CHECKS.search(text))


def claims_met(remarks: str) -> bool:
    """Whether remarks say that something is met: with a mark, a box, or a word that stands alone: `AC1: PASS`."""
    return affirms(remarks) or bool(_TICKED.search(remarks)) or any(map(_SAYS_MET.match, _pieces(remarks)))


def doubts(text: str, *, named: bool = False) -> bool:
    """Whether a text says that something was not validated, or warns.

    Args:
        text: remarks about a criterion.
        named: whether the text begins with a name and, perhaps, a statement, which may hold any word.

    """
    if WARNINGS.search(text) or _DOUBTS.search(text):
        return True
    pieces = _pieces(text)
    remarks = pieces[2:] if named else pieces
    return any(map(_UNMET_ALONE.match, pieces)) or any(map(_SAYS_UNMET.search, remarks))


def before_state(text: str) -> str:
    """Return a text up to the first mark, box or part that says how far something is; open brackets are closed."""
    marked = (pattern.search(text) for pattern in (CHECKS, WARNINGS, _TICKED))
    end = min((found.start() for found in marked if found), default=len(text))
    begin = separator = 0
    for between in itertools.islice(_BETWEEN.finditer(text), _PIECES):
        if _STATE_ALONE.match(text[begin : between.start()]):
            break
        separator, begin = between.span()
    else:
        separator = separator if _STATE_ALONE.match(text[begin:]) else end
    before = text[: min(separator, end)].rstrip(" ,;:")
    return before + ")" * (before.count("(") - before.count(")"))


def _pieces(text: str) -> list[str]:
    """Return the parts of a text between marks that part one remark from the other."""
    return _BETWEEN.split(text, maxsplit=_PIECES)


def is_mark(text: str) -> bool:
    """Whether a text is a mark, or several, and nothing else."""
    return bool(_LEADING.fullmatch(text))


def without_leading(text: str) -> str:
    """Return a text without the marks at its start."""
    leading = _LEADING.match(text)
    return text[leading.end() :] if leading else text
