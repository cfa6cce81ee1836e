"""Controls that share a round: one product that is broken in several ways, each of which can be told from the others.

A round costs minutes, and most controls turn one criterion red. Two of them can share a round if nobody can take what
the one did for the other's work: they turn different criteria red, each says with which words, and they change
different things. What turned red in the wrong words, or besides, is for whoever runs them to see, and to split; where
that is known beforehand, a control says so.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import JsonValue

    from workstream.controls.model import Control


@dataclass(frozen=True, slots=True)
class Aim:
    """A control, and what it must do to a document.

    Attributes:
        control: the control.
        turns_red: the ids of the criteria that must not be proven on it, and the words with which one must fail; empty
            where the control names none.

    """

    control: Control
    turns_red: Mapping[str, str]


def mixed(aims: Sequence[Aim]) -> list[tuple[Aim, ...]]:
    """Return controls in as few groups as is easily found: each joins the first group in which it fits with all."""
    groups: list[list[Aim]] = []
    for aim in aims:
        fitting = (group for group in groups if all(_fit(aim, other) for other in group))
        group = next(fitting, None)
        if group is None:
            groups.append([aim])
        else:
            group.append(aim)
    return [tuple(group) for group in groups]


def joined(controls: Sequence[Control]) -> Control:
    """Return a control that does what all of some do, which fit together."""
    first, *others = controls
    values: dict[str, JsonValue] = {}
    for control in controls:
        values = _merged(values, control.values)
    return first.model_copy(
        update={
            "name": f"{first.name}-and-{len(others)}-more" if others else first.name,
            "sentence": " ".join(control.sentence for control in controls),
            "turns_red": tuple(red for control in controls for red in control.turns_red),
            "says": {},
            "values": values,
            "patches": tuple(patch for control in controls for patch in control.patches),
            "objects": tuple(one for control in controls for one in control.objects),
            "layer": "\n".join(control.layer for control in controls if control.layer),
        }
    )


def _fit(one: Aim, other: Aim) -> bool:
    """Whether two controls turn different criteria red, each with words of its own, and change different things."""
    named = all(words for aim in (one, other) for words in aim.turns_red.values())
    # Instructions of two Dockerfiles may change one file.
    layers = bool(one.control.layer and other.control.layer)
    return named and not (
        layers
        or one.control.name in other.control.apart
        or other.control.name in one.control.apart
        or one.turns_red.keys() & other.turns_red.keys()
        or any(_alike(*words) for words in itertools.product(one.turns_red.values(), other.turns_red.values()))
        or _overlap(one.control.values, other.control.values)
        or _objects(one.control) & _objects(other.control)
        or any(_meet(one.control, other.control))
    )


def _alike(one: str, other: str) -> bool:
    """Whether a message with the words of one may hold those of the other: nobody knows then whose work it tells of."""
    one, other = (" ".join(words.split()) for words in (one, other))
    return one in other or other in one


def _overlap(one: JsonValue, other: JsonValue) -> bool:
    """Whether two mappings give values to the same place."""
    if isinstance(one, dict) and isinstance(other, dict):
        return any(_overlap(one[key], other[key]) for key in one.keys() & other.keys())
    return True


def _meet(one: Control, other: Control) -> Iterator[bool]:
    """Yield whether patches of two controls, of the same object, change the same place, as far as can be told."""
    for patch in one.patches:
        for theirs in other.patches:
            if patch.target == theirs.target:
                # Of lists only kubectl knows what is the same place.
                yield bool(patch.merge or theirs.merge)
                yield any(
                    old in text or text in old
                    for before, after in ((patch, theirs), (theirs, patch))
                    for old in before.replace
                    for text in (*after.replace, *filter(None, after.replace.values()))
                )


def _objects(control: Control) -> set[tuple[str, str]]:
    return {(str(one.get("kind")), str(_name(one.get("metadata")))) for one in control.objects}


def _name(metadata: JsonValue) -> JsonValue:
    return metadata.get("name") if isinstance(metadata, dict) else None


def _merged(one: Mapping[str, JsonValue], other: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    both = {**one, **other}
    for key in one.keys() & other.keys():
        mine, theirs = one[key], other[key]
        if isinstance(mine, dict) and isinstance(theirs, dict):
            both[key] = _merged(mine, theirs)
    return both
