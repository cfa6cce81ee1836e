"""What there was of the cluster, from look to look: written where something changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstream.evidence import provenance, records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import JsonValue


class Sights:
    """Tells what is there of the cluster.

    Args:
        keep: takes what is not as it was at the last look.

    """

    def __init__(self, keep: Callable[[records.Sight], None]) -> None:
        self._keep = keep
        self._last: Mapping[str, JsonValue] = {}

    def take(self, seen: Mapping[str, JsonValue]) -> None:
        """Take what a look saw; see `workstream.cluster.sight`."""
        if seen != self._last:
            self._last = seen
            self._keep(records.Sight.model_validate({"time": provenance.now(), **seen}))
