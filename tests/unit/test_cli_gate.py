"""`workstream gate`: its sentence and exit code, and what GitHub is told."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from workstream import documents, errors
from workstream.evidence import provenance, records
from workstream.evidence.records import Level, Result
from workstream.reports import github, runner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.conftest import Run, Story


PASSED = (Result.PASSED,) * 3
FAILED = (Result.PASSED, Result.FAILED, Result.PASSED)
HOSTILE = "</td>|`@everyone` ::error::x %0A ${{ secrets }} ##[add-mask]x\x1b[31m\x00"


class Project:
    """A project with documents, each with a run of its own.

    Args:
        root: its folder, the working folder.
        story: what begins a story.

    """

    def __init__(self, root: Path, story: type[Story]) -> None:
        self.root = root
        self._story = story

    def document(self, *texts: str, number: int = 0) -> Path:
        """Write a document of some criteria; return its path from the project's folder."""
        path = self.root / f"WS-90{number}.md"
        lines = [f"## WS-90{number}: Story", "", "### Acceptance Criteria", "", *(f"- [ ] {text}" for text in texts)]
        path.write_text("\n".join([*lines, ""]))
        return path.relative_to(self.root)

    def ran(self, *results: tuple[Result, ...], number: int = 0, message: str = "it is broken") -> Path:
        """Leave the evidence of a run: how each criterion's test ended, by place; one without results did not run."""
        read = documents.read(self.root / f"WS-90{number}.md")
        told = self._story("unused")
        told.lines[0] = provenance.session(read, self.root, "pytest --workstream ...")
        (self.root / "test_mail.py").write_text("# tests\n")
        for place, ended in enumerate(results, start=1):
            test = f"test_mail.py::test_{place}"
            told.lines.append(
                records.Manifest(
                    test=test,
                    criterion_id=f"AC{place}",
                    level=Level.CLUSTER,
                    source_path="test_mail.py",
                    source_sha256=provenance.path_sha256(self.root / "test_mail.py"),
                )
            )
            if ended:
                told.saw(test).ran(test, *ended, message=message)
        return told.ended().write(self.root / "build" / "acceptance" / read.id / "evidence.jsonl")


