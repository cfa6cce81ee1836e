"""Signals: the first one stops a run, and none stops the cleaning up after it (except kill -9)."""

from __future__ import annotations

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
        here = threading.current_thread() is threading.main_thread()
        self._before = {number: signal.signal(number, self._interrupt) for number in (_NUMBERS if here else ())}

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        # Every time: a test may have swallowed the one before.
        self.seen = number
        raise KeyboardInterrupt

    def shield(self) -> None:
        """Let no signal interrupt any more: what was made is being cleaned up."""
        for number in self._before:
            signal.signal(number, lambda *_: progress.say("interrupted", "cleaning up; this takes some seconds"))

    def restore(self) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
