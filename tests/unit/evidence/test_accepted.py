from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.conftest import Story

from workstream import documents, errors
from workstream.evidence import accepted, freshness, provenance, records
from workstream.evidence.records import Result
from workstream.evidence.verdict import State

if TYPE_CHECKING:
    from pathlib import Path

TEST = "test_mail.py::test_it"


class Project:
    """A project with a document, a module of tests, a chart, and what was accepted of it.

    Args:
        root: its folder.
        told: what a run on its document wrote, but for the module and the chart.

    """

    def __init__(self, root: Path, told: Story) -> None:
        self.root = root
        self.document_path = root / "WS-900.md"
        self.document_path.write_bytes(told.document.content)
        (root / "test_mail.py").write_text("def test_it(): ...\n")
        (root / "conftest.py").write_text("# fixtures\n")
        (root / "chart").mkdir()
        (root / "chart" / "values.yaml").write_text("replicas: 1\n")
        self.told = told
        told.lines[2:2] = [
            records.Manifest(
                test=TEST,
                criterion_id="AC1",
                level=records.Level.CLUSTER,
                doc="Mail arrives.",
                source_path="test_mail.py",
                source_sha256=provenance.path_sha256(root / "test_mail.py"),
            )
        ]
        told.described(records.SUITE, provenance.path_sha256(root / "conftest.py"), "conftest.py")
        told.described("chart", provenance.path_sha256(root / "chart"), "chart").ended()
        self.log = root / "evidence.jsonl"
        self.path = accepted.path_of("WS-900", root)

    def accept(self) -> accepted.Accepted:
        """Accept what the run wrote."""
        log = self.told.log(self.root)
        verdicts = freshness.current(log, self.document, self.root)
        accepted.write(self.path, accepted.content_of(accepted.statement(log, [self.log], verdicts, self.root)))
        return accepted.read(self.path)

    @property
    def document(self) -> documents.Document:
        """The document as it is now."""
        return documents.read(self.document_path)

    def states(self) -> list[str]:
        """Return what was accepted of each criterion, as of now."""
        return [str(one.state) for one in accepted.verdicts(accepted.read(self.path), self.document)]


@pytest.fixture
def project(story: type[Story], tmp_path: Path) -> Project:
    """A project of two criteria, one of which its run proves."""
    return Project(tmp_path, story("Mail arrives soon", "Mail is kept").saw(TEST).ran(TEST))


def test_it_is_an_in_toto_statement_of_a_test_result(project: Project) -> None:
    """Other tools find what they know: the types, subjects with digests, result, configuration, names of tests."""
    for _ in range(2):  # in each of several rounds
        project.told.described("images", {"mail:1": f"sha256:{'a' * 64}"}).described("Kubernetes", "v1.34.1")
    project.told.bind("test_mail.py::test_more", "AC2")
    project.accept()
    said = json.loads(project.path.read_bytes())

    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert [(one["name"], list(one["digest"])) for one in said["subject"]] == [
        ("WS-900.md", ["workstreamEdition"]),
        ("chart", ["workstreamFolder"]),
        ("mail:1", ["sha256"]),
    ]
    predicate = said["predicate"]
    assert (predicate["result"], predicate["passedTests"]) == ("FAILED", [TEST])
    assert (predicate["warnedTests"], predicate["failedTests"]) == ([], [])
    assert predicate["configuration"] == [
        {"name": name, "digest": {"sha256": provenance.path_sha256(project.root / name)}}
        for name in ("conftest.py", "test_mail.py")
    ]
    assert [(one["test"], one["state"]) for one in predicate["workstream"]["manifest"]] == [
        (TEST, "proven"),
        ("test_mail.py::test_more", "not-run"),
    ]
    assert predicate["workstream"]["facts"] == {"Kubernetes": "v1.34.1"}


def test_only_a_document_whose_criteria_are_all_proven_passed(story: type[Story], tmp_path: Path) -> None:
    """The result of a run that leaves no criterion open is PASSED."""
    whole = Project(tmp_path, story("Mail arrives soon").saw(TEST).ran(TEST))
    assert whole.accept().statement.predicate.result == "PASSED"


@pytest.mark.parametrize(
    ("results", "where"),
    [
        ((Result.PASSED, Result.FAILED, Result.PASSED), "failedTests"),
        ((Result.FAILED,), "failedTests"),
        ((Result.PASSED, Result.PASSED, Result.PASSED), "warnedTests"),
        ((Result.PASSED, Result.SKIPPED, Result.PASSED), None),
    ],
)
def test_a_test_is_listed_by_what_it_came_to(
    story: type[Story], tmp_path: Path, results: tuple[Result, ...], where: str | None
) -> None:
    """Failed and blocked tests failed; one that passed and saw nothing is a warning; what was not run is in no list."""
    Project(tmp_path, story("Mail arrives soon").ran(TEST, *results)).accept()
    predicate = json.loads((tmp_path / "checklists" / "WS-900.json").read_bytes())["predicate"]
    lists = {name: predicate[name] for name in ("passedTests", "warnedTests", "failedTests")}

    assert {name for name, tests in lists.items() if tests == [TEST]} == ({where} if where else set())


