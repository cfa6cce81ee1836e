"""How long everything took that a run did, as its log tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.plugin.conftest import Suite

    from workstream.evidence.records import Step

LONG = """
    import threading
    import time

    from workstream import limits, progress

    LONG = limits.SHORTEST_STEP_SECONDS * 1.5

    @pytest.fixture(scope="session")
    def guest(world):
        going_on = threading.Event()

        def arrive():
            with progress.timed("guest", "arriving"):
                going_on.set()
                time.sleep(2 * LONG)

        future = world.background(arrive, "guest")
        assert going_on.wait(10)
        return future

    def test(evidence, guest):
        with progress.step("host", "cooking"):
            with progress.timed("host", "looking"):
                pass
        guest.result()
        time.sleep(LONG)
        evidence.record("answer", 42)
"""


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["alone", "xdist"])
def test_the_log_tells_what_took_how_long(suite: Suite, options: tuple[str, ...]) -> None:
    """Phases of tests, fixtures, the harness's own steps, and who waited for what; alone and under pytest-xdist."""
    suite.write({"one": LONG})
    suite.run(*options)
    process = "gw0 " if options else ""
    told = {step.subject: step for step in suite.log().steps if step.thread.startswith(process)}
    assert {"test", "wait", "guest"} <= told.keys()
    assert _place(told["test"]) == ("test_00.py::test", f"{process}main", "")
    assert _place(told["wait"]) == ("for guest", f"{process}main", f"{process}guest")
    assert _place(told["guest"]) == ("arriving", f"{process}guest", "")
    assert told["wait"].parent == told["test"].id
    assert told["guest"].parent == ""
    assert told["test"].seconds > told["wait"].seconds
    assert "looking" not in {step.doing for step in suite.log().steps}, "what nobody would miss"


def _place(step: Step) -> tuple[str, str, str]:
    """Return what was done, by what, and what it waited for."""
    return step.doing, step.thread, step.waits_for


def test_a_step_that_an_error_ends_is_told(suite: Suite) -> None:
    """And so is the test that it was a part of: both say that they failed."""
    suite.write({"one": LONG.replace('evidence.record("answer", 42)', "assert False")})
    suite.run()
    assert {step.subject for step in suite.log().steps if step.failed} == {"test"}
