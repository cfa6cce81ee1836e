"""The matrix of controls and criteria, rendered for people and programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from workstream.reports.checklist import one_line, prose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workstream.documents import Document
    from workstream.evidence import Verdict
    from workstream.evidence.matrix import Matrix, Row

MARKDOWN, JSON = "controls.md", "controls.json"
_LEGEND = (
    "`red`: failed or blocked on the broken product, as it must be. `.`: proven, as it must be. `RED!`, `GREEN!`, `?!` "
    "(neither): not as it must be."
)


def lines(document: Document, found: Matrix) -> Iterator[str]:
    """Yield the matrix for a terminal, then what does not agree."""
    ids = [one.id for one in document.criteria]
    width = max([len(row.name) for row in found.rows], default=0)
    yield f"{'':{width}}  {' '.join(f'{one:^6}' for one in ids)}"
    for row in found.rows:
        cells = " ".join(f"{_cell(row, one):^6}" for one in row.verdicts)
        yield f"{row.name:{width}}  {cells} {_time(row):>7}".rstrip()
    yield ""
    yield from problems(found)
    yield summary(found)


def summary(found: Matrix) -> str:
    """Return one sentence."""
    agreeing = sum(row.agrees for row in found.rows)
    untested = f" Untested: {', '.join(found.untested)}." if found.untested else ""
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
    for criterion_id in found.untested:
        yield f"{criterion_id} is an untested test: no control turns it red, so nobody knows whether it can fail"


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
        "untested": found.untested,
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
    if verdict.proven:
        return "GREEN!" if verdict.criterion_id in row.expected else "."
    if verdict.criterion_id in row.red:
        return "red" if verdict.criterion_id in row.expected else "RED!"
    return "?!"


def _time(row: Row) -> str:
    return "" if row.seconds is None else f"{row.seconds:.0f} s"


def _reason(verdict: Verdict) -> str:
    return f"- **{verdict.criterion_id}** {verdict.state}: {prose(one_line(verdict.reason, 600))}"
