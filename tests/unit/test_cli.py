from __future__ import annotations

import fcntl
import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from workstream import cli, documents, errors, evidence
from workstream.evidence import Level, provenance, records
from workstream.reports import checklist
from workstream.reports import status as report
from workstream.reports.timings import Timings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel
    from tests.unit.conftest import Run


REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
TEXT = "## WS-001-01: Mail\n\n### Acceptance Criteria\n\n- [ ] Mail arrives soon\n- [x] Mail is kept safe\n"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """Give a document with an open and a ticked box."""
    path = tmp_path / "WS-001-01.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


def prove(path: Path, *proven: str, project: Path | None = None) -> Path:
    """Write evidence that proves criteria, beside the document or where a project's runs leave it; return the log."""
    read = documents.read(path)
    log = (project / "build" / "acceptance" / read.id if project else path.parent) / "evidence.jsonl"
    writer = evidence.Writer(log)
    test = "test_mail.py::test_it"
    writer.write(provenance.session(read, path.parent, "pytest"))
    writer.write(records.Selection(options={}, test_paths=(".",)))
    for one in proven:
        writer.write(records.Manifest(test=test, criterion_id=one, level=Level.CLUSTER, doc="It does."))
    now = provenance.now()
    writer.write(
        records.Observation(
            test=test, attempt=1, when="call", time=now, what="mail", value="here", command="", level=Level.CLUSTER
        )
    )
    ended: dict[records.Phase, str] = {"setup": "", "call": "", "teardown": ""}
    writer.write(records.Execution(test=test, attempt=1, bodies=1, ended=ended))
    for when in ("setup", "call", "teardown"):
        writer.write(records.Outcome.model_validate({"test": test, "attempt": 1, "when": when, "result": "passed"}))
    writer.write(records.End(time=now, exit_status=0, interrupted=False))
    writer.close()
    return log


