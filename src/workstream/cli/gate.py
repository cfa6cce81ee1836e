"""`workstream gate`: whether a change may land."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workstream import errors, evidence, files
from workstream.cli import sources
from workstream.cli.shared import PATHS, PathType, documents_of, print_json, say
from workstream.evidence import accepted
from workstream.reports import gate as gates
from workstream.reports import github, pull_request, runner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workstream.documents import Document
    from workstream.reports.gate import Decision


@click.command()
@PATHS
@sources.EVIDENCE
@click.option(
    "--policy",
    type=click.Choice([str(one) for one in gates.Policy]),
    default=str(gates.Policy.PROVEN),
    show_default=True,
    help="What opens it: every criterion is proven; or every one that is ticked, or was accepted as proven.",
)
@click.option(
    "--against",
    metavar="FOLDER",
    type=PathType(exists=True, file_okay=False),
    help="The project whose accepted results count, such as a checkout of the branch that the change is to land on "
    "(default: each document's own, which the change itself may edit).",
)
@click.option(
    "--comment", is_flag=True, help="On GitHub: tell the pull request, in one comment that is kept up to date."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def gate(  # noqa: PLR0913 - each option is one
    paths: Sequence[Path], logs: tuple[Path, ...], policy: str, against: Path | None, *, comment: bool, as_json: bool
) -> None:
    """Say in one sentence whether a change may land, by the evidence of runs on all the documents that are named.

    Exit code 0 if it may. What was accepted proves nothing here: evidence is asked for of each document. On GitHub,
    each criterion that keeps the gate closed is shown at its line, and the job's summary says it all.
    """
    required = documents_of(paths)
    decision = gates.decide([_judged(document, logs, against) for document in required], gates.Policy(policy))
    if os.environ.get("GITHUB_ACTIONS") and not as_json:
        say("".join(f"{line}\n" for line in github.shown_at_lines(decision)), nl=False)
    for one in decision.obstacles if not os.environ.get("GITHUB_ACTIONS") and not as_json else ():
        what = f"{one.name or one.document.id} {one.state}"
        say(f"{one.document.path}:{one.line}: {what}: {one.reason}", err=True)
    if os.environ.get(github.VARIABLE):
        files.append(Path(os.environ[github.VARIABLE]), github.comment(decision))
    if comment:
        _tell(decision)
    if as_json:
        print_json({
            "open": decision.is_open,
            "sentence": decision.sentence,
            "obstacles": [
                {"document": str(one.document.path), "id": one.document.id, "criterion": one.name, "line": one.line,
                 "state": one.state, "reason": one.reason}
                for one in decision.obstacles
            ],
        })  # fmt: skip
    else:
        say(decision.sentence)
    sys.exit(0 if decision.is_open else 1)


def _judged(document: Document, logs: tuple[Path, ...], against: Path | None) -> gates.Judged:
    """Return what is known of a document; what is wrong with its evidence does not keep others from being judged."""
    try:
        before = accepted.path_of(document.id, against) if against else accepted.find(document)
        kept = accepted.read(before).statement if before and before.is_file() else None
        paths = sources.logs_of(document, logs)
        ours = tuple(path for path in paths if evidence.read(path).session.document_id == document.id)
        if not ours:
            return gates.Judged(document, problem="No run on it left any evidence here.")
        return gates.Judged(document, sources.from_logs(document, ours).verdicts, accepted=kept)
    except (errors.EvidenceError, errors.TickRefusedError, errors.AcceptedError) as error:
        return gates.Judged(document, problem=error.what)


def _tell(decision: Decision) -> None:
    """Write the comment on the pull request, if there is one; that it cannot be written keeps nothing from landing."""
    try:
        request = pull_request.of_this_job()
        if request is None:
            say("There is no pull request to be told: the job runs for something else.", err=True)
        else:
            say(request.say(github.comment(decision)), err=True)
    except errors.PublishError as error:
        say(runner.warning(str(error)) if os.environ.get("GITHUB_ACTIONS") else str(error), err=True)
