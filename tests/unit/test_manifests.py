from __future__ import annotations

import pytest
import yaml

from workstream import errors, manifests

# What Python's YAML takes for something else, or refuses, and what Kubernetes has there.
TEXT = """
kind: X
metadata: {name: a, annotations: {8080: b, on: c}}
spec:
    strings: [=, '!=',
        22:22, 1:2.5, 2024-02-30, "1", "y", "0o644", "1e3", \U0001f600, "\\x7f\\u2028", 0o8, 1.2.3, +, ~x]
    numbers: [0777, 0o644, -0o7, 1_000, 08, 1e3, 1.5e3, 1234e56, -.5, 1.5, .5e-1]
    booleans: [y, N, yes, on, "false", true]
    nothing: [null, ~]
"""
MEANT = {
    "kind": "X",
    "metadata": {"name": "a", "annotations": {"8080": "b", "true": "c"}},
    "spec": {
        "strings": [
            *["=", "!=", "22:22", "1:2.5", "2024-02-30", "1", "y", "0o644", "1e3", "\U0001f600", "\x7f\u2028"],
            *["0o8", "1.2.3", "+", "~x"],
        ],
        "numbers": [511, 420, -7, 1000, 8, 1000.0, 1500.0, 1.234e59, -0.5, 1.5, 0.05],
        "booleans": [True, False, True, True, "false", True],
        "nothing": [None, None],
    },
}


def test_objects_are_read_as_kubernetes_reads_them_and_stay_what_they_are() -> None:
    """Between them there may be nothing, or comments; written, others read the same."""
    found = list(manifests.read(f"---\n# A comment.\n---\n{{}}\n---\n{TEXT}---\nkind: Z\n"))

    assert found == [MEANT, {"kind": "Z"}]
    assert list(manifests.read(manifests.written(*found))) == found
    assert list(yaml.safe_load_all(manifests.written(*found))) == found


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
