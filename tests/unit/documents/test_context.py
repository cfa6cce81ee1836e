"""What gives criteria their meaning: everything around them that is not bookkeeping."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstream import documents
from workstream.documents import outline

if TYPE_CHECKING:
    import random

CASES = 200
TITLE = "# WS-007-01: Mail\n\nHow letters travel, and\nwhere *they* stay.\n\n"
SIZES = "### Sizes\n\n| box | letters |\n| --- | --- |\n| small | 10 |\n| large | 900 |\n\n"
DEFINITIONS = """### Definitions

A letter is text with a seal, of at most
12 pages, that somebody wrote.

- a box: `/var/*/box`
- a seal: red wax
  - warm

"""
SECTIONS = [
    DEFINITIONS,
    "### Acceptance Criteria\n\n- [ ] Letters arrive\n  - soon\n- [x] Letters stay\n\n",
    "### Constraints\n\n- C1: no carrier pigeons\n- C2: no owls\n\n",
    "### Steps\n\n1. [ ] Build a box\n2. [x] Paint it, see AC1\n\n```yaml\nbox:\n  colour: red\n```\n\n",
    SIZES,
    "### Completion Criteria\n\n```sh\n# count\nls box | wc -l\n```\n\n",
    "### Goal\n\nIt works when:\n\n- letters flow\n  - by day\n\n",
]
EXECUTION = (
    "### Execution Report\n\nAll went well.\n\n#### AC Status\n\n- [x] Letters arrive\n\n"
    "```text\nok\n```\n\n[log]: x.log\n\n"
)
REPORTS = [
    EXECUTION,
    "**AC Status:**\n\n- [x] AC1\n- [ ] AC2\n\n",
    "### Review\n\n- AC1: ✅ seen\n\n",
    "### Acceptance Criteria Status\n\n| criterion | how |\n| --- | --- |\n| Letters stay | seen |\n\n",
    "### Status\n\nDraft\n\n",
    "### Goals and their status\n\n- [x] all day\n\n",
    "### Change Log\n\n| date | what |\n| --- | --- |\n| 2026-01-02 | begun |\n\n",
]
TABLES = [
    "| AC | Status |\n| --- | --- |\n| AC1 | met |\n| AC2 | open |\n\n",
    "| what | |\n| --- | --- |\n| Letters arrive | ✅ |\n| Letters stay | ⚠️ later |\n\n",
    "**Status:** in progress\n\n**Updated:** 2026-01-02\n\n**Verdict:** ✅ APPROVED\n\n",
    "- Letters arrive ✅ (seen on all)\n- Letters stay - not validated\n\n",
    "<!-- a note\nto ourselves -->\n\n",
]
BOXES = re.compile(r"(?<=\[)[ x](?=\] )")


def context(text: str) -> str:
    """Return the context of a text."""
    return documents.parse(text.encode(), Path("WS-007-01.md")).context


TEXT = TITLE + "".join(SECTIONS)
CONTEXT = context(TEXT)


def test_the_context_is_all_but_criteria_and_bookkeeping() -> None:
    """Constraints are in it, each part below what it stands below, sorted; criteria, goals and commands are not."""
    assert CONTEXT.split("\n") == [
        "Acceptance Criteria",
        "Completion Criteria",
        "Completion Criteria > # count",
        "Constraints",
        "Constraints > no carrier pigeons",
        "Constraints > no owls",
        "Definitions",
        "Definitions > A letter is text with a seal, of at most 12 pages, that somebody wrote.",
        "Definitions > a box: /var/*/box",
        "Definitions > a seal: red wax",
        "Definitions > a seal: red wax > warm",
        "Goal",
        "Goal > It works when:",
        "Sizes",
        "Sizes > box | letters",
        "Sizes > large | 900",
        "Sizes > small | 10",
        "Steps",
        "Steps > Build a box",
        "Steps > Paint it, see AC1",
        "Steps > box:",
        "  colour: red",
        "WS-007-01: Mail",
        "WS-007-01: Mail > How letters travel, and where they stay.",
    ]


@settings(max_examples=CASES, deadline=None)
@given(st.randoms(use_true_random=False))
def test_ticks_empty_lines_order_and_line_breaks_change_nothing(chance: random.Random) -> None:
    """What a tick, a tool or an editor does to a document leaves its meaning as it is."""
    sections = [BOXES.sub(lambda _: chance.choice(" xX"), section) for section in SECTIONS]
    chance.shuffle(sections)
    text = TITLE + "".join(sections)
    text = re.sub(r"\n\n", lambda _: "\n" * chance.randint(2, 5), text)
    for words in ("of at most 12 pages, that somebody wrote.", "letters travel, and where *they* stay."):
        pattern = words.replace(" ", r"\s+").replace("*", r"\*").replace(".", r"\.")
        text = re.sub(pattern, re.sub(" ", lambda _: chance.choice([" ", "\n", "  \n"]), words), text)
    for one, other in (
        ("1. [", "7. ["),
        ("C1:", "C4:"),
        ("### Sizes", "### 3. Sizes"),
        ("red wax", "**red** wax"),
        ("Build a box\n", "Build a box ✅\n"),
    ):
        if chance.getrandbits(1):
            text = text.replace(one, other)

    assert context(text) == CONTEXT


@settings(max_examples=CASES, deadline=None)
@given(st.lists(st.sampled_from([*REPORTS, *TABLES]), min_size=1, max_size=4))
def test_a_report_anywhere_behind_the_criteria_changes_nothing(added: list[str]) -> None:
    """Execution reports, reviews, status tables, states and comments are no part of the meaning."""
    sections = list(SECTIONS)
    for report in added:
        sections.insert(len(sections) if report in REPORTS else SECTIONS.index(SIZES) + 1, report)

    assert context(TITLE + "".join(sections)) == CONTEXT


def words() -> list[tuple[int, int]]:
    """Return where the words stand that give the criteria their meaning."""
    own = [
        "- [ ] Letters arrive\n  - soon",
        "- [x] Letters stay",
        "ls box | wc -l",
        "- letters flow\n  - by day",
        "```yaml",
        "```sh",
    ]
    text = TEXT
    for one in [*own, "C1:", "C2:", "1. [ ]", "2. [x]"]:
        text = text.replace(one, re.sub(r"\S", "-", one))
    return [found.span() for found in re.finditer(r"\w+", text)]


@pytest.mark.parametrize("place", words(), ids=lambda place: TEXT[slice(*place)])
def test_another_word_changes_the_context(place: tuple[int, int]) -> None:
    """A word of a definition, a constraint, a step, a table, of code or of the title is part of the meaning."""
    first, beyond = place
    assert context(f"{TEXT[:first]}Zz7{TEXT[beyond:]}") != CONTEXT


@pytest.mark.parametrize(
    ("before", "after"),
    [("/var/*/box", "/var/box"), ("  colour: red", "colour: red"), ("red wax", "[red](wax.md) wax"), ("#1\n", "#2\n")],
)
def test_another_character_of_code_or_target_changes_the_context(before: str, after: str) -> None:
    """What stands in code, how far it is indented, and where a link leads are part of the meaning."""
    text = TEXT + "[wax]: wax.md#1\n"

    assert before in text
    assert context(text.replace(before, after)) != context(text)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("### In scope\n\n- letters\n\n### Out of scope\n\n- parcels\n", "letters parcels"),
        ("### Rights\n\n- clerks\n  - read\n- guests\n  - burn\n", "read burn"),
        ("### Good\n\n```sh\npost a\n```\n\n### Bad\n\n```sh\nburn a\n```\n", "post burn"),
    ],
    ids=["headings", "items", "code"],
)
def test_what_something_stands_below_is_part_of_the_meaning(first: str, second: str) -> None:
    """Two parts that change places are two other promises; two in one place are the same."""
    one, other = second.split()
    swapped = first.replace(one, "\0").replace(other, one).replace("\0", other)

    assert swapped != first
    assert context(TEXT + swapped) != context(TEXT + first)
    assert context(first + "\n" + TEXT) == context(TEXT + first)


@pytest.mark.parametrize(
    ("head", "counts"),
    [("read", True), ("delete", True), ("Status", False), ("Done", False), ("Implemented", False), ("Ready", False)],
)
def test_a_mark_in_a_table_counts_where_it_says_what_is_allowed(head: str, *, counts: bool) -> None:
    """A mark below the head of a state says how far something is; any other says what holds."""
    table = f"### Rights\n\n| role | {head} |\n| --- | --- |\n| clerk | ✅ |\n| guest | ❌ |\n"
    other = table.replace("guest | ❌", "guest | ✅")

    assert (context(TEXT + table) != context(TEXT + other)) is counts
    boxes = table.replace("✅", "[x]").replace("❌", "[ ]")
    assert (context(TEXT + boxes) != context(TEXT + boxes.replace("[ ]", "[x]"))) is counts


def test_front_matter_is_bookkeeping() -> None:
    """A state or a date in it changes nothing."""
    assert context(f"---\nstatus: done\ndate: 2026-01-02\n---\n{TEXT}") == CONTEXT


@pytest.mark.parametrize(
    "definition",
    [
        "Status: 200 for every letter\n",
        "- Letters arrive: the time from door to door\n",
        "| AC | means |\n| --- | --- |\n| AC1 | letters of 12 pages |\n",
        "### Status codes\n\nAll of them.\n",
        "### Execution Report\n\nFine.\n\n### Words\n\nA stamp is a picture.\n",
        "**Execution Report:**\n\n- fine\n\n### Words\n\nA stamp is a picture.\n",
        "**AC Status:**\n\n- [x] AC1\n\nA stamp is a picture.\n",
        "**AC Status:**\n\n- [x] AC1\n\n```text\nstamps\n```\n\n- no picture\n",
    ],
)
def test_what_only_looks_like_a_report_is_part_of_the_meaning(definition: str) -> None:
    """Definitions that speak of criteria, or stand behind a report, count with every word."""
    text = f"{TEXT}### More\n\n{definition}"
    last = re.findall(r"\w+", definition)[-1]
    changed = text[: text.rindex(last)] + "Zz7" + text[text.rindex(last) + len(last) :]

    assert context(changed) != context(text)


LIMITS = {
    "behind a name": "| AC | How it is measured | Verified |\n| --- | --- | --- |\n| AC1 | within 100 ms | {} |\n",
    "behind a statement": "| | | |\n| --- | --- | --- |\n| Letters arrive | 100 ms | {} |\n",
    "with a name": "| AC | Status |\n| --- | --- |\n| AC1: within 100 ms | {} |\n",
    "with a mark": "| AC | how soon | |\n| --- | --- | --- |\n| ✅ AC1 | 100 ms ✅ | {} |\n",
    "beside notes": "| AC | Limit | Status | Verified by | Date | Notes |\n| --- | --- | --- | --- | --- | --- |\n"
    "| AC1 | 100 ms | {} | {} | {} | {} |\n",
    "beside other rows": "| | | |\n| --- | --- | --- |\n| Letters arrive | 100 ms | {} |\n| in all | 1 | |\n",
}


@pytest.mark.parametrize("table", LIMITS)
def test_a_limit_beside_a_state_is_part_of_the_meaning(table: str) -> None:
    """Another limit promises something else; another state, and who saw it and when, does not."""
    text = f"{TEXT}### More\n\n{LIMITS[table]}"
    states = ["⚠️ later", "✅", "❌ failed, see log", "✅ seen by Ann, 2026-01-02"]

    contexts = {context(text.replace("{}", state)) for state in states}
    assert len(contexts) == 1
    assert context(text.replace("{}", "✅").replace("100 ms", "5000 ms")) not in contexts


@pytest.mark.parametrize(
    "table",
    [
        (
            "| AC | Status | Evidence | Verified by | Date | Notes |\n| --- | --- | --- | --- | --- | --- |\n"
            "| AC1 | ✅ in 90 ms | run 12 | Ann | 2026-01-02 | on 3 nodes |\n| AC2 | open | | | | |\n\n"
        ),
        "| | on all nodes |\n| --- | --- |\n| AC1, AC2 | ✅ (100 of 100) |\n\n",
        "| what | Result | Seen on |\n| --- | --- | --- |\n| Letters arrive | PASS: 12 of 12 | node 3 ✅ |\n\n",
    ],
)
def test_a_table_that_only_says_how_criteria_stand_is_bookkeeping(table: str) -> None:
    """Names, states, evidence, dates, people and notes may come and go."""
    assert context(TEXT + table) == CONTEXT


@pytest.mark.parametrize(
    ("title", "counts"),
    [
        ("Criteria for the HTTP status", True),
        ("Criteria for the HTTP-status", True),
        ("Goals of the status page", True),
        ("AC status codes", True),
        ("Acceptance criteria for letters: status", False),
        ("Goals and their status", False),
        ("AC Status Report (2026-01-02)", False),
        ("Goal status after round 2", False),
    ],
)
def test_only_the_status_of_criteria_is_bookkeeping(title: str, *, counts: bool) -> None:
    """What criteria of a status are about is part of their meaning."""
    text = f"{TEXT}### {title}\n\nWithin 100 ms.\n"

    assert (context(text) != CONTEXT) is counts
    assert (context(text.replace("100", "5000")) != context(text)) is counts


@pytest.mark.parametrize(
    "text",
    [
        "# WS-007-01: Execution report\n\nA stamp.\n",
        "# WS-007-01\n\n**Execution Report:**\n\n- fine\n\n### Words\n\nA stamp.\n",
        "# WS-007-01\n\n### Acceptance Criteria and their status\n\n- [ ] Letters arrive\n\nA stamp.\n",
    ],
    ids=["title", "label", "criteria"],
)
def test_no_report_takes_in_what_is_none(text: str) -> None:
    """A title, a label below it, or a section with criteria makes no report of a whole document."""
    assert any(line.endswith(" > A stamp.") for line in context(text).split("\n"))


def test_details_of_a_criterion_that_is_a_heading_are_not_counted_twice() -> None:
    """What stands below it is its own, not context."""
    text = "## WS-007-01\n\n### Acceptance Criteria\n\n#### AC1: Letters arrive\n\n- soon\n\n### Words\n\nA stamp.\n"

    assert context(text) == "Acceptance Criteria\nWS-007-01\nWords\nWords > A stamp."


LOG = "### Log of letters\n\n- [ ] look\n" + "".join(f"letter {number}  came\n" for number in range(20_000)) + "\n"


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("letter 777  came", "letter 777  went", False),
        ("letter 777  came", "letter 777 came", True),
        ("letter 777  came\n", "\n\nletter 777 came\n", True),
        ("letter 777  came\nletter 778  came\n", "letter 778  came\nletter 777  came\n", True),
        ("- [ ] look", "- [x] look", True),
    ],
)
def test_what_a_large_document_holds_beside_criteria_counts_too(before: str, after: str, *, same: bool) -> None:
    """Sections that nobody parses are compared line by line."""
    text = TEXT + LOG
    assert len(text) > outline.SMALL
    assert (context(text.replace(before, after)) == context(text)) is same


def test_long_output_in_a_report_of_a_large_document_changes_nothing() -> None:
    """What a report quotes is no meaning, however long it is."""
    report = "### Execution Report\n\n```text\n" + "ok\n" * 3_000 + "```\n\n"

    assert context(TEXT + LOG + report) == context(TEXT + LOG)


@settings(max_examples=CASES, deadline=None)
@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from([*SECTIONS, *REPORTS, *TABLES, "> ", "- ", "```\n"]))))
def test_any_document_has_a_context(text: str | list[str]) -> None:
    """Whatever stands in a document, in whichever order, its context is worked out, and holds its title."""
    document = TITLE + "".join(text).replace("\0", "")

    assert "WS-007-01: Mail" in context(document).split("\n")
