"""The service itself: where it runs, who reaches it, what it says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support import shuffle
from support.install import known_workers
from support.places import MASTER_PORT, SHUFFLE_PORT

if TYPE_CHECKING:
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder

SERVICE = "org.apache.spark.deploy.ExternalShuffleService"
LINE = "Started external shuffle service"
SPARKS_OWN_LINE = f"Starting shuffle service on port {SHUFFLE_PORT}"


@pytest.mark.criterion("WS-001-04", "A shuffle service pod runs on each eligible node")
def test_every_eligible_node_runs_one_ready_shuffle_pod(
    cluster: Cluster, release: Release, eligible_nodes: frozenset[str], evidence: Recorder
) -> None:
    """Every eligible node, and no other, runs exactly one shuffle pod; all are ready and never restarted."""
    pods = shuffle.pods(cluster, release, "shuffle")
    evidence.record("eligible nodes", eligible_nodes, command="kubectl get nodes")
    evidence.record("shuffle pods", pods, command=f"kubectl get pods -l {shuffle.SELECTOR} -o wide")

    assert eligible_nodes
    assert sorted(pod.node for pod in pods) == sorted(eligible_nodes), "nodes with a shuffle pod, and eligible nodes"
    assert [pod.name for pod in pods if not pod.ready or pod.restarts] == [], "pods that are not ready or restarted"


@pytest.mark.criterion("WS-001-04", "Port 7337 of the shuffle service is reachable from every worker")
def test_every_worker_reaches_the_shuffle_pod_of_its_node(
    cluster: Cluster, release: Release, eligible_nodes: frozenset[str], evidence: Recorder
) -> None:
    """From inside every worker the address that its executors use is answered, and by the shuffle pod of its node."""
    workers = shuffle.pods(cluster, release, "worker")
    services = {pod.node: pod for pod in shuffle.pods(cluster, release, "shuffle")}
    connected, answered, holders = {}, {}, {}
    for worker in workers:
        opened = shuffle.connects(cluster, release, worker, worker.address)
        connected[f"{worker.name} → {worker.address}:{SHUFFLE_PORT}"] = opened
        answered[worker.node] = shuffle.answers(cluster, release, worker, worker.address)
        holders[worker.node] = {
            "shuffle pod": shuffle.listeners(cluster, release, services[worker.node])["ours"]
            if worker.node in services
            else [],
            "worker pod": shuffle.listeners(cluster, release, worker)["ours"],
        }
        there = services[worker.node].name if worker.node in services else worker.address
        evidence.link(worker.name, there, SHUFFLE_PORT, opened=opened)
    known = known_workers(cluster, release)
    for worker in [worker for worker in workers if worker.address in known]:
        evidence.link(worker.name, shuffle.pods(cluster, release, "master")[0].name, MASTER_PORT)
    evidence.record(
        "TCP connections from inside the workers",
        connected,
        command=f"kubectl exec WORKER -- bash -c ': < /dev/tcp/ADDRESS/{SHUFFLE_PORT}'",
    )
    evidence.record("how a worker's request in Spark's protocol was answered, by node", answered)
    evidence.record(f"programs that listen on {SHUFFLE_PORT}, by node and pod", holders)

    assert {worker.node for worker in workers} == eligible_nodes
    assert connected
    assert [where for where, opened in connected.items() if not opened] == [], "connections that do not open"
    assert [node for node, said in answered.items() if said != shuffle.ANSWERED] == [], (
        "nodes where what listens gives no answer of Spark's shuffle service"
    )
    assert [node for node, held in holders.items() if held["shuffle pod"] != [SERVICE]] == [], (
        "nodes where the port is not held by the shuffle pod"
    )
    assert [node for node, held in holders.items() if held["worker pod"]] == [], (
        "nodes where a worker pod holds the port: its embedded service does the work"
    )


@pytest.mark.criterion("WS-001-04", 'Every shuffle service pod logs "Started external shuffle service"')
def test_every_shuffle_pod_says_once_that_it_listens_and_does(
    cluster: Cluster, release: Release, evidence: Recorder
) -> None:
    """Every shuffle pod logs the line once, after its start and after Spark's own line, and its port is open."""
    pods = shuffle.pods(cluster, release, "shuffle")
    logs = {pod.name: cluster.logs(release.namespace, pod.name, timestamps=True).splitlines() for pod in pods}
    said = {name: [line for line in lines if LINE in line] for name, lines in logs.items()}
    sparks = {name: [line for line in lines if SPARKS_OWN_LINE in line] for name, lines in logs.items()}
    listening = {pod.name: shuffle.listeners(cluster, release, pod)["ours"] for pod in pods}
    answered = {pod.name: shuffle.answers(cluster, release, pod, pod.address) for pod in pods}
    command = f"kubectl logs -l {shuffle.SELECTOR} --tail=-1 --timestamps"
    evidence.record("the line, with its time", said, command=command)
    evidence.record("Spark's own line", sparks, command=command)
    evidence.record("start of the container", {pod.name: pod.started for pod in pods})
    evidence.record(f"the pod's own programs that listen on {SHUFFLE_PORT}", listening)
    evidence.record("how a request in Spark's protocol was answered, by pod", answered)

    assert pods, "there is no shuffle pod"
    for pod in pods:
        assert len(said[pod.name]) == 1, f"{pod.name} says it {len(said[pod.name])} times"
        assert len(sparks[pod.name]) == 1, f"Spark in {pod.name} says its line {len(sparks[pod.name])} times"
        (line,), (before,) = said[pod.name], sparks[pod.name]
        assert _second(pod.started) <= _second(line), f"{pod.name} said it before it started"
        assert logs[pod.name].index(before) < logs[pod.name].index(line), f"{pod.name} said it before Spark began"
        assert listening[pod.name] == [SERVICE], f"{pod.name} says that it listens, and does not"
        assert answered[pod.name] == shuffle.ANSWERED, f"{pod.name} says that it listens, and gives no answer"


def _second(text: str) -> str:
    """Return the time with which a text starts, to the second: Kubernetes tells starts no finer."""
    found = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text)
    assert found is not None, text
    return found.group()
