"""Writes files: whole or not at all; and makes folders that do not outlive the runs that they belong to."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import errors, shortage

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        raise refused(path, error) from error


def append(path: Path, text: str) -> None:
    """Add text to the end of a file.

    Raises:
        errors.EvidenceError: it cannot be written.

    """
    try:
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        raise refused(path, error) from error


def refused(path: Path, error: OSError) -> errors.EvidenceError:
    """Return what to say of something that a run leaves behind and that cannot be written."""
    return errors.EvidenceError(
        f"{path} cannot be written: {error.strerror}.",
        instead=shortage.of(error) or "Choose another folder with --workstream-folder.",
    )


_KINDS = ("bootstrap", "context", "control", "exchange", "inventory", "kubeconfig")
_LOCK = ".lock"  # in a folder of ours: locked for as long as its process lives


@contextmanager
def temporary(kind: str, below: Path | None = None) -> Iterator[Path]:
    """Yield a folder for as long as it is needed, and remove those of its kind that killed processes have left.

    Args:
        kind: what it is for, one of a few words; it stands in its name.
        below: the folder in which it is made; the one for temporary files unless given.

    Raises:
        errors.NoSpaceError: it cannot be made.

    """
    place = below or Path(tempfile.gettempdir())
    _remove_left_behind(place)
    path, lock = _locked(kind, place)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _locked(kind: str, place: Path) -> tuple[Path, int]:
    """Return a new folder, and the open file whose lock says that it is in use."""
    while True:
        try:
            path = Path(tempfile.mkdtemp(prefix=f"workstream-{kind}-", dir=place))
            lock = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise errors.NoSpaceError(
                f"{place}: no folder can be made: {error.strerror}.",
                instead=shortage.of(error) or "Set TMPDIR to a folder that can be written.",
            ) from error
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (path / _LOCK).exists():  # nobody took it for left behind before it was locked
            return path, lock
        os.close(lock)


def _remove_left_behind(place: Path) -> None:
    """Remove folders whose processes have ended without doing so; those without a lock are not ours to judge."""
    for path in place.glob("workstream-*-*"):
        if path.name.split("-")[1] not in _KINDS:
            continue
        try:
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(lock)
