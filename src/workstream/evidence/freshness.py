"""Whether what was proven still holds: the files that evidence was won with, compared with those that are there now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workstream import errors
from workstream.evidence.provenance import path_sha256
from workstream.evidence.verdict import State, Verdict, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workstream.documents import Document
    from workstream.evidence.log import Log


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not what it was when the tests ran.

    Attributes:
        what: a sentence.
        tests: the node ids of the tests whose evidence it makes stale; None for all.

    """

    what: str
    tests: frozenset[str] | None = None

    def touches(self, verdict: Verdict) -> bool:
        """Whether a verdict rests on it."""
        return self.tests is None or not self.tests.isdisjoint(verdict.tests)


def changes(log: Log, root: Path) -> tuple[Change, ...]:
    """Return what changed since: modules of tests, and what tests described as input.

    Args:
        log: the evidence.
        root: the folder from which the log tells its paths: pytest's root.

    """
    return (*_changed_modules(log, root), *_changed_inputs(log, root))


def current(log: Log, document: Document, root: Path) -> tuple[Verdict, ...]:
    """Return the verdict of every criterion as of now: `stale` where what proved it changed since.

    Args:
        log: the evidence.
        document: the document as it is now.
        root: see `changes`.

    """
    since = changes(log, root)
    return tuple(_aged(verdict, since) for verdict in verdicts(log, document))


def _aged(verdict: Verdict, since: tuple[Change, ...]) -> Verdict:
    reasons = [change.what for change in since if change.touches(verdict)]
    if not verdict.proven or not reasons:
        return verdict
    return replace(verdict, state=State.STALE, reason=f"It was proven, but {'; '.join(reasons)}.")


def _changed_modules(log: Log, root: Path) -> Iterator[Change]:
    for path in dict.fromkeys(line.source_path for line in log.manifest):
        lines = [line for line in log.manifest if line.source_path == path]
        if path and any(_sha256(root / path) != line.source_sha256 for line in lines):
            yield Change(f"{path} changed since", frozenset(line.test for line in lines))


def _changed_inputs(log: Log, root: Path) -> Iterator[Change]:
    inputs = {subject.name: subject for subject in log.subjects if subject.path}
    for subject in inputs.values():
        if _sha256(root / subject.path) != subject.value:
            yield Change(f"{subject.name} ({subject.path}) changed since")


def _sha256(path: Path) -> str:
    """Return the hash of what is there; empty if nothing is."""
    try:
        return path_sha256(path)
    except errors.EvidenceError:
        return ""
