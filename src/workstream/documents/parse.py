"""Reads workstream documents from their files or their bytes."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from workstream import errors
from workstream.documents import dependencies, dialects
from workstream.documents.file import File

if TYPE_CHECKING:
    from pathlib import Path

    from workstream.documents.model import Document

LARGEST = 64 * 1024 * 1024  # bytes

# Lines of a checklist that a run of ours left.
EDITION = re.compile(
    r"^- (?:document: .*, boxes blanked,|criteria and what gives them their meaning:) SHA-256 `([0-9a-f]{64})`$",
    re.MULTILINE,
)
_GENERATED = re.compile(
    rb"^# [^\n]*\n\n[^\n]*(?:Ticked is what was proven, and nothing else\.|controls turned exactly those)", re.MULTILINE
)


def read(path: Path, dialect: str = "") -> Document:
    """Read a document.

    Args:
        path: the file; of a spec, its folder too.
        dialect: the name of its form; empty to find out.

    Raises:
        errors.ForeignDocumentError: it is no document of a form that is known.
        errors.DocumentError: it cannot be read.
        errors.UsageError: the project's settings, or the name of the dialect, cannot be understood.

    """
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode) and (spec := dialects.file_of(path, dialect)):
            return read(spec, dialect)
        if not stat.S_ISREG(about.st_mode):
            what = "a folder" if stat.S_ISDIR(about.st_mode) else "no file"
            raise errors.DocumentError(f"{path} cannot be read: it is {what}.", instead="Name a Markdown file.")
        if about.st_size > LARGEST:
            raise errors.DocumentError(f"{path} cannot be read: it has more than {LARGEST // 1024**2} MiB.")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise errors.DocumentError(f"{path} cannot be read: {getattr(error, 'strerror', error)}.") from error
    return parse(content, path, dialect)


def parse(content: bytes, path: Path, dialect: str = "") -> Document:
    """Read a document's bytes.

    Args:
        content: the file's bytes.
        path: where they were read, for the id and for messages.
        dialect: the name of its form; empty to find out.

    Raises:
        errors.ForeignDocumentError: it is no document of a form that is known.
        errors.DocumentError: it is no text, or its sections that may hold criteria are too large.
        errors.UsageError: the project's settings, or the name of the dialect, cannot be understood.

    """
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise errors.DocumentError(
            f"{path}:{line}: this is a binary file, or not saved as UTF-8.", instead="Name a Markdown file in UTF-8."
        )
    if is_generated(content):
        raise errors.ForeignDocumentError(
            f"{path}:1: this is the result of a run, and promises nothing.",
            instead="Name the document that was tested.",
        )
    file = File(path, content)
    document = dialects.of(file, dialect).read(file)
    needs = dependencies.stated(file)
    return replace(document, dependencies=needs.names, dependency_words=needs.words)


def is_generated(content: bytes) -> bool:
    """Whether a file is a checklist or a matrix of controls that a run of ours left."""
    return bool(_GENERATED.match(content))
