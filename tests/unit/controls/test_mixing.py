"""Controls that share a round."""

from __future__ import annotations

from typing import Any

import pytest

from workstream.controls.mixing import Aim, joined, mixed
from workstream.controls.model import Control


def aim(place: str, words: str = "PLACE broke", **parts: object) -> Aim:
    """Return a control that turns one criterion red."""
    plain = {"name": place.lower(), "sentence": f"{place} is broken.", "turns_red": [place], **parts}
    return Aim(Control.model_validate(plain), {place: words.replace("PLACE", place)})


def replacing(**texts: str) -> dict[str, Any]:
    """Return what a control does that replaces texts of a config map."""
    return {"patches": [{"target": "configmap/config", "replace": texts}]}


def merging(target: str) -> dict[str, Any]:
    """Return what a control does that merges something into an object."""
    return {"patches": [{"target": target, "merge": {"spec": {"replicas": 0}}}]}


def an_object(name: str) -> dict[str, Any]:
    """Return what a control does that brings an object."""
    return {"objects": [{"kind": "Service", "metadata": {"name": name}}]}


@pytest.mark.parametrize(
    ("one", "other", "fit"),
    [
        ({"values": {"a": {"b": 1}}}, {"values": {"a": {"c": 1}}}, True),
        ({"values": {"a": {"b": 1}}}, {"values": {"a": {"b": 2}}}, False),
        ({"values": {"a": {"b": 1}}}, {"values": {"a": 2}}, False),
        (replacing(port="a"), replacing(host="b"), True),
        (replacing(port="a"), replacing(ports="b"), False),
        (replacing(port="a"), replacing(host="port"), False),
        (replacing(port=""), replacing(host=""), True),
        (merging("service/one"), merging("service/two"), True),
        (merging("configmap/config"), replacing(port="a"), False),
        (an_object("one"), an_object("two"), True),
        (an_object("one"), an_object("one"), False),
        ({"layer": "RUN one"}, {"values": {"a": 1}}, True),
        ({"layer": "RUN one"}, {"layer": "RUN two"}, False),
    ],
)
def test_controls_share_a_round_that_change_different_things(
    one: dict[str, Any], other: dict[str, Any], *, fit: bool
) -> None:
    """What may be the same thing counts as the same."""
    for first, second in ((one, other), (other, one)):
        assert len(mixed([aim("AC1", **first), aim("AC2", **second)])) == (1 if fit else 2)


def test_a_control_shares_no_round_with_one_from_which_it_is_to_stay_apart() -> None:
    """Whichever of the two comes first."""
    shy = aim("AC1", values={"a": 1}, apart=["ac2"])
    other, third = (aim(place, values={place: 1}) for place in ("AC2", "AC3"))
    assert [len(group) for group in mixed([shy, other, third])] == [2, 1]
    assert [len(group) for group in mixed([other, shy, third])] == [2, 1]


def test_a_control_without_words_runs_alone() -> None:
    """Nobody could say that it was this one that was noticed."""
    assert len(mixed([aim("AC1", values={"a": 1}), aim("AC2", "", values={"b": 1})])) == 2


@pytest.mark.parametrize(
    ("one", "other"), [("refused", "refused"), ("refused", "it  was\nrefused"), ("was refused", "was")]
)
def test_controls_whose_words_are_alike_run_apart(one: str, other: str) -> None:
    """If the first one did nothing, and the second one both, each of them would seem to do its own."""
    assert len(mixed([aim("AC1", one, values={"a": 1}), aim("AC2", other, values={"b": 1})])) == 2


def test_controls_of_one_criterion_run_apart_and_others_fill_their_rounds() -> None:
    """Groups are as few as is easily found, and hold every control once."""
    aims = [aim(place, values={str(number): 1}) for number, place in enumerate(["AC1", "AC1", "AC2", "AC2", "AC3"])]
    groups = mixed(aims)
    assert [[one.control.name for one in group] for group in groups] == [["ac1", "ac2", "ac3"], ["ac1", "ac2"]]
    assert sorted(map(id, (one for group in groups for one in group))) == sorted(map(id, aims))


def test_joined_controls_do_what_each_of_them_does() -> None:
    """Values of one mapping are merged."""
    found = joined(
        [
            aim("AC1", values={"a": {"b": 1, "d": {"e": 1}}}, layer="RUN one").control,
            aim("AC2", values={"a": {"c": 1, "d": {"f": 2}}}, **an_object("more")).control,
            aim("AC3", **merging("service/one")).control,
        ]
    )
    assert found.values == {"a": {"b": 1, "c": 1, "d": {"e": 1, "f": 2}}}
    assert found.layer == "RUN one"
    assert [patch.target for patch in found.patches] == ["service/one"]
    assert len(found.objects) == 1
    assert found.name == "ac1-and-2-more"


def test_one_control_joined_is_itself() -> None:
    """Its name says which it is."""
    one = aim("AC1", values={"a": 1}).control
    assert joined([one]) == one.model_copy(update={"says": {}})
