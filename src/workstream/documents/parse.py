"""Reads workstream documents from their files or their bytes."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

from workstream import errors
from workstream.documents import claims
from workstream.documents.context import Context
from workstream.documents.identity import DOCUMENT_ID
from workstream.documents.model import Document
from workstream.documents.reading import Reading
from workstream.documents.source import Source, own_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LARGEST = 64 * 1024 * 1024  # bytes

_ID_KEY = re.compile(r"^\s*(?:id|ws|ws[-_]id|workstream|workstream[-_]id|name|title|slug)\s*:(.*)$", re.IGNORECASE)
_TITLE = re.compile(rf"^[^a-z]*(?:workstream\W+)?{DOCUMENT_ID.pattern}", re.IGNORECASE)


def read(path: Path) -> Document:
    """Read a document.

    Raises:
        errors.ForeignDocumentError: it is no workstream document.
        errors.DocumentError: it cannot be read.

    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            what = "a folder" if stat.S_ISDIR(about.st_mode) else "no file"
            raise errors.DocumentError(f"{path} cannot be read: it is {what}.", instead="Name a Markdown file.")
        if about.st_size > LARGEST:
            raise errors.DocumentError(f"{path} cannot be read: it has more than {LARGEST // 1024**2} MiB.")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise errors.DocumentError(f"{path} cannot be read: {getattr(error, 'strerror', error)}.") from error
    return parse(content, path)


def parse(content: bytes, path: Path) -> Document:
    """Read a document's bytes.

    Args:
        content: the file's bytes.
        path: where they were read, for the id and for messages.

    Raises:
        errors.ForeignDocumentError: it is no workstream document.
        errors.DocumentError: it is no text, or its sections that may hold criteria are too large.

    """
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise errors.DocumentError(
            f"{path}:{line}: this is a binary file, or not saved as UTF-8.", instead="Name a Markdown file in UTF-8."
        )
    source = Source(content, path)
    blocks = source.blocks()
    headings = [own_text(block) for block in blocks if block.type == "heading"]
    ids = tuple(_ids(headings, source.front_matter, path))
    document_id, heading = _identify(ids, headings, path)
    title = heading if DOCUMENT_ID.search(heading) else ""
    reading = Reading(source, title)
    reading.read(blocks)
    criteria = reading.criteria()
    return Document(
        path=path,
        id=document_id,
        title=re.sub(r"^.*?" + re.escape(document_id), "", heading, flags=re.IGNORECASE).strip(" :-\u2013\u2014*"),
        content=content,
        criteria=criteria,
        claims=tuple(claims.claims(reading.rows, criteria)),
        ids=ids,
        swallowed_labels=tuple(reading.swallowed),
        open_fences=tuple(source.open_fences),
        unboxed=tuple(reading.unboxed()),
        meaning=Context(source, blocks, title, criteria).text,
    )


def _ids(headings: Sequence[str], front_matter: Sequence[str], path: Path) -> Iterator[tuple[str, str]]:
    """Yield the ids that a document gives itself, with the place of each."""
    keys = [match[1] for line in front_matter if (match := _ID_KEY.match(line))]
    for place, texts in (("heading", headings[:1]), ("front matter", keys), ("file name", [path.name])):
        match = next(filter(None, map(DOCUMENT_ID.search, texts)), None)
        if match:
            yield place, match.group().upper()


def _identify(ids: Sequence[tuple[str, str]], headings: Sequence[str], path: Path) -> tuple[str, str]:
    """Return a document's id, and the heading that holds it or that is its first."""
    further = (match.group() for match in map(_TITLE.match, headings) if match)
    name = ids[0][1] if ids else next((DOCUMENT_ID.findall(heading)[0].upper() for heading in further), "")
    if not name:
        raise errors.ForeignDocumentError(
            f"{path}:1: this is no workstream document: neither its first heading, nor its front matter, nor its name "
            "holds an id like WS-001-04.",
            instead="Start it with a heading such as `## WS-001-04: External shuffle service`.",
        )
    return name, next(
        (heading for heading in headings if _TITLE.match(heading) and name in heading.upper()), next(iter(headings), "")
    )
