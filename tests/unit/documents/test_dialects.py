"""Documents of other forms: what is read of them, what they claim, and which bytes may be edited."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstream import documents, errors
from workstream.documents import Kind, dialects
from workstream.documents import tick as ticking
from workstream.documents.audit import audit
from workstream.documents.lint import lint

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "dialects.md").read_text(encoding="utf-8")
TASK, SPEC, TASKS, STORY, *_ = re.findall(r"```markdown\n(.*?)```", PAGE, re.DOTALL)
CASES = 150
SOON = 4.0  # seconds of the processor's time


def read(text: str, path: Path | str = "x.md", dialect: str = "") -> documents.Document:
    """Return the document of a text."""
    return documents.parse(text.encode(), Path(path), dialect)


def spec(folder: Path, requirements: str = SPEC, tasks: str = TASKS) -> documents.Document:
    """Write a spec into a folder and return it."""
    folder.mkdir(exist_ok=True)
    (folder / "requirements.md").write_text(requirements, encoding="utf-8")
    (folder / "tasks.md").write_text(tasks, encoding="utf-8")
    return documents.read(folder)


def claimed(document: documents.Document) -> dict[str | None, bool]:
    """Return by criterion whether anything says that it is met."""
    found: dict[str | None, bool] = {}
    for claim in document.claims:
        found[claim.criterion_id] = found.get(claim.criterion_id, False) or claim.affirmed
    return found


def test_every_dialect_is_explained() -> None:
    """The page names each form that there is."""
    assert [name for name in dialects.NAMES if f"| `{name}` |" not in PAGE] == []


def test_a_task_of_backlog_md_is_read_as_the_page_says() -> None:
    """Criteria between the comments, with their boxes; the definition of done apart."""
    document = read(TASK, "task-7.md")

    assert (document.dialect, document.id, document.title) == ("backlog", "LET-7", "Letters")
    assert [(one.id, documents.normalise(one.text)) for one in document.criteria] == [
        ("AC1", "Letters leave by noon"),
        ("AC2", "Letters stay dry"),
    ]
    assert [(one.kind, one.text) for one in document.done] == [(Kind.DONE, "#1 Ann has read it")]
    assert [one.message for one in audit(document)] == ["AC2 is ticked, and there is no evidence"]
    assert lint(document) == ()


@pytest.mark.parametrize(
    "text",
    [
        TASK.replace("<!-- AC:BEGIN -->\n", "").replace("<!-- AC:END -->\n", ""),
        TASK.replace("labels: []\n", ""),
        TASK.replace("#1 Letters", "#9 Letters"),
        TASK.replace("## Acceptance Criteria\n<", "## Acceptance Criteria\n\n<"),
        TASK + "\n## Notes\n\n- [x] #3 by the way\n\n```\n<!-- AC:BEGIN -->\n- [ ] #1 a sample\n```\n",
        TASK.replace("\n", "\r\n"),
    ],
    ids=["older", "fewer keys", "renumbered", "empty line", "notes and samples", "carriage returns"],
)
def test_a_task_is_the_same_in_every_way_of_writing(text: str) -> None:
    """With or without the comments, whatever its numbers, and whatever stands beside them."""
    found = [documents.normalise(one.text) for one in read(text, "task-7.md").criteria]

    assert found == ["Letters leave by noon", "Letters stay dry"]


@pytest.mark.parametrize(
    ("state", "claims"), [("Done", True), ("done", True), ("Completed", True), ("Doing", False), ("To Do", False)]
)
def test_a_task_that_is_done_claims_its_criteria(state: str, *, claims: bool) -> None:
    """Who closes a task says that all of it holds."""
    document = read(TASK.replace("In Progress", state), "task-7.md")

    assert claimed(document) == (dict.fromkeys(["AC1", "AC2"], True) if claims else {})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (TASK.replace("<!-- AC:END -->\n", ""), 9),
        (TASK.replace("<!-- AC:BEGIN -->\n", ""), 11),
        (TASK.replace("AC:END", "DOD:END", 1), 12),
        (TASK.replace("<!-- AC:END -->", "<!-- AC:BEGIN -->"), 9),
        (TASK.replace("<!-- DOD:END -->", ""), 15),
    ],
)
def test_comments_without_their_other_half_hold_no_criteria(text: str, line: int) -> None:
    """Nobody knows what belongs to which, so nothing is edited, and the place is told."""
    document = read(text, "task-7.md")

    assert document.criteria == document.done == ()
    assert [one.position.line for one in lint(document) if one.code == "WS014"] == [line]


@settings(max_examples=CASES, deadline=None)
@given(
    st.lists(
        st.sampled_from([*TASK.split("\n"), "- [ ] #3 Letters", "  - [x] within", "```", "## More", "- [x] other"]),
        max_size=30,
    ),
    st.data(),
)
def test_ticking_a_task_changes_bytes_of_its_criteria_alone(lines: list[str], data: st.DataObject) -> None:
    """Whatever a task holds, only boxes between the comments change, one byte each, and nothing raises."""
    text = TASK.partition("## Acc")[0] + "\n".join(lines)
    document = read(text, "task-7.md", "backlog")
    wanted = {one.id: data.draw(st.booleans()) for one in document.criteria}
    after = ticking.tick(document, wanted)
    changed = {number for number, (one, other) in enumerate(zip(document.content, after, strict=True)) if one != other}

    assert changed <= {one.box.offset for one in document.criteria if one.box}
    assert all(document.content[number - 1 : number] == b"[" for number in changed)
    lint(document)


def test_a_spec_is_read_as_the_page_says(tmp_path: Path) -> None:
    """Each item below every list has the number of its requirement and its own; tasks claim what they name."""
    document = spec(tmp_path / "letters")

    assert (document.dialect, document.id, document.editable) == ("kiro", "LETTERS", False)
    assert [(one.id, one.group, one.box) for one in document.criteria] == [
        ("1.1", "Requirement 1: Sending", None),
        ("1.2", "Requirement 1: Sending", None),
        ("2.1", "Requirement 2: Keeping", None),
    ]
    assert claimed(document) == {"1.1": True, "2.1": True, "1.2": False}
    assert {claim.path for claim in document.claims} == {tmp_path / "letters" / "tasks.md"}
    assert lint(document) == ()
    assert len(audit(document)) == 2
    assert audit(document, dict.fromkeys(["1.1", "2.1"], "proven")) == ()


@pytest.mark.parametrize(
    "text",
    [
        SPEC.replace("#### Acceptance Criteria", "**Acceptance Criteria:**"),
        SPEC.replace("1. WHEN", "1.1 WHEN")
        .replace("2. IF", "1.2 IF")
        .replace("1. THE", "2.1 THE")
        .replace("\n1.", "\n- 1.")
        .replace("\n2.", "\n- 2."),
        SPEC.replace("Requirement 1: Sending", "1. Sending").replace("### Requirement 2", "---\n\n### Requirement 2"),
        SPEC.replace("#### Acceptance Criteria", "#### Acceptance Criteria (EARS)").replace("1. THE", "1) THE"),
        SPEC.replace("letters dry\n", "letters dry\n   - under a roof\n\n**Notes:**\n\n- none\n"),
    ],
    ids=["labels", "numbers of their own", "numbered headings", "remarks", "notes"],
)
def test_a_spec_is_the_same_in_every_way_of_writing(tmp_path: Path, text: str) -> None:
    """Kiro, cc-sdd and spec-workflow write lists, labels and numbers in ways of their own."""
    document = spec(tmp_path / "letters", text)

    assert [(one.id, one.text.split()[0]) for one in document.criteria] == [
        ("1.1", "WHEN"),
        ("1.2", "IF"),
        ("2.1", "THE"),
    ]


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        ("1.1, 1.2", ["1.1", "1.2"]),
        ("1", ["1.1", "1.2"]),
        ("1.1-1.2", ["1.1", "1.2"]),
        ("1-2", ["1.1", "1.2", "2.1"]),
        ("Requirement 2.1", ["2.1"]),
        ("1.1 and 2.1", ["1.1", "2.1"]),
        ("All", []),
    ],
)
def test_a_task_names_requirements_in_many_ways(tmp_path: Path, names: str, ids: list[str]) -> None:
    """Lists, ranges, and all of a requirement."""
    document = spec(tmp_path / "letters", tasks=f"- [x]* 1.3 Buy it\n  - _Requirements: {names}_\n")

    assert claimed(document) == dict.fromkeys(ids, True)


def test_a_task_that_names_no_requirement_that_is_there_is_told(tmp_path: Path) -> None:
    """With its file and line; the rest of what it names counts."""
    document = spec(tmp_path / "letters", tasks="- [x] 1. Buy\n  - _Requirements: 1.1, 7.3, 9_\n")
    found = [one for one in lint(document) if one.code == "WS014"]

    assert claimed(document) == {"1.1": True}
    assert [(one.path, one.position.line) for one in found] == [(tmp_path / "letters" / "tasks.md", 2)] * 2


def test_a_number_that_is_there_twice_is_told(tmp_path: Path) -> None:
    """Both are criteria, and no two of them have one id."""
    document = spec(tmp_path / "letters", SPEC.replace("### Requirement 2: Keeping", "### Requirement 1: Keeping"))

    assert [one.id for one in document.criteria] == ["1.1", "1.2", "1.3"]
    assert "1.1 is there twice" in [one.message for one in lint(document)]


def test_a_number_that_is_always_the_same_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Markdown counts such a list by itself, and so do we."""
    items = "".join(f"1. Letter {number} leaves\n" for number in range(1, 8_001))
    started = time.process_time()
    document = spec(tmp_path / "letters", f"### Requirement 1\n\n#### Acceptance Criteria\n\n{items}")

    assert [one.id for one in document.criteria] == [f"1.{number}" for number in range(1, 8_001)]
    assert time.process_time() - started < SOON


