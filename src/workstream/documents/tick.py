"""Ticks boxes: one byte each, spliced at a known place; nothing else of the file changes."""

from __future__ import annotations

import os
import pwd
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
    changed = errors.TickRefusedError(f"{path} changed while it was being ticked.", instead="Run the command again.")
    try:
        before = target.stat()
    except OSError as error:
        raise _refused(path, error) from error
    try:
        if target.read_bytes() != expected:
            raise changed
        if not os.access(target, os.W_OK) or not before.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
            raise errors.TickRefusedError(f"{path} is write-protected.", instead="Make it writable first.")
        if before.st_nlink > 1:
            raise errors.TickRefusedError(
                f"{path} has {before.st_nlink} names (hard links): ticked under one, it would stay as it is under the "
                "others.",
                instead=f"Make a file of its own of it first: cp {path} NEW && mv NEW {path}",
            )
        files.replace(target, content, before=before, expected=expected)
    except files.ChangedError:
        raise changed from None
    except PermissionError as error:
        if before.st_uid == os.geteuid() or not os.access(target.parent, os.W_OK):
            raise _refused(path, error) from error
        raise errors.TickRefusedError(
            f"{path} belongs to {_name(before.st_uid)}, and would be yours if it were written anew. It is as it was.",
            instead=f"Run the command as {_name(before.st_uid)}, or take the file over: chown.",
        ) from error
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> errors.TickRefusedError:
    return errors.TickRefusedError(f"{path} cannot be written: {error.strerror}. It is as it was.")


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
