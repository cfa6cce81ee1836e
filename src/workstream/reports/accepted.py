"""Accepted results: checklists, exactly as they were generated, that a project keeps beside its documents.

A clone has them without a run. They say which edition of a document was judged, and nothing about what changed in the
product since: that takes the evidence.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workstream import errors
from workstream.documents.parse import EDITION
from workstream.evidence.provenance import document_sha256
from workstream.evidence.verdict import context_sha256, edition_sha256, text_sha256

if TYPE_CHECKING:
    from pathlib import Path

    from workstream.documents import Document

# Lines of `checklist.markdown`.
_CRITERION = re.compile(r"^- \[[ x]\] \*\*(?P<id>[A-Z0-9.-]+)\*\* .*\n  - \*\*(?P<state>[a-z-]+)\*\*: ", re.MULTILINE)


def states(document: Document, folder: Path) -> dict[str, str] | None:
    """Return how an accepted result judged each criterion, by its id; None if nothing was accepted.

    Args:
        document: the document as it is now. With another criterion, or something else that gives them their meaning, it
            is another edition, of which an accepted result says nothing. Ticks and reports make no other edition.
        folder: where a project keeps its accepted results: checklists that are named by the document's id.

    Raises:
        errors.EvidenceError: what is there is no checklist.

    """
    path = folder / f"{document.id}.md"
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    editions = set(EDITION.findall(text))
    if not editions:
        raise errors.EvidenceError(
            f"{path} is no checklist that a run generated: it does not say which edition of a document was judged.",
            instead="Copy the checklist.md that a run left behind, as it is.",
        )
    hashes = {criterion.id: text_sha256(criterion) for criterion in document.criteria}
    # Older checklists give the hash of the whole document alone.
    now = {edition_sha256(hashes, context_sha256(document)), document_sha256(document)}
    if editions.isdisjoint(now):
        return dict.fromkeys(hashes, "another edition of the document")
    return {match["id"]: match["state"] for match in _CRITERION.finditer(text)}
