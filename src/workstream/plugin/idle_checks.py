"""Checks that check nothing, as the text of a file shows them: always true, never run, never asked."""

from __future__ import annotations

import ast
import builtins
import contextlib
import inspect
from typing import TYPE_CHECKING, Any

from workstream.plugin import written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

_Function = ast.FunctionDef | ast.AsyncFunctionDef

_COMPARES = "this compares, and asserts nothing: write `assert`"
_NOT_CALLED = "this checks only when it is called: write `()` behind it"
_NOT_RAISED = "this makes an error, and raises none: write `raise`"
_NOT_ENTERED = "this expects an error of nothing: write `with` before it"

# What expects an error is given a block, or what it is to call, behind so many arguments.
_EXPECTING = {
    "pytest.raises": 1,
    "pytest.warns": 1,
    "assertRaises": 1,
    "assertWarns": 1,
    "assertRaisesRegex": 2,
    "assertWarnsRegex": 2,
}
_SUBTESTS = {"test", "subTest"}  # a block of these expects no error
_STEPS = {"given", "when", "then", "step"}


def never_failing(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the checks of a file that cannot fail, each with its line and why; in tests, forgotten ones."""
    tree = written.tree(path)
    if tree is None:
        return
    own = _named(tree)
    steps = any(isinstance(node, ast.ImportFrom) and node.module == "pytest_bdd" for node in ast.walk(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and (what := _always_true(node.test, own)):
            yield node.lineno, f"this asserts {what}, which is always true: write `assert condition, message`"
        elif isinstance(node, ast.Expr) and _is_lazy(node.value, own):
            yield node.lineno, "nobody takes what this would yield, so it never runs: write a `for` loop"
        elif isinstance(node, _Function) and node.name.startswith("test"):
            yield from _unasked(node.body, own)
        elif isinstance(node, _Function) and steps:
            yield from _unheard(node)


def _named(tree: ast.Module) -> set[str]:
    """Return the names to which a module itself gives something."""
    functions = {node.name for node in ast.walk(tree) if isinstance(node, _Function | ast.ClassDef)}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return functions | imported | stored | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}


def _always_true(test: ast.expr, own: set[str]) -> str:
    """Return what an expression is that is always true; nothing if it may be false, or says `True` itself."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        literal = any(isinstance(value, ast.Constant) and value.value for value in test.values)
        found = next(filter(None, (_always_true(value, own) for value in test.values)), "")
        return "`or` with something" if literal else found
    if isinstance(test, ast.Tuple | ast.List | ast.Set):
        filled = any(not isinstance(element, ast.Starred) for element in test.elts)
        return f"a {type(test).__name__.lower()}" if filled else ""
    if isinstance(test, ast.Dict):
        return "a mapping" if any(test.keys) else ""  # `**` has no key
    if isinstance(test, ast.Constant):
        return "a text" if isinstance(test.value, str | bytes) and test.value else ""
    return "a function" if isinstance(test, ast.Lambda) else "something that is not run" if _is_lazy(test, own) else ""


def _is_lazy(value: ast.expr, own: set[str]) -> bool:
    """Whether an expression does nothing until somebody takes what it yields."""
    return isinstance(value, ast.GeneratorExp) or bool({"map", "filter"} & {_builtin(value, own)})


def _builtin(value: ast.expr, own: set[str]) -> str:
    """Return the name of what Python itself has and an expression calls; empty if it calls no such thing."""
    called = value.func if isinstance(value, ast.Call) else None
    name = called.id if isinstance(called, ast.Name) else ""
    return name if name not in own and hasattr(builtins, name) else ""


def _unasked(statements: Sequence[ast.stmt], own: set[str]) -> Iterator[tuple[int, str]]:
    """Yield the statements that say what is to hold, and ask nobody.

    Not below `with` and `try`, which may expect an error.

    Args:
        statements: a block of a test.
        own: the names to which its module itself gives something.

    """
    for statement in statements:
        if isinstance(statement, ast.Expr):
            if why := _forgotten(statement.value, own):
                yield statement.lineno, why
        elif not isinstance(statement, ast.Try | ast.ClassDef | _Function) and not _may_expect(statement):
            for block in written.branches(statement):
                yield from _unasked(block, own)


def _may_expect(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.With | ast.AsyncWith):
        return False
    return not all(_called(item.context_expr) in _SUBTESTS for item in statement.items)


def _called(value: ast.expr) -> str:
    """Return the last name of what an expression calls; empty if it calls nothing."""
    called = value.func if isinstance(value, ast.Call) else None
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def _forgotten(value: ast.expr, own: set[str]) -> str:
    """Return why an expression that is a statement checks nothing; empty if it does something."""
    if isinstance(value, ast.BoolOp):  # `ready or fail()` does something
        return _COMPARES if _forgotten(value.values[-1], own) == _COMPARES else ""
    negated = isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    if negated or isinstance(value, ast.Compare) or _builtin(value, own) in {"all", "any"}:
        return _COMPARES
    if isinstance(value, ast.Attribute) and (value.attr.startswith("assert") or _is_fail(value)):
        return _NOT_CALLED
    made = getattr(builtins, _builtin(value, own), None)
    if isinstance(made, type) and issubclass(made, BaseException):
        return _NOT_RAISED
    return _NOT_ENTERED if isinstance(value, ast.Call) and _expects_nothing(value) else ""


def _expects_nothing(call: ast.Call) -> bool:
    """Whether a call expects an error, and is given nothing that may raise it."""
    if not isinstance(call.func, ast.Attribute):
        return False
    # What else is called so, `answer.raises(…)` of a mock say, expects nothing.
    expects = _EXPECTING.get(call.func.attr) or _EXPECTING.get(ast.unparse(call.func))
    return expects is not None and len(call.args) <= expects and not _is_given(call)


def _is_fail(value: ast.Attribute) -> bool:
    return value.attr == "fail" and isinstance(value.value, ast.Name) and value.value.id in {"pytest", "self"}


def _is_given(call: ast.Call) -> bool:
    """Whether a call may have more arguments than can be seen, or what it is to call by name."""
    return any(isinstance(one, ast.Starred) for one in call.args) or any(
        keyword.arg in {None, "func", "callable"} for keyword in call.keywords
    )


def _unheard(function: _Function) -> Iterator[tuple[int, str]]:
    """Yield where a step of pytest-bdd says what nobody hears: it returns its check, or is a coroutine."""
    steps = {_called(one): one for one in function.decorator_list if isinstance(one, ast.Call)}
    kinds = steps.keys() & _STEPS
    if kinds and isinstance(function, ast.AsyncFunctionDef):
        yield function.lineno, "pytest-bdd awaits no step, so this never runs: write `def`"
    named = any(keyword.arg == "target_fixture" for one in kinds for keyword in steps[one].keywords)
    if "then" in kinds and not named:
        for node in _of_function(function):
            if isinstance(node, ast.Return) and not _is_none(node.value):
                yield node.lineno, "nobody looks at what a step returns: write `assert`"


def _of_function(function: _Function) -> Iterator[ast.AST]:
    """Yield what stands in a function, and in no other function of it."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _Function | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def never_begun(path: Path, module: ModuleType) -> Iterator[tuple[int, str]]:
    """Yield where tests of a file call a generator, or what makes a context, and nobody goes through it.

    Args:
        path: the file.
        module: what it is when it has run.

    """
    tree = written.tree(path)
    for classes, test in _tests(tree.body if tree else [], ()):
        scope = {"self": _class_of(module, classes), "cls": _class_of(module, classes)} if classes else {}
        for node, call in _untaken(test):
            if _yields(_found(call.func, module, scope)):
                yield node.lineno, f"nobody takes what {ast.unparse(call.func)}() would yield, so it never runs"


def _tests(statements: Sequence[ast.stmt], classes: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], _Function]]:
    """Yield the tests of a block, each with the classes around it."""
    for statement in statements:
        if isinstance(statement, _Function):
            if statement.name.startswith("test"):
                yield classes, statement
        elif isinstance(statement, ast.ClassDef):
            yield from _tests(statement.body, (*classes, statement.name))
        else:
            for block in written.branches(statement):
                yield from _tests(block, classes)


def _untaken(test: _Function) -> Iterator[tuple[ast.stmt, ast.Call]]:
    """Yield the calls of a test whose value nobody can go through: statements, assertions, names that nobody reads."""
    read = {node.id for node in ast.walk(test) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for node in ast.walk(test):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield node, node.value
        elif isinstance(node, ast.Assert) and isinstance(node.test, ast.Call):
            yield node, node.test
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            names = [one.id for one in node.targets if isinstance(one, ast.Name)]
            if len(names) == len(node.targets) and not read & {*names}:
                yield node, node.value


def _class_of(module: ModuleType, classes: Sequence[str]) -> object:
    found: object = module
    for name in classes:
        found = inspect.getattr_static(found, name, None)
    return found


def _found(called: ast.expr, module: ModuleType, scope: dict[str, object]) -> object:
    """Return what an expression calls, if that can be told without running anything; else None."""
    if isinstance(called, ast.Name):
        return scope[called.id] if called.id in scope else written.held(module, called.id)
    if not isinstance(called, ast.Attribute):
        return None
    around = _found(called.value, module, scope)
    if isinstance(around, type):
        found: Any = inspect.getattr_static(around, called.attr, None)
        return written.held(found, "__func__") or found
    return written.held(around, called.attr) if inspect.ismodule(around) else None


def _yields(function: Any) -> bool:  # noqa: ANN401 - anything
    if written.held(function, "__globals__") is vars(contextlib):  # what @contextmanager makes
        function = inspect.unwrap(function)
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
