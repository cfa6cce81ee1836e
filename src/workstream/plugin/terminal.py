"""What a person reads at the end of a run."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from workstream.evidence import log as evidence_log
from workstream.reports import checklist, matrix, overview
from workstream.text import one_line

if TYPE_CHECKING:
    import pytest

    from workstream.plugin.result import Result

_LONGEST_TEXT, _LONGEST_REASON = 100, 600  # characters in one line


def show(reporter: pytest.TerminalReporter, result: Result | None, *, brief: bool = False) -> None:
    """Print what a run came to.

    Args:
        reporter: pytest's.
        result: what it came to; None if its evidence could not be judged.
        brief: whether to pass over the criteria that are proven.

    """
    if result is None:
        reporter.write_line("There is no verdict: the evidence could not be judged.", bold=True, red=True)
        return
    for line in checklist.dependencies(result.dependencies):
        reporter.write_line(line, yellow=True)
    if result.matrix:
        for line in matrix.lines(result.document, result.matrix):
            reporter.write_line(line)
    else:
        _show_verdicts(reporter, result, brief=brief)
    for name in (*result.reports, evidence_log.NAME):
        reporter.write_line(f"  {result.folder / name}")


def show_overview(reporter: pytest.TerminalReporter, whole: overview.Overview, path: Path) -> None:
    """Print how documents stand beside each other, and why the run ends as it does."""
    for row, line in zip(whole.documents, overview.lines(whole), strict=True):
        reporter.write_line(line, green=row.proven, red=not row.proven)
    reporter.write_line("")
    reporter.write_line(whole.sentence, bold=True)
    reporter.write_line(f"  {path}")


def _show_verdicts(reporter: pytest.TerminalReporter, result: Result, *, brief: bool) -> None:
    """Print the verdicts; of a part of the suite only of the criteria that it spoke of."""
    ran = set(result.ran)
    for verdict in result.verdicts:
        if (result.is_part and ran.isdisjoint(verdict.tests)) or (brief and verdict.proven):
            continue
        box = "x" if verdict.proven else " "
        text = one_line(verdict.criterion.text, _LONGEST_TEXT)
        marks = {"green": verdict.proven, "red": not verdict.proven}
        reporter.write_line(f"[{box}] {verdict.criterion_id:<4} {text}", **marks)
        if not verdict.proven:
            reporter.write_line(f"         {verdict.state}: {one_line(verdict.reason, _LONGEST_REASON)}")
    if not brief:
        reporter.write_line("")
    for line in result.repetition:
        reporter.write_line(line)
    reporter.write_line(checklist.summary(result.verdicts), bold=True)
    if result.selection is not None and result.selection.partial:
        spoke = [verdict.criterion_id for verdict in result.verdicts if not ran.isdisjoint(verdict.tests)]
        about = f"It spoke of {', '.join(spoke)}" if spoke else "It spoke of no criterion"
        left_out = checklist.left_out(result.selection)
        reporter.write_line(f"This run was a part of the suite. {about}; {left_out}", yellow=True)


def uncaptured(config: pytest.Config) -> TextIO:
    """Return a stream to what standard error is when pytest does not capture it."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        try:
            return os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)
        except OSError:  # there is none
            return Path(os.devnull).open("w", encoding="utf-8")
