"""What several commands take and print."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workstream import documents, errors
from workstream.documents import ids
from workstream.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NO_PROJECT = {".git", "node_modules", "site-packages", "__pycache__"}


class _Path(click.Path):
    """A path; an empty one is a variable of the shell that nobody set, and not the working folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as click's
        """Return the path."""
        if value == "":
            self.fail("an empty path names no file.", param, ctx)
        return super().convert(value, param, ctx)


PATHS = click.argument("paths", nargs=-1, required=True, type=_Path())
DOCUMENT = click.argument("path", metavar="DOCUMENT", type=_Path())
DIALECT = click.option(
    "--dialect",
    default="",
    metavar="NAME",
    help=f"Read documents in this form ({', '.join(documents.DIALECTS)}), and do not find out.",
)
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
    search = _Search(dialect)
    for path in paths:
        if path.is_dir():
            search.folder(path)
        else:
            search.take(documents.read(path, dialect))
    passed = search.passed_over()
    for why in passed if tell else ():
        say(why, err=True)
    counts = f"{_count(len(search.found), 'document')} read, {_count(len(passed), 'Markdown file')} passed over"
    if search.broken:
        raise errors.DocumentError("\n".join(error.what for error in search.broken), instead=search.broken[0].instead)
    if not search.found:
        raise errors.ForeignDocumentError(
            f"{counts}: there is nothing to say anything of.",
            instead="" if tell or not passed else "--passed-over says why.",
        )
    if passed:
        say(f"{counts}{'' if tell else ' (--passed-over says why)'}", err=True)
    return list(search.found.values())


class _Search:
    """Looks for documents.

    Attributes:
        found: the documents, by where they really are.
        broken: why files cannot be read of which the name says that they are documents.

    Args:
        dialect: the name of their form; empty to find out.

    """

    def __init__(self, dialect: str) -> None:
        self.found: dict[Path, documents.Document] = {}
        self.broken: list[errors.DocumentError] = []
        self._dialect = dialect
        self._passed: dict[Path, str] = {}

    def take(self, document: documents.Document) -> None:
        """Take a document, once."""
        self.found.setdefault(document.path.resolve(), document)

    def folder(self, folder: Path) -> None:
        """Take the documents below a folder."""
        for file in sorted(_markdown(folder, self._passed)):
            try:
                self.take(documents.read(file, self._dialect))
            except errors.ForeignDocumentError as error:
                self._passed[file] = error.what
            except errors.DocumentError as error:
                # It may be a document if its name says so, and a gate that passed over that would be green.
                if ids.DOCUMENT_ID.search(ids.plain(file.name)):
                    self.broken.append(error)
                else:
                    self._passed[file] = error.what

    def passed_over(self) -> list[str]:
        """Return of each file that belongs to no document why it is none."""
        known = {part.resolve() for document in self.found.values() for part in document.parts} | set(self.found)
        return [why for file, why in self._passed.items() if file.resolve() not in known]


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def _markdown(folder: Path, passed: dict[Path, str]) -> Iterator[Path]:
    """Yield the Markdown files below a folder; take down folders that cannot be looked into."""

    def refuse(error: OSError) -> None:
        place = error.filename or folder
        passed[Path(place)] = f"{place} cannot be read: {error.strerror}."

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [
            name for name in folders if name not in _NO_PROJECT and not Path(place, name, "pyvenv.cfg").exists()
        ]
        yield from (Path(place, name) for name in names if name.lower().endswith(".md"))
