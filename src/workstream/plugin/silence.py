"""Says which test is under way, and what it waits for, when nobody would say anything for long."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workstream import limits, processes, progress
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONGEST = 300  # characters of what is waited for that fit into a line


@dataclass(eq=False)
class _UnderWay:
    """A test that runs.

    Attributes:
        test: its node id.
        thread: which thread runs it.
        since: when it began, on Python's monotonic clock.
        told: what was told of it last, and when.

    """

    test: str
    thread: int = field(default_factory=threading.get_ident)
    since: float = field(default_factory=time.monotonic)
    told: tuple[object, float] = (None, 0.0)


@dataclass(frozen=True)
class _Seen:
    """What a test is seen to do.

    Attributes:
        key: what tells it from others.
        since: when that began.
        due: when it is to be told, if it was not told before.
        doing: what it does.

    """

    key: object
    since: float
    due: float
    doing: str


class Silence:
    """Breaks a silence, from a thread of its own.

    Args:
        explain: what is known of the cluster that a test may wait for, a sentence each.

    """

    def __init__(self, explain: Callable[[], list[str]] = list) -> None:
        self._explain = explain
        self._test: _UnderWay | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="silence", daemon=True)

    def begin(self) -> None:
        """Begin to look."""
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    @contextmanager
    def during(self, test: str) -> Iterator[None]:
        """Look at a test for as long as it runs, in this thread."""
        self._test = _UnderWay(test)
        try:
            yield
        finally:
            self._test = None

    def _watch(self) -> None:
        while not self._ended.wait(limits.SILENCE_LOOK_SECONDS):
            test = self._test
            seen = _look(test) if test else None
            if test is None or seen is None:
                continue
            now = time.monotonic()
            key, last = test.told
            if now >= (last + limits.HEARTBEAT_SECONDS if key == seen.key else seen.due):
                test.told = seen.key, now
                why = self._explain()
                progress.say("waiting", "; ".join([f"{test.test}: for {now - seen.since:.0f} s {seen.doing}", *why]))


def _look(test: _UnderWay) -> _Seen | None:
    """Return what a test does; None if somebody says so anyway."""
    wait = progress.waits(test.thread)
    if wait is not None:
        doing = f"waiting for this: {one_line(wait.what(), _LONGEST)}"
        return None if wait.is_step else _Seen(wait, wait.since, wait.since + limits.QUIET_SECONDS, doing)
    if time.monotonic() < test.since + limits.QUIET_SECONDS:
        return None  # nothing is due, and to look for programs takes time
    for command, began in processes.started_otherwise():
        if began >= test.since:
            doing = f"a program that it started runs: {one_line(command, _LONGEST)}"
            return _Seen(command, began, began + limits.QUIET_SECONDS, doing)
    if progress.is_stepping():
        return None
    due = max(test.since, progress.last_said()) + limits.HEARTBEAT_SECONDS
    return _Seen("", test.since, due, "nothing was said")
