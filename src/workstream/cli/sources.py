"""Where the verdicts of a document come from: evidence that is at hand, else what was accepted."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workstream import errors, evidence
from workstream.cli.shared import PathType, say, shortest
from workstream.evidence import accepted, freshness, ticking
from workstream.evidence.log import FOLDER, NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workstream.documents import Document
    from workstream.evidence import Log, Verdict
    from workstream.evidence.freshness import Basis

_PLAIN = re.compile(r"pytest( [\w@%+=:,./\[\]-]+)*")  # what a shell takes as it stands

EVIDENCE = click.option(
    "--evidence",
    "logs",
    multiple=True,
    type=PathType(),
    help="The evidence.jsonl that a run left (default: build/acceptance/ID/evidence.jsonl of the document's project); "
    "several times for runs that were parts of one suite.",
)


@dataclass(frozen=True, slots=True)
class Source:
    """The verdicts of a document, and where they come from.

    Attributes:
        paths: of the evidence, or of the accepted result.
        verdicts: of each criterion, as of now.
        basis: what they rest on.
        command: the command line of the run.
        log: the evidence, of all those taken together; None of an accepted result.

    """

    paths: tuple[Path, ...]
    verdicts: tuple[Verdict, ...]
    basis: Basis
    command: str
    log: Log | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return "accepted result" if self.log is None else "evidence"

    @property
    def partial(self) -> bool:
        """Whether it is evidence of a part of the suite."""
        return bool(self.log and self.log.selection and self.log.selection.partial)


def rerun(document: Document, recorded: str = "") -> str:
    """Return the command that runs the whole suite on a document.

    Args:
        document: the document.
        recorded: how a run was called, as evidence or an accepted result says. A clone may hold anything: it is shown
            only if it calls pytest, and nothing else.

    """
    if _PLAIN.fullmatch(recorded):
        return recorded
    return shlex.join(["pytest", "--workstream", str(document.path)])


def logs_of(document: Document, chosen: Sequence[Path]) -> tuple[Path, ...]:
    """Return where the evidence of a document is: as chosen, else where its last run left it; nothing if it did not."""
    if chosen:
        return tuple(chosen)
    log = evidence.find(document)
    if log is None:
        return ()
    say(f"evidence: {log}", err=True)
    return (log,)


def require_logs(document: Document, chosen: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return where the evidence of a document is; see `logs_of`.

    Raises:
        errors.EvidenceError: there is none.

    """
    logs = logs_of(document, chosen)
    if not logs:
        raise errors.EvidenceError(
            f"{document.path} has no evidence: no folder above it holds what a run on {document.id} left.",
            instead="Run the suite (pytest --workstream DOCUMENT), or name an evidence.jsonl with --evidence.",
        )
    return logs


def from_logs(document: Document, logs: tuple[Path, ...]) -> Source:
    """Return what evidence says of a document as of now.

    Raises:
        errors.TickRefusedError: it is of another document, or of controls.
        errors.EvidenceError: it cannot be read, or something changed between the parts.

    """
    log = ticking.log_of(logs, document)
    basis, command = freshness.basis_of(log), log.session.command
    root = freshness.root_of(log.session.document_path, document, log.path)
    return Source(logs, freshness.current(log, document, root), basis, command, log)


def from_accepted(document: Document) -> Source | None:
    """Return what was accepted of a document, as of now; None if nothing was.

    Raises:
        errors.AcceptedError: it was changed.

    """
    path = accepted.find(document)
    if path is None:
        return None
    say(f"accepted: {path}", err=True)
    kept = accepted.read(path)
    basis, command = accepted.basis_of(kept.statement), kept.statement.details.run.command
    return Source((path,), accepted.verdicts(kept, document), basis, command)


def has_any(document: Document) -> bool:
    """Whether there is evidence of a document, or an accepted result."""
    return evidence.find(document) is not None or accepted.find(document) is not None


def known_documents() -> tuple[Path, ...]:
    """Return the documents of which the nearest project above the working folder has evidence or an accepted result."""
    here = Path.cwd()
    for root in (here, *here.parents):
        logs = sorted(root.glob(str(FOLDER / "*" / NAME)))
        names = [evidence.read(log).session.document_path for log in logs]
        names += [accepted.read(path).statement.subject[0].name for path in accepted.kept(root)]
        if names:
            return tuple(shortest(root / name) for name in dict.fromkeys(names))
    return ()


def require(document: Document, chosen: Sequence[Path]) -> Source:
    """Return where the verdicts of a document come from.

    Raises:
        errors.EvidenceError: there is neither evidence nor an accepted result; see also the two functions before.

    """
    logs = logs_of(document, chosen)
    found = from_logs(document, logs) if logs else from_accepted(document)
    if found is None:
        raise errors.EvidenceError(
            f"{document.path} has no evidence: no folder above it holds what a run on {document.id} left, or what was "
            "accepted of it.",
            instead="Run the suite (pytest --workstream DOCUMENT), or name an evidence.jsonl with --evidence.",
        )
    return found
