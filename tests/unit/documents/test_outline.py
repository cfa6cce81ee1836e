from __future__ import annotations

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
