"""What every process that runs tests does: bind tests to criteria, and pass on what they see."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest
from pydantic import BaseModel

from workstream import documents, errors, progress
from workstream.cluster.environment import Wish
from workstream.evidence import records
from workstream.plugin.binding import Bindings, bind, ship, uses_cluster
from workstream.plugin.rounds import planned
from workstream.world import World

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

SESSION = pytest.StashKey["Session"]()
ATTEMPT = pytest.StashKey[int]()
PARCEL = "workstream"  # the attribute of a report that holds a parcel


class Obstacle(BaseModel):
    """What kept a test from running: an error of ours in its setup.

    Attributes:
        exit_code: the error's.
        text: its three parts.

    """

    exit_code: int
    text: str

    @classmethod
    def of(cls, error: errors.WorkstreamError) -> Self:
        """Return what an error says."""
        return cls(exit_code=error.exit_code, text=str(error))


class Parcel(BaseModel):
    """What a process that does not write passes on to the one that does.

    Attributes:
        lines: what was seen, in order.
        obstacle: the first thing that kept a test from running.

    """

    lines: list[records.Observation | records.Subject | records.Round] = []
    obstacle: Obstacle | None = None


class Session:
    """One process's part of a session: alone, as a process of pytest-xdist, or only collecting.

    Args:
        config: pytest's.
        document: the document under acceptance.

    """

    def __init__(self, config: pytest.Config, document: documents.Document) -> None:
        self.config = config
        self.document = document
        self.root = config.rootpath
        self.rounds = planned(config, document)
        kind = "controls" if config.getoption("--controls") else "acceptance"
        self.folder = Path(config.getoption("--workstream-folder") or self.root / "build" / kind / document.id)
        options = config.option
        self.wish = Wish(
            options.cluster_name, options.keep, options.kube_context, options.registry, self.folder / "diagnostics"
        )
        self.world = World(self.wish)
        self.round = 1
        self._criteria: dict[str, set[str]] = {}
        self.interrupted_by = 0
        self._parcel = Parcel()

    def keep(self, line: records.Observation | records.Subject | records.Round) -> None:
        """Keep what was seen; here until the next report takes it to the process that writes."""
        self._parcel.lines.append(line)

    def meet(self, obstacle: Obstacle) -> None:
        """Keep what kept a test from running; here like `keep`."""
        self._parcel.obstacle = self._parcel.obstacle or obstacle

    def bound(self, bindings: Bindings) -> None:
        """Take what the markers say; here leave it to the process that writes, if there is one."""
        if hasattr(self.config, "workerinput"):
            ship(self.folder, self.config.workerinput["workerid"], bindings)
        else:
            require_no_problems(bindings)

    def _take_parcel(self) -> str:
        parcel, self._parcel = self._parcel, Parcel()
        return parcel.model_dump_json()

    # Hooks

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Iterator[None]:
        """Bind every test to its criteria, those too that are deselected now."""
        collected = list(items)
        yield
        bindings = bind(collected, self.document, self.root)  # now: pytest-xdist may just have renamed them
        for line in bindings.manifest:
            self._criteria.setdefault(line.test, set()).add(line.criterion_id)
        self.bound(bindings)

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Begin to bring up the cluster as soon as it is known that a test wants one; run what is to be repeated."""
        broken = session.testsfailed and not session.config.option.continue_on_collection_errors
        if broken or session.config.option.collectonly:
            return None
        if any(uses_cluster(item) for item in session.items):
            self.world.begin_cluster()
        if not self.rounds:
            return None  # pytest's own loop does it
        for number, one in enumerate(self.rounds, start=1):
            self.round = number
            progress.say("round", f"{number} of {len(self.rounds)}: {one.title}")
            self.keep(one.record(number))
            with self.world.broken(one.control) if one.control else contextlib.nullcontext():
                self._run(session, one.criteria)
        return True

    def _run(self, session: pytest.Session, criteria: frozenset[str] | None) -> None:
        """Run the tests that speak of criteria; all tests if there are none to choose by.

        At the end every fixture is let go, those of the session too: only the cluster stays.
        """
        spoken = self._criteria
        items = [item for item in session.items if criteria is None or criteria & spoken.get(item.nodeid, set())]
        for item, following in zip(items, [*items[1:], None], strict=True):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Count the attempts."""
        item.stash[ATTEMPT] = item.stash.get(ATTEMPT, 0) + 1

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Tell an error of the environment from one of the test."""
        report = yield
        if self.world.is_broken:
            return report  # it is to fail
        if call.excinfo is not None and call.when == "setup" and isinstance(call.excinfo.value, errors.WorkstreamError):
            self.meet(Obstacle.of(call.excinfo.value))
        if report.failed:
            self.failed(item)
        return report

    def failed(self, item: pytest.Item) -> None:
        """Do what is to be done when a phase of a test failed."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Let the report take along what was seen; before pytest-xdist sends it."""
        setattr(report, PARCEL, self._take_parcel())

    def pytest_unconfigure(self) -> None:
        """Let go of everything, even if the session never began."""
        self.close()

    def close(self) -> None:
        """Let go of everything; here, because fixtures of the session may still need it before."""
        self.world.close(interrupted=bool(self.interrupted_by))


def require_no_problems(bindings: Bindings) -> None:
    """Raise pytest.UsageError that names every marker that is wrong."""
    if bindings.problems:
        raise pytest.UsageError("\n".join(bindings.problems))
