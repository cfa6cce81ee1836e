from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workstream import errors, files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


# Makes a folder of ours, says where, and is killed while it has it.
KILLED = """
import os, signal
from workstream import files

with files.temporary("exchange") as folder:
    (folder / "in it").touch()
    print(folder, flush=True)
    {then}
"""


@pytest.fixture
def run_of(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Give a way to start a process that makes a temporary folder of ours below a folder, and does something then."""
    started = []

    def start(then: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", KILLED.format(then=then)]
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _said(process: subprocess.Popen[str]) -> Path:
    """Return the path that a process prints."""
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_a_folder_that_a_killed_process_left_is_removed_by_the_next(
    run_of: Callable[[str], subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose process lives stays, and so does what is not ours: another kind of folder, or one without our lock."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    others = [tmp_path / "workstream-exchange-old", tmp_path / "workstream-of-others", tmp_path / "other"]
    for other in others:
        other.mkdir()
    (others[1] / ".lock").touch()
    alive = run_of("signal.pause()")
    used = _said(alive)  # before the other: whoever begins looks for what was left
    killed = run_of("os.kill(os.getpid(), signal.SIGKILL)")
    left = _said(killed)
    killed.wait()
    assert left.is_dir()
    with files.temporary("exchange") as mine:
        assert sorted(tmp_path.iterdir()) == sorted([*others, used, mine])
    alive.kill()
    alive.wait()

    with files.temporary("control"):
        assert not used.exists()
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_a_full_disk_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where no folder can be made, and where a report cannot be written."""

    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    monkeypatch.setattr("tempfile.mkstemp", full)
    with pytest.raises(errors.NoSpaceError, match="No space left on device") as caught, files.temporary("control"):
        pass
    assert "workstream cache clean" in caught.value.instead
    with pytest.raises(errors.EvidenceError) as refused:
        files.write(tmp_path / "checklist.md", "text")
    assert "workstream cache clean" in refused.value.instead
