"""The report that people open first, as a browser reads it; how it looks, tests/browser/ looks at."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from workstream import evidence
from workstream.evidence.records import End, Event, Link, Result, Round, SeenNode, SeenPod, Sight, Step
from workstream.reports import clock, page, picture, timeline

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import JsonValue
    from tests.unit.conftest import Story

T, OTHER = "test_a.py::test_it", "test_b.py::test_other"
VOID = {"meta", "br", "link", "img"}
PASSED, FAILED = Result.PASSED, Result.FAILED


def at(seconds: float) -> str:
    """Return a time of a run that began at four minutes past three."""
    return f"2026-01-02T03:04:{seconds:06.3f}+00:00"


class Page(HTMLParser):
    """What a browser makes of a page.

    Attributes:
        shape: every element with the names of its attributes, in order; whatever its texts are.
        attributes: every element with its attributes.
        texts: the text of every element that has an id or a class, by `#id` or `.class`, in order.

    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.shape: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[tuple[str, list[list[str]]]] = []
        self._all: list[str] = []
        self.feed(source)
        self.text = " ".join("".join(self._all).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        given = dict(attrs)
        self.shape.append((tag, tuple(given)))
        self.attributes.append((tag, given))
        names = [f".{name}" for name in (given.get("class") or "").split()]
        names += [f"#{given['id']}"] if "id" in given else []
        collected: list[list[str]] = []
        for name in names:
            self.texts.setdefault(name, []).append("")
            place = [name, str(len(self.texts[name]) - 1)]
            collected.append(place)
        if tag not in VOID:
            self._open.append((tag, collected))

    def handle_endtag(self, tag: str) -> None:
        """End the innermost element of a name; what is none of a line stands apart from what follows."""
        if tag not in {"a", "b", "code", "del", "ins", "span", "strong"}:
            self.handle_data(" ")
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Give a text to every element that it stands in."""
        self._all.append(data)
        for _, collected in self._open:
            for name, number in collected:
                self.texts[name][int(number)] += data

    def of(self, name: str) -> str:
        """Return the text of the one element of an id or a class, white space made one."""
        (text,) = self.texts[name]
        return " ".join(text.split())

    def links(self) -> set[str]:
        """Return where its links lead."""
        return {str(given["href"]) for _, given in self.attributes if "href" in given}


def source_of(told: Story, folder: Path) -> str:
    """Return the source of a story's page."""
    log = told.log(folder)
    return page.html(told.document, log, evidence.verdicts(log, told.document))


def page_of(told: Story, folder: Path) -> Page:
    """Return a story's page."""
    return Page(source_of(told, folder))


def drawn(told: Story, *lines: Sight | Event | Link | Step | Round) -> Story:
    """Let more lines stand in a story, and end it ten seconds after it began."""
    told.lines += lines
    told.lines[0] = told.lines[0].model_copy(update={"time": at(0)})
    told.lines.append(End(time=at(10), exit_status=0, interrupted=False))
    return told


def pod(name: str, node: str = "worker", uid: str = "", **more: object) -> SeenPod:
    """Return a pod of a DaemonSet, made two seconds after the run began."""
    usual = {"uid": uid or name, "namespace": "n", "name": name, "node": node, "address": f"10.0.0.{len(name)}"}
    return SeenPod.model_validate(usual | {"owner": "DaemonSet/cache", "created": at(2), "ready": True} | more)


def sight(seconds: float, *pods: SeenPod) -> Sight:
    """Return a look at a cluster of two nodes."""
    nodes = (SeenNode(name="control", control_plane=True), SeenNode(name="worker"))
    return Sight(time=at(seconds), nodes=nodes, pods=pods)


@pytest.fixture
def told(story: type[Story]) -> Story:
    """One criterion proven, one failed, one without a test."""
    told = story("one `two`", "three", "four").bind(T, doc="It is so.").saw(T, {"a": [1, 2]}).ran(T)
    told.bind(OTHER, "AC2").saw(OTHER, "seen", what="what it said").ran(OTHER, PASSED, FAILED, PASSED, message="no: it")
    return told.described("Kubernetes", "v1.34").described("nodes", ["first", "second"])


def test_the_page_needs_nothing_but_itself_and_runs_nothing(told: Story, tmp_path: Path) -> None:
    """No script, nothing that is fetched, every link stays on the page and leads somewhere; and a policy says so."""
    found = page_of(told.ended(), tmp_path)
    assert {tag for tag, _ in found.shape}.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form"})
    assert not [given for _, given in found.attributes if {"src", "srcset"} & set(given)]
    assert not [name for _, given in found.attributes for name in given if name.startswith("on")]
    ids = {f"#{given['id']}" for _, given in found.attributes if "id" in given}
    assert found.links() <= ids
    (policy,) = [given["content"] for tag, given in found.attributes if tag == "meta" and "http-equiv" in given]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "script" not in policy


def test_no_two_places_of_a_page_have_one_name(told: Story, tmp_path: Path) -> None:
    """A link leads to one place."""
    event = Event(test=T, attempt=1, lane="jobs", what="it", began=at(1))
    told = drawn(told, sight(1, pod("p")), event, Link(test=T, attempt=1, time=at(2), source="p", target="q", port=1))
    ids = [given["id"] for _, given in page_of(told, tmp_path).attributes if "id" in given]
    assert len(ids) == len(set(ids))
    assert {"AC1", "AC2", "AC3", "observation-1", "observation-2", "event-1", "test-1", "test-2"} <= set(ids)


def test_a_link_to_a_criterion_follows_its_text(story: type[Story], tmp_path: Path) -> None:
    """Its place names it, and so does what it says, wherever that stands; of two that say the same, the first."""
    found, places = {}, {}
    for number, texts in enumerate([("one", "two"), ("new", "one", "two", "two")]):
        told = story(*texts)
        source = page.html(told.document, told.log(tmp_path), evidence.verdicts(told.log(tmp_path), told.document))
        named = [given["id"] for _, given in Page(source).attributes if str(given.get("id")).startswith("text-")]
        assert len(named) == len(set(texts))
        for name in named:
            (text,) = Page(source).texts[f"#{name}"]
            _, place, words = text.split()[:3]
            found[number, words] = name
            places[number, words] = place
    assert found[0, "one"] == found[1, "one"]
    assert found[0, "two"] == found[1, "two"]
    assert len(set(found.values())) == 3
    assert places[1, "two"] == "AC3"


def test_what_is_not_proven_comes_first(told: Story, tmp_path: Path) -> None:
    """The result, then why not, then the criteria: those that failed before those that are proven."""
    found = page_of(told.ended(), tmp_path)
    ids = [given["id"] for _, given in found.attributes if given.get("id") in {"result", "why", "AC1", "AC2", "AC3"}]
    assert ids == ["result", "why", "AC2", "AC3", "AC1"]
    assert "1 of 3 criteria are proven; not proven: AC2, AC3." in found.of("#result")


def test_a_criterion_has_its_verdict_its_sentence_and_leads_to_what_was_seen(told: Story, tmp_path: Path) -> None:
    """Of one that failed each observation is a link to its raw value; what stands between backticks is code."""
    found = page_of(told.ended(), tmp_path)
    assert "three failed test_other: no: it" in found.of("#AC2")
    assert "what it said: seen" in found.of("#AC2")
    assert "#observation-2" in found.links()
    assert "AC1 one two proven It is so." in found.of("#AC1")


def test_an_observation_is_whole_with_its_time_its_level_and_how_to_see_it_again(told: Story, tmp_path: Path) -> None:
    """The raw value, line by line, and the command."""
    found = page_of(told.ended(), tmp_path)
    text = found.texts["#observation-1"][0]
    assert '{\n  "a": [\n    1,\n    2\n  ]\n}' in text
    assert "Seen at level cluster, 2026-01-02T03:04:05.678+00:00" in text
    assert found.texts[".command"][0].strip() == "ask"


def test_criteria_that_fail_for_one_cause_stand_together(story: type[Story], tmp_path: Path) -> None:
    """What pytest adds of values does not make two causes of one; the cause of most criteria comes first."""
    told = story("one", "two", "three")
    for number, message in enumerate(["lonely", "no answer assert 1 == 2", "no answer assert 3 == 4"], start=1):
        test = f"test_a.py::test_{number}"
        told.bind(test, f"AC{number}").saw(test).ran(test, PASSED, FAILED, PASSED, message=message)
    found = page_of(told.ended(), tmp_path)
    assert "2 causes for 3 criteria" in found.text
    causes = [text for text in found.texts[".criterion"] if "said by" in text]
    assert [" ".join(text.split()) for text in causes] == [
        "no answer assert 1 == 2 failed AC2, AC3, said by test_2, test_3",
        "lonely failed AC1, said by test_1",
    ]


def test_very_many_criteria_that_are_not_proven_are_counted_and_not_named(story: type[Story], tmp_path: Path) -> None:
    """The first sentence stays a sentence."""
    told = story(*(f"criterion {number}" for number in range(30))).proved(T)
    assert "1 of 30 criteria are proven; 29 are not." in page_of(told.ended(), tmp_path).of("#result")


def test_every_run_of_a_test_stands_by_itself(story: type[Story], tmp_path: Path) -> None:
    """A retry that passed hides neither that nor what the first attempt saw."""
    told = story("one").bind(T)
    told.saw(T, "first sight").ran(T, PASSED, FAILED, PASSED, message="it was late")
    told.saw(T, "second sight", attempt=2).ran(T, attempt=2)
    found = page_of(told.ended(), tmp_path)
    runs = [" ".join(text.split()) for text in found.texts[".run"]]
    assert ["first sight" in run for run in runs] == [True, False]
    assert ["second sight" in run for run in runs] == [False, True]
    assert runs[0].startswith("Run 1: failed")
    assert "it was late" in runs[0]
    assert runs[1].startswith("Run 2: passed")
    assert "flaky" in found.of("#AC1")


def test_rounds_are_judged_one_by_one(story: type[Story], tmp_path: Path) -> None:
    """A criterion that was proven in one round of two is not shown as half proven, but round by round."""
    told = story("one").bind(T)
    for number, result in enumerate([PASSED, FAILED], start=1):
        told.began(number).saw(T, attempt=number).ran(T, PASSED, result, PASSED, attempt=number, round=number)
    found = page_of(told.ended(), tmp_path)
    assert "criterion round 1 round 2 AC1 proven failed" in " ".join(found.texts[".grid"][0].split())


def test_a_session_with_controls_shows_their_matrix_and_no_verdict(story: type[Story], tmp_path: Path) -> None:
    """The product was broken on purpose: a row for each control, what it breaks, and what did not agree."""
    told = story("one").bind(T)
    for number, result in enumerate([PASSED, FAILED, PASSED, PASSED], start=1):
        more = {"control": f"c{number}", "sentence": f"Broken {number}."} if 1 < number < 4 else {}
        told.began(number, **more, **({"turns_red": ("AC1",)} if more else {}))
        told.saw(T, attempt=number).ran(T, PASSED, result, PASSED, attempt=number, round=number)
    log = told.ended().log(tmp_path)
    found = Page(page.html(told.document, log, (), evidence.matrix(log, told.document, 2, every=True)))
    assert "control AC1 time c2 F 0 s c3 P! 0 s" in " ".join(found.texts[".grid"][0].split())
    assert "Broken 2." in found.of("#control-1")
    assert "c3: AC1 did not notice this control" in found.text
    assert "#AC1" not in found.texts


def test_facts_stand_whole_in_a_table(told: Story, tmp_path: Path) -> None:
    """A text is one text, and a list has a line for each of its items; files stand by their hashes."""
    told.described("chart", "a" * 64, "charts/x").described("suite", "b" * 64, "tests/a.py")
    found = page_of(told.ended(), tmp_path)
    facts = found.of(".facts")
    assert "Kubernetes v1.34 nodes first second" in facts
    assert "pytest --workstream=WS-900.md" in facts
    files = [" ".join(text.split()) for text in found.texts[".files"]]
    assert files == [f"path SHA-256 charts/x {'a' * 64}", f"path SHA-256 tests/a.py {'b' * 64}"]


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        (None, "The evidence breaks off"),
        (End(time=at(9), exit_status=2, interrupted=True), "The run was interrupted"),
    ],
)
def test_a_run_without_a_good_end_says_so_at_the_top(
    told: Story, tmp_path: Path, end: End | None, sentence: str
) -> None:
    """Cut off or stopped: the result says it."""
    told.lines += [end] if end else []
    assert sentence in page_of(told, tmp_path).of("#result")


