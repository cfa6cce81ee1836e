"""What documents say that they depend on, and the order that follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from workstream import documents, errors

TASK = (
    "---\nid: LET-7\ntitle: Letters\nstatus: To Do\nlabels: []\nNEEDS\n---\n\n## Acceptance Criteria\n\n- [ ] #1 Dry\n"
)
SPEC = "# Letters\n\n### Requirement 1: Sending\n\n#### Acceptance Criteria\n\n1. THE POST SHALL run\n"
STORY = "# Story 1.2: Letters\n\n## Acceptance Criteria\n\n1. Letters leave by noon\n"


def document(document_id: str, says: str = "", more: str = "") -> documents.Document:
    """Return a document of ours that says something below `Dependency`."""
    section = f"### Dependency\n\n{says}\n\n" if says else ""
    text = f"{more}## {document_id}: Mail\n\n{section}### Acceptance Criteria\n\n- [ ] Mail arrives\n"
    return documents.parse(text.encode(), Path(f"{document_id}.md"))


def task(needs: str) -> documents.Document:
    """Return a task of Backlog.md with a line of its own in the front matter."""
    return documents.parse(TASK.replace("NEEDS", needs).encode(), Path("task-7.md"))


def needed(*several: documents.Document) -> dict[str, tuple[str, ...]]:
    """Return by its id what each document depends on, if it depends on anything."""
    return {one: names for one, names in documents.ordered(several).needs.items() if names}


@pytest.mark.parametrize(
    "says",
    [
        "WS-001-03 (Spark workers)",
        "- WS-001-03: the workers\n- Blocks: WS-001-09",
        "\N{EN DASH} `ws-001-03`",
        "| what | why |\n| --- | --- |\n| WS-001-03 | workers |",
        "WS-001-03\n\n```\nWS-001-07\n```",
        "WS-001-03 and this one, WS-900-04",
    ],
)
def test_a_document_depends_on_what_its_section_names(says: str) -> None:
    """Whatever stands around an id counts for nothing; code, the document itself and what it blocks are not meant."""
    assert needed(document("WS-900-04", says), document("WS-001-03")) == {"WS-900-04": ("WS-001-03",)}


@pytest.mark.parametrize(
    "written",
    [
        "**Dependency:** WS-001-03",
        "**Dependencies:**\n\n- WS-001-03\n",
        "- Depends on: WS-001-03",
        "### \N{LINK SYMBOL} Dependencies (hard)\n\nWS-001-03",
        "### Dependency: WS-001-03",
    ],
)
def test_a_label_says_it_too(written: str) -> None:
    """A heading with other words beside it, and a label with or without a list below it."""
    text = f"## WS-900-04: Mail\n\n{written}\n\n### Acceptance Criteria\n\n- [ ] Mail arrives\n"
    found = documents.parse(text.encode(), Path("WS-900-04.md"))
    assert found.dependencies == ("WS-001-03",)
    assert [one.text for one in found.criteria] == ["Mail arrives"]


@pytest.mark.parametrize(
    "written",
    [
        "### Dependency\n\nNone",
        "### Input Files\n\nWS-001-03",
        "### Dependency Graph\n\nWS-001-03",
        "The dependency of WS-001-03 is this one.",
        "### Execution Report\n\n**Dependency:** WS-001-03",
        "### Dependency\n\nRequired by: WS-001-03",
    ],
)
def test_what_only_speaks_of_documents_is_no_dependency(written: str) -> None:
    """Sections of other names, sentences, and what a report says."""
    text = f"## WS-900-04: Mail\n\n### Acceptance Criteria\n\n- [ ] Mail arrives\n\n{written}\n"
    assert documents.parse(text.encode(), Path("WS-900-04.md")).dependencies == ()


@pytest.mark.parametrize(
    "needs", ["dependencies: [ws-001-03]", "dependencies:\n  - WS-001-03", "depends_on: WS-001-03"]
)
def test_front_matter_says_it_too(needs: str) -> None:
    """In a line or in several, as Backlog.md writes it."""
    assert task(needs).dependencies == ("WS-001-03",)


def test_documents_of_other_forms_are_named_as_people_name_them(tmp_path: Path) -> None:
    """A task, a story and the folder of a spec; the word `letters` in a sentence is no spec."""
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "requirements.md").write_text(SPEC)
    others = [
        task("assignee: []"),
        documents.parse(STORY.encode(), Path("story.md")),
        documents.read(tmp_path / "letters"),
    ]

    named = document("WS-900-04", "let-7, Story 1.2 and LETTERS")
    assert set(needed(named, *others)["WS-900-04"]) == {"LET-7", "STORY-1.2", "LETTERS"}
    assert needed(document("WS-900-04", "letters, LET-77 and Story 1.2.1"), *others) == {}


def test_documents_stand_behind_what_they_depend_on() -> None:
    """All others keep the order in which they were given; what is not there has no place, and is kept in mind."""
    given = [
        document("WS-001-01", "WS-900-04"),
        document("WS-001-02", "WS-009-09"),
        document("WS-001-03"),
        document("WS-900-04", "WS-001-03"),
    ]
    found = documents.ordered(given)
    assert [one.id for one in found.documents] == ["WS-001-02", "WS-001-03", "WS-900-04", "WS-001-01"]
    assert found.needs["WS-001-02"] == ("WS-009-09",)


def test_a_circle_is_an_error_that_names_it() -> None:
    """Each one of the circle, in the order in which they depend on each other; those beside it are not named."""
    with pytest.raises(errors.DependencyError) as caught:
        documents.ordered(
            [
                document("WS-001-01", "WS-001-02"),
                document("WS-001-02", "WS-001-03"),
                document("WS-001-03", "WS-001-01"),
                document("WS-900-04", "WS-001-03"),
            ]
        )
    said = caught.value.what
    assert said.removesuffix(".").rpartition(": ")[2] in {
        "WS-001-01 depends on WS-001-02 depends on WS-001-03 depends on WS-001-01",
        "WS-001-02 depends on WS-001-03 depends on WS-001-01 depends on WS-001-02",
        "WS-001-03 depends on WS-001-01 depends on WS-001-02 depends on WS-001-03",
    }


def test_two_documents_with_one_id_are_an_error_that_names_both() -> None:
    """Ids that differ only in case are one: their evidence would stand in one folder."""
    first, second = document("WS-001-01"), document("ws-001-01")
    with pytest.raises(errors.DependencyError, match=r"WS-001-01 is the id of WS-001-01\.md and of ws-001-01\.md"):
        documents.ordered([first, second, document("WS-001-02")])


def test_a_large_document_depends_on_what_it_says_too() -> None:
    """Its sections that hold no criteria are not parsed; this one is."""
    logs = "### Logs\n\n" + "a line of a log\n" * 40_000 + "\n"
    text = f"## WS-900-04: Mail\n\n{logs}### Dependency\n\nWS-001-03\n\n### Acceptance Criteria\n\n- [ ] Mail arrives\n"
    assert documents.parse(text.encode(), Path("WS-900-04.md")).dependencies == ("WS-001-03",)
