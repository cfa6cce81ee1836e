"""Files of Python that may hold tests of a document, found by reading them: nothing is imported."""

from __future__ import annotations

import ast
import contextlib
import itertools
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    # Of modules, by their own names, the names of what they give: `limit`, `queue.limit`; `*` for any.
    Given = Mapping[str, AbstractSet[str]]

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
# Names of folders that are no project's own; of those that programs make, and where there may be tests all the same.
_OTHERS = {"__pycache__", "node_modules", "site-packages"}
NO_PROJECT = _OTHERS | {"build", "dist"}
_KEPT = {".git", ".hg", ".nox", ".svn", ".tox"}
_MARKS = "pytestmark"
_ANY = "*"


def naming(paths: Iterable[Path], document_id: str) -> Given:
    """Return what modules among files of Python give that is made with the id of a document, in however many steps."""
    files, given, words = tuple(paths), defaultdict[str, set[str]](set), {document_id}
    while words:
        found = [(_module(path), _made(_tree(path, words), path, document_id, given)) for path in files]
        words = {module for module, names in found if not names <= given[module]}
        for module, names in found:
            given[module] |= names
    return {module: names for module, names in given.items() if names}


def speaks_of(path: Path, document_id: str, given: Given) -> int | None:
    """Return in which line a file of Python that holds tests names a document; None if it does not.

    The marker itself is not looked for: a module may call it by any name.

    Args:
        path: the file.
        document_id: the document's.
        given: what `naming` returned: it may be a marker, a part of one, or a class that is marked.

    """
    tree = _tree(path, {document_id, *given})
    tests = any(isinstance(node, _Definition) and node.name.lower().startswith("test") for node in ast.walk(tree))
    lines = itertools.chain(_said(tree, document_id), _marked(tree, path, document_id, given))
    return next(lines, None) if tests else None


def imported(modules: Iterable[Path], by: Iterable[Path]) -> set[Path]:
    """Return the modules that other files import, or may: by the last part of a name, in a statement or a text.

    Args:
        modules: the modules that are asked about.
        by: the files.

    """
    named: dict[str, set[Path]] = {}
    for path in modules:
        named.setdefault(_module(path), set()).add(path)
    return {
        module
        for path in by
        for name in _names(_tree(path, named.keys()))
        for module in named.get(name, set()) - {path}
    }


def _names(tree: ast.AST) -> Iterator[str]:
    """Yield the parts of the names that a file imports, and of its texts that could be such names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            yield from (part for name in (module, *(alias.name for alias in node.names)) for part in name.split("."))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            yield from node.value.split(".")


def _module(path: Path) -> str:
    return path.parent.name if path.stem == "__init__" else path.stem


def _tree(path: Path, words: AbstractSet[str]) -> ast.Module:
    """Return what a file says; nothing if it is not Python, or neither it nor its place holds one of the words."""
    with contextlib.suppress(OSError, SyntaxError, ValueError, RecursionError):
        content = path.read_bytes()
        text = content.lower()
        if not words.isdisjoint(path.parts) or any(word.lower().encode() in text for word in words):
            return ast.parse(content)
    return ast.Module([], [])


def _said(tree: ast.AST, document_id: str) -> Iterator[int]:
    """Yield the lines in which an id is said."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and str(node.value).upper() == document_id:
            yield node.lineno


def _marked(tree: ast.Module, path: Path, document_id: str, given: Given) -> Iterator[int]:
    """Yield the lines of decorators, bases, and values of `pytestmark`, that are made with what a module gives."""
    names = _made(tree, path, document_id, given)
    for node in ast.walk(tree):
        if isinstance(node, _Definition):
            parts = [*node.decorator_list, *getattr(node, "bases", ())]
        else:
            parts = [node] if isinstance(node, ast.stmt) and _MARKS in _bound(node) else []
        yield from (part.lineno for part in parts if _mentions(part, names))
        if isinstance(node, ast.ImportFrom) and _MARKS in _taken(node, path, given):
            yield node.lineno


def _made(tree: ast.Module, path: Path, document_id: str, given: Given) -> set[str]:
    """Return the names of a module that are made with the id of a document, or with what another module gives."""
    made = {name for node in ast.walk(tree) for name in _taken(node, path, given)}
    others = tree.body
    while True:
        mentioning = [one for one in others if _mentions(one, made) or any(_said(one, document_id))]
        if not mentioning:
            return made
        made |= {name for one in mentioning for name in _bound(one)}
        others = [one for one in others if one not in mentioning]


def _taken(node: ast.AST, path: Path, given: Given) -> Iterator[str]:
    """Yield the names, as they are called here, that an import takes of what modules give."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            parts = alias.name.split(".")
            for depth, part in enumerate(parts, start=1):
                place = alias.asname or ".".join(parts[:depth])
                yield from (f"{place}.{name}" for name in given.get(part, ()))
    elif isinstance(node, ast.ImportFrom):
        package = dict(enumerate(path.parents, start=1)).get(node.level, path).name
        names = given.get((node.module or package).rpartition(".")[2], ())
        for alias in node.names:
            if alias.name == _ANY:
                yield from names
                continue
            here = alias.asname or alias.name
            yield from (f"{here}.{name}" for name in given.get(alias.name, ()))
            for first, dot, rest in (name.partition(".") for name in names):
                if first in {alias.name, _ANY}:
                    yield f"{here}{dot}{rest}"


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement gives a value, or whose value it changes; any, where that cannot be seen."""
    if isinstance(statement, _Definition):
        return {statement.name}
    names = {node.name for node in ast.walk(statement) if isinstance(node, _Definition)}
    for node in ast.walk(statement):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):  # marks.append(…)
            names.add(_dotted(node.value.func).rpartition(".")[0].partition(".")[0])
        elif isinstance(getattr(node, "ctx", None), ast.Store):  # marks = …, marks[…] = …
            names.add(_dotted(node).partition(".")[0])
    return names - {""} or {_ANY}


def _mentions(tree: ast.AST, names: AbstractSet[str]) -> bool:
    return any(
        not names.isdisjoint({name, f"{name.rpartition('.')[0]}.{_ANY}"}) for name in map(_dotted, ast.walk(tree))
    )


def _dotted(node: ast.AST) -> str:
    """Return a name as it is written, with those that it is reached through; empty if it is none."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Subscript):
        return _dotted(node.value)
    return node.id if isinstance(node, ast.Name) else ""


def python_files(folder: Path, *, of_tests: bool = False) -> Iterator[Path]:
    """Yield the files of Python below a folder that may be the project's own.

    Args:
        folder: the folder.
        of_tests: whether it is one for tests: then also in folders into which pytest looks only when it is told to.

    """
    for place, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not (name in _OTHERS | _KEPT if of_tests else name.startswith(".") or name in NO_PROJECT)
            and not Path(place, name, "pyvenv.cfg").exists()
        ]
        yield from (Path(place, name) for name in names if name.endswith(".py"))
