"""One session from its first line to its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from workstream import errors, evidence
from workstream.evidence import State, provenance
from workstream.evidence.settings import settings_sha256
from workstream.reports.status import Status

if TYPE_CHECKING:
    from tests.unit.plugin.conftest import Suite

OBSTRUCTED = """
    from workstream import errors

    @pytest.fixture(scope="session")
    def guest():
        raise errors.PodError("The guest does not come.", instead="Ask again.", more="the guest book")

    def test(evidence, guest):
        pass

    def test_again(evidence, guest):
        pass
"""
DESCRIBING = """
    import pathlib

    @pytest.fixture(scope="session")
    def guest(subject):
        subject.describe_input("suite", pathlib.Path(__file__))
        yield
        subject.describe("left", True)

    def test(subject, guest):
        subject.describe("chart", {"version": "1.0"})
"""
KILLING = """
    import os
    import signal

    @pytest.fixture(scope="session")
    def guest():
        yield
        print("the guest is gone", file=open("gone.txt", "w"))

    def test(evidence, guest):
        evidence.record("answer", 42)
        os.kill({process}, signal.{name})
        signal.pause()
"""
FORKING = """
    import multiprocessing
    import time

    def test(evidence):
        codes = set()
        for _ in range(50):
            process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(3600,))
            process.start()
            process.terminate()
            process.join(5)
            codes.add(process.exitcode)
            process.kill()
        evidence.record("codes", sorted(codes, key=str))
        assert codes == {-15}
"""
REPORTS = ["checklist.md", "evidence.jsonl", "junit.xml", "report.html", "run.log", "verdicts.json"]


def open_files() -> list[str]:
    """Return what this process has open, but for the sockets of pytest-rerunfailures."""
    links = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.exists()]
    return sorted(link for link in links if not link.startswith("socket:"))


def described(suite: Suite) -> list[tuple[str, object, str]]:
    """Return what the log says of what was under test."""
    return [(one.name, one.value, one.path) for one in suite.log().subjects if one.path != "conftest.py"]


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_run_leaves_its_reports_and_says_where(suite: Suite) -> None:
    """Evidence, checklist, page, JUnit and log stand in one folder, and the terminal shows the checklist."""
    suite.write({"one": suite.PROVING, "two": ""})
    result = suite.run()
    assert names(suite.folder) == REPORTS
    result.stdout.fnmatch_lines(
        [
            "=* WS-900: Traps =*",
            "[[]x] AC1  one",
            "[[] ] AC2  two",
            "*uncovered: *",
            "1 of 2 criteria are proven; not proven: AC2.",
            f"*{suite.folder}/checklist.md",
        ]
    )


def test_programs_find_the_verdicts_beside_the_evidence(suite: Suite) -> None:
    """verdicts.json says what `workstream status --json` says, in the shape that `workstream schema status` prints."""
    suite.write({"one": suite.PROVING, "two": ""})
    suite.run()
    left = Status.model_validate_json((suite.folder / "verdicts.json").read_bytes())
    assert [(one.id, one.state) for one in left.criteria] == [("AC1", State.PROVEN), ("AC2", State.UNCOVERED)]
    assert left.evidence == (str(suite.folder / "evidence.jsonl"),)


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_junit_says_of_which_criterion_each_case_speaks(suite: Suite, options: list[str]) -> None:
    """A case has a property for each criterion, its id and its text; one that speaks of none has none."""
    suite.write({"one & <only>": suite.PROVING})
    (suite.path / "test_other.py").write_text("def test_other(): ...")
    suite.run(*options)
    cases = ET.parse(suite.folder / "junit.xml").iter("testcase")  # noqa: S314 - ours
    named = {case.get("name"): [one.attrib for one in case.iter("property")] for case in cases}
    assert named.pop("test_other") == []
    assert list(named.values()) == [[{"name": "criterion", "value": "AC1 one & <only>"}]]


def test_a_folder_with_files_of_somebody_is_left_alone(suite: Suite) -> None:
    """A file that is called like a report, where no run left any, is not replaced; what a run left is."""
    suite.write({"one": suite.PROVING})
    own = suite.path / "docs" / "overview.md"
    own.parent.mkdir()
    own.write_text("Overview of our project")
    result = suite.run("--workstream-folder=docs", own_process=True)
    assert result.ret == errors.UsageError.exit_code
    assert "docs holds overview.md, and no evidence of a run" in result.stdout.str() + result.stderr.str()
    assert [path.name for path in own.parent.iterdir()] == ["overview.md"]
    own.rename(suite.path / "overview.md")
    for _ in range(2):
        assert suite.run("--workstream-folder=docs", own_process=True).ret == pytest.ExitCode.OK


def test_the_folder_can_be_chosen(suite: Suite) -> None:
    """--workstream-folder says where reports go; pytest's own --junit-xml still says where that one goes."""
    suite.write({"one": suite.PROVING})
    suite.run("--workstream-folder=elsewhere", "--junit-xml=own.xml")
    assert names(suite.path / "elsewhere") == [name for name in REPORTS if name != "junit.xml"]
    assert (suite.path / "own.xml").exists()