@settings(max_examples=CASES, deadline=None)
@given(
    st.lists(
        st.sampled_from([*SPEC.split("\n"), *TASKS.split("\n"), "```", "1. [x] a", "- - -", "> 1. a"]), max_size=30
    ).map("\n".join)
)
def test_any_spec_and_any_story_is_read(text: str) -> None:
    """Whatever stands in them, ids are all different and nothing raises."""
    for name, head in (("kiro", ""), ("bmad", "# Story 1.2: x\n\n## Acceptance Criteria\n\n")):
        document = read(head + text, "letters/requirements.md", name)
        ids = [one.id for one in document.criteria]
        assert len(ids) == len(set(ids))
        assert ticking.tick(document, dict.fromkeys(ids, True)) == document.content
        lint(document)


def test_a_story_is_read_as_the_page_says() -> None:
    """The numbered items across labels; tasks, rows and the state of the story claim them."""
    document = read(STORY)

    assert (document.dialect, document.id, document.title, document.editable) == ("bmad", "STORY-1.2", "Letters", False)
    assert [(one.id, one.text) for one in document.criteria] == [
        ("AC1", "Letters leave by noon"),
        ("AC2", "Letters stay dry"),
        ("AC3", "Letters are kept for a year"),
    ]
    assert claimed(document) == dict.fromkeys(["AC1", "AC2", "AC3"], True)
    assert claimed(read(STORY.replace("Done", "Draft"))) == {"AC1": True, "AC2": True, "AC3": False}
    assert lint(document) == ()


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (
            "### Sending every letter by noon\n\n1. Letters leave\n\n### Keeping\n\n2. Letters stay\n",
            ["Letters leave", "Letters stay"],
        ),
        (
            "**AC1: Letters leave**\n\n- Given a letter\n- Then it leaves\n\n**AC2: Letters stay**\n\n- Given rain\n",
            ["Letters leave", "Letters stay"],
        ),
        ("### AC1: Letters leave\n\n- soon\n\n### AC2: Letters stay\n\n- dry\n", ["Letters leave", "Letters stay"]),
        (
            "1. **AC1: Letters leave**\n   - [x] soon\n2. **AC2: Letters stay**\n\n### Notes\n\n- rain\n",
            ["Letters leave", "Letters stay"],
        ),
        ("- Letters leave\n- Letters stay\n", ["Letters leave", "Letters stay"]),
        ("1. [x] Letters leave\n2. [ ] Letters stay\n", ["Letters leave", "Letters stay"]),
        (
            "### All\n\n1. Letters leave\n2. Letters stay\n\n### Integration\n\n- IV1: all of it\n",
            ["Letters leave", "Letters stay"],
        ),
        (
            "1. Letters leave\n2. Letters stay\n\n### Integration\n\n- IV1: all of it\n",
            ["Letters leave", "Letters stay"],
        ),
    ],
)
def test_a_story_is_the_same_in_every_way_of_writing(body: str, texts: list[str]) -> None:
    """Labels, headings, names and boxes: the criteria are those that are numbered."""
    document = read(f"# Story 1.2: Letters\n\n## Acceptance Criteria\n\n{body}\n## Success Criteria\n\n- [x] fine\n")

    assert [documents.normalise(one.text).rstrip("*") for one in document.criteria] == texts
    assert all(one.box is None for one in document.criteria)


