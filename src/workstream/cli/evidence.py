"""`workstream status | audit | tick | timings | schema`: documents beside what a run left behind."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING

import click

from workstream import documents, errors, evidence
from workstream.cli import sources
from workstream.cli.shared import DIALECT, DOCUMENT, PASSED_OVER, PATHS, PathType, documents_of, print_json, say
from workstream.documents import tick as boxes
from workstream.documents.audit import audit as findings_of
from workstream.documents.audit import summary
from workstream.evidence import records, ticking
from workstream.reports import guidance
from workstream.reports import status as report
from workstream.reports import timings as report_of_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


_AS_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead; `workstream schema` says its shape."
)


_NOT_EDITED = "nothing is edited in a document of this form"


@click.command()
@DOCUMENT
@DIALECT
@sources.EVIDENCE
@_AS_JSON
def status(path: Path, dialect: str, logs: tuple[Path, ...], *, as_json: bool) -> None:
    """Say which criteria are proven, stale (and what changed) or not proven; no cluster is asked.

    Exit code 0 if every criterion is proven, and nothing that proved it has changed since.
    """
    document = documents.read(path, dialect)
    found = sources.require(document, logs)
    standing = report.status(document, found.paths, found.verdicts, partial=found.partial)
    if as_json:
        print_json(standing.model_dump(mode="json"))
    for criterion in () if as_json else standing.criteria:
        box, text = "x" if criterion.proven else " ", " ".join(criterion.text.split())
        say(f"[{box}] {criterion.id:<4} {criterion.state}: {text}")
        if not criterion.proven:
            say(f"         {criterion.reason}")
    if standing.partial and not as_json:
        say("This evidence is of a part of the suite.")
    sys.exit(0 if standing.proven else 1)


@click.command()
@PATHS
@DIALECT
@PASSED_OVER
@sources.EVIDENCE
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
def audit(paths: Sequence[Path], dialect: str, logs: tuple[Path, ...], *, passed_over: bool, as_json: bool) -> None:
    """Compare what documents claim with what they define, and with evidence; exit code 1 if anything contradicts.

    A clone holds no evidence: there, what was accepted counts, as long as nothing changed that it rests on. Where there
    is neither, every claim is one that nobody proved.
    """
    rows, lines, count = [], [], 0
    for document in documents_of(paths, dialect, tell=passed_over):
        states, source = _states(document, logs)
        findings = findings_of(document, states, source=source)
        count += len(findings)
        for finding in findings:
            where = finding.path or document.path
            lines.append(f"{where}:{finding.position.line}:{finding.position.column}: {finding.message}")
            rows.append({"path": str(where), "line": finding.position.line, "criterion": finding.criterion_id,
                         "message": finding.message})  # fmt: skip
        lines.append(summary(document, findings))
    if as_json:
        print_json(rows)
    else:
        say("\n".join(lines))
    sys.exit(1 if count else 0)


@click.command()
@DOCUMENT
@DIALECT
@sources.EVIDENCE
@click.option("--write", is_flag=True, help="Tick and untick the boxes in the file.")
@click.option("--check", is_flag=True, help="Exit with 1 if boxes and evidence disagree; change nothing.")
@_AS_JSON
def tick(  # noqa: PLR0913 - one for each option
    path: Path, dialect: str, logs: tuple[Path, ...], *, write: bool, check: bool, as_json: bool
) -> None:
    """Show which boxes of a document the evidence ticks and unticks; with --write, do it.

    Only `proven` ticks. Only the byte between a box's brackets changes. Nothing is written if the evidence is
    of another document, if a criterion changed since, or if tests of a criterion were left out. Where there is no
    evidence, what was accepted counts, as long as nothing changed that it rests on. In forms in which nothing is edited
    (Kiro, BMAD, OpenSpec, spec-kit), --check fails where a ticked task rests on a criterion that is not proven.
    """
    if write and check:
        raise errors.UsageError("--write and --check exclude each other.", instead="Leave one of them away.")
    document = documents.read(path, dialect)
    found = sources.require(document, logs)
    if found.log is not None:
        ticking.require_same(found.log, document)
    standing = report.status(document, found.paths, found.verdicts, partial=found.partial)
    content = boxes.tick(document, standing.changes)
    if not as_json:
        _show(standing, document.content, content, found.name)
    if found.log is not None and (write or check):
        ticking.require_whole(found.log, found.verdicts)
    if write and standing.changes:
        boxes.write(path, document.content, content)
    if as_json:
        written = write and bool(standing.changes)
        print_json(report.Tick(**dict(standing), written=written).model_dump(mode="json"))
    else:
        say(f"{path}: {_count(standing.changes, found.name) if document.editable else _NOT_EDITED}", err=True)
    unproven = () if document.editable else _unproven(document, standing)
    for line in unproven if not as_json else ():
        say(line, err=True)
    if check and (standing.changes or unproven):
        sys.exit(1)


@click.command()
@click.argument("log", metavar="DOCUMENT|LOG", type=PathType())
@click.option(
    "--shortest",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Show no step that took less.",
)
@_AS_JSON
def timings(log: Path, shortest: float, *, as_json: bool) -> None:
    """Say where the time of a run went: its steps as a tree, and the critical path, which its end had to wait for.

    LOG is the evidence.jsonl that a run left; for a DOCUMENT it is that of its last run.
    """
    path = log
    if log.suffix != ".jsonl":
        document = documents.read(log)
        (path,) = sources.require_logs(document)
    told = report_of_time.timings(path, evidence.read(path))
    if as_json:
        print_json(told.model_dump(mode="json"))
    else:
        say("\n".join(report_of_time.lines(told, shortest)))


_SHAPES: dict[str, Callable[[], dict[str, object]]] = {
    "evidence": records.schema,
    "status": report.Status.model_json_schema,
    "tick": report.Tick.model_json_schema,
    "timings": report_of_time.Timings.model_json_schema,
    "next": guidance.Next.model_json_schema,
    "explain": guidance.Explained.model_json_schema,
}


@click.command()
@click.argument("name", type=click.Choice(list(_SHAPES)))
def schema(name: str) -> None:
    """Print a JSON Schema: of a line of an evidence log, or of what a command prints with `--json`."""
    print_json(_SHAPES[name]())


def _show(standing: report.Status, before: bytes, after: bytes, source: str) -> None:
    """Print the lines that change, and why a box that is ticked must not be."""
    old, new = (content.decode("utf-8", "replace").splitlines(keepends=True) for content in (before, after))
    names = (standing.document, f"{standing.document} (by {source})")
    say("".join(difflib.unified_diff(old, new, *names, n=0)), nl=False)
    for criterion in standing.criteria:
        if criterion.ticked and not criterion.proven:
            say(f"{criterion.id} is {criterion.state}: {' '.join(criterion.reason.split())}", err=True)


def _unproven(document: documents.Document, standing: report.Status) -> tuple[str, ...]:
    """Return what a document claims in which nothing is edited, and evidence does not hold up: a line a claim."""
    states = {criterion.id: criterion.state for criterion in standing.criteria if not criterion.proven}
    return tuple(
        f"{claim.path or document.path}:{claim.position.line}: {claim.criterion_id} is claimed, and is "
        f"{states[claim.criterion_id]}"
        for claim in document.claims
        if claim.affirmed and claim.criterion_id in states
    )


def _count(changes: Mapping[str, bool], source: str) -> str:
    """Return in words how many boxes do not agree with what verdicts come from."""
    if not changes:
        return f"every box agrees with the {source}"
    return f"1 box differs from the {source}" if len(changes) == 1 else f"{len(changes)} boxes differ from the {source}"


def _states(document: documents.Document, logs: tuple[Path, ...]) -> tuple[dict[str, str] | None, str]:
    """Return the verdict of every criterion, by its id, and what gives it.

    Evidence of others gives none; where there is neither evidence nor an accepted result, there are no verdicts.
    """
    paths = sources.logs_of(document, logs)
    ours = tuple(path for path in paths if evidence.read(path).session.document_id == document.id)
    try:
        found = sources.from_logs(document, ours) if ours else None if paths else sources.from_accepted(document)
    except errors.TickRefusedError:
        found = None
    if found is None:
        return ({} if paths else None), "evidence"
    return {verdict.criterion_id: str(verdict.state) for verdict in found.verdicts}, found.name
