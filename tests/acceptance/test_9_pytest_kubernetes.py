"""The fixture of pytest-kubernetes, in a suite of workstream."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_kubernetes.providers.base import AClusterManager

    from workstream.cluster.access import Cluster


def test_the_k8s_fixture_of_pytest_kubernetes_is_this_cluster(k8s: AClusterManager, cluster: Cluster) -> None:
    """A test that is written for pytest-kubernetes gets the cluster of the session."""
    nodes = k8s.kubectl(["get", "nodes"])
    assert isinstance(nodes, dict)

    assert {one["metadata"]["name"] for one in nodes["items"]} == {node.metadata.name for node in cluster.nodes()}
