"""How the criteria of a document stand: what `workstream status` and `tick` say, to people and to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from workstream.evidence import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from workstream.documents import Document
    from workstream.evidence import Verdict


NAME = "verdicts.json"


class CriterionStatus(BaseModel):
    """How one criterion stands.

    Attributes:
        id: its id, `AC1`.
        kind: `acceptance`, `goal`, `constraint` or `completion`.
        text: the statement as written.
        line: where it stands in the document, from 1.
        ticked: whether its box is ticked in the document; null if it has no box.
        state: the verdict as of now, `proven` or another one.
        reason: why, in a sentence; of `proven` what it rests on.
        tests: the node ids of the tests that speak of it.

    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    text: str
    line: int
    ticked: bool | None
    state: State
    reason: str
    tests: tuple[str, ...]

    @property
    def proven(self) -> bool:
        """Whether the box may be ticked."""
        return self.state is State.PROVEN


class Status(BaseModel):
    """How a document stands: the object that `workstream status --json` prints, and a run leaves as `verdicts.json`.

    Attributes:
        document: where the document was read.
        id: its id, `WS-001-04`.
        dialect: the name of its form.
        evidence: where the evidence was read: one path, or several of runs that were parts of one suite; of an
            accepted result its path.
        partial: whether the evidence is of a part of the suite.
        proven: whether every criterion is proven, and there is one.
        changes: the boxes that do not agree with the evidence, by criterion id: whether each is to be ticked.
        criteria: in the document's order.

    """

    model_config = ConfigDict(frozen=True)

    document: str
    id: str
    dialect: str
    evidence: tuple[str, ...]
    partial: bool
    proven: bool
    changes: dict[str, bool]
    criteria: tuple[CriterionStatus, ...]


class Tick(Status):
    """What evidence makes of a document's boxes: the object that `workstream tick --json` prints.

    Attributes:
        written: whether `changes` were written into the document.

    """

    written: bool


def status(document: Document, paths: Sequence[Path], verdicts: Sequence[Verdict], *, partial: bool) -> Status:
    """Return how a document stands.

    Args:
        document: the document as it is now.
        paths: where its evidence was read, or its accepted result.
        verdicts: what it says of each criterion as of now.
        partial: whether it is evidence of a part of the suite.

    """
    criteria = tuple(
        CriterionStatus(
            id=verdict.criterion_id,
            kind=verdict.criterion.kind.name.lower(),
            text=verdict.criterion.text,
            line=verdict.criterion.position.line,
            ticked=verdict.criterion.box.ticked if verdict.criterion.box else None,
            state=verdict.state,
            reason=verdict.reason,
            tests=verdict.tests,
        )
        for verdict in verdicts
    )
    return Status(
        document=str(document.path),
        id=document.id,
        dialect=document.dialect,
        evidence=tuple(str(path) for path in paths),
        partial=partial,
        proven=bool(criteria) and all(criterion.proven for criterion in criteria),
        changes={
            criterion.id: criterion.proven
            for criterion in criteria
            if criterion.ticked is not None and criterion.ticked != criterion.proven
        },
        criteria=criteria,
    )
