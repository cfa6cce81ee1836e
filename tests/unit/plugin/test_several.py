"""Runs over several documents."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from workstream import documents, evidence

if TYPE_CHECKING:
    from tests.unit.conftest import Run
    from tests.unit.plugin.conftest import Suite

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "prove-several-documents.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`([\w./-]+)`[^`\n]*(?:\[[^\n]*)?:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL))
OVERVIEW, SENTENCE = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
SPEC = "# Post\n\n### Requirement 1: Run\n\n#### Acceptance Criteria\n\n1. THE POST SHALL run\n"
RECORDING = "def test(evidence):\n    evidence.record('answer', 42)\n"
DISTRIBUTED = pytest.mark.parametrize("distributed", [(), ("-n2",)], ids=["alone", "xdist"])

BROKEN = """
import pytest
from workstream import errors

@pytest.fixture
def release():
    raise errors.ChartError("The chart is broken.")

def test(release):
    pass
"""


class Several:
    """Documents with a criterion each, and a module of tests for each.

    Args:
        suite: the suite that they are written into.

    """

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.path = suite.path
        self.results = self.path / "build" / "acceptance"

    def levels(self, *ids: str) -> None:
        """Let the criteria of documents need no cluster."""
        lines = "".join(f"    static {one}\n" for one in ids)
        (self.path / "pytest.ini").write_text(f"[pytest]\nworkstream_levels =\n{lines}")

    def document(self, document_id: str, needs: str = "", path: str = "") -> Path:
        """Write a document with one criterion."""
        file = self.path / (path or f"plans/{document_id}.md")
        file.parent.mkdir(exist_ok=True)
        section = f"### Dependency\n\n{needs}\n\n" if needs else ""
        file.write_text(f"## {document_id}: Post\n\n{section}### Acceptance Criteria\n\n- [ ] {document_id} works\n")
        return file

    def test(self, name: str, source: str, *ids: str) -> None:
        """Write a module of tests that speak of the criteria of documents."""
        marks = ", ".join(f"pytest.mark.criterion({one!r}, {f'{one} works'!r})" for one in ids)
        (self.path / f"test_{name}.py").write_text(f"import pytest\n\npytestmark = [{marks}]\n\n{source}")

    def write(self, **needs: str) -> None:
        """Write documents with ids like WS-1, what each depends on, and a test that proves it."""
        ids = {f"WS-{name.removeprefix('ws')}": says for name, says in needs.items()}
        self.levels(*ids)
        for one, says in ids.items():
            self.document(one, says)
            self.test(one.lower().replace("-", "_"), RECORDING, one)

    def run(self, *arguments: str, own_process: bool = False) -> pytest.RunResult:
        """Run the suite on what the arguments name."""
        pytester = self.suite._pytester  # noqa: SLF001 - the fixture's own
        run = pytester.runpytest_subprocess if own_process else pytester.runpytest_inprocess
        return run(*self.suite.LEAN, "-p", "no:cacheprovider", *arguments)

    def log(self, document_id: str) -> evidence.Log:
        """Return the evidence of a document."""
        return evidence.read(self.results / document_id / "evidence.jsonl")

    def states(self, *paths: Path) -> dict[str, str]:
        """Return by document what its own evidence says, read again, as the command line does."""
        found = documents.search(paths or [self.path / "plans"]).documents
        return {one.id: " ".join(v.state for v in evidence.verdicts(self.log(one.id), one)) for one in found}

    def overview(self) -> dict[str, object]:
        """Return what the run left for programs."""
        plain: dict[str, object] = json.loads((self.results / "overview.json").read_text())
        return plain

    def kept(self) -> dict[Path, bytes]:
        """Return all that runs have left."""
        return {path: path.read_bytes() for path in self.results.rglob("*") if path.is_file()}


@pytest.fixture
def several(suite: Suite) -> Several:
    """Documents and their tests in a folder of their own."""
    return Several(suite)


@pytest.mark.parametrize(("criteria", "boxes"), [(1, True), (100, False)])
def test_of_some_documents_every_box_is_shown_and_of_many_those_that_are_not_ticked(
    several: Several,
    criteria: int,
    boxes: bool,  # noqa: FBT001 - a table
) -> None:
    """What is proven is the result that people look for; a hundred of it would hide what is not."""
    several.write(ws1="", ws2="")
    with several.document("WS-3", "").open("a") as file:
        file.writelines(f"- [ ] number {number} works\n" for number in range(criteria))

    out = several.run("--workstream", "plans").stdout.str()

    assert ("[x] AC1  WS-1 works" in out) is boxes
    assert "[ ] AC1  WS-3 works" in out


@DISTRIBUTED
def test_the_example_of_the_page_runs_as_it_says(several: Several, distributed: tuple[str, ...]) -> None:
    """Four documents in two forms, one of which fails: the overview, the exit code, and what depends on it says so."""
    several.levels("WS-010-01", "WS-010-02", "POST-3", "POST-4")
    for name, text in FILES.items():
        (several.path / name).parent.mkdir(exist_ok=True)
        (several.path / name).write_text(text)

    result = several.run("--workstream", "plans", "--workstream", "backlog", *distributed)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    out = result.stdout.str()
    assert OVERVIEW in f"{out}\n"
    delivery = (several.results / "WS-010-02" / "checklist.md").read_text()
    assert out.count(SENTENCE) == 1
    assert f"\n\n**{SENTENCE.strip()}**\n" in delivery
    assert SENTENCE.strip() in (several.results / "WS-010-02" / "report.html").read_text()
    assert several.states(several.path / "plans", several.path / "backlog") == {
        "WS-010-01": "failed",
        "WS-010-02": "proven failed",
        "POST-3": "proven",
        "POST-4": "proven",
    }
    whole = (several.results / "overview.md").read_text()
    assert "| [ ] WS-010-01 Sorting | workstream | 0 of 1 criteria are proven; not proven: AC1. |" in whole
    assert "- command: `pytest " in whole
    assert f"- begun: {several.log('POST-3').session.time}\n" in whole
    assert "- WS-010-02: It depends on WS-010-01, which is not proven" in whole
    assert "- POST-4: It depends on WS-010-07, which was not looked at: There is no such document here." in whole
    assert several.overview()["exit_code"] == 1


@DISTRIBUTED
def test_evidence_is_kept_with_the_documents_that_a_test_speaks_of(
    several: Several, distributed: tuple[str, ...]
) -> None:
    """One that speaks of two is kept with both, and of the others' tests nothing is kept."""
    several.write(ws1="", ws2="", ws3="")
    several.test("both", RECORDING, "WS-1", "WS-2")
    assert several.run("--workstream=plans", *distributed).ret == pytest.ExitCode.OK

    for one, modules in {"WS-1": ("ws_1", "both"), "WS-2": ("ws_2", "both"), "WS-3": ("ws_3",)}.items():
        log, tests = several.log(one), {f"test_{name}.py::test" for name in modules}
        assert log.session.document_id == one
        assert {line.test for line in log.manifest} == tests
        for lines in (log.outcomes, log.executions, log.observations):
            assert {line.test for line in lines} == tests
        assert {path.name for path in (several.results / one).iterdir()} == {
            "checklist.md",
            "evidence.jsonl",
            "report.html",
            "verdicts.json",
        }
    assert several.states() == {"WS-1": "proven", "WS-2": "proven", "WS-3": "proven"}
    assert {path.name for path in several.results.iterdir() if path.is_file()} == {
        "junit.xml",
        "overview.json",
        "overview.md",
        "run.log",
    }


