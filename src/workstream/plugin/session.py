"""What every process that runs tests does: bind tests to criteria, watch them, and pass on what they see."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter, deque
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest._code.code import ReprEntryNative, ReprExceptionInfo, ReprTraceback  # what a report shows of an error

from workstream import documents, errors, progress
from workstream.cluster import diagnose, sight
from workstream.cluster.kind import DEFAULT_NAME
from workstream.cluster.provisioning import Options
from workstream.evidence import records
from workstream.evidence.log import CONTROLS, FOLDER
from workstream.plugin import inventory, written
from workstream.plugin.binding import bind, uses
from workstream.plugin.exchange import MESSAGE, Collected, EnvironmentFailure, Message, leave
from workstream.plugin.execution import FUNCTION, Watch
from workstream.plugin.process_environment import ProcessEnvironment
from workstream.plugin.rounds import planned
from workstream.plugin.running import Running
from workstream.plugin.scheduling import group_of
from workstream.plugin.sights import Sights
from workstream.plugin.silence import Silence
from workstream.plugin.timing import Timing
from workstream.text import one_line
from workstream.world import Borrowed, World

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from workstream.plugin.binding import Bindings
    from workstream.plugin.project import Project
    from workstream.plugin.rounds import Round

SESSION = pytest.StashKey["Session"]()
RUNNING = pytest.StashKey[Running]()
_NODE_ID = pytest.StashKey[str]()  # as it was collected; pytest-xdist changes it

# Attributes of a report: they reach the process that writes, whichever that is.
TEST, ATTEMPT = "workstream_test", "workstream_attempt"

_LINES_AGAIN = 2  # of what is said of a fixture that has failed before
_LONGEST_NAME = 100  # characters of a folder's name that a reader still takes in


class Session:
    """One process's part of a session: alone, as a process of pytest-xdist, or running no test.

    Args:
        config: pytest's.
        project: what the project says of itself, and the documents under acceptance.

    Attributes:
        folder: where that is kept which belongs to no document alone; of a run on one document its folder.

    Raises:
        errors.WorkstreamError: the options, or the project's configuration, cannot be understood.

    """

    def __init__(self, config: pytest.Config, project: Project) -> None:
        self.config = config
        self.root = config.rootpath
        self.project = project
        self.project.require_sense()
        self.plan = planned(config, project.documents)
        self.rounds = self.plan.rounds
        where = CONTROLS if config.getoption("--workstream-controls") else FOLDER
        chosen = config.getoption("--workstream-folder")
        self.folder = Path(chosen or self.root / where)
        if not project.several and not chosen:
            self.folder /= project.documents[0].id
        options = Options(
            self.project.setting("cluster-name") or DEFAULT_NAME,
            self._keeps_cluster,
            self.project.setting("kube-context"),
            self.project.setting("registry"),
            self.project.setting("namespace"),
            self.folder / "diagnostics",
            lambda name, value: self.keep(records.Subject(name=name, value=value)),
            Sights(self.keep).take,
        )
        self.is_worker = hasattr(config, "workerinput")
        self.world = Borrowed(self._exchange, options) if self.is_worker else World(options)
        self.process_environment = ProcessEnvironment(self.world)
        self.round = 1
        self.interrupted_by = 0
        self.rendered: dict[str, tuple[str, ...]] = {}  # see `records.Rendered`, of the last round that has it
        self.failed = False  # whether a test was seen to fail
        self._speaking: set[str] = set()  # tests that speak of a criterion
        self._begun: Counter[str] = Counter()  # runs of each test, whichever item ran it: a retry may make another
        # By which test each error of a fixture was met first. pytest raises the same object for every test that asks.
        self._first_met: dict[int, tuple[BaseException, str]] = {}
        self._message = Message()
        self._suite = None if self.is_worker else inventory.begin(config)
        self.watch = Watch(self.keep, lambda path: inventory.is_own(path, project.folder))
        self._silence = Silence(self._unready)
        self._timing = Timing(self.keep, config.workerinput["workerid"] if self.is_worker else "")  # type: ignore[attr-defined] # pytest-xdist sets it
        self._heard = contextlib.ExitStack()
        self._heard.enter_context(progress.heard(self._timing.take))
        config.stash[SESSION] = self

    def keep(self, line: records.Seen) -> None:
        """Keep what was seen; here until the next report takes it to the process that writes."""
        self._message.lines.append(line)

    def _keeps_cluster(self) -> bool:
        """Whether the cluster is to be left running, now that the run is over."""
        on_failure = self.failed and self.config.getoption("--workstream-keep-on-failure")
        return bool(self.config.getoption("--workstream-keep") or on_failure)

    def note_failure(self, failure: EnvironmentFailure) -> None:
        """Keep what kept a test from running; here like `keep`."""
        self._message.failure = self._message.failure or failure

    def folder_of(self, document: documents.Document) -> Path:
        """Return where evidence and reports of a document are kept."""
        return self.folder / document.id if self.project.several else self.folder

    @property
    def suite(self) -> inventory.Suite:
        """What the whole suite holds, once that is known."""
        return self._suite.result() if self._suite else inventory.Suite()

    def collected(self, collected: Collected) -> None:
        """Take what this process is to run; here leave it to the process that writes, if there is one."""
        if self.is_worker:
            leave(self._exchange, self.config.workerinput["workerid"], collected)  # type: ignore[attr-defined] # likewise
        else:
            require_no_problems(self.suite, collected)

    @property
    def _exchange(self) -> Path:
        """Where the processes of pytest-xdist and the controller leave something for each other."""
        return Path(self.config.workerinput[MESSAGE])  # type: ignore[attr-defined] # pytest-xdist sets it

    def _take_message(self) -> str:
        message, self._message = self._message, Message()
        return message.model_dump_json()

    # Hooks

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_itemcollected(self, item: pytest.Item) -> Iterator[None]:
        """Remember a test as it was collected, before anybody changes its name or what it calls."""
        item.stash[_NODE_ID] = item.nodeid
        function = written.own_function(item)
        if function is not None:
            item.stash[FUNCTION] = function, function.__code__
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Iterator[None]:
        """Bind the tests that are to run to their criteria; those of documents that nobody asked for do not run."""
        yield
        bindings = bind(items, self.project)
        self._leave_out(items, frozenset(bindings.elsewhere))
        if len(self.project.documents) > 1:
            self._order(items, bindings)
        renamed = {item.nodeid: test_of(item) for item in items}
        self._name_criteria(items, bindings)
        bindings.manifest = {
            one: [line.model_copy(update={"test": renamed[line.test]}) for line in lines]
            for one, lines in bindings.manifest.items()
        }
        self._speaking = {line.test for line in bindings.lines()}
        needs = any(uses(item, "cluster") for item in items)
        groups = {item.nodeid: group_of(item) for item in items}
        self.collected(Collected(bindings=bindings, tests=renamed, groups=groups, uses_cluster=needs))

    def _leave_out(self, items: list[pytest.Item], elsewhere: frozenset[str]) -> None:
        """Leave out tests, and let pytest count them."""
        left = [item for item in items if item.nodeid in elsewhere]
        if left:
            items[:] = [item for item in items if item.nodeid not in elsewhere]
            self.config.hook.pytest_deselected(items=left)

    def _order(self, items: list[pytest.Item], bindings: Bindings) -> None:
        """Let the tests of a document run behind those of the documents that it depends on.

        A test of several documents runs with the last of them, and one that speaks of none with the one before it.
        """
        places: dict[str, int] = {}
        for place, document in enumerate(self.project.documents):
            for line in bindings.manifest.get(document.id, ()):
                places[line.test] = place
        before = 0
        for item in items:
            before = places.setdefault(item.nodeid, before)
        items.sort(key=lambda item: places[item.nodeid])

    def _name_criteria(self, items: list[pytest.Item], bindings: Bindings) -> None:
        """Let reports of tests, such as JUnit's, say of which criteria each speaks."""
        spoken: dict[str, list[str]] = {}
        for document_id, lines in bindings.manifest.items():
            texts = {one.id: one_line(one.text) for one in self.project.by_id[document_id].criteria}
            before = f"{document_id} " if self.project.several else ""
            for line in lines:
                spoken.setdefault(line.test, []).append(f"{before}{line.criterion_id} {texts[line.criterion_id]}")
        for item in items:
            item.user_properties += [("criterion", one) for one in dict.fromkeys(spoken.get(item.nodeid, []))]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Begin to bring up the cluster as soon as it is known that a test wants one; run what is to be repeated."""
        broken = session.testsfailed and not session.config.option.continue_on_collection_errors
        if broken or session.config.option.collectonly or not session.items:
            return None
        if session.config.option.setuponly:
            return None
        rounds = [self._chosen(session, round_) for round_ in self.rounds] or [session.items]
        if any(uses(item, "cluster") for items in rounds for item in items):
            self.begin_cluster()
        self.begin()
        self.watch.watch()
        self._silence.begin()
        # Now that every other plugin is there: nothing is to stand between it and the tests.
        self.config.pluginmanager.register(self.watch, "workstream-watch")
        self.config.pluginmanager.register(self._timing, "workstream-timing")
        if not self.rounds:
            return None  # pytest's own loop does it
        self._run_rounds(session)
        return True

    def _run_rounds(self, session: pytest.Session) -> None:
        """Run all rounds; those that controls shared, and in which not each was seen to do its own, in halves again."""
        self._take_over()
        ahead = deque(self.rounds)
        for number in count(1):
            if not ahead:
                return
            round_ = ahead.popleft()
            self.round = number
            progress.say("round", f"{number} of {number + len(ahead)}: {round_.title}")
            self.begin_round(round_)
            for line in round_.records(number):
                self.keep(line)
            control = round_.control
            if control and (failure := self._without_tools()):
                self.note_failure(failure)
                return
            with self.world.broken(control) if control else self._recorded(self._chosen(session, round_)):
                self._run(session, round_)
            if number == 1:
                ahead = deque(self._instead() or ahead)
            if not self.counts(round_):
                progress.say("round", "not each control was seen to do its own, and nothing else: they run in halves")
                ahead.extendleft(reversed(round_.halves()))

    @contextlib.contextmanager
    def _recorded(self, items: Sequence[pytest.Item]) -> Iterator[None]:
        """Keep what Helm renders of the whole product, in a session with controls."""
        wanted = self.plan.controls and any(uses(item, name) for item in items for name in ("tools", "cluster"))
        if not wanted or self._without_tools():  # what is missing, the tests say
            yield
            return
        with self.world.recorded(self.plan.rendering if self.round == 1 else ()) as hashes:
            yield
            self.rendered = hashes()
            for control, sha256 in self.rendered.items():
                self.keep(records.Rendered(round=self.round, control=control, sha256=sha256))

    def _without_tools(self) -> EnvironmentFailure | None:
        """Return why there are no programs that act on a cluster; None if there are."""
        try:
            self.world.tools()
        except errors.WorkstreamError as error:
            return EnvironmentFailure.of(error)
        return None

    def _instead(self) -> tuple[Round, ...]:
        """Return the rounds that are left to run, now that it is known what Helm renders; none if that changes nothing.

        What need not run is kept then.
        """
        instead = self.plan.instead(self.rendered)
        if instead is None:
            return ()
        taken = f"{len(instead.taken)} of {instead.controls} controls are taken over"
        progress.say("round", f"Helm renders what it did: {taken}")
        self.plan = instead
        self._take_over()
        return instead.rounds

    def _take_over(self) -> None:
        """Keep what is taken over, and what it rests on."""
        for subject in self.plan.subjects:
            self.keep(subject)
        for taken in self.plan.taken:
            self.keep(taken)

    # Rounds exclude pytest-xdist: they run where the log is written, which knows more

    def begin_round(self, round_: Round) -> None:
        """Do what is to be done before a round."""

    def counts(self, round_: Round) -> bool:
        """Whether a round that is over shows something: controls that shared it can be told apart."""
        del round_
        return True

    def begin_cluster(self) -> None:
        """Begin to bring up the cluster, before anything of an earlier run is touched: another run may use it."""
        try:
            self.world.begin_cluster()
        except errors.WorkstreamError as error:
            pytest.exit(str(error), returncode=error.exit_code)

    def begin(self) -> None:
        """Do what is to be done before the first test runs."""

    def _run(self, session: pytest.Session, round_: Round) -> None:
        """Run the tests of a round.

        At the end every fixture is torn down, those of the session too: only the cluster stays.
        """
        items = self._chosen(session, round_)
        for item, following in zip(items, [*items[1:], None], strict=False):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)

    def _chosen(self, session: pytest.Session, round_: Round) -> list[pytest.Item]:
        """Return the tests of a round."""
        chosen = [item for item in session.items if not round_.only_criteria or test_of(item) in self._speaking]
        return [item for item in chosen if test_of(item) not in round_.leaves]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let somebody see that a test goes on."""
        with self._silence.during(test_of(item)):
            return (yield)

    def _unready(self) -> list[str]:
        """Return what is not ready on the cluster, in a sentence; nothing if that is not known."""
        if not self.world.has_cluster:
            return []
        try:
            return diagnose.unready(self.world.cluster())
        except Exception:  # noqa: BLE001 - whatever it is, it is the test that is to say so
            return []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Count the attempts: before `watch`, which is the innermost wrapper, takes over."""
        self._begun[test_of(item)] += 1
        item.stash[RUNNING] = Running(test_of(item), self._begun[test_of(item)], self.round)
        self.watch.begin(item.stash[RUNNING])
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """Give fixtures the environment that they were set up with, and take it back before the next test."""
        self.process_environment.begin_teardown()
        try:
            return (yield)
        finally:
            self.process_environment.end()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Tell an error of the environment from one of the test."""
        report = yield
        self._look(item)
        setattr(report, TEST, test_of(item))
        setattr(report, ATTEMPT, self._begun[test_of(item)] or 1)
        if self.world.is_broken:
            return report  # a broken product is meant to fail
        if call.excinfo is not None and call.when == "setup" and isinstance(call.excinfo.value, errors.WorkstreamError):
            self.note_failure(EnvironmentFailure.of(call.excinfo.value))
        if report.failed and not self._is_told(report, call, test_of(item)):
            self._keep_diagnostics(item, report.when)
            if call.excinfo is not None and _is_of_harness(call.excinfo):
                _show_only(report, call.excinfo.exconly().splitlines())
        return report

    def _look(self, item: pytest.Item) -> None:
        """Look at what is there of the cluster, now that a phase of a test that uses it is over."""
        if self.world.has_cluster and uses(item, "cluster"):
            sight.look(self.world.cluster())

    def _is_told(self, report: pytest.TestReport, call: pytest.CallInfo[None], test: str) -> bool:
        """Whether a fixture failed once, for an earlier test; then the report names that instead of its traceback."""
        if call.excinfo is None or call.when != "setup":
            return False
        error = call.excinfo.value
        _, first = self._first_met.setdefault(id(error), (error, test))
        if first != test:
            lines = [
                f"A fixture failed in the setup of {first}, which says more:",
                *call.excinfo.exconly().splitlines(),
            ]
            _show_only(report, lines[:_LINES_AGAIN])
        return first != test

    def _keep_diagnostics(self, item: pytest.Item, when: str) -> None:
        """Keep the state of the cluster on which a test failed."""
        if not self.world.has_cluster or not uses(item, "cluster"):
            return
        folder = self.folder / "diagnostics" / self._folder_name(item, when)
        progress.say("diagnostics", f"keeping the state of the cluster in {folder}")
        with contextlib.suppress(errors.WorkstreamError, OSError):
            diagnose.collect(self.world.cluster(), folder)

    def _folder_name(self, item: pytest.Item, when: str) -> str:
        """Return a name for what is kept of one failure: of a test, its attempt, its round, and of its teardown."""
        name = test_of(item)
        readable = re.sub(r"[^\w.=\[\]]+", "-", _without_folders(name))[:_LONGEST_NAME].strip("-.")
        attempt = self._begun[name]
        parts = [
            f"round-{self.round}" if self.rounds else "",
            readable,
            hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8],
            f"attempt-{attempt}" if attempt > 1 and not self.rounds else "",
            when if when == "teardown" else "",
        ]
        return "-".join(filter(None, parts))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Let the report take along what was seen; before pytest-xdist sends it."""
        setattr(report, MESSAGE, self._take_message())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Iterator[None]:
        """Pass on what no report took along; before pytest-xdist sends the process's last message."""
        del session, exitstatus
        if self.is_worker:
            self.watch.end()
            for path, sha256 in self.late_sources().items():
                self.keep(records.Subject(name=records.SUITE, value=sha256, path=path))
            self.config.workeroutput[MESSAGE] = self._take_message()  # type: ignore[attr-defined] # pytest-xdist sets it
        return (yield)

    def late_sources(self) -> dict[str, str]:
        """Return the files of the suite that were imported only while tests ran, with their hashes."""
        return inventory.hashes(self.config, self.project.folder)

    def pytest_unconfigure(self) -> None:
        """Close everything, even if the session never began."""
        self.close()

    def close(self) -> None:
        """Close everything; only now, because fixtures of the session may have needed it."""
        self.watch.close()
        self._silence.end()
        try:
            self.world.close(interrupted=bool(self.interrupted_by))
        finally:
            self._heard.close()


