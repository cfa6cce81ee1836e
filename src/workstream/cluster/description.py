"""What a cluster is made of that verdicts may depend on: its storage, its pod network, its nodes' system and image."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from workstream import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubernetes import client
    from pydantic import JsonValue

    from workstream.cluster.access import Cluster

_IS_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def facts(cluster: Cluster) -> dict[str, JsonValue]:
    """Return what can be seen of a cluster, by name, as texts and lists of texts.

    What the user of the kubeconfig file may not see is told as such; of another cluster than ours nobody can tell the
    image of its nodes, but only their system.
    """
    found: dict[str, Callable[[], JsonValue]] = {
        "default StorageClass": lambda: _default_storage_class(cluster.storage.list_storage_class().items),
        "pod network": lambda: _pod_network(cluster.apps.list_daemon_set_for_all_namespaces().items),
        "nodes' system": lambda: _systems(cluster.nodes()),
        **({"nodes' image": lambda: [*cluster.node_images()]} if cluster.ours else {}),
    }
    return {name: _if_allowed(cluster, look) for name, look in found.items()}


def _if_allowed(cluster: Cluster, look: Callable[[], JsonValue]) -> JsonValue:
    try:
        return cluster.allowed(look)
    except errors.RightMissingError:
        return "this run may not see it"


def _default_storage_class(classes: Sequence[client.V1StorageClass]) -> str:
    """Return the class that claims get which name none; of several Kubernetes takes the newest."""
    default = [one for one in classes if (one.metadata.annotations or {}).get(_IS_DEFAULT) == "true"]
    if not default:
        return "none"
    one = max(default, key=lambda one: one.metadata.creation_timestamp)
    return f"{one.metadata.name}: {one.provisioner}, {one.volume_binding_mode}, {one.reclaim_policy}"


def _pod_network(daemonsets: Sequence[client.V1DaemonSet]) -> list[JsonValue]:
    """Return the DaemonSets that put something into a folder of CNI on their nodes, each with its images.

    How a node's pods get their network stands in such a folder, and nowhere in the API.
    """
    return [
        f"{one.metadata.namespace}/{one.metadata.name}: "
        + ", ".join(dict.fromkeys(container.image for container in one.spec.template.spec.containers))
        for one in daemonsets
        if any(
            volume.host_path and "cni" in PurePosixPath(volume.host_path.path).parts
            for volume in one.spec.template.spec.volumes or ()
        )
    ]


def _systems(nodes: Sequence[client.V1Node]) -> list[JsonValue]:
    """Return what the nodes run on, each once: distribution, kernel, architecture, container runtime, kubelet."""
    told = [node.status.node_info for node in nodes]
    return [
        *dict.fromkeys(
            f"{one.os_image}, {one.operating_system} {one.kernel_version} {one.architecture}, "
            f"{one.container_runtime_version}, kubelet {one.kubelet_version}"
            for one in told
        )
    ]