def test_a_log_that_breaks_off_after_its_first_line_is_a_page(story: type[Story], tmp_path: Path) -> None:
    """With every criterion, none of them proven."""
    told = story("one")
    del told.lines[1:]
    found = page_of(told, tmp_path)
    assert "blocked" in found.of("#AC1")
    assert "No test ran." in found.text


def bars(found: Page) -> list[tuple[str, str]]:
    """Return what a time line shows: what, and from where to where in hundredths of the run."""
    told = []
    for _, given in found.attributes:
        if "bar" in (given.get("class") or "").split():
            place = dict(part.split(":") for part in (given["style"] or "").split(";"))
            told.append(((given["title"] or "").partition(":")[0], f"{place['left']} {place['width']}"))
    return told


def test_the_time_line_shows_all_on_one_clock(told: Story, tmp_path: Path) -> None:
    """Steps, tests, what the suite told, faults and pods stand where they were in the ten seconds of the run."""
    steps = [
        Step(id="1", thread="cluster", subject="kind", doing="creating", began=at(0), seconds=2),
        Step(id="2", thread="main", subject="test", doing=T, began=at(3), seconds=1),
        Step(id="3", thread="main", subject="wait", doing="for it", began=at(3), seconds=1),
    ]
    events = [
        Event(test=T, attempt=1, lane="jobs", what="counting", began=at(5), ended=at(6)),
        Event(test=T, attempt=1, lane="faults", fault=True, what="a pod is deleted", began=at(5.5), ended=at(5.5)),
    ]
    found = page_of(drawn(told, sight(3, pod("first")), sight(7, pod("second")), *events, *steps), tmp_path)
    assert bars(found) == [
        ("a pod is deleted", "55.0% 0.0%"),
        ("kind", "0.0% 20.0%"),
        ("test_it", "30.0% 10.0%"),
        ("counting", "50.0% 10.0%"),
        ("second on worker", "20.0% 80.0%"),
        ("first on worker", "20.0% 50.0%"),
    ]
    assert [given["style"] for _, given in found.attributes if given.get("class") == "struck"] == ["left:55.0%"]
    assert "a pod is deleted at 5.5 s" in " ".join(found.text.split())


