"""What GitHub shows: the summary of a job, annotations on lines, a comment on a pull request.

What is too long for it is cut where it can be seen. Texts of documents and reasons are shown, never interpreted: they
may hold markup, commands to GitHub's runner, or names that GitHub would notify.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstream.reports import checklist, runner
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.documents import Document
    from workstream.evidence import Log, Verdict
    from workstream.reports.gate import Decision

VARIABLE = "GITHUB_STEP_SUMMARY"
LIMIT_BYTES = 1024 * 1024
MARK = "<!-- workstream gate -->"  # the first line of the comment by which it is found again
_COMMENT_LIMIT = 65_536  # characters
_MOST_ROWS = 100
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


def shown_at_lines(decision: Decision) -> Iterator[str]:
    """Yield an annotation for all that keeps the gate closed, at the line of the criterion that it is about."""
    for one in decision.obstacles:
        title = f"{one.document.id} {one.name} {one.state}" if one.name else f"{one.document.id} {one.state}"
        message = f"{one_line(one.text)}\n{one.reason}" if one.text else one.reason
        yield runner.error(str(one.document.path), one.line, title, message)


def comment(decision: Decision) -> str:
    """Return what a pull request is told: the sentence, and what keeps the gate closed; no longer than it may be."""
    lines = [MARK, f"**{checklist.prose(decision.sentence)}**"]
    if decision.obstacles:
        lines += ["", "| criterion | verdict | text | why |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {one.document.id} {one.name} | {one.state} | {_cell(one.text)} | {_cell(one.reason)} |"
        for one in decision.obstacles[:_MOST_ROWS]
    ]
    left = len(decision.obstacles) - _MOST_ROWS
    if left > 0:
        lines += ["", f"And {left} more."]
    text = "\n".join(lines) + "\n"
    return text if len(text) <= _COMMENT_LIMIT else text[: _COMMENT_LIMIT - len(_CUT)] + _CUT


def _cell(text: str) -> str:
    """Return a cell of a table; as code, because GitHub notifies whoever is named after an @ in anything else."""
    return checklist.code(one_line(text)).replace("|", "\\|") if text else ""
