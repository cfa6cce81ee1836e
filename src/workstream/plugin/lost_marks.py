"""Markers of criteria that are written, and that pytest gives to no test."""

from __future__ import annotations

import ast
import difflib
from typing import TYPE_CHECKING

from workstream.plugin import written
from workstream.plugin.binding import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MARKS = "pytestmark"
_NO_MODULES_OF_TESTS = {"conftest.py", "__init__.py"}
_ALIKE = 0.85  # how much a name must be like that one to be meant for it


def never_arriving(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the marks of a file, of a whole module or class, that no test gets, each with its line and why."""
    tree = written.tree(path)
    if tree is None:
        return
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    blocks = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    for block in blocks:
        yield from _of_block(block, read)
    if path.name in _NO_MODULES_OF_TESTS:
        for name, statement in _bound(tree.body):
            if name == _MARKS and _speaks(statement):
                yield statement.lineno, f"pytest takes no {_MARKS} from {path.name}: write it into each module of tests"


def _of_block(statements: Sequence[ast.stmt], read: set[str]) -> Iterator[tuple[int, str]]:
    before: ast.stmt | None = None
    for name, statement in _bound(statements):
        if name == _MARKS and isinstance(statement, ast.Delete):
            before = None  # who deletes it knows of it
        elif name == _MARKS:
            if before is not None and _speaks(before) and not _mentions(statement, _MARKS):
                yield before.lineno, f"line {statement.lineno} gives {_MARKS} another value: write one list"
            before = statement
        elif name not in read and _speaks(statement) and _is_like(name):
            yield statement.lineno, f"pytest knows no {name}: write {_MARKS}"


def _bound(statements: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the names that a block gives a value, or deletes, each with the statement."""
    for statement in statements:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if isinstance(statement, ast.Delete):
            targets = statement.targets
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Delete):
            yield from ((target.id, statement) for target in targets if isinstance(target, ast.Name))


def _is_like(name: str) -> bool:
    return difflib.SequenceMatcher(None, name.lower(), _MARKS).ratio() >= _ALIKE


def _speaks(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == MARKER for node in ast.walk(statement))


def _mentions(statement: ast.stmt, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        for node in ast.walk(statement)
    )