def test_what_goes_on_at_once_stands_below_each_other(told: Story, tmp_path: Path) -> None:
    """What begins when another ends stands beside it; where too much goes on at once, the last row takes the rest."""
    told.lines += [
        Event(test=T, attempt=1, lane="jobs", what=f"job {number}", began=at(1), ended=at(2)) for number in range(10)
    ]
    found = drawn(told, Event(test=T, attempt=1, lane="jobs", what="the next", began=at(2), ended=at(3))).log(tmp_path)
    lanes = timeline.timeline(found, clock.clock(found), {}).lanes
    lane = next(one for one in lanes if one.name == "jobs")
    assert [(bar.what, bar.row) for bar in lane.bars] == [
        *((f"job {number}", min(number, 7)) for number in range(10)),
        ("the next", 0),
    ]


def test_a_test_on_the_time_line_has_the_colour_of_its_own_attempt(story: type[Story], tmp_path: Path) -> None:
    """Not that of another attempt of the same test; one of another document has none: the log says no more of it."""
    told = story("one").bind(T).ran(T, PASSED, FAILED, PASSED).ran(T, attempt=2)
    steps = [
        Step(id=str(number), thread="main", subject="test", doing=test, began=at(number), seconds=0.5)
        for number, test in enumerate([T, T, "test_b.py::test_of_another_document"], start=1)
    ]
    found = page_of(drawn(told, *steps), tmp_path)
    looks = [given["class"] for _, given in found.attributes if (given.get("class") or "").startswith("bar")]
    assert looks == ["bar failed", "bar passed", "bar untold"]


