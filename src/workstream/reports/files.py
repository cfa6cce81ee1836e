"""Writes reports: whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from workstream import errors


def write(path: Path, text: str) -> None:
    """Replace a file's text in one step.

    Raises:
        errors.EvidenceError: it cannot be written; it is as it was.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
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
