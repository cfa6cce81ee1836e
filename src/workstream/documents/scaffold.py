"""Writes the first form of a suite: one test for each criterion, each of which fails until somebody writes it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from workstream.documents.identity import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workstream.documents.model import Criterion, Document

_LONGEST_NAME = 60


def module(document: Document) -> str:
    """Return the text of a test module."""
    return "\n".join(
        [*_head(document), *(line for criterion in document.criteria for line in _test(document, criterion))]
    )


def file_name(document: Document) -> str:
    """Return the name of the module, `test_ws_001_04.py`."""
    return f"test_{_name(document.id)}.py"


def _name(text: str) -> str:
    """Return an id as a part of a name in Python: `1.2` and `FR-001` are none."""
    return re.sub(r"\W", "_", text.lower())


def _head(document: Document) -> Iterator[str]:
    yield f'"""The criteria of {document.id}. A test that is not written yet fails."""'
    yield ""
    yield "from __future__ import annotations"
    yield ""
    yield "from typing import TYPE_CHECKING"
    yield ""
    yield "import pytest"
    yield ""
    yield "if TYPE_CHECKING:"
    yield "    from workstream.cluster.access import Cluster"
    yield "    from workstream.evidence import Recorder"
    yield ""


def _test(document: Document, criterion: Criterion) -> Iterator[str]:
    words = (
        re.sub(r"[^a-z0-9]+", "_", normalise(criterion.text, criterion.kind).lower())
        .strip("_")[:_LONGEST_NAME]
        .strip("_")
    )
    text = json.dumps(criterion.text, ensure_ascii=False)
    yield ""
    yield f'@pytest.mark.criterion("{document.id}", {text})  # noqa: E501 - the criterion, as it stands in the document'
    yield f"def test_{_name(criterion.id)}_{words}(cluster: Cluster, evidence: Recorder) -> None:"
    yield f'    """Say in one sentence what is true when {criterion.id} holds."""'
    yield "    del cluster, evidence"
    yield '    pytest.fail("not written yet: look at the cluster, record what you see, and assert")'
    yield ""
