"""Specs of spec-kit and OpenSpec: what is read of them, and what their tasks and archived changes claim."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstream import documents, errors
from workstream.documents import scaffold
from workstream.documents import tick as ticking
from workstream.documents.audit import audit
from workstream.documents.lint import lint, same_ids

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "dialects.md").read_text(encoding="utf-8")
FEATURE, TASKS, CAPABILITY, CHANGE = re.findall(r"```markdown\n(.*?)```", PAGE, re.DOTALL)[4:]
FORMS = {"spec-kit": FEATURE, "openspec": CAPABILITY}
SOON = 2.0  # seconds of the processor's time, for 2 MB
CASES = 150
DONE = ("leave", "travel", "arrive")


def read(text: str, path: Path | str = "letters/spec.md", dialect: str = "") -> documents.Document:
    """Return the document of a text."""
    return documents.parse(text.encode(), Path(path), dialect)


def feature(folder: Path, text: str = FEATURE, tasks: str = TASKS) -> documents.Document:
    """Write a feature of spec-kit into a folder and return it."""
    folder.mkdir(exist_ok=True)
    (folder / "spec.md").write_text(text, encoding="utf-8")
    (folder / "tasks.md").write_text(tasks, encoding="utf-8")
    return documents.read(folder)


def write(path: Path, text: str) -> Path:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def claimed(document: documents.Document) -> dict[str | None, bool]:
    """Return by criterion whether anything says that it is met."""
    found: dict[str | None, bool] = {}
    for claim in document.claims:
        found[claim.criterion_id] = found.get(claim.criterion_id, False) or claim.affirmed
    return found


def faults(document: documents.Document) -> list[tuple[Path | None, int, str]]:
    """Return what the form of a document does not allow, with its place."""
    return [(one.path, one.position.line, one.message) for one in lint(document) if one.code == "WS014"]


def test_a_feature_is_read_as_the_page_says(tmp_path: Path) -> None:
    """Scenarios have the number of their story and their own, other criteria the ids that they have."""
    document = feature(tmp_path / "001-letters")

    assert (document.dialect, document.id, document.title) == ("spec-kit", "001-LETTERS", "Letters")
    assert not document.editable
    assert [(one.id, one.text.split()[0], one.group, one.box) for one in document.criteria] == [
        ("US1.1", "**Given**", "User Story 1 - Sending (Priority: P1)", None),
        ("US1.2", "**Given**", "User Story 1 - Sending (Priority: P1)", None),
        ("US2.1", "**Given**", "User Story 2 - Keeping (Priority: P2)", None),
        ("FR-001", "**FR-001**:", "Functional Requirements", None),
        ("FR-002", "**FR-002**:", "Functional Requirements", None),
        ("SC-001", "**SC-001**:", "Success Criteria *(mandatory)*", None),
    ]
    assert documents.normalise(document.criteria[3].text) == "The post MUST take letters of any size"
    assert document.criteria[4].text.endswith("[NEEDS CLARIFICATION: by its number?]")
    assert lint(document) == ()


def test_a_story_is_claimed_once_all_of_its_tasks_are_ticked(tmp_path: Path) -> None:
    """One ticked task does not make a story; where all are, the last one stands for the claim."""
    document = feature(tmp_path / "001-letters")

    assert claimed(document) == {"US1.1": True, "US1.2": True, "US2.1": False, "FR-001": True}
    assert {(claim.path, claim.position.line) for claim in document.claims if claim.criterion_id == "US1.1"} == {
        (tmp_path / "001-letters" / "tasks.md", 2)
    }
    assert [(one.criterion_id, one.position.line) for one in audit(document, {"US1.1": "proven"})] == [
        ("US1.2", 2),
        ("FR-001", 5),
    ]
    assert claimed(feature(tmp_path / "001-letters", tasks=TASKS.replace("[x] T002", "[-] T002")))["US1.1"] is False


TABLE = "| ID | What | How |\n| --- | --- | --- |\n|"
FEATURES = {
    "headings": FEATURE.replace("**Acceptance Scenarios**:", "#### Acceptance Scenarios"),
    "no labels": FEATURE.replace("**Acceptance Scenarios**:\n\n", ""),
    "short": FEATURE.replace("User Story 1 - Sending", "US-1: Sending").replace(
        "User Story 2 - Keeping", "US-2: Keeping"
    ),
    "Chinese": FEATURE.replace("User Story ", "\u7528\u6237\u6545\u4e8b ")
    .replace("**Acceptance Scenarios**", "**\u9a8c\u6536\u573a\u666f**")
    .replace("**:", "**\uff1a"),
    "Japanese": FEATURE.replace("User Story ", "\u30e6\u30fc\u30b6\u30fc\u30b9\u30c8\u30fc\u30ea\u30fc").replace(
        "**Acceptance Scenarios**", "**\u53d7\u3051\u5165\u308c\u30b7\u30ca\u30ea\u30aa**"
    ),
    "paragraphs": FEATURE.replace("1. **Given**", "**Given**").replace("\n2. **Given**", "\n\n**Given**"),
    "steps": FEATURE.replace(", **When**", "\n2. **When**")
    .replace(", **Then**", "\n3. **Then**")
    .replace("\n2. **Given", "\n\nand\n\n1. **Given"),
    "plain": FEATURE.replace("- **", "- ").replace("**: ", ": "),
    "dashes": FEATURE.replace("**: ", "** - "),
    "stars": FEATURE.replace("- **", "* **"),
    "nested": FEATURE.replace("- **FR", "- Letters:\n  - **FR", 1).replace("- **FR-002", "  - **FR-002"),
    "tables": re.sub(r"- \*\*((?:FR|SC)-\d+)\*\*: (.*)", r"| \1 | \2 | P0 |", FEATURE)
    .replace("Requirements\n\n|", f"Requirements\n\n{TABLE}")
    .replace("*\n\n| SC", f"*\n\n{TABLE} SC"),
    "headings of requirements": re.sub(r"- (\*\*(?:FR|SC)-\d+\*\*: .*)", r"#### \1\n\nIndeed.\n", FEATURE),
    "carriage returns": FEATURE.replace("\n", "\r\n"),
    "samples and mentions": f"{FEATURE}\n```markdown\n- **FR-009**: a sample\n```\n\n## Clarifications\n\n"
    "- Q: What of FR-001? A: FR-002 too.\n- **FR-001** and **FR-002** are old\n- **FR-001** - **FR-002** are new\n",
}


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_a_feature_is_the_same_in_every_way_of_writing(tmp_path: Path, text: str) -> None:
    """Labels, headings, lists, tables and languages: the criteria, their ids and what tasks claim stay the same."""
    document = feature(tmp_path / "001-letters", text)

    assert [one.id for one in document.criteria] == ["US1.1", "US1.2", "US2.1", "FR-001", "FR-002", "SC-001"]
    said = [documents.normalise(one.text).replace("*", "") for one in document.criteria]
    assert said[3:] == [
        "The post MUST take letters of any size",
        "The post MUST know each letter [NEEDS CLARIFICATION: by its number?]",
        "99 of 100 letters arrive the next day",
    ]
    assert [one.startswith("Given ") and "Then " in one for one in said[:3]] == [True] * 3
    assert claimed(document) == {"US1.1": True, "US1.2": True, "US2.1": False, "FR-001": True}
    assert faults(document) == []


@pytest.mark.parametrize(
    "label",
    [
        "**Acceptance Scenarios**:",
        "#### Acceptance Criteria",
        "**\u9a8c\u6536\u573a\u666f**\uff1a",
        "**\u53d7\u3051\u5165\u308c\u30b7\u30ca\u30ea\u30aa**",
        "**Escenarios**:",
    ],
)
def test_scenarios_are_what_stands_below_their_label(label: str) -> None:
    """Whatever words they begin with; another label, a rule or a heading ends them."""
    story = "# Feature Specification: Letters\n\n### User Story 1 - Sending\n\n**Why**:\n\n- zero\n\n"
    first, second, third = (f"{label}\n\n{number}. Letters {does}\n\n" for number, does in enumerate(DONE, start=1))
    ends = ("---\n\n- one\n\n", "**Notes**:\n\n- two\n\n", "### Edge Cases\n\n- three\n")
    document = read(f"{story}{first}{ends[0]}{second}{ends[1]}{third}{ends[2]}")

    assert [one.text for one in document.criteria] == [f"Letters {does}" for does in DONE]


def test_a_story_in_words_that_nobody_here_knows_has_what_is_numbered_in_it() -> None:
    """A label or a heading in another language hides no scenario; where words are known, they decide."""
    unknown = FEATURE.replace("Acceptance Scenarios", "Elfogad\u00e1s").replace("Given", "Ha")
    heading = re.sub(r"User Story \d - ", "T\u00f6rt\u00e9net ", FEATURE)
    known = FEATURE.replace("**Acceptance", "**Steps**:\n\n1. Write\n\n**Acceptance")

    for text in (unknown, heading, known):
        document = read(text)
        assert [one.id for one in document.criteria][:4] == ["US1.1", "US1.2", "US2.1", "FR-001"]
        assert faults(document) == []


def test_a_story_without_scenarios_is_told(tmp_path: Path) -> None:
    """Its tasks name a story that is there; nobody proves what it promises."""
    text = FEATURE.replace("1. **Given** a letter, **When** a year has passed, **Then** it is still there\n", "")
    document = feature(tmp_path / "001-letters", text)

    assert [one.id for one in document.criteria][:3] == ["US1.1", "US1.2", "FR-001"]
    assert faults(document) == [(document.path, 14, "user story 2 has no acceptance scenarios: nobody proves it")]


def test_an_older_feature_has_one_story() -> None:
    """Before stories had numbers, the scenarios stood beside the only one, and in groups."""
    document = read(
        "# Feature Specification: Letters\n\n### Primary User Story\n\nPeople write.\n\n### Acceptance Scenarios\n\n"
        "1. **Given** a letter, **When** noon, **Then** it leaves\n\n#### Rain\n\n2. **Given** rain, **Then** dry\n"
        "\n### Edge Cases\n\n- What if it snows?\n"
    )

    assert [one.id for one in document.criteria] == ["US1.1", "US1.2"]


def test_what_is_nested_in_a_requirement_belongs_to_it() -> None:
    """Who changes it changes what was promised."""
    one, other = (
        read(FEATURE.replace("any size\n", f"any size\n  - Acceptance: {size}\n")).criteria[3] for size in ("A4", "A3")
    )

    assert (one.text, one.details, other.details) == (other.text, "Acceptance: A4", "Acceptance: A3")


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("- [x] T1 [US1] Buy", ["US1.1", "US1.2"]),
        ("- [X] T1 [P] [US1, US2] Buy", ["US1.1", "US1.2", "US2.1"]),
        ("* [x] **T1** [US1+US2] Buy", ["US1.1", "US1.2", "US2.1"]),
        ("- [x] T1 [US1/2] Buy", ["US1.1", "US1.2", "US2.1"]),
        ("- [x] T1 [Story 2] Buy", ["US2.1"]),
        ("- [x] T1 Check FR-001 through FR-002", ["FR-001", "FR-002"]),
        ("- [x] T1 Check FR-001\u2013002 and SC-1", ["FR-001", "FR-002", "SC-001"]),
        ("- [x] T1 [Story] Buy [US1](url)", []),
        ("## Phase 3: User Story 2 - Keeping\n\n### Tests\n\n- [x] T1 Buy\n\n## Phase 4\n\n- [ ] T2 Sell", ["US2.1"]),
        ("## Phase 3: User Story 2 - Keeping\n\n- [x] T1 [US1] Buy", ["US1.1", "US1.2"]),
        ("## The first (User Stories 1 & 2)\n\n- [x] T1 Buy", []),
        ("```\n- [x] T1 [US1] Buy\n```", []),
    ],
)
def test_a_task_says_in_many_ways_what_it_is_about(tmp_path: Path, task: str, names: list[str]) -> None:
    """Marks, headings, ids and ranges of ids; samples say nothing."""
    document = feature(tmp_path / "001-letters", tasks=f"{task}\n")

    assert claimed(document) == dict.fromkeys(names, True)
    assert faults(document) == []


def test_a_task_that_names_no_story_that_is_there_is_told(tmp_path: Path) -> None:
    """With its file and line; ids that the spec does not have at all number something else."""
    document = feature(tmp_path / "001-letters", tasks="- [x] T1 [US1] Buy\n- [x] T2 [US7] Sell FR-009, NFR-1\n")
    path = tmp_path / "001-letters" / "tasks.md"

    assert claimed(document) == {"US1.1": True, "US1.2": True}
    assert faults(document) == [
        (path, 2, "this task names user story 7, and there is none"),
        (path, 2, "this task names FR9, and there is none"),
    ]


def test_an_id_may_end_in_words() -> None:
    """It is another one than that which it begins with."""
    document = read(FEATURE.replace("FR-002", "FR-001-size"))

    assert [one.id for one in document.criteria][3:5] == ["FR-001", "FR-001-size"]
    assert lint(document) == ()


def test_an_id_that_is_there_twice_is_told() -> None:
    """All are criteria, and no two of them have one id."""
    document = read(FEATURE.replace("FR-002", "FR-001").replace("User Story 2", "User Story 1"))

    assert [one.id for one in document.criteria] == ["US1.1", "US1.2", "US1.3", "FR-001", "FR-001~2", "SC-001"]
    assert [(one.position.line, one.code) for one in lint(document)] == [(14, "WS014"), (29, "WS004")]


def test_boxes_of_a_checklist_claim_nothing(tmp_path: Path) -> None:
    """They say how well a spec is written; the file belongs to the spec all the same, and is not passed over."""
    write(
        tmp_path / "specs" / "001-letters" / "checklists" / "requirements.md",
        "# Checklist\n\n- [x] FR-002 is clear [US2]\n",
    )
    feature(tmp_path / "specs" / "001-letters")
    found = documents.search([tmp_path])

    assert [claimed(one).get("FR-002") for one in found.documents] == [None]
    assert found.passed_over == ()


def test_a_capability_is_read_as_the_page_says(tmp_path: Path) -> None:
    """A scenario is named by its requirement and its own name; its steps, in their order, belong to it."""
    path = write(tmp_path / "openspec" / "specs" / "letters" / "spec.md", CAPABILITY)
    document = documents.read(path.parent)

    assert (document.dialect, document.id, document.title, document.editable) == (
        "openspec",
        "LETTERS",
        "Letters",
        False,
    )
    assert [(one.id, one.text, one.details, one.group) for one in document.criteria] == [
        ("1.1", "Sending: Noon", "WHEN it is noon\nTHEN letters leave", "Sending"),
        ("1.2", "Sending: Rain", "WHEN it rains\nTHEN letters stay dry", "Sending"),
    ]
    assert document.claims == ()
    assert lint(document) == ()


def test_a_change_is_a_document_of_its_own(tmp_path: Path) -> None:
    """What it adds is to be proven, what it removes is not; two changes to one capability have two ids."""
    for name in ("keep", "hold"):
        write(tmp_path / "openspec" / "changes" / name / "specs" / "letters" / "spec.md", CHANGE)
        write(tmp_path / "openspec" / "changes" / name / "proposal.md", "# Why\n")
    write(tmp_path / "openspec" / "specs" / "letters" / "spec.md", CAPABILITY)
    found = documents.search([tmp_path])

    assert [one.id for one in documents.ordered(found.documents).documents] == [
        "HOLD--LETTERS",
        "KEEP--LETTERS",
        "LETTERS",
    ]
    assert [one.text for one in found.documents[0].criteria] == ["Keeping: A year later"]
    assert found.passed_over == ()


@pytest.mark.parametrize(
    ("tasks", "claims"),
    [
        ("- [x] 1.1 Build a shelf\n- [X] 1.2 Paint it\n", True),
        ("- [x] 1.1 Build a shelf\n- [ ] 1.2 Paint it\n", False),
        ("- [x] 1.1 Build a shelf\n- [-] 1.2 Paint it\n", False),
        ("- [x] 1.1 Build a shelf\n```\n- [ ] a sample\n```\n", True),
        ("Build a shelf\n", False),
    ],
)
def test_a_change_claims_its_criteria_once_all_tasks_are_ticked(tmp_path: Path, tasks: str, *, claims: bool) -> None:
    """Its tasks do not say which requirement they are about, so that one open box leaves all of it open."""
    path = write(tmp_path / "openspec" / "changes" / "keep" / "specs" / "letters" / "spec.md", CHANGE)
    list_of_tasks = write(tmp_path / "openspec" / "changes" / "keep" / "tasks.md", tasks)
    document = documents.read(path)

    assert claimed(document) == ({"1.1": True} if claims else {})
    assert {claim.path for claim in document.claims} == ({list_of_tasks} if claims else set())


def test_an_archived_change_is_history_and_claims_what_still_stands(tmp_path: Path) -> None:
    """In a folder it is no document; in the spec of its capability it claims what is still called so."""
    spec = write(tmp_path / "openspec" / "specs" / "letters" / "spec.md", CAPABILITY)
    old = CAPABILITY.replace("## Requirements", "## ADDED Requirements").replace("Rain", "Snow")
    archived = write(
        tmp_path / "openspec" / "changes" / "archive" / "2025-01-01-send" / "specs" / "letters" / "spec.md", old
    )
    found = documents.search([tmp_path])

    assert [one.path for one in found.documents] == [spec]
    assert claimed(found.documents[0]) == {"1.1": True}
    assert [(one.path, one.position.line) for one in audit(found.documents[0])] == [(archived, 13)]
    assert len(found.passed_over) == 1
    with pytest.raises(errors.ForeignDocumentError, match="is archived"):
        documents.read(archived)
    assert documents.read(archived.parent, "openspec").id == "2025-01-01-SEND--LETTERS"


@pytest.mark.parametrize(
    "text",
    [
        CAPABILITY.replace("- **", "* **"),
        CAPABILITY + "\n## Notes\n\n- **GIVEN** rain, everybody is wet\n",
        CAPABILITY.replace("- **WHEN**", "**WHEN**").replace("- **THEN**", "\n**THEN**"),
        CAPABILITY.replace("#### Scenario", "### Scenario"),
        CAPABILITY.replace("Requirement: Sending", "requirement\uff1a Sending"),
        CAPABILITY.replace("## Requirements", "## MODIFIED Requirements"),
        CAPABILITY.replace("\n", "\r\n"),
        CAPABILITY + "\n## Notes\n\n#### Details\n\n- Rain is wet\n",
        CAPABILITY.replace("### Requirement", "```markdown\n#### Scenario: Sample\n```\n\n### Requirement"),
        CAPABILITY + "\n## RENAMED Requirements\n\n### Requirement: Posting\n\n#### Scenario: Noon\n\n- THEN noon\n",
    ],
    ids=[
        "stars", "steps of nothing", "paragraphs", "levels", "wide colon", "modified", "carriage returns", "notes",
        "samples", "renamed",
    ],
)  # fmt: skip
def test_a_capability_is_the_same_in_every_way_of_writing(text: str) -> None:
    """Bullets, paragraphs and levels; what is renamed, noted or shown as a sample is no criterion."""
    document = read(text)

    assert [(one.id, one.text, one.details) for one in document.criteria] == [
        ("1.1", "Sending: Noon", "WHEN it is noon\nTHEN letters leave"),
        ("1.2", "Sending: Rain", "WHEN it rains\nTHEN letters stay dry"),
    ]
    assert faults(document) == []


@pytest.mark.parametrize(
    ("added", "removed", "requirement", "scenario"),
    [
        ("\u65b0\u589e\u9700\u6c42", "\u79fb\u9664\u9700\u6c42", "\u9700\u6c42:", "\u573a\u666f:"),
        (
            "\u8ffd\u52a0\u3055\u308c\u305f\u8981\u4ef6",
            "\u524a\u9664\u3055\u308c\u305f\u8981\u4ef6",
            "\u8981\u4ef6:",
            "\u30b7\u30ca\u30ea\u30aa:",
        ),
    ],
    ids=["Chinese", "Japanese"],
)
def test_a_change_is_read_in_the_words_of_other_editions(
    added: str, removed: str, requirement: str, scenario: str
) -> None:
    """What they add is to be proven, and what they remove is not."""
    text = CHANGE.replace("ADDED Requirements", added).replace("REMOVED Requirements", removed)
    document = read(text.replace("Requirement:", requirement).replace("Scenario:", scenario))

    assert [(one.id, one.text) for one in document.criteria] == [("1.1", "Keeping: A year later")]
    assert faults(document) == []


def test_the_order_of_steps_belongs_to_a_scenario() -> None:
    """What follows `THEN` is promised; what follows `WHEN` is not."""
    one, other = (
        read(CAPABILITY.replace("- **THEN** letters leave", steps)).criteria[0]
        for steps in ("- **AND** dry\n- **THEN** letters leave", "- **THEN** letters leave\n- **AND** dry")
    )

    assert one.details != other.details


@pytest.mark.parametrize(
    ("text", "ids", "line", "says"),
    [
        (CAPABILITY + "\n### Requirement: Keeping\n\nLetters SHALL be kept.\n", ["1.1", "1.2", "2"], 23, "no scenario"),
        (CAPABILITY + "\n## Notes\n\n#### Scenario: Snow\n\n- **WHEN** snow\n", ["1.1", "1.2"], 25, "no requirement"),
        (CAPABILITY + "\n- **FR-001**: Letters leave\n", ["1.1", "1.2"], 23, "FR-001 is written as in spec-kit"),
    ],
)
def test_what_the_form_does_not_allow_is_told_with_its_place(text: str, ids: list[str], line: int, says: str) -> None:
    """A requirement without a scenario is one criterion; a scenario of nothing, and what another form has, is none."""
    document = read(text)

    assert [one.id for one in document.criteria] == ids
    assert [(place, says in message) for _, place, message in faults(document)] == [(line, True)]


def test_a_fence_that_nobody_closes_takes_no_later_section_away() -> None:
    """It is told, and what stands in sections behind it is read."""
    for text, last in ((FEATURE, "SC-001"), (CAPABILITY, "1.2")):
        document = read(text.replace("\n## ", "\n```bash\nls\n\n## ", 1))
        assert document.criteria[-1].id == last
        assert [one.code for one in lint(document)] == ["WS006"]


def test_a_spec_has_its_id_wherever_it_is_named_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may go up and down again; of Kiro's specs, too."""
    feature(tmp_path / "001-letters")
    (tmp_path / "001-letters" / "contracts").mkdir()
    write(tmp_path / "kept" / "requirements.md", "### Requirement 1\n\n#### Acceptance Criteria\n\n1. Letters leave\n")
    write(tmp_path / "openspec" / "specs" / "letters" / "spec.md", CAPABILITY)
    (tmp_path / "openspec" / "changes").mkdir()
    (tmp_path / "kept" / "drafts").mkdir()
    found = []
    for folder, path in (
        ("001-letters/contracts", "../spec.md"),
        ("openspec/changes", "../specs/letters/spec.md"),
        ("kept/drafts", "../requirements.md"),
        ("kept", "."),
    ):
        monkeypatch.chdir(tmp_path / folder)
        found.append(documents.read(Path(path)).id)

    assert found == ["001-LETTERS", "LETTERS", "KEPT", "KEPT"]


