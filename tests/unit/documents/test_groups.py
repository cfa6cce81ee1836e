"""Several lists of criteria in one document, and lists beside them that are none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workstream import documents
from workstream.documents import Kind, titles
from workstream.documents.audit import audit
from workstream.documents.lint import lint

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = "## WS-007-01: Letters\n\n"
ONE = "### Acceptance Criteria\n\n- [ ] Letters leave by noon\n\n"


def read(text: str, name: str = "WS-007-01.md") -> documents.Document:
    """Return the document of a text."""
    return documents.parse(text.encode(), Path(name))


def acceptance(document: documents.Document) -> list[str]:
    """Return the words of the acceptance criteria, a tick before those that have one."""
    return [
        f"{'✓' if one.box and one.box.ticked else ''}{documents.normalise(one.text)}"
        for one in document.criteria
        if one.kind is Kind.ACCEPTANCE
    ]


SEVERAL = {
    "a label in each story": (
        (
            "### Story 1\n\n**Acceptance Criteria:**\n- [ ] Letters leave\n\n### Story 2\n\n"
            "**Acceptance Criteria:**\n- [x] Letters stay\n- [ ] Letters rest\n"
        ),
        ["Letters leave", "✓Letters stay", "Letters rest"],
        ["Story 1", "Story 2", "Story 2"],
    ),
    "labels without headings": (
        ("**Acceptance criteria:**\n\n1. [x] Letters leave\n\n**Acceptance criteria:**\n\n1. [ ] Letters stay\n"),
        ["✓Letters leave", "Letters stay"],
        ["", ""],
    ),
    "numbered, a heading in each requirement": (
        (
            "### Requirement 1\n\n#### Acceptance Criteria\n\n1. Letters leave\n2. Letters rest\n\n"
            "### Requirement 2\n\n#### Acceptance Criteria\n\n1. Letters stay\n"
        ),
        ["Letters leave", "Letters rest", "Letters stay"],
        ["Requirement 1", "Requirement 1", "Requirement 2"],
    ),
    "success criteria behind acceptance criteria": (
        "### Acceptance Criteria\n\n- [x] Letters leave\n\n### Success Criteria\n\n- [ ] Letters stay\n",
        ["✓Letters leave", "Letters stay"],
        ["", ""],
    ),
    "both in one story, one without boxes": (
        "### Success Criteria\n\n- Letters leave\n\n### Acceptance Criteria\n\n- [ ] Letters stay\n",
        ["Letters leave", "Letters stay"],
        ["", ""],
    ),
    "groups that have headings": (
        (
            "### Acceptance Criteria\n\n#### Sending\n\n1. Letters leave\n2. Letters rest\n\n#### Keeping\n"
            "\n3. Letters stay\n"
        ),
        ["Letters leave", "Letters rest", "Letters stay"],
        ["Sending", "Sending", "Keeping"],
    ),
    "one group that has a heading": (
        (
            "### Success Criteria *(mandatory)*\n\n#### Measurable Outcomes\n\n"
            "- **SC-001**: Letters leave\n- **SC-002**: Letters stay\n"
        ),
        ["Letters leave", "Letters stay"],
        ["", ""],
    ),
    "groups whose items number themselves": (
        (
            "### Acceptance Criteria\n\n#### What letters do every day\n\n- **AC1: Letters leave**\n"
            "  - by noon\n\n#### What letters do at night\n\n- AC2: Letters stay\n"
        ),
        ["Letters leave", "Letters stay"],
        ["What letters do every day", "What letters do at night"],
    ),
    "labels, and numbers that go on": (
        (
            "### Acceptance Criteria\n\n**Sending:**\n1. Letters leave\n2. Letters rest\n\n**Keeping:**\n"
            "3. Letters stay\n4. Letters sleep\n"
        ),
        ["Letters leave", "Letters rest", "Letters stay", "Letters sleep"],
        ["**Sending:**", "**Sending:**", "**Keeping:**", "**Keeping:**"],
    ),
    "items that name groups": (
        (
            "### Acceptance Criteria\n\n- Sending\n  - [ ] Letters leave\n  - [x] Letters rest\n- Keeping\n"
            "  1. [ ] Letters stay\n"
        ),
        ["Letters leave", "✓Letters rest", "Letters stay"],
        ["Sending", "Sending", "Keeping"],
    ),
    "items that name groups of groups": (
        "**Acceptance Criteria:**\n\n* Post\n  * Sending\n    * [x] Letters leave\n* [ ] Letters stay\n",
        ["✓Letters leave", "Letters stay"],
        ["Post / Sending", ""],
    ),
    "groups of one name in groups of other names": (
        (
            "### Acceptance Criteria\n\n#### Post\n\n**Speed:**\n\n- [ ] Letters leave\n\n#### Coach\n\n**Speed:**\n\n"
            "- [ ] Letters stay\n"
        ),
        ["Letters leave", "Letters stay"],
        ["Post / **Speed:**", "Coach / **Speed:**"],
    ),
    "groups below what all stand below": (
        (
            "### Stories\n\n#### Story 1\n\n**Acceptance Criteria:**\n- [ ] Letters leave\n\n#### Story 2\n\n"
            "**Acceptance Criteria:**\n- [ ] Letters stay\n"
        ),
        ["Letters leave", "Letters stay"],
        ["Story 1", "Story 2"],
    ),
    "headings that are criteria, in groups": (
        (
            "### Acceptance Criteria\n\n#### Post\n\n##### AC1: Letters leave\n\n- soon\n\n#### Coach\n\n"
            "##### AC2: Letters stay\n\n- soon\n"
        ),
        ["Letters leave", "Letters stay"],
        ["Post", "Coach"],
    ),
    "headings that are criteria": (
        (
            "### Acceptance Criteria\n\n#### Letters leave before it is noon\n\n- by coach\n\n"
            "#### Letters stay in a dry box\n\n- of oak\n"
        ),
        ["Letters leave before it is noon", "Letters stay in a dry box"],
        ["", ""],
    ),
    "scenarios": (
        (
            "### Acceptance Criteria\n\n#### Scenario 1: Leaving\n\n- GIVEN a letter\n- THEN it leaves\n\n"
            "#### Scenario 2: Staying\n\n- so\n"
        ),
        ["Scenario 1: Leaving", "Scenario 2: Staying"],
        ["", ""],
    ),
}


@pytest.mark.parametrize("form", SEVERAL)
def test_all_lists_of_criteria_are_read_and_grouped(form: str) -> None:
    """Wherever a list of criteria stands, it counts, and says below what it stood."""
    text, wanted, groups = SEVERAL[form]
    document = read(HEAD + text)

    assert acceptance(document) == wanted
    assert [one.group for one in document.criteria] == groups
    assert [one.id for one in document.criteria] == [f"AC{number}" for number in range(1, len(wanted) + 1)]
    assert document.claims == ()
    assert not {one.code for one in lint(document)} - {"WS002"}


@pytest.mark.parametrize(
    "again", ["- [x] Letters leave\n- [x] Letters stay — ✅\n", "- [x] Letters leave\n- [x] Letters stay\n- [x] More\n"]
)
def test_a_list_that_says_the_same_again_is_a_claim(again: str) -> None:
    """The boxes of a copy are not those of the definition."""
    text = "### Acceptance Criteria\n\n- [ ] Letters leave\n- [ ] Letters stay\n\n### Acceptance Criteria\n\n"
    document = read(HEAD + text + again)

    assert acceptance(document) == ["Letters leave", "Letters stay"]
    assert [claim.criterion_id for claim in document.claims][:2] == ["AC1", "AC2"]


def test_a_list_of_which_only_half_is_said_again_is_one_of_criteria() -> None:
    """A copy says more than half of it again; what a list says anew may not be lost with it."""
    first = "### Acceptance Criteria\n\n- [ ] Letters leave\n- [ ] Letters stay\n\n"
    document = read(f"{HEAD}{first}### Acceptance Criteria\n\n- [x] Letters leave\n- [ ] Letters rest\n")

    assert acceptance(document) == ["Letters leave", "Letters stay", "✓Letters leave", "Letters rest"]
    assert [one.code for one in lint(document)] == ["WS003"]


@pytest.mark.parametrize(
    ("is_one", "words"),
    [
        (titles.is_state, "Status: done"),
        (titles.is_bare_state, "Done"),
        (titles.is_label, "Letters:"),
        (titles.is_acceptance_label, "Acceptance Criteria:"),
    ],
)
def test_what_is_longer_than_a_title_is_prose(is_one: Callable[[str], bool], words: str) -> None:
    """A title has two hundred characters at the most."""
    assert is_one(words.rjust(200, "*"))
    assert not is_one(words.rjust(201, "*"))


PEOPLE = "\n\n- [x] Ann of the post\n- [x] Bert of the coach\n"


@pytest.mark.parametrize(
    "title",
    [
        "**Sign-off:**",
        "**Sign off**",
        "**Approvals:**",
        "**Approved by:**",
        "Reviewers:",
        "**Test Plan:**",
        "**Definition of Done:**",
        "**DoD:**",
        "#### Verification Method",
        "#### How to verify",
        "#### Checklist",
        "#### Rollout plan",
        "**Stakeholders:**",
    ],
)
@pytest.mark.parametrize("first", ["- [ ] Letters leave by noon", "**Sending:**\n\n- [ ] Letters leave by noon"])
def test_what_people_sign_below_criteria_is_none(title: str, first: str) -> None:
    """A person's tick is no criterion, so that nothing takes it away; nor is a plan."""
    document = read(f"{HEAD}### Acceptance Criteria\n\n{first}\n\n{title}{PEOPLE}")

    assert acceptance(document) == ["Letters leave by noon"]
    assert lint(document) == ()