@DISTRIBUTED
def test_tests_of_documents_that_nobody_asked_for_do_not_run(several: Several, distributed: tuple[str, ...]) -> None:
    """They are counted as deselected, and the run is no part of anything; what speaks of no criterion runs."""
    several.write(ws1="", ws2="", ws3="")
    for name in ("plain", "ws_3"):
        (several.path / f"test_{name}.py").write_text(
            (several.path / "test_ws_3.py").read_text() + "    assert False\n"
        )
    (several.path / "test_plain.py").write_text("def test(tmp_path):\n    (tmp_path.parent / 'ran').touch()\n")

    result = several.run(
        "--workstream=plans/WS-1.md", "--workstream=plans/WS-2.md", "--basetemp=temporary", *distributed
    )

    assert result.ret == pytest.ExitCode.OK
    assert several.states(several.path / "plans/WS-1.md", several.path / "plans/WS-2.md") == {
        "WS-1": "proven",
        "WS-2": "proven",
    }
    assert list((several.path / "temporary").rglob("ran"))
    assert not (several.results / "WS-3").exists()
    assert not any(line.test.startswith("test_ws_3") for line in several.log("WS-1").outcomes)
    if not distributed:
        result.assert_outcomes(passed=3, deselected=1)


def test_a_run_on_one_document_leaves_out_tests_of_others_too(several: Several) -> None:
    """A test that speaks of it and of another one runs; evidence stands where it stands without others."""
    several.write(ws1="", ws2="")
    several.test("both", RECORDING, "WS-1", "WS-2")
    several.run("--workstream=plans/WS-1.md").assert_outcomes(passed=2, deselected=1)
    assert several.states(several.path / "plans/WS-1.md") == {"WS-1": "proven"}
    assert [path.name for path in several.results.iterdir()] == ["WS-1"]


