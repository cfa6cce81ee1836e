"""Where criteria stand: what a log says of them follows their texts to where they stand now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workstream.evidence.verdict import text_sha256

if TYPE_CHECKING:
    from workstream.documents import Document
    from workstream.evidence.log import Log


def placed(log: Log, document: Document) -> Log:
    """Return a log as if the criteria had stood where they stand now.

    A test of a criterion that is there no more speaks of none, which an empty id says.

    Args:
        log: the evidence.
        document: the document as it is now.

    """
    now = {criterion.id: text_sha256(criterion) for criterion in document.criteria}
    places = {sha256: place for place, sha256 in reversed(now.items())}
    moved = {
        then: then if now.get(then) == sha256 else places.get(sha256, "")
        for then, sha256 in log.session.criteria.items()
    }
    if all(then == place for then, place in moved.items()):
        return log
    criteria = {place: log.session.criteria[then] for then, place in moved.items() if place}
    return replace(
        log,
        session=log.session.model_copy(update={"criteria": criteria}),
        manifest=tuple(
            line.model_copy(update={"criterion_id": moved.get(line.criterion_id, "")}) for line in log.manifest
        ),
        rounds=tuple(
            one.model_copy(update={"turns_red": tuple(filter(None, (moved.get(red) for red in one.turns_red)))})
            for one in log.rounds
        ),
    )
