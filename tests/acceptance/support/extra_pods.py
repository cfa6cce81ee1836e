"""Pods beside the release: one for drivers that must not go with the Master, and a stranger that holds a port."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workstream import limits
from workstream.cluster import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release

_CONFIGURATION = ("config", "authentication")
_TAKE_PORT = "import socket, sys, time; server = socket.create_server(('', int(sys.argv[1]))); time.sleep(10**6)"


def driver_pod(cluster: Cluster, release: Release) -> AbstractContextManager[str]:
    """Give a pod that has the release's image and configuration, as kubectl names it; remove it in the end.

    Raises:
        errors.WaitError: it does not get ready.

    """
    spec = _master(cluster, release)
    (master,) = spec["containers"]
    address = {"name": "SPARK_LOCAL_HOSTNAME", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    container = {
        "args": ["sleep", "infinity"],
        "env": [address],
        "volumeMounts": [one for one in master["volumeMounts"] if one["name"] in _CONFIGURATION],
    }
    volumes = [one for one in spec["volumes"] if one["name"] in _CONFIGURATION]
    return _running(cluster, release, "driver", container, {"volumes": volumes})


def outsider(cluster: Cluster, release: Release) -> AbstractContextManager[str]:
    """Give a pod that has Spark, and nothing of the release's configuration; remove it in the end.

    Raises:
        errors.WaitError: it does not get ready.

    """
    return _running(cluster, release, "outsider", {"args": ["sleep", "infinity"]}, {})


def stranger(cluster: Cluster, release: Release, node: str, port: int) -> AbstractContextManager[str]:
    """Give a pod that listens on a port of a node, as a process of the node itself may; remove it in the end.

    Raises:
        errors.WaitError: it does not get ready.

    """
    listens = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    container = {"command": ["python3", "-c", _TAKE_PORT, str(port)], "readinessProbe": listens}
    return _running(cluster, release, "stranger", container, {"hostNetwork": True, "nodeName": node})


def _master(cluster: Cluster, release: Release) -> dict[str, Any]:
    one = ("--field-selector", f"metadata.name={release.name}-master")
    (deployment,) = cluster.objects("deployments", *one, "--namespace", release.namespace)
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


@contextmanager
def _running(
    cluster: Cluster, release: Release, name: str, container: dict[str, Any], more: dict[str, Any]
) -> Iterator[str]:
    spec = _master(cluster, release)
    image = {key: spec["containers"][0][key] for key in ("image", "imagePullPolicy")}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "imagePullSecrets": spec.get("imagePullSecrets", []),
            "containers": [{"name": name, **image, **container}],
            **more,
        },
    }
    namespace = ("--namespace", release.namespace)
    remove = (*namespace, "delete", "pod", name, "--ignore-not-found", "--wait=true")
    ready = (*namespace, "get", "pod", name, "--output", "jsonpath={.status.conditions[?(@.type=='Ready')].status}")
    cluster.kubectl(*remove)
    cluster.kubectl(*namespace, "create", "--filename", "-", stdin=json.dumps(pod).encode())
    try:
        waiting.until(
            lambda: cluster.kubectl(*ready).stdout == "True", limits.PODS_READY, what=f"the pod {name} is ready"
        )
        yield f"pod/{name}"
    finally:
        cluster.kubectl(*remove)
