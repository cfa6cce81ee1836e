"""Whether several versions of Kubernetes would take what the chart renders, by their own description of their API."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.schemas import kubeconform

from support.places import CHART
from workstream import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.schemas.conftest import Rendering

VERSIONS = [*kubeconform.versions()]
NEW = [version for version in VERSIONS if int(version.split(".")[1]) >= 37]
OLD = [version for version in VERSIONS if version not in NEW]
VALUES = [None, *sorted((CHART / "ci").glob("*.yaml"))]


def refused(version: str, manifests: str) -> dict[str, str]:
    """Return what kubeconform says of the objects that it does not find valid, by kind and name."""
    found = kubeconform.check(version, manifests)
    return {f"{one['kind']}/{one['name']}": one["msg"] for one in found if one["status"] != kubeconform.VALID}


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem if path else "defaults")
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_all_that_the_chart_renders(version: str, values: Path | None, rendered: Rendering) -> None:
    """Each object is of a kind that this Kubernetes has; it knows every key, and every value has the right type."""
    manifests = rendered(version, values)
    objects = [one for one in yaml.safe_load_all(manifests) if one]

    assert {one["kind"] for one in objects} >= {"ConfigMap", "Deployment", "DaemonSet", "Service"}
    assert len(kubeconform.check(version, manifests)) == len(objects)
    assert refused(version, manifests) == {}


def daemon_set(change: Callable[[dict[str, Any]], object], rendered: str) -> str:
    """Return the first DaemonSet that was rendered, with a change in the specification of its pods."""
    found = next(one for one in yaml.safe_load_all(rendered) if one and one["kind"] == "DaemonSet")
    change(found["spec"]["template"]["spec"])
    return yaml.safe_dump(found)


def container(pod: dict[str, Any]) -> dict[str, Any]:
    """Return a pod's first container."""
    first: dict[str, Any] = pod["containers"][0]
    return first


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a misspelt key of a pod": (lambda pod: pod.update(hostNetwrok=True), "'hostNetwrok' not allowed"),
    "a misspelt key of a container": (lambda pod: container(pod).update(comand=["x"]), "'comand' not allowed"),
    "a misspelt key of a volume": (
        lambda pod: pod["volumes"].append({"name": "x", "emptyDri": {}}),
        "'emptyDri' not allowed",
    ),
    "a text for a number": (
        lambda pod: container(pod).update(ports=[{"containerPort": "7337"}]),
        "got string, want integer",
    ),
    "a number for a text": (
        lambda pod: container(pod).update(env=[{"name": "x", "value": 1}]),
        "got number, want string",
    ),
    "a text for a truth": (lambda pod: pod.update(hostNetwork="true"), "got string, want boolean"),
    "a text for a list": (lambda pod: container(pod).update(command="x"), "got string, want array"),
    "a quantity that is none": (
        lambda pod: container(pod).update(resources={"limits": {"memory": "1Gb"}}),
        "/limits/memory",
    ),
    "a missing name": (lambda pod: container(pod).pop("name"), "missing property 'name'"),
    "nothing where something belongs": (lambda pod: pod.update(nodeSelector=None), "got null, want object"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_fault_in_a_pod_is_found(version: str, fault: str, rendered: Rendering) -> None:
    """What is wrong in one place of a pod is refused by every version, with words that name it; without it, nothing."""
    change, words = FAULTS[fault]
    manifests = rendered(version, None)

    assert refused(version, daemon_set(lambda _: None, manifests)) == {}
    assert words in "".join(refused(version, daemon_set(change, manifests)).values()), "the fault was not found"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_key_that_stands_twice_is_found(version: str) -> None:
    """Of two equal keys the last would silently win."""
    text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: b%s}}"

    assert refused(version, text % "") == {}
    assert "already set in map" in str(refused(version, text % ", a: c"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("gone", ["apps/v1beta2 DaemonSet", "policy/v1beta1 PodDisruptionBudget"])
def test_a_version_of_an_api_that_was_removed_is_found(version: str, gone: str) -> None:
    """What no version has any more is refused: a kind without a schema is never passed over."""
    api, kind = gone.split()
    said = refused(version, f"{{apiVersion: {api}, kind: {kind}, metadata: {{name: x}}}}")

    assert "could not find schema" in said[f"{kind}/x"]


# What Kubernetes 1.37 brought, and what it took away: one API and one key of pods.
BROUGHT = [
    "{apiVersion: certificates.k8s.io/v1, kind: ClusterTrustBundle, metadata: {name: x}, spec: {trustBundle: x}}",
    "{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: [{name: x}], schedulingGroup: {}}}",
]
TAKEN_AWAY = [
    "{apiVersion: storage.k8s.io/v1beta1, kind: VolumeAttributesClass, metadata: {name: x}, driverName: x}",
]


@pytest.mark.parametrize(
    ("manifest", "there"),
    [*((one, NEW) for one in BROUGHT), *((one, OLD) for one in TAKEN_AWAY)],
    ids=["new API", "new key", "removed API"],
)
def test_each_version_is_asked_for_what_it_has_itself(manifest: str, there: list[str]) -> None:
    """What Kubernetes 1.37 brought is taken from there on alone, and what it took away before alone."""
    assert NEW
    assert OLD
    assert [version for version in VERSIONS if not refused(version, manifest)] == there


def test_a_module_that_is_not_what_was_pinned_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes under a pinned version and has another digest is not read, and no schemas are kept of it."""
    (tmp_path / "api" / "openapi-spec").mkdir(parents=True)
    (tmp_path / "api" / "openapi-spec" / "swagger.json").write_text('{"definitions": {}}')
    answer = json.dumps({"Sum": "h1:other", "Dir": str(tmp_path)})
    go = tmp_path / "go"
    go.write_text(f"#!/bin/sh\ncase $1 in version) echo go version go1.25.0;; *) echo '{answer}';; esac\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("WORKSTREAM_CACHE", str(tmp_path / "cache"))

    with pytest.raises(errors.InputError, match="is not what was pinned"):
        kubeconform.schemas.__wrapped__(VERSIONS[0])
    assert [*(tmp_path / "cache" / "kubernetes-schemas").iterdir()] == []


LENIENT = """
apiVersion: v1
kind: Service
metadata: {name: named, labels: {any.name/at-all: x}, annotations: {}}
spec: {ports: [{port: 80, targetPort: web}, {port: 81, targetPort: 8081}]}
---
apiVersion: v1
kind: Pod
metadata: {name: quantities}
spec:
  containers:
    - name: x
      resources: {requests: {cpu: 1, memory: 1.5Gi}, limits: {cpu: 0.5, memory: 1e9, example.com/thing: "2"}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: open}
spec:
  group: example.com
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          x-kubernetes-preserve-unknown-fields: true
          default: {anything: [1, two]}
          properties: {one: {items: {type: string}, type: array, enum: [[a]]}}
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_what_kubernetes_takes_is_not_refused(version: str) -> None:
    """Ports by name, quantities as numbers, labels of any name, and what the definition of a resource leaves open."""
    assert {one["name"] for one in kubeconform.check(version, LENIENT)} == {"named", "quantities", "open"}
    assert refused(version, LENIENT) == {}
