"""The ids of documents: what they look like, and where a document says its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Word processors and language models write other hyphens, and some of them look the same.
_HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"))
_WORKSTREAM = r"(?:(?-i:[A-Z][A-Z0-9]{0,9})-)*WS(?:-[A-Z]{1,20})*-(?:\d+(?![A-Z])|(?=[A-Z]*\d)[A-Z0-9]{2,10})(?:-\d+)*"
_DIGITS = r"\d{2}-\d{3}-\d{2}"
# Not a part of a longer one: `WS-001-04_mail.md` is WS-001-04, `WS-001-04x` is no id, TS-WS-001-04 is another one.
_ALONE = r"(?<![A-Za-z0-9])(?<![A-Za-z0-9]-)(?:{})(?![A-Za-z0-9]|-\d)"
DOCUMENT_ID = re.compile(_ALONE.format(f"{_WORKSTREAM}|{_DIGITS}"), re.IGNORECASE)

_KEY = re.compile(r"^(?P<key>id|ws|ws[-_]id|workstream|workstream[-_]id)\s*:(?P<value>.*)$", re.IGNORECASE)
_TITLE_KEY = re.compile(r"^(?:name|title|slug)\s*:\s*[\"']?(?P<value>.*)$", re.IGNORECASE)
_OWN_VALUE = re.compile(r"^\s*[\"']?(?P<id>[A-Z0-9]+(?:-[A-Z0-9]+)+)[\"']?\s*(?:#.*)?$", re.IGNORECASE)
_NAMED = re.compile(r"^[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-\d+(?=$|[^A-Za-z0-9])")


def pattern(declared: Sequence[str] = ()) -> re.Pattern[str]:
    """Return a pattern of ids: our own, and those of shapes that a project declares."""
    if not declared:
        return DOCUMENT_ID
    return re.compile(
        _ALONE.format("|".join([*(f"(?:{one})" for one in declared), _WORKSTREAM, _DIGITS])), re.IGNORECASE
    )


def plain(text: str) -> str:
    """Return a text with a plain hyphen wherever it has one of the others; it stays as long as it is."""
    return text.translate(_HYPHENS)


def of_title(heading: str, ids: re.Pattern[str]) -> str:
    """Return the id that a heading gives its document: at its beginning, or in brackets at its end; else nothing.

    A heading that speaks of another document holds an id, too: `Replaces WS-001-03`.
    """
    text = plain(heading)
    begin = re.match(r"^[^a-z0-9]*(?:\d{1,2}[.)]\s+)?(?:workstream\W+)?", text, re.IGNORECASE)
    match = ids.match(text, begin.end() if begin else 0)
    if match is None:
        end = re.search(r"[(\[](?P<id>[^()\[\]]+)[)\]]\W*$", text)
        match = ids.fullmatch(end["id"].strip()) if end else None
    return match.group().upper() if match else ""


def title_without(heading: str, document_id: str) -> str:
    """Return what a heading says beside an id."""
    place = plain(heading).upper().find(document_id)
    if place < 0:
        return heading.strip()
    before, behind = heading[:place].strip(" ([:-"), heading[place + len(document_id) :].strip(" :-\u2013\u2014*)]")
    return behind or before.lstrip("# ")


def given(
    headings: Sequence[tuple[int, str]], front_matter: Sequence[str], path: Path, ids: re.Pattern[str]
) -> Iterator[tuple[str, str]]:
    """Yield the ids that a document gives itself, each with its place: heading, front matter, file name.

    Args:
        headings: its headings, each with its level.
        front_matter: the lines of its front matter.
        path: where it is.
        ids: what ids look like.

    """
    name = of_title(headings[0][1], ids) if headings else ""
    if name:
        yield "heading", name
    if name := _of_front_matter(front_matter, ids):
        yield "front matter", name
    if match := ids.search(plain(path.name)):
        yield "file name", match.group().upper()


def further(headings: Sequence[tuple[int, str]], ids: re.Pattern[str]) -> str:
    """Return the id of the second heading, if the document is about it: all that follows stands below."""
    if len(headings) < 2:  # noqa: PLR2004 - there is no second one
        return ""
    level, text = headings[1]
    alone = all(other > level for other, _ in headings[2:])
    return of_title(text, ids) if level <= 2 and alone else ""  # noqa: PLR2004 - deeper, it is a section


def of_name_and_title(headings: Sequence[tuple[int, str]], path: Path) -> str:
    """Return the id of another shape with which both the name of a file and its first heading begin, `MAIL-12`."""
    named = _NAMED.match(plain(path.name))
    titled = _NAMED.match(plain(headings[0][1]).lstrip("*_ ")) if headings else None
    return named.group() if named and titled and named.group() == titled.group() else ""


def same(one: str, other: str) -> bool:
    """Whether two ids name one document: `ws_id: 001-04` below the heading `WS-001-04`."""
    return one.removeprefix("WS-") == other.removeprefix("WS-")


def _of_front_matter(lines: Sequence[str], ids: re.Pattern[str]) -> str:
    own = [match for line in lines if (match := _KEY.match(line))]
    for match in own:
        if found := ids.search(plain(match["value"])):
            return found.group().upper()
    for match in own:
        value = _OWN_VALUE.match(plain(match["value"])) if match["key"].lower() != "id" else None
        if value and any(map(str.isdigit, value["id"])):
            return value["id"].upper()
    titled = [match["value"] for line in lines if (match := _TITLE_KEY.match(line))]
    return next(filter(None, (of_title(value.strip("\"' "), ids) for value in titled)), "")
