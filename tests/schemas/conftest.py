"""The chart as users render it, and progress on the terminal: a first run fetches and compiles."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from support.places import CHART, RELEASE
from workstream import limits, processes, progress
from workstream.cluster import housekeeping, programs
from workstream.plugin import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Rendering = Callable[[str, Path | None], str]


@pytest.fixture(scope="session", autouse=True)
def _progress(pytestconfig: pytest.Config) -> Iterator[None]:
    """Say what takes its time; keep the cache to its size afterwards."""
    with terminal.uncaptured(pytestconfig) as stream:
        handler = progress.show(stream)
        yield
        housekeeping.keep_to_limits()
        progress.forget(handler)


@pytest.fixture(scope="session")
def helm() -> Path:
    """Give Helm: from PATH, else the harness's own."""
    found = programs.on_path("helm")
    return found.path if found else programs.built(["helm"])["helm"]


@pytest.fixture(scope="session")
def rendered(helm: Path) -> Rendering:
    """Give what Helm prints of the chart for a version of Kubernetes: with a file of values, or with the defaults."""

    @cache
    def render(version: str, values: Path | None = None) -> str:
        command: list[str | Path] = [helm, "template", RELEASE.name, CHART, "--kube-version", version]
        if values:
            command += ["--values", values]
        return processes.run(command, limit=limits.QUICK_COMMAND).stdout

    return render
