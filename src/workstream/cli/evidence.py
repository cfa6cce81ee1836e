"""`workstream status | audit | tick`: documents beside what a run left behind."""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workstream import documents, errors, evidence
from workstream.cli.arguments import DOCUMENT, PATHS, documents_of
from workstream.documents import tick as ticking
from workstream.documents.audit import audit as findings_of
from workstream.documents.audit import summary
from workstream.evidence import freshness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workstream.evidence import Log, Verdict


@click.command()
@PATHS
@click.option("--evidence", "log", type=click.Path(path_type=Path), help="The evidence.jsonl that a run left.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
def audit(paths: Sequence[Path], log: Path | None, *, as_json: bool) -> None:
    """Compare what documents claim with what they define, and with evidence; exit code 1 if anything contradicts.

    Without --evidence, every claim is one that nobody proved here.
    """
    rows, lines, count = [], [], 0
    for document in documents_of(paths):
        proven = _states(log, document) if log is not None else None
        findings = findings_of(document, proven)
        count += len(findings)
        for one in findings:
            place = f"{document.path}:{one.position.line}:{one.position.column}"
            lines.append(f"{place}: {one.message}")
            rows.append({"path": str(document.path), "line": one.position.line, "criterion": one.criterion_id,
                         "message": one.message})  # fmt: skip
        lines.append(summary(document, findings))
    click.echo(json.dumps(rows, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))
    sys.exit(1 if count else 0)


@click.command()
@DOCUMENT
@click.option(
    "--evidence",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The evidence.jsonl that a run left (default: build/acceptance/ID/evidence.jsonl); several times for runs "
    "that were parts of one suite.",
)
def status(path: Path, logs: tuple[Path, ...]) -> None:
    """Say which criteria are proven, stale (and what changed) or not proven; no cluster is asked.

    Exit code 0 if every criterion is proven, and nothing that proved it has changed since.
    """
    document = documents.read(path)
    log = _log(logs or (Path("build", "acceptance", document.id, "evidence.jsonl"),), document)
    verdicts = _verdicts(log, document)
    for one in verdicts:
        text = " ".join(one.criterion.text.split())
        click.echo(f"[{'x' if one.proven else ' '}] {one.criterion_id:<4} {one.state}: {text}")
        if not one.proven:
            click.echo(f"         {one.reason}")
    if log.selection and log.selection.partial:
        click.echo("This evidence is of a part of the suite.")
    sys.exit(0 if verdicts and all(one.proven for one in verdicts) else 1)


@click.command()
@DOCUMENT
@click.option(
    "--evidence",
    "logs",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="The evidence.jsonl that a run left; several times for runs that were parts of one suite.",
)
@click.option("--write", is_flag=True, help="Tick and untick the boxes in the file.")
@click.option("--check", is_flag=True, help="Exit with 1 if boxes and evidence disagree; change nothing.")
def tick(path: Path, logs: tuple[Path, ...], *, write: bool, check: bool) -> None:
    """Show which boxes of a document the evidence ticks and unticks; with --write, do it.

    Only `proven` ticks. Only the byte between a box's brackets changes. Nothing is written if the evidence is
    of another document, if a criterion changed since, or if tests of a criterion were left out.
    """
    if write and check:
        raise errors.UsageError("--write and --check exclude each other.", instead="Leave one of them away.")
    document = documents.read(path)
    log = _log(logs, document)
    verdicts = _verdicts(log, document)
    changed = _changed(log, document)
    if changed:
        raise errors.TickRefusedError(
            f"{path} changed since the evidence was won: {', '.join(changed)}.",
            instead="Run the suite again on the document as it is now.",
        )
    content = ticking.tick(document, {one.criterion_id: one.proven for one in verdicts})
    before, after = (text.decode("utf-8", "replace").splitlines(keepends=True) for text in (document.content, content))
    click.echo("".join(difflib.unified_diff(before, after, str(path), f"{path} (by evidence)", n=0)), nl=False)
    for one in verdicts:
        if not one.proven and one.criterion.box is not None and one.criterion.box.ticked:
            click.echo(f"{one.criterion_id} is {one.state}: {' '.join(one.reason.split())}", err=True)
    missing = _not_asked(log, verdicts)
    if missing and (write or check):
        raise errors.TickRefusedError(
            f"The evidence is of a part of the suite, and says nothing of {', '.join(missing)}.",
            instead="Run the whole suite, or name the evidence of the other parts with further --evidence.",
        )
    if write and content != document.content:
        ticking.write(path, document.content, content)
    click.echo(f"{path}: {_difference(document.content, content)}", err=True)
    if check and content != document.content:
        sys.exit(1)


def _log(paths: Sequence[Path], document: documents.Document) -> Log:
    """Read evidence of a document; of several runs that were parts of one suite together.

    Raises:
        errors.TickRefusedError: it is of another document, or of controls.
        errors.EvidenceError: it cannot be read, or something changed between the parts.

    """
    logs = [evidence.read(path) for path in paths]
    for one in logs:
        if one.session.document_id != document.id:
            raise errors.TickRefusedError(
                f"{one.path} is the evidence of {one.session.document_id}, and {document.path} is {document.id}.",
                instead="Name the evidence of a run on this document.",
            )
        if one.has_controls:
            raise errors.TickRefusedError(
                f"{one.path} is the evidence of controls: the product was broken on purpose.",
                instead="Name the evidence of a run without --controls.",
            )
    return evidence.combined(logs)


def _verdicts(log: Log, document: documents.Document) -> tuple[Verdict, ...]:
    """Return the verdict of every criterion as of now."""
    return freshness.current(log, document, freshness.root_of(log, document))


def _changed(log: Log, document: documents.Document) -> list[str]:
    """Return the criteria whose text, or what the document says around it, is not what was tested."""
    return [one.criterion_id for one in evidence.verdicts(log, document) if one.state is evidence.State.STALE]


def _not_asked(log: Log, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the criteria of which a part of the suite says nothing, because it left out tests of them."""
    if log.selection is None or not log.selection.partial:
        return []
    return [one.criterion_id for one in verdicts if one.state is evidence.State.NOT_RUN]


def _states(log: Path, document: documents.Document) -> dict[str, str]:
    """Return the verdict of every criterion, by its id; nothing if the log is of another document."""
    try:
        return {one.criterion_id: str(one.state) for one in _verdicts(_log([log], document), document)}
    except errors.TickRefusedError:
        return {}


def _difference(before: bytes, after: bytes) -> str:
    count = sum(one != other for one, other in zip(before, after, strict=True))
    if not count:
        return "every box agrees with the evidence"
    return "1 box differs from the evidence" if count == 1 else f"{count} boxes differ from the evidence"
