"""A test's own function, seen from directly around it: below every decorator, hook and plugin that runs it.

While a test is called, the code of its function is a call of ours, which calls the original. So every call is seen,
whoever makes it; and so is every exception that leaves it, before anybody can catch it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What the template calls; in the code that is made of it our function stands in this number's place.
_PLACE = 0.5


def innermost(function: object) -> types.FunctionType | None:
    """Return the function below the decorators of a test; None if there is none whose code can be seen.

    What hypothesis runs many times, with other arguments each time, is one test: it is seen from outside of that.
    """
    while True:
        while isinstance(function, functools.partial):
            function = function.func
        function = getattr(function, "__func__", function)
        inner = getattr(function, "__wrapped__", None)
        if inner is None or getattr(function, "is_hypothesis_test", False):
            return function if isinstance(function, types.FunctionType) else None
        function = inner


@contextlib.contextmanager
def watched(function: types.FunctionType, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Let every call of a function go through another one, for a while.

    Args:
        function: the function.
        around: makes of the original what is called in its place; of a coroutine function, a coroutine function.

    """
    code = function.__code__
    original = types.FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    original.__kwdefaults__ = function.__kwdefaults__
    signature = inspect.signature(function)
    marked = "__signature__" in vars(function)
    function.__code__ = _call_of(around(original), code)
    if not marked:
        function.__signature__ = signature  # type: ignore[attr-defined] # whoever asks meanwhile sees the test's own
    try:
        yield
    finally:
        function.__code__ = code
        if not marked:
            del function.__signature__  # type: ignore[attr-defined] # likewise


def _call_of(instead: Callable[..., Any], code: types.CodeType) -> types.CodeType:
    """Return code that calls something with whatever it is called with.

    A function's code can only be replaced by code that closes over as many variables, so it names those.
    """
    names = code.co_freevars
    prefix, wait = ("async ", "await ") if code.co_flags & inspect.CO_COROUTINE else ("", "")
    lines = [
        "def make():",
        *(f"    {name} = None" for name in names),
        f"    {prefix}def call(*_workstream_arguments, **_workstream_named):",
        "        __tracebackhide__ = True",
        *(f"        {name}" for name in names),
        f"        return {wait}{_PLACE}(*_workstream_arguments, **_workstream_named)",
        "    return call",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # a number cannot be called: it will not be
        module = compile("\n".join(lines), "<workstream>", "exec")  # no line of a file that anybody looks at
    made = _code_in(_code_in(module))
    constants = tuple(instead if constant == _PLACE else constant for constant in made.co_consts)
    return made.replace(co_consts=constants, co_name=code.co_name)


def _code_in(outer: types.CodeType) -> types.CodeType:
    return next(constant for constant in outer.co_consts if isinstance(constant, types.CodeType))
