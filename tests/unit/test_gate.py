"""The gate: nothing but successes lets a change land."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "acceptance.yml").read_text("utf-8"))
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
RESULTS = ["success", "failure", "cancelled", "skipped"]


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
        ("nothing", 0, ["requirements/nox.txt", "tests", "requirements/nox.txt", "acceptance"]),
        ("pip install", 7, ["requirements/nox.txt"]),
        ("nox -s tests", 7, ["requirements/nox.txt", "tests"]),
        ("nox -s acceptance", 7, ["requirements/nox.txt", "tests", "requirements/nox.txt", "acceptance"]),
    ],
)
def test_the_gate_stops_at_the_first_failure(tmp_path: Path, failing: str, code: int, calls: list[str]) -> None:
    """What fails, be it only the installing, ends the gate with its own exit code."""
    assert run_gate(tmp_path, failing) == (code, calls)


def test_the_last_job_looks_at_every_other_even_if_one_was_skipped() -> None:
    """No job of the workflow can be left out of the verdict."""
    assert sorted(JOBS["gate"]["needs"]) == sorted(set(JOBS) - {"gate"})
    assert JOBS["gate"]["if"] == "always()"


@pytest.mark.parametrize("results", list(itertools.product(RESULTS, repeat=len(JOBS["gate"]["needs"]))), ids="-".join)
def test_nothing_but_successes_opens_the_gate(results: tuple[str, ...]) -> None:
    """A job that failed, was cancelled or was skipped keeps the gate closed."""
    (step,) = JOBS["gate"]["steps"]
    script = step["run"]
    for job, result in zip(JOBS["gate"]["needs"], results, strict=True):
        script = script.replace(f"${{{{ needs.{job}.result }}}}", result)
    ended = subprocess.run(["bash", "-e", "-c", script], capture_output=True, check=False)  # noqa: S603, S607 - ours

    assert "${{" not in script
    assert (ended.returncode == 0) == (set(results) == {"success"})


def test_every_python_that_is_promised_is_tried() -> None:
    """What the package says that it runs on, the gate tries, and the next version of Python too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [one.rpartition(" :: ")[2] for one in project["classifiers"] if "Python :: 3." in one]

    assert JOBS["tests"]["strategy"]["matrix"]["python-version"] == [*named, "3.14"]


def test_every_job_has_a_time_limit_and_may_only_read() -> None:
    """A job that hangs ends, and none can write to the repository."""
    assert [name for name, job in JOBS.items() if not job.get("timeout-minutes")] == []
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert [name for name, job in JOBS.items() if "permissions" in job] == []


def test_a_failure_is_no_success_for_github() -> None:
    """No job or step carries on after an error."""
    assert "continue-on-error" not in (ROOT / ".github" / "workflows" / "acceptance.yml").read_text("utf-8")


def test_evidence_is_kept_whatever_came_of_it() -> None:
    """Evidence and checklist are uploaded after a failure too, and their absence is an error."""
    (upload,) = [step for step in JOBS["acceptance"]["steps"] if "upload-artifact" in step.get("uses", "")]

    assert upload["if"] == "always()"
    assert upload["with"]["if-no-files-found"] == "error"


def test_every_action_is_named_by_an_exact_version() -> None:
    """No action is named by a branch or by the first number of its version."""
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]

    assert [name for name in used if not re.fullmatch(r"[\w/-]+@v\d+\.\d+\.\d+", name)] == []