def test_the_first_line_says_what_ran(suite: Suite) -> None:
    """The log begins with the document, its criteria, the command line and the versions; it ends with an end."""
    suite.write({"one": suite.PROVING})
    suite.run("-q")
    log = suite.log()
    assert log.session.document_id == "WS-900"
    assert log.session.document_path == "WS-900.md"
    assert list(log.session.criteria) == ["AC1"]
    assert log.session.command.endswith("--workstream=WS-900.md -q")
    assert log.end is not None
    assert log.end.exit_status == pytest.ExitCode.OK
    assert not log.end.interrupted


def test_the_manifest_says_what_a_test_is(suite: Suite) -> None:
    """A line of the manifest has the first paragraph of the test's docstring and the hash of its file."""
    suite.write({"one": 'def test(evidence):\n    """It\n    is so.\n\n    Because.\n    """\n'})
    suite.run()
    (line,) = suite.log().manifest
    assert (line.test, line.criterion_id, line.level) == ("test_00.py::test", "AC1", "static")
    assert line.doc == "It is so."
    assert line.source_path == "test_00.py"
    assert line.source_sha256 == provenance.path_sha256(suite.path / "test_00.py")


def test_an_error_of_the_environment_decides_the_exit_code(suite: Suite) -> None:
    """What keeps tests from running is told once, in three parts, and its exit code is the run's."""
    suite.write({"one": OBSTRUCTED})
    result = suite.run("--tb=no")
    assert suite.states() == {"one": "blocked"}
    assert result.ret == 20
    result.stdout.fnmatch_lines(["The guest does not come.", "Ask again.", "See: the guest book"])
    assert result.stdout.lines.count("See: the guest book") == 1


def test_what_is_under_test_is_described(suite: Suite) -> None:
    """Facts and hashes reach the log, those too that are known only after the last test."""
    suite.write({"one": DESCRIBING})
    suite.run()
    settings = suite.path / "pytest.ini"
    assert described(suite) == [
        ("settings of pytest", settings_sha256(settings), settings.name),
        ("suite", provenance.path_sha256(suite.path / "test_00.py"), "test_00.py"),
        ("chart", {"version": "1.0"}, ""),
        ("left", True, ""),
    ]


def test_whoever_asks_for_the_cluster_has_described_what_it_is_made_of(suite: Suite) -> None:
    """Verdicts may depend on it: its class of storage and the like stand in the log without a test's doing."""
    suite.write({"one": "def test(cluster):\n    pass\n"})
    suite.run()
    assert ("default StorageClass", "none", "") in described(suite)
    assert ("helm", "4.0.5 (from PATH)", "") in described(suite)


def test_processes_of_xdist_pass_on_all_of_that(suite: Suite) -> None:
    """Errors of the environment and descriptions of what is under test reach the process that writes."""
    suite.write({"one": DESCRIBING, "two": OBSTRUCTED})
    result = suite.run("-n1", "--tb=no")
    assert result.ret == 20
    assert result.stdout.lines.count("See: the guest book") == 1
    assert [name for name, _, _ in described(suite)] == ["settings of pytest", "suite", "chart", "left"]


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_an_interrupted_run_cleans_up_and_tells_what_it_knows(suite: Suite, name: str, code: int) -> None:
    """Fixtures are taken down, log and checklist are written, and the exit code says what happened."""
    source = KILLING.format(process="os.getpid()", name=name)
    suite.write({"one": suite.PROVING, "two": source, "three": suite.PROVING})
    result = suite.run(own_process=True)
    assert suite.states() == {"one": "proven", "two": "blocked", "three": "not-run"}
    assert (suite.path / "gone.txt").exists()
    end = suite.log().end
    assert end is not None
    assert end.interrupted
    assert names(suite.folder) == REPORTS
    assert result.ret == code


