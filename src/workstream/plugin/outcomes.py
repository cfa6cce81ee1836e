"""Turns pytest's reports into lines of the log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workstream.evidence import records
from workstream.text import one_line

if TYPE_CHECKING:
    import pytest


_LONGEST_MESSAGE = 10_000  # characters of evidence that a reader of the log still takes in; reports show less
# The class of an error, where its message says the same in words.
_ERROR_CLASS = re.compile(r"^(AssertionError|workstream\.errors\.\w+): ")


def subtest_of(report: pytest.TestReport) -> str:
    """Return which subtest a report is of; empty for the test itself."""
    context = getattr(report, "context", None)
    if context is None:
        return ""
    parts = [context.msg or "", *(f"{key}={value}" for key, value in context.kwargs.items())]
    return " ".join(part for part in parts if part) or "subtest"


def of_test(report: pytest.TestReport, test: str, attempt: int, round_number: int, subtest: str) -> records.Outcome:
    """Return the line of the log for one report.

    Args:
        report: pytest's.
        test: the node id that the test was collected with.
        attempt: which run of the test it is of.
        round_number: see `records.Outcome`.
        subtest: see `subtest_of`.

    """
    crashed = report.when not in {"setup", "call", "teardown"}
    if hasattr(report, "wasxfail"):
        result = records.Result.EXPECTED_FAILURE if report.skipped else records.Result.UNEXPECTED_PASS
    elif report.passed:
        result = records.Result.PASSED
    elif report.skipped:
        result = records.Result.SKIPPED
    else:
        result = records.Result.FAILED  # pytest-rerunfailures' own outcome "rerun" too: that attempt failed
    return records.Outcome(
        test=test,
        attempt=attempt,
        round=round_number,
        when="crash" if crashed else report.when,
        subtest=subtest,
        result=result,
        message="" if report.passed else _message(report),
        seconds=round(report.duration, 3),
    )


def of_collection(report: pytest.CollectReport) -> records.Outcome:
    """Return the line of the log for a module or class that could not be read for its tests, or was skipped whole."""
    return records.Outcome(
        test=report.nodeid,
        attempt=1,
        when="collect",
        result=records.Result.SKIPPED if report.skipped else records.Result.FAILED,
        message=_message(report),
    )


def _message(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why, in one line."""
    if hasattr(report, "wasxfail"):
        return one_line(report.wasxfail or "expected to fail")
    if isinstance(report.longrepr, tuple):  # a skip: file, line, reason
        return one_line(str(report.longrepr[2]).removeprefix("Skipped: "))
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else _last_error(str(report.longrepr))
    return one_line(_ERROR_CLASS.sub("", text), _LONGEST_MESSAGE)


def _last_error(text: str) -> str:
    """Return the error itself where there is only the text of a traceback."""
    marked = [line.removeprefix("E ") for line in text.splitlines() if line.startswith("E ")]
    return marked[-1] if marked else text
