"""What the one process does that writes: the log, the reports, the exit code."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pytest

from workstream import documents, errors, evidence, processes, progress
from workstream.cluster import diagnose
from workstream.evidence import log as evidence_log
from workstream.evidence import provenance, records
from workstream.plugin import outcomes
from workstream.plugin.binding import Bindings, shipped, uses_cluster
from workstream.plugin.session import PARCEL, Obstacle, Parcel, Session, require_no_problems
from workstream.plugin.signals import Signals
from workstream.reports import checklist, files, github, matrix, page

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator

    from workstream.evidence import Verdict
    from workstream.evidence.matrix import Matrix

_JUNIT = "junit.xml"
_RUN_LOG = "run.log"
_LEFT_BEHIND = (checklist.NAME, page.NAME, matrix.MARKDOWN, matrix.JSON, _JUNIT, _RUN_LOG)


class Writing(Session):
    """The session of the process that writes.

    Args:
        config: see `Session`.
        document: see `Session`.

    Raises:
        errors.BusyError: another run writes into the same folder.
        errors.EvidenceError: the folder cannot be written.

    """

    def __init__(self, config: pytest.Config, document: documents.Document) -> None:
        super().__init__(config, document)
        self.writer = evidence.Writer(self.folder / evidence_log.NAME)
        self.verdicts: tuple[Verdict, ...] = ()
        self._repetition: list[str] = []
        self._matrix: Matrix | None = None
        self._attempts: dict[str, int] = {}
        self._in_manifest: set[records.Manifest] = set()
        self._unread: set[str] = set()
        self._obstacle: Obstacle | None = None
        self._forget_earlier_run()
        if getattr(config.option, "xmlpath", "") is None:
            config.option.xmlpath = str(self.folder / _JUNIT)
        self._terminal = _terminal(config)
        self._handlers: list[logging.Handler] = [
            progress.keep(self.folder / _RUN_LOG),
            progress.show(self._terminal, verbose=config.getoption("verbose", 0) > 1),
        ]
        self._signals = Signals()
        self.keep(provenance.session(document, self.root, f"pytest {shlex.join(config.invocation_params.args)}"))

    def _forget_earlier_run(self) -> None:
        """Take away reports that would stand beside evidence that they do not render."""
        for name in _LEFT_BEHIND:
            (self.folder / name).unlink(missing_ok=True)
        for path in self.folder.glob(".manifest-*"):
            path.unlink()

    # What other processes pass on to this one, it writes

    def keep(self, line: records.Record) -> None:
        """Write a line; it is on the disk when this returns."""
        try:
            self.writer.write(line)
        except errors.WorkstreamError as error:
            pytest.exit(str(error), returncode=error.exit_code)

    def meet(self, obstacle: Obstacle) -> None:
        """Remember the first thing that kept a test from running: it decides the exit code."""
        self._obstacle = self._obstacle or obstacle

    def bound(self, bindings: Bindings) -> None:
        """Write down which test is to prove what, before the first one runs."""
        for line in bindings.manifest:
            if line not in self._in_manifest:
                self._in_manifest.add(line)
                self.keep(line)
        require_no_problems(bindings)

    def failed(self, item: pytest.Item) -> None:
        """Keep the state of the cluster on which a test failed."""
        if not uses_cluster(item) or not self.world.has_cluster:
            return
        name = f"round-{self.round}-{item.name}" if self.rounds else item.name
        folder = self.folder / "diagnostics" / re.sub(r"[^\w.=\[\]-]+", "-", name)
        progress.say("diagnostics", f"keeping the state of the cluster in {folder}")
        with contextlib.suppress(errors.WorkstreamError):
            diagnose.collect(self.world.cluster(), folder)

    def _unpack(self, text: str) -> None:
        parcel = Parcel.model_validate_json(text)
        for line in parcel.lines:
            self.keep(line)
        if parcel.obstacle:
            self.meet(parcel.obstacle)

    # Hooks

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:  # noqa: ANN401 - pytest-xdist may not be there
        """Take the manifest from a process of pytest-xdist: the controller collects nothing."""
        self.bound(shipped(self.folder, node.gateway.id))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Write which modules could not be read, or were skipped whole; several processes may say the same."""
        if not report.passed and report.nodeid not in self._unread:
            self._unread.add(report.nodeid)
            self.keep(outcomes.of_collection(report))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write what a test saw in another process, and how a phase of it ended."""
        self._unpack(getattr(report, PARCEL, "{}"))
        subtest = outcomes.subtest_of(report)
        if report.when == "setup" and not subtest:
            self._attempts[report.nodeid] = self._attempts.get(report.nodeid, 0) + 1
        self.keep(outcomes.of_test(report, self._attempts.get(report.nodeid, 1), self.round, subtest))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that somebody stopped the run, and stop what is under way."""
        # pytest stops itself too: when it is told to, and when modules could not be collected.
        if not isinstance(excinfo.value, pytest.exit.Exception | pytest.Session.Interrupted):
            self.interrupted_by = self._signals.seen or signal.SIGINT
            processes.cancel()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Iterator[None]:
        """After every fixture is gone: end the log, judge, write the reports, decide the exit code."""
        self._signals.shield()
        try:
            return (yield)
        finally:
            try:
                with self._meeting_obstacles():
                    self.close()
            finally:
                with self._meeting_obstacles():
                    self._end(int(exitstatus))
                session.exitstatus = self._exit_status(int(exitstatus))

    @contextlib.contextmanager
    def _meeting_obstacles(self) -> Iterator[None]:
        """Let an error of ours decide the exit code, and not keep the rest from being done."""
        try:
            yield
        except errors.WorkstreamError as error:
            self.meet(Obstacle.of(error))

    def _end(self, exitstatus: int) -> None:
        self.writer.write(
            records.End(time=provenance.now(), exit_status=exitstatus, interrupted=bool(self.interrupted_by))
        )
        self.writer.close()
        log = evidence.read(self.writer.path)
        if log.has_controls:
            self._end_controls(log)
            return
        self.verdicts = evidence.verdicts(log, self.document)
        self._repetition = checklist.repetition(log, self.document)
        files.write(self.folder / checklist.NAME, checklist.markdown(self.document, log, self.verdicts))
        files.write(self.folder / page.NAME, page.html(self.document, log, self.verdicts))
        if os.environ.get(github.VARIABLE):
            files.append(Path(os.environ[github.VARIABLE]), github.summary(self.document, log, self.verdicts))

    def _end_controls(self, log: evidence.Log) -> None:
        """Say what the controls showed, and nothing of the product: it was broken on purpose."""
        every = Path(self.config.getoption("--controls")).is_dir()
        planned = sum(one.control is not None for one in self.rounds)
        found = evidence.matrix(log, self.document, planned, every=every)
        self._matrix = found
        files.write(self.folder / matrix.MARKDOWN, matrix.markdown(self.document, found))
        files.write(self.folder / matrix.JSON, matrix.as_json(self.document, found))
        if os.environ.get(github.VARIABLE):
            files.append(Path(os.environ[github.VARIABLE]), github.cut(matrix.markdown(self.document, found)))

    def _exit_status(self, exitstatus: int) -> int:
        if self.interrupted_by:
            return 128 + self.interrupted_by
        if exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            return exitstatus
        if self._obstacle:
            return self._obstacle.exit_code
        if self._matrix:
            return pytest.ExitCode.OK if self._matrix.agrees else pytest.ExitCode.TESTS_FAILED
        proven = bool(self.verdicts) and all(verdict.proven for verdict in self.verdicts)
        return exitstatus if proven else pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the checklist, last."""
        write = terminalreporter.write_line
        if self._obstacle:
            terminalreporter.section("what kept the run from proving more", sep="-", red=True)
            write(self._obstacle.text)
        terminalreporter.section(f"{self.document.id}: {self.document.title}", sep="=", bold=True)
        if self._matrix:
            for line in matrix.lines(self.document, self._matrix):
                write(line)
            self._name_files(write, matrix.MARKDOWN, matrix.JSON)
            return
        if self.document.criteria and not self.verdicts:
            write("There is no verdict: the evidence could not be judged.", bold=True, red=True)
            return
        for verdict in self.verdicts:
            box = "x" if verdict.proven else " "
            text = checklist.one_line(verdict.criterion.text, 100)
            write(f"[{box}] {verdict.criterion_id:<4} {text}", green=verdict.proven, red=not verdict.proven)
            if not verdict.proven:
                write(f"         {verdict.state}: {checklist.one_line(verdict.reason, 600)}")
        write("")
        for line in self._repetition:
            write(line)
        write(checklist.summary(self.verdicts), bold=True)
        self._name_files(write, checklist.NAME, page.NAME)

    def _name_files(self, write: Callable[[str], None], *names: str) -> None:
        for name in (*names, evidence_log.NAME):
            write(f"  {self.folder / name}")

    def close(self) -> None:
        """Let go of everything, once."""
        try:
            super().close()
        finally:
            self._signals.restore()
            for handler in self._handlers:
                progress.forget(handler)
            self._handlers = []
            self._terminal.close()

    def pytest_unconfigure(self) -> None:
        """Let go of the log too: it is still open if the session never began."""
        super().pytest_unconfigure()
        self.writer.close()


def _terminal(config: pytest.Config) -> TextIO:
    """Return a stream to what standard error is when pytest does not capture it."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        try:
            return os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)
        except OSError:  # there is none
            return Path(os.devnull).open("w", encoding="utf-8")