def test_a_test_that_swallows_an_interrupt_does_not_swallow_the_next_one(suite: Suite) -> None:
    """Ctrl-C works every time."""
    source = """
        import os
        import signal

        def test(evidence):
            try:
                os.kill(os.getpid(), signal.SIGINT)
                signal.pause()
            except KeyboardInterrupt:
                evidence.record("swallowed", True)
            os.kill(os.getpid(), signal.SIGINT)
            signal.pause()
    """
    suite.write({"one": source})
    result = suite.run(own_process=True)
    assert result.ret == 130
    assert suite.states() == {"one": "blocked"}


def test_a_second_interrupt_does_not_break_off_the_end_of_the_first(suite: Suite) -> None:
    """Whoever presses Ctrl-C again while the run stops is told to wait, and everything is still taken down and told."""
    suite.write({"one": suite.PROVING, "two": KILLING.format(process="os.getpid()", name="SIGINT")})
    with (suite.path / "conftest.py").open("a") as file:
        file.write(
            "\n\n@pytest.hookimpl(trylast=True)\ndef pytest_keyboard_interrupt():\n    import os, signal\n"
            "    os.kill(os.getpid(), signal.SIGINT)\n    open('second.txt', 'w').close()\n"
        )
    result = suite.run(own_process=True)
    assert (suite.path / "second.txt").exists()
    assert (suite.path / "gone.txt").exists()
    assert names(suite.folder) == REPORTS
    assert result.ret == 130
    result.stderr.fnmatch_lines(["*cleaning up*"])


def test_pytest_may_run_in_a_thread(suite: Suite) -> None:
    """No signal can be taken there, and the run is the same."""
    suite.write({"one": suite.PROVING})
    program = suite.path / "program.py"
    program.write_text(
        "import threading\n\nimport pytest\n\ncodes = []\n"
        "arguments = ['--workstream=WS-900.md', '-p', 'no:cacheprovider']\n"
        "thread = threading.Thread(target=lambda: codes.append(pytest.main(arguments)))\n"
        "thread.start()\nthread.join()\nraise SystemExit(codes[0])\n"
    )
    assert suite.program(program).ret == pytest.ExitCode.OK
    assert suite.states() == {"one": "proven"}


def test_a_cluster_that_another_run_uses_leaves_the_last_evidence_alone(suite: Suite) -> None:
    """It is asked for before anything is written."""
    suite.write({"one": "def test(evidence, cluster):\n    evidence.record('answer', 42)\n"})
    suite.run()
    before = {path: path.read_bytes() for path in suite.folder.iterdir() if path.is_file()}
    with (suite.path / "conftest.py").open("a") as file:
        file.write("\n\ndef nothing(*_):\n    from workstream import errors\n    raise errors.BusyError('taken')\n")
    result = suite.run()
    assert result.ret == 25
    assert {path: path.read_bytes() for path in suite.folder.iterdir() if path.is_file()} == before


def test_failures_of_tests_with_one_name_leave_diagnostics_of_their_own(suite: Suite) -> None:
    """So do those with ids of 400 characters, and a call and a teardown that fail; under pytest-xdist too."""
    source = """
        @pytest.fixture
        def guest(cluster):
            yield
            raise RuntimeError("the guest stays")

        class TestOne:
            @pytest.mark.parametrize("text", ["a" * 400, "a" * 401])
            def test(self, cluster, text):
                assert False

        class TestTwo:
            def test(self, cluster, guest):
                assert False
    """
    for distributed in ((), ("-n1",)):
        suite.write({"one": source})
        result = suite.run(f"--workstream-folder=with{len(distributed)}", *distributed)
        assert len(names(suite.path / f"with{len(distributed)}" / "diagnostics")) == 4
        assert result.ret == pytest.ExitCode.TESTS_FAILED