@DISTRIBUTED
def test_tests_run_behind_those_of_what_their_document_depends_on(
    several: Several, distributed: tuple[str, ...]
) -> None:
    """A test of several runs with the last of them, one of none stays behind the one that it stood behind."""
    several.write(ws1="WS-3", ws2="", ws3="WS-2")
    several.test("a_both", RECORDING, "WS-1", "WS-2")
    (several.path / "test_ws_3_then.py").write_text("def test():\n    pass\n")
    several.run("--workstream=plans", *distributed, *(("--dist=loadfile", "-n1") if distributed else ()))

    cases = ET.parse(several.results / "junit.xml").iter("testcase")  # noqa: S314 - our own
    assert [case.attrib["classname"] for case in cases] == [
        "test_ws_2",
        "test_ws_3",
        "test_ws_3_then",
        "test_a_both",
        "test_ws_1",
    ]
    rows = several.overview()["documents"]
    assert isinstance(rows, list)
    assert [row["id"] for row in rows] == ["WS-2", "WS-3", "WS-1"]


def test_a_single_document_says_what_it_depends_on(several: Several) -> None:
    """Of a document that the run is not on, and of one that is not there, it says that nobody looked."""
    several.write(ws1="WS-2 and WS-9", ws2="")
    result = several.run("--workstream=plans/WS-1.md")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "It depends on WS-2, which was not looked at: This run was not on it.",
            "It depends on WS-9, which was not looked at: There is no such document here.",
            "The one criterion is proven.",
        ]
    )
    assert [(line.document_id, line.proven) for line in several.log("WS-1").dependencies] == [
        ("WS-2", None),
        ("WS-9", None),
    ]


