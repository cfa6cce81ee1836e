"""The gate: nothing but successes lets a change land."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "acceptance.yml").read_text("utf-8"))
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
RESULTS = ["success", "failure", "cancelled", "skipped"]
PIP = ["requirements/nox.txt"]


def run_gate(folder: Path, failing: str) -> tuple[int, list[str]]:
    """Run .ci/run with a python3 that fails (with 7) when its arguments hold a text; return exit code and calls."""
    calls = folder / "calls"
    python = folder / "python3"
    python.write_text(f'#!/bin/sh\necho "$*" >> {calls}\ncase "$*" in *"{failing}"*) exit 7;; esac\n', "utf-8")
    python.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    ended = subprocess.run([ROOT / ".ci" / "run"], env=environment, capture_output=True, check=False)  # noqa: S603 - ours
    return ended.returncode, [line.split("-m ")[1].split()[-1] for line in calls.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("failing", "code", "calls"),
    [
        ("nothing", 0, [*PIP, "tests", *PIP, "acceptance", *PIP, "product", *PIP, "schemas"]),
        ("pip install", 7, PIP),
        ("nox -s tests", 7, [*PIP, "tests"]),
        ("nox -s acceptance", 7, [*PIP, "tests", *PIP, "acceptance"]),
        ("nox -s schemas", 7, [*PIP, "tests", *PIP, "acceptance", *PIP, "product", *PIP, "schemas"]),
    ],
)
def test_the_gate_stops_at_the_first_failure(tmp_path: Path, failing: str, code: int, calls: list[str]) -> None:
    """What fails, be it only the installing, ends the gate with its own exit code."""
    assert run_gate(tmp_path, failing) == (code, calls)


def test_the_last_job_looks_at_every_other_even_if_one_was_skipped() -> None:
    """No job of the workflow can be left out of the verdict."""
    assert sorted(JOBS["gate"]["needs"]) == sorted(set(JOBS) - {"gate"})
    assert JOBS["gate"]["if"] == "always()"


@pytest.mark.parametrize(
    "results",
    [
        dict.fromkeys(JOBS["gate"]["needs"], "success") | dict(zip(jobs, others, strict=True))
        for jobs in itertools.combinations(JOBS["gate"]["needs"], 2)
        for others in itertools.product(RESULTS, repeat=2)
    ],
    ids=lambda results: "-".join(results.values()),
)
def test_nothing_but_successes_opens_the_gate(results: dict[str, str]) -> None:
    """A job that failed, was cancelled or was skipped keeps the gate closed."""
    step = JOBS["gate"]["steps"][-1]
    script = step["run"]
    assert step["if"] == "always()"
    for job, result in results.items():
        script = script.replace(f"${{{{ needs.{job}.result }}}}", result)
    ended = subprocess.run(["bash", "-e", "-c", script], capture_output=True, check=False)  # noqa: S603, S607 - ours

    assert "${{" not in script
    assert (ended.returncode == 0) == (set(results.values()) == {"success"})


def test_every_python_that_is_promised_is_tried() -> None:
    """What the package says that it runs on, the gate tries, and the next version of Python too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [one.rpartition(" :: ")[2] for one in project["classifiers"] if "Python :: 3." in one]

    assert JOBS["tests"]["strategy"]["matrix"]["python-version"] == [*named, "3.14"]


def test_every_job_has_a_time_limit_and_may_only_read() -> None:
    """A job that hangs ends, and none can write to the repository; the last one may comment on a pull request."""
    assert [name for name, job in JOBS.items() if not job.get("timeout-minutes")] == []
    assert WORKFLOW["permissions"] == {"contents": "read"}
    of_jobs = {name: job["permissions"] for name, job in JOBS.items() if "permissions" in job}
    assert of_jobs == {"gate": {"contents": "read", "pull-requests": "write"}}  # for one comment


