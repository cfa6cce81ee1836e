"""What of a cluster is there at a moment, for the report to draw."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from workstream.cluster import sight

if TYPE_CHECKING:
    from tests.unit.cluster.conftest import Kubernetes, Objects

    from workstream.cluster.access import Cluster

CONTROL_PLANE = {"node-role.kubernetes.io/control-plane": ""}


@dataclass
class Watched:
    """A cluster, and what was shown of it.

    Attributes:
        cluster: the cluster.
        shown: what was shown, in order.

    """

    cluster: Cluster
    shown: list[Any] = field(default_factory=list)


@pytest.fixture
def watched(reachable: Cluster, kubernetes: Kubernetes, objects: Objects) -> Watched:
    """Give a cluster with two nodes."""
    del objects  # its namespaces are there, and empty
    kubernetes.answers["/api/v1/nodes"] = [
        {"metadata": {"name": "worker"}},
        {"metadata": {"name": "control", "labels": CONTROL_PLANE}},
    ]
    found = Watched(reachable)
    found.cluster = replace(reachable, show=found.shown.append)
    return found


def test_a_look_shows_the_nodes_and_the_pods_of_where_something_was_installed(
    watched: Watched, objects: Objects
) -> None:
    """Nodes by name; of each pod where it runs, what made it, whether it is ready, and how often it began again."""
    owner = objects.daemonset()
    objects.pod(owner=owner, podIP="10.0.0.7", containerStatuses=[objects.container(restarts=2)])["spec"] = {
        "nodeName": "worker", "containers": [],
    }  # fmt: skip
    objects.pod("waiting", conditions=[{"type": "Ready", "status": "False"}])
    sight.look(watched.cluster, "n")
    (seen,) = watched.shown
    assert seen["nodes"] == [
        {"name": "control", "control_plane": True},
        {"name": "worker", "control_plane": False},
    ]
    running, waiting = seen["pods"]
    assert running | {"created": ""} == {
        "uid": "Pod-n-p", "namespace": "n", "name": "p", "node": "worker", "address": "10.0.0.7",
        "owner": "DaemonSet/w", "created": "", "ready": True, "restarts": 2,
    }  # fmt: skip
    assert (waiting["name"], waiting["node"], waiting["owner"], waiting["ready"]) == ("waiting", "", "", False)
    assert seen["more_pods"] == 0


def test_only_where_the_run_installed_something_is_looked_at(watched: Watched, objects: Objects) -> None:
    """Nobody's else pods are shown; a namespace that was named once is looked at from then on."""
    objects.pod("ours")
    objects.pod("theirs", metadata={"namespace": "o"})
    for namespaces in ((), ("n",), ()):
        sight.look(watched.cluster, *namespaces)
    assert [[pod["name"] for pod in seen["pods"]] for seen in watched.shown] == [[], ["ours"], ["ours"]]


def test_very_many_pods_are_counted_and_not_all_shown(watched: Watched, objects: Objects) -> None:
    """The evidence of a large cluster does not grow with every look."""
    for number in range(203):
        objects.pod(f"p{number:03}")
    sight.look(watched.cluster, "n")
    (seen,) = watched.shown
    assert (len(seen["pods"]), seen["more_pods"]) == (200, 3)


@pytest.mark.parametrize("answer", [None, "no JSON", {"items": None}])
def test_a_cluster_that_does_not_answer_is_not_shown_and_ends_nothing(
    watched: Watched, kubernetes: Kubernetes, answer: object
) -> None:
    """What is only to be drawn fails no test."""
    kubernetes.answers["/api/v1/nodes"] = answer
    sight.look(watched.cluster, "n")
    assert watched.shown == []