def part(log: Path, left_out: str) -> None:
    """Let evidence be of a run that left out a test of the second criterion."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lines[1]["left_out"] = [left_out]
    lines.insert(2, records.Manifest(test=left_out, criterion_id="AC2", level=Level.CLUSTER).model_dump())
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def test_a_part_of_the_suite_is_told_and_takes_no_tick_away(run: Run, document: Path) -> None:
    """What it says nothing of is not written; without --write it is shown."""
    log = prove(document, "AC1")
    part(log, "test_mail.py::test_more")
    before = document.read_bytes()
    code, out, err = run("tick", document, "--evidence", log, "--write")
    assert (code, document.read_bytes()) == (32, before)
    assert "is of a part of the suite, and says nothing of AC2" in err
    assert run("tick", document, "--evidence", log, "--check")[0] == 32
    code, out, _ = run("tick", document, "--evidence", log)
    assert (code, "+- [x] Mail arrives soon" in out) == (0, True)
    code, out, _ = run("status", document, "--evidence", log)
    assert (code, "This evidence is of a part of the suite." in out) == (1, True)


def test_parts_are_taken_together_or_refused(run: Run, document: Path) -> None:
    """Evidence that is given twice is of a test that was run twice: that proves nothing."""
    log = prove(document, "AC1")
    code, out, _ = run("status", document, "--evidence", log, "--evidence", log)
    assert (code, "AC1  flaky" in out) == (1, True)
    other = log.with_name("other.jsonl")
    other.write_text(log.read_text().replace('"harness":"', '"harness":"9.'))
    code, _, err = run("tick", document, "--evidence", log, "--evidence", other)
    assert (code, "cannot be taken together with" in err) == (31, True)


@pytest.mark.parametrize("asked", ["--version", "--help"])
def test_menu_and_version_wait_for_no_command(asked: str) -> None:
    """Whoever asks for them waits for click, and for none of what the commands need."""
    program = (
        "import sys; before = set(sys.modules); from workstream import cli; sys.argv = ['workstream', sys.argv[1]]\n"
        "try: cli.main()\n"
        "finally: print(*set(sys.modules) - before, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program, asked], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    loaded = set(ended.stderr.split())

    assert "workstream" in ended.stdout
    assert {name for name in loaded if name.startswith("workstream")} == {
        "workstream",
        "workstream.cli",
        "workstream.errors",
    }
    assert {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names == {"workstream", "click"}


def test_the_menu_names_every_command() -> None:
    """A command that is written can be called, by the name that it has."""
    modules = [importlib.import_module(f"workstream.cli.{one.name}") for one in pkgutil.iter_modules(cli.__path__)]
    written = [one for module in modules for one in vars(module).values() if isinstance(one, click.Command)]
    below = [one for each in written if isinstance(each, click.Group) for one in each.commands.values()]
    context = click.Context(cli.group)
    called = {name: cli.group.get_command(context, name) for name in cli.group.list_commands(context)}

    assert {one.name: one for one in written if one not in below} == called


def test_status_says_the_same_to_programs(run: Run, document: Path) -> None:
    """The object holds what the lines say, and the exit code is the same; nothing else is on standard output."""
    log = prove(document, "AC1")
    code, out, err = run("status", document, "--evidence", log, "--json")
    said = json.loads(out)
    assert (code, err) == (1, "")
    assert said == {
        "document": str(document),
        "id": "WS-001-01",
        "dialect": "workstream",
        "evidence": [str(log)],
        "partial": False,
        "proven": False,
        "changes": {"AC1": True, "AC2": False},
        "criteria": [
            {
                "id": "AC1",
                "kind": "acceptance",
                "text": "Mail arrives soon",
                "line": 5,
                "ticked": False,
                "state": "proven",
                "reason": "It does.",
                "tests": ["test_mail.py::test_it"],
            },
            {
                "id": "AC2",
                "kind": "acceptance",
                "text": "Mail is kept safe",
                "line": 6,
                "ticked": True,
                "state": "uncovered",
                "reason": "No test of the suite speaks of it.",
                "tests": [],
            },
        ],
    }
    code, out, _ = run("status", document, "--evidence", log)
    lines = []
    for one in said["criteria"]:
        lines.append(f"[{'x' if one['state'] == 'proven' else ' '}] {one['id']:<4} {one['state']}: {one['text']}")
        lines += [f"         {one['reason']}"] if one["state"] != "proven" else []
    assert (code, out.splitlines()) == (1, lines)

    part(log, "test_mail.py::test_more")
    assert json.loads(run("status", document, "--evidence", log, "--json")[1])["partial"]
    code, out, _ = run("status", document, "--evidence", prove(document, "AC1", "AC2"), "--json")
    assert (code, json.loads(out)["proven"]) == (0, True)


def test_tick_says_the_same_to_programs(run: Run, document: Path) -> None:
    """Which boxes change, and whether they were written; the exit codes of --check and --write are the same."""
    log = prove(document, "AC1")
    changes = {"AC1": True, "AC2": False}
    code, out, err = run("tick", document, "--evidence", log, "--json")
    assert (code, json.loads(out)["changes"], json.loads(out)["written"], err) == (0, changes, False, "")
    code, out, _ = run("tick", document, "--evidence", log, "--json", "--check")
    assert (code, json.loads(out)["changes"], document.read_text(encoding="utf-8")) == (1, changes, TEXT)

    code, out, _ = run("tick", document, "--evidence", log, "--json", "--write")
    assert (code, json.loads(out)["changes"], json.loads(out)["written"]) == (0, changes, True)
    assert "- [x] Mail arrives soon\n- [ ] Mail is kept safe\n" in document.read_text(encoding="utf-8")
    code, out, _ = run("tick", document, "--evidence", log, "--json", "--write")
    assert (code, json.loads(out)["changes"], json.loads(out)["written"]) == (0, {}, False)


def test_an_error_is_no_json(run: Run, document: Path) -> None:
    """What is refused leaves standard output empty; the message is on standard error, as ever."""
    log = prove(document, "AC1")
    part(log, "test_mail.py::test_more")
    code, out, err = run("tick", document, "--evidence", log, "--json", "--write")
    assert (code, out, "says nothing of AC2" in err) == (errors.TickRefusedError.exit_code, "", True)
    code, out, err = run("status", document, "--evidence", log.with_name("missing.jsonl"), "--json")
    assert (code, out, "missing.jsonl" in err) == (errors.EvidenceError.exit_code, "", True)


@pytest.mark.parametrize("command", ["criteria", "status", "tick"])
def test_json_can_be_read_whatever_the_terminal_shows(command: str, document: Path) -> None:
    """A stream with an encoding of its own carries text that a reader of JSON understands."""
    document.write_text(TEXT.replace("Mail is", "Café is"), encoding="utf-8")
    prove(document, "AC1", project=document.parent)
    program = [sys.executable, "-c", "from workstream import cli; cli.main()", command, str(document), "--json"]
    ended = subprocess.run(program, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "latin-1"}, check=False)  # noqa: S603 - ours

    assert "Café is kept safe" in str(json.loads(ended.stdout))


@pytest.mark.parametrize(
    ("name", "printed"),
    [("status", report.Status), ("tick", report.Tick), ("timings", Timings), ("evidence", None)],
)
def test_the_shapes_of_json_can_be_asked_for(run: Run, name: str, printed: type[BaseModel] | None) -> None:
    """`workstream schema` prints the schema of what is printed and written; the reference names every field."""
    code, out, _ = run("schema", name)
    assert (code, json.loads(out)) == (0, printed.model_json_schema() if printed else records.schema())

    page = (REFERENCE / "documents.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|", page.partition("## As JSON")[2], re.MULTILINE)
    assert told == [*report.Status.model_fields, "written", *report.CriterionStatus.model_fields]


def tell(log: Path, *records: Mapping[str, object]) -> None:
    """Let a log tell more before its end."""
    *lines, end = log.read_text(encoding="utf-8").splitlines()
    more = map(json.dumps, records)
    log.write_text("".join(f"{line}\n" for line in (*lines, *more, end)), encoding="utf-8")


def test_timings_say_where_the_time_went(run: Run, document: Path) -> None:
    """The tree and the critical path, for people and for programs; of a document, those of its last run."""
    log = prove(document, "AC1", project=document.parent)
    assert run("timings", log)[0] == errors.EvidenceError.exit_code, "it tells of no steps"

    began = "2026-01-02T03:04:05.000+00:00"
    long = {"record": "step", "id": "1", "thread": "main", "subject": "test", "doing": "test_mail", "began": began}
    short = {**long, "id": "2", "parent": "1", "subject": "wait", "doing": "until it is there"}
    tell(log, {**long, "seconds": 9.5}, {**short, "seconds": 0.5})
    code, out, err = run("timings", document)
    assert (code, err) == (0, f"evidence: {log}\n")
    assert "9.5 s in all" in out
    assert re.findall(r"^ +([\d.]+)  at +([\d.]+)  (\S.*)$", out, re.MULTILINE) == [
        ("9.5", "0.0", "test: test_mail"),
        ("9.0", "0.5", "test: test_mail"),
    ]
    assert "0.5  in pieces shorter than 1 s" in out
    assert "  wait: until it is there" in run("timings", log, "--shortest", "0.5")[1]
    told = Timings.model_validate_json(run("timings", log, "--json")[1])
    assert [(step.depth, step.seconds) for step in told.steps] == [(0, 9.5), (1, 0.5)]
    assert [(piece.doing, piece.seconds) for piece in told.critical_path] == [
        ("until it is there", 0.5),
        ("test_mail", 9),
    ]


@pytest.mark.parametrize("place", ["", "docs", "docs/plan", "tests/deep", "elsewhere"])
def test_all_find_the_evidence_of_a_project_from_any_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """`status`, `audit` and `tick` take what the last run on a document left, from wherever somebody asks."""
    project = tmp_path / "project"
    document = project / "docs" / "plan" / "WS-001-01.md"
    for folder in (document.parent, project / "tests" / "deep", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    document.write_text(TEXT, encoding="utf-8")
    log = prove(document, "AC2", project=project)
    monkeypatch.chdir(tmp_path / "elsewhere" if place == "elsewhere" else project / place)
    path = os.path.relpath(document)

    code, out, err = run("status", path)
    assert (code, "[x] AC2  proven" in out, err) == (1, True, f"evidence: {log}\n")
    code, out, err = run("audit", path)
    assert (code, err, "no contradiction" in out) == (0, f"evidence: {log}\n", True)
    assert run("tick", path, "--write")[:2] == (0, "")
    log.unlink()
    assert run("status", path)[0] == run("tick", path)[0] == errors.EvidenceError.exit_code
    code, out, err = run("audit", path)
    assert (code, err, "AC2 is ticked, and there is no evidence" in out) == (1, "", True)


def test_evidence_of_a_document_outside_of_the_project_is_found_from_the_project(
    run: Run, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document may stand elsewhere: the project is then the one that somebody stands in; one nearer counts first."""
    project = document.parent / "project"
    (project / "below").mkdir(parents=True)
    log = prove(document, "AC2", project=project)
    monkeypatch.chdir(project / "below")
    assert run("status", document)[2] == f"evidence: {log}\n"

    nearer = prove(document, "AC2", project=project / "below")
    assert run("status", document)[2] == f"evidence: {nearer}\n"
    beside = prove(document, "AC2", project=document.parent)
    assert run("status", document)[2] == f"evidence: {beside}\n"


