"""The evidence log: JSON Lines, written line by line so that a cut run loses nothing but its last line."""

from __future__ import annotations

import fcntl
import json
import math
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from workstream import errors, shortage
from workstream.evidence import records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.documents import Document

NAME = "evidence.jsonl"
_BEGINNING = b'{"record":"session"'
FOLDER = Path("build", "acceptance")  # of a project: where runs leave what they saw, in a folder for each document
CONTROLS = FOLDER.with_name("controls")  # likewise, of runs on products that are broken on purpose
_ADAPTER: TypeAdapter[records.Record] = TypeAdapter(records.AnyRecord)
_KNOWN = {
    *("session", "selection", "manifest", "subject", "round", "observation", "execution", "outcome", "step"),
    *("sight", "event", "link", "dependency", "taken-over", "rendered", "end"),
}


@dataclass(frozen=True, slots=True)
class Log:
    """What a log holds.

    Attributes:
        path: where it was read.
        session: its first line.
        selection: what the run was asked to run; None if the log was cut off before.
        manifest: which test of the suite speaks of which criterion.
        subjects: what was under test, in the order of the log.
        rounds: the rounds of a session with several, in order.
        taken: what is taken over of earlier sessions with controls.
        rendered: what Helm rendered of the whole product in a session with controls.
        observations: what was seen, in the order of the log.
        executions: what the tests did, in the order of the log.
        outcomes: how they were reported to have ended, in the order of the log.
        steps: what took how long, in the order in which it ended.
        sights: what was there of the cluster, in the order of the log.
        events: what happened while tests ran, in the order of the log.
        links: connections that tests saw, in the order of the log.
        dependencies: the documents that this one depends on, and how far they were.
        end: its last line; None if the log was cut off.

    """

    path: Path
    session: records.Session
    selection: records.Selection | None = None
    manifest: tuple[records.Manifest, ...] = ()
    subjects: tuple[records.Subject, ...] = ()
    rounds: tuple[records.Round, ...] = ()
    taken: tuple[records.TakenOver, ...] = ()
    rendered: tuple[records.Rendered, ...] = ()
    observations: tuple[records.Observation, ...] = ()
    executions: tuple[records.Execution, ...] = ()
    outcomes: tuple[records.Outcome, ...] = ()
    steps: tuple[records.Step, ...] = ()
    sights: tuple[records.Sight, ...] = ()
    events: tuple[records.Event, ...] = ()
    links: tuple[records.Link, ...] = ()
    dependencies: tuple[records.Dependency, ...] = ()
    end: records.End | None = None

    @property
    def has_controls(self) -> bool:
        """Whether it is about a product that was broken on purpose: then it proves nothing of the whole one."""
        return any(one.control for one in self.rounds) or bool(self.taken)

    @property
    def cut(self) -> bool:
        """Whether the log breaks off before its end."""
        return self.end is None


