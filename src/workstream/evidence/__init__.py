"""What was seen: records, the log that holds them, and the verdicts that follow from it."""

from __future__ import annotations

from workstream.evidence import freshness
from workstream.evidence.combination import combined
from workstream.evidence.log import Log, Writer, find, read
from workstream.evidence.matrix import kept, matrix, told_apart
from workstream.evidence.recorder import Recorder
from workstream.evidence.records import Level
from workstream.evidence.verdict import State, Verdict, rounds, verdicts

__all__ = [
    "Level",
    "Log",
    "Recorder",
    "State",
    "Verdict",
    "Writer",
    "combined",
    "find",
    "freshness",
    "kept",
    "matrix",
    "read",
    "rounds",
    "told_apart",
    "verdicts",
]
