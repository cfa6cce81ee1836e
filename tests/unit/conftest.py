"""Evidence that never was, and programs that only pretend, for tests of every package."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from workstream import cli, documents, evidence
from workstream.evidence import provenance, records
from workstream.evidence.records import Level, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue

    Run = Callable[..., tuple[int, str, str]]
# A busy machine is no reason for a test to fail.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")

TIME = "2026-01-02T03:04:05.678+00:00"


class Story:
    """Tells, line by line, what a run might have written.

    Args:
        texts: the acceptance criteria of its document, in order.

    """

    def __init__(self, *texts: str) -> None:
        lines = ["## WS-900: Story", "", "### Acceptance Criteria", "", *(f"- [ ] {text}" for text in texts), ""]
        self.document = documents.parse("\n".join(lines).encode(), Path("WS-900.md"))
        self.lines: list[records.Record] = [
            records.Session(
                time=TIME,
                harness="1.2.3",
                python="3.11.0",
                command="pytest --workstream=WS-900.md",
                commit="c0ffee",
                dirty=False,
                document_id=self.document.id,
                document_path="WS-900.md",
                document_sha256=provenance.document_sha256(self.document),
                context_sha256=evidence.verdict.context_sha256(self.document),
                criteria={one.id: evidence.verdict.text_sha256(one) for one in self.document.criteria},
            ),
            records.Selection(options={}, test_paths=(".",)),
        ]

    def bind(self, test: str, criterion_id: str = "AC1", level: Level = Level.CLUSTER, doc: str = "") -> Story:
        """Let a test speak of a criterion."""
        self.lines.append(records.Manifest(test=test, criterion_id=criterion_id, level=level, doc=doc))
        return self

    def ran(self, test: str, *results: Result, **more: object) -> Story:
        """Let a test run: how its setup, its call and its teardown ended; passed unless given."""
        given = results or (Result.PASSED,) * 3
        phases: tuple[str, ...] = ("setup", "call", "teardown")
        ended = {when: given[number] for number, when in enumerate(phases) if number < len(given)}
        for when, result in ended.items():
            self.outcome(test, when, result, **more)
        return self.did(test, {when: "" if one is Result.PASSED else "because" for when, one in ended.items()}, **more)

    def did(self, test: str, ended: dict[str, str], **more: object) -> Story:
        """Let a run of a test be seen: how each of its phases ended, and how often its own function ran (once)."""
        known = {name: more[name] for name in ("attempt", "round", "bodies", "parts") if name in more}
        plain: dict[str, object] = {"test": test, "attempt": 1, "ended": ended, "bodies": int("call" in ended)}
        self.lines.append(records.Execution.model_validate(plain | known))
        return self

    def outcome(self, test: str, when: str, result: Result, **more: object) -> Story:
        """Let one phase of a test end."""
        plain = {"test": test, "attempt": 1, "when": when, "result": result, "message": "because", **more}
        self.lines.append(records.Outcome.model_validate(plain))
        return self

    def began(self, number: int, **more: object) -> Story:
        """Let a round of several begin."""
        self.lines.append(records.Round.model_validate({"number": number, "time": TIME, **more}))
        return self

    def saw(self, test: str, value: JsonValue = 42, level: Level = Level.CLUSTER, **more: object) -> Story:
        """Let a test see something."""
        plain = {"what": "answer", "command": "ask", "attempt": 1, "when": "call", "time": TIME, **more}
        self.lines.append(records.Observation.model_validate({"test": test, "value": value, "level": level, **plain}))
        return self

    def described(self, name: str, value: JsonValue, path: str = "") -> Story:
        """Let something that is under test be described."""
        self.lines.append(records.Subject(name=name, value=value, path=path))
        return self

    def proved(self, test: str, criterion_id: str = "AC1") -> Story:
        """Let a test do all that it takes."""
        return self.bind(test, criterion_id).saw(test).ran(test)

    def ended(self) -> Story:
        """Let the run come to its end."""
        self.lines.append(records.End(time=TIME, exit_status=0, interrupted=False))
        return self

    def write(self, path: Path) -> Path:
        """Write the log: nothing stands behind its end."""
        writer = evidence.Writer(path)
        for line in sorted(self.lines, key=lambda line: isinstance(line, records.End)):
            writer.write(line)
        writer.close()
        return path

    def log(self, folder: Path) -> evidence.Log:
        """Return the log, as it is read."""
        return evidence.read(self.write(folder / "evidence.jsonl"))

    def states(self, folder: Path) -> list[str]:
        """Return the state of each criterion, in the document's order."""
        return [str(one.state) for one in evidence.verdicts(self.log(folder), self.document)]


@pytest.fixture
def story() -> type[Story]:
    """What begins a story."""
    return Story


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Give a way to put a program on PATH, before all others: its name, and the shell script that it runs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Give a way to run the command, outside of GitHub: exit code, output, complaints."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_EVENT_PATH", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["workstream", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call
