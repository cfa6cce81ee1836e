"""The evidence logs of a run, one for each document: lines wait until its first test runs."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import pytest

from workstream import errors, evidence
from workstream.evidence import log as evidence_log
from workstream.evidence import provenance, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


class RunLog:
    """What a run saw of a document, in the order in which it became known; its end names the files that have changed.

    Nothing of an earlier run is touched before `begin`.

    Args:
        folder: where the log's file is to stand.
        root: what the paths of described files start from.
        session: its first line.

    """

    def __init__(self, folder: Path, root: Path, session: records.Session) -> None:
        self.path = folder / evidence_log.NAME
        self._root = root
        self._session = session
        self._waiting: list[records.Record] | None = []  # for the lines that come first
        self._writer: evidence.Writer | None = None
        self._lock = threading.RLock()  # what goes on beside the tests has lines too
        self._described: dict[tuple[str, str], object] = {}
        self._tests: set[str] = set()
        self._uncollected: set[str] = set()

    @property
    def has_begun(self) -> bool:
        """Whether its file is there."""
        return self._writer is not None

    def keep(self, line: records.Record) -> None:
        """Write a line; it is on the disk when this returns, if the log has begun."""
        with self._lock:
            if isinstance(line, records.Subject) and line.path:
                self._described[line.name, line.path] = line.value
            if self._waiting is not None:
                self._waiting.append(line)
                return
            self._write(line)

    def _write(self, line: records.Record) -> None:
        assert self._writer is not None  # noqa: S101 - nothing waits any more
        try:
            self._writer.write(line)
        except errors.WorkstreamError as error:
            pytest.exit(str(error), returncode=error.exit_code)

    def keep_source(self, line: records.Subject) -> None:
        """Write a file of the suite that was imported late, or has changed since."""
        if line.path not in self._tests and self._described.get((records.SUITE, line.path)) != line.value:
            self.keep(line)

    def keep_uncollected(self, outcome: records.Outcome) -> None:
        """Write which module could not be read, or was skipped whole; several processes may say the same."""
        if outcome.test not in self._uncollected:
            self._uncollected.add(outcome.test)
            self.keep(outcome)

    def open(self) -> None:
        """Begin the file.

        Raises:
            errors.EvidenceError: it cannot be written, or another run writes it.

        """
        self._writer = evidence.Writer(self.path)

    def begin(
        self, selection: records.Selection, manifest: Iterable[records.Manifest], sources: Mapping[str, str]
    ) -> None:
        """Write how the run began, and what was seen since.

        Args:
            selection: what was selected.
            manifest: which test speaks of which criterion.
            sources: the hash of each file of the suite, by its path.

        """
        listed = list(manifest)
        self._tests = {line.source_path for line in listed}
        files = [records.Subject(name=records.SUITE, value=sha256, path=path) for path, sha256 in sources.items()]
        with self._lock:
            waiting, self._waiting = self._waiting or [], None
            for line in (self._session, selection, *listed, *files, *waiting):
                self.keep(line)

    def end(self, exit_status: int, late_sources: Mapping[str, str], *, interrupted: bool) -> None:
        """Write what has changed since it was described, and that this is the end.

        Raises:
            errors.EvidenceError: it cannot be written.

        """
        assert self._writer is not None  # noqa: S101 - it has begun
        for source in self._changed(late_sources):
            self._writer.write(source)
        self._writer.write(records.End(time=provenance.now(), exit_status=exit_status, interrupted=interrupted))
        self._writer.close()

    def _changed(self, late_sources: Mapping[str, str]) -> Iterator[records.Subject]:
        """Yield what was described, or belongs to the suite, and has changed since."""
        for path, sha256 in late_sources.items():
            if path not in self._tests and (records.SUITE, path) not in self._described:
                yield records.Subject(name=records.SUITE, value=sha256, path=path)
        for (name, path), value in self._described.items():
            with contextlib.suppress(errors.EvidenceError):
                now = provenance.subject_sha256(name, self._root / path)
                if now != value:
                    yield records.Subject(name=name, value=now, path=path)

    def close(self) -> None:
        """Close the file, whether the log came to its end or not."""
        if self._writer is not None:
            self._writer.close()


class RunLogs:
    """The logs of all documents of a run: what a test saw goes to those that it speaks of, all else to each.

    Args:
        logs: the log of each document, by its id.

    """

    def __init__(self, logs: Mapping[str, RunLog]) -> None:
        self.by_id = logs
        self._spoken: Mapping[str, frozenset[str]] = {}

    @property
    def has_begun(self) -> bool:
        """Whether their files are there."""
        return all(log.has_begun for log in self.by_id.values())

    def keep(self, line: records.Record) -> None:
        """Write a line where it belongs; it is on the disk when this returns, if the logs have begun."""
        for log in self._of(getattr(line, "test", "")):
            log.keep(line)

    def _of(self, test: str) -> Sequence[RunLog]:
        """Return the logs that what is seen of a test belongs to."""
        spoken = self._spoken.get(test)
        return [log for one, log in self.by_id.items() if spoken is None or one in spoken]

    def keep_source(self, line: records.Subject) -> None:
        """See `RunLog`."""
        for log in self.by_id.values():
            log.keep_source(line)

    def keep_uncollected(self, outcome: records.Outcome) -> None:
        """See `RunLog`."""
        for log in self.by_id.values():
            log.keep_uncollected(outcome)

    def open(self) -> None:
        """Begin their files: all of them, or none.

        Raises:
            errors.EvidenceError: one cannot be written, or another run writes it.

        """
        for log in self.by_id.values():
            log.open()

    def begin(
        self,
        selections: Mapping[str, records.Selection],
        manifests: Mapping[str, Sequence[records.Manifest]],
        sources: Mapping[str, str],
    ) -> None:
        """Write how the run began, and what was seen since.

        Args:
            selections: what was selected, by the id of the document.
            manifests: which test speaks of which of its criteria, likewise.
            sources: see `RunLog`.

        """
        speaking: dict[str, set[str]] = {}
        for document_id, manifest in manifests.items():
            for line in manifest:
                speaking.setdefault(line.test, set()).add(document_id)
        self._spoken = {test: frozenset(ids) for test, ids in speaking.items()}
        for document_id, log in self.by_id.items():
            log.begin(selections[document_id], manifests.get(document_id, ()), sources)

    def close(self) -> None:
        """Close their files, whether they came to their end or not."""
        for log in self.by_id.values():
            log.close()
