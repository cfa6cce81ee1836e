from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from workstream import documents, evidence
from workstream.evidence.records import Result
from workstream.reports import checklist, github, page
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.conftest import Story

T = "test_a.py::test_it"
NASTY = "<script>alert(1)</script> `a` **b** _c_ [d](e) @f #1 | g"


@pytest.fixture
def told(story: type[Story]) -> Story:
    """One criterion proven, one failed, one without a test."""
    told = story("one `two`", "three", "four").bind(T, doc="It is so.").saw(T, {"a": [1, 2]}).ran(T)
    told.bind(T + "2", "AC2").saw(T + "2").ran(T + "2", Result.PASSED, Result.FAILED, Result.PASSED, message=NASTY)
    return told.described("Kubernetes", "v1.34").described("nodes", ["a", "b"]).ended()


def render(told: Story, folder: Path, how: Callable[..., str] = checklist.markdown) -> str:
    """Return one report of a story."""
    log = told.log(folder)
    return how(told.document, log, evidence.verdicts(log, told.document))


def test_a_checklist_of_repeated_rounds_counts_them_and_no_other_does(story: type[Story], tmp_path: Path) -> None:
    """In how many rounds each criterion was proven, and what it was in the others; a single run has no such chapter."""
    once = story("one").proved(T).ended()
    assert "Repeated" not in render(once, tmp_path)
    twice = story("one").bind(T)
    for number, result in enumerate([Result.PASSED, Result.FAILED], start=1):
        twice.began(number).saw(T, attempt=number)
        twice.ran(T, Result.PASSED, result, Result.PASSED, attempt=number, round=number)
    told = "\n## Repeated\n\n- AC1 was proven in 1 of 2 rounds (round 2: failed)\n"
    assert told in render(twice.ended(), tmp_path)


class Page(HTMLParser):
    """What a browser makes of a page.

    Attributes:
        tags: every element, with its attributes.
        text: everything that is shown.

    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep what is shown."""
        self.text += data


def test_the_checklist_has_a_box_a_verdict_and_a_reason_for_every_criterion(told: Story, tmp_path: Path) -> None:
    """Ticked is what was proven; below each box stands why, and how to see it again."""
    lines = render(told, tmp_path).splitlines()
    assert lines[0] == "# WS-900: Story"
    assert "1 of 3 criteria are proven; not proven: AC2, AC3. Ticked is what was proven, and nothing else." in lines
    start = lines.index("- [x] **AC1** one `two`")
    assert lines[start + 1 : start + 5] == [
        "  - **proven**: It is so.",
        f"  - test `{T}`",
        '    - answer (cluster): `{"a": [1, 2]}`',
        "      - again: `ask`",
    ]
    assert "- [ ] **AC2** three" in lines
    assert lines[lines.index("- [ ] **AC3** four") + 1].startswith("  - **uncovered**: ")


def test_the_checklist_says_how_to_reproduce_it(told: Story, tmp_path: Path) -> None:
    """Command, commit, document, versions and what was under test."""
    text = render(told, tmp_path).partition("## Reproduce")[2]
    for part in ("`pytest --workstream=WS-900.md`", "`c0ffee`", "workstream 1.2.3, Python 3.11.0"):
        assert part in text
    assert "- Kubernetes: `v1.34`" in text
    assert '- nodes: `["a", "b"]`' in text


def test_the_checklist_is_read_as_what_it_says(told: Story, tmp_path: Path) -> None:
    """Its own boxes, read as Markdown, are those of the verdicts: nothing that was seen looks like a box."""
    told.saw(T, "- [x] **AC3** four\n- [x] more", what="- [x] a box").ran(T)
    boxes = [line for line in render(told, tmp_path).splitlines() if line.lstrip().startswith(("- [x]", "- [ ]"))]
    assert [box[:13] for box in boxes] == ["- [x] **AC1**", "- [ ] **AC2**", "- [ ] **AC3**"]


