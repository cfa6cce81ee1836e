"""Accepted results: what a run came to, as a file that is small, that people review, and that a clone can check.

The file is an in-toto statement with a test-result predicate. What the predicate has no place for stands in it below
`workstream`: the criteria with their verdicts, the tests that speak of them, and where all this comes from. It holds no
times of its own and nothing of the machine that accepts: the same logs give the same bytes.

Its seal is a hash of all its bytes. That finds accidents and edits by hand, and is no proof against somebody who makes
the seal anew: only a signature is, or another run.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from workstream import errors, files
from workstream.documents import Kind, normalise
from workstream.evidence import settings
from workstream.evidence.freshness import Basis, aged
from workstream.evidence.records import SUITE, Level, Manifest, Subject
from workstream.evidence.signatures import cosign
from workstream.evidence.verdict import (
    OTHER_CONTEXT,
    State,
    Verdict,
    context_sha256,
    edition_sha256,
    of_tests,
    text_sha256,
)
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from workstream.documents import Document
    from workstream.evidence.log import Log

FOLDER = "checklists"  # of a project: where it keeps what it accepted, named by the document's id
FORMAT = "1.1"
_WIDTH = 220  # characters: what fits is one line of the file
_LONGEST_FACT = 200  # characters: what is longer stands in the evidence alone
_LONGEST_REASON = 600
_SEAL = re.compile(rb'^      "seal": "([0-9a-f]{64})"$', re.MULTILINE)
_NO_SEAL = "0" * 64
_ALGORITHMS = {"file": "sha256", "folder": "workstreamFolder", "settings": "workstreamSettings"}
_IMAGE = re.compile(r"sha256:([0-9a-f]{64})")


class _Part(BaseModel):
    """A part of the file: frozen, and lenient about fields that a newer minor version added."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Artifact(_Part):
    """Something with a digest: in-toto's ResourceDescriptor.

    Attributes:
        name: of a file or folder its path from the project's root; of an image what it is called.
        digest: `sha256` of a file or an image; `workstreamFolder` of a folder: SHA-256 of a line `NAME NUL SHA-256` for
            each file below it, sorted; `workstreamEdition` of a document: SHA-256 of what its criteria are and mean.
        annotations: `what` it is, as the suite described it, and its `kind`: `document`, `file`, `folder` or `image`.

    """

    name: str
    digest: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)


class AcceptedCriterion(_Part):
    """What was accepted of one criterion.

    Attributes:
        id: its place in the document when it was tested.
        text: the statement as written.
        state: the verdict.
        reason: why, in a sentence.
        sha256: hash of all that it promises: its identity.

    """

    id: str
    text: str
    state: State
    reason: str
    sha256: str


class AcceptedTest(_Part):
    """A test of the suite that speaks of a criterion, run or not.

    Attributes:
        test: the test's node id.
        criterion: the criterion's id.
        level: the level that it takes to prove that criterion with this test.
        module: the file of the test, where its node id does not begin with it; the file's hash stands in the
            predicate's `configuration`.
        state: what it came to, `proven` or another state.

    """

    test: str
    criterion: str
    level: Level
    state: State
    module: str = ""

    @property
    def path(self) -> str:
        """The file of the test."""
        return self.module or self.test.partition("::")[0]


class Run(_Part):
    """Where a result comes from.

    Attributes:
        harness: the version of workstream.
        command: the command line; of several runs that were parts of one suite the first's.
        commit: the git commit of the tree; empty outside a repository.
        dirty: whether the tree differed from that commit.
        began: when, RFC 3339, UTC.
        ended: when.
        evidence: SHA-256 of each log, in the order of the runs.

    """

    harness: str
    command: str
    commit: str
    dirty: bool
    began: str
    ended: str
    evidence: tuple[str, ...]


class Details(_Part):
    """What the test-result predicate has no place for.

    Attributes:
        format: `major.minor`; a reader refuses a newer major version.
        document: the document's id.
        context_sha256: hash of what the document says around its criteria.
        criteria: the verdicts, in the document's order.
        manifest: the tests that speak of them, those too that were not run.
        test_paths: where the tests of the project stand, from its root.
        facts: what else was known of what was under test, by name.
        run: where all this comes from.
        seal: SHA-256 of the file with 64 zeros in this place.

    """

    format: str = FORMAT
    document: str
    context_sha256: str
    criteria: tuple[AcceptedCriterion, ...]
    manifest: tuple[AcceptedTest, ...]
    test_paths: tuple[str, ...]
    facts: dict[str, JsonValue]
    run: Run
    seal: str = _NO_SEAL


