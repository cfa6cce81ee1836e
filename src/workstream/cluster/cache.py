"""Where built things are kept: under the hash of what they are built from, in the platform's cache folder.

An entry appears under its name only when it is whole (built beside it, then renamed), and only one process
builds at a time (a lock that dies with its holder), so that a build that was cut off is never taken for a
finished one and two runs at once do not harm each other. A process that uses an entry holds a lock on it: what is
locked is not removed (see `housekeeping`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import platformdirs

from workstream import errors, files, shortage
from workstream.progress import logger, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER_VARIABLE = "WORKSTREAM_CACHE"
_ID_BYTES = 8
_BUILDING = ".building-"  # how the name of what is being built, or removed, begins
_BLOCK_BYTES = 512  # of what the operating system counts a file's room in


def folder() -> Path:
    """Return the cache folder: WORKSTREAM_CACHE if set, else the platform's; made if need be."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    path = Path(chosen).expanduser().absolute() if chosen else platformdirs.user_cache_path("workstream")
    path.mkdir(parents=True, exist_ok=True)
    return path


def home_id() -> str:
    """Return the id of the cache folder, 16 hexadecimal digits: whose it is what is made on an engine of others.

    It is random and made once, because two cache folders may have the same path: those of two containers. A copy of a
    cache folder has the same id, unless the file `id` is left out.
    """
    path = folder() / "id"
    with lock("id"):
        if not path.exists():
            files.replace(path, secrets.token_hex(_ID_BYTES).encode())
        return path.read_text(encoding="ascii")


def digest(*inputs: str | Path) -> str:
    """Return a hash (16 hexadecimal digits) of texts and of the contents of files and folders.

    A path stands for what it holds, never for its name on this machine; within a folder, names count.
    """
    total = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            parts = [("text", item.encode())]
        elif item.is_dir():
            files = sorted(path for path in item.rglob("*") if path.is_file())
            parts = [(path.relative_to(item).as_posix(), path.read_bytes()) for path in files]
        else:
            parts = [("file", item.read_bytes())]
        for name, content in parts:
            total.update(f"{name}\0{len(content)}\0".encode())
            total.update(content)
    return total.hexdigest()[:16]


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold the lock of that name; waits for whoever holds it, and says so. It dies with the process."""
    with _lock_file(name) as file:
        if not _taken(file):
            with step("cache", f"waiting for whoever is making {name}"):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def exclusive(name: str, what: str) -> Iterator[None]:
    """Hold the lock of that name, or refuse at once; it dies with the process, and leaves no file.

    Raises:
        errors.BusyError: another process holds it.

    """
    while True:
        with _lock_file(name) as file:
            if not _taken(file):
                raise errors.BusyError(
                    f"Another run uses {what}.",
                    instead="Wait for it to end, or choose another name with --workstream-cluster-name "
                    "(`workstream cluster` calls it --cluster-name).",
                )
            if not _is_there(file.fileno(), Path(file.name)):
                continue  # whoever held it until now has taken the file away: a newcomer would lock another
            try:
                yield
            finally:
                Path(file.name).unlink(missing_ok=True)
            return


@dataclass(frozen=True, slots=True)
class Lease:
    """One of several holds on the same thing.

    Attributes:
        file: what the hold is a lock on.

    """

    file: TextIO

    def is_the_last(self) -> bool:
        """Whether nobody else holds the thing; then nobody else can until this ends. If not, this hold has ended."""
        return _taken(self.file)


@contextmanager
def lease(name: str, *, first: Callable[[], object] | None = None) -> Iterator[Lease]:
    """Share the thing of that name with others, once nobody holds it alone; the hold dies with the process.

    Args:
        name: what it is.
        first: is called if nobody else holds it; whoever comes meanwhile waits.

    """
    with _lock_file(f"{name}-leases") as file:
        if first is not None and _taken(file):
            first()
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            with step("cache", f"waiting for whoever has the {name} alone"):
                fcntl.flock(file, fcntl.LOCK_SH)
        yield Lease(file)


def _lock_file(name: str) -> TextIO:
    path = folder() / "locks" / name
    path.parent.mkdir(exist_ok=True)
    return path.open("a")


def _taken(file: TextIO | int) -> bool:
    """Take a lock if nobody holds it; return whether it is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_there(opened: int, path: Path) -> bool:
    """Whether a path still leads to what was opened."""
    try:
        return os.path.samestat(os.fstat(opened), path.stat())
    except FileNotFoundError:
        return False


