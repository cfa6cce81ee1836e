"""What several commands take and print."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workstream import documents, errors
from workstream.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PATHS = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
DOCUMENT = click.argument("path", metavar="DOCUMENT", type=click.Path(path_type=Path))


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


def documents_of(paths: Sequence[Path]) -> Iterator[documents.Document]:
    """Yield the documents that paths name; of a folder, every Markdown file that is one."""
    for path in paths:
        if not path.is_dir():
            yield documents.read(path)
            continue
        for file in sorted(_markdown(path)):
            try:
                yield documents.read(file)
            except errors.ForeignDocumentError:
                continue  # not every Markdown file of a folder is a workstream document; one that is broken may be


def _markdown(folder: Path) -> Iterator[Path]:
    """Yield the Markdown files below a folder.

    Raises:
        OSError: a folder below it cannot be read.

    """

    def refuse(error: OSError) -> None:
        raise error

    for place, _, names in os.walk(folder, onerror=refuse):
        yield from (Path(place, name) for name in names if name.endswith(".md"))
