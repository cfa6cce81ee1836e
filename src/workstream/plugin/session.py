"""One session of pytest under the harness: it collects, writes, judges and reports."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import pytest

from workstream import documents, errors, evidence, processes, progress
from workstream.cluster import diagnose
from workstream.cluster.environment import Wish
from workstream.evidence import log as evidence_log
from workstream.evidence import provenance, records
from workstream.plugin.binding import bind, ship, shipped
from workstream.plugin.outcomes import outcome, subtest_of
from workstream.plugin.signals import Signals
from workstream.reports import checklist, files, github, page
from workstream.world import World

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from workstream.evidence import Verdict

SESSION = pytest.StashKey["Session"]()
OBSERVATION = "workstream.observation"  # the property of a report that holds an observation

_INTERRUPTED = 130
_TERMINATED = 143

# Capturing begins after plugins are imported: this is the terminal (or whatever stands for it).
_TERMINAL = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2)


class Session:
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
        self.bindings = [line for item in items for line in bind(item, self.document, self.root)]
        ship(self.config, self.folder, self.bindings)

    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Begin to bring up the cluster as soon as it is known that a test wants one."""
        if any("cluster" in getattr(item, "fixturenames", ()) for item in session.items):
            self.world.begin_cluster()

    def close(self) -> None:
        """Let go of everything; here, because fixtures of the session may still need it before."""
        self.world.close(interrupted=bool(self.interrupted_by))


class Writing(Session):
    """What the one process does that writes: the log, the reports, the exit code."""

    def __init__(self, config: pytest.Config, document: documents.Document) -> None:
        super().__init__(config, document)
        self.writer = evidence.Writer(self.folder / evidence_log.NAME)
        self._terminal: TextIO = os.fdopen(os.dup(_TERMINAL), "w", encoding="utf-8", buffering=1)
        self._handlers: list[logging.Handler] = [
            progress.keep(self.folder / "run.log"),
            progress.show(self._terminal, verbose=config.option.verbose > 1),
        ]
        self._attempts: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self.error: errors.WorkstreamError | None = None
        self.verdicts: tuple[Verdict, ...] = ()
        self._manifest_written = False
        self._signals = Signals()
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
        self._write_manifest(shipped(self.folder))

    def _write_manifest(self, lines: list[records.Manifest]) -> None:
        if not self._manifest_written:
            self._manifest_written = True
            for line in lines:
                self.writer.write(line)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write what a test saw, and how a phase of it ended."""
        test = report.nodeid
        subtest = subtest_of(report)
        if report.when == "setup" and not subtest:
            self._attempts[test] = self._attempts.get(test, 0) + 1
        seen = [value for name, value in report.user_properties if name == OBSERVATION]
        for value in seen[self._written.get(test, 0) :]:
            self.writer.write(records.Observation.model_validate_json(str(value)))
        self._written[test] = max(len(seen), self._written.get(test, 0))
        self.writer.write(outcome(report, self._attempts.get(test, 1), subtest))

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
        self._terminal.close()
