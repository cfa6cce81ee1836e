"""The checklist: every criterion with its box, its verdict, what was seen and how to see it again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.documents import Document
    from workstream.evidence import Log, Verdict
    from workstream.evidence.records import Observation

NAME = "checklist.md"
_LONGEST_VALUE = 300


def markdown(document: Document, log: Log, verdicts: Sequence[Verdict]) -> str:
    """Return the checklist as Markdown."""
    return "\n".join([*_head(document, log, verdicts), *_criteria(verdicts), *_reproduce(log), ""])


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return one sentence: how many of how many, and which are not."""
    missing = [verdict.criterion_id for verdict in verdicts if not verdict.proven]
    total = len(verdicts)
    if not total:
        return "The document has no criteria: there is nothing to prove."
    if not missing:
        return f"All {total} criteria are proven."
    return f"{total - len(missing)} of {total} criteria are proven; not proven: {', '.join(missing)}."


def one_line(text: str, longest: int = _LONGEST_VALUE) -> str:
    """Return a text on one line, cut openly."""
    flat = " ".join(text.split())
    return flat if len(flat) <= longest else f"{flat[:longest]} … ({len(flat)} characters)"


def shown(observation: Observation) -> str:
    """Return what was seen, shortened for reading."""
    value = observation.value
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _head(document: Document, log: Log, verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield f"# {document.id}: {document.title}".rstrip(": ")
    yield ""
    yield f"{summary(verdicts)} Ticked is what was proven, and nothing else."
    if log.cut:
        yield ""
        yield "**The evidence breaks off: the run that wrote it did not come to its end.**"
    yield ""


def _criteria(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        box = "x" if verdict.proven else " "
        text = one_line(verdict.criterion.text, 1000)
        yield f"- [{box}] **{verdict.criterion_id}** {text}"
        yield f"  - **{verdict.state}**: {one_line(verdict.reason, 600)}"
        for observation in verdict.observations:
            yield f"  - {observation.what}: {_code(shown(observation))} (seen on: {observation.level})"
            if observation.command:
                yield f"    - again: {_code(one_line(observation.command, 1000))}"
        for test in verdict.tests:
            yield f"  - test: {_code(test)}"


def _code(text: str) -> str:
    """Return a text as Markdown code, whatever backticks are in it."""
    fence = "`"
    while fence in text:
        fence += "`"
    space = " " if len(fence) > 1 else ""
    return f"{fence}{space}{text}{space}{fence}"


def _reproduce(log: Log) -> Iterator[str]:
    session = log.session
    changes = " (with changes that are not committed)" if session.dirty else ""
    yield ""
    yield "## Reproduce"
    yield ""
    yield f"- command: {_code(session.command)}"
    yield f"- commit: {_code(session.commit or 'none')}{changes}"
    yield f"- document: {_code(session.document_path)}, boxes blanked, SHA-256 {_code(session.document_sha256)}"
    yield f"- begun: {session.time}; ended: {log.end.time if log.end else 'not'}"
    yield f"- workstream {session.harness}, Python {session.python}"
    for subject in {subject.name: subject for subject in log.subjects}.values():
        value = subject.value if isinstance(subject.value, str) else json.dumps(subject.value)
        yield f"- {subject.name}: {_code(one_line(value, 1000))}"