class Predicate(_Part):
    """in-toto's test-result predicate.

    Attributes:
        result: `PASSED` if every criterion is proven.
        workstream: what the predicate has no place for.
        configuration: the files of the suite.
        passed_tests: tests that prove what they speak of.
        warned_tests: tests that passed and prove nothing.
        failed_tests: tests that failed, or could not be run. Those that were not run are in none of the three.

    """

    result: Literal["PASSED", "FAILED"]
    workstream: Details
    configuration: tuple[Artifact, ...]
    passed_tests: tuple[str, ...] = Field(validation_alias="passedTests", serialization_alias="passedTests")
    warned_tests: tuple[str, ...] = Field(validation_alias="warnedTests", serialization_alias="warnedTests")
    failed_tests: tuple[str, ...] = Field(validation_alias="failedTests", serialization_alias="failedTests")


class Statement(_Part):
    """An accepted result: an in-toto statement.

    Attributes:
        type: which kind of statement it is.
        subject: what it speaks of: the document, then what the suite described as input, then images.
        predicate_type: which kind of predicate it has.
        predicate: what it says.

    """

    type: Literal["https://in-toto.io/Statement/v1"] = Field(
        default="https://in-toto.io/Statement/v1", validation_alias="_type", serialization_alias="_type"
    )
    subject: tuple[Artifact, ...]
    predicate_type: Literal["https://in-toto.io/attestation/test-result/v0.1"] = Field(
        default="https://in-toto.io/attestation/test-result/v0.1",
        validation_alias="predicateType",
        serialization_alias="predicateType",
    )
    predicate: Predicate

    @property
    def details(self) -> Details:
        """What it says of criteria and tests."""
        return self.predicate.workstream


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted result that a project keeps.

    Attributes:
        path: its file.
        statement: what it says.

    """

    path: Path
    statement: Statement

    @property
    def root(self) -> Path:
        """The folder from which its paths start."""
        return self.path.parent.parent

    @property
    def document_path(self) -> Path:
        """Where the document is to stand."""
        return self.root / self.statement.subject[0].name


def path_of(document_id: str, root: Path) -> Path:
    """Return where a project keeps what it accepted of a document."""
    return root / FOLDER / f"{document_id}.json"


def kept(root: Path) -> list[Path]:
    """Return all that a project keeps of what it accepted, in the order of their names; no signatures."""
    return sorted(path for path in (root / FOLDER).glob("*.json") if not path.name.endswith(cosign.SUFFIX))


def find(document: Document) -> Path | None:
    """Return what was accepted of a document, from the nearest folder above it that has it; None if nothing was."""
    for folder in document.path.resolve().parents:
        path = path_of(document.id, folder)
        if path.is_file():
            return path
    return None


def statement(log: Log, logs: Sequence[Path], verdicts: Sequence[Verdict], root: Path) -> Statement:
    """Return what is accepted with a log.

    Args:
        log: the evidence, of all those taken together.
        logs: where it was read.
        verdicts: what it says of each criterion.
        root: the folder from which the log's paths start.

    """
    states = of_tests(log)
    manifest = tuple(
        AcceptedTest(
            test=line.test,
            criterion=line.criterion_id,
            level=line.level,
            state=states[line.test],
            module="" if line.test.startswith(f"{line.source_path}::") else line.source_path,
        )
        for line in log.manifest
    )
    session = log.session
    document = Artifact(
        name=session.document_path,
        digest={"workstreamEdition": edition_sha256(session.criteria, session.context_sha256)},
        annotations={"what": "document", "kind": "document"},
    )
    return Statement(
        subject=(document, *_inputs(log, root), *_images(log)),
        predicate=Predicate(
            result="PASSED" if verdicts and all(verdict.proven for verdict in verdicts) else "FAILED",
            workstream=Details(
                document=session.document_id,
                context_sha256=session.context_sha256,
                criteria=tuple(_criterion(verdict) for verdict in verdicts),
                manifest=manifest,
                test_paths=log.selection.test_paths if log.selection else (),
                facts=dict(_facts(log)),
                run=Run(
                    harness=session.harness,
                    command=session.command,
                    commit=session.commit,
                    dirty=session.dirty,
                    began=session.time,
                    ended=log.end.time if log.end else "",
                    evidence=tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in logs),
                ),
            ),
            configuration=tuple(_configuration(log)),
            passed_tests=tuple(sorted(test for test, state in states.items() if state is State.PROVEN)),
            warned_tests=tuple(sorted(test for test, state in states.items() if state is State.UNPROVEN)),
            failed_tests=tuple(sorted(test for test, state in states.items() if state in _FAILED)),
        ),
    )


_FAILED = {State.FAILED, State.BLOCKED, State.FLAKY}


def _criterion(verdict: Verdict) -> AcceptedCriterion:
    return AcceptedCriterion(
        id=verdict.criterion_id,
        text=verdict.criterion.text,
        state=verdict.state,
        reason=one_line(verdict.reason, _LONGEST_REASON),
        sha256=text_sha256(verdict.criterion),
    )


def _inputs(log: Log, root: Path) -> Iterator[Artifact]:
    """Yield what the suite described as input, each once."""
    described = {(line.name, line.path): str(line.value) for line in log.subjects if line.path and line.name != SUITE}
    for (name, path), value in sorted(described.items(), key=lambda one: (one[0][1], one[0][0])):
        kind = "settings" if name == settings.NAME else "folder" if (root / path).is_dir() else "file"
        yield Artifact(name=path, digest={_ALGORITHMS[kind]: value}, annotations={"what": name, "kind": kind})


def _images(log: Log) -> Iterator[Artifact]:
    """Yield what was described by the digest of an image: a fact that is one, or that holds some by name."""
    found = {(name, line.name): digest for line in log.subjects for name, digest in _digests(line).items()}
    for (name, what), digest in found.items():
        yield Artifact(name=name, digest={"sha256": digest}, annotations={"what": what, "kind": "image"})


def _digests(line: Subject) -> dict[str, str]:
    """Return the digests of images that a fact holds, by the image's name, else by its own."""
    named = line.value if isinstance(line.value, dict) else {line.name: line.value}
    found = {} if line.path else {name: _IMAGE.fullmatch(str(value)) for name, value in named.items()}
    return {name: match[1] for name, match in found.items() if match}