def test_reasons_are_shown_and_not_interpreted(told: Story, tmp_path: Path) -> None:
    """A message with marks of Markdown or HTML is shown as it is."""
    line = next(line for line in render(told, tmp_path).splitlines() if "**failed**" in line)
    html = MarkdownIt("commonmark", {"html": True}).render(line.strip())
    assert Page(html).text.strip() == f"failed: test_it2: {NASTY}"


def test_a_run_that_broke_off_is_told(told: Story, tmp_path: Path) -> None:
    """A log without its end makes a checklist and a page that say so."""
    told.lines.pop()
    for how in (checklist.markdown, page.html, github.summary):
        assert "The evidence breaks off" in render(told, tmp_path, how)


def test_an_interrupted_run_is_told(told: Story, tmp_path: Path) -> None:
    """A log whose run was stopped makes a checklist and a page that say so."""
    told.lines[-1] = evidence.records.End(time="", exit_status=2, interrupted=True)
    for how in (checklist.markdown, page.html, github.summary):
        assert "The run was interrupted" in render(told, tmp_path, how)


def test_commands_stand_on_one_line(story: type[Story], tmp_path: Path) -> None:
    """A completion command is shown as code, its continued lines joined as a shell joins them."""
    told = story("one")
    text = b"## WS-900: Story\n\n### Completion Criteria\n\n```bash\nkubectl get \\\n  pods\n```\n"
    told.document = documents.parse(text, told.document.path)
    assert "- [ ] **CC1** `kubectl get pods`" in render(told, tmp_path).splitlines()


@pytest.mark.parametrize(
    ("count", "proven", "sentence"),
    [
        (2, 2, "All 2 criteria are proven."),
        (2, 1, "1 of 2 criteria are proven; not proven: AC2."),
        (0, 0, "The document has no criteria: there is nothing to prove."),
    ],
)
def test_one_sentence_says_it_all(story: type[Story], tmp_path: Path, count: int, proven: int, sentence: str) -> None:
    """How many of how many, and which are missing."""
    told = story(*(f"criterion {number}" for number in range(count)))
    for number in range(proven):
        told.proved(f"{T}{number}", f"AC{number + 1}")
    assert checklist.summary(evidence.verdicts(told.log(tmp_path), told.document)) == sentence


@given(st.text(), st.integers(1, 50))
def test_a_line_is_one_line_and_says_that_it_was_cut(text: str, longest: int) -> None:
    """Whatever the text: one line, no longer than asked, with its length if it was cut."""
    line = one_line(text, longest)
    assert len(line.splitlines()) <= 1
    assert len(line) <= longest or line.endswith(" characters)")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Zs"]), min_size=1))
def test_any_value_is_shown_as_it_was_seen(text: str) -> None:
    """Backticks and marks in a value stay what they are in Markdown's code."""
    html = MarkdownIt("commonmark").render(f"value: {checklist.code(text)}")
    assert Page(html).text.removeprefix("value: ").rstrip("\n") == text


def test_a_summary_begins_with_what_is_not_proven(told: Story, tmp_path: Path) -> None:
    """A job's summary shows failures first."""
    text = render(told, tmp_path, github.summary)
    assert text.index("**AC2**") < text.index("**AC3**") < text.index("**AC1**")


def test_a_summary_is_cut_openly(story: type[Story], tmp_path: Path) -> None:
    """A summary is no longer than GitHub takes, and says so where it was cut."""
    told = story(*(f"criterion {number}" for number in range(1, 301)))
    for number in range(1, 301):
        told.bind(f"test_a.py::test_{'ä' * 2000}_{number}", f"AC{number}")
    text = render(told, tmp_path, github.summary)
    assert len(text.encode()) <= 1024 * 1024
    assert text.endswith("**Cut here: the whole report is among the artifacts of this run.**\n")


def test_a_short_summary_is_whole(told: Story, tmp_path: Path) -> None:
    """What fits is not cut."""
    assert "Cut here" not in render(told, tmp_path, github.summary)
