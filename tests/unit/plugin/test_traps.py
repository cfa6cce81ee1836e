"""Every situation in which a run looks like proof and is none, run for real, alone and under pytest-xdist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import errors

if TYPE_CHECKING:
    from tests.unit.plugin.conftest import Suite

# Name of the situation: what stands in the suite, and what must be said of its criterion.
SITUATIONS = {
    "proven": (
        """
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "failed in its call": (
        """
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42, "the answer is wrong"
        """,
        "failed",
    ),
    "returned what it should have asserted": (
        """
        def test(evidence):
            evidence.record("answer", 41)
            return 41 == 42
        """,
        "failed",
    ),
    "failed in its teardown": (
        """
        @pytest.fixture
        def guest():
            yield
            raise RuntimeError("the guest stays")

        def test(evidence, guest):
            evidence.record("answer", 42)
        """,
        "failed",
    ),
    "failed in its setup": (
        """
        @pytest.fixture
        def guest():
            raise RuntimeError("the guest does not come")

        def test(evidence, guest):
            evidence.record("answer", 42)
        """,
        "blocked",
    ),
    "skipped by a mark": (
        """
        @pytest.mark.skip(reason="no time")
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "skipped",
    ),
    "skipped in its setup": (
        """
        @pytest.fixture
        def guest():
            pytest.skip("no guest")

        def test(evidence, guest):
            evidence.record("answer", 42)
        """,
        "skipped",
    ),
    "skipped after recording": (
        """
        def test(evidence):
            evidence.record("answer", 42)
            pytest.skip("enough")
        """,
        "skipped",
    ),
    "expected to fail, and fails": (
        """
        @pytest.mark.xfail(reason="known")
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
        """,
        "failed",
    ),
    "expected to fail, and passes": (
        """
        @pytest.mark.xfail(reason="known", strict=False)
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "failed",
    ),
    "expected to fail strictly, and passes": (
        """
        @pytest.mark.xfail(reason="known", strict=True)
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "failed",
    ),
    "all subtests skipped": (
        """
        def test(evidence, subtests):
            evidence.record("answer", 42)
            for number in range(3):
                with subtests.test(number=number):
                    pytest.skip("no part")
        """,
        "skipped",
    ),
    "one subtest failed": (
        """
        def test(evidence, subtests):
            evidence.record("answer", 42)
            for number in range(3):
                with subtests.test(number=number):
                    assert number != 1
        """,
        "failed",
    ),
    "all subtests passed": (
        """
        def test(evidence, subtests):
            for number in range(3):
                with subtests.test(number=number):
                    evidence.record("number", number)
        """,
        "proven",
    ),
    "recorded nothing": (
        """
        def test(evidence):
            assert 42 == 42
        """,
        "unproven",
    ),
    "knows no evidence": (
        """
        def test():
            assert 42 == 42
        """,
        "unproven",
    ),
    "recorded what no log can hold": (
        """
        def test(evidence):
            evidence.record("answer", object())
        """,
        "failed",
    ),
    "recorded in its setup and its teardown": (
        """
        @pytest.fixture
        def guest(evidence):
            evidence.record("came", True)
            yield
            evidence.record("left", True)

        def test(guest):
            pass
        """,
        "unproven",
    ),
    "one of its parameters fails": (
        """
        @pytest.mark.parametrize("number", [1, 2])
        def test(evidence, number):
            evidence.record("number", number)
            assert number == 1
        """,
        "failed",
    ),
    "one of its parameters is skipped": (
        """
        @pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.skip(reason="no two"))])
        def test(evidence, number):
            evidence.record("number", number)
        """,
        "skipped",
    ),
    "in a group of pytest-xdist": (
        """
        @pytest.mark.xdist_group("together")
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "needs the cluster": (
        """
        @pytest.mark.criterion("WS-900", "needs the cluster", level="cluster")
        def test(evidence):
            evidence.record("answer", 42)
        """,
        "unproven",
    ),
    "claims the cluster": (
        """
        @pytest.mark.criterion("WS-900", "claims the cluster")
        def test(evidence):
            evidence.record("answer", 42, level="cluster")
        """,
        "failed",
    ),
    "uses the cluster": (
        """
        @pytest.mark.criterion("WS-900", "uses the cluster", level="cluster")
        def test(evidence, cluster):
            evidence.record("answer", 42)
        """,
        "proven",
    ),
    "uses the cluster, and recorded nearer to the desk": (
        """
        @pytest.mark.criterion("WS-900", "uses the cluster, and recorded nearer to the desk", level="cluster")
        def test(evidence, cluster):
            evidence.record("answer", 42, level="image")
        """,
        "unproven",
    ),
    "fails on the cluster": (
        """
        def test(evidence, cluster):
            evidence.record("answer", 42)
            assert False
        """,
        "failed",
    ),
    "uses something else called cluster": (
        """
        @pytest.fixture
        def cluster():
            return "not really"

        @pytest.mark.criterion("WS-900", "uses something else called cluster", level="cluster")
        def test(evidence, cluster):
            evidence.record("answer", 42)
        """,
        "unproven",
    ),
}