def _is_of_harness(excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    """Whether an error is ours, and came through no line of a suite's: what it says is all that there is to see."""
    # What has no absolute path is ours: `<workstream>`, say.
    files = {path for entry in excinfo.traceback if (path := Path(entry.path)).is_absolute()}
    of_suite = any(inventory.is_own(path, path.parent) for path in files)  # wherever it stands
    return isinstance(excinfo.value, errors.WorkstreamError) and not of_suite


def _show_only(report: pytest.TestReport, lines: Sequence[str]) -> None:
    """Let a report show some lines in place of a traceback."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        entry = ReprEntryNative([f"{line}\n" for line in lines])
        traceback = ReprTraceback([entry], extraline=None, style="native")
        report.longrepr = ReprExceptionInfo(reprtraceback=traceback, reprcrash=crash)


def test_of(item: pytest.Item) -> str:
    """Return the node id that a test was collected with."""
    return item.stash.get(_NODE_ID, item.nodeid)


def _without_folders(test: str) -> str:
    """Return a node id without the folders in which its module stands; its parameters may hold slashes too."""
    path, separator, name = test.partition("::")
    return path.rpartition("/")[2] + separator + name


def require_no_problems(suite: inventory.Suite, *collected: Collected) -> None:
    """Raise pytest.UsageError that names everything that would drop a test in silence."""
    problems: Sequence[str] = [
        *suite.bindings.problems,
        *(problem for part in collected for problem in part.bindings.problems),
    ]
    if problems:
        raise pytest.UsageError("\n".join(dict.fromkeys(problems)))
