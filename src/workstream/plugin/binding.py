"""Which test speaks of which criterion: markers become lines of the manifest."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from workstream import documents, evidence
from workstream.evidence import provenance, records
from workstream.reports import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pytest

FIXTURES = "workstream.plugin.fixtures"


class Bindings(BaseModel):
    """What the markers of a suite say.

    Attributes:
        manifest: which test speaks of which criterion.
        problems: markers that cannot be understood, or match no criterion; a sentence each.

    """

    manifest: list[records.Manifest] = []
    problems: list[str] = []


def bind(items: Iterable[pytest.Item], document: documents.Document, root: Path) -> Bindings:
    """Return which criteria each test speaks of."""
    found = Bindings()
    for item in items:
        for marker in item.iter_markers("criterion"):
            try:
                found.manifest.extend(_lines(item, marker, document, root))
            except (TypeError, ValueError) as error:
                found.problems.append(f"{item.nodeid}: {error}")
    return found


def _lines(
    item: pytest.Item, marker: pytest.Mark, document: documents.Document, root: Path
) -> Iterator[records.Manifest]:
    """Yield a line for each criterion that one marker means.

    Raises:
        TypeError: the marker's arguments are not those that it takes.
        ValueError: its level is none, or its text is no criterion's.

    """
    document_id, text, level = _arguments(marker)
    if document_id.upper() != document.id:
        return
    wanted = documents.normalise(text)
    criteria = [criterion for criterion in document.criteria if documents.normalise(criterion.text) == wanted]
    if not criteria:
        near = documents.nearest(text, document)
        hint = f"\n  The nearest is {near.id}: {near.text}" if near else ""
        message = f"{document.path} has no criterion {text!r}.{hint}"
        raise ValueError(message)
    for criterion in criteria:
        yield records.Manifest(
            test=item.nodeid,
            criterion_id=criterion.id,
            level=level,
            doc=_sentence(item),
            source_path=os.path.relpath(item.path, root),
            source_sha256=provenance.path_sha256(item.path),
        )


def _arguments(marker: pytest.Mark) -> tuple[str, str, evidence.Level]:
    try:
        document_id, text, level = _criterion(*marker.args, **marker.kwargs)
        return str(document_id), str(text), evidence.Level(str(level))
    except (TypeError, ValueError) as error:
        message = (
            'write @pytest.mark.criterion("WS-001-04", "the criterion\'s text"), with level= one of '
            f"{', '.join(evidence.Level)} if it is not cluster ({error})"
        )
        raise TypeError(message) from error


def _criterion(document_id: object, text: object, level: object = evidence.Level.CLUSTER) -> tuple[object, ...]:
    """Take the marker's arguments, as Python does."""
    return document_id, text, level


def _sentence(item: pytest.Item) -> str:
    """Return the first paragraph of a test's docstring, on one line."""
    doc = inspect.getdoc(getattr(item, "function", None)) or ""
    return " ".join(doc.partition("\n\n")[0].split())


def uses_cluster(item: pytest.Item) -> bool:
    """Whether a test uses the fixture `cluster`: ours, not one of that name that stands in its place."""
    # pytest has no other way to ask before the test runs.
    names: Mapping[str, Sequence[Any]] = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    definitions = names.get("cluster", [])
    return bool(definitions) and definitions[-1].func.__module__ == FIXTURES


def ship(folder: Path, worker: str, bindings: Bindings) -> None:
    """Leave what a process of pytest-xdist found where the controller finds it, before any test runs."""
    files.write(_parcel(folder, worker), bindings.model_dump_json())


def shipped(folder: Path, worker: str) -> Bindings:
    """Return what a process of pytest-xdist found."""
    path = _parcel(folder, worker)
    bindings = Bindings.model_validate_json(path.read_bytes())
    path.unlink()
    return bindings


def _parcel(folder: Path, worker: str) -> Path:
    return folder / f".manifest-{worker}.json"
