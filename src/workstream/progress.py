"""What a person sees while it works: one line a step, with the time since the start and the step's own.

Lines go through the standard logger `workstream`: INFO is for people, DEBUG (every command that is run)
goes to the log file beside the evidence, and to the terminal with --verbose. Whoever wants to know how long steps took
listens to them.
"""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import time
from contextlib import contextmanager, suppress
from contextvars import ContextVar
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


_told: dict[str, float] = {}  # by subject: when a line was printed last
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


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done, and how long it took.

    Attributes:
        number: no other step of this process has it.
        parent: the number of the step that it was a part of; 0 if of none.
        thread: the name of the thread that did it.
        subject: what it is about, in a word.
        doing: what was done.
        began: when, in seconds since 1970.
        seconds: how long it took.
        failed: whether an exception ended it.
        waits_for: the name of the thread that it did nothing but wait for; empty if it did something.

    """

    number: int
    parent: int
    thread: str
    subject: str
    doing: str
    began: float
    seconds: float
    failed: bool
    waits_for: str


_NUMBERS = itertools.count(1)
_WITHIN: ContextVar[int] = ContextVar("step", default=0)
_LISTENERS: list[Callable[[Step], object]] = []


@contextmanager
def heard(listener: Callable[[Step], object]) -> Iterator[None]:
    """Let somebody be told of every step that ends, in the thread that did it."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)


@contextmanager
def timed(subject: str, doing: str, *, waits_for: str = "") -> Iterator[None]:
    """Tell those who listen how long something took; print nothing.

    Args:
        subject: see `Step`.
        doing: see `Step`.
        waits_for: see `Step`.

    """
    number, parent = next(_NUMBERS), _WITHIN.get()
    within = _WITHIN.set(number)
    began, started = time.time(), time.monotonic()
    failed = True
    try:
        yield
        failed = False
    finally:
        _WITHIN.reset(within)
        thread, seconds = threading.current_thread().name, time.monotonic() - started
        for listener in tuple(_LISTENERS):
            listener(Step(number, parent, thread, subject, doing, began, seconds, failed, waits_for))


@contextmanager
def step(subject: str, doing: str) -> Iterator[None]:
    """Print a line when a step starts, when it ends, and every half minute in between; see `timed`."""
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
        with waiting(lambda: doing, is_step=True), timed(subject, doing):
            yield
    except BaseException:
        say(subject, f"{doing}: FAILED after {seconds():.1f} s")
        raise
    else:
        say(subject, f"{doing}: done in {seconds():.1f} s")
    finally:
        ended.set()
        heart.join()
