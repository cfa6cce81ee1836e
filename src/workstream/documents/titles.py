"""What the title of a section, or the label of a list, says about what stands below it."""

from __future__ import annotations

import re
from enum import Enum, IntEnum, auto


class Section(Enum):
    """What a section holds."""

    ACCEPTANCE = auto()
    CONSTRAINTS = auto()
    COMPLETION = auto()
    GOAL = auto()
    OTHER = auto()  # something that is known to be none of these, whatever the sections around it are


# Emoji, numbers, another language and whatever a wrong decoding left may stand before the words: all but ASCII letters.
_BEFORE = r"^[^a-z]*"
_SENTENCE_END = r"(?P<rest>(?:[^.]|\.(?=\S)){0,80})$"  # 3.5 is no end of a sentence

_ACCEPTANCE = re.compile(
    _BEFORE
    + r"(?:(?:goals?|objectives?|ac)\b\W{0,5}(?:and\s)?\W{0,5})?(?:acceptance|success)\b"
    + r"(?:\W{1,3}(?:and\s)?\W{0,3}\w{1,20})?[\s-]{1,5}criteri(?:a|on)\b"
    + _SENTENCE_END,
    re.IGNORECASE,
)
# A section that says something about the criteria lists none: what covers them, how they are checked.
_ABOUT = re.compile(
    r"\W*(?:\w+\W+)?(?:mapping|map|traceability|trace|matrix|coverage|verification|validation|check(?:ed|s)?"
    r"|results?|summary|reviews?|status|evidence|templates?|examples?|format|guide(?:lines?)?|references?)\b",
    re.IGNORECASE,
)
_OF_SOMETHING = re.compile(r"\s+(?:for|of|in|on|by)\s|\s*[:\u2013\u2014-]\s*\S", re.IGNORECASE)
_OTHER = re.compile(
    _BEFORE + r"(?:non[-\s]?goals?|(?:out of |in )?scope|(?:implementation )?steps?|tasks?|(?:input |modified )?files"
    r"|deliverables?|notes?|context|depend\w+|risks?|references?|expected results?|examples?)\b",
    re.IGNORECASE,
)
_REMARK_END = r"\W*(?:\([^)]*\)\W*)?$"
# What people sign, and how they go about it: boxes of theirs that no test may touch.
_OTHER_ALONE = re.compile(
    _BEFORE + r"(?:(?:final\s+|stakeholder\s+|team\s+|peer\s+|code\s+|required\s+)?"
    r"(?:sign[-\s]?offs?|approvals?|approvers?|reviewers?|reviews?|signatures?|signator(?:y|ies))"
    r"|(?:signed|approved|reviewed|accepted|agreed|confirmed)(?:[-\s]off)?\s+by"
    r"|stakeholders?|owners?|attendees|participants"
    r"|(?:acceptance |manual |unit |integration |e2e |qa )?"
    r"(?:test(?:ing|s)?|verification|validation|qa|demo|rollout|rollback|release|deployment|migration|implementation"
    r"|technical|review)\s+(?:plans?|methods?|strateg(?:y|ies)|procedures?|approach(?:es)?|steps?|notes?|check\s?lists?"
    r"|instructions?|details?|cases?|scenarios?|commands?|tasks?)"
    r"|verification|validation|how\s+(?:to|we)\s+(?:test|verify|check|validate)\w*"
    r"|definition\s+of\s+(?:done|ready)|do[dr]|(?:pre|merge|release|review|launch|done)[-\s]?check\s?list|check\s?list"
    r"|(?:open\s+)?questions?|assumptions?|prerequisites?|pre-?conditions?|follow[-\s]?ups?|next\s+steps?|to[-\s]?dos?"
    r"|related(?:\s+\w+)?|links?|resources?|metrics?|estimat(?:e|es|ion)|evidence|history|change\s?log|background)"
    + _REMARK_END,
    re.IGNORECASE,
)
_KINDS_OF = (
    r"(?:(?:technical|design|hard|project|system|implementation|global|key|important|main|primary|secondary|overall|other"
    r"|additional|general|business|security|performance|operational|functional|non-functional|architectur(?:e|al)|agent|ai"
    r"|execution|workstream|ws|user|high-level)[^a-z]+){0,2}"
)
_AND_MORE = r"(?:\s*(?:and|&|/|,)\s*(?!non)[a-z-]+){0,2}"
_BY_WORDS = {
    Section.COMPLETION: re.compile(
        _BEFORE + _KINDS_OF + r"completion[^a-z]+(?:criteria|commands?)\b" + _AND_MORE + _REMARK_END, re.IGNORECASE
    ),
    Section.CONSTRAINTS: re.compile(_BEFORE + _KINDS_OF + r"constraints?\b" + _AND_MORE + _REMARK_END, re.IGNORECASE),
    Section.GOAL: re.compile(_BEFORE + _KINDS_OF + r"goals?\b" + _AND_MORE + _REMARK_END, re.IGNORECASE),
}
_EXAMPLE = re.compile(
    _BEFORE + r"(?:[a-z]+[^a-z]+){0,2}(?:examples?|samples?|templates?)\b" + _REMARK_END, re.IGNORECASE
)
_OUTPUT = re.compile(_BEFORE + r"(?:examples?|expected|sample|output)\b", re.IGNORECASE)
# Not `status page`, `status codes`: what is behind the word goes on about the status.
_STATUS_ALONE = (
    r"status\b(?!\s+(?!(?:report|table|summary|overview|update|matrix|list|check|log|after|as|at|before|by|for|from|in"
    r"|of|on|per|since|until|with)\b)[a-z])"
)
_REPORT = re.compile(
    r"\b(?:execution report|review results?|(?:goal|ac|(?:acceptance|success) criteria) " + _STATUS_ALONE + r")\b",
    re.IGNORECASE,
)
# The status of the criteria: not what they are for, `Criteria for the HTTP status`, unless a mark parts the two.
_STATUS = re.compile(
    r"\b(?:goals?|ac|acceptance|criteria)\b"
    r"(?:(?:(?!\b(?:for|of|on|in|about|to|with|by)\b).){0,80}|.{0,80}(?:[:(\u2013\u2014]|\s-\s)\s*)\b" + _STATUS_ALONE,
    re.IGNORECASE,
)
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
_BARE_STATE = re.compile(rf"^\W*(?:{_STATES}|doing)\W*$", re.IGNORECASE)
_BOLD = re.compile(r"^\W*(?:\*\*|__).*(?:\*\*|__)\W*$")
_REMARKS = re.compile(r"\([^)]*\)|\W")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_LONGEST = 200  # characters of a title; what is longer is prose


