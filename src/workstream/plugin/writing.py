"""What the one process does that writes: the log, the reports, the exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import tempfile
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pytest
from _pytest.junitxml import xml_key  # there is no public way to say where it goes once it is known

from workstream import documents, errors, evidence, files, processes, progress
from workstream.evidence import freshness, provenance, records
from workstream.evidence import log as evidence_log
from workstream.plugin import inventory, outcomes, scheduling
from workstream.plugin.exchange import PARCEL, Collected, Obstacle, Parcel, left
from workstream.plugin.session import ATTEMPT, SUITE, TEST, Session, require_no_problems
from workstream.plugin.signals import Signals
from workstream.reports import checklist, github, matrix, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workstream.evidence import Verdict
    from workstream.evidence.matrix import Matrix

_JUNIT = "junit.xml"
_RUN_LOG = "run.log"
_LEFT_BEHIND = (checklist.NAME, page.NAME, matrix.MARKDOWN, matrix.JSON, _JUNIT, _RUN_LOG)
# Settings that say what is a test, or what a criterion takes.
_COLLECTING = {
    "python_files",
    "python_classes",
    "python_functions",
    "norecursedirs",
    "workstream_documents",
    "workstream_levels",
}
_MANY = 100_000  # lines of the run's log that may come before its file


class Writing(Session):
    """The session of the process that writes.

    Nothing of an earlier run is touched before the first test is about to run: what does not come so far is no run.

    Args:
        config: see `Session`.
        document: see `Session`.

    Raises:
        errors.WorkstreamError: see `Session`.

    """

    def __init__(self, config: pytest.Config, document: documents.Document) -> None:
        super().__init__(config, document)
        self.verdicts: tuple[Verdict, ...] = ()
        self._writer: evidence.Writer | None = None
        self._waiting: list[records.Record] = [
            provenance.session(document, self.root, f"pytest {inventory.options(config)['command line']}")
        ]
        self._repetition: list[str] = []
        self._matrix: Matrix | None = None
        self._attempts: dict[str, int] = {}
        self._tests: dict[str, str] = {}
        self._groups: dict[str, str] = {}
        self._manifest: dict[tuple[str, str, evidence.Level], records.Manifest] = {}
        self._selection: records.Selection | None = None
        self._described: dict[tuple[str, str], object] = {}
        self._unread: set[str] = set()
        self._lends = False
        self._session: pytest.Session | None = None
        self._code = 0
        self._obstacle: Obstacle | None = None
        self._folder_of_all = Path(tempfile.mkdtemp(prefix="workstream-exchange-"))
        if getattr(config.option, "xmlpath", "") is None:
            config.option.xmlpath = str(self._exchange / _JUNIT)
        self._terminal = _terminal(config)
        self._run_log = progress.attach(MemoryHandler(_MANY, logging.CRITICAL + 1), logging.DEBUG)
        self._handlers: list[logging.Handler] = [
            self._run_log,
            progress.show(self._terminal, verbose=config.getoption("verbose", 0) > 1),
        ]
        self._signals = Signals()

    @property
    def _exchange(self) -> Path:
        return self._folder_of_all

    # What other processes pass on to this one, it writes

    def keep(self, line: records.Record) -> None:
        """Write a line; it is on the disk when this returns, if the run has begun."""
        if isinstance(line, records.Subject) and line.path:
            self._described[line.name, line.path] = line.value
        if self._writer is None:
            self._waiting.append(line)
            return
        try:
            self._writer.write(line)
        except errors.WorkstreamError as error:
            pytest.exit(str(error), returncode=error.exit_code)

    def meet(self, obstacle: Obstacle) -> None:
        """Remember the first thing that kept a test from running: it decides the exit code."""
        self._obstacle = self._obstacle or obstacle

    def collected(self, found: Collected) -> None:
        """Take what is to run, and hold it against what the suite holds."""
        suite = self.suite
        require_no_problems(suite, found)
        self._tests |= found.tests
        self._groups |= found.groups
        inside = {(line.test, line.criterion_id, line.level): line for line in suite.bindings.manifest}
        own = {(line.test, line.criterion_id, line.level): line for line in found.bindings.manifest}
        self._manifest |= own | inside
        outside = sorted({line.test for key, line in own.items() if key not in inside})
        selected = set(self._tests.values())
        self._selection = records.Selection(
            options=inventory.options(self.config),
            test_paths=suite.test_paths,
            left_out=tuple(dict.fromkeys(line.test for key, line in inside.items() if line.test not in selected)),
            unknown=(*suite.unknown, *self._unknown(outside, suite)),
        )
        for outcome in suite.uncollected:
            self._uncollected(outcome)

    def _unknown(self, outside: list[str], suite: inventory.Suite) -> Iterator[str]:
        overridden = sorted(self.project.overridden & _COLLECTING)
        if overridden:
            yield f"{', '.join(overridden)} was set for this run alone, and not by the project."
        if outside and not suite.unknown:
            where = ", ".join(suite.test_paths)
            yield (
                f"{outside[0]} speaks of a criterion, and is not among the tests that pytest finds in {where}: there "
                "may be more like it. (workstream_testpaths says where the tests of documents stand.)"
            )

    def begin(self) -> None:
        """Begin the log: a test is about to run."""
        if self._writer is not None or self._selection is None:
            return
        try:
            self._writer = evidence.Writer(self.folder / evidence_log.NAME)
            self._forget_earlier_run()
            self._keep_run_log()
            self._keep_junit()
        except errors.WorkstreamError as error:
            pytest.exit(str(error), returncode=error.exit_code)
        session, *waiting = self._waiting
        sources = [records.Subject(name=SUITE, value=sha256, path=path) for path, sha256 in self.suite.sources.items()]
        for line in (session, self._selection, *self._manifest.values(), *sources, *waiting):
            self.keep(line)

    def _keep_run_log(self) -> None:
        """Write what was said by now into a file, and all that is said from now on."""
        file = progress.attach(progress.file(self.folder / _RUN_LOG), logging.DEBUG)
        self._run_log.setTarget(file)
        self._run_log.close()  # hands over what it holds
        self._handlers.append(file)

    def _keep_junit(self) -> None:
        """Let pytest's own report stand beside the evidence, unless somebody asked for it elsewhere."""
        junit = self.config.stash.get(xml_key, None)
        if junit is not None and junit.logfile == str(self._exchange / _JUNIT):
            junit.logfile = str((self.folder / _JUNIT).absolute())

    def _forget_earlier_run(self) -> None:
        """Take away reports that would stand beside evidence that they do not render."""
        for name in _LEFT_BEHIND:
            (self.folder / name).unlink(missing_ok=True)

    def _uncollected(self, outcome: records.Outcome) -> None:
        """Write which module could not be read, or was skipped whole; several processes may say the same."""
        if outcome.test not in self._unread:
            self._unread.add(outcome.test)
            self.keep(outcome)

    def _unpack(self, text: str) -> None:
        parcel = Parcel.model_validate_json(text)
        tests = {line.source_path for line in self._manifest.values()}
        for line in parcel.lines:
            if isinstance(line, records.Subject) and line.name == SUITE:
                self._late(line, tests)
            else:
                self.keep(line)
        if parcel.obstacle:
            self.meet(parcel.obstacle)

    def _late(self, source: records.Subject, tests: set[str]) -> None:
        """Keep a file of the suite that was imported late, or is another one by now."""
        if source.path not in tests and self._described.get((SUITE, source.path)) != source.value:
            self.keep(source)

    # Hooks

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - pytest-xdist may not be there
        """Say to a process of pytest-xdist where it finds us."""
        if not self._lends:
            self._lends = True
            self.world.lend(self._exchange)
        node.workerinput[PARCEL] = str(self._exchange)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:  # noqa: ANN401 - likewise
        """Take what a process of pytest-xdist collected: the controller collects nothing."""
        found = left(self._exchange, node.gateway.id)
        self.collected(found)
        if found.tests:
            if found.uses_cluster:
                self.begin_cluster()
            self.begin()

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> Any:  # noqa: ANN401 - likewise
        """Keep tests together that are not to run at once."""
        return scheduling.scheduler(config, log, lambda node_id: self._groups.get(node_id, ""))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - likewise
        """Take the last words of a process of pytest-xdist; one that died has none."""
        self._unpack(getattr(node, "workeroutput", {}).get(PARCEL, "{}"))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Write which modules could not be read, or were skipped whole."""
        if not report.passed:
            self._uncollected(outcomes.of_collection(report))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write what a test saw in another process, and how a phase of it ended."""
        self._unpack(getattr(report, PARCEL, "{}"))
        test = getattr(report, TEST, self._tests.get(report.nodeid, report.nodeid))
        attempt = getattr(report, ATTEMPT, self._attempts.get(test, 1))
        self._attempts[test] = attempt
        self.keep(outcomes.of_test(report, test, attempt, self.round, outcomes.subtest_of(report)))

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that somebody stopped the run, and stop what is under way."""
        # pytest stops itself too: when it is told to, and when modules could not be collected.
        if not isinstance(excinfo.value, pytest.exit.Exception | pytest.Session.Interrupted):
            self.interrupted_by = self._signals.seen or signal.SIGINT
            self._signals.shield()
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
                self._session, self._code = session, self._exit_status(int(exitstatus))
                session.exitstatus = self._code

    @contextlib.contextmanager
    def _meeting_obstacles(self) -> Iterator[None]:
        """Let an error of ours decide the exit code, and not keep the rest from being done."""
        try:
            yield
        except errors.WorkstreamError as error:
            self.meet(Obstacle.of(error))

    def _end(self, exitstatus: int) -> None:
        if self._writer is None:
            return
        for source in self._changed():
            self._writer.write(source)
        self._writer.write(
            records.End(time=provenance.now(), exit_status=exitstatus, interrupted=bool(self.interrupted_by))
        )
        self._writer.close()
        log = evidence.read(self._writer.path)
        if log.has_controls:
            self._end_controls(log)
            return
        self.verdicts = freshness.current(log, self.document, self.root)
        self._repetition = checklist.repetition(log, self.document)
        files.write(self.folder / checklist.NAME, checklist.markdown(self.document, log, self.verdicts))
        files.write(self.folder / page.NAME, page.html(self.document, log, self.verdicts))
        if os.environ.get(github.VARIABLE):
            files.append(Path(os.environ[github.VARIABLE]), github.summary(self.document, log, self.verdicts))

    def _changed(self) -> Iterator[records.Subject]:
        """Yield what was described, or belongs to the suite, and is something else by now."""
        for path, sha256 in self.late_sources().items():
            tests = {line.source_path for line in self._manifest.values()}
            if path not in tests and (SUITE, path) not in self._described:
                yield records.Subject(name=SUITE, value=sha256, path=path)
        for (name, path), value in self._described.items():
            with contextlib.suppress(errors.EvidenceError):
                now = provenance.path_sha256(self.root / path)
                if now != value:
                    yield records.Subject(name=name, value=now, path=path)

    def _end_controls(self, log: evidence.Log) -> None:
        """Say what the controls showed, and nothing of the product: it was broken on purpose."""
        every = Path(self.config.getoption("--workstream-controls")).is_dir()
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
        if self._writer is None:
            return pytest.ExitCode.TESTS_FAILED  # somebody ended it before the first test, and called that a success
        return self._judged(exitstatus)

    def _judged(self, exitstatus: int) -> int:
        """Return the exit code that the verdicts give, or the matrix."""
        if self._matrix:
            return pytest.ExitCode.OK if self._matrix.agrees else pytest.ExitCode.TESTS_FAILED
        if self.verdicts and all(verdict.proven for verdict in self.verdicts):
            return exitstatus
        was_part = exitstatus == pytest.ExitCode.OK and self._is_part
        return errors.PartialRunError.exit_code if was_part else pytest.ExitCode.TESTS_FAILED

    @property
    def _is_part(self) -> bool:
        """Whether nothing speaks against any criterion but that this run was a part of the suite."""
        states = {verdict.state for verdict in self.verdicts if not verdict.proven}
        return bool(self._selection and self._selection.partial and states == {evidence.State.NOT_RUN})

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the checklist, last."""
        write = terminalreporter.write_line
        if self._obstacle:
            terminalreporter.section("what kept the run from proving more", sep="-", red=True)
            write(self._obstacle.text)
        terminalreporter.section(f"{self.document.id}: {self.document.title}", sep="=", bold=True)
        if self._writer is None:
            write(f"No test was run: what an earlier run left in {self.folder} stays as it is.", bold=True)
            return
        if self._matrix:
            for line in matrix.lines(self.document, self._matrix):
                write(line)
            self._name_files(write, matrix.MARKDOWN, matrix.JSON)
            return
        if self.document.criteria and not self.verdicts:
            write("There is no verdict: the evidence could not be judged.", bold=True, red=True)
            return
        self._write_verdicts(write)
        write("")
        for line in self._repetition:
            write(line)
        write(checklist.summary(self.verdicts), bold=True)
        self._write_part(write)
        self._name_files(write, checklist.NAME, page.NAME)

    def _write_verdicts(self, write: Callable[..., None]) -> None:
        """Print the verdicts; of a part of the suite only of the criteria that it spoke of."""
        ran = set(self._attempts)
        for verdict in self.verdicts:
            if self._is_part and ran.isdisjoint(verdict.tests):
                continue
            box = "x" if verdict.proven else " "
            text = checklist.one_line(verdict.criterion.text, 100)
            write(f"[{box}] {verdict.criterion_id:<4} {text}", green=verdict.proven, red=not verdict.proven)
            if not verdict.proven:
                write(f"         {verdict.state}: {checklist.one_line(verdict.reason, 600)}")

    def _write_part(self, write: Callable[..., None]) -> None:
        """Print what a run that was a part of the suite means."""
        if self._selection is None or not self._selection.partial:
            return
        ran = set(self._attempts)
        spoke = [one.criterion_id for one in self.verdicts if not ran.isdisjoint(one.tests)]
        about = f"It spoke of {', '.join(spoke)}" if spoke else "It spoke of no criterion"
        write(f"This run was a part of the suite. {about}; {checklist.left_out(self._selection)}", yellow=True)

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
        """Let go of the log too: it is still open if the session never came to its end."""
        super().pytest_unconfigure()
        if self._session is not None:
            self._session.exitstatus = self._code  # whatever somebody made of it since
        if self._writer is not None:
            self._writer.close()
        shutil.rmtree(self._exchange, ignore_errors=True)


def _terminal(config: pytest.Config) -> TextIO:
    """Return a stream to what standard error is when pytest does not capture it."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        try:
            return os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)
        except OSError:  # there is none
            return Path(os.devnull).open("w", encoding="utf-8")
