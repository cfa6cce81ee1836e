"""What a machine runs out of, told from an error or from what a program said: disk, memory, watches, open files."""

from __future__ import annotations

import errno
import re
from pathlib import Path

_INOTIFY = Path("/proc/sys/fs/inotify")
_BY_NUMBER = {
    errno.ENOSPC: "no space left on device",
    errno.EDQUOT: "disk quota exceeded",
    errno.ENOMEM: "cannot allocate memory",
    errno.EAGAIN: "cannot allocate memory",  # of a program that cannot be started: there are too many
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files in system",
}
_DISK = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_WATCHES = re.compile(
    r"inotify|(fsnotify|file) watcher.*too many open files|user limit on .*watches|no space left.*watch", re.IGNORECASE
)
_MEMORY = re.compile(r"cannot allocate memory|out of memory|oomkilled|signal: killed", re.IGNORECASE)
_FILES = re.compile(r"too many open files", re.IGNORECASE)


def advice(text: str) -> str:
    """Return what to do about a machine that ran out of something; empty if a text does not speak of that.

    Args:
        text: what a program said, or a log.

    """
    if _WATCHES.search(text):
        return (
            f"This machine has too few inotify watches or instances ({_inotify()}): "
            "sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512"
        )
    if _DISK.search(text):
        return (
            "A disk is full: make room. `df -h` shows which; `workstream cache show` says what the cache holds, "
            "`workstream cache clean` empties it, and WORKSTREAM_CACHE puts it on another disk."
        )
    if _MEMORY.search(text):
        return "Memory ran out: stop other programs, or use a machine with more of it (`free -h`, `dmesg | tail`)."
    if _FILES.search(text):
        return "Too many files are open: raise the limit (`ulimit -n`), or stop other programs."
    return ""


_COMPLAINT = re.compile(r"no space left on device|too many open files|cannot allocate memory", re.IGNORECASE)


def complaint(log: str) -> str:
    """Return the first line of a log that says that the machine ran out of something; empty if none does."""
    return next((line.strip() for line in log.splitlines() if _COMPLAINT.search(line)), "")


def of(error: OSError) -> str:
    """Return what to do about a machine that ran out of something; empty if an error is another one."""
    return advice(_BY_NUMBER.get(error.errno or 0, ""))


def _inotify() -> str:
    """Return this machine's limits, as one would set them."""
    limits = [path for name in ("max_user_watches", "max_user_instances") if (path := _INOTIFY / name).is_file()]
    return ", ".join(f"fs.inotify.{path.name}={path.read_text().strip()}" for path in limits) or "fs.inotify"
