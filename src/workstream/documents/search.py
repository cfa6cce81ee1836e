"""Looks for documents: files that are named, and all that stand below folders."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import errors
from workstream.documents import dialects, ids
from workstream.documents.parse import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.documents.model import Document

_NO_PROJECT = {".git", "node_modules", "site-packages", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Found:
    """What was found where it was looked for.

    Attributes:
        documents: the documents, each once, however often it was named.
        passed_over: of each Markdown file of a folder that belongs to no document why it is none.
        broken: why files cannot be read of which the name says that they are documents.

    """

    documents: tuple[Document, ...]
    passed_over: tuple[str, ...] = ()
    broken: tuple[errors.DocumentError, ...] = ()

    @property
    def counts(self) -> str:
        """How many documents there are, and how many files were passed over."""
        read_ones, passed = _count(len(self.documents), "document"), _count(len(self.passed_over), "Markdown file")
        return f"{read_ones} read, {passed} passed over"

    def require(self, instead: str = "") -> None:
        """Refuse to go on without a document, or without one that cannot be read.

        Args:
            instead: where it is said why files were passed over.

        Raises:
            errors.ForeignDocumentError: there is no document.
            errors.DocumentError: one of which the name says that it is one cannot be read.

        """
        if self.broken:
            raise errors.DocumentError("\n".join(error.what for error in self.broken), instead=self.broken[0].instead)
        if not self.documents:
            raise errors.ForeignDocumentError(
                f"{self.counts}: there is nothing to say anything of.", instead=instead if self.passed_over else ""
            )


def names_one(path: Path) -> bool:
    """Whether a path names one document: a file, or the folder of a spec."""
    return not path.is_dir() or dialects.file_of(path) is not None


def search(paths: Sequence[Path], dialect: str = "") -> Found:
    """Return the documents that paths name; of a folder, every Markdown file that is one.

    Args:
        paths: files and folders.
        dialect: the name of their form; empty to find out.

    Raises:
        errors.DocumentError: a file that was named cannot be read, or is no document.

    """
    looking = _Search(dialect)
    for path in paths:
        if path.is_dir():
            looking.folder(path)
        else:
            looking.take(read(path, dialect))
    return Found(tuple(looking.found.values()), tuple(looking.passed_over()), tuple(looking.broken))


@dataclass(slots=True)
class _Search:
    """A search that is under way.

    Attributes:
        dialect: see `search`.
        found: the documents, by where they really are.
        broken: see `Found`.
        passed: why files are no documents, by their paths.

    """

    dialect: str
    found: dict[Path, Document] = field(default_factory=dict)
    broken: list[errors.DocumentError] = field(default_factory=list)
    passed: dict[Path, str] = field(default_factory=dict)

    def take(self, document: Document) -> None:
        """Take a document, once."""
        self.found.setdefault(_real(document.path), document)

    def folder(self, folder: Path) -> None:
        """Take the documents below a folder."""
        for file in sorted(_markdown(folder, self.passed)):
            try:
                self.take(read(file, self.dialect))
            except errors.ForeignDocumentError as error:
                self.passed[file] = error.what
            except errors.DocumentError as error:
                # It may be a document if its name says so, and a gate that passed over that would be green.
                if ids.DOCUMENT_ID.search(ids.plain(file.name)) or dialects.is_named_as_spec(file):
                    self.broken.append(error)
                else:
                    self.passed[file] = error.what

    def passed_over(self) -> list[str]:
        """Return of each file that belongs to no document why it is none."""
        known = {_real(part) for document in self.found.values() for part in document.parts} | set(self.found)
        return [why for file, why in self.passed.items() if _real(file) not in known]


def _real(path: Path) -> Path:
    """Return where a path leads; of links that lead to each other, one of them: some Pythons refuse those."""
    return Path(os.path.realpath(path))


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
