"""What every run of a test really did, seen from directly around its phases and its own function.

Reports are what plugins and conftest files make of it; a verdict rests on both. What fails where nobody looks (in a
thread, in a coroutine that nobody awaits, in a returned value) fails the test here, whatever warnings are switched off.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import inspect
import threading
import warnings
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pytest

from workstream import errors
from workstream.evidence import records
from workstream.plugin import binding, body
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import CoroutineType

    from workstream.evidence.records import Phase


@dataclass(eq=False)
class Running:
    """A run of a test, from its setup to its teardown.

    Attributes:
        test: its node id.
        attempt: the first run of a test is 1.
        round: see `records.Outcome`.
        bodies: how often its own function began.
        depth: how many of them are running now.
        ended: how each phase ended that began.
        parts: exceptions that ended subtests.
        lost: what failed where nobody looks, since the body began.
        futures: failures of futures that the body made, and that nobody asked for yet, by the identity of the future.

    """

    test: str
    attempt: int
    round: int
    bodies: int = 0
    depth: int = 0
    ended: dict[Phase, str] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    futures: dict[int, str] = field(default_factory=dict)

    @property
    def phase(self) -> Phase:
        """Which phase is under way; `call` only while the body runs, since a test proves by what that records."""
        if self.depth:
            return "call"
        return "teardown" if self.bodies else "setup"

    def record(self) -> records.Execution:
        """Return the line of the log."""
        return records.Execution(
            test=self.test,
            attempt=self.attempt,
            round=self.round,
            bodies=self.bodies,
            ended=self.ended,
            parts=tuple(self.parts),
        )


_YOUNG, _OLD = 1, 2  # generations of the garbage collector
FUNCTION = pytest.StashKey[Any]()  # the test's own function, as it was collected


class Watch:
    """Sees what tests do. Registered after every other plugin, so that nothing stands between it and the tests.

    Args:
        keep: takes the lines of the log.

    """

    def __init__(self, keep: Callable[[records.Execution | records.Outcome], None]) -> None:
        self._keep = keep
        self.running: Running | None = None
        self._threads: WeakKeyDictionary[threading.Thread, Running | None] = WeakKeyDictionary()
        self._stack = contextlib.ExitStack()

    def begin(self, running: Running) -> None:
        """Take over: a test is about to be set up."""
        self.running = running

    def phase(self, running: Running) -> Phase | None:
        """Return which phase of a run is under way; None if it has ended."""
        return running.phase if self.running is running else None

    # Hooks: as near to the test as a hook can be

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self) -> Generator[None, object, object]:
        """See how the setup ends."""
        with self._ending("setup"):
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """See what the test's own function does, and how the call ends."""
        with self._ending("call"), self._watched(item):
            result = yield
            swallowed = getattr(item, "_excinfo", None)  # unittest keeps what setUp, tearDown and cleanups raise
            if swallowed and self.running is not None:
                self.running.ended["call"] = _in_one_line(swallowed[0].value)
            return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """See how the teardown ends, and tell what was seen."""
        try:
            with self._ending("teardown"):
                return (yield)
        finally:
            running, self.running = self.running, None
            if running is not None:
                for message in running.lost:
                    self._lose_later(running, message)
                self._keep(running.record())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, object, object]:
        """See how a subtest ends: before anybody else sees it, and may change it."""
        if self.running is not None and self.running.depth and call.excinfo is not None:
            self.running.parts.append(_in_one_line(call.excinfo.value))
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: object, request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Remember which of our fixtures a fixture asks for while it is set up."""
        before = binding.asked(request)
        try:
            return (yield)
        finally:
            known = request.config.stash.setdefault(binding.ASKED, {})
            known[id(fixturedef)] = binding.asked(request) - before

    @contextlib.contextmanager
    def _ending(self, when: Phase) -> Iterator[None]:
        """Keep how a phase ends."""
        if self.running is None:  # another plugin's hook kept us from seeing it begin
            yield
            return
        running = self.running
        running.ended[when] = "nothing that was seen"
        try:
            yield
        except BaseException as error:
            running.ended[when] = _in_one_line(error)
            raise
        if running.ended[when] == "nothing that was seen":
            running.ended[when] = ""

    @contextlib.contextmanager
    def _watched(self, item: pytest.Item) -> Iterator[None]:
        running = self.running
        if running is None:
            yield
            return
        function = item.stash.get(FUNCTION, None)
        if function is not None:
            with body.watched(function, lambda original: self._around(original, running)):
                yield
            return
        # Not a Python function: watch what pytest calls in its place.
        before = vars(item).get("runtest")  # set by another plugin
        item.runtest = self._around(item.runtest, running)  # type: ignore[method-assign]
        try:
            yield
        finally:
            del item.runtest
            if before is not None:
                item.runtest = before  # type: ignore[method-assign]

    def _around(self, original: Callable[..., Any], running: Running) -> Callable[..., Any]:
        """Return what is called in place of a test's own function."""
        if inspect.iscoroutinefunction(original):

            async def awaited(*arguments: object, **named: object) -> None:
                __tracebackhide__ = True
                with self._body(running, old=True):
                    _require_nothing(await original(*arguments, **named))

            return awaited

        def called(*arguments: object, **named: object) -> None:
            __tracebackhide__ = True
            with self._body(running):
                _require_nothing(original(*arguments, **named))

        return called

    @contextlib.contextmanager
    def _body(self, running: Running, *, old: bool = False) -> Iterator[None]:
        """See a test's own function run.

        Args:
            running: the run of the test.
            old: whether what it leaves behind may be in the garbage collector's second generation by its end, like what
                an event loop held: to collect that takes longer.

        """
        generation = _OLD if old else _YOUNG
        gc.collect(generation)  # what earlier tests left behind is not this one's
        running.lost.clear()
        for thread in threading.enumerate():
            self._threads.setdefault(thread, None)  # a fixture's
        running.bodies += 1
        running.depth += 1
        try:
            yield
            self._note_threads(running)
            gc.collect(generation)  # an exception that nobody fetched is reported when its object is collected
            _require_nothing_lost(running)
        except BaseException as error:
            running.ended["call"] = _in_one_line(error)
            raise
        finally:
            running.depth -= 1

    # What fails where nobody looks

    def watch(self) -> None:
        """Watch for failures in threads, coroutines and futures, until `close`."""
        self._threads.update(dict.fromkeys(threading.enumerate()))  # nobody's: they were there before the tests
        before = threading.excepthook

        def hook(arguments: threading.ExceptHookArgs) -> None:
            owner = self._threads.get(arguments.thread) if arguments.thread else None
            # What a fixture runs beside its test may end with it; what it asserts counts all the same.
            if owner is not None or isinstance(arguments.exc_value, AssertionError):
                self._lose(f"An exception was lost in a thread: {_in_one_line(arguments.exc_value)}", owner)
            before(arguments)

        def tell(original: Callable[..., None], coroutine: CoroutineType[Any, Any, Any]) -> None:
            self._lose(f"A coroutine was never awaited: {coroutine.__qualname__}")
            original(coroutine)

        def handle(original: Callable[..., None], loop: object, context: dict[str, Any]) -> None:
            if context.get("exception") is not None:
                self._lose(f"An exception was lost in asyncio: {_in_one_line(context['exception'])}")
            original(loop, context)

        threading.excepthook = hook
        self._stack.callback(setattr, threading, "excepthook", before)
        self._replace(warnings, "_warn_unawaited_coroutine", tell)  # Python calls it by this name
        self._replace(asyncio.BaseEventLoop, "call_exception_handler", handle)
        self._watch_futures()

    def _watch_futures(self) -> None:
        """Watch the futures that a body makes for failures that nobody asks for."""

        def made(original: Callable[..., None], future: Future[Any]) -> None:
            original(future)
            future.workstream = self.running if self.running and self.running.depth else None  # type: ignore[attr-defined]

        def failed(original: Callable[..., None], future: Future[Any], error: BaseException | None) -> None:
            owner: Running | None = getattr(future, "workstream", None)
            if owner is not None:
                owner.futures[id(future)] = _in_one_line(error)
            original(future, error)

        def asked(original: Callable[..., Any], future: Future[Any], *arguments: object, **named: object) -> Any:  # noqa: ANN401 - anything
            try:
                return original(future, *arguments, **named)
            finally:
                owner: Running | None = getattr(future, "workstream", None)
                if owner is not None and future.done():
                    owner.futures.pop(id(future), None)

        self._replace(Future, "__init__", made)
        self._replace(Future, "set_exception", failed)
        self._replace(Future, "result", asked)
        self._replace(Future, "exception", asked)

    def _replace(self, where: Any, name: str, instead: Callable[..., Any]) -> None:  # noqa: ANN401 - a module or a class
        """Replace a function by one that takes the original in front of its arguments, until `close`."""
        before = getattr(where, name)

        @functools.wraps(before)
        def called(*arguments: object, **named: object) -> Any:  # noqa: ANN401 - anything
            return instead(before, *arguments, **named)

        setattr(where, name, called)
        self._stack.callback(setattr, where, name, before)

    def close(self) -> None:
        """Stop watching."""
        self._stack.close()

    def _note_threads(self, running: Running) -> None:
        """Note that threads without an owner belong to this run: they may outlive the test."""
        for thread in threading.enumerate():
            self._threads.setdefault(thread, running)

    def _lose(self, message: str, owner: Running | None = None) -> None:
        running = owner or self.running
        if running is None:
            return
        if running is self.running:
            running.lost.append(message)
        else:
            self._lose_later(running, message)

    def _lose_later(self, running: Running, message: str) -> None:
        """Record what failed after the body had ended: pytest has no report for it."""
        self._keep(
            records.Outcome(
                test=running.test,
                attempt=running.attempt,
                round=running.round,
                when="call",
                result=records.Result.FAILED,
                message=message,
            )
        )


def _require_nothing_lost(running: Running) -> None:
    """Refuse what failed where nobody looks.

    Raises:
        errors.EvidenceError: something did.

    """
    running.lost += [f"A failure was lost in a future: {failure}" for failure in running.futures.values()]
    running.futures.clear()
    if running.lost:
        lost, running.lost = running.lost, []
        raise errors.EvidenceError("; ".join(lost), instead="Let the test itself see it: join, await, assert.")


def _require_nothing(result: object) -> None:
    """Refuse what a test returns.

    Raises:
        errors.EvidenceError: it returns something, which nobody looks at.

    """
    __tracebackhide__ = True
    if result is None:
        return
    if inspect.iscoroutine(result):
        result.close()  # reported here, and not again by Python
    raise errors.EvidenceError(
        f"The test returned {one_line(repr(result))}, and what a test returns proves nothing.",
        instead="Write `assert` where it says `return`.",
    )


def _in_one_line(error: BaseException | None) -> str:
    """Return an exception in one line."""
    return one_line(f"{type(error).__name__}: {error}".removesuffix(": "))
