"""The gate: whether a change may land, in one sentence, and what keeps it closed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from workstream.documents.audit import audit
from workstream.evidence import State
from workstream.evidence.verdict import text_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.documents import Document
    from workstream.evidence import Verdict
    from workstream.evidence.accepted import Statement

_MOST_NAMED = 20  # of a document, in a sentence


class Policy(StrEnum):
    """What opens the gate."""

    PROVEN = "proven"
    NO_REGRESSION = "no-regression"


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of one document that the gate requires.

    Attributes:
        document: the document.
        verdicts: of each criterion, as of now; empty if there is no evidence of it.
        problem: why there are none, in a sentence; else empty.
        accepted: what was accepted of it before; None if nothing was.

    """

    document: Document
    verdicts: tuple[Verdict, ...] = ()
    problem: str = ""
    accepted: Statement | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that keeps the gate closed.

    Attributes:
        document: the document.
        name: the criterion's id; empty if it is about the document.
        line: where that stands in the document, from 1.
        state: the verdict, or what else is wrong, in a few words.
        text: the criterion's text; empty if it is about the document.
        reason: why, in a sentence.

    """

    document: Document
    name: str
    line: int
    state: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a change may land.

    Attributes:
        sentence: that, and why.
        obstacles: what keeps the gate closed, in the order of the documents; empty if it is open.

    """

    sentence: str
    obstacles: tuple[Obstacle, ...]

    @property
    def is_open(self) -> bool:
        """Whether the change may land."""
        return not self.obstacles


def decide(judged: Sequence[Judged], policy: Policy) -> Decision:
    """Return whether a change may land.

    Args:
        judged: the documents that are required; one at least.
        policy: what opens the gate.

    """
    obstacles = tuple(obstacle for one in judged for obstacle in _obstacles(one, policy))
    if obstacles:
        return Decision(f"The gate is closed: {'; '.join(_closing(judged, obstacles))}.", obstacles)
    counts = ", ".join(_count(one, policy) for one in judged)
    why = "nothing that was accepted got worse" if policy is Policy.NO_REGRESSION else "every criterion is proven"
    return Decision(f"The gate is open: {why} ({counts}).", ())


def _count(judged: Judged, policy: Policy) -> str:
    """Return how many criteria of a document are proven, and whether there was anything that could have got worse."""
    proven = sum(verdict.proven for verdict in judged.verdicts)
    unknown = ", never accepted" if policy is Policy.NO_REGRESSION and judged.accepted is None else ""
    return f"{proven} of {len(judged.verdicts)} criteria of {judged.document.id}{unknown}"


def _obstacles(judged: Judged, policy: Policy) -> Iterator[Obstacle]:
    if judged.problem:
        yield Obstacle(judged.document, "", 1, "no evidence", "", judged.problem)
        return
    if not judged.verdicts:
        yield Obstacle(
            judged.document, "", 1, "no criteria", "", "The document has no criteria: nothing can be proven."
        )
    before = {one.sha256: one for one in judged.accepted.details.criteria} if judged.accepted else {}
    proven = {sha256: one for sha256, one in before.items() if one.state is State.PROVEN}
    for verdict in judged.verdicts:
        was_proven = proven.pop(text_sha256(verdict.criterion), None) is not None
        criterion = verdict.criterion
        ticked = criterion.box is not None and criterion.box.ticked
        if verdict.proven or (policy is Policy.NO_REGRESSION and not was_proven and not ticked):
            continue
        state = "".join([str(verdict.state), *[", was proven"] * was_proven, *[", and ticked"] * ticked])
        yield Obstacle(judged.document, criterion.id, criterion.position.line, state, criterion.text, verdict.reason)
    states = {verdict.criterion_id: str(verdict.state) for verdict in judged.verdicts}
    places = {criterion.position for criterion in judged.document.criteria}
    for finding in audit(judged.document, states):
        if finding.position not in places:  # a tick of a criterion itself is told above
            yield Obstacle(judged.document, finding.criterion_id, finding.position.line, "claimed", "", finding.message)
    if policy is Policy.NO_REGRESSION:
        for one in proven.values():
            why = "The document does not have this criterion any more, or words it otherwise; it was proven."
            yield Obstacle(judged.document, one.id, 1, "gone, was proven", one.text, why)


def _closing(judged: Sequence[Judged], obstacles: Sequence[Obstacle]) -> Iterator[str]:
    """Yield what keeps the gate closed, one part for each document."""
    for one in judged:
        ours = [obstacle for obstacle in obstacles if obstacle.document is one.document]
        named = [f"{obstacle.name} ({obstacle.state})" if obstacle.name else obstacle.state for obstacle in ours]
        more = [f"and {len(named) - _MOST_NAMED} more"] if len(named) > _MOST_NAMED else []
        if named:
            yield f"{one.document.id}: {', '.join([*named[:_MOST_NAMED], *more])}"
