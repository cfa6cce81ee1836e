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


class Signals:
    """SIGTERM and a lost terminal stop a run like Ctrl-C does; where pytest runs in a thread, nothing reaches it.

    Attributes:
        seen: the number of the last signal that was to stop the run; 0 if there was none.

    """

    def __init__(self) -> None:
        self.seen = 0
        self._process = os.getpid()
        here = threading.current_thread() is threading.main_thread()
        self._before = {number: signal.signal(number, self._interrupt) for number in (_NUMBERS if here else ())}

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        if self._leave(number):
            return
        # Every time: a test may have swallowed the one before.
        self.seen = number
        raise KeyboardInterrupt

    def _leave(self, number: int) -> bool:
        """Do with a signal what was done before there was a run, in a process that a test has forked away."""
        if os.getpid() == self._process:
            return False
        signal.signal(number, self._before[signal.Signals(number)])
        os.kill(os.getpid(), number)
        return True

    def shield(self) -> None:
        """Let no signal interrupt any more: what was made is being cleaned up."""
        for number in self._before:
            signal.signal(number, self._say)

    def _say(self, number: int, _frame: FrameType | None) -> None:
        if not self._leave(number):
            progress.say("interrupted", "cleaning up; this takes some seconds")

    def restore(self) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
