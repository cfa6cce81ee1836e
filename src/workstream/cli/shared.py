"""What several commands take and print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workstream import documents
from workstream.text import visible

if TYPE_CHECKING:
    from collections.abc import Sequence


class PathType(click.Path):
    """A path; an empty one is a variable of the shell that nobody set, and not the working folder."""

    def __init__(self, **more: bool) -> None:
        super().__init__(path_type=Path, **more)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as click's
        """Return the path."""
        if value == "":
            self.fail("an empty path names no file.", param, ctx)
        return super().convert(value, param, ctx)


PATHS = click.argument("paths", nargs=-1, required=True, type=PathType())
DOCUMENT = click.argument("path", metavar="DOCUMENT", type=PathType())
DIALECT = click.option(
    "--dialect",
    default="",
    metavar="NAME",
    help=f"Read documents in this form ({', '.join(documents.DIALECTS)}), and do not find out.",
)
_WHY = "workstream criteria --passed-over says why"
PASSED_OVER = click.option(
    "--passed-over", is_flag=True, help="Say of each file of a folder that is no document why it is none."
)


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print what people read; text of documents and tests moves no cursor, and colours nothing.

    Args:
        text: one or more lines.
        err: on standard error.
        nl: whether it ends with the end of a line.

    """
    click.echo(visible(text), err=err, nl=nl)


def print_json(value: object) -> None:
    """Print a JSON document that can be read whatever the encoding of standard output is."""
    click.echo(json.dumps(value, indent=2))


def shortest(path: Path) -> Path:
    """Return a path as people type it: from the working folder, if it stands below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def documents_of(paths: Sequence[Path], dialect: str = "", *, tell: bool = False) -> list[documents.Document]:
    """Return the documents that paths name; of a folder, every Markdown file that is one. Each is read once.

    How many files of folders were passed over is said on standard error.

    Args:
        paths: files and folders.
        dialect: the name of their form; empty to find out.
        tell: whether to say of each file that was passed over why.

    Raises:
        errors.ForeignDocumentError: there is none.
        errors.DocumentError: one that was named, or of which the name says that it is one, cannot be read.

    """
    found = documents.search(paths, dialect)
    for why in found.passed_over if tell else ():
        say(why, err=True)
    found.require("" if tell else f"{_WHY}.")
    if found.passed_over:
        say(f"{found.counts}{'' if tell else f' ({_WHY})'}", err=True)
    return list(found.documents)
