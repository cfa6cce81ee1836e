"""Splits a fenced block of shell lines into commands, each as written."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_UNFINISHED = re.compile(r"(\\|\|\||&&|\|)\s*$")
_LONGEST = 50  # lines; a quote that nobody closes must not make one command of a whole document


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a block.

    Attributes:
        text: as written, continuation lines included.
        line: the line of the block at which it starts, counted from 0.

    """

    text: str
    line: int


def split(lines: Sequence[str]) -> Iterator[Command]:
    """Yield the commands of a block; comments and blank lines between them are passed over."""
    collected: list[str] = []
    start = 0
    for number, line in enumerate(lines):
        if not collected:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            start = number
        collected.append(line.rstrip("\r\n"))
        if _is_complete(collected):
            yield Command("\n".join(collected).strip(), start)
            collected = []
    if collected:
        yield Command("\n".join(collected).strip(), start)


def _is_complete(lines: Sequence[str]) -> bool:
    if len(lines) >= _LONGEST:
        return True
    if _UNFINISHED.search(lines[-1]):
        return False
    try:
        shlex.split("\n".join(lines))
    except ValueError:  # an open quotation
        return False
    return True
