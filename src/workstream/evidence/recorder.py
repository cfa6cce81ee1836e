"""The only way into the evidence: a test says what it saw, and it is JSON at that line or an error at that line."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from workstream import errors
from workstream.evidence.records import Level, Observation

if TYPE_CHECKING:
    from collections.abc import Callable


class Recorder:
    """Records what one run of one test sees.

    Args:
        test: the test's node id.
        attempt: the first run of the test is 1.
        level: where this test observes, by the fixtures that it uses.
        keep: takes each observation.

    """

    def __init__(self, test: str, attempt: int, level: Level, keep: Callable[[Observation], None]) -> None:
        self._test = test
        self._attempt = attempt
        self._level = level
        self._keep = keep

    def record(self, what: str, value: object, *, command: str = "", level: Level | None = None) -> None:
        """Record one observation.

        Args:
            what: what was looked at.
            value: what was seen: anything that JSON can hold; sets (sorted), paths and dataclasses too.
            command: what shows it again.
            level: where it was seen, if not where this test observes; it cannot be nearer to the world.

        Raises:
            errors.EvidenceError: the value is nothing that JSON can hold, or the level is not this test's to claim.

        """
        claimed = level or self._level
        if not self._level.reaches(claimed):
            raise errors.EvidenceError(
                f"{self._test} claims to have seen {what!r} at level {claimed}, but uses only fixtures of level "
                f"{self._level}.",
                instead="A test that observes the cluster uses the fixture `cluster`.",
            )
        try:
            plain = json.loads(json.dumps(value, default=_plain, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise errors.EvidenceError(
                f"{self._test} saw {what!r}, but what it saw cannot be kept: {error}.",
                instead="Record text, numbers, lists, mappings, sets, paths or dataclasses.",
            ) from error
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._keep(
            Observation(
                test=self._test, attempt=self._attempt, time=now, what=what, value=plain, command=command, level=claimed
            )
        )


def _plain(value: object) -> object:
    """Return what JSON holds instead of a value that it does not know."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, PurePath):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    message = f"{type(value).__name__} is nothing that JSON can hold"
    raise TypeError(message)
