"""Which lines of a large document need a Markdown parser: those of sections that may hold criteria or claims.

A parser of Markdown in Python reads about a megabyte in some seconds. A large document is mostly something else
(logs, pasted output): its other sections are skipped by their headings, and long code by its fence, with a scan
that is linear and fast.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workstream import errors
from workstream.documents import titles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SMALL = 256 * 1024  # characters; a document of so many is parsed whole
LARGEST = 512 * 1024  # characters that are parsed at most

_SPEC = "spec.md"  # of spec-kit and OpenSpec: requirements stand below titles of any words
_LONGEST_CODE = 500  # lines; what a fence holds beyond them is output
_HEADING = re.compile(r" {0,3}(#{1,6})(?:\s|$)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SPEAKS = re.compile(r"\bAC[-\s]?\d", re.IGNORECASE)
_TITLES = re.compile(
    r"criteria|\bgoals?\b|constraint|completion|report|\breview\b|status|\bAC\b|^#+[^a-z]*dependenc(?:y|ies)\W*$",
    re.IGNORECASE,
)


@dataclass
class _Section:
    """A heading and the lines below it; what stands before the first heading is a section too."""

    first: int
    headed: bool
    wanted: bool
    lines: list[int]


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
    all_wanted = path.name.lower() == _SPEC
    kept: list[int] = []
    size = 0
    for section in _sections(lines, start):
        # The heading of a section that is skipped still ends the one before.
        numbers = section.lines if section.wanted or all_wanted else section.lines[: section.headed]
        size += sum(len(text) + 1 for number in numbers if (text := lines[number].rstrip()))  # empty lines cost nothing
        if size > LARGEST:
            raise errors.DocumentError(
                f"{path}:{section.first + 1}: more than {LARGEST // 1024} KiB of this document stand in sections that "
                "may hold criteria: that is no document that anybody reads.",
                instead="Move logs and output to files of their own, or into code fences.",
            )
        kept += numbers
    return kept


def _sections(lines: Sequence[str], start: int) -> Iterator[_Section]:
    """Yield the sections, each with whether its title, titles above or text speak of criteria.

    What stands in a code fence is neither a heading nor speaks of criteria.
    """
    above: dict[int, str] = {}
    section = _Section(start, headed=False, wanted=False, lines=[])
    mark, length = "", 0
    for number in range(start, len(lines)):
        line = lines[number]
        if not line or line.isspace():
            section.lines.append(number)
            length += bool(mark)
            continue
        fence = _FENCE.match(line)
        if mark:
            length += 1
            if fence and fence[1].startswith(mark) and not line.strip(" `~\t"):
                mark = ""
            elif length > _LONGEST_CODE:
                continue
        elif fence:
            mark, length = fence[1], 0
        elif heading := _HEADING.match(line):
            yield section
            level = len(heading[1])
            above = {other: title for other, title in above.items() if other < level} | {level: line}
            wanted = any(_TITLES.search(title) for title in above.values())
            section = _Section(number, headed=True, wanted=wanted, lines=[])
        elif not section.wanted:
            section.wanted = bool(_SPEAKS.search(line[:1000])) or titles.is_acceptance_label(line)
        section.lines.append(number)
    section.wanted |= bool(mark)  # a fence that nobody closed: the parser is to say what it swallowed
    yield section
