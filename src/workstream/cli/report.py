"""`workstream report`: the page that people open first, made again from what a run left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workstream import documents, errors, evidence, files
from workstream.cli import sources
from workstream.cli.shared import DOCUMENT, PathType
from workstream.evidence import freshness
from workstream.evidence.places import placed
from workstream.reports import page

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@DOCUMENT
@click.option(
    "--evidence",
    "log",
    type=PathType(),
    help="The evidence.jsonl that a run left (default: build/acceptance/ID/evidence.jsonl of the document's project).",
)
@click.option(
    "--output",
    type=PathType(),
    help=f"Where the page is to stand (default: {page.NAME} beside the evidence).",
)
def report(path: Path, log: Path | None, output: Path | None) -> None:
    """Make the report of a run again: of one that was cut off, or of evidence that came from elsewhere.

    It says what holds now: what changed since the run is stale. Of evidence that cannot be read the page says why, and
    the exit code is 31.
    """
    document = documents.read(path)
    (found,) = sources.require_logs(document, (log,) if log else ())
    target = output or found.parent / page.NAME
    try:
        files.write(target, _page(document, placed(evidence.read(found), document)))
    except errors.EvidenceError as error:
        if target.parent.is_dir():
            files.write(target, page.unreadable(error.what, error.instead))
            click.echo(target)
        raise
    click.echo(target)


def _page(document: documents.Document, log: evidence.Log) -> str:
    if not log.has_controls:
        root = freshness.root_of(log.session.document_path, document, log.path)
        return page.html(document, log, freshness.current(log, document, root))
    # How many controls there were to be, the log does not say: those that began.
    begun = len({round_.control for round_ in log.rounds if round_.control})
    return page.html(document, log, (), evidence.matrix(log, document, begun, every=False))
