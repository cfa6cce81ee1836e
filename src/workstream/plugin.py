"""The pytest plugin: binds tests to criteria, keeps what they saw, and writes the checklist.

It does nothing unless `--workstream DOCUMENT` is given. This is the only module that knows pytest.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pytest

from workstream import documents, errors, evidence, processes, progress
from workstream.cluster import diagnose
from workstream.cluster.environment import Wish
from workstream.cluster.kind import DEFAULT_NAME
from workstream.evidence import log as evidence_log
from workstream.evidence import provenance, records
from workstream.reports import checklist, files, github, page
from workstream.world import World

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from types import FrameType

    from pytest_kubernetes.providers.base import AClusterManager

    from workstream.cluster.access import Cluster
    from workstream.cluster.engine import Engine
    from workstream.cluster.programs import Tool
    from workstream.evidence import Recorder, Verdict

_HARNESS = pytest.StashKey["_Worker"]()
_PROPERTY = "workstream.observation"
_INTERRUPTED = 130
_TERMINATED = 143


# Options


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("workstream", "prove the criteria of a workstream document")
    group.addoption("--workstream", metavar="DOCUMENT", help="The document whose criteria the tests prove.")
    group.addoption(
        "--workstream-folder",
        metavar="FOLDER",
        help="Where evidence, checklist and diagnostics go (default: build/acceptance/ID).",
    )
    group.addoption("--cluster-name", default=DEFAULT_NAME, help="The name of the kind cluster (default: %(default)s).")
    group.addoption("--keep", action="store_true", help="Keep the cluster; the next run uses it.")
    group.addoption(
        "--kube-context", default="", metavar="NAME", help="Use the cluster of this context instead of a kind cluster."
    )
    group.addoption(
        "--registry", default="", metavar="HOST/PATH", help="Where the nodes of that cluster pull images from."
    )


# Configure


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; begin a session if a document is given."""
    config.addinivalue_line(
        "markers",
        "criterion(document, text, level='cluster'): this test proves that criterion of that document, "
        "if it records something that it saw at that level.",
    )
    config.addinivalue_line(
        "markers",
        "observes(level): this test observes at that level: 'static' or 'image'.",
    )
    path = config.getoption("--workstream")
    if not path or config.option.collectonly:
        return
    try:
        document = documents.read(Path(path))
        is_worker = hasattr(config, "workerinput")
        harness: _Worker = _Worker(config, document) if is_worker else _Harness(config, document)
    except errors.WorkstreamError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[_HARNESS] = harness
    config.pluginmanager.register(harness, "workstream-session")
    config.pluginmanager.register(_Fixtures(harness), "workstream-fixtures")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of everything."""
    harness = config.stash.get(_HARNESS, None)
    if harness is not None:
        harness.close()


class _Worker:
    """What every process that runs tests does: bind tests to criteria, and attach what they see to their reports."""

    def __init__(self, config: pytest.Config, document: documents.Document) -> None:
        self.config = config
        self.document = document
        self.root = config.rootpath
        self.folder = Path(config.getoption("--workstream-folder") or self.root / "build" / "acceptance" / document.id)
        options = config.option
        self.wish = Wish(
            options.cluster_name, options.keep, options.kube_context, options.registry, self.folder / "diagnostics"
        )
        self.world = World(self.wish)
        self.interrupted_by = 0
        self.bindings: list[records.Manifest] = []

    def subject(self, line: records.Subject) -> None:
        """Keep a fact about what is under test."""
        raise errors.UsageError(
            f"{line.name} cannot be described from a process of pytest-xdist.",
            instead="Run tests that describe what is under test without -n.",
        )

    # Hooks

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Bind every test to its criteria, before any is deselected."""
        self.bindings = [line for item in items for line in _bind(item, self.document, self.root)]
        _ship(self.config, self.folder, self.bindings)

    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Begin to bring up the cluster as soon as it is known that a test wants one."""
        if any("cluster" in getattr(item, "fixturenames", ()) for item in session.items):
            self.world.begin_cluster()

    def close(self) -> None:
        """Let go of everything; here, because fixtures of the session may still need it before."""
        self.world.close(interrupted=bool(self.interrupted_by))


class _Harness(_Worker):
    """What the one process does that writes: the log, the reports, the exit code."""

    def __init__(self, config: pytest.Config, document: documents.Document) -> None:
        super().__init__(config, document)
        self.writer = evidence.Writer(self.folder / evidence_log.NAME)
        self._handlers: list[logging.Handler] = [
            progress.keep(self.folder / "run.log"),
            progress.show(_terminal(), verbose=config.option.verbose > 1),
        ]
        self._attempts: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self.error: errors.WorkstreamError | None = None
        self.verdicts: tuple[Verdict, ...] = ()
        self._manifest_written = False
        self._signals = _Signals(self)
        if config.option.xmlpath is None:
            config.option.xmlpath = str(self.folder / "junit.xml")
        self.writer.write(
            provenance.session(document, self.root, f"pytest {shlex.join(config.invocation_params.args)}")
        )

    def subject(self, line: records.Subject) -> None:
        """Keep a fact about what is under test."""
        self.writer.write(line)

    # Hooks

    def pytest_collection_finish(self) -> None:
        """Write down which test is to prove what, before the first one runs."""
        if not self.config.pluginmanager.hasplugin("dsession"):
            self._write_manifest(self.bindings)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        """Take the manifest from a process of pytest-xdist: the controller collects nothing."""
        self._write_manifest(_shipped(self.folder))

    def _write_manifest(self, lines: list[records.Manifest]) -> None:
        if not self._manifest_written:
            self._manifest_written = True
            for line in lines:
                self.writer.write(line)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write what a test saw, and how a phase of it ended."""
        test = report.nodeid
        subtest = _subtest(report)
        if report.when == "setup" and not subtest:
            self._attempts[test] = self._attempts.get(test, 0) + 1
        seen = [value for name, value in report.user_properties if name == _PROPERTY]
        for value in seen[self._written.get(test, 0) :]:
            self.writer.write(records.Observation.model_validate_json(str(value)))
        self._written[test] = max(len(seen), self._written.get(test, 0))
        self.writer.write(_outcome(report, self._attempts.get(test, 1), subtest))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        """Remember the first error of the environment; keep diagnostics of a failure on the cluster."""
        report = yield
        if call.excinfo is not None and not isinstance(call.excinfo.value, pytest.skip.Exception):
            if isinstance(call.excinfo.value, errors.WorkstreamError) and call.when == "setup":
                self.error = self.error or call.excinfo.value
            if "cluster" in getattr(item, "fixturenames", ()) and self.world.has_cluster:
                self._diagnose(item)
        return report

    def _diagnose(self, item: pytest.Item) -> None:
        folder = self.folder / "diagnostics" / item.name
        progress.say("diagnostics", f"keeping the state of the cluster in {folder}")
        with contextlib.suppress(errors.WorkstreamError):
            diagnose.collect(self.world.cluster(), folder)

    def pytest_keyboard_interrupt(self) -> None:
        """Remember that somebody stopped the run, and stop what is under way."""
        self.interrupted_by = self._signals.seen or signal.SIGINT
        processes.cancel()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Iterator[None]:
        """After every fixture is gone: end the log, judge, write the reports, decide the exit code."""
        self._signals.shield()
        try:
            return (yield)
        finally:
            self.close()
            self.writer.write(
                records.End(time=provenance.now(), exit_status=int(exitstatus), interrupted=bool(self.interrupted_by))
            )
            self.writer.close()
            self._report()
            session.exitstatus = self._exit_status(int(exitstatus))

    def _report(self) -> None:
        log = evidence.read(self.folder / evidence_log.NAME)
        self.verdicts = evidence.verdicts(log, self.document)
        files.write(self.folder / checklist.NAME, checklist.markdown(self.document, log, self.verdicts))
        files.write(self.folder / page.NAME, page.html(self.document, log, self.verdicts))
        if github.VARIABLE in os.environ:
            with Path(os.environ[github.VARIABLE]).open("a", encoding="utf-8") as file:
                file.write(github.summary(self.document, log, self.verdicts))

    def _exit_status(self, exitstatus: int) -> int:
        if self.interrupted_by:
            return _TERMINATED if self.interrupted_by == signal.SIGTERM else _INTERRUPTED
        if self.error is not None:
            return self.error.exit_code
        if exitstatus == pytest.ExitCode.OK and not all(verdict.proven for verdict in self.verdicts):
            return pytest.ExitCode.TESTS_FAILED
        return exitstatus

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the checklist, last."""
        write = terminalreporter.write_line
        if self.error is not None:
            terminalreporter.section("what kept the run from proving more", sep="-", red=True)
            write(str(self.error))
        terminalreporter.section(f"{self.document.id}: {self.document.title}", sep="=", bold=True)
        for verdict in self.verdicts:
            text = checklist.one_line(verdict.criterion.text, 100)
            write(
                f"[{'x' if verdict.proven else ' '}] {verdict.criterion_id:<4} {text}",
                green=verdict.proven,
                red=not verdict.proven,
            )
            if not verdict.proven:
                write(f"         {verdict.state}: {checklist.one_line(verdict.reason, 600)}")
        write("")
        write(checklist.summary(self.verdicts), bold=True)
        for name in (checklist.NAME, page.NAME, evidence_log.NAME):
            write(f"  {self.folder / name}")

    def close(self) -> None:
        """Let go of everything, once."""
        super().close()
        self._signals.restore()
        for handler in self._handlers:
            progress.forget(handler)
        self._handlers = []


class _Signals:
    """SIGTERM and a lost terminal stop a run like Ctrl-C does; nothing stops the cleaning up but kill -9."""

    def __init__(self, harness: _Harness) -> None:
        self._harness = harness
        self.seen = 0
        self._before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        self.seen = number
        raise KeyboardInterrupt

    def shield(self) -> None:
        """Ignore further signals: what was made is being taken away."""

        def explain(_number: int, _frame: FrameType | None) -> None:
            progress.say("interrupted", "cleaning up; this takes some seconds")

        for number in (signal.SIGINT, *self._before):
            self._before.setdefault(number, signal.getsignal(number))
            signal.signal(number, explain)

    def restore(self) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


# Fixtures


class Subject:
    """Describes what is under test, for whoever wants to see the same again.

    Args:
        worker: this process's part of the session.

    """

    def __init__(self, worker: _Worker) -> None:
        self._worker = worker

    def describe(self, name: str, value: object) -> None:
        """Say a fact: a version, a digest, the nodes."""
        self._worker.subject(records.Subject.model_validate({"name": name, "value": value}))

    def describe_input(self, name: str, path: Path) -> None:
        """Say the hash of a file or folder; when it changes, what was proven with it is stale."""
        where = os.path.relpath(path, self._worker.root)
        self._worker.subject(records.Subject(name=name, value=provenance.path_sha256(path), path=where))


class _Fixtures:
    """Fixtures that exist only when a document is given; registered last, so that `k8s_manager` is ours."""

    def __init__(self, worker: _Worker) -> None:
        self._worker = worker

    @pytest.fixture
    def evidence(self, request: pytest.FixtureRequest) -> Recorder:
        """Record what this test sees; see `workstream.evidence.Recorder`."""
        item = request.node
        attempt = getattr(item, "execution_count", 1)
        observed = evidence.Level.CLUSTER if "cluster" in item.fixturenames else _level(item)

        def keep(observation: records.Observation) -> None:
            item.user_properties.append((_PROPERTY, observation.model_dump_json()))

        return evidence.Recorder(item.nodeid, attempt, observed, keep)

    @pytest.fixture(scope="session")
    def subject(self) -> Subject:
        """Describe what is under test."""
        return Subject(self._worker)

    @pytest.fixture(scope="session")
    def engine(self) -> Engine:
        """The Docker engine, once it answers."""
        return self._worker.world.engine()

    @pytest.fixture(scope="session")
    def tools(self) -> dict[str, Tool]:
        """kind, helm and kubectl, once they are there; they are on PATH then."""
        return self._worker.world.tools()

    @pytest.fixture(scope="session")
    def background(self) -> Callable[[Callable[[], Any]], Future[Any]]:
        """Do something beside everything else: returns the future of a function's result."""
        return self._worker.world.background

    @pytest.fixture(scope="session")
    def cluster(self, subject: Subject) -> Cluster:
        """The cluster, once it is ready."""
        found = self._worker.world.cluster()
        subject.describe("Kubernetes", found.version)
        subject.describe("nodes", [node.metadata.name for node in found.nodes()])
        for tool in self._worker.world.tools().values():
            subject.describe(tool.name, f"{tool.version} ({'built' if tool.built else 'from PATH'})")
        return found

    @pytest.fixture(scope="session")
    def k8s_manager(self, cluster: Cluster) -> Callable[..., Callable[..., AClusterManager]]:
        """What the `k8s` fixture of pytest-kubernetes makes its cluster with: it gets ours."""

        def workstream_cluster(*_: object) -> AClusterManager:
            return cluster.manager

        return lambda _provider=None: workstream_cluster


