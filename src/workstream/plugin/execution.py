"""What every run of a test really did, seen from directly around its phases and its own function.

Reports are what plugins and conftest files make of it; a verdict rests on both. What fails where nobody looks (in a
thread, in a coroutine that nobody awaits, in a returned value) fails the test here, whatever warnings are switched off.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import inspect
import types
from typing import TYPE_CHECKING, Any

import pytest

from workstream import errors
from workstream.evidence import records
from workstream.plugin import binding, body, lost, shared_fixtures
from workstream.plugin.lost import in_one_line
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from workstream.evidence.records import Phase
    from workstream.plugin.running import Running


_YOUNG, _OLD = 1, 2  # generations of the garbage collector
_AGAIN = 2  # calls for one example
# The test's own function, as it was collected, and its code.
FUNCTION = pytest.StashKey[tuple[types.FunctionType, types.CodeType]]()


class Watch:
    """Sees what tests do. Registered after every other plugin, so that nothing stands between it and the tests.

    Args:
        keep: takes the lines of the log.
        is_own: whether a file of code is the project's own.

    """

    def __init__(
        self, keep: Callable[[records.Execution | records.Outcome], None], is_own: Callable[[Path], bool]
    ) -> None:
        self._keep = keep
        self.running: Running | None = None
        self._lost = lost.Lost(lambda: self.running, self._lose, is_own)
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
        gc.collect(_YOUNG)  # what earlier tests left behind is not this one's
        if self.running is not None:
            self.running.lost.clear()
        with self._ending("setup"):
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """See what the test's own function does, and how the call ends."""
        with self._ending("call"), self._watched(item):
            result = yield
            swallowed = getattr(item, "_excinfo", None)  # unittest keeps what setUp, tearDown and cleanups raise
            if swallowed and self.running is not None:
                self.running.ended["call"] = in_one_line(swallowed[0].value)
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
                for message in [*running.lost, *self._lost.unasked(running)]:
                    self._lose_later(running, message)
                self._keep(running.record())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, object, object]:
        """See how a subtest ends: before anybody else sees it, and may change it."""
        if self.running is not None and self.running.depth and call.excinfo is not None:
            self.running.parts.append(in_one_line(call.excinfo.value))
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
            running.ended[when] = in_one_line(error)
            raise
        if running.ended[when] == "nothing that was seen":
            running.ended[when] = ""

    @contextlib.contextmanager
    def _watched(self, item: pytest.Item) -> Iterator[None]:
        running = self.running
        if running is None:
            yield
            return
        function, code = item.stash.get(FUNCTION, (None, None))
        if function is not None:
            if function.__code__ is not code:
                raise errors.EvidenceError(
                    f"{running.test} was given other code than it was collected with, and nobody saw its own run.",
                    instead="Leave the function of a test as it is written.",
                )
            with body.watched(function, lambda original: self._around(original, running)), self._examples(function):
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

    @contextlib.contextmanager
    def _examples(self, function: types.FunctionType) -> Iterator[None]:
        """See whether what hypothesis calls once for each example calls the test's own function more than once."""
        handle = getattr(function, "hypothesis", None)
        example = getattr(handle, "inner_test", None)
        own = body.innermost(example)
        if handle is None or not callable(example) or own is None or own is example:
            yield
            return
        calls = 0

        @functools.wraps(example)
        def begins(*arguments: object, **named: object) -> Any:  # noqa: ANN401 - whatever the example returns
            nonlocal calls
            calls = 0
            return example(*arguments, **named)

        def counts(original: Callable[..., Any]) -> Callable[..., Any]:
            def called(*arguments: object, **named: object) -> Any:  # noqa: ANN401 - likewise
                nonlocal calls
                calls += 1
                if calls == _AGAIN:
                    self._lose("The test's function ran again for the same example of hypothesis: that is a retry")
                return original(*arguments, **named)

            return called

        handle.inner_test = begins  # where plugins may put something around it
        try:
            with body.watched(own, counts):
                yield
        finally:
            handle.inner_test = example

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
        of_setup = [*running.lost]
        gc.collect(generation)  # likewise
        running.lost[:] = of_setup
        running.bodies += 1
        running.depth += 1
        try:
            with self._lost.body(running):
                yield
            running.lost += self._lost.unbegun()  # before they are no longer young
            gc.collect(generation)  # an exception that nobody fetched is reported when its object is collected
            running.lost += self._lost.unasked(running)
            _require_nothing_lost(running)
        except BaseException as error:
            running.ended["call"] = in_one_line(error)
            raise
        finally:
            running.depth -= 1

    # What fails where nobody looks

    def watch(self) -> None:
        """Watch for failures where nobody looks, until `close`."""
        self._stack.callback(self._lost.close)
        self._lost.watch()
        self._stack.enter_context(shared_fixtures.watched(lambda: self.running, self._lose_later))

    def end(self) -> None:
        """Tell what tests left at work: no test runs any more."""
        for running, message in self._lost.unfinished():
            self._lose_later(running, message)

    def close(self) -> None:
        """Stop watching."""
        self._stack.close()

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
