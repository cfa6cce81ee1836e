"""`workstream accept | verify | diff`: what a run proved, kept where a clone finds it."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workstream import documents, errors, evidence
from workstream.cli import sources
from workstream.cli.shared import DOCUMENT, PathType, documents_of, print_json, say, shortest
from workstream.documents.audit import audit
from workstream.evidence import accepted, accepted_controls, changed, freshness, signatures, ticking
from workstream.evidence.log import CONTROLS
from workstream.reports import checklist
from workstream.reports import matrix as reports_matrix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.documents import Document
    from workstream.evidence.accepted import Accepted

_SIGNERS = click.option(
    "--signers",
    multiple=True,
    type=PathType(),
    help="Who may sign: OpenSSH's file of allowed signers, or a public key of cosign; repeatable. What none of them "
    "signed is refused. Take it from where the change that is checked cannot write.",
)
_UNSIGNED = "not signed: whoever can write to this repository could have typed it. A gate trusts only its own run."


@click.command()
@DOCUMENT
@sources.EVIDENCE
@click.option(
    "--controls",
    is_flag=True,
    help="Keep what a run with --workstream-controls showed, as checklists/controls/ID.json: what later ones take over "
    "with --workstream-incremental.",
)
def accept(path: Path, logs: tuple[Path, ...], *, controls: bool) -> None:
    """Keep what a run came to as checklists/ID.json of the document's project: commit it with the ticks that it allows.

    It is refused if something changed since the run, if the run did not come to its end, and if it says nothing of some
    criteria. The same evidence gives the same bytes.
    """
    document = documents.read(path)
    if controls:
        _accept_controls(document, logs)
        return
    found = sources.require_logs(document, logs)
    source = sources.from_logs(document, found)
    assert source.log is not None  # noqa: S101 - of logs there is one
    ticking.require_same(source.log, document)
    ticking.require_whole(source.log, source.verdicts)
    ticking.require_acceptable(source.log, source.verdicts)
    root = freshness.root_of(source.log.session.document_path, document, source.log.path)
    kept = accepted.path_of(document.id, root)
    accepted.write(kept, accepted.content_of(accepted.statement(source.log, found, source.verdicts, root)))
    say(f"{kept}: {checklist.summary(source.verdicts)}")
    for how in signatures.commands(kept):
        say(f"to sign it: {how}", err=True)


def _accept_controls(document: Document, logs: tuple[Path, ...]) -> None:
    """Keep what controls showed.

    Raises:
        errors.ControlError: not every control did what it must, or something changed since.
        errors.EvidenceError: there is no evidence of controls, or it cannot be read.
        errors.UsageError: several logs were named.

    """
    if len(logs) > 1:
        raise errors.UsageError("Sessions with controls are not taken together.", instead="Name one evidence.jsonl.")
    path = next(iter(logs), None) or evidence.find(document, CONTROLS)
    log = evidence.read(path) if path else None
    if log is None or not log.has_controls or log.session.document_id != document.id:
        raise errors.EvidenceError(
            f"{path or 'There'} is no evidence of controls of {document.id}.",
            instead="pytest --workstream DOCUMENT --workstream-controls FOLDER",
        )
    ticking.require_same(log, document)
    names = {one.control for one in log.rounds if one.control} | {one.control for one in log.taken if one.control}
    matrix = evidence.matrix(log, document, len(names), every=True)
    root = freshness.root_of(log.session.document_path, document, log.path)
    since = freshness.changes(freshness.basis_of(log), root)
    why = next(iter([*reports_matrix.problems(matrix), *(f"{change.what}." for change in since)]), "")
    if why or not matrix.agrees:
        raise errors.ControlError(
            f"What the controls of {document.id} showed is not accepted: {why or 'they did not run to their end'}",
            instead="Mend that, and run all controls again.",
        )
    kept = accepted_controls.path_of(document.id, root)
    accepted.write(kept, accepted_controls.content_of(log, evidence.kept(log, document, matrix)))
    say(f"{kept}: {reports_matrix.summary(matrix)}")


@dataclass(slots=True)
class _Checked:
    """What was found out about one document.

    Attributes:
        name: its id; of an accepted result that cannot be read its file.
        problems: what does not hold, each with its place in front.
        notes: what else is to be said, a sentence each.
        refused: whether the accepted result was changed, or is not signed by somebody who may.

    """

    name: str
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: bool = False


@click.command()
@click.argument("paths", nargs=-1, type=PathType())
@_SIGNERS
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
def verify(paths: Sequence[Path], signers: Sequence[Path], *, as_json: bool) -> None:
    """Check all that was accepted here, and what further documents claim: PATHS, or all documents below a folder.

    A tick holds if it was accepted, and if nothing that it rests on changed since. No network, cluster or evidence is
    asked. Exit code 1 if something does not hold; 35 if an accepted result was changed, or is not signed by somebody
    who may sign it.
    """
    checked = list(_verified(paths, signers))
    if not checked:
        raise errors.UsageError(
            f"Nothing was accepted: there is no folder {accepted.FOLDER} here or above, and no document was named.",
            instead="Name documents, or accept what a run proved: workstream accept DOCUMENT.",
        )
    if as_json:
        print_json([{"id": one.name, "problems": one.problems, "notes": one.notes} for one in checked])
    for one in () if as_json else checked:
        say("\n".join([*one.problems, *(f"{one.name}: {note}" for note in one.notes)]))
    refused = any(one.refused for one in checked)
    sys.exit(errors.AcceptedError.exit_code if refused else int(any(one.problems for one in checked)))


def _named(paths: Sequence[Path]) -> list[documents.Document]:
    """Return the documents that paths name; none is no error where there are accepted results to look at."""
    try:
        return documents_of(paths) if paths else []
    except errors.ForeignDocumentError:
        if not _kept_here():
            raise
        return []


def _verified(paths: Sequence[Path], signers: Sequence[Path]) -> Iterator[_Checked]:
    """Yield what can be said of each accepted result, then of the documents of which nothing was accepted."""
    found = {document.path.resolve(): document for document in _named(paths)}
    kept = {path for path in map(accepted.find, found.values()) if path} | set(_kept_here())
    for path in sorted(kept):
        try:
            result = accepted.read(path)
        except errors.WorkstreamError as error:
            yield _Checked(path.name, [str(error)], refused=True)
            found = {place: document for place, document in found.items() if accepted.find(document) != path}
            continue
        document = found.pop(result.document_path.resolve(), None)
        yield _of_accepted(result, document, signers)
    for document in found.values():
        findings = audit(document, None, source="accepted result")
        lines = [f"{document.path}:{one.position.line}:{one.position.column}: {one.message}" for one in findings]
        yield _Checked(
            document.id, lines, ["nothing was accepted."] + [f"type: workstream accept {document.path}"] * bool(lines)
        )


def _kept_here() -> list[Path]:
    """Return the accepted results of the nearest project at or above the working folder."""
    here = Path.cwd()
    roots = (root for root in (here, *here.parents) if (root / accepted.FOLDER).is_dir())
    return next(map(accepted.kept, roots), [])


def _of_accepted(result: Accepted, document: Document | None, signers: Sequence[Path]) -> _Checked:
    details = result.statement.details
    checked = _Checked(details.document)
    try:
        document = document or documents.read(shortest(result.document_path))
        verdicts = accepted.verdicts(result, document)
    except errors.WorkstreamError as error:
        checked.problems.append(str(error))
        checked.refused = isinstance(error, errors.AcceptedError)
        return checked
    states = {verdict.criterion_id: str(verdict.state) for verdict in verdicts}
    for finding in audit(document, states, source="accepted result"):
        checked.problems.append(f"{document.path}:{finding.position.line}:{finding.position.column}: {finding.message}")
    stale = [verdict for verdict in verdicts if verdict.state is evidence.State.STALE]
    for verdict in stale:
        position = verdict.criterion.position
        place = f"{document.path}:{position.line}:{position.column}"
        checked.problems.append(f"{place}: {verdict.criterion_id} is stale: {' '.join(verdict.reason.split())}")
    run = details.run
    changes = ", with changes that were not committed" if run.dirty else ""
    checked.notes.append(
        f"{checklist.summary(verdicts)} Accepted of {run.began[:10]}, commit {run.commit or 'none'}{changes}."
    )
    if checked.problems:
        path = shlex.quote(str(document.path))
        checked.notes.append(f"type: {sources.rerun(document, run.command)} && workstream accept {path}")
        checked.notes.append(f"or take the ticks away: workstream tick {path} --write")
    _add_signature(checked, result.path, signers)
    return checked


def _add_signature(checked: _Checked, path: Path, signers: Sequence[Path]) -> None:
    """Add who signed an accepted result."""
    try:
        if signers:
            checked.notes.append(f"signed by {signatures.signer_of(path, signers)}.")
        else:
            checked.notes += signatures.of(path) or [_UNSIGNED]
    except errors.AcceptedError as error:
        checked.problems.append(str(error))
        checked.refused = True


@click.command()
@DOCUMENT
@click.option("--accepted", "other", type=PathType(), help="Another accepted result than the project's.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
def diff(path: Path, other: Path | None, *, as_json: bool) -> None:
    """Say what changed since a result was accepted: criteria, files, tests; and verdicts, where there is evidence.

    A test that has become weaker under the same name is a file that changed: nothing here can tell more. Exit code 1 if
    anything changed.
    """
    document = documents.read(path)
    kept = other or accepted.find(document)
    if kept is None:
        raise errors.EvidenceError(f"Nothing was accepted of {path}.", instead="workstream accept DOCUMENT")
    then = accepted.read(kept).statement
    root = freshness.root_of(then.subject[0].name, document, kept)
    changes = [*changed.since(then, document, root)]
    logs = sources.logs_of(document, ())
    now = sources.from_logs(document, logs) if logs else None
    if now and now.log:
        changes += changed.between(then, accepted.statement(now.log, logs, now.verdicts, root))
    if as_json:
        print_json([{"kind": one.kind, "name": one.name, "what": one.what} for one in changes])
    else:
        for one in changes:
            say(f"{one.kind} {one.name}: {one.what}")
        if not changes:
            say(f"nothing changed since {kept} was accepted")
    sys.exit(1 if changes else 0)