def test_a_second_beside_the_run_is_of_the_run(told: Story, tmp_path: Path) -> None:
    """Kubernetes tells whole seconds: what it dates one before the run or behind it is drawn, and no more."""
    log = drawn(told).log(tmp_path)
    seconds = [-1.25, -1, 0, 10, 11, 11.25]
    start = datetime.fromisoformat(at(0))
    seen = [clock.clock(log).at((start + timedelta(seconds=one)).isoformat()) for one in seconds]
    assert seen == [None, -1, 0, 10, 11, None]


@pytest.mark.parametrize("time", ["", "yesterday", "1970-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"])
def test_what_happened_at_no_time_of_the_run_is_told_and_not_drawn(told: Story, tmp_path: Path, time: str) -> None:
    """A wrong clock does not squeeze the rest of the time line."""
    found = page_of(drawn(told, Event(test=T, attempt=1, lane="jobs", what="a ghost", began=time)), tmp_path)
    assert "1 not drawn: their time is not of this run" in found.text
    assert "a ghost" not in [what for what, _ in bars(found)]
    assert "a ghost" in found.text


def test_a_fault_shows_what_it_was_done_to_before_and_after(told: Story, tmp_path: Path) -> None:
    """Side by side, with the lines marked that are not the same; and a link from the time line leads there."""
    before: JsonValue = [{"name": "a", "on": "x"}]
    after: JsonValue = [{"name": "b", "on": "x"}]
    event = Event(
        test=T, attempt=1, lane="faults", fault=True, what="it is hit", began=at(5), before=before, after=after
    )
    found = page_of(drawn(told, event), tmp_path)
    source = source_of(told, tmp_path)
    assert source.count("<del>") == source.count("<ins>") == 1
    assert "<del>    &#34;name&#34;: &#34;a&#34;,</del>" in source
    assert "<ins>    &#34;name&#34;: &#34;b&#34;,</ins>" in source
    assert "it is hit At 5 s" in found.of("#event-1")
    (bar,) = [given for _, given in found.attributes if given.get("class") == "bar fault"]
    assert bar["href"] == "#event-1"


