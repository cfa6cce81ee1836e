from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstream import errors
from workstream.evidence import Level, Recorder
from workstream.evidence.records import Event, Link, Observation

if TYPE_CHECKING:
    from collections.abc import Callable

    from workstream.evidence.records import Phase


class Colour(enum.StrEnum):
    """Text with names."""

    RED = "red"


class Number(enum.IntEnum):
    """A number with names."""

    ONE = 1


@dataclass(frozen=True, slots=True)
class Pod:
    """A value of a test."""

    name: str
    ports: frozenset[int]


def record(
    value: Any,  # noqa: ANN401 - anything
    what: str = "it",
    *,
    level: Level = Level.STATIC,
    phase: Phase | None = "call",
    **more: Any,  # noqa: ANN401 - likewise
) -> Observation:
    """Record one value and return what was kept."""
    kept: list[Observation | Event | Link] = []
    recorder = Recorder("test_a.py::test", 2, level=lambda: level, phase=lambda: phase, keep=kept.append)
    recorder.record(what, value, **more)
    (observation,) = kept
    assert isinstance(observation, Observation)
    return observation


def test_an_observation_says_who_saw_what_when_and_how_to_see_it_again() -> None:
    """An observation has the test, its attempt, the time, what was seen, its level and a command."""
    seen = record(42, "answer", level=Level.CLUSTER, command="ask")
    assert (seen.test, seen.attempt, seen.what, seen.value) == ("test_a.py::test", 2, "answer", 42)
    assert (seen.command, seen.level) == ("ask", Level.CLUSTER)
    assert seen.time.endswith("+00:00")


@pytest.mark.parametrize("phase", ["setup", "call", "teardown"])
def test_an_observation_says_whether_the_tests_own_function_was_running(phase: Phase) -> None:
    """What is recorded before or after is kept, and told apart."""
    assert record(42, phase=phase).when == phase


def test_nothing_is_recorded_for_a_test_that_is_not_running() -> None:
    """A recorder that somebody kept is of no use to another test."""
    with pytest.raises(errors.EvidenceError, match="which is not running"):
        record(42, phase=None)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        ((1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (Path("a/b"), "a/b"),
        (Colour.RED, "red"),
        (Number.ONE, 1),
        ({7337: "open"}, {"7337": "open"}),
        ({Path("a"): {"b"}}, {"a": ["b"]}),
        (Pod("one", frozenset({2, 1})), {"name": "one", "ports": [1, 2]}),
        ([Pod("one", frozenset())], [{"name": "one", "ports": []}]),
    ],
)
def test_what_json_can_hold_is_kept(value: object, kept: object) -> None:
    """Sets are sorted, paths are text, dataclasses and mappings are objects."""
    assert record(value).value == kept
    assert type(record(value).value) is type(kept)


def test_what_is_kept_does_not_change_any_more() -> None:
    """A value that a test changes after recording it is kept as it was."""
    value: dict[str, list[int]] = {"numbers": [1]}
    seen = record(value)
    value["numbers"].append(2)
    assert seen.value == {"numbers": [1]}


CYCLE: list[object] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "object is nothing that JSON can hold"),
        (b"bytes", "bytes is nothing that JSON can hold"),
        (Pod, "type is nothing that JSON can hold"),
        (float("nan"), "nan is nothing that JSON can hold"),
        ([float("inf")], "inf is nothing that JSON can hold"),
        ({None: 1}, "a key of type NoneType"),
        ({True: 1}, "a key of type bool"),
        ({(1, 2): 3}, "a key of type tuple"),
        ({1: "a", "1": "b"}, "the key '1' is there twice"),
        ({1, "a"}, "not supported"),
        (CYCLE, "recursion"),
        ("half \ud800", "surrogates"),
        ({"half \ud800": 1}, "surrogates"),
        pytest.param(10**4300, "4300", id="a number that Python does not read"),
    ],
)
def test_what_json_cannot_hold_is_an_error_at_that_line(value: object, why: str) -> None:
    """The error names the test, what it saw, and what is wrong with it."""
    with pytest.raises(errors.EvidenceError, match=why) as caught:
        record(value, "guests")
    assert "test_a.py::test saw 'guests'" in caught.value.what


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "Secret", "data": {"password": "eA=="}},
        {"items": [{"kind": "Secret", "stringData": {}}]},
        {"kind": "SecretList", "items": [{"data": {"password": "eA=="}}]},
        "apiVersion: v1\ndata:\n  password: eA==\nkind: Secret\n",
        '{"data": {"password": "eA=="},\n "kind": "Secret"}',
        "-----BEGIN PRIVATE KEY-----\nMIIE",
        {"tls.key": "-----BEGIN RSA PRIVATE KEY-----"},
    ],
)
def test_what_is_visibly_a_secret_is_refused(value: object) -> None:
    """A Secret with its data, or a private key, does not enter the log."""
    with pytest.raises(errors.EvidenceError):
        record(value)


def test_that_there_is_a_secret_may_be_said() -> None:
    """A Secret without its data is an object like any other."""
    assert record({"kind": "Secret", "metadata": {"name": "token"}}).value


@pytest.mark.parametrize("own", list(Level))
@pytest.mark.parametrize("claimed", list(Level))
def test_nobody_claims_more_than_the_fixtures_give(own: Level, claimed: Level) -> None:
    """A level up to the test's own may be claimed, one above is an error."""
    if list(Level).index(claimed) <= list(Level).index(own):
        assert record_at(own, claimed).level is claimed
    else:
        with pytest.raises(errors.EvidenceError, match=f"level {claimed}"):
            record_at(own, claimed)