def test_two_specs_of_one_id_are_refused_together(tmp_path: Path) -> None:
    """A folder names a spec: two that are called the same would share their evidence."""
    feature(tmp_path / "letters")
    write(tmp_path / "openspec" / "specs" / "letters" / "spec.md", CAPABILITY)
    found = documents.search([tmp_path])

    assert [problem.code for _, problem in same_ids(found.documents)] == ["WS011"]
    with pytest.raises(errors.DependencyError, match="LETTERS is the id of"):
        documents.ordered(found.documents)


@pytest.mark.parametrize("form", FORMS)
def test_an_id_of_ours_goes_before_what_a_spec_looks_like_and_nothing_is_lost_silently(form: str) -> None:
    """A document of ours may be called `spec.md`; what would be a criterion in another form is named."""
    text = re.sub(r"^# .*", "# WS-007-01: Letters", FORMS[form])
    wanted = [one.id for one in read(FORMS[form]).criteria]
    document = read(text)
    own = {one.position.line for one in document.criteria}
    told = [message.partition(" ")[0] for _, _, message in faults(document)]

    assert document.dialect == "workstream"
    assert told == [
        name for name, one in zip(wanted, read(FORMS[form]).criteria, strict=True) if one.position.line not in own
    ]
    assert told
    assert faults(read(text, "letters.md")) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_project_and_an_option_choose_the_form_of_a_spec(tmp_path: Path, form: str) -> None:
    """Whatever a file is called; what the option says goes before the setting."""
    write(tmp_path / "pyproject.toml", f'[tool.workstream]\ndialects = {{ "plan/**" = "{form}" }}\n')
    path = tmp_path / "plan" / "letters.md"

    assert read(FORMS[form], path).dialect == form
    assert read(FORMS[form], path, "workstream").dialect == "workstream"
    with pytest.raises(errors.ForeignDocumentError):
        read(FORMS[form], tmp_path / "letters.md")