# The harness's own kubectl, which is on nobody's PATH; tests that say what they find; what is seen after each test.
BUILT = """
import pathlib

built = pathlib.Path("built").absolute()
provisioning_tools = {"kubectl": programs.Tool("kubectl", built / "kubectl", "1.34.4", built=True)}


def pytest_sessionstart():
    patch.setattr(provisioning, "tools_ready", lambda *_: provisioning_tools)


@pytest.hookimpl(trylast=True)
def pytest_runtest_logfinish(nodeid):
    import os

    with open("after", "a") as file:
        print("KUBECONFIG" in os.environ, str(built) in os.environ["PATH"], file=file)
"""
ASKING = """
    import os, subprocess

    @pytest.fixture(scope="session")
    def installed(FIXTURE):
        yield
        subprocess.run(["kubectl", "delete"], check=True)

    def test_asks(installed, evidence):
        said = subprocess.run(["kubectl", "get"], stdout=subprocess.PIPE, text=True, check=True).stdout
        evidence.record("said", said)

    def test_asks_while_it_runs(request, evidence, monkeypatch):
        monkeypatch.setenv("PATH", "/of/the/test", prepend=os.pathsep)
        request.getfixturevalue("own")
        evidence.record("said", subprocess.run(["kubectl", "get"], stdout=subprocess.PIPE, text=True).stdout)

    @pytest.fixture
    def own(cluster):
        return cluster

    def test_does_not_ask(evidence):
        evidence.record("KUBECONFIG", os.environ.get("KUBECONFIG", "none"))
        evidence.record("PATH", os.environ["PATH"])
"""


