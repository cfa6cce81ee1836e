"""Tests that pytest drops in silence, and assertions that are none."""

from __future__ import annotations

import fnmatch
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from workstream.plugin import idle_checks, lost_marks, written
from workstream.plugin.binding import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType


_MEANT = ("Test", "Tests", "TestCase")  # how classes of tests are called elsewhere


def hidden(module: pytest.Module, functions: Sequence[object], config: pytest.Config) -> Iterator[str]:
    """Yield the tests of a module that speaks of criteria, and that pytest did not collect.

    Args:
        module: the module, as pytest collected it.
        functions: the functions that were collected, of any module.
        config: pytest's.

    """
    collected = {id(function) for function in functions}
    for place, function, marked in _candidates(module.obj, config):
        if id(function) not in collected:
            why = f"carries the marker {MARKER!r}" if marked else "looks like a test"
            yield f"{module.nodeid}::{place}: it {why}, and pytest does not collect it"


def _candidates(module: ModuleType, config: pytest.Config) -> Iterator[tuple[str, object, bool]]:
    """Yield the functions of a module that are meant to be tests, with their places and whether they are marked."""
    whole = _is_marked(module)
    for name, value in list(vars(module).items()):
        if isinstance(value, pytest.MarkDecorator) and _marks_what_is_no_function(value):
            yield name, value, True
        if written.held(value, "__module__") != module.__name__:
            continue  # imported
        if inspect.isfunction(value):
            marked = _is_marked(value)
            if marked or (whole and _matches(name, config.getini("python_functions"))):
                yield name, value, marked
        elif inspect.isclass(value):
            yield from _candidates_of_class(value, config, whole=whole)


def _candidates_of_class(cls: type, config: pytest.Config, *, whole: bool) -> Iterator[tuple[str, object, bool]]:
    tests = _matches(cls.__name__, config.getini("python_classes")) or cls.__name__.endswith(_MEANT)
    whole = _is_marked(cls) or (whole and tests)
    for name in dir(cls):
        value = inspect.getattr_static(cls, name, None)
        function = written.held(value, "__func__") or value
        if (
            inspect.isclass(value)
            and value.__module__ == cls.__module__
            and value.__qualname__.startswith(cls.__qualname__)
        ):
            yield from _candidates_of_class(value, config, whole=whole)
        elif inspect.isfunction(function) and not _is_overridden(cls, name):
            marked = _is_marked(function)
            if marked or (whole and _matches(name, config.getini("python_functions"))):
                yield f"{cls.__name__}::{name}", function, marked


def _is_overridden(cls: type, name: str) -> bool:
    """Whether a subclass defines a method anew: what the class itself says is then only a default."""
    below: list[type] = cls.__subclasses__()
    return any(name in vars(other) or _is_overridden(other, name) for other in below)


def _is_marked(thing: object) -> bool:
    marks: Any = (written.held(thing, "__dict__") or {}).get("pytestmark", [])
    marks = marks if isinstance(marks, list | tuple) else [marks]
    return any(getattr(mark, "name", "") == MARKER for mark in marks)


def _marks_what_is_no_function(decorator: pytest.MarkDecorator) -> bool:
    """Whether the last thing that a criterion's marker was given is one that it was to mark: pytest takes no lambda."""
    called = decorator.args[2:] if decorator.name == MARKER else ()
    return any(callable(one) for one in called)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(name.startswith(pattern) or fnmatch.fnmatch(name, pattern) for pattern in patterns)


def unrun(
    path: Path, module: pytest.Module, items: Iterable[tuple[pytest.Item, bool]], config: pytest.Config
) -> Iterator[str]:
    """Yield the tests that are written in a module, and that nothing runs.

    A later binding of their name hides them, a condition leaves them out, or a decorator or a hook takes their marker.

    Args:
        path: the module's file.
        module: the module, as pytest collected it.
        items: the tests that were collected, each with whether it carries a marker.
        config: pytest's.

    """
    for one in written.vanished(path, module.obj, items):
        tests = not one.inside or _matches(one.inside, config.getini("python_classes"))
        if one.marked or (tests and _matches(one.name, config.getini("python_functions"))):
            why = f"carries the marker {MARKER!r}" if one.marked else "looks like a test"
            yield (
                f"{module.nodeid}:{one.line}: {one.place!r} {why}, and no test runs it as it is written: only the last "
                "one of a name is run, a condition leaves it out (@pytest.mark.skipif does so openly), or something "
                "takes its marker away"
            )


def idle(path: Path, name: str, module: ModuleType | None = None) -> Iterator[str]:
    """Yield the checks of a file that check nothing, and its markers that mark nothing, whatever warnings are off.

    Args:
        path: the file.
        name: how it is told.
        module: what it is when it has run; None if it has not.

    """
    untaken = idle_checks.never_begun(path, module) if module else ()
    for line, why in [*idle_checks.never_failing(path), *untaken, *lost_marks.never_arriving(path)]:
        yield f"{name}:{line}: {why}"
