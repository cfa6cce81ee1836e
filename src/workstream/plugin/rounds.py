"""Sessions that run tests several times: to see whether they are reliable, and whether they notice a broken product."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import controls, errors
from workstream.evidence import provenance, records

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from workstream.controls import Control
    from workstream.documents import Document


@dataclass(frozen=True, slots=True)
class Round:
    """Tests that run one after the other, with fixtures of their own.

    Attributes:
        control: what the product is broken with; None if it is whole.
        criteria: the criteria whose tests run; None for all tests, those too that speak of no criterion.

    """

    control: Control | None = None
    criteria: frozenset[str] | None = None

    def record(self, number: int) -> records.Round:
        """Return the line of the log with which it begins."""
        return records.Round(
            number=number,
            time=provenance.now(),
            control=self.control.name if self.control else "",
            sentence=self.control.sentence if self.control else "",
            turns_red=self.control.turns_red if self.control else (),
            says=self.control.says if self.control else {},
        )

    @property
    def title(self) -> str:
        """What it is, for readers."""
        return f"{self.control.name}: {self.control.sentence}" if self.control else "the product as it is"


def planned(options: pytest.Config, document: Document) -> Sequence[Round]:
    """Return the rounds that the options ask for; empty for an ordinary session.

    Raises:
        errors.UsageError: options exclude each other.
        errors.ControlError: a control cannot be read, or names an unknown criterion.

    """
    repeat, path = options.getoption("--workstream-repeat"), options.getoption("--workstream-controls")
    if (repeat > 1 or path) and getattr(options.option, "numprocesses", None):
        raise errors.UsageError(
            "--workstream-repeat and --workstream-controls exclude -n: rounds come one after the other.",
            instead="Leave -n of pytest-xdist away.",
        )
    every = frozenset(criterion.id for criterion in document.criteria)
    if not path:
        return [Round(), *(Round(criteria=every) for _ in range(1, repeat))] if repeat > 1 else []
    if repeat > 1:
        raise errors.UsageError(
            "--workstream-repeat and --workstream-controls exclude each other.", instead="Leave one of them away."
        )
    rounds = [Round(criteria=every)]
    for control in controls.load(Path(path)):
        unknown = ", ".join(sorted(set(control.turns_red) - every))
        if unknown:
            raise errors.ControlError(
                f"The control {control.name} is to turn {unknown} red, and {document.path} has no such criterion.",
                instead=f"Its criteria are {', '.join(criterion.id for criterion in document.criteria)}.",
            )
        rounds.append(Round(control, every))
    return [*rounds, Round(criteria=every)]
