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
        only_criteria: whether only tests run that speak of a criterion.

    """

    control: Control | None = None
    only_criteria: bool = True

    def record(self, number: int) -> records.Round:
        """Return the line of the log with which it begins."""
        return records.Round(
            number=number,
            time=provenance.now(),
            control=self.control.name if self.control else "",
            sentence=self.control.sentence if self.control else "",
            turns_red=self.control.turns_red if self.control else (),
        )

    @property
    def title(self) -> str:
        """What it is, for readers."""
        return f"{self.control.name}: {self.control.sentence}" if self.control else "the product as it is"


def planned(options: pytest.Config, documents: Sequence[Document]) -> Sequence[Round]:
    """Return the rounds that the options ask for; empty for an ordinary session.

    Args:
        options: pytest's.
        documents: the documents under acceptance.

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
    if not path:
        return [Round(only_criteria=False), *(Round() for _ in range(1, repeat))] if repeat > 1 else []
    if repeat > 1:
        raise errors.UsageError(
            "--workstream-repeat and --workstream-controls exclude each other.", instead="Leave one of them away."
        )
    if len(documents) > 1:
        raise errors.UsageError(
            "--workstream-controls is about one document: a control names criteria by their places in it.",
            instead="Name one document with --workstream.",
        )
    (document,) = documents
    every = frozenset(criterion.id for criterion in document.criteria)
    rounds = [Round()]
    for control in controls.load(Path(path)):
        unknown = ", ".join(sorted(set(control.turns_red) - every))
        if unknown:
            raise errors.ControlError(
                f"The control {control.name} is to turn {unknown} red, and {document.path} has no such criterion.",
                instead=f"Its criteria are {', '.join(criterion.id for criterion in document.criteria)}.",
            )
        rounds.append(Round(control))
    return [*rounds, Round()]
