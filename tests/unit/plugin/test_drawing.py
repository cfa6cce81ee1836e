"""What a run leaves for its report to draw: what the suite tells, and what the harness sees by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.plugin.conftest import Suite

ALONE_AND_XDIST = pytest.mark.parametrize("options", [(), ("-n1",)], ids=["alone", "xdist"])


@ALONE_AND_XDIST
def test_what_a_suite_draws_is_in_the_log_and_proves_nothing(suite: Suite, options: tuple[str, ...]) -> None:
    """Events, faults and connections reach the log; a test that records nothing else proves nothing."""
    suite.write(
        {
            "one": """
                def test(evidence):
                    evidence.event("jobs", "counting")
                    with evidence.fault("breaking", lambda: "a thing"):
                        pass
                    evidence.link("here", "there", 80)
            """
        }
    )
    suite.run(*options)
    log = suite.log()
    assert [(event.lane, event.fault, event.before) for event in log.events] == [
        ("jobs", False, None),
        ("faults", True, "a thing"),
    ]
    assert [(link.source, link.target, link.port) for link in log.links] == [("here", "there", 80)]
    assert suite.states() == {"one": "unproven"}


@ALONE_AND_XDIST
def test_the_pods_are_seen_for_nothing_after_each_phase_of_a_test(suite: Suite, options: tuple[str, ...]) -> None:
    """A suite that only uses the cluster has its pods in the log, once for each time that they changed."""
    suite.write(
        {
            "one": """
                @pytest.fixture(autouse=True)
                def release(cluster):
                    cluster.namespaces.add("n")
                    cluster.there.append("first")
                    yield
                    cluster.there.clear()

                def test(evidence, cluster):
                    cluster.there.append("second")
                    evidence.record("answer", 42)

                def test_that_changes_nothing(evidence, cluster):
                    evidence.record("answer", 42)
            """
        }
    )
    suite.run(*options)
    seen = [[pod.name for pod in sight.pods] for sight in suite.log().sights]
    assert seen == [["first"], ["first", "second"], [], ["first"], []]


def test_a_suite_that_uses_no_cluster_looks_at_none(suite: Suite) -> None:
    """What needs no cluster brings none up to look at it."""
    suite.write({"one": suite.PROVING})
    suite.run()
    assert suite.log().sights == ()
