"""Signals: the first one stops a run, and none stops the cleaning up after it (except kill -9)."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from workstream import progress

if TYPE_CHECKING:
    from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ACTIVE: list[Signals] = []  # the last one is the one that has the signals
_FORKING = threading.local()


def _before_fork() -> None:
    """Hold signals back while a process forks: Python drops those that reach a child before it runs."""
    if _ACTIVE:
        _FORKING.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _NUMBERS)


def _after_fork(*, child: bool) -> None:
    """Let signals through again; to a child they do what they did before there was a run."""
    mask = getattr(_FORKING, "mask", None)
    if mask is None:
        return
    _FORKING.mask = None
    if child:
        for one in reversed(_ACTIVE):
            one.restore()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


os.register_at_fork(
    before=_before_fork,
    after_in_parent=lambda: _after_fork(child=False),
    after_in_child=lambda: _after_fork(child=True),
)


class Signals:
    """SIGTERM and a lost terminal stop a run like Ctrl-C does; where pytest runs in a thread, nothing reaches it.

    Attributes:
        seen: the number of the last signal that was to stop the run; 0 if there was none.

    """

    def __init__(self) -> None:
        self.seen = 0
        here = threading.current_thread() is threading.main_thread()
        self._before = {number: signal.signal(number, self._interrupt) for number in (_NUMBERS if here else ())}
        if self._before:
            _ACTIVE.append(self)

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        # Every time: a test may have swallowed the one before.
        self.seen = number
        raise KeyboardInterrupt

    def shield(self) -> None:
        """Let no signal interrupt any more: what was made is being cleaned up."""
        for number in self._before:
            signal.signal(number, self._say)

    def _say(self, _number: int, _frame: FrameType | None) -> None:
        progress.say("interrupted", "cleaning up; this takes some seconds")

    def restore(self) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
        if self in _ACTIVE:
            _ACTIVE.remove(self)
