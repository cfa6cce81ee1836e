"""What the title of a section, or the label of a list, says about what stands below it."""

from __future__ import annotations

import re
from enum import Enum, auto


class Section(Enum):
    """What a section holds."""

    ACCEPTANCE = auto()
    CONSTRAINTS = auto()
    COMPLETION = auto()
    GOAL = auto()
    OTHER = auto()  # something that is known to be none of these, whatever the sections around it are


# Emoji, numbers, another language and whatever a wrong decoding left may stand before the words: all but ASCII letters.
_BEFORE = r"^[^a-z]*"
_WORDS = _BEFORE + r"(?:[a-z]+[^a-z]+){0,3}"
_SENTENCE_END = r"(?P<rest>(?:[^.]|\.(?=\S)){0,80})$"  # 3.5 is no end of a sentence

_ACCEPTANCE = re.compile(
    _BEFORE
    + r"(?:(?:goals?|objectives?|ac)\b\W{0,5}(?:and\s)?\W{0,5})?(?:acceptance|success)\b"
    + r"(?:\W{1,3}(?:and\s)?\W{0,3}\w{1,20})?[\s-]{1,5}criteri(?:a|on)\b"
    + _SENTENCE_END,
    re.IGNORECASE,
)
_OTHER = re.compile(
    _BEFORE + r"(?:non[-\s]?goals?|(?:out of |in )?scope|(?:implementation )?steps?|tasks?|(?:input |modified )?files"
    r"|deliverables?|notes?|context|depend\w+|risks?|references?|expected results?|examples?)\b",
    re.IGNORECASE,
)
_BY_WORDS = {
    Section.COMPLETION: re.compile(_WORDS + r"completion[^a-z]+(?:criteria|commands?)\b", re.IGNORECASE),
    Section.CONSTRAINTS: re.compile(_WORDS + r"constraints?\b", re.IGNORECASE),
    Section.GOAL: re.compile(_WORDS + r"goals?\b", re.IGNORECASE),
}
_OUTPUT = re.compile(_BEFORE + r"(?:examples?|expected|sample|output)\b", re.IGNORECASE)
_REPORT = re.compile(
    r"\b(?:execution report|review results?|goal status|ac status|(?:acceptance|success) criteria status)\b",
    re.IGNORECASE,
)
_STATUS = re.compile(r"\b(?:goals?|ac|acceptance|criteria)\b.{0,80}\bstatus\b", re.IGNORECASE)
# Sections and lines of which the only use is to say how far the work is, and who did what.
_BOOKKEEPING = re.compile(
    _BEFORE
    + r"(?:execution (?:log|notes|summary)|status|progress(?: log)?|reviews?|review (?:notes|log)|sign[-\s]?offs?"
    r"|change ?log|revision history|qa results?|dev agent record|implementation notes)\W*$",
    re.IGNORECASE,
)
_STATES = (
    r"(?:not started|draft|proposed|open|planned|pending|to ?do|ready(?: for \w+)?|in progress|wip|blocked|in review"
    r"|review|approved|not approved|accepted|rejected|changes requested|done|completed?|finished|closed|yes|no|partly)"
)
_STATE = re.compile(
    rf"^\W*(?:status|state|progress|(?:final )?verdict|goals? achieved)\W+{_STATES}\W*$"
    r"|^\W*(?:date|created|(?:last )?updated|started|completed|reviewed|approved)(?: (?:on|at))?\W+"
    r"\d{4}-\d\d-\d\d\W*$",
    re.IGNORECASE,
)
_BOLD = re.compile(r"^\W*(?:\*\*|__).*(?:\*\*|__)\W*$")
_REMARKS = re.compile(r"\([^)]*\)|\W")
_LONGEST = 200  # characters of a title; what is longer is prose


def section(title: str) -> Section | None:
    """Return what a title announces; None if it says nothing about it."""
    title = title[:_LONGEST]
    if _ACCEPTANCE.match(title):
        return Section.ACCEPTANCE
    if _OTHER.match(title):
        return Section.OTHER
    return next((kind for kind, pattern in _BY_WORDS.items() if pattern.match(title)), None)


def shows_output(label: str) -> bool:
    """Whether code below a label is what commands print, or an example."""
    return bool(_OUTPUT.match(label[:_LONGEST]))


def begins_report(title: str) -> bool:
    """Whether what follows is a report: what people claim, no longer what was promised."""
    return bool(_REPORT.search(title[:_LONGEST]))


def is_status(title: str) -> bool:
    """Whether every row below is about a criterion."""
    return bool(_STATUS.search(title[:_LONGEST]))


def is_bookkeeping(title: str) -> bool:
    """Whether what follows only says how far the work is: a report, a status, a review, a change log."""
    return begins_report(title) or is_status(title) or bool(_BOOKKEEPING.match(title[:_LONGEST]))


def is_state(line: str) -> bool:
    """Whether a line only says how far the work is, `Status: in progress`, or when it was done."""
    return len(line) <= _LONGEST and bool(_STATE.match(line))


def is_label(line: str) -> bool:
    """Whether a line stands there as a title: all of it bold, or with a colon at its end."""
    return len(line) <= _LONGEST and (bool(_BOLD.match(line)) or line.rstrip("*_ \t\\").endswith(":"))


def is_acceptance_label(line: str) -> bool:
    """Whether a line is the label of a list of acceptance criteria; bare words need no bold and no colon."""
    if len(line) > _LONGEST or (match := _ACCEPTANCE.match(line)) is None:
        return False
    return is_label(line) or not _REMARKS.sub("", match["rest"])
