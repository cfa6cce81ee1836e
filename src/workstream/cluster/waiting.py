"""The only way to wait: a condition, a named limit, and what was seen last when time runs out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import tenacity

from workstream import errors, limits, processes, progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from workstream.limits import Limit

T = TypeVar("T")


def until(
    condition: Callable[[], T],
    limit: Limit,
    *,
    what: str,
    last_seen: Callable[[], str] = str,
    more: str = "",
) -> T:
    """Call a condition until what it returns is true, and return that: the less a call takes, the sooner the next.

    Args:
        condition: what is waited for. An exception that it raises ends the wait at once: that is how a
            condition says that there is no hope (an image that cannot be pulled, a crash loop).
        limit: how long to wait.
        what: the condition as a sentence, for the error.
        last_seen: describes the state at the end: events, the tail of a log.
        more: where to see more.

    Raises:
        errors.WaitError: the limit passed.
        errors.CancelledError: the run was interrupted.

    """
    looked = 0.0  # seconds that the last look took

    def check() -> T:
        nonlocal looked
        processes.require_not_cancelled()
        began = time.monotonic()
        try:
            return condition()
        finally:
            looked = time.monotonic() - began

    def pause(_: tenacity.RetryCallState) -> float:
        return min(limits.POLL_SECONDS, max(limits.LEAST_POLL_SECONDS, limits.POLL_PER_LOOK * looked))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda result: not result),
        wait=pause,
        stop=tenacity.stop_after_delay(limit.seconds),
    )
    try:
        with progress.waiting(lambda: what), progress.timed("wait", f"until {what}"):
            return retrying(check)
    except tenacity.RetryError as error:
        seen = last_seen()
        raise errors.WaitError(
            f"Waited {limit.seconds:g} s ({limit.name}) in vain for this: {what}."
            + (f"\nLast seen:\n{seen}" if seen else ""),
            instead="If this machine is only slow, set WORKSTREAM_PATIENCE=2: it doubles every limit.",
            more=more,
        ) from error