ALONE_AND_DISTRIBUTED = pytest.mark.parametrize(
    "distributed", [(), ("-n1", "--dist=loadgroup")], ids=["alone", "xdist"]
)
DYING = """
    import os

    def test(evidence):
        evidence.record("answer", 42)
        os._exit(1)
"""
DYING_ONCE = """
    import os
    from pathlib import Path

    def test(evidence):
        evidence.record("answer", 42)
        if not Path(__file__ + ".ran").exists():
            Path(__file__ + ".ran").touch()
            os._exit(1)
"""
FLAKY = """
    from pathlib import Path

    def test(evidence):
        first = not Path(__file__ + ".ran").exists()
        Path(__file__ + ".ran").touch()
        evidence.record("first", first)
        assert not first
"""
FLAKY_IN_SETUP = """
    from pathlib import Path

    @pytest.fixture
    def guest():
        first = not Path(__file__ + ".ran").exists()
        Path(__file__ + ".ran").touch()
        assert not first

    def test(evidence, guest):
        evidence.record("answer", 42)
"""


@ALONE_AND_DISTRIBUTED
def test_only_what_was_proven_is_ticked(suite: Suite, distributed: tuple[str, ...]) -> None:
    """Each situation gets its own verdict, with and without pytest-xdist, and the run is red."""
    suite.write({text: source for text, (source, _) in SITUATIONS.items()})
    result = suite.run(*distributed)
    assert suite.states() == {text: state for text, (_, state) in SITUATIONS.items()}
    assert not suite.log().cut
    assert result.ret not in {pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR}


@pytest.mark.parametrize("distributed", [(), ("-n2",)], ids=["alone", "xdist"])
def test_a_run_that_proves_everything_is_green(suite: Suite, distributed: tuple[str, ...]) -> None:
    """A run that proves every criterion ends with exit code 0."""
    suite.write({"one": suite.PROVING, "two": suite.PROVING})
    result = suite.run(*distributed)
    assert suite.states() == {"one": "proven", "two": "proven"}
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["All 2 criteria are proven."])