def test_what_a_run_leaves_is_found(run: Run, pytester: pytest.Pytester) -> None:
    """The plugin and the command agree on where evidence goes, without anybody naming a folder."""
    pytester.makeini("[pytest]\nworkstream_levels = static WS-001-01\n")
    (pytester.path / "plans").mkdir()
    document = pytester.path / "plans" / "WS-001-01.md"
    document.write_text(TEXT, encoding="utf-8")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.criterion("WS-001-01", "Mail is kept safe")
        def test_it(evidence):
            evidence.record("mail", "here")
        """
    )
    pytester.runpytest_subprocess("--workstream=plans/WS-001-01.md")

    assert run("audit", document)[0] == 0
    assert "[x] AC2  proven" in run("status", document)[1]


def test_audit_takes_the_evidence_of_several_documents(run: Run, document: Path) -> None:
    """Each document is held against its own evidence, and one of which there is none against nothing."""
    other = document.with_name("WS-001-02.md")
    other.write_text(TEXT.replace("WS-001-01", "WS-001-02"), encoding="utf-8")
    first = prove(document, "AC2").rename(document.with_name("first.jsonl"))
    second = prove(other, "AC2")
    assert run("audit", document, other, "--evidence", first, "--evidence", second)[0] == 0
    code, out, _ = run("audit", document, other, "--evidence", first)
    assert (code, out.count("is ticked"), f"{other}:6:1: AC2 is ticked" in out) == (1, 1, True)


def test_criteria_are_listed_for_people_and_for_programs(run: Run, document: Path) -> None:
    """Lines with place and box; with --json a list of objects."""
    code, out, _ = run("criteria", document)
    assert code == 0
    assert f"{document}:5: [ ] AC1  Mail arrives soon" in out

    _, out, _ = run("criteria", "--json", document.parent)
    assert json.loads(out)[1] == {
        "document": str(document),
        "dialect": "workstream",
        "id": "AC2",
        "kind": "acceptance",
        "text": "Mail is kept safe",
        "group": "",
        "line": 6,
        "ticked": True,
        "boxed": True,
    }


def test_a_missing_document_is_a_clear_error_with_its_own_code(run: Run, tmp_path: Path) -> None:
    """No traceback, the path, and exit code 30."""
    code, _, err = run("criteria", tmp_path / "missing.md")

    assert code == errors.DocumentError.exit_code
    assert "missing.md" in err
    assert "Traceback" not in err


def test_of_a_folder_other_files_are_passed_over_and_a_broken_document_is_not(run: Run, document: Path) -> None:
    """A document that cannot be read may claim anything: a gate that passes over it would be green."""
    (document.parent / "README.md").write_text("# About\n", encoding="utf-8")
    (document.parent / "folder.md").mkdir()
    assert run("criteria", document.parent)[0] == 0

    (document.parent / "WS-001-02.md").write_bytes(TEXT.encode("utf-16"))
    code, _, err = run("criteria", document.parent)
    assert code == errors.DocumentError.exit_code
    assert "WS-001-02.md" in err


def test_a_wrong_option_is_a_usage_error(run: Run) -> None:
    """Click's own message, and our exit code for wrong usage."""
    code, _, err = run("criteria", "--no-such-option", "x")

    assert code == errors.UsageError.exit_code
    assert "no-such-option" in err


