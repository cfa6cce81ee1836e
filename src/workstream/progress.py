"""What a person sees while it works: one line a step, with the time since the start and the step's own.

Lines go through the standard logger `workstream`: INFO is for people, DEBUG (every command that is run)
goes to the log file beside the evidence, and to the terminal with --verbose.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, TypeVar

from workstream import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

logger = logging.getLogger("workstream")

_STARTED = time.monotonic()


class _ElapsedFormatter(logging.Formatter):
    """Puts the seconds since the program started before the message."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{time.monotonic() - _STARTED:7.1f}s  {record.getMessage()}"


def show(stream: TextIO, *, verbose: bool = False) -> logging.Handler:
    """Send progress to a terminal (or whatever `stream` is); return the handler, to `forget` it later."""
    return attach(logging.StreamHandler(stream), logging.DEBUG if verbose else logging.INFO)


class _File(logging.FileHandler):
    """Writes to a file until that fails, as on a full disk; then says so, once."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging calls it
        """Give up: nothing that is logged is worth more than the run."""
        del record
        error = sys.exc_info()[1]
        stream, self.stream = self.stream, None  # as logging itself does
        if stream is not None:
            with suppress(OSError):  # it still holds what could not be written
                stream.close()
        if self in logger.handlers:
            logger.removeHandler(self)
            say("log", f"{self.baseFilename} ends here: {error}")


def file(path: Path) -> logging.Handler:
    """Return a handler that writes everything that it gets to a file.

    Raises:
        OSError: there can be no such file.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = _File(path, encoding="utf-8", errors="replace")
    handler.setFormatter(_ElapsedFormatter())
    return handler


HandlerType = TypeVar("HandlerType", bound=logging.Handler)


def attach(handler: HandlerType, level: int) -> HandlerType:
    """Send progress, commands included if the level is that of debugging, to a handler; return it."""
    handler.setLevel(level)
    handler.setFormatter(_ElapsedFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    return handler


def forget(handler: logging.Handler) -> None:
    """Remove a handler and close it."""
    logger.removeHandler(handler)
    handler.close()


def say(subject: str, what: str) -> None:
    """Print one line: a decision that was taken, or a result."""
    _told[subject] = time.monotonic()
    logger.info("%-12s %s", subject, what)


def last_said() -> float:
    """Return when the last line was printed, on Python's monotonic clock."""
    return max(_told.values(), default=_STARTED)


@dataclass(frozen=True, slots=True, eq=False)
class Wait:
    """Something that a thread waits for.

    Attributes:
        what: says what, as it stands now.
        since: when it began, on Python's monotonic clock.
        is_step: whether it says by itself that it is still at it.

    """

    what: Callable[[], str]
    since: float
    is_step: bool = False


_told: dict[str, float] = {}
_waits: dict[int, list[Wait]] = {}  # by thread, the outermost first


def waits(thread: int) -> Wait | None:
    """Return what a thread waits for now, the outermost of several; None if nothing here knows of any.

    Args:
        thread: its identifier, as `threading.get_ident` says it.

    """
    return next(iter(_waits.get(thread, ())), None)


def is_stepping() -> bool:
    """Whether a step goes on, in whatever thread."""
    return any(wait.is_step for waiting in [*_waits.values()] for wait in [*waiting])


@contextmanager
def waiting(what: Callable[[], str], *, is_step: bool = False) -> Iterator[None]:
    """Let others know what this thread waits for; see `Wait`."""
    mine = _waits.setdefault(threading.get_ident(), [])
    wait = Wait(what, time.monotonic(), is_step)
    mine.append(wait)
    try:
        yield
    finally:
        mine.remove(wait)
        if not mine:
            del _waits[threading.get_ident()]


@contextmanager
def step(subject: str, doing: str) -> Iterator[None]:
    """Print a line when a step starts, when it ends, and every half minute in between."""
    started = time.monotonic()
    ended = threading.Event()

    def seconds() -> float:
        return time.monotonic() - started

    def beat() -> None:
        while not ended.wait(limits.HEARTBEAT_SECONDS):
            say(subject, f"{doing}: still at it ({seconds():.0f} s)")

    say(subject, f"{doing} …")
    heart = threading.Thread(target=beat, name=f"progress of {subject}", daemon=True)
    heart.start()
    try:
        with waiting(lambda: doing, is_step=True):
            yield
    except BaseException:
        say(subject, f"{doing}: FAILED after {seconds():.1f} s")
        raise
    else:
        say(subject, f"{doing}: done in {seconds():.1f} s")
    finally:
        ended.set()
        heart.join()
