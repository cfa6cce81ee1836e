"""Whether evidence may tick the boxes of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstream import errors
from workstream.evidence.combination import combined
from workstream.evidence.log import read
from workstream.evidence.places import placed
from workstream.evidence.verdict import State
from workstream.evidence.verdict import verdicts as judge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workstream.documents import Document
    from workstream.evidence.log import Log
    from workstream.evidence.verdict import Verdict


def log_of(paths: Sequence[Path], document: Document) -> Log:
    """Read the evidence of a document as it is now; of several runs that were parts of one suite together.

    Raises:
        errors.TickRefusedError: it is of another document, or of controls.
        errors.EvidenceError: it cannot be read, or something changed between the parts.

    """
    logs = [read(path) for path in paths]
    for log in logs:
        if log.session.document_id != document.id:
            raise errors.TickRefusedError(
                f"{log.path} is the evidence of {log.session.document_id}, and {document.path} is {document.id}.",
                instead="Name the evidence of a run on this document.",
            )
        if log.has_controls:
            raise errors.TickRefusedError(
                f"{log.path} is the evidence of controls: the product was broken on purpose.",
                instead="Name the evidence of a run without --workstream-controls.",
            )
    return placed(combined(logs), document)


def require_same(log: Log, document: Document) -> None:
    """Refuse a document that is not what was tested.

    Raises:
        errors.TickRefusedError: the text of a criterion, or what the document says around it, changed.

    """
    changed = [verdict.criterion_id for verdict in judge(log, document) if verdict.state is State.STALE]
    if changed:
        raise errors.TickRefusedError(
            f"{document.path} changed since the evidence was recorded: {', '.join(changed)}.",
            instead="Run the suite again on the document as it is now.",
        )


def require_whole(log: Log, verdicts: Sequence[Verdict]) -> None:
    """Refuse evidence that says nothing of some criteria, because the run left out tests of them.

    Raises:
        errors.TickRefusedError: there is such a criterion.

    """
    if log.selection is None or not log.selection.partial:
        return
    missing = [verdict.criterion_id for verdict in verdicts if verdict.state is State.NOT_RUN]
    if missing:
        raise errors.TickRefusedError(
            f"The evidence is of a part of the suite, and says nothing of {', '.join(missing)}.",
            instead="Run the whole suite, or name the evidence of the other parts with further --evidence.",
        )


def require_acceptable(log: Log, verdicts: Sequence[Verdict]) -> None:
    """Refuse evidence that cannot be kept as the result of what is there now.

    Raises:
        errors.TickRefusedError: the run did not come to its end, or something that it proved changed since.

    """
    if log.end is None or log.end.interrupted:
        raise errors.TickRefusedError(
            f"{log.path} is of a run that did not come to its end.", instead="Run the suite again, to its end."
        )
    stale = [verdict for verdict in verdicts if verdict.state is State.STALE]
    if stale:
        names = ", ".join(verdict.criterion_id for verdict in stale)
        raise errors.TickRefusedError(
            f"What the run proved of {names} does not hold any more: {stale[0].reason}", instead="Run the suite again."
        )
