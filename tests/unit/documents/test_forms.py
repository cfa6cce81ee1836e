"""The forms in which people write criteria, one small document each."""

from __future__ import annotations

from pathlib import Path

import pytest

from workstream import documents, errors
from workstream.documents import Kind

HEAD = "## WS-007-01: Mail\n\n"


def read(text: str | bytes, name: str = "WS-007-01-mail.md") -> documents.Document:
    """Return the document of a text."""
    return documents.parse(text if isinstance(text, bytes) else text.encode(), Path(name))


def mangled(text: str) -> str:
    """Return a text whose UTF-8 was read as Windows-1252."""
    return text.encode().decode("cp1252", "ignore")


TWO = ["Mail arrives", "Mail is kept"]
FORMS = {
    "bold label below a goal": (
        "### Goal\n\n**It works when:**\n- flow\n\n**Acceptance Criteria:**\n- [ ] Mail arrives\n- [x] Mail is kept\n",
        TWO,
    ),
    "emoji and two languages": (
        "# \U0001f3af Цель (Goal)\n\n**✅ Acceptance Criteria (AC):**\n\n- [ ] Mail arrives\n- [ ] Mail is kept\n",
        TWO,
    ),
    "wrongly decoded": (
        mangled("### \U0001f3af Цель (Goal)\n\n")
        + "**Acceptance Criteria:**\n- [ ] Mail arrives\n- [ ] Mail is kept\n",
        TWO,
    ),
    "label swallowed by the list above": (
        "### Goal\n- mail flows\n- spam does not\n**Acceptance Criteria:**\n- [ ] Mail arrives\n- [ ] Mail is kept\n",
        TWO,
    ),
    "heading": ("### Acceptance Criteria\n\n- [ ] Mail arrives\n- [ ] Mail is kept\n", TWO),
    "heading with emoji, deep": ("#### ✅ Success Criteria\n- [ ] Mail arrives\n- [ ] Mail is kept\n", TWO),
    "ordered list": ("### Acceptance Criteria\n\n1. [ ] Mail arrives\n2. [x] Mail is kept\n", TWO),
    "own ids on some": ("### Acceptance Criteria\n\n- [ ] **AC1:** Mail arrives\n- [ ] Mail is kept\n", TWO),
    "continuation bullets": (
        "### Acceptance Criteria\n\n- [ ] Mail arrives\n  - soon\n  - [ ] also at night\n- [ ] Mail is kept\n",
        TWO,
    ),
    "continuation lines": ("### Acceptance Criteria\n\n- [ ] Mail\n  arrives\n- [ ] Mail is\n  kept\n", TWO),
    "a heading each and no box": (
        "### Acceptance Criteria\n\n#### AC1: Mail arrives\n\n- soon\n\n#### AC2: Mail is kept\n\n- for years\n",
        TWO,
    ),
    "plain bullets": ("### Success Criteria\n\n- Mail arrives\n- Mail is kept\n", TWO),
    "a second list further down": (
        (
            "### Acceptance Criteria\n\n- [ ] Mail arrives\n- [ ] Mail is kept\n\n### Steps\n\n- [ ] Install it\n\n"
            "### Execution Report\n\n#### Acceptance Criteria\n\n- [x] Mail arrives\n- [x] Mail is kept\n"
        ),
        TWO,
    ),
    "boxes elsewhere are none": (
        (
            "### Steps\n\n- [ ] Install it\n\n```markdown\n- [ ] Sample\n```\n\n"
            "### Acceptance Criteria\n\n- [ ] Mail arrives\n"
            "- [ ] Mail is kept\n\n### Deliverables\n\n- [ ] A server\n"
        ),
        TWO,
    ),
    "carriage returns, tabs, hard breaks, no end": (
        "### Acceptance Criteria\r\n\r\n-\t[ ] Mail arrives  \r\n-\t[ ] Mail is kept",
        TWO,
    ),
    "front matter": ("### Acceptance Criteria\n\n- [ ] Mail arrives\n- [ ] Mail is kept\n", TWO),
    "none": ("### Steps\n\n- [ ] Install it\n", []),
}


