"""The command `workstream`: what can be asked of documents and evidence without running a test."""

from __future__ import annotations

import difflib
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workstream import documents, errors
from workstream.cluster_commands import cluster
from workstream.documents import tick as ticking

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.evidence import Log, Verdict

_PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="workstream")
def group() -> None:
    """Prove the acceptance criteria of workstream documents, and tick only what was proven.

    Tests prove criteria: pytest --workstream DOCUMENT. This command reads documents and what tests left behind.
    """


group.add_command(cluster)


@group.command()
@_PATHS
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
def criteria(paths: Sequence[Path], *, as_json: bool) -> None:
    """List the criteria of documents, or of all documents below folders."""
    rows = [
        {
            "document": str(document.path),
            "id": criterion.id,
            "kind": criterion.kind.name.lower(),
            "text": criterion.text,
            "line": criterion.position.line,
            "ticked": bool(criterion.box and criterion.box.ticked),
            "boxed": criterion.box is not None,
        }
        for document in _documents(paths)
        for criterion in document.criteria
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        box = ("[x]" if row["ticked"] else "[ ]") if row["boxed"] else "   "
        click.echo(f"{row['document']}:{row['line']}: {box} {row['id']:<4} {' '.join(str(row['text']).split())}")


@group.command()
@_PATHS
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
@click.option("--format", "style", type=click.Choice(["text", "github"]), default="text", help="How lines are written.")
def lint(paths: Sequence[Path], *, as_json: bool, style: str) -> None:
    """Find what makes documents hard to prove: `path:line:column: CODE message`; exit code 1 if there is anything."""
    from workstream.documents.lint import lint as problems_of  # noqa: PLC0415 - as needed

    found = [(document.path, problem) for document in _documents(paths) for problem in problems_of(document)]
    if as_json:
        rows = [
            {"path": str(path), "line": one.position.line, "column": one.position.column, "code": one.code,
             "message": one.message}
            for path, one in found
        ]  # fmt: skip
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    for path, one in [] if as_json else found:
        line, column = one.position.line, one.position.column
        if style == "github":
            click.echo(f"::error file={path},line={line},col={column},title={one.code}::{one.message}")
        else:
            click.echo(f"{path}:{line}:{column}: {one.code} {one.message}")
    sys.exit(1 if found else 0)


@group.command()
@_PATHS
@click.option("--evidence", "log", type=click.Path(path_type=Path), help="The evidence.jsonl that a run left.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
def audit(paths: Sequence[Path], log: Path | None, *, as_json: bool) -> None:
    """Compare what documents claim with what they define, and with evidence; exit code 1 if anything contradicts.

    Without --evidence, every claim is one that nobody proved here.
    """
    from workstream.documents.audit import audit as findings_of  # noqa: PLC0415 - as needed
    from workstream.documents.audit import summary  # noqa: PLC0415 - as needed

    rows, lines, count = [], [], 0
    for document in _documents(paths):
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


@group.command()
@click.argument("path", metavar="DOCUMENT", type=click.Path(path_type=Path))
@click.option(
    "--folder", default="tests/acceptance", show_default=True, type=click.Path(path_type=Path), help="Where it goes."
)
def scaffold(path: Path, folder: Path) -> None:
    """Write one test module for a document: one failing test per criterion. Never over a file that is there."""
    from workstream.documents import scaffold as scaffolding  # noqa: PLC0415 - as needed

    document = documents.read(path)
    target = folder / scaffolding.file_name(document)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(scaffolding.module(document))
    except FileExistsError as error:
        raise errors.UsageError(
            f"{error.filename} is there already, and stays as it is.",
            instead="Choose another --folder, or move the file away.",
        ) from None
    except OSError as error:
        raise errors.UsageError(
            f"{target} cannot be written: {error.strerror}.", instead="Choose another --folder."
        ) from error
    click.echo(f"{target}: {len(document.criteria)} tests, each of which fails until you write it")


@group.command()
@click.argument("path", metavar="DOCUMENT", type=click.Path(path_type=Path))
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


@group.command()
@click.argument("path", metavar="DOCUMENT", type=click.Path(path_type=Path))
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
    from workstream import evidence  # noqa: PLC0415 - reading documents alone must start fast

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
                instead="Name the evidence of a run without --workstream-controls.",
            )
    return evidence.combined(logs)


def _verdicts(log: Log, document: documents.Document) -> tuple[Verdict, ...]:
    """Return the verdict of every criterion as of now."""
    from workstream.evidence import freshness  # noqa: PLC0415 - reading documents alone must start fast

    return freshness.current(log, document, freshness.root_of(log, document))


def _changed(log: Log, document: documents.Document) -> list[str]:
    """Return the criteria whose text, or what the document says around it, is not what was tested."""
    from workstream import evidence  # noqa: PLC0415 - reading documents alone must start fast

    return [one.criterion_id for one in evidence.verdicts(log, document) if one.state is evidence.State.STALE]


def _not_asked(log: Log, verdicts: Sequence[Verdict]) -> list[str]:
    """Return the criteria of which a part of the suite says nothing, because it left out tests of them."""
    from workstream.evidence import State  # noqa: PLC0415 - reading documents alone must start fast

    if log.selection is None or not log.selection.partial:
        return []
    return [one.criterion_id for one in verdicts if one.state is State.NOT_RUN]


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


def _documents(paths: Sequence[Path]) -> Iterator[documents.Document]:
    """Yield the documents that paths name; of a folder, every Markdown file that is one."""
    for path in paths:
        if not path.is_dir():
            yield documents.read(path)
            continue
        for file in sorted(_markdown(path)):
            try:
                yield documents.read(file)
            except errors.ForeignDocumentError:
                continue  # not every Markdown file of a folder is a workstream document; one that is broken may be


def _markdown(folder: Path) -> Iterator[Path]:
    """Yield the Markdown files below a folder.

    Raises:
        OSError: a folder below it cannot be read.

    """

    def refuse(error: OSError) -> None:
        raise error

    for place, _, names in os.walk(folder, onerror=refuse):
        yield from (Path(place, name) for name in names if name.endswith(".md"))


def main() -> None:
    """Run the command; turn errors into their three parts and their exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names and texts hold what a terminal may not show
    try:
        group.main(standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(errors.UsageError.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(errors.CancelledError.exit_code)
    except errors.WorkstreamError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        click.echo(f"{error.filename or 'What is there to say'} cannot be read or written: {error.strerror}.", err=True)
        sys.exit(errors.WorkstreamError.exit_code)
