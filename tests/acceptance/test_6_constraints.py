"""Constraints, on the live cluster."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support import shuffle
from support.applications import EXPECTED_COUNTS, Submitter

if TYPE_CHECKING:
    from kubernetes import client

    from support.install import Change
    from workstream.cluster.access import Cluster
    from workstream.cluster.helm import Release
    from workstream.evidence import Recorder


@pytest.mark.criterion(
    "WS-001-04",
    "No PersistentVolume holds shuffle data: a folder of the node is enough for standalone",
    level="cluster",
)
def test_no_persistent_volume_is_there(
    cluster: Cluster, release: Release, volumes: list[client.V1PersistentVolume], evidence: Recorder
) -> None:
    """The release's namespace has no claim and no volume of one, and the service's data lies on its nodes."""
    claims = cluster.core.list_namespaced_persistent_volume_claim(release.namespace).items
    bound = [one for one in volumes if one.spec.claim_ref and one.spec.claim_ref.namespace == release.namespace]
    paths = {
        pod.metadata.name: [volume.host_path.path for volume in pod.spec.volumes if volume.host_path]
        for pod in cluster.pods(release.namespace, shuffle.SELECTOR)
    }
    evidence.record("claims", [claim.metadata.name for claim in claims], command="kubectl get pvc,pv")
    evidence.record("volumes", [volume.metadata.name for volume in bound], command="kubectl get pvc,pv")
    evidence.record("folders of the node, by shuffle pod", paths)

    assert claims == []
    assert bound == []
    assert paths
    assert all(found == ["/tmp/spark-shuffle"] for found in paths.values())


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
    """Off: no object of the service, applications are told so, exact counts without it. On again: where it was."""
    before = {pod.node for pod in shuffle.pods(cluster, release, "shuffle") if pod.ready}
    began = time.monotonic()
    change({"shuffleService": {"enabled": False}})
    off = time.monotonic() - began
    kinds = "daemonsets,deployments,services,pods,configmaps,endpoints"
    objects = cluster.objects(kinds, "--namespace", release.namespace)
    found = [one["metadata"] | {"kind": one["kind"]} for one in objects]
    left = [
        f"{one['kind']}/{one['name']}"
        for one in found
        if one["name"].startswith(f"{release.name}-shuffle") or one.get("labels", {}).get("app") == "spark-shuffle"
    ]
    application = submitter.run("word_count.py")
    application.draw(evidence)
    told = application.history.properties.get("spark.shuffle.service.enabled")
    began = time.monotonic()
    change({})
    on = time.monotonic() - began
    after = {pod.node for pod in shuffle.pods(cluster, release, "shuffle") if pod.ready}
    evidence.record("objects of the service when it is off", left, command=f"kubectl get {kinds}")
    evidence.record("spark.shuffle.service.enabled of the application", told, command=application.command)
    evidence.record("counts", application.said["counts"])
    evidence.record("nodes with a ready shuffle pod, before and after", {"before": before, "after": after})
    evidence.record("seconds until the release was whole", {"off": round(off, 1), "on again": round(on, 1)})

    assert before, "there was no ready shuffle pod to begin with"
    assert left == [], "objects of the service that are left"
    assert told == "false", "what the application was told"
    assert application.said["counts"] == EXPECTED_COUNTS, "the counts are wrong"
    assert after == before, "nodes with a ready shuffle pod after it was switched on again"
