"""Tests that pytest drops in silence: it never collects them, or a later one of the same name stands in their place."""

from __future__ import annotations

import ast
import fnmatch
import inspect
from typing import TYPE_CHECKING, Any

from workstream.plugin.binding import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    import pytest

_Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


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
        if getattr(value, "__module__", "") != module.__name__:
            continue  # imported
        if inspect.isfunction(value):
            marked = _is_marked(value)
            if marked or (whole and _matches(name, config.getini("python_functions"))):
                yield name, value, marked
        elif inspect.isclass(value):
            yield from _candidates_of_class(value, config, whole=whole)


def _candidates_of_class(cls: type, config: pytest.Config, *, whole: bool) -> Iterator[tuple[str, object, bool]]:
    tests = _matches(cls.__name__, config.getini("python_classes"))
    whole = _is_marked(cls) or (whole and tests)
    for name in dir(cls):
        value = inspect.getattr_static(cls, name, None)
        function = getattr(value, "__func__", value)
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
    marks: Any = getattr(thing, "__dict__", {}).get("pytestmark", [])
    marks = marks if isinstance(marks, list | tuple) else [marks]
    return any(getattr(mark, "name", "") == MARKER for mark in marks)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(name.startswith(pattern) or fnmatch.fnmatch(name, pattern) for pattern in patterns)


def overwritten(path: Path, nodeid: str, patterns: Sequence[str]) -> Iterator[str]:
    """Yield the tests of a module whose names are bound again further down: only the last one of a name is run.

    Args:
        path: the module's file.
        nodeid: how pytest names it.
        patterns: what names of tests look like.

    """
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # it is not Python, or pytest reports it
    for body in [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]:
        seen: dict[str, _Named] = {}
        for statement in body:
            for name in _bound(statement):
                if name in seen and not _uses(statement, name):
                    yield (
                        f"{nodeid}:{seen[name].lineno}: {name!r} is defined again in line {statement.lineno}: "
                        "only the last one is run"
                    )
            if isinstance(statement, _Named) and (_matches(statement.name, patterns) or _marks(statement)):
                seen[statement.name] = statement


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement binds."""
    if isinstance(statement, _Named):
        yield statement.name
    elif isinstance(statement, ast.Assign):
        yield from (target.id for target in statement.targets if isinstance(target, ast.Name))
    elif isinstance(statement, ast.ImportFrom | ast.Import):
        yield from (alias.asname or alias.name for alias in statement.names)


def _uses(statement: ast.stmt, name: str) -> bool:
    """Whether a statement binds a name to something that is made of what the name stood for."""
    if isinstance(statement, _Named):
        parts = statement.decorator_list
    else:
        parts = [statement.value] if isinstance(statement, ast.Assign) else []
    return any(isinstance(node, ast.Name) and node.id == name for part in parts for node in ast.walk(part))


def _marks(node: _Named) -> list[ast.Call]:
    """Return the calls that make a criterion's marker, in a statement's decorators."""
    return [
        call
        for decorator in node.decorator_list
        for call in ast.walk(decorator)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == MARKER
    ]
