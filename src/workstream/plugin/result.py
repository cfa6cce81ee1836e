"""What a run came to: read from its log, written as reports, turned into an exit code."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workstream import errors, evidence, files
from workstream.evidence import freshness, records
from workstream.reports import checklist, github, matrix, overview, page, status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from workstream.documents import Document
    from workstream.evidence import Log, Verdict
    from workstream.evidence.matrix import Matrix
    from workstream.plugin.project import Project
    from workstream.plugin.rounds import Plan


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to.

    Attributes:
        document: the document under acceptance.
        folder: where its reports stand.
        ran: the tests that ran.
        selection: what was selected; None if nothing was.
        verdicts: of each criterion, by place; empty of a session with controls.
        repetition: how often each criterion was proven, line by line; empty if there was one round.
        matrix: what the controls showed; None if there were none.
        dependencies: the documents that it depends on, and how far they were.

    """

    document: Document
    folder: Path
    ran: Collection[str]
    selection: records.Selection | None
    verdicts: tuple[Verdict, ...] = ()
    repetition: tuple[str, ...] = ()
    matrix: Matrix | None = None
    dependencies: tuple[records.Dependency, ...] = ()

    @property
    def is_proven(self) -> bool:
        """Whether there are criteria, and all are proven; of a session with controls, whether they were noticed."""
        if self.matrix:
            return self.matrix.agrees
        return bool(self.verdicts) and all(verdict.proven for verdict in self.verdicts)

    @property
    def is_part(self) -> bool:
        """Whether criteria are unproven only because this run was a part of the suite."""
        states = {verdict.state for verdict in self.verdicts if not verdict.proven}
        return bool(self.selection and self.selection.partial and states == {evidence.State.NOT_RUN})

    @property
    def reports(self) -> tuple[str, ...]:
        """The names of the reports that people want to read."""
        return (page.NAME, matrix.MARKDOWN, matrix.JSON) if self.matrix else (page.NAME, checklist.NAME)


def exit_status(results: Sequence[Result], of_tests: int) -> int:
    """Return the exit code that the verdicts on all documents give, or the matrix.

    Args:
        results: what the run came to, of each document.
        of_tests: pytest's own.

    """
    unproven = [result for result in results if not result.is_proven]
    if not unproven:
        return pytest.ExitCode.OK if any(result.matrix for result in results) else of_tests
    was_part = of_tests == pytest.ExitCode.OK and all(result.is_part for result in unproven)
    return errors.PartialRunError.exit_code if was_part else pytest.ExitCode.TESTS_FAILED


def dependencies(project: Project, document: Document, results: Mapping[str, Result]) -> Iterator[records.Dependency]:
    """Yield the lines of the log that say how far the documents are that one depends on.

    Args:
        project: the documents of the run.
        document: the one.
        results: what the run came to so far, by the document's id.

    """
    for one in project.needs.get(document.id, ()):
        if one in results:
            proven, how = results[one].is_proven, checklist.summary(results[one].verdicts)
        elif one in project.by_id:
            proven, how = False, "Its evidence could not be judged."
        else:
            known = one in project.document_ids
            proven, how = None, "This run was not on it." if known else "There is no such document here."
        yield records.Dependency(document_id=one, proven=proven, what=how)


def row(document: Document, result: Result | None) -> overview.Row:
    """Return how a document stands beside others; without a result if its evidence could not be judged."""
    return overview.Row(
        id=document.id,
        title=document.title,
        document=str(document.path),
        dialect=document.dialect,
        proven=bool(result and result.is_proven),
        part=bool(result and result.is_part),
        summary=checklist.summary(result.verdicts) if result else "Its evidence could not be judged.",
        criteria={verdict.criterion_id: verdict.state for verdict in result.verdicts} if result else {},
        dependencies=result.dependencies if result else (),
    )


def judged(result: Result, log: Log, root: Path) -> Result:
    """Return a result with the verdicts that a log gives, and write them as reports.

    Args:
        result: without them.
        log: the run's.
        root: what the paths of described files start from.

    Raises:
        errors.EvidenceError: a report cannot be written.

    """
    document, folder = result.document, result.folder
    verdicts = freshness.current(log, document, root)
    files.write(folder / checklist.NAME, checklist.markdown(document, log, verdicts))
    files.write(folder / page.NAME, page.html(document, log, verdicts))
    partial = bool(log.selection and log.selection.partial)
    standing = status.status(document, (log.path,), verdicts, partial=partial)
    files.write(folder / status.NAME, standing.model_dump_json(indent=2) + "\n")
    _summarise(github.summary(document, log, verdicts))
    repetition = tuple(checklist.repetition(log, document))
    return replace(result, verdicts=verdicts, repetition=repetition)


def compared(result: Result, log: Log, plan: Plan, controls: str) -> Result:
    """Return a result with what the controls showed, and write it as reports; without verdicts: the product was broken.

    Args:
        result: without it.
        log: the run's.
        plan: what was to be run.
        controls: the file or folder that they came from; a folder stands for all that there are.

    Raises:
        errors.EvidenceError: a report cannot be written.

    """
    document, folder = result.document, result.folder
    comparison = evidence.matrix(log, document, plan.controls, every=Path(controls).is_dir())
    comparison = replace(comparison, why=plan.why)
    files.write(folder / matrix.MARKDOWN, matrix.markdown(document, comparison))
    files.write(folder / matrix.JSON, matrix.as_json(document, comparison))
    files.write(folder / page.NAME, page.html(document, log, (), comparison))
    _summarise(github.cut(matrix.markdown(document, comparison)))
    return replace(result, matrix=comparison)


def _summarise(text: str) -> None:
    """Add to the summary of a job on GitHub, if this is one."""
    if os.environ.get(github.VARIABLE):
        files.append(Path(os.environ[github.VARIABLE]), text)
