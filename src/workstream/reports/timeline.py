"""The time line of a report: what the harness, the tests, the suite and the pods did, on one clock."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workstream.evidence.records import Result
from workstream.reports.clock import said
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from workstream.evidence import Log
    from workstream.evidence.records import Event, SeenPod
    from workstream.reports.clock import Clock

_PHASES = {"setup", "test", "teardown"}  # subjects of steps that are phases of a test
_PARTS = _PHASES | {"fixture", "wait"}  # and of those that say nothing of what the harness did
_MOST_BARS = 300  # of a lane: more of them are a grey block
_MOST_ROWS = 8  # of a lane: things that go on at once


@dataclass(frozen=True, slots=True)
class Bar:
    """Something on the time line.

    Attributes:
        what: what it was.
        began: seconds after the run began.
        ended: likewise; the same as `began` for a moment.
        look: how it is coloured: `harness`, `setup`, `passed`, `failed`, `skipped`, `fault`, `event`, `pod`.
        anchor: where the page says more; empty if nowhere.
        row: which row of its lane it stands in, from 0.

    """

    what: str
    began: float
    ended: float
    look: str
    anchor: str = ""
    row: int = 0

    @property
    def when(self) -> str:
        """When it was, and how long it took."""
        if self.ended == self.began:
            return f"at {said(self.began)}"
        return f"from {said(self.began)}, for {said(self.ended - self.began)}"


@dataclass(frozen=True, slots=True)
class Lane:
    """Things of one kind.

    Attributes:
        name: what kind.
        bars: the things, in the order in which they began.
        left_out: how many are not drawn because they were the shortest of very many.

    """

    name: str
    bars: tuple[Bar, ...]
    left_out: int = 0

    @property
    def rows(self) -> int:
        """How many rows it takes."""
        return 1 + max((bar.row for bar in self.bars), default=0)


@dataclass(frozen=True, slots=True)
class TimeLine:
    """What happened when.

    Attributes:
        lanes: the lanes, from top to bottom; the faults come first.
        faults: the faults again: they are drawn across all lanes.
        outside: what is not drawn because its time is not of the run, or cannot be read.

    """

    lanes: tuple[Lane, ...]
    faults: tuple[Bar, ...]
    outside: tuple[str, ...]


def timeline(log: Log, clock: Clock, tests: Mapping[str, str]) -> TimeLine:
    """Return the time line of a run.

    Args:
        log: its evidence.
        clock: its clock.
        tests: where the page speaks of a test, by node id.

    """
    drawing = _Drawing(clock, defaultdict(list), [])
    drawing.events(event for event in log.events)
    faults = tuple(bar for bar in drawing.lanes.get("faults", []) if bar.look == "fault")
    suite, drawing.lanes = drawing.lanes, defaultdict(list)
    drawing.rounds(log)
    drawing.steps(log)
    drawing.tests(log, tests)
    drawing.lanes |= {name: bars for name, bars in suite.items() if name != "faults"}
    drawing.pods(log)
    lanes = {"faults": suite["faults"], **drawing.lanes} if suite.get("faults") else drawing.lanes
    made = tuple(_lane(name, bars) for name, bars in lanes.items() if bars)
    return TimeLine(made, faults, tuple(drawing.outside))


@dataclass(slots=True)
class _Drawing:
    """A time line that is being drawn.

    Attributes:
        clock: the run's clock.
        lanes: what is drawn, by lane.
        outside: what is not.

    """

    clock: Clock
    lanes: dict[str, list[Bar]]
    outside: list[str]

    def draw(self, lane: str, bar: Bar) -> None:
        """Draw a thing, in a lane that may be new."""
        self.lanes[lane].append(bar)

    def rounds(self, log: Log) -> None:
        """Draw the rounds of a session with several."""
        begins = {round_.number: self.clock.at(round_.time) for round_ in log.rounds}
        for (number, began), ended in zip(begins.items(), [*begins.values(), self.clock.seconds][1:], strict=True):
            if began is not None and ended is not None:
                controls = [round_.control for round_ in log.rounds if round_.number == number and round_.control]
                name = f"round {number}" + (f": {', '.join(controls)}" if controls else "")
                self.draw("rounds", Bar(name, began, max(began, ended), "event"))

    def steps(self, log: Log) -> None:
        """Draw what the harness did, a lane for each of its threads."""
        for step in log.steps:
            began = self.clock.at(step.began)
            if step.subject not in _PARTS and began is not None:
                lane = "harness" if step.thread == "main" else f"harness: {step.thread}"
                look = "failed" if step.failed else "harness"
                self.draw(lane, Bar(f"{step.subject}: {step.doing}", began, began + step.seconds, look))

    def tests(self, log: Log, anchors: Mapping[str, str]) -> None:
        """Draw the tests; of a log that tells of no steps, when they recorded something."""
        results = {(line.test, line.attempt): line.result for line in log.outcomes if line.when == "call"}
        attempts: dict[str, int] = defaultdict(int)
        for step in sorted(log.steps, key=lambda step: step.began):
            began = self.clock.at(step.began)
            if step.subject not in _PHASES or began is None:
                continue
            attempts[step.doing] += step.subject == "test"
            look = _look(results.get((step.doing, attempts[step.doing]))) if step.subject == "test" else "setup"
            name = step.doing.partition("::")[2] or step.doing
            what = name if step.subject == "test" else f"{step.subject} of {name}"
            self.draw("tests", Bar(what, began, began + step.seconds, look, anchors.get(step.doing, "")))
        if not log.steps:
            self._recordings(log, results, anchors)

    def _recordings(self, log: Log, results: Mapping[tuple[str, int], Result], anchors: Mapping[str, str]) -> None:
        times: dict[tuple[str, int], list[float]] = defaultdict(list)
        for seen in log.observations:
            at = self.clock.at(seen.time)
            if at is not None:
                times[seen.test, seen.attempt].append(at)
        for key, moments in times.items():
            name = key[0].partition("::")[2] or key[0]
            bar = Bar(name, min(moments), max(moments), _look(results.get(key)), anchors.get(key[0], ""))
            self.draw("tests, when they recorded", bar)

    def events(self, events: Iterable[Event]) -> None:
        """Draw what the suite told."""
        for number, event in enumerate(events, start=1):
            began = self.clock.at(event.began)
            ended = self.clock.at(event.ended) if event.ended else began
            if began is None or ended is None or ended < began:
                self.outside.append(f"{event.lane}: {event.what} ({event.began} to {event.ended or 'the same'})")
                continue
            look = "fault" if event.fault else "event"
            lane = "faults" if event.fault else event.lane
            self.draw(lane, Bar(event.what, began, ended, look, f"event-{number}"))

    def pods(self, log: Log) -> None:
        """Draw the pods, a lane for each thing that made them: from when they were made until they were gone."""
        pods: dict[str, SeenPod] = {}
        last: dict[str, float] = {}
        for number, sight in enumerate(log.sights):
            at = self.clock.at(sight.time)
            following = log.sights[number + 1].time if number + 1 < len(log.sights) else None
            until = self.clock.seconds if following is None else self.clock.at(following)
            for pod in sight.pods if at is not None else ():
                pods[pod.uid] = pod
                last[pod.uid] = self.clock.seconds if until is None else until
        for uid, pod in sorted(pods.items(), key=lambda one: (_maker(one[1]), one[1].created, one[1].name)):
            began = self.clock.at(pod.created)
            began = 0.0 if began is None else max(0.0, began)  # it was there before the run
            self.draw(f"pods of {_maker(pod)}", Bar(_pod_title(pod), began, max(began, last[uid]), "pod"))


def _maker(pod: SeenPod) -> str:
    return pod.owner or f"Pod/{pod.name}"


def _pod_title(pod: SeenPod) -> str:
    return f"{pod.name} on {pod.node}" if pod.node else pod.name


def _look(result: Result | None) -> str:
    if result is None:
        return "untold"  # of another document's test, or in a log that was cut off
    if result is Result.PASSED:
        return "passed"
    return "skipped" if result is Result.SKIPPED else "failed"


def _lane(name: str, bars: list[Bar]) -> Lane:
    longest = sorted(bars, key=lambda bar: (bar.look not in {"fault", "failed"}, bar.began - bar.ended))[:_MOST_BARS]
    placed = tuple(_placed(sorted(longest, key=lambda bar: (bar.began, -bar.ended))))
    return Lane(one_line(name, 60), placed, len(bars) - len(longest))


def _placed(bars: Iterable[Bar]) -> Iterator[Bar]:
    """Yield bars in rows, so that those that go on at once stand below each other."""
    ends: list[float] = []
    for bar in bars:
        row = next((number for number, end in enumerate(ends) if end <= bar.began), len(ends))
        row = min(row, _MOST_ROWS - 1)
        ends[row : row + 1] = [max(bar.ended, bar.began)]
        yield replace(bar, row=row)
