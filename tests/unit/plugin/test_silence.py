"""What is said while a test waits: suites that are run for real, in which seconds are made short."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest

from workstream import limits, progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.plugin.conftest import Suite


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Give what a person sees, where a test that waits is told at once."""
    monkeypatch.setattr(limits, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(limits, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 1.5)
    stream = io.StringIO()
    handler = progress.attach(logging.StreamHandler(stream), logging.INFO)
    yield stream
    progress.forget(handler)


def waiting(stream: io.StringIO) -> list[str]:
    """Return the lines about waiting, without the time at which they were said."""
    return [line.partition("waiting      ")[2] for line in stream.getvalue().splitlines() if "waiting      " in line]


def program(folder: Path, name: str, *lines: str) -> Path:
    """Write a shell script that goes on until there is a file `enough`."""
    path = folder / name
    path.write_text("\n".join(["#!/bin/sh", *lines, f"until [ -e {folder}/enough ]; do sleep 0.1; done", ""]))
    path.chmod(0o755)
    return path


# Ends what a test waits for once something was said of it.
ENDING = """
    import logging, pathlib, threading
    from workstream import limits, processes, progress
    from workstream.cluster import waiting

    class Ear(logging.Handler):
        def emit(self, record):
            if "test_00.py" in record.getMessage():
                pathlib.Path("enough").touch()

    @pytest.fixture(autouse=True)
    def ear():
        handler = progress.attach(Ear(), logging.INFO)
        yield
        progress.forget(handler)
"""


def test_a_program_that_a_test_waits_for_is_told_with_what_it_said_last(suite: Suite, said: io.StringIO) -> None:
    """`processes.run`, and so `cluster.kubectl`, is no silence: its command and its last line are shown."""
    waits = program(suite.path, "rollout", "echo first", "echo 'Waiting: 0 of 1'", "printf 'not yet a line'")
    suite.write({"one": f"{ENDING}\n    def test():\n        processes.run(['{waits}', 'w'], limit=limits.JOB)\n"})
    suite.run()

    (line,) = waiting(said)
    assert line.startswith("test_00.py::test: for ")
    assert line.endswith(f" s waiting for this: {waits} w; it said last: Waiting: 0 of 1")


def test_a_condition_that_a_test_waits_for_is_told(suite: Suite, said: io.StringIO) -> None:
    """`waiting.until` tells its sentence, and not the programs that it asks."""
    body = "waiting.until(pathlib.Path('enough').exists, limits.JOB, what='enough is there')"
    suite.write({"one": f"{ENDING}\n    def test():\n        {body}\n"})
    suite.run()

    (line,) = waiting(said)
    assert line.endswith(" s waiting for this: enough is there")


def test_a_program_that_a_test_starts_itself_is_told(suite: Suite, said: io.StringIO) -> None:
    """A plain `subprocess.run` too, but no program that was there before the test."""
    waits, earlier = program(suite.path, "kubectl"), program(suite.path, "forward")
    source = f"""
    @pytest.fixture(scope="session")
    def forward():
        import subprocess
        process = subprocess.Popen(["{earlier}"])
        yield
        process.wait()

    def test_before(forward):
        import time
        time.sleep(0.1)  # the system tells when a program began only to the hundredth of a second

    def test(forward):
        import subprocess
        subprocess.run(["{waits}", "rollout", "status"], check=True)
    """
    suite.write({"one": ENDING + source})
    suite.run()

    (line,) = waiting(said)
    assert line.startswith("test_00.py::test: for ")
    assert f" a program that it started runs: /bin/sh {waits} rollout status" in line


def test_a_test_that_says_nothing_is_named_again_and_again(suite: Suite, said: io.StringIO) -> None:
    """For how long it has said nothing, too; a test that ends soon is not."""
    body = "while len(told) < 2: pass"
    source = f"""
    import logging
    from workstream import progress

    told = []

    class Ear(logging.Handler):
        def emit(self, record):
            told.append(record)

    def test():
        handler = progress.attach(Ear(), logging.INFO)
        {body}
        progress.forget(handler)

    def test_short():
        pass
    """
    suite.write({"one": source})
    suite.run()

    first, second = [float(line.split(" for ")[1].split()[0]) for line in waiting(said)]
    assert 1 <= first < second
    assert all(line.endswith(" s nothing was said") for line in waiting(said))
    assert "test_short" not in said.getvalue()


def test_a_step_says_itself_that_it_is_still_at_it(suite: Suite, said: io.StringIO) -> None:
    """What goes on in a step, in the test's own thread or beside it, is not told twice."""
    source = """
    import threading, time
    from workstream import progress

    def test():
        def work():
            with progress.waiting(lambda: "a step", is_step=True):
                time.sleep(4)  # twice as long as it takes until silence is broken
        work()
        other = threading.Thread(target=work)
        other.start()
        other.join()
    """
    suite.write({"one": source})
    suite.run()

    assert suite.log().end is not None
    assert [line for line in waiting(said) if "a step" in line] == []


def test_what_is_not_ready_on_the_cluster_is_told_too(suite: Suite, said: io.StringIO) -> None:
    """A test that waits for its cluster learns which pods are not ready."""
    with (suite.path / "conftest.py").open("a") as file:
        file.write("\n\npatch.setattr(diagnose, 'unready', lambda _: ['not ready: n/w-0 (ImagePullBackOff)'])\n")
    body = "waiting.until(pathlib.Path('enough').exists, limits.JOB, what='enough is there')"
    suite.write({"one": f"{ENDING}\n    def test(cluster):\n        {body}\n"})
    suite.run()

    (line,) = waiting(said)
    assert line.endswith(": enough is there; not ready: n/w-0 (ImagePullBackOff)")