_KEY = re.compile(r"[0-9a-f]{16}")  # what `digest` returns
_used: dict[Path, int] = {}  # what this process uses, and the open folder whose lock says so


def entries() -> Iterator[Path]:
    """Yield the folders of built things."""
    for path in folder().glob("*/*"):
        if _KEY.fullmatch(path.name) and path.is_dir():
            yield path


def use(path: Path) -> bool:
    """Say that this process uses a folder of the cache: it is not removed before the process ends.

    Returns:
        Whether it is there.

    """
    if path in _used and _is_there(_used[path], path):
        return True
    try:
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    fcntl.flock(opened, fcntl.LOCK_SH)
    if not _is_there(opened, path):  # it was removed while we waited for the lock
        os.close(opened)
        return False
    os.utime(path)
    _used[path] = opened
    return True


def in_use(path: Path) -> bool:
    """Whether a process uses a folder of the cache, this one too."""
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return not _taken(opened)
    finally:
        os.close(opened)


def discard(path: Path) -> bool:
    """Remove a folder of the cache unless a process uses it; return whether it is gone."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return True
    # Whoever builds beside it removes what is left of it, if this is cut off.
    going = path.with_name(f"{_BUILDING}{path.name}")
    try:
        if not _taken(opened):
            return False
        remove(going)
        path.rename(going)
    finally:
        os.close(opened)
    remove(going)
    if path.parent != folder():
        with suppress(OSError):  # there is something else in it
            path.parent.rmdir()
    return True


def size(path: Path) -> int:
    """Return the room on the disk that a folder takes, in bytes; what goes meanwhile does not count."""
    total, pending = 0, [path]
    while pending:
        with suppress(OSError), os.scandir(pending.pop()) as found:
            for one in found:
                with suppress(OSError):
                    total += one.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
                if one.is_dir(follow_symlinks=False):
                    pending.append(Path(one.path))
    return total


def entry(name: str, key: str, build: Callable[[Path], None], *, needs_bytes: int = 0) -> Path:
    """Return the folder of a built thing, building it if it is not there.

    Args:
        name: what it is, as people call it.
        key: the hash of everything that it is built from.
        build: fills an empty folder.
        needs_bytes: free space that building takes.

    Raises:
        errors.NoSpaceError: the disk has less than `needs_bytes`.

    """
    path = folder() / name / key
    if use(path):
        logger.debug("%s is in the cache: %s", name, path)
        return path
    with lock(name):
        while not use(path):  # another run made it while this one waited
            path.parent.mkdir(parents=True, exist_ok=True)
            for leftover in path.parent.glob(f"{_BUILDING}*"):  # of a run that was cut off: the lock is ours
                remove(leftover)
            require_space(needs_bytes, name)
            building = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=path.parent))
            try:
                with telling_of_shortage(name):
                    build(building)
                building.chmod(0o755)
                building.rename(path)
            finally:
                remove(building)
    return path


@contextmanager
def telling_of_shortage(what: str) -> Iterator[None]:
    """Turn an error of a machine that ran out of something into one of ours.

    Raises:
        errors.NoSpaceError: the disk is full, or something else is used up.

    """
    try:
        yield
    except OSError as error:
        advice = shortage.of(error)
        if not advice:
            raise
        raise errors.NoSpaceError(
            f"{what}: {error.filename or folder()}: {error.strerror}.", instead=advice, more=f"df -h {folder()}"
        ) from error


def require_space(needed: int, what: str) -> None:
    """Raise errors.NoSpaceError unless the cache's disk has that many bytes free."""
    free = shutil.disk_usage(folder()).free
    if free < needed:
        raise errors.NoSpaceError(
            f"{what}: {free / 1e9:.1f} GB are free in {folder()}, {needed / 1e9:.1f} GB are needed.",
            instead=f"Make room, or set {FOLDER_VARIABLE} to a folder on a larger disk.",
        )


def remove(path: Path) -> None:
    """Delete a folder and everything in it, also what was made read-only; none there is no error."""

    def allow(function: Callable[[str], object], name: str, _error: object) -> None:
        parent = Path(name).parent
        if not parent.exists():
            return
        parent.chmod(0o700)
        function(name)

    if path.exists():
        shutil.rmtree(path, onerror=allow)