def record_at(own: Level, claimed: Level) -> Observation:
    """Record at a level that is claimed."""
    kept: list[Observation | Event | Link] = []
    recorder = Recorder("test_a.py::test", 1, level=lambda: own, phase=lambda: "call", keep=kept.append)
    recorder.record("it", 1, level=claimed)
    assert isinstance(kept[0], Observation)
    return kept[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_any_json_comes_back_as_it_was(value: object) -> None:
    """What is JSON already is kept unchanged, through the log's text and back."""
    seen = record(value)
    assert seen.value == value
    assert json.loads(seen.model_dump_json())["value"] == value


class Pencil:
    """A recorder that draws, for a test that runs until it has ended.

    Attributes:
        drawn: what was drawn.
        phase: the phase of the test.
        recorder: the recorder.

    """

    def __init__(self) -> None:
        self.drawn: list[Observation | Event | Link] = []
        self.phase: Phase | None = "call"
        self.recorder = Recorder(
            "test_a.py::test", 2, level=lambda: Level.CLUSTER, phase=lambda: self.phase, keep=self.drawn.append
        )

    @property
    def event(self) -> Event:
        """The one event that was drawn."""
        (event,) = self.drawn
        assert isinstance(event, Event)
        return event


@pytest.fixture
def pencil() -> Pencil:
    """Give what draws."""
    return Pencil()


def test_an_event_says_what_happened_when_on_one_clock(pencil: Pencil) -> None:
    """Whatever zone a time is told in, it is kept in UTC; the event is the test's and the attempt's."""
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    zone = timezone(timedelta(hours=2))
    pencil.recorder.event("jobs", "counting", began=noon.astimezone(zone), ended=noon + timedelta(seconds=1.5))
    event = pencil.event
    assert (event.test, event.attempt, event.lane, event.what) == ("test_a.py::test", 2, "jobs", "counting")
    assert (event.began, event.ended) == ("2026-01-02T12:00:00.000+00:00", "2026-01-02T12:00:01.500+00:00")
    assert not event.fault


def test_an_event_without_a_time_is_a_moment_that_is_now(pencil: Pencil) -> None:
    """Without times it began when it was told, and was over at once."""
    before = datetime.now(UTC)
    pencil.recorder.event("jobs", "counted")
    assert before - timedelta(seconds=1) <= datetime.fromisoformat(pencil.event.began) <= datetime.now(UTC)
    assert pencil.event.ended == ""


def test_a_time_that_names_no_zone_is_refused(pencil: Pencil) -> None:
    """Nobody would know when it was."""
    with pytest.raises(errors.EvidenceError, match="no time zone"):
        pencil.recorder.event("jobs", "counting", began=datetime(2026, 1, 2))  # noqa: DTZ001 - that is what is refused
    assert pencil.drawn == []


def test_a_fault_is_looked_at_before_and_after(pencil: Pencil) -> None:
    """What it is done to is asked twice, around the block; the fault lasts as long as the block does."""
    pods = ["a", "b"]
    with pencil.recorder.fault("a pod is deleted", lambda: pods):
        pods = ["b"]
    event = pencil.event
    assert event.fault
    assert (event.what, event.before, event.after) == ("a pod is deleted", ["a", "b"], ["b"])
    assert event.began <= event.ended


def test_a_fault_whose_block_fails_is_told_and_fails(pencil: Pencil) -> None:
    """What the block raised goes on; the fault is in the evidence, with what was there before."""
    with pytest.raises(ZeroDivisionError), pencil.recorder.fault("dividing", lambda: "whole"):
        1 / 0  # noqa: B018 - it raises
    assert (pencil.event.before, pencil.event.after) == ("whole", None)
    assert pencil.event.ended


def test_a_connection_says_who_reached_whom_on_which_port(pencil: Pencil) -> None:
    """And whether it opened; one that was refused is drawn too."""
    pencil.recorder.link("worker", "10.0.0.1", 7337)
    pencil.recorder.link("worker", "other", 80, opened=False)
    first, second = pencil.drawn
    assert isinstance(first, Link)
    assert isinstance(second, Link)
    assert (first.source, first.target, first.port, first.opened) == ("worker", "10.0.0.1", 7337, True)
    assert (second.target, second.port, second.opened) == ("other", 80, False)
    assert first.time.endswith("+00:00")


@pytest.mark.parametrize(
    "draw",
    [
        lambda recorder: recorder.event("jobs", "counting"),
        lambda recorder: recorder.link("a", "b", 1),
        lambda recorder: recorder.fault("breaking", pytest.fail).__enter__(),
    ],
    ids=["event", "link", "fault"],
)
def test_nothing_is_drawn_for_a_test_that_is_not_running(pencil: Pencil, draw: Callable[[Recorder], object]) -> None:
    """As nothing is recorded for it; a fault is not even looked at."""
    pencil.phase = None
    with pytest.raises(errors.EvidenceError, match="which is not running"):
        draw(pencil.recorder)


def test_what_a_fault_looks_at_is_no_secret(pencil: Pencil) -> None:
    """A Secret of Kubernetes with its data is refused there too."""
    secret = {"kind": "Secret", "data": {"password": "eA=="}}
    with pytest.raises(errors.EvidenceError, match="Secret"), pencil.recorder.fault("breaking", lambda: secret):
        pass
    assert pencil.drawn == []
