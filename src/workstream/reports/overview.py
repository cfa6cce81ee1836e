"""How several documents of one run stand beside each other, and why the run ended as it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from workstream import errors
from workstream.evidence.records import Dependency
from workstream.evidence.verdict import State
from workstream.reports import checklist, page
from workstream.reports.checklist import prose
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workstream.evidence.records import Session

MARKDOWN, JSON = "overview.md", "overview.json"
_OF_PYTEST = {
    2: "pytest was stopped",
    3: "pytest failed",
    4: "pytest was called wrongly",
    5: "pytest found no tests",
}


class Row(BaseModel):
    """One document.

    Attributes:
        id: its id.
        title: what follows the id in its heading.
        document: where it was read.
        dialect: the name of its form.
        proven: whether every criterion is proven, and there is one.
        part: whether criteria are unproven only because the run was a part of the suite.
        summary: how many criteria are proven, and which are not, in a sentence.
        criteria: the verdict of each criterion, by its id.
        dependencies: the documents that it depends on, and how far they were.

    """

    model_config = ConfigDict(frozen=True)

    id: str
    title: str
    document: str
    dialect: str
    proven: bool
    part: bool
    summary: str
    criteria: dict[str, State]
    dependencies: tuple[Dependency, ...]


class Overview(BaseModel):
    """All documents of a run: the object that it leaves as `overview.json`, beside a folder for each of them.

    Attributes:
        command: the run's command line.
        began: when it began, RFC 3339, UTC.
        exit_code: how it ended.
        sentence: why it is that one.
        documents: the documents, each behind those that it depends on.

    """

    model_config = ConfigDict(frozen=True)

    command: str
    began: str
    exit_code: int
    sentence: str
    documents: tuple[Row, ...]


def of(session: Session, rows: Sequence[Row], exit_code: int, failure: str = "") -> Overview:
    """Return the overview of a run.

    Args:
        session: the first line of one of its logs.
        rows: its documents, each behind those that it depends on.
        exit_code: how the run ends.
        failure: what kept it from proving more, if that decides the exit code.

    """
    return Overview(
        command=session.command,
        began=session.time,
        exit_code=exit_code,
        sentence=f"Exit code {exit_code}: {_why(rows, exit_code, failure)}",
        documents=tuple(rows),
    )


def _why(rows: Sequence[Row], exit_code: int, failure: str) -> str:
    """Return why a run ends as it does."""
    unproven = [row.id for row in rows if not row.proven]
    count = f"{len(rows) - len(unproven)} of {len(rows)} documents are proven"
    if exit_code == 0:
        return f"all criteria of {'the document' if len(rows) == 1 else f'{len(rows)} documents'} are proven."
    if exit_code == 1 and not unproven:
        return f"{count}, and a test failed that speaks of no criterion."
    if exit_code == 1:
        return f"{count}; not proven: {', '.join(unproven)}."
    if exit_code == errors.PartialRunError.exit_code:
        return f"all that was run passed, but of {', '.join(unproven)} not every test was run."
    meaning = one_line(failure, 600) or _OF_PYTEST.get(exit_code) or _meanings().get(exit_code, "the run was stopped")
    return f"{meaning.rstrip('.')}. {count}."


def _meanings() -> dict[int, str]:
    """Return what exit codes above pytest's own mean."""
    kinds = [errors.WorkstreamError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return {kind.exit_code: kind.summary for kind in kinds}


def lines(overview: Overview) -> Iterator[str]:
    """Yield a line for each document, for a terminal."""
    width = max((len(row.id) for row in overview.documents), default=0)
    for row in overview.documents:
        needs = " ".join(_need(line) for line in row.dependencies)
        yield f"[{'x' if row.proven else ' '}] {row.id:{width}}  {row.summary}{f' ({needs})' if needs else ''}"


def _need(line: Dependency) -> str:
    state = {True: "proven", False: "not proven", None: "not looked at"}[line.proven]
    return f"Depends on {line.document_id}: {state}."


def markdown(overview: Overview) -> str:
    """Return the overview as Markdown."""
    head = ["# Overview", "", f"{prose(overview.sentence)} Ticked is what was proven, and nothing else.", ""]
    text = [*head, "| document | form | how it stands | depends on | reports |", "| --- | --- | --- | --- | --- |"]
    for row in overview.documents:
        box = "x" if row.proven else " "
        needs = " ".join(_need(line).removeprefix("Depends on ") for line in row.dependencies)
        name = prose(f"{row.id} {one_line(row.title)}".strip())
        where = f"[report](<{row.id}/{page.NAME}>), [checklist](<{row.id}/{checklist.NAME}>)"
        text.append(f"| [{box}] {name} | {row.dialect} | {prose(row.summary)} | {prose(needs)} | {where} |")
    text.append("")
    for row in overview.documents:
        text += [f"- {row.id}: {prose(sentence)}" for sentence in checklist.dependencies(row.dependencies)]
        text += [f"- {row.id} {one}: {state}" for one, state in row.criteria.items() if state is not State.PROVEN]
    text += ["", f"- command: {checklist.code(overview.command)}", f"- begun: {overview.began}"]
    return "\n".join([*text, ""])