def _level(item: pytest.Item) -> evidence.Level:
    marker = item.get_closest_marker("observes")
    level = evidence.Level(marker.args[0]) if marker else evidence.Level.STATIC
    if level is evidence.Level.CLUSTER:
        raise errors.EvidenceError(
            f"{item.nodeid} says that it observes the cluster, and does not use the fixture `cluster`.",
            instead="Use the fixture; a marker is only somebody's word.",
        )
    return level


# Helpers, in the order of their use


def _terminal() -> TextIO:
    """Return a stream to the terminal that pytest does not capture."""
    return os.fdopen(os.dup(_STDERR), "w", encoding="utf-8", buffering=1)


# Capturing begins after plugins are imported: this is the terminal (or whatever stands for it).
_STDERR = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2)


def _bind(item: pytest.Item, document: documents.Document, root: Path) -> Iterator[records.Manifest]:
    """Yield which criteria a test speaks of.

    Raises:
        pytest.UsageError: a marker is not of the form that it needs, or matches no criterion.

    """
    by_text = {documents.normalise(criterion.text): criterion for criterion in document.criteria}
    for marker in item.iter_markers("criterion"):
        try:
            document_id, text = marker.args
            level = evidence.Level(marker.kwargs.get("level", "cluster"))
        except ValueError as error:
            raise pytest.UsageError(
                f'{item.nodeid}: write @pytest.mark.criterion("WS-001-04", "the criterion\'s text"), '
                f"with level= one of {', '.join(evidence.Level)} if it is not cluster ({error})"
            ) from error
        if document_id != document.id:
            continue
        criterion = by_text.get(documents.normalise(text))
        if criterion is None:
            near = documents.nearest(text, document)
            hint = f"\nThe nearest is {near.id}: {near.text}" if near else ""
            raise pytest.UsageError(f"{item.nodeid}: {document.path} has no criterion {text!r}.{hint}")
        path = item.path
        doc = " ".join((getattr(getattr(item, "function", None), "__doc__", None) or "").split())
        yield records.Manifest(
            test=item.nodeid,
            criterion_id=criterion.id,
            level=level,
            doc=doc,
            source_path=os.path.relpath(path, root),
            source_sha256=provenance.path_sha256(path),
        )