@pytest.mark.parametrize("form", FORMS, ids=list(FORMS))
def test_criteria_are_found_in_every_form(form: str) -> None:
    """Whatever the form, the criteria are found, in their order, and nothing else is one."""
    text, wanted = FORMS[form]
    head = "---\nid: WS-007-01\ntitle: Mail\n---\n\n" + HEAD if form == "front matter" else HEAD
    document = read(head + text)
    found = [one for one in document.criteria if one.kind is Kind.ACCEPTANCE]

    assert [documents.normalise(one.text) for one in found] == wanted
    assert [one.id for one in found] == [f"AC{number}" for number in range(1, len(wanted) + 1)]


@pytest.mark.parametrize("form", FORMS, ids=list(FORMS))
def test_every_box_is_where_it_is_said_to_be(form: str) -> None:
    """The byte at a box's offset stands between brackets, and is what the box says."""
    document = read(HEAD + FORMS[form][0])
    for criterion in document.criteria:
        if criterion.box is not None:
            around = document.content[criterion.box.offset - 1 : criterion.box.offset + 2]
            assert around in {b"[x]", b"[ ]"}
            assert (around == b"[x]") is criterion.box.ticked


def test_a_byte_order_mark_moves_no_box() -> None:
    """Offsets are in the file's own bytes, mark included."""
    text = b"\xef\xbb\xbf## WS-007-01\n\n### Acceptance Criteria\n\n- [ ] Mail arrives\n"
    (criterion,) = read(text).criteria

    assert criterion.box is not None
    assert text[criterion.box.offset - 1 : criterion.box.offset + 2] == b"[ ]"


def test_goals_constraints_and_commands_are_criteria_without_a_box() -> None:
    """Goal bullets, constraints and each command of the completion block have an id of their own kind."""
    document = read(
        HEAD + "### Goal\n\n- mail flows\n\n### Constraints\n\n- no cloud\n\n### Completion Criteria\n\n"
        "```bash\n# install\nhelm install mail \\\n  ./chart\n\nkubectl get pods |\n  grep mail\n```\n"
    )

    assert {one.id: one.text for one in document.criteria} == {
        "G1": "mail flows",
        "C1": "no cloud",
        "CC1": "helm install mail \\\n  ./chart",
        "CC2": "kubectl get pods |\n  grep mail",
    }
    assert all(one.box is None for one in document.criteria)


def test_claims_are_found_with_the_criterion_that_they_speak_of() -> None:
    """Rows of a report speak of criteria by text, by id or by a range; doubts are noticed."""
    document = read(
        HEAD + "### Acceptance Criteria\n\n- [ ] Mail arrives\n- [ ] Mail is kept\n\n### Execution Report\n\n"
        "#### Goal Status\n\n- [x] Mail arrives — ✅ (seen)\n- [x] Mail is kept — ⚠️ Not validated here\n"
        "- [x] Mail is fast\n\n| AC | status |\n| --- | --- |\n| AC1\N{EN DASH}AC2 | ✅ |\n"
    )
    claims = [(one.criterion_id, one.affirmed, one.doubted) for one in document.claims]

    assert claims == [
        ("AC1", True, False),
        ("AC2", True, True),
        (None, True, False),
        ("AC1", True, False),
        ("AC2", True, False),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"# Notes\n\n- [ ] milk\n", "no workstream document"),
        (b"## WS-007-01\n\0", "binary"),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(content: bytes, says: str) -> None:
    """Another Markdown file, or a binary one, is told apart from a broken document."""
    with pytest.raises(errors.DocumentError, match=rf"notes\.md:\d+: .*{says}"):
        read(content, "notes.md")


def test_a_document_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(errors.DocumentError, match=r"missing\.md"):
        documents.read(tmp_path / "missing.md")
    with pytest.raises(errors.DocumentError, match="cannot be read"):
        documents.read(tmp_path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("AC3: **Mail** arrives", "Mail arrives"),
        ("Mail   arrives\n soon", "Mail arrives soon"),
        ("`mail.enabled=true` is set", "mail.enabled=true is set"),
        ("_Mail_ arrives", "Mail arrives"),
    ],
)
def test_identity_is_the_words(one: str, other: str) -> None:
    """Space, emphasis, code marks and a leading id make no difference."""
    assert documents.normalise(one) == documents.normalise(other)


def test_an_underscore_within_a_word_belongs_to_it() -> None:
    """Names keep their underscores."""
    assert documents.normalise("set mail_from_name") == "set mail_from_name"