def test_lint_prints_places_and_fails(run: Run, document: Path) -> None:
    """A problem is one line with its code; annotations and JSON say the same; exit code 1."""
    document.write_text(TEXT + "- [ ] works\n", encoding="utf-8")
    code, out, _ = run("lint", document)
    assert (code, out.split(" ")[:2]) == (1, [f"{document}:7:1:", "WS002"])
    assert run("lint", "--format", "github", document)[1].startswith(
        f"::error file={document},line=7,col=1,title=WS002::"
    )
    assert json.loads(run("lint", "--json", document)[1])[0]["code"] == "WS002"

    document.write_text(TEXT, encoding="utf-8")
    assert run("lint", document) == (0, "", "")


def test_audit_is_a_gate(run: Run, document: Path) -> None:
    """A tick without evidence fails; with the evidence for it, it passes."""
    code, out, _ = run("audit", document)
    assert code == 1
    assert "AC2 is ticked, and there is no evidence" in out

    code, out, _ = run("audit", "--evidence", prove(document, "AC2"), document)
    assert (code, out) == (0, "WS-001-01: 1 of 2 criteria claimed, no contradiction found.\n")


def test_tick_shows_checks_and_writes_what_the_evidence_says(run: Run, document: Path) -> None:
    """Shown only: nothing changes. --check fails. --write ticks what is proven and unticks what is not."""
    log = prove(document, "AC1")
    code, out, _ = run("tick", document, "--evidence", log)
    assert code == 0
    assert "+- [x] Mail arrives soon" in out
    assert document.read_text(encoding="utf-8") == TEXT
    assert run("tick", document, "--evidence", log, "--check")[0] == 1

    assert run("tick", document, "--evidence", log, "--write")[0] == 0
    assert "- [x] Mail arrives soon\n- [ ] Mail is kept safe\n" in document.read_text(encoding="utf-8")
    assert run("tick", document, "--evidence", log, "--check")[0] == 0


