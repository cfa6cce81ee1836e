from __future__ import annotations

import time
from pathlib import Path

import pytest

from workstream import documents, errors
from workstream.documents import outline

FILLER = "## Log\n\n" + "just a line of output with # and - and so on\n" * 20_000
CRITERIA = "### Acceptance Criteria\n\n- [ ] Mail arrives\n"


def test_a_large_document_is_read_as_a_small_one_is() -> None:
    """With megabytes of output before and behind, the same criteria are found, and their boxes where they are."""
    text = f"# WS-001-01\n\n{FILLER}\n```text\n# no heading\n{CRITERIA}```\n\n{CRITERIA}\n{FILLER}"
    assert len(text) > outline.SMALL
    (criterion,) = documents.parse(text.encode(), Path("x.md")).criteria

    assert criterion.text == "Mail arrives"
    assert criterion.position.line == text[: text.rindex("- [ ] Mail")].count("\n") + 1
    assert criterion.box is not None
    assert text.encode()[criterion.box.offset - 1 : criterion.box.offset + 2] == b"[ ]"


def test_megabytes_of_criteria_are_refused_with_their_place() -> None:
    """What nobody reads is refused at the section where it becomes too much."""
    text = "# WS-001-01\n\n### Acceptance Criteria\n\n" + "- [ ] Mail arrives\n" * 40_000
    with pytest.raises(errors.DocumentError, match=r"x\.md:3: more than"):
        documents.parse(text.encode(), Path("x.md"))


SOON = 2.0  # seconds of the processor's time, for 2 MB


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("criteria", "\n"),
        ("criteria", " \n"),
        ("criteria", "\r\n"),
        ("notes", "\n"),
        ("notes", " \n"),
        ("notes", "word and word\n"),
    ],
)
def test_two_megabytes_of_nothing_are_read_in_two_seconds(where: str, line: str) -> None:
    """Empty lines anywhere, and prose beside the criteria, keep nobody waiting; the box is where it was."""
    filler = line * (2_000_000 // len(line))
    notes = f"### Notes\n\n{filler}\n" if where == "notes" else ""
    begin, rest = CRITERIA.split("- [ ]")
    text = f"# WS-001-01\n\n{notes}{begin}{'' if notes else filler}- [ ]{rest}".encode()
    started = time.process_time()
    (criterion,) = documents.parse(text, Path("x.md")).criteria

    assert time.process_time() - started < SOON
    assert criterion.box is not None
    assert text[criterion.box.offset - 1 : criterion.box.offset + 2] == b"[ ]"


def test_many_criteria_take_no_long_time() -> None:
    """As many as a document may hold, each with a claim, are read as fast as 2 MB of prose."""
    rows = "".join(f"- [ ] Mail {number} arrives\n" for number in range(4_000))
    claims = "".join(f"- [x] AC{number} seen\n" for number in range(1, 4_001))
    started = time.process_time()
    document = documents.parse(
        f"# WS-001-01\n\n### Acceptance Criteria\n\n{rows}\n### Execution Report\n\n{claims}".encode(), Path("x.md")
    )

    assert (len(document.criteria), sum(claim.affirmed for claim in document.claims)) == (4_000, 4_000)
    assert time.process_time() - started < 2 * SOON
