"""Files of Python that may hold tests of a document, found by reading them: nothing is imported."""

from __future__ import annotations

import ast
import contextlib
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
# Names of folders that are no project's own, or are made by programs.
NO_PROJECT = {"__pycache__", "node_modules", "site-packages", "build", "dist"}


def naming(paths: Iterable[Path], document_id: str) -> frozenset[str]:
    """Return the names of the modules among files of Python that say the id of a document in a string of its own."""
    said = (path for path in paths if any(_said(_tree(path, document_id), document_id)))
    return frozenset(path.parent.name if path.stem == "__init__" else path.stem for path in said)


def speaks_of(path: Path, document_id: str, helpers: Collection[str] = ()) -> int | None:
    """Return in which line a file of Python that holds tests names a document; None if it does not.

    The marker itself is not looked for: a module may call it by any name.

    Args:
        path: the file.
        document_id: the document's.
        helpers: what `naming` returned: what those modules give may be a marker, or a part of one.

    """
    tree = _tree(path, document_id, *helpers)
    tests = any(isinstance(node, _Definition) and node.name.lower().startswith("test") for node in ast.walk(tree))
    lines = itertools.chain(_said(tree, document_id), _marked_with(tree, helpers))
    return next(lines, None) if tests else None


def _tree(path: Path, *words: str) -> ast.Module:
    """Return what a file says; nothing if it is not Python, or holds none of the words."""
    with contextlib.suppress(OSError, SyntaxError, ValueError, RecursionError):
        content = path.read_bytes()
        if any(word.lower().encode() in content.lower() for word in words):
            return ast.parse(content)
    return ast.Module([], [])


def _said(tree: ast.Module, document_id: str) -> Iterator[int]:
    """Yield the lines in which an id is said."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and str(node.value).upper() == document_id:
            yield node.lineno


def _marked_with(tree: ast.Module, helpers: Collection[str]) -> Iterator[int]:
    """Yield the lines of decorators, and of values of `pytestmark`, that are made with what certain modules give."""
    given = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if {*alias.name.split("."), *(getattr(node, "module", None) or "").split(".")} & set(helpers)
    }
    for node in ast.walk(tree):
        parts = node.decorator_list if isinstance(node, _Definition) else []
        if isinstance(node, ast.Assign) and "pytestmark" in [getattr(target, "id", "") for target in node.targets]:
            parts = [node.value]
        for part in parts:
            if given & {name.id for name in ast.walk(part) if isinstance(name, ast.Name)}:
                yield part.lineno


def python_files(folder: Path) -> Iterator[Path]:
    """Yield the files of Python below a folder that may be the project's own."""
    for place, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in NO_PROJECT and not Path(place, name, "pyvenv.cfg").exists()
        ]
        yield from (Path(place, name) for name in names if name.endswith(".py"))
