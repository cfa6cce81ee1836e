"""The checklist: every criterion with its box, its verdict, what was seen and how to see it again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from workstream.documents import Kind
from workstream.evidence import rounds
from workstream.evidence.verdict import edition_sha256
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import JsonValue

    from workstream.documents import Criterion, Document
    from workstream.evidence import Log, Verdict
    from workstream.evidence.records import Dependency, Observation, Selection

NAME = "checklist.md"
_MARKUP = re.compile(r"[\\`*<>\[\]|~@]|(?<!\w)[_#]|_(?!\w)")


def markdown(document: Document, log: Log, verdicts: Sequence[Verdict]) -> str:
    """Return the checklist as Markdown."""
    repeated = [f"- {prose(line)}" for line in repetition(log, document)]
    section = ["", "## Repeated", "", *repeated] if repeated else []
    return "\n".join([*_head(document, log, verdicts), *_criteria(verdicts), *section, *_reproduce(log), ""])


def repetition(log: Log, document: Document) -> list[str]:
    """Return a line per criterion: in how many rounds of a repeated session it was proven; else nothing."""
    per_round = rounds(log, document)
    lines = []
    for number, criterion in enumerate(document.criteria if per_round else ()):
        states = [verdicts[number] for verdicts in per_round]
        others = [f"round {at}: {verdict.state}" for at, verdict in enumerate(states, start=1) if not verdict.proven]
        count = f"{criterion.id} was proven in {len(states) - len(others)} of {len(states)} rounds"
        lines.append(f"{count} ({', '.join(others)})" if others else count)
    return lines


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return one sentence: how many criteria are proven, and which are not."""
    missing = [verdict.criterion_id for verdict in verdicts if not verdict.proven]
    total = len(verdicts)
    if not total:
        return "The document has no criteria: there is nothing to prove."
    if not missing:
        return f"All {total} criteria are proven." if total > 1 else "The one criterion is proven."
    return f"{total - len(missing)} of {total} criteria are proven; not proven: {', '.join(missing)}."


def left_out(selection: Selection) -> str:
    """Return how much a run that was a part of the suite left out."""
    count = len(selection.left_out)
    subject = "1 test of a criterion was" if count == 1 else f"{count} tests of criteria were"
    unknown = [f"What the suite holds is not known: {sentence}" for sentence in selection.unknown]
    return " ".join([f"{subject} not selected.", *unknown])


def dependencies(lines: Sequence[Dependency]) -> Iterator[str]:
    """Yield a sentence for each document that one depends on and that was not seen to be proven."""
    for line in lines:
        if not line.proven:
            what = "is not proven" if line.proven is False else "was not looked at"
            yield f"It depends on {line.document_id}, which {what}: {one_line(line.what, 600)}"


def shown(observation: Observation) -> str:
    """Return what was seen, shortened for reading."""
    value = observation.value
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _head(document: Document, log: Log, verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield f"# {document.id}: {document.title}".rstrip(": ")
    yield ""
    yield f"{summary(verdicts)} Ticked is what was proven, and nothing else."
    if log.selection and log.selection.partial:
        yield from ("", f"**This run was a part of the suite.** {left_out(log.selection)}")
    for sentence in dependencies(log.dependencies):
        yield from ("", f"**{prose(sentence)}**")
    if log.cut:
        yield from ("", "**The evidence breaks off: the run that wrote it did not come to its end.**")
    elif log.end and log.end.interrupted:
        yield from ("", "**The run was interrupted.**")
    yield ""


def _criteria(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        box = "x" if verdict.proven else " "
        yield f"- [{box}] **{verdict.criterion_id}** {_text(verdict.criterion)}"
        yield f"  - **{verdict.state}**: {prose(one_line(verdict.reason, 600))}"
        for test in verdict.tests:
            yield f"  - test {code(test)}"
            for observation in verdict.observations:
                if observation.test == test:
                    yield from _observation(observation)


def _text(criterion: Criterion) -> str:
    """Return a criterion's text: Markdown already, except for commands."""
    text = one_line(criterion.text, 1000)
    return code(text) if criterion.kind is Kind.COMPLETION else text


def _observation(observation: Observation) -> Iterator[str]:
    yield f"    - {prose(one_line(observation.what))} ({observation.level}): {code(shown(observation))}"
    if observation.command:
        yield f"      - again: {code(one_line(observation.command, 1000))}"


def prose(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return _MARKUP.sub(r"\\\g<0>", text)


def code(text: str) -> str:
    """Return a text as Markdown code, whatever backticks are in it."""
    if not text:
        return "(nothing)"
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
    yield f"- command: {code(session.command)}"
    yield f"- commit: {code(session.commit or 'none')}{changes}"
    yield f"- document: {code(session.document_path)}, boxes blanked, SHA-256 {code(session.document_sha256)}"
    edition = edition_sha256(session.criteria, session.context_sha256)
    yield f"- criteria and what gives them their meaning: SHA-256 {code(edition)}"
    yield f"- begun: {session.time}; ended: {log.end.time if log.end else 'not'}"
    yield f"- workstream {session.harness}, Python {session.python}"
    for where, option in (log.selection.options if log.selection else {}).items():
        if where != "command line":
            yield f"- {code(where)}: {code(option)}"
    for name, value in facts(log).items():
        text = value if isinstance(value, str) else json.dumps(value)
        yield f"- {prose(name)}: {code(one_line(text, 1000))}"


def facts(log: Log) -> dict[str, JsonValue]:
    """Return the facts about what was under test, by name: the last value of each; of several files their paths."""
    values: dict[str, JsonValue] = {subject.name: subject.value for subject in log.subjects}
    for name in values:
        paths: list[JsonValue] = [
            *sorted({subject.path for subject in log.subjects if subject.name == name and subject.path})
        ]
        if len(paths) > 1:
            values[name] = paths
    return values
