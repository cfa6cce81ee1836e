"""`workstream status | audit | tick | schema`: documents beside what a run left behind."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workstream import documents, errors, evidence
from workstream.cli.shared import DIALECT, DOCUMENT, PASSED_OVER, PATHS, documents_of, print_json, say
from workstream.documents import tick as boxes
from workstream.documents.audit import audit as findings_of
from workstream.documents.audit import summary
from workstream.evidence import freshness, records, ticking
from workstream.reports import accepted as accepted_results
from workstream.reports import status as report
from workstream.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from workstream.evidence import Log, Verdict

_EVIDENCE = click.option(
    "--evidence",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The evidence.jsonl that a run left (default: build/acceptance/ID/evidence.jsonl of the document's project); "
    "several times for runs that were parts of one suite.",
)


_AS_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead; `workstream schema` says its shape."
)


_NOT_EDITED = "nothing is edited in a document of this form"


@click.command()
@DOCUMENT
@DIALECT
@_EVIDENCE
@_AS_JSON
def status(path: Path, dialect: str, logs: tuple[Path, ...], *, as_json: bool) -> None:
    """Say which criteria are proven, stale (and what changed) or not proven; no cluster is asked.

    Exit code 0 if every criterion is proven, and nothing that proved it has changed since.
    """
    document = documents.read(path, dialect)
    paths = _require(_paths(logs, document), document)
    log = ticking.log_of(paths, document)
    standing = report.status(document, paths, log, _verdicts(log, document))
    if as_json:
        print_json(standing.model_dump(mode="json"))
    for criterion in () if as_json else standing.criteria:
        box, text = "x" if criterion.proven else " ", " ".join(criterion.text.split())
        say(f"[{box}] {criterion.id:<4} {criterion.state}: {text}")
        if not criterion.proven:
            say(f"         {criterion.reason}")
    if standing.partial and not as_json:
        click.echo("This evidence is of a part of the suite.")
    sys.exit(0 if standing.proven else 1)


@click.command()
@PATHS
@DIALECT
@PASSED_OVER
@_EVIDENCE
@click.option(
    "--accepted",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Compare with the accepted results of a folder, checklists that are called ID.md, instead of evidence.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
def audit(  # noqa: PLR0913 - one for each option
    paths: Sequence[Path],
    dialect: str,
    logs: tuple[Path, ...],
    accepted: Path | None,
    *,
    passed_over: bool,
    as_json: bool,
) -> None:
    """Compare what documents claim with what they define, and with evidence; exit code 1 if anything contradicts.

    Where there is no evidence, every claim is one that nobody proved here. A clone holds none: there, --accepted asks
    whether what is claimed was accepted, of this edition of the document. It does not see whether the product changed.
    """
    if logs and accepted:
        raise errors.UsageError("--evidence and --accepted exclude each other.", instead="Leave one of them away.")
    rows, lines, count = [], [], 0
    for document in documents_of(paths, dialect, tell=passed_over):
        if accepted:
            states = accepted_results.states(document, accepted)
            findings = findings_of(document, states, source="accepted result")
        else:
            findings = findings_of(document, _states(_paths(logs, document), document))
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
@_EVIDENCE
@click.option("--write", is_flag=True, help="Tick and untick the boxes in the file.")
@click.option("--check", is_flag=True, help="Exit with 1 if boxes and evidence disagree; change nothing.")
@_AS_JSON
def tick(  # noqa: PLR0913 - one for each option
    path: Path, dialect: str, logs: tuple[Path, ...], *, write: bool, check: bool, as_json: bool
) -> None:
    """Show which boxes of a document the evidence ticks and unticks; with --write, do it.

    Only `proven` ticks. Only the byte between a box's brackets changes. Nothing is written if the evidence is
    of another document, if a criterion changed since, or if tests of a criterion were left out. In forms in which
    nothing is edited (Kiro, BMAD), --check fails where a ticked task rests on a criterion that is not proven.
    """
    if write and check:
        raise errors.UsageError("--write and --check exclude each other.", instead="Leave one of them away.")
    document = documents.read(path, dialect)
    paths = _require(_paths(logs, document), document)
    log = ticking.log_of(paths, document)
    verdicts = _verdicts(log, document)
    ticking.require_same(log, document)
    standing = report.status(document, paths, log, verdicts)
    content = boxes.tick(document, standing.changes)
    if not as_json:
        _show(standing, document.content, content)
    if write or check:
        ticking.require_whole(log, verdicts)
    if write and standing.changes:
        boxes.write(path, document.content, content)
    if as_json:
        written = write and bool(standing.changes)
        print_json(report.Tick(**dict(standing), written=written).model_dump(mode="json"))
    else:
        click.echo(f"{path}: {_count(standing.changes) if document.editable else _NOT_EDITED}", err=True)
    unproven = () if document.editable else _unproven(document, standing)
    for line in unproven if not as_json else ():
        say(line, err=True)
    if check and (standing.changes or unproven):
        sys.exit(1)


_SHAPES: dict[str, Callable[[], dict[str, object]]] = {
    "evidence": records.schema,
    "status": report.Status.model_json_schema,
    "tick": report.Tick.model_json_schema,
}


@click.command()
@click.argument("name", type=click.Choice(list(_SHAPES)))
def schema(name: str) -> None:
    """Print a JSON Schema: of a line of an evidence log, or of what `status --json` and `tick --json` print."""
    print_json(_SHAPES[name]())


def _show(standing: report.Status, before: bytes, after: bytes) -> None:
    """Print the lines that change, and why a box that is ticked must not be."""
    old, new = (content.decode("utf-8", "replace").splitlines(keepends=True) for content in (before, after))
    names = (standing.document, f"{standing.document} (by evidence)")
    click.echo(visible("".join(difflib.unified_diff(old, new, *names, n=0))), nl=False)
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


def _count(changes: Mapping[str, bool]) -> str:
    """Return in words how many boxes do not agree with the evidence."""
    if not changes:
        return "every box agrees with the evidence"
    return "1 box differs from the evidence" if len(changes) == 1 else f"{len(changes)} boxes differ from the evidence"


def _paths(chosen: tuple[Path, ...], document: documents.Document) -> tuple[Path, ...]:
    """Return where the evidence of a document is: as chosen, else where its last run left it; nothing if it did not."""
    if chosen:
        return chosen
    log = evidence.find(document)
    if log is None:
        return ()
    click.echo(f"evidence: {log}", err=True)
    return (log,)


def _require(paths: tuple[Path, ...], document: documents.Document) -> tuple[Path, ...]:
    """Return paths, if there are any.

    Raises:
        errors.EvidenceError: there is none.

    """
    if not paths:
        raise errors.EvidenceError(
            f"{document.path} has no evidence: no folder above it holds what a run on {document.id} left.",
            instead="Run the suite (pytest --workstream DOCUMENT), or name an evidence.jsonl with --evidence.",
        )
    return paths


def _verdicts(log: Log, document: documents.Document) -> tuple[Verdict, ...]:
    """Return the verdict of every criterion as of now."""
    return freshness.current(log, document, freshness.root_of(log, document))


def _states(paths: Sequence[Path], document: documents.Document) -> dict[str, str] | None:
    """Return the verdict of every criterion, by its id; of evidence of others nothing, None if there is no evidence."""
    if not paths:
        return None
    ours = [path for path in paths if evidence.read(path).session.document_id == document.id]
    try:
        return (
            {
                verdict.criterion_id: str(verdict.state)
                for verdict in _verdicts(ticking.log_of(ours, document), document)
            }
            if ours
            else {}
        )
    except errors.TickRefusedError:
        return {}
