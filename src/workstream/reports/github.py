"""The summary of a GitHub job: what is not proven first, visibly cut where GitHub would refuse it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstream.reports import checklist

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workstream.documents import Document
    from workstream.evidence import Log, Verdict

VARIABLE = "GITHUB_STEP_SUMMARY"
LIMIT_BYTES = 1024 * 1024
_CUT = "\n\n**Cut here: the whole report is among the artifacts of this run.**\n"


def summary(document: Document, log: Log, verdicts: Sequence[Verdict]) -> str:
    """Return the checklist with what is not proven first, no longer than a job summary may be."""
    ordered = sorted(verdicts, key=lambda verdict: verdict.proven)
    return cut(checklist.markdown(document, log, ordered))


def cut(report: str) -> str:
    """Return a report that is no longer than a job summary may be."""
    text = report.encode()
    if len(text) <= LIMIT_BYTES:
        return report
    return text[: LIMIT_BYTES - len(_CUT)].decode("utf-8", "ignore") + _CUT
