"""Several runs that were parts of one suite, taken together: only where nothing changed between them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from workstream import errors
from workstream.evidence.records import Execution, Observation, Outcome, Selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workstream.evidence.log import Log

_Line = TypeVar("_Line", Observation, Execution, Outcome)


def combined(logs: Sequence[Log]) -> Log:
    """Return one log that says what several say; a test that ran in two of them was run twice.

    Args:
        logs: one or more, in the order in which they were written.

    Raises:
        errors.EvidenceError: something is another thing in one of them than in another.

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


def _changes(one: Log, other: Log) -> Iterator[str]:
    """Yield what is not the same in two logs."""
    for name in ("document_id", "criteria", "context_sha256", "harness"):
        if getattr(one.session, name) != getattr(other.session, name):
            yield f"the {name.removesuffix('_sha256').replace('_', ' ')} changed"
    if one.rounds or other.rounds:
        yield "one of them is of several rounds"
    if set(one.manifest) != set(other.manifest):
        yield "the tests of the suite changed"
    told = {(subject.name, subject.path): subject.value for subject in one.subjects}
    for subject in other.subjects:
        if told.get((subject.name, subject.path), subject.value) != subject.value:
            yield f"{subject.name}{f' ({subject.path})' if subject.path else ''} changed"


def _joined(one: Log, other: Log) -> Log:
    """Return two logs one after the other."""
    attempts: dict[str, int] = defaultdict(int)
    for test, attempt in [(line.test, line.attempt) for line in one.executions] + [
        (line.test, line.attempt) for line in one.outcomes
    ]:
        attempts[test] = max(attempts[test], attempt)
    return replace(
        one,
        path=other.path,
        selection=_selection(one.selection, other.selection),
        subjects=one.subjects + other.subjects,
        observations=one.observations + _later(other.observations, attempts),
        executions=one.executions + _later(other.executions, attempts),
        outcomes=one.outcomes + _later(other.outcomes, attempts),
        end=other.end if one.end and other.end else None,
    )


def _later(lines: tuple[_Line, ...], attempts: Mapping[str, int]) -> tuple[_Line, ...]:
    """Return lines whose attempts count on from those before."""
    return tuple(line.model_copy(update={"attempt": line.attempt + attempts[line.test]}) for line in lines)


def _selection(one: Selection | None, other: Selection | None) -> Selection | None:
    """Return what two runs together left out."""
    if one is None or other is None:
        return None
    return Selection(
        options={**one.options, **other.options},
        test_paths=one.test_paths,
        left_out=tuple(test for test in one.left_out if test in other.left_out),
        unknown=tuple(dict.fromkeys(one.unknown + other.unknown)),
    )