def test_a_criterion_without_a_test_keeps_a_run_from_being_green(suite: Suite) -> None:
    """Every test passes, one criterion has none: the run is red."""
    suite.write({"one": suite.PROVING, "two": ""})
    result = suite.run()
    assert suite.states() == {"one": "proven", "two": "uncovered"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@ALONE_AND_DISTRIBUTED
def test_what_is_deselected_was_not_run(suite: Suite, distributed: tuple[str, ...]) -> None:
    """A criterion is not run if one of its tests is deselected, even though another one passes."""
    suite.write({"one": suite.PROVING, "two": f"{suite.PROVING}\n{suite.PROVING.replace('test', 'test_more')}"})
    result = suite.run("-k", "not test_more", *distributed)
    assert suite.states() == {"one": "proven", "two": "not-run"}
    assert result.ret == errors.PartialRunError.exit_code


def test_parts_of_a_test_are_told_by_their_names(suite: Suite) -> None:
    """Every subtest is an outcome of its own, beside that of the test around it."""
    source = """
        def test(evidence, subtests):
            evidence.record("answer", 42)
            with subtests.test("first"):
                pass
            with subtests.test("second", number=2):
                assert False
            with subtests.test():
                pass
    """
    suite.write({"one": source})
    suite.run()
    calls = [(one.subtest, str(one.result)) for one in suite.log().outcomes if one.when == "call"]
    assert calls[:3] == [("first", "passed"), ("second number=2", "failed"), ("subtest", "passed")]
    assert [subtest for subtest, _ in calls[3:]] == [""]


def test_what_comes_after_the_first_failure_was_not_run(suite: Suite) -> None:
    """With -x, what stands after the first failure is not run."""
    suite.write({"failing": SITUATIONS["failed in its call"][0], "one": suite.PROVING})
    suite.run("-x")
    assert suite.states() == {"failing": "failed", "one": "not-run"}


@ALONE_AND_DISTRIBUTED
def test_what_passes_on_a_retry_is_flaky(suite: Suite, distributed: tuple[str, ...]) -> None:
    """A test that fails, is run again and passes proves nothing; one that keeps failing has failed."""
    failing = SITUATIONS["failed in its call"][0]
    suite.write({"flaky": FLAKY, "flaky in its setup": FLAKY_IN_SETUP, "failing": failing, "one": suite.PROVING})
    result = suite.run("--reruns=2", *distributed)
    assert suite.states() == {"flaky": "flaky", "flaky in its setup": "flaky", "failing": "failed", "one": "proven"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    seen = [(one.attempt, one.value) for one in suite.log().observations if one.what == "first"]
    assert seen == [(1, True), (2, False)]


def test_what_a_dying_process_ran_is_blocked(suite: Suite) -> None:
    """A test whose process dies blocks its criterion; what the process saw before, and the next one after, counts."""
    suite.write({"one": suite.PROVING, "dying": DYING, "two": suite.PROVING})
    result = suite.run("-n1")
    assert suite.states() == {"one": "proven", "dying": "blocked", "two": "proven"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_what_a_dying_process_ran_and_another_ran_again_is_not_proven(suite: Suite) -> None:
    """A test whose process dies and that passes in the next one proves nothing."""
    suite.write({"dying": DYING_ONCE, "one": suite.PROVING})
    suite.run("-n1", "--reruns=1")
    assert suite.states() == {"dying": "blocked", "one": "proven"}


def test_a_run_that_dies_leaves_a_readable_log(suite: Suite) -> None:
    """A run that is killed keeps what was seen up to then; what it did not finish is blocked or not run."""
    suite.write({"one": suite.PROVING, "dying": DYING, "two": suite.PROVING})
    suite.run(own_process=True)
    assert suite.states() == {"one": "proven", "dying": "blocked", "two": "not-run"}
    assert suite.log().cut
    assert [one.value for one in suite.log().observations] == [42, 42]


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("import no_such_module", "blocked"),
        ("import pytest\npytest.skip('no time', allow_module_level=True)", "skipped"),
        ("import pytest\npytest.importorskip('no_such_module')", "skipped"),
    ],
    ids=["broken", "skipped", "needs more"],
)
def test_a_module_that_cannot_be_read_hides_its_tests(suite: Suite, source: str, state: str) -> None:
    """A module that is broken or skipped as a whole could speak of any criterion: nothing is proven."""
    suite.write({"one": suite.PROVING})
    (suite.path / "test_more.py").write_text(source)
    result = suite.run("--continue-on-collection-errors")
    assert suite.states() == {"one": state}
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_module_that_cannot_be_read_hides_its_tests_under_xdist(suite: Suite) -> None:
    """Processes of pytest-xdist say so too, and it is written once."""
    suite.write({"one": suite.PROVING})
    (suite.path / "test_more.py").write_text("import no_such_module")
    suite.run("--continue-on-collection-errors", "-n2")
    assert suite.states() == {"one": "blocked"}
    assert [one.test for one in suite.log().outcomes if one.when == "collect"] == ["test_more.py"]