@pytest.mark.parametrize("title", ["**Heard of by:**", "**The two of us:**", "#### The hall"])
def test_a_further_list_with_a_title_of_its_own_is_told_and_no_criterion(title: str) -> None:
    """Who cannot know what a list is touches none of its boxes, and says so with its place."""
    document = read(f"{HEAD}{ONE}{title}{PEOPLE}")

    assert acceptance(document) == ["Letters leave by noon"]
    assert [(one.code, one.position.line) for one in lint(document)] == [("WS012", 9)]


@pytest.mark.parametrize(
    "other",
    [
        "### Acceptance criteria mapping\n\n- FR-1 is for AC1\n",
        "### Acceptance Criteria Traceability Matrix\n\n- [x] box 1\n",
        "### Acceptance Criteria Verification\n\n- [x] looked at\n",
        "### Acceptance criteria summary\n\n1. two of them\n",
        "### Example\n\n**Acceptance Criteria:**\n\n- [ ] Something holds\n",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_list_about_criteria_is_none_of_criteria(other: str, *, first: bool) -> None:
    """A mapping, a check or an example before the criteria, or behind them, changes nothing."""
    document = read(HEAD + (f"{other}\n{ONE}" if first else f"{ONE}{other}"))

    assert acceptance(document) == ["Letters leave by noon"]
    assert not {one.code for one in lint(document)} - {"WS002"}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("item", "codes"), [("- [ ] looked at", ["WS012"]), ("- looked at", [])])
def test_a_list_that_may_be_about_criteria_gives_way_to_one_that_says_plainly_what_it_is(
    item: str, codes: list[str], *, first: bool
) -> None:
    """Beside `Acceptance Criteria`, a list with more words in its title is none; a box in it is told."""
    other = f"### Acceptance criteria checklist\n\n{item}\n\n"
    document = read(HEAD + (other + ONE if first else ONE + other))

    assert acceptance(document) == ["Letters leave by noon"]
    assert [one.code for one in lint(document)] == codes
    assert acceptance(read(HEAD + other)) == ["looked at"]


@pytest.mark.parametrize("where", ["front matter", "name", "heading"])
@pytest.mark.parametrize(
    "title", ["Memory constraints of a pod", "Goals", "Constraints of the post", "Completion criteria"]
)
def test_a_title_announces_no_section(where: str, title: str) -> None:
    """Whatever the document is called, its lists are none of constraints or goals."""
    head = {"front matter": f"---\nid: WS-007-01\n---\n\n# {title}\n\n", "name": f"# {title}\n\n"}
    text = (
        head.get(where, f"# WS-007-01: {title}\n\n")
        + "- [Contents](#x)\n\n## Background\n\n- The post is old\n\n## More\n\n"
    )
    document = read(text + ONE, "WS-007-01.md" if where == "name" else "x.md")

    assert [one.id for one in document.criteria] == ["AC1"]


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Constraints", "C1"),
        ("🚧 Technical Constraints:", "C1"),
        ("3. Constraints and Assumptions", "C1"),
        ("Goal", "G1"),
        ("🎯 Цель (Goal)", "G1"),
        ("Goals (2027)", "G1"),
        ("Box constraints to think of", None),
        ("How we met the constraints", None),
        ("Goal tracking", None),
        ("Why this goal", None),
        ("Constraint: boxes are full", None),
    ],
)
def test_only_a_section_that_is_called_so_holds_constraints_or_goals(title: str, kind: str | None) -> None:
    """A section about constraints is not the section Constraints."""
    document = read(f"{HEAD}{ONE}### {title}\n\n- No owls carry letters\n")

    assert [one.id for one in document.criteria if one.id != "AC1"] == ([kind] if kind else [])