def section(title: str) -> Section | None:
    """Return what a title announces; None if it says nothing about it."""
    title = _words(title)
    if _ACCEPTANCE.match(title):
        return Section.ACCEPTANCE
    if _OTHER.match(title) or _OTHER_ALONE.match(title):
        return Section.OTHER
    return next((kind for kind, pattern in _BY_WORDS.items() if pattern.match(title)), None)


def _words(title: str) -> str:
    """Return a title without the marks around its words that touch them: underscores, anchors and other tags."""
    return _TAG.sub("", title[:_LONGEST]).replace("__", "")


class Announcement(IntEnum):
    """How plainly a title announces acceptance criteria; of several, the plainest do."""

    PLAIN = auto()  # "Acceptance Criteria", "Success Criteria (mandatory)", "Acceptance Criteria for letters"
    LOOSE = auto()  # with words that may mean anything: "Acceptance criteria checklist"
    ABOUT = auto()  # it says something about criteria that stand elsewhere: a mapping, a verification


def announcement(title: str) -> Announcement:
    """Return how plainly a title that speaks of acceptance criteria announces them."""
    match = _ACCEPTANCE.match(_words(title))
    if match is None or _ABOUT.match(match["rest"]):
        return Announcement.ABOUT
    plain = not _REMARKS.sub("", match["rest"]) or _OF_SOMETHING.match(match["rest"])
    return Announcement.PLAIN if plain else Announcement.LOOSE


def is_example(title: str) -> bool:
    """Whether what stands below a title only shows how something may look."""
    return bool(_EXAMPLE.match(title[:_LONGEST]))


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


def is_bare_state(title: str) -> bool:
    """Whether a title only says how far what stands below it is: `Done`, `In progress`."""
    return len(title) <= _LONGEST and bool(_BARE_STATE.match(title))


def is_label(line: str) -> bool:
    """Whether a line stands there as a title: all of it bold, or with a colon at its end."""
    return len(line) <= _LONGEST and (bool(_BOLD.match(line)) or line.rstrip("*_ \t\\").endswith(":"))


def is_acceptance_label(line: str) -> bool:
    """Whether a line is the label of a list of acceptance criteria; bare words need no bold and no colon."""
    if len(line) > _LONGEST or (match := _ACCEPTANCE.match(_words(line))) is None:
        return False
    return is_label(line) or not _REMARKS.sub("", match["rest"])
