"""What makes two criteria the same: the words that a reader sees, without the name before them."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstream import documents
from workstream.documents import Kind, normalise
from workstream.evidence import verdict

CASES = 300
SOON = 2.0  # seconds; a tenth is enough
WORD = st.text("abcxyzÄß0123", min_size=1, max_size=6)
MARKED = st.sampled_from(["{}", "*{}*", "**{}**", "***{}***", "_{}_", "__{}__", "`{}`", "**`{}`**"])


@pytest.mark.parametrize(
    "text",
    [
        "A queue takes 3**7 letters",
        "from 3**7 to 5**7 letters",
        "3*letters and boxes* there",
        "each *.eml* and *.tmp*",
        "what **/letters/** finds",
        "as *letters*.eml says",
        "Sweeps at 15 */4 * * 1-5",
        "GET /box/*/mail/* answers",
        "COUNT(*) and SUM(*) agree",
        "__letters__.py is there",
        "set box_of_letters",
        "a < b & c",
    ],
)
def test_a_mark_that_nobody_meant_stays(text: str) -> None:
    """Powers, patterns and names are what they are, in code and outside of it."""
    assert normalise(text) == normalise(f"`{text}`") == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("`mail.*.enabled`", "mail.*.enabled"),
        (r"\*any\* &lt;box&gt; &amp; more", "*any* <box> & more"),
        ('[the **box**](boxes.md "all")', 'the box (boxes.md "all")'),
        ("![a box](box.png)", "!a box (box.png)"),
        ("<https://example.com/a*b*c>", "https://example.com/a*b*c"),
        ("one<!-- not\nseen -->, two <br> three", "one, two <br> three"),
        ("one\\\ntwo  \nthree\n four", "one two three four"),
        ("**one *two* three**, four", "one two three, four"),
        ("**重要**な *été*", "重要な été"),
    ],
)
def test_identity_is_what_a_reader_sees(text: str, seen: str) -> None:
    """Escapes and entities are what they mean, links and images keep their targets, comments are gone."""
    assert normalise(text) == seen


@settings(max_examples=CASES, deadline=None)
@given(st.lists(st.tuples(WORD, MARKED, st.sampled_from([" ", "  ", "\n", "\t"])), min_size=1, max_size=6))
def test_marks_around_words_and_white_space_make_no_other_criterion(words: list[tuple[str, str, str]]) -> None:
    """Emphasis, code marks and white space are no part of it."""
    marked = "".join(mark.format(word) + space for word, mark, space in words)

    assert normalise(marked) == " ".join(word for word, _, _ in words)


@settings(max_examples=CASES, deadline=None)
@given(st.one_of(st.text(max_size=200), st.text("*_`[]()<>!\\&#; \na\ud800", max_size=80)), st.sampled_from(Kind))
def test_any_text_has_an_identity(text: str, kind: Kind) -> None:
    """Whatever stands there is compared, halves of characters too, and nothing that is written becomes nothing."""
    assert normalise(text, kind) or not text.strip()


@pytest.mark.parametrize("unit", ["[", "![", "*a ", "a*", "`a", "<!--", "[a](b) ", "<a b=", "&", "![](", "word "])
def test_a_long_line_takes_no_long_time(unit: str) -> None:
    """However marks are nested or left open, 100 kB and many lines of 2 kB are compared in moments."""
    begin = time.process_time()
    normalise(unit * (100_000 // len(unit)))
    normalise(unit * (2_000 // len(unit)))

    assert time.process_time() - begin < SOON


@pytest.mark.parametrize(
    "name",
    [
        "AC1:",
        "ac 1)",
        "AC-1.",
        "AC2.1:",
        "AC2.1 -",
        "AC1 \N{EN DASH}",
        "AC\N{NON-BREAKING HYPHEN}7:",
        "AC1a:",
        "[AC1]",
        "(AC1)",
        "**AC1:**",
        "#1",
        "#12.",
        "#3 AC1:",
        "SC-002:",
        "**SC-002**:",
        "FR-003:",
        "`FR-003`:",
        "NFR-1:",
        "REQ-12 -",
        "UAC3:",
    ],
)
def test_a_name_is_no_part_of_an_acceptance_criterion(name: str) -> None:
    """How tools and people number criteria makes no other criterion, marked or not."""
    assert normalise(f"{name} Letters arrive") == "Letters arrive"


@pytest.mark.parametrize(
    "text",
    [
        "C3 - boxes hold letters",
        "G1: the sorter runs",
        "CC2: the sorter runs",
        "UTF-8: letters are read",
        "HTTP-2: letters are sent",
        "RFC 5322: letters are read",
        "SHA-256: letters are signed",
        "TLS 1.3: letters are sealed",
        "AC3 letters arrive",
        "ACME-1: letters arrive",
        "#box holds letters",
        "sc-1: letters",
        "3. letters arrive",
    ],
)
def test_words_that_look_like_a_name_are_words(text: str) -> None:
    """What no tool numbers acceptance criteria with is kept."""
    assert normalise(text) == text


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (Kind.GOAL, "**G1:** flow", "flow"),
        (Kind.GOAL, "AC1: flow", "AC1: flow"),
        (Kind.CONSTRAINT, "C-1: no cloud", "no cloud"),
        (Kind.CONSTRAINT, "G1: no cloud", "G1: no cloud"),
        (Kind.COMPLETION, "AC1: `a`  *b*\n c", "AC1: `a` *b* c"),
    ],
)
def test_each_kind_has_names_of_its_own(kind: Kind, text: str, words: str) -> None:
    """A goal may be called G1, a constraint C1, a command nothing."""
    assert normalise(text, kind) == words


@pytest.mark.parametrize("text", ["AC1:", "#1", "SC-002:", "[AC1]"])
def test_a_name_alone_stays(text: str) -> None:
    """A criterion does not become nothing."""
    assert normalise(text + " ") == text


DOCUMENT = documents.parse(
    b"## WS-007-01: Mail\n\n### Goal\n\n- G1: letters flow\n\n### Acceptance Criteria\n\n"
    b"- [ ] AC1: Letters match `*.eml*` and `__box__`\n- [ ] **C1: letters stay**\n- [ ] C1: letters stay\n\n"
    b"### Constraints\n\n- C1: letters stay\n\n### Completion Criteria\n\n```sh\nls *.eml |\n  wc -l\n```\n",
    Path("x.md"),
)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Letters match `*.eml*` and `__box__`", ["AC1"]),
        ("AC9: Letters match *.eml* and __box__", ["AC1"]),
        ("letters flow", ["G1"]),
        ("C1: letters stay", ["AC2", "AC3", "C1"]),
        ("letters stay", ["C1"]),
        ("ls *.eml | wc -l", ["CC1"]),
        ("ls .eml | wc -l", []),
        ("Letters", []),
    ],
)
def test_a_text_finds_its_criteria(text: str, ids: list[str]) -> None:
    """Written as in the document or as seen there, each compared as its kind is."""
    assert [one.id for one in documents.identified(text, DOCUMENT)] == ids


def test_the_nearest_criterion_is_found_whatever_its_kind() -> None:
    """A slip of the pen is told with what was meant."""
    near = documents.nearest("ls *.eml | wc", DOCUMENT)

    assert near is not None
    assert near.id == "CC1"


def test_what_is_longer_than_any_sentence_is_compared_as_it_is_written() -> None:
    """Nobody waits for the marks of what is no sentence."""
    text = "a *letter*  arrives " * 1_001

    assert normalise(text) == " ".join(text.split())
    assert "*" not in normalise(text[: len(text) // 2])


def test_our_own_document_stays_the_edition_that_it_is() -> None:
    """However reading changes: what was proven and accepted of it would become stale without a word being changed.

    If its words change, so does this hash.
    """
    root = Path(__file__).parents[3]
    document = documents.read(root / "workstreams" / "WS-001-04-external-shuffle-service.md")
    criteria = {criterion.id: verdict.text_sha256(criterion) for criterion in document.criteria}

    edition = verdict.edition_sha256(criteria, verdict.context_sha256(document))
    assert edition == "0ad7e8fa3eb52a7ea5674feefc62455e31a3c4761a1c71c1e89798a4edb29f5a"


GROUPED = "## WS-900: Mail\n\n### Acceptance Criteria\n\n#### {}\n\n- [ ] It loads\n{}\n#### {}\n\n- [ ] It stays\n{}"
MOVED = "- [ ] It is kept\n"


def hashes(text: str) -> dict[str, str]:
    """Return the hash of each criterion of a text, by its words."""
    document = documents.parse(text.encode(), Path("WS-900.md"))
    return {one.text: verdict.text_sha256(one) for one in document.criteria}


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Must", "Out of reach", False),
        ("With authentication", "Without authentication", False),
        ("Story 1", "Story 2", False),
        ("Pending", "✅ Done", True),
        ("In progress", "**Completed**", True),
    ],
)
def test_the_group_in_which_a_criterion_stands_belongs_to_it(first: str, second: str, *, same: bool) -> None:
    """Moved to another group it promises something else, unless groups only say how far the work is."""
    before, after = hashes(GROUPED.format(first, MOVED, second, "")), hashes(GROUPED.format(first, "", second, MOVED))

    assert (before["It is kept"] == after["It is kept"]) is same
    assert before["It loads"] == after["It loads"]
    assert before["It stays"] == after["It stays"]


TWICE = {
    "labels": "#### {}\n\n**Speed:**\n\n- [ ] It loads\n\n#### {}\n\n**Speed:**\n\n- [ ] It loads\n",
    "headings": "#### {}\n\n##### Speed\n\n- [ ] It loads\n\n#### {}\n\n##### Speed\n\n- [ ] It loads\n",
    "items": "- {}\n  - Speed\n    - [ ] It loads\n- {}\n  - Speed\n    - [ ] It loads\n",
    "heading and item": "#### {}\n\n- Speed\n  - [ ] It loads\n\n#### {}\n\n- Speed\n  - [ ] It loads\n",
    "label and item": "**{}:**\n\n- Speed\n  - [ ] It loads\n\n**{}:**\n\n- Speed\n  - [ ] It loads\n",
    "headings that are criteria": "#### {}\n\n##### AC1: It loads\n\n#### {}\n\n##### AC2: It loads\n",
}
ABOVE = "### {}\n\n#### Speed\n\n**Acceptance Criteria:**\n\n- [ ] It loads\n- [ ] It {}\n- [ ] It {} again\n\n"


@pytest.mark.parametrize("form", TWICE)
@pytest.mark.parametrize(
    ("first", "second", "same"),
    [("Start page", "Reports", False), ("Pending", "✅ Done", True), ("Must", "Must", True)],
)
def test_all_groups_around_a_criterion_belong_to_it(form: str, first: str, second: str, *, same: bool) -> None:
    """What the nearest one is called does not say which one it is."""
    text = "## WS-900: Mail\n\n### Acceptance Criteria\n\n" + TWICE[form].format(first, second)
    document = documents.parse(text.encode(), Path("WS-900.md"))

    assert [documents.normalise(one.text) for one in document.criteria] == ["It loads", "It loads"]
    assert (len({verdict.text_sha256(one) for one in document.criteria}) == 1) is same


def test_all_groups_above_the_heading_of_criteria_belong_to_them() -> None:
    """Stories of one name in two parts of a document are two."""
    text = (
        "## WS-900: Mail\n\n" + ABOVE.format("Start page", "shows", "hides") + ABOVE.format("Reports", "adds", "sends")
    )
    document = documents.parse(text.encode(), Path("WS-900.md"))
    both = [verdict.text_sha256(one) for one in document.criteria if one.text == "It loads"]

    assert len(both) == len(set(both)) == 2


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("### Acceptance Criteria\n\n#### A\n\n- [ ] x\n\n#### B\n\n- [ ] y\n", ["A", "B"]),
        ("### P\n\n#### A\n\n**Success Criteria:**\n- [ ] x\n\n#### B\n\n**Success Criteria:**\n- [ ] y\n", ["A", "B"]),
        ("### Part\n\n**Acceptance Criteria:**\n\n- [ ] x\n- A\n  - [ ] y\n", ["Part", "A"]),
        ("### Acceptance Criteria\n\n- A\n  - [ ] x\n- [ ] y\n", ["A", ""]),
        ("### Acceptance Criteria\n\n#### Done\n\n**A:**\n\n- [ ] x\n\n**B:**\n\n- [ ] y\n", ["A:", "B:"]),
    ],
)  # fmt: skip
def test_one_level_of_groups_adds_its_name_as_it_always_did(text: str, groups: list[str]) -> None:
    """What was accepted of such a document does not become stale because groups in groups count too."""
    expected = [
        hashlib.sha256(f"{words}\n# {group}".encode() if group else words.encode()).hexdigest()
        for words, group in zip("xy", groups, strict=True)
    ]

    assert list(hashes(f"## WS-900: Mail\n\n{text}").values()) == expected


def test_where_there_is_one_group_it_adds_nothing() -> None:
    """A document with one list of criteria has the hashes that it had when groups were not looked at."""
    text = "## WS-900: Mail\n\n### Acceptance Criteria\n\n{}- [ ] It loads\n"

    assert hashes(text.format("")) == hashes(text.format("#### Must\n\n"))
