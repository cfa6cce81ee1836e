"""Writes files: whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from workstream import errors

_MODE = 0o644  # of what is new


def replace(path: Path, content: bytes, *, before: os.stat_result | None = None) -> None:
    """Replace a file's content in one step; it is on the disk when this returns.

    Args:
        path: the file.
        content: what it is to hold.
        before: whose mode and owner it keeps; None for those of a new file.

    Raises:
        OSError: it cannot be written; it is as it was.

    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if before is not None:
            os.chown(name, before.st_uid, before.st_gid)
        Path(name).chmod(_MODE if before is None else stat.S_IMODE(before.st_mode))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
