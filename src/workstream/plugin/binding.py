"""Which test speaks of which criterion: markers become lines of the manifest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from workstream import documents, evidence
from workstream.evidence import provenance, records
from workstream.reports import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def bind(item: pytest.Item, document: documents.Document, root: Path) -> Iterator[records.Manifest]:
    """Yield which criteria a test speaks of.

    Raises:
        pytest.UsageError: a marker is not of the form that it needs, or matches no criterion.

    """
    by_text = {documents.normalise(criterion.text): criterion for criterion in document.criteria}
    for marker in item.iter_markers("criterion"):
        try:
            document_id, text = marker.args
            level = evidence.Level(marker.kwargs.get("level", "cluster"))
        except ValueError as error:
            raise pytest.UsageError(
                f'{item.nodeid}: write @pytest.mark.criterion("WS-001-04", "the criterion\'s text"), '
                f"with level= one of {', '.join(evidence.Level)} if it is not cluster ({error})"
            ) from error
        if document_id != document.id:
            continue
        criterion = by_text.get(documents.normalise(text))
        if criterion is None:
            near = documents.nearest(text, document)
            hint = f"\nThe nearest is {near.id}: {near.text}" if near else ""
            raise pytest.UsageError(f"{item.nodeid}: {document.path} has no criterion {text!r}.{hint}")
        path = item.path
        doc = " ".join((getattr(getattr(item, "function", None), "__doc__", None) or "").split())
        yield records.Manifest(
            test=item.nodeid,
            criterion_id=criterion.id,
            level=level,
            doc=doc,
            source_path=os.path.relpath(path, root),
            source_sha256=provenance.path_sha256(path),
        )


def ship(config: pytest.Config, folder: Path, lines: list[records.Manifest]) -> None:
    """Leave the manifest where the controller of pytest-xdist finds it."""
    if hasattr(config, "workerinput"):
        text = "".join(f"{line.model_dump_json()}\n" for line in lines)
        files.write(folder / f".manifest-{config.workerinput['workerid']}.jsonl", text)


def shipped(folder: Path) -> list[records.Manifest]:
    """Return the manifest that a process of pytest-xdist left."""
    found = sorted(folder.glob(".manifest-*.jsonl"))
    lines = found[0].read_text(encoding="utf-8").splitlines() if found else []
    for path in found:
        path.unlink()
    return [records.Manifest.model_validate_json(line) for line in lines]