def test_a_program_that_a_test_starts_acts_on_the_tests_cluster(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds kubectl and the cluster while the test runs and while its fixtures go; nobody else finds them."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    suite.write({"one": ASKING.replace("FIXTURE", "cluster")})
    conftest = suite.path / "conftest.py"
    conftest.write_text(conftest.read_text() + BUILT)
    kubectl = suite.path / "built" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text(f'#!/bin/sh\necho "$1 $KUBECONFIG" | tee -a {suite.path}/calls\n')
    kubectl.chmod(0o755)
    result = suite.run()

    assert result.ret == pytest.ExitCode.OK
    seen = [(one.what, one.value) for one in suite.log().observations]
    assert seen == [("said", "get kubeconfig\n")] * 2 + [("KUBECONFIG", "none"), ("PATH", "/usr/bin:/bin")]
    assert (suite.path / "calls").read_text().splitlines() == ["get kubeconfig"] * 2 + ["delete kubeconfig"]
    assert (suite.path / "after").read_text().splitlines() == ["False False"] * 3
    assert os.environ["PATH"] == "/usr/bin:/bin"


def test_processes_of_xdist_share_one_cluster(suite: Suite) -> None:
    """Two processes use it, one has it, and its own tests stay together unless the suite says otherwise."""
    source = """
        import os

        @pytest.mark.xdist_group("GROUP")
        def test(evidence, cluster):
            evidence.record("process", os.getpid())
            evidence.record("cluster", cluster.name)
    """
    together = source.replace('        @pytest.mark.xdist_group("GROUP")\n', "")
    suite.write({"one": together, "two": together, "three": source, "four": source.replace("GROUP", "OTHER")})
    result = suite.run("-n2")
    assert result.ret == pytest.ExitCode.OK
    processes = [one.value for one in suite.log().observations if one.what == "process"]
    assert len(processes) == 4
    tests = {one.test: one.value for one in suite.log().observations if one.what == "process"}
    assert tests["test_00.py::test"] == tests["test_01.py::test"]
    assert len(set(processes)) == 2


@pytest.mark.parametrize("options", [[], ["-n2"]], ids=["alone", "xdist"])
@pytest.mark.parametrize("uses", [", cluster", ""], ids=["a test uses it", "no test uses it"])
def test_a_cluster_is_brought_up_only_for_tests_that_use_it(suite: Suite, options: list[str], uses: str) -> None:
    """Whoever proves a document without one does not wait for it."""
    conftest = suite.path / "conftest.py"
    entered = "def cluster(_engine, _tools, options):\n"
    assert entered in conftest.read_text()
    conftest.write_text(conftest.read_text().replace(entered, f"{entered}    pathlib.Path('brought-up').touch()\n"))
    suite.write({"one": f"def test(evidence{uses}):\n    evidence.record('answer', 42)\n"})
    suite.run(*options)
    assert (suite.path / "brought-up").exists() == bool(uses)
    assert suite.states() == {"one": "proven"}


def test_processes_that_would_all_run_everything_are_refused(suite: Suite) -> None:
    """A test that is run again proves nothing."""
    suite.write({"one": suite.PROVING})
    result = suite.run("-n2", "--dist=each", own_process=True)
    assert result.ret == 64
    result.stderr.fnmatch_lines(["*--dist=each*", "Leave --dist away."])


@pytest.mark.parametrize("dist", ["loadfile", "loadscope", "worksteal", "loadgroup"])
def test_tests_are_handed_out_as_one_likes(suite: Suite, dist: str) -> None:
    """Groups stay together whatever is said of the rest."""
    suite.write({"one": f"{suite.PROVING}\n{suite.PROVING.replace('test', 'test_more')}", "two": suite.PROVING})
    assert suite.run("-n2", f"--dist={dist}").ret == pytest.ExitCode.OK
    assert suite.states() == {"one": "proven", "two": "proven"}


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_nothing_interrupts_cleaning_up(suite: Suite, name: str) -> None:
    """A signal while the world is taken away is told, and changes nothing any more."""
    suite.write({"one": "def test(evidence, cluster):\n    evidence.record('answer', 42)\n"})
    conftest = suite.path / "conftest.py"
    killing = (
        f"yield Cluster()\n    import os, signal\n    os.kill(os.getpid(), signal.{name})\n    open('gone.txt', 'w')"
    )
    conftest.write_text(conftest.read_text().replace("yield Cluster()", killing))
    result = suite.run(own_process=True)
    assert (suite.path / "gone.txt").exists()
    assert result.ret == pytest.ExitCode.OK
    assert names(suite.folder) == REPORTS
    result.stderr.fnmatch_lines(["*cleaning up*"])


def test_an_interrupted_run_of_several_processes_ends_too(suite: Suite) -> None:
    """SIGTERM to the controller of pytest-xdist ends its processes and the log."""
    source = "import os\nimport signal\n\ndef test(evidence):\n    os.kill(os.getppid(), signal.SIGTERM)\n"
    suite.write({"one": source})
    result = suite.run("-n1", own_process=True)
    assert suite.states() != {"one": "proven"}
    assert not suite.log().cut
    assert result.ret == 143


def test_the_exit_code_of_a_test_that_exits_stays(suite: Suite) -> None:
    """A suite that calls pytest.exit keeps its exit code, and proves nothing more."""
    suite.write({"one": "def test():\n    pytest.exit('enough', returncode=7)\n"})
    assert suite.run().ret == 7
    assert suite.states() == {"one": "blocked"}
    assert not suite.log().cut


def test_an_internal_error_leaves_a_whole_log(suite: Suite) -> None:
    """A plugin that fails ends the run with pytest's exit code, and what was seen can be read."""
    suite.write({"one": suite.PROVING, "two": suite.PROVING})
    with (suite.path / "conftest.py").open("a") as file:
        file.write("\n\ndef pytest_runtest_teardown(item):\n    1 / ('test_01' not in item.nodeid)\n")
        file.write("\n\ndef pytest_runtest_logstart(nodeid):\n    1 / ('test_01' not in nodeid)\n")
    assert suite.run().ret == pytest.ExitCode.INTERNAL_ERROR
    assert suite.states() == {"one": "proven", "two": "not-run"}
    assert not suite.log().cut


def test_a_world_that_does_not_go_away_is_told(suite: Suite) -> None:
    """An error while everything is taken away decides the exit code; log and reports are whole."""
    suite.write({"one": "def test(evidence, cluster):\n    evidence.record('answer', 42)\n"})
    conftest = suite.path / "conftest.py"
    failing = 'yield Cluster()\n    from workstream import errors\n    raise errors.ClusterFailedError("It stays.")'
    conftest.write_text(conftest.read_text().replace("yield Cluster()", failing))
    result = suite.run()
    assert result.ret == 15
    assert suite.states() == {"one": "proven"}
    assert names(suite.folder) == REPORTS
    result.stdout.fnmatch_lines(["It stays."])


def test_the_state_of_the_cluster_is_kept_when_a_test_on_it_fails(suite: Suite) -> None:
    """Diagnostics are named after the test; one that passes, is skipped or uses no cluster leaves none."""
    source = """
        @pytest.mark.parametrize("name", ["a/../b", "c"])
        def test(cluster, name):
            assert name == "c"

        def test_skipped(cluster):
            pytest.skip("no time")

        def test_elsewhere():
            assert False
    """
    suite.write({"one": source})
    suite.run()
    (name,) = names(suite.folder / "diagnostics")
    assert name.startswith("test_00.py-test[a-..-b]-")


def test_reports_of_an_earlier_run_do_not_stay_beside_new_evidence(suite: Suite) -> None:
    """A run that dies leaves its own log, and no checklist that belongs to another one."""
    suite.write({"one": suite.PROVING})
    suite.run()
    suite.add("test_00.py", "one", "import os\n\ndef test():\n    os._exit(1)\n")
    suite.run(own_process=True)
    assert names(suite.folder) == ["evidence.jsonl", "run.log"]
    assert suite.states() == {"one": "blocked"}


def test_two_runs_do_not_write_into_one_folder(suite: Suite) -> None:
    """A second run is refused, and the evidence of the first one stays as it is."""
    suite.write({"one": suite.PROVING})
    suite.run()
    before = (suite.folder / "evidence.jsonl").read_bytes()
    writer = evidence.Writer(suite.path / "other.jsonl")
    writer.close()
    with (suite.folder / "evidence.jsonl").open("ab") as file:
        import fcntl  # noqa: PLC0415 - what another run does

        fcntl.flock(file, fcntl.LOCK_EX)
        result = suite.run()
    assert result.ret == 25
    result.stdout.fnmatch_lines(["*Another run writes its evidence to *"])
    assert (suite.folder / "evidence.jsonl").read_bytes() == before


def test_a_document_that_cannot_be_read_is_told(suite: Suite) -> None:
    """A missing document ends the run with the exit code of that error, without a traceback."""
    result = suite.run()
    assert result.ret == 30
    assert "WS-900.md" in result.stderr.str()
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_a_folder_that_cannot_be_written_is_told(suite: Suite) -> None:
    """A file in the folder's place ends the run with the exit code of that error, without a traceback."""
    suite.write({"one": suite.PROVING})
    (suite.path / "build").write_text("in the way")
    result = suite.run()
    assert result.ret == 31
    assert "cannot be written" in result.stdout.str()
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_a_document_without_criteria_proves_nothing(suite: Suite) -> None:
    """Nothing promised is nothing proven: the run is red, and says why."""
    suite.write({})
    (suite.path / "test_one.py").write_text("def test():\n    pass\n")
    result = suite.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["The document has no criteria*"])