@pytest.mark.parametrize(
    "state", ["## Status\n\nDone", "### Status: ✅ COMPLETED", "Status: done", "**Status:** Done ✅"]
)
def test_a_story_that_is_done_claims_its_criteria(state: str) -> None:
    """In whichever way its state is written."""
    story = f"# Story 1.2: Letters\n\n{state}\n\n## Acceptance Criteria\n\n1. Letters leave by noon\n"

    assert claimed(read(story)) == {"AC1": True}
    assert claimed(read(re.sub("(?i)done|completed", "Ready for review", story))) == {}


def test_a_folder_of_several_forms_is_read_each_in_its_own(tmp_path: Path) -> None:
    """What a file is decides, and not the folder that it stands in."""
    spec(tmp_path / "letters")
    (tmp_path / "letters" / "task-7.md").write_text(TASK, encoding="utf-8")
    (tmp_path / "letters" / "1.2.md").write_text(STORY, encoding="utf-8")

    names = ["1.2.md", "requirements.md", "task-7.md"]
    read_there = [documents.read(tmp_path / "letters" / name).dialect for name in names]
    assert read_there == ["bmad", "kiro", "backlog"]


def test_a_project_and_an_option_choose_the_form(tmp_path: Path) -> None:
    """The option goes before the setting, the setting before what the file looks like."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.workstream]\ndialects = {"plan/**" = "workstream"}\n', encoding="utf-8"
    )
    path = tmp_path / "plan" / "story.md"

    assert read(STORY, path).dialect == "workstream"
    assert read(STORY, tmp_path / "story.md").dialect == "bmad"
    assert read(STORY, path, "bmad").dialect == "bmad"
    with pytest.raises(errors.UsageError, match="klingon"):
        read(STORY, path, "klingon")


@pytest.mark.parametrize(
    "text",
    [
        "# Feature Specification: Letters\n\n## Success Criteria\n\n- Letters leave\n- Letters stay\n",
        "# Letters\n\n- **AC-1**: Letters leave\n\n1. Given a letter, Then it leaves\n",
        "## REMOVED Requirements\n\n### Requirement: Letters\n\nSHALL do.\n\n#### Scenario: Noon\n\n- **WHEN** noon\n",
        "---\nid: LET-7\n---\n\n## Acceptance Criteria\n\n- [x] #1 Letters leave\n",
        "# Story of my life\n\n## Acceptance Criteria\n\n1. None\n",
    ],
    ids=["a spec without ids", "criteria of no story", "a change that only removes", "an id alone", "another story"],
)
def test_other_forms_are_refused_and_not_read_wrongly(text: str) -> None:
    """What is of no form that is known is no document."""
    with pytest.raises(errors.ForeignDocumentError):
        read(text, "spec.md")


@pytest.mark.parametrize("text", [SPEC, STORY])
def test_an_id_of_ours_goes_before_what_a_file_looks_like(text: str) -> None:
    """A document of ours may be written as others write theirs."""
    assert read("# WS-007-01: Letters\n\n" + text.partition("\n")[2], "requirements.md").dialect == "workstream"