@pytest.mark.parametrize("form", FORMS)
def test_a_spec_that_is_no_utf_8_is_read_and_told(form: str) -> None:
    """The place of the first byte that is none is named; the criteria are those that they would be."""
    content = FORMS[form].encode().replace(b"it", b"i\xfc")
    document = documents.parse(content, Path("letters/spec.md"))

    assert [one.id for one in document.criteria] == [one.id for one in read(FORMS[form]).criteria]
    assert [one.code for one in lint(document)] == ["WS013"]


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "large", "bytes"])
def test_a_list_of_tasks_that_cannot_be_read_is_told(tmp_path: Path, kind: str) -> None:
    """With its path; what the spec promises is read all the same. Bytes that are no UTF-8 hide no box."""
    write(tmp_path / "openspec" / "changes" / "keep" / "specs" / "letters" / "spec.md", CHANGE)
    feature(tmp_path / "001-letters").path.with_name("tasks.md").unlink()
    for folder, spec in ((tmp_path / "001-letters", ""), (tmp_path / "openspec" / "changes" / "keep", "specs/letters")):
        path = folder / "tasks.md"
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "loop":
            path.symlink_to(path)
        elif kind == "large":
            with path.open("wb") as file:
                file.truncate(9 * 1024 * 1024)
        else:
            path.write_bytes(b"- [x] T1 [US1] \xfc\n")
        document = documents.read(folder / spec)

        assert document.criteria
        assert [(one, line) for one, line, _ in faults(document)] == ([] if kind == "bytes" else [(path, 1)])
        assert bool(document.claims) is (kind == "bytes")