class Writer:
    """Writes a log; every line is on the disk before `write` returns.

    Args:
        path: the file; what is in one that is there goes with the first line.

    Raises:
        errors.BusyError: another run writes there.
        errors.EvidenceError: it cannot be written.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._telling_what_failed():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._require_log()
            self._file = path.open("ab")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._file.close()
                raise errors.BusyError(
                    f"Another run writes its evidence to {path}.",
                    instead="Wait for it to end, or choose another folder with --workstream-folder.",
                ) from None
        self._begun = False

    def _require_log(self) -> None:
        """Refuse to write where something else is: a pipe would wait for ever, and what a link names would be lost.

        Raises:
            errors.EvidenceError: it is no log.

        """
        if self.path.is_dir() or not self.path.exists():
            return  # to open it says what is wrong
        if not self.path.is_file() or (self.path.is_symlink() and not _begins_as_log(self.path)):
            raise errors.EvidenceError(
                f"{self.path} is there, and is no evidence log.",
                instead="Take it away, or choose another folder with --workstream-folder.",
            )

    def write(self, record: records.Record) -> None:
        """Append one line and bring it to the disk.

        Raises:
            errors.EvidenceError: the disk does not take it.

        """
        with self._telling_what_failed():
            # Messages of errors may hold lone surrogates, which UTF-8 cannot: they are replaced.
            line = json.dumps(record.model_dump(), ensure_ascii=False, separators=(",", ":"))
            if not self._begun:
                self._file.truncate(0)
                self._begun = True
            self._file.write(line.encode("utf-8", "replace") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    @contextmanager
    def _telling_what_failed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise errors.EvidenceError(
                f"{self.path} cannot be written: {error.strerror}.",
                instead=shortage.of(error) or "Choose another folder with --workstream-folder.",
            ) from error

    def close(self) -> None:
        """Release the file; one that was made for nothing goes."""
        with suppress(OSError):  # of a full disk: `write` has reported it
            if not self._begun and not self._file.closed and os.fstat(self._file.fileno()).st_size == 0:
                self.path.unlink(missing_ok=True)
            self._file.close()


def _begins_as_log(path: Path) -> bool:
    with path.open("rb") as file:
        return _BEGINNING.startswith(file.read(len(_BEGINNING)))


def find(document: Document, among: Path = FOLDER) -> Path | None:
    """Return the log that the last run on a document left in its project; None if there is none.

    It is looked for in the folders above the document, so that all folders of a project give the same answer; and, for
    a document that stands outside of the project, in those above the working folder. The nearest counts.
    """
    for start in (document.path.resolve().parent, Path.cwd()):
        for folder in (start, *start.parents):
            path = folder / among / document.id / NAME
            if path.is_file():
                return path
    return None


def read(path: Path) -> Log:
    """Read a log, whole or cut off anywhere.

    Lines of kinds that this version does not know are skipped, and so is a last line without its end.

    Raises:
        errors.EvidenceError: it cannot be read, is no evidence log, or is one of another major version.

    """
    try:
        if not path.is_file() and path.exists():  # reading a pipe would wait for ever
            raise errors.EvidenceError(
                f"{path} cannot be read: it is no file.", instead="Name the evidence.jsonl that a run left behind."
            )
        with path.open("rb") as file:  # line by line: a log may be larger than one likes to hold twice
            parsed = [
                _record(path, number, line)
                for number, line in enumerate(file, start=1)
                if line.endswith(b"\n") and line != b"\n"
            ]
    except OSError as error:
        raise errors.EvidenceError(
            f"{path} cannot be read: {error.strerror}.", instead="Name the evidence.jsonl that a run left behind."
        ) from error
    lines = [record for record in parsed if record is not None]
    sessions = [line for line in lines if isinstance(line, records.Session)]
    if not sessions or lines[0] is not sessions[0] or len(sessions) > 1:
        raise errors.EvidenceError(
            f"{path} does not start with the one session line of an evidence log.",
            instead="Name the evidence.jsonl that a run left behind; if it is one, that run broke off at once.",
        )
    _require_order(path, lines)
    return Log(
        path,
        session=sessions[0],
        selection=next((line for line in lines if isinstance(line, records.Selection)), None),
        manifest=tuple(line for line in lines if isinstance(line, records.Manifest)),
        subjects=tuple(line for line in lines if isinstance(line, records.Subject)),
        rounds=tuple(line for line in lines if isinstance(line, records.Round)),
        taken=tuple(line for line in lines if isinstance(line, records.TakenOver)),
        rendered=tuple(line for line in lines if isinstance(line, records.Rendered)),
        observations=tuple(line for line in lines if isinstance(line, records.Observation)),
        executions=tuple(line for line in lines if isinstance(line, records.Execution)),
        outcomes=tuple(line for line in lines if isinstance(line, records.Outcome)),
        steps=tuple(line for line in lines if isinstance(line, records.Step)),
        sights=tuple(line for line in lines if isinstance(line, records.Sight)),
        events=tuple(line for line in lines if isinstance(line, records.Event)),
        links=tuple(line for line in lines if isinstance(line, records.Link)),
        dependencies=tuple(line for line in lines if isinstance(line, records.Dependency)),
        end=next((line for line in lines if isinstance(line, records.End)), None),
    )


def _require_order(path: Path, lines: Sequence[records.Record]) -> None:
    """Refuse what no run writes: a second selection, and anything behind the end.

    Raises:
        errors.EvidenceError: there is some.

    """
    selections = sum(isinstance(line, records.Selection) for line in lines)
    if selections > 1 or any(isinstance(line, records.End) for line in lines[:-1]):
        raise errors.EvidenceError(
            f"{path} says {'twice what was selected' if selections > 1 else 'more behind its end'}.",
            instead="Somebody edited this log, or joined two. Run the suite again.",
        )


def _record(path: Path, number: int, line: bytes) -> records.Record | None:
    """Return what a line says; None if it is of a kind that this version does not know."""
    try:
        plain = json.loads(line, parse_constant=_finite, parse_float=_finite)
        kind = plain["record"]
        if kind == "session":
            _require_version(path, str(plain["schema_version"]))
        return _ADAPTER.validate_python(plain) if kind in _KNOWN else None
    except (ValueError, TypeError, KeyError, RecursionError, ValidationError) as error:
        raise errors.EvidenceError(
            f"{path}:{number}: this is no line of an evidence log.",
            instead="Only the last line of a log may be damaged: somebody edited this one. Run the suite again.",
        ) from error


def _finite(text: str) -> float:
    """Return a number that JSON can hold.

    Raises:
        ValueError: it is none, or too large for one.

    """
    number = float(text)
    if not math.isfinite(number):
        message = f"{text} is no number"
        raise ValueError(message)
    return number


def _require_version(path: Path, version: str) -> None:
    ours = int(records.SCHEMA_VERSION.partition(".")[0])
    theirs = int(version.partition(".")[0])
    if theirs < ours:
        raise errors.EvidenceError(
            f"{path} was written by an older workstream (format {version}): it does not say what the run left out, nor "
            "what the tests themselves did, so it proves nothing.",
            instead="Run the suite again.",
        )
    if theirs > ours:
        raise errors.EvidenceError(
            f"{path} was written with version {version} of the log's format; this workstream reads {ours}.x.",
            instead="Install the newer workstream that wrote it.",
        )
