"""Writes files: whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import nullcontext, suppress
from pathlib import Path

from workstream import errors

_MODE = 0o644  # of what is new


class ChangedError(OSError):
    """Somebody else wrote to a file while it was being replaced."""


def replace(path: Path, content: bytes, *, before: os.stat_result | None = None, expected: bytes | None = None) -> None:
    """Replace a file's content in one step; it is on the disk when this returns.

    Args:
        path: the file.
        content: what it is to hold.
        before: whose mode, owner and extended attributes it keeps; None for those of a new file.
        expected: what it must hold until it is replaced; None if that does not matter. What somebody else writes
            meanwhile stays: it is looked for just before and just behind the step.

    Raises:
        ChangedError: it does not hold what it must.
        OSError: it cannot be written; it is as it was.

    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            _take_after(path, Path(name), before)
        Path(name).chmod(_MODE if before is None else stat.S_IMODE(before.st_mode))
        if expected is None:
            Path(name).replace(path)
        else:
            _exchange(path, Path(name), before, expected)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _exchange(path: Path, new: Path, before: os.stat_result | None, expected: bytes) -> None:
    """Put a new file in the place of one that holds what is expected, or leave that one there.

    Raises:
        ChangedError: it holds something else; that is in its place.

    """
    with path.open("rb") as old:
        if old.read() != expected:
            raise ChangedError
        new.replace(path)
        old.seek(0)
        written = old.read()
    if written != expected:
        replace(path, written, before=before)
        raise ChangedError


def _take_after(path: Path, new: Path, before: os.stat_result) -> None:
    """Give a new file the owner and the extended attributes of the one that it replaces."""
    made = new.stat()
    if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
        os.chown(new, before.st_uid, before.st_gid)
    if hasattr(os, "listxattr"):
        for attribute in os.listxattr(path):
            with nullcontext() if attribute.startswith("user.") else suppress(OSError):  # others are the system's own
                os.setxattr(new, attribute, os.getxattr(path, attribute))


def write(path: Path, text: str) -> None:
    """Replace the text of what a run leaves behind, in one step; its folder is made if need be.

    Raises:
        errors.EvidenceError: it cannot be written; it is as it was.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise _refused(path, error) from error


def append(path: Path, text: str) -> None:
    """Add text to the end of a file.

    Raises:
        errors.EvidenceError: it cannot be written.

    """
    try:
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> errors.EvidenceError:
    return errors.EvidenceError(
        f"{path} cannot be written: {error.strerror}.", instead="Choose another folder with --workstream-folder."
    )
