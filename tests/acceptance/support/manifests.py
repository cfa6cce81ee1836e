"""Finds what a test wants to see in rendered manifests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pydantic
import yaml
from kubernetes import client

from support.places import CHART

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from workstream.cluster.helm import Manifest


FEATURES = sorted((CHART / "ci").glob("*-values.yaml"))


def values_of(path: Path) -> dict[str, Any]:
    """Return the values of a file."""
    values: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return values


def of_kind(manifests: Iterable[Manifest], kind: str) -> list[Manifest]:
    """Return the manifests of a kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def named(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest:
    """Return the one manifest of a kind and name.

    Raises:
        AssertionError: there is none, or more than one.

    """
    found = [manifest for manifest in of_kind(manifests, kind) if manifest["metadata"]["name"] == name]
    assert len(found) == 1, f"expected one {kind} {name}, found {len(found)}"
    return found[0]


def pod_templates(manifests: Iterable[Manifest]) -> dict[str, Manifest]:
    """Return the pod template of every workload, by the workload's name; a pod without one is its own."""
    return {
        manifest["metadata"]["name"]: manifest if manifest["kind"] == "Pod" else manifest["spec"]["template"]
        for manifest in manifests
        if manifest["kind"] == "Pod" or "template" in manifest.get("spec", {})
    }


def containers(manifests: Iterable[Manifest]) -> Iterator[Manifest]:
    """Yield every container of every workload."""
    for template in pod_templates(manifests).values():
        yield from template["spec"]["containers"]
        yield from template["spec"].get("initContainers", ())


def environment(workload: Manifest) -> dict[str, str]:
    """Return the variables with a plain value of a workload's only container."""
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one["value"] for one in container.get("env", ()) if "value" in one}


def host_path(workload: Manifest) -> tuple[str, str]:
    """Return the node's folder of a workload's only hostPath volume, and where its only container mounts it."""
    pod = workload["spec"]["template"]["spec"]
    (volume,) = [one for one in pod["volumes"] if "hostPath" in one]
    (container,) = pod["containers"]
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == volume["name"]]
    return volume["hostPath"]["path"], mount["mountPath"]


def volumes_of(manifests: Iterable[Manifest], variable: str) -> dict[str, str]:
    """Return the kind of the volume that a container mounts at a variable's folder, by the workload's name."""
    found = {}
    for name, template in pod_templates(manifests).items():
        (container,) = template["spec"]["containers"]
        for folder in (one["value"] for one in container.get("env", ()) if one["name"] == variable):
            (mount,) = [one for one in container["volumeMounts"] if one["mountPath"] == folder]
            (volume,) = [one for one in template["spec"]["volumes"] if one["name"] == mount["name"]]
            (found[name],) = volume.keys() - {"name"}
    return found


def host_folders(manifests: Iterable[Manifest]) -> set[str]:
    """Return all folders of nodes that pods use."""
    templates = pod_templates(manifests).values()
    volumes = (volume for template in templates for volume in template["spec"].get("volumes", ()))
    return {volume["hostPath"]["path"] for volume in volumes if "hostPath" in volume}


def host_ports(manifests: Iterable[Manifest]) -> set[int]:
    """Return all ports that pods take on their nodes."""
    ports = (port for container in containers(manifests) for port in container.get("ports", ()))
    return {port["hostPort"] for port in ports if "hostPort" in port}


def properties(manifests: Iterable[Manifest]) -> dict[str, str]:
    """Return the properties of the only spark-defaults.conf, as Java reads them."""
    (config,) = of_kind(manifests, "ConfigMap")
    lines = config["data"]["spark-defaults.conf"].splitlines()
    pairs = (line.partition("=") for line in lines if line)
    return {name: value.replace("\\\\", "\\") for name, _, value in pairs}


def misshapen(manifest: Manifest) -> list[str]:
    """Return what the API server would refuse or drop: fields that are unknown, missing or of another type.

    That is what the models of Kubernetes' own client say, of one version of Kubernetes: the client's. A
    field that is spelt as in Python (`node_selector`) passes.
    """
    version = manifest["apiVersion"].rpartition("/")[2].capitalize()
    model = getattr(client, f"{version}{manifest['kind']}")
    try:
        model.model_validate_json(json.dumps(manifest), strict=True)
    except pydantic.ValidationError as error:
        return [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
    return []


def keys(value: object) -> Iterator[str]:
    """Yield every key that stands anywhere in a manifest."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value that is no mapping, or an empty one."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, str(key)))
    else:
        yield path