@pytest.mark.parametrize(
    ("files", "paths", "code", "said"),
    [
        ({"WS-1": "WS-2", "WS-2": "WS-1"}, ["plans"], 37, "WS-1 depends on WS-2 depends on WS-1."),
        ({"WS-1": "", "WS-1 again": ""}, ["plans"], 37, "WS-1 is the id of plans/WS-1 again.md and of plans/WS-1.md."),
        ({"WS-1": "", "ws-1": ""}, ["plans"], 37, "WS-1 is the id of plans/WS-1.md and of plans/ws-1.md."),
        ({"WS-1": "", "WS-2": "\0"}, ["plans"], 30, "plans/WS-2.md:5: this is a binary file"),
        ({"WS-1": ""}, ["plans", "none"], 30, "none cannot be read: No such file"),
        ({"notes": "nothing"}, ["plans"], 33, "0 documents read, 1 Markdown file passed over"),
        ({"WS-1": ""}, ["plans", ""], 64, "one of them names no path"),
    ],
    ids=["circle", "one id", "one id in another case", "unreadable", "missing", "nothing read", "empty path"],
)
def test_documents_that_cannot_be_run_together_stop_the_run(
    several: Several, files: dict[str, str], paths: list[str], code: int, said: str
) -> None:
    """Each is told by its name, with an exit code of its own; nothing of an earlier run is touched."""
    several.write(ws1="")
    several.run("--workstream=plans")
    before = several.kept()
    (several.path / "plans" / "WS-1.md").unlink()
    for name, needs in files.items():
        if name == "notes":
            (several.path / "plans" / "notes.md").write_text(needs)
        else:
            several.document(name.removesuffix(" again"), needs, f"plans/{name}.md")

    result = several.run(*(f"--workstream={path}" for path in paths))

    assert result.ret == code
    assert said in result.stderr.str()
    assert "Traceback" not in result.stderr.str() + result.stdout.str()
    assert several.kept() == before


def test_a_document_that_is_named_twice_is_one(several: Several) -> None:
    """As a file, by its folder, and through a link."""
    several.write(ws1="")
    (several.path / "plans" / "link.md").symlink_to("WS-1.md")
    result = several.run("--workstream=plans/WS-1.md", "--workstream=plans", "--workstream=./plans/link.md")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["Exit code 0: all criteria of the document are proven."])


def test_a_spec_may_have_a_name_of_several_words(several: Several) -> None:
    """One that begins with all words of another is another one, in markers as in the configuration."""
    several.levels("WS-1", "my spec", "My Spec 2 THE POST SHALL run")
    several.document("WS-1")
    for name in ("My Spec", "My Spec 2"):
        (several.path / "plans" / name).mkdir()
        (several.path / "plans" / name / "requirements.md").write_text(SPEC)
        source = f"import pytest\n\n@pytest.mark.criterion({name!r}, 'THE POST SHALL run')\n{RECORDING}"
        (several.path / f"test_{len(name)}.py").write_text(source)
    several.test("ws_1", RECORDING, "WS-1")
    result = several.run("--workstream=plans", "--workstream=plans/My Spec")
    assert several.states() == {"MY SPEC": "proven", "MY SPEC 2": "proven", "WS-1": "proven"}
    assert result.ret == pytest.ExitCode.OK


FEATURE = """# Feature Specification: Post

### User Story 1 - Sending

**Acceptance Scenarios**:

1. **Given** a letter, **When** it is noon, **Then** it leaves

## Requirements

- **FR-001**: The post MUST keep letters dry
"""
CHANGE = """## ADDED Requirements

### Requirement: Keeping

The post SHALL keep letters.

#### Scenario: A year later

- **WHEN** a year has passed
- **THEN** the letter is there
"""
SPEAKING = """
import pytest

@pytest.mark.criterion("001-POST", "Given a letter, When it is noon, Then it leaves")
def test_leaves(evidence):
    evidence.record("left at", "noon")

@pytest.mark.criterion("KEEP--POST", "Keeping: A year later")
def test_keeps(evidence):
    evidence.record("kept for", "a year")
"""
DRY = """
@pytest.mark.criterion("001-POST", "The post MUST keep letters dry")
def test_dry(evidence):
    evidence.record("drops", 0)
"""


