"""Files of Python that may hold tests of a document, found by reading them: nothing is imported."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Names of folders that are no project's own, or are made by programs.
NO_PROJECT = {"__pycache__", "node_modules", "site-packages", "build", "dist"}


def speaks_of(path: Path, document_id: str) -> int | None:
    """Return in which line a file of Python that holds tests names a document; None if it does not.

    The marker itself is not looked for: a module may call it by any name.
    """
    try:
        content = path.read_bytes()
        tree = ast.parse(content) if document_id.lower().encode() in content.lower() else ast.Module([], [])
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    nodes = list(ast.walk(tree))
    tests = any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name.lower().startswith("test")
        for node in nodes
    )
    lines = (node.lineno for node in nodes if isinstance(node, ast.Constant) and str(node.value).upper() == document_id)
    return next(lines, None) if tests else None


def python_files(folder: Path) -> Iterator[Path]:
    """Yield the files of Python below a folder that may be the project's own."""
    for place, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in NO_PROJECT and not Path(place, name, "pyvenv.cfg").exists()
        ]
        yield from (Path(place, name) for name in names if name.endswith(".py"))
