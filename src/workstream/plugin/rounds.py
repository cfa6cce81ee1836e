"""Sessions that run tests several times: to see whether they are reliable, and whether they notice a broken product."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workstream import controls, errors
from workstream.controls import Aim
from workstream.documents import identified
from workstream.evidence import accepted, provenance, records
from workstream.evidence.verdict import text_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pytest

    from workstream.controls import Control
    from workstream.documents import Document


@dataclass(frozen=True, slots=True)
class Round:
    """Tests that run one after the other, with fixtures of their own.

    Attributes:
        broken: what the product is broken with; empty if it is whole.
        only_criteria: whether only tests run that speak of a criterion.

    """

    broken: tuple[Aim, ...] = ()
    only_criteria: bool = True

    @property
    def control(self) -> Control | None:
        """What breaks the product; None if it is whole."""
        return controls.joined([aim.control for aim in self.broken]) if self.broken else None

    def records(self, number: int) -> Iterator[records.Round]:
        """Yield the lines of the log with which it begins: one for each control."""
        time = provenance.now()
        if not self.broken:
            yield records.Round(number=number, time=time)
        for aim in self.broken:
            yield records.Round(
                number=number,
                time=time,
                control=aim.control.name,
                sentence=aim.control.sentence,
                turns_red=tuple(aim.turns_red),
                says={criterion_id: words for criterion_id, words in aim.turns_red.items() if words},
            )

    @property
    def title(self) -> str:
        """What it is, for readers."""
        if len(self.broken) > 1:
            return ", ".join(aim.control.name for aim in self.broken)
        return "; ".join(f"{aim.control.name}: {aim.control.sentence}" for aim in self.broken) or "the product as it is"

    def halves(self) -> tuple[Round, Round]:
        """Return two rounds, of half of its controls each."""
        middle = len(self.broken) // 2
        return replace(self, broken=self.broken[:middle]), replace(self, broken=self.broken[middle:])


def planned(options: pytest.Config, documents: Sequence[Document]) -> Sequence[Round]:
    """Return the rounds that the options ask for; empty for an ordinary session.

    Args:
        options: pytest's.
        documents: the documents under acceptance.

    Raises:
        errors.UsageError: options exclude each other.
        errors.ControlError: a control cannot be read, or names a criterion that there is not, or not any more.
        errors.AcceptedError: what was accepted of the document was changed.

    """
    repeat, path = options.getoption("--workstream-repeat"), options.getoption("--workstream-controls")
    if (repeat > 1 or path) and getattr(options.option, "numprocesses", None):
        raise errors.UsageError(
            "--workstream-repeat and --workstream-controls exclude -n: rounds come one after the other.",
            instead="Leave -n of pytest-xdist away.",
        )
    if options.getoption("--workstream-mixed") and not path:
        raise errors.UsageError(
            "--workstream-mixed is about controls, and there are none.", instead="Name them with --workstream-controls."
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
    changed = _changed(document)
    aims = [Aim(control, _found(control, document, changed)) for control in controls.load(Path(path))]
    groups = controls.mixed(aims) if options.getoption("--workstream-mixed") else [(aim,) for aim in aims]
    return [Round(), *(Round(group) for group in groups), Round()]


def _found(control: Control, document: Document, changed: Mapping[str, str]) -> dict[str, str]:
    """Return the criteria that a control means, by what they say, else by their places: see `Aim.turns_red`.

    Args:
        control: the control.
        document: the document.
        changed: see `_changed`.

    Raises:
        errors.ControlError: there is no such criterion, or what stands in its place is another one.

    """
    texts = {criterion.id: criterion.text for criterion in document.criteria}
    unknown = ", ".join(sorted(red.id for red in control.turns_red if not red.words and red.id not in texts))
    if unknown:
        raise errors.ControlError(
            f"The control {control.name} is to turn {unknown} red, and {document.path} has no such criterion.",
            instead=f"Its criteria are {', '.join(texts)}.",
        )
    found: dict[str, str] = {}
    for red in control.turns_red:
        same = [criterion.id for criterion in identified(red.words, document)] if red.words else [red.id]
        if not same or (not red.words and red.id in changed):
            before = red.words or changed[red.id]
            now = f"and {red.id} is {texts[red.id]!r} now" if red.id in texts else f"and there is no {red.id} any more"
            raise errors.ControlError(
                f"The control {control.name} is to turn {red.id} red, which was {before!r}, {now}.",
                instead="If it breaks that, too, say so in turns_red, by what it says: "
                f"`- {red.id}: {texts.get(red.id, 'what it says')}`.",
            )
        found |= dict.fromkeys(same, control.says.get(red.id, ""))
    return found


def _changed(document: Document) -> Mapping[str, str]:
    """Return what was accepted of places at which another text stands now, by their ids; nothing if nothing was."""
    path = accepted.find(document)
    if path is None:
        return {}
    now = {criterion.id: text_sha256(criterion) for criterion in document.criteria}
    kept = accepted.read(path).statement.details.criteria
    return {one.id: one.text for one in kept if one.id in now and now[one.id] != one.sha256}
