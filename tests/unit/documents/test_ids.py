"""The ids of documents: their shapes, and where a document says its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from workstream import documents, errors
from workstream.documents.lint import lint

CRITERIA = "\n\n## Acceptance Criteria\n\n- [ ] Letters leave by noon\n"


def read(text: str, path: Path | str = "x.md") -> documents.Document:
    """Return the document of a text."""
    return documents.parse(text.encode(), Path(path))


@pytest.mark.parametrize(
    ("heading", "document_id", "title"),
    [
        ("# WS-007-01: Letters", "WS-007-01", "Letters"),
        ("# 00-007-01: Letters", "00-007-01", "Letters"),
        ("## WS-BUG-004 — Letters", "WS-BUG-004", "Letters"),
        ("# WS-AUTO-01: Letters", "WS-AUTO-01", "Letters"),
        ("# WS-C5M: Letters", "WS-C5M", "Letters"),
        ("# WS\N{NON-BREAKING HYPHEN}007\N{NON-BREAKING HYPHEN}01: Letters", "WS-007-01", "Letters"),
        ("# WS\N{EN DASH}007\N{EN DASH}01: Letters", "WS-007-01", "Letters"),
        ("# Workstream WS-007-01: Letters", "WS-007-01", "Letters"),
        ("# ✉️ WS-007-01: Letters", "WS-007-01", "Letters"),
        ("# 3. WS-007-01: Letters", "WS-007-01", "Letters"),
        ("# Letters (WS-007-01)", "WS-007-01", "Letters"),
        ("# TS-WS-007-01: Letters", "TS-WS-007-01", "Letters"),
        ("# QA-WS-007-01: Letters", "QA-WS-007-01", "Letters"),
    ],
)
def test_ids_of_many_shapes_are_read_from_the_heading(heading: str, document_id: str, title: str) -> None:
    """Words, digits alone, other hyphens, and prefixes are part of an id."""
    document = read(heading + CRITERIA)

    assert (document.id, document.title) == (document_id, title)
    assert lint(document) == ()


@pytest.mark.parametrize(
    "heading",
    [
        "# Letters replace WS-007-01 wholly",
        "# Review of WS-007-01",
        "# Letters",
        "# 2026-11-26: Letters",
        "# WS-based letters",
        "# ws-007-01x: Letters",
        "# Plan\n\n## First\n\n### WS-007-01: Letters",
        "# Plan\n\n### WS-007-01: Letters",
        "# Plan\n\n## WS-007-01: Letters\n\n### Steps\n\n## WS-007-02: Boxes",
    ],
)
def test_what_only_speaks_of_a_document_is_not_the_document(heading: str) -> None:
    """A plan with a section about it, or a title that names it, has no id."""
    with pytest.raises(errors.ForeignDocumentError):
        read(heading + CRITERIA)


def test_a_document_may_have_a_line_above_its_heading() -> None:
    """Where all that follows stands below the second heading, that one is the title."""
    document = read("# By hand\n\n## WS-007-01: Letters\n\n### Acceptance Criteria\n\n- [ ] Letters leave by noon\n")

    assert (document.id, document.title, len(document.criteria)) == ("WS-007-01", "Letters", 1)


def test_a_document_may_have_a_line_above_its_only_other_heading() -> None:
    """Its criteria may stand below a label, and then that heading is the last one."""
    document = read("# By hand\n\n## WS-007-01: Letters\n\n**Acceptance Criteria:**\n\n- [ ] Letters leave by noon\n")

    assert (document.id, document.title, len(document.criteria)) == ("WS-007-01", "Letters", 1)


@pytest.mark.parametrize(
    ("matter", "document_id"),
    [
        ("title: replaces WS-007-03\nid: WS-007-01", "WS-007-01"),
        ("name: WS-007-03\nws_id: WS-007-01", "WS-007-01"),
        ("slug: ws-007-03\nworkstream: ws-007-01", "WS-007-01"),
        ("ws_id: 00-007-01", "00-007-01"),
        ('ws_id: "TESTING-003"  # ours', "TESTING-003"),
        ("title: WS-007-01 letters", "WS-007-01"),
    ],
)
def test_the_key_of_an_id_goes_before_a_title(matter: str, document_id: str) -> None:
    """A title in front matter may speak of another document; a key does not."""
    assert read(f"---\n{matter}\n---\n\n# Letters{CRITERIA}").id == document_id


@pytest.mark.parametrize("matter", ["title: replaces WS-007-03", "id: LET-12", "ws_id: PP-FFF-SS"])
def test_front_matter_without_an_id_gives_none(matter: str) -> None:
    """What another tool numbers, and a form that nobody filled in, are no documents of ours."""
    with pytest.raises(errors.ForeignDocumentError):
        read(f"---\n{matter}\n---\n\n# Letters{CRITERIA}")


def test_one_id_written_in_two_ways_is_one() -> None:
    """A key without the prefix agrees with the heading; another number does not."""
    text = "---\nws_id: {}\n---\n\n# WS-007-01: Letters" + CRITERIA

    assert lint(read(text.format("007-01"), "WS-007-01.md")) == ()
    assert [one.code for one in lint(read(text.format("007-02"), "WS-007-01.md"))] == ["WS005"]


def test_a_name_and_a_title_that_agree_make_an_id_of_any_shape() -> None:
    """Where criteria stand below; notes and decisions that are numbered so are none."""
    assert read("# LET-012: Letters" + CRITERIA, "LET-012-letters.md").id == "LET-012"
    for text, name in (
        ("# LET-012: Letters\n\nNothing.\n", "LET-012.md"),
        ("# LET-012: Letters\n\n## Constraints\n\n- No owls\n", "LET-012.md"),
        ("# LET-012: Letters" + CRITERIA, "x.md"),
        ("# Letters" + CRITERIA, "ts-ws-007-01.md"),
    ):
        with pytest.raises(errors.ForeignDocumentError):
            read(text, name)


def test_a_project_declares_what_its_ids_look_like(tmp_path: Path) -> None:
    """A shape in its pyproject.toml is read in headings, front matter and names, there and nowhere else."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.workstream]\nids = ["LETTER\\\\d+", "L/\\\\d+"]\n', encoding="utf-8"
    )
    folder = tmp_path / "plan"
    folder.mkdir()

    assert read("# Letter7: Letters" + CRITERIA, folder / "x.md").id == "LETTER7"
    assert read("---\nid: L/12\n---\n# Letters" + CRITERIA, folder / "x.md").id == "L/12"
    assert read("# Letters" + CRITERIA, folder / "letter8.md").id == "LETTER8"
    with pytest.raises(errors.ForeignDocumentError):
        read("# Letter7: Letters" + CRITERIA)


@pytest.mark.parametrize("table", ['ids = "LETTER"', 'ids = ["("]', "dialects = []", 'ids = [""]'])
def test_settings_that_cannot_be_understood_are_refused(tmp_path: Path, table: str) -> None:
    """The file is named, and nothing is guessed."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.workstream]\n{table}\n", encoding="utf-8")

    with pytest.raises(errors.UsageError, match=r"pyproject\.toml"):
        read("# WS-007-01: Letters", tmp_path / "x.md")
