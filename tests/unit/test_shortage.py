from __future__ import annotations

import errno
import sys

import pytest

from workstream import errors, limits, processes, shortage


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("write /var/lib/docker/tmp/x: no space left on device", "workstream cache clean"),
        ("mkdir: Disk quota exceeded", "workstream cache clean"),
        ("kubelet: failed to create fsnotify watcher: too many open files", "sysctl fs.inotify"),
        ("inotify_add_watch /etc: no space left on device", "sysctl fs.inotify"),
        ("accept4: too many open files", "ulimit -n"),
        ("fork/exec /usr/bin/runc: cannot allocate memory", "free -h"),
        ("go build: compile: signal: killed", "free -h"),
    ],
)
def test_what_ran_out_is_recognised_in_what_a_program_said(said: str, advice: str) -> None:
    """The error of a program that fails for want of something says what to do about that."""
    with pytest.raises(errors.ProgramFailedError) as caught:
        processes.run([sys.executable, "-c", f"import sys; sys.exit({said!r})"], limit=limits.QUERY)

    assert advice in caught.value.instead
    assert caught.value.instead.count("`") % 2 == 0


def test_other_failures_get_no_such_advice() -> None:
    """Nor do errors of the operating system that speak of something else."""
    assert shortage.advice("Error: pod not found; the disk of its memory is open") == ""
    assert shortage.of(PermissionError(errno.EACCES, "Permission denied")) == ""
    assert shortage.of(OSError("no number")) == ""


@pytest.mark.parametrize(
    ("number", "advice"),
    [(errno.ENOSPC, "df -h"), (errno.EDQUOT, "df -h"), (errno.ENOMEM, "free -h"), (errno.EMFILE, "ulimit -n")],
)
def test_what_ran_out_is_recognised_in_an_error_of_the_operating_system(number: int, advice: str) -> None:
    """By its number, in whatever language its text is."""
    assert advice in shortage.of(OSError(number, "keine Ahnung"))


def test_the_first_line_of_a_log_that_complains_is_found() -> None:
    """A log speaks of much; a node that ran out of something says so in certain words."""
    log = "I1 memory: 12 inotify\nE1 watcher: too many open files \nE2 no space left on device\n"
    assert shortage.complaint(log) == "E1 watcher: too many open files"
    assert shortage.complaint("all is well\n") == ""
