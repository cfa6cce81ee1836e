"""The lines of an evidence log, one model each. `docs/reference/evidence.md` explains them to readers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

SCHEMA_VERSION = "1.1"


class Level(StrEnum):
    """Where something was observed; a later member is nearer to the real world."""

    STATIC = "static"
    IMAGE = "image"
    CLUSTER = "cluster"

    def reaches(self, needed: Level) -> bool:
        """Whether something observed here can prove what needs that level."""
        order = list(Level)
        return order.index(self) >= order.index(needed)


class _Line(BaseModel):
    """A line: frozen, and lenient about fields that a newer minor version added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Session(_Line):
    """The first line: what ran, on which document.

    Attributes:
        schema_version: `major.minor`; a reader refuses a newer major version.
        time: when the session began, RFC 3339, UTC.
        harness: the version of workstream.
        python: the version of Python.
        command: the command line.
        commit: the git commit of the tree; empty outside a repository.
        dirty: whether the tree differs from that commit.
        document_id: the document's id.
        document_path: where it was read, from the root of the repository.
        document_sha256: hash of the document with every box blanked: a tick changes nothing.
        criteria: the hash of each criterion's normalised text, by its id.

    """

    record: Literal["session"] = "session"
    schema_version: str = SCHEMA_VERSION
    time: str
    harness: str
    python: str
    command: str
    commit: str
    dirty: bool
    document_id: str
    document_path: str
    document_sha256: str
    criteria: dict[str, str]


class Manifest(_Line):
    """A test that speaks of a criterion, written before the first test runs, so that what never ran is seen.

    Attributes:
        test: the test's node id.
        criterion_id: the criterion it speaks of.
        level: the level that it takes to prove that criterion.
        doc: the test's docstring, one line.
        source_path: the file of the test, from the root of the repository.
        source_sha256: its hash.

    """

    record: Literal["manifest"] = "manifest"
    test: str
    criterion_id: str
    level: Level
    doc: str = ""
    source_path: str = ""
    source_sha256: str = ""


class Subject(_Line):
    """A fact about what is under test: a version, a digest, the nodes.

    Attributes:
        name: what it is.
        value: what it was.
        path: the file or folder that it is the hash of, from the root of the repository; else empty.

    """

    record: Literal["subject"] = "subject"
    name: str
    value: JsonValue
    path: str = ""


class Round(_Line):
    """A round of a session that runs tests several times begins; a log without such lines has one round.

    Attributes:
        number: from 1.
        time: when it began, RFC 3339, UTC.
        control: the control that the product was broken with; empty if it was whole.
        sentence: what that control breaks.
        turns_red: the criteria that must not be proven on it.

    """

    record: Literal["round"] = "round"
    number: int
    time: str
    control: str = ""
    sentence: str = ""
    turns_red: tuple[str, ...] = ()


class Observation(_Line):
    """What a test saw.

    Attributes:
        test: the test's node id.
        attempt: the first run of the test is 1.
        time: when, RFC 3339, UTC.
        what: what was looked at.
        value: what was seen.
        command: what shows it again.
        level: where it was seen.

    """

    record: Literal["observation"] = "observation"
    test: str
    attempt: int
    time: str
    what: str
    value: JsonValue
    command: str
    level: Level


class Result(StrEnum):
    """How a phase of a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    EXPECTED_FAILURE = "expected-failure"
    UNEXPECTED_PASS = "unexpected-pass"  # noqa: S105 - no password


class Outcome(_Line):
    """How one phase of a test, or one of its subtests, ended.

    Attributes:
        test: the test's node id; of `collect` the module's.
        attempt: the first run of the test is 1.
        round: which round of a session with several (`--repeat`, `--controls`), from 1.
        when: `setup`, `call` or `teardown`; `crash` if the process that ran it died; `collect` if a module (or
            class) could not be read for its tests, or was skipped as a whole.
        subtest: which subtest; empty for the test itself.
        result: how it ended.
        message: why, in one line; empty for a pass.
        seconds: how long it took.

    """

    record: Literal["outcome"] = "outcome"
    test: str
    attempt: int
    round: int = 1
    when: Literal["setup", "call", "teardown", "crash", "collect"]
    subtest: str = ""
    result: Result
    message: str = ""
    seconds: float = 0.0


class End(_Line):
    """The last line; a log without it was cut off.

    Attributes:
        time: when the session ended, RFC 3339, UTC.
        exit_status: pytest's, before the verdicts had their say.
        interrupted: whether somebody stopped it.

    """

    record: Literal["end"] = "end"
    time: str
    exit_status: int
    interrupted: bool


Record = Session | Manifest | Subject | Round | Observation | Outcome | End
AnyRecord = Annotated[Record, Field(discriminator="record")]