def test_a_job_on_github_gets_a_summary(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where GitHub asks for a summary, it gets the checklist after what is already there."""
    suite.write({"one": suite.PROVING})
    path = suite.path / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    suite.run()
    text = path.read_text()
    assert text.startswith("before\n")
    assert "- [x] **AC1** one" in text


def test_progress_is_seen_while_tests_run(suite: Suite) -> None:
    """Progress reaches standard error although pytest captures it, and the log file with every command."""
    source = """
        from workstream import progress

        def test(evidence):
            progress.say("guest", "is on the way")
            evidence.record("answer", 42)
    """
    suite.write({"one": source})
    result = suite.run(own_process=True)
    result.stderr.fnmatch_lines(["*s  guest        is on the way"])
    log = (suite.folder / "run.log").read_text()
    assert "is on the way" in log
    assert " --workstream-inventory " in log


@pytest.mark.parametrize("option", ["--help", "--markers", "--fixtures", "--version"])
def test_asking_pytest_something_runs_nothing(suite: Suite, option: str) -> None:
    """A question about pytest leaves no folder behind."""
    suite.write({"one": suite.PROVING})
    assert suite.run(option).ret == pytest.ExitCode.OK
    assert not (suite.path / "build").exists()


@pytest.mark.parametrize("missing", ["terminal", "junitxml", "capture", "subtests", "xdist"])
def test_a_session_gets_by_without_plugins_of_pytest(suite: Suite, missing: str) -> None:
    """Without a terminal reporter, JUnit, capturing or subtests the evidence is the same."""
    suite.write({"one": suite.PROVING})
    result = suite.run("-p", f"no:{missing}", own_process=missing == "capture")
    assert result.ret == pytest.ExitCode.OK
    assert suite.states() == {"one": "proven"}


def test_a_session_leaves_no_open_file_behind(suite: Suite) -> None:
    """Nothing that a session opened stays open."""
    suite.write({"one": suite.PROVING})
    suite.run()
    before = open_files()
    suite.run()
    assert open_files() == before


BROKEN = """
    @pytest.fixture(scope="session")
    def guest(cluster):
        raise OSError("the guest stays away\\nfor ever")

    @pytest.fixture
    def other(cluster):
        raise OSError("the guest stays away")

    @pytest.mark.parametrize("number", range(5))
    def test(evidence, guest, number):
        pass

    @pytest.mark.parametrize("number", range(2))
    def test_other(other, number):
        pass
"""


@pytest.mark.parametrize("distributed", [(), ("-n1",)])
def test_a_fixture_that_fails_for_many_tests_is_shown_once(suite: Suite, distributed: tuple[str, ...]) -> None:
    """One traceback and one folder of diagnostics; every other test says in two lines where these are, and why.

    A fixture that is set up anew for each test fails anew.
    """
    suite.write({"one": BROKEN})
    result = suite.run(*distributed)
    text = result.stdout.str()

    assert text.count('raise OSError("the guest stays away\\nfor ever")') == 1
    assert text.count("A fixture failed in the setup of test_00.py::test[0], which says more:") == 4
    assert text.count('raise OSError("the guest stays away")') == 2
    assert len(names(suite.folder / "diagnostics")) == 1 + 2
    failed = [outcome for outcome in suite.log().outcomes if outcome.result == "failed"]
    assert [outcome.message for outcome in failed[:5]] == ["OSError: the guest stays away for ever"] * 5


def test_a_fixture_that_fails_again_in_another_round_is_shown_again(suite: Suite) -> None:
    """Each round sets its fixtures up anew."""
    suite.write({"one": BROKEN})
    result = suite.run("--workstream-repeat=2")

    assert result.stdout.str().count('raise OSError("the guest stays away\\nfor ever")') == 2
    assert len(names(suite.folder / "diagnostics")) == 2 * (1 + 2)


CLEANING = """
    import os, pathlib, signal
    from workstream import limits, processes

    @pytest.fixture(scope="session")
    def guest():
        yield
        processes.run(["touch", "cleaned"], limit=limits.QUERY)

    @pytest.fixture(scope="session")
    def other(guest):
        yield
        {then}

    def test(evidence, other):
        evidence.record("answer", 42)
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
"""


@pytest.mark.parametrize(("option", "cleaned"), [((), False), (("--workstream-keep",), True)])
def test_a_fixture_that_cleans_up_after_an_interrupt_leaves_no_traceback(
    suite: Suite,
    option: tuple[str, ...],
    cleaned: bool,  # noqa: FBT001 - a table
) -> None:
    """What stays after the run is cleaned up; what goes with the cluster is not. The checklist is there either way."""
    suite.write({"one": CLEANING.format(then="pass")})
    result = suite.run(*option, own_process=True)

    assert result.ret == 130
    assert "Traceback" not in result.stderr.str()
    assert (suite.path / "cleaned").exists() is cleaned
    result.stdout.fnmatch_lines(["0 of 1 criteria are proven; not proven: AC1."])


KEPT = """
made = cluster


@contextlib.contextmanager
def cluster(*arguments):
    with made(*arguments) as there:
        yield there
    pathlib.Path("kept.txt").write_text(str(arguments[2].keep()))
"""


@pytest.mark.parametrize(
    ("option", "answer", "kept"),
    [
        ((), 42, False),
        ((), 0, False),
        (("--workstream-keep",), 42, True),
        (("--workstream-keep-on-failure",), 42, False),
        (("--workstream-keep-on-failure",), 0, True),
        (("--workstream-keep-on-failure", "-n", "2"), 0, True),
    ],
)
def test_a_cluster_is_kept_for_whoever_wants_to_look_at_it(
    suite: Suite,
    option: tuple[str, ...],
    answer: int,
    kept: bool,  # noqa: FBT001 - a table
) -> None:
    """Always, or where a test failed on it; that is decided when the run is over."""
    with (suite.path / "conftest.py").open("a") as file:
        file.write(KEPT)
    test = f"def test(cluster, evidence):\n    evidence.record('answer', {answer})\n    assert {answer} == 42\n"
    suite.write({"one": test})
    suite.run(*option, own_process=True)

    assert (suite.path / "kept.txt").read_text() == str(kept)


def test_a_fixture_that_fails_after_an_interrupt_is_told_in_a_line(suite: Suite) -> None:
    """Every other fixture is torn down all the same."""
    suite.write({"one": CLEANING.format(then="raise OSError('the door is locked')")})
    result = suite.run("--workstream-keep", own_process=True)

    assert result.ret == 130
    assert "Traceback" not in result.stderr.str()
    result.stderr.fnmatch_lines(["*interrupted  a fixture could not be torn down: OSError: the door is locked"])
    assert (suite.path / "cleaned").exists()


def test_a_run_whose_terminal_is_closed_cleans_up_and_leaves_its_reports(suite: Suite) -> None:
    """Nobody reads what it says any more: that is no error, and the exit code is that of the lost terminal."""
    source = """
        @pytest.fixture(scope="session")
        def guest():
            yield
            print("the guest is gone", file=open("gone.txt", "w"))

        def test(evidence, guest):
            import signal
            open("there.txt", "w").close()
            signal.pause()
    """
    suite.write({"one": source})
    ours, theirs = os.openpty()
    arguments = [*suite.LEAN, "-p", "no:cacheprovider", f"--workstream={suite.document.name}"]
    command = ["setsid", "--ctty", "--wait", sys.executable, "-m", "pytest", *arguments]
    with subprocess.Popen(command, cwd=suite.path, stdin=theirs, stdout=theirs, stderr=theirs) as process:  # noqa: S603 - ours
        os.close(theirs)
        while not (suite.path / "there.txt").exists():
            assert os.read(ours, 65536)
        os.close(ours)
        assert process.wait(60) == 129
    assert (suite.path / "gone.txt").exists()
    assert names(suite.folder) == REPORTS
    end = suite.log().end
    assert end is not None
    assert end.interrupted


def test_a_report_of_others_for_which_there_is_no_room_is_told(suite: Suite) -> None:
    """The run ends with its checklist and the advice, and not with a traceback of that plugin."""
    suite.write({"one": suite.PROVING})
    result = suite.run("--junit-xml=/dev/full")

    assert result.ret == 31
    assert suite.states() == {"one": "proven"}
    result.stdout.fnmatch_lines(["* cannot be written: No space left on device.", "A disk is full: make room. *"])
    result.stdout.fnmatch_lines(["The one criterion is proven."])


def test_tests_that_raise_the_same_error_themselves_are_shown_each(suite: Suite) -> None:
    """An error that a module makes once is not one fixture's: each test has its own way to it."""
    source = """
        ERROR = OSError("the same")

        @pytest.mark.parametrize("number", range(2))
        def test(cluster, number):
            raise ERROR
    """
    suite.write({"one": source})
    result = suite.run()

    assert "A fixture failed" not in result.stdout.str()
    assert len(names(suite.folder / "diagnostics")) == 2


def test_a_process_that_a_test_forked_ends_when_it_is_told_to(suite: Suite) -> None:
    """At once, too: a signal that reaches it before it runs is no signal to the run, and is not lost."""
    suite.write({"one": FORKING})

    assert suite.run().ret == pytest.ExitCode.OK


FAILING = {
    "function": """
        def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
    """,
    "coroutine": """
        pytestmark = [pytestmark, pytest.mark.asyncio]

        async def test(evidence):
            evidence.record("answer", 41)
            assert 41 == 42
    """,
    "method": """
        import unittest

        class TestIt(unittest.TestCase):
            def test(self):
                self.assertEqual(41, 42)
    """,
    "returned": """
        def test(evidence):
            evidence.record("answer", 41)
            return 41 == 42
    """,
}


@pytest.mark.parametrize("how", FAILING)
def test_a_failing_test_shows_its_own_lines_alone(suite: Suite, how: str) -> None:
    """Nobody reads through the harness to see why a test of theirs fails."""
    suite.write({"one": FAILING[how]})
    with (suite.path / "pytest.ini").open("a") as file:
        file.write("asyncio_default_fixture_loop_scope = function\n")
    result = suite.run(without=())

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "test_00.py" in result.stdout.str()
    for name in ("execution.py", "body.py", "lost.py"):
        assert name not in result.stdout.str()


def test_an_error_of_ours_shows_the_line_of_the_test_that_met_it(suite: Suite) -> None:
    """What was called, and from where, nobody should have to guess."""
    raising = "def test(evidence):\n    raise errors.ChartError('no', instead='mend')"
    suite.write({"one": f"from workstream import errors\n\n{raising}\n"})
    result = suite.run()

    result.stdout.fnmatch_lines([">*raise errors.ChartError('no', instead='mend')"])


def test_a_run_within_a_process_leaves_its_exit_as_it_was(suite: Suite) -> None:
    """What is put around `os._exit` for a run goes with it."""
    before = os._exit
    suite.write({"one": suite.PROVING})
    suite.run()

    assert os._exit is before


def test_what_a_test_leaves_at_work_in_asyncio_ends_with_its_loop(suite: Suite) -> None:
    """To look at tasks that nobody awaits takes nothing away from what asyncio does with them."""
    source = """
        import asyncio

        def test(evidence):
            ended = []

            async def serve():
                try:
                    await asyncio.sleep(3600)
                finally:
                    ended.append(True)

            async def main():
                task = asyncio.create_task(serve())
                await asyncio.sleep(0)

            asyncio.run(main())
            evidence.record("ended", ended)
            assert ended == [True]
    """
    suite.write({"one": source})
    suite.run()

    assert suite.states() == {"one": "proven"}
