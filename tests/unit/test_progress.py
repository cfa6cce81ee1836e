from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workstream import limits, progress

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def shown() -> Iterator[io.StringIO]:
    """Give what a person sees."""
    stream = io.StringIO()
    handler = progress.show(stream)
    yield stream
    progress.forget(handler)


def test_a_step_says_when_it_starts_and_when_it_ends(shown: io.StringIO) -> None:
    """A line before, and a line with the time after."""
    with progress.step("images", "building"):
        assert "building …" in shown.getvalue()

    assert "building: done in" in shown.getvalue()


def test_a_step_that_fails_says_so(shown: io.StringIO) -> None:
    """The last line of a failed step says that it failed."""
    with pytest.raises(ValueError, match="x"), progress.step("images", "building"):
        raise ValueError("x")

    assert "building: FAILED after" in shown.getvalue().splitlines()[-1]


def test_a_long_step_says_that_it_is_still_at_it(shown: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between start and end there is a sign of life."""
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.01)
    with progress.step("images", "building"):
        while "still at it" not in shown.getvalue():
            pass


def test_commands_go_to_the_file_and_not_to_the_terminal(shown: io.StringIO, tmp_path: Path) -> None:
    """What only a search for a fault needs is kept beside the evidence."""
    handler = progress.attach(progress.file(tmp_path / "run.log"), logging.DEBUG)
    progress.logger.debug("$ ls")
    progress.forget(handler)

    assert "$ ls" in (tmp_path / "run.log").read_text()
    assert shown.getvalue() == ""


def test_a_log_that_can_no_longer_be_written_says_so_once(shown: io.StringIO) -> None:
    """On a full disk the run goes on, and what it says does not drown in tracebacks of logging."""
    handler = progress.attach(progress.file(Path("/dev/full")), logging.DEBUG)
    for number in range(3):
        progress.say("images", f"line {number}")
    progress.forget(handler)

    assert [line.partition("s  ")[2] for line in shown.getvalue().splitlines()] == [
        "images       line 0",
        "log          /dev/full ends here: [Errno 28] No space left on device",
        "images       line 1",
        "images       line 2",
    ]
