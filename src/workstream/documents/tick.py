"""Ticks boxes: one byte each, spliced at a known place; nothing else of the file changes."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from workstream import errors, files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workstream.documents.model import Document


def tick(document: Document, wanted: Mapping[str, bool]) -> bytes:
    """Return the document's bytes with boxes as wanted.

    Args:
        document: as read.
        wanted: by criterion id, whether its box is to be ticked. Criteria without a box, and boxes that
            are not named, stay as they are. A box that is already as wanted keeps its `X` or `x`.

    """
    content = bytearray(document.content)
    for criterion in document.criteria:
        box = criterion.box
        if box is not None and wanted.get(criterion.id, box.ticked) != box.ticked:
            content[box.offset : box.offset + 1] = b" " if box.ticked else b"x"
    return bytes(content)


def write(path: Path, expected: bytes, content: bytes) -> None:
    """Replace a file's content, all of it or nothing, keeping its mode and owner.

    Args:
        path: the file; a symbolic link is followed to the file that it names.
        expected: what the file must still hold.
        content: what it is to hold.

    Raises:
        errors.TickRefusedError: the file changed meanwhile, or cannot be written.

    """
    target = path.resolve()
    try:
        if target.read_bytes() != expected:
            raise errors.TickRefusedError(
                f"{path} changed while it was being ticked.", instead="Run the command again."
            )
        before = target.stat()
        if not os.access(target, os.W_OK) or not before.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            raise errors.TickRefusedError(f"{path} is write-protected.", instead="Make it writable first.")
        files.replace(target, content, before=before)
    except OSError as error:
        raise errors.TickRefusedError(f"{path} cannot be written: {error.strerror}. It is as it was.") from error
