"""The lines of an evidence log, one model each. `docs/reference/evidence.md` explains them to readers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

SCHEMA_VERSION = "2.6"
SUITE = "file of the suite"  # the name of subjects that the plugin describes, and not a test

# Where in the life of a test something was recorded: `call` is the test's own body, nothing around it.
Phase = Literal["setup", "call", "teardown"]


class Level(StrEnum):
    """Where something was observed; a later member is nearer to a real cluster."""

    STATIC = "static"
    IMAGE = "image"
    CLUSTER = "cluster"

    def reaches(self, needed: Level) -> bool:
        """Whether something observed here can prove what needs that level."""
        order = list(Level)
        return order.index(self) >= order.index(needed)


# The fixture that a test uses to observe at a level; what uses neither observes what is rendered or parsed.
FIXTURES = {Level.STATIC: "evidence", Level.IMAGE: "engine", Level.CLUSTER: "cluster"}


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
        document_sha256: hash of the document with every box blanked: which edition it was.
        context_sha256: hash of what the document says around its criteria: what gives them their meaning.
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
    context_sha256: str
    criteria: dict[str, str]


class Selection(_Line):
    """What the run was asked to run, beside what the suite holds.

    Attributes:
        options: what chose the tests, by where it was said: `command line`, `PYTEST_ADDOPTS`, `addopts`; only those
            that say something.
        test_paths: where the tests of the project stand, from the root of the repository.
        left_out: tests that speak of a criterion and that this run was not to run.
        unknown: why it is not known what the suite holds, a sentence each; empty if it is known.

    """

    record: Literal["selection"] = "selection"
    options: dict[str, str]
    test_paths: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether the suite holds, or may hold, tests of criteria that the run was not to run."""
        return bool(self.left_out or self.unknown)


class Manifest(_Line):
    """A test of the suite that speaks of a criterion, selected or not, written before the first test runs.

    Attributes:
        test: the test's node id.
        criterion_id: the criterion it speaks of.
        level: the level that it takes to prove that criterion with this test.
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

    Where controls share a round, there is a line for each of them, of the same number.

    Attributes:
        number: from 1.
        time: when it began, RFC 3339, UTC.
        control: the control that the product was broken with; empty if it was whole.
        sentence: what that control breaks.
        turns_red: the criteria that must not be proven on it.
        says: of some of these, words of a message with which a test must fail.
        sha256: the hash of the control; empty if the product was whole.

    """

    record: Literal["round"] = "round"
    number: int
    time: str
    control: str = ""
    sentence: str = ""
    turns_red: tuple[str, ...] = ()
    says: dict[str, str] = {}
    sha256: str = ""


