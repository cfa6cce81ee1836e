"""`workstream next | explain`: what is to be done, and why; for programs, and for people who work like one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from workstream import documents, errors
from workstream.cli import sources
from workstream.cli.shared import PathType, documents_of, print_json, say
from workstream.evidence.freshness import Basis
from workstream.evidence.verdict import State, Verdict
from workstream.reports import guidance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workstream.documents import Document
    from workstream.reports.guidance import Todo

_AS_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead; `workstream schema` says its shape."
)


@click.command("next")
@click.argument("paths", nargs=-1, type=PathType())
@sources.EVIDENCE
@_AS_JSON
def following(paths: Sequence[Path], logs: tuple[Path, ...], *, as_json: bool) -> None:
    """Say what is not proven, why, the one command to run, and which files matter; exit code 0 if all is proven.

    Without PATHS it looks at the documents of which the project has evidence or an accepted result.
    """
    todos: list[Todo] = []
    total, empty = 0, []
    for document in _documents(paths):
        found = _source(document, logs)
        empty += [] if found.verdicts else [f"{document.id} has no criteria: nothing can be proven."]
        total += len(found.verdicts)
        todos += [_todo(document, verdict, found) for verdict in found.verdicts if not verdict.proven]
    said = " ".join([f"{total - len(todos)} of {total} criteria are proven.", *empty])
    result = guidance.following(todos, said, done=not todos and not empty)
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        say(result.sentence)
        for one in result.criteria:
            say(f"{one.document}:{one.line}: {one.id} {one.state}: {one.reason}")
        if result.command:
            say(f"next: {result.command}")
    sys.exit(0 if result.done else 1)


@click.command()
@click.argument("criterion")
@click.argument("paths", nargs=-1, metavar="[DOCUMENT]", type=PathType())
@sources.EVIDENCE
@_AS_JSON
def explain(criterion: str, paths: Sequence[Path], logs: tuple[Path, ...], *, as_json: bool) -> None:
    """Say all that is known of one CRITERION, such as AC3: how its tests ended, what they saw, what to run.

    It is never longer than a person reads: of long values it is the beginning, of many the last. Exit code 0 if it is
    proven.
    """
    known = []
    for document in _documents(paths):
        found = _source(document, logs)
        for verdict in found.verdicts:
            known.append(f"{document.id} {verdict.criterion_id}")
            if verdict.criterion_id.upper() == criterion.upper():
                one = guidance.explained(_todo(document, verdict, found), found.log, found.basis)
                if as_json:
                    print_json(one.model_dump(mode="json"))
                else:
                    _show(one)
                sys.exit(0 if verdict.proven else 1)
    raise errors.UsageError(f"There is no criterion {criterion}.", instead=f"There are: {', '.join(known) or 'none'}.")


def _show(one: guidance.Explained) -> None:
    say(f"{one.document}:{one.line}: {one.id} {one.state}: {' '.join(one.text.split())}\n  {one.reason}")
    for told in one.told:
        say(f"  {told.test}: {told.says}")
        for ended in told.ended:
            say(f"    {ended.when} {ended.result} (attempt {ended.attempt}): {ended.message}")
        for seen in told.seen:
            say(f"    {seen.what} ({seen.level}): {seen.value}")
            if seen.command:
                say(f"      again: {seen.command}")
    say(f"next: {one.command}")


def _documents(paths: Sequence[Path]) -> list[Document]:
    """Return the documents that are named, else those that the project knows.

    Raises:
        errors.UsageError: there is none.

    """
    found = list(documents_of(paths)) if paths else [documents.read(path) for path in sources.known_documents()]
    if not found:
        raise errors.UsageError(
            "There is no document to look at: none was named, and no run has left anything here.",
            instead="Name a document, or run its suite: pytest --workstream DOCUMENT.",
        )
    return found


def _source(document: Document, logs: tuple[Path, ...]) -> sources.Source:
    """Return where the verdicts of a document come from; where nothing was ever run, none of its tests was."""
    try:
        return sources.require(document, logs)
    except errors.TickRefusedError as error:
        raise errors.EvidenceError(error.what, instead=error.instead) from error
    except errors.EvidenceError:
        if logs or sources.has_any(document):
            raise
        reason = "No run on this document has left any evidence."
        verdicts = tuple(Verdict(criterion, State.NOT_RUN, reason) for criterion in document.criteria)
        return sources.Source((), verdicts, Basis(document.id, (), (), ()), "")


def _todo(document: Document, verdict: Verdict, found: sources.Source) -> Todo:
    return guidance.todo(document, verdict, found.basis, sources.rerun(document, found.command), found.log)
