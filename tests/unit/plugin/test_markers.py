"""Markers: which are understood, and what is said of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.conftest import Run
    from tests.unit.plugin.conftest import Suite


@pytest.mark.parametrize("distributed", [(), ("-n1",)], ids=["alone", "xdist"])
def test_a_marker_that_matches_nothing_stops_the_run(suite: Suite, distributed: tuple[str, ...]) -> None:
    """A marker with a text that is no criterion's is told with the test's name and the nearest criterion."""
    suite.write({"A pod runs on each node": "", "one": suite.PROVING})
    suite.add("test_wrong.py", "A pod runs on every node", suite.PROVING)
    result = suite.run(*distributed)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: test_wrong.py::test: *WS-900.md has no criterion 'A pod runs on every node'.",
            "*The nearest is AC1: A pod runs on each node",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_every_wrong_marker_is_told_at_once(suite: Suite) -> None:
    """Two wrong markers are two lines, not two runs."""
    suite.write({"one": ""})
    suite.add("test_2.py", "two", suite.PROVING)
    suite.add("test_3.py", "three", suite.PROVING)
    suite.run().stderr.fnmatch_lines(["*no criterion 'two'.", "*no criterion 'three'."])


@pytest.mark.parametrize(
    "arguments",
    ['"WS-900"', '"WS-900", "one", "two", "three"', '"WS-900", "one", level="moon"', '"WS-900", "one", lvl="image"'],
)
def test_a_marker_that_is_written_wrong_stops_the_run(suite: Suite, arguments: str) -> None:
    """A marker with arguments that mean nothing is told with how to write one."""
    suite.write({"one": ""})
    source = f"import pytest\n\n@pytest.mark.criterion({arguments})\ndef test():\n    pass\n"
    (suite.path / "test_one.py").write_text(source)
    result = suite.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *::test: write @pytest.mark.criterion(*"])


@pytest.mark.parametrize("text", ["`one` two", "AC1: one **two**", "  one\n two "])
def test_a_criterion_is_its_words(suite: Suite, text: str) -> None:
    """Emphasis, code marks, a leading id and space make no other criterion."""
    suite.write({"one two": ""})
    suite.add("test_one.py", text, suite.PROVING)
    suite.run()
    assert suite.states() == {"one two": "proven"}


def test_a_text_that_two_criteria_say_with_other_promises_below_stops_the_run(suite: Suite) -> None:
    """A test of one would prove the other, too; where they promise the same, it does."""
    suite.write({"one": suite.PROVING})
    written = suite.document.read_text()
    suite.document.write_text(written.replace("- [ ] one", "- [ ] one\n  - in a second\n- [ ] one\n  - in a second"))
    suite.run()
    assert suite.states() == {"one": "proven"}
    suite.document.write_text(written.replace("- [ ] one", "- [ ] one\n  - in a second\n- [ ] one\n  - in a year"))
    result = suite.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*AC1 and AC2 say 'one' and promise different things*"])


def test_a_text_that_stands_in_two_groups_stops_the_run(suite: Suite) -> None:
    """What is true of the one need not be true of the other."""
    suite.write({"one": suite.PROVING})
    written = suite.document.read_text()
    suite.document.write_text(written.replace("- [ ] one", "#### Start page\n\n- [ ] one\n\n#### Reports\n\n- [ ] one"))
    result = suite.run()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*AC1 and AC2 say 'one' and promise different things*"])


def test_a_text_that_stands_in_two_groups_whose_nearest_names_are_the_same_stops_the_run(suite: Suite) -> None:
    """Two stories may both speak of speed."""
    suite.write({"one": suite.PROVING})
    written = suite.document.read_text()
    story = "#### {}\n\n**Speed:**\n\n- [ ] one\n\n"
    suite.document.write_text(written.replace("- [ ] one", story.format("Start page") + story.format("Reports")))
    result = suite.run()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*AC1 and AC2 say 'one' and promise different things*"])


def test_a_test_may_speak_of_several_criteria(suite: Suite) -> None:
    """One test with two markers proves two criteria."""
    suite.write({"one": "", "two": ""})
    suite.add("test_one.py", "one", "@pytest.mark.criterion('WS-900', 'two')\n" + suite.PROVING)
    suite.run()
    assert suite.states() == {"one": "proven", "two": "proven"}


def test_two_criteria_with_one_text_are_proven_together(suite: Suite) -> None:
    """A text that stands twice in a document means both places."""
    suite.write({"one": suite.PROVING})
    suite.document.write_text(suite.document.read_text() + "- [ ] one\n")
    result = suite.run()
    result.stdout.fnmatch_lines(["All 2 criteria are proven."])


def test_markers_of_another_document_are_passed_over(suite: Suite) -> None:
    """A suite may hold the tests of several documents."""
    suite.write({"one": "@pytest.mark.criterion('WS-901', 'something else')\n" + suite.PROVING})
    (suite.path / "WS-901.md").write_text("## WS-901: Other")
    suite.run()
    assert suite.states() == {"one": "proven"}


def test_markers_are_checked_while_collecting_only(suite: Suite) -> None:
    """--collect-only finds a wrong marker, and leaves the evidence of an earlier run alone."""
    suite.write({"one": suite.PROVING})
    suite.run()
    before = {path: path.read_bytes() for path in suite.folder.iterdir()}
    assert suite.run("--collect-only").ret == pytest.ExitCode.OK
    suite.add("test_wrong.py", "zero", suite.PROVING)
    assert suite.run("--collect-only").ret == pytest.ExitCode.USAGE_ERROR
    assert {path: path.read_bytes() for path in suite.folder.iterdir()} == before


@pytest.mark.parametrize("arguments", [(), ("--workstream=",)], ids=["nothing", "a variable that nobody set"])
def test_the_marker_is_known_without_a_document(
    suite: Suite, pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    """--strict-markers accepts the markers when no document is given, and nothing else happens."""
    suite.write({"one": "def test():\n    pass\n"})
    result = pytester.runpytest_inprocess(*suite.LEAN, "--strict-markers", *arguments)
    assert result.ret == pytest.ExitCode.OK
    assert not suite.folder.exists()


@pytest.mark.parametrize(
    ("lines", "states"),
    [
        ("", ["unproven", "unproven"]),
        ("static WS-900", ["proven", "proven"]),
        ("static WS-900 one", ["proven", "unproven"]),
        ("static ws-900 **one**", ["proven", "unproven"]),
        ("static WS-900\n    cluster WS-900 two", ["proven", "unproven"]),
        ("static WS-901", ["unproven", "unproven"]),
    ],
    ids=["nothing", "the document", "a criterion", "as a reader sees it", "all but one", "another document"],
)
def test_a_criterion_takes_the_cluster_unless_the_project_allows_less(
    suite: Suite, lines: str, states: list[str]
) -> None:
    """What is not allowed is told with how to allow it; a test's own word is none."""
    suite.write({"one": suite.PROVING, "two": suite.PROVING})
    (suite.path / "pytest.ini").write_text(f"[pytest]\nworkstream_levels =\n    {lines}\n")
    result = suite.run()
    assert list(suite.states().values()) == states
    if "unproven" in states:
        result.stdout.fnmatch_lines(["*only at level static: its fixtures do not ask for `cluster`*workstream_levels*"])