def test_specs_of_two_forms_are_proven_in_one_run_and_ticked_tasks_are_held_to_it(several: Several, run: Run) -> None:
    """What no test speaks of is not proven; tasks that say that it is done fail the check, and name their place."""
    plans = several.path / "plans"
    feature, change = plans / "specs" / "001-post", plans / "openspec" / "changes" / "keep"
    for path, text in {
        feature / "spec.md": FEATURE,
        feature / "tasks.md": "- [x] T001 [US1] Buy a coach\n- [x] T002 Buy an umbrella (FR-001)\n",
        change / "specs" / "post" / "spec.md": CHANGE,
        change / "tasks.md": "- [x] 1.1 Build a shelf\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    several.levels("001-POST", "KEEP--POST")
    module = several.path / "test_post.py"
    module.write_text(SPEAKING)
    log = several.results / "001-POST" / "evidence.jsonl"

    assert several.run("--workstream=plans").ret == pytest.ExitCode.TESTS_FAILED
    assert several.states() == {"001-POST": "proven uncovered", "KEEP--POST": "proven"}
    code, _, err = run("tick", feature, "--evidence", log, "--check")
    assert (code, f"{feature}/tasks.md:2: FR-001 is claimed, and is uncovered" in err) == (1, True)
    assert "US1.1 is claimed" not in err
    code, out, _ = run("audit", plans)
    says = f"{feature}/tasks.md:2:1: FR-001 is claimed, and the evidence says: uncovered"
    assert (code, [line for line in out.splitlines() if "is claimed" in line]) == (1, [says])
    assert run("gate", plans)[0] == 1

    module.write_text(SPEAKING + DRY)
    assert several.run("--workstream=plans").ret == pytest.ExitCode.OK
    for folder in (feature, change / "specs" / "post"):
        assert run("tick", folder, "--check")[0] == 0
    assert run("audit", plans)[0] == 0
    assert run("gate", plans)[0] == 0


def test_a_folder_of_one_document_keeps_the_places_of_several(several: Several) -> None:
    """A second document beside it moves nothing; a file keeps the folder for itself."""
    several.write(ws1="")
    several.run("--workstream=plans", "--workstream-folder=out")
    assert (several.path / "out" / "WS-1" / "evidence.jsonl").is_file()
    assert (several.path / "out" / "overview.md").is_file()
    several.run("--workstream=plans/WS-1.md", "--workstream-folder=own")
    assert (several.path / "own" / "evidence.jsonl").is_file()


@DISTRIBUTED
def test_a_part_of_a_run_is_a_part_for_each_document_of_which_tests_are_missing(
    several: Several, distributed: tuple[str, ...]
) -> None:
    """The exit code says that all passed, and of which documents not all was run."""
    several.write(ws1="", ws2="")
    result = several.run("--workstream=plans", "-k", "ws_1", *distributed)
    assert result.ret == 26
    result.stdout.fnmatch_lines(["Exit code 26: all that was run passed, but of WS-2 not every test was run."])
    assert several.states() == {"WS-1": "proven", "WS-2": "not-run"}
    first, second = (several.log(one).selection for one in ("WS-1", "WS-2"))
    assert first is not None
    assert not first.partial
    assert second is not None
    assert second.left_out == ("test_ws_2.py::test",)


@pytest.mark.parametrize(
    "source", [RECORDING + "    assert False\n", "def test():\n    pass\n"], ids=["fails", "sees nothing"]
)
def test_what_is_not_proven_in_a_part_of_a_run_is_a_failure(several: Several, source: str) -> None:
    """That of another document not all was run does not make it less of one."""
    several.write(ws1="", ws2="")
    several.test("ws_1", source, "WS-1")
    assert several.run("--workstream=plans", "-k", "ws_1").ret == pytest.ExitCode.TESTS_FAILED


def test_a_test_that_stands_astray_is_told_to_its_own_document(several: Several) -> None:
    """What pytest does not collect may speak of one document only: the others are whole."""
    several.write(ws1="", ws2="")
    (several.path / "helpers").mkdir()
    (several.path / "helpers" / "more.py").write_text((several.path / "test_ws_2.py").read_text())
    result = several.run("--workstream=plans")
    assert result.ret == 26
    assert several.states() == {"WS-1": "proven", "WS-2": "not-run"}


def test_an_interrupted_run_tells_each_document(several: Several) -> None:
    """What was proven until then is, and all evidence comes to its end."""
    several.write(ws1="", ws2="", ws3="")
    several.test("ws_2", "import os, signal\n\ndef test():\n    os.kill(os.getpid(), signal.SIGINT)\n", "WS-2")
    result = several.run("--workstream=plans", own_process=True)
    assert result.ret == 128 + signal.SIGINT
    assert several.states() == {"WS-1": "proven", "WS-2": "blocked", "WS-3": "not-run"}
    for one in ("WS-1", "WS-2", "WS-3"):
        end = several.log(one).end
        assert end is not None
        assert end.interrupted
        assert "The run was interrupted" in (several.results / one / "checklist.md").read_text()
    result.stdout.fnmatch_lines(["Exit code 130: the run was interrupted*1 of 3 documents are proven."])


def test_a_document_that_another_run_is_on_leaves_all_as_it_is(several: Several) -> None:
    """Not even the evidence of those that stand before it in the order is touched."""
    several.write(ws1="", ws2="")
    several.run("--workstream=plans/WS-1.md")
    before = several.kept()
    other = evidence.Writer(several.results / "WS-2" / "evidence.jsonl")
    result = several.run("--workstream=plans", "--workstream=plans/WS-1.md")
    other.close()
    assert result.ret == 25
    assert several.kept() == before


def test_what_was_begun_for_nothing_is_not_left_behind(several: Several) -> None:
    """An empty log would be taken for one that somebody damaged."""
    several.write(ws1="", ws2="")
    other = evidence.Writer(several.results / "WS-2" / "evidence.jsonl")
    assert several.run("--workstream=plans").ret == 25
    other.close()
    assert several.kept() == {}


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        (
            "def test():\n    assert False\n",
            1,
            "Exit code 1: 2 of 2 documents are proven, and a test failed that speaks of no criterion.",
        ),
        (
            BROKEN,
            18,
            "Exit code 18: The chart is broken. 2 of 2 documents are proven.",
        ),
    ],
    ids=["a test without a criterion", "the environment"],
)
def test_an_exit_code_that_no_document_is_the_reason_of_is_explained(
    several: Several, source: str, code: int, said: str
) -> None:
    """All documents are proven, and something else failed."""
    several.write(ws1="", ws2="")
    (several.path / "test_plain.py").write_text(source)
    result = several.run("--workstream=plans")
    assert result.ret == several.overview()["exit_code"] == code
    assert said == several.overview()["sentence"]
    assert said in result.stdout.str()


