"""Constraints, on the live cluster."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from support import shuffle
from support.applications import EXPECTED_COUNTS, Submitter
from support.places import SHUFFLE_FOLDER
from workstream import limits
from workstream.cluster import waiting

if TYPE_CHECKING:
    from support.install import Change
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder


@pytest.mark.criterion(
    "WS-001-04",
    "No PersistentVolume holds shuffle data: a folder of the node is enough for standalone",
    level="cluster",
)
def test_no_persistent_volume_holds_shuffle_data(
    cluster: Cluster, release: Release, eligible_nodes: frozenset[str], evidence: Recorder
) -> None:
    """No worker and no shuffle pod mounts a claim, and all that they keep for executors is one folder of the node."""
    selector = f"app.kubernetes.io/instance={release.name},app.kubernetes.io/component in (shuffle,worker)"
    pods = [pod for pod in cluster.pods(release.namespace, selector) if pod.metadata.deletion_timestamp is None]
    claims = {
        pod.metadata.name: [one.persistent_volume_claim.claim_name for one in pod.spec.volumes if claimed(one)]
        for pod in pods
    }
    folders = {
        pod.metadata.name: [volume.host_path.path for volume in pod.spec.volumes if volume.host_path] for pod in pods
    }
    told = {
        pod.metadata.name: [one.value for one in pod.spec.containers[0].env if one.name == "SPARK_LOCAL_DIRS"]
        for pod in pods
    }
    command = "kubectl get pods --output yaml"
    evidence.record("claims that are mounted where shuffle data is written or read, by pod", claims, command=command)
    evidence.record("folders of the node, by pod", folders, command=command)
    evidence.record("where shuffle data is written and read, by pod", told, command=command)

    assert len(pods) == 2 * len(eligible_nodes), "pods of workers and of the service"
    assert [name for name, found in claims.items() if found] == [], "pods that mount a claim for shuffle data"
    assert all(found == [SHUFFLE_FOLDER] for found in folders.values()), "folders of the node"
    assert all(found == [SHUFFLE_FOLDER] for found in told.values()), "where shuffle data is"


def claimed(volume: Any) -> bool:  # noqa: ANN401 - the client has no types
    """Whether a pod's volume is a PersistentVolume."""
    return bool(volume.persistent_volume_claim or volume.ephemeral)


@pytest.mark.criterion(
    "WS-001-04", "The chart sets no security context by default: that is the work of WS-001-09", level="cluster"
)
def test_no_pod_of_the_release_has_a_security_context(cluster: Cluster, release: Release, evidence: Recorder) -> None:
    """Neither a pod of the release nor a container of one has a security context that says anything."""
    selector = f"app.kubernetes.io/instance={release.name}"
    found = {}
    for pod in cluster.pods(release.namespace, selector):
        containers = [*pod.spec.containers, *(pod.spec.init_containers or ())]
        contexts = [pod.spec.security_context, *(container.security_context for container in containers)]
        # "False" and "0" say something.
        said = [{key: value for key, value in one.to_dict().items() if value is not None} for one in contexts if one]
        found[pod.metadata.name] = [one for one in said if one]
    evidence.record("security contexts, by pod", found, command="kubectl get pods -o yaml")

    assert found
    assert not any(found.values())


@pytest.mark.criterion(
    "WS-001-04",
    "The service is optional: with `shuffleService.enabled=false` nothing of it is left, and jobs still succeed",
)
def test_switched_off_nothing_is_left_and_jobs_succeed_and_on_again_it_is_back(
    cluster: Cluster,
    release: Release,
    submitter: Submitter,
    change: Change,
    evidence: Recorder,
) -> None:
    """Off: no object of the service, applications are told so, exact counts without it. On again: where it was.

    The application allocates its executors dynamically: without a service that takes what the chart tells it instead.
    """
    selector = f"app.kubernetes.io/instance={release.name},{shuffle.SELECTOR}"
    before = {pod.node for pod in shuffle.pods(cluster, release, "shuffle") if pod.ready}
    began = time.monotonic()
    change({"shuffleService": {"enabled": False}})
    off = time.monotonic() - began
    kept = cluster.objects("daemonsets", "--namespace", release.namespace, "--selector", shuffle.SELECTOR)
    assert [one["metadata"]["name"] for one in kept] == [], "the DaemonSet of the service is left"
    # Pods that are ending are not whole either; they are waited for, and counted if they stay.
    waiting.until(
        lambda: not cluster.pods(release.namespace, selector), limits.PODS_READY, what="no shuffle pod is left"
    )
    kinds = "daemonsets,deployments,services,pods,configmaps,endpoints"
    objects = cluster.objects(kinds, "--namespace", release.namespace)
    found = [one["metadata"] | {"kind": one["kind"]} for one in objects]
    left = [
        f"{one['kind']}/{one['name']}"
        for one in found
        if one["name"].startswith(f"{release.name}-shuffle") or one.get("labels", {}).get("app") == "spark-shuffle"
    ]
    dynamic = submitter.allocating_dynamically()
    application = dynamic.run("word_count.py")
    application.draw(evidence)
    told = application.history.properties.get("spark.shuffle.service.enabled")
    tracks = application.history.properties.get("spark.dynamicAllocation.shuffleTracking.enabled")
    began = time.monotonic()
    change({})
    on = time.monotonic() - began
    after = {pod.node for pod in shuffle.pods(cluster, release, "shuffle") if pod.ready}
    evidence.record("objects of the service when it is off", left, command=f"kubectl get {kinds}")
    evidence.record("spark.shuffle.service.enabled of the application", told, command=application.command)
    evidence.record("what it was told besides", dynamic.properties)
    evidence.record("spark.dynamicAllocation.shuffleTracking.enabled of the application", tracks)
    evidence.record("counts", application.said["counts"])
    evidence.record("nodes with a ready shuffle pod, before and after", {"before": before, "after": after})
    evidence.record("seconds until the release was whole", {"off": round(off, 1), "on again": round(on, 1)})

    assert before, "there was no ready shuffle pod to begin with"
    assert left == [], "objects of the service that are left"
    assert told == "false", "what the application was told"
    assert tracks == "true", "whether the application was told to keep executors for their shuffle files"
    assert application.said["counts"] == EXPECTED_COUNTS, "the counts are wrong"
    assert after == before, "nodes with a ready shuffle pod after it was switched on again"
