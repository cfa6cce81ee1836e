"""What the one process does that writes: pytest's only one, or the controller of pytest-xdist."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from _pytest.junitxml import xml_key  # there is no public way to say where it goes once it is known

from workstream import documents, errors, evidence, files, processes, progress, shortage
from workstream.cluster.access import STAYS
from workstream.evidence import accepted_controls, provenance, records
from workstream.evidence import log as evidence_log
from workstream.plugin import inventory, outcomes, own_options, result, scheduling, terminal, told
from workstream.plugin.exchange import MESSAGE, Collected, EnvironmentFailure, Message, collected_by
from workstream.plugin.log import RunLog, RunLogs
from workstream.plugin.result import Result
from workstream.plugin.session import ATTEMPT, TEST, Session, require_no_problems
from workstream.plugin.signals import Signals
from workstream.plugin.witnesses import Witnesses
from workstream.reports import checklist, matrix, overview, page, status
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from workstream.plugin.project import Project
    from workstream.plugin.rounds import Round

_Manifest = dict[tuple[str, str, evidence.Level], records.Manifest]
_JUNIT = "junit.xml"
_MANY_CRITERIA = 100  # criteria of several documents: more would hide those that are not proven
_RUN_LOG = "run.log"
_LEFT_BEHIND = (
    *(checklist.NAME, page.NAME, status.NAME, matrix.MARKDOWN, matrix.JSON, overview.MARKDOWN, overview.JSON),
    *(_JUNIT, _RUN_LOG),
)
_MANY = 100_000  # lines of the run's log that may come before its file


class Controller(Session):
    """The session of the process that writes.

    Nothing of an earlier run is touched before the first test is about to run: what ends before that is no run.

    Args:
        config: see `Session`.
        project: see `Session`.

    Raises:
        errors.WorkstreamError: see `Session`.

    """

    def __init__(self, config: pytest.Config, project: Project) -> None:
        super().__init__(config, project)
        command = f"pytest {inventory.options(config)['command line']}"
        sessions = provenance.sessions(project.documents, self.root, command)
        self._logs = RunLogs(
            {
                document.id: RunLog(self.folder_of(document), self.root, session)
                for document, session in zip(project.documents, sessions, strict=True)
            }
        )
        self._described = sessions[0]  # what holds for all documents
        self._results: dict[str, Result] = {}
        self._attempts: dict[str, int] = {}
        self._tests: dict[str, str] = {}
        self._groups: dict[str, str] = {}
        # Tests with their attempts, by the process of pytest-xdist that ran them; and those that told no end of theirs.
        self._ran: dict[str, dict[str, int]] = {}
        self._silent: set[str] = set()
        self._manifests: dict[str, _Manifest] = {document.id: {} for document in project.documents}
        self._selections: dict[str, records.Selection] = {}
        self._witnesses = Witnesses()
        self._lends = False
        self._stays: dict[str, str] = {}
        self._session: pytest.Session | None = None
        self._code = 0
        self._failure: EnvironmentFailure | None = None
        self._stack = contextlib.ExitStack()
        self._folder_of_all = self._stack.enter_context(files.temporary("exchange"))
        if getattr(config.option, "xmlpath", "") is None:
            config.option.xmlpath = str(self._exchange / _JUNIT)
        self._terminal = terminal.uncaptured(config)
        self._run_log = progress.attach(MemoryHandler(_MANY, logging.CRITICAL + 1), logging.DEBUG)
        self._handlers: list[logging.Handler] = [
            self._run_log,
            progress.show(self._terminal, verbose=config.getoption("verbose", 0) > 1),
        ]
        self._signals = Signals()
        self._require_honest_exit()

    def _require_honest_exit(self) -> None:
        """Let no `os._exit` of a suite end this process with the code of a success before the run has proven one."""
        end, process = os._exit, os.getpid()

        def exit_(status: int) -> NoReturn:
            proven = self._session is not None and self._code == pytest.ExitCode.OK
            end(status if status or proven or os.getpid() != process else self._code or pytest.ExitCode.TESTS_FAILED)

        os._exit = exit_
        self.config.add_cleanup(lambda: setattr(os, "_exit", end))  # after every plugin

    @property
    def _exchange(self) -> Path:
        return self._folder_of_all

    # This process writes what the others pass on to it

    def keep(self, line: records.Record) -> None:
        """Write a line; it is on the disk when this returns, if the run has begun."""
        if isinstance(line, records.Subject) and line.name.startswith(STAYS):
            self._stays[line.name.removeprefix(STAYS)] = str(line.value)
        self._logs.keep(line)

    def note_failure(self, failure: EnvironmentFailure) -> None:
        """Remember the first thing that kept a test from running: it decides the exit code."""
        self._failure = self._failure or failure

    def collected(self, collected: Collected) -> None:
        """Take what is to run, and compare it with what the whole suite holds."""
        suite = self.suite
        require_no_problems(suite, collected)
        self._tests |= collected.tests
        self._groups |= collected.groups
        for document in self.project.documents:
            in_suite = _keyed(suite.bindings.manifest.get(document.id, ()))
            to_run = _keyed(collected.bindings.manifest.get(document.id, ()))
            self._manifests[document.id] |= to_run | in_suite
            outside = sorted({line.test for key, line in to_run.items() if key not in in_suite})
            changed = {
                line.source_path
                for key, line in to_run.items()
                if key in in_suite and in_suite[key].source_sha256 != line.source_sha256
            }
            selected = set(self._tests.values())
            self._selections[document.id] = records.Selection(
                options=inventory.options(self.config),
                test_paths=suite.test_paths,
                left_out=tuple(dict.fromkeys(line.test for line in in_suite.values() if line.test not in selected)),
                unknown=(
                    *(f"{path} was changed while the tests were collected: run them again" for path in sorted(changed)),
                    *self._unknown(outside, suite, document.id),
                ),
            )
        for outcome in suite.uncollected:
            self._logs.keep_uncollected(outcome)

    def _unknown(self, outside: list[str], suite: inventory.Suite, document_id: str) -> Iterator[str]:
        """Yield why it is not known which tests of a document the suite holds."""
        known = [*suite.unknown, *suite.astray.get(document_id, ())]
        yield from known
        yield from self.project.only_of_this_run()
        for name in own_options.plugins(self.config, lambda path: inventory.is_own(path, self.project.folder)):
            yield f"The plugin {name}, a module of the project, was taken for this run alone."
        if outside and not known:
            where = ", ".join(suite.test_paths)
            yield (
                f"{outside[0]} speaks of a criterion, and is not among the tests that pytest finds in {where}: there "
                "may be more like it. (workstream_testpaths says where the tests of documents stand.)"
            )

    def begin(self) -> None:
        """Begin the log: a test is about to run."""
        if self._logs.has_begun or not self._selections:
            return
        try:
            self._require_own_folder()
            self._logs.open()
            self._forget_earlier_run()
            self._keep_run_log()
            self._keep_junit()
        except errors.WorkstreamError as error:
            pytest.exit(str(error), returncode=error.exit_code)
        except OSError as error:
            refused = files.refused(self.folder, error)
            pytest.exit(str(refused), returncode=refused.exit_code)
        manifests = {one: list(manifest.values()) for one, manifest in self._manifests.items()}
        for lines in manifests.values():
            self._witnesses.speak(lines)
        self.config.pluginmanager.register(self._witnesses, "workstream-witnesses")
        self._logs.begin(self._selections, manifests, self.suite.sources)
        for one, selection in self._selections.items():
            for why in selection.unknown:  # now, and not when all has run for nothing
                progress.say("suite", f"nothing of {one} will be proven, for what its suite holds is not known: {why}")
        if self.project.settings:
            self.keep(self.project.settings)
        if self.plan.controls:
            self.keep(records.Subject(name=accepted_controls.HARNESS, value=accepted_controls.harness_sha256()))
            told_now = told.configuration_sha256(self.config)
            self.keep(records.Subject(name=accepted_controls.CONFIGURATION, value=told_now))

    def begin_round(self, round_: Round) -> None:
        """Remember what a round is to show."""
        self._witnesses.begin(round_)

    def counts(self, round_: Round) -> bool:
        """Whether a round that is over shows something: controls that shared it can be told apart."""
        if len(round_.broken) > 1 and not all(
            evidence.told_apart(evidence.read(self._logs.by_id[document.id].path), document, self.round)
            for document in self.project.documents
        ):
            return False
        self._witnesses.end()
        return True

    def _keep_run_log(self) -> None:
        """Write the progress of the run into a file: what there was until now, and all that follows."""
        file = progress.attach(progress.file(self.folder / _RUN_LOG), logging.DEBUG)
        self._run_log.setTarget(file)
        self._run_log.close()  # hands over what it holds
        self._handlers.append(file)

    def _keep_junit(self) -> None:
        """Let pytest's own report stand beside the evidence, unless somebody asked for it elsewhere."""
        junit = self.config.stash.get(xml_key, None)
        if junit is not None and junit.logfile == str(self._exchange / _JUNIT):
            junit.logfile = str((self.folder / _JUNIT).absolute())

    def _require_own_folder(self) -> None:
        """Refuse a folder in which reports would take the place of somebody's files: that was chosen, and knows no run.

        Raises:
            errors.UsageError: it has such files.

        """
        chosen = bool(self.config.getoption("--workstream-folder"))
        for folder in {self.folder, *map(self.folder_of, self.project.documents)} if chosen else ():
            knows = any(any(folder.glob(pattern)) for pattern in (evidence_log.NAME, f"*/{evidence_log.NAME}"))
            others = [name for name in _LEFT_BEHIND if (folder / name).exists()]
            if others and not knows:
                raise errors.UsageError(
                    f"{folder} holds {', '.join(others)}, and no evidence of a run: this one would replace it.",
                    instead="Choose another folder with --workstream-folder.",
                )

    def _forget_earlier_run(self) -> None:
        """Take away reports that would stand beside evidence that they do not render."""
        for folder in {self.folder, *map(self.folder_of, self.project.documents)}:
            for name in _LEFT_BEHIND:
                (folder / name).unlink(missing_ok=True)

    def _unpack(self, text: str) -> None:
        message = Message.model_validate_json(text)
        for line in message.lines:
            if isinstance(line, records.Subject) and line.name == records.SUITE:
                self._logs.keep_source(line)
            else:
                self.keep(line)
        if message.failure:
            self.note_failure(message.failure)

    # Hooks

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - pytest-xdist may not be there
        """Tell a process of pytest-xdist in which folder it finds us."""
        if not self._lends:
            self._lends = True
            self.world.lend(self._exchange)
        node.workerinput[MESSAGE] = str(self._exchange)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:  # noqa: ANN401 - likewise
        """Take what a process of pytest-xdist collected: the controller collects nothing."""
        collected = collected_by(self._exchange, node.gateway.id)
        self.collected(collected)
        if collected.tests:
            if collected.uses_cluster:
                self.begin_cluster()
            self.begin()

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> Any:  # noqa: ANN401 - likewise
        """Keep tests together that are not to run at once."""
        return scheduling.scheduler(config, log, lambda node_id: self._groups.get(node_id, ""))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:  # noqa: ANN401 - likewise
        """Take the last message of a process of pytest-xdist; one that died has sent none."""
        message = getattr(node, "workeroutput", {}).get(MESSAGE)
        if message is None:
            self._silent.add(node.gateway.id)
        else:
            self._unpack(message)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Write which modules could not be read, or were skipped whole."""
        if not report.passed:
            self._logs.keep_uncollected(outcomes.of_collection(report))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write what a test saw in another process, and how a phase of it ended."""
        self._unpack(getattr(report, MESSAGE, "{}"))
        test = getattr(report, TEST, self._tests.get(report.nodeid, report.nodeid))
        attempt = getattr(report, ATTEMPT, self._attempts.get(test, 1))
        self._attempts[test] = attempt
        outcome = outcomes.of_test(report, test, attempt, self.round, outcomes.subtest_of(report))
        self._witnesses.take(outcome)
        self.keep(outcome)
        if node := getattr(report, "node", None):  # of pytest-xdist
            self._ran.setdefault(node.gateway.id, {})[test] = attempt
            if outcome.when == "crash":  # the one test that it died in says so, and all before it told what they saw
                self._silent.discard(node.gateway.id)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that somebody stopped the run, and stop what is under way."""
        # pytest stops itself too: when it is told to, and when modules could not be collected.
        if not isinstance(excinfo.value, pytest.exit.Exception | pytest.Session.Interrupted):
            self.interrupted_by = self._signals.seen or signal.SIGINT
            self._signals.shield()
            processes.cancel()
            self._forget_lost_terminal()

    def _forget_lost_terminal(self) -> None:
        """Let nobody write to a terminal that is gone: that would be an error in place of the reports."""
        try:
            os.write(self._terminal.fileno(), b"")
        except OSError:
            pass
        else:
            return
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the session
            self._stack.callback(nowhere.close)
            reporter._tw._file = nowhere  # noqa: SLF001 - there is no public way
        atexit.register(_write_nowhere)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Iterator[None]:
        """After every fixture is gone: end the log, judge, write the reports, decide the exit code."""
        self._signals.shield()
        result = None  # where what failed was told
        try:
            if self.interrupted_by:
                with self._tearing_down():
                    result = yield
            else:
                result = yield
        except OSError as error:  # of a report that another plugin writes
            if not shortage.of(error):
                raise
            self.note_failure(EnvironmentFailure.of(files.refused(Path(error.filename or self.folder), error)))
        finally:
            try:
                self.failed = bool(session.testsfailed)
                of_a_plugin = int(session.exitstatus) if session.exitstatus != exitstatus else pytest.ExitCode.OK
                with self._noting_failures():
                    self.watch.end()
                with self._noting_failures():
                    self.close()
            finally:
                self._end(int(exitstatus))
                self._session, self._code = session, self._exit_status(int(exitstatus))
                with self._noting_failures():
                    self._write_overview()
                self._code = self._exit_status(int(exitstatus)) or of_a_plugin
                session.exitstatus = self._code
        return result

    @contextlib.contextmanager
    def _tearing_down(self) -> Iterator[None]:
        """Let fixtures of an interrupted run clean up where that is not done for them, and tell what fails of it.

        On a cluster that goes with the run they may start no program any more: that would only take time.
        """
        keeps = any(self.config.getoption(f"--workstream-{name}") for name in ("keep", "keep-on-failure"))
        stays = bool(keeps or self.project.setting("kube-context"))
        try:
            with processes.cleaning_up() if stays else contextlib.nullcontext():
                yield
        except errors.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - a traceback would take the place of the checklist
            progress.say(
                "interrupted", f"a fixture could not be torn down: {one_line(f'{type(error).__name__}: {error}')}"
            )

    @contextlib.contextmanager
    def _noting_failures(self) -> Iterator[None]:
        """Let an error of ours decide the exit code, and not keep the rest from being done."""
        try:
            yield
        except errors.WorkstreamError as error:
            self.note_failure(EnvironmentFailure.of(error))

    def _end(self, exitstatus: int) -> None:
        """End the logs and judge them, what is depended on first; one that cannot be judged keeps no other from it."""
        if not self._logs.has_begun:
            return
        self._tell_silent()
        late = self.late_sources()
        for document in self.project.documents:
            with self._noting_failures():
                self._results[document.id] = self._judged(document, exitstatus, late)

    def _tell_silent(self) -> None:
        """Tell which tests a process ran that died after them: what it saw when all was torn down, nobody knows."""
        for process in () if self.interrupted_by else sorted(self._silent):
            for test, attempt in self._ran.get(process, {}).items():
                message = f"{process} of pytest-xdist ended before it had told all that it saw"
                self.keep(
                    records.Outcome(
                        test=test,
                        attempt=attempt,
                        round=self.round,
                        when="crash",
                        result=records.Result.FAILED,
                        message=message,
                    )
                )

    def _judged(self, document: documents.Document, exitstatus: int, late: Mapping[str, str]) -> Result:
        run_log = self._logs.by_id[document.id]
        for line in result.dependencies(self.project, document, self._results):
            run_log.keep(line)
        run_log.end(exitstatus, late, interrupted=bool(self.interrupted_by))
        log = evidence.read(run_log.path)
        unjudged = Result(
            document,
            self.folder_of(document),
            frozenset(self._attempts),
            self._selections[document.id],
            dependencies=log.dependencies,
        )
        if log.has_controls:
            controls = self.config.getoption("--workstream-controls")
            return result.compared(unjudged, log, self.plan, controls)
        return result.judged(unjudged, log, self.root)

    def _write_overview(self) -> None:
        """Write how all documents stand beside each other, if there are several."""
        if self.project.several and self._logs.has_begun:
            files.write(self.folder / overview.MARKDOWN, overview.markdown(self._overview()))
            files.write(self.folder / overview.JSON, self._overview().model_dump_json(indent=2) + "\n")

    def _overview(self) -> overview.Overview:
        code = self._code
        why = self._failure.text if self._failure and self._failure.exit_code == code else ""
        rows = [result.row(document, self._results.get(document.id)) for document in self.project.documents]
        return overview.of(self._described, rows, code, why)

    def _exit_status(self, exitstatus: int) -> int:
        if self.interrupted_by:
            return 128 + self.interrupted_by
        if exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
            return exitstatus
        if self._failure:
            return self._failure.exit_code
        if len(self._results) < len(self.project.documents):
            return pytest.ExitCode.TESTS_FAILED  # a plugin ended the run before its first test, with success
        return result.exit_status(list(self._results.values()), exitstatus)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the checklists, last; of several documents, how they stand beside each other."""
        if self._failure:
            terminalreporter.section("what kept the run from proving more", sep="-", red=True)
            terminalreporter.write_line(self._failure.text)
        if self._stays:
            terminalreporter.section("what stays of this run on other people's machines", sep="-")
            for what, why in self._stays.items():
                terminalreporter.write_line(f"{what}: {why}")
        many = sum(len(document.criteria) for document in self.project.documents) > _MANY_CRITERIA
        for document in self.project.documents:
            terminalreporter.section(f"{document.id}: {document.title}", sep="=", bold=True)
            if self._logs.has_begun:
                terminal.show(terminalreporter, self._results.get(document.id), brief=self.project.several and many)
            else:
                message = f"No test was run: what an earlier run left in {self.folder_of(document)} stays as it is."
                terminalreporter.write_line(message, bold=True)
        if self.project.several and self._logs.has_begun:
            terminalreporter.section("overview", sep="=", bold=True)
            terminal.show_overview(terminalreporter, self._overview(), self.folder / overview.MARKDOWN)

    def close(self) -> None:
        """Close everything, once."""
        try:
            super().close()
        finally:
            for handler in self._handlers:
                progress.forget(handler)
            self._handlers = []
            self._terminal.close()

    def pytest_unconfigure(self) -> None:
        """Close the log too: it is still open if the session never came to its end."""
        super().pytest_unconfigure()
        if self._session is not None:
            # A plugin may have changed it since. It may find something wrong, and nothing right.
            self._session.exitstatus = self._code or self._session.exitstatus
        self._logs.close()
        self._stack.close()
        self._signals.restore()


def _keyed(lines: Iterable[records.Manifest]) -> _Manifest:
    return {(line.test, line.criterion_id, line.level): line for line in lines}


def _write_nowhere() -> None:
    """Give standard output and error a place: Python flushes both when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
