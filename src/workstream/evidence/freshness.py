"""Whether what was proven still holds: the files that it rests on, compared with those that are there now."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import errors
from workstream.evidence import modules
from workstream.evidence.provenance import subject_sha256
from workstream.evidence.verdict import State, Verdict
from workstream.evidence.verdict import verdicts as judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.documents import Document
    from workstream.evidence.log import Log
    from workstream.evidence.records import Manifest, Subject


@dataclass(frozen=True, slots=True)
class Basis:
    """What verdicts rest on beside the document: all that makes them stale when it changes.

    Attributes:
        document_id: the document's id.
        manifest: which test speaks of which criterion, each with the hash of its module.
        subjects: what was under test; those with a path are compared.
        test_paths: where the tests of the project stand, from its root.

    """

    document_id: str
    manifest: tuple[Manifest, ...]
    subjects: tuple[Subject, ...]
    test_paths: tuple[str, ...]


def basis_of(log: Log) -> Basis:
    """Return what the verdicts of a log rest on."""
    paths = log.selection.test_paths if log.selection else ()
    return Basis(log.session.document_id, log.manifest, log.subjects, paths)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not what it was when the tests ran.

    Attributes:
        path: which file or folder, from the project's root.
        what: a sentence.
        tests: the node ids of the tests whose evidence it makes stale; None for all.

    """

    path: str
    what: str
    tests: frozenset[str] | None = None

    def touches(self, verdict: Verdict) -> bool:
        """Whether a verdict rests on it."""
        return self.tests is None or not self.tests.isdisjoint(verdict.tests)


def root_of(recorded_path: str, document: Document, beside: Path) -> Path:
    """Return the folder from which recorded paths start, wherever the command runs: the place of the document tells it.

    It is one above the document, the working folder or one above it, or one above what recorded the path, which may
    have been carried elsewhere; the working folder if the document is not where it was.

    Args:
        recorded_path: where the document was.
        document: the document as it is now.
        beside: the file that recorded it.

    """
    now, here = document.path.resolve(), Path.cwd()
    folders = (*now.parents, here, *here.parents, *beside.resolve().parents)
    return next((folder for folder in folders if os.path.relpath(now, folder) == recorded_path), here)


def changes(basis: Basis, root: Path) -> tuple[Change, ...]:
    """Return what changed since: modules of tests, also those that are new, and what tests described as input.

    Args:
        basis: what the verdicts rest on.
        root: the folder from which its paths start: pytest's root.

    """
    paths = {line.source_path for line in basis.manifest if line.source_sha256}
    if paths and not any((root / path).exists() for path in paths):
        what = f"none of the modules of its tests is found from {root}: call this where pytest's root is"
        return (Change(min(paths), what),)
    return (
        *_changed_modules(basis, root),
        *_new_modules(basis, root),
        *_new_fixtures(basis, root),
        *_changed_inputs(basis, root),
    )


def current(log: Log, document: Document, root: Path) -> tuple[Verdict, ...]:
    """Return the verdict of every criterion as of now: `stale` where what proved it changed since.

    Args:
        log: the evidence.
        document: the document as it is now.
        root: see `changes`.

    """
    return aged(judge(log, document), basis_of(log), root)


def aged(verdicts: Sequence[Verdict], basis: Basis, root: Path) -> tuple[Verdict, ...]:
    """Return verdicts as of now.

    Args:
        verdicts: as of when the tests ran.
        basis: what they rest on.
        root: see `changes`.

    """
    since = changes(basis, root)
    return tuple(_aged(verdict, since) for verdict in verdicts)


def _aged(verdict: Verdict, since: tuple[Change, ...]) -> Verdict:
    reasons = [change.what for change in since if change.touches(verdict)]
    if not verdict.proven or not reasons:
        return verdict
    return replace(verdict, state=State.STALE, reason=f"It was proven, but {'; '.join(reasons)}.")


def _changed_modules(basis: Basis, root: Path) -> Iterator[Change]:
    for path in dict.fromkeys(line.source_path for line in basis.manifest):
        lines = [line for line in basis.manifest if line.source_path == path]
        if path and any(_sha256(root / path) != line.source_sha256 for line in lines):
            yield Change(path, f"{path} changed since", frozenset(line.test for line in lines))


def _new_modules(basis: Basis, root: Path) -> Iterator[Change]:
    """Yield the modules that speak of the document's criteria and that the run did not know: it would have said so."""
    known = {line.source_path for line in basis.manifest} | {subject.path for subject in basis.subjects}
    apart = [root / folder for folder in basis.test_paths if folder != "."]  # and they may stand outside
    of_tests = (path for folder in apart for path in modules.python_files(folder, of_tests=True))
    files = list(dict.fromkeys([*modules.python_files(root), *of_tests]))
    suite = [root / path for path in known if path.endswith(".py")]
    given = modules.naming({*suite, *files}, basis.document_id)
    for path in files:
        name = os.path.relpath(path, root)
        if name not in known and modules.speaks_of(path, basis.document_id, given) is not None:
            yield Change(name, f"{name}, which speaks of its criteria, was added since")


def _new_fixtures(basis: Basis, root: Path) -> Iterator[Change]:
    """Yield the conftest files that tests would read now and that were not there: they may change what a test does."""
    known = {subject.path for subject in basis.subjects}
    for name, tests in fixtures(basis.manifest).items():
        if name not in known and (root / name).is_file():
            yield Change(name, f"{name} was added since", frozenset(tests))


def fixtures(manifest: Sequence[Manifest]) -> dict[str, set[str]]:
    """Return the conftest files that tests read where they are there, each with the tests; a run tells all that are."""
    reading: dict[str, set[str]] = {}
    for line in manifest:
        path = Path(line.source_path)
        for folder in () if ".." in path.parts else path.parents:
            reading.setdefault(str(folder / "conftest.py"), set()).add(line.test)
    return reading


def _changed_inputs(basis: Basis, root: Path) -> Iterator[Change]:
    # Where several rounds or processes described the same file, every description counts.
    described = [subject for subject in basis.subjects if subject.path]
    for name, path in dict.fromkeys((subject.name, subject.path) for subject in described):
        now = _sha256(root / path, name)
        if any(subject.value != now for subject in described if (subject.name, subject.path) == (name, path)):
            yield Change(path, f"{name} ({path}) changed since")


def _sha256(path: Path, name: str = "") -> str:
    """Return the hash of what is there, for the name that describes it; empty if nothing is."""
    try:
        return subject_sha256(name, path)
    except errors.EvidenceError:
        return ""