def test_the_picture_shows_who_was_seen_to_talk_to_whom(told: Story, tmp_path: Path) -> None:
    """Nodes, the pods on them, and ports; an end that is no pod stands elsewhere, and what was refused is told."""
    links = [
        Link(test=T, attempt=1, time=at(4), source="a", target="10.0.0.2", port=80),
        Link(test=T, attempt=1, time=at(4), source="a", target="10.0.0.2", port=443),
        Link(test=T, attempt=1, time=at(4), source="a", target="the world", port=53, opened=False),
    ]
    found = page_of(drawn(told, sight(3, pod("a"), pod("bb", "control")), sight(6), *links), tmp_path)
    text = " ".join(found.of(".cluster").split())
    assert "2 nodes, 2 pods, 3 connections" in found.text
    for part in ("control control plane", "bb DaemonSet · 10.0.0.2", "elsewhere on no node that was seen", "the world"):
        assert part in text
    assert sorted(text.strip() for text in found.texts[".port"]) == ["53 refused", "80, 443"]
    assert "a the world 53 no test_it" in found.text


def test_a_connection_stands_in_the_last_picture_before_it_that_knows_both_ends(told: Story, tmp_path: Path) -> None:
    """Not in an older one, nor in one in which a pod of it is gone; of one before every look, in the first."""
    looks = [sight(3, pod("a"), pod("bb")), sight(5, pod("a"), pod("bb")), sight(7, pod("a"))]
    links = [
        Link(test=T, attempt=1, time=at(seconds), source="a", target="bb", port=port)
        for seconds, port in ((1, 1), (6, 2), (8, 3))
    ]
    log = drawn(told, *looks, *links).log(tmp_path)
    seen = {one.time: [link.port for _, link in one.links] for one in picture.pictures(log)}
    assert seen == {at(3): [1], at(5): [2, 3]}