def test_the_controls_of_every_document_run_for_a_pull_request() -> None:
    """Each document's have a job, and take over nothing that the pull request itself accepts."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "controls.yml").read_text("utf-8"))
    (job,) = workflow["jobs"].values()
    (run,) = [step["run"] for step in job["steps"] if step.get("if") == "github.event_name == 'pull_request'"]

    assert "pull_request" in workflow[True]  # how YAML 1.1 reads `on`
    assert job["strategy"]["matrix"]["document"] == sorted(
        path.name for path in (ROOT / "tests" / "controls").iterdir()
    )
    assert job["env"]["BASE"] == "${{ github.event.pull_request.base.sha }}"
    assert run.endswith('-- --mixed --incremental --against "$BASE"')


def test_a_failure_is_no_success_for_github() -> None:
    """No job or step carries on after an error."""
    assert "continue-on-error" not in (ROOT / ".github" / "workflows" / "acceptance.yml").read_text("utf-8")


def test_evidence_is_kept_whatever_came_of_it() -> None:
    """Evidence and checklist are uploaded after a failure too, and their absence is an error."""
    (upload,) = [step for step in JOBS["acceptance"]["steps"] if "upload-artifact" in step.get("uses", "")]

    assert upload["if"] == "always()"
    assert upload["with"]["if-no-files-found"] == "error"


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda path: path.name)
def test_every_action_is_named_by_a_commit(path: Path) -> None:
    """Whoever moves a tag of an action changes nothing here; which version the commit is stands beside it."""
    used = [line.partition("uses: ")[2] for line in path.read_text("utf-8").splitlines() if "uses: " in line]

    assert used
    assert [name for name in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", name)] == []


def test_an_action_has_one_commit() -> None:
    """All workflows use the same version of an action."""
    text = "".join(path.read_text("utf-8") for path in [*WORKFLOWS, ROOT / "action.yml"])
    pins: dict[str, set[str]] = {}
    for name, commit in re.findall(r"uses: ([\w/-]+)@(.*)", text):
        pins.setdefault(name, set()).add(commit)

    assert {name: commits for name, commits in pins.items() if len(commits) > 1} == {}


def steps(workflow: Path) -> list[dict[str, Any]]:
    """Return the steps of a workflow that run something."""
    jobs = yaml.safe_load(workflow.read_text("utf-8"))["jobs"].values()
    return [step for job in jobs for step in job["steps"] if "run" in step]


@pytest.mark.parametrize(
    "step", [step for path in WORKFLOWS for step in steps(path)], ids=lambda step: step["run"][-30:]
)
def test_each_step_that_runs_something_runs_here_and_ends_as_what_it_calls(
    tmp_path: Path, step: dict[str, Any]
) -> None:
    """The scripts of the workflows are what a shell understands, and what they call fails them."""
    python = tmp_path / "python3"
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for code in (0, 7):
        python.write_text(f"#!/bin/sh\nexit {code}\n", "utf-8")
        python.chmod(0o755)
        script = re.sub(r"\$\{\{ needs\.\w+\.result \}\}", "success" if code == 0 else "failure", step["run"])
        ended = subprocess.run(["bash", "-e", "-c", script], env=environment, capture_output=True, check=False)  # noqa: S603, S607 - ours
        assert (ended.returncode == 0) == (code == 0), ended.stderr


def test_no_text_of_others_is_a_part_of_a_script() -> None:
    """Inputs and what GitHub knows of a change reach scripts as variables: a name that holds a command is a name."""
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    scripts += [step["run"] for path in WORKFLOWS for step in steps(path)]

    assert [one for one in scripts if set(re.findall(r"\$\{\{ *(\w+)", one)) - {"needs"}] == []


class Stranger:
    """A repository of somebody else that uses the action.

    Args:
        folder: where it is.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pytest.ini").write_text("[pytest]\nworkstream_levels = static WS-900\n")
        (folder / "tests" / "acceptance").mkdir(parents=True)
        (folder / "plans").mkdir()
        (folder / "plans" / "WS-900 mail.md").write_text(
            "## WS-900: Mail\n\n### Acceptance Criteria\n\n- [ ] Mail arrives\n"
        )

    def suite(self, number: int) -> None:
        """Write a suite that proves the criterion if a number is 42."""
        (self.folder / "tests" / "acceptance" / "test_mail.py").write_text(
            "import pytest\n\n\n"
            '@pytest.mark.criterion("WS-900", "Mail arrives")\n'
            "def test_it(evidence):\n"
            f'    evidence.record("answer", {number})\n    assert {number} == 42\n'
        )

    def run(self, name: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run one step of the action as GitHub does, with its inputs."""
        (step,) = [step for step in ACTION["runs"]["steps"] if step.get("name") == name]
        given = {key: str(one.get("default", "")) for key, one in ACTION["inputs"].items()} | inputs
        variables = {
            variable: given[re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", value)[1]]  # type: ignore[index] # it is one
            for variable, value in step["env"].items()
        }
        outside = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "PYTEST_"))}
        programs = f"{self.folder / 'programs'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**outside, **variables, "PATH": programs, "GITHUB_ACTION_PATH": "/action"}
        return subprocess.run(  # noqa: S603 - ours
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],  # noqa: S607 - as GitHub does
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    """Somebody else's repository, with a document and no suite yet."""
    return Stranger(tmp_path)


DOCUMENTS = "plans/WS-900 mail.md\n\n"


def test_a_strangers_repository_can_use_the_action(stranger: Stranger) -> None:
    """Its suite is run on each document, and the gate says what came of it; the evidence is there to be uploaded."""
    stranger.suite(42)
    proved = stranger.run("Prove", documents=DOCUMENTS)
    assert proved.returncode == 0, proved.stderr
    assert (stranger.folder / "build" / "acceptance" / "WS-900" / "evidence.jsonl").is_file()
    decided = stranger.run("Decide", documents=DOCUMENTS)
    assert (decided.returncode, decided.stdout) == (
        0,
        "The gate is open: every criterion is proven (1 of 1 criteria of WS-900).\n",
    )
    stranger.suite(41)
    assert stranger.run("Prove", documents=DOCUMENTS).returncode == 0
    decided = stranger.run("Decide", documents=DOCUMENTS)
    assert (decided.returncode, decided.stdout) == (1, "The gate is closed: WS-900: AC1 (failed).\n")
    decided = stranger.run("Decide", documents=DOCUMENTS, policy="no-regression", against=".", comment="true")
    assert (decided.returncode, "no pull request" in decided.stderr) == (0, True)


def test_the_action_proves_all_documents_in_one_run(stranger: Stranger) -> None:
    """One cluster is for all; a document that is not proven keeps the gate closed, and no other."""
    stranger.suite(42)
    second = "## WS-901: Parcels\n\n### Acceptance Criteria\n\n- [ ] Parcels arrive\n"
    (stranger.folder / "plans" / "WS-901.md").write_text(second)
    both = f"{DOCUMENTS}plans/WS-901.md"
    proved = stranger.run("Prove", documents=both)
    assert "Exit code 1: 1 of 2 documents are proven; not proven: WS-901." in proved.stdout
    decided = stranger.run("Decide", documents=both)
    assert (decided.returncode, decided.stdout) == (1, "The gate is closed: WS-901: AC1 (uncovered).\n")


def test_without_a_document_the_action_runs_nothing(stranger: Stranger) -> None:
    """It is the gate that says that there must be one."""
    stranger.suite(41)
    proved = stranger.run("Prove", documents=" \n\n")
    assert (proved.returncode, proved.stdout) == (0, "")
    assert stranger.run("Decide", documents=" \n\n").returncode == 64


def test_evidence_that_a_change_brings_along_opens_no_gate(stranger: Stranger) -> None:
    """What stood in the build folder before is taken away, also where the suite then does not run at all."""
    stranger.suite(42)
    stranger.run("Prove", documents=DOCUMENTS)
    (stranger.folder / "tests" / "acceptance" / "conftest.py").write_text("raise SystemExit(0)\n")
    stranger.run("Prove", documents=DOCUMENTS)
    decided = stranger.run("Decide", documents=DOCUMENTS)

    assert (decided.returncode, decided.stdout) == (1, "The gate is closed: WS-900: no evidence.\n")


def test_names_that_hold_commands_are_names(stranger: Stranger) -> None:
    """What a stranger's inputs hold is never run, and no option either."""
    stranger.suite(42)
    hostile = "plans/$(touch ran).md\n--evidence"
    stranger.run("Prove", documents=hostile, suite="tests/acceptance")
    decided = stranger.run("Decide", documents=hostile)

    assert decided.returncode not in {0, 1}
    assert not (stranger.folder / "ran").exists()


def test_the_action_installs_itself_and_what_the_suite_needs(stranger: Stranger) -> None:
    """The package comes from the action's own folder, the suite's requirements from the file that is named."""
    programs = stranger.folder / "programs"
    programs.mkdir()
    (programs / "python3").write_text('#!/bin/sh\nprintf "[%s]" "$@"\n')
    (programs / "python3").chmod(0o755)

    assert stranger.run("Install").stdout == "[-m][pip][install][/action]"
    assert stranger.run("Install", requirements="my file.txt").stdout == "[-m][pip][install][/action][-r][my file.txt]"
