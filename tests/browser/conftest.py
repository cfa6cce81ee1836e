"""A browser, and the pages that it opens: `nox -s browser`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright
from tests.unit.conftest import Story

from workstream import evidence
from workstream.evidence.records import End, Event, Level, Link, Result, SeenNode, SeenPod, Sight, Step
from workstream.reports import page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser
    from pydantic import JsonValue

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
KILLED, SERVED = "tests/test_faults.py::test_killed", "tests/test_serving.py::test_served"
HOSTILE = "</style></script><script>document.title='hacked'</script><img src='/x' onerror=\"document.title='hacked'\">"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Give a Chromium of this machine; where there is none, nothing here is tried, and nothing passes."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.fail(f"There is no browser: none of {', '.join(PROGRAMS)} is on PATH. On Debian: apt install chromium.")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found)
        yield started
        started.close()


def at(seconds: float) -> str:
    """Return a time of a run that began at three o'clock."""
    return f"2026-01-02T03:{int(seconds // 60):02}:{seconds % 60:06.3f}+00:00"


def told(*, failed: bool = False, text: str = "") -> Story:
    """Tell of a run on a cluster that serves, while a pod of it is deleted."""
    story = Story("A queue `gives` what it took", f"It outlives a pod {text}", f"It is served {text}")
    story.lines[0] = story.lines[0].model_copy(update={"time": at(0)})
    story.bind(SERVED, doc=f"What is put in comes out. {text}").bind(SERVED, "AC3").bind(KILLED, "AC2")
    story.saw(SERVED, {"put": ["a", "b"], "got": ["a", "b"]}, what=f"messages {text}", time=at(32))
    story.saw(KILLED, {"lost": 3 if failed else 0, "said": text}, what="messages that were lost", time=at(52))
    story.ran(SERVED)
    how = (Result.PASSED, Result.FAILED, Result.PASSED) if failed else ()
    story.ran(KILLED, *how, message=f"messages were lost {text} assert 3 == 0" if failed else "")
    nodes = (SeenNode(name="control", control_plane=True), SeenNode(name="first"), SeenNode(name="second"))
    pods = {
        name: SeenPod(
            uid=name, namespace="n", name=f"queue-{name}{text}", node=node, address=address, owner="StatefulSet/queue",
            created=at(since), ready=True,
        )
        for name, node, address, since in (
            ("a", "first", "10.0.0.1", 20), ("b", "second", "10.0.0.2", 20), ("c", "second", "10.0.0.3", 45)
        )
    }  # fmt: skip
    before: JsonValue = [pods[name].model_dump(mode="json") for name in "ab"]
    after: JsonValue = [pods[name].model_dump(mode="json") for name in "ac"]
    story.lines += [
        Sight(time=at(25), nodes=nodes, pods=(pods["a"], pods["b"])),
        Sight(time=at(50), nodes=nodes, pods=(pods["a"], pods["c"])),
        Link(test=SERVED, attempt=1, time=at(31), source=f"queue-a{text}", target="10.0.0.2", port=5672),
        Link(test=SERVED, attempt=1, time=at(31), source="10.0.0.2", target="elsewhere", port=80, opened=False),
        Event(test=KILLED, attempt=1, lane="jobs", what=f"counting {text}", began=at(40), ended=at(55)),
        Event(
            test=KILLED, attempt=1, lane="faults", fault=True, what=f"a pod is deleted {text}",
            began=at(42), ended=at(47), before=before, after=after,
        ),
        Step(id="1", thread="cluster", subject="kind", doing="creating the cluster", began=at(1), seconds=20),
        Step(id="2", thread="main", subject="helm", doing=f"installing queue {text}", began=at(21), seconds=4),
        Step(id="3", thread="main", subject="test", doing=SERVED, began=at(30), seconds=3),
        Step(id="4", thread="main", subject="test", doing=KILLED, began=at(36), seconds=20),
    ]  # fmt: skip
    story.described("Kubernetes", "v1.34.4").described("nodes", ["control", "first", "second"])
    story.described("chart", "a" * 64, "charts/queue")
    story.lines.append(End(time=at(60), exit_status=0, interrupted=False))
    return story


def huge() -> Story:
    """Tell of a thousand criteria and twenty thousand observations; every seventh criterion failed."""
    story = Story(*(f"Queue number {number} gives what it took" for number in range(1000)))
    story.lines[0] = story.lines[0].model_copy(update={"time": at(0)})
    for number in range(1000):
        test = f"tests/test_queue.py::test_queue[{number}]"
        story.bind(test, f"AC{number + 1}", doc="What is put in comes out.")
        for count in range(20):
            seen: JsonValue = {"put": [f"{number}-{count}-{one}" for one in range(5)], "seconds": count / 10}
            story.saw(test, seen, Level.CLUSTER, what=f"message {count}", command=f"kubectl exec queue-{number} -- get")
        result = Result.PASSED if number % 7 else Result.FAILED
        story.ran(test, Result.PASSED, result, Result.PASSED, message="" if number % 7 else f"lost assert {number}")
        story.lines.append(
            Step(id=str(number), thread="main", subject="test", doing=test, began=at(number * 2), seconds=1.9)
        )
    story.lines.append(End(time=at(2010), exit_status=0, interrupted=False))
    return story


def cut() -> Story:
    """Tell of a run that was killed in the middle of a test."""
    story = told()
    del story.lines[-1]
    story.lines = [line for line in story.lines if getattr(line, "when", "") != "teardown"]
    return story


STORIES: dict[str, Callable[[], Story]] = {
    "good": told,
    "failed": lambda: told(failed=True),
    "cut": cut,
    "hostile": lambda: told(failed=True, text=HOSTILE),
    "huge": huge,
}


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a way to have the page of a story: its file."""
    folder = tmp_path_factory.mktemp("pages")

    def made(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(source(name), encoding="utf-8")
        return path

    def source(name: str) -> str:
        if name == "unreadable":
            return page.unreadable("The log was written by a newer workstream.", "Install that.")
        story = STORIES[name]()
        (folder / name).mkdir()
        log = story.log(folder / name)
        return page.html(story.document, log, evidence.verdicts(log, story.document))

    return made
