"""The only way into the evidence: a test says what it saw; what JSON cannot hold is an error at that line."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from workstream import errors
from workstream.evidence import provenance
from workstream.evidence.records import Event, Level, Link, Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import JsonValue

    from workstream.evidence.records import Phase

_SECRET = re.compile(r"^[\s{-]*\"?kind\"?:\s*\"?Secret(?:List)?\b", re.MULTILINE)  # as kubectl prints it
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


class Recorder:
    """Records what one run of one test sees.

    Args:
        test: the test's node id.
        attempt: the first run of the test is 1.
        level: tells where this test observes, by the fixtures that it uses.
        phase: tells which phase of that run is under way; None if none is.
        keep: takes what is recorded.

    """

    def __init__(
        self,
        test: str,
        attempt: int,
        *,
        level: Callable[[], Level],
        phase: Callable[[], Phase | None],
        keep: Callable[[Observation | Event | Link], None],
    ) -> None:
        self._test = test
        self._attempt = attempt
        self._level = level
        self._phase = phase
        self._keep = keep

    def record(self, what: str, value: object, *, command: str = "", level: Level | None = None) -> None:
        """Record one observation.

        Args:
            what: what was looked at.
            value: what was seen: anything that JSON can hold; sets (sorted), paths and dataclasses too.
            command: what shows it again.
            level: where it was seen, if not where this test observes; it cannot be nearer to a real cluster.

        Raises:
            errors.EvidenceError: the value is nothing that JSON can hold, is a secret as far as one can see, the level
                is not this test's to claim, or the test has ended.

        """
        phase = self._require_running(what)
        observed = self._level()
        claimed = Level(level or observed)
        if not observed.reaches(claimed):
            raise errors.EvidenceError(
                f"{self._test} claims to have seen {what!r} at level {claimed}, but uses only fixtures of level "
                f"{observed}.",
                instead="A test that observes the cluster uses the fixture `cluster`; an image alone, `engine`.",
            )
        now = provenance.now()
        self._write(Observation, what, when=phase, time=now, what=what, value=value, command=command, level=claimed)

    def event(self, lane: str, what: str, *, began: datetime | None = None, ended: datetime | None = None) -> None:
        """Say that something happened: the report draws it on its time line. It proves nothing.

        Args:
            lane: what kind of thing it is, in a word or two; things of a kind are drawn side by side.
            what: what happened.
            began: when, with a time zone; now if not given.
            ended: when it was over, likewise; a moment if not given.

        Raises:
            errors.EvidenceError: a time has no time zone, a text cannot be kept, or the test is not running.

        """
        self._happened(what, lane=lane, began=_time(began or datetime.now(UTC)), ended=_time(ended) if ended else "")

    @contextmanager
    def fault(self, what: str, look: Callable[[], object] | None = None) -> Iterator[None]:
        """Say that the block does something to the product on purpose: the report draws it, before and after.

        Args:
            what: what is done.
            look: returns what it is done to, as `record` takes it; it is asked before the block, and after it unless
                the block failed.

        Raises:
            errors.EvidenceError: what was looked at cannot be kept, or the test is not running.

        """
        self._require_running(what)
        before, began = look() if look else None, provenance.now()
        ended, after = "", None
        try:
            yield
            ended = provenance.now()
            after = look() if look else None
        finally:
            ended = ended or provenance.now()
            self._happened(what, fault=True, lane="faults", began=began, ended=ended, before=before, after=after)

    def link(self, source: str, target: str, port: int, *, opened: bool = True) -> None:
        """Say that a connection was seen: the report draws it between the pods. It proves nothing.

        Args:
            source: who opened it: the name of a pod or node, its address, or any other name.
            target: to whom, likewise.
            port: the target's port.
            opened: whether it opened.

        Raises:
            errors.EvidenceError: a name cannot be kept, or the test is not running.

        """
        self._require_running(f"{source} → {target}:{port}")
        now = provenance.now()
        self._write(Link, source, time=now, source=source, target=target, port=port, opened=opened)

    def _happened(self, what: str, **more: object) -> None:
        self._require_running(what)
        self._write(Event, what, what=what, **more)

    def _require_running(self, what: str) -> Phase:
        phase = self._phase()
        if phase is None:
            raise errors.EvidenceError(
                f"{what!r} is to be recorded for {self._test}, which is not running.",
                instead="Record with the fixture `evidence` of the test that runs, while it runs.",
            )
        return phase

    def _write(self, kind: type[Observation | Event | Link], about: str, **values: object) -> None:
        """Keep a line of a kind.

        Raises:
            errors.EvidenceError: a value has no place in JSON, or is a secret as far as one can see.

        """
        try:
            line = kind.model_validate({"test": self._test, "attempt": self._attempt, **_object(values)})
            json.loads(line.model_dump_json())  # what cannot be read back would spoil the whole log
        except (TypeError, ValueError, RecursionError) as error:
            raise errors.EvidenceError(
                f"{self._test} saw {about!r}, but what it saw cannot be kept: {error}.",
                instead="Record text, numbers, lists, mappings, sets, paths or dataclasses.",
            ) from error
        self._keep(line)


def _time(time: datetime) -> str:
    """Return a time as evidence holds it.

    Raises:
        errors.EvidenceError: it has no time zone, so that nobody knows when it was.

    """
    if time.tzinfo is None:
        raise errors.EvidenceError(
            f"{time.isoformat()} has no time zone, so nobody knows when it was.",
            instead="Record times with a time zone: datetime.now(UTC), datetime.fromtimestamp(seconds, UTC).",
        )
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def _plain(value: object) -> JsonValue:
    """Return what JSON holds of a value.

    Raises:
        TypeError: it has no place in JSON.
        ValueError: it has one, but would not come back as it was, or may not be kept.

    """
    if isinstance(value, set | frozenset):
        value = sorted(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    match value:
        case None | bool():
            return value
        case int():
            return int(value)
        case float() if math.isfinite(value):
            return value
        case str() | PurePath():
            return _text(str(value))
        case list() | tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return _object(value)
    message = f"{value if isinstance(value, float) else type(value).__name__} is nothing that JSON can hold"
    raise TypeError(message)


def _object(mapping: Mapping[Any, object]) -> dict[str, JsonValue]:
    if mapping.get("kind") in {"Secret", "SecretList"} and {"data", "stringData", "items"} & set(mapping):
        message = "it is a Secret of Kubernetes, with its data"
        raise ValueError(message)
    plain: dict[str, JsonValue] = {}
    for key, value in mapping.items():
        if isinstance(key, bool) or not isinstance(key, str | int | PurePath):
            message = f"a key of type {type(key).__name__} is nothing that JSON can hold"
            raise TypeError(message)
        if str(key) in plain:
            message = f"the key {key!r} is there twice, as number and as text"
            raise ValueError(message)
        plain[_text(str(key))] = _plain(value)
    return plain


def _text(text: str) -> str:
    if _PRIVATE_KEY.search(text):
        message = "there is a private key in it"
        raise ValueError(message)
    if _SECRET.search(text) and "data" in text.lower():
        message = "it is a Secret of Kubernetes, with its data"
        raise ValueError(message)
    text.encode()  # refuses lone surrogates, which UTF-8 cannot hold
    return text
