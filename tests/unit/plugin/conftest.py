"""Suites that are written and run for real, for the tests of the plugin."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, ClassVar

import pytest

from workstream import documents, evidence

# Imported here, and not by the first suite that is run in this process: pytester forgets what a suite imports.
from workstream.plugin import controller, fixtures, inventory  # noqa: F401 - see above

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# No test of the plugin starts an engine: what a suite calls the world is nothing here.
WORLD = """
import contextlib
import dataclasses
import datetime
import pathlib
import types

import pytest

from workstream.cluster import description, diagnose, programs, provisioning
from workstream.cluster import engine as engines
from workstream.processes import Environment

patch = pytest.MonkeyPatch()


@dataclasses.dataclass
class Cluster:
    version: str = "v0"
    nodes: type = list
    provide: object = None
    kubeconfig: pathlib.Path = pathlib.Path("kubeconfig")
    context: str = "none"
    name: str = "none"
    namespace: str = "default"
    ours: bool = True
    programs: Environment = Environment()
    namespaces: set = dataclasses.field(default_factory=set)
    there: list = dataclasses.field(default_factory=list)
    show = staticmethod(lambda _: None)

    @property
    def core(self):
        return self

    def list_node(self, **_):
        return types.SimpleNamespace(items=[])

    def list_namespaced_pod(self, namespace, **_):
        return types.SimpleNamespace(items=[pod(namespace, name) for name in self.there])

    @property
    def environment(self):
        return self.programs | Environment({"KUBECONFIG": str(self.kubeconfig)})


def pod(namespace, name):
    made = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    metadata = types.SimpleNamespace(
        uid=name, namespace=namespace, name=name, owner_references=None, creation_timestamp=made
    )
    status = types.SimpleNamespace(pod_ip=None, conditions=None, container_statuses=None)
    return types.SimpleNamespace(metadata=metadata, spec=types.SimpleNamespace(node_name=None), status=status)


@contextlib.contextmanager
def nothing(*_):
    yield {}


@contextlib.contextmanager
def engine(*_):
    yield engines.Engine("docker", "0", private=False)


def tools(*_):
    return {"helm": programs.Tool("helm", pathlib.Path("helm").absolute(), "4.0.5", built=False)}


@contextlib.contextmanager
def cluster(_engine, _tools, options):
    Cluster.show = staticmethod(options.show)
    yield Cluster()


def lent(_engine, _tools, options, *_):
    Cluster.show = staticmethod(options.show)
    return Cluster()


def pytest_configure():
    patch.setattr(provisioning, "reserved", nothing)
    patch.setattr(provisioning, "engine_ready", engine)
    patch.setattr(provisioning, "lent_cluster", lent)
    patch.setattr(provisioning, "tools_ready", tools)
    patch.setattr(provisioning, "cluster_ready", cluster)
    patch.setattr(description, "facts", lambda _: {"default StorageClass": "none"})
    patch.setattr(diagnose, "collect", lambda _, folder: folder.mkdir(parents=True, exist_ok=True))


def pytest_unconfigure():
    patch.undo()
"""


class Suite:
    """A document and the tests that speak of its criteria.

    Args:
        pytester: pytest's own.

    """

    # Plugins that most suites have no use for, and that take half of the time of a run.
    LEAN: ClassVar[tuple[str, ...]] = ("-pno:hypothesispytest", "-pno:asyncio", "-pno:pytest-bdd")
    PROVING: ClassVar[str] = "def test(evidence):\n    evidence.record('answer', 42)\n"
    ID: ClassVar[str] = "WS-900"

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.path = pytester.path
        self.folder = self.path / "build" / "acceptance" / self.ID
        (self.path / "conftest.py").write_text(WORLD)
        # Most of what is tried has nothing to do with a cluster.
        marks = (
            *("forgiven", "emptied", "swallowed", "never_called", "until_it_passes", "replaced", "exchanged"),
            *("recoded", "retried", "copied"),
        )
        settings = [
            f"workstream_levels = static {self.ID}",
            "markers =",
            *(f"    {mark}: what hooks of test_traps.py look for" for mark in marks),
        ]
        (self.path / "pytest.ini").write_text("\n".join(["[pytest]", *settings, ""]))

    def write(self, sources: Mapping[str, str]) -> None:
        """Write a document with these criteria, and for each that has a source a test module that speaks of it."""
        boxes = [f"- [ ] {text}" for text in sources]
        lines = [f"## {self.ID}: Traps", "", "### Acceptance Criteria", "", *boxes, ""]
        self.document.write_text("\n".join(lines))
        for number, (text, source) in enumerate(sources.items()):
            if source:
                self.add(f"test_{number:02}.py", text, source)

    def add(self, name: str, text: str, source: str) -> None:
        """Write a test module that speaks of a criterion."""
        mark = f"pytestmark = pytest.mark.criterion({self.ID!r}, {text!r})"
        (self.path / name).write_text(f"import pytest\n\n{mark}\n\n{textwrap.dedent(source)}")

    @property
    def document(self) -> Path:
        """Where the document stands."""
        return self.path / f"{self.ID}.md"

    def run(self, *arguments: str, own_process: bool = False, without: tuple[str, ...] = LEAN) -> pytest.RunResult:
        """Run the suite on the document."""
        run = self._pytester.runpytest_subprocess if own_process else self._pytester.runpytest_inprocess
        return run(*without, "-p", "no:cacheprovider", f"--workstream={self.document.name}", *arguments)

    def program(self, path: Path) -> pytest.RunResult:
        """Run a program of Python."""
        return self._pytester.runpython(path)

    def with_cache(self, *arguments: str, own_process: bool = False) -> pytest.RunResult:
        """Run the suite with what pytest remembers of the last run."""
        run = self._pytester.runpytest_subprocess if own_process else self._pytester.runpytest_inprocess
        return run(*self.LEAN, f"--workstream={self.document.name}", *arguments)

    def log(self) -> evidence.Log:
        """Return the log that the last run left."""
        return evidence.read(self.folder / "evidence.jsonl")

    def read(self) -> documents.Document:
        """Return the document."""
        return documents.read(self.document)

    def states(self) -> dict[str, str]:
        """Return what that log says, by criterion text: read again, as the command line does."""
        return {one.criterion.text: str(one.state) for one in evidence.verdicts(self.log(), self.read())}


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A suite in a folder of its own, and apart from the run that it is part of: whether that is one of a gate or not.

    What it says stays out of the job summary, and pytest, which prints more under CI, prints the same anywhere.
    """
    for variable in ("GITHUB_STEP_SUMMARY", "CI", "BUILD_NUMBER"):
        monkeypatch.delenv(variable, raising=False)
    return Suite(pytester)
