"""What a test leaves at work that may still find it wrong: once the run is over, nobody hears of that.

A server that goes on until Python ends asserts nothing. What counts is code of the project's own that asserts: where a
thread stands now, and what it, a process or a task is to run.
"""

from __future__ import annotations

import dis
import gc
import inspect
import sys
import threading
import time
import types
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from workstream import limits
from workstream.plugin import body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

AtWork = TypeVar("AtWork", threading.Thread, BaseProcess)

_YOUNG = (0, 1)  # generations of the garbage collector
_FAILING = ("AssertionError", "fail")  # names that code uses which asserts, beside `assert...`; rewritten, the first


def threads(begun: Iterable[threading.Thread], is_own: Callable[[Path], bool]) -> list[threading.Thread]:
    """Return the threads that still assert something, after they had a moment to end."""
    return _after_a_moment([one for one in begun if one.is_alive() and _asserts(_codes_of(one), is_own)])


def processes(begun: Mapping[BaseProcess, object], is_own: Callable[[Path], bool]) -> list[BaseProcess]:
    """Return the processes that still assert something, each given with its target, after they had a moment to end."""
    asserting = [one for one, target in begun.items() if _is_alive(one) and _asserts(_code_of(target), is_own)]
    return _after_a_moment(asserting)


def target_of(process: BaseProcess) -> object:
    """Return what a process is to run: it forgets that when it starts."""
    return getattr(process, "_target", None) or type(process).run


def will_assert(coroutine: object, is_own: Callable[[Path], bool]) -> bool:
    """Whether a coroutine that has not ended is of the project's own, and asserts something."""
    code = getattr(coroutine, "cr_code", None)
    return isinstance(code, types.CodeType) and _asserts([code], is_own)


def asserts(function: object, is_own: Callable[[Path], bool]) -> bool:
    """Whether a function is of the project's own, and asserts something."""
    return _asserts(_code_of(function), is_own)


def coroutines(is_own: Callable[[Path], bool]) -> list[str]:
    """Return the names of young coroutines that assert something, and that nobody has begun to await."""
    young = [one for generation in _YOUNG for one in gc.get_objects(generation) if inspect.iscoroutine(one)]
    return [
        one.__qualname__
        for one in young
        if inspect.getcoroutinestate(one) == inspect.CORO_CREATED and will_assert(one, is_own)
    ]


def asserted(traceback: types.TracebackType | None, is_own: Callable[[Path], bool]) -> bool:
    """Whether what an exception came through is of the project's own, and asserts something."""
    codes = []
    while traceback is not None:
        codes.append(traceback.tb_frame.f_code)
        traceback = traceback.tb_next
    return _asserts(codes, is_own)


def _after_a_moment(waited_for: list[AtWork]) -> list[AtWork]:
    deadline = time.monotonic() + limits.GRACE.seconds
    for one in waited_for:
        one.join(max(0.0, deadline - time.monotonic()))
    return [one for one in waited_for if _is_alive(one)]


def _is_alive(one: threading.Thread | BaseProcess) -> bool:
    try:
        return one.is_alive()
    except (ValueError, AssertionError):  # closed, or of another process
        return False


def _codes_of(thread: threading.Thread) -> Iterator[types.CodeType]:
    """Yield the code that a thread runs now, and what it was made to run."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - documented, for uses like this one
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back
    for made in (getattr(thread, "_target", None), getattr(thread, "function", None), type(thread).run):
        yield from _code_of(made)


def _code_of(function: object) -> Iterator[types.CodeType]:
    found = body.innermost(function)
    if found is not None:
        yield found.__code__


def _asserts(codes: Iterable[types.CodeType], is_own: Callable[[Path], bool]) -> bool:
    return any(is_own(Path(code.co_filename)) and _holds_an_assertion(code) for code in codes)


def _holds_an_assertion(code: types.CodeType) -> bool:
    named = any(name in _FAILING or name.startswith("assert") for name in code.co_names)
    return (
        named
        or any(_is_assertion(one) for one in dis.get_instructions(code))
        or any(_holds_an_assertion(inner) for inner in code.co_consts if inspect.iscode(inner))
    )


def _is_assertion(instruction: dis.Instruction) -> bool:
    """Whether an instruction is of an `assert` that pytest did not rewrite."""
    return instruction.opname == "LOAD_ASSERTION_ERROR" or instruction.argval is AssertionError
