"""Several runs that were parts of one suite, taken together: only where nothing changed between them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from workstream import errors
from workstream.evidence.freshness import fixtures
from workstream.evidence.records import Event, Execution, Link, Observation, Outcome, Selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workstream.evidence.log import Log

_Line = TypeVar("_Line", Observation, Execution, Outcome, Event, Link)


def combined(logs: Sequence[Log]) -> Log:
    """Return one log that says what several say; a test that ran in two of them was run twice.

    Args:
        logs: one or more, in the order in which they were written.

    Raises:
        errors.EvidenceError: something changed between them.

    """
    joined = logs[0]
    for other in logs[1:]:
        changed = next(_changes(joined, other), "")
        if changed:
            raise errors.EvidenceError(
                f"{other.path} cannot be taken together with {joined.path}: {changed}.",
                instead="Run the suite again, as a whole or in parts between which nothing changes.",
            )
        joined = _joined(joined, other)
    return joined


def _changes(first: Log, second: Log) -> Iterator[str]:
    """Yield what is not the same in two logs."""
    for name in ("document_id", "criteria", "context_sha256", "harness"):
        if getattr(first.session, name) != getattr(second.session, name):
            yield f"the {name.removesuffix('_sha256').replace('_', ' ')} changed"
    if first.rounds or second.rounds:
        yield "one of them is of several rounds"
    if set(first.manifest) != set(second.manifest):
        yield "the tests of the suite changed"
    described = {(subject.name, subject.path): subject.value for subject in first.subjects}
    for subject in second.subjects:
        if described.get((subject.name, subject.path), subject.value) != subject.value:
            yield f"{subject.name}{f' ({subject.path})' if subject.path else ''} changed"
    # Which other files a run tells depends on what it imported.
    alone = {subject.path for subject in first.subjects} ^ {subject.path for subject in second.subjects}
    for path in fixtures(first.manifest):
        if path in alone:
            yield f"{path} was there for one of them alone"


def _joined(first: Log, second: Log) -> Log:
    """Return two logs one after the other."""
    attempts: dict[str, int] = defaultdict(int)
    for test, attempt in [(line.test, line.attempt) for line in first.executions] + [
        (line.test, line.attempt) for line in first.outcomes
    ]:
        attempts[test] = max(attempts[test], attempt)
    return replace(
        first,
        path=second.path,
        selection=_selection(first.selection, second.selection),
        subjects=first.subjects + second.subjects,
        observations=first.observations + _later(second.observations, attempts),
        executions=first.executions + _later(second.executions, attempts),
        outcomes=first.outcomes + _later(second.outcomes, attempts),
        sights=first.sights + second.sights,
        events=first.events + _later(second.events, attempts),
        links=first.links + _later(second.links, attempts),
        dependencies=second.dependencies,
        end=second.end if first.end and second.end else None,
    )


def _later(lines: tuple[_Line, ...], attempts: Mapping[str, int]) -> tuple[_Line, ...]:
    """Return lines with their attempts numbered on from those before."""
    return tuple(line.model_copy(update={"attempt": line.attempt + attempts[line.test]}) for line in lines)


def _selection(first: Selection | None, second: Selection | None) -> Selection | None:
    """Return what two runs together left out."""
    if first is None or second is None:
        return None
    return Selection(
        options={**first.options, **second.options},
        test_paths=first.test_paths,
        left_out=tuple(test for test in first.left_out if test in second.left_out),
        unknown=tuple(dict.fromkeys(first.unknown + second.unknown)),
    )
