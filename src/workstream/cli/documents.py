"""`workstream criteria | lint | scaffold`: what documents alone say."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from workstream import documents, errors
from workstream.cli.shared import DIALECT, DOCUMENT, PASSED_OVER, PATHS, PathType, documents_of, print_json, say
from workstream.documents import scaffold as scaffolding
from workstream.documents.lint import lint as problems_of
from workstream.documents.lint import same_ids
from workstream.reports import runner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@click.command()
@PATHS
@DIALECT
@PASSED_OVER
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
def criteria(paths: Sequence[Path], dialect: str, *, passed_over: bool, as_json: bool) -> None:
    """List the criteria of documents, or of all documents below folders."""
    rows = [
        {
            "document": str(document.path),
            "dialect": document.dialect,
            "id": criterion.id,
            "kind": criterion.kind.name.lower(),
            "text": criterion.text,
            "group": criterion.group,
            "line": criterion.position.line,
            "ticked": bool(criterion.box and criterion.box.ticked),
            "boxed": criterion.box is not None,
        }
        for document in documents_of(paths, dialect, tell=passed_over)
        for criterion in (*document.criteria, *document.done)
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        box = ("[x]" if row["ticked"] else "[ ]") if row["boxed"] else "   "
        say(f"{row['document']}:{row['line']}: {box} {row['id']:<4} {' '.join(str(row['text']).split())}")


@click.command()
@PATHS
@DIALECT
@PASSED_OVER
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects instead of lines.")
@click.option("--format", "style", type=click.Choice(["text", "github"]), default="text", help="How lines are written.")
def lint(paths: Sequence[Path], dialect: str, *, passed_over: bool, as_json: bool, style: str) -> None:
    """Find what makes documents hard to prove: `path:line:column: CODE message`; exit code 1 if there is anything."""
    found = documents_of(paths, dialect, tell=passed_over)
    problems = [(document.path, problem) for document in found for problem in problems_of(document)]
    problems += [(document.path, problem) for document, problem in same_ids(found)]
    if as_json:
        rows = [
            {"path": str(problem.path or path), "line": problem.position.line, "column": problem.position.column,
             "code": problem.code, "message": problem.message}
            for path, problem in problems
        ]  # fmt: skip
        print_json(rows)
    for path, problem in [] if as_json else problems:
        line, column, where = problem.position.line, problem.position.column, problem.path or path
        if style == "github":
            say(runner.error(str(where), line, problem.code, problem.message, column=column))
        else:
            say(f"{where}:{line}:{column}: {problem.code} {problem.message}")
    sys.exit(1 if problems else 0)


@click.command()
@DOCUMENT
@click.option("--folder", default="tests/acceptance", show_default=True, type=PathType(), help="Where it goes.")
def scaffold(path: Path, folder: Path) -> None:
    """Write one test module for a document: one failing test per criterion. Never over a file that is there."""
    document = documents.read(path)
    target = folder / scaffolding.file_name(document)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(scaffolding.module(document))
    except FileExistsError as error:
        raise errors.UsageError(
            f"{error.filename} is there already, and stays as it is.",
            instead="Choose another --folder, or move the file away.",
        ) from None
    except OSError as error:
        raise errors.UsageError(
            f"{target} cannot be written: {error.strerror}.", instead="Choose another --folder."
        ) from error
    say(f"{target}: {len(document.criteria)} tests, each of which fails until you write it")
