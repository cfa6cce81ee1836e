"""What the text of a test module says: which tests are written there, however they are bound once it has run."""

from __future__ import annotations

import ast
import functools
import types
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workstream.plugin import body
from workstream.plugin.binding import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pytest

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_FURTHEST = 100  # objects behind a decorator that are looked at for the function that it decorates


@dataclass(frozen=True)
class Written:
    """A function that is written in a module; in another function, one that is marked.

    Attributes:
        name: its name.
        place: what is around it and its name, as node ids have them.
        line: where its code begins: its first decorator.
        marked: whether a decorator makes a criterion's marker.
        inside: the name of what is around it; empty if there is nothing.
        instead: the lines of functions of its name that the module has in its place where a condition says so.

    """

    name: str
    place: str
    line: int
    marked: bool
    inside: str
    instead: frozenset[int] = frozenset()


@functools.cache
def functions(path: Path) -> tuple[Written, ...]:
    """Return the functions that are written in a file; none if it is not Python, which pytest reports."""
    module = tree(path)
    return tuple(_functions(module.body, ())) if module else ()


def _functions(statements: Sequence[ast.stmt], classes: tuple[str, ...]) -> Iterator[Written]:
    for statement in statements:
        if isinstance(statement, _Function):
            place = "::".join([*classes, statement.name])
            around = classes[-1] if classes else ""
            yield Written(statement.name, place, _first_line(statement), bool(marks(statement)), around)
            # One in another function is a test only if it says so, and something brings it out.
            yield from (one for one in _functions(statement.body, (*classes, statement.name)) if one.marked)
        elif isinstance(statement, ast.ClassDef):
            yield from _functions(statement.body, (*classes, statement.name))
        else:
            yield from _alternatives([list(_functions(branch, classes)) for branch in branches(statement)])


def _alternatives(branches: Sequence[Sequence[Written]]) -> Iterator[Written]:
    """Yield the functions of a statement's branches, each with those that stand in its place in another branch."""
    for number, branch in enumerate(branches):
        others = [one for other, functions_ in enumerate(branches) if other != number for one in functions_]
        for one in branch:
            instead = frozenset(other.line for other in others if other.place == one.place)
            yield Written(one.name, one.place, one.line, one.marked, one.inside, one.instead | instead)


def branches(statement: ast.stmt) -> Iterator[Sequence[ast.stmt]]:
    """Yield the blocks of a compound statement."""
    for field in ("body", "orelse", "finalbody"):
        yield getattr(statement, field, [])
    for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
        yield part.body


def _first_line(node: _Function) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def marks(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[ast.Call]:
    """Return the calls that make a criterion's marker, in a statement's decorators."""
    return [
        call
        for decorator in node.decorator_list
        for call in ast.walk(decorator)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == MARKER
    ]


@functools.cache
def tree(path: Path) -> ast.Module | None:
    """Return what a file says; None if it is not Python, which pytest reports."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def own_function(item: pytest.Item) -> types.FunctionType | None:
    """Return the function that a test's author wrote; None if none can be seen.

    A decorator of the suite's own may hide it without saying so: it is looked for behind that. What another package
    makes of it (the steps of pytest-bdd, the examples of hypothesis) is the test.
    """
    function = body.innermost(getattr(item, "function", None))
    if function is None or held(function, "is_hypothesis_test") or not _is_of_project(function, item):
        return function
    files = {str(item.path), *_files_of_class(getattr(item, "cls", None))}
    name = getattr(item, "originalname", item.name)
    own = {(file, one.line) for file in files for one in functions(Path(file)) if one.name == name}
    return next((other for other in _behind(function) if _place(other) in own), function)


def _is_of_project(function: types.FunctionType, item: pytest.Item) -> bool:
    path = Path(function.__code__.co_filename)
    return path.is_relative_to(item.config.rootpath) and "site-packages" not in path.parts


def _files_of_class(cls: type | None) -> Iterator[str]:
    for one in cls.__mro__ if cls else ():
        yield from (code.co_filename for value in vars(one).values() if (code := held(value, "__code__")))


def held(value: object, name: str) -> Any:  # noqa: ANN401 - anything
    """Return an attribute of anything that a suite may hold; None if it has none, or does not let itself be asked."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - a stand-in raises what it likes, say because there is no request under way
        return None


def _place(function: types.FunctionType) -> tuple[str, int]:
    return function.__code__.co_filename, function.__code__.co_firstlineno


def _behind(function: Any) -> Iterator[types.FunctionType]:  # noqa: ANN401 - anything that can be called
    """Yield a function, and those that it may call because it holds them, the nearest first."""
    waiting: list[Any] = [function]
    seen: set[int] = set()
    while waiting and len(seen) < _FURTHEST:
        one = waiting.pop(0)
        if id(one) in seen or isinstance(one, type | types.ModuleType):
            continue
        seen.add(id(one))
        if isinstance(one, types.FunctionType):
            yield one
            waiting += [cell.cell_contents for cell in one.__closure__ or () if _is_filled(cell)]
            waiting += one.__defaults__ or ()
        waiting += [held(one, "__func__"), held(one, "func")]
        waiting += (held(one, "__dict__") or {}).values() if callable(one) else ()


def _is_filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def vanished(path: Path, module: types.ModuleType, items: Iterable[tuple[pytest.Item, bool]]) -> Iterator[Written]:
    """Yield the functions of a file that nothing holds any more once its module has run, and that no test runs.

    Of one that carries a marker, that no test with a marker runs: then a decorator or a hook has taken it away.

    Args:
        path: the file.
        module: what it is when it has run.
        items: the tests that were collected, each with whether it carries a marker.

    """
    run: dict[int, bool] = {}
    for item, speaks in items:
        for line in _lines(getattr(item, "function", None), path):
            run[line] = run.get(line, False) or speaks
    held = list(_held(module))
    functions_ = {_place(value)[1] for value in held if isinstance(value, types.FunctionType)}
    others = {line for value in held for line in _lines(value, path)}  # a fixture may be called test_client
    for one in functions(path):
        there = one.line in run or one.line in (functions_ if one.marked else others)
        unmarked = one.marked and not run.get(one.line, True)
        if (unmarked or not there) and not one.instead & run.keys():
            yield one


def _lines(function: object, path: Path) -> Iterator[int]:
    """Yield where the code begins of the functions of a file that a function is, or calls because it holds them."""
    if callable(function):
        yield from (place[1] for one in _behind(function) if (place := _place(one))[0] == str(path))


def _held(scope: types.ModuleType | type) -> Iterator[object]:
    """Yield what a module holds, and what its own classes hold."""
    for value in list(vars(scope).values()):
        if not isinstance(value, type):
            yield held(value, "__func__") or value
        elif value.__module__ == getattr(scope, "__module__", scope.__name__):
            yield from _held(value)
