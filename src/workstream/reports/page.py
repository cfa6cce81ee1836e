"""The checklist as a page that needs nothing but itself; evidence opens on a click."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jinja2

from workstream.reports import checklist

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workstream.documents import Document
    from workstream.evidence import Log, Verdict

NAME = "report.html"


def html(document: Document, log: Log, verdicts: Sequence[Verdict]) -> str:
    """Return the page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("workstream.reports"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["pretty"] = lambda value: (
        value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    )
    return environment.get_template("report.html.jinja").render(
        document=document,
        log=log,
        verdicts=verdicts,
        subjects=checklist.facts(log),
        summary=checklist.summary(verdicts),
    )
