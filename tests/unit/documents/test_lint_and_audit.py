from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workstream import documents
from workstream.documents.audit import audit, summary
from workstream.documents.lint import CODES, lint, same_ids

if TYPE_CHECKING:
    from workstream.documents import Document

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "lint-codes.md"
GOOD = "## WS-001-01: Mail\n\n### Acceptance Criteria\n\n- [ ] Mail arrives within a minute\n"


def read(text: str, name: str = "WS-001-01.md") -> Document:
    """Return the document of a text."""
    return documents.parse(text.encode(), Path(name))


BAD = {
    "WS001": "## WS-001-01: Mail\n\n### Steps\n\n- [ ] Install it\n",
    "WS002": GOOD + "- [ ] works\n",
    "WS003": GOOD + "- [ ] **Mail** arrives within a minute\n",
    "WS004": GOOD + "- [ ] AC7: Mail is kept\n- [ ] AC7: Mail is sent\n",
    "WS005": "---\nid: WS-001-02\n---\n" + GOOD,
    "WS006": GOOD + "\n```bash\nls\n\n### More\n",
    "WS007": "## WS-001-01\n\n### Goal\n- mail flows\n**Acceptance Criteria:**\n- [ ] Mail arrives soon\n",
    "WS008": GOOD + "\n### Completion Criteria\n\n```bash\nspark-submit --master local examples.jar\n```\n",
    "WS009": GOOD + "\n### Completion Criteria\n\n```bash\nkubectl exec -it deploy/mail -- true\n```\n",
    "WS010": GOOD + "- [] Mail is kept\n",
    "WS012": GOOD + "\n**For the hall:**\n\n- [x] Mail is shown there\n",
    "WS013": GOOD.replace("Mail arrives", "Po\u017ata arrives"),
    "WS014": "---\nid: LET-7\n---\n\n## Acceptance Criteria\n<!-- AC:BEGIN -->\n- [ ] #1 Mail arrives soon\n",
}
TOGETHER = {"WS011"}  # found in several documents, and not in one


@pytest.mark.parametrize(
    ("added", "line"),
    [
        pytest.param("\n> - [ ] Mail is kept\n", 1, id="a quote"),
        pytest.param("\n| | what |\n| --- | --- |\n| [ ] | Mail is kept |\n", 3, id="a table"),
    ],
)
def test_a_box_where_no_criterion_can_stand_is_told(added: str, line: int) -> None:
    """Somebody takes it for a criterion, and nobody proves it; elsewhere it is what it likes."""
    problems = list(lint(read(GOOD + added)))
    assert [(one.code, one.position.line) for one in problems] == [("WS012", GOOD.count("\n") + 1 + line)]
    assert list(lint(read(f"{GOOD}\n### Notes\n{added}"))) == []


def test_a_good_document_has_no_problems() -> None:
    """Nothing is found where nothing is wrong."""
    assert lint(read(GOOD)) == ()


@pytest.mark.parametrize("code", sorted(set(CODES) - TOGETHER))
def test_every_code_is_found_where_it_belongs_and_alone(code: str) -> None:
    """The document that shows a code shows that code, and no other, with a place in it."""
    content = BAD[code].encode("iso8859-2") if code == "WS013" else BAD[code].encode()
    found = lint(documents.parse(content, Path("WS-001-01.md")))

    assert {one.code for one in found} == {code}
    assert all(1 <= one.position.line <= len(BAD[code].splitlines()) for one in found)


def test_every_code_is_explained() -> None:
    """The reference has a heading for every code that there is, and for no other."""
    assert re.findall(r"^## (WS\d+)", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE) == list(CODES)


REPORT = (
    "## WS-001-01: Mail\n\n### Acceptance Criteria\n\n- [ ] Mail arrives soon\n- [ ] Mail is kept safe\n\n"
    "### Execution Report\n\n#### Goal Status\n\n{rows}\n\n{end}\n"
)


@pytest.mark.parametrize(
    ("rows", "end", "says"),
    [
        ("- [x] Mail arrives soon", "", "AC1 is claimed, and there is no evidence"),
        ("- [x] Mail arrives soon — ⚠️ later", "", "AC1 is claimed, and in the same line not validated"),
        ("- [x] Mail arrives soon - Not validated here", "", "AC1 is claimed, and in the same line not validated"),
        ("- [ ] Mail arrives soon — ✅", "", "AC1 has an open box and a check mark"),
        ("- [x] Mail flies", "", "speaks of a criterion that the document does not have"),
        ("- [x] Mail arrives soon ⚠️", "**Verdict:** ✅ APPROVED", "the verdict approves, with AC1 not validated"),
        ("- [ ] Mail arrives soon", "**Goal Achieved:** ✅ YES", "the goal is called achieved, with open boxes: AC1"),
    ],
)
def test_what_contradicts_is_found(rows: str, end: str, says: str) -> None:
    """A claim that nothing holds up, or that contradicts itself, is named."""
    found = [one.message for one in audit(read(REPORT.format(rows=rows, end=end)))]

    assert any(message.startswith(says) for message in found), found


def test_a_ticked_box_of_the_definition_needs_evidence() -> None:
    """Ticked without evidence, ticked against evidence, and ticked with evidence are told apart."""
    ticked = read(GOOD.replace("[ ]", "[x]"))

    assert [one.message for one in audit(ticked)] == ["AC1 is ticked, and there is no evidence"]
    assert [one.message for one in audit(ticked, {"AC1": "failed"})] == ["AC1 is ticked, and the evidence says: failed"]
    assert audit(ticked, {"AC1": "proven"}) == ()


def test_a_refusal_is_no_approval() -> None:
    """A verdict that says no is not taken for one that says yes."""
    rows = "- [x] Mail arrives soon ⚠️"
    found = [one.message for one in audit(read(REPORT.format(rows=rows, end="**Verdict:** NOT APPROVED")))]

    assert not any("approves" in message for message in found)


def test_only_two_documents_together_show_that_they_have_one_id() -> None:
    """The second is the one that is wrong."""
    one, other = read(GOOD, "a.md"), read(GOOD, "b.md")

    assert [(document.path.name, problem.code) for document, problem in same_ids([one, other, one])] == [
        ("b.md", "WS011")
    ]
    assert list(same_ids([one])) == []


def test_the_summary_counts() -> None:
    """One line: how many are claimed, and how many of them are doubtful."""
    document = read(REPORT.format(rows="- [x] Mail arrives soon ⚠️\n- [x] Mail is kept safe", end=""))

    assert summary(document, audit(document)) == "WS-001-01: 2 of 2 criteria claimed, 2 of them doubtful; 2 findings."
