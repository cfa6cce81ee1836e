"""What is nested in a criterion, or stands below it, is promised too."""

from __future__ import annotations

from pathlib import Path

import pytest

from workstream import documents
from workstream.evidence.verdict import text_sha256

HEAD = "## WS-007-01: Mail\n\n### Acceptance Criteria\n\n"
NESTED = HEAD + (
    "- [ ] Letters arrive\n  - [ ] within **two** days\n  - at `*/box`\n\n  1. sealed\n  2. read\n\n"
    "  ```yaml\n  box:\n    size: 2\n    lock: 3\n  ```\n\n  | a | b |\n  | --- | --- |\n  | c | d |\n"
)
HEADED = HEAD + (
    "#### AC1: Letters arrive\n\n- within **two** days\n- at `*/box`\n\n1. sealed\n2. read\n\n"
    "A seal is\nred.\n\n##### 1.1 Seals\n\nAs ever.\n\n```yaml\nbox:\n  size: 2\n  lock: 3\n```\n\n"
    "| a | b |\n| --- | --- |\n| c | d |\n\n#### AC2: Letters stay\n\n- for years\n\n### Notes\n\n- none\n"
)


def read(text: str) -> documents.Criterion:
    """Return the first criterion of a text."""
    return documents.parse(text.encode(), Path("x.md")).criteria[0]


def test_details_are_what_a_reader_sees_and_code_as_it_is_written() -> None:
    """One part a line, without boxes and numbers; code keeps its order."""
    assert read(NESTED).details == "a | b\nat */box\nbox:\n  size: 2\n  lock: 3\nc | d\nread\nsealed\nwithin two days"


def test_a_heading_has_what_stands_below_it_as_details() -> None:
    """Bullets, paragraphs, tables, code and deeper headings, up to the next heading of its level."""
    assert read(HEADED).details == (
        "A seal is red.\nSeals\nSeals > As ever.\nSeals > a | b\nSeals > box:\n  size: 2\n  lock: 3\nSeals > c | d\n"
        "at */box\nread\nsealed\nwithin two days"
    )


def swapped(text: str, one: str, other: str) -> str:
    """Return a text in which two texts changed places."""
    return text.replace(one, "?").replace(other, one).replace("?", other)


@pytest.mark.parametrize("text", [NESTED, HEADED], ids=["nested", "headed"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("two", "three"),
        ("*/box", "/box"),
        ("sealed", "open"),
        ("size: 2", "size: 3"),
        ("  size: 2", "size: 2"),
        ("| c | d |", "| c | e |"),
        ("Letters arrive", "Letters leave"),
    ],
)
def test_another_word_in_details_makes_another_criterion(text: str, before: str, after: str) -> None:
    """Evidence of before it changed proves nothing of it."""
    assert before in text
    assert text_sha256(read(text)) != text_sha256(read(text.replace(before, after)))


@pytest.mark.parametrize("text", [NESTED, HEADED], ids=["nested", "headed"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[ ] within", "[x] within"),
        ("within **two** days\n", "within **two**   days\n\n"),
        ("1. sealed", "4. sealed"),
        ("sealed", "**sealed**"),
        ("- at `*/box`\n", "- at `*/box` <!-- where? -->\n"),
        ("AC1: Letters arrive", "AC7: Letters arrive"),
    ],
)
def test_what_is_no_word_makes_no_other_criterion(text: str, before: str, after: str) -> None:
    """Boxes, numbers, marks, comments and white space are no part of what is promised."""
    assert text_sha256(read(text)) == text_sha256(read(text.replace(before, after)))


@pytest.mark.parametrize("text", [NESTED, HEADED], ids=["nested", "headed"])
def test_the_order_of_bullets_makes_no_other_criterion_and_that_of_code_does(text: str) -> None:
    """Two bullets change places unnoticed, two lines of code do not."""
    assert text_sha256(read(text)) == text_sha256(read(swapped(text, "sealed", "read")))
    assert text_sha256(read(text)) != text_sha256(read(swapped(text, "size: 2", "lock: 3")))


def test_a_report_below_a_criterion_is_no_part_of_it() -> None:
    """Who writes down how a criterion went does not change it."""
    text = HEAD + "#### AC1: Letters arrive\n\n- soon\n"
    report = "\n##### Execution Report\n\n- all went well\n"

    assert read(text).details == read(text + report).details == "soon"


def test_a_limit_beside_a_state_below_a_criterion_is_part_of_it() -> None:
    """Of a table that says how it stands, the state alone is none."""
    text = (
        HEAD + "- [ ] Letters arrive\n\n  | AC | Limit | Status |\n  | --- | --- | --- |\n  | AC1 | 100 ms | open |\n"
    )

    assert text_sha256(read(text)) == text_sha256(read(text.replace("open", "✅ done")))
    assert text_sha256(read(text)) != text_sha256(read(text.replace("100 ms", "5000 ms")))


def test_white_space_in_a_command_is_part_of_it() -> None:
    """What a shell takes for two commands is not what it takes for one."""
    text = "## WS-007-01: Mail\n\n### Completion Criteria\n\n```sh\necho 'a  b'\n```\n"

    assert text_sha256(read(text)) != text_sha256(read(text.replace("a  b", "a b")))