def _ship(config: pytest.Config, folder: Path, lines: list[records.Manifest]) -> None:
    """Leave the manifest where the controller of pytest-xdist finds it."""
    if hasattr(config, "workerinput"):
        text = "".join(f"{line.model_dump_json()}\n" for line in lines)
        files.write(folder / f".manifest-{config.workerinput['workerid']}.jsonl", text)


def _shipped(folder: Path) -> list[records.Manifest]:
    """Return the manifest that a process of pytest-xdist left."""
    found = sorted(folder.glob(".manifest-*.jsonl"))
    lines = found[0].read_text(encoding="utf-8").splitlines() if found else []
    for path in found:
        path.unlink()
    return [records.Manifest.model_validate_json(line) for line in lines]


def _subtest(report: pytest.TestReport) -> str:
    """Return which subtest a report is of; empty for the test itself."""
    context = getattr(report, "context", None)
    if context is None:
        return ""
    parts = [context.msg or "", *(f"{key}={value}" for key, value in context.kwargs.items())]
    return " ".join(part for part in parts if part) or "subtest"


def _outcome(report: pytest.TestReport, attempt: int, subtest: str) -> records.Outcome:
    crashed = report.when not in {"setup", "call", "teardown"}
    if hasattr(report, "wasxfail"):
        result = records.Result.EXPECTED_FAILURE if report.skipped else records.Result.UNEXPECTED_PASS
    elif report.passed:
        result = records.Result.PASSED
    elif report.skipped:
        result = records.Result.SKIPPED
    else:
        result = records.Result.FAILED  # pytest-rerunfailures' own outcome "rerun" too: that attempt failed
    return records.Outcome(
        test=report.nodeid,
        attempt=attempt,
        when="crash" if crashed else report.when,
        subtest=subtest,
        result=result,
        message="" if report.passed else _message(report),
        seconds=round(report.duration, 3),
    )


def _message(report: pytest.TestReport) -> str:
    """Return why, in one line."""
    if hasattr(report, "wasxfail"):
        return checklist.one_line(report.wasxfail or "expected to fail")
    if isinstance(report.longrepr, tuple):  # a skip: file, line, reason
        return checklist.one_line(str(report.longrepr[2]).removeprefix("Skipped: "))
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    return checklist.one_line(text.removeprefix("AssertionError: "), 600)