@pytest.mark.parametrize("title", ["Review Results", "Execution Report", "AC Status"])
def test_a_report_above_the_criteria_hides_none(title: str) -> None:
    """The criteria are found behind it, and what it says of them is a claim."""
    document = read(f"{HEAD}### {title}\n\n- AC1 ✅\n\n{ONE}")

    assert acceptance(document) == ["Letters leave by noon"]
    assert [(claim.criterion_id, claim.affirmed) for claim in document.claims] == [("AC1", True)]
    assert [one.message for one in audit(document)] == ["AC1 is claimed, and there is no evidence"]


@pytest.mark.parametrize("text", ["手紙は一分以内に届く", "信件在一分钟内到达", "จดหมายมาถึงภายในหนึ่งนาที"])
def test_a_language_without_spaces_says_something(text: str) -> None:
    """A sentence of one word to those who count spaces is a sentence."""
    assert lint(read(f"{HEAD}### Acceptance Criteria\n\n- [ ] {text}\n")) == ()
    assert [one.code for one in lint(read(f"{HEAD}### Acceptance Criteria\n\n- [ ] {text[:2]}\n"))] == ["WS002"]


@pytest.mark.parametrize("box", ["[✓]", "[✔]", "[ x]", "[X ]", "[]", "[-]", "[~]", "[yes]", "☐", "☑", "✅"])
def test_what_is_like_a_box_and_cannot_be_ticked_is_told(box: str) -> None:
    """Nobody can tick it, so somebody says so."""
    document = read(f"{HEAD}### Acceptance Criteria\n\n- {box} Letters leave by noon\n- {box} Letters stay dry\n")

    assert [(one.code, one.position.line) for one in lint(document)] == [("WS010", 5), ("WS010", 6)]


