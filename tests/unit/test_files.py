from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from workstream import errors, files

if TYPE_CHECKING:
    from pathlib import Path


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves the file as it was, and nothing beside it."""
    path = tmp_path / "folder" / "checklist.md"
    files.write(path, "before\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", full)
        with pytest.raises(errors.EvidenceError, match="No space left on device"):
            files.write(path, "after\n")
    assert path.read_text() == "before\n"
    assert [one.name for one in path.parent.iterdir()] == ["checklist.md"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A folder in the file's place is an error of ours."""
    for write in (files.write, files.append):
        with pytest.raises(errors.EvidenceError, match="cannot be written"):
            write(tmp_path, "text")