def test_an_archived_change_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """What it claims is not known, and that is said; a change to other capabilities is none of it."""
    spec = write(tmp_path / "openspec" / "specs" / "letters" / "spec.md", CAPABILITY)
    archive = tmp_path / "openspec" / "changes" / "archive"
    write(archive / "1-other" / "specs" / "parcels" / "spec.md", CAPABILITY)
    broken = archive / "2-broken" / "specs" / "letters" / "spec.md"
    broken.mkdir(parents=True)
    large = write(archive / "3-large" / "specs" / "letters" / "spec.md", CAPABILITY + "word and word\n" * 50_000)
    document = documents.read(spec)

    assert document.claims == ()
    assert [(one, line) for one, line, _ in faults(document)] == [(broken, 1), (large, 1)]


@pytest.mark.parametrize("form", FORMS)
def test_a_large_spec_is_read_whole_or_refused(tmp_path: Path, form: str) -> None:
    """Titles of any words may stand above requirements; a spec that nobody reads is refused, in folders too."""
    item = {
        "spec-kit": "- **FR-{}**: Letters leave\n",
        "openspec": "### Requirement: R{0}\n\n#### Scenario: S\n\n- THEN {0}\n\n",
    }
    many = "".join(item[form].format(number) for number in range(100, 100 + 300_000 // len(item[form])))
    document = read(f"{FORMS[form]}\n## Fragen\n\n{many}")
    assert len(document.criteria) == len(read(FORMS[form]).criteria) + 300_000 // len(item[form])

    write(tmp_path / "specs" / "letters" / "spec.md", FORMS[form] + item[form].format(1) * 100_000)
    found = documents.search([tmp_path])
    assert [re.findall(r"spec\.md:\d+: more than", error.what) != [] for error in found.broken] == [True]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "line",
    [
        "- **FR-1**: a\n", "1. Given a\n", "### User Story 1\n", "### Requirement: a\n", "#### Scenario: a\n", "\n",
        "- ", "| FR-1 | a |\n", "FR-001 to ", "**a**:\n", "[US1",
    ],
)  # fmt: skip
def test_two_megabytes_of_anything_are_read_or_refused_in_two_seconds(form: str, line: str) -> None:
    """However often a thing stands there, nobody waits for it."""
    text = FORMS[form] + line * (2_000_000 // len(line))
    started = time.process_time()
    try:
        document = read(text)
    except errors.DocumentError as error:
        assert "more than" in error.what  # noqa: PT017 - either is good, as long as it is soon
    else:
        assert len(document.criteria) >= len(read(FORMS[form]).criteria)
    assert time.process_time() - started < SOON


@pytest.mark.parametrize("line", ["- **FR-001**: a\n", "1. Given a\n", "### Requirement: a\n#### Scenario: a\n"])
def test_as_many_criteria_as_a_spec_may_hold_take_no_long_time(tmp_path: Path, line: str) -> None:
    """With as many tasks that claim all of them."""
    form = "openspec" if "Scenario" in line else "spec-kit"
    text = FORMS[form].partition("### Edge")[0] + "\n" + line * (160_000 // len(line))
    write(tmp_path / "tasks.md", "- [x] T1 [US1] [US2] FR-001 through FR-200\n" * 2_000)
    write(tmp_path / "spec.md", text)
    started = time.process_time()
    document = documents.read(tmp_path / "spec.md")

    assert time.process_time() - started < 2 * SOON
    assert len(document.criteria) >= 160_000 // len(line)


@settings(max_examples=CASES, deadline=None)
@given(
    st.lists(
        st.sampled_from([*FEATURE.split("\n"), *CAPABILITY.split("\n"), *CHANGE.split("\n"), "```", "- - -", "> 1. a"]),
        max_size=40,
    ).map("\n".join),
    st.sampled_from(sorted(FORMS)),
)
def test_any_spec_is_read(text: str, form: str) -> None:
    """Whatever stands in it, ids are all different, nothing of it is edited, and a suite can be written for it."""
    document = read(text, dialect=form)
    ids = [one.id for one in document.criteria]

    assert len(ids) == len(set(ids))
    assert ticking.tick(document, dict.fromkeys(ids, True)) == document.content
    compile(scaffold.module(document), "suite", "exec")
    lint(document)
    audit(document)


def test_a_folder_that_holds_a_file_called_spec_is_a_folder(tmp_path: Path) -> None:
    """Other people call other things `spec.md`; what stands beside it is found as in any folder."""
    write(tmp_path / "spec.md", "# Our API\n\n- everything\n")
    write(tmp_path / "WS-007-04.md", "# WS-007-04\n\n## Acceptance Criteria\n\n- [ ] Letters leave\n")

    assert not documents.names_one(tmp_path)
    assert [one.id for one in documents.search([tmp_path]).documents] == ["WS-007-04"]
    write(tmp_path / "spec.md", "# WS-007-05\n\n## Acceptance Criteria\n\n- [ ] Letters stay\n")
    assert not documents.names_one(tmp_path)
    assert [one.id for one in documents.search([tmp_path]).documents] == ["WS-007-04", "WS-007-05"]
    assert documents.names_one(feature(tmp_path / "001-letters").path.parent)
