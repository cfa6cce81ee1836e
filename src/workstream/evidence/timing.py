"""Where the time of a run went: its steps as a tree, and the chain of steps that it had to wait for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from workstream import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from workstream.evidence.log import Log
    from workstream.evidence.records import Step

MAIN = "main"
_DEEPEST = 100  # steps that one of a run is a part of, at most
_CLOCK = 0.002  # seconds by which two clocks differ that tell milliseconds


@dataclass(frozen=True, slots=True)
class Span:
    """A step on the clock of its run.

    Attributes:
        step: the step.
        began: seconds after the run's first step began.
        ended: likewise.
        parts: the steps that it consists of, in order.

    """

    step: Step
    began: float
    ended: float
    parts: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A piece of the chain that the end of a run waited for.

    Attributes:
        began: seconds after the run's first step began.
        ended: likewise.
        span: the innermost step that was going on; None for what no step tells of.

    """

    began: float
    ended: float
    span: Span | None


def spans(log: Log) -> tuple[Span, ...]:
    """Return the steps of a log that are part of no other, with their parts, in the order in which they began.

    Raises:
        errors.EvidenceError: it tells of no steps, or of some that no run tells of.

    """
    if not log.steps:
        raise errors.EvidenceError(
            f"{log.path} tells of no steps: they are told since version 2.1 of the log's format, and this is "
            f"{log.session.schema_version}; or its run broke off before the first, or took no time worth telling.",
            instead="Run the suite again.",
        )
    try:
        times = {step.id: datetime.fromisoformat(step.began).timestamp() for step in log.steps}
    except (ValueError, OverflowError) as error:
        raise _edited(log, "of a step that began at no time") from error
    start = min(times.values())
    below: dict[str | None, list[Step]] = {}
    for step in log.steps:
        below.setdefault(step.parent if step.parent in times else None, []).append(step)
    _require_tree(log, below)

    def made(step: Step) -> Span:
        began = times[step.id] - start
        return Span(step, began, began + step.seconds, tuple(in_order(below.get(step.id, ()))))

    def in_order(steps: Iterable[Step]) -> list[Span]:
        return sorted(map(made, steps), key=lambda span: span.began)

    return tuple(in_order(below[None]))


def _require_tree(log: Log, below: Mapping[str | None, Sequence[Step]]) -> None:
    """Refuse steps that are parts of themselves, two with one id, and a tree that is too deep for any program."""
    level, found, depth = list(below.get(None, ())), 0, 0
    while level and depth < _DEEPEST and found <= len(log.steps):
        found += len(level)
        depth += 1
        level = [part for step in level for part in below.get(step.id, ())]
    if level or found != len(log.steps):
        raise _edited(log, "of steps that are parts of each other")


def _edited(log: Log, what: str) -> errors.EvidenceError:
    return errors.EvidenceError(f"{log.path} tells {what}.", instead="Somebody edited this log. Run the suite again.")


@dataclass(slots=True)
class _Threads:
    """The steps of a run by what did them.

    Attributes:
        roots: the steps that are part of no other, by thread.

    """

    roots: dict[str, list[Span]] = field(default_factory=dict)

    def innermost(self, thread: str, time: float) -> Span | None:
        """Return the innermost step of a thread that was going on just before a time."""
        return _innermost(self.roots.get(thread, ()), time)

    def ended_before(self, thread: str, time: float) -> float | None:
        """Return when the last step of a thread ended that ended before a time."""
        return max((span.ended for span in self.roots.get(thread, ()) if span.ended <= time), default=None)


def _innermost(candidates: Iterable[Span], time: float) -> Span | None:
    for span in candidates:
        if span.began < time - _CLOCK and time <= span.ended + _CLOCK:
            return _innermost(span.parts, time) or span
    return None


def critical_path(roots: Iterable[Span]) -> tuple[Link, ...]:
    """Return the chain of steps that the end of a run waited for, from the first to the last: without gaps.

    It is followed from the end: through the steps of the thread that runs the tests, and, where that did nothing but
    wait for another, through those of the other, back to where that one began.

    Args:
        roots: what `spans` returns.

    """
    threads = _Threads()
    for root in roots:
        threads.roots.setdefault(root.step.thread, []).append(root)
    thread = MAIN if MAIN in threads.roots else next(iter(threads.roots))
    home = thread
    time = max(root.ended for root in threads.roots[thread])
    links: list[Link] = []
    waited: set[str] = set()
    while time > _CLOCK:
        span = threads.innermost(thread, time)
        if span is not None and span.step.waits_for in threads.roots and span.step.id not in waited:
            waited.add(span.step.id)  # once: what is waited for may itself say nothing of that time
            thread = span.step.waits_for
            continue
        begin = _begin(threads, thread, span, time)
        if begin is None:
            if thread == home:
                break
            thread = home  # the other had not begun: whoever began it went on
            continue
        links.append(Link(begin, time, span))
        time = begin
    return tuple(reversed(links))


def _begin(threads: _Threads, thread: str, span: Span | None, time: float) -> float | None:
    """Return where the piece of a chain begins that ends at a time; None if its thread has not begun by then."""
    if span is not None:
        return max([span.began, *(part.ended for part in span.parts if part.ended < time - _CLOCK)])
    return threads.ended_before(thread, time - _CLOCK)


def flat(roots: Iterable[Span], depth: int = 0) -> Iterator[tuple[int, Span]]:
    """Yield each step with how many others it is a part of, a step before its parts."""
    for span in roots:
        yield depth, span
        yield from flat(span.parts, depth + 1)
