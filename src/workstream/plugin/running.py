"""One run of a test, while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workstream.evidence import records

if TYPE_CHECKING:
    from workstream.evidence.records import Phase


@dataclass(eq=False)
class Running:
    """A run of a test, from its setup to its teardown.

    Attributes:
        test: its node id.
        attempt: the first run of a test is 1.
        round: see `records.Outcome`.
        bodies: how often its own function began.
        depth: how many of them are running now.
        ended: how each phase ended that began.
        parts: exceptions that ended subtests.
        lost: what failed where nobody looks, since the setup began.

    """

    test: str
    attempt: int
    round: int
    bodies: int = 0
    depth: int = 0
    ended: dict[Phase, str] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def phase(self) -> Phase:
        """Which phase is under way; `call` only while the body runs, since a test proves by what that records."""
        if self.depth:
            return "call"
        return "teardown" if self.bodies else "setup"

    def record(self) -> records.Execution:
        """Return the line of the log."""
        return records.Execution(
            test=self.test,
            attempt=self.attempt,
            round=self.round,
            bodies=self.bodies,
            ended=self.ended,
            parts=tuple(self.parts),
        )
