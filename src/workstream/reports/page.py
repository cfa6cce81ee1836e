"""The report that people open first: one page that needs nothing but itself, and runs nothing.

No script is in it, and its own policy forbids any: what tests saw is text, whatever it looks like.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup, escape

from workstream.documents import Kind
from workstream.evidence import State, rounds
from workstream.evidence.verdict import text_sha256
from workstream.reports import checklist, matrix, picture, timeline, views
from workstream.reports.clock import clock, said
from workstream.text import one_line, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workstream.documents import Criterion, Document
    from workstream.evidence import Log, Verdict
    from workstream.evidence.matrix import Matrix

NAME = "report.html"
_CODE = re.compile(r"`([^`]+)`")
_MOST_NAMED = 20  # criteria in a sentence
_ANCHOR = 12  # digits that tell criteria apart
_MARKS = {State.PROVEN: "✓", State.FAILED: "✗", State.BLOCKED: "⊘", State.FLAKY: "≈", State.STALE: "↻"}


def html(document: Document, log: Log, verdicts: Sequence[Verdict], comparison: Matrix | None = None) -> str:
    """Return the page.

    Args:
        document: the document under acceptance.
        log: the evidence.
        verdicts: of each criterion; empty of a session with controls.
        comparison: what the controls showed; None if there were none.

    """
    room, time = views.Room(), clock(log)
    tests = views.tests(log, room)
    ordered = sorted(verdicts, key=lambda verdict: list(State).index(verdict.state))
    return _template("report.html.jinja").render(
        document=document,
        log=log,
        verdicts=ordered,
        counts=[(state, count) for state in State if (count := Counter(one.state for one in verdicts)[state])],
        summary=matrix.summary(comparison) if comparison else _summary(verdicts),
        good=comparison.agrees if comparison else bool(verdicts) and all(verdict.proven for verdict in verdicts),
        causes=views.causes(log, verdicts),
        tests=tests,
        by_id={test.id: test for test in tests},
        uncollected=[outcome for outcome in log.outcomes if outcome.when == "collect"],
        pictures=picture.pictures(log),
        line=timeline.timeline(log, time, {test.id: test.anchor for test in tests}),
        clock=time,
        changes=views.changes(log, time, room),
        facts=views.facts(log),
        per_round=rounds(log, document) if log.rounds and not comparison else (),
        matrix=comparison,
        problems=list(matrix.problems(comparison)) if comparison else [],
        legend=" ".join(matrix.legend(comparison)) if comparison else "",
        left_out=checklist.left_out(log.selection) if log.selection and log.selection.partial else "",
        anchors=_anchors(verdicts),
        dependencies=list(checklist.dependencies(log.dependencies)),
        room=room,
    )


def _anchors(verdicts: Sequence[Verdict]) -> dict[str, str]:
    """Return by its id the anchor of each criterion that stays when it moves: it is made of its text."""
    by_text = {text_sha256(one.criterion): one.criterion_id for one in reversed(verdicts)}
    return {one: f"text-{sha256[:_ANCHOR]}" for sha256, one in by_text.items()}


def _summary(verdicts: Sequence[Verdict]) -> str:
    """Return one sentence; where it would name more than a line of criteria, their number."""
    missing = sum(not verdict.proven for verdict in verdicts)
    if missing <= _MOST_NAMED:
        return checklist.summary(verdicts)
    return f"{len(verdicts) - missing} of {len(verdicts)} criteria are proven; {missing} are not."


def unreadable(what: str, instead: str) -> str:
    """Return a page that says why there is no report.

    Args:
        what: what is wrong with the evidence.
        instead: what to do.

    """
    return _template("unreadable.html.jinja").render(what=what, instead=instead)


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("workstream.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_safe,
    )
    filters: dict[str, Callable[..., object]] = {"said": said, "mark": _mark, "line": one_line, "words": _words}
    environment.filters |= filters
    environment.globals["cell"] = matrix.cell
    return environment.get_template(name)


def _mark(state: State) -> str:
    """Return a sign for a verdict, beside its word."""
    return _MARKS.get(state, "○")


def _words(criterion: Criterion) -> Markup:
    """Return what a criterion says: a command, or what stands between backticks, as code."""
    text = visible(criterion.text)
    if criterion.kind is Kind.COMPLETION:
        return Markup("<code>{}</code>").format(text)
    pieces = _CODE.split(text)  # every second one is code
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces)
    )


def _safe(value: object) -> object:
    """Return what a template writes, with nothing in it that acts and is not seen."""
    return visible(value) if type(value) is str else value
