"""The matrix of controls and criteria, rendered for people and programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from workstream.evidence import State
from workstream.reports.checklist import prose
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workstream.documents import Document
    from workstream.evidence import Verdict
    from workstream.evidence.matrix import Matrix, Row

MARKDOWN, JSON = "controls.md", "controls.json"
_CELLS = (
    "F: failed. B: blocked (what its tests need was not there). A dot: proven. All as it must be, except where there "
    "is an exclamation mark: F!, B!, P! (proven) and ?! (anything else) are not."
)
_HIDDEN = "A dash: another control of the same round turned it red, so nobody saw what this one does to it."
_LETTERS = {State.FAILED: "F", State.BLOCKED: "B", State.PROVEN: "P"}


def lines(document: Document, matrix: Matrix) -> Iterator[str]:
    """Yield the matrix for a terminal, then what does not agree."""
    ids = [criterion.id for criterion in document.criteria]
    width = max([len(row.name) for row in matrix.rows], default=0)
    yield f"{'':{width}}  {' '.join(f'{name:>4}' for name in ids)}"
    for row in matrix.rows:
        cells = " ".join(f"{cell(row, verdict):>4}" for verdict in row.verdicts)
        yield f"{row.name:{width}}  {cells} {_time(row):>7}".rstrip()
    yield from ("", *legend(matrix), "")
    yield from problems(matrix)
    yield from taken_over(matrix)
    yield summary(matrix)


def taken_over(matrix: Matrix) -> Iterator[str]:
    """Yield what was run and why, and what was taken over, and from when; nothing if all was to be run."""
    yield from (f"Not all is taken over: {why}" for why in matrix.why)
    taken = [row for row in matrix.rows if row.taken]
    if not taken:
        return
    whole = [row for row in taken if not row.ran]
    days = " and ".join(sorted({row.seen[:10] for row in taken}))
    run = len(matrix.rows) - len(whole)
    yield (
        f"{run} of {len(matrix.rows)} controls were run, {len(taken) - len(whole)} of these only with tests that "
        f"changed; all else is taken over as it was seen on {days}, and accepted."
    )


def legend(matrix: Matrix) -> list[str]:
    """Return what explains the cells."""
    return [_CELLS, *([_HIDDEN] if any(row.hidden for row in matrix.rows) else [])]


def summary(matrix: Matrix) -> str:
    """Return one sentence: how many controls turned red what they must."""
    agreeing = sum(row.agrees for row in matrix.rows)
    untested = f" Untested tests: {len(matrix.untested)}." if matrix.untested else ""
    return f"{agreeing} of {matrix.planned} controls turned exactly those criteria red that they must.{untested}"


def problems(matrix: Matrix) -> Iterator[str]:
    """Yield a line for all that is not as it must be."""
    for when, verdicts in zip(("before", "after"), matrix.whole, strict=False):
        for verdict in verdicts:
            if not verdict.proven:
                why = f"{verdict.state}: {one_line(verdict.reason, 600)}"
                yield f"{verdict.criterion_id} is not proven on the whole product, {when} the controls: {why}"
    for row in matrix.rows:
        yield from _problems_of(row)
    if len(matrix.rows) < matrix.planned:
        yield f"{matrix.planned - len(matrix.rows)} controls did not run to their end"
    for test in matrix.untested:
        name = f"{test.criterion_id}: {test.test.partition('::')[2] or test.test}"
        yield f"{name} is an untested test: no control makes it fail, so nobody knows whether it can"


def _problems_of(row: Row) -> Iterator[str]:
    for verdict in row.verdicts:
        if verdict.criterion_id in row.expected and verdict.proven:
            yield f"{row.name}: {verdict.criterion_id} did not notice this control: it is proven on the broken product"
        elif not verdict.proven and verdict.criterion_id not in (row.red & row.expected) | row.hidden:
            wanted = "notice" if verdict.criterion_id in row.expected else "stay proven"
            why = f"{verdict.state}: {one_line(verdict.reason, 600)}"
            yield f"{row.name}: {verdict.criterion_id} was to {wanted}, and is {why}"
    for criterion_id in row.missing_again:
        yield f"{row.name}: {criterion_id} was not proven again in any later round"
    reasons = {verdict.criterion_id: one_line(verdict.reason, 600) for verdict in row.verdicts}
    for criterion_id, words in row.unsaid.items():
        yield f"{row.name}: {criterion_id} turned red, but no test of it said {words!r}: {reasons[criterion_id]}"


def markdown(document: Document, matrix: Matrix) -> str:
    """Return the matrix as Markdown, with the reason of every red cell."""
    ids = [criterion.id for criterion in document.criteria]
    text = [f"# {document.id}: controls", "", prose(summary(matrix)), ""]
    text += [f"- {prose(problem)}" for problem in problems(matrix)]
    text += ["", f"| control | {' | '.join(ids)} | time |", f"| --- |{' --- |' * (len(ids) + 1)}"]
    for row in matrix.rows:
        text.append(f"| {row.name} | {' | '.join(cell(row, verdict) for verdict in row.verdicts)} | {_time(row)} |")
    text += ["", *legend(matrix), *taken_over(matrix), ""]
    for row in matrix.rows:
        text += [f"## {row.name}", "", prose(row.sentence), ""]
        text += [f"It shared its round with {prose(', '.join(row.beside))}.", ""] if row.beside else []
        shown = (verdict for verdict in row.verdicts if verdict.criterion_id not in row.hidden)
        text += [_reason(verdict) for verdict in shown if not verdict.proven]
        text.append("")
    return "\n".join(text)


def as_json(document: Document, matrix: Matrix) -> str:
    """Return the matrix for programs."""
    plain = {
        "document": document.id,
        "agrees": matrix.agrees,
        "untested": [{"criterion": test.criterion_id, "test": test.test} for test in matrix.untested],
        "problems": list(problems(matrix)),
        "whole": [{verdict.criterion_id: verdict.state for verdict in verdicts} for verdicts in matrix.whole],
        "controls": [
            {
                "name": row.name,
                "sentence": row.sentence,
                "agrees": row.agrees,
                "expected_red": sorted(row.expected),
                "seen": {
                    verdict.criterion_id: {"state": verdict.state, "reason": verdict.reason} for verdict in row.verdicts
                },
                "not_proven_again": row.missing_again,
                "not_said": dict(row.unsaid),
                "beside": row.beside,
                "hidden": sorted(row.hidden),
                "seconds": row.seconds,
                "tests_run": row.ran,
                "tests_taken_over": len(row.taken),
                "taken_over_of": row.seen,
            }
            for row in matrix.rows
        ],
    }
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def cell(row: Row, verdict: Verdict) -> str:
    """Return what stands in a cell of the matrix; `legend` explains it."""
    letter = _LETTERS.get(verdict.state, "?")
    if verdict.criterion_id in row.expected:
        return letter if verdict.criterion_id in row.red else f"{letter}!"
    if verdict.criterion_id in row.hidden:
        return "-"
    return "." if verdict.proven else f"{letter}!"


def _time(row: Row) -> str:
    if row.taken and not row.ran:
        return row.seen[:10]
    return "" if row.seconds is None else f"{row.seconds:.0f} s"


def _reason(verdict: Verdict) -> str:
    return f"- **{verdict.criterion_id}** {verdict.state}: {prose(one_line(verdict.reason, 600))}"