@pytest.mark.parametrize("node", ["control", "worker"])
def test_an_arrow_goes_from_one_pod_to_the_other(told: Story, tmp_path: Path, node: str) -> None:
    """It begins and ends at the middle of their edges, within a few pixels, on one node and between two."""
    link = Link(test=T, attempt=1, time=at(4), source="a", target="bb", port=80)
    log = drawn(told, sight(3, pod("a"), pod("bb", node), pod("ccc", node)), link).log(tmp_path)
    (one,) = picture.pictures(log)
    (arrow,) = one.arrows
    numbers = [float(number) for number in re.findall(r"[\d.]+", arrow.path)]
    places = {box.title: box for box in one.boxes}
    for name, (x, y) in (("a", numbers[:2]), ("bb", numbers[-2:])):
        box = places[name]
        assert x in {box.x, box.x + box.width}
        assert abs(y - (box.y + box.height / 2)) <= 5


def test_a_picture_is_as_large_as_what_is_on_it(told: Story, tmp_path: Path) -> None:
    """Of a cluster of many nodes and pods nothing is cut off at the edge, and below it nothing is left empty."""
    nodes = tuple(SeenNode(name=f"node-{number}") for number in range(9))
    pods = tuple(pod(f"pod-{number}", f"node-{number % 4}", address=f"10.1.0.{number}") for number in range(30))
    (one,) = picture.pictures(drawn(told, Sight(time=at(3), nodes=nodes, pods=pods)).log(tmp_path))

    assert max(box.x + box.width for box in one.boxes) <= one.width
    assert max(box.y + box.height for box in one.boxes) == one.height


def test_the_cluster_is_drawn_without_a_word_of_the_suite(told: Story, tmp_path: Path) -> None:
    """The last look that saw pods, if no connection was told."""
    found = page_of(drawn(told, sight(1), sight(3, pod("a")), sight(6)), tmp_path)
    assert "2 nodes, 1 pod, 0 connections" in found.text
    assert "No test told of a connection." in found.text


def test_a_page_is_the_same_whenever_it_is_made(told: Story, tmp_path: Path) -> None:
    """Nothing of the moment at which it is made is in it."""
    told = drawn(told, sight(3, pod("a")), Event(test=T, attempt=1, lane="jobs", what="it", began=at(1)))
    assert source_of(told, tmp_path) == source_of(told, tmp_path)


def everywhere(story: type[Story], text: str) -> Story:
    """Let a text stand wherever a log, or a document, holds texts that somebody else chose."""
    test = f"test_a.py::test_it[{text}]"
    in_documents = "" if set(text) & set("\x00\ud800") else text  # those are no text files
    told = story(f"one {in_documents}", "two").bind(test, doc=text).saw(test, {text: [text]}, what=text, command=text)
    told.ran(test, PASSED, FAILED, PASSED, message=text).outcome(text, "collect", FAILED, message=text)
    told.lines[0] = told.lines[0].model_copy(update={"command": text, "commit": text, "document_path": text})
    told.described(text, text).described(f"{text} file", text, text)
    told.began(1).began(2)
    return drawn(
        told,
        sight(3, pod(text, "worker", owner=text), pod("b", text)),
        Event(test=test, attempt=1, lane=text, what=text, began=at(1), ended=at(2)),
        Event(test=test, attempt=1, lane=text, fault=True, what=text, began=at(1), before=[text], after={text: 1}),
        Event(test=test, attempt=1, lane=text, what=text, began=text),
        Link(test=test, attempt=1, time=at(4), source=text, target=f"{text}!", port=1),
        Step(id="1", thread=text, subject=text, doing=text, began=at(1), seconds=1),
        Step(id="2", thread="main", subject="test", doing=test, began=at(1), seconds=1),
    )


