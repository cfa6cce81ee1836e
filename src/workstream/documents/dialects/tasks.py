"""The list of tasks that stands beside a spec: its lines, and the boxes of its tasks."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workstream.documents.model import Fault, Position

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "tasks.md"

_BOX = re.compile(r"^\s*[-*+]\s+\[(?P<mark>.)\]\*?\s+\S")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_LARGEST = 8 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a list of tasks that is no code.

    Attributes:
        number: where it stands, from 1.
        text: as written.
        mark: what stands in the box that it begins with; empty if it begins no task.

    """

    number: int
    text: str
    mark: str

    @property
    def ticked(self) -> bool:
        """Whether it is a task that is done; one that is left away, `[-]`, is not."""
        return self.mark in {"x", "X"}


def lines(path: Path, faults: list[Fault]) -> Iterator[Line]:
    """Yield the lines that are no code; none where there is no such file.

    Args:
        path: the list of tasks.
        faults: takes what is wrong with it: it is a folder, too large, or cannot be read.

    """
    fence = ""
    for number, text in enumerate(_read(path, faults), start=1):
        mark = _FENCE.match(text)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence:
            box = _BOX.match(text)
            yield Line(number, text, box["mark"] if box else "")


def _read(path: Path, faults: list[Fault]) -> list[str]:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            faults.append(Fault(path, Position(1, 1), "this is no file: nobody reads what is claimed there"))
            return []
        if about.st_size > _LARGEST:
            faults.append(Fault(path, Position(1, 1), "this list of tasks is too large to be one, and is not read"))
            return []
        return path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        faults.append(Fault(path, Position(1, 1), f"cannot be read: {error.strerror}"))
        return []
