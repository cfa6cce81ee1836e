"""Where evidence comes from: the first line of a log."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workstream import errors, limits, processes
from workstream.evidence.records import Session
from workstream.evidence.settings import NAME as SETTINGS
from workstream.evidence.settings import settings_sha256
from workstream.evidence.verdict import context_sha256, text_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from workstream.documents import Document


def now() -> str:
    """Return the time, RFC 3339, UTC, in milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def session(document: Document, root: Path, command: str) -> Session:
    """Return the first line of a log.

    Args:
        document: the document under acceptance.
        root: the root of the repository, from which paths start.
        command: the command line.

    """
    (line,) = sessions([document], root, command)
    return line


def sessions(documents: Sequence[Document], root: Path, command: str) -> list[Session]:
    """Return the first line of the log of each document of one run; for the rest see `session`."""
    commit = _git(root, "rev-parse", "HEAD") or ""
    dirty = bool(commit) and _git(root, "status", "--porcelain") != ""  # unknown is not clean
    time, harness = now(), importlib.metadata.version("workstream")
    return [
        Session(
            time=time,
            harness=harness,
            python=platform.python_version(),
            command=command,
            commit=commit,
            dirty=dirty,
            document_id=document.id,
            document_path=os.path.relpath(document.path, root),
            document_sha256=document_sha256(document),
            context_sha256=context_sha256(document),
            criteria={criterion.id: text_sha256(criterion) for criterion in document.criteria},
        )
        for document in documents
    ]


def document_sha256(document: Document) -> str:
    """Return the hash of a document with every box of its criteria blanked: a tick makes nothing stale."""
    content = bytearray(document.content)
    for criterion in document.criteria:
        if criterion.box is not None:
            content[criterion.box.offset : criterion.box.offset + 1] = b" "
    return hashlib.sha256(content).hexdigest()


def subject_sha256(name: str, path: Path) -> str:
    """Return the hash of what a subject describes: of a file or folder, or of the settings of pytest that count.

    Raises:
        errors.EvidenceError: there is nothing, or it cannot be read.

    """
    return settings_sha256(path) if name == SETTINGS else path_sha256(path)


def path_sha256(path: Path) -> str:
    """Return the hash of a file, or of all files of a folder with their names in it; what Python compiled is left out.

    Links are followed, those inside a folder too: what they lead to counts. One that leads nowhere, or back to a
    folder that it stands in, counts as a link, with the text of its target.

    Raises:
        errors.EvidenceError: there is nothing, or it cannot be read.

    """
    try:
        if path.is_dir():
            return _folder_sha256(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise errors.EvidenceError(
            f"{path} cannot be read, so it cannot be described: {error.strerror}.",
            instead="Describe a file or folder that is there.",
        ) from error


def _folder_sha256(folder: Path) -> str:
    total = hashlib.sha256()
    for path, digest in sorted(_contents(folder, frozenset({folder.resolve()}))):
        name = path.relative_to(folder).as_posix().encode("utf-8", "surrogateescape")
        total.update(name + b"\0" + digest.encode() + b"\n")
    return total.hexdigest()


def _contents(folder: Path, around: frozenset[Path]) -> Iterator[tuple[Path, str]]:
    """Yield every file of a folder with its hash, and every link that is not followed with that of its target's text.

    Args:
        folder: the folder.
        around: the folder itself and all that it was reached through, without links: where a loop would lead back to.

    """
    for path in folder.iterdir():
        if path.name == "__pycache__":
            continue
        if path.is_dir() and (real := path.resolve()) not in around:
            yield from _contents(path, around | {real})
        elif path.is_file():
            yield path, path_sha256(path)
        elif path.is_symlink():
            yield path, "link " + hashlib.sha256(os.fsencode(path.readlink())).hexdigest()


def committed(root: Path, revision: str, path: Path) -> str | None:
    """Return the text of a file as a commit has it; None if it has none.

    Args:
        root: a folder of the repository.
        revision: what git takes for a commit, such as `origin/main`.
        path: the file's, from that folder.

    Raises:
        errors.UsageError: there is no such commit, or no repository.

    """
    if not _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"):
        raise errors.UsageError(
            f"{root} is in no git repository that has a commit {revision}.",
            instead="Name one that was fetched: git fetch origin main, and then origin/main.",
        )
    return _git(root, "show", "--end-of-options", f"{revision}:./{path.as_posix()}")


def _git(root: Path, *arguments: str) -> str | None:
    """Return what git prints; None where it refuses, or there is no git or no repository."""
    try:
        return processes.run(["git", "-C", root, *arguments], limit=limits.QUERY).stdout.strip()
    except errors.WorkstreamError:
        return None
