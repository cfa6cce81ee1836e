from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes.client import ApiException

from workstream.cluster import description

if TYPE_CHECKING:
    from tests.unit.cluster.conftest import Kubernetes

    from workstream.cluster.access import Cluster

CLASSES, DAEMONSETS, NODES = "/apis/storage.k8s.io/v1/storageclasses", "/apis/apps/v1/daemonsets", "/api/v1/nodes"


@pytest.fixture
def empty(kubernetes: Kubernetes) -> Kubernetes:
    """Give the API server of a cluster that has neither nodes nor anything on them."""
    kubernetes.answers |= {CLASSES: [], DAEMONSETS: [], NODES: []}
    return kubernetes


def storage_class(name: str, *, created: int, default: str = "") -> dict[str, Any]:
    """Return a class of storage as the API server tells it."""
    annotations = {"storageclass.kubernetes.io/is-default-class": default} if default else None
    metadata = {"name": name, "creationTimestamp": f"2026-01-0{created}T00:00:00Z", "annotations": annotations}
    binding = {"volumeBindingMode": "WaitForFirstConsumer", "reclaimPolicy": "Delete"}
    return {"metadata": metadata, "provisioner": f"{name}.test", **binding}


def daemonset(name: str, *folders: str) -> dict[str, Any]:
    """Return a DaemonSet as the API server tells it, which has folders of its nodes and one of its own."""
    mounted = [{"name": str(number), "hostPath": {"path": path}} for number, path in enumerate(folders)]
    containers = [{"name": part, "image": f"{name}:1"} for part in ("a", "b")]
    spec = {"containers": containers, "volumes": [*mounted, {"name": "own", "emptyDir": {}}]}
    template = {"metadata": {"labels": {"a": name}}, "spec": spec}
    return {
        "metadata": {"name": name, "namespace": "system"},
        "spec": {"selector": {"matchLabels": {"a": name}}, "template": template},
    }


def node(name: str, kernel: str) -> dict[str, Any]:
    """Return a node as the API server tells it."""
    told = {
        "osImage": "Debian 12",
        "operatingSystem": "linux",
        "kernelVersion": kernel,
        "architecture": "arm64",
        "containerRuntimeVersion": "containerd://1",
        "kubeletVersion": "v1.34.4",
        "kubeProxyVersion": "",
        "machineID": name,
        "systemUUID": name,
        "bootID": name,
    }
    return {"metadata": {"name": name}, "status": {"nodeInfo": told}}


def test_the_class_of_storage_is_told_that_claims_get_which_name_none(empty: Kubernetes, reachable: Cluster) -> None:
    """With its provisioner, and when it makes and keeps volumes; of several defaults it is the newest."""
    assert description.facts(reachable)["default StorageClass"] == "none"
    empty.answers[CLASSES] = [
        storage_class("old", created=1, default="true"),
        storage_class("local", created=3, default="true"),
        storage_class("older", created=2, default="true"),
        storage_class("refusing", created=4, default="false"),
        storage_class("silent", created=5),
    ]

    told = description.facts(reachable)["default StorageClass"]
    assert told == "local: local.test, WaitForFirstConsumer, Delete"


def test_the_pod_network_is_what_puts_something_into_a_folder_of_cni(empty: Kubernetes, reachable: Cluster) -> None:
    """With its images, each once; a DaemonSet that has other folders of its nodes, or none, is no pod network."""
    empty.answers[DAEMONSETS] = [
        daemonset("net", "/lib/modules", "/etc/cni/net.d"),
        daemonset("elsewhere", "/var/lib/x/etc/cni/net.d"),
        daemonset("logs", "/var/log", "/etc/cnix"),
        daemonset("none"),
    ]

    assert description.facts(reachable)["pod network"] == ["system/net: net:1", "system/elsewhere: elsewhere:1"]


def test_what_nodes_run_on_is_told_once_for_all_that_run_on_the_same(empty: Kubernetes, reachable: Cluster) -> None:
    """Distribution, kernel, architecture, container runtime and kubelet."""
    empty.answers[NODES] = [node("a", "6.1"), node("b", "6.1"), node("c", "6.2")]

    assert description.facts(reachable)["nodes' system"] == [
        f"Debian 12, linux {kernel} arm64, containerd://1, kubelet v1.34.4" for kernel in ("6.1", "6.2")
    ]


@pytest.mark.usefixtures("empty")
def test_of_a_cluster_of_others_nobody_tells_the_image_of_its_nodes(reachable: Cluster) -> None:
    """Of ours it is told, with its digest."""
    ours = replace(reachable, node_images=lambda: ["node:1 sha256:n"])

    assert description.facts(ours)["nodes' image"] == ["node:1 sha256:n"]
    assert "nodes' image" not in description.facts(replace(ours, ours=False))


def test_what_may_not_be_seen_is_told_as_such(empty: Kubernetes, reachable: Cluster) -> None:
    """A run may go on with fewer rights; an API server that fails in another way is an error."""
    for path in (CLASSES, DAEMONSETS, NODES):
        empty.forbid(path, path.rpartition("/")[2])
    others = replace(reachable, ours=False)
    assert set(description.facts(others).values()) == {"this run may not see it"}
    empty.forbidden.clear()
    del empty.answers[CLASSES]

    with pytest.raises(ApiException):
        description.facts(others)
