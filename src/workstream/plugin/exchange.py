"""What processes of pytest-xdist and the controller leave for each other: files, and messages with the reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel

from workstream.evidence import records
from workstream.plugin.binding import Bindings

if TYPE_CHECKING:
    from pathlib import Path

    from workstream import errors

MESSAGE = "workstream"  # the attribute of a report, or the key of a process's last output, that holds a message


class EnvironmentFailure(BaseModel):
    """What kept a test from running: an error of ours in its setup.

    Attributes:
        exit_code: the error's.
        text: its three parts.

    """

    exit_code: int
    text: str

    @classmethod
    def of(cls, error: errors.WorkstreamError) -> Self:
        """Return what an error says."""
        return cls(exit_code=error.exit_code, text=str(error))


class Message(BaseModel):
    """What a process that does not write passes on to the one that does.

    Attributes:
        lines: what was seen, in order.
        failure: the first thing that kept a test from running.

    """

    lines: list[records.Seen] = []
    failure: EnvironmentFailure | None = None


class Collected(BaseModel):
    """What one process collected, and is to run.

    Attributes:
        bindings: which of its tests speak of which criterion.
        tests: the node ids that its tests were collected with, by those that it reports them with.
        groups: which of them are to run in one process, by those that it reports them with; see `scheduling`.
        uses_cluster: whether one of them uses the fixture `cluster`.

    """

    bindings: Bindings
    tests: dict[str, str]
    groups: dict[str, str]
    uses_cluster: bool


def leave(folder: Path, worker: str, collected: Collected) -> None:
    """Leave what a process collected where the controller finds it, before any test runs."""
    (folder / f"{worker}.json").write_text(collected.model_dump_json(), encoding="utf-8")


def collected_by(folder: Path, worker: str) -> Collected:
    """Return what a process collected: nothing, if it was not told what to collect."""
    try:
        return Collected.model_validate_json((folder / f"{worker}.json").read_bytes())
    except FileNotFoundError:
        return Collected(bindings=Bindings(), tests={}, groups={}, uses_cluster=False)
