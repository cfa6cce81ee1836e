"""How long everything took that a run did: phases of tests, fixtures, and the steps of the harness."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from workstream import limits, progress
from workstream.evidence import records
from workstream.progress import timed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class Timing:
    """Tells what takes how long.

    Args:
        keep: takes what took long enough to matter.
        process: what this process of pytest-xdist is called; empty if it is no such.

    """

    def __init__(self, keep: Callable[[records.Step], None], process: str = "") -> None:
        self._keep = keep
        self._process = process

    def take(self, step: progress.Step) -> None:
        """Take a step that ended: what a longer one was made of, or what nobody would miss, is passed over."""
        if step.seconds < limits.SHORTEST_STEP_SECONDS:
            return
        self._keep(
            records.Step(
                id=self._named(str(step.number)),
                parent=self._named(str(step.parent)) if step.parent else "",
                thread=self._named(_thread(step.thread)),
                subject=step.subject,
                doing=step.doing,
                began=datetime.fromtimestamp(step.began, UTC).isoformat(timespec="milliseconds"),
                seconds=round(step.seconds, 3),
                failed=step.failed,
                waits_for=self._named(step.waits_for) if step.waits_for else "",
            )
        )

    def _named(self, name: str) -> str:
        """Return a name that no other process of the run uses."""
        return f"{self._process} {name}" if self._process else name

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Time what comes before a test."""
        with timed("setup", item.nodeid):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Time a test itself."""
        with timed("test", item.nodeid):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Time what comes after a test."""
        with timed("teardown", item.nodeid):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """Time a fixture."""
        with timed("fixture", fixturedef.argname):
            return (yield)


def _thread(name: str) -> str:
    """Return what people call a thread of this process."""
    return "main" if name == threading.main_thread().name else name
