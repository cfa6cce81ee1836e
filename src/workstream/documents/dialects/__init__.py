"""The forms of documents that are known: a module each, all of one shape.

A module has a `NAME`; `recognises(file)` says whether a file is of its form; `read(file)` gives the document: its
criteria, what is claimed of them, and, as the boxes of criteria, the bytes that may be edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from workstream import errors
from workstream.documents.dialects import backlog, bmad, kiro, openspec, spec_kit, workstream
from workstream.documents.file import File

if TYPE_CHECKING:
    from pathlib import Path

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


# In this order: an id of ours goes before what a file looks like, and the comments of a task go before both. Some write
# ids of spec-kit in the requirements of OpenSpec, and nobody the other way.
ALL: tuple[Dialect, ...] = (backlog, workstream, kiro, bmad, openspec, spec_kit)
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
    if openspec.is_archived(file):
        raise errors.ForeignDocumentError(
            f"{file.path}:1: this change is archived: what became of it stands in the spec of its capability.",
            instead="To read it all the same, name its form: --dialect openspec.",
        )
    raise errors.ForeignDocumentError(
        f"{file.path}:1: this is no workstream document: neither its first heading, nor its front matter, nor its name "
        f"holds an id like WS-001-04, and it has none of the other forms that are known ({', '.join(NAMES)}).",
        instead="Start it with a heading such as `## WS-001-04: External shuffle service`, or say what ids look "
        "like, in pyproject.toml below [tool.workstream]: ids = ['MAIL-[0-9]+'].",
    )


def file_of(folder: Path, name: str = "") -> Path | None:
    """Return the file of the spec that a folder is; None if it is the folder of none.

    `requirements.md` makes a spec of its folder. `spec.md` does where it is of a form that names it so: other people
    call other things so, and what else stands in their folder is looked for as in any folder.

    Args:
        folder: the folder.
        name: the dialect's name; empty to find out.

    Raises:
        errors.UsageError: there is no dialect of this name, or the project's settings cannot be understood.

    """
    if (folder / kiro.FILE).is_file():
        return folder / kiro.FILE
    path = folder / spec_kit.FILE
    if not path.is_file():
        return None
    try:
        known = of(File(path, path.read_bytes()), name)
    except errors.ForeignDocumentError:
        return None
    except (OSError, errors.DocumentError):
        return path  # who reads it says what is wrong with it
    return path if known.NAME in {spec_kit.NAME, openspec.NAME} else None


def is_named_as_spec(path: Path) -> bool:
    """Whether a file has the name of a spec, and stands where specs do."""
    return path.name.lower() in {kiro.FILE, spec_kit.FILE} and "specs" in path.parts