def test_one_log_gives_the_same_bytes_twice(project: Project) -> None:
    """Whoever accepts the same evidence, whenever, changes no byte."""
    project.accept()
    first = project.path.read_bytes()
    project.path.unlink()
    project.accept()

    assert project.path.read_bytes() == first


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An accepted result, with characters that are not seen."""
    told = Story("Mail arrives „soon” \u202e and safe", "Mail is kept").saw(TEST).ran(TEST)
    return Project(tmp_path_factory.mktemp("accepted"), told).accept().path


@given(st.data())
def test_any_changed_byte_is_refused(kept: Path, data: st.DataObject) -> None:
    """Whatever byte of an accepted result is another one, missing or added, it is no accepted result any more."""
    content = kept.read_bytes()
    at = data.draw(st.integers(0, len(content)))
    change = data.draw(st.sampled_from(["replace", "remove", "add"]))
    byte = bytes([data.draw(st.integers(0, 255))])
    other = content[:at] + (b"" if change == "remove" else byte) + content[at if change == "add" else at + 1 :]
    if other == content:
        return
    changed = kept.with_name("changed.json")
    changed.write_bytes(other)
    with pytest.raises(errors.AcceptedError, match=r"it was changed|it has no seal"):
        accepted.read(changed)


def test_a_reviewer_sees_each_character_in_its_place(kept: Path) -> None:
    """What turns the direction of text, or is not shown at all, is written out; other letters stand as they are."""
    text = kept.read_text(encoding="utf-8")

    assert "„soon” \\u202e and" in text
    assert all(one.isprintable() or one == "\n" for one in text)


def test_a_wrong_seal_can_be_made_anew_by_whoever_writes_the_file(project: Project) -> None:
    """The seal finds accidents; it is no proof of who wrote the file, and nobody should believe so."""
    kept = project.accept()
    details = kept.statement.details
    typed = tuple(one.model_copy(update={"state": State.PROVEN, "reason": "I say so."}) for one in details.criteria)
    forged = details.model_copy(update={"criteria": typed})
    predicate = kept.statement.predicate.model_copy(update={"workstream": forged})
    accepted.write(project.path, accepted.content_of(kept.statement.model_copy(update={"predicate": predicate})))

    assert project.states() == ["proven", "proven"]


@pytest.mark.parametrize(
    "content",
    [b"", b"- [x] **AC1** Mail\n", b"{}\n", b'{\n      "seal": "' + b"0" * 64 + b'"\n}\n', b"\xff\x00"],
    ids=["empty", "a checklist", "another object", "a seal alone", "no text"],
)
def test_what_is_no_accepted_result_is_refused(project: Project, content: bytes) -> None:
    """A file of another kind is an error that says so, and holds up nothing."""
    accepted.write(project.path, content)
    with pytest.raises(errors.AcceptedError):
        accepted.read(project.path)


def test_what_was_accepted_of_another_document_is_refused(project: Project) -> None:
    """A file that is copied to another document's name holds up nothing there."""
    project.accept()
    copied = project.path.with_name("WS-901.json")
    copied.write_bytes(project.path.read_bytes())
    with pytest.raises(errors.AcceptedError, match="it is what was accepted of WS-900"):
        accepted.read(copied)


def test_a_newer_format_is_refused_and_says_so(project: Project) -> None:
    """A result in a form that this version does not know is not guessed at."""
    kept = project.accept().statement
    newer = kept.predicate.model_copy(update={"workstream": kept.details.model_copy(update={"format": "2.0"})})
    accepted.write(project.path, accepted.content_of(kept.model_copy(update={"predicate": newer})))
    with pytest.raises(errors.AcceptedError, match=r"version 2\.0 .* reads 1\.x"):
        accepted.read(project.path)


def test_what_was_proven_holds_where_nothing_changed(project: Project) -> None:
    """Ticks, reports and compiled files change nothing; what was not proven stays so."""
    project.accept()
    text = project.document_path.read_text().replace("[ ] Mail arrives", "[x] Mail arrives")
    project.document_path.write_text(text + "\n### Execution Report\n\n- [x] Mail arrives soon\n")

    assert project.states() == ["proven", "uncovered"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("test_mail.py", "def test_it(): assert True\n"),
        ("conftest.py", "# other fixtures\n"),
        ("chart/values.yaml", "replicas: 2\n"),
        ("chart/templates.yaml", "kind: Pod\n"),
        ("test_new.py", 'import pytest\n@pytest.mark.criterion("WS-900", "x")\ndef test(): ...\n'),
        ("WS-900.md", "## WS-900: Story\n\n### Acceptance Criteria\n\n- [ ] Mail arrives late\n- [ ] Mail is kept\n"),
        ("WS-900.md", "## WS-900: Story\n\n### Acceptance Criteria\n\n- [ ] Mail arrives soon\n\nSoon is a year.\n"),
    ],
    ids=[
        "its test",
        "another file of its suite",
        "its chart",
        "a file more in its chart",
        "a new test",
        "its text",
        "what stands around it",
    ],
)
def test_what_was_proven_is_stale_after_a_change(project: Project, path: str, text: str) -> None:
    """The same changes that make evidence stale make an accepted result stale."""
    project.accept()
    (project.root / path).write_text(text)

    assert project.states()[0] == "stale"


def test_the_text_that_is_shown_is_the_one_that_was_tested(project: Project) -> None:
    """Nobody is shown another sentence in review than the one whose verdict the file gives."""
    kept = project.accept().statement
    shown = tuple(one.model_copy(update={"text": "Mail arrives within a second"}) for one in kept.details.criteria)
    predicate = kept.predicate.model_copy(update={"workstream": kept.details.model_copy(update={"criteria": shown})})
    accepted.write(project.path, accepted.content_of(kept.model_copy(update={"predicate": predicate})))
    with pytest.raises(errors.AcceptedError, match="not the one that was tested"):
        project.states()
