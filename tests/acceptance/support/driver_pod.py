"""A pod in which nothing but drivers run, as people have one who do not want them to go with the Master."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workstream import limits
from workstream.cluster import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release

_NAME = "driver"


@contextmanager
def driver_pod(cluster: Cluster, release: Release) -> Iterator[str]:
    """Give the name of a pod that has the release's image and configuration; remove it in the end.

    Raises:
        errors.WaitError: it does not get ready.

    """
    namespace = ["--namespace", release.namespace]
    (deployment,) = [
        found
        for found in cluster.objects("deployments", *namespace)
        if found["metadata"]["name"] == f"{release.name}-master"
    ]
    spec = deployment["spec"]["template"]["spec"]
    (master,) = spec["containers"]
    address = {"name": "SPARK_LOCAL_HOSTNAME", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _NAME},
        "spec": {
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "imagePullSecrets": spec.get("imagePullSecrets", []),
            "containers": [
                {
                    "name": "driver",
                    "image": master["image"],
                    "imagePullPolicy": master["imagePullPolicy"],
                    "args": ["sleep", "infinity"],
                    "env": [address],
                    "volumeMounts": [one for one in master["volumeMounts"] if one["name"] == "config"],
                }
            ],
            "volumes": [one for one in spec["volumes"] if one["name"] == "config"],
        },
    }
    remove = (*namespace, "delete", "pod", _NAME, "--ignore-not-found", "--wait=true")
    cluster.kubectl(*remove)
    cluster.kubectl(*namespace, "apply", "--filename", "-", stdin=json.dumps(pod).encode())
    try:
        waiting.until(lambda: "True" in _ready(cluster, release), limits.PODS_READY, what="a pod for drivers is ready")
        yield f"pod/{_NAME}"
    finally:
        cluster.kubectl(*remove)


def _ready(cluster: Cluster, release: Release) -> str:
    path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
    return cluster.kubectl("--namespace", release.namespace, "get", "pod", _NAME, "--output", path).stdout
