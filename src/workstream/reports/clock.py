"""The clock of a run: when things were, in seconds after it began."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workstream.evidence import Log

_NICE = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)  # seconds between ticks
_MOST_TICKS = 12
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of a run.

    Attributes:
        start: when it began, in seconds since 1970.
        seconds: how long it took; for a log that breaks off, as far as it tells.

    """

    start: float
    seconds: float

    def at(self, time: str) -> float | None:
        """Return when something was; None if its time cannot be read, or is not of this run."""
        moment = moment_of(time)
        if moment is None:
            return None
        seconds = moment - self.start
        return seconds if -1 <= seconds <= self.seconds + 1 else None  # Kubernetes tells whole seconds

    def percent(self, seconds: float) -> float:
        """Return where on a line of a hundred something is."""
        return round(min(100.0, max(0.0, 100 * seconds / self.seconds)), 3)

    def ticks(self) -> list[tuple[float, str]]:
        """Return where marks go, and what they say."""
        step = next((one for one in _NICE if self.seconds / one <= _MOST_TICKS), _NICE[-1])
        return [(self.percent(at), said(at)) for at in range(0, int(self.seconds) + 1, step)][: 10 * _MOST_TICKS]


def clock(log: Log) -> Clock:
    """Return the clock of a run."""
    told = sorted(moment for moment in _moments(log) if moment is not None and math.isfinite(moment))
    if not told:
        return Clock(0.0, 1.0)
    start = moment_of(log.session.time)
    start = told[0] if start is None else start
    return Clock(start, max(told[-1] - start, 1.0))


def _moments(log: Log) -> Iterator[float | None]:
    """Yield the times that this machine's own clock told; if the log has an end, the last of them is that."""
    yield moment_of(log.session.time)
    if log.end is not None and moment_of(log.end.time) is not None:
        yield moment_of(log.end.time)
        return
    for told in (log.observations, log.rounds, log.sights, log.links):
        yield from (moment_of(line.time) for line in told)
    yield from (moment_of(step.began, step.seconds) for step in log.steps)


def moment_of(time: str, later: float = 0) -> float | None:
    """Return a time, or some seconds later, in seconds since 1970; None if it cannot be read."""
    try:
        return datetime.fromisoformat(time).timestamp() + later
    except (ValueError, OverflowError, OSError):
        return None


def said(seconds: float) -> str:
    """Return a stretch of time as people say it."""
    if abs(seconds) < _MINUTE:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    minutes, rest = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    whole = f"{hours} h {minutes} min" if hours else f"{minutes} min"
    return f"{whole} {rest} s" if rest and not hours else whole