class Ended(BaseModel):
    """What a test came to that did not prove what it speaks of.

    Attributes:
        test: its node id.
        criterion_id: the criterion.
        state: the verdict of this test alone.
        reason: why.

    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    test: str
    criterion_id: str
    state: str
    reason: str


class TakenOver(_Line):
    """What tests came to on a product, broken or whole, when that was accepted: they are not run on it again.

    Attributes:
        control: the control that the product was broken with; empty if it was whole.
        sentence: see `Round`.
        turns_red: likewise.
        sha256: likewise.
        time: when its round began, RFC 3339, UTC.
        seconds: how long that took.
        tests: the tests whose results are taken over.
        not_proven: those of them that did not prove a criterion; all others did.
        noticed: those that failed themselves.
        beside: the other controls of that round.
        hidden: the criteria that these turned red.
        renderings: see `Rendered`; of the whole product, and of controls with values of their own.

    """

    record: Literal["taken-over"] = "taken-over"
    control: str = ""
    sentence: str = ""
    turns_red: tuple[str, ...] = ()
    sha256: str = ""
    time: str = ""
    seconds: float | None = None
    tests: tuple[str, ...]
    not_proven: tuple[Ended, ...] = ()
    noticed: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    renderings: tuple[str, ...] = ()


class Rendered(_Line):
    """What Helm rendered in a round on the whole product, in a session with controls.

    Attributes:
        round: the round.
        control: with whose values; empty for those with which it was installed.
        sha256: the hashes of the objects of each call that installed, upgraded or printed a release, and, with the
            values of a control, of its notes or why it was refused; without repetition, in their order; none if nobody
            could see them.

    """

    record: Literal["rendered"] = "rendered"
    round: int
    control: str = ""
    sha256: tuple[str, ...] = ()


class Observation(_Line):
    """What a test saw.

    Attributes:
        test: the test's node id.
        attempt: the first run of the test is 1.
        when: whether the test's own body was running, or what comes before or after it.
        time: when, RFC 3339, UTC.
        what: what was looked at.
        value: what was seen.
        command: what shows it again.
        level: where it was seen.

    """

    record: Literal["observation"] = "observation"
    test: str
    attempt: int
    when: Phase
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
        round: which round of a session with several (`--workstream-repeat`, `--workstream-controls`), from 1.
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


class Execution(_Line):
    """What one run of a test did, as seen from directly around its function; outcomes are what was reported of it.

    Attributes:
        test: the test's node id.
        attempt: the first run of the test is 1.
        round: see `Outcome`.
        bodies: how often the test's own function began.
        ended: how each phase ended that began: empty for one that ended by itself, else the exception.
        parts: exceptions that ended subtests.

    """

    record: Literal["execution"] = "execution"
    test: str
    attempt: int
    round: int = 1
    bodies: int
    ended: dict[Phase, str]
    parts: tuple[str, ...] = ()


class Step(_Line):
    """Something that the run did, and how long it took: for people who wait; no verdict looks at it.

    Attributes:
        id: no other step of the log has it.
        parent: the id of the step that it was a part of; empty if of none.
        thread: what did it: `main`, or what goes on beside it; steps of one thread follow each other.
        subject: what it is about, in a word: `cluster`, `helm`, `fixture`, `test`, `wait`.
        doing: what was done.
        began: when, RFC 3339, UTC.
        seconds: how long it took.
        failed: whether an error ended it.
        waits_for: the thread that it did nothing but wait for; empty if it did something.

    """

    record: Literal["step"] = "step"
    id: str
    parent: str = ""
    thread: str
    subject: str
    doing: str
    began: str
    seconds: float
    failed: bool = False
    waits_for: str = ""


class SeenNode(_Line):
    """A node, as it was seen.

    Attributes:
        name: its name.
        control_plane: whether it runs Kubernetes itself.

    """

    name: str
    control_plane: bool = False


class SeenPod(_Line):
    """A pod, as it was seen.

    Attributes:
        uid: what no other pod ever had.
        namespace: where it is.
        name: its name there.
        node: the node that it runs on; empty as long as there is none.
        address: its address; empty likewise.
        owner: what made it, `DaemonSet/cache`; empty if nothing did.
        created: when it was made, RFC 3339, by the clock of the API server, to the second.
        ready: whether it is ready.
        restarts: how often its containers were started again.

    """

    uid: str
    namespace: str
    name: str
    node: str = ""
    address: str = ""
    owner: str = ""
    created: str
    ready: bool
    restarts: int = 0


class Sight(_Line):
    """What was there of the cluster at a moment; to be drawn, no verdict looks at it.

    Attributes:
        time: when it was looked at, RFC 3339, UTC.
        nodes: its nodes.
        pods: the pods of the namespaces in which the run installed something; the first of them, if they are many.
        more_pods: how many more there were.

    """

    record: Literal["sight"] = "sight"
    time: str
    nodes: tuple[SeenNode, ...] = ()
    pods: tuple[SeenPod, ...] = ()
    more_pods: int = 0


class Event(_Line):
    """Something that happened while a test ran; to be drawn on the time line, no verdict looks at it.

    Attributes:
        test: the test's node id.
        attempt: the first run of the test is 1.
        fault: whether the test did it to the product, on purpose.
        lane: what kind of thing it is, in a word or two; things of a kind are drawn side by side.
        what: what happened.
        began: when, RFC 3339, UTC.
        ended: when it was over, likewise; empty if it was over at once.
        before: what it was done to, as it was before; null if nobody looked.
        after: the same, as it was after.

    """

    record: Literal["event"] = "event"
    test: str
    attempt: int
    fault: bool = False
    lane: str
    what: str
    began: str
    ended: str = ""
    before: JsonValue = None
    after: JsonValue = None


class Link(_Line):
    """A connection that a test saw, or saw refused; to be drawn, no verdict looks at it.

    Attributes:
        test: the test's node id.
        attempt: the first run of the test is 1.
        time: when it was seen, RFC 3339, UTC.
        source: who opened it: the name of a pod or node, its address, or any other name.
        target: to whom, likewise.
        port: the target's port.
        opened: whether it opened.

    """

    record: Literal["link"] = "link"
    test: str
    attempt: int
    time: str
    source: str
    target: str
    port: int
    opened: bool = True


class Dependency(_Line):
    """A document that this one depends on, and how far that was; no verdict looks at it.

    Attributes:
        document_id: that document's id.
        proven: whether all of its criteria were proven in the same run; null if the run was not on that document.
        what: how far it was, in a sentence.

    """

    record: Literal["dependency"] = "dependency"
    document_id: str
    proven: bool | None
    what: str


class End(_Line):
    """The last line; a log without it was cut off.

    Attributes:
        time: when the session ended, RFC 3339, UTC.
        exit_status: pytest's own, before the verdicts decided the final one.
        interrupted: whether somebody stopped it.

    """

    record: Literal["end"] = "end"
    time: str
    exit_status: int
    interrupted: bool


# What is seen while tests run, in whatever process, and passed on to the one that writes.
Seen = Subject | Round | TakenOver | Rendered | Observation | Execution | Outcome | Step | Sight | Event | Link
Record = Session | Selection | Manifest | Seen | Dependency | End
AnyRecord = Annotated[Record, Field(discriminator="record")]


def schema() -> dict[str, object]:
    """Return the JSON Schema of a line of an evidence log."""
    return TypeAdapter[Record](AnyRecord).json_schema()
