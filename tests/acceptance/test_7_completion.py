"""The document's own completion commands, run as they stand there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support import shuffle
from support.places import DOCUMENT
from workstream import documents, limits, processes
from workstream.documents import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.staging import Place
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder

HOPELESS = 8  # executors of one application, which needs two: the Master starts them anew for ever
COMMANDS = [one for one in documents.read(DOCUMENT).criteria if one.kind is Kind.COMPLETION]


def hope(cluster: Cluster, release: Release) -> Callable[[], None]:
    """Return what gives up an application whose executors end by themselves, one after the other."""
    before, _ = shuffle.last_application(cluster, release)
    looks = time.monotonic() + limits.DOUBT_SECONDS

    def look() -> None:
        nonlocal looks
        if time.monotonic() >= looks:
            last, started = shuffle.last_application(cluster, release)
            assert last == before or started < HOPELESS, f"no hope: {started} executors were started for {last}"
            looks = time.monotonic() + limits.DOUBT_LOOK_SECONDS

    return look


@pytest.mark.parametrize(
    "command",
    [pytest.param(one.text, id=one.id, marks=pytest.mark.criterion("WS-001-04", one.text)) for one in COMMANDS],
)
def test_the_command_succeeds(
    command: str, cluster: Cluster, release: Release, place_of_commands: Place, evidence: Recorder
) -> None:
    """The command, run literally by a shell in the repository's root, ends with exit code 0 and says something."""
    # pipefail: a command before a pipe that fails must not be hidden by the one behind it.
    shell = ["bash", "-o", "pipefail", "-c", command]
    limit = limits.COMPLETION_COMMAND
    ended = processes.run(
        shell,
        limit=limit,
        environment=cluster.environment,
        folder=place_of_commands.folder,
        accept=range(256),
        meanwhile=hope(cluster, release),
    )
    if place_of_commands.differs:
        evidence.record(
            "ran not in the repository's root but beside a copy of charts/, since the nodes cannot pull the chart's "
            "default image: values that are other defaults there, before and after",
            place_of_commands.differs,
        )
    evidence.record("exit status", ended.returncode, command=command)
    evidence.record("output", processes.tail(ended.stdout, 25), command=command)
    evidence.record("complaints", processes.tail(ended.stderr, 25))

    assert ended.returncode == 0, processes.tail(ended.stderr or ended.stdout, 3)
    assert ended.stdout.strip(), "it said nothing"
