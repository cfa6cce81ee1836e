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
_TITLES = re.compile(
    r"criteria|\bgoals?\b|\bconstraints?\b|\bcompletion\b|\breport\b|\breview\b|\bstatus\b|\bAC\b", re.IGNORECASE
)
_CONTENT = re.compile(r"^\W*(?:acceptance|success)\s+criteria\b|\bAC[-\s]?\d", re.IGNORECASE)


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
    for first, beyond, wanted in _sections(lines, start):
        if not wanted:
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


def _sections(lines: Sequence[str], start: int) -> Iterator[tuple[int, int, bool]]:
    """Yield the sections: first line, line beyond, and whether title, titles above or text speak of criteria.

    What stands in a code fence is neither a heading nor speaks of criteria.
    """
    first, fence, titles, speaks = start, "", dict[int, str](), False
    for number in range(start, len(lines)):
        line = lines[number]
        if (found := _FENCE.match(line)) is not None:
            mark = found[1]
            if not fence:
                fence = mark
            elif mark[0] == fence[0] and len(mark) >= len(fence) and not line.strip(" `~"):
                fence = ""
        elif fence:
            continue
        elif (heading := _HEADING.match(line)) is not None:
            if number > first:
                yield first, number, speaks
            level = len(heading[1])
            titles = {above: title for above, title in titles.items() if above < level} | {level: line}
            first, speaks = number, any(_TITLES.search(title) for title in titles.values())
        elif not speaks:
            speaks = bool(_CONTENT.search(line))
    yield first, len(lines), speaks
