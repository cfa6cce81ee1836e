from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workstream import errors
from workstream.evidence import Level, Recorder

if TYPE_CHECKING:
    from workstream.evidence.records import Observation, Phase


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
    kept: list[Observation] = []
    recorder = Recorder("test_a.py::test", 2, level=lambda: level, phase=lambda: phase, keep=kept.append)
    recorder.record(what, value, **more)
    (observation,) = kept
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
    kept: list[Observation] = []
    recorder = Recorder("test_a.py::test", 1, level=lambda: own, phase=lambda: "call", keep=kept.append)
    recorder.record("it", 1, level=claimed)
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
