from __future__ import annotations

import threading
import time

import pytest

from workstream import errors, limits, processes
from workstream.cluster import waiting
from workstream.limits import Limit


def test_it_returns_what_the_condition_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait ends with the first true value, and gives it."""
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.001)
    answers = iter(["", "", "here"])

    assert waiting.until(lambda: next(answers), Limit("a test", 5), what="it is here") == "here"


def test_time_running_out_is_told_with_what_was_seen_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the condition, the limit and the last state, and how to be more patient."""
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.001)
    with pytest.raises(errors.WaitError) as caught:
        waiting.until(lambda: False, Limit("a test", 0.01), what="the pod is ready", last_seen=lambda: "Pending")

    assert "the pod is ready" in caught.value.what
    assert "a test" in caught.value.what
    assert "Pending" in caught.value.what
    assert "WORKSTREAM_PATIENCE" in caught.value.instead


def test_an_interrupted_run_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for is not even looked at again, but by whoever cleans up."""
    monkeypatch.setattr(processes, "_cancelled", threading.Event())
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.001)
    looks = []

    def look() -> bool:
        looks.append("look")
        processes.cancel()
        return len(looks) > 1

    with pytest.raises(errors.CancelledError):
        waiting.until(look, Limit("a test", 1000), what="never")
    assert looks == ["look"]
    with processes.cleaning_up():
        assert waiting.until(look, Limit("a test", 1000), what="it is gone")


def test_what_cannot_heal_ends_the_wait_at_once() -> None:
    """An error that the condition raises is not waited out."""

    def hopeless() -> bool:
        raise errors.PodError("crash loop")

    with pytest.raises(errors.PodError, match="crash loop"):
        waiting.until(hopeless, Limit("a test", 1000), what="never")


@pytest.mark.parametrize(("takes", "pause"), [(0.0, 0.05), (0.05, 0.2), (1.0, 0.5)])
def test_a_look_that_costs_little_is_soon_repeated(takes: float, pause: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is there is seen at once, and what slows the cluster down is done seldom."""
    now, pauses = 0.0, []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)

    def look() -> bool:
        nonlocal now
        now += takes
        return len(pauses) == 2

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "sleep", sleep)

    waiting.until(look, Limit("a test", 1000), what="it is here")

    assert pauses == [pytest.approx(pause)] * 2
