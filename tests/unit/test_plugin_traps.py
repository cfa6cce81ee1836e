"""Every situation in which a run looks like proof and is none, run for real, alone and under pytest-xdist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workstream import documents, evidence

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

FOLDER = "build/acceptance/WS-900"

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
        "proven",
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
}


@pytest.fixture(autouse=True)
def _no_job_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what these runs say out of the job summary of the run that they are part of."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def document(*texts: str) -> str:
    """Return a document with these criteria."""
    return "\n".join(["## WS-900: Traps", "", "### Acceptance Criteria", "", *(f"- [ ] {text}" for text in texts), ""])


def marked(text: str, source: str, level: str = "static") -> str:
    """Return a test module whose test speaks of a criterion."""
    lines = source.strip("\n").splitlines()
    margin = len(lines[0]) - len(lines[0].lstrip())
    body = "\n".join(line[margin:] for line in lines)
    return f'import pytest\n\npytestmark = pytest.mark.criterion("WS-900", {text!r}, level={level!r})\n\n{body}\n'


@pytest.fixture
def states(pytester: pytest.Pytester) -> Callable[[], dict[str, str]]:
    """What the log that a run left says, by criterion text: read again, as the command line does."""

    def read() -> dict[str, str]:
        found = documents.read(pytester.path / "WS-900.md")
        log = evidence.read(pytester.path / FOLDER / "evidence.jsonl")
        return {verdict.criterion.text: str(verdict.state) for verdict in evidence.verdicts(log, found)}

    return read


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Callable[[dict[str, str]], None]:
    """Write a document with these criteria, and a test module for each that has a source."""

    def write(sources: dict[str, str]) -> None:
        (pytester.path / "WS-900.md").write_text(document(*sources))
        for number, (text, source) in enumerate(sources.items()):
            if source:
                (pytester.path / f"test_{number:02}.py").write_text(marked(text, source))

    return write


ALONE_AND_DISTRIBUTED = pytest.mark.parametrize("distributed", [(), ("-n2",)], ids=["alone", "xdist"])


@ALONE_AND_DISTRIBUTED
def test_only_what_was_proven_is_ticked(
    pytester: pytest.Pytester,
    suite: Callable[[dict[str, str]], None],
    states: Callable[[], dict[str, str]],
    distributed: tuple[str, ...],
) -> None:
    """Each situation gets its own verdict, with and without pytest-xdist, and the run is red."""
    suite({text: source for text, (source, _) in SITUATIONS.items()})
    result = pytester.runpytest("--workstream=WS-900.md", *distributed)
    assert states() == {text: state for text, (_, state) in SITUATIONS.items()}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
