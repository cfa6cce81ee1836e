"""Which lines of a large document need a Markdown parser: those of sections that may hold criteria or claims.

A parser of Markdown in Python reads about a megabyte in some seconds. A large document is mostly something else
(logs, pasted output): its other sections are passed over by their headings, with a scan that is linear and fast.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workstream import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SMALL = 256 * 1024  # characters that are read whatever they are
LARGEST = 512 * 1024  # characters that may need the parser

_HEADING = re.compile(r" {0,3}(#{1,6})(?:\s|$)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_RELEVANT = re.compile(
    r"(?:acceptance|success)\s+criteria|\bgoals?\b|\bconstraints?\b|\bcompletion\b|\breport\b|\breview\b|\bstatus\b|\bAC\d",
    re.IGNORECASE,
)


def relevant(lines: Sequence[str], start: int, path: Path) -> list[int]:
    """Return the numbers (from 0) of the lines to parse, in order.

    Args:
        lines: the document.
        start: the first line after the front matter.
        path: for the message.

    Raises:
        errors.DocumentError: more than `LARGEST` characters stand in sections that may hold criteria.

    """
    if sum(map(len, lines)) <= SMALL:
        return list(range(start, len(lines)))
    kept: list[int] = []
    size = 0
    for first, beyond in _sections(lines, start):
        if not _RELEVANT.search("\n".join(lines[first:beyond])):
            continue
        size += sum(len(line) + 1 for line in lines[first:beyond])
        if size > LARGEST:
            raise errors.DocumentError(
                f"{path}:{first + 1}: more than {LARGEST // 1024} KiB of this document stand in sections that may hold "
                "criteria: that is no document that anybody reads.",
                instead="Move logs and output to files of their own.",
            )
        kept += range(first, beyond)
    return kept


def _sections(lines: Sequence[str], start: int) -> Iterator[tuple[int, int]]:
    """Yield the sections as (first line, line beyond); a heading within a code fence begins none."""
    first, fence = start, ""
    for number in range(start, len(lines)):
        line = lines[number]
        if (found := _FENCE.match(line)) is not None:
            mark = found[1]
            if not fence:
                fence = mark
            elif mark[0] == fence[0] and len(mark) >= len(fence) and not line.strip(" `~"):
                fence = ""
        elif not fence and number > first and _HEADING.match(line):
            yield first, number
            first = number
    yield first, len(lines)
