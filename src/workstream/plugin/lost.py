"""What fails where nobody looks: in threads, coroutines, futures, pools, processes and callbacks.

pytest only warns of some of that, and does not see the rest.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import logging
import mmap
import os
import socketserver
import sys
import threading
import traceback
import warnings
from concurrent.futures import Future
from multiprocessing.pool import ApplyResult, IMapIterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakKeyDictionary

from _pytest.outcomes import Failed

from workstream.plugin import unfinished
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CoroutineType

    from workstream.plugin.running import Running


# What logs an error and tries again, or is watched as what it is.
_TELLING = {"asyncio", "backoff", "concurrent", "retrying", "tenacity"}
_AT_WORK = "is still at work, and nobody will hear what it asserts"
_UNCAUGHT = 1  # the exit code of a process of Python that an exception ended


class Lost:
    """Watches for failures that nobody looks at, from `watch` to `close`.

    Args:
        under_way: tells the run that is under way.
        lose: takes what failed; and of which run, if that is known.
        is_own: whether a file of code is the project's own.

    """

    def __init__(
        self,
        under_way: Callable[[], Running | None],
        lose: Callable[[str, Running | None], None],
        is_own: Callable[[Path], bool],
    ) -> None:
        self._under_way = under_way
        self._lose = lose
        self._is_own = is_own
        self._targets: WeakKeyDictionary[BaseProcess, object] = WeakKeyDictionary()
        self._tasks: WeakKeyDictionary[asyncio.Task[Any], Running | None] = WeakKeyDictionary()
        self._threads: WeakKeyDictionary[threading.Thread, Running | None] = WeakKeyDictionary()
        # What a body made that may fail, and of which nobody has asked yet whether it did.
        self._failures: dict[int, tuple[Running, str]] = {}
        self._pending: dict[int, tuple[Running, Any]] = {}
        self._stack = contextlib.ExitStack()

    def watch(self) -> None:
        """Begin to watch."""
        self._watch_threads()
        self._replace(warnings, "_warn_unawaited_coroutine", self._unawaited)  # Python calls it by this name
        self._replace(asyncio.BaseEventLoop, "call_exception_handler", self._handled)
        self._replace(socketserver.BaseServer, "finish_request", self._asserting("a server"))
        self._watch_logging()
        self._watch_futures()
        self._watch_pools()
        self._watch_processes()
        self._watch_tasks()
        self._watch_exit()

    def close(self) -> None:
        """Stop watching. Threads of the run may end behind it, in a process that goes on: nobody is left to tell."""
        self._stack.close()
        self._lose = lambda *_: None

    @contextlib.contextmanager
    def body(self, owner: Running) -> Iterator[None]:
        """Let what is made meanwhile belong to a run; keep a process that forks away from going on as this one."""
        process = os.getpid()
        with mmap.mmap(-1, 1) as shared:  # anonymous memory, which a forked process shares
            try:
                yield
            except BaseException as error:
                if os.getpid() != process:
                    _end_child(error, shared)
                raise
            if os.getpid() != process:
                os._exit(0)
            if shared[0]:
                self._lose("An exception was lost in a forked process", owner)

    def unasked(self, owner: Running) -> list[str]:
        """Return what failed of that which a run made, and that nobody asked for; once."""
        failures = [failure for one, failure in self._failures.values() if one is owner]
        self._failures = {key: value for key, value in self._failures.items() if value[0] is not owner}
        for key, (one, made) in list(self._pending.items()):
            failure = _failure(made) if one is owner else ""
            if failure:
                del self._pending[key]
                failures.append(failure)
        failed = [task for task, one in list(self._tasks.items()) if one is owner and _is_unasked(task)]
        for task in failed:
            task._log_traceback = False  # noqa: SLF001 - asyncio need not tell it again
            failures.append(f"A failure was lost in a task: {in_one_line(task._exception)}")  # noqa: SLF001
        return failures

    def unbegun(self) -> list[str]:
        """Return the coroutines that assert something and that nobody awaits: Python tells of one only when it goes."""
        return [f"A coroutine was never awaited: {name}" for name in unfinished.coroutines(self._is_own)]

    def unfinished(self) -> Iterator[tuple[Running, str]]:
        """Yield what still asserts something although all tests have ended: of which run it is, and a sentence."""
        begun = {thread: owner for thread, owner in self._threads.items() if owner is not None}
        for thread in unfinished.threads(begun, self._is_own):
            yield begun[thread], f"The thread {thread.name} {_AT_WORK}"
        made = {one: owner for owner, one in self._pending.values() if isinstance(one, BaseProcess)}
        for process in unfinished.processes({one: self._targets.get(one) for one in made}, self._is_own):
            yield made[process], f"The process {process.name} {_AT_WORK}"
        owners = [one for one, _ in [*self._failures.values(), *self._pending.values()]]
        for owner in dict.fromkeys([*owners, *filter(None, self._tasks.values())]):
            yield from ((owner, failure) for failure in self.unasked(owner))

    def _owner(self) -> Running | None:
        """Return the run whose body is running."""
        running = self._under_way()
        return running if running is not None and running.depth else None

    # Threads, coroutines, and what Python itself can only print

    def _watch_threads(self) -> None:
        before, before_unraisable = threading.excepthook, sys.unraisablehook

        def started(original: Callable[..., None], thread: threading.Thread) -> None:
            # A thread of a thread is of the same run, whatever runs by now.
            owner = self._threads[thread] = self._threads.get(threading.current_thread()) or self._owner()
            invoke = getattr(thread, "_invoke_excepthook", None)  # what calls the hook
            if invoke is not None:
                thread._invoke_excepthook = hearing(invoke, owner)  # type: ignore[attr-defined] # noqa: SLF001 - its own
            original(thread)

        def hearing(invoke: Callable[..., None], owner: Running | None) -> Callable[..., None]:
            def invoked(*arguments: object) -> None:
                error = sys.exc_info()[1]
                # Whoever hears of exceptions in a hook of their own hears of this one; but no check fails on purpose.
                if threading.excepthook is not hook and isinstance(error, AssertionError | Failed):
                    self._lose(f"An exception was lost in a thread: {in_one_line(error)}", owner)
                invoke(*arguments)

            return invoked

        def hook(arguments: threading.ExceptHookArgs) -> None:
            owner = self._threads.get(arguments.thread) if arguments.thread else None
            # What serves beside a test may end with it. What the test begins and means to end by itself, must end well.
            asked = owner is not None and arguments.thread is not None and not arguments.thread.daemon
            if (asked and not isinstance(arguments.exc_value, SystemExit)) or self._checks(arguments.exc_value):
                self._lose(f"An exception was lost in a thread: {in_one_line(arguments.exc_value)}", owner)
            before(arguments)

        def unraisable(arguments: sys.UnraisableHookArgs) -> None:
            if self._checks(arguments.exc_value):
                self._lose(f"An exception was lost where nobody can catch it: {in_one_line(arguments.exc_value)}", None)
            before_unraisable(arguments)

        self._replace(threading.Thread, "start", started)
        threading.excepthook = hook
        self._stack.callback(setattr, threading, "excepthook", before)
        sys.unraisablehook = unraisable
        self._stack.callback(setattr, sys, "unraisablehook", before_unraisable)

    def _unawaited(self, original: Callable[..., None], coroutine: CoroutineType[Any, Any, Any]) -> None:
        self._lose(f"A coroutine was never awaited: {coroutine.__qualname__}", None)
        original(coroutine)

    def _handled(self, original: Callable[..., None], loop: object, context: dict[str, Any]) -> None:
        if context.get("exception") is not None:
            task = context.get("task") or context.get("future")
            owner = self._tasks.get(task) if isinstance(task, asyncio.Task) else None
            self._lose(f"An exception was lost in asyncio: {in_one_line(context['exception'])}", owner)
        original(loop, context)

    def _asserting(self, where: str) -> Callable[..., Any]:
        """Return what calls something that is asked to assert nothing: whoever calls it only logs what it raises."""

        def called(original: Callable[..., Any], *arguments: object, **named: object) -> Any:  # noqa: ANN401 - anything
            try:
                return original(*arguments, **named)
            except BaseException as error:
                if not self._checks(error):
                    raise
                self._lose(f"An exception was lost in {where}: {in_one_line(error)}", None)
                raise

        return called

    def _checks(self, error: BaseException | None) -> bool:
        """Whether an exception says that a check failed, or that one came to nothing: not that somebody hung up."""
        if isinstance(error, SystemExit):
            return error.code not in (None, 0)  # which may be a list, say
        if error is None or isinstance(error, AssertionError | Failed):
            return error is not None
        return not _is_hung_up(error) and unfinished.asserted(error.__traceback__, self._is_own)

    # What others catch, and only log

    def _watch_logging(self) -> None:
        def handled(original: Callable[..., None], logger: logging.Logger, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None  # a suite may put anything there
            path = Path(record.pathname)
            swallowed = record.levelno >= logging.ERROR and not self._is_own(path) and _TELLING.isdisjoint(path.parts)
            if swallowed and isinstance(error, AssertionError | Failed) and self._is_of_test(error):
                self._lose(f"An exception was only logged: {in_one_line(error)}", None)
            original(logger, record)

        def failed(original: Callable[..., None], handler: logging.Handler, record: logging.LogRecord) -> None:
            error = sys.exc_info()[1]
            if error is not None and self._checks(error):
                self._lose(f"An exception was lost in a handler of logging: {in_one_line(error)}", None)
            original(handler, record)

        self._replace(logging.Logger, "handle", handled)
        self._replace(logging.Handler, "handleError", failed)

    def _is_of_test(self, error: BaseException) -> bool:
        """Whether an exception came through the module of the test that is running: a handler, say, that it serves."""
        running = self._under_way()
        module = Path(running.test.partition("::")[0]).name if running is not None else ""
        return any(Path(one.filename).name == module for one in traceback.extract_tb(error.__traceback__))

    # Futures, pools and processes: what somebody has to ask

    def _watch_futures(self) -> None:
        def made(original: Callable[..., None], future: Future[Any]) -> None:
            original(future)
            future.workstream = self._owner()  # type: ignore[attr-defined]

        def failed(original: Callable[..., None], future: Future[Any], error: BaseException | None) -> None:
            owner: Running | None = getattr(future, "workstream", None)
            if owner is not None and owner is self._under_way():
                self._failures[id(future)] = owner, f"A failure was lost in a future: {in_one_line(error)}"
            elif owner is not None:  # too late for anybody to ask
                self._lose(f"A failure was lost in a future: {in_one_line(error)}", owner)
            original(future, error)

        def asked(original: Callable[..., Any], future: Future[Any], *arguments: object, **named: object) -> Any:  # noqa: ANN401 - anything
            try:
                return original(future, *arguments, **named)
            finally:
                if future.done():
                    self._failures.pop(id(future), None)

        def added(original: Callable[..., None], future: Future[Any], callback: Callable[..., object]) -> None:
            original(future, functools.partial(self._asserting("a future's callback"), callback))

        self._replace(Future, "__init__", made)
        self._replace(Future, "set_exception", failed)
        self._replace(Future, "result", asked)
        self._replace(Future, "exception", asked)
        self._replace(Future, "add_done_callback", added)

    def _watch_pools(self) -> None:
        self._replace(IMapIterator, "__init__", self._made)  # which keeps what nobody has taken
        self._replace(ApplyResult, "__init__", self._made)
        self._replace(ApplyResult, "get", self._asked)
        self._replace(ApplyResult, "successful", self._asked)

    def _watch_processes(self) -> None:
        before = BaseProcess.exitcode

        def exitcode(process: BaseProcess) -> int | None:
            self._pending.pop(id(process), None)
            return before.__get__(process)  # type: ignore[no-any-return] # a property

        def started(original: Callable[..., None], process: BaseProcess) -> None:
            target = unfinished.target_of(process)
            self._made(original, process)
            self._targets[process] = target

        self._replace(BaseProcess, "start", started)
        BaseProcess.exitcode = property(exitcode)  # type: ignore[assignment] # likewise
        self._stack.callback(setattr, BaseProcess, "exitcode", before)

    def _watch_tasks(self) -> None:
        def created(original: Callable[..., asyncio.Task[Any]], *arguments: object, **named: object) -> Any:  # noqa: ANN401 - anything
            task = original(*arguments, **named)
            self._tasks[task] = self._owner()
            return task

        def cancelled(original: Callable[..., None], loop: asyncio.AbstractEventLoop) -> None:
            for task in asyncio.all_tasks(loop):
                owner = self._tasks.get(task)
                if owner is not None and unfinished.will_assert(task.get_coro(), self._is_own):
                    self._lose(f"A task was ended before it had asserted anything: {task.get_name()}", owner)
            original(loop)

        self._replace(asyncio.BaseEventLoop, "create_task", created)
        self._replace(asyncio.runners, "_cancel_all_tasks", cancelled)  # whatever a loop still holds at its end

    def _watch_exit(self) -> None:
        def registered(original: Callable[..., Any], function: Any, *arguments: object, **named: object) -> Any:  # noqa: ANN401 - anything
            if unfinished.asserts(function, self._is_own):
                self._lose(
                    "What Python calls when it ends asserts something, and nobody will hear of it", self._owner()
                )
            return original(function, *arguments, **named)

        self._replace(atexit, "register", registered)

    def _made(self, original: Callable[..., None], one: object, *arguments: object, **named: object) -> None:
        original(one, *arguments, **named)
        owner = self._owner()
        if owner is not None:
            self._pending[id(one)] = owner, one

    def _asked(self, original: Callable[..., Any], one: object, *arguments: object, **named: object) -> Any:  # noqa: ANN401 - anything
        try:
            return original(one, *arguments, **named)
        finally:
            self._pending.pop(id(one), None)

    def _replace(self, where: Any, name: str, instead: Callable[..., Any]) -> None:  # noqa: ANN401 - a module or a class
        """Replace a function by one that takes the original in front of its arguments, until `close`."""
        before = getattr(where, name)

        @functools.wraps(before)
        def called(*arguments: object, **named: object) -> Any:  # noqa: ANN401 - anything
            return instead(before, *arguments, **named)

        setattr(where, name, called)
        self._stack.callback(setattr, where, name, before)


def _failure(made: Any) -> str:  # noqa: ANN401 - they have no class in common
    """Return how a result of a pool, or a process, failed; empty if it did not, or not yet."""
    if isinstance(made, BaseProcess):
        # Who ends a process from outside, or lets it end with a code of its own, means to.
        ended = not made._closed and made._popen.poll() == _UNCAUGHT  # type: ignore[attr-defined] # noqa: SLF001
        return f"A failure was lost in the process {made.name}" if ended else ""
    if isinstance(made, IMapIterator):
        failed = [value for success, value in [*made._items, *made._unsorted.values()] if not success]  # type: ignore[attr-defined] # noqa: SLF001
    else:
        told = made._error_callback is not None  # noqa: SLF001
        failed = [made._value] if made.ready() and not made._success and not told else []  # noqa: SLF001
    return f"A failure was lost in a pool: {in_one_line(failed[0])}" if failed else ""


def _is_hung_up(error: BaseException) -> bool:
    """Whether an exception says that a connection of a server ended, as it may; a client that finds none says more."""
    if isinstance(error, ConnectionRefusedError):
        return False
    return type(error) is OSError or isinstance(error, ConnectionError | TimeoutError | InterruptedError)


def _is_unasked(task: asyncio.Task[Any]) -> bool:
    """Whether a task failed, and nobody asked: asyncio tells so when nobody holds it any more, which may be never."""
    return bool(getattr(task, "_log_traceback", False))


def _end_child(error: BaseException, shared: mmap.mmap) -> NoReturn:
    """End a forked process that leaves the body of the test with an exception, and say so to the one that it left."""
    code = error.code if isinstance(error, SystemExit) else _UNCAUGHT
    if not isinstance(error, SystemExit):
        traceback.print_exception(error)
        shared[0] = 1
    os._exit(code if isinstance(code, int) else _UNCAUGHT if code else 0)


def in_one_line(error: BaseException | None) -> str:
    """Return an exception in one line."""
    return one_line(f"{type(error).__name__}: {error}".removesuffix(": "))
