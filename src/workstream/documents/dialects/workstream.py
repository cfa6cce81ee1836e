"""Our own form: a heading, front matter or a name with an id like WS-001-04, and whatever people write below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workstream.documents import claims, ids, titles
from workstream.documents.context import Context
from workstream.documents.dialects import openspec, spec_kit
from workstream.documents.model import Document, Fault, Kind
from workstream.documents.reading import Reading

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

    from workstream.documents.file import File
    from workstream.documents.model import Criterion

NAME = "workstream"


def recognises(file: File) -> bool:
    """Whether a file holds an id of ours, or is named and titled by one and the same and has criteria."""
    pattern = ids.pattern(file.settings.ids)
    if _ids(file, pattern) or ids.further(file.headings, pattern):
        return True
    # Notes and decisions are numbered in this way, too: only criteria make a document of them.
    return bool(ids.of_name_and_title(file.headings, file.path)) and any(
        criterion.kind is Kind.ACCEPTANCE for criterion in read(file).criteria
    )


def _ids(file: File, pattern: re.Pattern[str]) -> tuple[tuple[str, str], ...]:
    return tuple(ids.given(file.headings, file.source.front_matter, file.path, pattern))


def read(file: File) -> Document:
    """Return the document."""
    pattern = ids.pattern(file.settings.ids)
    found = _ids(file, pattern)
    further = "" if found else ids.further(file.headings, pattern)
    document_id = found[0][1] if found else further or ids.of_name_and_title(file.headings, file.path)
    document_id = document_id or file.path.stem.upper()  # only where this dialect was asked for
    titled = [heading for _, heading in file.headings[:2] if ids.of_title(heading, pattern) == document_id]
    heading = titled[0] if titled else _title(file)
    reading = Reading(file.source, heading)
    reading.read(file.blocks)
    criteria = reading.criteria()
    first = titled[0] if titled else file.headings[0][1] if file.headings else ""
    return Document(
        path=file.path,
        id=document_id,
        title=ids.title_without(first, document_id),
        content=file.content,
        criteria=criteria,
        claims=tuple(claims.claims(reading.rows, criteria)),
        ids=found,
        swallowed_labels=tuple(reading.swallowed),
        open_fences=tuple(file.source.open_fences),
        unboxed=tuple(reading.unboxed()),
        passed_over=tuple(reading.passed_over()),
        meaning=Context(file.source, file.blocks, heading, criteria).text,
        dialect=NAME,
        faults=tuple(_unread(file, criteria)),
    )


def _unread(file: File, criteria: Sequence[Criterion]) -> Iterator[Fault]:
    """Yield what would be criteria in the forms that call their files `spec.md`, and is none here."""
    if file.path.name.lower() != spec_kit.FILE:
        return
    known = {criterion.position.line for criterion in criteria}
    for name, others in ((openspec.NAME, openspec.criteria(file, [])), (spec_kit.NAME, spec_kit.plain_criteria(file))):
        for one in others:
            if one.position.line not in known:
                message = f"{one.id} would be a criterion in {name}; here, it is none, and nobody proves it"
                yield Fault(file.path, one.position, message)


def _title(file: File) -> str:
    """Return the first heading, if all others stand below it, and it does not announce criteria; else nothing."""
    if not file.headings or file.headings[0][0] != 1 or any(level == 1 for level, _ in file.headings[1:]):
        return ""
    heading = file.headings[0][1]
    return "" if len(file.headings) == 1 or titles.section(heading) is titles.Section.ACCEPTANCE else heading