@pytest.fixture
def project(tmp_path: Path, story: type[Story], monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project; the working folder is its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Project(folder, story)


def test_the_gate_is_open_if_every_criterion_is_proven(run: Run, project: Project) -> None:
    """Exit code 0, and one sentence that says of what."""
    path = project.document("Mail arrives", "Mail is kept")
    project.ran(PASSED, PASSED)
    said = "The gate is open: every criterion is proven (2 of 2 criteria of WS-900).\n"

    assert run("gate", path)[:2] == (0, said)


@pytest.mark.parametrize(
    ("results", "named"),
    [
        ((PASSED, FAILED), "AC2 (failed)"),
        ((PASSED, ()), "AC2 (not-run)"),
        ((FAILED, ()), "AC1 (failed), AC2 (not-run)"),
    ],
    ids=["one failed", "one was not run", "both"],
)
def test_the_gate_is_closed_by_each_criterion_that_is_not_proven(
    run: Run, project: Project, results: tuple[tuple[Result, ...], ...], named: str
) -> None:
    """Exit code 1, and the sentence names each with its verdict."""
    path = project.document("Mail arrives", "Mail is kept")
    project.ran(*results)

    assert run("gate", path)[:2] == (1, f"The gate is closed: WS-900: {named}.\n")


def test_why_the_gate_is_closed_is_told_to_people(run: Run, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the line of each criterion; on GitHub that stands at the lines themselves. A mistyped log is named."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    path = project.document("Mail arrives", "Mail is kept")
    project.ran(PASSED, FAILED)
    assert f"{path}:6: AC2 failed: " in run("gate", path)[2]
    assert "typo.jsonl cannot be read: No such file" in run("gate", path, "--evidence", "typo.jsonl")[2]
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "AC2 failed" not in run("gate", path)[2]


def test_the_gate_is_closed_if_what_was_proven_is_stale(run: Run, project: Project) -> None:
    """Evidence of a test that is another one now opens nothing."""
    path = project.document("Mail arrives")
    project.ran(PASSED)
    (project.root / "test_mail.py").write_text("# other tests\n")

    assert run("gate", path)[:2] == (1, "The gate is closed: WS-900: AC1 (stale).\n")


def test_each_document_needs_evidence_of_its_own(run: Run, project: Project) -> None:
    """One without closes the gate, whatever was accepted of it; the others are judged nevertheless."""
    first, second = project.document("Mail arrives"), project.document("Mail is kept", number=1)
    project.ran(PASSED, number=1)
    assert run("accept", second)[0] == 0
    (project.root / "build" / "acceptance" / "WS-901").rename(project.root / "elsewhere")
    project.ran(FAILED)
    said = "The gate is closed: WS-900: AC1 (failed); WS-901: no evidence.\n"

    assert run("gate", first, second)[:2] == (1, said)
    assert run("gate", ".")[:2] == (1, said)
    log = project.root / "elsewhere" / "evidence.jsonl"
    assert run("gate", second, "--evidence", log)[0] == 0
    assert run("gate", first, "--evidence", log)[:2] == (1, "The gate is closed: WS-900: no evidence.\n")


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\xfe\n", b'{"record":"session","schema_version":"9.0"}\n'])
def test_a_log_that_is_none_closes_the_gate_and_not_the_program(run: Run, project: Project, content: bytes) -> None:
    """An empty or damaged log, or one of a newer version, is no evidence: exit code 1, and the sentence says so."""
    path = project.document("Mail arrives")
    project.ran(PASSED).write_bytes(content)

    assert run("gate", path)[:2] == (1, "The gate is closed: WS-900: no evidence.\n")


def test_a_document_without_criteria_opens_nothing(run: Run, project: Project) -> None:
    """Where nothing is promised, nothing is proven; a folder without documents is an error."""
    path = project.document()
    project.ran()
    assert run("gate", path)[:2] == (1, "The gate is closed: WS-900: no criteria.\n")
    (project.root / "empty").mkdir()
    assert run("gate", "empty")[0] == errors.ForeignDocumentError.exit_code


def test_without_regression_what_was_accepted_must_still_be_proven(run: Run, project: Project, tmp_path: Path) -> None:
    """What never was proven may stay so; what was, may not get worse, nor go away, whatever the change accepts."""
    path = project.document("Mail arrives", "Mail is kept")
    project.ran(PASSED, FAILED)
    assert run("accept", path)[0] == 0
    base = tmp_path / "base"
    base.mkdir()
    (project.root / "checklists").rename(base / "checklists")
    policy = ("--policy", "no-regression", "--against", base)
    said = "The gate is open: nothing that was accepted got worse (1 of 2 criteria of WS-900).\n"
    assert run("gate", path, *policy)[:2] == (0, said)
    assert run("gate", path, "--against", base)[:2] == (1, "The gate is closed: WS-900: AC2 (failed).\n")

    project.ran(FAILED, PASSED)
    assert run("accept", path)[0] == 0
    assert run("gate", path, "--policy", "no-regression")[:2][0] == 0
    closed = "The gate is closed: WS-900: AC1 (failed, was proven).\n"
    assert run("gate", path, *policy)[:2] == (1, closed)

    path = project.document("Mail is kept")
    project.ran(PASSED)
    assert run("gate", path, *policy)[:2] == (1, "The gate is closed: WS-900: AC1 (gone, was proven).\n")
    path = project.document("Mail arrives", "Mail is kept")
    (project.root / path).write_text((project.root / path).read_text().replace("[ ] Mail is", "[x] Mail is"))
    project.ran(PASSED, FAILED)
    assert run("gate", path, *policy)[:2] == (1, "The gate is closed: WS-900: AC2 (failed, and ticked).\n")
    base.joinpath("checklists", "WS-900.json").write_text("{}")
    assert run("gate", path, *policy)[0] == 1


def test_a_gate_that_had_nothing_to_compare_with_says_so(run: Run, project: Project, tmp_path: Path) -> None:
    """A folder that is not there is no branch on which nothing was accepted; of one that has nothing it is told."""
    path = project.document("Mail arrives", "Mail is kept")
    log = project.ran(PASSED, FAILED)
    policy = ("gate", path, "--policy", "no-regression", "--against")
    for wrong in (tmp_path / "mistyped", log):
        code, out, err = run(*policy, wrong)
        assert (code, out, str(wrong) in err) == (errors.UsageError.exit_code, "", True)
    code, out, _ = run(*policy, tmp_path)
    said = "nothing that was accepted got worse (1 of 2 criteria of WS-900, never accepted)"
    assert (code, out) == (0, f"The gate is open: {said}.\n")


def test_a_claim_that_was_not_proven_closes_the_gate(run: Run, project: Project) -> None:
    """What a report of the document says of a criterion counts as a tick does, at its own line."""
    path = project.document("Mail arrives", "Mail is kept")
    with (project.root / path).open("a") as file:
        file.write("\n### Execution Report\n\n- [x] Mail arrives\n- [x] Mail is kept\n")
    project.ran(PASSED, FAILED)
    code, out, _ = run("gate", path, "--policy", "no-regression", "--json")

    assert (code, json.loads(out)["sentence"]) == (1, "The gate is closed: WS-900: AC2 (claimed).")
    assert [(one["line"], one["reason"]) for one in json.loads(out)["obstacles"]] == [
        (11, "AC2 is claimed, and the evidence says: failed")
    ]


def test_programs_are_told_the_same(run: Run, project: Project) -> None:
    """The object holds the sentence, and what keeps the gate closed with its line."""
    path = project.document("Mail arrives", "Mail is kept")
    project.ran(PASSED, FAILED)
    code, out, _ = run("gate", path, "--json")

    assert (code, json.loads(out)) == (
        1,
        {
            "open": False,
            "sentence": "The gate is closed: WS-900: AC2 (failed).",
            "obstacles": [
                {"document": "WS-900.md", "id": "WS-900", "criterion": "AC2", "line": 6, "state": "failed",
                 "reason": "test_2: it is broken"}
            ],
        },
    )  # fmt: skip


def test_on_github_each_criterion_is_shown_at_its_line(
    run: Run, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An annotation for each that is not proven, and a summary of the job; elsewhere neither."""
    path = project.document("Mail arrives", "Mail is kept")
    project.ran(PASSED, FAILED)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    code, out, _ = run("gate", path)

    assert (code, out.splitlines()) == (
        1,
        [
            "::error file=WS-900.md,line=6,col=1,title=WS-900 AC2 failed::Mail is kept%0Atest_2: it is broken",
            "The gate is closed: WS-900: AC2 (failed).",
        ],
    )
    summary = (tmp_path / "summary.md").read_text()
    assert "| WS-900 AC2 | failed | `Mail is kept` | `test_2: it is broken` |" in summary


@pytest.mark.parametrize(
    ("text", "data", "in_property"),
    [
        ("a\nb", "a%0Ab", "a%0Ab"),
        ("100%", "100%25", "100%25"),
        ("a: b, c", "a: b, c", "a%3A b%2C c"),
        ("\r", "%0D", "%0D"),
    ],
)
def test_an_annotation_is_one_command_whatever_is_in_it(text: str, data: str, in_property: str) -> None:
    """Line ends, per cent signs, colons and commas are written so that GitHub's runner reads them as text."""
    assert runner.error("a.md", 3, text, text) == f"::error file=a.md,line=3,col=1,title={in_property}::{data}"


def test_hostile_text_is_text_in_every_place(run: Run, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Markup, mentions and commands to the runner in criteria and messages stay in their line and their cell."""
    path = project.document(HOSTILE.replace("\x00", ""))
    project.ran(FAILED, message=HOSTILE)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.root / "summary.md"))
    _, out, _ = run("gate", path)

    assert [line.partition(" ")[0] for line in out.splitlines()] == ["::error", "The"]
    (row,) = [line for line in (project.root / "summary.md").read_text().split("\n") if line.startswith("| WS-900")]
    assert row.replace("\\|", "").count("|") == 5
    assert [cell[:2] for cell in row.replace("\\|", "").split(" | ")[2:]] == ["``", "``"]


class Stand:
    """Stands in for GitHub's API: the comments of one pull request.

    Attributes:
        url: its address.
        comments: what is there.
        asked: the method and path of each request, in order.
        refuses: the status that it answers with, instead of doing what it is asked; 0 if it does that.
        headers: of the last request.

    """

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.refuses = 0
        self.url = ""
        self.headers: dict[str, str] = {}

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Return status and answer."""
        self.asked.append((method, path))
        if self.refuses:
            return self.refuses, {}
        path, _, query = path.partition("?")
        if method == "GET" and path == "/repos/us/mail/issues/7/comments":
            page = int(dict(part.split("=") for part in query.split("&"))["page"])
            return 200, self.comments[100 * (page - 1) : 100 * page]
        if method == "POST" and path == "/repos/us/mail/issues/7/comments":
            self.add(body["body"], "Bot")
            return 201, self.comments[-1]
        (found,) = [one for one in self.comments if path == f"/repos/us/mail/issues/comments/{one['id']}"]
        found["body"] = body["body"]
        return 200, found

    def add(self, body: str, kind: str = "User") -> None:
        """Let somebody write a comment."""
        number = len(self.comments) + 1
        self.comments.append({"id": number, "body": body, "user": {"type": kind}, "html_url": f"comment {number}"})


@contextmanager
def serving(stand: Stand) -> Iterator[Stand]:
    """Answer for GitHub on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stand.headers = dict(self.headers)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            status, answer = stand.answer(self.command, self.path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if status == 307:
                self.send_header("Location", f"{stand.url}/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PATCH = do_GET  # noqa: N815 - http.server asks so

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stand.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield stand
        finally:
            server.shutdown()


@pytest.fixture
def stand(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stand]:
    """A stand-in for GitHub's API, and the environment of a job that runs for a pull request there."""
    del run  # it takes the variables of a real job away
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    with serving(Stand()) as stand:
        for name, value in {
            "GITHUB_API_URL": stand.url,
            "GITHUB_REPOSITORY": "us/mail",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_TOKEN": "secret",
        }.items():
            monkeypatch.setenv(name, value)
        yield stand


def test_a_pull_request_has_one_comment_that_is_kept_up_to_date(run: Run, project: Project, stand: Stand) -> None:
    """The first run writes it, each further one changes that, and says where it is."""
    path = project.document("Mail arrives")
    project.ran(FAILED)
    code, _, err = run("gate", path, "--comment")
    assert (code, err.splitlines()[-1]) == (1, "comment 1")
    assert "The gate is closed: WS-900: AC1 (failed)." in stand.comments[0]["body"].replace("\\", "")
    project.ran(PASSED)
    code, _, err = run("gate", path, "--comment")

    assert (code, err.splitlines()[-1]) == (0, "comment 1")
    assert [one["body"].split("\n")[0] for one in stand.comments] == [github.MARK]
    assert "The gate is open" in stand.comments[0]["body"]
    assert stand.headers["Authorization"] == "Bearer secret"


def test_what_people_wrote_is_never_touched(run: Run, project: Project, stand: Stand) -> None:
    """A comment of a person that begins as ours does is left alone; ours is found behind many others."""
    path = project.document("Mail arrives")
    project.ran(PASSED)
    stand.add(f"{github.MARK}\nlooks good to me")
    for _ in range(120):
        stand.add("please hurry", "Bot")
    run("gate", path, "--comment")
    run("gate", path, "--comment")

    assert len(stand.comments) == 122
    assert stand.comments[0]["body"] == f"{github.MARK}\nlooks good to me"
    assert [method for method, _ in stand.asked] == ["GET", "GET", "POST", "GET", "GET", "PATCH"]


@pytest.mark.parametrize("status", [401, 403, 404, 307, 500])
def test_a_comment_that_cannot_be_written_changes_no_decision(
    run: Run, project: Project, stand: Stand, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """The token of a pull request of a fork may only read: that is a warning, and the exit code is the gate's."""
    path = project.document("Mail arrives")
    project.ran(PASSED)
    stand.refuses = status
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    code, out, err = run("gate", path, "--comment")

    assert (code, out.startswith("The gate is open")) == (0, True)
    assert f"::warning::GitHub does not take the comment on pull request 7: {status}" in err
    assert ("fork may only read" in err) == (status in {401, 403})
    assert len(stand.asked) == 1


def test_nobody_is_told_where_there_is_no_pull_request_or_no_token(
    run: Run, project: Project, stand: Stand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A push has no pull request; a job without a token says so. Both decide as ever."""
    path = project.document("Mail arrives")
    project.ran(PASSED)
    monkeypatch.delenv("GITHUB_TOKEN")
    code, _, err = run("gate", path, "--comment")
    assert (code, "was given no token" in err) == (0, True)
    (tmp_path / "event.json").write_text(json.dumps({"ref": "refs/heads/main"}))
    code, _, err = run("gate", path, "--comment")
    assert (code, "There is no pull request to be told" in err) == (0, True)
    monkeypatch.delenv("GITHUB_EVENT_PATH")
    assert run("gate", path, "--comment")[0] == 0
    assert stand.asked == []


def test_a_comment_is_no_longer_than_github_takes(run: Run, project: Project, stand: Stand) -> None:
    """A thousand criteria make a comment that is cut, and says so; the sentence stays one that can be read."""
    path = project.document(*(f"Mail {number} arrives {'soon ' * 80}" for number in range(300)))
    project.ran(*((FAILED,) * 300), message="because " * 80)
    code, out, _ = run("gate", path, "--comment")

    assert (code, len(out) < 1000, "and 280 more" in out) == (1, True, True), out
    assert len(stand.comments[0]["body"]) == 65_536
    assert "Cut here" in stand.comments[0]["body"]

    path = project.document(*(f"Mail {number} arrives" for number in range(300)))
    project.ran(*((FAILED,) * 300))
    run("gate", path, "--comment")
    assert "And 200 more." in stand.comments[0]["body"]
    assert stand.comments[0]["body"].count("\n| WS-900 AC") == 100
