"""The forms of documents that are known: a module each, all of one shape.

A module has a `NAME`; `recognises(file)` says whether a file is of its form; `read(file)` gives the document: its
criteria, what is claimed of them, and, as the boxes of criteria, the bytes that may be edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from workstream import errors
from workstream.documents.dialects import backlog, bmad, kiro, workstream

if TYPE_CHECKING:
    from workstream.documents.file import File
    from workstream.documents.model import Document


class Dialect(Protocol):
    """One form of documents."""

    NAME: str

    def recognises(self, file: File) -> bool:
        """Whether a file is a document of this form."""

    def read(self, file: File) -> Document:
        """Return the document.

        Raises:
            errors.ForeignDocumentError: it is none.
            errors.DocumentError: it cannot be read.

        """


# In this order: an id of ours goes before what a file looks like, and the comments of a task go before both.
ALL: tuple[Dialect, ...] = (backlog, workstream, kiro, bmad)
NAMES = tuple(dialect.NAME for dialect in ALL)


def named(name: str) -> Dialect:
    """Return a dialect.

    Raises:
        errors.UsageError: there is none of this name.

    """
    found = next((dialect for dialect in ALL if name == dialect.NAME), None)
    if found is None:
        raise errors.UsageError(f"There is no dialect {name!r}.", instead=f"Known are {', '.join(NAMES)}.")
    return found


def of(file: File, name: str = "") -> Dialect:
    """Return the dialect of a file: as named, as its project says, else the first that recognises it.

    Args:
        file: the file.
        name: the dialect's name; empty to find out.

    Raises:
        errors.UsageError: there is no dialect of this name.
        errors.ForeignDocumentError: it is of none.

    """
    if chosen := name or file.settings.dialect(file.path):
        return named(chosen)
    for dialect in ALL:
        if dialect.recognises(file):
            return dialect
    raise errors.ForeignDocumentError(
        f"{file.path}:1: this is no workstream document: neither its first heading, nor its front matter, nor its name "
        f"holds an id like WS-001-04, and it has none of the other forms that are known ({', '.join(NAMES)}).",
        instead="Start it with a heading such as `## WS-001-04: External shuffle service`, or say what ids look "
        "like, in pyproject.toml below [tool.workstream]: ids = ['MAIL-[0-9]+'].",
    )
