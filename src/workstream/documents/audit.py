"""Compares what was claimed with what was defined, and with what was proven."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workstream.documents.identity import normalise
from workstream.documents.marks import affirms, doubts
from workstream.documents.model import Kind, Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from workstream.documents.model import Document

PROVEN = "proven"

_APPROVAL = re.compile(r"^\W*(?:final\s+)?verdict\b.*\bapproved\b", re.IGNORECASE)
_REFUSAL = re.compile(
    r"\bnot\s+(?:(?:yet|fully|quite|entirely|formally|been|be|completely)\s+){0,3}approved\b|\b(?:un|dis)approved\b|n't\s+\w*\s?approved"
    r"|\brejected\b|changes\s+requested|\b(?:cannot|never)\s+(?:be\s+)?approved\b|approv(?:al|ed)\W+(?:is\s+)?(?:pending|withheld|denied|no)\b"
    r"|\bpending\s+approval\b",
    re.IGNORECASE,
)
_ACHIEVED = re.compile(r"^\W*goal\s+achieved\b(?P<answer>.*)$", re.IGNORECASE)
_SHORTEST_CONCLUSION = len("verdict approved")
_YES = re.compile(r"\byes\b|\btrue\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction.

    Attributes:
        position: where it stands.
        criterion_id: the criterion that it is about; empty if it is about the document.
        message: what contradicts what.
        path: the file in which it stands, if it is not the document's own.

    """

    position: Position
    criterion_id: str
    message: str
    path: Path | None = None


def audit(
    document: Document, proven: Mapping[str, str] | None = None, *, source: str = "evidence"
) -> tuple[Finding, ...]:
    """Return what is claimed and does not hold.

    Args:
        document: the document.
        proven: by criterion id, the verdict that evidence gave; None if there is no evidence.
        source: what gave these verdicts, as messages call it.

    """
    findings = [*_definition(document, proven, source), *_claims(document, proven, source), *_conclusions(document)]
    return tuple(sorted(findings, key=lambda finding: (str(finding.path or ""), finding.position.line)))


def summary(document: Document, findings: tuple[Finding, ...]) -> str:
    """Return one line that sums up what is claimed and what is doubtful."""
    acceptance = {criterion.id for criterion in document.criteria if criterion.kind is Kind.ACCEPTANCE}
    total = len(acceptance)
    claimed = {claim.criterion_id for claim in document.claims if claim.affirmed}
    claimed |= {criterion.id for criterion in document.criteria if criterion.box is not None and criterion.box.ticked}
    claimed &= acceptance
    doubtful = {finding.criterion_id for finding in findings if finding.criterion_id}
    if not findings:
        return f"{document.id}: {len(claimed)} of {total} criteria claimed, no contradiction found."
    claims = f"{len(claimed)} of {total} criteria claimed"
    count = "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    return f"{document.id}: {claims}, {len(doubtful)} of them doubtful; {count}."


def _definition(document: Document, proven: Mapping[str, str] | None, source: str) -> Iterator[Finding]:
    for criterion in document.criteria:
        if criterion.box is None or not criterion.box.ticked:
            continue
        state = "" if proven is None else proven.get(criterion.id, "without a verdict")
        if proven is None:
            yield Finding(criterion.position, criterion.id, f"{criterion.id} is ticked, and there is no {source}")
        elif state != PROVEN:
            yield Finding(criterion.position, criterion.id, f"{criterion.id} is ticked, and the {source} says: {state}")


def _claims(document: Document, proven: Mapping[str, str] | None, source: str) -> Iterator[Finding]:
    for claim in document.claims:
        name = claim.criterion_id
        if name is None:
            text = normalise(claim.text)[:80]
            yield Finding(claim.position, "", f"speaks of a criterion that the document does not have: {text!r}")
            continue
        if claim.box is not None and not claim.box.ticked and affirms(claim.text):
            yield Finding(claim.position, name, f"{name} has an open box and a check mark")
        if not claim.affirmed:
            continue
        if claim.doubted:
            message = f"{name} is claimed, and in the same line not validated"
        elif proven is None:
            message = f"{name} is claimed, and there is no {source}"
        elif proven.get(name, "") != PROVEN:
            message = f"{name} is claimed, and the {source} says: {proven.get(name, 'nothing')}"
        else:
            continue
        yield Finding(claim.position, name, message, claim.path)


def _conclusions(document: Document) -> Iterator[Finding]:
    """Yield verdicts and goals that their own rows contradict."""
    doubted = [
        claim.criterion_id for claim in document.claims if claim.affirmed and claim.doubted and claim.criterion_id
    ]
    open_boxes = [
        claim.criterion_id for claim in document.claims if claim.box and not claim.box.ticked and claim.criterion_id
    ]
    if not any(claim.box for claim in document.claims):
        open_boxes = [
            criterion.id for criterion in document.criteria if criterion.box is not None and not criterion.box.ticked
        ]
    for number, line in enumerate(document.lines, start=1):
        if len(line) < _SHORTEST_CONCLUSION:
            continue
        bare = line.replace("*", "").replace("|", " ")
        if _APPROVAL.match(bare) and not _REFUSAL.search(bare) and (doubted or open_boxes):
            why = f"{', '.join(doubted)} not validated" if doubted else f"{', '.join(open_boxes)} open"
            yield Finding(Position(number, 1), "", f"the verdict approves, with {why}")
        achieved = _ACHIEVED.match(bare)
        if achieved and (_YES.search(achieved["answer"]) or affirms(achieved["answer"])):
            if open_boxes:
                yield Finding(
                    Position(number, 1), "", f"the goal is called achieved, with open boxes: {', '.join(open_boxes)}"
                )
            elif doubted or doubts(achieved["answer"]):
                yield Finding(
                    Position(number, 1), "", f"the goal is called achieved, with {', '.join(doubted)} not validated"
                )
