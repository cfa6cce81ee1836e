"""Sessions that prove the criteria several times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import evidence

if TYPE_CHECKING:
    from tests.unit.plugin.conftest import Suite

# Passes but for the second of three times, and says so to nobody.
UNRELIABLE = """
    import pathlib

    def test(evidence):
        counter = pathlib.Path("counter")
        count = len(counter.read_text()) if counter.exists() else 0
        counter.write_text("x" * (count + 1))
        evidence.record("times before", count)
        assert count != 1, "not today"
"""
FIXTURES = """
    @pytest.fixture(scope="session")
    def product(subject):
        subject.describe("product", "made")
        yield
        subject.describe("product", "gone")

    def test(evidence, product):
        evidence.record("answer", 42)
"""


def test_what_fails_in_one_round_is_flaky_and_the_round_is_named(suite: Suite) -> None:
    """A criterion that failed once is not ticked, though it is proven before and after."""
    suite.write({"always": suite.PROVING, "mostly": UNRELIABLE})
    result = suite.run("--workstream-repeat=3")

    assert suite.states() == {"always": "proven", "mostly": "flaky"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["AC1 was proven in 3 of 3 rounds", "AC2 was proven in 2 of 3 rounds (round 2: failed)", "1 of 2 criteria are*"]
    )
    assert "AC1 was proven in 3 of 3 rounds" in (suite.folder / "checklist.md").read_text()


def test_every_round_has_its_own_fixtures_and_its_own_evidence(suite: Suite) -> None:
    """What a session's fixture makes is made and taken away in every round; every observation has its attempt."""
    suite.write({"one": FIXTURES})
    (suite.path / "test_plain.py").write_text("def test_that_speaks_of_nothing():\n    pass\n")
    result = suite.run("--workstream-repeat=4")
    log = suite.log()

    assert result.ret == pytest.ExitCode.OK
    assert [one.attempt for one in log.observations] == [1, 2, 3, 4]
    assert [one.value for one in log.subjects if one.name == "product"] == ["made", "gone"] * 4
    assert [one.round for one in log.outcomes if one.test.startswith("test_plain") and one.when == "call"] == [1]
    assert [[one.state for one in verdicts] for verdicts in evidence.rounds(log, suite.read())] == [["proven"]] * 4


def test_a_run_without_rounds_says_nothing_of_them(suite: Suite) -> None:
    """One round is what a run is."""
    suite.write({"one": suite.PROVING})
    suite.run()

    assert "rounds" not in (suite.folder / "checklist.md").read_text()


def test_one_round_may_be_asked_for(suite: Suite) -> None:
    """It is what a run is anyway."""
    suite.write({"one": suite.PROVING})
    assert suite.run("--workstream-repeat=1").ret == pytest.ExitCode.OK
    assert suite.log().rounds == ()


@pytest.mark.parametrize("count", ["0", "-1", "often", "1.5", ""])
def test_what_is_no_number_of_rounds_is_refused(suite: Suite, count: str) -> None:
    """The error says what was expected."""
    suite.write({"one": suite.PROVING})
    result = suite.run(f"--workstream-repeat={count}", own_process=True)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--workstream-repeat*expected a whole number above zero*"])


def test_rounds_and_processes_of_xdist_exclude_each_other(suite: Suite) -> None:
    """Rounds come one after the other: that is said at once."""
    suite.write({"one": suite.PROVING})
    result = suite.run("--workstream-repeat=2", "-n2", own_process=True)

    assert result.ret == 64


@pytest.mark.parametrize("option", ["--workstream-repeat=2", "--workstream-controls=."])
def test_rounds_without_a_document_are_refused(pytester: pytest.Pytester, option: str) -> None:
    """Who asks for rounds does not get an ordinary run instead."""
    pytester.makepyfile("def test():\n    pass\n")

    assert pytester.runpytest_subprocess(option).ret == 64