def test_from_any_folder_the_same_is_fresh(run: Run, document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths of a log are told from where the document stands, not from where the command is run."""
    log = prove(document, "AC1")
    (document.parent / "below").mkdir()
    (document.parent / "chart").write_text("version: 1", encoding="utf-8")
    described = {
        "record": "subject",
        "name": "chart",
        "value": provenance.path_sha256(document.parent / "chart"),
        "path": "chart",
    }
    tell(log, described)
    monkeypatch.chdir(document.parent / "below")
    assert "[x] AC1  proven" in run("status", document, "--evidence", log)[1]

    (document.parent / "chart").write_text("version: 2", encoding="utf-8")
    code, out, err = run("tick", "../WS-001-01.md", "--evidence", log)
    assert (code, "AC1" in out) == (0, False)
    assert "[ ] AC1  stale" in run("status", "../WS-001-01.md", "--evidence", log)[1]
    assert "AC2 is uncovered" in err


def test_tick_refuses_what_does_not_belong_together(run: Run, document: Path, tmp_path: Path) -> None:
    """A changed criterion and another document's evidence tick nothing."""
    log = prove(document, "AC1")
    changed = TEXT.replace("soon", "late")
    document.write_text(changed, encoding="utf-8")
    code, _, err = run("tick", document, "--evidence", log, "--write")
    assert code == errors.TickRefusedError.exit_code
    assert "AC1" in err
    assert document.read_text(encoding="utf-8") == changed

    document.write_text(TEXT.replace("soon\n", "soon\n  - within a minute\n"), encoding="utf-8")
    assert run("tick", document, "--evidence", log, "--write")[0] == errors.TickRefusedError.exit_code

    document.write_text(TEXT, encoding="utf-8")
    assert run("tick", document, "--evidence", log, "--write", "--check")[0] == errors.UsageError.exit_code
    broken = {"record": "round", "number": 1, "time": provenance.now(), "control": "lying", "turns_red": ["AC1"]}
    tell(log, broken)
    code, _, err = run("tick", document, "--evidence", log, "--write")
    assert code == errors.TickRefusedError.exit_code
    assert "broken on purpose" in err
    assert document.read_text(encoding="utf-8") == TEXT

    other = tmp_path / "other.md"
    other.write_text(TEXT.replace("WS-001-01", "WS-001-02"), encoding="utf-8")
    assert run("tick", other, "--evidence", log, "--write")[0] == errors.TickRefusedError.exit_code


def test_status_says_what_is_proven_and_what_became_stale(
    run: Run, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proven, not proven, and stale with the input that changed; a tick makes nothing stale."""
    monkeypatch.chdir(document.parent)
    chart = document.with_name("chart.yaml")
    chart.write_text("a: 1\n", encoding="utf-8")
    log = prove(document, "AC1")
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    subject = records.Subject(name="chart", value=provenance.path_sha256(chart), path="chart.yaml")
    log.write_text("".join([*lines[:-1], subject.model_dump_json() + "\n", lines[-1]]), encoding="utf-8")
    run("tick", document, "--evidence", log, "--write")
    code, out, _ = run("status", document, "--evidence", log)
    assert code == 1
    assert "[x] AC1  proven: Mail arrives soon" in out
    assert "[ ] AC2  uncovered: Mail is kept safe" in out

    chart.write_text("a: 2\n", encoding="utf-8")
    _, out, _ = run("status", document, "--evidence", log)
    assert "[ ] AC1  stale: Mail arrives soon" in out
    assert "chart" in out


def test_a_damaged_log_is_a_clear_error(run: Run, document: Path) -> None:
    """A log with a broken line in the middle is refused with the line's number."""
    log = prove(document, "AC1")
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    log.write_text("".join([lines[0], "{]\n", *lines[1:]]), encoding="utf-8")
    code, _, err = run("tick", document, "--evidence", log)

    assert code == errors.EvidenceError.exit_code
    assert "evidence.jsonl:2" in err


def test_scaffold_writes_failing_tests_once(run: Run, document: Path, pytester: pytest.Pytester) -> None:
    """One test for each criterion, each of which fails; a second time nothing is overwritten."""
    folder = pytester.path / "suite"
    code, out, _ = run("scaffold", document, "--folder", folder)
    assert code == 0
    assert "2 tests" in out
    module = folder / "test_ws_001_01.py"
    text = module.read_text(encoding="utf-8")
    assert text.count("pytest.fail(") == 2
    compile(text, str(module), "exec")

    module.write_text("mine", encoding="utf-8")
    assert run("scaffold", document, "--folder", folder)[0] == errors.UsageError.exit_code

    for place in (module, module / "below", "/proc/workstream"):
        code, _, err = run("scaffold", document, "--folder", place)
        assert code == errors.UsageError.exit_code
        assert str(place) in err
    assert module.read_text(encoding="utf-8") == "mine"


def test_the_cache_is_shown_and_emptied(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in it, by which limits it goes, and what stays because a run uses it."""
    monkeypatch.setenv("WORKSTREAM_CACHE", str(tmp_path))
    for name in ("thing/0123456789abcdef", "used/0123456789abcdef"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(os.urandom(12_000_000))
    with (tmp_path / "used/0123456789abcdef/file").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # of a file in it: that is no use of the whole
        used = os.open(tmp_path / "used/0123456789abcdef", os.O_RDONLY)
        fcntl.flock(used, fcntl.LOCK_SH)
        code, shown, _ = run("cache", "show")
        assert code == 0
        assert re.search(r"^  0\.01 GB  thing \(0123456789abcdef\), used last 2\d{3}-", shown, re.MULTILINE)
        assert "  0.01 GB  used (0123456789abcdef), in use by a run\n" in shown
        assert shown.endswith(
            f"{tmp_path}: 0.02 GB of 20.00 GB (WORKSTREAM_CACHE_SIZE); "
            "what no run has used for 30 days goes (WORKSTREAM_CACHE_AGE)\n"
        )
        code, cleaned, _ = run("cache", "clean")
        os.close(used)
    assert code == 0
    assert re.search(r"^removed:   0\.01 GB  thing ", cleaned, re.MULTILINE)
    assert re.search(r"^kept:      0\.01 GB  used .*in use by a run$", cleaned, re.MULTILINE)
    assert cleaned.endswith(f"{tmp_path}: 0.01 GB removed\n")
    assert [path.name for path in tmp_path.iterdir()] == ["used"]


def test_a_report_is_made_again_from_a_log(run: Run, document: Path) -> None:
    """Beside the evidence, or where one likes; the same bytes each time, and the path is printed."""
    log = prove(document, "AC1", project=document.parent)
    elsewhere = document.parent / "out" / "page.html"
    assert run("report", document)[:2] == (0, f"{log.parent / 'report.html'}\n")
    assert run("report", document, "--evidence", log, "--output", elsewhere)[:2] == (0, f"{elsewhere}\n")
    page = elsewhere.read_bytes()
    assert page == (log.parent / "report.html").read_bytes()
    assert b"criteria are proven; not proven" in page
    assert run("report", document)[0] == 0
    assert page == (log.parent / "report.html").read_bytes()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "does not start with the one session line"),
        ('{"record": "session", "schema_version": "3.0"}\n', "version 3.0 of the log"),
        ("<b>no log</b>\n", "this is no line of an evidence log"),
    ],
    ids=["empty", "newer", "none"],
)
def test_a_log_that_cannot_be_read_says_so_in_the_report_itself(
    run: Run, document: Path, content: str, sentence: str
) -> None:
    """Whoever opens the page reads why; the command fails as every other does."""
    log = document.with_name("evidence.jsonl")
    log.write_text(content)
    code, out, err = run("report", document, "--evidence", log)
    page = document.with_name("report.html")
    assert (code, out) == (errors.EvidenceError.exit_code, f"{page}\n")
    assert sentence in err
    assert sentence in page.read_text().replace("&#39;", "'")
    assert "Nothing is proven by what cannot be read." in page.read_text()


def test_a_report_of_a_log_that_breaks_off_says_so(run: Run, document: Path) -> None:
    """Whatever of the last line is there; the run itself came to no report."""
    log = prove(document, "AC1", project=document.parent)
    log.write_bytes(log.read_bytes().rpartition(b'{"record":"end"')[0] + b'{"record":"observation","te')
    assert run("report", document)[0] == 0
    assert "The evidence breaks off" in (log.parent / "report.html").read_text()


def test_a_report_takes_evidence(run: Run, document: Path) -> None:
    """Without it no page is written."""
    code, out, err = run("report", document)
    assert (code, out) == (errors.EvidenceError.exit_code, "")
    assert "has no evidence" in err


@pytest.mark.parametrize("command", ["gate", "next", "verify"])
def test_who_cannot_say_why_files_were_passed_over_names_who_can(
    run: Run, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not an option that the command does not have."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("# About\n", encoding="utf-8")

    assert "workstream criteria --passed-over says why" in run(command, tmp_path)[2]


@pytest.mark.parametrize("command", ["criteria", "lint", "audit"])
def test_a_folder_on_which_nothing_was_read_does_not_pass(run: Run, tmp_path: Path, command: str) -> None:
    """A gate says how many files it passed over, why if asked, and does not end with 0."""
    (tmp_path / "README.md").write_text("# About\n", encoding="utf-8")
    code, out, err = run(command, tmp_path)
    assert (code, out) == (errors.ForeignDocumentError.exit_code, "")
    assert "0 documents read, 1 Markdown file passed over" in err
    assert "workstream criteria --passed-over says why" in err

    code, _, err = run(command, "--passed-over", tmp_path)
    assert code == errors.ForeignDocumentError.exit_code
    assert "README.md:1: this is no workstream document" in err


@pytest.mark.parametrize(
    "kind", ["binary", "UTF-16", "dangling", "loop", "pipe", "folder", "checklist", "node_modules"]
)
def test_what_is_plainly_no_document_is_passed_over_and_counted(run: Run, document: Path, kind: str) -> None:
    """One file that cannot be read hides no document beside it; whose name is none is no error."""
    document.write_text(TEXT.replace("[x]", "[ ]"), encoding="utf-8")
    other = document.with_name("note.md")
    if kind == "binary":
        other.write_bytes(b"GIF89a\0\1")
    elif kind == "UTF-16":
        other.write_bytes("# Note".encode("utf-16"))
    elif kind == "dangling":
        other.symlink_to("nowhere")
    elif kind == "loop":
        other.symlink_to(other.name)
    elif kind == "pipe":
        os.mkfifo(other)
    elif kind == "folder":
        other.mkdir()
    elif kind == "checklist":
        read = documents.read(document)
        log = evidence.read(prove(document, "AC1"))
        text = checklist.markdown(read, log, evidence.verdicts(log, read))
        document.with_name("WS-001-02.md").write_text(text, encoding="utf-8")
    else:
        other = document.parent / "node_modules" / "WS-001-03.md"
        other.parent.mkdir()
        other.write_text(TEXT, encoding="utf-8")
    counted = kind not in {"folder", "node_modules"}

    code, _, err = run("lint", document.parent)
    assert code == 0
    assert ("1 document read, 1 Markdown file passed over" in err) is counted
    assert ("note.md" in run("lint", "--passed-over", document.parent)[2]) is (counted and kind != "checklist")


def test_a_checklist_is_no_document(run: Run, document: Path) -> None:
    """What a run left promises nothing, also if it is named."""
    read = documents.read(document)
    log = evidence.read(prove(document, "AC1"))
    document.write_text(checklist.markdown(read, log, evidence.verdicts(log, read)), encoding="utf-8")

    code, _, err = run("lint", document)
    assert code == errors.ForeignDocumentError.exit_code
    assert "the result of a run" in err


def test_two_documents_with_one_id_are_told(run: Run, document: Path) -> None:
    """The second is named, with the first; one that is named twice, or through a link, is one."""
    text = TEXT.replace("[x]", "[ ]")
    document.write_text(text, encoding="utf-8")
    link = document.with_name("link.md")
    link.symlink_to(document)
    assert run("lint", document, document, document.parent)[0] == 0

    other = document.with_name("WS-001-01-copy.md")
    other.write_text(text, encoding="utf-8")
    code, out, _ = run("lint", document, other)
    assert code == 1
    assert out.startswith(f"{other}:1:1: WS011 {document} is WS-001-01 too")


@pytest.mark.parametrize(
    "arguments",
    [
        *([command] for command in ("criteria", "lint", "audit", "status", "tick", "scaffold")),
        *([command] for command in ("verify", "next", "gate", "timings", "diff", "accept", "report")),
        ["explain", "AC1"],
        ["report", "WS-001-01.md", "--evidence"],
        ["report", "WS-001-01.md", "--output"],
        ["status", "WS-001-01.md", "--evidence"],
        ["scaffold", "WS-001-01.md", "--folder"],
        ["diff", "WS-001-01.md", "--accepted"],
        ["gate", "WS-001-01.md", "--against"],
        ["verify", "WS-001-01.md", "--signers"],
    ],
    ids=" ".join,
)
def test_an_empty_path_is_wrong_usage(run: Run, arguments: list[str]) -> None:
    """A variable that nobody set is not the working folder."""
    code, out, err = run(*arguments, "")

    assert (code, out) == (errors.UsageError.exit_code, "")
    assert "empty path" in err


def test_a_report_of_a_folder_is_an_error(run: Run, document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder has no name, and is no evidence."""
    monkeypatch.chdir(document.parent)
    code, _, err = run("report", document, "--evidence", ".")

    assert code == errors.EvidenceError.exit_code
    assert "cannot be read: it is no file" in err


@pytest.mark.parametrize("sign", ["\x1b[2K\x1b[1G", "\b\b\b", "\u202e", "\x9b2K", "\x07"])
def test_what_would_move_the_cursor_is_shown_and_not_sent(run: Run, document: Path, sign: str) -> None:
    """An open box cannot make itself look ticked on a terminal."""
    document.write_text(TEXT.replace("soon", f"soon{sign}- [x] done"), encoding="utf-8")
    prove(document, "AC1")
    for command in ("criteria", "audit", "status", "tick"):
        extra = ("--evidence", document.parent / "evidence.jsonl") if command != "criteria" else ()
        _, out, err = run(command, document, *extra)
        assert sign not in out + err
    assert "Mail arrives soon" in run("criteria", document)[1]


@pytest.mark.parametrize("sign", ["\b\b\b", "\u202e"])
def test_an_error_shows_what_would_move_the_cursor(run: Run, document: Path, sign: str) -> None:
    """What a log says of itself may stand in an error, and is not obeyed there either."""
    log = prove(document, "AC1")
    told = log.read_text(encoding="utf-8").replace('"document_id":"', f'"document_id":{json.dumps(sign)[:-1]}')
    log.write_text(told, encoding="utf-8")
    code, out, err = run("tick", document, "--evidence", log)
    assert code == errors.TickRefusedError.exit_code
    assert sign not in out + err
    assert "WS-001-01" in err


def test_a_dialect_that_is_none_is_wrong_usage(run: Run, document: Path) -> None:
    """The known ones are named."""
    code, _, err = run("criteria", "--dialect", "klingon", document)

    assert code == errors.UsageError.exit_code
    assert "workstream" in err


@pytest.mark.parametrize(
    ("form", "text", "name"),
    [
        ("spec-kit", "# Feature Specification: Post\n\n- **FR-002a**: Letters leave by noon\n", "FR-002a"),
        ("openspec", "### Requirement: Letters\n\n#### Scenario: They leave\n\n- **THEN** they leave\n", "1.1"),
    ],
)
def test_every_command_takes_the_folder_of_a_spec(run: Run, tmp_path: Path, form: str, text: str, name: str) -> None:
    """Its form is found out, criteria are called as they are there, and a suite for it is Python."""
    folder = tmp_path / "specs" / "post"
    folder.mkdir(parents=True)
    (folder / "spec.md").write_text(text, encoding="utf-8")
    log = prove(folder, name)

    (row,) = json.loads(run("criteria", tmp_path, "--json")[1])
    assert (row["dialect"], row["id"]) == (form, name)
    assert run("lint", tmp_path, "--dialect", form) == (0, "", "")
    assert run("audit", folder, "--evidence", log)[0] == 0
    assert json.loads(run("status", folder, "--evidence", log, "--json")[1])["dialect"] == form
    assert run("tick", folder, "--evidence", log, "--check")[0] == 0
    assert run("tick", folder, "--evidence", log, "--write")[0] == 0
    assert (folder / "spec.md").read_text(encoding="utf-8") == text
    code, out, _ = run("explain", name.lower(), folder)
    assert (code, f": {name} " in out) == (1, True)  # the project has no evidence of its own
    assert run("scaffold", folder, "--folder", tmp_path / "suite")[0] == 0
    (module,) = (tmp_path / "suite").iterdir()
    compile(module.read_text(encoding="utf-8"), str(module), "exec")


def test_a_ticked_task_that_rests_on_an_unproven_criterion_fails_the_check(run: Run, tmp_path: Path) -> None:
    """Where nothing is edited, `tick --check` compares what people ticked with evidence, and says where."""
    folder = tmp_path / "letters"
    folder.mkdir()
    path = folder / "requirements.md"
    path.write_text(
        "# Letters\n\n### Requirement 1\n\n#### Acceptance Criteria\n\n1. Letters leave\n2. Letters stay\n",
        encoding="utf-8",
    )
    tasks = folder / "tasks.md"
    tasks.write_text("- [x] 1. Buy a coach\n  - _Requirements: 1_\n", encoding="utf-8")
    log = prove(path, "1.1")
    assert run("lint", tmp_path) == (0, "", "")

    code, _, err = run("tick", folder, "--evidence", log, "--check")
    assert code == 1
    assert f"{tasks}:1: 1.2 is claimed, and is uncovered" in err
    assert "1.1 is claimed" not in err
    assert "nothing is edited" in err
    code, out, _ = run("audit", path, "--evidence", log)
    assert (code, out.splitlines()[0]) == (1, f"{tasks}:1:1: 1.2 is claimed, and the evidence says: uncovered")

    tasks.write_text("- [ ] 1. Buy a coach\n  - _Requirements: 1_\n", encoding="utf-8")
    assert run("tick", folder, "--evidence", log, "--check")[0] == 0
    assert json.loads(run("tick", folder, "--evidence", log, "--json")[1])["dialect"] == "kiro"
