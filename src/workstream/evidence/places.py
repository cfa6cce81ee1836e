"""Where criteria stand: what a log says of them follows their texts to where they stand now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workstream.evidence.verdict import text_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workstream.documents import Document
    from workstream.evidence.log import Log
    from workstream.evidence.records import Round


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
        rounds=tuple(_moved(one, moved) for one in log.rounds),
    )


def _moved(broken: Round, moved: Mapping[str, str]) -> Round:
    """Return a round whose criteria stand where they stand now; one whose text is there no more is none."""
    there = {then: moved[then] for then in broken.turns_red if moved.get(then)}
    says = {there[then]: words for then, words in broken.says.items() if then in there}
    return broken.model_copy(update={"turns_red": tuple(there.values()), "says": says})
