"""Our own workstream document: whole, open, and about this chart."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from support.places import DOCUMENT, ROOT, SHUFFLE_FOLDER, SHUFFLE_PORT
from workstream import documents
from workstream.documents import Document, Kind


@cache
def document() -> Document:
    """Return our document."""
    return documents.read(DOCUMENT)


def test_the_document_has_the_id_that_its_name_says() -> None:
    """Heading and file name agree."""
    assert DOCUMENT.name.startswith(f"{document().id}-")


def test_the_document_promises_what_the_suite_was_written_for() -> None:
    """Five acceptance criteria, three goals, three constraints and four completion commands."""
    kinds = Counter(criterion.kind for criterion in document().criteria)

    assert kinds == {
        Kind.ACCEPTANCE: 5,
        Kind.GOAL: 3,
        Kind.CONSTRAINT: 3,
        Kind.COMPLETION: 4,
    }


def test_only_acceptance_criteria_have_a_box() -> None:
    """Every acceptance criterion has a box, and nothing else has one."""
    assert all((criterion.box is not None) == (criterion.kind is Kind.ACCEPTANCE) for criterion in document().criteria)


def test_the_document_claims_nothing() -> None:
    """Nobody writes into it what was not seen: it holds no report and no status."""
    assert not document().claims


def test_the_document_names_the_files_that_there_are() -> None:
    """Every input file that it names is in this repository."""
    text = document().content.decode()
    named = re.findall(r"`((?:charts|docker)/[^`]+)`", text)

    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_the_document_names_port_and_folder() -> None:
    """The port and the folder that the suite looks for are the document's."""
    text = document().content.decode()

    assert f"port {SHUFFLE_PORT}" in text
    assert f"`{SHUFFLE_FOLDER}`" in text


def test_no_completion_command_needs_a_terminal() -> None:
    """The commands run as they stand, without anybody typing."""
    commands = [criterion.text for criterion in document().criteria if criterion.kind is Kind.COMPLETION]

    assert [command for command in commands if re.search(r"\s-(?:it|ti|t)\b|\s--tty\b", command)] == []
