"""What rows of reports claim: of which criteria, with which words, and with which doubts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workstream import documents
from workstream.documents.audit import audit
from workstream.documents.lint import lint

HEAD = "## WS-007-01: Letters\n\n### Acceptance Criteria\n\n"
FOUR = HEAD + "- [ ] Letters leave by noon\n- [ ] Letters stay dry\n- [ ] Letters have a seal\n- [ ] Letters are read\n"
REPORT = "\n### Execution Report\n\n"
CASES = 300


def claimed(text: str, criteria: str = FOUR) -> dict[str | None, tuple[bool, bool]]:
    """Return what a report claims: by criterion, whether it says so, and whether it doubts it."""
    document = documents.parse(f"{criteria}{REPORT}{text}\n".encode(), Path("x.md"))
    return {claim.criterion_id: (claim.affirmed, claim.doubted) for claim in document.claims}


@pytest.mark.parametrize(
    ("row", "numbers"),
    [
        ("(AC: 1, 2)", "12"),
        ("(AC: #3)", "3"),
        ("(AC: 1, #2, 3-4)", "1234"),
        ("(AC1, AC3)", "13"),
        ("AC #2", "2"),
        ("AC1, 2 and 4", "124"),
        ("AC1 and AC2", "12"),
        ("AC1 & 3", "13"),
        ("AC2 to AC4", "234"),
        ("AC2 through 4", "234"),
        ("AC1..AC3", "123"),
        ("AC1…3", "123"),
        ("AC1/2/3", "123"),
        ("ACs 1-3", "123"),
        ("ACs 1, 4", "14"),
        ("AC1-AC2, AC4", "124"),
        ("AC-1, AC-4", "14"),
        ("AC1, 2 boxes of oak", "1"),
        ("AC2 - 3 coaches came", "2"),
        ("AC1: 4 of 4", "1"),
    ],
)
def test_a_row_speaks_of_all_criteria_that_it_counts(row: str, numbers: str) -> None:
    """Enumerations and ranges, however people write them; the numbers of a sentence are none."""
    assert set(claimed(f"- [x] {row}")) == {f"AC{number}" for number in numbers}


@pytest.mark.parametrize("row", ["Pack it (AC: 2)", "Seal it, see AC2"])
def test_a_ticked_task_claims_what_it_is_for(row: str) -> None:
    """A step that names a criterion claims it, also outside of a report."""
    document = documents.parse(f"{FOUR}\n### Tasks\n\n- [x] {row}\n- [ ] Rest (AC: 3)\n".encode(), Path("x.md"))

    assert [(claim.criterion_id, claim.affirmed) for claim in document.claims] == [("AC2", True), ("AC3", False)]


@pytest.mark.parametrize(
    "row",
    [
        "| AC2 | PASS |",
        "| AC2 | ✓ |",
        "| AC2 | ✔ |",
        "| AC2 | [x] |",
        "| AC2 | Done |",
        "| AC2 | **MET** |",
        "| AC2 | COMPLETE |",
        "| AC2 | fully verified |",
        "| Letters stay dry | passed |",
        "- AC2: PASS (two boxes)",
        "- AC2 — PASSED on both coaches",
        "- **AC2:** ✅ Letters stay dry",
        "- ✅ AC2: Letters stay dry",
        "- AC2: Letters stay dry ✓",
    ],
)
def test_words_and_other_marks_claim_too(row: str) -> None:
    """A mark anywhere, or a word that stands alone, says that a criterion is met."""
    table = "| AC | state |\n| --- | --- |\n" if row.startswith("|") else ""

    assert claimed(table + row) == {"AC2": (True, False)}


@pytest.mark.parametrize(
    "row",
    [
        "| AC2 | NOT MET |",
        "| AC2 | open |",
        "| AC2 | no pass |",
        "| AC2 | passes a bridge |",
        "| AC2 | done by May |",
        "| AC2 | FAIL |",
    ],
)
def test_other_words_claim_nothing(row: str) -> None:
    """What says the contrary, or begins a sentence, is no claim."""
    assert claimed(f"| AC | state |\n| --- | --- |\n{row}")["AC2"][0] is False


@pytest.mark.parametrize(
    "doubt",
    [
        "(pending)",
        "- could not validate here",
        "- couldn't be verified",
        "- simulated",
        "(mocked)",
        "— deferred to May",
        "- skipped on Sundays",
        "- to be tested",
        "- not yet run",
        "- unable to verify",
        "(partially)",
        "- should work",
        "- needs manual verification",
        "| TODO",
        "⚠️",
    ],
)
@pytest.mark.parametrize("before", ["Letters stay dry", "AC2: all of them stay dry"])
def test_a_doubt_in_other_words_is_one(doubt: str, before: str) -> None:
    """Who ticks and takes it back in the same line is found, whichever words say so."""
    assert claimed(f"- [x] {before} {doubt}") == {"AC2": (True, True)}


@pytest.mark.parametrize(
    "row", ["AC2: pending letters stay dry ✅", "Letters stay dry (9 passed, 1 skipped)", "AC2: Partial letters ✅"]
)
def test_a_word_of_the_sentence_is_no_doubt(row: str) -> None:
    """What a criterion is about says nothing about how far it is."""
    assert claimed(f"- [x] {row}") == {"AC2": (True, False)}


@pytest.mark.parametrize(
    ("verdict", "approves"),
    [
        ("APPROVED", True),
        ("✅ Approved by Ann", True),
        ("Not fully approved", False),
        ("not yet approved", False),
        ("Cannot be approved", False),
        ("Approval pending, approved later", False),
        ("disapproved", False),
    ],
)
def test_a_verdict_that_does_not_approve_is_none(verdict: str, *, approves: bool) -> None:
    """Only a verdict that says yes contradicts its doubts."""
    text = f"{FOUR}{REPORT}- [x] Letters stay dry (pending)\n\n**Verdict:** {verdict}\n"
    found = [one.message for one in audit(documents.parse(text.encode(), Path("x.md")))]

    assert any("the verdict approves" in message for message in found) is approves


PARTS = (
    HEAD
    + "- [ ] AC1a: Letters leave\n- [ ] AC1b: Letters stay\n- [ ] AC2.1: Letters rest\n- [ ] AC2.2: Letters sleep\n"
)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("AC1b", ["AC2"]),
        ("AC2.2", ["AC4"]),
        ("AC1a, AC2.1", ["AC1", "AC3"]),
        ("AC2", ["AC3", "AC4"]),
        ("AC1", ["AC1", "AC2"]),
    ],
)
def test_a_part_of_an_id_is_part_of_it(name: str, ids: list[str]) -> None:
    """AC1b is the criterion that calls itself so, and AC2 all of its parts."""
    assert list(claimed(f"- {name} ✅", PARTS)) == ids
    assert lint(documents.parse(PARTS.encode(), Path("x.md"))) == ()


GROUPS = (
    HEAD + "#### AC1: Sending\n\n- [ ] Letters leave\n- [ ] Letters rest\n\n#### AC2: Keeping\n\n- [ ] Letters stay\n"
)


@pytest.mark.parametrize(
    ("name", "ids"), [("AC1", ["AC1", "AC2"]), ("AC2", ["AC3"]), ("AC1-AC2", ["AC1", "AC2", "AC3"])]
)
def test_the_name_of_a_group_means_its_criteria(name: str, ids: list[str]) -> None:
    """Where headings number themselves, people mean the heading and not the place."""
    assert list(claimed(f"- {name}: ✅ seen", GROUPS)) == ids


@pytest.mark.parametrize("row", ["SC-002: PASS", "SC-2 ✅"])
def test_other_numbers_are_names_where_a_document_uses_them(row: str) -> None:
    """SC-002 is the criterion that calls itself so; where none does, it is nothing."""
    named = HEAD + "- [ ] **SC-001**: Letters leave\n- [ ] **SC-002**: Letters stay\n"

    assert claimed(f"- {row}", named) == {"AC2": (True, False)}
    assert claimed(f"- {row}") == {}


@settings(max_examples=CASES, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "AC",
                "ACs ",
                "AC: ",
                "#",
                "1",
                "2",
                "99",
                ".",
                "..",
                "-",
                "\N{EN DASH}",
                ", ",
                " and ",
                " to ",
                "/",
                "a",
                "✅",
                "|",
                "SC-1",
            ]
        ),
        max_size=20,
    ).map("".join)
)
def test_any_row_is_read(row: str) -> None:
    """However names are put together, they are criteria of the document or none."""
    assert set(claimed(f"- [x] {row}")) <= {None, "AC1", "AC2", "AC3", "AC4"}
