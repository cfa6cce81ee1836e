from __future__ import annotations

import json

import pytest
import yaml

from workstream import errors, manifests

# What Python's YAML takes for something else, or refuses, and what Kubernetes has there.
TEXT = """
kind: X
metadata: {name: a, annotations: {8080: b, on: c}}
spec: {enum: [=, '!='], time: 22:22, day: 2024-02-30, large: 1e3, octal: 0777, text: "1", bound: y, whole: yes, f: 1.5}
"""
MEANT = {
    "kind": "X",
    "metadata": {"name": "a", "annotations": {"8080": "b", "true": "c"}},
    "spec": {
        "enum": ["=", "!="],
        "time": "22:22",
        "day": "2024-02-30",
        "large": 1000.0,
        "octal": 511,
        "text": "1",
        "bound": "y",
        "whole": True,
        "f": 1.5,
    },
}


def test_objects_are_read_as_kubernetes_reads_them_and_stay_what_they_are() -> None:
    """Between them there may be nothing, or comments; written, each is one line that is JSON, and YAML, too."""
    found = list(manifests.read(f"---\n# A comment.\n---\n{{}}\n---\n{TEXT}---\nkind: Y\n"))

    assert found == [MEANT, {"kind": "Y"}]
    assert list(manifests.read(manifests.written(found))) == found
    assert [json.loads(line) for line in manifests.written(found).splitlines() if line != "---"] == found
    assert list(yaml.safe_load_all(manifests.written(found))) == found


@pytest.mark.parametrize(
    "text",
    ["a: [", "- 1", "text", "a: \tb\n\tc: 1", "a: &x [*x]", "a: !!set {b}", "a: !!binary aGk=", "a: !own b", "\0"],
)
def test_what_is_no_object_is_an_error_of_ours(text: str) -> None:
    """Whatever a template renders."""
    with pytest.raises(errors.ChartError) as caught:
        list(manifests.read(text))

    assert "template" in caught.value.instead


@pytest.mark.parametrize(
    ("one", "identity"),
    [
        ({"kind": "A", "metadata": {"name": "n", "namespace": "s"}}, ("A", "s", "n")),
        ({"kind": "RoleList", "items": []}, ("RoleList", "", "")),
        ({"metadata": "text"}, ("", "", "")),
    ],
)
def test_an_object_may_have_no_name(one: dict[str, object], identity: tuple[str, str, str]) -> None:
    """A list has none."""
    assert manifests.identity(one) == identity