HOSTILE = {
    "markup": "<script>alert(1)</script><b>x</b>",
    "attribute": '"\' onmouseover=alert(1) x="><img src=x onerror=alert(1)>',
    "style": "</style></title></textarea><!-- ]]>",
    "template": "{{ 7 * 7 }}{% raw %}{# x #}",
    "entity": "&lt;script&gt;&amp;&#60;",
    "terminal": "\x1b[31mred\x1b]0;title\x07",
    "nothing": "a\x00b",
    "direction": "a\u202eb\u2066c",
    "surrogate": "a\ud800b",
    "long": "x" * 5000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_text_everywhere(story: type[Story], tmp_path: Path, kind: str) -> None:
    """Wherever it stands, a page is built as with a harmless text in its place, and shows it."""
    harmless = page_of(everywhere(story, "harmless"), tmp_path)
    source = source_of(everywhere(story, HOSTILE[kind]), tmp_path)
    hostile = Page(source)
    assert hostile.shape == harmless.shape
    assert not [sign for sign in source if ord(sign) < 32 and sign not in "\n\t"]
    assert not set(source) & set("\u202e\u2066\ud800\x1b\x00")
    if kind in {"markup", "attribute", "style", "template", "entity"}:
        assert hostile.text.count(HOSTILE[kind]) > 15
    source.encode()


def test_what_cannot_be_seen_is_shown(story: type[Story], tmp_path: Path) -> None:
    """A control character has a picture, and a mark that turns the direction of writing a name."""
    told = story("one").bind(T).saw(T, "a\x1b[31m\x00b\u202ec").ran(T).ended()
    assert "a␛[31m␀b\\u202ec" in page_of(told, tmp_path).of("#observation-1")


def test_a_value_that_is_too_long_for_a_page_is_cut_and_says_so(story: type[Story], tmp_path: Path) -> None:
    """How long it is, and where the whole is; the top of the page says that something was cut."""
    told = story("one").bind(T).saw(T, "ab" * 50_000).ran(T).ended()
    found = page_of(told, tmp_path)
    assert "the whole value has 100000 characters" in found.of("#observation-1")
    assert "1 value is too long for a page and cut" in found.of("#result")
    assert len(found.texts["#observation-1"][0]) < 21_000


def test_a_value_that_is_shown_whole_is_not_called_cut(told: Story, tmp_path: Path) -> None:
    """Neither where it stands nor at the top of the page."""
    found = page_of(told.ended(), tmp_path)
    assert "ut here" not in found.text
    assert "too long for a page" not in found.text


def test_a_page_does_not_grow_with_its_log_for_ever(story: type[Story], tmp_path: Path) -> None:
    """Of very many long values the later ones are cut much shorter; every observation is there."""
    told = story("one").bind(T)
    for number in range(1300):
        told.saw(T, f"{number} " + "x" * 19_000)
    source = source_of(told.ran(T).ended(), tmp_path)
    assert source.count('id="observation-') == 1300
    assert len(source) < 25_000_000


def test_a_report_of_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    """In the page itself, as text."""
    del tmp_path
    found = Page(page.unreadable("<b>Broken</b>", "Run it again."))
    assert "<b>Broken</b> Run it again. Nothing is proven" in found.of(".result")
