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
_LEGEND = (
    "F: failed. B: blocked (what its tests need was not there). A dot: proven. All as it must be, except where there "
    "is an exclamation mark: F!, B!, P! (proven) and ?! (anything else) are not."
)
_LETTERS = {State.FAILED: "F", State.BLOCKED: "B", State.PROVEN: "P"}


def lines(document: Document, found: Matrix) -> Iterator[str]:
    """Yield the matrix for a terminal, then what does not agree."""
    ids = [one.id for one in document.criteria]
    width = max([len(row.name) for row in found.rows], default=0)
    yield f"{'':{width}}  {' '.join(f'{one:>4}' for one in ids)}"
    for row in found.rows:
        cells = " ".join(f"{_cell(row, one):>4}" for one in row.verdicts)
        yield f"{row.name:{width}}  {cells} {_time(row):>7}".rstrip()
    yield from ("", _LEGEND, "")
    yield from problems(found)
    yield summary(found)


def summary(found: Matrix) -> str:
    """Return one sentence."""
    agreeing = sum(row.agrees for row in found.rows)
    untested = f" Untested tests: {len(found.untested)}." if found.untested else ""
    return f"{agreeing} of {found.planned} controls turned exactly those criteria red that they must.{untested}"


def problems(found: Matrix) -> Iterator[str]:
    """Yield a line for all that is not as it must be."""
    for when, verdicts in zip(("before", "after"), found.whole, strict=False):
        for one in verdicts:
            if not one.proven:
                why = one_line(one.reason, 600)
                yield f"{one.criterion_id} is not proven on the whole product, {when} the controls: {one.state}: {why}"
    for row in found.rows:
        yield from _problems_of(row)
    if len(found.rows) < found.planned:
        yield f"{found.planned - len(found.rows)} controls did not run to their end"
    for test in found.untested:
        name = f"{test.criterion_id}: {test.test.partition('::')[2] or test.test}"
        yield f"{name} is an untested test: no control makes it fail, so nobody knows whether it can"


def _problems_of(row: Row) -> Iterator[str]:
    for one in row.verdicts:
        if one.criterion_id in row.expected and one.proven:
            yield f"{row.name}: {one.criterion_id} lost this control: it is proven on the broken product"
        elif not one.proven and one.criterion_id not in row.red & row.expected:
            wanted = "notice" if one.criterion_id in row.expected else "keep its proof"
            yield f"{row.name}: {one.criterion_id} was to {wanted}, and is {one.state}: {one_line(one.reason, 600)}"
    for criterion_id in row.missing_again:
        yield f"{row.name}: {criterion_id} was not proven again in any later round"


def markdown(document: Document, found: Matrix) -> str:
    """Return the matrix as Markdown, with the reason of every red cell."""
    ids = [one.id for one in document.criteria]
    text = [f"# {document.id}: controls", "", prose(summary(found)), ""]
    text += [f"- {prose(problem)}" for problem in problems(found)]
    text += ["", f"| control | {' | '.join(ids)} | time |", f"| --- |{' --- |' * (len(ids) + 1)}"]
    for row in found.rows:
        text.append(f"| {row.name} | {' | '.join(_cell(row, one) for one in row.verdicts)} | {_time(row)} |")
    text += ["", _LEGEND, ""]
    for row in found.rows:
        text += [f"## {row.name}", "", prose(row.sentence), ""]
        text += [_reason(one) for one in row.verdicts if not one.proven]
        text.append("")
    return "\n".join(text)


def as_json(document: Document, found: Matrix) -> str:
    """Return the matrix for programs."""
    plain = {
        "document": document.id,
        "agrees": found.agrees,
        "untested": [{"criterion": one.criterion_id, "test": one.test} for one in found.untested],
        "problems": list(problems(found)),
        "whole": [{one.criterion_id: one.state for one in verdicts} for verdicts in found.whole],
        "controls": [
            {
                "name": row.name,
                "sentence": row.sentence,
                "agrees": row.agrees,
                "expected_red": sorted(row.expected),
                "seen": {one.criterion_id: {"state": one.state, "reason": one.reason} for one in row.verdicts},
                "not_proven_again": row.missing_again,
                "seconds": row.seconds,
            }
            for row in found.rows
        ],
    }
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _cell(row: Row, verdict: Verdict) -> str:
    letter = _LETTERS.get(verdict.state, "?")
    if verdict.criterion_id in row.expected:
        return letter if verdict.criterion_id in row.red else f"{letter}!"
    return "." if verdict.proven else f"{letter}!"


def _time(row: Row) -> str:
    return "" if row.seconds is None else f"{row.seconds:.0f} s"


def _reason(verdict: Verdict) -> str:
    return f"- **{verdict.criterion_id}** {verdict.state}: {prose(one_line(verdict.reason, 600))}"
