"""Events of a cluster, in the order in which they happened."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from kubernetes import client

    from workstream.cluster.access import Cluster


def of(cluster: Cluster, namespace: str, **chosen: str) -> list[client.CoreV1Event]:
    """Return the events of a namespace; none, and that is told once, if the account may not see them.

    Args:
        cluster: where.
        namespace: its name.
        chosen: selectors, as the API takes them.

    """
    listed = partial(cluster.core.list_namespaced_event, namespace, **chosen)
    return cluster.if_allowed(f"events in {namespace}", listed)


def when(event: client.CoreV1Event) -> datetime:
    """Return when an event happened last.

    There is no one field that every event has: those of the scheduler have only `eventTime`, those that are repeated
    a series, those of the kubelet and of most controllers `lastTimestamp`.
    """
    repeated = event.series and event.series.last_observed_time
    times = (repeated, event.last_timestamp, event.event_time, event.metadata.creation_timestamp)
    last: datetime = max(filter(None, times))
    return last


def lines(events: Iterable[client.CoreV1Event]) -> list[str]:
    """Return a line for each event, the last one last: time, namespace, type, reason, object, times, message."""
    return [
        f"{when(event):%Y-%m-%dT%H:%M:%SZ} {event.metadata.namespace} {event.type} {event.reason} "
        f"{(event.involved_object.kind or '').lower()}/{event.involved_object.name} x{_times(event)}: "
        + " ".join((event.message or "").split())
        for event in sorted(events, key=when)
    ]


def _times(event: client.CoreV1Event) -> int:
    """Return how often an event happened."""
    return int((event.series and event.series.count) or event.count or 1)