def test_evidence_of_another_level_is_stale(suite: Suite, run: Run) -> None:
    """What a criterion takes is a part of what was proven, in a log and in an accepted result; layout is none."""
    suite.write({"one": suite.PROVING})
    settings = suite.path / "pytest.ini"
    settings.write_text("[pytest]\nworkstream_levels = static WS-900\n")
    suite.run()
    assert run("accept", suite.document)[0] == 0

    settings.write_text("[pytest]\naddopts = --color=no\nworkstream_levels =\n    static WS-900\n")
    assert run("gate", suite.document)[0] == 0
    assert run("tick", suite.document, "--write")[0] == 0
    assert "- [x] one" in suite.document.read_text()
    settings.write_text("[pytest]\nworkstream_levels = image WS-900\n")
    why = "It was proven, but settings of pytest (pytest.ini) changed since."
    assert why in run("status", suite.document)[1]
    assert "AC1 (stale, was proven, and ticked)" in run("gate", suite.document)[1]
    run("tick", suite.document, "--write")
    assert "- [ ] one" in suite.document.read_text()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("moon WS-900", "says no level and document"),
        ("static", "says no level and document"),
        ("static WS-900 three", "has no criterion 'three'"),
    ],
)
def test_a_level_that_cannot_be_understood_stops_the_run(suite: Suite, line: str, said: str) -> None:
    """The line is told, and what was expected."""
    suite.write({"one": suite.PROVING})
    (suite.path / "pytest.ini").write_text(f"[pytest]\nworkstream_levels = {line}\n")
    result = suite.run()
    assert result.ret == 64
    assert said in result.stderr.str()
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


@pytest.mark.parametrize("where", ["documents", "documents/WS-901.md", "doc*/*.md"])
def test_markers_may_name_the_documents_of_the_project(suite: Suite, where: str) -> None:
    """workstream_documents says where they stand; an id that none of them has stays unknown."""
    suite.write({"one": "@pytest.mark.criterion('WS-901', 'something else')\n" + suite.PROVING})
    (suite.path / "documents").mkdir()
    (suite.path / "documents" / "WS-901.md").write_text("## WS-901: Other")
    (suite.path / "documents" / "README.md").write_text("No document.\n")
    assert suite.run().ret == pytest.ExitCode.USAGE_ERROR
    with (suite.path / "pytest.ini").open("a") as file:
        file.write(f"workstream_documents = {where}\n")
    assert suite.run().ret == pytest.ExitCode.OK
