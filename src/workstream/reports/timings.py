"""Where the time of a run went: what `workstream timings` says, to people and to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from workstream.evidence import timing
from workstream.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workstream.evidence import Log
    from workstream.evidence.timing import Link, Span

_WIDTH = 100  # characters of what was done that a line shows


class Step(BaseModel):
    """A step, on the clock of its run.

    Attributes:
        depth: how many others it is a part of.
        began: seconds after the run's first step began.
        seconds: how long it took.
        thread: what did it: `main`, or what goes on beside it.
        subject: what it is about, in a word.
        doing: what was done.
        failed: whether an error ended it.

    """

    model_config = ConfigDict(frozen=True)

    depth: int
    began: float
    seconds: float
    thread: str
    subject: str
    doing: str
    failed: bool


class Piece(BaseModel):
    """A piece of the chain that the end of a run waited for.

    Attributes:
        began: seconds after the run's first step began.
        seconds: how long it took.
        thread: what did it; empty for what no step tells of.
        subject: what it is about; likewise.
        doing: what was done; likewise.

    """

    model_config = ConfigDict(frozen=True)

    began: float
    seconds: float
    thread: str
    subject: str
    doing: str


class Timings(BaseModel):
    """Where the time of a run went: the object that `workstream timings --json` prints.

    Attributes:
        evidence: where the log was read.
        seconds: from the begin of the first step to the end of the last.
        steps: a step before its parts, in the order in which they began.
        critical_path: the chain that the end of the run waited for, without gaps; no other step made it longer.

    """

    model_config = ConfigDict(frozen=True)

    evidence: str
    seconds: float
    steps: tuple[Step, ...]
    critical_path: tuple[Piece, ...]


def timings(path: Path, log: Log) -> Timings:
    """Return where the time of a run went.

    Raises:
        errors.EvidenceError: the log tells of no steps.

    """
    roots = timing.spans(log)
    return Timings(
        evidence=str(path),
        seconds=round(max(span.ended for span in roots), 3),
        steps=tuple(_step(depth, span) for depth, span in timing.flat(roots)),
        critical_path=tuple(map(_piece, timing.critical_path(roots))),
    )


def _step(depth: int, span: Span) -> Step:
    step = span.step
    return Step(
        depth=depth,
        began=round(span.began, 3),
        seconds=step.seconds,
        thread=step.thread,
        subject=step.subject,
        doing=step.doing,
        failed=step.failed,
    )


def _piece(link: Link) -> Piece:
    step = link.span.step if link.span else None
    return Piece(
        began=round(link.began, 3),
        seconds=round(link.ended - link.began, 3),
        thread=step.thread if step else "",
        subject=step.subject if step else "",
        doing=step.doing if step else "",
    )


def lines(told: Timings, shortest: float) -> Iterator[str]:
    """Yield what people read: the tree, and the critical path.

    Args:
        told: where the time went.
        shortest: the seconds of the shortest step, and piece of the path, that has a line of its own.

    """
    yield f"{told.seconds:.1f} s in all; steps of {shortest:g} s and more, with their seconds and when they began:"
    yield ""
    for step in told.steps:
        if step.seconds >= shortest:
            failed = "  FAILED" if step.failed else ""
            beside = "" if step.thread == timing.MAIN or step.depth else f"  [{step.thread}]"
            what = f"{'  ' * step.depth}{_said(step.subject, step.doing)}"
            yield f"{step.seconds:8.1f}  at {step.began:7.1f}  {what}{beside}{failed}"
    yield ""
    yield "The critical path: what the end of the run waited for."
    yield ""
    passed_over = 0.0
    for piece in told.critical_path:
        if piece.seconds < shortest:
            passed_over += piece.seconds
            continue
        what = _said(piece.subject, piece.doing) if piece.doing else "(no step tells)"
        beside = "" if piece.thread in {timing.MAIN, ""} else f"  [{piece.thread}]"
        yield f"{piece.seconds:8.1f}  at {piece.began:7.1f}  {what}{beside}"
    yield f"{passed_over:8.1f}  in pieces shorter than {shortest:g} s"


def _said(subject: str, doing: str) -> str:
    text = one_line(f"{subject}: {doing}")
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
