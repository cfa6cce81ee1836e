"""The cluster that runs are given: it must be the same whatever node image a machine can have."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from workstream import limits
from workstream.cluster import diagnose, node_image, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kubernetes import client

    from workstream.cluster.access import Cluster
    from workstream.cluster.engine import Engine

T = TypeVar("T")

_IDLE = ("sleep", "infinity")
_SERVE = ("python3", "-m", "http.server", "8000")
# Whether somebody listens at an address, as a word: the exit code may be that of kubectl.
_CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 8000), 3)
except OSError:
    print("refused")
else:
    print("connected")
"""


@dataclass(frozen=True, slots=True)
class Corner:
    """A namespace of a test's own.

    Attributes:
        cluster: the cluster that it is on.
        namespace: its name.
        image: an image that pods can run, with a shell and Python.

    """

    cluster: Cluster
    namespace: str
    image: str

    def spec(self, *command: str, container: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Return the specification of a pod of one container, which ends at once when it is told to."""
        main = {"name": "main", "image": self.image, "command": [*command], **(container or {})}
        return {"containers": [main], "terminationGracePeriodSeconds": 0, **more}

    def pods(self) -> list[client.V1Pod]:
        """Return the pods."""
        return self.cluster.pods(self.namespace, "")

    def until(self, what: str, condition: Callable[[], T]) -> T:
        """Wait until something is true, and return it."""
        return waiting.until(
            condition, limits.PODS_READY, what=what, last_seen=lambda: diagnose.state(self.cluster, self.namespace)
        )

    def until_ready(self, number: int) -> dict[str, client.V1Pod]:
        """Return the pods by name, once there are so many and all are ready."""

        def ready() -> dict[str, client.V1Pod]:
            pods = {pod.metadata.name: pod for pod in self.pods() if _is(pod, "Ready")}
            return pods if len(pods) == number else {}

        return self.until(f"{number} pods are ready", ready)


def _is(pod: client.V1Pod, condition: str) -> bool:
    return any(one.type == condition and one.status == "True" for one in pod.status.conditions or ())


@pytest.fixture
def corner(cluster: Cluster, image_on_nodes: str) -> Iterator[Corner]:
    """Give a namespace of the test's own."""
    name = cluster.core.create_namespace({"metadata": {"generateName": "cluster-"}}).metadata.name
    yield Corner(cluster, name, image_on_nodes)
    cluster.core.delete_namespace(name)


class Keeper:
    """A StatefulSet of one pod that is not root, with a claim of the cluster's default class.

    Args:
        corner: where it is made.

    """

    def __init__(self, corner: Corner) -> None:
        self._corner = corner
        container = {
            "securityContext": {"runAsUser": 1000},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
        labels = {"app": "keeper"}
        spec = {
            "replicas": 1,
            "serviceName": "keeper",
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "OnDelete"},
            "template": {"metadata": {"labels": labels}, "spec": corner.spec(*_IDLE, container=container)},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        }
        body = {"metadata": {"name": "keeper"}, "spec": spec}
        corner.cluster.apps.create_namespaced_stateful_set(corner.namespace, body)

    def node(self) -> str:
        """Return the node that its pod runs on, once it is ready."""
        return str(self._corner.until_ready(1)["keeper-0"].spec.node_name)

    def run(self, *command: str) -> str:
        """Run a command in its pod and return what it prints."""
        return self._corner.cluster.execute(self._corner.namespace, "keeper-0", *command).stdout

    def stop(self) -> None:
        """Delete its pod, and wait until it is gone."""
        self._change({"replicas": 0})
        self._corner.until("the pod is gone", lambda: not self._corner.pods())

    def start(self, node: str | None = None) -> None:
        """Let there be a pod again: on a node, or wherever it may run."""
        selector = {"kubernetes.io/hostname": node}
        self._change({"replicas": 1, "template": {"spec": {"nodeSelector": selector}}})

    def _change(self, spec: dict[str, Any]) -> None:
        patch = ["patch", "statefulset", "keeper", "--patch", json.dumps({"spec": spec})]
        self._corner.cluster.kubectl("--namespace", self._corner.namespace, *patch)

    def refused(self) -> str:
        """Return why the scheduler finds no node for its pod, once it has looked for one; or that it found one."""

        def told() -> list[str]:
            pods = self._corner.pods()
            conditions = [one for pod in pods for one in pod.status.conditions or ()]
            refused = [str(one.message) for one in conditions if one.reason == "Unschedulable"]
            return refused or [f"it runs on {pod.spec.node_name}" for pod in pods if pod.spec.node_name]

        return self._corner.until("the scheduler has looked for a node", told)[0]

    def volumes(self) -> list[str]:
        """Return the names of the volumes of its claim."""
        volumes = self._corner.cluster.core.list_persistent_volume().items
        claims = {one.metadata.name: one.spec.claim_ref for one in volumes if one.spec.claim_ref}
        return [name for name, claim in claims.items() if claim.namespace == self._corner.namespace]

    def forget(self) -> None:
        """Delete its claim, and wait until no volume of it is left."""
        self._corner.cluster.core.delete_namespaced_persistent_volume_claim("data-keeper-0", self._corner.namespace)
        self._corner.until("no volume is left of the claim", lambda: not self.volumes())


def test_a_pod_with_a_claim_comes_back_to_its_data_or_waits(cluster: Cluster, corner: Corner) -> None:
    """A pod that is not root writes; it starts on no node that has not its data; the volume goes with the claim."""
    keeper = Keeper(corner)
    home = keeper.node()
    keeper.run("sh", "-c", "echo kept > /data/file")
    keeper.stop()
    keeper.start(min(cluster.eligible_nodes() - {home}))
    refused = keeper.refused()
    keeper.stop()
    keeper.start()
    back, found = keeper.node(), keeper.run("cat", "/data/file")
    keeper.stop()
    volumes = keeper.volumes()
    keeper.forget()

    assert "olume" in refused, "why the scheduler finds no node"  # the words differ between versions
    assert back == home
    assert found == "kept\n"
    assert len(volumes) == 1


def test_a_network_policy_lets_in_whom_it_names_and_nobody_else(cluster: Cluster, corner: Corner) -> None:
    """Whether the other pod runs on the same node or not; without a policy every pod connects."""
    here, there, *_ = sorted(cluster.eligible_nodes())
    for name, node, command in (("server", here, _SERVE), ("near", here, _IDLE), ("far", there, _IDLE)):
        body = {"metadata": {"name": name, "labels": {"name": name}}, "spec": corner.spec(*command, nodeName=node)}
        cluster.core.create_namespaced_pod(corner.namespace, body)
    address = corner.until_ready(3)["server"].status.pod_ip

    def connects(name: str) -> bool:
        said = cluster.execute(corner.namespace, name, "python3", "-c", _CONNECT, address).stdout.strip()
        return {"connected": True, "refused": False}[said]

    def until_only(*names: str) -> None:
        what = f"server is reached from {' and '.join(names)} only"
        corner.until(what, lambda: [name for name in ("near", "far") if connects(name)] == [*names])

    def let_in(name: str) -> None:
        admitted = {"from": [{"podSelector": {"matchLabels": {"name": name}}}]}
        spec = {"podSelector": {"matchLabels": {"name": "server"}}, "ingress": [admitted]}
        policy = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "p"},
            "spec": spec,
        }
        cluster.kubectl("--namespace", corner.namespace, "apply", "--filename", "-", stdin=json.dumps(policy).encode())

    until_only("near", "far")
    let_in("far")
    until_only("far")
    let_in("near")
    until_only("near")


def test_an_image_that_is_a_layer_on_top_of_another_is_whole_on_every_node(
    cluster: Cluster, corner: Corner, engine: Engine, spark_image: str, tmp_path: Path
) -> None:
    """Only the layer is loaded; what it adds, changes and removes is seen, and the rest is there."""
    layer = "RUN echo added > /added && echo changed > /etc/issue && rm /etc/debian_version"
    (tmp_path / "Dockerfile").write_text(f"FROM {spark_image}\n{layer}\n")
    node_image.build(engine, tmp_path, f"{spark_image}-layered")
    image = cluster.provide(f"{spark_image}-layered")
    for node in sorted(cluster.eligible_nodes()):
        spec = corner.spec(*_IDLE, container={"image": image, "imagePullPolicy": "Never"}, nodeName=node)
        cluster.core.create_namespaced_pod(corner.namespace, {"metadata": {"name": node}, "spec": spec})
    look = "cat /added /etc/issue; test -e /etc/debian_version || echo removed; test -e /opt/spark/jars && echo kept"
    for pod in corner.until_ready(2):
        said = cluster.execute(corner.namespace, pod, "sh", "-c", look).stdout
        assert said.split() == ["added", "changed", "removed", "kept"]