@pytest.mark.parametrize("text", ["AC1 [ ] Letters leave by noon", "**AC1:** [x] Letters stay dry", "Letters rest [ ]"])
def test_a_box_in_the_wrong_place_is_told(text: str) -> None:
    """Behind the text, or behind a name, a box cannot be ticked either."""
    document = read(f"{HEAD}### Acceptance Criteria\n\n- {text}\n- Letters are kept\n")

    assert [(one.code, one.position.line) for one in lint(document)] == [("WS010", 5)]


@pytest.mark.parametrize("text", ["Brackets such as [ ] are kept", "The regex `[x]` matches", "Letters [x](a.md)"])
def test_brackets_within_a_sentence_are_no_box(text: str) -> None:
    """A sentence may speak of boxes."""
    assert lint(read(f"{HEAD}### Acceptance Criteria\n\n- {text}\n")) == ()


@pytest.mark.parametrize(
    ("between", "codes"),
    [
        ("---\n\n", ["WS012"]),
        ("---\n\n---\n\n", ["WS012"]),
        ("---\n\nSteps\n\n", []),
        ("---\n\n### Steps\n\n", []),
        ("---\n\n- a list without boxes\n\n***\n\n### Notes\n\n", []),
    ],
)
def test_a_list_that_a_rule_cuts_off_is_told(between: str, codes: list[str]) -> None:
    """A rule ends the list below a label; more boxes directly behind it are not lost without a word."""
    text = f"{HEAD}**Acceptance Criteria:**\n\n- [ ] Letters leave by noon\n\n{between}- [x] Letters stay dry\n"

    assert acceptance(read(text)) == ["Letters leave by noon"]
    assert [one.code for one in lint(read(text))] == codes


@pytest.mark.parametrize(
    "title",
    [
        "## <a id='ac'></a>Acceptance Criteria",
        '## Acceptance Criteria <a name="criteria"></a>',
        "__Acceptance Criteria:__",
        "__Acceptance Criteria__",
        "**Acceptance Criteria**",
        "<b>Acceptance Criteria:</b>",
    ],
)
def test_marks_that_touch_a_title_are_no_part_of_it(title: str) -> None:
    """An anchor before a heading, or underscores around a label, hide no criteria."""
    assert acceptance(read(f"{HEAD}{title}\n\n- [ ] Letters leave by noon\n")) == ["Letters leave by noon"]


@pytest.mark.parametrize("text", ["[A link](x.md) leads home", "[A](#a) is read", "[RFC 1] holds", "[^1] is a note"])
def test_a_link_is_no_box(text: str) -> None:
    """Items that begin with a bracket are items."""
    assert lint(read(f"{HEAD}### Acceptance Criteria\n\n- {text} for all\n")) == ()