def _facts(log: Log) -> Iterator[tuple[str, JsonValue]]:
    for line in log.subjects:
        if not line.path and not _digests(line) and len(json.dumps(line.value)) <= _LONGEST_FACT:
            yield line.name, line.value


def _configuration(log: Log) -> Iterator[Artifact]:
    """Yield the files of the suite: modules of tests that speak of criteria, and the others."""
    modules = {line.source_path: line.source_sha256 for line in log.manifest if line.source_path}
    suite = {line.path: str(line.value) for line in log.subjects if line.name == SUITE}
    for path, sha256 in sorted((suite | modules).items()):
        yield Artifact(name=path, digest={"sha256": sha256})


def content_of(statement: Statement) -> bytes:
    """Return the bytes of an accepted result, sealed."""
    plain = statement.model_dump(mode="json", by_alias=True)
    text = f"{_written(_without_empty(plain), '')}\n".encode()
    return _SEAL.sub(b'      "seal": "' + _seal_of(text).encode() + b'"', text)


def _shown_as_it_is(line: str) -> str:
    """Return JSON in which a reviewer sees each character, and in its place: others are written in ASCII."""
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in line)


def _without_empty(plain: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(plain, dict):
        return {
            name: _without_empty(value)
            for name, value in plain.items()
            if value or name not in {"annotations", "module"}
        }
    return [_without_empty(value) for value in plain] if isinstance(plain, list) else plain


def _written(value: Any, indent: str) -> str:  # noqa: ANN401 - any JSON
    """Return JSON that is easy to compare line by line: what is short stands on one line."""
    line = _shown_as_it_is(json.dumps(value, ensure_ascii=False))
    if not value or not isinstance(value, dict | list) or len(line) <= _WIDTH:
        return line
    deeper = f"{indent}  "
    if isinstance(value, dict):
        rows = [f"{_written(name, '')}: {_written(one, deeper)}" for name, one in value.items()]
        opening, closing = "{", "}"
    else:
        rows = [_written(one, deeper) for one in value]
        opening, closing = "[", "]"
    return f"{opening}\n" + ",\n".join(f"{deeper}{row}" for row in rows) + f"\n{indent}{closing}"


def _seal_of(content: bytes) -> str:
    return hashlib.sha256(_SEAL.sub(b'      "seal": "' + _NO_SEAL.encode() + b'"', content)).hexdigest()


def write(path: Path, content: bytes) -> None:
    """Keep an accepted result.

    Raises:
        errors.EvidenceError: it cannot be written; what was there is as it was.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, content)
    except OSError as error:
        raise errors.EvidenceError(
            f"{path} cannot be written: {error.strerror}.", instead="Make room, or make it writable."
        ) from error


def read(path: Path) -> Accepted:
    """Read an accepted result.

    Raises:
        errors.AcceptedError: a byte of it is another one than when it was written, or it is none.
        errors.EvidenceError: it cannot be read.

    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise errors.EvidenceError(
            f"{path} cannot be read: {error.strerror}.", instead="Accept a result: workstream accept DOCUMENT."
        ) from error
    seals = _SEAL.findall(content)
    if len(seals) != 1:
        raise _refused(path, "it is no accepted result: it has no seal")
    if seals[0].decode() != _seal_of(content):
        raise _refused(path, "it was changed after it was accepted: its seal does not fit")
    try:
        plain = json.loads(content)
        _require_version(path, str(plain["predicate"]["workstream"]["format"]))
        accepted = Accepted(path, Statement.model_validate(plain))
    except (ValueError, TypeError, KeyError, RecursionError, ValidationError) as error:
        raise _refused(path, "it is no accepted result: what it says has another form") from error
    # Only there a name says whose result it is: elsewhere it may be one of before, under any name.
    if path.parent.name == FOLDER and accepted.statement.details.document != path.stem:
        raise _refused(path, f"it is what was accepted of {accepted.statement.details.document}")
    return accepted


def _refused(path: Path, why: str) -> errors.AcceptedError:
    return errors.AcceptedError(
        f"{path}: {why}.", instead="Nobody edits these files. Accept what a run proved: workstream accept DOCUMENT."
    )


def _require_version(path: Path, version: str) -> None:
    ours, theirs = int(FORMAT.partition(".")[0]), int(version.partition(".")[0])
    if theirs != ours:
        raise errors.AcceptedError(
            f"{path} has version {version} of the format of accepted results; this workstream reads {ours}.x.",
            instead="Install the workstream that wrote it, or accept the evidence of a run with this one.",
        )


def verdicts(accepted: Accepted, document: Document) -> tuple[Verdict, ...]:
    """Return what was accepted of every criterion, as of now: `stale` where something changed since.

    Args:
        accepted: the accepted result.
        document: the document as it is now.

    Raises:
        errors.AcceptedError: it shows another text for a criterion than the one whose verdict it gives.

    """
    details = accepted.statement.details
    same = details.context_sha256 == context_sha256(document)
    then = tuple(_verdict(accepted, document, number, same_context=same) for number in range(len(document.criteria)))
    return aged(then, basis_of(accepted.statement), accepted.root)


def _verdict(accepted: Accepted, document: Document, number: int, *, same_context: bool) -> Verdict:
    criterion = document.criteria[number]
    details = accepted.statement.details
    sha256 = text_sha256(criterion)
    found = next((one for one in details.criteria if one.sha256 == sha256), None)
    if details.document != document.id or found is None:
        return Verdict(criterion, State.STALE, "No criterion had this text when the result was accepted.")
    if _shown(found.text, criterion.kind) != _shown(criterion.text, criterion.kind):
        raise _refused(accepted.path, f"the text that it shows for {found.id} is not the one that was tested")
    tests = tuple(dict.fromkeys(line.test for line in details.manifest if line.criterion == found.id))
    if found.state is State.PROVEN and not same_context:
        return Verdict(criterion, State.STALE, OTHER_CONTEXT, tests)
    return Verdict(criterion, found.state, found.reason, tests)


def _shown(text: str, kind: Kind) -> str:
    return text if kind is Kind.COMPLETION else normalise(text, kind)


def basis_of(statement: Statement) -> Basis:
    """Return what the verdicts of an accepted result rest on."""
    details = statement.details
    suite = {one.name: one.digest.get("sha256", "") for one in statement.predicate.configuration}
    manifest = tuple(
        Manifest(
            test=line.test,
            criterion_id=line.criterion,
            level=line.level,
            source_path=line.path,
            source_sha256=suite.get(line.path, ""),
        )
        for line in details.manifest
    )
    modules = {line.path for line in details.manifest}
    inputs = [
        Subject(name=one.annotations.get("what", ""), value=one.digest.get(algorithm, ""), path=one.name)
        for one in statement.subject
        if (algorithm := _ALGORITHMS.get(one.annotations.get("kind", "")))
    ]
    others = [Subject(name=SUITE, value=sha256, path=path) for path, sha256 in suite.items() if path not in modules]
    return Basis(details.document, manifest, (*inputs, *others), details.test_paths)