def test_several_documents_may_be_repeated(several: Several) -> None:
    """Each says how often each of its criteria was proven."""
    several.write(ws1="", ws2="")
    result = several.run("--workstream=plans", "--workstream-repeat=2")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["AC1 was proven in 2 of 2 rounds"] * 2)


def test_controls_are_of_one_document(several: Several) -> None:
    """A control that says AC1 means one of one document."""
    several.write(ws1="", ws2="")
    (several.path / "broken.yaml").write_text("sentence: It is broken.\nturns_red: [AC1]\nlayer: RUN false\n")
    result = several.run("--workstream=plans", "--workstream-controls=broken.yaml")
    assert result.ret == 64
    assert "--workstream-controls is about one document" in result.stderr.str()


def test_reports_of_tests_name_the_document_of_each_criterion(several: Several) -> None:
    """Both documents have an AC1."""
    several.write(ws1="", ws2="")
    several.test("both", RECORDING, "WS-1", "WS-2")
    several.run("--workstream=plans", "-k", "both")
    found = ET.parse(several.results / "junit.xml").iter("property")  # noqa: S314 - our own
    assert [one.attrib["value"] for one in found] == ["WS-1 AC1 WS-1 works", "WS-2 AC1 WS-2 works"]


def test_a_document_without_criteria_is_not_proven(several: Several) -> None:
    """There is nothing to prove, and the run says so and does not end with success."""
    several.write(ws1="")
    (several.path / "plans" / "WS-2.md").write_text("## WS-2: Nothing\n")
    result = several.run("--workstream=plans")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "[[]x] WS-1  The one criterion is proven.",
            "[[] ] WS-2  The document has no criteria: there is nothing to prove.",
            "Exit code 1: 1 of 2 documents are proven; not proven: WS-2.",
        ]
    )
